//! Listens to recordings once more, after the call: what slipped by live is found, erased and told.
//!
//! ```text
//! call recorded --> [queue] --> worker: nothing live to do? --> listen --> clean: the outcome is sealed beside it
//!     store, what nobody listened to yet --'                          \--> still heard: quarantine, erase, listen again
//! ```
//!
//! The worker is a thread of its own with a recogniser of its own, at the lowest priority. It begins a window only
//! while the live workers rest. The queue is bounded; what does not fit, and what a restart forgot, is found again in
//! the store, where a recording that was listened to has its outcome beside it.
//!
//! Through the same engine and detector as live, by the same policy; windows are cut elsewhere and have longer contexts
//! (`hearing`). Fill, silence and what is under the energy floor are not transcribed. Does not hear keys: their
//! tones are found live without recognition, and would not be found otherwise here.

mod examination;
mod hearing;
mod judgement;
mod known;
mod outcome;
mod pace;
mod remedy;
mod transcript;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::alerting::Alerting;
use super::call::Transcriber;
use super::policies::PolicyInUse;
use super::retention::Calls;
use super::taping::{Around, Tape, TapeFactory};
use crate::egress::{CallFacts, EngineWork};
use crate::engine::{Recogniser, RecogniserFactory};
use crate::session::CleanAudio;
use crate::store::archive::ArchiveError;
use crate::store::audit::{Action, AuditLog, Record};
use crate::store::vault::{RecordName, Vault, VaultError};
use crate::telemetry::Event;

pub use examination::{Listener, examine, only_listen, outcome_of};
pub use hearing::{Findings, Sound, listen};
pub use judgement::StillHeard;
pub use known::Known;
pub use outcome::{SecondHearing, Verdict};
use pace::{LOOK_AGAIN, Pace};
pub use transcript::judged;

/// Calls that wait in memory; further ones are found in the store later.
const QUEUE: usize = 1_000;
/// How long the store is not looked through again when nothing was found in it.
const LOOK_THROUGH: Duration = Duration::from_secs(300);
/// When a recording is tried again that could not be fetched.
const TRY_AGAIN: Duration = Duration::from_secs(600);
/// How often the log tells how it goes, while something is done.
const TELL: Duration = Duration::from_secs(600);
/// The lowest priority (setpriority(2)); threads of the recogniser's own inherit it.
const NICENESS: i32 = 19;

/// What it did since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Figures {
    /// Recordings that were listened to.
    pub recordings: u64,
    /// Those in which something was still heard.
    pub still_heard: u64,
    /// Of those, the ones that were redacted again and given free.
    pub redacted_again: u64,
    /// Of those, the ones that somebody has to decide on.
    pub quarantined: u64,
    /// Recordings that could not be listened to.
    pub failed: u64,
    /// Seconds of speech that were examined.
    pub speech_s: f64,
    /// Recordings that are known to wait.
    pub waiting: usize,
}

impl Figures {
    /// Of the recordings that were listened to, the share in which something was still heard.
    pub fn rate(&self) -> f64 {
        match self.recordings {
            0 => 0.0,
            recordings => self.still_heard as f64 / recordings as f64,
        }
    }
}

/// How it is run.
#[derive(Clone)]
pub struct Settings {
    /// Whose recordings.
    pub vault: Vault,
    /// What is not to be heard.
    pub policy: PolicyInUse,
    /// Makes its recogniser.
    pub recognisers: Arc<dyn RecogniserFactory>,
    /// Who must not be kept waiting.
    pub live: Arc<dyn Transcriber>,
    /// The share of the live workers' time beyond which it rests.
    pub most_busy: f64,
    /// Takes entries.
    pub log: Option<AuditLog>,
    /// Are told which recordings were changed or locked away.
    pub calls: Arc<dyn Calls>,
    /// Is told of what was locked away.
    pub alerting: Option<Arc<Alerting>>,
}

/// Recordings that wait to be listened to, and what was done. Calls put in, a thread takes out.
#[derive(Debug, Default)]
pub struct SecondListener {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<RecordName>,
    /// Those that could not be listened to, and when they are tried again; `None`: after the next start.
    failed: BTreeMap<RecordName, Option<Instant>>,
    figures: Figures,
    stops: bool,
}

impl SecondListener {
    /// One that does not listen yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Tapes whose recordings are listened to when they are complete.
    pub fn tapes(self: &Arc<Self>, tapes: Arc<dyn TapeFactory>) -> Arc<dyn TapeFactory> {
        Arc::new(ListenedTapes {
            tapes,
            listener: Arc::clone(self),
        })
    }

    /// Puts a recording in the queue; when that is full, it is found in the store later.
    pub fn offer(&self, name: RecordName) {
        let mut state = self.state();
        if state.waiting.len() < QUEUE && !state.waiting.contains(&name) {
            state.waiting.push_back(name);
            self.wake.notify_all();
        }
    }

    /// What was done so far.
    pub fn figures(&self) -> Figures {
        let state = self.state();
        Figures {
            waiting: state.waiting.len(),
            ..state.figures
        }
    }

    /// Starts listening, on a thread of its own. Fails if there is none.
    pub fn start(self: &Arc<Self>, settings: Settings) -> std::io::Result<JoinHandle<()>> {
        let listener = Arc::clone(self);
        std::thread::Builder::new()
            .name("second listener".into())
            .spawn(move || listener.work(&settings))
    }

    /// Has it stop at the next window. What it was at is listened to again after the next start.
    pub fn stop(&self) {
        self.state().stops = true;
        self.wake.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, settings: &Settings) {
        let thread = Some(rustix::thread::gettid());
        if let Err(error) = rustix::process::setpriority_process(thread, NICENESS) {
            tracing::warn!(%error, "the second listener cannot have the lowest priority");
        }
        let mut recogniser = match settings.recognisers.create() {
            Ok(recogniser) => recogniser,
            Err(error) => {
                tracing::error!(%error, "the second listener cannot listen");
                return;
            }
        };
        let mut pace = Pace::new(settings.most_busy);
        let mut told = Instant::now();
        while let Some(name) = self.next(&settings.vault) {
            if !self.listen(settings, &name, &mut *recogniser, &mut pace) {
                // It may have panicked: its state is not used again.
                match settings.recognisers.create() {
                    Ok(fresh) => recogniser = fresh,
                    Err(error) => {
                        tracing::error!(%error, "the second listener has no new recogniser")
                    }
                }
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                self.tell();
            }
        }
        self.tell();
    }

    fn tell(&self) {
        let figures = self.figures();
        tracing::info!(
            recordings = figures.recordings,
            still_heard = figures.still_heard,
            rate = figures.rate(),
            redacted_again = figures.redacted_again,
            quarantined = figures.quarantined,
            failed = figures.failed,
            waiting = figures.waiting,
            "the second listener has listened"
        );
    }

    /// The next recording: of the queue, or of the store. `None`: it is to stop.
    fn next(&self, vault: &Vault) -> Option<RecordName> {
        loop {
            {
                let mut state = self.state();
                if state.stops {
                    return None;
                }
                if let Some(name) = state.waiting.pop_front() {
                    return Some(name);
                }
            }
            // Those that failed are found again, and must not hide the others.
            let most = QUEUE + self.state().failed.len();
            let found = vault.not_heard_again(most).unwrap_or_else(|error| {
                let error = error.to_string();
                tracing::warn!(error, "the store cannot be looked through");
                Vec::new()
            });
            let mut state = self.state();
            let State {
                waiting, failed, ..
            } = &mut *state;
            let now = Instant::now();
            let is_over = |at: &Option<Instant>| at.is_some_and(|at| at <= now);
            let others = found
                .into_iter()
                .filter(|name| failed.get(name).is_none_or(is_over));
            waiting.extend(others.take(QUEUE));
            if waiting.is_empty() {
                let nothing = |state: &mut State| state.waiting.is_empty() && !state.stops;
                drop(self.wake.wait_timeout_while(state, LOOK_THROUGH, nothing));
            }
        }
    }

    /// Listens to one recording; false if it could not be.
    fn listen(
        &self,
        settings: &Settings,
        name: &RecordName,
        recogniser: &mut dyn Recogniser,
        pace: &mut Pace,
    ) -> bool {
        let mut waits = || self.waits(&*settings.live, pace);
        let mut tell = |record: Record| {
            if record.action == Action::RecordingQuarantined
                && let Some(alerting) = &settings.alerting
            {
                alerting.quarantined(name);
            }
            if let Some(log) = &settings.log {
                log.record(record);
            }
        };
        let mut listener = Listener {
            recogniser,
            model_sha256: settings.recognisers.model_sha256(),
            policy: &settings.policy.current(),
            waits: &mut waits,
            tell: &mut tell,
        };
        let outcome = examine(&settings.vault, name, &mut listener);
        if matches!(&outcome, Ok(Some(outcome)) if outcome.verdict != Verdict::Clean)
            && let Err(error) = settings.calls.renew(&settings.vault, name)
        {
            let error = format!("{error:#}");
            tracing::error!(
                call = name.as_str(),
                error,
                "the index tells of it as it was"
            );
        }
        let mut state = self.state();
        state.failed.remove(name);
        let figures = &mut state.figures;
        match outcome {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                let heard = outcome.verdict != Verdict::Clean;
                figures.recordings += 1;
                figures.still_heard += u64::from(heard);
                figures.redacted_again += u64::from(outcome.verdict == Verdict::RedactedAgain);
                figures.quarantined += u64::from(outcome.verdict == Verdict::Quarantined);
                figures.speech_s += outcome.speech_s;
                tracing::info!(
                    call = name.as_str(),
                    outcome = outcome.verdict.name(),
                    speech_s = outcome.speech_s,
                    cpu_s = outcome.cpu_s,
                    rate = figures.rate(),
                    "listened to a recording again"
                );
            }
            Err(error) if is_away(&error) => {
                let again = Instant::now() + TRY_AGAIN;
                state.failed.insert(name.clone(), Some(again));
                let (call, error) = (name.as_str(), format!("{error:#}"));
                tracing::warn!(call, error, "a recording is listened to again later");
            }
            Err(error) => {
                figures.failed += 1;
                state.failed.insert(name.clone(), None);
                let error = format!("{error:#}");
                tracing::error!(
                    call = name.as_str(),
                    error,
                    "a recording was not listened to again"
                );
                return false;
            }
        }
        true
    }

    /// Waits until nothing live needs the processors; false: it is to stop.
    fn waits(&self, live: &dyn Transcriber, pace: &mut Pace) -> bool {
        let mut state = self.state();
        loop {
            if state.stops {
                return false;
            }
            if pace.may_begin(live, Instant::now()) {
                return true;
            }
            state = self
                .wake
                .wait_timeout(state, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// Whether a recording is in the object store alone, which does not answer.
fn is_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(VaultError::Archive {
                cause: ArchiveError::Away { .. },
                ..
            })
        )
    })
}

/// Tapes whose recordings are listened to when they are complete.
struct ListenedTapes {
    tapes: Arc<dyn TapeFactory>,
    listener: Arc<SecondListener>,
}

impl Around for ListenedTapes {
    fn inside(&self) -> &dyn TapeFactory {
        &*self.tapes
    }

    fn begin_tape(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        Ok(Box::new(ListenedTape {
            tape: self.tapes.create(facts)?,
            listener: Arc::clone(&self.listener),
        }))
    }
}

struct ListenedTape {
    tape: Box<dyn Tape>,
    listener: Arc<SecondListener>,
}

impl Tape for ListenedTape {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        self.tape.write(audio)
    }

    fn event(&mut self, event: &Event) {
        self.tape.event(event);
    }

    fn name(&self) -> Option<&RecordName> {
        self.tape.name()
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let place = self.tape.finish(work, abnormal_end)?;
        let name = place.file_name().and_then(|name| name.to_str());
        if let Some(Ok(name)) = name.map(RecordName::new) {
            self.listener.offer(name);
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests;
