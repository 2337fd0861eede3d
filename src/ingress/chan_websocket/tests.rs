use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingress::MALFORMED_LIMIT;
use crate::ingress::script::{Script, pieces};

fn start(format: &str) -> String {
    json!({"event": "MEDIA_START", "connection_id": "conn1", "channel": "WebSocket/conn1/0x7f0a",
        "channel_id": "1795307430.15", "format": format, "optimal_frame_size": 640, "ptime": 20,
        "channel_variables": {"format": "x", "A": null}})
    .to_string()
}

fn plain_start(format: &str) -> String {
    format!(
        "MEDIA_START connection_id:conn1 channel:WebSocket/conn1/0x7f0a channel_id:1795307439.18 \
         format:{format} optimal_frame_size:160 ptime:20"
    )
}

fn script() -> Script<ChanWebSocketAdapter> {
    Script::new(ChanWebSocketAdapter::new(Settings::default()))
}

const STARTED: &str = "start 1795307430-15 mixed 16000";

#[test]
fn a_call_in_json_is_heard_in_order() {
    let mut script = script();
    script.text(start("slin16"));
    script.text(
        json!({"event": "DTMF_END", "channel_id": "1795307430.15", "digit": "1"}).to_string(),
    );
    script.wait(20).bytes([0; 640]).wait(20).bytes([0; 640]);
    script.text(
        json!({"event": "STATUS", "channel_id": "1795307430.15", "queue_length": 0}).to_string(),
    );
    script.text(json!({"event": "SOMETHING_NEW", "format": [1, {}]}).to_string());
    script.end();
    script.check(&[STARTED, "key mixed", "mixed 0+320", "mixed 320+320"]);
    assert_eq!(script.adapter.stream(), Some("1795307430-15"));
    assert_eq!(script.adapter.encoding(), Encoding::LinearLittle);
    assert!(script.adapter.ends_by_closing());
    let tally = script.adapter.tally();
    assert_eq!((tally.accepted, tally.ignored, tally.malformed), (4, 2, 0));
}

#[test]
fn a_call_in_plain_text_is_heard_in_order() {
    let mut script = script();
    script.text(plain_start("ulaw")).bytes([0xFF; 160]);
    for event in [
        "DTMF_END digit:1 channel_id:1795307439.18",
        "DTMF_END digit:1",
        "MEDIA_XOFF",
        "MEDIA_MARK_PROCESSED m1",
        "ERROR channel_id:1795307439.18 error_text:no such: command\n",
    ] {
        script.text(event);
    }
    script.bytes([0xFF; 160]);
    script.check(&[
        "start 1795307439-18 mixed 8000",
        "mixed 0+160",
        "key mixed",
        "key mixed",
        "mixed 160+160",
    ]);
    assert_eq!(script.adapter.tally().ignored, 3);
}

#[test]
fn formats_are_read_by_their_names() {
    let check = |format: &str, bytes: &[u8], hertz: u32, sample: i16| {
        for start in [start(format), plain_start(format)] {
            let mut script = script();
            script.text(start).bytes(bytes);
            assert!(script.said[0].ends_with(&format!(" {hertz}")), "{format}");
            assert_eq!(script.leg(Leg::Mixed), [sample], "{format}");
        }
    };
    check("slin", &[1, 2], 8_000, 0x0201);
    check("slin12", &[1, 2], 12_000, 0x0201);
    check("slin16", &[1, 2], 16_000, 0x0201);
    check("slin24", &[1, 2], 24_000, 0x0201);
    check("slin32", &[1, 2], 32_000, 0x0201);
    check("slin44", &[1, 2], 44_100, 0x0201);
    check("slin48", &[1, 2], 48_000, 0x0201);
    check("ulaw", &[0x0D], 8_000, Law::Mu.decode(&[0x0D])[0]);
    check("alaw", &[0x0D], 8_000, Law::A.decode(&[0x0D])[0]);
    for format in ["slin96", "opus", "g722", "", "SLIN"] {
        script().text(start(format)).check(&[
            "closed the connection (1003): MEDIA_START's format is not one of ulaw, alaw, slin, \
                      slin12, slin16, slin24, slin32, slin44 or slin48",
        ]);
    }
}

#[test]
fn a_call_without_a_channel_has_its_connections_name() {
    let started = |members: &str| {
        let mut script = script();
        script.text(format!("MEDIA_START format:ulaw {members}"));
        script.said.remove(0)
    };
    let connection = "8f0c6e9e-7d25-4d6a-9a0e-0a5f9f7d7a10";
    assert_eq!(
        started(&format!("connection_id:{connection}")),
        format!("start {connection} mixed 8000")
    );
    assert_eq!(
        started("connection_id:a channel_id:../../etc/passwd"),
        "start ------etc-passwd mixed 8000"
    );
    assert_eq!(
        started(&format!("connection_id:a channel_id:{}", "1".repeat(65))),
        "start a mixed 8000"
    );
    for nothing in ["", "connection_id:", "connection_id:a.b", "channel_id:"] {
        assert!(
            started(nothing).starts_with("closed the connection (1008): a MEDIA_START without"),
            "{nothing}"
        );
    }
}

#[test]
fn broken_protocol_closes() {
    script()
        .bytes([0; 640])
        .check(&["closed the connection (1002): audio before MEDIA_START"]);
    script()
        .text("DTMF_END digit:1")
        .check(&["closed the connection (1002): DTMF_END before MEDIA_START"]);
    script().text(start("slin16")).text(start("slin")).check(&[
        STARTED,
        "closed the connection (1002): a second MEDIA_START",
    ]);
}

#[test]
fn malformed_messages_are_dropped() {
    let mut script = script();
    script.text(start("slin16"));
    for text in [
        "{",
        "{\"event\":5}",
        "{}",
        "hello",
        "",
        "[1]",
        &"A".repeat(70_000),
    ] {
        script.text(text);
    }
    // 100 bytes are no whole frame of the codec, but whole samples.
    script
        .bytes([0; 100])
        .bytes([0; 101])
        .bytes([])
        .bytes([0; 2]);
    script.check(&[
        STARTED,
        "dropped a message: not a JSON object with an event",
        "dropped a message: not a JSON object with an event",
        "dropped a message: not a JSON object with an event",
        "dropped a message: neither an event's name nor JSON",
        "dropped a message: neither an event's name nor JSON",
        "dropped a message: neither an event's name nor JSON",
        "dropped a message: a message of more than 64 KiB",
        "mixed 0+50",
        "dropped a message: audio that ends within a sample",
        "mixed 50+1",
    ]);
}

#[test]
fn too_many_malformed_messages_close() {
    let mut script = script();
    for _ in 0..MALFORMED_LIMIT {
        script.text("hello 4111");
    }
    script.check_last("closed the connection (1008): neither");
    assert!(!format!("{:?}{:?}", script.said, script.adapter).contains("4111"));
}

#[test]
fn the_leg_can_be_set() {
    let leg = Leg::Agent;
    let mut script = Script::new(ChanWebSocketAdapter::new(Settings { leg }));
    script.text(start("slin16")).bytes([0; 640]);
    script.text("DTMF_END digit:1");
    script.check(&[
        "start 1795307430-15 agent 16000",
        "agent 0+320",
        "key agent",
    ]);
}

#[test]
fn a_silence_without_frames_becomes_a_gap() {
    let mut script = script();
    script
        .text(start("slin16"))
        .bytes([1; 640])
        .wait(3_020)
        .bytes([1; 640])
        .end();
    script.check(&[STARTED, "mixed 0+320", "mixed 48320+320"]);
}

proptest! {
    #[test]
    fn any_messages_never_panic(
        is_started in any::<bool>(),
        messages in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300), "[A-Z_]{0,12}.{0,80}|\\{.{0,80}\\}", 0_u64..3_000),
            0..40,
        ),
    ) {
        let mut script = script();
        if is_started {
            script.text(start("slin"));
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
        script.text(plain_start("slin48"));
        for piece in pieces(&Encoding::LinearLittle.encode(&samples), &even) {
            script.bytes(piece);
        }
        prop_assert_eq!(script.end().leg(Leg::Mixed), samples);
    }
}
