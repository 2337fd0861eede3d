//! Keys in descriptions (SDES, RFC 4568).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::call::Sensitive;

/// Key and salt of the AES_CM_128 suites (RFC 4568, 6.2).
const KEY_AND_SALT: usize = 16 + 14;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES_CM_128_HMAC_SHA1_80.
    Aes128Sha1Tag80,
    /// AES_CM_128_HMAC_SHA1_32: RTP with a tag of 4 bytes, RTCP with 10.
    Aes128Sha1Tag32,
}

impl Suite {
    /// The name in `a=crypto`.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Aes128Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::Aes128Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// One `a=crypto` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Tells the lines apart; the answer repeats it.
    pub tag: u32,
    /// How packets are protected.
    pub suite: Suite,
    /// Key and salt in one, 30 bytes, of who describes.
    pub key: Sensitive<Vec<u8>>,
}

impl Crypto {
    /// Reads the value of `a=crypto`; `None` if it is malformed or asks for what we do not do: other suites, key
    /// identifiers in packets, parameters that change the protection.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let name = words.next()?;
        let suite = [Suite::Aes128Sha1Tag80, Suite::Aes128Sha1Tag32]
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))?;
        let keys = words.next()?;
        if words.any(changes_protection) {
            return None;
        }
        // RFC 4568, 9.2: several keys need identifiers.
        let mut fields = keys.strip_prefix("inline:")?.split('|');
        let text = fields.next()?;
        if keys.contains(';') || fields.any(|field| field.contains(':')) {
            return None;
        }
        let key = Zeroizing::new(
            STANDARD
                .decode(text)
                .or_else(|_| STANDARD_NO_PAD.decode(text))
                .ok()?,
        );
        (key.len() == KEY_AND_SALT).then(|| Self {
            tag,
            suite,
            key: Sensitive::new(key.to_vec()),
        })
    }

    /// The value of `a=crypto`.
    pub(super) fn write(&self) -> String {
        let key = Zeroizing::new(STANDARD.encode(self.key.expose()));
        format!("{} {} inline:{}", self.tag, self.suite.name(), *key)
    }

    /// Whether a key has the length that the suites want.
    pub(crate) fn is_key(key: &Sensitive<Vec<u8>>) -> bool {
        key.expose().len() == KEY_AND_SALT
    }
}

/// Session parameters (RFC 4568, 6.3) that cannot be passed over. A window hint can.
fn changes_protection(parameter: &str) -> bool {
    !parameter.to_ascii_uppercase().starts_with("WSH=")
}
