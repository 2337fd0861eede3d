//! Reads a log's lines one after another, without the memory for all of them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use jiff::Timestamp;

use super::AuditError;
use super::entry::{Action, Line};
use super::folder::{Folder, Segment};

/// No line is longer.
pub(super) const LONGEST_LINE: u64 = 256 * 1024;

/// Hands over each line of a segment with its number from 1, without its line end, and whether it had one. Stops
/// when `each` returns false; returns whether it went on to the end.
pub(super) fn lines_of(
    segment: &Segment,
    mut each: impl FnMut(u64, &[u8], bool) -> bool,
) -> Result<bool, AuditError> {
    let failed = || AuditError::file("read", &segment.file);
    let file = File::open(&segment.file).map_err(failed())?;
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(failed())?;
        if read == 0 {
            break;
        }
        let is_complete = line.pop_if(|last| *last == b'\n').is_some();
        if !each(number, &line, is_complete) {
            return Ok(false);
        }
        if !is_complete {
            break;
        }
    }
    Ok(true)
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Those about this call.
    pub call: Option<String>,
    /// Those at this time or later.
    pub since: Option<Timestamp>,
    /// Those of this action.
    pub action: Option<Action>,
}

impl EntryFilter {
    fn wants(&self, line: &Line) -> bool {
        let entry = &line.entry;
        self.call
            .as_ref()
            .is_none_or(|call| entry.subject.as_ref() == Some(call))
            && self
                .since
                .is_none_or(|since| entry.timestamp().is_some_and(|time| time >= since))
            && self.action.is_none_or(|action| entry.action == action)
    }
}

/// Hands over the lines of the last segments, from the one in which this time falls: the whole log is not read for
/// what is recent. What is not an entry is passed over. Stops when `each` returns false.
pub fn entries_from(
    folder: &Folder,
    since: Timestamp,
    mut each: impl FnMut(Line) -> bool,
) -> Result<(), AuditError> {
    let segments = folder.segments()?;
    let mut first = segments.len();
    let mut is_before = false;
    while first > 0 && !is_before {
        first -= 1;
        is_before = first_entry(&segments[first])?
            .and_then(|line| line.entry.timestamp())
            .is_some_and(|time| time < since);
    }
    for segment in &segments[first..] {
        let goes_on = lines_of(segment, |_, text, _| match Line::parse(text) {
            Ok(line) => each(line),
            Err(_) => true,
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

fn first_entry(segment: &Segment) -> Result<Option<Line>, AuditError> {
    let mut first = None;
    lines_of(segment, |_, text, _| {
        first = Line::parse(text).ok();
        false
    })?;
    Ok(first)
}

/// Hands over the wanted lines in order; what is not an entry is passed over (verification is
/// [`super::verify_folder`]'s). Stops when `each` returns false.
pub fn entries_of(
    folder: &Folder,
    filter: &EntryFilter,
    mut each: impl FnMut(Line) -> bool,
) -> Result<(), AuditError> {
    let segments = folder.segments()?;
    if segments.is_empty() {
        return Err(AuditError::NoLog {
            folder: folder.path().to_owned(),
        });
    }
    for segment in segments {
        let goes_on = lines_of(&segment, |_, text, _| match Line::parse(text) {
            Ok(line) if filter.wants(&line) => each(line),
            _ => true,
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}
