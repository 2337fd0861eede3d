//! One sealed file and its wrapped key: made, opened, made unreadable.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

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
        let header = Header::new(Label {
            name: name.to_string(),
            content,
            revision: 0,
            sealed_at: Timestamp::now(),
        })
        .map_err(sealed(self.object_file(name, content)))?;
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

    /// Puts a wrapped key in the place of the one before, if there was one.
    pub(super) fn save_wrapped(
        &self,
        name: &RecordName,
        content: Content,
        header: &Header,
        wrapped: WrappedKey,
    ) -> Result<(), VaultError> {
        let file = self.key_file(name, content);
        files::replace(&file, &key_text(&file, header, wrapped)?)
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

    /// Opens one sealed file of a call.
    pub fn open(
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

    /// The header that a wrapped key is bound to, also where nothing was sealed yet.
    pub(super) fn bound_header(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<Header, VaultError> {
        let new = || self.object_file(name, content).with_extension("new");
        let found = match self.open_header(name, content) {
            Err(VaultError::Missing { .. }) => self.open_header_at(name, content, new()),
            found => found,
        };
        Ok(found?.1)
    }

    /// A wrapped key and its file.
    pub(super) fn wrapped_key(
        &self,
        name: &RecordName,
        content: Content,
    ) -> Result<(PathBuf, WrappedKey), VaultError> {
        let file = self.key_file(name, content);
        let text = match std::fs::read(&file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(VaultError::Shredded {
                    name: name.clone(),
                    content,
                });
            }
            text => text.map_err(files::failed("read", &file))?,
        };
        match serde_json::from_slice::<KeyFile>(&text) {
            Ok(read) if read.schema == 1 => Ok((file, read.key)),
            _ => Err(VaultError::KeyFile { file }),
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
        let file = self.key_file(name, content);
        match OpenOptions::new().write(true).open(&file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            open => {
                // Where the file system writes in place, nothing is left to be found.
                let failed = || files::failed("overwrite", &file);
                let mut open = open.map_err(failed())?;
                let length = open.metadata().map_err(failed())?.len() as usize;
                open.write_all(&vec![0; length])
                    .and_then(|()| open.sync_all())
                    .map_err(failed())?;
            }
        }
        files::remove(&file)?;
        // One that a rotation left when it was cut off.
        files::remove(&file.with_extension("new"))?;
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
