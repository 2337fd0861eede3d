//! Encrypted packets and reports whose keys came by signalling (SRTP, RFC 3711; SDES, RFC 4568).
//!
//! ```text
//! RTP:   | header | encrypted payload | key's name | tag |        authenticated: all before the name, and ROC
//! RTCP:  | first 8 bytes | encrypted rest |E| index | key's name | tag |    authenticated: all before the name
//! ```
//!
//! Ciphers and hashes are libraries'; what is here is the order of the bytes. A packet is believed when its tag
//! is right and it did not come before, and only then decrypted; one that is not leaves no trace.
//!
//! **Architecture invariants:** keys are wiped when dropped and cannot be printed; memory is bounded, as only
//! packets with a right tag are remembered.

mod keys;

pub use keys::{BadKey, MasterKey, Suite};

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use keys::{RTCP_TAG, SessionKeys};

/// RTP's fixed header.
const HEADER: usize = 12;
/// What of a report is never encrypted.
const REPORT_HEADER: usize = 8;
const INDEX: usize = 4;
/// Says that a report is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Sources of one key that are remembered.
const MOST_SOURCES: usize = 8;
/// Packets before the highest that may still come, once each.
const WINDOW: u64 = 64;

/// Why a packet is not believed, or not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SrtpError {
    /// No room for what must be there.
    #[error("too short for an encrypted packet")]
    Truncated,
    /// Made with another key, or changed on the way.
    #[error("a tag that is not of this packet and key")]
    Tag,
    /// It was here before, or comes too late to know.
    #[error("a packet that came before")]
    Replay,
    /// The key must not be used for more packets.
    #[error("a key that is used up")]
    UsedUp,
}

/// What comes from one sender, under its key.
pub struct Unprotector {
    keys: SessionKeys,
    packets: Vec<(u32, Window)>,
    reports: Vec<(u32, Window)>,
}

/// What goes to one receiver, under our key.
pub struct Protector {
    keys: SessionKeys,
    packets: Vec<(u32, u64)>,
    report: u32,
}

/// Which packets of a source came.
#[derive(Debug, Clone, Copy)]
struct Window {
    highest: u64,
    /// The lowest bit is the highest's.
    seen: u64,
}

impl Window {
    fn has(self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            Some(back) => back >= WINDOW || self.seen >> back & 1 == 1,
            None => false,
        }
    }

    fn add(&mut self, index: u64) {
        match index.checked_sub(self.highest) {
            Some(ahead) => {
                let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
                self.highest = index;
            }
            None => self.seen |= 1 << (self.highest - index),
        }
    }
}

/// Remembers an index of a source, and forgets the source that came first if there are too many.
fn remember(sources: &mut Vec<(u32, Window)>, ssrc: u32, index: u64) {
    if let Some((_, window)) = sources.iter_mut().find(|(known, _)| *known == ssrc) {
        window.add(index);
        return;
    }
    if sources.len() >= MOST_SOURCES {
        sources.remove(0);
    }
    sources.push((
        ssrc,
        Window {
            highest: index,
            seen: 1,
        },
    ));
}

fn window_of(sources: &[(u32, Window)], ssrc: u32) -> Option<Window> {
    let mut known = sources.iter();
    known.find(|(known, _)| *known == ssrc).map(|(_, w)| *w)
}

impl Unprotector {
    /// With the key that the sender named.
    pub fn new(suite: Suite, key: &MasterKey) -> Self {
        Self {
            keys: SessionKeys::derive(suite, key),
            packets: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Makes a plain packet of an encrypted one, in place.
    pub fn unprotect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let suite = self.keys.suite;
        let tail = suite.tag() + self.keys.name;
        let body = packet.len().checked_sub(tail).ok_or(SrtpError::Truncated)?;
        let payload = payload_offset(&packet[..body]).ok_or(SrtpError::Truncated)?;
        let (ssrc, sequence) = (word(packet, 8), half(packet, 2));
        let window = window_of(&self.packets, ssrc);
        let index = match window {
            Some(window) => guess(window.highest, sequence).ok_or(SrtpError::Replay)?,
            None => u64::from(sequence),
        };
        if window.is_some_and(|window| window.has(index)) {
            return Err(SrtpError::Replay);
        }
        let rollover = ((index >> 16) as u32).to_be_bytes();
        let parts = [&packet[..body], &rollover];
        let tag = &packet[packet.len() - suite.tag()..];
        self.keys.check(&self.keys.rtp_tag, &parts, tag)?;
        let (key, salt) = (&self.keys.rtp_cipher, &self.keys.rtp_salt);
        crypt(key, salt, ssrc, index, &mut packet[payload..body]);
        packet.truncate(body);
        remember(&mut self.packets, ssrc, index);
        Ok(())
    }

    /// Makes a plain report of an encrypted one, in place.
    pub fn unprotect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let tail = RTCP_TAG + self.keys.name;
        let signed = packet.len().checked_sub(tail).ok_or(SrtpError::Truncated)?;
        let body = signed.checked_sub(INDEX).ok_or(SrtpError::Truncated)?;
        if body < REPORT_HEADER {
            return Err(SrtpError::Truncated);
        }
        let (ssrc, told) = (word(packet, 4), word(packet, body));
        let index = u64::from(told & !ENCRYPTED);
        if window_of(&self.reports, ssrc).is_some_and(|window| window.has(index)) {
            return Err(SrtpError::Replay);
        }
        let tag = &packet[packet.len() - RTCP_TAG..];
        self.keys
            .check(&self.keys.rtcp_tag, &[&packet[..signed]], tag)?;
        if told & ENCRYPTED != 0 {
            let (key, salt) = (&self.keys.rtcp_cipher, &self.keys.rtcp_salt);
            crypt(key, salt, ssrc, index, &mut packet[REPORT_HEADER..body]);
        }
        packet.truncate(body);
        remember(&mut self.reports, ssrc, index);
        Ok(())
    }
}

impl Protector {
    /// With the key that we named.
    pub fn new(suite: Suite, key: &MasterKey) -> Self {
        Self {
            keys: SessionKeys::derive(suite, key),
            packets: Vec::new(),
            report: 0,
        }
    }

    /// Makes an encrypted packet of a plain one, in place. Packets come in the order of their sequence.
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let payload = payload_offset(packet).ok_or(SrtpError::Truncated)?;
        let (ssrc, sequence) = (word(packet, 8), half(packet, 2));
        let known = self.packets.iter().position(|(known, _)| *known == ssrc);
        let index = match known {
            Some(at) => guess(self.packets[at].1, sequence).ok_or(SrtpError::Replay)?,
            None => u64::from(sequence),
        };
        if index >> 48 != 0 {
            return Err(SrtpError::UsedUp);
        }
        match known {
            Some(at) => self.packets[at].1 = self.packets[at].1.max(index),
            // Forgetting a source would use its key stream again.
            None if self.packets.len() >= MOST_SOURCES => return Err(SrtpError::UsedUp),
            None => self.packets.push((ssrc, index)),
        }
        let (key, salt) = (&self.keys.rtp_cipher, &self.keys.rtp_salt);
        crypt(key, salt, ssrc, index, &mut packet[payload..]);
        let rollover = ((index >> 16) as u32).to_be_bytes();
        let tag = self.keys.tag(&self.keys.rtp_tag, &[packet, &rollover]);
        packet.extend_from_slice(&tag[..self.keys.suite.tag()]);
        Ok(())
    }

    /// Makes an encrypted report of a plain one, in place.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        if packet.len() < REPORT_HEADER {
            return Err(SrtpError::Truncated);
        }
        let index = self.report + 1;
        if index & ENCRYPTED != 0 {
            return Err(SrtpError::UsedUp);
        }
        self.report = index;
        let ssrc = word(packet, 4);
        let (key, salt) = (&self.keys.rtcp_cipher, &self.keys.rtcp_salt);
        crypt(key, salt, ssrc, index.into(), &mut packet[REPORT_HEADER..]);
        packet.extend_from_slice(&(index | ENCRYPTED).to_be_bytes());
        let tag = self.keys.tag(&self.keys.rtcp_tag, &[packet]);
        packet.extend_from_slice(&tag[..RTCP_TAG]);
        Ok(())
    }
}

impl SessionKeys {
    fn tag(&self, key: &[u8; 20], parts: &[&[u8]]) -> [u8; 20] {
        let mut tag = [0; 20];
        // HMAC takes keys of any length.
        if let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) {
            for part in parts {
                mac.update(part);
            }
            tag = mac.finalize().into_bytes().into();
        }
        tag
    }

    fn check(&self, key: &[u8; 20], parts: &[&[u8]], tag: &[u8]) -> Result<(), SrtpError> {
        let expected = self.tag(key, parts);
        let is_right: bool = expected[..tag.len()].ct_eq(tag).into();
        if is_right {
            Ok(())
        } else {
            Err(SrtpError::Tag)
        }
    }
}

/// The same for both directions: AES in counter mode (RFC 3711, 4.1.1).
fn crypt(key: &[u8; 16], salt: &[u8; 14], ssrc: u32, index: u64, bytes: &mut [u8]) {
    let mut counter = Zeroizing::new([0; 16]);
    counter[..14].copy_from_slice(salt);
    for (byte, mask) in counter[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= mask;
    }
    for (byte, mask) in counter[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= mask;
    }
    Ctr128BE::<Aes128>::new(key.into(), (&*counter).into()).apply_keystream(bytes);
}

/// The packet's number beyond its 16 bits, next to the highest that came (RFC 3711, 3.3.1); `None` before zero.
fn guess(highest: u64, sequence: u16) -> Option<u64> {
    let distance = sequence.wrapping_sub(highest as u16).cast_signed();
    highest.checked_add_signed(i64::from(distance))
}

/// Where the payload of an RTP packet begins, which is not encrypted before.
fn payload_offset(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let sources = HEADER + usize::from(first & 0x0F) * 4;
    let mut offset = sources;
    if first & 0x10 != 0 {
        let words = packet.get(sources + 2..sources + 4)?;
        offset += 4 + usize::from(half(words, 0)) * 4;
    }
    (first >> 6 == 2 && packet.len() >= offset.max(HEADER)).then_some(offset)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |&found| u32::from_be_bytes(found))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |&found| u16::from_be_bytes(found))
}

#[cfg(test)]
mod tests;
