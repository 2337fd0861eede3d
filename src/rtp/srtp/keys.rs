//! Master keys as signalling names them, and the keys that are made of them (RFC 4568, 6; RFC 3711, 4.3).

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::call::Sensitive;

/// A report's tag is never shortened (RFC 3711, 5.2; RFC 4568, 6.2.2).
pub(super) const RTCP_TAG: usize = 10;
const KEY: usize = 16;
const SALT: usize = 14;
/// Longer names of keys are not seen.
const LONGEST_NAME: usize = 128;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES in counter mode, tags of 80 bits.
    AesCm128HmacSha1_80,
    /// AES in counter mode, tags of 32 bits; reports have 80.
    AesCm128HmacSha1_32,
}

impl Suite {
    /// As `a=crypto` names it; `None` if it is another.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32]
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// As `a=crypto` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Bytes of an RTP packet's tag.
    pub(super) fn tag(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }
}

/// Why a key is not one. Says nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Another method, or none.
    #[error("a key begins with `inline:`")]
    Method,
    /// Not base64, or of another length.
    #[error("a key is base64 of 16 bytes of key and 14 of salt")]
    Length,
    /// What comes after the key.
    #[error(
        "after the key come `|2^N` or `|N` for its lifetime and `|NAME:LENGTH`, LENGTH up to 128"
    )]
    Parameter,
}

/// A master key and its salt. Cannot be printed.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY + SALT]>,
    /// Bytes of the key's name in every packet.
    name: usize,
}

impl MasterKey {
    /// From chance: 16 bytes of key and 14 of salt.
    pub fn new(bytes: Zeroizing<[u8; KEY + SALT]>) -> Self {
        Self { bytes, name: 0 }
    }

    /// From `inline:KEY||SALT["|" lifetime]["|" MKI ":" length]` (RFC 4568, 6.1). The lifetime is the sender's
    /// business; of several keys the first counts.
    pub fn from_inline(text: &str) -> Result<Self, BadKey> {
        let first = text.split(';').next().unwrap_or(text).trim();
        let inline = first
            .get(..7)
            .filter(|it| it.eq_ignore_ascii_case("inline:"));
        let told = inline.map(|_| &first[7..]).ok_or(BadKey::Method)?;
        let mut parts = told.split('|');
        let encoded = parts.next().unwrap_or_default();
        let decoded = STANDARD.decode(encoded).map(Zeroizing::new);
        let decoded = decoded.map_err(|_| BadKey::Length)?;
        let bytes = <[u8; KEY + SALT]>::try_from(decoded.as_slice());
        let bytes = bytes.map(Zeroizing::new).map_err(|_| BadKey::Length)?;
        let mut name = 0;
        for part in parts {
            match part.split_once(':') {
                Some((_, length)) => {
                    let length = length.parse().ok();
                    let length = length.filter(|length| (1..=LONGEST_NAME).contains(length));
                    name = length.ok_or(BadKey::Parameter)?;
                }
                None => {
                    let digits = part.strip_prefix("2^").unwrap_or(part);
                    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err(BadKey::Parameter);
                    }
                }
            }
        }
        Ok(Self { bytes, name })
    }

    /// Whether two are the same, so that what was remembered of its packets still counts.
    pub fn is(&self, other: &Self) -> bool {
        let same: bool = self.bytes.as_slice().ct_eq(other.bytes.as_slice()).into();
        same && self.name == other.name
    }

    /// As it is told to the other side, without lifetime and name.
    pub fn to_inline(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(STANDARD.encode(self.bytes.as_slice()));
        Zeroizing::new(format!("inline:{}", *encoded))
    }

    /// Key and salt, 30 bytes, for a session description.
    pub fn bytes(&self) -> Sensitive<Vec<u8>> {
        Sensitive::new(self.bytes.to_vec())
    }
}

/// The keys for packets and reports.
pub(super) struct SessionKeys {
    pub(super) suite: Suite,
    /// Bytes of the master key's name in every packet.
    pub(super) name: usize,
    pub(super) rtp_cipher: Zeroizing<[u8; KEY]>,
    pub(super) rtp_tag: Zeroizing<[u8; 20]>,
    pub(super) rtp_salt: Zeroizing<[u8; SALT]>,
    pub(super) rtcp_cipher: Zeroizing<[u8; KEY]>,
    pub(super) rtcp_tag: Zeroizing<[u8; 20]>,
    pub(super) rtcp_salt: Zeroizing<[u8; SALT]>,
}

impl SessionKeys {
    /// All six, for a key that is derived once (RFC 3711, 4.3.1).
    pub(super) fn derive(suite: Suite, master: &MasterKey) -> Self {
        Self {
            suite,
            name: master.name,
            rtp_cipher: derive(master, 0),
            rtp_tag: derive(master, 1),
            rtp_salt: derive(master, 2),
            rtcp_cipher: derive(master, 3),
            rtcp_tag: derive(master, 4),
            rtcp_salt: derive(master, 5),
        }
    }
}

/// The key of one label: the key stream that begins at the salt with the label in its eighth byte.
fn derive<const LENGTH: usize>(master: &MasterKey, label: u8) -> Zeroizing<[u8; LENGTH]> {
    let mut key = Zeroizing::new([0; KEY]);
    key.copy_from_slice(&master.bytes[..KEY]);
    let mut counter = Zeroizing::new([0; 16]);
    counter[..SALT].copy_from_slice(&master.bytes[KEY..]);
    counter[7] ^= label;
    let mut derived = Zeroizing::new([0; LENGTH]);
    Ctr128BE::<Aes128>::new((&*key).into(), (&*counter).into()).apply_keystream(&mut *derived);
    derived
}
