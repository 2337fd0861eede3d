//! From lines to a verdict: the log is whole, or which entry is the first that is not, and what is wrong with it.
//!
//! [`Verifier`] is pure: it is handed lines and the signed statements about the log. [`verify_folder`] hands it a
//! folder's.

mod fault;

use jiff::Timestamp;
use serde::Serialize;

use super::AuditError;
use super::chain::{chained, content};
use super::checkpoint::Checkpoint;
use super::digest::Sha256Digest;
use super::entry::{Action, Line, LogId};
use super::folder::Folder;
use super::keys::{HmacKey, PublicKey};
use super::reading::lines_of;

pub use fault::{BadEntry, Fault};

/// With what is checked.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Checks each entry's HMAC; without it only the chain is checked.
    pub hmac: Option<HmacKey>,
    /// Check signatures; without them checkpoints are compared with the chain, and not believed.
    pub public: Vec<PublicKey>,
    /// How far the log went, as others were told; the folder's own anchor is one.
    pub anchors: Vec<Checkpoint>,
    /// Whether a last line without its end may be one that is being written.
    pub is_live: bool,
}

/// What became of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Which log.
    pub log: Option<String>,
    /// Entries that are whole, before the first that is not.
    pub entries: u64,
    /// When the first and the last of them were written.
    pub first_time: Option<String>,
    /// See [`Verdict::first_time`].
    pub last_time: Option<String>,
    /// Signed statements that agree with the log.
    pub checkpoints: u64,
    /// The last entry that one of them covers.
    pub signed_until: u64,
    /// Whether HMACs were checked.
    pub hmac_checked: bool,
    /// Whether signatures were checked.
    pub signatures_checked: bool,
    /// Entries that the log says were lost, as they came faster than the disk took them.
    pub entries_lost: u64,
    /// Lines cut off by the death of a writer, as the log says.
    pub tails_repaired: u64,
    /// Entries whose time is before that of the entry before: the clock was set back.
    pub clock_went_back: Vec<u64>,
    /// Whether the last line is not complete and may be one that is being written.
    pub is_being_written: bool,
    /// The first entry that is not whole.
    pub bad: Option<BadEntry>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.bad.is_none()
    }
}

/// Of how many set-backs of the clock the entries are named.
const NAMED_SETBACKS: usize = 100;

/// Checks lines one after another.
#[derive(Debug)]
pub struct Verifier {
    with: Verification,
    log: Option<LogId>,
    /// What the next entry must have; `None` if the first may be any.
    expected: Option<(u64, Sha256Digest)>,
    last: (u64, Sha256Digest),
    last_time: Option<Timestamp>,
    segment: String,
    segment_first: Option<u64>,
    line: u64,
    verdict: Verdict,
}

impl Verifier {
    /// From the log's first entry.
    pub fn new(with: Verification) -> Self {
        let verdict = Verdict {
            log: None,
            entries: 0,
            first_time: None,
            last_time: None,
            checkpoints: 0,
            signed_until: 0,
            hmac_checked: with.hmac.is_some(),
            signatures_checked: !with.public.is_empty(),
            entries_lost: 0,
            tails_repaired: 0,
            clock_went_back: Vec::new(),
            is_being_written: false,
            bad: None,
        };
        Self {
            with,
            log: None,
            expected: Some((1, Sha256Digest::ZERO)),
            last: (0, Sha256Digest::ZERO),
            last_time: None,
            segment: String::new(),
            segment_first: None,
            line: 0,
            verdict,
        }
    }

    /// From an entry in the middle, whose place is believed.
    pub(super) fn from_middle(with: Verification) -> Self {
        Self {
            expected: None,
            ..Self::new(with)
        }
    }

    /// What follows is in this file, whose name says the number of its first entry.
    pub fn segment(&mut self, name: &str, first: Option<u64>) {
        self.segment = name.to_owned();
        self.segment_first = first;
        self.line = 0;
    }

    /// The last good entry's number and hash.
    pub(super) fn last(&self) -> (u64, Sha256Digest) {
        self.last
    }

    /// Which log it is, once an entry was seen.
    pub(super) fn log(&self) -> Option<&LogId> {
        self.log.as_ref()
    }

    /// Takes the next line, without its end. Returns what it says if it is good and all before it was.
    pub fn line(&mut self, text: &[u8], is_complete: bool) -> Option<Line> {
        self.line += 1;
        if let Some(bad) = &mut self.verdict.bad {
            // What seems to be missing may come later: then it is the order that is wrong.
            if let Fault::Missing { from, .. } = bad.fault
                && Line::parse(text).is_ok_and(|line| line.entry.sequence == from)
            {
                bad.fault = Fault::OutOfOrder;
            }
            return None;
        }
        if !is_complete {
            if self.with.is_live {
                self.verdict.is_being_written = true;
            } else {
                self.fail(None, Fault::Incomplete);
            }
            return None;
        }
        let line = match Line::parse(text) {
            Ok(line) => line,
            Err(problem) => {
                self.fail(None, Fault::NotAnEntry(problem));
                return None;
            }
        };
        let sequence = line.entry.sequence;
        match self.check(&line) {
            Ok(()) => {
                self.accept(&line);
                Some(line)
            }
            Err(fault) => {
                self.fail(Some(sequence), fault);
                None
            }
        }
    }

    fn fail(&mut self, sequence: Option<u64>, fault: Fault) {
        self.verdict.bad = Some(BadEntry {
            segment: self.segment.clone(),
            line: self.line,
            sequence: sequence.or(self.expected.map(|(next, _)| next)),
            fault,
        });
    }

    fn check(&self, line: &Line) -> Result<(), Fault> {
        let entry = &line.entry;
        let text = entry.canonical();
        if chained(entry.previous, content(&text, line.hmac)) != line.hash {
            return Err(Fault::Altered);
        }
        if self.log.as_ref().is_some_and(|log| *log != entry.log) {
            return Err(Fault::OtherLog);
        }
        if let Some(key) = &self.with.hmac
            && !key.verifies(&text, line.hmac)
        {
            return Err(Fault::HmacWrong);
        }
        if let Some((next, previous)) = self.expected {
            if entry.sequence > next {
                return Err(Fault::Missing {
                    from: next,
                    to: entry.sequence - 1,
                });
            }
            if entry.sequence < next {
                return Err(Fault::Repeated);
            }
            if entry.previous != previous {
                return Err(Fault::DoesNotFollow);
            }
        }
        if self.line == 1
            && self
                .segment_first
                .is_some_and(|first| first != entry.sequence)
        {
            return Err(Fault::SegmentName);
        }
        self.check_statements(line)
    }

    /// Compares with what was signed about the log before this entry, and up to it.
    fn check_statements(&self, line: &Line) -> Result<(), Fault> {
        let entry = &line.entry;
        if entry.action == Action::CheckpointMade {
            let checkpoint = Checkpoint::of_entry(entry)
                .ok_or_else(|| Fault::CheckpointWrong("lacks a part".into()))?;
            let record = checkpoint.record();
            if record.details != entry.details || entry.subject.is_some() {
                return Err(Fault::CheckpointWrong(
                    "has parts that are not signed".into(),
                ));
            }
            if checkpoint.sequence + 1 != entry.sequence || checkpoint.hash != entry.previous {
                return Err(Fault::CheckpointWrong(
                    "is not of the entry before it".into(),
                ));
            }
            self.check_signature(&checkpoint)
                .map_err(Fault::CheckpointWrong)?;
        }
        for anchor in &self.with.anchors {
            if anchor.log != entry.log {
                return Err(Fault::AnchorDiffers("is of another log".into()));
            }
            if anchor.sequence == entry.sequence {
                self.check_signature(anchor).map_err(Fault::AnchorDiffers)?;
                if anchor.hash != line.hash {
                    return Err(Fault::AnchorDiffers("has another hash".into()));
                }
            }
        }
        Ok(())
    }

    fn check_signature(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        if self.with.public.is_empty() {
            return Ok(());
        }
        checkpoint.check(&self.with.public)
    }

    fn accept(&mut self, line: &Line) {
        let entry = &line.entry;
        self.last = (entry.sequence, line.hash);
        self.expected = Some((entry.sequence + 1, line.hash));
        let verdict = &mut self.verdict;
        verdict.entries += 1;
        if self.log.is_none() {
            verdict.log = Some(entry.log.to_string());
            self.log = Some(entry.log.clone());
        }
        if verdict.first_time.is_none() {
            verdict.first_time = Some(entry.time.clone());
        }
        verdict.last_time = Some(entry.time.clone());
        let time = entry.timestamp();
        if time < self.last_time && verdict.clock_went_back.len() < NAMED_SETBACKS {
            verdict.clock_went_back.push(entry.sequence);
        }
        self.last_time = time;
        match entry.action {
            Action::CheckpointMade => {
                verdict.checkpoints += 1;
                verdict.signed_until = verdict.signed_until.max(entry.sequence - 1);
            }
            Action::EntriesLost => {
                let lost = entry
                    .number("count")
                    .and_then(|count| u64::try_from(count).ok());
                verdict.entries_lost += lost.unwrap_or_default();
            }
            Action::TailRepaired => verdict.tails_repaired += 1,
            _ => {}
        }
        for anchor in &self.with.anchors {
            if anchor.sequence == entry.sequence {
                verdict.checkpoints += 1;
                verdict.signed_until = verdict.signed_until.max(entry.sequence);
            }
        }
    }

    /// There are no more lines.
    pub fn finish(mut self) -> Verdict {
        if self.verdict.bad.is_none() {
            let (last, _) = self.last;
            let ahead = self
                .with
                .anchors
                .iter()
                .filter(|anchor| anchor.sequence > last)
                .max_by_key(|anchor| anchor.sequence);
            let fault = ahead.map(|anchor| match self.check_signature(anchor) {
                Ok(()) => Fault::CutAtEnd {
                    last,
                    signed: anchor.sequence,
                },
                Err(problem) => Fault::AnchorDiffers(problem),
            });
            if let Some(fault) = fault {
                self.line += 1;
                self.fail(Some(last + 1), fault);
            }
        }
        self.verdict
    }
}

/// Verifies the log in a folder, its anchor included. `progress` is told the bytes that were read of all.
pub fn verify_folder(
    folder: &Folder,
    mut with: Verification,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verdict, AuditError> {
    // Before the segments: a log that is being written goes at least as far as its anchor went before.
    let anchor = match folder.anchor() {
        Ok(anchor) => anchor.ok_or_else(|| "is missing".to_owned()),
        Err(AuditError::Damaged { problem, .. }) => Err(problem),
        Err(error) => return Err(error),
    };
    with.is_live |= folder.is_being_written();
    let segments = folder.segments()?;
    if segments.is_empty() && anchor.is_err() && with.anchors.is_empty() {
        return Err(AuditError::NoLog {
            folder: folder.path().to_owned(),
        });
    }
    let no_anchor = match anchor {
        Ok(anchor) => {
            with.anchors.push(anchor);
            None
        }
        Err(problem) => Some(problem),
    };
    let total = segments.iter().map(|segment| segment.bytes).sum();
    let mut verifier = Verifier::new(with);
    let mut read = 0;
    for segment in &segments {
        verifier.segment(&segment.name(), Some(segment.first));
        lines_of(segment, |number, text, is_complete| {
            verifier.line(text, is_complete);
            read += text.len() as u64 + 1;
            if number % 256 == 0 {
                progress(read, total);
            }
            true
        })?;
    }
    let mut verdict = verifier.finish();
    if let (None, Some(problem)) = (&verdict.bad, no_anchor) {
        verdict.bad = Some(BadEntry {
            segment: folder.anchor_file().display().to_string(),
            line: 1,
            sequence: None,
            fault: Fault::NoAnchor(problem),
        });
    }
    Ok(verdict)
}
