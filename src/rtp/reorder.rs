//! Puts one stream's packets back into order by their sequence numbers (RFC 3550, A.1).
//!
//! A packet that is ahead waits for the ones before it, until it has waited too long or too many wait: then
//! what is missing is lost. Numbers far off belong to no packet of this stream and are the caller's to judge.
//!
//! **Architecture invariant:** what goes out only goes up, and no more than [`MOST_WAITING`] packets and
//! [`MOST_BYTES`] wait, whatever comes.

use std::collections::BTreeMap;
use std::time::Duration;

use zeroize::Zeroizing;

use super::payload::PayloadFormat;

/// A packet further ahead than this is of another stream.
const MAX_DROPOUT: i16 = 3_000;
/// A packet further behind than this is of another stream.
const MAX_MISORDER: i16 = 100;
const MOST_WAITING: usize = 128;
const MOST_BYTES: usize = 256 * 1024;

/// A packet that may have to wait.
pub(super) struct Held {
    pub(super) sequence: u16,
    pub(super) marker: bool,
    pub(super) timestamp: u32,
    /// None if the session description does not say.
    pub(super) format: Option<PayloadFormat>,
    pub(super) arrived: Duration,
    pub(super) payload: Zeroizing<Vec<u8>>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It goes out in its turn.
    Taken {
        /// Packets with higher numbers came before it.
        overtaken: bool,
    },
    /// It was here before.
    Duplicate,
    /// Those after it have gone out.
    Late,
}

/// A packet whose turn it is.
pub(super) struct Next {
    pub(super) held: Held,
    /// Packets that are missing right before it.
    pub(super) lost: u64,
}

/// One stream's packets that wait for others.
pub(super) struct Reorder {
    window: Duration,
    /// The number that goes out next, extended beyond its 16 bits.
    next: u64,
    /// The highest that came.
    highest: u64,
    /// Which of the 128 numbers before `next` came; the lowest bit is the last.
    seen: u128,
    waiting: BTreeMap<u64, Held>,
    bytes: usize,
}

impl Reorder {
    /// For a stream that begins with this number.
    pub(super) fn new(first: u16, window: Duration) -> Self {
        // Far enough from zero that packets from before the first have a number.
        let first = u64::from(first) + (1 << 16);
        Self {
            window,
            next: first,
            highest: first - 1,
            seen: 0,
            waiting: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Whether a number may belong to this stream.
    pub(super) fn is_near(&self, sequence: u16) -> bool {
        (-MAX_MISORDER..=MAX_DROPOUT).contains(&self.distance(sequence))
    }

    /// How far a number is beyond the highest.
    fn distance(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.highest as u16).cast_signed()
    }

    /// Takes a packet whose number is near.
    pub(super) fn push(&mut self, held: Held) -> Pushed {
        let distance = self.distance(held.sequence);
        let number = self.highest.saturating_add_signed(i64::from(distance));
        if number < self.next {
            let back = self.next - 1 - number;
            let was_seen = back < 128 && self.seen >> back & 1 == 1;
            if back < 128 {
                self.seen |= 1 << back;
            }
            return if was_seen {
                Pushed::Duplicate
            } else {
                Pushed::Late
            };
        }
        if self.waiting.contains_key(&number) {
            return Pushed::Duplicate;
        }
        let overtaken = number < self.highest;
        self.highest = self.highest.max(number);
        self.bytes += held.payload.len();
        self.waiting.insert(number, held);
        Pushed::Taken { overtaken }
    }

    /// The packet whose turn it is at a time.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Next> {
        let (&number, held) = self.waiting.first_key_value()?;
        let is_due = number == self.next
            || self.due().is_some_and(|due| due <= now)
            || self.waiting.len() > MOST_WAITING
            || self.bytes > MOST_BYTES;
        let length = held.payload.len();
        if !is_due {
            return None;
        }
        let held = self.waiting.remove(&number)?;
        self.bytes -= length;
        let lost = number - self.next;
        let gone = u32::try_from(lost + 1).unwrap_or(u32::MAX);
        self.seen = self.seen.checked_shl(gone).unwrap_or(0) | 1;
        self.next = number + 1;
        Some(Next { held, lost })
    }

    /// When the packets that wait go on at the latest; `None` if none waits.
    pub(super) fn due(&self) -> Option<Duration> {
        let oldest = self.waiting.values().map(|held| held.arrived).min()?;
        Some(oldest.saturating_add(self.window))
    }

    /// The highest number that came, in 32 bits as reports tell it, counted from the first's cycle.
    pub(super) fn extended_highest(&self) -> u32 {
        (self.highest - (1 << 16)) as u32
    }
}

#[cfg(test)]
mod tests;
