//! A call under way: its task and what leads to it.
//!
//! Knows nothing of connections: whoever has the call's audio hands it over, and hangs up.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::admission::{Entry, NoRoom};
use super::{Shared, StreamClaim};
use crate::audio::SampleRate;
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};
use crate::egress::forward::StreamFacts;
use crate::engine::pool::Job;
use crate::gateway::call::{Call, CallError, Input, Transcriber};
use crate::gateway::control::Controller;
use crate::gateway::forwarding::Route;
use crate::gateway::live::{Facts, RecorderPlace};
use crate::session::Examination;
use crate::store::audit::Action;
use crate::telemetry::FailureCause;

/// Audio messages between socket and call: 1.3 s of two tracks. When it is full the socket is not read.
const QUEUE: usize = 128;

/// A call that may begin.
pub(super) struct NewCall<'a> {
    pub(super) id: CallId,
    /// The name of the door through which it comes.
    pub(super) door: &'a str,
    pub(super) legs: &'static [Leg],
    pub(super) rate: SampleRate,
    /// Who takes part, and where.
    pub(super) particulars: Particulars,
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
    /// There is no room for it.
    NoRoom(NoRoom),
}

impl CannotBegin {
    /// For the peer.
    pub(super) fn words(self) -> &'static str {
        match self {
            CannotBegin::StreamIsLive => "the stream is live already",
            CannotBegin::NoRoom(why) => why.words(),
        }
    }
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
    /// Begins a call. When as many as fit are listened to it is either refused, or recorded with all that is
    /// audible filled, as the settings say.
    pub(super) fn begin_call(self: &Arc<Self>, new: NewCall<'_>) -> Result<Live, CannotBegin> {
        let stream = self
            .claim_stream(Some(new.stream))
            .ok_or(CannotBegin::StreamIsLive)
            .inspect_err(|cannot| {
                self.audit_refusal(Action::CallsRefused, "", cannot.words(), None);
            })?;
        let Entry {
            permit,
            is_heard,
            hold,
        } = self.admission.enter().map_err(|why| {
            self.admission.refused(why);
            CannotBegin::NoRoom(why)
        })?;
        let engine: Arc<dyn Transcriber> = if is_heard {
            Arc::new(self.admission.measured(new.engine))
        } else {
            Arc::new(Unheard(new.engine))
        };
        let span = tracing::info_span!("call", id = %new.id);
        span.in_scope(|| {
            let status = self.admission.status();
            let (calls, capacity) = (status.active, status.capacity);
            if is_heard {
                tracing::info!(calls, capacity, hold = %hold, "a call began");
            } else {
                tracing::warn!(
                    calls,
                    capacity,
                    capacity_is = status.source(),
                    "a call began that is not listened to: as many as fit are active"
                );
            }
        });
        let (inputs, queue) = mpsc::channel(QUEUE);
        let settings = &self.settings;
        let live = settings.live.begin(Facts {
            name: new.id.as_str().to_owned(),
            began: Timestamp::now(),
            door: new.door.to_owned(),
            particulars: new.particulars.clone(),
            legs: new.legs,
            rate: new.rate,
            hold,
            examined: is_heard && settings.examination == Examination::Everything,
            recorder: RecorderPlace::of(new.forward.is_some(), new.control.is_some()),
        });
        // Without randomness there are no alerts, and calls go on.
        let tag = crate::access::secret::public_id().ok();
        let watch = tag.and_then(|tag| settings.alerts.watch(&new.particulars, &tag));
        let call = Call {
            id: new.id,
            legs: new.legs,
            rate: new.rate,
            particulars: new.particulars,
            hold,
            policy: settings.policy.current(),
            examination: settings.examination,
            watch,
            engine,
            tapes: Arc::clone(&settings.tapes),
            recorders: self.recorders.clone(),
            forward: new.forward,
            control: new.control,
            live,
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
