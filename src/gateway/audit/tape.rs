//! A recorder that writes its call's course into the audit log as well.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::files::{RECORD, with_files};
use super::spans::Stretches;
use super::{PATIENCE, late};
use crate::audio::{MediaTime, SampleIndex};
use crate::call::Leg;
use crate::egress::{CallFacts, EngineWork};
use crate::gateway::taping::{Around, Tape, TapeFactory};
use crate::session::CleanAudio;
use crate::store::audit::{Action, Actor, AuditLog, Receipt, Record};
use crate::store::vault::RecordName;
use crate::telemetry::{Deed, Event, Person};

/// Tapes whose calls are written into the log.
pub(in crate::gateway) struct AuditedTapes {
    tapes: Arc<dyn TapeFactory>,
    log: AuditLog,
    ends: Arc<Ends>,
}

impl AuditedTapes {
    pub(in crate::gateway) fn new(tapes: Arc<dyn TapeFactory>, log: AuditLog) -> Self {
        let ends = Ends {
            tapes: Arc::clone(&tapes),
            waiting: Mutex::default(),
        };
        Self {
            tapes,
            log,
            ends: Arc::new(ends),
        }
    }
}

impl Around for AuditedTapes {
    fn inside(&self) -> &dyn TapeFactory {
        &*self.tapes
    }

    fn begin_tape(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        let mut course = Course::begin(self.log.clone(), &facts);
        match self.tapes.create(facts) {
            Ok(tape) => Ok(Box::new(AuditedTape {
                tape,
                course,
                ends: Arc::clone(&self.ends),
            })),
            Err(error) => {
                course.failed(&error, None);
                course.end(&EngineWork::default(), Some("nothing can be recorded"));
                Err(error)
            }
        }
    }

    fn begun(&self) {
        let told = |name: &RecordName| self.tapes.told(name);
        let untold = self.tapes.untold();
        if let Err(error) = untold.and_then(|calls| late::tell(calls, &self.log, told)) {
            let error = format!("{error:#}");
            tracing::error!(error, "calls that ended may not be in the audit log");
        }
    }
}

struct AuditedTape {
    tape: Box<dyn Tape>,
    course: Course,
    ends: Arc<Ends>,
}

/// Ended recordings whose entries are on their way to the disk.
struct Ends {
    tapes: Arc<dyn TapeFactory>,
    waiting: Mutex<Vec<Waiting>>,
}

/// A recording whose entries are on their way.
struct Waiting {
    /// `None`: it is in no store.
    name: Option<RecordName>,
    receipt: Receipt,
    since: Instant,
}

impl Ends {
    /// Waits until the log has a call's end, and tells the store. Where the log's disk is too slow for that, the end of
    /// another call does it, or the next start of a gateway: calls do not queue up for it.
    fn tell(&self, name: Option<RecordName>, receipt: Receipt) {
        let before = std::mem::take(&mut *self.waiting());
        let mut is_slow = false;
        for waiting in before {
            let is_old = waiting.since.elapsed() >= PATIENCE;
            is_slow |= !self.is_over(waiting, Duration::ZERO) && is_old;
        }
        let patience = if is_slow { Duration::ZERO } else { PATIENCE };
        let since = Instant::now();
        let last = Waiting {
            name,
            receipt,
            since,
        };
        if !self.is_over(last, patience) {
            tracing::error!("the audit log's disk is too slow: a call's end is not on it");
        }
    }

    /// `false`: it is not known yet, and waits.
    fn is_over(&self, mut waiting: Waiting, patience: Duration) -> bool {
        let Some(told) = waiting.receipt.wait_for(patience) else {
            self.waiting().push(waiting);
            return false;
        };
        let told = told.map_err(Into::into);
        let told = told.and_then(|_| waiting.name.map_or(Ok(()), |name| self.tapes.told(&name)));
        if let Err(error) = told {
            let error = format!("{error:#}");
            tracing::error!(error, "the next start asks the audit log for this call");
        }
        true
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tape for AuditedTape {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        let outcome = self.tape.write(audio);
        let end = SampleIndex(audio.start().0 + audio.len() as u64);
        self.course.released(audio.rate().time_of(end));
        outcome
    }

    fn event(&mut self, event: &Event) {
        self.tape.event(event);
        self.course.event(event, self.tape.name());
    }

    fn name(&self) -> Option<&RecordName> {
        self.tape.name()
    }

    /// When this returns the log has the call's end, unless its disk is too slow: see [`Ends::tell`].
    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let Self {
            tape,
            mut course,
            ends,
        } = *self;
        let why = abnormal_end.clone();
        let name = tape.name().cloned();
        let outcome = tape.finish(work.clone(), abnormal_end);
        course.rest();
        let is_taken = match &outcome {
            Ok(file) => course.recorded(file),
            Err(error) => course.failed(error, name.as_ref()),
        };
        let receipt = course.end(&work, why.as_deref());
        // What the log did not take, the next start writes.
        if is_taken {
            ends.tell(name, receipt);
        }
        outcome
    }
}

/// One call's entries.
struct Course {
    log: AuditLog,
    call: String,
    stretches: Stretches,
    /// Entries that were taken so far.
    entries: u64,
    dropped_samples: u64,
}

impl Course {
    fn begin(log: AuditLog, facts: &CallFacts) -> Self {
        let mut course = Self {
            log,
            call: facts.call.as_str().to_owned(),
            stretches: Stretches::default(),
            entries: 0,
            dropped_samples: 0,
        };
        let legs: Vec<&str> = facts.legs.iter().map(|leg| Leg::name(*leg)).collect();
        course.write(
            Record::new(Action::CallBegan)
                .with_name("hushgate_version", env!("CARGO_PKG_VERSION"))
                .with_name("policy_version", &facts.policy_version)
                .with_name("model_sha256", &facts.model_sha256)
                .with_name("legs", legs.join(","))
                .with("sample_rate", u64::from(facts.rate.hertz()))
                .with("hold_us", facts.hold.micros()),
        );
        course
    }

    /// What is lost is not counted: the log says how many entries are. Whether it is not lost.
    fn write(&mut self, record: Record) -> bool {
        let is_taken = self.log.record(record.about(&self.call));
        self.entries += u64::from(is_taken);
        is_taken
    }

    fn write_all(&mut self, records: Vec<Record>) {
        for record in records {
            self.write(record);
        }
    }

    fn released(&mut self, until: MediaTime) {
        let over = self.stretches.settled(until);
        self.write_all(over);
    }

    fn rest(&mut self) {
        let rest = self.stretches.rest();
        self.write_all(rest);
    }

    /// `name` is the recording's.
    fn event(&mut self, event: &Event, name: Option<&RecordName>) {
        if self.stretches.add(event) {
            return;
        }
        if let Event::PacketsDropped { samples, .. } = event {
            self.dropped_samples += samples;
        }
        if let Some(record) = of_recorder(event) {
            self.write(record);
        }
        if let Event::DoneByHand { by, at, deed } = event {
            self.write(by_hand(by, *at, deed));
        } else if let Some(mut record) = of_alert(event) {
            if let Some(name) = name {
                record = record.with_name(RECORD, name.as_str());
            }
            // Not counted among the call's own: alerts are raised after it too.
            self.log.record(record.about(&self.call));
        }
    }

    /// The files are read once more: what was written is what is vouched for.
    fn recorded(&mut self, place: &Path) -> bool {
        self.write(with_files(Record::new(Action::CallRecorded), place))
    }

    /// `name` is that of a recording that was begun.
    fn failed(&mut self, error: &anyhow::Error, name: Option<&RecordName>) -> bool {
        let mut record = Record::new(Action::RecordingFailed);
        if let Some(name) = name {
            record = record.with_name(RECORD, name.as_str());
        }
        self.write(record.with_words("reason", &format!("{error:#}")))
    }

    fn end(&mut self, work: &EngineWork, abnormal_end: Option<&str>) -> Receipt {
        let mut record = Record::new(Action::CallEnded)
            .with("entries_before", self.entries)
            .with("windows", work.windows)
            .with("late_answers", work.late_answers)
            .with("failures", work.failures)
            .with("dropped_samples", self.dropped_samples);
        if let Some(why) = abnormal_end {
            record = record.with_words("abnormal_end", why);
        }
        self.log.record_durably(record.about(&self.call))
    }
}

/// What somebody did.
fn by_hand(by: &Person, at: MediaTime, deed: &Deed) -> Record {
    let actor = if by.is_program {
        Actor::service(&by.name)
    } else {
        Actor::user(&by.name)
    };
    let record = |action| {
        let record = Record::new(action).by(actor);
        record.with("at_us", at.micros())
    };
    match deed {
        Deed::Paused { from, reason } => {
            let record = record(Action::PausedByHand).with("from_us", from.micros());
            match reason {
                Some(reason) => record.with_words("reason", reason.as_str()),
                None => record,
            }
        }
        Deed::Resumed => record(Action::ResumedByHand),
        Deed::Blanked { from, too_late } => record(Action::BlankedByHand)
            .with("from_us", from.micros())
            .with("too_late_us", too_late.micros()),
        Deed::Marked { id, note } => record(Action::CallMarked)
            .with_name("mark", id)
            .with_words("note", note.as_str()),
    }
}

/// What an event says of an alert.
fn of_alert(event: &Event) -> Option<Record> {
    let Event::Alerted {
        id,
        rule,
        kind,
        severity,
        leg,
        span,
        ..
    } = event
    else {
        return None;
    };
    let record = Record::new(Action::AlertRaised)
        .with_name("alert", id)
        .with_words("rule", rule)
        .with_name("kind", kind)
        .with_name("severity", severity)
        .with("from_us", span.start.micros())
        .with("to_us", span.end.micros());
    Some(match leg {
        Some(leg) => record.with_name("leg", leg),
        None => record,
    })
}

/// What an event says of a recorder elsewhere.
fn of_recorder(event: &Event) -> Option<Record> {
    let at = |action, at: &MediaTime| Record::new(action).with("at_us", at.micros());
    match event {
        Event::RecorderPaused {
            leg,
            kind,
            from,
            at: when,
            verified,
        } => Some(
            at(Action::RecordingPaused, when)
                .with_name("leg", leg)
                .with_name("kind", kind)
                .with("from_us", from.micros())
                .with("verified", *verified),
        ),
        Event::RecorderNotPaused {
            leg,
            kind,
            from,
            at: when,
            reason,
        } => Some(
            at(Action::RecordingPauseFailed, when)
                .with_name("leg", leg)
                .with_name("kind", kind)
                .with("from_us", from.micros())
                .with_words("reason", reason),
        ),
        Event::RecorderResumed { at: when, verified } => {
            Some(at(Action::RecordingResumed, when).with("verified", *verified))
        }
        Event::RecorderNotResumed { at: when, reason } => {
            Some(at(Action::RecordingResumeFailed, when).with_words("reason", reason))
        }
        _ => None,
    }
}
