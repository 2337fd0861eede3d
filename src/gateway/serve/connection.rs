//! One call's connection: reads messages, hands what they mean to the call's task, and closes.
//!
//! Nothing is sent but control frames and what the protocol's adapter answers: Twilio fails a one-way stream
//! that gets more. Bad messages are counted, and told in one line when the connection ends.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Shared;
use super::live::{CannotBegin, Live, NewCall};
use super::wire::{Received, Wire};
use crate::audio::{MediaTime, SampleRate};
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};
use crate::egress::forward::StreamFacts;
use crate::gateway::alarm::Alarm;
use crate::gateway::call::{Input, Transcriber};
use crate::gateway::control::Controller;
use crate::gateway::forwarding::Route;
use crate::ingress::{Adapter, Arrival, Incoming, ProtocolError};

/// After so long without a message the adapter is asked for what it held back.
const QUIET: Duration = Duration::from_millis(250);

/// RFC 6455, 7.4.1 and the registry of close codes.
mod code {
    pub(super) const NORMAL: u16 = 1000;
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const TOO_BIG: u16 = 1009;
    pub(super) const INTERNAL: u16 = 1011;
    pub(super) const TRY_AGAIN: u16 = 1013;
}

/// How a connection ends.
#[derive(Debug)]
struct End {
    /// Close code to send; `None` if the connection is gone.
    close: Option<u16>,
    /// Why, for the close frame and the log.
    why: &'static str,
    /// Whether the call ended as calls end.
    normal: bool,
}

impl End {
    fn normal(why: &'static str) -> Self {
        Self {
            close: Some(code::NORMAL),
            why,
            normal: true,
        }
    }

    fn abnormal(close: impl Into<Option<u16>>, why: &'static str) -> Self {
        Self {
            close: close.into(),
            why,
            normal: false,
        }
    }

    /// Why the call did not end by itself, if so.
    fn reason(&self) -> Option<String> {
        (!self.normal).then(|| self.why.to_owned())
    }
}

/// A connection that a door let in.
pub(super) struct Entering {
    pub(super) peer: SocketAddr,
    /// The door's name.
    pub(super) door: String,
    pub(super) adapter: Box<dyn Adapter>,
    /// What is so of calls that do not say otherwise.
    pub(super) usual: Particulars,
    /// Where its call goes on to.
    pub(super) route: Option<Route>,
    /// Pauses its recorder elsewhere.
    pub(super) control: Option<Controller>,
    /// How long it may say nothing.
    pub(super) idle: Duration,
}

pub(super) async fn run(
    shared: Arc<Shared>,
    entering: Entering,
    engine: Arc<dyn Transcriber>,
    wire: Wire,
) {
    let Entering {
        peer,
        door,
        adapter,
        usual,
        route,
        control,
        idle,
    } = entering;
    let mut reader = Reader {
        shared,
        engine,
        door,
        adapter,
        usual,
        route,
        control,
        idle,
        wire,
        begun: Instant::now(),
        live: None,
    };
    let end = reader.read().await;
    if !end.normal {
        let limit = reader.shared.settings.limits.close;
        // A peer that does not take its leave is cut off.
        let _ = timeout(limit, reader.take_leave(end.why)).await;
    }
    reader.flush().await;
    let Reader {
        mut wire,
        live,
        adapter,
        shared,
        ..
    } = reader;

    let span = live.as_ref().map_or_else(
        || tracing::info_span!("connection", %peer),
        |live| live.span().clone(),
    );
    let tally = adapter.tally();
    span.in_scope(|| {
        let (why, close) = (end.why, end.close);
        let (malformed, ignored, repeated) =
            (tally.malformed, tally.ignored, tally.repeated_samples);
        if end.normal && malformed == 0 {
            tracing::info!(why, ignored, repeated, "the stream ended");
        } else {
            tracing::warn!(
                why,
                close,
                malformed,
                ignored,
                repeated,
                "the stream ended badly"
            );
        }
    });

    match live {
        None => {
            if end.normal {
                // The peer said that it is done, and closes.
                let _ = timeout(shared.settings.limits.close, wire.until_closed()).await;
            }
            close(wire, &end, &shared).await;
        }
        Some(live) if end.normal => {
            let call = live.hang_up(end.reason());
            let mut call = std::pin::pin!(call);
            // The peer that stopped the call closes; if it does not, the recording's completion or the
            // limit does.
            let complete = tokio::select! {
                () = &mut call => true,
                () = wire.until_closed() => false,
                () = tokio::time::sleep(shared.settings.limits.close) => false,
            };
            close(wire, &end, &shared).await;
            if !complete {
                call.await;
            }
        }
        Some(live) => {
            close(wire, &end, &shared).await;
            live.hang_up(end.reason()).await;
        }
    }
}

/// Closes the connection, or answers the peer's closing, and lets go of it: the recording may take longer.
async fn close(mut wire: Wire, end: &End, shared: &Shared) {
    let closing = async {
        if let Some(code) = end.close
            && !wire.say_close(code, end.why).await
        {
            return;
        }
        wire.until_closed().await;
    };
    // A peer that does not answer is cut off.
    let _ = timeout(shared.settings.limits.close, closing).await;
}

struct Reader {
    shared: Arc<Shared>,
    engine: Arc<dyn Transcriber>,
    door: String,
    adapter: Box<dyn Adapter>,
    usual: Particulars,
    route: Option<Route>,
    control: Option<Controller>,
    idle: Duration,
    wire: Wire,
    begun: Instant,
    live: Option<Live>,
}

impl Reader {
    /// Reads until the call is over, one way or another.
    async fn read(&mut self) -> End {
        let start_by = Instant::now() + self.shared.settings.limits.start;
        let shutdown = self.shared.shutdown.clone();
        let mut shutting_down = pin!(shutdown.cancelled());
        let mut alarm = Alarm::new();
        let mut arrivals = Vec::new();
        let mut flushed = false;
        let mut silent_since = Instant::now();
        loop {
            let (by, impatience) = match self.live {
                None if !self.adapter.stays_without_call() => {
                    (start_by, "no start message in time")
                }
                _ => (silent_since + self.idle, "no message in time"),
            };
            if by <= silent_since {
                // However much it says meanwhile.
                return End::abnormal(code::POLICY, impatience);
            }
            let quiet = (self.live.is_some() && !flushed).then(|| silent_since + QUIET);
            let next = quiet.map_or(by, |quiet| quiet.min(by));
            let message = tokio::select! {
                biased;
                message = self.wire.receive() => message,
                () = shutting_down.as_mut() => {
                    return End::abnormal(code::GOING_AWAY, "the gateway is shutting down");
                }
                () = call_over(&self.live) => {
                    return End::abnormal(code::INTERNAL, "the call cannot go on");
                }
                () = alarm.at(next) => {
                    if next == by {
                        return End::abnormal(code::POLICY, impatience);
                    }
                    flushed = true;
                    self.adapter.flush(&mut arrivals);
                    for arrival in arrivals.drain(..) {
                        if let Some(end) = self.take(arrival).await {
                            return end;
                        }
                    }
                    continue;
                }
            };
            flushed = false;
            silent_since = Instant::now();
            let message = match message {
                None => return End::abnormal(None, "the connection was closed without stop"),
                Some(Err(error)) => return broken(&error),
                Some(Ok(message)) => message,
            };
            let since = self.begun.elapsed();
            let outcome = match message {
                Received::Text(text) => {
                    self.adapter
                        .handle(Incoming::Text(&text), since, &mut arrivals)
                }
                Received::Binary(bytes) => {
                    self.adapter
                        .handle(Incoming::Binary(&bytes), since, &mut arrivals)
                }
                Received::Closed if self.live.is_some() && self.adapter.ends_by_closing() => {
                    return End {
                        close: None,
                        why: "the platform closed the stream",
                        normal: true,
                    };
                }
                Received::Closed => {
                    return End::abnormal(None, "the connection was closed without stop");
                }
                Received::Control => Ok(()),
            };
            for arrival in arrivals.drain(..) {
                if let Some(end) = self.take(arrival).await {
                    return end;
                }
            }
            if let Err(ProtocolError::Closed { code, problem }) = outcome {
                return End::abnormal(code, problem);
            }
        }
    }

    async fn take(&mut self, arrival: Arrival) -> Option<End> {
        let input = match arrival {
            Arrival::Started { call, legs, rate } => return self.start(call, legs, rate).err(),
            Arrival::Stopped => return Some(End::normal("the call was stopped")),
            Arrival::KeyPressed { leg } => Input::Key { leg, at: None },
            Arrival::Reply(text) => return self.reply(text).await,
            Arrival::Audio(frame) => Input::Audio(frame),
        };
        let live = self.live.as_ref()?;
        tokio::select! {
            biased;
            taken = live.take(input) => (!taken)
                .then(|| End::abnormal(code::INTERNAL, "the call cannot go on")),
            () = self.shared.shutdown.cancelled() => {
                Some(End::abnormal(code::GOING_AWAY, "the gateway is shutting down"))
            }
        }
    }

    /// The connection has ended: takes what the adapter held back.
    async fn flush(&mut self) {
        let mut arrivals = Vec::new();
        self.adapter.flush(&mut arrivals);
        for arrival in arrivals {
            if self.take(arrival).await.is_some() {
                return;
            }
        }
    }

    /// Sends the adapter's answer. A peer that does not read is not waited for long.
    async fn reply(&mut self, text: String) -> Option<End> {
        let sending = self.wire.send(text);
        match timeout(self.shared.settings.limits.close, sending).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(End::abnormal(None, "the connection was lost")),
            Err(_) => Some(End::abnormal(None, "the peer does not read")),
        }
    }

    /// Tells the peer that the gateway ends the stream, where the protocol has words for it, and answers
    /// what the peer says to that.
    async fn take_leave(&mut self, why: &'static str) {
        let Some(farewell) = self.adapter.farewell(why) else {
            return;
        };
        if self.reply(farewell).await.is_some() {
            return;
        }
        let mut arrivals = Vec::new();
        while let Some(Ok(message)) = self.wire.receive().await {
            let Received::Text(text) = message else {
                continue;
            };
            let since = self.begun.elapsed();
            let outcome = self
                .adapter
                .handle(Incoming::Text(&text), since, &mut arrivals);
            for arrival in arrivals.drain(..) {
                let gone = match arrival {
                    Arrival::Reply(text) => self.reply(text).await.is_some(),
                    Arrival::Stopped => true,
                    _ => false,
                };
                if gone {
                    return;
                }
            }
            if matches!(outcome, Err(ProtocolError::Closed { .. })) {
                return;
            }
        }
    }

    fn start(&mut self, id: CallId, legs: &'static [Leg], rate: SampleRate) -> Result<(), End> {
        let stream = self.adapter.stream().unwrap_or_default();
        let forward = self.route.clone().map(|route| {
            let facts = StreamFacts {
                call: id.clone(),
                stream: stream.to_owned(),
                legs,
                rate,
                encoding: self.adapter.encoding(),
                parameters: self.adapter.parameters().to_vec(),
                begins: MediaTime::ZERO,
                attempt: 0,
                recorded: None,
            };
            (route, facts)
        });
        let new = NewCall {
            id,
            door: &self.door,
            legs,
            rate,
            particulars: self.adapter.particulars().or(&self.usual),
            stream,
            engine: Arc::clone(&self.engine),
            forward,
            control: self.control.clone(),
        };
        let live = self.shared.begin_call(new).map_err(|cannot| {
            let code = match cannot {
                CannotBegin::StreamIsLive => code::POLICY,
                CannotBegin::NoRoom(_) => code::TRY_AGAIN,
            };
            End::abnormal(code, cannot.words())
        })?;
        self.live = Some(live);
        Ok(())
    }
}

/// Waits until the call's task no longer listens; for ever if there is no call.
async fn call_over(live: &Option<Live>) {
    match live {
        Some(live) => live.over().await,
        None => std::future::pending().await,
    }
}

/// How a connection ends whose messages cannot be read.
fn broken(error: &axum::Error) -> End {
    use tokio_tungstenite::tungstenite::Error;
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        match error.downcast_ref::<Error>() {
            Some(Error::Capacity(_)) => {
                return End::abnormal(code::TOO_BIG, "a message of more than 64 KiB");
            }
            Some(Error::Utf8(_)) => return End::abnormal(1007, "a text message is not UTF-8"),
            Some(Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => return End::abnormal(None, "the connection was lost"),
            Some(Error::Protocol(_)) => {
                return End::abnormal(1002, "the WebSocket protocol was broken");
            }
            _ => source = error.source(),
        }
    }
    End::abnormal(None, "the connection was lost")
}
