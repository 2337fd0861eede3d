//! Digest authentication (RFC 8760, RFC 7616): MD5 and SHA-256, with `qop=auth`.
//!
//! A nonce says when it was made and proves that we made it, so that none are stored before they are used. Of
//! those that were, the greatest count is kept, so that nothing can be sent twice.
//!
//! **Architecture invariants:** at most [`MOST_NONCES`] nonces are kept; passwords are [`Sensitive`]; whether a user
//! exists cannot be told from the time that an answer takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::message::{Headers, Parameters};
use crate::call::Sensitive;

/// Most nonces whose counts are kept.
pub const MOST_NONCES: usize = 4096;

/// Who may come in.
#[derive(Debug, Clone)]
pub struct DigestSettings {
    /// What the names are valid for.
    pub realm: String,
    /// Names and passwords.
    pub users: Vec<(String, Sensitive<String>)>,
    /// What nonces are made with; nobody else may know it.
    pub key: Sensitive<Vec<u8>>,
    /// How long a nonce may be used.
    pub lifetime: Duration,
}

/// Who we are.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Sensitive<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Md5,
}

impl Algorithm {
    fn of(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Md5 => "MD5",
        }
    }

    fn hash(self, fields: &[&str]) -> String {
        let text = Sensitive::new(fields.join(":"));
        let bytes = text.expose().as_bytes();
        match self {
            Algorithm::Sha256 => hex(&Sha256::digest(bytes)),
            Algorithm::Md5 => hex(&Md5::digest(bytes)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is answered to a challenge.
struct Answer<'a> {
    algorithm: Algorithm,
    user: &'a str,
    realm: &'a str,
    password: &'a str,
    nonce: &'a str,
    /// Count and client nonce; without them it is RFC 2069's form.
    counted: Option<(&'a str, &'a str)>,
    method: &'a str,
    uri: &'a str,
}

impl Answer<'_> {
    /// RFC 7616, 3.4.1.
    fn response(&self) -> String {
        let Self { algorithm, .. } = self;
        let secret = algorithm.hash(&[self.user, self.realm, self.password]);
        let request = algorithm.hash(&[self.method, self.uri]);
        match self.counted {
            Some((count, client)) => {
                algorithm.hash(&[&secret, self.nonce, count, client, "auth", &request])
            }
            None => algorithm.hash(&[&secret, self.nonce, &request]),
        }
    }
}

/// The parameters of a `Digest` header.
fn parameters(value: &str) -> Option<Parameters> {
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    scheme
        .eq_ignore_ascii_case("Digest")
        .then(|| Parameters::listed(rest))
        .flatten()
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This user sent it.
    Granted(String),
    /// It is to be sent again with an answer to a new challenge; whether only the nonce was too old.
    Challenged { stale: bool },
}

/// Looks at what requests prove.
#[derive(Debug)]
pub(super) struct Guard {
    settings: DigestSettings,
    /// Greatest count of the nonces that were used, by when they were made.
    used: BTreeMap<(Duration, String), u32>,
    /// Nonces made before are not taken: their counts are no longer kept.
    not_before: Duration,
}

impl Guard {
    pub(super) fn new(settings: DigestSettings) -> Self {
        Self {
            settings,
            used: BTreeMap::new(),
            not_before: Duration::ZERO,
        }
    }

    fn proof(&self, stamp: &str) -> String {
        #[expect(clippy::expect_used, reason = "RFC 2104, 2: keys may be of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.settings.key.expose()).expect("HMAC takes any key");
        mac.update(stamp.as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }

    /// Values for WWW-Authenticate, the better first.
    pub(super) fn challenges(&self, now: Duration, random: u128, stale: bool) -> [String; 2] {
        let stamp = format!("{:016x}{:016x}", milliseconds(now), random as u64);
        let nonce = format!("{stamp}{}", self.proof(&stamp));
        let realm = &self.settings.realm;
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
            let name = algorithm.name();
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={name}{stale}"
            )
        })
    }

    /// When a nonce of ours was made.
    fn made(&self, nonce: &str) -> Option<Duration> {
        let (stamp, proof) = nonce.split_at_checked(32)?;
        let ours: bool = self.proof(stamp).as_bytes().ct_eq(proof.as_bytes()).into();
        let time = u64::from_str_radix(stamp.get(..16)?, 16).ok()?;
        ours.then(|| Duration::from_millis(time))
    }

    /// Looks at one request.
    pub(super) fn check(
        &mut self,
        now: Duration,
        method: &str,
        uri: &str,
        headers: &Headers,
    ) -> Verdict {
        let challenged = |stale| Verdict::Challenged { stale };
        let ours = headers
            .all("Authorization")
            .filter_map(parameters)
            .find(|given| given.get("realm") == Some(&self.settings.realm));
        let Some(given) = ours else {
            return challenged(false);
        };
        let field = |name: &str| given.get(name).unwrap_or_default();
        let Some(algorithm) = Algorithm::of(given.get("algorithm")) else {
            return challenged(false);
        };
        let known = self
            .settings
            .users
            .iter()
            .find(|(name, _)| name == field("username"));
        let expected = Answer {
            algorithm,
            user: field("username"),
            realm: &self.settings.realm,
            password: known.map_or("", |(_, password)| password.expose()),
            nonce: field("nonce"),
            counted: Some((field("nc"), field("cnonce"))),
            method,
            uri: field("uri"),
        }
        .response();
        let right: bool = expected
            .as_bytes()
            .ct_eq(field("response").to_ascii_lowercase().as_bytes())
            .into();
        let made = self.made(field("nonce"));
        let plain = field("qop") == "auth" && field("uri") == uri && known.is_some();
        let (Some(made), true, true) = (made, right, plain) else {
            return challenged(false);
        };
        let count = u32::from_str_radix(field("nc"), 16).unwrap_or_default();
        let nonce = (made, field("nonce").to_owned());
        let last = self.used.get(&nonce).copied().unwrap_or_default();
        if made + self.settings.lifetime < now || made < self.not_before || count <= last {
            return challenged(true);
        }
        self.remember(now, nonce, count);
        Verdict::Granted(field("username").to_owned())
    }

    fn remember(&mut self, now: Duration, nonce: (Duration, String), count: u32) {
        self.used.insert(nonce, count);
        while let Some(((made, _), _)) = self.used.first_key_value() {
            let made = *made;
            if made + self.settings.lifetime >= now && self.used.len() <= MOST_NONCES {
                return;
            }
            self.used.pop_first();
            self.not_before = self.not_before.max(made + Duration::from_millis(1));
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Answers the best challenge of a 401 or 407 that we can: the header's name and value. The nonce is used once.
pub(super) fn authorize(
    headers: &Headers,
    credentials: &Credentials,
    method: &str,
    uri: &str,
    random: u128,
) -> Option<(&'static str, String)> {
    let kinds = [
        ("WWW-Authenticate", "Authorization"),
        ("Proxy-Authenticate", "Proxy-Authorization"),
    ];
    let challenges = |algorithm| {
        kinds.iter().find_map(|(asked, answered)| {
            let challenge = headers
                .all(asked)
                .filter_map(parameters)
                .find(|challenge| Algorithm::of(challenge.get("algorithm")) == Some(algorithm))?;
            Some((*answered, algorithm, challenge))
        })
    };
    let (name, algorithm, challenge) =
        challenges(Algorithm::Sha256).or_else(|| challenges(Algorithm::Md5))?;
    let realm = challenge.get("realm")?;
    let nonce = challenge.get("nonce")?;
    let counted = match challenge.get("qop") {
        None => false,
        Some(offered) if offered.split(',').any(|qop| qop.trim() == "auth") => true,
        Some(_) => return None,
    };
    let (count, client) = ("00000001", format!("{random:032x}"));
    let response = Answer {
        algorithm,
        user: &credentials.user,
        realm,
        password: credentials.password.expose(),
        nonce,
        counted: counted.then_some((count, &*client)),
        method,
        uri,
    }
    .response();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut value = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={}",
        quoted(&credentials.user),
        quoted(realm),
        quoted(nonce),
        quoted(uri),
        algorithm.name(),
    );
    if counted {
        let _ = write!(value, ", qop=auth, nc={count}, cnonce=\"{client}\"");
    }
    if let Some(opaque) = challenge.get("opaque") {
        let _ = write!(value, ", opaque=\"{}\"", quoted(opaque));
    }
    Some((name, value))
}

#[cfg(test)]
mod tests;
