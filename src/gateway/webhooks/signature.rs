//! Standard Webhooks 1.0: what is sent is signed by HMAC-SHA256, each try at its own time.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::call::Sensitive;

/// What secrets are written with.
const PREFIX: &str = "whsec_";
/// Bytes that a secret has.
const LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// A text that is no secret. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected {PREFIX} and 24 to 64 random bytes in base64; `openssl rand -base64 32` makes some"
)]
pub struct InvalidSecret;

/// What cannot be a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event's id has characters that no header can have")]
pub(super) struct InvalidId;

/// Signs by one secret, or by two while they are changed.
pub struct Signer(Vec<Zeroizing<Vec<u8>>>);

impl Signer {
    /// From secrets as they are written.
    pub fn new(secrets: &[Sensitive<String>]) -> Result<Self, InvalidSecret> {
        let key = |secret: &Sensitive<String>| {
            let text = secret.expose().trim();
            let text = text.strip_prefix(PREFIX).unwrap_or(text);
            let key = STANDARD
                .decode(text)
                .map(Zeroizing::new)
                .map_err(|_| InvalidSecret)?;
            LENGTH
                .contains(&key.len())
                .then_some(key)
                .ok_or(InvalidSecret)
        };
        secrets.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// `webhook-id`, `webhook-timestamp` and `webhook-signature` of a body.
    pub(super) fn headers(
        &self,
        id: &str,
        at: Timestamp,
        body: &str,
    ) -> Result<HeaderMap, InvalidId> {
        let at = at.as_second().to_string();
        let signatures: Vec<String> = self
            .0
            .iter()
            .map(|key| signature(key, id, &at, body))
            .collect();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| InvalidId);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", value(id)?);
        headers.insert("webhook-timestamp", value(&at)?);
        headers.insert("webhook-signature", value(&signatures.join(" "))?);
        Ok(headers)
    }
}

fn signature(key: &[u8], id: &str, at: &str, body: &str) -> String {
    // Keys of any length are accepted.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    for part in [id, ".", at, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks libraries.
    #[test]
    fn signs_as_others_verify() {
        let secret = |text: &str| Sensitive::new(text.to_owned());
        let first = secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let at = Timestamp::from_second(1_649_367_553).unwrap();
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
        let signer = Signer::new(std::slice::from_ref(&first)).unwrap();
        let headers = signer.headers(id, at, body).unwrap();
        let signed = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(headers["webhook-signature"], signed);
        assert_eq!(headers["webhook-id"], id);
        // Two secrets sign both, the first one first.
        let second = secret(&STANDARD.encode([7; 32]));
        let both = Signer::new(&[first, second])
            .unwrap()
            .headers(id, at, body)
            .unwrap();
        let both: Vec<&str> = both["webhook-signature"]
            .to_str()
            .unwrap()
            .split(' ')
            .collect();
        assert_eq!((both.len(), both[0]), (2, signed));
        for wrong in ["", "whsec_", "whsec_short", "not base64 at all!!"] {
            assert!(Signer::new(&[secret(wrong)]).is_err(), "{wrong}");
        }
    }
}
