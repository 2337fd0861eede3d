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
//!
//! **Architecture invariants:** memory is bounded by the backlog's length; only [`CleanAudio`] is taken.

mod backlog;
mod connection;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use crate::audio::{MediaTime, Span};
use crate::egress::forward::{Outgoing, Speaker, StreamFacts};
use crate::session::CleanAudio;

use backlog::Backlog;
use connection::Connection;
pub use connection::{Destination, DestinationError};

/// After so much audio the recorder is asked whether it has arrived.
const CONFIRM: MediaTime = MediaTime::from_millis(500);
/// Wait before the second attempt to connect; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long what is left may take to go out when the call is over.
const FINISH: Duration = Duration::from_secs(10);

/// Where a call goes on to, and how it is spoken there.
#[derive(Clone)]
pub struct Route {
    /// The recorder.
    pub destination: Arc<Destination>,
    /// How much audio is kept while the recorder is away.
    pub buffer: MediaTime,
    /// Makes a speaker of the recorder's protocol for each connection.
    pub speaker: SpeakerMaker,
}

/// Makes a speaker for a connection.
pub type SpeakerMaker = Arc<dyn Fn(StreamFacts) -> Box<dyn Speaker> + Send + Sync>;

/// The call's end of its forwarding.
pub(super) struct Forwarding {
    backlog: Arc<Backlog>,
    task: JoinHandle<()>,
}

impl Forwarding {
    /// Starts connecting.
    pub(super) fn start(route: Route, facts: StreamFacts) -> Self {
        let backlog = Arc::new(Backlog::new(route.buffer));
        let forwarder = Forwarder {
            route,
            facts,
            backlog: Arc::clone(&backlog),
        };
        let task = tokio::spawn(forwarder.run().in_current_span());
        Self { backlog, task }
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
        if timeout(FINISH, &mut self.task).await.is_err() {
            tracing::warn!("the recorder did not take the rest of the call in time");
            self.task.abort();
        }
        self.backlog.lose_rest();
        self.backlog.take_lost()
    }
}

/// The task that owns the connection.
struct Forwarder {
    route: Route,
    facts: StreamFacts,
    backlog: Arc<Backlog>,
}

impl Forwarder {
    async fn run(mut self) {
        let mut wait = FIRST_WAIT;
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
            let host = self.route.destination.host();
            match Connection::open(&self.route.destination).await {
                Ok(connection) => {
                    tracing::info!(host, attempt = self.facts.attempt, "forwarding the call");
                    let begun = Instant::now();
                    match self.speak(connection).await {
                        Ok(()) => return,
                        Err(error) => {
                            tracing::warn!(host, %error, "the recorder is lost; connecting again")
                        }
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
    async fn speak(&self, mut connection: Connection) -> Result<(), DestinationError> {
        let mut speaker = (self.route.speaker)(self.facts.clone());
        let mut messages = Vec::new();
        speaker.begin(&mut messages);
        connection.send(&mut messages).await?;
        let mut unconfirmed = MediaTime::ZERO;
        let mut last = None;
        loop {
            let block = tokio::select! {
                block = self.backlog.next() => block,
                number = connection.acknowledged() => {
                    self.backlog.acknowledge(number?);
                    continue;
                }
            };
            let Some((number, block)) = block else {
                break;
            };
            speaker.audio(&block, &mut messages);
            connection.send(&mut messages).await?;
            last = Some(number);
            unconfirmed = unconfirmed + backlog::span(&block).length();
            if unconfirmed >= CONFIRM {
                unconfirmed = MediaTime::ZERO;
                connection.ask_for(number).await?;
            }
        }
        speaker.end(&mut messages);
        connection.send(&mut messages).await?;
        if let Some(last) = last {
            connection.ask_for(last).await?;
            loop {
                let number = connection.acknowledged().await?;
                self.backlog.acknowledge(number);
                if number >= last {
                    break;
                }
            }
        }
        connection.close().await
    }
}
