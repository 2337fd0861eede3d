//! A few key-encrypting keys in memory. The first is current; the others still open what they wrapped.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{DataKey, KeyError, KeyId, WrappedKey};

/// Bound to every wrapped key, before the key's id and the object.
const PURPOSE: &[u8] = b"hushgate wrapped key 1\0";
const NONCE: usize = 12;

/// The keys of a file or variable.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyRing {
    keys: Vec<(KeyId, DataKey)>,
}

impl KeyRing {
    /// Reads `ID BASE64` on each line, or several parted by commas; `#` begins a comment. `place` is told
    /// in errors.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<(KeyId, DataKey)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |problem| KeyError::Form {
                place: format!("{place}:{}", number + 1),
                problem,
            };
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            for entry in line.split(',').map(str::trim).filter(|e| !e.is_empty()) {
                let (id, key) = entry
                    .split_once(char::is_whitespace)
                    .ok_or_else(|| wrong("expected ID and KEY with a blank between them"))?;
                let id = KeyId::new(id).map_err(|_| {
                    wrong("the id is not of letters, digits or -_./: (the id comes first)")
                })?;
                if keys.iter().any(|(taken, _)| *taken == id) {
                    return Err(wrong("an id that was there already"));
                }
                let bytes = Zeroizing::new(
                    STANDARD
                        .decode(key.trim())
                        .map_err(|_| wrong("the key is not base64"))?,
                );
                let bytes = <[u8; 32]>::try_from(bytes.as_slice())
                    .map_err(|_| wrong("the key has not 32 bytes"))?;
                keys.push((id, DataKey::from_bytes(bytes)));
            }
        }
        if keys.is_empty() {
            return Err(KeyError::Form {
                place: place.to_owned(),
                problem: "has no key; make one with `hushgate keys generate`",
            });
        }
        Ok(Self { keys })
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|(id, _)| id)
    }

    pub(super) fn is_current(&self, id: &KeyId) -> bool {
        self.ids().next() == Some(id)
    }

    pub(super) fn wrap(
        &self,
        key: &DataKey,
        object: &[u8],
        place: &str,
    ) -> Result<WrappedKey, KeyError> {
        let Some((id, wrapping)) = self.keys.first() else {
            return Err(KeyError::Form {
                place: place.to_owned(),
                problem: "has no key",
            });
        };
        // Random nonces serve for 2^32 keys under each (NIST SP 800-38D, 8.3).
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)
            .map_err(|error| KeyError::Random(std::io::Error::other(error)))?;
        let bound = bound(id, object);
        let payload = Payload {
            msg: key.bytes(),
            aad: &bound,
        };
        let sealed = Aes256Gcm::new(wrapping.bytes().into())
            .encrypt(&nonce.into(), payload)
            .map_err(|_| refused(id, place))?;
        Ok(WrappedKey {
            key: id.clone(),
            wrapped: STANDARD.encode([&nonce[..], &sealed].concat()),
        })
    }

    pub(super) fn unwrap(
        &self,
        wrapped: &WrappedKey,
        object: &[u8],
        place: &str,
    ) -> Result<DataKey, KeyError> {
        let id = &wrapped.key;
        let (_, wrapping) = self
            .keys
            .iter()
            .find(|(known, _)| known == id)
            .ok_or_else(|| KeyError::Unknown {
                place: place.to_owned(),
                id: id.clone(),
            })?;
        let sealed = STANDARD
            .decode(&wrapped.wrapped)
            .map_err(|_| refused(id, place))?;
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE>()
            .ok_or_else(|| refused(id, place))?;
        let bound = bound(id, object);
        let payload = Payload {
            msg: sealed,
            aad: &bound,
        };
        let key = Aes256Gcm::new(wrapping.bytes().into())
            .decrypt(&(*nonce).into(), payload)
            .map(Zeroizing::new)
            .map_err(|_| refused(id, place))?;
        <[u8; 32]>::try_from(key.as_slice())
            .map(DataKey::from_bytes)
            .map_err(|_| refused(id, place))
    }
}

fn bound(id: &KeyId, object: &[u8]) -> Vec<u8> {
    [PURPOSE, id.as_str().as_bytes(), b"\0", object].concat()
}

fn refused(id: &KeyId, place: &str) -> KeyError {
    KeyError::Refused {
        place: place.to_owned(),
        id: id.clone(),
    }
}
