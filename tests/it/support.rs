//! A gateway on port 0 with a scripted engine, clients for it, and a log that can be looked at.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt, StreamExt};
use hushgate::audio::g711::Law;
use hushgate::audio::{MediaTime, Span};
use hushgate::call::{CallId, Leg};
use hushgate::config::doors::Protocol;
use hushgate::config::{Door, Overload};
use hushgate::egress::Report;
use hushgate::engine::Outcome;
use hushgate::engine::pool::Job;
use hushgate::gateway::Transcriber;
use hushgate::gateway::player::{Playback, Speed};
use hushgate::gateway::serve::{Entrance, Limits, Server, Settings, folder};
use hushgate::policy::Policy;
use hushgate::session::Examination;
use hushgate::speech::{Transcript, Window, Word};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

/// An engine that does as it is told.
pub(crate) type Script = Arc<dyn Fn(&Window) -> Answer + Send + Sync>;

/// What a scripted engine does with a window.
pub(crate) enum Answer {
    /// Answers at once.
    Now(Outcome),
    /// Answers after this time.
    After(Duration, Outcome),
    /// Never answers.
    Never,
}

struct Scripted(Script);

/// An engine for a server that is put together by hand.
pub(crate) fn scripted(script: Script) -> Arc<dyn Transcriber> {
    Arc::new(Scripted(script))
}

impl Transcriber for Scripted {
    fn submit(&self, job: Job) {
        let id = job.window.id;
        match (self.0)(&job.window) {
            Answer::Now(outcome) => (job.reply)(id, outcome),
            Answer::After(delay, outcome) => {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    (job.reply)(id, outcome);
                });
            }
            Answer::Never => {}
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn model_sha256(&self) -> &str {
        "scripted"
    }
}

/// Hears nothing, at once.
pub(crate) fn hears_nothing() -> Script {
    Arc::new(|_| Answer::Now(Ok(Transcript::default())))
}

/// Hears a card number in every window, and a word that no log may have.
pub(crate) fn says_a_card() -> Script {
    Arc::new(|window| {
        let step = window.span.length().micros() / 8;
        let texts = "My card is 4111 1111 1111 1111. Marmalade";
        let words = texts.split(' ').zip(0..).map(|(text, index)| Word {
            text: text.to_owned().into(),
            span: Span::new(
                MediaTime::from_micros(step * index),
                MediaTime::from_micros(step * (index + 1)),
            ),
            confidence: 0.9,
        });
        Answer::Now(Ok(Transcript {
            words: words.collect(),
            unreliable: false,
            ..Transcript::default()
        }))
    })
}

/// A gateway in this process.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// Doors with sockets of their own.
    pub(crate) own: Vec<(String, SocketAddr)>,
    pub(crate) recordings: PathBuf,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: JoinHandle<()>,
    _folder: Option<tempfile::TempDir>,
}

/// The hold of test gateways.
pub(crate) const HOLD: Duration = Duration::from_secs(2);

/// Settings with short limits.
pub(crate) fn settings(recordings: &Path) -> Settings {
    Settings {
        hold: MediaTime::from_millis(HOLD.as_millis() as u64),
        policy: Arc::new(Policy::default()).into(),
        examination: Examination::Everything,
        live: hushgate::gateway::live::Live::new(),
        tls: None,
        doors: vec![Entrance::new(Door::new(Protocol::Twilio)).unwrap()],
        max_connections: 2_000,
        max_calls: 16,
        learns_capacity: false,
        longest_hold: None,
        overload: Overload::Refuse,
        tapes: folder(recordings.to_owned()),
        audit: None,
        alerts: Default::default(),
        limits: Limits {
            request_header: Duration::from_secs(2),
            start: Duration::from_secs(2),
            idle: Some(Duration::from_secs(3)),
            close: Duration::from_secs(1),
            engine: Duration::from_secs(2),
        },
    }
}

impl Gateway {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_with(script, |_| {}).await
    }

    pub(crate) async fn start_with(script: Script, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_engine(scripted(script), change).await
    }

    /// With an engine of the test's own, which is tried out if calls are admitted by what is learned.
    pub(crate) async fn start_engine(
        engine: Arc<dyn Transcriber>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        watch_log();
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join("recordings");
        let mut settings = settings(&recordings);
        change(&mut settings);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (mut server, slot) = Server::new(listener, settings, shutdown.clone());
        server.open_doors().await.unwrap();
        let own = server.own_addresses();
        let address = server.address().unwrap();
        slot.try_out_and_install(engine).await;
        // The slot lives as long as the server may ask it.
        let server = tokio::spawn(async move {
            server.run().await;
            drop(slot);
        });
        Self {
            address,
            own,
            recordings,
            shutdown,
            server,
            _folder: Some(folder),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/twilio", self.address)
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(&self.url()).await
    }

    /// The recording of a finished call: its report and its channels.
    pub(crate) async fn recording(&self, call: &str) -> (Report, Vec<Vec<i16>>) {
        recording(&self.recordings, call).await
    }
}

/// Waits for a call's report, and reads it and the recording.
pub(crate) async fn recording(folder: &Path, call: &str) -> (Report, Vec<Vec<i16>>) {
    let json = folder.join(format!("{call}.json"));
    let text = eventually(Duration::from_secs(20), || {
        std::fs::read_to_string(&json).ok()
    })
    .await;
    let report = serde_json::from_str(&text).unwrap();
    (report, channels(&folder.join(format!("{call}.wav"))))
}

/// A WAV file's channels.
pub(crate) fn channels(file: &Path) -> Vec<Vec<i16>> {
    let mut wav = hound::WavReader::open(file).unwrap();
    let count = usize::from(wav.spec().channels);
    let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    (0..count)
        .map(|channel| {
            samples
                .iter()
                .skip(channel)
                .step_by(count)
                .copied()
                .collect()
        })
        .collect()
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, asking)
        .await
        .expect("nothing came of it in time")
}

/// Mu-law of something audible that differs everywhere: a call of this many milliseconds.
pub(crate) fn sound(seed: u64, millis: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..millis * 8)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Quieter than full scale, louder than a quiet line; never the byte of negative zero.
            0x20 + (state % 0x40) as u8 + if state & (1 << 40) == 0 { 0 } else { 0x80 }
        })
        .collect()
}

pub(crate) fn call_id(name: &str) -> CallId {
    CallId::new(name).unwrap()
}

/// A call of both tracks as fast as the gateway takes it.
pub(crate) fn playback(call: &str, agent: Vec<u8>, customer: Vec<u8>) -> Playback {
    Playback {
        call: call_id(call),
        stream: format!("MZ-{call}"),
        agent,
        customer,
        speed: Speed::Max,
    }
}

/// What mu-law bytes sound like.
pub(crate) fn linear(bytes: &[u8]) -> Vec<i16> {
    Law::Mu.decode(bytes)
}

/// A WebSocket client that sends what it likes.
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self(socket)
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn start(&mut self, call: &str) {
        self.send(
            json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string(),
        )
        .await;
        self.send(start(call)).await;
    }

    /// The close code the gateway sends; `None` if the connection ends without one.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let reading = async {
            while let Some(Ok(message)) = self.0.next().await {
                match message {
                    Message::Close(frame) => return frame.map(|frame| frame.code.into()),
                    Message::Ping(_) | Message::Pong(_) => {}
                    _ => panic!("the gateway sent data"),
                }
            }
            None
        };
        tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("the gateway did not close")
    }
}

pub(crate) fn start(call: &str) -> String {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": format!("MZ-{call}"), "start": {
        "streamSid": format!("MZ-{call}"), "callSid": call, "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
    .to_string()
}

pub(crate) fn media(leg: Leg, millis: u64, bytes: &[u8]) -> String {
    let track = match leg {
        Leg::Agent => "outbound",
        Leg::Customer | Leg::Mixed => "inbound",
    };
    let payload = base64::engine::general_purpose::STANDARD.encode(bytes);
    json!({"event": "media", "media": {"track": track, "timestamp": millis.to_string(),
        "payload": payload}})
    .to_string()
}

pub(crate) fn stop() -> String {
    json!({"event": "stop"}).to_string()
}

/// What this process has logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Collects this process's log at the most talkative level.
pub(crate) fn watch_log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .init();
        log
    })
}

/// Runs of seven or more digits that are not in an id of this test's calls.
pub(crate) fn digit_runs(text: &str) -> Vec<String> {
    let runs = regex::Regex::new(r"[0-9](?:[ .,-]?[0-9]){6,}").unwrap();
    let ids =
        regex::Regex::new(r"id=\S+|pid=\S+|file=\S+|[0-9.]+:[0-9]+|[0-9-]+T[0-9:.]+Z").unwrap();
    let text = ids.replace_all(text, "");
    runs.find_iter(&text)
        .map(|run| run.as_str().to_owned())
        .collect()
}
