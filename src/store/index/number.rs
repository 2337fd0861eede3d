//! Telephone numbers as keyed hashes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::NumberHash;
use crate::call::Sensitive;
use crate::store::keys::DataKey;

/// What the hash is of, before the number: a hash of another thing under the same key is another.
const PURPOSE: &[u8] = b"hushgate telephone number 1\0";

/// The key under which telephone numbers are hashed: who has not got it cannot try all numbers there are.
#[derive(Debug, Clone)]
pub struct NumberKey(DataKey);

impl NumberKey {
    /// From a key of 256 bits.
    pub fn new(key: DataKey) -> Self {
        Self(key)
    }

    /// A number's hash. Numbers are to be in the form that
    /// [`telephone_number`](crate::call::particulars::telephone_number) gives them.
    pub fn hash(&self, number: &Sensitive<String>) -> NumberHash {
        use std::fmt::Write as _;

        let mut text = String::with_capacity(64);
        // A key of any length is taken.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.bytes()) {
            mac.update(PURPOSE);
            mac.update(number.expose().as_bytes());
            for byte in mac.finalize().into_bytes() {
                // Writing to a string does not fail.
                let _ = write!(text, "{byte:02x}");
            }
        }
        NumberHash(text)
    }
}
