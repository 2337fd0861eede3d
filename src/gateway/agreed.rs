//! What SIP's descriptions say of a stream, in RTP's terms; keys for streams of ours.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore;
use zeroize::Zeroizing;

use crate::audio::SampleRate;
use crate::rtp::PayloadFormat;
use crate::rtp::srtp::{MasterKey, Suite};
use crate::sip::description::{self, Codec};

/// `None` if its rate is none of ours.
pub(super) fn format(codec: Codec) -> Option<PayloadFormat> {
    Some(match codec {
        Codec::Pcmu => PayloadFormat::Pcmu,
        Codec::Pcma => PayloadFormat::Pcma,
        Codec::G722 => PayloadFormat::G722,
        Codec::Opus => PayloadFormat::Opus,
        Codec::L16 { rate } => PayloadFormat::L16 {
            rate: SampleRate::new(rate).ok()?,
        },
    })
}

pub(super) fn suite(suite: description::Suite) -> Suite {
    match suite {
        description::Suite::Aes128Sha1Tag80 => Suite::AesCm128HmacSha1_80,
        description::Suite::Aes128Sha1Tag32 => Suite::AesCm128HmacSha1_32,
    }
}

/// A key and its salt in one; `None` if it has another length.
pub(super) fn master_key(bytes: &[u8]) -> Option<MasterKey> {
    let mut key = Zeroizing::new([0; 30]);
    if bytes.len() != key.len() {
        return None;
    }
    key.copy_from_slice(bytes);
    Some(MasterKey::new(key))
}

/// A key for what we send, by chance.
pub(super) fn fresh_key(chance: &mut ChaCha20Rng) -> MasterKey {
    let mut key = Zeroizing::new([0; 30]);
    chance.fill_bytes(&mut *key);
    MasterKey::new(key)
}
