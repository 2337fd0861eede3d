//! Recorders on real sockets that only write down what they get, and what becomes of calls with them.

use std::sync::Mutex;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::*;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::{CallId, Leg};
use crate::egress::forward::audio_fork::{Dialect, Layout};
use crate::egress::forward::audiosocket::Codec;
use crate::egress::forward::chan_websocket::Form;
use crate::ingress::authentication::message_signature::{
    ClientKey, MessageSignatures, SignatureLimits,
};
use crate::ingress::authentication::{Proof, RequestHead, Secret};

const CALL: &str = "4a82b19e-1d4f-4e1e-a0bb-4ec29a7b9b50";
/// Samples of a block: 100 ms.
const BLOCK: usize = 800;

/// What a recorder on a WebSocket got on one connection.
#[derive(Debug, Default, Clone)]
struct Taken {
    headers: Vec<(String, String)>,
    texts: Vec<Value>,
    audio: Vec<u8>,
}

/// What a recorder does when it gets its nth message.
type Answer = fn(nth: usize, connection: usize, message: &Message) -> Vec<Message>;

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Taken>>>);

impl Recorder {
    async fn listen(&self, answer: Answer) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let recorder = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let recorder = recorder.clone();
                tokio::spawn(async move { recorder.take(stream, answer).await });
            }
        });
        port
    }

    async fn take(&self, stream: TcpStream, answer: Answer) {
        let mut headers = Vec::new();
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let look = |request: &Request, mut response: Response| {
            let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
            let all = request.headers().iter();
            headers = all
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect();
            headers.push(("target".into(), request.uri().to_string()));
            if let Some(protocol) = request.headers().get("sec-websocket-protocol") {
                let own = response.headers_mut();
                own.insert("sec-websocket-protocol", protocol.clone());
            }
            Ok(response)
        };
        let mut socket: WebSocketStream<TcpStream> =
            tokio_tungstenite::accept_hdr_async(stream, look)
                .await
                .unwrap();
        let place = {
            let mut all = self.0.lock().unwrap();
            all.push(Taken {
                headers,
                ..Taken::default()
            });
            all.len() - 1
        };
        let mut nth = 0;
        while let Some(Ok(message)) = socket.next().await {
            match &message {
                Message::Text(text) => {
                    let value = serde_json::from_str(text).unwrap_or(json!(text.as_str()));
                    self.0.lock().unwrap()[place].texts.push(value);
                }
                Message::Binary(bytes) => self.0.lock().unwrap()[place].audio.extend(bytes),
                _ => continue,
            }
            for answer in answer(nth, place, &message) {
                let _ = socket.send(answer).await;
            }
            nth += 1;
        }
    }

    fn taken(&self) -> Vec<Taken> {
        self.0.lock().unwrap().clone()
    }
}

fn silent(_: usize, _: usize, _: &Message) -> Vec<Message> {
    Vec::new()
}

fn facts() -> StreamFacts {
    StreamFacts {
        call: CallId::new(CALL).unwrap(),
        stream: String::new(),
        legs: &[Leg::Agent, Leg::Customer],
        rate: SampleRate::TELEPHONE,
        encoding: Encoding::Companded(Law::Mu),
        parameters: Vec::new(),
        begins: MediaTime::ZERO,
        attempt: 0,
        recorded: None,
    }
}

/// A block of the call: what mu-law keeps, and different everywhere.
fn block(number: usize) -> CleanAudio {
    let leg = |seed: usize| {
        let bytes: Vec<u8> = (0..BLOCK)
            .map(|at| 0x80 | ((at * 7 + number * 13 + seed * 31) % 0x7F) as u8)
            .collect();
        Law::Mu.decode(&bytes)
    };
    CleanAudio::for_test(
        SampleRate::TELEPHONE,
        SampleIndex((number * BLOCK) as u64),
        vec![leg(1), leg(2)],
    )
}

fn leg(channel: usize, blocks: usize) -> Vec<i16> {
    (0..blocks)
        .flat_map(|number| block(number).channels()[channel].clone())
        .collect()
}

fn destination(url: &str) -> Destination {
    Destination::new(url, Vec::new(), || panic!("no TLS here")).unwrap()
}

fn start(destination: Destination, speaker: SpeakerMaker) -> Forwarding {
    let route = Route {
        recorder: super::Recorder::Connection {
            destination: Arc::new(destination),
            speaker,
        },
        buffer: MediaTime::from_millis(60_000),
    };
    Forwarding::start(route, MediaTime::ZERO, facts())
}

/// The messages of AudioHook's recorders: the number of each is one more than that of the one before.
fn hook(seq: u64, kind: &str, clientseq: &Value, id: &Value, parameters: Value) -> Message {
    let message = json!({"version": "2", "type": kind, "id": id, "seq": seq,
        "clientseq": clientseq, "parameters": parameters});
    Message::text(message.to_string())
}

fn parsed(message: &Message) -> Option<Value> {
    match message {
        Message::Text(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// Takes both channels, answers pings, and asks for another session in the middle of the first.
fn hook_that_reconnects(nth: usize, connection: usize, message: &Message) -> Vec<Message> {
    let Some(said) = parsed(message) else {
        let asks = connection == 0 && nth == 2;
        let id = SESSION_OF_FIRST.lock().unwrap().clone();
        return match asks {
            true => vec![hook(2, "reconnect", &json!(1), &id, json!({}))],
            false => Vec::new(),
        };
    };
    if connection == 0 && said["type"] == "open" {
        *SESSION_OF_FIRST.lock().unwrap() = said["id"].clone();
    }
    let media = json!([said["parameters"]["media"][0]]);
    let serverseq = said["serverseq"].as_u64().unwrap() + 1;
    let answer =
        |kind, parameters| vec![hook(serverseq, kind, &said["seq"], &said["id"], parameters)];
    match said["type"].as_str().unwrap() {
        "open" => answer("opened", json!({"media": media, "startPaused": false})),
        "ping" => answer("pong", json!({})),
        "close" => answer("closed", json!({})),
        _ => Vec::new(),
    }
}

static SESSION_OF_FIRST: Mutex<Value> = Mutex::new(Value::Null);

#[tokio::test]
async fn an_audiohook_recorder_gets_signed_sessions_and_every_sample() {
    let recorder = Recorder::default();
    let port = recorder.listen(hook_that_reconnects).await;
    let secret = || Some(Secret::new("not so secret").unwrap());
    let key = ApiKey::new("a-key", secret()).unwrap();
    let destination = destination(&format!("ws://127.0.0.1:{port}/hook?x=1")).with_api_key(key);
    let forwarding = start(destination, speakers::audiohook(None));
    for number in 0..40 {
        forwarding.audio(&block(number));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(forwarding.finish().await, []);

    let taken = recorder.taken();
    let [first, second] = &taken[..] else {
        panic!("{} connections", taken.len());
    };
    let mut door = MessageSignatures::new(
        vec![ClientKey::new("a-key", secret()).unwrap()],
        SignatureLimits::default(),
    );
    for taken in [first, second] {
        let headers: Vec<(&str, &[u8])> = taken
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let head = RequestHead {
            method: "GET",
            target: "/hook?x=1",
            authority: &format!("127.0.0.1:{port}"),
            headers: &headers,
        };
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        assert_eq!(door.verify(&head, now.as_secs()), Proof::Valid);
        let open = &taken.texts[0];
        assert!(headers.contains(&(
            "audiohook-session-id",
            open["id"].as_str().unwrap().as_bytes()
        )));
        for (at, text) in taken.texts.iter().enumerate() {
            assert_eq!(text["seq"], at + 1, "{text}");
        }
        assert_eq!(taken.texts.last().unwrap()["type"], "close");
    }
    assert_eq!(
        first.texts.last().unwrap()["parameters"]["reason"],
        "reconnect"
    );
    let last = second.texts.last().unwrap();
    assert_eq!(last["parameters"]["reason"], "end");
    let continued = &second.texts[0]["parameters"]["continuedSessions"][0];
    assert_eq!(continued["id"], first.texts[0]["id"]);
    // A ping, a second after it was opened.
    assert!(second.texts.iter().any(|text| text["type"] == "ping"));

    // External first; what the first session had not confirmed is said again in the second.
    let (agent, customer) = (leg(0, 40), leg(1, 40));
    let all: Vec<u8> = Law::Mu
        .encode(&customer)
        .into_iter()
        .zip(Law::Mu.encode(&agent))
        .flat_map(|(external, internal)| [external, internal])
        .collect();
    assert!(!first.audio.is_empty() && all.starts_with(&first.audio));
    assert!(all.ends_with(&second.audio));
    assert!(first.audio.len() + second.audio.len() >= all.len());
    let position = format!("PT{}S", second.audio.len() as f64 / 16_000.0);
    assert_eq!(last["position"], position);
}

/// A recorder of AudioHook that takes the customer alone, and begins paused until it is pinged.
fn hook_that_pauses(_: usize, _: usize, message: &Message) -> Vec<Message> {
    let Some(said) = parsed(message) else {
        return Vec::new();
    };
    let next = said["serverseq"].as_u64().unwrap() + 1;
    let answer = |seq, kind, parameters| hook(seq, kind, &said["seq"], &said["id"], parameters);
    let media = || json!([said["parameters"]["media"][1]]);
    match said["type"].as_str().unwrap() {
        "open" => vec![answer(
            1,
            "opened",
            json!({"media": media(), "startPaused": true}),
        )],
        // The second, which follows the first at once.
        "ping" if next == 3 => vec![answer(3, "pong", json!({})), answer(4, "resume", json!({}))],
        "ping" => vec![answer(next, "pong", json!({}))],
        "close" => vec![answer(next, "closed", json!({}))],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn what_an_audiohook_recorder_is_not_sent_is_told_as_discarded() {
    let recorder = Recorder::default();
    let port = recorder.listen(hook_that_pauses).await;
    let url = format!("ws://127.0.0.1:{port}/");
    let forwarding = start(destination(&url), speakers::audiohook(None));
    for number in 0..20 {
        forwarding.audio(&block(number));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(forwarding.finish().await, []);
    let taken = recorder.taken().remove(0);
    let find = |kind: &str| {
        let mut texts = taken.texts.iter();
        texts.find(|text| text["type"] == kind).unwrap().clone()
    };
    assert_eq!(find("paused")["position"], "PT0S");
    let resumed = find("resumed");
    let discarded = resumed["parameters"]["discarded"].as_str().unwrap();
    let seconds: f64 = discarded[2..discarded.len() - 1].parse().unwrap();
    let samples = (seconds * 8_000.0).round() as usize;
    assert!((7 * BLOCK..15 * BLOCK).contains(&samples), "{discarded}");
    // The customer alone was taken.
    assert!(taken.audio == Law::Mu.encode(&leg(1, 20)[samples..]));
}

#[tokio::test]
async fn a_recorder_that_wants_no_more_is_left_alone_and_the_loss_is_told() {
    fn declines(_: usize, _: usize, message: &Message) -> Vec<Message> {
        let Some(said) = parsed(message) else {
            return Vec::new();
        };
        let answer = |seq, kind, parameters| hook(seq, kind, &said["seq"], &said["id"], parameters);
        match said["type"].as_str().unwrap() {
            "open" => vec![
                answer(1, "opened", json!({"media": []})),
                answer(2, "disconnect", json!({"reason": "completed"})),
            ],
            // Not `closed`, as it should be.
            "close" => vec![Message::Close(None)],
            _ => Vec::new(),
        }
    }
    let recorder = Recorder::default();
    let port = recorder.listen(declines).await;
    let url = format!("ws://127.0.0.1:{port}/");
    let forwarding = start(destination(&url), speakers::audiohook(None));
    forwarding.audio(&block(0));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for number in 1..10 {
        forwarding.audio(&block(number));
    }
    let lost = forwarding.finish().await;
    assert_eq!(lost.last().unwrap().end, MediaTime::from_millis(1_000));
    assert_eq!(recorder.taken().len(), 1);
}

#[tokio::test]
async fn an_audiosocket_recorder_gets_the_calls_id_and_every_sample() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let recorder = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        // To the end of the connection.
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    let address = destination(&format!("audiosocket://127.0.0.1:{port}"));
    let speaker = speakers::audiosocket(Codec::Linear, Leg::Customer);
    let forwarding = start(address, speaker);
    // A tenth of a second is left out.
    for number in (0..5).chain(6..10) {
        forwarding.audio(&block(number));
    }
    assert_eq!(forwarding.finish().await, []);
    let bytes = recorder.await.unwrap();
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while let [kind, high, low, after @ ..] = rest {
        let (payload, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        frames.push((*kind, payload));
        rest = after;
    }
    let id = uuid::Uuid::try_parse(CALL).unwrap();
    assert_eq!(frames[0], (0x01, &id.as_bytes()[..]));
    assert!(
        frames[1..]
            .iter()
            .all(|(kind, audio)| (*kind, audio.len()) == (0x10, 320))
    );
    let audio: Vec<u8> = frames[1..]
        .iter()
        .flat_map(|(_, audio)| audio.to_vec())
        .collect();
    let mut expected = leg(1, 10);
    expected[5 * BLOCK..6 * BLOCK].fill(0);
    assert_eq!(Encoding::LinearLittle.decode(&audio), expected);
}

#[tokio::test]
async fn an_audiosocket_recorder_is_connected_again_when_cut_and_not_when_it_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1_000];
            stream.read_exact(&mut buffer).await.unwrap();
            let nth = {
                let mut count = counted.lock().unwrap();
                *count += 1;
                *count
            };
            if nth == 2 {
                stream.write_all(&[0x00, 0x00, 0x00]).await.unwrap();
                while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
            }
        }
    });
    let address = destination(&format!("tcp://127.0.0.1:{port}"));
    let forwarding = start(address, speakers::audiosocket(Codec::Linear, Leg::Mixed));
    for number in 0..30 {
        forwarding.audio(&block(number));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lost = forwarding.finish().await;
    assert_eq!(lost.last().unwrap().end, MediaTime::from_millis(3_000));
    assert_eq!(*count.lock().unwrap(), 2);
}

#[tokio::test]
async fn recorders_of_raw_audio_get_their_subprotocol_and_every_sample() {
    let (agent, customer) = (leg(0, 10), leg(1, 10));
    let stereo: Vec<i16> = customer
        .iter()
        .zip(&agent)
        .flat_map(|(&customer, &agent)| [customer, agent])
        .collect();
    let layout = Layout::Apart(Leg::Customer);
    for (speaker, subprotocol, expected) in [
        (
            speakers::chan_websocket(Form::Plain, Leg::Agent),
            Some("media"),
            Law::Mu.encode(&agent),
        ),
        (
            speakers::audio_fork(Dialect::Jambonz, layout),
            Some("audio.jambonz.org"),
            Encoding::LinearLittle.encode(&stereo),
        ),
        (
            speakers::vonage(Leg::Customer),
            None,
            Encoding::LinearLittle.encode(&customer),
        ),
    ] {
        let recorder = Recorder::default();
        let port = recorder.listen(silent).await;
        let forwarding = start(destination(&format!("ws://127.0.0.1:{port}/")), speaker);
        for number in 0..10 {
            forwarding.audio(&block(number));
        }
        assert_eq!(forwarding.finish().await, []);
        let taken = recorder.taken().remove(0);
        let mut headers = taken.headers.iter();
        let offered = headers.find(|(name, _)| name == "sec-websocket-protocol");
        assert_eq!(offered.map(|(_, value)| value.as_str()), subprotocol);
        assert_eq!(taken.texts.len(), 1);
        assert!(taken.audio == expected);
    }
}

#[tokio::test]
async fn a_call_that_the_protocol_cannot_carry_is_told_as_lost() {
    let address = destination("ws://127.0.0.1:9/");
    let route = Route {
        recorder: super::Recorder::Connection {
            destination: Arc::new(address),
            speaker: speakers::audiohook(None),
        },
        buffer: MediaTime::from_millis(60_000),
    };
    let wide = SampleRate::new(16_000).unwrap();
    let forwarding = Forwarding::start(
        route,
        MediaTime::ZERO,
        StreamFacts {
            rate: wide,
            ..facts()
        },
    );
    let channels = vec![vec![0; 16_000]; 2];
    forwarding.audio(&CleanAudio::for_test(wide, SampleIndex(0), channels));
    let lost = forwarding.finish().await;
    assert_eq!(
        lost,
        [Span::new(MediaTime::ZERO, MediaTime::from_millis(1_000))]
    );
}

#[test]
fn what_waits_for_a_whole_packet_is_not_asked_for() {
    let mut progress = Progress::default();
    let said: Vec<_> = [0, 0, 0, 0, 10, 0, 0, 0, 0, BLOCK]
        .iter()
        .enumerate()
        .map(|(number, &waiting)| progress.said(number as u64, &block(number), waiting))
        .collect();
    // Every half second.
    assert_eq!(said[4], Some(3));
    assert_eq!(said[9], Some(8));
    assert_eq!(said.iter().flatten().count(), 2);
}
