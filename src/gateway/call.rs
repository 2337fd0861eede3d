//! One call's task: owns its session, paces its audio, and carries the session's outputs.
//!
//! ```text
//! socket --Input--> [call task: session] --Job--> engine
//!                      |        ^------ answers ----'
//!                      '--CleanAudio, Event--> recorder's thread
//! ```
//!
//! The loop takes answers first, as they free what is held, then audio that is due, then new input.
//! Input waits in a bounded queue whose sender, the socket's reader, waits in turn.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::control::{Controller, RecorderControl};
use super::forwarding::{Forwarding, Route};
use super::live::{Command, Publisher};
use super::pacing::Pacer;
use super::taping::{Recorders, TapeFactory, Taping};
use crate::alert::Watch;
use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};
use crate::egress::forward::StreamFacts;
use crate::egress::{CallFacts, EngineWork};
use crate::engine::Outcome;
use crate::engine::pool::{Caller, Job, Pool};
use crate::policy::Policy;
use crate::session::{CleanAudio, Examination, Output, RawFrame, Session, Settings};
use crate::speech::{Window, WindowId};
use crate::telemetry::{Deed, Event, FailureCause};

/// Windows of one call that may be with the engine at once. A session has a few; more means that it
/// cuts faster than it is answered, and the rest is filled.
const OUTSTANDING_WINDOWS: usize = 64;
/// A jump of the timeline that ends the call: it is told at once and not waited for.
const LONGEST_GAP: MediaTime = MediaTime::from_millis(10 * 60 * 1_000);
/// After so long without audio what was heard is sent to the recogniser.
const STALL: Duration = Duration::from_millis(500);
/// How long the recorder may take to complete a recording before the call is over without it.
const RECORDER_GRACE: Duration = Duration::from_secs(30);

/// Takes windows and answers each exactly once, in any order, failure included.
pub trait Transcriber: Send + Sync {
    /// Accepts a job without blocking.
    fn submit(&self, job: Job);
    /// Whether windows are being answered, or why not.
    fn check(&self) -> anyhow::Result<()>;
    /// SHA-256 of the model in lower-case hex.
    fn model_sha256(&self) -> &str;
    /// What its workers have done; `None` where that cannot be told.
    fn work(&self) -> Option<Work> {
        None
    }
    /// Whether it is known that no window waits or is being recognised.
    fn is_at_rest(&self) -> bool {
        false
    }
}

/// What an engine's workers have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// How many work at the same time.
    pub workers: usize,
    /// Time that they spent on windows since the start, all together.
    pub busy: Duration,
}

impl Transcriber for Pool {
    fn submit(&self, job: Job) {
        Pool::submit(self, job);
    }

    fn check(&self) -> anyhow::Result<()> {
        let health = self.health();
        anyhow::ensure!(
            health.is_serving(),
            "none of {} recognisers is in service",
            health.wanted
        );
        Ok(())
    }

    fn is_at_rest(&self) -> bool {
        Pool::is_at_rest(self)
    }

    fn model_sha256(&self) -> &str {
        Pool::model_sha256(self)
    }

    fn work(&self) -> Option<Work> {
        Some(Work {
            workers: self.health().wanted,
            busy: self.statistics().busy,
        })
    }
}

/// What the socket's reader tells the call.
#[derive(Debug)]
pub(super) enum Input {
    /// Audio with its place.
    Audio(RawFrame),
    /// A key was pressed.
    Key {
        /// On which leg.
        leg: Leg,
        /// When; about where the leg's audio has arrived, if that is not known.
        at: Option<MediaTime>,
    },
    /// The call is over; with a reason if it did not end by itself.
    End(Option<String>),
}

/// What every call needs.
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) legs: &'static [Leg],
    pub(super) rate: SampleRate,
    /// Who takes part, and where.
    pub(super) particulars: Particulars,
    pub(super) hold: MediaTime,
    pub(super) policy: Arc<Policy>,
    pub(super) examination: Examination,
    /// Raises alerts.
    pub(super) watch: Option<Watch>,
    pub(super) engine: Arc<dyn Transcriber>,
    pub(super) tapes: Arc<dyn TapeFactory>,
    pub(super) recorders: Recorders,
    /// Where its clean audio goes on to, and as what stream.
    pub(super) forward: Option<(Route, StreamFacts)>,
    /// Pauses its recorder elsewhere.
    pub(super) control: Option<Controller>,
    /// Shows it to those who look after it.
    pub(super) live: Publisher,
    /// The call's slot under `max_calls`.
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) inputs: mpsc::Receiver<Input>,
}

/// Why a call's task ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nothing can be recorded.
    #[error("recording failed: {0}")]
    Recording(String),
}

impl Call {
    /// Runs the call to its end: until the recording is complete.
    pub(super) async fn run(self) -> Result<(), CallError> {
        let recording_failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "the call is not recorded any further");
            CallError::Recording(error.to_string())
        };
        let control_id = self.control.is_some().then(|| self.id.clone());
        let facts = CallFacts {
            call: self.id,
            legs: self.legs,
            rate: self.rate,
            hold: self.hold,
            policy_version: self.policy.version().to_owned(),
            model_sha256: self.engine.model_sha256().to_owned(),
            particulars: self.particulars,
        };
        let taping = Taping::start(self.recorders, self.tapes, facts, self.permit)
            .map_err(|error| recording_failed(&error))?;
        let forwarding = self
            .forward
            .map(|(route, facts)| Forwarding::start(route, self.hold, facts));
        let control = control_id
            .zip(self.control)
            .map(|(id, controller)| RecorderControl::start(&controller, id));
        let (answer, answers) = mpsc::unbounded_channel();
        let hold = Duration::from_micros(self.hold.micros());
        let mut driver = Driver {
            session: Session::new(Settings {
                legs: self.legs,
                rate: self.rate,
                hold: self.hold,
                policy: self.policy,
                examination: self.examination,
            })
            .watched_by(self.watch),
            engine: self.engine,
            caller: Caller::new(),
            taping,
            forwarding,
            control,
            live: self.live,
            answer,
            answers,
            outstanding: 0,
            work: EngineWork::default(),
            pacer: Pacer::new(hold / 2),
            rate: self.rate,
            hold,
        };
        let abnormal_end = driver.drive(self.inputs).await;
        driver.live.end(abnormal_end.clone());

        let Driver {
            taping,
            forwarding,
            control,
            work,
            mut session,
            ..
        } = driver;
        let forwarded = async {
            match forwarding {
                Some(forwarding) => forwarding.finish().await,
                None => Vec::new(),
            }
        };
        let controlled = async {
            let Some(control) = control else {
                return Vec::new();
            };
            if abnormal_end.is_none() {
                // Nobody speaks any more.
                control.release();
            }
            control.finish().await
        };
        let (lost, steps) = tokio::join!(forwarded, controlled);
        for span in lost {
            tell(Event::NotForwarded { span }, &taping);
        }
        for step in steps {
            session.handle_event(&step);
            tell(step, &taping);
        }
        while let Some(output) = session.poll_output() {
            if let Output::Event(event) = output {
                tell(event, &taping);
            }
        }
        let failure = taping.failure().map(str::to_owned);
        let (windows, failures, late_answers) = (work.windows, work.failures, work.late_answers);
        let recorded = tokio::time::timeout(RECORDER_GRACE, taping.finish(work, abnormal_end))
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the disk does not answer")));
        match (failure, recorded) {
            (None, Ok(file)) => {
                let file = file.file_name().unwrap_or_default().to_string_lossy();
                tracing::info!(%file, windows, failures, late_answers, "recorded the call");
                Ok(())
            }
            (Some(failure), _) => Err(recording_failed(&failure)),
            (None, Err(error)) => Err(recording_failed(&format_args!("{error:#}"))),
        }
    }
}

type Answer = (WindowId, Instant, Outcome);

struct Driver {
    session: Session,
    engine: Arc<dyn Transcriber>,
    caller: Caller,
    taping: Taping,
    forwarding: Option<Forwarding>,
    control: Option<RecorderControl>,
    live: Publisher,
    answer: mpsc::UnboundedSender<Answer>,
    /// Holds at most [`OUTSTANDING_WINDOWS`].
    answers: mpsc::UnboundedReceiver<Answer>,
    outstanding: usize,
    work: EngineWork,
    pacer: Pacer,
    rate: SampleRate,
    hold: Duration,
}

/// Whether the session takes more input.
#[derive(PartialEq, Eq)]
enum Progress {
    GoesOn,
    Ended,
}

impl Driver {
    /// Drives the session to its end; returns why the call did not end by itself, if so.
    async fn drive(&mut self, mut inputs: mpsc::Receiver<Input>) -> Option<String> {
        let mut waiting: Option<(Instant, RawFrame)> = None;
        let mut draining: Option<Instant> = None;
        let mut abnormal_end = None;
        let mut stalls = Instant::now() + STALL;
        let mut stalled = false;
        let mut alarm = Alarm::new();
        loop {
            let due = waiting.as_ref().map(|(due, _)| *due);
            let quiet = (due.is_none() && draining.is_none() && !stalled).then_some(stalls);
            let next = draining.or(due).or(quiet);
            let progress = tokio::select! {
                biased;
                // A few at a time, by hand.
                command = self.live.asked() => self.obey(command),
                Some((window, deadline, outcome)) = self.answers.recv() => {
                    self.take_answer(window, deadline, outcome)
                }
                () = alarm.at(next.unwrap_or(stalls)), if next.is_some() => {
                    if draining.is_some() {
                        self.session.handle_drain_deadline();
                        self.carry_outputs();
                        return abnormal_end;
                    }
                    if let Some((_, frame)) = waiting.take() {
                        self.session.handle_audio(frame);
                    } else {
                        // Platforms that send nothing in silence: what was said before it is examined meanwhile.
                        stalled = true;
                        self.session.handle_stall();
                    }
                    self.carry_outputs()
                }
                input = inputs.recv(), if due.is_none() && draining.is_none() => match input {
                    Some(Input::Audio(frame)) => {
                        // Platforms that send seconds at once are silent for as long.
                        let length = self.rate.time_of(SampleIndex(frame.samples.expose().len() as u64));
                        let now = Instant::now();
                        stalls = now + STALL + Duration::from_micros(length.micros());
                        stalled = false;
                        let due = self.when_due(&frame, now);
                        if due > now {
                            waiting = Some((due, frame));
                            Progress::GoesOn
                        } else {
                            self.session.handle_audio(frame);
                            self.carry_outputs()
                        }
                    }
                    Some(Input::Key { leg, at }) => {
                        self.session.handle_key(leg, at);
                        Progress::GoesOn
                    }
                    end => {
                        abnormal_end = match end {
                            Some(Input::End(reason)) => reason,
                            _ => Some("the gateway's connection failed".into()),
                        };
                        draining = Some(Instant::now() + self.hold);
                        self.session.handle_end();
                        self.carry_outputs()
                    }
                },
            };
            if progress == Progress::Ended {
                return match draining {
                    Some(_) => abnormal_end,
                    None => Some("the timeline jumped by more than ten minutes".into()),
                };
            }
            if let Some(failure) = self.taping.failure() {
                return Some(format!("recording failed: {failure}"));
            }
        }
    }

    fn when_due(&mut self, frame: &RawFrame, now: Instant) -> Instant {
        let length = frame.samples.expose().len() as u64;
        let end = self
            .rate
            .time_of(SampleIndex(frame.at.0.saturating_add(length)));
        if end > self.session.head() + LONGEST_GAP {
            return now;
        }
        self.pacer.due(end, now)
    }

    fn take_answer(&mut self, window: WindowId, deadline: Instant, outcome: Outcome) -> Progress {
        self.outstanding = self.outstanding.saturating_sub(1);
        let now = Instant::now();
        self.work.failures += u64::from(outcome.is_err());
        self.work.cpu_s += outcome
            .as_ref()
            .map_or(0.0, |transcript| transcript.cpu.as_secs_f64());
        self.work.late_answers += u64::from(now > deadline);
        let left = deadline.saturating_duration_since(now);
        let over = now.saturating_duration_since(deadline);
        self.work.slack.add(left.as_secs_f64() - over.as_secs_f64());
        self.session.handle_transcript(window, outcome);
        self.carry_outputs()
    }

    /// Does what the session asks for until it asks for nothing more.
    fn carry_outputs(&mut self) -> Progress {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Release(audio) => self.release(audio),
                Output::Event(event) => self.tell(event),
                Output::Transcribe(window) => self.submit(window),
                Output::Ended => return Progress::Ended,
            }
        }
        if let Some(control) = &mut self.control {
            control.follow(self.session.wants_protection());
            for event in control.events() {
                self.session.handle_event(&event);
                self.tell(event);
            }
        }
        if self.taping.failure().is_some() {
            self.live.recording_failed();
        }
        self.live.step(&self.session);
        Progress::GoesOn
    }

    /// Does what somebody asks for by hand, and answers when it is so.
    fn obey(&mut self, command: Command) -> Progress {
        let Command { by, asked, reply } = command;
        let (answered, event) = self.live.perform(&mut self.session, by, asked);
        if let Some(event) = event {
            self.tell(event);
        }
        let progress = self.carry_outputs();
        self.live.answer(&self.session, reply, answered);
        progress
    }

    /// Tells an event to everybody whom it concerns.
    fn tell(&mut self, event: Event) {
        self.live.event(&event);
        tell(event, &self.taping);
    }

    fn release(&mut self, audio: CleanAudio) {
        if let Some(forwarding) = &self.forwarding {
            forwarding.audio(&audio);
            for span in forwarding.lost() {
                let event = Event::NotForwarded { span };
                self.session.handle_event(&event);
                self.tell(event);
            }
        }
        self.live.audio(&audio);
        self.taping.audio(audio);
    }

    fn submit(&mut self, window: Window) {
        self.work.windows += 1;
        if self.outstanding >= OUTSTANDING_WINDOWS {
            self.work.failures += 1;
            self.session
                .handle_transcript(window.id, Err(FailureCause::Overload));
            return;
        }
        self.outstanding += 1;
        let left = window.deadline - self.session.head();
        let deadline = Instant::now() + Duration::from_micros(left.micros());
        let answer = self.answer.clone();
        self.engine.submit(Job {
            caller: self.caller,
            is_armed: self.session.suspects().is_some(),
            window,
            deadline,
            reply: Box::new(move |window, outcome| {
                // A call that is over needs no answer.
                let _ = answer.send((window, deadline, outcome));
            }),
        });
    }
}

/// Logs an event and hands it to the recorder.
fn tell(event: Event, taping: &Taping) {
    log_event(&event);
    taping.event(event);
}

/// Logs an event without what was said.
fn log_event(event: &Event) {
    match event {
        Event::Hidden {
            leg,
            span,
            kind,
            rule,
            paused,
            ..
        } => {
            tracing::info!(%leg, from = %span.start, to = %span.end, kind, rule, paused, "hid audio")
        }
        Event::Late { leg, span } => {
            tracing::warn!(%leg, from = %span.start, to = %span.end, "filled audio: not examined in time");
        }
        Event::Failed { leg, span, cause } => {
            tracing::warn!(%leg, from = %span.start, to = %span.end, ?cause, "filled audio: not examined");
        }
        Event::PacketsDropped { leg, samples } => {
            tracing::info!(%leg, samples, "dropped packets that came too late");
        }
        Event::NotForwarded { span } => {
            tracing::error!(from = %span.start, to = %span.end, "audio did not reach the recorder behind");
        }
        Event::RecorderPaused {
            leg,
            kind,
            from,
            at,
            verified,
        } => {
            tracing::info!(%leg, kind, %from, %at, verified, "paused the recorder elsewhere");
        }
        Event::RecorderNotPaused {
            leg,
            kind,
            from,
            at,
            reason,
        } => {
            tracing::error!(%leg, kind, %from, %at, reason, "the recorder elsewhere was not paused in time");
        }
        Event::RecorderResumed { at, verified } => {
            tracing::info!(%at, verified, "the recorder elsewhere goes on");
        }
        Event::RecorderNotResumed { at, reason } => {
            tracing::error!(%at, reason, "the recorder elsewhere does not go on");
        }
        Event::DoneByHand { by, at, deed } => match deed {
            Deed::Paused { from, .. } => {
                tracing::info!(by = by.name, %at, %from, "paused the recording by hand");
            }
            Deed::Resumed => tracing::info!(by = by.name, %at, "resumed the recording by hand"),
            Deed::Blanked { from, too_late } => {
                tracing::info!(by = by.name, %at, %from, %too_late, "blanked what was said last");
            }
            Deed::Marked { id, .. } => {
                tracing::info!(by = by.name, %at, mark = id, "marked a place")
            }
        },
        Event::Alerted {
            id,
            rule,
            kind,
            severity,
            span,
            ..
        } => {
            tracing::warn!(id, rule, %kind, %severity, from = %span.start, to = %span.end, "alert");
        }
        Event::Transcribed { .. } => {}
    }
}
