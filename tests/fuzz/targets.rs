//! What fuzzing calls: one function for each reader of foreign input.
//!
//! Each takes any bytes, and panics if an invariant is broken. `make fuzz` feeds them from libFuzzer;
//! `tests/it/fuzzed.rs` runs them on damaged seeds with the other tests.

use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hushgate::audio::SampleRate;
use hushgate::audio::g711::Law;
use hushgate::audio::wav_file::WavFile;
use hushgate::call::{CallId, Leg};
use hushgate::detect::Kind;
use hushgate::detect::text::{TextSearch, find_in_text};
use hushgate::ingress::audio_fork::{self, AudioForkAdapter};
use hushgate::ingress::audiosocket::{self, AudioSocketAdapter, Codec};
use hushgate::ingress::chan_websocket::{self, ChanWebSocketAdapter};
use hushgate::ingress::twilio::{Dialect, TwilioAdapter};
use hushgate::ingress::vonage::{self, VonageAdapter};
use hushgate::ingress::{Adapter, Arrival, Incoming, ProtocolError, Tally};
use hushgate::model::ggml::check;
use hushgate::policy::Policy;
use hushgate::rtp::{PayloadFormat, Port, PortSettings, Received, Settings, SourcePolicy};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const ALL: [(&str, Target); 10] = [
    ("detect", detect),
    ("wav", wav),
    ("twilio", twilio),
    ("audiosocket", audiosocket),
    ("chan_websocket", chan_websocket),
    ("audio_fork", audio_fork),
    ("vonage", vonage),
    ("rtp", rtp),
    ("policy", policy),
    ("ggml", ggml),
];

/// Conversations in text.
pub fn detect(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let policy = Policy::default();
    let findings = find_in_text(&text, &policy);
    for finding in &findings {
        let hidden = text.get(finding.start..finding.end);
        assert!(hidden.is_some_and(|hidden| !hidden.trim().is_empty()));
        assert_eq!(
            text[..finding.start].matches('\n').count() + 1,
            finding.line
        );
        let mut digits = finding.reason.split(|c: char| !c.is_ascii_digit());
        assert!(digits.all(|run| run.len() < 3), "{}", finding.reason);
        assert!((0.0..=1.0).contains(&finding.confidence));
    }
    assert!(findings.is_sorted_by_key(|finding| finding.start));

    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let mut search = TextSearch::new(&policy);
    let mut again = search.push(first);
    again.extend(search.push(second));
    again.extend(search.finish());
    assert_eq!(again, findings);
}

/// Sound files.
pub fn wav(bytes: &[u8]) {
    in_a_file(bytes, |path| {
        let Ok(mut file) = WavFile::open(path) else {
            return;
        };
        let remaining = file.remaining();
        if let Ok(legs) = file.read_to_end() {
            assert!(matches!(legs.len(), 1 | 2));
            assert!(legs.iter().all(|leg| leg.len() as u64 == remaining));
            assert!(legs.concat().len() <= bytes.len());
        }
    });
}

/// The messages of a connection, one a line.
pub fn twilio(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for dialect in [
        Dialect::Twilio,
        Dialect::SignalWire,
        Dialect::Telnyx,
        Dialect::Plivo,
    ] {
        text_messages(TwilioAdapter::new(dialect, Leg::Agent), &text);
    }
}

fn text_messages(adapter: impl Adapter, text: &str) {
    let messages: Vec<Message<'_>> = (1..)
        .zip(text.lines())
        .map(|(number, line)| Message {
            since: Duration::from_millis(20 * number),
            body: Body::Text(line.into()),
        })
        .collect();
    let tally = converse(adapter, &messages).tally;
    assert!(tally.accepted + tally.ignored + tally.malformed <= messages.len() as u64);
}

/// A message of a connection, and when it comes.
pub struct Message<'a> {
    pub since: Duration,
    pub body: Body<'a>,
}

pub enum Body<'a> {
    Text(Cow<'a, str>),
    Binary(&'a [u8]),
}

impl Body<'_> {
    pub fn incoming(&self) -> Incoming<'_> {
        match self {
            Body::Text(text) => Incoming::Text(text),
            Body::Binary(bytes) => Incoming::Binary(bytes),
        }
    }
}

/// The messages of a connection that has text and bytes. A byte below 128 is the length of bytes that
/// follow, a higher one comes before a line of text, and 255 is a second in which nothing comes.
pub fn messages(mut bytes: &[u8]) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let mut since = Duration::ZERO;
    while let Some((&length, rest)) = bytes.split_first() {
        since += Duration::from_millis(20);
        let (body, rest) = match length {
            0..128 => {
                let (now, later) = rest.split_at(usize::from(length).min(rest.len()));
                (Body::Binary(now), later)
            }
            255 => {
                since += Duration::from_secs(1);
                bytes = rest;
                continue;
            }
            _ => {
                let mut parts = rest.splitn(2, |byte| *byte == b'\n');
                let line = String::from_utf8_lossy(parts.next().unwrap_or_default());
                (Body::Text(line), parts.next().unwrap_or_default())
            }
        };
        bytes = rest;
        messages.push(Message { since, body });
    }
    messages
}

/// What came of a connection.
#[derive(Debug, PartialEq)]
struct Heard {
    tally: Tally,
    samples: Vec<(Leg, Vec<i16>)>,
    /// Whether each leg's pieces came in order.
    in_order: bool,
}

/// Whatever a peer says, a connection begins at most once, ends at most once, and gives no more audio than
/// it brought.
fn converse(mut adapter: impl Adapter, messages: &[Message<'_>]) -> Heard {
    let mut arrivals = Vec::new();
    let mut bytes = 0;
    for Message { since, body } in messages {
        bytes += match body {
            Body::Text(text) => text.len(),
            Body::Binary(binary) => binary.len(),
        };
        let answer = adapter.handle(body.incoming(), *since, &mut arrivals);
        if matches!(answer, Err(ProtocolError::Closed { .. })) {
            break;
        }
    }
    adapter.flush(&mut arrivals);
    let mut heard: Vec<(Leg, Vec<i16>)> = Vec::new();
    let mut ends: Vec<u64> = Vec::new();
    let mut in_order = true;
    for (place, arrival) in arrivals.iter().enumerate() {
        match arrival {
            Arrival::Started { legs, .. } => {
                assert_eq!(place, 0);
                heard = legs.iter().map(|leg| (*leg, Vec::new())).collect();
                ends = vec![0; legs.len()];
            }
            Arrival::Audio(frame) => {
                let samples = frame.samples.expose();
                let leg = heard.iter().position(|(leg, _)| *leg == frame.leg);
                let leg = leg.unwrap_or_else(|| panic!("audio of {}, who is not there", frame.leg));
                in_order &= frame.at.0 >= ends[leg];
                ends[leg] = frame.at.0 + samples.len() as u64;
                heard[leg].1.extend_from_slice(samples);
            }
            Arrival::KeyPressed { .. } | Arrival::Reply(_) => {}
            Arrival::Stopped => assert_eq!(place + 1, arrivals.len()),
        }
    }
    // A sample is a byte at least, and base64 is longer than what it stands for.
    let samples: usize = heard.iter().map(|(_, samples)| samples.len()).sum();
    assert!(samples <= bytes);
    Heard {
        tally: adapter.tally(),
        samples: heard,
        in_order,
    }
}

/// A connection whose audio has no time.
fn untimed(adapter: impl Adapter, messages: &[Message<'_>]) {
    assert!(converse(adapter, messages).in_order);
}

/// A TCP connection of Asterisk's, which may be cut anywhere.
pub fn audiosocket(bytes: &[u8]) {
    let leg = Leg::Mixed;
    for codec in [Codec::Linear(None), Codec::Companded(Law::Mu)] {
        let adapter = || AudioSocketAdapter::new(audiosocket::Settings { codec, leg });
        let mut pieces = messages(bytes);
        untimed(adapter(), &pieces);

        pieces.retain(|piece| matches!(piece.body, Body::Binary(_)));
        let whole: Vec<u8> = pieces
            .iter_mut()
            .flat_map(|piece| {
                piece.since = Duration::ZERO;
                match piece.body {
                    Body::Binary(bytes) => bytes,
                    Body::Text(_) => &[],
                }
            })
            .copied()
            .collect();
        let whole = Message {
            since: Duration::ZERO,
            body: Body::Binary(&whole),
        };
        assert_eq!(converse(adapter(), &pieces), converse(adapter(), &[whole]));
    }
}

/// Asterisk's WebSocket.
pub fn chan_websocket(bytes: &[u8]) {
    let settings = chan_websocket::Settings::default();
    untimed(ChanWebSocketAdapter::new(settings), &messages(bytes));
}

/// FreeSWITCH's and jambonz's WebSockets.
pub fn audio_fork(bytes: &[u8]) {
    for dialect in [
        audio_fork::Dialect::AudioFork,
        audio_fork::Dialect::Jambonz,
        audio_fork::Dialect::AudioStream,
    ] {
        let settings = audio_fork::Settings::new(dialect, fallback());
        untimed(AudioForkAdapter::new(settings), &messages(bytes));
    }
}

/// Vonage's WebSocket.
pub fn vonage(bytes: &[u8]) {
    let settings = vonage::Settings {
        call_header: Some("ticket".into()),
        fallback: fallback(),
    };
    untimed(VonageAdapter::new(settings), &messages(bytes));
}

#[expect(clippy::unwrap_used, reason = "the id is valid")]
fn fallback() -> CallId {
    CallId::new("fallback").unwrap()
}

/// One port's datagrams: bytes are packets, lines are reports.
pub fn rtp(bytes: &[u8]) {
    let formats = [
        (0, PayloadFormat::Pcmu),
        (8, PayloadFormat::Pcma),
        (9, PayloadFormat::G722),
        (13, PayloadFormat::ComfortNoise { clock: 8_000 }),
        (96, PayloadFormat::Opus),
        (101, PayloadFormat::TelephoneEvent { clock: 8_000 }),
    ];
    let settings = PortSettings {
        receiver: Settings::new(formats.to_vec(), SampleRate::SPEECH),
        sources: SourcePolicy::default(),
        their_key: None,
        our_key: None,
        ssrc: 1,
        name: "fuzzed".to_owned(),
    };
    let mut port = Port::new(settings, Duration::ZERO);
    let from = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut end = 0;
    let mut check = |out: Vec<Received>, latest: Duration| {
        for received in out {
            if let Received::Audio { at, samples } = received {
                assert!(at.0 >= end);
                end = at.0 + samples.expose().len() as u64;
                // Two seconds before it contradicts its arrival, and a packet of one.
                assert!(
                    u128::from(end) <= (latest + Duration::from_millis(3_500)).as_millis() * 16
                );
            }
        }
    };
    let mut latest = Duration::ZERO;
    for Message { since, body } in messages(bytes) {
        latest = since;
        let mut out = Vec::new();
        match body {
            Body::Binary(datagram) => {
                port.handle(since, from, &mut datagram.to_vec(), &mut out);
            }
            Body::Text(report) => {
                port.handle_report(since, from, &mut report.as_bytes().to_vec());
            }
        }
        port.poll(since, 0, &mut out);
        check(out, latest);
    }
    let mut out = Vec::new();
    port.finish(latest, &mut out);
    check(out, latest);
}

/// Policy files.
pub fn policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Policy::parse(&text, "policy.toml") {
        Ok(policy) => {
            for kind in [Kind::CVV, Kind::PIN, Kind::TRACK_DATA] {
                assert!(policy.enabled(&kind), "{kind}");
            }
            find_in_text("agent: your member id?\ncustomer: AB 1234567\n", &policy);
        }
        Err(error) => {
            assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
            assert!(!error.problem.contains('\n'));
        }
    }
}

/// Speech models.
pub fn ggml(bytes: &[u8]) {
    in_a_file(bytes, |path| {
        if let Ok(info) = check(path) {
            assert_eq!(info.bytes, bytes.len() as u64);
        }
    });
}

/// Gives a reader of files some bytes.
#[expect(clippy::unwrap_used, reason = "without a file there is nothing to try")]
fn in_a_file(bytes: &[u8], read: impl Fn(&Path)) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    read(file.path());
}
