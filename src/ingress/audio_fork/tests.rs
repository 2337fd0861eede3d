use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingress::MALFORMED_LIMIT;
use crate::ingress::script::{Script, pieces};

fn settings(dialect: Dialect) -> Settings {
    Settings::new(dialect, CallId::new("fork-7").unwrap())
}

fn script(dialect: Dialect) -> Script<AudioForkAdapter> {
    Script::new(AudioForkAdapter::new(settings(dialect)))
}

fn script_of(mix: Mix, read: Leg) -> Script<AudioForkAdapter> {
    let settings = Settings {
        mix,
        read,
        ..settings(Dialect::AudioFork)
    };
    Script::new(AudioForkAdapter::new(settings))
}

fn jambonz(mix: &str) -> String {
    json!({"sampleRate": 8000, "mixType": mix, "callSid": "c6b1d4de-0001", "direction": "inbound",
        "from": "+15551230000", "to": "+15559870000", "callId": "f3@1.2.3.4", "sipStatus": 200,
        "callStatus": "in-progress", "accountSid": "9351", "agentId": "1001", "rate": "premium",
        "channels": ["web"], "event": "listen", "type": "sales"})
    .to_string()
}

fn key() -> String {
    json!({"event": "dtmf", "dtmf": "5", "duration": "1600"}).to_string()
}

const STARTED: &str = "start fork-7 agent+customer 8000";

#[test]
fn a_fork_with_irregular_messages_is_heard_in_order() {
    let mut script = script(Dialect::AudioFork);
    script.text(json!({"sampleRate": "16000", "mixType": "mixed", "uuid": "u-1"}).to_string());
    for bytes in [320, 960, 640, 1_600] {
        script.wait(bytes / 32).bytes(vec![0; bytes as usize]);
    }
    script
        .text(key())
        .text("a note")
        .bytes([])
        .bytes([0; 320])
        .text(key());
    script.check(&[
        "start u-1 mixed 16000",
        "mixed 0+160",
        "mixed 160+480",
        "mixed 640+320",
        "mixed 960+800",
        "key mixed",
        "stop",
    ]);
    assert!(script.adapter.ends_by_closing());
    let tally = script.adapter.tally();
    assert_eq!((tally.accepted, tally.ignored, tally.malformed), (7, 3, 0));
}

#[test]
fn a_fork_without_metadata_is_as_the_door_says() {
    let mut script = script(Dialect::AudioFork);
    script.bytes([1, 0, 2, 0, 3, 0, 4, 0]);
    script.check(&[STARTED, "customer 0+2", "agent 0+2"]);
    assert_eq!(script.leg(Leg::Customer), [1, 3]);
    assert_eq!(script.leg(Leg::Agent), [2, 4]);
}

#[test]
fn jambonz_says_what_the_audio_is() {
    let id = "start c6b1d4de-0001";
    for (mix, started, audio) in [
        (
            "stereo",
            "agent+customer 8000",
            &["customer 0+80", "agent 0+80"][..],
        ),
        ("mono", "customer 8000", &["customer 0+160"]),
        ("mixed", "mixed 8000", &["mixed 0+160"]),
    ] {
        let mut script = script(Dialect::Jambonz);
        script.text(jambonz(mix)).bytes([0; 320]);
        assert_eq!(script.said[0], format!("{id} {started}"));
        assert_eq!(script.said[1..], *audio);
    }
}

#[test]
fn jambonz_begins_with_metadata() {
    let refused =
        "closed the connection (1002): the first message is not a JSON object with metadata";
    script(Dialect::Jambonz).bytes([0; 320]).check(&[refused]);
    script(Dialect::Jambonz).text("hello").check(&[refused]);
    script(Dialect::Jambonz).text("{").check(&[refused]);
    script(Dialect::Jambonz).text("[8000]").check(&[refused]);
    script(Dialect::Jambonz).text(key()).check(&[refused]);
}

#[test]
fn an_audio_stream_may_begin_with_any_text() {
    let mut script = script(Dialect::AudioStream);
    script.text("call of \"Tuesday\" {");
    script.bytes([0; 640]).wait(20).bytes([0; 640]).end();
    script.check(&[
        STARTED,
        "customer 0+160",
        "agent 0+160",
        "customer 160+160",
        "agent 160+160",
    ]);
    assert_eq!(script.adapter.tally().ignored, 1);
}

#[test]
fn an_audio_stream_can_say_its_rate_and_channels() {
    let check = |metadata: serde_json::Value, expected: &str| {
        script(Dialect::AudioStream)
            .text(metadata.to_string())
            .check(&[expected]);
    };
    check(
        json!({"rate": 16000, "channels": 2}),
        "start fork-7 agent+customer 16000",
    );
    check(
        json!({"rate": "8000", "channels": "1", "call_sid": "s"}),
        "start s mixed 8000",
    );
    check(
        json!({"sampleRate": 24000, "rate": 8000, "mixType": "mono"}),
        "start fork-7 customer 24000",
    );
    check(json!({}), STARTED);
    check(
        json!({"channels": 3}),
        "closed the connection (1003): the channels in metadata are not 1 or 2",
    );
    let rate = "closed the connection (1003): the sampleRate in metadata is not one of 8000, 16000, 24000, \
                32000 or 48000";
    check(json!({"rate": "8k"}), rate);
    check(json!({"rate": 64000}), rate);
    check(json!({"sampleRate": {}}), rate);
    check(
        json!({"mixType": "both"}),
        "closed the connection (1003): the mixType in metadata is not one of mono, mixed or stereo",
    );
}

#[test]
fn the_first_valid_id_names_the_call() {
    let check = |metadata: serde_json::Value, expected: &str| {
        script(Dialect::AudioFork)
            .text(metadata.to_string())
            .check(&[&format!("start {expected} agent+customer 8000")]);
    };
    check(
        json!({"callSid": "a", "call_sid": "b", "uuid": "c", "callId": "d"}),
        "a",
    );
    check(json!({"callSid": "a b", "call_sid": "b", "uuid": "c"}), "b");
    check(json!({"uuid": "c", "callId": "d"}), "c");
    check(json!({"uuid": 5, "callId": "d"}), "d");
    check(json!({"callId": "f3@1.2.3.4"}), "fork-7");
    check(json!({"callSid": "../../x"}), "fork-7");
}

#[test]
fn metadata_with_escapes_is_read() {
    let text = r#"{"callSid":"a","note":"say \\\"hi\\\" \u0041","mixType":"mi\u0078ed"}"#;
    script(Dialect::Jambonz)
        .text(text)
        .check(&["start a mixed 8000"]);
    // FreeSWITCH sends no more than 8 KiB; more does no harm up to a message's limit.
    let long = json!({"note": "x".repeat(9_000)}).to_string();
    script(Dialect::AudioFork).text(long).check(&[STARTED]);
    let longer = json!({"note": "x".repeat(70_000)}).to_string();
    script(Dialect::AudioFork)
        .text(longer)
        .check(&["dropped a message: a message of more than 64 KiB"]);
}

#[test]
fn late_metadata_must_say_what_the_audio_was_taken_for() {
    let mut same = script(Dialect::AudioFork);
    same.bytes([0; 4]).text(json!({"note": "x"}).to_string());
    same.text(json!({"sampleRate": 8000, "mixType": "stereo"}).to_string());
    // What comes after metadata is not metadata.
    same.text(json!({"sampleRate": 16000}).to_string());
    assert_eq!(same.said.len(), 3);
    for other in [json!({"sampleRate": 16000}), json!({"mixType": "mixed"})] {
        let mut script = script(Dialect::AudioFork);
        script.bytes([0; 4]).text(other.to_string());
        script.check_last("closed the connection (1002): metadata after the start says another");
    }
    // A note that cannot be metadata is a note.
    let mut note = script(Dialect::AudioStream);
    note.bytes([0; 4])
        .text(json!({"rate": "premium"}).to_string());
    assert_eq!(note.said.len(), 3);
}

#[test]
fn who_is_read_can_be_set() {
    let check = |mix, read, expected: &[&str]| {
        let mut script = script_of(mix, read);
        script.bytes([1, 0, 2, 0]).text(key()).check(expected);
    };
    check(
        Mix::Stereo,
        Leg::Agent,
        &[STARTED, "agent 0+1", "customer 0+1", "key agent"],
    );
    check(
        Mix::Stereo,
        Leg::Customer,
        &[STARTED, "customer 0+1", "agent 0+1", "key customer"],
    );
    check(
        Mix::Mono,
        Leg::Agent,
        &["start fork-7 agent 8000", "agent 0+2", "key agent"],
    );
    check(
        Mix::Mixed,
        Leg::Agent,
        &["start fork-7 mixed 8000", "mixed 0+2", "key mixed"],
    );
}

#[test]
fn keys_before_the_audio_are_told_when_the_call_begins() {
    let mut script = script(Dialect::AudioFork);
    script.text(key()).text(key()).bytes([0; 4]);
    script.check(&[
        STARTED,
        "key customer",
        "key customer",
        "customer 0+1",
        "agent 0+1",
    ]);
}

#[test]
fn half_a_frame_waits_for_the_rest() {
    let mut script = script(Dialect::AudioFork);
    script
        .bytes([1, 0, 2, 0, 3])
        .bytes([0])
        .bytes([4])
        .bytes([0, 5, 0, 6]);
    assert_eq!(script.leg(Leg::Customer), [1, 3]);
    assert_eq!(script.leg(Leg::Agent), [2, 4]);
}

#[test]
fn an_empty_message_before_the_call_means_nothing() {
    for dialect in [Dialect::AudioFork, Dialect::Jambonz, Dialect::AudioStream] {
        script(dialect)
            .bytes([])
            .text(jambonz("mixed"))
            .check(&["start c6b1d4de-0001 mixed 8000"]);
    }
}

#[test]
fn lost_time_becomes_a_gap() {
    let mut script = script_of(Mix::Mixed, Leg::Customer);
    script.bytes([0; 320]).wait(20).bytes([0; 320]).wait(2_020);
    script.bytes([0; 320]).end();
    script.check(&[
        "start fork-7 mixed 8000",
        "mixed 0+160",
        "mixed 160+160",
        "mixed 16320+160",
    ]);
}

#[test]
fn what_a_server_would_be_answered_means_nothing() {
    let mut script = script(Dialect::AudioFork);
    script.text(json!({"type": "mark", "data": {"name": "m1", "event": "playout"}}).to_string());
    script.text(json!({"type": "playDone", "data": {"id": 5}}).to_string());
    script.check(&[]);
    assert_eq!(script.adapter.tally().ignored, 2);
}

#[test]
fn too_long_messages_close_in_the_end() {
    let mut script = script(Dialect::AudioFork);
    for _ in 0..MALFORMED_LIMIT {
        script.bytes(vec![0x41; 70_000]);
    }
    script.check_last("closed the connection (1008): a message of more than 64 KiB");
}

#[test]
fn nothing_of_a_key_is_kept() {
    let mut script = script(Dialect::AudioFork);
    script.text(key()).bytes([0; 4]).text(key());
    let shown = format!("{:?} {:?}", script.said, script.adapter);
    assert!(!shown.contains('5'), "{shown}");
}

#[test]
fn subprotocols_are_known() {
    assert_eq!(Dialect::AudioFork.subprotocols(), ["audio.drachtio.org"]);
    assert_eq!(Dialect::Jambonz.subprotocols(), ["audio.jambonz.org"]);
    assert!(Dialect::AudioStream.subprotocols().is_empty());
}

proptest! {
    #[test]
    fn any_messages_never_panic(
        dialect in prop::sample::select(vec![Dialect::AudioFork, Dialect::Jambonz, Dialect::AudioStream]),
        first in prop::option::of(prop::sample::select(vec!["mono", "mixed", "stereo"])),
        messages in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300),
             ".{0,80}|\\{.{0,80}\\}|\\{\"(rate|channels|event|type|sampleRate)\":(\"dtmf\"|\"mark\"|[0-9]{1,5})\\}",
             0_u64..3_000),
            0..40,
        ),
    ) {
        let mut script = script(dialect);
        if let Some(mix) = first {
            script.text(jambonz(mix));
        }
        for (is_binary, bytes, text, wait) in messages {
            script.wait(wait);
            if is_binary { script.bytes(bytes) } else { script.text(text) };
        }
        script.end();
    }

    /// However the stream is cut, in a sample and between channels.
    #[test]
    fn the_timeline_is_exact_under_any_chunking(
        samples in prop::collection::vec(any::<i16>(), 1..3_000),
        lengths in prop::collection::vec(1_usize..400, 1..20),
    ) {
        let bytes = Encoding::LinearLittle.encode(&samples);
        let mut script = script(Dialect::Jambonz);
        script.text(jambonz("stereo"));
        for piece in pieces(&bytes, &lengths) {
            script.bytes(piece);
        }
        script.end();
        let turns = samples.as_chunks::<2>().0;
        let customer: Vec<i16> = turns.iter().map(|turn| turn[0]).collect();
        let agent: Vec<i16> = turns.iter().map(|turn| turn[1]).collect();
        prop_assert_eq!(script.leg(Leg::Customer), customer);
        prop_assert_eq!(script.leg(Leg::Agent), agent);
    }
}

#[test]
fn metadata_say_who_takes_part() {
    let mut script = script(Dialect::Jambonz);
    script.text(jambonz("stereo"));
    let told = script.adapter.particulars();
    assert_eq!(told.agent.unwrap().as_str(), "1001");
    assert_eq!(told.caller.unwrap().expose(), "15551230000");
    assert_eq!(told.called.unwrap().expose(), "15559870000");
}
