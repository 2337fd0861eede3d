//! Plivo's `X-Plivo-Signature-V3`: HMAC-SHA256 of the address and a number used once, in base64.
//!
//! Source: the platform's own libraries. UNCONFIRMED whether the address of a WebSocket is signed with the
//! scheme `wss` or `https`: both are accepted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Sha256;

use super::public_url::PublicUrl;
use super::{Proof, RequestHead, Secret, hmac, same};
use crate::call::Sensitive;

const HEADER: &str = "x-plivo-signature-v3";
const NONCE: &str = "x-plivo-signature-v3-nonce";
/// Signatures that are looked at of those in the header.
const MOST_SIGNATURES: usize = 8;

/// What a door for Plivo's streams checks.
#[derive(Debug, Clone)]
pub struct PlivoSignatures {
    address: PublicUrl,
    tokens: Vec<Secret>,
}

impl PlivoSignatures {
    /// `tokens` are those of the accounts or subaccounts that may stream.
    pub fn new(address: PublicUrl, tokens: Vec<Secret>) -> Self {
        Self { address, tokens }
    }

    /// Whether a request without a form was signed with one of the tokens.
    pub fn verify(&self, request: &RequestHead<'_>) -> Proof {
        let Some(given) = request.single(HEADER) else {
            return Proof::Invalid("the header X-Plivo-Signature-V3 is missing or repeated");
        };
        let nonce = request.single(NONCE).map(str::from_utf8);
        let Some(Ok(nonce)) = nonce else {
            return Proof::Invalid("the header X-Plivo-Signature-V3-Nonce is missing or repeated");
        };
        let mut is_right = false;
        for scheme in self.address.schemes() {
            let address = self.address.with_path(scheme, request.target);
            for token in &self.tokens {
                let expected = sign(token, &address, nonce);
                for given in given.split(|&byte| byte == b',').take(MOST_SIGNATURES) {
                    is_right |= same(expected.expose().as_bytes(), given.trim_ascii());
                }
            }
        }
        Proof::when(
            is_right,
            "X-Plivo-Signature-V3 fits neither the token nor the public address",
        )
    }
}

/// The header's value for a GET request to `address` with this number used once.
pub fn sign(token: &Secret, address: &str, nonce: &str) -> Sensitive<String> {
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let mut fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    fields.sort_unstable();
    let mut signed = base.to_owned();
    for (index, (name, value)) in fields.iter().enumerate() {
        let between = if index == 0 { '?' } else { '&' };
        // Writing into a text does not fail.
        let _ = write!(signed, "{between}{name}={value}");
    }
    signed.push('.');
    signed.push_str(nonce);
    let signed = Sensitive::new(signed);
    let mac = hmac::<Sha256>(token.bytes(), signed.expose().as_bytes());
    Sensitive::new(STANDARD.encode(&*mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "F40KE43bN4lWuuYcPLzb1QRRMcrhGQKejAQhTADLS7Q=";

    fn token() -> Secret {
        Secret::new("secret").unwrap()
    }

    fn verify(address: &str, target: &str, headers: &[(&str, &str)]) -> Proof {
        let address = PublicUrl::new(address).unwrap();
        let other = Secret::new("other").unwrap();
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|&(name, value)| (name, value.as_bytes()))
            .collect();
        PlivoSignatures::new(address, vec![other, token()]).verify(&RequestHead {
            method: "GET",
            target,
            authority: "attacker.example.com",
            headers: &headers,
        })
    }

    #[test]
    fn the_signature_is_the_platforms() {
        let signature = sign(
            &token(),
            "https://gateway.example.com/plivo/stream",
            "12345",
        );
        assert_eq!(signature.expose(), SIGNATURE);
    }

    #[test]
    fn the_scheme_and_further_signatures_do_not_matter() {
        for address in ["wss://gateway.example.com", "https://gateway.example.com"] {
            for given in [
                SIGNATURE,
                &format!("abc, {SIGNATURE}"),
                &format!("{SIGNATURE},abc"),
            ] {
                let headers = [(HEADER, given), (NONCE, "12345")];
                assert_eq!(verify(address, "/plivo/stream", &headers), Proof::Valid);
            }
        }
    }

    #[test]
    fn a_query_is_signed_in_order_and_decoded() {
        let address = "wss://gateway.example.com/s?b=2&a=x%20y&a=w&c=";
        let signature = sign(&token(), address, "n");
        let same = sign(&token(), "wss://gateway.example.com/s?a=w&a=x+y&b=2&c", "n");
        assert_eq!(signature, same);
        let expected = hmac::<Sha256>(b"secret", b"wss://gateway.example.com/s?a=w&a=x y&b=2&c=.n");
        assert_eq!(signature.expose(), &STANDARD.encode(&*expected));
        let headers = [(HEADER, signature.expose().as_str()), (NONCE, "n")];
        let target = "/s?b=2&a=x%20y&a=w&c=";
        assert_eq!(
            verify("wss://gateway.example.com", target, &headers),
            Proof::Valid
        );
        assert!(!verify("wss://gateway.example.com", "/s?b=3", &headers).is_accepted());
    }

    #[test]
    fn other_signatures_are_refused() {
        for wrong in [
            &[][..],
            &[(HEADER, SIGNATURE)],
            &[(NONCE, "12345")],
            &[(HEADER, SIGNATURE), (NONCE, "12346")],
            &[(HEADER, ""), (NONCE, "12345")],
            &[(HEADER, SIGNATURE), (HEADER, SIGNATURE), (NONCE, "12345")],
            &[
                (HEADER, "F40KE43bN4lWuuYcPLzb1QRRMcrhGQKejAQhTADLS7R="),
                (NONCE, "12345"),
            ],
        ] {
            let proof = verify("wss://gateway.example.com", "/plivo/stream", wrong);
            assert!(!proof.is_accepted(), "{wrong:?}");
        }
        let many = format!("{}{SIGNATURE}", "a,".repeat(MOST_SIGNATURES));
        let headers = [(HEADER, &*many), (NONCE, "12345")];
        assert!(!verify("wss://gateway.example.com", "/plivo/stream", &headers).is_accepted());
    }
}
