//! Wraps every data key anew under the current key. No sealed file is written to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{RecordName, Vault, VaultError, files};
use crate::store::keys::KeyId;
use crate::store::sealed::Content;

/// What came of a rotation.
#[derive(Debug, Default)]
pub struct Rotation {
    /// Wrapped keys that were looked at.
    pub objects: u64,
    /// Those that were wrapped anew; the others were under the current key already.
    pub rewrapped: u64,
    /// Those that could not be.
    pub failed: Vec<VaultError>,
}

/// How many objects' keys are wrapped under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The key.
    pub key: KeyId,
    /// How many.
    pub objects: u64,
}

impl Vault {
    /// Wraps every data key under the current key, one by one, each replaced whole: cut off at any moment, every
    /// key opens under the one key or the other, and the next run does the rest. `progress` is told how many
    /// calls are done, and of how many.
    pub fn rotate(&self, mut progress: impl FnMut(u64, u64)) -> Result<Rotation, VaultError> {
        let mut rotation = Rotation::default();
        self.each_key(
            |name, content| {
                rotation.objects += 1;
                match self.rewrap(name, content) {
                    Ok(true) => rotation.rewrapped += 1,
                    // Destroyed meanwhile, or of a call that was just closed without it.
                    Ok(false) | Err(VaultError::Shredded { .. } | VaultError::Missing { .. }) => {}
                    Err(error) => rotation.failed.push(error),
                }
            },
            &mut progress,
        )?;
        match self.rewrap_number_key() {
            Ok(None) => {}
            Ok(Some(is_new)) => {
                rotation.objects += 1;
                rotation.rewrapped += u64::from(is_new);
            }
            Err(error) => {
                rotation.objects += 1;
                rotation.failed.push(error);
            }
        }
        Ok(rotation)
    }

    /// How many objects each key wraps. `progress` as for [`Vault::rotate`].
    pub fn usage(&self, mut progress: impl FnMut(u64, u64)) -> Result<Vec<Usage>, VaultError> {
        let mut counts: BTreeMap<KeyId, u64> = BTreeMap::new();
        let mut failure = None;
        self.each_key(
            |name, content| match self.wrapped_key(name, content) {
                Ok((_, wrapped)) => *counts.entry(wrapped.key).or_default() += 1,
                Err(VaultError::Shredded { .. }) => {}
                Err(error) => failure = Some(error),
            },
            &mut progress,
        )?;
        // A key that looks unused because its objects cannot be counted would be thrown away.
        failure.map_or(Ok(()), Err)?;
        if let Some(wrapped) = self.wrapped_number_key()? {
            *counts.entry(wrapped.key).or_default() += 1;
        }
        Ok(counts
            .into_iter()
            .map(|(key, objects)| Usage { key, objects })
            .collect())
    }

    fn each_key(
        &self,
        mut act: impl FnMut(&RecordName, Content),
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), VaultError> {
        self.check_format()?;
        let names = files::names(&self.path.join("keys"))?;
        let total = names.len() as u64;
        for (done, name) in names.iter().enumerate() {
            if let Ok(name) = RecordName::new(name) {
                for content in Content::ALL {
                    if self.key_file(&name, content).exists() {
                        act(&name, content);
                    }
                }
            }
            progress(done as u64 + 1, total);
        }
        Ok(())
    }

    /// Wraps one data key anew; `false`: it was under the current key.
    fn rewrap(&self, name: &RecordName, content: Content) -> Result<bool, VaultError> {
        let _lock = self.lock_keys()?;
        let (key, object) = (
            self.key_file(name, content),
            self.object_file(name, content),
        );
        self.rewrap_at(name, content, &key, &object)
    }
}
