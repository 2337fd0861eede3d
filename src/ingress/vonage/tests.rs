use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingress::MALFORMED_LIMIT;
use crate::ingress::script::{Script, pieces};

fn settings(call_header: Option<&str>) -> Settings {
    Settings {
        call_header: call_header.map(String::from),
        fallback: CallId::new("vonage-7").unwrap(),
    }
}

fn script() -> Script<VonageAdapter> {
    Script::new(VonageAdapter::new(settings(None)))
}

fn connected(rate: u32) -> String {
    json!({"event": "websocket:connected", "content-type": format!("audio/l16;rate={rate}"),
        "language": "en-GB", "caller-id": "447700900123", "uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"})
    .to_string()
}

const STARTED: &str = "start aaaaaaaa-bbbb-cccc-dddd-0123456789ab mixed 16000";

#[test]
fn a_call_is_heard_in_order() {
    let mut script = script();
    script
        .text(connected(16_000))
        .wait(20)
        .bytes([0; 640])
        .wait(20)
        .bytes([0; 640]);
    script.text(json!({"event": "websocket:dtmf", "digit": "5", "duration": 260}).to_string());
    script.text(json!({"event": "websocket:cleared"}).to_string());
    script.text(json!({"event": "websocket:notify", "payload": {"event": 5}}).to_string());
    script.wait(20).bytes([0; 640]).end();
    script.check(&[
        STARTED,
        "mixed 0+320",
        "mixed 320+320",
        "key mixed",
        "mixed 640+320",
    ]);
    assert!(script.adapter.ends_by_closing());
    let tally = script.adapter.tally();
    assert_eq!((tally.accepted, tally.ignored, tally.malformed), (5, 2, 0));
}

#[test]
fn samples_have_their_low_byte_first() {
    let mut script = script();
    script.text(connected(8_000)).bytes([1, 2, 3, 4]);
    assert_eq!(script.leg(Leg::Mixed), [0x0201, 0x0403]);
}

#[test]
fn the_call_is_named_by_a_header() {
    let check = |header: Option<&str>, members: serde_json::Value, expected: &str| {
        let mut message =
            json!({"event": "websocket:connected", "content-type": "audio/l16;rate=8000"});
        let members = members.as_object().unwrap().clone();
        message.as_object_mut().unwrap().extend(members);
        let mut script = Script::new(VonageAdapter::new(settings(header)));
        script.text(message.to_string());
        script.check(&[&format!("start {expected} mixed 8000")]);
    };
    check(None, json!({}), "vonage-7");
    check(None, json!({"uuid": "a", "call_uuid": "c"}), "a");
    check(
        None,
        json!({"conversation_uuid": "CON-1", "call_uuid": "c"}),
        "CON-1",
    );
    check(None, json!({"uuid": "../x", "call_uuid": "c"}), "c");
    check(None, json!({"uuid": 5}), "vonage-7");
    check(Some("ticket"), json!({"ticket": "T-1", "uuid": "a"}), "T-1");
    check(Some("ticket"), json!({"ticket": "T 1", "uuid": "a"}), "a");
    check(Some("ticket"), json!({"Ticket": "T-1"}), "vonage-7");
}

#[test]
fn the_content_type_says_the_rate() {
    let said = |content_type: serde_json::Value| {
        let mut script = script();
        script.text(
            json!({"event": "websocket:connected", "content-type": content_type}).to_string(),
        );
        script.said.remove(0)
    };
    for (content_type, hertz) in [
        ("audio/l16;rate=8000", 8_000),
        ("audio/l16;rate=16000", 16_000),
        ("audio/L16; rate=24000", 24_000),
        ("audio/l16;channels=1;rate=16000", 16_000),
    ] {
        assert_eq!(
            said(content_type.into()),
            format!("start vonage-7 mixed {hertz}")
        );
    }
    for content_type in [
        "audio/l16",
        "audio/l16;rate=",
        "audio/l16;rate=0",
        "audio/l16;rate=96000",
        "audio/x-mulaw;rate=8000",
        "",
    ] {
        assert!(
            said(content_type.into()).starts_with("closed the connection (1003): the content-type"),
            "{content_type}"
        );
    }
    assert!(said(json!(null)).starts_with("closed the connection (1003)"));
    assert!(said(json!({"rate": 8000})).starts_with("closed the connection (1003)"));
}

#[test]
fn broken_protocol_closes() {
    script()
        .bytes([0; 640])
        .check(&["closed the connection (1002): audio before websocket:connected"]);
    script()
        .text(json!({"event": "websocket:dtmf", "digit": "5"}).to_string())
        .check(&["closed the connection (1002): dtmf before websocket:connected"]);
    script()
        .text(connected(16_000))
        .text(connected(8_000))
        .check(&[
            STARTED,
            "closed the connection (1002): a second websocket:connected",
        ]);
}

#[test]
fn malformed_messages_are_dropped() {
    let mut script = script();
    script.text(connected(16_000));
    for text in [
        "{",
        "[\"websocket:dtmf\",1]",
        "{\"event\":null}",
        "",
        &" ".repeat(70_000),
    ] {
        script.text(text);
    }
    script
        .bytes([0; 641])
        .bytes([])
        .bytes(vec![0; 70_000])
        .bytes([0; 2]);
    script.check(&[
        STARTED,
        "dropped a message: not a JSON object with an event",
        "dropped a message: not a JSON object with an event",
        "dropped a message: not a JSON object with an event",
        "dropped a message: not a JSON object with an event",
        "dropped a message: a message of more than 64 KiB",
        "dropped a message: audio that ends within a sample",
        "dropped a message: a message of more than 64 KiB",
        "mixed 0+1",
    ]);
}

#[test]
fn too_many_malformed_messages_close() {
    let mut script = script();
    for _ in 0..MALFORMED_LIMIT {
        script.text("{\"event\": 4111");
    }
    script.check_last("closed the connection (1008): not a JSON object");
    assert!(!format!("{:?}{:?}", script.said, script.adapter).contains("4111"));
}

proptest! {
    #[test]
    fn any_messages_never_panic(
        is_started in any::<bool>(),
        messages in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300), ".{0,80}|\\{.{0,80}\\}", 0_u64..3_000),
            0..40,
        ),
    ) {
        let mut script = script();
        if is_started {
            script.text(connected(8_000));
        }
        for (is_binary, bytes, text, wait) in messages {
            script.wait(wait);
            if is_binary { script.bytes(bytes) } else { script.text(text) };
        }
        script.end();
    }

    #[test]
    fn the_timeline_is_exact_under_any_chunking(
        samples in prop::collection::vec(any::<i16>(), 1..3_000),
        lengths in prop::collection::vec(1_usize..400, 1..20),
    ) {
        let even: Vec<usize> = lengths.iter().map(|length| length * 2).collect();
        let mut script = script();
        script.text(connected(16_000));
        for piece in pieces(&Encoding::LinearLittle.encode(&samples), &even) {
            script.bytes(piece);
        }
        prop_assert_eq!(script.end().leg(Leg::Mixed), samples);
    }
}

#[test]
fn headers_say_who_takes_part() {
    let mut script = script();
    script.text(
        json!({"event": "websocket:connected", "content-type": "audio/l16;rate=8000",
            "agent": "Alice", "queue": 7, "caller-number": 14_155_550_100_u64})
        .to_string(),
    );
    let told = script.adapter.particulars();
    assert_eq!(told.agent.unwrap().as_str(), "Alice");
    assert_eq!(told.queue.unwrap().as_str(), "7");
    assert_eq!(told.caller.unwrap().expose(), "14155550100");
}
