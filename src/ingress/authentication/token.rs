//! A secret that the peer sends as it is: `Authorization: Bearer`, `Authorization: Basic`, or a header that
//! the platform lets its user choose, as Telnyx's `x-telnyx-streaming-auth-token`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Proof, RequestHead, Secret, any_is};
use crate::call::Sensitive;

const AUTHORIZATION: &str = "authorization";

/// Where a door's token is looked for, and which are right.
#[derive(Debug, Clone)]
pub struct Tokens {
    place: Place,
    /// Any of them is right, so that they can be changed without a break.
    secrets: Vec<Secret>,
}

#[derive(Debug, Clone)]
enum Place {
    Bearer,
    /// Secrets are `user:password`.
    Basic,
    /// In lower case.
    Header(Box<str>),
}

impl Tokens {
    /// `Authorization: Bearer TOKEN` (RFC 6750, 2.1).
    pub fn bearer(tokens: Vec<Secret>) -> Self {
        Self {
            place: Place::Bearer,
            secrets: tokens,
        }
    }

    /// `Authorization: Basic base64(user:password)` (RFC 7617); each secret is the whole `user:password`.
    pub fn basic(credentials: Vec<Secret>) -> Self {
        Self {
            place: Place::Basic,
            secrets: credentials,
        }
    }

    /// A header of this name whose value is the token.
    pub fn header(name: &str, tokens: Vec<Secret>) -> Self {
        Self {
            place: Place::Header(name.to_ascii_lowercase().into()),
            secrets: tokens,
        }
    }

    /// Whether the request has one of the tokens.
    pub fn verify(&self, request: &RequestHead<'_>) -> Proof {
        let name = match &self.place {
            Place::Bearer | Place::Basic => AUTHORIZATION,
            Place::Header(name) => name,
        };
        let Some(value) = request.single(name) else {
            return Proof::Invalid("the header with the token is missing or repeated");
        };
        let is_right = match &self.place {
            Place::Header(_) => any_is(&self.secrets, value),
            Place::Bearer => match credentials(value, "bearer") {
                Some(token) => any_is(&self.secrets, token),
                None => return Proof::Invalid("the header Authorization is not of scheme Bearer"),
            },
            Place::Basic => {
                let Some(encoded) = credentials(value, "basic") else {
                    return Proof::Invalid("the header Authorization is not of scheme Basic");
                };
                let mut given = Zeroizing::new(Vec::new());
                if STANDARD.decode_vec(encoded, &mut given).is_err() {
                    return Proof::Invalid("the credentials of scheme Basic are not base64");
                }
                any_is(&self.secrets, &given)
            }
        };
        Proof::when(is_right, "the token is not right")
    }

    /// The header's name and value with the first of the tokens; `None` if there is none.
    pub fn sign(&self) -> Option<(&str, Sensitive<String>)> {
        let secret = self.secrets.first()?;
        let text = || String::from_utf8_lossy(secret.bytes());
        Some(match &self.place {
            Place::Bearer => (AUTHORIZATION, Sensitive::new(format!("Bearer {}", text()))),
            Place::Basic => {
                let encoded = Zeroizing::new(STANDARD.encode(secret.bytes()));
                let value = format!("Basic {}", encoded.as_str());
                (AUTHORIZATION, Sensitive::new(value))
            }
            Place::Header(name) => (name, Sensitive::new(text().into_owned())),
        })
    }
}

/// What follows the scheme's name, which is in lower case here and of any case there (RFC 9110, 11.1).
fn credentials<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    let is_scheme = name.eq_ignore_ascii_case(scheme.as_bytes()) && rest.first() == Some(&b' ');
    is_scheme.then(|| rest.trim_ascii())
}
