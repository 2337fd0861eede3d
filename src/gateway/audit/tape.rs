//! A recorder that writes its call's course into the audit log as well.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::spans::Stretches;
use crate::audio::{MediaTime, SampleIndex};
use crate::call::Leg;
use crate::egress::{CallFacts, EngineWork};
use crate::gateway::taping::{Around, Tape, TapeFactory};
use crate::session::CleanAudio;
use crate::store::audit::{Action, Actor, AuditLog, Record, Sha256Digest};
use crate::store::sealed::Content;
use crate::store::vault::{digest_elsewhere, sealed_file_name};
use crate::telemetry::{Deed, Event, Person};

/// Tapes whose calls are written into the log.
pub(in crate::gateway) struct AuditedTapes {
    tapes: Arc<dyn TapeFactory>,
    log: AuditLog,
}

impl AuditedTapes {
    pub(in crate::gateway) fn new(tapes: Arc<dyn TapeFactory>, log: AuditLog) -> Self {
        Self { tapes, log }
    }
}

impl Around for AuditedTapes {
    fn inside(&self) -> &dyn TapeFactory {
        &*self.tapes
    }

    fn begin_tape(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        let mut course = Course::begin(self.log.clone(), &facts);
        match self.tapes.create(facts) {
            Ok(tape) => Ok(Box::new(AuditedTape { tape, course })),
            Err(error) => {
                course.failed(&error);
                course.end(&EngineWork::default(), Some("nothing can be recorded"));
                Err(error)
            }
        }
    }
}

struct AuditedTape {
    tape: Box<dyn Tape>,
    course: Course,
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
        self.course.event(event);
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let Self { tape, mut course } = *self;
        let why = abnormal_end.clone();
        let outcome = tape.finish(work.clone(), abnormal_end);
        course.rest();
        match &outcome {
            Ok(file) => course.recorded(file),
            Err(error) => course.failed(error),
        }
        course.end(&work, why.as_deref());
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

    /// What is lost is not counted: the log says how many entries are.
    fn write(&mut self, record: Record) {
        self.entries += u64::from(self.log.record(record.about(&self.call)));
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

    fn event(&mut self, event: &Event) {
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
        } else if let Some(record) = of_alert(event) {
            // Not counted among the call's own: alerts are raised after it too.
            self.log.record(record.about(&self.call));
        }
    }

    /// The files are read once more: what was written is what is vouched for.
    fn recorded(&mut self, place: &Path) {
        let mut record = Record::new(Action::CallRecorded);
        for (part, file) in parts(place) {
            let shown = file.file_name().unwrap_or_default().to_string_lossy();
            record = record.with_name(part.name, &shown);
            match sum(&file) {
                Ok((sum, length)) => {
                    record = record.with_name(part.sha256, sum).with(part.bytes, length);
                }
                Err(error) => {
                    tracing::error!(file = %shown, %error, "cannot be read for the audit log");
                }
            }
        }
        self.write(record);
    }

    fn failed(&mut self, error: &anyhow::Error) {
        let record = Record::new(Action::RecordingFailed);
        self.write(record.with_words("reason", &format!("{error:#}")));
    }

    fn end(&mut self, work: &EngineWork, abnormal_end: Option<&str>) {
        let mut record = Record::new(Action::CallEnded)
            .with("entries_before", self.entries)
            .with("windows", work.windows)
            .with("late_answers", work.late_answers)
            .with("failures", work.failures)
            .with("dropped_samples", self.dropped_samples);
        if let Some(why) = abnormal_end {
            record = record.with_words("abnormal_end", why);
        }
        self.write(record);
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

/// What an entry calls a file of a recording, its hash and its length.
struct Part {
    name: &'static str,
    sha256: &'static str,
    bytes: &'static str,
}

const RECORDING: Part = Part {
    name: "recording",
    sha256: "recording_sha256",
    bytes: "recording_bytes",
};
const REPORT: Part = Part {
    name: "report",
    sha256: "report_sha256",
    bytes: "report_bytes",
};
const TRANSCRIPT: Part = Part {
    name: "transcript",
    sha256: "transcript_sha256",
    bytes: "transcript_bytes",
};

/// The files of a recording: those of a call's folder in the store, whose sealed files stay as they are when keys are
/// rotated; or a WAV file and the report beside it.
fn parts(place: &Path) -> Vec<(Part, PathBuf)> {
    if place.is_dir() {
        let file = |content| place.join(sealed_file_name(content));
        vec![
            (RECORDING, file(Content::Audio)),
            (REPORT, file(Content::Report)),
            (TRANSCRIPT, file(Content::Transcript)),
        ]
    } else {
        let report = place.with_extension("json");
        vec![(RECORDING, place.to_owned()), (REPORT, report)]
    }
}

/// A file's hash and length.
fn sum(file: &Path) -> std::io::Result<(Sha256Digest, u64)> {
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(file)?);
    let mut sum = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    let mut length = 0;
    loop {
        let read = reader.read(&mut block)?;
        if read == 0 {
            let found = (Sha256Digest(sum.finalize().into()), length);
            // Its bytes may have been moved to the object store meanwhile; then what is left says what they were.
            return Ok(digest_elsewhere(file).unwrap_or(found));
        }
        sum.update(&block[..read]);
        length += read as u64;
    }
}
