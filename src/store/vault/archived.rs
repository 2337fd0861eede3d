//! Parts of calls whose bytes are in the object store: what says so, and how they are read.
//!
//! ```text
//! calls/CALL/audio.archived    what was put there: its id, length and SHA-256
//! calls/CALL/audio.sealed      whole, or its header alone once the disk's copy was dropped
//! fetched/ID.sealed            what was fetched to be read; may be emptied at any time
//! ```
//!
//! The header stays, so that whatever needs no content asks nobody: which calls there are, how long they are, since
//! when; rotation of keys; removal. Wrapped keys never leave the disk.
//!
//! **Architecture invariants:** a mark counts for the one sealing whose id it has. What was fetched is compared with
//! the mark before it is opened, and every chunk of it is authenticated as ever: what was altered, cut or swapped is an
//! error. Being named by its id, it cannot be taken for another revision.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::audio::Dimensions;
use super::revision::{digest, digest_of};
use super::{RecordName, Vault, VaultError, files};
use crate::store::archive::{Archive, ArchiveError, ObjectId, ObjectName};
use crate::store::audit::Sha256Digest;
use crate::store::sealed::{Content, Header};

/// What is kept there; the other parts are small, and looked at without anybody asking for the recording.
pub(super) const ARCHIVED: [Content; 2] = [Content::Audio, Content::Transcript];
/// Half a download that is older than this is of a process that died.
const ABANDONED: Duration = Duration::from_secs(3_600);
/// How often an object is asked for that did not come whole.
const TRIES: u32 = 2;

/// An object store that a vault reads from and puts into.
#[derive(Debug)]
pub(super) struct Archiving {
    pub(super) archive: Arc<dyn Archive>,
    /// Bytes of what was fetched and is kept.
    cache: u64,
    /// Who waits for the same object waits for one download.
    fetching: Mutex<BTreeMap<ObjectId, Arc<Mutex<()>>>>,
    /// Tells this process's downloads apart.
    downloads: AtomicU64,
}

/// What was put into the object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Archived {
    /// The version of this form: 1.
    pub(super) schema: u32,
    /// The id of what was sealed.
    pub(super) object: ObjectId,
    /// Bytes of the sealed file.
    pub(super) bytes: u64,
    /// Its SHA-256.
    pub(super) sha256: Sha256Digest,
    /// When it had been read back.
    pub(super) archived_at: Timestamp,
    /// Of a recording: what is asked for without fetching it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<Dimensions>,
}

/// Counts and sums up what passes.
pub(super) struct Summing<W> {
    into: W,
    sum: Sha256,
    bytes: u64,
}

impl<W: Write> Summing<W> {
    pub(super) fn new(into: W) -> Self {
        Self {
            into,
            sum: Sha256::new(),
            bytes: 0,
        }
    }

    /// What passed, and how much.
    pub(super) fn finish(self) -> (Sha256Digest, u64) {
        (Sha256Digest(self.sum.finalize().into()), self.bytes)
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

impl Vault {
    /// The same store, with calls in this archive. At most so many bytes of what is fetched from there stay on the
    /// disk, and the last one whatever its length.
    #[must_use]
    pub fn with_archive(self, archive: Arc<dyn Archive>, cache: u64) -> Self {
        Self {
            archiving: Some(Arc::new(Archiving {
                archive,
                cache,
                fetching: Mutex::default(),
                downloads: AtomicU64::new(0),
            })),
            ..self
        }
    }

    /// Where what is archived is, for people; `None`: nowhere.
    pub fn archive_place(&self) -> Option<&str> {
        Some(self.archiving.as_ref()?.archive.place())
    }

    /// What says that a part is in the object store.
    pub(super) fn archived_file(&self, name: &RecordName, content: Content) -> PathBuf {
        self.folder(name)
            .join(format!("{}.archived", content.name()))
    }

    /// What was archived last of a part, whichever sealing of it that was.
    pub(super) fn archived_last(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<Option<Archived>, VaultError> {
        if !ARCHIVED.contains(&content) {
            return Ok(None);
        }
        let file = self.archived_file(name, content);
        let text = match std::fs::read(&file) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(files::failed("read", &file))?,
        };
        match serde_json::from_slice::<Archived>(&text) {
            Ok(mark) if mark.schema == 1 => Ok(Some(mark)),
            Ok(_) => Err("it was written by a newer program".to_owned()),
            Err(error) => Err(error.to_string()),
        }
        .map_err(|problem| VaultError::Document { file, problem })
    }

    /// What was archived of the sealing that has this header.
    pub(super) fn archived(
        &self,
        name: &RecordName,
        header: &Header,
    ) -> Result<Option<Archived>, VaultError> {
        let mark = self.archived_last(name, header.label().content)?;
        Ok(mark.filter(|mark| mark.object == ObjectId::of(header)))
    }

    /// The length of a sealed file, wherever its bytes are.
    pub(super) fn sealed_bytes(&self, name: &RecordName, content: Content, on_disk: u64) -> u64 {
        // A header has less than this; what is longer is whole.
        if on_disk > u64::from(u8::MAX) + 64 {
            return on_disk;
        }
        match self.archived_last(name, content) {
            Ok(Some(mark)) => mark.bytes.max(on_disk),
            _ => on_disk,
        }
    }

    /// The SHA-256 of a sealed file and its length, wherever its bytes are.
    pub(super) fn part_digest(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<(Sha256Digest, u64), VaultError> {
        let file = self.object_file(name, content);
        let Ok((mut open, header)) = self.open_header(name, content) else {
            return digest(&file);
        };
        // A mark that cannot be read does not keep a call from being removed.
        match self.archived(name, &header) {
            Ok(Some(mark)) if is_header_alone(&open, &header) => Ok((mark.sha256, mark.bytes)),
            _ => open
                .seek(SeekFrom::Start(0))
                .and_then(|_| digest_of(&mut open))
                .map_err(files::failed("read", &file)),
        }
    }

    /// The whole of a sealed file of which this is the beginning or all: itself, or what the object store has.
    pub(super) fn whole(
        &self,
        name: &RecordName,
        open: File,
        header: &Header,
    ) -> Result<File, VaultError> {
        if !is_header_alone(&open, header) {
            return Ok(open);
        }
        match self.archived(name, header)? {
            Some(mark) => self.fetched(name, header, &mark),
            None => Ok(open),
        }
    }

    /// What the object store has of a sealing, from the disk if it was fetched before.
    fn fetched(
        &self,
        name: &RecordName,
        header: &Header,
        mark: &Archived,
    ) -> Result<File, VaultError> {
        let content = header.label().content;
        let cached = self.fetched_file(&mark.object);
        if let Some(open) = kept(&cached, mark) {
            return Ok(open);
        }
        let Some(archiving) = &self.archiving else {
            let name = name.clone();
            return Err(VaultError::NoArchive { name, content });
        };
        let turn = archiving.turn(&mark.object);
        let open = {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            match kept(&cached, mark) {
                Some(open) => Ok(open),
                None => self.fetch(archiving, name, content, mark),
            }
        };
        drop(turn);
        archiving.forget_turn(&mark.object);
        let mut open = open?;
        match Header::read(&mut open) {
            Ok(found) if found == *header => Ok(open),
            _ => Err(VaultError::Replaced {
                object: ObjectName::new(name, &mark.object, content).to_string(),
            }),
        }
    }

    /// Fetches an object into the folder of what was fetched.
    fn fetch(
        &self,
        archiving: &Archiving,
        name: &RecordName,
        content: Content,
        mark: &Archived,
    ) -> Result<File, VaultError> {
        let folder = self.path.join("fetched");
        files::make_folders(&folder)?;
        // Room for it first.
        self.tidy_fetched(archiving.cache.saturating_sub(mark.bytes), None);
        let number = archiving.downloads.fetch_add(1, Ordering::Relaxed);
        let new = folder.join(format!(
            "{}-{}-{number}.new",
            mark.object,
            std::process::id()
        ));
        let object = ObjectName::new(name, &mark.object, content);
        let mut tries = 1;
        let fetched = loop {
            let fetched = (|| {
                files::remove(&new)?;
                let open = files::create(&new)?;
                let mut summing = Summing::new(io::BufWriter::new(&open));
                archiving
                    .archive
                    .get(&object, &mut summing, mark.bytes)
                    .and_then(|()| summing.flush().map_err(ArchiveError::Local))
                    .map_err(|cause| match cause {
                        ArchiveError::Local(cause) => files::failed("write", &new)(cause),
                        ArchiveError::TooLong { .. } => replaced(&object),
                        cause => VaultError::Archive {
                            name: name.clone(),
                            content,
                            cause,
                        },
                    })?;
                if summing.finish() != (mark.sha256, mark.bytes) {
                    return Err(replaced(&object));
                }
                // A name that outlives a power cut is of what is whole.
                open.sync_data().map_err(files::failed("write", &new))
            })();
            match fetched {
                Err(VaultError::Archive {
                    cause: ArchiveError::Away { .. },
                    ..
                }) if tries < TRIES => tries += 1,
                // What was fetched before can be fetched again; calls that are recorded want the room too.
                Err(VaultError::File { cause, .. })
                    if tries < TRIES && cause.kind() == io::ErrorKind::StorageFull =>
                {
                    files::remove(&new)?;
                    self.tidy_fetched(0, None);
                    tries += 1;
                }
                fetched => break fetched,
            }
        };
        if let Err(error) = fetched {
            let _ = files::remove(&new);
            return Err(error);
        }
        let file = self.fetched_file(&mark.object);
        // Before it has its name: nobody takes it away meanwhile.
        let open = File::open(&new).map_err(files::failed("open", &new))?;
        std::fs::rename(&new, &file).map_err(files::failed("write", &file))?;
        // Several may have come at once.
        self.tidy_fetched(archiving.cache, Some(&mark.object));
        Ok(open)
    }

    pub(super) fn fetched_file(&self, object: &ObjectId) -> PathBuf {
        self.path.join("fetched").join(format!("{object}.sealed"))
    }

    /// Removes what was fetched longest ago until the rest is of at most so many bytes; but for the last one.
    pub(super) fn tidy_fetched(&self, most: u64, last: Option<&ObjectId>) {
        let folder = self.path.join("fetched");
        let now = SystemTime::now();
        let mut kept = Vec::new();
        for file in files::names(&folder).unwrap_or_default() {
            let path = folder.join(&file);
            let Ok(found) = std::fs::metadata(&path) else {
                continue;
            };
            let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if file.ends_with(".new") {
                if now.duration_since(used).is_ok_and(|age| age > ABANDONED) {
                    let _ = files::remove(&path);
                }
            } else if last.is_none_or(|last| file != format!("{last}.sealed")) {
                kept.push((used, path, found.len()));
            }
        }
        let mut bytes: u64 = kept.iter().map(|(_, _, bytes)| bytes).sum();
        kept.sort();
        for (_, path, length) in kept {
            if bytes <= most {
                break;
            }
            // Who has it open reads on.
            if files::remove(&path).is_ok() {
                bytes -= length;
            }
        }
    }
}

impl Archiving {
    fn turn(&self, object: &ObjectId) -> Arc<Mutex<()>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(object.clone()).or_default())
    }

    fn forget_turn(&self, object: &ObjectId) {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let is_unused = |turn: &Arc<Mutex<()>>| Arc::strong_count(turn) == 1;
        if fetching.get(object).is_some_and(is_unused) {
            fetching.remove(object);
        }
    }
}

/// The SHA-256 and the length of what the object store has of a sealed file of which the header alone is here.
pub fn digest_elsewhere(sealed: &Path) -> Option<(Sha256Digest, u64)> {
    let mut open = File::open(sealed).ok()?;
    let header = Header::read(&mut open).ok()?;
    let text = std::fs::read(sealed.with_extension("archived")).ok()?;
    let mark: Archived = serde_json::from_slice(&text).ok()?;
    let is_of_it = is_header_alone(&open, &header) && mark.object == ObjectId::of(&header);
    is_of_it.then_some((mark.sha256, mark.bytes))
}

fn replaced(object: &ObjectName) -> VaultError {
    VaultError::Replaced {
        object: object.to_string(),
    }
}

/// What was fetched before, as one that was used last.
fn kept(file: &Path, mark: &Archived) -> Option<File> {
    let open = File::open(file).ok()?;
    let is_whole = open.metadata().ok()?.len() == mark.bytes;
    if is_whole {
        // Whoever owns the file may; else it goes earlier.
        let _ = open.set_modified(SystemTime::now());
    }
    is_whole.then_some(open)
}

/// Whether a sealed file is nothing but its header.
pub(super) fn is_header_alone(open: &File, header: &Header) -> bool {
    open.metadata()
        .is_ok_and(|found| found.len() == header.bytes().len() as u64)
}
