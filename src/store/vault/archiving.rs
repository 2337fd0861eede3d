//! Puts the parts of closed calls into the object store, and takes out of it what is not needed any more.
//!
//! ```text
//! put the sealed file -> read it back -> mark calls/CALL/audio.archived -> later: keep its header alone
//! key destroyed -> mark leaving/CALL.ID.audio -> delete the object -> remove the mark
//! ```
//!
//! **Architecture invariants:** the disk's copy is dropped only after what the object store has was read back and
//! found the same, and the mark is on the disk. An object is deleted only after its key was destroyed: whether the
//! object store is reached or not has no part in when a call becomes unreadable. Every step can be the last one before
//! a crash: what was begun is done again, under the same names.
//!
//! One process does this at a time, the one that records, and one call after the other: so an upload that comes too
//! late is followed by its deletion.

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::archived::{ARCHIVED, Archived, Archiving, Summing, is_header_alone};
use super::{RecordName, Vault, VaultError, files};
use crate::store::archive::{ArchiveError, ObjectId, ObjectName};
use crate::store::sealed::{Content, Header};

/// What was read back so lately is there.
const JUST_NOW: Duration = Duration::from_secs(60);

/// How long ago a file was written.
fn age(found: &Metadata) -> Duration {
    let written = found.modified().ok();
    let age = written.and_then(|written| SystemTime::now().duration_since(written).ok());
    age.unwrap_or_default()
}

/// What was done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archival {
    /// Everything of it that belongs there is in the object store; so many bytes were just put there.
    Done {
        /// How many.
        bytes: u64,
    },
    /// It is under way, or being changed: later.
    Busy,
}

/// What of a call is still on the disk that is in the object store too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// Nothing: all of it was dropped.
    Dropped,
    /// Some, which may go after so long.
    Kept(Duration),
    /// It is under way, or being changed: later.
    Busy,
}

/// One of a part's objects.
enum Sent {
    /// It is there now.
    Now(u64),
    /// It was there before, or there is nothing of it.
    Before,
    /// Its call is being changed.
    Busy,
}

impl Vault {
    /// The calls of which something is to be put into the object store or dropped from the disk. Looks at all.
    pub fn unarchived(&self) -> Result<Vec<RecordName>, VaultError> {
        let mut names = self.names()?;
        names.retain(|name| ARCHIVED.iter().any(|part| self.is_local(name, *part)));
        Ok(names)
    }

    /// The calls that were closed or changed since this was asked last, as far as a crash has not forgotten them.
    pub fn take_changed(&self) -> Result<Vec<RecordName>, VaultError> {
        let folder = self.path.join("changed");
        let names = files::names(&folder)?;
        let mut changed = Vec::with_capacity(names.len());
        for name in names {
            match files::remove(&folder.join(&name)) {
                Ok(()) => changed.extend(RecordName::new(&name)),
                Err(error) if changed.is_empty() => return Err(error),
                // The next time; those that were taken are remembered by nobody else.
                Err(_) => break,
            }
        }
        Ok(changed)
    }

    /// Says that a call was closed or changed. What cannot be said is found by the next start.
    pub(super) fn tell_changed(&self, name: &RecordName) {
        if self.archiving.is_some() {
            let folder = self.path.join("changed");
            let _ = files::make_folders(&folder)
                .and_then(|()| files::create(&folder.join(name.as_str())));
        }
    }

    /// Whether a part can be read and its bytes are on the disk.
    fn is_local(&self, name: &RecordName, content: Content) -> bool {
        self.is_readable(name, content)
            && self
                .open_header(name, content)
                .is_ok_and(|(open, header)| !is_header_alone(&open, &header))
    }

    /// Whether nobody is writing to a call.
    fn is_at_rest(&self, name: &RecordName) -> bool {
        self.folder(name).is_dir()
            && ![
                self.mark(name),
                self.removing(name),
                self.begun(name),
                self.committed(name),
            ]
            .iter()
            .any(|mark| mark.exists())
    }

    /// Puts what belongs into the object store there. Without one it does nothing.
    pub fn archive(&self, name: &RecordName) -> Result<Archival, VaultError> {
        let Some(archiving) = &self.archiving else {
            return Ok(Archival::Done { bytes: 0 });
        };
        let mut bytes = 0;
        for content in ARCHIVED {
            match self.send(archiving, name, content)? {
                Sent::Now(sent) => bytes += sent,
                Sent::Before => {}
                Sent::Busy => return Ok(Archival::Busy),
            }
        }
        Ok(Archival::Done { bytes })
    }

    fn send(
        &self,
        archiving: &Archiving,
        name: &RecordName,
        content: Content,
    ) -> Result<Sent, VaultError> {
        if !self.folder(name).is_dir() || !self.is_readable(name, content) {
            return Ok(Sent::Before);
        }
        if !self.is_at_rest(name) {
            return Ok(Sent::Busy);
        }
        let (mut open, header) = self.open_header(name, content)?;
        if is_header_alone(&open, &header) || self.archived(name, &header)?.is_some() {
            return Ok(Sent::Before);
        }
        let file = self.object_file(name, content);
        let reading = || files::failed("read", &file);
        open.seek(SeekFrom::Start(0)).map_err(reading())?;
        let mut there = Summing::new(io::sink());
        io::copy(&mut open, &mut there).map_err(reading())?;
        let (sha256, bytes) = there.finish();
        open.seek(SeekFrom::Start(0)).map_err(reading())?;
        let object = ObjectId::of(&header);
        self.step()?;
        let sent = self
            .put(archiving, name, content, (&object, &mut open, bytes))
            .and_then(|()| self.step())
            .and_then(|()| self.read_back(archiving, name, content, (&object, sha256, bytes)));
        let dimensions = match content {
            Content::Audio => self.audio(name).ok().map(|audio| audio.dimensions()),
            _ => None,
        };
        let _changes = self.lock_changes()?;
        if self.is_current(name, content, &header) {
            sent?;
            if !self.is_at_rest(name) {
                return Ok(Sent::Busy);
            }
            let mark = Archived {
                schema: 1,
                object,
                bytes,
                sha256,
                archived_at: Timestamp::now(),
                dimensions,
            };
            let file = self.archived_file(name, content);
            let text = serde_json::to_vec_pretty(&mark)
                .map_err(|error| files::failed("write", &file)(error.into()))?;
            self.step()?;
            files::replace(&file, &text)?;
            return Ok(Sent::Now(bytes));
        }
        // It was changed or removed meanwhile; part of it may be there.
        self.leave(name, content, &object)?;
        files::sync_folder(&self.path.join("leaving"))?;
        Ok(Sent::Busy)
    }

    fn put(
        &self,
        archiving: &Archiving,
        name: &RecordName,
        content: Content,
        (object, open, bytes): (&ObjectId, &mut File, u64),
    ) -> Result<(), VaultError> {
        let object = ObjectName::new(name, object, content);
        let put = archiving.archive.put(&object, open, bytes);
        put.map_err(|cause| VaultError::Archive {
            name: name.clone(),
            content,
            cause,
        })
    }

    /// What is there is all that there will be: it is looked at whole.
    fn read_back(
        &self,
        archiving: &Archiving,
        name: &RecordName,
        content: Content,
        (object, sha256, bytes): (&ObjectId, crate::store::audit::Sha256Digest, u64),
    ) -> Result<(), VaultError> {
        let object = ObjectName::new(name, object, content);
        let mut there = Summing::new(io::sink());
        archiving
            .archive
            .get(&object, &mut there, bytes)
            .map_err(|cause| VaultError::Archive {
                name: name.clone(),
                content,
                cause,
            })?;
        if there.finish() != (sha256, bytes) {
            return Err(VaultError::Replaced {
                object: object.to_string(),
            });
        }
        Ok(())
    }

    /// Whether a part is still what has this header, and can be read.
    pub(super) fn is_current(&self, name: &RecordName, content: Content, header: &Header) -> bool {
        self.is_readable(name, content)
            && self
                .open_header(name, content)
                .is_ok_and(|(_, found)| found == *header)
    }

    /// Drops the disk's copy of what is in the object store and was written so long ago. What was put there a while
    /// ago is read back once more before: the settings may name another bucket by now, the store may be a restored
    /// one, or somebody may have deleted there. What is not found is put there again.
    pub fn drop_local(&self, name: &RecordName, keep: Duration) -> Result<Local, VaultError> {
        let mut there = Vec::new();
        for content in ARCHIVED {
            match self.still_there(name, content, keep) {
                Ok(object) => there.extend(object),
                Err(
                    VaultError::Replaced { .. }
                    | VaultError::Archive {
                        cause: ArchiveError::Missing { .. } | ArchiveError::TooLong { .. },
                        ..
                    },
                ) => {
                    let _changes = self.lock_changes()?;
                    files::remove(&self.archived_file(name, content))?;
                    return Ok(Local::Busy);
                }
                Err(error) => return Err(error),
            }
        }
        let _changes = self.lock_changes()?;
        if !self.folder(name).is_dir() {
            return Ok(Local::Dropped);
        }
        if !self.is_at_rest(name) {
            return Ok(Local::Busy);
        }
        let mut left = None;
        for content in ARCHIVED {
            if !self.is_readable(name, content) {
                continue;
            }
            let (open, header) = self.open_header(name, content)?;
            let file = self.object_file(name, content);
            let found = open.metadata().map_err(files::failed("read", &file))?;
            let Some(mark) = self
                .archived(name, &header)?
                .filter(|mark| mark.bytes == found.len())
            else {
                continue;
            };
            let remaining = keep.saturating_sub(age(&found));
            if !remaining.is_zero() || !there.contains(&mark.object) {
                left = left.max(Some(remaining));
                continue;
            }
            self.step()?;
            // Another file under the name: who reads the one that was there reads on.
            files::replace(&file, header.bytes())?;
            self.step()?;
        }
        Ok(left.map_or(Local::Dropped, Local::Kept))
    }

    /// The object of a part whose copy on the disk may go, which was looked at anew unless it was put there just now.
    fn still_there(
        &self,
        name: &RecordName,
        content: Content,
        keep: Duration,
    ) -> Result<Option<ObjectId>, VaultError> {
        let Some(archiving) = &self.archiving else {
            return Ok(None);
        };
        if !self.folder(name).is_dir() || !self.is_readable(name, content) {
            return Ok(None);
        }
        let (open, header) = self.open_header(name, content)?;
        let file = self.object_file(name, content);
        let found = open.metadata().map_err(files::failed("read", &file))?;
        let mark = self.archived(name, &header)?;
        let Some(mark) = mark.filter(|mark| mark.bytes == found.len() && age(&found) >= keep)
        else {
            return Ok(None);
        };
        let since = Timestamp::now().duration_since(mark.archived_at);
        if Duration::try_from(since).map_or(true, |since| since > JUST_NOW) {
            let known = (&mark.object, mark.sha256, mark.bytes);
            self.read_back(archiving, name, content, known)?;
        }
        Ok(Some(mark.object))
    }

    /// Says that an object is not needed any more: its key was destroyed.
    fn leave(
        &self,
        name: &RecordName,
        content: Content,
        object: &ObjectId,
    ) -> Result<(), VaultError> {
        files::remove(&self.fetched_file(object))?;
        let folder = self.path.join("leaving");
        files::make_folders(&folder)?;
        let file = folder.join(format!("{name}.{object}.{}", content.name()));
        if !file.exists() {
            drop(files::create(&file)?);
        }
        Ok(())
    }

    /// Says so of every object that a part has or may have in the object store; `false`: there is none. Its key was
    /// destroyed.
    pub(super) fn leave_part(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<bool, VaultError> {
        if !ARCHIVED.contains(&content) {
            return Ok(false);
        }
        let mut objects = Vec::new();
        // One that cannot be read says of no object.
        if let Ok(Some(mark)) = self.archived_last(name, content) {
            objects.push(mark.object);
        }
        if self.archiving.is_some()
            && let Some(object) = local_object(&self.present(name, content).0)
        {
            objects.push(object);
        }
        for object in &objects {
            self.step()?;
            self.leave(name, content, object)?;
        }
        if objects.is_empty() {
            return Ok(false);
        }
        files::sync_folder(&self.path.join("leaving"))?;
        Ok(true)
    }

    /// How many objects wait to be deleted.
    pub fn leaving(&self) -> Result<usize, VaultError> {
        Ok(files::names(&self.path.join("leaving"))?.len())
    }

    /// Deletes the objects whose keys were destroyed; how many.
    pub fn delete_left(&self) -> Result<u64, VaultError> {
        let Some(archiving) = &self.archiving else {
            return Ok(0);
        };
        let folder = self.path.join("leaving");
        let mut deleted = 0;
        for mark in files::names(&folder)? {
            let Some((name, object, content)) = left(&mark) else {
                continue;
            };
            // Never so, unless somebody put an older copy of the store back.
            let is_needed = self.is_readable(&name, content)
                && self
                    .open_header(&name, content)
                    .is_ok_and(|(_, header)| ObjectId::of(&header) == object);
            if !is_needed {
                self.step()?;
                let there = ObjectName::new(&name, &object, content);
                let gone = archiving.archive.delete(&there);
                gone.map_err(|cause| VaultError::Archive {
                    name,
                    content,
                    cause,
                })?;
                // Somebody may have been fetching it when its key was destroyed.
                files::remove(&self.fetched_file(&object))?;
                deleted += 1;
            }
            self.step()?;
            files::remove(&folder.join(&mark))?;
        }
        Ok(deleted)
    }
}

/// The id of a sealed file that has more than its header.
fn local_object(file: &PathBuf) -> Option<ObjectId> {
    let mut open = File::open(file).ok()?;
    let header = Header::read(&mut open).ok()?;
    (!is_header_alone(&open, &header)).then(|| ObjectId::of(&header))
}

/// What a mark's name says: `CALL.ID.CONTENT`.
fn left(mark: &str) -> Option<(RecordName, ObjectId, Content)> {
    let mut parts = mark.split('.');
    let name = RecordName::new(parts.next()?).ok()?;
    let object = ObjectId::parse(parts.next()?)?;
    let part = parts.next()?;
    let content = ARCHIVED
        .into_iter()
        .find(|content| content.name() == part)?;
    parts.next().is_none().then_some((name, object, content))
}
