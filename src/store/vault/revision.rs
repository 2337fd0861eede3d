//! Seals a call anew with stretches of it blanked for good: the next revision takes the place of the one before,
//! whose keys are destroyed.
//!
//! ```text
//! mark revising/CALL          -> seal audio.next.sealed ... under keys/CALL/audio.next.json ...   a crash: undone
//! rename it CALL.committed    -> the next revision is what is read from here on                   a crash: gone on with
//! destroy the older keys, rename the next ones into their places, remove the mark
//! ```
//!
//! **Architecture invariants:** what is sealed is what the store held, with samples set to silence and nothing
//! else; sound is only ever taken away, and none comes in from outside. At every moment one revision is
//! readable, and none but the next once that is done. Memory does not grow with the recording's length.
//!
//! Does not know what documents say: who erases gives what becomes of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::audio::HEADER;
use super::objects::{NewObject, sealed};
use super::{RecordName, Vault, VaultError, files};
use crate::store::audit::Sha256Digest;
use crate::store::sealed::{Content, SealedReader, SealedWriter};

/// A stretch of a recording that is to be blanked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Blank {
    /// In which channel; `None`: in all.
    pub channel: Option<u16>,
    /// Which samples of it, counted from the recording's beginning.
    pub frames: Range<u64>,
}

/// What became of a call whose stretches were erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Whose.
    pub call: String,
    /// What was sealed anew.
    pub parts: Vec<Resealed>,
}

/// A sealed file that took the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resealed {
    /// Which part of the call.
    pub content: Content,
    /// How many times it was sealed before.
    pub revision: u32,
    /// SHA-256 of the sealed file that it replaced.
    pub before: Sha256Digest,
    /// SHA-256 of the sealed file.
    pub after: Sha256Digest,
    /// Bytes of the sealed file.
    pub bytes: u64,
}

/// What becomes of a document; `Err` says why it cannot be.
pub type Rewrite<'a> = &'a dyn Fn(Content, &[u8]) -> Result<Zeroizing<Vec<u8>>, String>;

/// Whether a call may be changed, asked once nobody else can change any; `Err` says why not.
pub type Permit<'a> = &'a dyn Fn() -> Result<(), String>;

/// Documents that may tell of what was said.
const DOCUMENTS: [Content; 2] = [Content::Transcript, Content::Report];
/// All that is sealed anew.
const SEALED_ANEW: [Content; 3] = [Content::Transcript, Content::Report, Content::Audio];
/// How often a call that is changed meanwhile is opened anew without the lock.
const TRIES: u32 = 3;

/// What there is of a call.
type Opened = BTreeMap<Content, SealedReader<File>>;

impl Vault {
    /// Blanks stretches of a call for good: its audio has silence there, its documents are what `rewrite` makes of
    /// them, all under new keys, and the older keys are destroyed. When this returns, all of that is on the disk.
    /// What is gone already stays gone. Fails, with nothing changed, where something was altered, and for a call
    /// that is under way.
    pub fn erase_segments(
        &self,
        name: &RecordName,
        blanks: &[Blank],
        rewrite: Rewrite<'_>,
    ) -> Result<Erased, VaultError> {
        self.erase_segments_if(name, blanks, rewrite, &|| Ok(()))
    }

    /// The same, if it may be: who places a hold does so where [`Vault::keep_calls_unchanged`] keeps others out.
    pub fn erase_segments_if(
        &self,
        name: &RecordName,
        blanks: &[Blank],
        rewrite: Rewrite<'_>,
        permit: Permit<'_>,
    ) -> Result<Erased, VaultError> {
        self.check_format()?;
        let (_changes, opened) = self.lock_opened(name)?;
        permit().map_err(|reason| VaultError::NotPermitted {
            name: name.clone(),
            reason,
        })?;
        files::make_folders(&self.path.join("revising"))?;
        files::write_new(&self.begun(name), b"")?;
        files::sync_folder(&self.path.join("revising"))?;
        let staged = self
            .stage(name, blanks, rewrite, opened)
            .and_then(|parts| self.commit(name).map(|()| parts));
        match staged {
            Ok(parts) => {
                let _keys = self.lock_keys()?;
                self.settle(name)?;
                Ok(Erased {
                    call: name.to_string(),
                    parts,
                })
            }
            Err(error) => {
                // What cannot be undone here, the next start undoes.
                if !self.committed(name).exists() {
                    let _ = self.undo(name);
                }
                Err(error)
            }
        }
    }

    /// The lock of who changes calls, and what there is of a call that can be sealed anew, open. What the object store
    /// has of it is fetched before: whoever wants to lock another call away must not wait for that.
    fn lock_opened(&self, name: &RecordName) -> Result<(File, Opened), VaultError> {
        let lock = || {
            let changes = self.lock_changes()?;
            self.check_closed(name)?;
            // What a crash left comes first.
            self.finish_revision(name)?;
            Ok::<_, VaultError>(changes)
        };
        for _ in 0..TRIES {
            drop(lock()?);
            let opened = self.opened(name)?;
            let changes = lock()?;
            let is_current = |content: &Content| match opened.get(content) {
                Some(reader) => self.is_current(name, *content, reader.header()),
                None => !self.is_readable(name, *content),
            };
            if SEALED_ANEW.iter().all(is_current) {
                return Ok((changes, opened));
            }
        }
        // Changed each time: nobody does so any more.
        let changes = lock()?;
        Ok((changes, self.opened(name)?))
    }

    fn opened(&self, name: &RecordName) -> Result<Opened, VaultError> {
        let mut opened = Opened::new();
        for content in SEALED_ANEW {
            if self.is_readable(name, content) {
                opened.insert(content, self.open_sealed(name, content)?);
            }
        }
        Ok(opened)
    }

    /// Seals the next revision of whatever there is, beside the present one.
    fn stage(
        &self,
        name: &RecordName,
        blanks: &[Blank],
        rewrite: Rewrite<'_>,
        mut opened: Opened,
    ) -> Result<Vec<Resealed>, VaultError> {
        let mut parts = Vec::new();
        for content in DOCUMENTS {
            let Some(mut document) = opened.remove(&content) else {
                continue;
            };
            let before = document
                .read_whole()
                .map_err(sealed(self.object_file(name, content)))?;
            let problem = |problem| VaultError::Document {
                file: self.object_file(name, content),
                problem,
            };
            let after = rewrite(content, &before).map_err(problem)?;
            parts.push(self.stage_part(name, content, |writer| {
                writer
                    .write(&after)
                    .map_err(sealed(self.next(name, content).0))
            })?);
        }
        if let Some(mut audio) = opened.remove(&Content::Audio) {
            let file = self.object_file(name, Content::Audio);
            parts.push(self.stage_part(name, Content::Audio, |writer| {
                copy_blanked(&mut audio, blanks, &file, writer)
            })?);
        }
        self.step()?;
        files::sync_folder(&self.key_folder(name))?;
        files::sync_folder(&self.folder(name))?;
        Ok(parts)
    }

    fn stage_part(
        &self,
        name: &RecordName,
        content: Content,
        seal: impl FnOnce(&mut SealedWriter<File>) -> Result<(), VaultError>,
    ) -> Result<Resealed, VaultError> {
        let (present, header) = self.open_header(name, content)?;
        drop(present);
        let (next, next_key) = self.next(name, content);
        let (NewObject { header, key }, wrapped) = self.next_object(name, header.label())?;
        let revision = header.label().revision;
        self.step()?;
        files::write_new(&next_key, &wrapped)?;
        self.step()?;
        let mut writer = SealedWriter::begin(files::create(&next)?, header, &key)
            .map_err(sealed(next.clone()))?;
        seal(&mut writer)?;
        self.step()?;
        writer
            .finish()
            .and_then(|file| Ok(file.sync_all()?))
            .map_err(sealed(next.clone()))?;
        let (before, _) = self.part_digest(name, content)?;
        let (after, bytes) = digest(&next)?;
        Ok(Resealed {
            content,
            revision,
            before,
            after,
            bytes,
        })
    }

    /// From here on the next revision is the one that is read.
    fn commit(&self, name: &RecordName) -> Result<(), VaultError> {
        let _keys = self.lock_keys()?;
        for content in Content::ALL {
            // Keys may have been rotated since these were wrapped.
            let (next, next_key) = self.next(name, content);
            if next_key.exists() {
                self.rewrap_at(name, content, &next_key, &next)?;
            }
        }
        self.step()?;
        let committed = self.committed(name);
        std::fs::rename(self.begun(name), &committed)
            .map_err(files::failed("write", &committed))?;
        files::sync_folder(&self.path.join("revising"))?;
        self.step()
    }

    /// Puts the next revision in the place of the one before, whose keys are destroyed first. Whoever calls holds
    /// the keys' lock.
    fn settle(&self, name: &RecordName) -> Result<(), VaultError> {
        // All of them before anything else: what is erased of one part must not be readable in another.
        for content in Content::ALL {
            if self.next(name, content).1.exists() {
                self.step()?;
                destroy_key(&self.present(name, content).1)?;
            }
        }
        for content in Content::ALL {
            let (next, next_key) = self.next(name, content);
            if next_key.exists() {
                let key = self.present(name, content).1;
                self.step()?;
                std::fs::rename(&next_key, &key).map_err(files::failed("write", &key))?;
                files::sync_folder(&self.key_folder(name))?;
            }
            if next.exists() {
                let file = self.present(name, content).0;
                if self.leave_part(name, content)? {
                    files::remove(&self.archived_file(name, content))?;
                }
                self.step()?;
                std::fs::rename(&next, &file).map_err(files::failed("write", &file))?;
            }
        }
        self.step()?;
        files::sync_folder(&self.folder(name))?;
        files::remove(&self.committed(name))?;
        files::sync_folder(&self.path.join("revising"))?;
        self.tell_changed(name);
        Ok(())
    }

    /// Takes back what was begun and not committed.
    fn undo(&self, name: &RecordName) -> Result<(), VaultError> {
        self.step()?;
        for content in Content::ALL {
            let (next, next_key) = self.next(name, content);
            for file in [next_key.with_extension("new"), next_key, next] {
                files::remove(&file)?;
            }
        }
        self.step()?;
        files::remove(&self.begun(name))?;
        files::sync_folder(&self.path.join("revising"))
    }

    /// Ends what a crash left of a revision: takes it back or goes on with it. `None`: nothing was left; else
    /// whether it took effect.
    pub(super) fn finish_revision(&self, name: &RecordName) -> Result<Option<bool>, VaultError> {
        if self.committed(name).exists() {
            let _keys = self.lock_keys()?;
            self.settle(name)?;
            return Ok(Some(true));
        }
        if self.begun(name).exists() {
            self.undo(name)?;
            return Ok(Some(false));
        }
        Ok(None)
    }

    /// The calls of which a crash left a revision.
    pub(super) fn unfinished_revisions(&self) -> Result<Vec<RecordName>, VaultError> {
        let names = files::names(&self.path.join("revising"))?;
        let plain = |name: &String| {
            let name = name.strip_suffix(COMMITTED).unwrap_or(name);
            RecordName::new(name).ok()
        };
        Ok(names.iter().filter_map(plain).collect())
    }

    /// Whether a part is there and its key was not destroyed.
    pub fn is_readable(&self, name: &RecordName, content: Content) -> bool {
        self.object_file(name, content).exists() && self.key_file(name, content).exists()
    }

    /// Says that a revision is being made.
    pub(super) fn begun(&self, name: &RecordName) -> PathBuf {
        self.path.join("revising").join(name.as_str())
    }

    /// Says that it takes effect. No call's name has a dot.
    pub(super) fn committed(&self, name: &RecordName) -> PathBuf {
        let name = format!("{name}{COMMITTED}");
        self.path.join("revising").join(name)
    }

    /// The sealed file and the wrapped key of the next revision.
    pub(super) fn next(&self, name: &RecordName, content: Content) -> (PathBuf, PathBuf) {
        let file = format!("{}.next.sealed", content.name());
        let key = format!("{}.next.json", content.name());
        (
            self.folder(name).join(file),
            self.key_folder(name).join(key),
        )
    }

    /// Who changes or removes calls waits for the other.
    pub(super) fn lock_changes(&self) -> Result<File, VaultError> {
        let file = self.path.join("changes.lock");
        let lock = files::lock_file(&file)?;
        lock.lock().map_err(files::failed("lock", &file))?;
        Ok(lock)
    }

    /// A call that is being written to cannot be changed.
    pub(super) fn check_closed(&self, name: &RecordName) -> Result<(), VaultError> {
        if !self.folder(name).is_dir() {
            return Err(VaultError::Unknown { name: name.clone() });
        }
        if self.mark(name).exists() {
            return Err(VaultError::UnderWay { name: name.clone() });
        }
        Ok(())
    }
}

const COMMITTED: &str = ".committed";

/// Copies a recording, chunk by chunk, with silence for what is blanked.
fn copy_blanked(
    audio: &mut SealedReader<File>,
    blanks: &[Blank],
    file: &Path,
    writer: &mut SealedWriter<File>,
) -> Result<(), VaultError> {
    let header = audio.read_at(0, HEADER).map_err(sealed(file.to_owned()))?;
    let channels = match header.get(22..24) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    if channels == 0 {
        return Err(VaultError::Document {
            file: file.to_owned(),
            problem: "it is no WAV of this program".into(),
        });
    }
    let mut at = 0;
    for number in 0..audio.chunks() {
        let mut chunk = audio.chunk(number).map_err(sealed(file.to_owned()))?;
        for blank in blanks {
            silence(&mut chunk, at, channels, blank);
        }
        at += chunk.len() as u64;
        writer.write(&chunk).map_err(sealed(file.to_owned()))?;
    }
    Ok(())
}

/// Sets to zero what of a piece of the file, which begins at byte `at`, is blanked: silence in PCM 16.
fn silence(piece: &mut [u8], at: u64, channels: u16, blank: &Blank) {
    let header = HEADER as u64;
    let frame = u64::from(channels) * 2;
    let byte_of = |frames: u64| header.saturating_add(frames.saturating_mul(frame));
    let end = at + piece.len() as u64;
    let from = byte_of(blank.frames.start).max(at);
    let to = byte_of(blank.frames.end).min(end);
    for place in from..to {
        let channel = (place - header) % frame / 2;
        if blank
            .channel
            .is_none_or(|wanted| u64::from(wanted) == channel)
            && let Some(byte) = piece.get_mut((place - at) as usize)
        {
            *byte = 0;
        }
    }
}

/// Writes over a wrapped key and removes it. Its folder has to be synchronised for its name to be gone for good;
/// what it said is.
pub(super) fn destroy_key(file: &Path) -> Result<(), VaultError> {
    use std::io::Write;
    match std::fs::OpenOptions::new().write(true).open(file) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        open => {
            // Where the file system writes in place, nothing is left to be found.
            let failed = || files::failed("overwrite", file);
            let mut open = open.map_err(failed())?;
            let length = open.metadata().map_err(failed())?.len() as usize;
            open.write_all(&vec![0; length])
                .and_then(|()| open.sync_data())
                .map_err(failed())?;
        }
    }
    files::remove(file)
}

/// A file's SHA-256 and its length.
pub(super) fn digest(file: &Path) -> Result<(Sha256Digest, u64), VaultError> {
    File::open(file)
        .and_then(|mut open| digest_of(&mut open))
        .map_err(files::failed("read", file))
}

/// The SHA-256 and the length of what is left of an open file.
pub(super) fn digest_of(open: &mut File) -> std::io::Result<(Sha256Digest, u64)> {
    let mut sum = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        match open.read(&mut block)? {
            0 => return Ok((Sha256Digest(sum.finalize().into()), length)),
            read => {
                sum.update(&block[..read]);
                length += read as u64;
            }
        }
    }
}
