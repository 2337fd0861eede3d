use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::audio::MediaTime;
use crate::call::CallId;
use crate::ingress::twilio::{Dialect, TwilioAdapter};
use crate::ingress::{Adapter, Arrival, Incoming};

fn facts(encoding: Encoding, rate: SampleRate) -> StreamFacts {
    StreamFacts {
        call: CallId::new("CA1").unwrap(),
        stream: "MZ1".into(),
        legs: &[Leg::Agent, Leg::Customer],
        rate,
        encoding,
        parameters: vec![("agentId".into(), "1001".into())],
        begins: MediaTime::ZERO,
        attempt: 0,
        recorded: None,
    }
}

fn mu_law() -> StreamFacts {
    facts(Encoding::Companded(Law::Mu), SampleRate::TELEPHONE)
}

fn block(rate: SampleRate, start: u64, agent: Vec<i16>, customer: Vec<i16>) -> CleanAudio {
    CleanAudio::for_test(rate, SampleIndex(start), vec![agent, customer])
}

fn texts(messages: &[Outgoing]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| match message {
            Outgoing::Text(text) => text.as_str(),
            Outgoing::Binary(_) => panic!("Twilio sends text"),
        })
        .collect()
}

#[test]
fn a_stream_reads_as_twilio_writes_it() {
    let mut speaker = TwilioSpeaker::new(Style::Twilio, mu_law(), Leg::Agent);
    let mut messages = Vec::new();
    speaker.begin(&mut messages).unwrap();
    speaker.audio(
        &block(SampleRate::TELEPHONE, 0, vec![0; 170], vec![0; 170]),
        &mut messages,
    );
    speaker.end(&mut messages);
    let silence = STANDARD.encode([0xFF; 160]);
    let rest = STANDARD.encode([0xFF; 10]);
    let expected = [
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
        json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
            "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound", "outbound"],
            "customParameters": {"agentId": "1001"},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}}),
        json!({"event": "media", "sequenceNumber": "2", "streamSid": "MZ1", "media": {
            "track": "outbound", "chunk": "1", "timestamp": "0", "payload": silence}}),
        json!({"event": "media", "sequenceNumber": "3", "streamSid": "MZ1", "media": {
            "track": "inbound", "chunk": "1", "timestamp": "0", "payload": silence}}),
        json!({"event": "media", "sequenceNumber": "4", "streamSid": "MZ1", "media": {
            "track": "outbound", "chunk": "2", "timestamp": "20", "payload": rest}}),
        json!({"event": "media", "sequenceNumber": "5", "streamSid": "MZ1", "media": {
            "track": "inbound", "chunk": "2", "timestamp": "20", "payload": rest}}),
        json!({"event": "stop", "sequenceNumber": "6", "streamSid": "MZ1", "stop": {"callSid": "CA1"}}),
    ];
    let said: Vec<Value> = texts(&messages)
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn a_stream_after_a_reconnect_is_another_and_says_where_it_begins() {
    let facts = StreamFacts {
        begins: MediaTime::from_millis(4_000),
        attempt: 1,
        recorded: None,
        ..mu_law()
    };
    let mut speaker = TwilioSpeaker::new(Style::Twilio, facts, Leg::Agent);
    let mut messages = Vec::new();
    speaker.begin(&mut messages).unwrap();
    speaker.audio(
        &block(SampleRate::TELEPHONE, 32_000, vec![0; 160], vec![0; 160]),
        &mut messages,
    );
    let said = texts(&messages).join("\n");
    assert!(said.contains("\"hushgateBeginsMs\":\"4000\""), "{said}");
    assert!(said.contains("\"timestamp\":\"0\""), "{said}");
    assert!(!said.contains("MZ1\""), "{said}");
}

/// What our own door hears of a stream: the legs' samples.
fn heard(dialect: Dialect, messages: &[Outgoing]) -> [Vec<i16>; 2] {
    let mut adapter = TwilioAdapter::new(dialect, Leg::Agent);
    let mut arrivals = Vec::new();
    for text in texts(messages) {
        adapter
            .handle(Incoming::Text(text), Duration::ZERO, &mut arrivals)
            .unwrap();
    }
    let mut legs = [Vec::new(), Vec::new()];
    for arrival in arrivals {
        if let Arrival::Audio(frame) = arrival {
            let leg = &mut legs[usize::from(frame.leg == Leg::Customer)];
            let start = frame.at.0 as usize;
            leg.resize(leg.len().max(start + frame.samples.expose().len()), 0);
            leg[start..][..frame.samples.expose().len()].copy_from_slice(frame.samples.expose());
        }
    }
    legs
}

/// What a call's first messages and samples look like when it came in so.
#[track_caller]
fn check_encoding(
    style: Style,
    came: Encoding,
    hertz: u32,
    expected: Result<(&str, Encoding), &str>,
) {
    let rate = SampleRate::new(hertz).unwrap();
    let mut speaker = TwilioSpeaker::new(style, facts(came, rate), Leg::Agent);
    let mut messages = Vec::new();
    let begun = speaker.begin(&mut messages);
    let (name, encoding) = match (begun, expected) {
        (Ok(()), Ok(expected)) => expected,
        (Err(problem), Err(expected)) => return assert_eq!(problem.to_string(), expected),
        (begun, expected) => panic!("{begun:?} is not {expected:?}"),
    };
    let samples: Vec<i16> = (0..hertz as i16 / 50).collect();
    speaker.audio(
        &block(rate, 0, samples.clone(), samples.clone()),
        &mut messages,
    );
    let start: Value = texts(&messages)
        .into_iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .find(|message: &Value| message["event"] == "start")
        .unwrap();
    let format = if style == Style::Telnyx {
        "media_format"
    } else {
        "mediaFormat"
    };
    assert_eq!(start["start"][format]["encoding"], name);
    let media: Value = serde_json::from_str(texts(&messages)[texts(&messages).len() - 1]).unwrap();
    let payload = STANDARD
        .decode(media["media"]["payload"].as_str().unwrap())
        .unwrap();
    assert_eq!(payload, encoding.encode(&samples));
}

#[test]
fn samples_are_written_as_the_platform_does() {
    let (mu, a) = (Encoding::Companded(Law::Mu), Encoding::Companded(Law::A));
    let (little, big) = (Encoding::LinearLittle, Encoding::LinearBig);
    check_encoding(Style::Twilio, little, 8_000, Ok(("audio/x-mulaw", mu)));
    check_encoding(Style::Twilio, a, 8_000, Ok(("audio/x-mulaw", mu)));
    check_encoding(Style::Twilio, big, 24_000, Ok(("audio/x-L16", little)));
    check_encoding(Style::Telnyx, a, 8_000, Ok(("PCMA", a)));
    check_encoding(Style::Telnyx, little, 8_000, Ok(("PCMU", mu)));
    check_encoding(Style::Telnyx, little, 16_000, Ok(("L16", big)));
    check_encoding(Style::Plivo, big, 8_000, Ok(("audio/x-l16", little)));
    check_encoding(Style::Plivo, a, 8_000, Ok(("audio/x-mulaw", mu)));
    check_encoding(
        Style::Twilio,
        little,
        44_100,
        Err("Twilio's protocol carries 8000, 16000 or 24000 Hz; this call has 44100 Hz"),
    );
}

proptest! {
    /// However audio is cut into blocks, the recorder hears every sample in its place, gaps included.
    #[test]
    fn a_door_of_the_same_dialect_hears_the_same(
        which in 0_usize..4,
        blocks in prop::collection::vec((1_usize..900, prop::option::weighted(0.1, 1_u64..40)), 1..30),
        noise in any::<u64>(),
    ) {
        let (style, dialect, encoding, hertz) = [
            (Style::Twilio, Dialect::Twilio, Encoding::Companded(Law::Mu), 8_000),
            (Style::Twilio, Dialect::SignalWire, Encoding::LinearLittle, 16_000),
            (Style::Telnyx, Dialect::Telnyx, Encoding::Companded(Law::A), 8_000),
            (Style::Plivo, Dialect::Plivo, Encoding::LinearLittle, 8_000),
        ][which];
        let rate = SampleRate::new(hertz).unwrap();
        let mut speaker = TwilioSpeaker::new(style, facts(encoding, rate), Leg::Agent);
        let mut messages = Vec::new();
        speaker.begin(&mut messages).unwrap();
        let mut expected = [Vec::new(), Vec::new()];
        let mut value = noise;
        let mut next = || {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // A sample that every encoding keeps.
            encoding.decode(&encoding.encode(&[(value >> 48) as i16]))[0]
        };
        for (length, gap) in blocks {
            // Plivo's clock begins with the first packet.
            if let Some(gap) = gap.filter(|_| style != Style::Plivo || !expected[0].is_empty()) {
                // Pauses of whole packets, on whole milliseconds.
                let per_packet = u64::from(hertz) / 50;
                let end = (expected[0].len() as u64).div_ceil(per_packet) * per_packet + gap * per_packet;
                for leg in &mut expected {
                    leg.resize(end as usize, 0);
                }
            }
            let start = expected[0].len() as u64;
            let agent: Vec<i16> = (0..length).map(|_| next()).collect();
            let customer: Vec<i16> = (0..length).map(|_| next()).collect();
            expected[0].extend(&agent);
            expected[1].extend(&customer);
            speaker.audio(&block(rate, start, agent, customer), &mut messages);
        }
        speaker.end(&mut messages);
        let heard = heard(dialect, &messages);
        prop_assert_eq!(&heard[0], &expected[0]);
        prop_assert_eq!(&heard[1], &expected[1]);
    }
}
