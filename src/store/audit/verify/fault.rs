//! What can be wrong with a log, in words.

use std::fmt;

use serde::{Serialize, Serializer};

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The line is not an entry.
    NotAnEntry(String),
    /// The line's hash is not of its text.
    Altered,
    /// The line was not written by who has the key.
    HmacWrong,
    /// Entries before it are not there.
    Missing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// It comes before an entry that it follows.
    OutOfOrder,
    /// An entry of this number was there already.
    Repeated,
    /// It belongs to another log.
    OtherLog,
    /// It follows another entry than the one before it.
    DoesNotFollow,
    /// It is not the entry that the segment's name says.
    SegmentName,
    /// It is a checkpoint that is not good.
    CheckpointWrong(String),
    /// The last line has no end.
    Incomplete,
    /// Entries at the end are not there.
    CutAtEnd {
        /// The last that is there.
        last: u64,
        /// The last that was signed.
        signed: u64,
    },
    /// A signed statement about the log says something else.
    AnchorDiffers(String),
    /// What says how far the log goes is missing or unreadable.
    NoAnchor(String),
}

impl Fault {
    /// A word for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::NotAnEntry(_) => "not_an_entry",
            Fault::Altered => "altered",
            Fault::HmacWrong => "hmac_wrong",
            Fault::Missing { .. } => "missing",
            Fault::OutOfOrder => "out_of_order",
            Fault::Repeated => "repeated",
            Fault::OtherLog => "other_log",
            Fault::DoesNotFollow => "does_not_follow",
            Fault::SegmentName => "segment_name",
            Fault::CheckpointWrong(_) => "checkpoint_wrong",
            Fault::Incomplete => "incomplete",
            Fault::CutAtEnd { .. } => "cut_at_end",
            Fault::AnchorDiffers(_) => "anchor_differs",
            Fault::NoAnchor(_) => "no_anchor",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotAnEntry(problem) => write!(f, "the line {problem}"),
            Fault::Altered => f.write_str("altered: its hash is not of its text"),
            Fault::HmacWrong => f.write_str(
                "its HMAC is wrong: altered or written by somebody without the audit key, or the key is another log's",
            ),
            Fault::Missing { from, to } if from == to => {
                write!(f, "cut: entry {from} before it is missing")
            }
            Fault::Missing { from, to } => {
                write!(f, "cut: entries {from} to {to} before it are missing")
            }
            Fault::OutOfOrder => f.write_str("out of order: entries before it come later"),
            Fault::Repeated => f.write_str("repeated: an entry of this number was there already"),
            Fault::OtherLog => f.write_str("it is from another log"),
            Fault::DoesNotFollow => {
                f.write_str("it does not follow the entry before it: one of the two was replaced")
            }
            Fault::SegmentName => f.write_str("it is not the entry that the file's name says"),
            Fault::CheckpointWrong(problem) => write!(f, "the checkpoint {problem}"),
            Fault::Incomplete => f.write_str(
                "the line has no end: its writer died, which the next start repairs, or it was cut",
            ),
            Fault::CutAtEnd { last, signed } => write!(
                f,
                "cut at the end: {signed} entries were signed for, and the log ends with {last}"
            ),
            Fault::AnchorDiffers(problem) => {
                write!(f, "the signed statement about the log {problem}")
            }
            Fault::NoAnchor(problem) => {
                write!(f, "what says how far the log goes cannot be used: {problem}")
            }
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The first entry that is not whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadEntry {
    /// The file.
    pub segment: String,
    /// The line in it, from 1.
    pub line: u64,
    /// The number the entry says, or should have.
    pub sequence: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.segment, self.line)?;
        if let Some(sequence) = self.sequence {
            write!(f, ", entry {sequence}")?;
        }
        write!(f, ": {}", self.fault)
    }
}
