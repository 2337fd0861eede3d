//! Shows that entries lie in a signed chain without showing the entries around them.
//!
//! A run goes from an entry to the checkpoint after it. It has the hash before its first entry and the content hash
//! of every entry up to the checkpoint: whoever folds these as [`super::chain`] says comes to the signed hash, or the
//! run is not of that chain. A content hash has the entry's HMAC in it, so that what an entry says cannot be guessed
//! from it.

use serde::{Deserialize, Serialize};

use super::chain::{chained, content_of};
use super::checkpoint::Checkpoint;
use super::digest::Sha256Digest;
use super::entry::Line;

/// Entries in a row up to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first entry's number.
    pub first: u64,
    /// The hash of the entry before it.
    pub previous: Sha256Digest,
    /// What each entry says, hashed.
    pub contents: Vec<Sha256Digest>,
    /// What was signed about the last of them.
    pub checkpoint: Checkpoint,
}

impl Run {
    /// Whether folding comes to what was signed.
    pub fn check(&self) -> Result<(), String> {
        let last = self.first.checked_add(self.contents.len() as u64);
        if last != self.checkpoint.sequence.checked_add(1) || self.contents.is_empty() {
            return Err("does not end where its checkpoint was made".into());
        }
        let hash = self
            .contents
            .iter()
            .fold(self.previous, |previous, content| {
                chained(previous, *content)
            });
        if hash != self.checkpoint.hash {
            return Err("does not come to the hash that was signed".into());
        }
        Ok(())
    }

    /// Whether the line is in the run, in its place.
    pub fn holds(&self, line: &Line) -> bool {
        let Some(at) = line.entry.sequence.checked_sub(self.first) else {
            return false;
        };
        let content = usize::try_from(at)
            .ok()
            .and_then(|at| self.contents.get(at));
        if content != Some(&content_of(line)) {
            return false;
        }
        // The content has the previous hash in it, and the run says what that is.
        let before = &self.contents[..usize::try_from(at).unwrap_or_default()];
        let previous = before.iter().fold(self.previous, |previous, content| {
            chained(previous, *content)
        });
        previous == line.entry.previous && chained(previous, content_of(line)) == line.hash
    }
}

/// Collects runs while a log is read.
#[derive(Debug, Default)]
pub(super) struct Runs {
    done: Vec<Run>,
    first: u64,
    previous: Sha256Digest,
    contents: Vec<Sha256Digest>,
}

impl Runs {
    /// The next line of the log. A run begins with one that is wanted.
    pub(super) fn line(&mut self, line: &Line, is_wanted: bool) {
        if let Some(checkpoint) = Checkpoint::of_entry(&line.entry)
            && !self.contents.is_empty()
        {
            self.close(checkpoint);
        }
        if self.contents.is_empty() {
            if !is_wanted {
                return;
            }
            self.first = line.entry.sequence;
            self.previous = line.entry.previous;
        }
        self.contents.push(content_of(line));
    }

    /// The anchor signs for what comes after the last checkpoint, up to which the log was read.
    pub(super) fn finish(mut self, anchor: Checkpoint) -> Vec<Run> {
        if !self.contents.is_empty() {
            self.close(anchor);
        }
        self.done
    }

    fn close(&mut self, checkpoint: Checkpoint) {
        self.done.push(Run {
            first: self.first,
            previous: self.previous,
            contents: std::mem::take(&mut self.contents),
            checkpoint,
        });
    }
}
