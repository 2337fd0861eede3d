//! One chunk: sealed and opened under its number.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use super::{Header, SealError};
use crate::store::keys::DataKey;

/// The cipher of one object. Wipes its key schedule when dropped.
pub(super) struct ChunkCipher {
    cipher: Aes256Gcm,
    header: Header,
}

impl ChunkCipher {
    pub(super) fn new(header: Header, key: &DataKey) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.bytes().into()),
            header,
        }
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Encrypts in place and appends the tag.
    pub(super) fn seal(
        &self,
        number: u32,
        is_last: bool,
        chunk: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let nonce = self.nonce(number, is_last);
        self.cipher
            .encrypt_in_place(&nonce, self.header.bytes(), chunk)
            .map_err(|_| SealError::Cipher)
    }

    /// What was sealed under this number; `None` if this was not.
    pub(super) fn open(
        &self,
        number: u32,
        is_last: bool,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = self.nonce(number, is_last);
        let mut chunk = Zeroizing::new(sealed.to_vec());
        self.cipher
            .decrypt_in_place(&nonce, self.header.bytes(), &mut *chunk)
            .ok()?;
        Some(chunk)
    }

    fn nonce(&self, number: u32, is_last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
        let mut nonce = [0; 12];
        nonce[..7].copy_from_slice(self.header.prefix());
        nonce[7..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(is_last);
        nonce.into()
    }
}
