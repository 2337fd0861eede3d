use proptest::prelude::*;

use super::*;

fn read(text: &str) -> RecordingMetadata {
    RecordingMetadata::read(text.as_bytes()).unwrap()
}

/// Who speaks on a stream, by address.
fn speaker<'a>(metadata: &'a RecordingMetadata, label: &str) -> Option<&'a str> {
    metadata.speaker(label).map(|p| &**p.address.expose())
}

#[track_caller]
fn check(text: &str, first: (&str, &str), second: (&str, &str)) -> RecordingMetadata {
    let metadata = read(text);
    assert_eq!(speaker(&metadata, first.0), Some(first.1));
    assert_eq!(speaker(&metadata, second.0), Some(second.1));
    assert_eq!(speaker(&metadata, "neither"), None);
    assert_eq!(metadata.is_callers(first.0), Some(true));
    assert_eq!(metadata.is_callers(second.0), Some(false));
    metadata
}

const STANDARD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
 <datamode>complete</datamode>
 <group group_id="g=="><associate-time>2026-11-22T00:00:00Z</associate-time></group>
 <session session_id="s1=="><sipSessionID>abc;remote=def</sipSessionID><group-ref>g==</group-ref><start-time>2026-11-22T00:00:00Z</start-time></session>
 <participant participant_id="p1=="><nameID aor="sip:alice@example.com"><name xml:lang="en">Alice</name></nameID></participant>
 <participant participant_id="p2=="><nameID aor="sip:+15551234567@example.net"/></participant>
 <stream stream_id="t1==" session_id="s1=="><label>1</label></stream>
 <stream stream_id="t2==" session_id="s1=="><label>2</label></stream>
 <sessionrecordingassoc session_id="s1=="><associate-time>2026-11-22T00:00:00Z</associate-time></sessionrecordingassoc>
 <participantsessionassoc participant_id="p1==" session_id="s1=="><associate-time>2026-11-22T00:00:00Z</associate-time></participantsessionassoc>
 <participantstreamassoc participant_id="p1=="><send>t1==</send><recv>t2==</recv></participantstreamassoc>
 <participantstreamassoc participant_id="p2=="><send>t2==</send><recv>t1==</recv></participantstreamassoc>
</recording>"#;

const ALICE: &str = "sip:alice@example.com";
const BOB: &str = "sip:+15551234567@example.net";

#[test]
fn the_standard_form_is_read() {
    let metadata = check(STANDARD, ("1", ALICE), ("2", BOB));
    assert!(!metadata.partial);
    assert_eq!(metadata.groups, ["g=="]);
    assert_eq!(metadata.sessions[0].id, "s1==");
    let call = metadata.sessions[0].sip_session_id.as_ref().unwrap();
    assert_eq!(call.expose(), "abc;remote=def");
    let name = metadata.participants[0].name.as_ref().unwrap();
    assert_eq!(name.expose(), "Alice");
    assert_eq!(metadata.annotations, []);
    let printed = format!("{metadata:?}");
    for personal in ["alice", "Alice", "1555", "abc"] {
        assert!(!printed.contains(personal), "{printed}");
    }
}

#[test]
fn oracle() {
    // Old namespace, `id` and `session`, streams right inside of participants, big labels, who calls in an extension.
    let text = r#"<?xml version='1.0'?><recording xmlns='urn:ietf:params:xml:ns:recording'><dataMode>complete</dataMode>
        <session id="s"><associate-time>2026-11-22T00:00:00</associate-time>
          <extensiondata xmlns:apkt="http://example.com/ext"><apkt:ucid>00FA</apkt:ucid></extensiondata></session>
        <participant id="a" session="s"><nameID aor="sip:agent@example.com"/><send>x</send>
          <extensiondata xmlns:apkt="http://example.com/ext"><apkt:callingParty>false</apkt:callingParty></extensiondata></participant>
        <participant id="b" session="s"><nameID aor="sip:+15551234567@example.net"/><send>y</send>
          <extensiondata xmlns:apkt="http://example.com/ext"><apkt:callingParty>true</apkt:callingParty></extensiondata></participant>
        <stream id="x" session="s"><label>16777227</label><mode>separate</mode></stream>
        <stream id="y" session="s"><label>16777228</label></stream></recording>"#;
    let metadata = check(
        text,
        ("16777228", BOB),
        ("16777227", "sip:agent@example.com"),
    );
    assert_eq!(metadata.annotations[0].name, "ucid");
    assert_eq!(metadata.annotations[0].value.expose(), "00FA");
    assert_eq!(metadata.streams[0].session.as_deref(), Some("s"));
}

#[test]
fn cisco_mixed_order_and_hold() {
    let text = r#"<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>
        <participantstreamassoc participant_id="p1"><send>t1</send><recv/></participantstreamassoc>
        <stream stream_id="t2" session_id="s"><label>2</label></stream>
        <participant participant_id="p1"><nameID aor="sip:alice@example.com"></nameID></participant>
        <participantstreamassoc participant_id="p2"><send>t2</send></participantstreamassoc>
        <stream stream_id="t1" session_id="s"><label>1</label></stream>
        <participant participant_id="p2"><nameID aor="sip:+15551234567@example.net"></nameID></participant>
        <session session_id="s"/></recording>"#;
    let mut metadata = check(text, ("1", ALICE), ("2", BOB));
    let held = text
        .replace("<send>t1</send><recv/>", "")
        .replace("<send>t2</send>", "");
    metadata.merge(read(&held));
    assert_eq!(metadata.participants.len(), 2);
    assert_eq!(metadata.participants[0].sends, Vec::<String>::new());
}

#[test]
fn broadworks() {
    // Another root in another namespace; one mixed stream.
    let text = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
        <recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"><dataMode>complete</dataMode>
        <callRecording><externalTrackingID>abc:1</externalTrackingID><callType>origCall</callType></callRecording>
        <session id="s"/><participant id="p1" session="s"><aor>sip:alice@example.com</aor><send id="t"/></participant>
        <participant id="p2" session="s"><aor>sip:+15551234567@example.net</aor></participant>
        <stream id="t" session="s"><label>1</label></stream></recording_metadata>"#;
    let metadata = read(text);
    assert_eq!(speaker(&metadata, "1"), Some(ALICE));
    let names: Vec<&str> = metadata.annotations.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["externalTrackingID", "callType"]);
}

#[test]
fn avaya() {
    let text = r#"<recording xmlns="urn:ietf:params:xml:ns:recording:1"><dataMode>complete</dataMode>
        <session session_id="00a1"/><participant participant_id="0b"><nameID aor="sip:alice@example.com"/></participant>
        <participant participant_id="0c"><nameID aor="sip:+15551234567@example.net"/></participant>
        <stream stream_id="0d" session_id="00a1"><label>10</label></stream><stream stream_id="0e" session_id="00a1"><label>20</label></stream>
        <participantstreamassoc participant_id="0b"><send>0d</send></participantstreamassoc>
        <participantstreamassoc participant_id="0c"><send>0e</send></participantstreamassoc></recording>"#;
    check(text, ("10", ALICE), ("20", BOB));
}

#[test]
fn sems() {
    // Addresses without a scheme, labels of legs; the agent comes first.
    let text = r#"<recording xmlns="urn:ietf:params:xml:ns:recording"><datamode>complete</datamode>
        <participant participant_id="p2"><nameID aor="agent@example.net"/></participant>
        <participant participant_id="p1"><nameID aor="alice@example.com"/></participant>
        <stream stream_id="t2"><label>b_leg</label></stream><stream stream_id="t1"><label>a_leg</label></stream>
        <participantstreamassoc participant_id="p1"><send>t1</send></participantstreamassoc>
        <participantstreamassoc participant_id="p2"><send>t2</send></participantstreamassoc></recording>"#;
    check(
        text,
        ("a_leg", "alice@example.com"),
        ("b_leg", "agent@example.net"),
    );
}

#[test]
fn opensips() {
    // No associations: the n-th participant speaks on the n-th stream; parameters in the name.
    let text = r#"<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>
        <session session_id="s"><sipSessionID>call@example.com</sipSessionID></session>
        <participant participant_id="p1" session_id="s"><nameID aor="sip:alice@example.com"><name>Alice;key=value</name></nameID></participant>
        <participant participant_id="p2" session_id="s"><nameID aor="sip:+15551234567@example.net"/></participant>
        <stream stream_id="t1" session_id="s"><label>1</label></stream><stream stream_id="t2" session_id="s"><label>2</label></stream></recording>"#;
    let metadata = check(text, ("1", ALICE), ("2", BOB));
    assert_eq!(
        metadata.participants[0].name.as_ref().unwrap().expose(),
        "Alice"
    );
}

#[test]
fn sonus() {
    // Prefixes everywhere; the original call's headers say who called.
    let text = r#"<tns:recording xmlns:tns="urn:ietf:params:xml:ns:recording"><tns:datamode>complete</tns:datamode>
        <tns:session session_id="s"><tns:start-time>1970-01-01T00:00:00Z</tns:start-time></tns:session>
        <tns:participant participant_id="p1"><tns:nameID aor="sip:agent@example.com"/></tns:participant>
        <tns:participant participant_id="p2"><tns:nameID aor="sip:+15551234567@example.net"/></tns:participant>
        <tns:stream stream_id="t1" session_id="s"><tns:label>1</tns:label></tns:stream>
        <tns:stream stream_id="t2" session_id="s"><tns:label>2</tns:label></tns:stream>
        <tns:participantstreamassoc participant_id="p1"><tns:send>t2</tns:send><tns:recv>t1</tns:recv></tns:participantstreamassoc>
        <tns:participantstreamassoc participant_id="p2"><tns:send>t1</tns:send><tns:recv>t2</tns:recv></tns:participantstreamassoc>
        <tns:callData><tns:fromhdr>&lt;sip:+15551234567@example.net&gt;;tag=1</tns:fromhdr><tns:tohdr>x</tns:tohdr><tns:callid>c@example.com</tns:callid><tns:gcid>42</tns:gcid></tns:callData>
        </tns:recording>"#;
    let metadata = check(text, ("1", BOB), ("2", "sip:agent@example.com"));
    let names: Vec<&str> = metadata.annotations.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["fromhdr", "tohdr", "callid", "gcid"]);
}

#[test]
fn undeclared_prefixes_and_what_surrounds_are_passed_over() {
    let text = STANDARD.replace("<participant ", "<apkt:x y:z=\"1\"/><participant ");
    check(
        &format!("\r\n \u{feff}{text}\r\n\0"),
        ("1", ALICE),
        ("2", BOB),
    );
}

#[test]
fn a_partial_document_is_merged() {
    let mut metadata = read(STANDARD);
    metadata.merge(read(
        r#"<recording><datamode>Partial</datamode>
        <participant participant_id="p1=="><nameID aor=""/></participant>
        <participant participant_id="p3=="><nameID aor="sip:carol@example.org"/></participant>
        <stream stream_id="t3=="><label>3</label></stream>
        <participantstreamassoc participant_id="p3=="><send>t3==</send></participantstreamassoc>
        <participantsessionassoc participant_id="p2==" session_id="s1=="><disassociate-time>2026-11-22T00:01:00Z</disassociate-time></participantsessionassoc>
        </recording>"#,
    ));
    assert_eq!(speaker(&metadata, "3"), Some("sip:carol@example.org"));
    assert_eq!(speaker(&metadata, "1"), Some(ALICE));
    assert_eq!(metadata.participants.len(), 3);
    let bob = &metadata.participants[1];
    assert!(bob.left && bob.address.expose() == BOB);
    assert_eq!(
        metadata.participants[0].name.as_ref().unwrap().expose(),
        "Alice"
    );
    // A snapshot replaces everything.
    metadata.merge(read(STANDARD));
    assert_eq!(metadata, read(STANDARD));
}

#[track_caller]
fn check_error(text: &str, error: MetadataError) {
    assert_eq!(RecordingMetadata::read(text.as_bytes()), Err(error));
}

#[test]
fn what_is_broken_or_dangerous_is_refused() {
    check_error("", MetadataError::Malformed(1));
    check_error(
        "<recording>\n<session></recording>",
        MetadataError::Malformed(2),
    );
    let bomb = r#"<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>"#;
    check_error(bomb, MetadataError::DocumentType);
    check_error("<r>&a;</r>", MetadataError::Malformed(1));
    check_error(&"<a>".repeat(LONGEST / 3 + 1), MetadataError::TooLong);
    let deep = |levels| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(RecordingMetadata::read(deep(DEEPEST).as_bytes()).is_ok());
    check_error(&deep(DEEPEST + 1), MetadataError::TooDeep);
    check_error(&deep(30_000), MetadataError::TooDeep);
    let wide = format!("<r>{}</r>", "<a/>".repeat(30_000));
    check_error(&wide, MetadataError::TooDeep);
}

#[test]
fn no_more_is_kept_than_is_said() {
    let document = |from: usize| {
        let many: String = (from..from + 200)
            .map(|n| {
                format!("<group group_id='{n}'/><session session_id='{n}'/><participant participant_id='{n}'/><stream stream_id='{n}'/><x>{n}</x><participantstreamassoc participant_id='{}'><send>s</send></participantstreamassoc>", n + 1000)
            })
            .collect();
        format!("<r><datamode>partial</datamode>{many}</r>")
    };
    let mut metadata = read(&document(0));
    for from in 1..10 {
        metadata.merge(read(&document(from * 200)));
    }
    assert_eq!(metadata.participants.len(), MOST);
    assert_eq!(metadata.streams.len(), MOST);
    assert_eq!(metadata.sessions.len(), MOST);
    assert_eq!(metadata.groups.len(), MOST);
    assert!(metadata.annotations.len() <= MOST);
}

#[test]
fn what_is_written_is_read() {
    let mut metadata = read(STANDARD);
    metadata.participants[0].name = Some(Sensitive::new("<A & \"B\"> ]]> 'C'".to_owned()));
    metadata.participants[1].left = true;
    metadata.sessions[0].ended = true;
    metadata.annotate("User-to-User", "a<b>&amp;\u{1}");
    let written = metadata.write("2026-11-22T00:00:00Z");
    metadata.annotations[0].value = Sensitive::new("a<b>&amp;".to_owned());
    assert_eq!(read(&written), metadata, "{written}");
}

#[test]
fn ids_are_base64_of_128_bits() {
    assert_eq!(unique_id(u128::MAX), "/////////////////////w==");
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = RecordingMetadata::read(&bytes);
    }

    #[test]
    fn any_damage_is_survived(at in 0..STANDARD.len(), with in "[ -~]{0,12}") {
        let mut text = STANDARD.to_owned();
        text.insert_str(at, &with);
        if let Ok(metadata) = RecordingMetadata::read(text.as_bytes()) {
            let _ = metadata.caller();
            let _ = metadata.is_callers("1");
            prop_assert!(RecordingMetadata::read(metadata.write("now").as_bytes()).is_ok());
        }
    }
}
