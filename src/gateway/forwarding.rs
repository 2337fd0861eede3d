//! Takes a call's clean audio on to a recorder that speaks a telephony protocol itself.
//!
//! ```text
//! call's task --CleanAudio--> Backlog --> [forwarding task: Speaker] --> recorder
//! ```
//!
//! The call's task only ever puts into the backlog. While the recorder is away or slow the backlog keeps what
//! is newest, up to a set length of audio; what falls out is lost, and said so in an event. A lost connection
//! is opened again, as a new stream that says where it begins: with the first audio that the recorder had not
//! confirmed (a pong follows what came before it: RFC 6455, 5.5.3), so that a cut repeats rather than loses.
//! Over TCP nothing is confirmed, and what was written when the connection is cut may be lost unnoticed. A recorder
//! that is invited by SIP is spoken to in `siprec`.
//!
//! **Architecture invariants:** memory is bounded by the backlog's length; only [`CleanAudio`] is taken.

mod backlog;
mod connection;
mod destination;
mod siprec;
pub mod speakers;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::audio::{MediaTime, Span};
use crate::egress::forward::{Heard, Outgoing, Parting, Speaker, Standing, StreamFacts};
use crate::session::CleanAudio;

use backlog::Backlog;
use connection::{Connection, Incoming};
pub use destination::{ApiKey, Destination, DestinationError};
pub use siprec::SessionRecorder;

/// After so much audio the recorder is asked whether it has arrived.
const CONFIRM: MediaTime = MediaTime::from_millis(500);
/// Wait before the second attempt to connect; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long what is left may take to go out when the call is over: longer than AudioHook's recorders may take
/// to answer `close`.
const FINISH: Duration = Duration::from_secs(15);
/// For a session that is given up to be ended in SIP's words.
const LEAVE: Duration = Duration::from_secs(5);
/// Streams of a call that were cut and are told to the recorder at most.
const LONGEST_PAST: usize = 32;

/// Where a call goes on to, and how it is spoken there.
#[derive(Clone)]
pub struct Route {
    /// The recorder.
    pub recorder: Recorder,
    /// How much audio is kept while the recorder is away.
    pub buffer: MediaTime,
}

/// A recorder, and how it is spoken to.
#[derive(Clone)]
pub enum Recorder {
    /// Over one connection.
    Connection {
        /// Where it is.
        destination: Arc<Destination>,
        /// Makes a speaker of its protocol for each connection.
        speaker: SpeakerMaker,
    },
    /// By recording sessions: SIP and RTP.
    Session(Arc<SessionRecorder>),
}

/// Makes a speaker for a connection.
pub type SpeakerMaker = Arc<dyn Fn(StreamFacts) -> Box<dyn Speaker> + Send + Sync>;

/// The call's end of its forwarding.
pub(super) struct Forwarding {
    backlog: Arc<Backlog>,
    task: JoinHandle<()>,
    leave: CancellationToken,
    /// Whether audio goes out as fast as it was spoken and no faster.
    is_paced: bool,
}

impl Forwarding {
    /// Starts connecting. `hold`: how much comes at once when the call ends.
    pub(super) fn start(route: Route, hold: MediaTime, facts: StreamFacts) -> Self {
        let is_paced = matches!(route.recorder, Recorder::Session(_));
        let room = if is_paced { hold } else { MediaTime::ZERO };
        let backlog = Arc::new(Backlog::new(route.buffer + room));
        let leave = CancellationToken::new();
        let task = match route.recorder {
            Recorder::Connection {
                destination,
                speaker,
            } => {
                let forwarder = Forwarder {
                    destination,
                    speaker,
                    facts,
                    backlog: Arc::clone(&backlog),
                };
                tokio::spawn(forwarder.run().in_current_span())
            }
            Recorder::Session(recorder) => {
                let (backlog, leave) = (Arc::clone(&backlog), leave.clone());
                let forwarding = siprec::forward(recorder, facts, backlog, leave);
                tokio::spawn(forwarding.in_current_span())
            }
        };
        Self {
            backlog,
            task,
            leave,
            is_paced,
        }
    }

    /// Hands over audio.
    pub(super) fn audio(&self, audio: &CleanAudio) {
        self.backlog.put(audio.clone());
    }

    /// What was lost since the last time this was asked.
    pub(super) fn lost(&self) -> Vec<Span> {
        self.backlog.take_lost()
    }

    /// Lets what is left go out, and returns what was lost in the end.
    pub(super) async fn finish(mut self) -> Vec<Span> {
        self.backlog.end();
        let ended = Instant::now();
        let longest = FINISH * 2 + Duration::from_micros(self.backlog.limit().micros());
        loop {
            let pieces = self.backlog.pieces();
            if timeout(FINISH, &mut self.task).await.is_ok() {
                break;
            }
            let goes_on = self.is_paced && self.backlog.pieces() > pieces;
            if goes_on && ended.elapsed() < longest {
                continue;
            }
            tracing::warn!("the recorder did not take the rest of the call in time");
            self.leave.cancel();
            if !self.is_paced || timeout(LEAVE, &mut self.task).await.is_err() {
                self.task.abort();
            }
            break;
        }
        self.backlog.lose_rest();
        self.backlog.take_lost()
    }
}

/// The task that owns the connection.
struct Forwarder {
    destination: Arc<Destination>,
    speaker: SpeakerMaker,
    facts: StreamFacts,
    backlog: Arc<Backlog>,
}

/// How a connection came to its end.
enum Outcome {
    /// The call is over, and the recorder has all of it.
    Complete,
    /// The recorder wants no more of the call.
    Declined,
}

impl Forwarder {
    async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        let mut past = Vec::new();
        loop {
            // Nothing is begun before there is something to say: the stream begins where its audio does.
            let Some(begins) = self.backlog.rewind().await else {
                return;
            };
            self.facts.begins = if self.facts.attempt == 0 {
                MediaTime::ZERO
            } else {
                begins
            };
            let host = self.destination.host();
            let mut speaker = (self.speaker)(self.facts.clone());
            speaker.follows(&past);
            let mut messages = Vec::new();
            if let Err(error) = speaker.begin(&mut messages) {
                tracing::error!(host, %error, "the call cannot be forwarded");
                return;
            }
            match Connection::open(&self.destination, &speaker.handshake()).await {
                Ok(connection) => {
                    tracing::info!(host, attempt = self.facts.attempt, "forwarding the call");
                    let begun = Instant::now();
                    match self.speak(connection, &mut *speaker, messages).await {
                        Ok(Outcome::Complete) => return,
                        Ok(Outcome::Declined) => {
                            tracing::warn!(host, "the recorder wants no more of the call");
                            return;
                        }
                        Err(error) => {
                            tracing::warn!(host, %error, "the recorder is lost; connecting again")
                        }
                    }
                    if past.len() < LONGEST_PAST {
                        past.extend(speaker.past());
                    }
                    self.facts.attempt += 1;
                    if begun.elapsed() > LONGEST_WAIT {
                        wait = FIRST_WAIT;
                    }
                }
                Err(error) => {
                    tracing::warn!(host, %error, "the recorder cannot be reached; trying again")
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Speaks on one connection until the call is over.
    async fn speak(
        &self,
        mut connection: Connection,
        speaker: &mut dyn Speaker,
        mut messages: Vec<Outgoing>,
    ) -> Result<Outcome, DestinationError> {
        let begun = Instant::now();
        connection.send(&mut messages).await?;
        let mut progress = Progress::default();
        loop {
            match speaker.standing() {
                Standing::Over(Parting::Again) => {
                    connection.close().await;
                    return Err(DestinationError::Lost("the stream was broken off"));
                }
                Standing::Over(parting) => {
                    if parting == Parting::Confirmed
                        && let Some(last) = progress.last
                    {
                        self.backlog.acknowledge(last);
                    }
                    connection.close().await;
                    return Ok(match parting {
                        Parting::Declined => Outcome::Declined,
                        Parting::Confirmed | Parting::Again => Outcome::Complete,
                    });
                }
                Standing::Ready if progress.is_complete() => {
                    connection.close().await;
                    return Ok(Outcome::Complete);
                }
                Standing::Opening | Standing::Ready | Standing::Leaving(_) => {}
            }
            let due = speaker.due().map(|due| begun + due);
            let takes_audio = speaker.standing() == Standing::Ready && !progress.is_over;
            tokio::select! {
                block = self.backlog.next(), if takes_audio => match block {
                    Some((number, block)) => {
                        while speaker.fill(&block, &mut messages) {
                            connection.send(&mut messages).await?;
                        }
                        speaker.audio(&block, &mut messages);
                        connection.send(&mut messages).await?;
                        if let Some(number) = progress.said(number, &block, speaker.waiting()) {
                            connection.ask_for(number).await?;
                        }
                    }
                    None => {
                        speaker.end(&mut messages);
                        connection.send(&mut messages).await?;
                        progress.is_over = true;
                        if let Some(last) = progress.last {
                            connection.ask_for(last).await?;
                        }
                    }
                },
                incoming = connection.next() => match incoming {
                    // It may have gone without another word.
                    Err(_) if speaker.standing() == Standing::Leaving(Parting::Declined) => {
                        return Ok(Outcome::Declined);
                    }
                    Err(error) => return Err(error),
                    Ok(Incoming::Confirmed(number)) => {
                        self.backlog.acknowledge(number);
                        progress.confirmed = Some(number);
                    }
                    Ok(Incoming::Text(text)) => {
                        speaker.hear(Heard::Text(&text), begun.elapsed(), &mut messages);
                    }
                    Ok(Incoming::Binary(bytes)) => {
                        speaker.hear(Heard::Binary(&bytes), begun.elapsed(), &mut messages);
                    }
                },
                () = sleep_until(due.unwrap_or(begun)), if due.is_some() => {
                    speaker.idle(begun.elapsed(), &mut messages);
                }
            }
            connection.send(&mut messages).await?;
        }
    }
}

/// How much of the call one connection has taken.
#[derive(Debug, Default)]
struct Progress {
    /// The last block that was given to the speaker.
    last: Option<u64>,
    /// The last block of which nothing waits there.
    sent: Option<u64>,
    confirmed: Option<u64>,
    /// What was said since the recorder was last asked.
    unasked: MediaTime,
    /// The stream was ended.
    is_over: bool,
}

impl Progress {
    /// Takes note of a block of which, and of those before it, so many samples wait in the speaker. Tells up
    /// to which block the recorder is to be asked, if it is time.
    fn said(&mut self, number: u64, block: &CleanAudio, waiting: usize) -> Option<u64> {
        self.last = Some(number);
        if waiting == 0 {
            self.sent = Some(number);
        } else if waiting <= block.len() {
            self.sent = number.checked_sub(1);
        }
        self.unasked = self.unasked + backlog::span(block).length();
        if self.unasked < CONFIRM {
            return None;
        }
        self.unasked = MediaTime::ZERO;
        self.sent
    }

    /// Whether the stream was ended and the recorder has all of it.
    fn is_complete(&self) -> bool {
        self.is_over && self.confirmed >= self.last
    }
}

#[cfg(test)]
mod tests;
