//! Plays a recording as a telephone platform would: a Twilio Media Streams client.
//!
//! For trying a gateway, for demonstrations and for tests. Sends `connected`, `start`, 20 ms of each
//! track in turn, and `stop`; then waits for the gateway to close.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::audio::g711::Law;
use crate::audio::wav_file::{WavFile, WavFileError};
use crate::audio::{MediaTime, SampleRate};
use crate::call::CallId;

/// Samples and bytes of mu-law in a message.
const PACKET: usize = 160;
/// What they last.
const PACKET_MILLIS: u64 = 20;
/// How long the gateway may take to close after the call was stopped.
const CLOSING: Duration = Duration::from_secs(90);
/// The silence byte of mu-law.
const SILENCE: u8 = 0xFF;

/// How fast to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// A second in a second.
    Realtime,
    /// As fast as the gateway takes it.
    Max,
}

/// A call to be played.
#[derive(Debug, Clone)]
pub struct Playback {
    /// Twilio's `callSid`.
    pub call: CallId,
    /// Twilio's `streamSid`.
    pub stream: String,
    /// The agent's track, which is `outbound`, in mu-law at 8 kHz.
    pub agent: Vec<u8>,
    /// The customer's track, which is `inbound`, in mu-law at 8 kHz.
    pub customer: Vec<u8>,
    /// How fast to play.
    pub speed: Speed,
}

/// Why a call could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The recording cannot be read.
    #[error(transparent)]
    File(#[from] WavFileError),
    /// The recording is of the wrong kind.
    #[error("{file}: {problem}")]
    Unsuitable {
        /// The recording.
        file: String,
        /// What was found and what is expected.
        problem: String,
    },
    /// The gateway does not answer, or refuses the call.
    #[error("cannot connect to {url}: {problem}")]
    Connection {
        /// The gateway's address.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The gateway ended the call early.
    #[error("the gateway ended the call after {at} s: {problem}")]
    Cut {
        /// How much had been played.
        at: MediaTime,
        /// What it said.
        problem: String,
    },
}

/// What the gateway closed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The WebSocket close code; `None` if there was no close frame in time.
    pub code: Option<u16>,
    /// The reason.
    pub reason: String,
}

impl Playback {
    /// Reads a WAV file at 8 kHz: channel 0 the agent, channel 1 the customer; one channel is the customer.
    pub fn from_file(file: &Path, call: CallId, speed: Speed) -> Result<Self, PlayError> {
        let mut wav = WavFile::open(file)?;
        if wav.rate() != SampleRate::TELEPHONE {
            return Err(PlayError::Unsuitable {
                file: file.display().to_string(),
                problem: format!(
                    "{} Hz; Twilio's streams are 8000 Hz: convert it first, for example with \
                     `sox IN -r 8000 OUT`",
                    wav.rate().hertz()
                ),
            });
        }
        let mut tracks = wav
            .read_to_end()?
            .into_iter()
            .map(|samples| Law::Mu.encode(&samples))
            .collect::<Vec<_>>();
        let customer = tracks.pop().unwrap_or_default();
        let agent = tracks.pop().unwrap_or_default();
        Ok(Self {
            stream: stream_of(&call),
            call,
            agent,
            customer,
            speed,
        })
    }

    /// The same sound as a call of its own, of which no more than `longest` is played.
    #[must_use]
    pub fn as_call(&self, call: CallId, longest: MediaTime) -> Self {
        let packets = (longest.micros() / 1_000 / PACKET_MILLIS) as usize;
        let most = packets.saturating_mul(PACKET);
        let beginning = |track: &Vec<u8>| track[..track.len().min(most)].to_vec();
        Self {
            stream: stream_of(&call),
            call,
            agent: beginning(&self.agent),
            customer: beginning(&self.customer),
            speed: self.speed,
        }
    }

    /// The length of the call.
    pub fn length(&self) -> MediaTime {
        let packets = self.packets() as u64;
        MediaTime::from_millis(packets * PACKET_MILLIS)
    }

    fn packets(&self) -> usize {
        self.agent.len().max(self.customer.len()).div_ceil(PACKET)
    }

    /// Plays the call to `ws://HOST:PORT/PATH`, telling `progress` how far it is.
    pub async fn play(
        &self,
        url: &str,
        mut progress: impl FnMut(MediaTime),
    ) -> Result<Closed, PlayError> {
        let mut socket = connect(url).await?;
        let mut played = MediaTime::ZERO;
        let messages = std::iter::once(connected())
            .chain([self.start()])
            .chain((0..self.packets()).flat_map(|index| self.packet(index)))
            .chain([self.stop()]);
        let begun = Instant::now();
        for (at, text) in messages {
            let due = match self.speed {
                Speed::Realtime => begun + Duration::from_micros(at.micros()),
                Speed::Max => begun,
            };
            send(&mut socket, due, text)
                .await
                .map_err(|problem| PlayError::Cut {
                    at: played,
                    problem,
                })?;
            if at != played {
                played = at;
                progress(played);
            }
        }
        progress(self.length());
        Ok(wait_for_close(&mut socket).await)
    }

    fn start(&self) -> (MediaTime, String) {
        let text = json!({
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": self.stream,
            "start": {
                "streamSid": self.stream,
                "accountSid": "AC00000000000000000000000000000001",
                "callSid": self.call.as_str(),
                "tracks": ["inbound", "outbound"],
                "customParameters": {},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        });
        (MediaTime::ZERO, text.to_string())
    }

    /// The messages of one packet of each track, sent when it has been spoken.
    fn packet(&self, index: usize) -> impl Iterator<Item = (MediaTime, String)> {
        let due = MediaTime::from_millis((index as u64 + 1) * PACKET_MILLIS);
        [("outbound", &self.agent), ("inbound", &self.customer)]
            .into_iter()
            .enumerate()
            .filter_map(move |(number, (track, bytes))| {
                let piece = bytes.chunks(PACKET).nth(index)?;
                let mut piece = piece.to_vec();
                piece.resize(PACKET, SILENCE);
                let text = json!({
                    "event": "media",
                    "sequenceNumber": (2 + 2 * index + number).to_string(),
                    "streamSid": self.stream,
                    "media": {
                        "track": track,
                        "chunk": (index + 1).to_string(),
                        "timestamp": (index as u64 * PACKET_MILLIS).to_string(),
                        "payload": STANDARD.encode(&piece),
                    },
                });
                Some((due, text.to_string()))
            })
    }

    fn stop(&self) -> (MediaTime, String) {
        let text = json!({
            "event": "stop",
            "sequenceNumber": (2 + 2 * self.packets()).to_string(),
            "streamSid": self.stream,
            "stop": {
                "accountSid": "AC00000000000000000000000000000001",
                "callSid": self.call.as_str(),
            },
        });
        (self.length(), text.to_string())
    }
}

/// A stream's id made of the call's and the process's, so that two calls never share it.
fn stream_of(call: &CallId) -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    format!("MZ{}-{:x}-{now:x}", call.as_str(), std::process::id())
}

fn connected() -> (MediaTime, String) {
    let text = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"});
    (MediaTime::ZERO, text.to_string())
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str) -> Result<Socket, PlayError> {
    if !url.starts_with("ws://") {
        return Err(PlayError::Connection {
            url: url.to_owned(),
            problem: "expected ws://HOST:PORT/PATH; TLS ends before the gateway".into(),
        });
    }
    match tokio_tungstenite::connect_async(url).await {
        Ok((socket, _response)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let said = String::from_utf8_lossy(body);
            Err(PlayError::Connection {
                url: url.to_owned(),
                problem: format!("{} {}", response.status(), said.trim()),
            })
        }
        Err(error) => Err(PlayError::Connection {
            url: url.to_owned(),
            problem: format!("{error}; is `hushgate serve` running there?"),
        }),
    }
}

/// Waits until a message is due, and sends it unless the gateway has closed.
async fn send(socket: &mut Socket, due: Instant, text: String) -> Result<(), String> {
    loop {
        tokio::select! {
            biased;
            message = socket.next() => match message {
                // Control frames are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or_else(
                        || "closed without a reason".to_owned(),
                        |frame| format!("{} {}", u16::from(frame.code), frame.reason),
                    ));
                }
                Some(Ok(_)) => return Err("it sent data, which breaks a one-way stream".into()),
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the connection was lost".into()),
            },
            () = sleep_until(due) => break,
        }
    }
    socket
        .send(Message::text(text))
        .await
        .map_err(|error| error.to_string())
}

async fn wait_for_close(socket: &mut Socket) -> Closed {
    let mut closed = Closed {
        code: None,
        reason: String::new(),
    };
    let reading = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                closed = Closed {
                    code: Some(frame.code.into()),
                    reason: frame.reason.to_string(),
                };
            }
        }
    };
    // A gateway that does not close in time has the whole call all the same.
    let _ = timeout(CLOSING, reading).await;
    closed
}
