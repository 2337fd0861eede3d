//! One sealed file and its wrapped key: made, opened, made unreadable.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::revision::destroy_key;
use super::{RecordName, Vault, VaultError, files};
use crate::store::keys::{DataKey, WrappedKey};
use crate::store::sealed::{Content, Header, Label, SealError, SealedReader, SealedWriter};

/// A wrapped key's file. What it says of the object is for people; what binds it is in the wrapping.
#[derive(Debug, Serialize, Deserialize)]
struct KeyFile {
    schema: u32,
    object: String,
    #[serde(flatten)]
    key: WrappedKey,
}

/// An object that nothing was sealed of yet.
#[derive(Debug)]
pub(super) struct NewObject {
    pub(super) header: Header,
    pub(super) key: DataKey,
}

fn key_text(file: &Path, header: &Header, key: WrappedKey) -> Result<Vec<u8>, VaultError> {
    let written = KeyFile {
        schema: 1,
        object: header.object(),
        key,
    };
    let mut text = serde_json::to_vec_pretty(&written)
        .map_err(|error| files::failed("write", file)(error.into()))?;
    text.push(b'\n');
    Ok(text)
}

pub(super) fn sealed(file: PathBuf) -> impl FnOnce(SealError) -> VaultError {
    move |cause| VaultError::Sealed { file, cause }
}

impl Vault {
    /// Makes a new object's header and key, and the text of its wrapped key's file, which has to be on the disk
    /// before anything is sealed.
    pub(super) fn new_object(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<(NewObject, Vec<u8>), VaultError> {
        self.labelled_object(
            name,
            Label {
                name: name.to_string(),
                content,
                revision: 0,
                sealed_at: Timestamp::now(),
            },
        )
    }

    /// The same for what takes the place of another, and keeps its time: a call began when it began.
    pub(super) fn next_object(
        &self,
        name: &RecordName,
        present: &Label,
    ) -> Result<(NewObject, Vec<u8>), VaultError> {
        self.labelled_object(
            name,
            Label {
                revision: present.revision.saturating_add(1),
                ..present.clone()
            },
        )
    }

    fn labelled_object(
        &self,
        name: &RecordName,
        label: Label,
    ) -> Result<(NewObject, Vec<u8>), VaultError> {
        let content = label.content;
        let header = Header::new(label).map_err(sealed(self.object_file(name, content)))?;
        let file = self.key_file(name, content);
        let wrapping = |cause| VaultError::Key {
            file: file.clone(),
            cause,
        };
        let key = DataKey::generate().map_err(wrapping)?;
        let wrapped = self.keys.wrap(&key, header.bytes()).map_err(wrapping)?;
        let text = key_text(&file, &header, wrapped)?;
        Ok((NewObject { header, key }, text))
    }

    /// Wraps the data key in a file anew; `false`: it was under the current key. Whoever calls holds the keys' lock.
    pub(super) fn rewrap_at(
        &self,
        name: &RecordName,
        content: Content,
        key_file: &Path,
        object_file: &Path,
    ) -> Result<bool, VaultError> {
        let wrapped = self.wrapped_key_at(name, content, key_file)?;
        let header = match self.open_header_at(name, content, object_file.to_owned()) {
            // Nothing was sealed yet.
            Err(VaultError::Missing { .. }) => {
                self.open_header_at(name, content, object_file.with_extension("new"))
            }
            found => found,
        }?
        .1;
        let failed = |cause| VaultError::Key {
            file: key_file.to_owned(),
            cause,
        };
        let Some(newer) = self.keys.rewrap(&wrapped, header.bytes()).map_err(failed)? else {
            return Ok(false);
        };
        // The only copy is about to be replaced: it must open.
        self.keys.unwrap(&newer, header.bytes()).map_err(failed)?;
        files::replace(key_file, &key_text(key_file, &header, newer)?)?;
        Ok(true)
    }

    /// Seals a document whose wrapped key is on the disk, under its name when it is whole and on the disk.
    pub(super) fn seal_document(
        &self,
        name: &RecordName,
        object: NewObject,
        bytes: &[u8],
    ) -> Result<(), VaultError> {
        let NewObject { header, key } = object;
        let file = self.object_file(name, header.label().content);
        let new = file.with_extension("new");
        // Its header alone, or what a crash left.
        files::remove(&new)?;
        let seal = |open: File| {
            let mut writer = SealedWriter::begin(open, header, &key)?;
            writer.write(bytes)?;
            writer.finish()?.sync_all()?;
            Ok(())
        };
        seal(files::create(&new)?).map_err(sealed(new.clone()))?;
        std::fs::rename(&new, &file).map_err(files::failed("write", &file))?;
        files::sync_folder(&self.folder(name))
    }

    /// Opens one sealed file of a call. What is locked away is opened only where that was asked for.
    pub fn open(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<SealedReader<File>, VaultError> {
        let may_be_locked_away = matches!(content, Content::Audio | Content::Transcript);
        let check = || match may_be_locked_away {
            true => self.check_free(name),
            false => Ok(()),
        };
        check()?;
        let opened = self.open_sealed(name, content)?;
        // It may have been locked away while it was fetched.
        check()?;
        Ok(opened)
    }

    /// Opens one sealed file of a call, locked away or not. A revision that takes its place meanwhile is waited for.
    pub(super) fn open_sealed(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<SealedReader<File>, VaultError> {
        let mut patience = 100;
        loop {
            let before = self.sight(name, content);
            let opened = self.open_present(name, content);
            let after = self.sight(name, content);
            let is_done = match &opened {
                // It may have been erased while it was fetched.
                Ok(reader) => {
                    after.1.as_ref() == Some(reader.header()) && self.is_readable(name, content)
                }
                Err(_) => !before.0 && after == before,
            };
            if is_done || patience == 0 {
                return opened;
            }
            patience -= 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether a revision is about to take the place of the one before, and what is in its place.
    fn sight(&self, name: &RecordName, content: Content) -> (bool, Option<Header>) {
        let header = self.open_header(name, content).ok();
        (
            self.committed(name).exists(),
            header.map(|(_, header)| header),
        )
    }

    fn open_present(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<SealedReader<File>, VaultError> {
        let (open, header) = self.open_header(name, content)?;
        let (file, wrapped) = self.wrapped_key(name, content)?;
        let key = self
            .keys
            .unwrap(&wrapped, header.bytes())
            .map_err(|cause| VaultError::Key { file, cause })?;
        // Last: what cannot be read is not fetched.
        let open = self.whole(name, open, &header)?;
        SealedReader::open(open, header, &key).map_err(sealed(self.object_file(name, content)))
    }

    /// A document of a call, as it was sealed: whole or not at all.
    pub fn document(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.open(name, content)?
            .read_whole()
            .map_err(sealed(self.object_file(name, content)))
    }

    /// The header of a sealed file, which is what it should be by its own word.
    pub(super) fn open_header(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<(File, Header), VaultError> {
        self.check_format()?;
        self.open_header_at(name, content, self.object_file(name, content))
    }

    fn open_header_at(
        &self,
        name: &RecordName,
        content: Content,
        file: PathBuf,
    ) -> Result<(File, Header), VaultError> {
        let mut open = match File::open(&file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let name = name.clone();
                return Err(if self.folder(&name).is_dir() {
                    VaultError::Missing { name, content }
                } else {
                    VaultError::Unknown { name }
                });
            }
            open => open.map_err(files::failed("open", &file))?,
        };
        let header = Header::read(&mut open).map_err(sealed(file.clone()))?;
        let label = header.label();
        if label.name != name.as_str() || label.content != content {
            return Err(VaultError::Misplaced {
                file,
                found: label.name.clone(),
                content: label.content,
            });
        }
        Ok((open, header))
    }

    /// A wrapped key and its file.
    pub(super) fn wrapped_key(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<(PathBuf, WrappedKey), VaultError> {
        let file = self.key_file(name, content);
        let wrapped = self.wrapped_key_at(name, content, &file)?;
        Ok((file, wrapped))
    }

    fn wrapped_key_at(
        &self,
        name: &RecordName,
        content: Content,
        file: &Path,
    ) -> Result<WrappedKey, VaultError> {
        let text = match std::fs::read(file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(VaultError::Shredded {
                    name: name.clone(),
                    content,
                });
            }
            text => text.map_err(files::failed("read", file))?,
        };
        // A key is overwritten with zeros before its file goes.
        if text.first().is_none_or(|byte| *byte == 0) {
            return Err(VaultError::Shredded {
                name: name.clone(),
                content,
            });
        }
        match serde_json::from_slice::<KeyFile>(&text) {
            Ok(read) if read.schema == 1 => Ok(read.key),
            _ => Err(VaultError::KeyFile {
                file: file.to_owned(),
            }),
        }
    }

    /// Destroys the wrapped key of one sealed file: from then on nobody can read it, nor any copy of it. What is
    /// sealed stays, as noise. Done again it does nothing.
    pub fn shred(&self, name: &RecordName, content: Content) -> Result<(), VaultError> {
        self.check_format()?;
        if !self.folder(name).is_dir() {
            return Err(VaultError::Unknown { name: name.clone() });
        }
        let _lock = self.lock_keys()?;
        // Those of a revision that was cut off are among them, and what a rotation left.
        for key in [self.present(name, content).1, self.next(name, content).1] {
            self.step()?;
            destroy_key(&key)?;
            destroy_key(&key.with_extension("new"))?;
        }
        files::sync_folder(&self.key_folder(name))
    }

    /// Who changes or destroys wrapped keys waits for the other: a destroyed key must not come back.
    pub(super) fn lock_keys(&self) -> Result<File, VaultError> {
        let file = self.path.join("keys.lock");
        let lock = files::lock_file(&file)?;
        lock.lock().map_err(files::failed("lock", &file))?;
        Ok(lock)
    }
}
