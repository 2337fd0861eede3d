use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const STREAM: &str = "MZ18ad3ab5a668481ce02b83e7395059f0";
const CALL: &str = "CA00000000000000000000000000000001";
/// Eight samples of 1 kHz.
const SINE: [u8; 8] = [0xFF, 0x0D, 0x06, 0x0D, 0xFF, 0x8D, 0x86, 0x8D];

fn connected() -> String {
    json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()
}

fn start() -> String {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": STREAM, "start": {
        "streamSid": STREAM, "accountSid": "AC00000000000000000000000000000001", "callSid": CALL,
        "tracks": ["inbound", "outbound"], "customParameters": {"agentId": "1001"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
    .to_string()
}

fn media(track: &str, timestamp: u64, bytes: &[u8]) -> String {
    json!({"event": "media", "sequenceNumber": "4", "streamSid": STREAM, "media": {
        "track": track, "chunk": (timestamp / 20 + 1).to_string(),
        "timestamp": timestamp.to_string(), "payload": STANDARD.encode(bytes)}})
    .to_string()
}

fn stop() -> String {
    json!({"event": "stop", "sequenceNumber": "812", "streamSid": STREAM,
        "stop": {"accountSid": "AC1", "callSid": CALL}})
    .to_string()
}

/// What came of some messages: arrivals and errors in order, in short.
fn hear(messages: &[String]) -> Vec<String> {
    let mut adapter = TwilioAdapter::new(Leg::Agent);
    let mut said = Vec::new();
    for message in messages {
        let mut arrivals = Vec::new();
        let result = adapter.handle_text(message, &mut arrivals);
        said.extend(arrivals.iter().map(describe));
        said.extend(result.err().map(|error| error.to_string()));
    }
    said
}

fn describe(arrival: &Arrival) -> String {
    match arrival {
        Arrival::Started { call, legs, rate } => {
            format!("start {call} {} {}", legs.len(), rate.hertz())
        }
        Arrival::Audio(frame) => {
            let samples = frame.samples.expose().len();
            format!("{} {}+{samples}", frame.leg, frame.at.0)
        }
        Arrival::KeyPressed { leg } => format!("key {leg}"),
        Arrival::Stopped => "stop".into(),
    }
}

fn check(messages: &[String], expected: &[&str]) {
    assert_eq!(hear(messages), expected, "{messages:?}");
}

const STARTED: &str = "start CA00000000000000000000000000000001 2 8000";

#[test]
fn a_call_is_heard_in_order() {
    let messages = [
        connected(),
        start(),
        media("inbound", 5, &[0xFF; 160]),
        media("outbound", 5, &[0xFF; 160]),
        media("inbound", 25, &[0xFF; 160]),
        json!({"event": "mark", "streamSid": STREAM, "mark": {"name": "x"}}).to_string(),
        json!({"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "1"}})
            .to_string(),
        stop(),
        media("inbound", 45, &[0xFF; 160]),
    ];
    check(
        &messages,
        &[
            STARTED,
            "customer 40+160",
            "agent 40+160",
            "customer 200+160",
            "key customer",
            "stop",
        ],
    );
}

#[test]
fn look_alikes_are_understood() {
    // No `connected`, no top-level streamSid, numbers as numbers, unknown events and fields.
    let start = json!({"event": "start", "sequenceNumber": 0, "x": [1],
        "start": {"callSid": CALL, "streamSid": "s", "mediaFormat": {"sampleRate": "8000"}}});
    let media = json!({"event": "media", "media": {"track": "inbound", "chunk": 1, "timestamp": 20,
        "payload": STANDARD.encode(SINE)}, "extra_headers": ""});
    let odd = json!({"event": "weather", "media": 5});
    check(
        &[
            start.to_string(),
            odd.to_string(),
            media.to_string(),
            json!({"event": "stop"}).to_string(),
        ],
        &[STARTED, "customer 160+8", "stop"],
    );
}

#[test]
fn outbound_can_be_the_customer() {
    let mut adapter = TwilioAdapter::new(Leg::Customer);
    let mut arrivals = Vec::new();
    for message in [
        start(),
        media("outbound", 0, &SINE),
        media("inbound", 0, &SINE),
    ] {
        adapter.handle_text(&message, &mut arrivals).unwrap();
    }
    let said: Vec<String> = arrivals.iter().map(describe).collect();
    assert_eq!(said, [STARTED, "customer 0+8", "agent 0+8"]);
    assert_eq!(adapter.stream(), Some(STREAM));
}

#[test]
fn broken_protocol_closes() {
    let closed = |messages: &[String], expected: &str| {
        let said = hear(messages);
        assert!(
            said.last().unwrap().starts_with(expected),
            "{said:?} lacks {expected}"
        );
    };
    closed(
        &[media("inbound", 0, &SINE)],
        "closed the connection (1002): media before start",
    );
    closed(
        &[start(), start()],
        "closed the connection (1002): a second start",
    );
    let other = media("inbound", 0, &SINE).replace(STREAM, "MZ2");
    closed(
        &[start(), other],
        "closed the connection (1008): a message of another stream",
    );
    closed(
        &[start().replace(CALL, "../etc")],
        "closed the connection (1008): start.callSid",
    );
    closed(
        &[start().replace(CALL, "")],
        "closed the connection (1008): start.callSid",
    );
    closed(
        &[json!({"event": "start"}).to_string()],
        "closed the connection (1008): a start without",
    );
    closed(
        &[start().replace("8000", "16000")],
        "closed the connection (1003): start.mediaFormat",
    );
    closed(
        &[start().replace("x-mulaw", "x-L16")],
        "closed the connection (1003): start.mediaFormat",
    );
    closed(
        &[start().replace(STREAM, &"x".repeat(200))],
        "closed the connection (1008): a streamSid of more",
    );
}

#[test]
fn malformed_messages_are_dropped() {
    let bad_payload = media("inbound", 0, &SINE).replace(&STANDARD.encode(SINE), "!!!");
    let messages = [
        start(),
        "{".into(),
        "[]".into(),
        "null".into(),
        "{\"event\":5}".into(),
        bad_payload,
        media("inbound", 0, &[0; 9_000]),
        media("inbound", 0, &[0; 60_000]),
        media("sideways", 0, &SINE),
        media("inbound", u64::MAX, &SINE),
        media("inbound", 0, &[]),
        media("inbound", 0, &SINE),
    ];
    check(
        &messages,
        &[
            STARTED,
            "dropped a message: not a JSON object with an event",
            "dropped a message: not a JSON object with an event",
            "dropped a message: not a JSON object with an event",
            "dropped a message: not a JSON object with an event",
            "dropped a message: media.payload is not base64",
            "dropped a message: a payload of more than 8 KiB",
            "dropped a message: a message of more than 64 KiB",
            "dropped a message: media without track, timestamp or payload",
            "dropped a message: media.timestamp is out of range",
            "customer 0+8",
        ],
    );
}

#[test]
fn too_many_malformed_messages_close() {
    let mut adapter = TwilioAdapter::new(Leg::Agent);
    let mut arrivals = Vec::new();
    for _ in 1..MALFORMED_LIMIT {
        let error = adapter.handle_text("x", &mut arrivals).unwrap_err();
        assert!(matches!(error, ProtocolError::Dropped(_)));
    }
    let error = adapter.handle_binary(b"x", &mut arrivals).unwrap_err();
    assert!(matches!(error, ProtocolError::Closed { code: 1003, .. }));
    assert_eq!(adapter.tally().malformed, MALFORMED_LIMIT);
    assert!(arrivals.is_empty());
}

#[test]
fn repeated_short_packets_are_dropped() {
    let messages = [
        start(),
        media("inbound", 0, &SINE),
        media("inbound", 0, &SINE),
    ];
    check(&messages, &[STARTED, "customer 0+8"]);
}

#[test]
fn errors_do_not_quote_the_input() {
    let said = hear(&[
        start(),
        "{\"event\":\"media\",\"media\":{\"track\":\"4111111111111111\"}}".into(),
    ]);
    assert!(!format!("{said:?}").contains("4111"), "{said:?}");
}

/// The samples of each leg, zero where nothing was heard.
fn listen(messages: impl IntoIterator<Item = String>) -> [Vec<i16>; 2] {
    let mut adapter = TwilioAdapter::new(Leg::Agent);
    let mut arrivals = Vec::new();
    for message in messages {
        adapter.handle_text(&message, &mut arrivals).unwrap();
    }
    let mut legs = [Vec::new(), Vec::new()];
    for arrival in arrivals {
        if let Arrival::Audio(frame) = arrival {
            let leg = &mut legs[usize::from(frame.leg == Leg::Customer)];
            let start = frame.at.0 as usize;
            let end = start + frame.samples.expose().len();
            leg.resize(leg.len().max(end), 0);
            leg[start..end].copy_from_slice(frame.samples.expose());
        }
    }
    legs
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(texts in prop::collection::vec(".{0,300}", 0..40)) {
        let mut adapter = TwilioAdapter::new(Leg::Agent);
        let mut arrivals = Vec::new();
        for text in texts {
            let _ = adapter.handle_text(&text, &mut arrivals);
            let _ = adapter.handle_binary(text.as_bytes(), &mut arrivals);
        }
        prop_assert!(arrivals.is_empty());
    }

    /// Messages of the right form with any values, some mangled: no panic, and no more audio than came.
    #[test]
    fn mangled_messages_never_panic(
        messages in prop::collection::vec(
            (0_u8..6, any::<u64>(), prop::collection::vec(any::<u8>(), 0..400), any::<prop::sample::Index>(),
             prop::option::weighted(0.2, any::<char>())),
            0..60,
        )
    ) {
        let mut adapter = TwilioAdapter::new(Leg::Agent);
        let mut came = 0;
        let mut heard = 0;
        adapter.handle_text(&start(), &mut Vec::new()).unwrap();
        for (kind, number, bytes, at, mangle) in messages {
            came += bytes.len();
            let mut text: Vec<char> = match kind {
                0 => connected(),
                1 => media("outbound", number, &bytes),
                2 => media("inbound", number % 10_000, &bytes),
                3 => media("inbound", number % 200, &bytes),
                4 => json!({"event": "dtmf", "dtmf": {"digit": number}}).to_string(),
                _ => json!({"event": "media", "media": bytes}).to_string(),
            }.chars().collect();
            if let Some(character) = mangle {
                let at = at.index(text.len());
                text[at] = character;
            }
            let mut arrivals = Vec::new();
            let _ = adapter.handle_text(&text.into_iter().collect::<String>(), &mut arrivals);
            for arrival in arrivals {
                if let Arrival::Audio(frame) = arrival {
                    heard += frame.samples.expose().len();
                }
            }
        }
        prop_assert!(heard <= came);
    }

    /// Both tracks come out to the sample however they are cut into messages.
    #[test]
    fn the_timeline_is_exact_under_any_chunking(
        bytes in prop::collection::vec(any::<u8>(), 1..4_000),
        cuts in prop::collection::vec(1_usize..700, 1..40),
    ) {
        let mut messages = vec![start()];
        let mut rest = &bytes[..];
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            messages.push(media("inbound", at as u64 / 8, now));
            messages.push(media("outbound", at as u64 / 8, now));
            at += now.len();
            rest = later;
        }
        let expected: Vec<i16> = bytes.iter().map(|&byte| decode_ulaw(byte)).collect();
        // Chunk numbers of the test repeat within 20 ms, as their timestamps may; both say "repeated".
        let messages = messages.into_iter().map(|text| text.replace("\"chunk\"", "\"_\""));
        let [agent, customer] = listen(messages);
        prop_assert_eq!(&agent, &expected);
        prop_assert_eq!(&customer, &expected);
    }
}
