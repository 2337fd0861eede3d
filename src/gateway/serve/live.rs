//! A call under way: its task, what leads to it, and its place under `max_calls`.
//!
//! Knows nothing of connections: whoever has the call's audio hands it over, and hangs up.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::{Shared, StreamClaim};
use crate::audio::SampleRate;
use crate::call::{CallId, Leg};
use crate::config::Overload;
use crate::egress::forward::StreamFacts;
use crate::engine::pool::Job;
use crate::gateway::call::{Call, CallError, Input, Transcriber};
use crate::gateway::control::Controller;
use crate::gateway::forwarding::Route;
use crate::telemetry::FailureCause;

/// Audio messages between socket and call: 1.3 s of two tracks. When it is full the socket is not read.
const QUEUE: usize = 128;

/// A call that may begin.
pub(super) struct NewCall<'a> {
    pub(super) id: CallId,
    pub(super) legs: &'static [Leg],
    pub(super) rate: SampleRate,
    /// The platform's id of the stream, which only one connection may use at once; empty if it has none.
    pub(super) stream: &'a str,
    pub(super) engine: Arc<dyn Transcriber>,
    /// Where its clean audio goes on to.
    pub(super) forward: Option<(Route, StreamFacts)>,
    /// Pauses its recorder elsewhere.
    pub(super) control: Option<Controller>,
}

/// Why a call does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CannotBegin {
    /// Another connection has the stream.
    StreamIsLive,
    /// `max_calls` are active.
    Full,
}

/// A call under way.
pub(super) struct Live {
    inputs: mpsc::Sender<Input>,
    task: JoinHandle<Result<(), CallError>>,
    span: tracing::Span,
    _stream: StreamClaim,
}

/// Hears nothing, so that all of a call that is audible is filled.
struct Unheard(Arc<dyn Transcriber>);

impl Transcriber for Unheard {
    fn submit(&self, job: Job) {
        (job.reply)(job.window.id, Err(FailureCause::Overload));
    }

    fn check(&self) -> anyhow::Result<()> {
        self.0.check()
    }

    fn model_sha256(&self) -> &str {
        self.0.model_sha256()
    }
}

impl Shared {
    /// Whether another call would be taken now, heard or not.
    pub(super) fn has_room(&self) -> bool {
        self.calls.available_permits() > 0
            || (self.settings.overload == Overload::BlankAll
                && self.unheard.available_permits() > 0)
    }

    /// Begins a call. When all that are listened to are taken it is either refused, or recorded with all
    /// that is audible filled, as the settings say.
    pub(super) fn begin_call(self: &Arc<Self>, new: NewCall<'_>) -> Result<Live, CannotBegin> {
        let stream = self
            .claim_stream(Some(new.stream))
            .ok_or(CannotBegin::StreamIsLive)?;
        let (permit, engine) = match Arc::clone(&self.calls).try_acquire_owned() {
            Ok(permit) => (permit, new.engine),
            Err(_) if self.settings.overload == Overload::BlankAll => {
                let permit = Arc::clone(&self.unheard)
                    .try_acquire_owned()
                    .map_err(|_| CannotBegin::Full)?;
                (
                    permit,
                    Arc::new(Unheard(new.engine)) as Arc<dyn Transcriber>,
                )
            }
            Err(_) => return Err(CannotBegin::Full),
        };
        let is_heard = Arc::ptr_eq(permit.semaphore(), &self.calls);
        let span = tracing::info_span!("call", id = %new.id);
        span.in_scope(|| {
            if is_heard {
                tracing::info!("a call began");
            } else {
                tracing::warn!("a call began that is not listened to: max_calls are active");
            }
        });
        let (inputs, queue) = mpsc::channel(QUEUE);
        let settings = &self.settings;
        let call = Call {
            id: new.id,
            legs: new.legs,
            rate: new.rate,
            hold: settings.hold,
            policy: Arc::clone(&settings.policy),
            examination: settings.examination,
            engine,
            tapes: Arc::clone(&settings.tapes),
            recorders: self.recorders.clone(),
            forward: new.forward,
            control: new.control,
            permit,
            inputs: queue,
        };
        // A task of its own, so that its panic ends this call and no other.
        let task = self.tasks.spawn(call.run().instrument(span.clone()));
        Ok(Live {
            inputs,
            task,
            span,
            _stream: stream,
        })
    }
}

impl Live {
    /// For log lines about the call.
    pub(super) fn span(&self) -> &tracing::Span {
        &self.span
    }

    /// What leads to the call.
    pub(super) fn inputs(&self) -> &mpsc::Sender<Input> {
        &self.inputs
    }

    /// Hands something over; waits when the call is behind. False when the call no longer listens.
    pub(super) async fn take(&self, input: Input) -> bool {
        self.inputs.send(input).await.is_ok()
    }

    /// Waits until the call no longer listens.
    pub(super) async fn over(&self) {
        self.inputs.closed().await;
    }

    /// Ends the call, with a reason if it did not end by itself, and waits until its recording is complete.
    pub(super) async fn hang_up(self, reason: Option<String>) {
        let Self {
            inputs,
            task,
            span,
            _stream,
        } = self;
        let ending = async {
            // A call that is over already does not listen.
            let _ = inputs.send(Input::End(reason)).await;
            drop(inputs);
            match task.await {
                Ok(Ok(()) | Err(CallError::Recording(_))) => {}
                Err(_) => tracing::error!("the call's task failed; the recording ends there"),
            }
        };
        ending.instrument(span).await;
    }
}
