//! Session ids and API tokens: random, told once, kept as hashes.
//!
//! They have 256 random bits, so that SHA-256 without salt keeps them (NIST SP 800-63B, 5.1.2.2: secrets that cannot be
//! guessed need no slow hash), and a look-up by hash tells nothing by its time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::call::Sensitive;

/// What API tokens begin with, so that those who look for secrets in the wrong places find them.
pub const TOKEN_PREFIX: &str = "hushgate_";

/// No randomness was to be had.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// 256 random bits in base64url.
pub fn random() -> Result<Sensitive<String>, NoRandomness> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(Sensitive::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// A new API token.
pub fn token() -> Result<Sensitive<String>, NoRandomness> {
    Ok(Sensitive::new(format!(
        "{TOKEN_PREFIX}{}",
        random()?.expose()
    )))
}

/// A name for a token or session that may be shown: 16 random hexadecimal digits after a letter.
pub fn public_id() -> Result<String, NoRandomness> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    // Letters alone: a run of digits could be taken for a number.
    let letters = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(b'a' + half));
    Ok(letters.collect())
}

/// What is kept of a secret: SHA-256 in hexadecimal.
pub fn hashed(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
