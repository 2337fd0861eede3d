//! Front doors: what platforms say on a connection.

use std::borrow::Cow;
use std::time::Duration;

use hushgate::audio::g711::Law;
use hushgate::call::{CallId, Leg};
use hushgate::ingress::audio_fork::{self, AudioForkAdapter};
use hushgate::ingress::audiohook::{AudioHookAdapter, AudioHookHandshake};
use hushgate::ingress::audiosocket::{self, AudioSocketAdapter, Codec};
use hushgate::ingress::chan_websocket::{self, ChanWebSocketAdapter};
use hushgate::ingress::twilio::{Dialect, TwilioAdapter};
use hushgate::ingress::vonage::{self, VonageAdapter};
use hushgate::ingress::{Adapter, Arrival, Incoming, ProtocolError, Tally};

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
    converse(adapter, &messages).is_tallied(&messages);
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

    pub fn len(&self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Binary(bytes) => bytes.len(),
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
    /// What was said to the peer.
    said: Vec<String>,
}

impl Heard {
    /// No message counts twice.
    fn is_tallied(&self, messages: &[Message<'_>]) {
        let Tally {
            accepted,
            ignored,
            malformed,
            ..
        } = self.tally;
        assert!(accepted + ignored + malformed <= messages.len() as u64);
    }
}

/// Whatever a peer says, a connection begins at most once, ends at most once, and gives no more audio than
/// it brought. Where a protocol has words for that, the peer is told that the gateway closes, and is heard
/// until it answers, as the server does.
fn converse(mut adapter: impl Adapter, messages: &[Message<'_>]) -> Heard {
    let mut arrivals = Vec::new();
    let mut said = Vec::new();
    let mut bytes = 0;
    let mut leaving = false;
    for Message { since, body } in messages {
        if leaving && matches!(body, Body::Binary(_)) {
            continue;
        }
        bytes += body.len();
        let before = arrivals.len();
        let answer = adapter.handle(body.incoming(), *since, &mut arrivals);
        said.extend(replies(&mut arrivals, before));
        if let Err(ProtocolError::Closed { problem, .. }) = answer {
            let farewell = adapter.farewell(problem).filter(|_| !leaving);
            if farewell.is_none() {
                break;
            }
            said.extend(farewell);
            leaving = true;
        }
    }
    let before = arrivals.len();
    adapter.flush(&mut arrivals);
    said.extend(replies(&mut arrivals, before));

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
            Arrival::KeyPressed { .. } => {}
            Arrival::Reply(_) => unreachable!("replies were taken out"),
            Arrival::Stopped => assert_eq!(place + 1, arrivals.len()),
        }
    }
    // A sample is a byte at least, and base64 is longer than what it stands for.
    let samples: usize = heard.iter().map(|(_, samples)| samples.len()).sum();
    assert!(samples <= bytes);
    // One answer to each message, and a farewell.
    assert!(said.len() <= messages.len() + 1);
    Heard {
        tally: adapter.tally(),
        samples: heard,
        in_order,
        said,
    }
}

/// Takes out what is to be said of what arrived last.
fn replies(arrivals: &mut Vec<Arrival>, from: usize) -> Vec<String> {
    let mut said = Vec::new();
    for arrival in arrivals.split_off(from) {
        match arrival {
            Arrival::Reply(text) => said.push(text),
            other => arrivals.push(other),
        }
    }
    said
}

/// A connection whose audio has no time.
fn untimed(adapter: impl Adapter, messages: &[Message<'_>]) -> Heard {
    let heard = converse(adapter, messages);
    assert!(heard.in_order);
    heard
}

/// The session of seeds.
pub const SESSION: &str = "3b9e0405-3c1d-4b34-b4a9-8b1bd7a7b8a7";
/// The organization of seeds.
pub const ORGANIZATION: &str = "3698738a-bd67-4b79-8faa-7c4a5bf92cbb";

/// Genesys AudioHook.
pub fn audiohook(bytes: &[u8]) {
    let messages = messages(bytes);
    for paused in [false, true] {
        #[expect(clippy::unwrap_used, reason = "the ids are valid")]
        let mut adapter =
            AudioHookAdapter::new(AudioHookHandshake::new(ORGANIZATION, SESSION).unwrap());
        if paused {
            assert!(adapter.pause().is_none());
        }
        let heard = untimed(adapter, &messages);
        heard.is_tallied(&messages);
        reads_as_audiohook(&heard.said);
    }
}

/// Every message has the next number, what was read is not forgotten, and nothing is said after the end.
#[expect(clippy::unwrap_used, reason = "what the gateway says is JSON")]
fn reads_as_audiohook(said: &[String]) {
    let mut read = 0;
    let mut parted = Vec::new();
    for (number, text) in (1_u64..).zip(said) {
        let message: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(message["version"], "2");
        assert_eq!(message["id"], SESSION);
        assert_eq!(message["seq"], number);
        let now = message["clientseq"].as_u64().unwrap();
        assert!(now >= read, "{text}");
        read = now;
        let kind = message["type"].as_str().unwrap();
        match kind {
            "opened" | "pong" | "updated" => assert!(parted.is_empty(), "{kind} after {parted:?}"),
            "disconnect" | "closed" => {
                assert!(!parted.contains(&kind.to_owned()), "{kind} twice");
                assert!(!parted.contains(&"closed".to_owned()));
                parted.push(kind.to_owned());
            }
            _ => panic!("{kind} is not what a server says here"),
        }
    }
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
