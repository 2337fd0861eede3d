//! When a packet was sent, and which of its leg's it is, written in its samples.

use std::sync::LazyLock;
use std::time::SystemTime;

use hushgate::audio::g711::Law;

/// What a stamp begins with: mu-law that no speech has.
const MARK: [u8; 6] = [0x61, 0xE1, 0x61, 0xE1, 0x6E, 0xEE];
/// Then come a time and a number, four bits in each byte, each one of sixteen quiet values.
const NIBBLE: u8 = 0x60;
const TIME: usize = 16;
const NUMBER: usize = 6;

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_micros() as u64
}

/// What is written in a packet.
pub(crate) struct Stamp {
    /// When it was sent, in microseconds since 1970.
    pub(crate) sent: u64,
    /// Its place among its leg's packets.
    pub(crate) number: u64,
}

impl Stamp {
    /// In samples.
    pub(crate) const LENGTH: usize = MARK.len() + TIME + NUMBER;

    /// Writes over the beginning of a packet in mu-law.
    pub(crate) fn write(&self, packet: &mut [u8]) {
        let (mark, rest) = packet.split_at_mut(MARK.len());
        mark.copy_from_slice(&MARK);
        let digits = |value: u64, count: usize| {
            (0..count)
                .rev()
                .map(move |place| NIBBLE + ((value >> (4 * place)) & 0x0F) as u8)
        };
        let stamp = digits(self.sent, TIME).chain(digits(self.number, NUMBER));
        for (byte, digit) in rest.iter_mut().zip(stamp) {
            *byte = digit;
        }
    }

    /// Takes the first stamp, and what comes before it, from samples. Leaves what cannot be part of one yet.
    pub(crate) fn take(samples: &mut Vec<i16>) -> Option<Self> {
        static MARKED: LazyLock<Vec<i16>> = LazyLock::new(|| Law::Mu.decode(&MARK));
        static DIGITS: LazyLock<Vec<i16>> = LazyLock::new(|| {
            let digits: Vec<u8> = (0..16).map(|digit| NIBBLE + digit).collect();
            Law::Mu.decode(&digits)
        });
        let (marked, digits) = (&**MARKED, &**DIGITS);
        let found = samples
            .windows(Self::LENGTH)
            .position(|window| window[0] == marked[0] && window.starts_with(marked));
        let Some(at) = found else {
            samples.drain(..samples.len().saturating_sub(Self::LENGTH - 1));
            return None;
        };
        let value = |from: usize, count: usize| {
            let written = samples[at + from..][..count].iter();
            written.fold(0, |value, sample| {
                let digit = digits.iter().position(|digit| digit == sample);
                (value << 4) | digit.unwrap_or(0) as u64
            })
        };
        let stamp = Self {
            sent: value(MARK.len(), TIME),
            number: value(MARK.len() + TIME, NUMBER),
        };
        samples.drain(..at + Self::LENGTH);
        Some(stamp)
    }
}
