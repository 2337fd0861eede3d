//! A call whose legs come as RTP: a pair of ports and a task for each stream, whatever told of it.
//!
//! The streams' timelines all begin when the call does, so that legs are aligned by when their audio came.
//! Knows neither SIP nor HTTP.

mod ports;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

use super::Shared;
use super::live::{CannotBegin, Live, NewCall};
use crate::call::Leg;
use crate::gateway::call::Input;
use crate::rtp::srtp::{MasterKey, Suite};
use crate::rtp::{Counters, PayloadFormat, Refused};

pub(super) use ports::{Pair, Ports};
use stream::{Command, StreamTask};

/// How long before its first description a call begins: the sound of a packet was spoken before it came.
const LEAD: Duration = Duration::from_millis(100);

/// What the signalling says of a stream.
pub(super) struct Described {
    /// What payload types stand for.
    pub(super) formats: Vec<(u8, PayloadFormat)>,
    /// Where its audio may come from; `None` means from anywhere, the first sender alone.
    pub(super) addresses: Option<Vec<IpAddr>>,
    /// Where reports are wanted; `None` is beside where the audio comes from.
    pub(super) reports: Option<SocketAddr>,
    /// What the sender encrypts with; `None` for plain RTP.
    pub(super) their_key: Option<(Suite, MasterKey)>,
}

/// A stream that is about to be heard.
pub(super) struct NewStream {
    pub(super) leg: Leg,
    pub(super) pair: Pair,
    pub(super) described: Described,
    /// What our reports are encrypted with.
    pub(super) our_key: Option<(Suite, MasterKey)>,
}

/// A call under way.
pub(super) struct RtpCall {
    live: Live,
    streams: Vec<Running>,
    begun: Instant,
    /// Milliseconds of the call at which audio last came.
    heard: Arc<AtomicU64>,
}

struct Running {
    commands: mpsc::Sender<Command>,
    task: JoinHandle<(Counters, Refused)>,
}

impl RtpCall {
    /// Begins a call and listens to its streams.
    pub(super) fn begin(
        shared: &Arc<Shared>,
        new: NewCall<'_>,
        streams: Vec<NewStream>,
    ) -> Result<Self, CannotBegin> {
        let rate = new.rate;
        let live = shared.begin_call(new)?;
        let now = Instant::now();
        let begun = now.checked_sub(LEAD).unwrap_or(now);
        let heard = Arc::new(AtomicU64::new(0));
        let streams = streams
            .into_iter()
            .map(|new| {
                // A description seldom changes; who sends it does not wait for the stream.
                let (commands, queue) = mpsc::channel(4);
                let task = StreamTask::new(
                    new,
                    rate,
                    begun,
                    live.inputs().clone(),
                    queue,
                    Arc::clone(&heard),
                );
                let task = tokio::spawn(task.run().instrument(live.span().clone()));
                Running { commands, task }
            })
            .collect();
        Ok(Self {
            live,
            streams,
            begun,
            heard,
        })
    }

    /// The signalling says something else of a stream.
    pub(super) async fn describe(&self, stream: usize, described: Described) {
        // What follows a hold is not late by its length.
        let now = self.begun.elapsed().as_millis() as u64;
        self.heard.fetch_max(now, Ordering::Relaxed);
        if let Some(running) = self.streams.get(stream) {
            // A stream whose task has ended hears nothing any more.
            let _ = running.commands.send(Command::Describe(described)).await;
        }
    }

    /// How long no stream has had audio.
    pub(super) fn silent_for(&self) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(heard)
    }

    /// A key was pressed on one leg or the other, about now.
    pub(super) async fn key_pressed(&self) {
        let key = Input::Key {
            leg: Leg::Mixed,
            at: None,
        };
        // A call that is over has no keys.
        let _ = self.live.take(key).await;
    }

    /// Waits until the call no longer listens.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        let inputs = self.live.inputs().clone();
        async move { inputs.closed().await }
    }

    /// Ends the call after what has arrived, with a reason if it did not end by itself, and waits until its
    /// recording is complete.
    pub(super) async fn end(self, reason: Option<String>) {
        let Self { live, streams, .. } = self;
        let span = live.span().clone();
        for Running { commands, task } in streams {
            drop(commands);
            match task.await {
                Ok((counters, refused)) => span.in_scope(|| tell(&counters, refused)),
                Err(_) => span.in_scope(|| tracing::error!("a stream's task failed")),
            }
        }
        live.hang_up(reason).await;
    }
}

fn tell(counters: &Counters, refused: Refused) {
    let Counters {
        packets,
        lost,
        late,
        duplicate,
        reordered,
        junk,
        unknown_payload,
        undecodable,
        sources,
        ..
    } = *counters;
    tracing::info!(
        packets,
        lost,
        late,
        duplicate,
        reordered,
        junk,
        unknown_payload,
        undecodable,
        sources,
        strangers = refused.senders,
        wrong_tags = refused.tags,
        "a stream ended"
    );
}

/// Where a peer is told to send, for a pair that listens on `address`.
pub(super) fn reached_at(
    address: SocketAddr,
    advertise: Option<IpAddr>,
    asked_at: IpAddr,
) -> SocketAddr {
    let ip = advertise.unwrap_or(if address.ip().is_unspecified() {
        asked_at
    } else {
        address.ip()
    });
    SocketAddr::new(ip, address.port())
}
