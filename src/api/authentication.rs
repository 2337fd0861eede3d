//! Whether a password is somebody's: slowed down for who guesses, at the same pace whether there is such a user.

use std::net::IpAddr;
use std::sync::Mutex;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::lock;
use crate::access::throttle::Throttle;
use crate::access::{Role, UserName, password};
use crate::call::Sensitive;
use crate::store::accounts::{AccountError, Accounts, User};

/// Passwords that are hashed at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;

/// Those who try to sign in.
pub struct SignIns {
    throttle: Mutex<Throttle>,
    hashing: Semaphore,
}

impl Default for SignIns {
    fn default() -> Self {
        Self {
            throttle: Mutex::default(),
            hashing: Semaphore::new(AT_ONCE),
        }
    }
}

/// Why somebody did not sign in. To the outside all but [`Refusal::Wait`] are the same.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Too many tries failed.
    #[error("too many tries failed; try again in {0} s")]
    Wait(u64),
    /// There is no such user, or the password is not theirs.
    #[error("the name or password is wrong")]
    Wrong {
        /// Whether the name is locked by it.
        locks: bool,
    },
    /// The password is right and the user may not sign in.
    #[error("the user is disabled")]
    Disabled,
    /// The accounts cannot be read.
    #[error(transparent)]
    Failed(#[from] AccountError),
    /// The password could not be hashed.
    #[error("the password cannot be checked: {0}")]
    Hashing(String),
}

impl SignIns {
    /// The user of a name and password.
    pub async fn check(
        &self,
        accounts: &Accounts,
        name: &str,
        password: Sensitive<String>,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<User, Refusal> {
        let seconds = now.as_second().unsigned_abs();
        let parsed = UserName::new(name).ok();
        let key = parsed.as_ref().map_or("", UserName::as_str);
        lock(&self.throttle)
            .check(key, peer, seconds)
            .map_err(Refusal::Wait)?;
        // Others wait here, in the order in which they came.
        let hashing = self.hashing.acquire().await;
        let hashing = hashing.map_err(|error| Refusal::Hashing(error.to_string()))?;
        // Those who waited may have failed meanwhile.
        lock(&self.throttle)
            .check(key, peer, seconds)
            .map_err(Refusal::Wait)?;
        let found = match &parsed {
            Some(name) => accounts.user_and_password(name).await?,
            None => None,
        };
        let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
        let is_right =
            tokio::task::spawn_blocking(move || password::verify(&password, hash.as_deref()))
                .await
                .map_err(|error| Refusal::Hashing(error.to_string()))?;
        drop(hashing);
        match user.filter(|_| is_right) {
            Some(user) if user.disabled || user.role == Role::Service => Err(Refusal::Disabled),
            Some(user) => {
                lock(&self.throttle).succeeded(key);
                Ok(user)
            }
            None => Err(Refusal::Wrong {
                locks: lock(&self.throttle).failed(key, peer, seconds),
            }),
        }
    }

    /// Hashes a new password, when it is its turn.
    pub async fn hash(&self, password: Sensitive<String>) -> Result<String, Refusal> {
        let hashing = self.hashing.acquire().await;
        let _hashing = hashing.map_err(|error| Refusal::Hashing(error.to_string()))?;
        tokio::task::spawn_blocking(move || password::hash(&password))
            .await
            .map_err(|error| Refusal::Hashing(error.to_string()))?
            .map_err(|error| Refusal::Hashing(error.to_string()))
    }
}
