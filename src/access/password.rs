//! Passwords: what they must be, and how they are kept.
//!
//! Argon2id (RFC 9106) with 19 MiB, two passes and one lane, the first of OWASP's equivalent choices (Password Storage
//! Cheat Sheet), and a random salt of 16 bytes for each. Hashing takes some 20 ms and the memory: callers do it on
//! threads that may block, a few at a time.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::UserName;
use crate::call::Sensitive;

/// Memory in KiB.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
pub const PASSES: u32 = 2;
/// Lanes.
pub const LANES: u32 = 1;
/// Shortest accepted password in characters (PCI DSS 4.0.1, 8.3.6).
pub const SHORTEST: usize = 12;
/// Longest accepted password in bytes, so that nobody makes the hash costly.
pub const LONGEST: usize = 256;

/// Why a password is not accepted. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short or long.
    #[error("a password has {SHORTEST} characters or more, and at most {LONGEST} bytes")]
    Length,
    /// PCI DSS 4.0.1, 8.3.6.
    #[error("a password has letters and digits")]
    Composition,
    /// It has the name in it.
    #[error("a password must not have the user's name in it")]
    Name,
}

/// Hashing failed, for lack of memory or randomness.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashFailed(String);

/// Whether a password may be somebody's.
pub fn check(user: &UserName, password: &Sensitive<String>) -> Result<(), WeakPassword> {
    let text = password.expose();
    if text.chars().count() < SHORTEST || text.len() > LONGEST {
        return Err(WeakPassword::Length);
    }
    if !text.chars().any(char::is_alphabetic) || !text.chars().any(char::is_numeric) {
        return Err(WeakPassword::Composition);
    }
    if text.to_lowercase().contains(user.as_str()) {
        return Err(WeakPassword::Name);
    }
    Ok(())
}

fn hasher() -> Result<Argon2<'static>, HashFailed> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| HashFailed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The password's hash with its salt and parameters, as a PHC string. Takes its time.
pub fn hash(password: &Sensitive<String>) -> Result<String, HashFailed> {
    hasher()?
        .hash_password(password.expose().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| HashFailed(error.to_string()))
}

/// Whether a password is the hashed one. Takes as long if there is none, so that the time does not tell who has an
/// account.
pub fn verify(password: &Sensitive<String>, hash: Option<&str>) -> bool {
    // Of a password that nobody has: the salt and hash are made up, and of the right lengths.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let is_somebody = hash.is_some();
    // Longer ones are nobody's, and are not worth hashing whole.
    let mut given = password.expose().as_bytes();
    let is_too_long = given.len() > LONGEST;
    given = &given[..given.len().min(LONGEST)];
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else {
        return false;
    };
    let is_right = hasher().is_ok_and(|hasher| hasher.verify_password(given, &parsed).is_ok());
    is_right && is_somebody && !is_too_long
}
