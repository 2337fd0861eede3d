use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingress::MALFORMED_LIMIT;

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
    hear_as(Dialect::Twilio, messages)
}

fn hear_as(dialect: Dialect, messages: &[String]) -> Vec<String> {
    let mut adapter = TwilioAdapter::new(dialect, Leg::Agent);
    let mut said = Vec::new();
    for message in messages {
        let mut arrivals = Vec::new();
        let result = adapter.handle(Incoming::Text(message), Duration::ZERO, &mut arrivals);
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
        Arrival::Reply(text) => format!("reply {text}"),
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
fn signalwire_sends_wide_audio_and_names_the_stream_once() {
    let id = "32de0dea-53cb-4b21-89a4-9e1819c043bc";
    let start = json!({"event": "start", "sequenceNumber": "1", "streamSid": id, "start": {
        "streamSid": id, "callSid": id, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 1}}});
    let media = json!({"event": "media", "sequenceNumber": "2", "media": {"track": "inbound",
        "chunk": "1", "timestamp": "20", "payload": STANDARD.encode([1, 2, 3, 4])}});
    let half = json!({"event": "media", "sequenceNumber": "3", "media": {"track": "inbound",
        "chunk": "2", "timestamp": "40", "payload": STANDARD.encode([1, 2, 3])}});
    let messages = [start, media, half].map(|message| message.to_string());
    assert_eq!(
        hear_as(Dialect::SignalWire, &messages),
        [
            format!("start {id} 2 16000"),
            "customer 320+2".into(),
            "dropped a message: media.payload has half a sample".into(),
        ]
    );
}

#[test]
fn telnyx_packets_are_put_in_order() {
    let call = "ff55a038-5cb6-4d26-9e4d-2b1f6a0a6c11";
    let start = json!({"event": "start", "sequence_number": "1", "stream_id": "32DE0DEA", "start": {
        "user_id": "3E6F", "call_control_id": "v2:T02ll", "call_session_id": call,
        "media_format": {"encoding": "PCMA", "sample_rate": 8000, "channels": 1}}});
    let media = |chunk: u64| {
        json!({"event": "media", "sequence_number": chunk.to_string(), "stream_id": "32DE0DEA",
            "media": {"track": "inbound", "chunk": chunk.to_string(),
            "timestamp": (chunk * 20).to_string(), "payload": STANDARD.encode([0xD5; 160])}})
    };
    let stop = json!({"event": "stop", "sequence_number": "9", "stream_id": "32DE0DEA",
        "stop": {"call_control_id": "v2:T02ll"}});
    let messages = [
        json!({"event": "connected", "version": "1.0.0"}),
        start,
        media(0),
        media(2),
        media(1),
        media(4),
        stop,
    ]
    .map(|message| message.to_string());
    assert_eq!(
        hear_as(Dialect::Telnyx, &messages),
        [
            &format!("start {call} 2 8000"),
            "customer 0+160",
            "customer 160+160",
            "customer 320+160",
            // The packet before it never came: at the end it is placed by its time.
            "customer 640+160",
            "stop",
        ]
    );
}

#[test]
fn plivo_counts_the_time_of_day_and_ends_by_closing() {
    let id = "5a4f8c6e-0000-4000-8000-000000000001";
    let start = json!({"event": "start", "sequenceNumber": 0, "extra_headers": "{}", "start": {
        "callId": id, "streamId": id, "accountId": "MA", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-l16;rate=16000"}}});
    let media = |chunk: u64, time: u64| {
        json!({"event": "media", "sequenceNumber": chunk, "streamId": id, "media": {
            "track": "inbound", "chunk": chunk, "timestamp": time.to_string(),
            "payload": STANDARD.encode([0; 640])}})
    };
    let messages = [
        start,
        media(1, 1_711_002_345_678),
        media(2, 1_711_002_345_700),
    ];
    let messages = messages.map(|message| message.to_string());
    assert_eq!(
        hear_as(Dialect::Plivo, &messages),
        [
            &format!("start {id} 2 16000"),
            "customer 0+320",
            "customer 320+320"
        ]
    );
    assert!(TwilioAdapter::new(Dialect::Plivo, Leg::Agent).ends_by_closing());
    assert!(!TwilioAdapter::new(Dialect::Twilio, Leg::Agent).ends_by_closing());
}

#[test]
fn a_codec_that_is_not_understood_is_refused_by_name_of_what_is() {
    for encoding in ["OPUS", "AMR-WB", "G722", "audio/x-l16;rate=44100"] {
        let start = json!({"event": "start", "stream_id": "s", "start": {
            "call_session_id": "c", "media_format": {"encoding": encoding}}});
        let said = hear_as(Dialect::Telnyx, &[start.to_string()]);
        assert!(
            said[0].starts_with("closed the connection (1003)"),
            "{said:?}"
        );
    }
}

#[test]
fn outbound_can_be_the_customer() {
    let mut adapter = TwilioAdapter::new(Dialect::Twilio, Leg::Customer);
    let mut arrivals = Vec::new();
    for message in [
        start(),
        media("outbound", 0, &SINE),
        media("inbound", 0, &SINE),
    ] {
        adapter
            .handle(Incoming::Text(&message), Duration::ZERO, &mut arrivals)
            .unwrap();
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
        "closed the connection (1008): the call's id in start",
    );
    closed(
        &[start().replace(CALL, "")],
        "closed the connection (1008): the call's id in start",
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
        &[start().replace("x-mulaw", "x-opus")],
        "closed the connection (1003): start.mediaFormat",
    );
    closed(
        &[start().replace(STREAM, &"x".repeat(200))],
        "closed the connection (1008): a stream's id of more",
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
    let mut adapter = TwilioAdapter::new(Dialect::Twilio, Leg::Agent);
    let mut arrivals = Vec::new();
    for _ in 1..MALFORMED_LIMIT {
        let error = adapter
            .handle(Incoming::Text("x"), Duration::ZERO, &mut arrivals)
            .unwrap_err();
        assert!(matches!(error, ProtocolError::Dropped(_)));
    }
    let error = adapter
        .handle(Incoming::Binary(b"x"), Duration::ZERO, &mut arrivals)
        .unwrap_err();
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
    let mut adapter = TwilioAdapter::new(Dialect::Twilio, Leg::Agent);
    let mut arrivals = Vec::new();
    for message in messages {
        adapter
            .handle(Incoming::Text(&message), Duration::ZERO, &mut arrivals)
            .unwrap();
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
        let mut adapter = TwilioAdapter::new(Dialect::Twilio, Leg::Agent);
        let mut arrivals = Vec::new();
        for text in texts {
            let _ = adapter.handle(Incoming::Text(&text), Duration::ZERO, &mut arrivals);
            let _ = adapter.handle(Incoming::Binary(text.as_bytes()), Duration::ZERO, &mut arrivals);
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
        let mut adapter = TwilioAdapter::new(Dialect::Twilio, Leg::Agent);
        let mut came = 0;
        let mut heard = 0;
        adapter.handle(Incoming::Text(&start()), Duration::ZERO, &mut Vec::new()).unwrap();
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
            let _ = adapter.handle(Incoming::Text(&text.into_iter().collect::<String>()), Duration::ZERO, &mut arrivals);
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
        let expected: Vec<i16> = bytes.iter().map(|&byte| Law::Mu.decode(&[byte])[0]).collect();
        // Chunk numbers of the test repeat within 20 ms, as their timestamps may; both say "repeated".
        let messages = messages.into_iter().map(|text| text.replace("\"chunk\"", "\"_\""));
        let [agent, customer] = listen(messages);
        prop_assert_eq!(&agent, &expected);
        prop_assert_eq!(&customer, &expected);
    }
}

#[test]
fn a_start_says_who_takes_part() {
    let told = |dialect, start: &str| {
        let mut adapter = TwilioAdapter::new(dialect, Leg::Agent);
        let mut arrivals = Vec::new();
        adapter
            .handle(Incoming::Text(start), Duration::ZERO, &mut arrivals)
            .unwrap();
        assert_eq!(arrivals.len(), 1);
        adapter.particulars()
    };
    let told_by_twilio = told(Dialect::Twilio, &start());
    assert_eq!(told_by_twilio.agent.unwrap().as_str(), "1001");
    assert_eq!(told_by_twilio.caller, None);
    let telnyx = json!({"event": "start", "stream_id": "s-1", "start": {
        "call_session_id": "c-1", "from": "+14155550100", "to": {"sip": "odd"},
        "custom_parameters": {"queue": "billing", "to": "+18005550199", "from": "anonymous"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}}});
    let told_by_telnyx = told(Dialect::Telnyx, &telnyx.to_string());
    assert_eq!(told_by_telnyx.queue.unwrap().as_str(), "billing");
    assert_eq!(told_by_telnyx.caller.unwrap().expose(), "14155550100");
    assert_eq!(told_by_telnyx.called.unwrap().expose(), "18005550199");
}
