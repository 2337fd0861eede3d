//! The key under which telephone numbers are hashed: one for the store, made when it is first needed, wrapped as the
//! keys of recordings are.
//!
//! Without it numbers of calls that are there are not found any more; nothing else is lost.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Vault, VaultError, files};
use crate::store::index::NumberKey;
use crate::store::keys::{DataKey, WrappedKey};

/// What the wrapped key is bound to.
const OBJECT: &[u8] = b"hushgate number key 1";

#[derive(Debug, Serialize, Deserialize)]
struct NumberKeyFile {
    schema: u32,
    #[serde(flatten)]
    key: WrappedKey,
}

impl Vault {
    /// The key of telephone numbers, made if there is none.
    pub fn number_key(&self) -> Result<NumberKey, VaultError> {
        self.check_format()?;
        if let Some(wrapped) = self.wrapped_number_key()? {
            return self.unwrap_number_key(&wrapped);
        }
        let _lock = self.lock_keys()?;
        // Somebody may have made it meanwhile.
        if let Some(wrapped) = self.wrapped_number_key()? {
            return self.unwrap_number_key(&wrapped);
        }
        let wrapping = |cause| VaultError::Key {
            file: self.number_key_file(),
            cause,
        };
        let key = DataKey::generate().map_err(wrapping)?;
        let wrapped = self.keys.wrap(&key, OBJECT).map_err(wrapping)?;
        self.save_number_key(wrapped)?;
        Ok(NumberKey::new(key))
    }

    /// The wrapped key, if there is one.
    pub(super) fn wrapped_number_key(&self) -> Result<Option<WrappedKey>, VaultError> {
        let file = self.number_key_file();
        let text = match std::fs::read(&file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(files::failed("read", &file))?,
        };
        match serde_json::from_slice::<NumberKeyFile>(&text) {
            Ok(read) if read.schema == 1 => Ok(Some(read.key)),
            _ => Err(VaultError::KeyFile { file }),
        }
    }

    /// Wraps it under the current key; `None`: there is none, `false`: it was already.
    pub(super) fn rewrap_number_key(&self) -> Result<Option<bool>, VaultError> {
        let _lock = self.lock_keys()?;
        let Some(wrapped) = self.wrapped_number_key()? else {
            return Ok(None);
        };
        let failed = |cause| VaultError::Key {
            file: self.number_key_file(),
            cause,
        };
        let Some(newer) = self.keys.rewrap(&wrapped, OBJECT).map_err(failed)? else {
            return Ok(Some(false));
        };
        // The only copy is about to be replaced: it must open.
        self.keys.unwrap(&newer, OBJECT).map_err(failed)?;
        self.save_number_key(newer)?;
        Ok(Some(true))
    }

    fn unwrap_number_key(&self, wrapped: &WrappedKey) -> Result<NumberKey, VaultError> {
        let key = self.keys.unwrap(wrapped, OBJECT);
        key.map(NumberKey::new).map_err(|cause| VaultError::Key {
            file: self.number_key_file(),
            cause,
        })
    }

    fn save_number_key(&self, key: WrappedKey) -> Result<(), VaultError> {
        let file = self.number_key_file();
        let mut text = serde_json::to_vec_pretty(&NumberKeyFile { schema: 1, key })
            .map_err(|error| files::failed("write", &file)(error.into()))?;
        text.push(b'\n');
        files::replace(&file, &text)
    }

    fn number_key_file(&self) -> PathBuf {
        self.path.join("number-key.json")
    }
}
