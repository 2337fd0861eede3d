use std::sync::Arc;

use super::*;
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::egress::forward::Recorded;

fn facts(legs: &'static [Leg], recorded: Option<Recorded>) -> StreamFacts {
    StreamFacts {
        call: CallId::new("call-1").unwrap(),
        stream: String::new(),
        legs,
        rate: SampleRate::TELEPHONE,
        encoding: Encoding::Companded(Law::Mu),
        parameters: vec![("queue".to_owned(), "sales".to_owned())],
        begins: MediaTime::ZERO,
        attempt: 0,
        recorded: recorded.map(Arc::new),
    }
}

fn story(facts: &StreamFacts) -> Story {
    let mut number = 0;
    Story::new(facts, Timestamp::UNIX_EPOCH, || {
        number += 1;
        number
    })
}

fn read(story: &Story, attempt: u32, begins: MediaTime) -> RecordingMetadata {
    RecordingMetadata::read(story.document(attempt, begins).as_bytes()).unwrap()
}

const TOLD: &str = "<recording><group group_id=\"g\"/><session session_id=\"s\"><sipSessionID>abc</sipSessionID>\
    <group-ref>g</group-ref></session>\
    <participant participant_id=\"p1\"><nameID aor=\"sip:a@example.com\"><name>Ann</name></nameID></participant>\
    <participant participant_id=\"p2\"><nameID aor=\"tel:+15550100\"/><callingParty>true</callingParty></participant>\
    <stream stream_id=\"t1\" session_id=\"s\"><label>77</label></stream>\
    <stream stream_id=\"t2\" session_id=\"s\"><label>in bound</label></stream>\
    <participantstreamassoc participant_id=\"p1\"><send>t1</send><recv>t2</recv></participantstreamassoc>\
    <participantstreamassoc participant_id=\"p2\"><send>t2</send><recv>t1</recv></participantstreamassoc>\
    <extensiondata><gcid>88</gcid></extensiondata></recording>";

#[test]
fn what_the_platform_told_goes_on_with_labels_of_ours() {
    let metadata = RecordingMetadata::read(TOLD.as_bytes()).unwrap();
    let labels = vec![Some("77".to_owned()), Some("in bound".to_owned())];
    let told = Recorded {
        metadata: metadata.clone(),
        labels,
    };
    let story = story(&facts(&[Leg::Agent, Leg::Customer], Some(told)));
    // The customer first; a label that SDP has no room for is another.
    let streams = [(1, "1".to_owned()), (0, "77".to_owned())];
    assert_eq!(story.streams(), streams);
    let read = read(&story, 0, MediaTime::ZERO);
    assert_eq!(read.groups, ["g"]);
    assert_eq!(read.sessions, metadata.sessions);
    for (label, id) in [("1", "p2"), ("77", "p1")] {
        let speaker = read.speaker(label).unwrap();
        let known = metadata.participants.iter().find(|p| p.id == id).unwrap();
        assert_eq!(speaker, known, "the same streams, names and ids");
    }
    assert_eq!(read.is_callers("1"), Some(true));
    let said = |name: &str| {
        let mut all = read.annotations.iter();
        let found = all.find(|annotation| annotation.name == name);
        found.map(|annotation| annotation.value.expose().clone())
    };
    assert_eq!(said(CALL).as_deref(), Some("call-1"));
    assert_eq!(said("queue").as_deref(), Some("sales"));
    assert_eq!(said(PART), None);
}

#[test]
fn legs_alone_are_parties_and_later_sessions_say_where_they_begin() {
    let story = story(&facts(&[Leg::Agent, Leg::Customer], None));
    let first = read(&story, 0, MediaTime::ZERO);
    let second = read(&story, 1, MediaTime::from_millis(4_200));
    assert_eq!(first.participants, second.participants);
    assert_eq!(first.sessions, second.sessions);
    let name = |label: &str| {
        first
            .speaker(label)
            .unwrap()
            .name
            .as_ref()
            .unwrap()
            .expose()
    };
    assert_eq!((&**name("1"), &**name("2")), ("customer", "agent"));
    let said: Vec<_> = second.annotations.iter().collect();
    for (name, value) in [(PART, "2"), (BEGINS, "4200")] {
        let found = said.iter().find(|annotation| annotation.name == name);
        assert_eq!(found.unwrap().value.expose(), value);
    }
}

#[test]
fn one_mixed_stream_is_of_all_parties() {
    let story = story(&facts(&[Leg::Mixed], None));
    assert_eq!(story.streams(), [(0, "1".to_owned())]);
    let read = read(&story, 0, MediaTime::ZERO);
    assert_eq!(read.participants.len(), 2);
    assert!(
        read.participants
            .iter()
            .all(|p| p.sends == [read.streams[0].id.clone()])
    );
}
