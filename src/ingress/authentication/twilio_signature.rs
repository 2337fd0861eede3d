//! Twilio's `X-Twilio-Signature`: HMAC-SHA1 of the address with the account's token, in base64.
//!
//! It holds neither time nor number, so a request that was overheard can be sent again: a stream's id that
//! is live already must be refused as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;

use super::public_url::PublicUrl;
use super::{Proof, RequestHead, Secret, hmac, same};
use crate::call::Sensitive;

const HEADER: &str = "x-twilio-signature";

/// What a door for Twilio's streams checks.
#[derive(Debug, Clone)]
pub struct TwilioSignatures {
    address: PublicUrl,
    tokens: Vec<Secret>,
}

impl TwilioSignatures {
    /// `tokens` are the account's primary and, while they are being changed, its secondary one.
    pub fn new(address: PublicUrl, tokens: Vec<Secret>) -> Self {
        Self { address, tokens }
    }

    /// Whether a request without a form was signed with one of the tokens.
    pub fn verify(&self, request: &RequestHead<'_>) -> Proof {
        let Some(given) = request.single(HEADER) else {
            return Proof::Invalid("the header X-Twilio-Signature is missing or repeated");
        };
        let candidates = self.address.candidates(request.target);
        let mut is_right = false;
        for token in &self.tokens {
            for address in &candidates {
                is_right |= same(sign(token, address, &[]).expose().as_bytes(), given);
            }
        }
        Proof::when(
            is_right,
            "X-Twilio-Signature fits neither the token nor the public address",
        )
    }
}

/// The header's value for a request to `address` with these fields of a form: none for a WebSocket.
///
/// Fields follow the address sorted by name and value, each once, without anything between.
pub fn sign(token: &Secret, address: &str, form: &[(&str, &str)]) -> Sensitive<String> {
    let mut fields = form.to_vec();
    fields.sort_unstable();
    fields.dedup();
    let mut signed = address.to_owned();
    for (name, value) in fields {
        signed.push_str(name);
        signed.push_str(value);
    }
    let signed = Sensitive::new(signed);
    let mac = hmac::<Sha1>(token.bytes(), signed.expose().as_bytes());
    Sensitive::new(STANDARD.encode(&*mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "wss://gateway.example.com";

    fn token(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    #[track_caller]
    fn check_sign(address: &str, form: &[(&str, &str)], expected: &str) {
        assert_eq!(
            sign(&token("12345"), address, form).expose(),
            expected,
            "{address}"
        );
    }

    #[test]
    fn signatures_are_the_platforms() {
        check_sign(
            "wss://gateway.example.com/twilio/stream",
            &[],
            "Q6KY5aJ1Zi8U/A3VqcORMQvvppI=",
        );
        check_sign(
            "wss://gateway.example.com/twilio/stream/",
            &[],
            "zxDQBhA2nJn4O3CNcfL8vFgq9ys=",
        );
        check_sign(
            "wss://gateway.example.com:80/twilio/stream",
            &[],
            "m1VJT8Vo7ZxywdNh7vbCUvKRFE8=",
        );
        check_sign(
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            &[
                ("To", "+18005551212"),
                ("CallSid", "CA1234567890ABCDE"),
                ("Caller", "+14158675309"),
                ("Digits", "1234"),
                ("From", "+14158675309"),
                ("From", "+14158675309"),
            ],
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        );
    }

    /// Whether a request to a path with this signature is let in.
    fn verify(address: &str, target: &str, signatures: &[&str]) -> Proof {
        let address = PublicUrl::new(address).unwrap();
        let door = TwilioSignatures::new(address, vec![token("67890"), token("12345")]);
        let headers: Vec<(&str, &[u8])> = signatures
            .iter()
            .map(|signature| (HEADER, signature.as_bytes()))
            .collect();
        door.verify(&RequestHead {
            method: "GET",
            target,
            authority: "attacker.example.com",
            headers: &headers,
        })
    }

    #[test]
    fn ports_and_a_last_slash_do_not_matter() {
        let plain = "Q6KY5aJ1Zi8U/A3VqcORMQvvppI=";
        let slash = "zxDQBhA2nJn4O3CNcfL8vFgq9ys=";
        let port_80 = "m1VJT8Vo7ZxywdNh7vbCUvKRFE8=";
        for signature in [plain, slash] {
            for target in ["/twilio/stream", "/twilio/stream/"] {
                assert_eq!(verify(ADDRESS, target, &[signature]), Proof::Valid);
            }
        }
        let with_port = "wss://gateway.example.com:80";
        assert_eq!(
            verify(with_port, "/twilio/stream", &[port_80]),
            Proof::Valid
        );
        assert!(!verify(ADDRESS, "/twilio/stream", &[port_80]).is_accepted());
        let folder = "wss://gateway.example.com/twilio";
        assert_eq!(verify(folder, "/stream", &[plain]), Proof::Valid);
    }

    #[test]
    fn both_tokens_and_the_query_count() {
        for key in ["12345", "67890"] {
            let signature = sign(&token(key), "wss://gateway.example.com:443/s?x=1", &[]);
            let signature = signature.expose().as_str();
            assert_eq!(verify(ADDRESS, "/s?x=1", &[signature]), Proof::Valid);
            assert!(!verify(ADDRESS, "/s?x=2", &[signature]).is_accepted());
            assert!(!verify(ADDRESS, "/s", &[signature]).is_accepted());
        }
    }

    #[test]
    fn other_signatures_are_refused() {
        let right = "Q6KY5aJ1Zi8U/A3VqcORMQvvppI=";
        let path = "/twilio/stream";
        for wrong in [
            &[][..],
            &[""],
            &[right, right],
            &["Q6KY5aJ1Zi8U/A3VqcORMQvvppI"],
            &["q6KY5aJ1Zi8U/A3VqcORMQvvppI="],
            &["Q6KY5aJ1Zi8U/A3VqcORMQvvppI=, x"],
        ] {
            assert!(!verify(ADDRESS, path, wrong).is_accepted(), "{wrong:?}");
        }
        // The scheme is part of what is signed.
        let https = sign(
            &token("12345"),
            "https://gateway.example.com/twilio/stream",
            &[],
        );
        assert!(!verify(ADDRESS, path, &[https.expose()]).is_accepted());
        let other = sign(
            &token("1234"),
            "wss://gateway.example.com/twilio/stream",
            &[],
        );
        assert!(!verify(ADDRESS, path, &[other.expose()]).is_accepted());
    }
}
