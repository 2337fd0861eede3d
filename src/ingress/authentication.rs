//! Proofs that a request to open a connection comes from who it says.
//!
//! Each platform's proof has a file: what it is made of, how it is checked, and how the gateway makes one
//! for the connections that it opens itself. The answer to a request that fails is 401 or 403 before the
//! upgrade, with no reason in it; the reason is for the log.
//!
//! **Architecture invariants:** no socket and no clock: the request's head and the time are inputs. What a
//! secret is compared with takes the same time whether it is right or nearly so. No secret, signature or
//! header value is in a reason, an error or `Debug` output.

pub mod message_signature;
pub mod plivo_signature;
pub mod public_url;
pub mod token;
pub mod twilio_signature;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::{OutputSizeUser, block_api::EagerHash};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::call::Sensitive;

/// How long a refusal is to be held back, counted from the request, so that its time says nothing of its
/// reason. The reference server of AudioHook waits as long.
pub const REFUSAL_DELAY: Duration = Duration::from_millis(500);

/// What a proof came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The request comes from who holds the secret.
    Valid,
    /// The request is not signed, and its key is set up to need no signature.
    Unsigned,
    /// The request is to be refused. The reason is for the log, not for the peer.
    Invalid(&'static str),
}

impl Proof {
    /// Whether the request may be answered.
    pub fn is_accepted(self) -> bool {
        match self {
            Proof::Valid | Proof::Unsigned => true,
            Proof::Invalid(_) => false,
        }
    }

    fn when(is_right: bool, otherwise: &'static str) -> Self {
        if is_right {
            Proof::Valid
        } else {
            Proof::Invalid(otherwise)
        }
    }
}

/// An HTTP request without its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// `GET`, for a WebSocket.
    pub method: &'a str,
    /// Path and query as on the request line.
    pub target: &'a str,
    /// Whom the peer meant: the header `Host`, or its public name behind a proxy that changes it.
    pub authority: &'a str,
    /// Names in lower case and values, in order; a name may repeat.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> RequestHead<'a> {
    /// The values of the headers of this lower-case name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let headers = self.headers;
        headers
            .iter()
            .filter(move |(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// The value of a header that must come once.
    fn single(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        let value = values.next()?;
        values.next().is_none().then(|| value.trim_ascii())
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query or a header may hold a token.
        let path = self.target.split('?').next().unwrap_or_default();
        let headers = self.headers.len();
        write!(f, "RequestHead({} {path}, {headers} headers)", self.method)
    }
}

/// A key or token. It prints redacted, is wiped when dropped, and is never empty.
#[derive(Debug, Clone)]
pub struct Secret(Sensitive<Vec<u8>>);

/// A text that is not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Anybody could have it.
    #[error("the secret is empty")]
    Empty,
    /// The platform shows it in base64.
    #[error("the secret is not base64 with padding")]
    NotBase64,
}

impl Secret {
    /// A secret that is used as it is written.
    pub fn new(text: &str) -> Result<Self, InvalidSecret> {
        Self::of(text.as_bytes().to_vec())
    }

    /// A secret that is written in base64: AudioHook's client secret.
    pub fn from_base64(text: &str) -> Result<Self, InvalidSecret> {
        Self::of(
            STANDARD
                .decode(text)
                .map_err(|_| InvalidSecret::NotBase64)?,
        )
    }

    fn of(bytes: Vec<u8>) -> Result<Self, InvalidSecret> {
        if bytes.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        Ok(Self(Sensitive::new(bytes)))
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// Whether this is what was given. The time does not depend on where they differ, nor on the secret's
    /// length.
    fn is(&self, given: &[u8]) -> bool {
        same(self.bytes(), given)
    }
}

/// Whether one of the secrets is what was given; all are compared.
fn any_is(secrets: &[Secret], given: &[u8]) -> bool {
    secrets
        .iter()
        .fold(false, |found, secret| found | secret.is(given))
}

/// Compares in a time that does not depend on where two texts differ, nor on whether they are as long.
fn same(one: &[u8], other: &[u8]) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}

/// HMAC (RFC 2104) of a message.
fn hmac<Hash: EagerHash>(key: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>>
where
    Hmac<Hash>: KeyInit + Mac + OutputSizeUser,
{
    #[expect(clippy::expect_used, reason = "RFC 2104, 2: keys may be of any length")]
    let mut mac = <Hmac<Hash> as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(message);
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests;
