use proptest::prelude::*;
use serde_json::json;

use super::super::Parting;
use super::super::tests::*;
use super::*;
use crate::call::CallId;
use crate::ingress::audio_fork as door;

const READ: Layout = Layout::Apart(Leg::Customer);

fn metadata(dialect: Dialect, layout: Layout, facts: StreamFacts) -> Value {
    let mut messages = Vec::new();
    AudioForkSpeaker::new(dialect, layout, facts)
        .begin(&mut messages)
        .unwrap();
    json_of(&messages[0])
}

#[test]
fn metadata_says_what_the_audio_is_of() {
    let both = || facts(BOTH, 16_000, Encoding::LinearLittle);
    assert_eq!(
        metadata(Dialect::Jambonz, READ, both()),
        json!({"sampleRate": 16_000, "mixType": "stereo", "callSid": CALL, "agentId": "1001"})
    );
    assert_eq!(
        metadata(Dialect::AudioStream, Layout::Mixed, both()),
        json!({"sampleRate": 16_000, "mixType": "mixed", "rate": 16_000, "channels": 1,
            "callSid": CALL, "agentId": "1001"})
    );
    let mono = metadata(Dialect::AudioFork, READ, facts(&[Leg::Agent], 8_000, MU));
    assert_eq!(mono["mixType"], "mono");
    let mixed = metadata(Dialect::AudioFork, READ, facts(&[Leg::Mixed], 8_000, MU));
    assert_eq!(mixed["mixType"], "mixed");
    // What the platform said does not change what the audio is, and does not make it too long.
    let mut lying = both();
    lying.parameters = vec![("mixType".into(), "mono".into())];
    assert_eq!(
        metadata(Dialect::AudioFork, READ, lying)["mixType"],
        "stereo"
    );
    let mut long = both();
    long.parameters = vec![("note".into(), "x".repeat(9_000))];
    assert_eq!(metadata(Dialect::AudioFork, READ, long).get("note"), None);
}

#[test]
fn subprotocols_are_the_modules() {
    for (dialect, theirs) in [
        (Dialect::AudioFork, door::Dialect::AudioFork),
        (Dialect::Jambonz, door::Dialect::Jambonz),
        (Dialect::AudioStream, door::Dialect::AudioStream),
    ] {
        let speaker = AudioForkSpeaker::new(dialect, READ, facts(BOTH, 8_000, MU));
        let offered = speaker.handshake().subprotocol;
        assert_eq!(offered.as_slice(), theirs.subprotocols());
    }
}

#[test]
fn only_jambonz_ends_at_the_recorders_wish() {
    for (dialect, standing) in [
        (Dialect::Jambonz, Standing::Over(Parting::Declined)),
        (Dialect::AudioFork, Standing::Ready),
    ] {
        let mut speaker = AudioForkSpeaker::new(dialect, READ, facts(BOTH, 8_000, MU));
        for text in [r#"{"type":"mark","data":{}}"#, r#"{"type":"disconnect"}"#] {
            assert_eq!(speaker.standing(), Standing::Ready);
            speaker.hear(Heard::Text(text), Duration::ZERO, &mut Vec::new());
        }
        assert_eq!(speaker.standing(), standing);
    }
    let odd = facts(BOTH, 44_100, Encoding::LinearLittle);
    let mut speaker = AudioForkSpeaker::new(Dialect::AudioFork, READ, odd);
    let problem = speaker.begin(&mut Vec::new()).unwrap_err().to_string();
    assert!(problem.contains("44100 Hz"), "{problem}");
}

proptest! {
    /// However audio is cut into blocks, the recorder hears every sample in its place, gaps included.
    #[test]
    fn a_door_hears_the_same(which in 0_usize..4, pieces in pieces()) {
        let (dialect, theirs, layout, hertz, encoding) = [
            (Dialect::AudioFork, door::Dialect::AudioFork, READ, 8_000, MU),
            (Dialect::Jambonz, door::Dialect::Jambonz, Layout::Apart(Leg::Agent), 16_000,
                Encoding::LinearLittle),
            (Dialect::AudioStream, door::Dialect::AudioStream, READ, 48_000, Encoding::LinearBig),
            (Dialect::Jambonz, door::Dialect::Jambonz, Layout::Mixed, 8_000, MU),
        ][which];
        let facts = facts(BOTH, hertz, encoding);
        let call = spoken(&facts, &pieces);
        let mut speaker = AudioForkSpeaker::new(dialect, layout, facts);
        let messages = say(&mut speaker, &call.blocks);
        let mut settings = door::Settings::new(theirs, CallId::new("fallback").unwrap());
        if let Layout::Apart(read) = layout {
            settings.read = read;
        }
        let heard = recorded(door::AudioForkAdapter::new(settings), &messages);
        if layout == Layout::Mixed {
            prop_assert_eq!(&heard.started, &format!("{CALL} [Mixed] {hertz}"));
            prop_assert_eq!(heard.leg(Leg::Mixed), &mean(&call.legs));
        } else {
            prop_assert_eq!(&heard.started, &format!("{CALL} [Agent, Customer] {hertz}"));
            prop_assert_eq!(heard.leg(Leg::Agent), &call.legs[0]);
            prop_assert_eq!(heard.leg(Leg::Customer), &call.legs[1]);
        }
    }
}
