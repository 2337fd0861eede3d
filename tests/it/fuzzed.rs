//! The fuzzing targets on bytes at random and on damaged seeds, as far as a test run has time for.
//!
//! `make fuzz` goes on where this ends.

use std::time::Duration;

use base64::Engine;
use proptest::prelude::*;

#[path = "../fuzz/targets.rs"]
#[expect(unreachable_pub, reason = "for libFuzzer the same file is a library")]
mod targets;

/// One damage to a seed: where, which, and what with.
type Damage = (u8, usize, u8);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 0..12)
}

/// Applies damages: overwritten, inserted, removed, repeated and cut off bytes.
fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for &(which, place, byte) in damages {
        if bytes.is_empty() {
            break;
        }
        // Headers are at the start, and what a long seed leads up to at its end.
        let at = match which % 3 {
            0 => place % bytes.len(),
            1 => place % bytes.len().min(64),
            _ => bytes.len() - 1 - place % bytes.len().min(64),
        };
        let end = (at + usize::from(byte)).min(bytes.len());
        match which / 3 % 6 {
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, byte),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.extend(piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Something valid for each target.
fn seed(target: &str) -> Vec<u8> {
    match target {
        "detect" => "agent: What's the card number?\ncustomer: four one one one, 1111 1111 1111, 유효 기간은 06/29\r\n\
                     고객: 카드 번호는 사오삼구 일사팔팔, my social is 219-09-9999\nagent: Thank you.\n"
            .into(),
        "wav" => wav(),
        "twilio" => twilio().into(),
        "audiosocket" => audiosocket(),
        "chan_websocket" => chan_websocket(),
        "audio_fork" => audio_fork(),
        "vonage" => vonage(),
        "rtp" => rtp(),
        "policy" => "profile = \"strict\"\nlast_four = \"hide\"\n[defaults]\nmode = \"pause\"\npad_before_ms = 100\n\
                     [kinds.pan]\nlegs = [\"customer\"]\n[[custom]]\nname = \"member_id\"\npattern = \"LLD7\"\n\
                     context = [\"member id\"]\nchecksum = \"luhn\"\n"
            .into(),
        _ => ggml(),
    }
}

/// A tenth of a second of two channels.
fn wav() -> Vec<u8> {
    let mut file =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data"
            .to_vec();
    file.extend(3_200_u32.to_le_bytes());
    file.extend((0..3_200_u32).map(|sample| (sample % 251) as u8));
    file
}

fn twilio() -> String {
    let payload = base64::prelude::BASE64_STANDARD.encode([0xd5; 160]);
    let media = |track: &str, chunk: u32| {
        let timestamp = chunk * 20;
        format!(
            r#"{{"event":"media","streamSid":"MZ1","media":{{"track":"{track}","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        )
    };
    [
        r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#.to_owned(),
        r#"{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1","tracks":["inbound","outbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#.to_owned(),
        media("inbound", 1),
        media("outbound", 1),
        r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"1"}}"#.to_owned(),
        media("inbound", 4),
        r#"{"event":"stop","streamSid":"MZ1","stop":{"callSid":"CA1"}}"#.to_owned(),
    ]
    .join("\n")
}

/// A message of bytes, as `targets::messages` reads it.
fn binary(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A text message.
fn text(line: &str) -> Vec<u8> {
    [&[128], line.as_bytes(), b"\n"].concat()
}

/// A second in which nothing comes.
const SECOND: [u8; 1] = [255];

/// A TCP connection: a UUID, audio, a key, a kind that is not known, a pause, more audio, hangup.
fn audiosocket() -> Vec<u8> {
    let audio = [&[0x10, 1, 0x40][..], &[7; 320]].concat();
    let before = [
        &[0x01, 0, 16][..],
        &[0xAB; 16],
        &audio,
        &audio,
        &[0x03, 0, 1, b'5', 0x77, 0, 2, 1, 1],
    ]
    .concat();
    let after = [&audio[..], &audio, &[0x00, 0, 0]].concat();
    let pieces = |bytes: &[u8]| bytes.chunks(110).flat_map(binary).collect::<Vec<u8>>();
    [pieces(&before), SECOND.to_vec(), pieces(&after)].concat()
}

fn chan_websocket() -> Vec<u8> {
    [
        text(
            r#"{"event":"MEDIA_START","connection_id":"conn1","channel_id":"1795307430.15","format":"slin16"}"#,
        ),
        text(r#"{"event":"DTMF_END","channel_id":"1795307430.15","digit":"5"}"#),
        binary(&[7; 120]),
        text("DTMF_END digit:5 channel_id:1795307430.15"),
        SECOND.to_vec(),
        binary(&[8; 120]),
        binary(&[9; 60]),
    ]
    .concat()
}

fn audio_fork() -> Vec<u8> {
    [
        text(r#"{"sampleRate":8000,"mixType":"stereo","callSid":"c6b1","rate":8000,"channels":2}"#),
        binary(&[7; 121]),
        text(r#"{"event":"dtmf","dtmf":"5","duration":"1600"}"#),
        binary(&[8; 123]),
        SECOND.to_vec(),
        binary(&[9; 100]),
        binary(&[]),
    ]
    .concat()
}

fn vonage() -> Vec<u8> {
    [
        text(
            r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","ticket":"T-1"}"#,
        ),
        binary(&[7; 120]),
        text(r#"{"event":"websocket:dtmf","digit":"5","duration":260}"#),
        SECOND.to_vec(),
        binary(&[9; 100]),
    ]
    .concat()
}

/// A sender's packets: mu-law with a key and a loss, a report, and after a pause G.722.
fn rtp() -> Vec<u8> {
    let packet = |payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]| {
        let header = [
            &[0x80, payload_type][..],
            &sequence.to_be_bytes(),
            &timestamp.to_be_bytes(),
            &[0, 0, 0, 7],
        ];
        binary(&[&header.concat(), payload].concat())
    };
    let mut datagrams = Vec::new();
    for index in 0..8_u16 {
        datagrams.extend(packet(
            0,
            65_533_u16.wrapping_add(index),
            u32::from(index) * 100,
            &[7; 100],
        ));
    }
    for _ in 0..2 {
        datagrams.extend(packet(101, 5, 800, &[5, 0x8A, 3, 32]));
    }
    for index in 10..14_u16 {
        datagrams.extend(packet(0, index, u32::from(index) * 100, &[9; 100]));
    }
    let report = [&[0x80, 200, 0, 6, 0, 0, 0, 7][..], &[0x55; 20]].concat();
    datagrams.extend(binary(&report));
    datagrams.extend(SECOND);
    for index in 14..20_u16 {
        datagrams.extend(packet(9, index, 8_000 + u32::from(index) * 100, &[9; 100]));
    }
    datagrams
}

/// A whisper.cpp model up to its first tensor, which is cut off.
fn ggml() -> Vec<u8> {
    const TOKENS: i32 = 50_257;
    let mut numbers: Vec<i32> = vec![
        0x6767_6d6c,
        51_864,
        1_500,
        384,
        6,
        4,
        448,
        384,
        6,
        4,
        80,
        1,
        80,
        201,
    ];
    numbers.extend([0; 80 * 201]);
    numbers.push(TOKENS);
    let mut file: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    for _ in 0..TOKENS {
        file.extend(1_i32.to_le_bytes());
        file.push(b' ');
    }
    let name = b"decoder.positional_embedding";
    for number in [2, name.len() as i32, 0, 384, 448] {
        file.extend(number.to_le_bytes());
    }
    file.extend(name);
    file.extend([0; 64]);
    file
}

/// Runs a target on its seed, on damaged seeds and on bytes at random.
fn withstands(name: &str, cases: u32) {
    let (_, target) = targets::ALL
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let seed = seed(name);
    target(&seed);
    let config = || ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    proptest!(config(), |(damages in damages())| target(&damaged(&seed, &damages)));
    proptest!(config(), |(bytes in prop::collection::vec(any::<u8>(), 0..400))| target(&bytes));
}

#[test]
fn conversations_in_text_withstand_damage() {
    withstands("detect", 400);
}

#[test]
fn sound_files_withstand_damage() {
    withstands("wav", 400);
}

#[test]
fn protocol_messages_withstand_damage() {
    withstands("twilio", 1_000);
}

#[test]
fn untimed_connections_withstand_damage() {
    for name in ["audiosocket", "chan_websocket", "audio_fork", "vonage"] {
        withstands(name, 1_000);
    }
}

#[test]
fn packets_withstand_damage() {
    withstands("rtp", 1_000);
}

#[test]
fn policies_withstand_damage() {
    withstands("policy", 400);
}

#[test]
fn speech_models_withstand_damage() {
    withstands("ggml", 100);
}

/// A connection's seed has so many messages, all of which are taken.
fn understood(mut adapter: impl hushgate::ingress::Adapter, seed: &[u8], accepted: u64) {
    for message in targets::messages(seed) {
        adapter
            .handle(message.body.incoming(), message.since, &mut Vec::new())
            .unwrap();
    }
    assert_eq!(adapter.tally().accepted, accepted);
}

/// Seeds that are refused at once would try little.
#[test]
fn seeds_are_understood() {
    use hushgate::ingress::Adapter;

    let text = String::from_utf8(seed("detect")).unwrap();
    let findings =
        hushgate::detect::text::find_in_text(&text, &hushgate::policy::Policy::default());
    assert!(findings.len() >= 3, "{findings:?}");
    let policy = String::from_utf8(seed("policy")).unwrap();
    assert!(hushgate::policy::Policy::parse(&policy, "policy.toml").is_ok());
    let mut twilio = hushgate::ingress::twilio::TwilioAdapter::new(
        hushgate::ingress::twilio::Dialect::Twilio,
        hushgate::call::Leg::Agent,
    );
    for message in self::twilio().lines() {
        twilio
            .handle(
                hushgate::ingress::Incoming::Text(message),
                Duration::ZERO,
                &mut Vec::new(),
            )
            .unwrap();
    }
    assert_eq!(twilio.tally().accepted, 7);
    let id = || hushgate::call::CallId::new("x").unwrap();
    understood(
        hushgate::ingress::audiosocket::AudioSocketAdapter::new(Default::default()),
        &audiosocket(),
        7,
    );
    understood(
        hushgate::ingress::chan_websocket::ChanWebSocketAdapter::new(Default::default()),
        &chan_websocket(),
        6,
    );
    let jambonz = hushgate::ingress::audio_fork::Settings::new(
        hushgate::ingress::audio_fork::Dialect::Jambonz,
        id(),
    );
    understood(
        hushgate::ingress::audio_fork::AudioForkAdapter::new(jambonz),
        &audio_fork(),
        6,
    );
    let vonage = hushgate::ingress::vonage::Settings {
        call_header: None,
        fallback: id(),
    };
    understood(
        hushgate::ingress::vonage::VonageAdapter::new(vonage),
        &self::vonage(),
        4,
    );
    let formats = [
        (0, hushgate::rtp::PayloadFormat::Pcmu),
        (9, hushgate::rtp::PayloadFormat::G722),
        (
            101,
            hushgate::rtp::PayloadFormat::TelephoneEvent { clock: 8_000 },
        ),
    ];
    let settings =
        hushgate::rtp::Settings::new(formats.to_vec(), hushgate::audio::SampleRate::SPEECH);
    let mut receiver = hushgate::rtp::Receiver::new(settings);
    for message in targets::messages(&rtp()) {
        let targets::Body::Binary(datagram) = message.body else {
            panic!("packets are no text");
        };
        receiver.handle_packet(message.since, datagram, &mut Vec::new());
    }
    let counters = receiver.counters();
    assert_eq!((counters.packets, counters.keys, counters.junk), (20, 1, 0));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed");
    std::fs::write(&path, wav()).unwrap();
    let mut file = hushgate::audio::wav_file::WavFile::open(&path).unwrap();
    assert_eq!(file.read_to_end().unwrap().concat().len(), 1_600);
    std::fs::write(&path, ggml()).unwrap();
    let error = hushgate::model::ggml::check(&path).unwrap_err().to_string();
    assert!(error.contains("positional_embedding"), "{error}");
}
