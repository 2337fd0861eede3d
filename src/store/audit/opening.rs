//! Makes a log ready to be written: finds where it stands, checks that it is what was written, and moves aside what
//! a writer's death cut off.
//!
//! A process that is killed leaves at most one line without an end; a machine that loses power may also leave blocks
//! of zeros after what was synchronised. Neither was acknowledged. Such a tail goes into a file of its own and an
//! entry tells of it. Anything else that is not as it was written is damage, and nothing is added to a damaged log.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use jiff::Timestamp;

use super::AuditError;
use super::chain::Head;
use super::checkpoint::Checkpoint;
use super::digest::Sha256Digest;
use super::entry::{Action, Actor, Entry, Line, LogId, Record};
use super::folder::{Folder, Segment};
use super::keys::AuditKeys;
use super::reading::lines_of;
use super::verify::{Verification, Verifier};

/// A log that can be written.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) head: Head,
    pub(super) segment: Segment,
    pub(super) file: File,
    /// Bytes of the segment that are whole.
    pub(super) length: u64,
    /// Entries since the last checkpoint.
    pub(super) unsigned: u64,
    /// Entries to be written first: about what was cut off.
    pub(super) repairs: Vec<Record>,
    /// Files to be renamed once those are written.
    pub(super) told: Vec<PathBuf>,
}

/// Prepares the folder, whose lock is held.
pub(super) fn prepare(folder: &Folder, keys: &AuditKeys) -> Result<Ready, AuditError> {
    let segments = folder.segments()?;
    let anchor = folder.anchor()?;
    let damaged = |problem: String| AuditError::Damaged {
        folder: folder.path().to_owned(),
        problem,
    };
    let anchor = match anchor {
        Some(anchor) => anchor,
        None if segments.is_empty() => {
            // Before the first entry: from here on a log without an anchor is one that lost it.
            let head = Head::of_new(LogId::random());
            let anchor = Checkpoint::sign(&head, Timestamp::now(), &keys.signing);
            folder.write_anchor(&anchor)?;
            folder.sync()?;
            anchor
        }
        None => {
            return Err(damaged(format!(
                "{} is missing",
                folder.anchor_file().display()
            )));
        }
    };
    anchor
        .check(&[keys.signing.public()])
        .map_err(|problem| damaged(format!("{} {problem}", folder.anchor_file().display())))?;

    // A writer that died between making a file and writing to it leaves an empty one, which is gone on with.
    let mut open = segments
        .last()
        .filter(|segment| segment.bytes == 0)
        .cloned();
    let written = segments.iter().rfind(|segment| segment.bytes > 0);
    let mut state = match written {
        Some(segment) => read_segment(folder, segment, keys, &anchor)?,
        None => State {
            head: Head::of_new(anchor.log.clone()),
            length: 0,
            unsigned: 0,
            torn: false,
        },
    };
    if anchor.sequence > state.head.sequence {
        return Err(damaged(format!(
            "cut at the end: {} entries were signed for, and the log ends with {}",
            anchor.sequence, state.head.sequence
        )));
    }
    if state.torn
        && let Some(segment) = written
    {
        cut(folder, segment, state.length)?;
        if state.length == 0 {
            state.head = before(&segments, segment, folder, keys, &anchor)?;
        }
    }
    if open.is_none() {
        open = written.cloned();
    }
    let (segment, file) = match open {
        Some(segment) => {
            let file = OpenOptions::new()
                .append(true)
                .open(&segment.file)
                .map_err(AuditError::file("open", &segment.file))?;
            (segment, file)
        }
        None => folder.begin_segment(1)?,
    };
    let length = if written.is_some_and(|written| written.file == segment.file) {
        state.length
    } else {
        0
    };
    let (repairs, told) = untold(folder)?;
    Ok(Ready {
        head: state.head,
        segment,
        file,
        length,
        unsigned: state.unsigned,
        repairs,
        told,
    })
}

struct State {
    head: Head,
    length: u64,
    unsigned: u64,
    torn: bool,
}

/// Where the log stands at the end of a segment's whole lines.
fn read_segment(
    folder: &Folder,
    segment: &Segment,
    keys: &AuditKeys,
    anchor: &Checkpoint,
) -> Result<State, AuditError> {
    let with = Verification {
        hmac: Some(keys.hmac.clone()),
        public: Vec::new(),
        anchors: vec![anchor.clone()],
        is_live: false,
    };
    let mut verifier = if segment.first == 1 {
        Verifier::new(with)
    } else {
        Verifier::from_middle(with)
    };
    verifier.segment(&segment.name(), Some(segment.first));
    let (mut length, mut unsigned, mut torn) = (0, 0, false);
    let mut bad = false;
    lines_of(segment, |_, text, is_complete| {
        // Blocks that were never written are zeros.
        let is_unwritten = || Line::parse(text).is_err() && text.contains(&0);
        if !is_complete || is_unwritten() {
            torn = true;
            return false;
        }
        match verifier.line(text, true) {
            Some(line) => {
                length += text.len() as u64 + 1;
                unsigned += 1;
                if line.entry.action == Action::CheckpointMade {
                    unsigned = 0;
                }
            }
            None => bad = true,
        }
        !bad
    })?;
    let (sequence, hash) = verifier.last();
    let log = verifier.log().cloned();
    if bad {
        let verdict = verifier.finish();
        return Err(AuditError::Damaged {
            folder: folder.path().to_owned(),
            problem: verdict.bad.map_or_else(String::new, |bad| bad.to_string()),
        });
    }
    Ok(State {
        head: match log {
            Some(log) => Head {
                log,
                sequence,
                hash,
            },
            None => Head {
                log: anchor.log.clone(),
                sequence: segment.first.saturating_sub(1),
                hash: Sha256Digest::ZERO,
            },
        },
        length,
        unsigned,
        torn,
    })
}

/// Where the log stood before a segment of which nothing is whole.
fn before(
    segments: &[Segment],
    segment: &Segment,
    folder: &Folder,
    keys: &AuditKeys,
    anchor: &Checkpoint,
) -> Result<Head, AuditError> {
    let earlier = segments
        .iter()
        .rfind(|other| other.first < segment.first && other.bytes > 0);
    match earlier {
        Some(earlier) => Ok(read_segment(folder, earlier, keys, anchor)?.head),
        None => Ok(Head::of_new(anchor.log.clone())),
    }
}

/// Moves all from `offset` on into a file of its own.
fn cut(folder: &Folder, segment: &Segment, offset: u64) -> Result<(), AuditError> {
    let aside = folder.torn_file(segment, offset);
    let keep = || {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&segment.file)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut tail = Vec::new();
        (&mut file).take(64 * 1024 * 1024).read_to_end(&mut tail)?;
        let mut kept = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        kept.write_all(&tail)?;
        kept.sync_all()?;
        File::open(folder.path())?.sync_all()?;
        file.set_len(offset)?;
        file.sync_all()
    };
    keep().map_err(AuditError::file("repair", &segment.file))
}

/// What was cut off and no entry tells of: at this start, or at one that ended too soon.
fn untold(folder: &Folder) -> Result<(Vec<Record>, Vec<PathBuf>), AuditError> {
    let mut records = Vec::new();
    let files = folder.untold()?;
    for file in &files {
        let bytes = std::fs::read(file).map_err(AuditError::file("read", file))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        records.push(
            Record::new(Action::TailRepaired)
                .by(Actor::system("audit"))
                .with_name("kept_as", format!("{name}.cut"))
                .with("bytes", bytes.len())
                .with_name("sha256", Sha256Digest::of(&[&bytes])),
        );
    }
    Ok((records, files))
}

/// The last entry of an action, from the newest segment back.
pub(super) fn last_of(folder: &Folder, action: Action) -> Result<Option<Entry>, AuditError> {
    // Lines are read in full only where the action's name is in them.
    let mark = format!("\"action\":\"{}\"", action.name());
    for segment in folder.segments()?.iter().rev() {
        let mut found = None;
        lines_of(segment, |_, text, _| {
            if text.windows(mark.len()).any(|part| part == mark.as_bytes())
                && let Ok(line) = Line::parse(text)
                && line.entry.action == action
            {
                found = Some(line.entry);
            }
            true
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
