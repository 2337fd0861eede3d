//! AudioHook's signatures: HTTP Message Signatures (draft 11) with HMAC-SHA256 over the request's target,
//! its authority, the AudioHook headers and `X-API-KEY`.
//!
//! Source: the public reference implementation (purecloudlabs/audiohook-reference-implementation), whose
//! rules are checked all; besides, a signature is accepted once.
//!
//! **Architecture invariant:** what is remembered of signatures is bounded, and forgotten no sooner than
//! they have expired; where there is no more room, requests are refused.

mod replay;
mod statement;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Proof, RequestHead, Secret, hmac, same};
use crate::call::Sensitive;

use replay::Seen;
use statement::{Statement, canonical};

const KEY_HEADER: &str = "x-api-key";
const ALGORITHM: &str = "hmac-sha256";
/// What must be signed.
const REQUIRED: [&str; 6] = [
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    KEY_HEADER,
];
/// Longest of either header in bytes; the platform's have about 350 and 60.
const LONGEST_HEADER: usize = 4 * 1024;
/// Fewest characters of a nonce: 128 bits in base64.
const SHORTEST_NONCE: usize = 22;
/// What a request of an unknown key is checked with, so that it takes as long.
const DUMMY_KEY: [u8; 32] = [
    0x8b, 0x1f, 0xd4, 0x53, 0x7e, 0xc2, 0x09, 0xa6, 0x35, 0xe8, 0x4c, 0x97, 0x60, 0xfb, 0x12, 0xad,
    0xd9, 0x28, 0x71, 0xb4, 0x0e, 0x9a, 0x46, 0xe3, 0x5d, 0x82, 0xcf, 0x3b, 0xf7, 0x64, 0x91, 0x2c,
];

/// An API key, and the client secret that belongs to it.
#[derive(Debug, Clone)]
pub struct ClientKey {
    id: Secret,
    secret: Option<Secret>,
}

/// A text that is not an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an API key has 1 to 256 letters, digits, '+', '/', '_' or '-', and up to two '=' at the end"
)]
pub struct InvalidApiKey;

impl ClientKey {
    /// With a secret, requests of this key must be signed; without one, they must not be.
    pub fn new(api_key: &str, secret: Option<Secret>) -> Result<Self, InvalidApiKey> {
        let bare = api_key.strip_suffix('=').unwrap_or(api_key);
        let bare = bare.strip_suffix('=').unwrap_or(bare);
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-');
        if bare.is_empty() || api_key.len() > 256 || !bare.bytes().all(is_allowed) {
            return Err(InvalidApiKey);
        }
        let id = Secret::new(api_key).map_err(|_| InvalidApiKey)?;
        Ok(Self { id, secret })
    }
}

/// When signatures are accepted. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureLimits {
    /// How old a signature may be; the clocks' difference is taken off.
    pub age: u64,
    /// How much the clocks of both sides may differ.
    pub skew: u64,
    /// How many signatures are remembered, so that none is accepted twice, until they have expired. Those of
    /// more connections in that time are refused.
    pub remembered: usize,
}

impl Default for SignatureLimits {
    /// Kinder than the reference server, which has 10 s and 3 s.
    fn default() -> Self {
        Self {
            age: 30,
            skew: 5,
            remembered: 65_536,
        }
    }
}

/// What a door for AudioHook checks.
#[derive(Debug)]
pub struct MessageSignatures {
    keys: Vec<ClientKey>,
    limits: SignatureLimits,
    seen: Seen,
}

impl MessageSignatures {
    /// A door for the holders of these keys.
    pub fn new(keys: Vec<ClientKey>, limits: SignatureLimits) -> Self {
        Self {
            keys,
            limits,
            seen: Seen::new(limits.remembered),
        }
    }

    /// Whether the request was signed for one of the keys, a short time before `now` in seconds of Unix
    /// time, and comes for the first time.
    ///
    /// A request without signature is [`Proof::Unsigned`] if its key is known and has no secret.
    pub fn verify(&mut self, request: &RequestHead<'_>, now: u64) -> Proof {
        match self.check(request, now) {
            Ok(proof) => proof,
            Err(reason) => Proof::Invalid(reason),
        }
    }

    fn check(&mut self, request: &RequestHead<'_>, now: u64) -> Result<Proof, &'static str> {
        let id = canonical(request, KEY_HEADER).filter(|id| !id.is_empty());
        let id = id.ok_or("the header X-API-KEY is missing")?;
        let key = self.find(&id);
        let headers = (
            canonical(request, "signature-input"),
            canonical(request, "signature"),
        );
        let (input, signature) = match headers {
            (Some(input), Some(signature)) => (input, signature),
            (None, None) => {
                return match key {
                    Some(ClientKey { secret: None, .. }) => Ok(Proof::Unsigned),
                    Some(_) => {
                        Err("the request is not signed, and its API key has a client secret")
                    }
                    None => Err("the API key is not known"),
                };
            }
            _ => return Err("one of the headers Signature-Input and Signature is missing"),
        };
        let statement = Statement::parse(&input, &signature)?;
        if !same(statement.key_id.as_bytes(), &id) {
            return Err("keyid is not the value of X-API-KEY");
        }
        let expires = statement.check_times(now, &self.limits)?;
        let base = statement.base(request)?;

        let secret = key.and_then(|key| key.secret.as_ref());
        let mac = hmac::<Sha256>(secret.map_or(&DUMMY_KEY[..], Secret::bytes), &base);
        let is_right: bool = mac.ct_eq(&statement.signature).into();
        match (key, secret, is_right) {
            (None, ..) => return Err("the API key is not known"),
            (Some(_), None, _) => {
                return Err("the request is signed, and its API key has no client secret");
            }
            (Some(_), Some(_), false) => {
                return Err("the signature does not fit the client secret");
            }
            (Some(_), Some(_), true) => {}
        }
        let nonce = [&id[..], b"\n", statement.nonce.as_bytes()].concat();
        self.seen.insert(&nonce, expires, now)?;
        Ok(Proof::Valid)
    }

    fn find(&self, id: &[u8]) -> Option<&ClientKey> {
        let mut found = None;
        for key in &self.keys {
            if key.id.is(id) {
                found = Some(key);
            }
        }
        found
    }
}

/// The headers of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `Signature-Input`.
    pub input: Sensitive<String>,
    /// `Signature`.
    pub signature: Sensitive<String>,
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The key goes with requests that are not signed.
    #[error("the API key has no client secret")]
    NoSecret,
    /// What is to be signed is not there, or cannot be.
    #[error("the request cannot be signed: {0}")]
    Request(&'static str),
}

/// Signs a request that has its other headers already. `nonce` is base64 of 16 random bytes or more;
/// `created` and `expires` are seconds of Unix time.
pub fn sign(
    request: &RequestHead<'_>,
    key: &ClientKey,
    nonce: &str,
    created: u64,
    expires: Option<u64>,
) -> Result<SignatureHeaders, CannotSign> {
    let secret = key.secret.as_ref().ok_or(CannotSign::NoSecret)?;
    let id = String::from_utf8_lossy(key.id.bytes());
    let statement = Statement::new(&id, nonce, created, expires).map_err(CannotSign::Request)?;
    let base = statement.base(request).map_err(CannotSign::Request)?;
    let mac = hmac::<Sha256>(secret.bytes(), &base);
    let input = statement.parameters().map_err(CannotSign::Request)?;
    Ok(SignatureHeaders {
        input: Sensitive::new(format!("sig1={}", input.as_str())),
        signature: Sensitive::new(format!("sig1=:{}:", STANDARD.encode(&*mac))),
    })
}

#[cfg(test)]
mod tests;
