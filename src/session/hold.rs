//! The audio of one leg that has not left yet.
//!
//! A ring allocated once, so that no copy is left behind by growth; what leaves is wiped at once, and
//! the rest when the call is dropped.

use std::ops::Range;

use zeroize::Zeroizing;

/// Samples `base..head` of a leg.
pub(super) struct HoldBuffer {
    ring: Zeroizing<Vec<i16>>,
    base: u64,
    head: u64,
}

impl HoldBuffer {
    /// Holds at most this many samples.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ring: Zeroizing::new(vec![0; capacity.max(1)]),
            base: 0,
            head: 0,
        }
    }

    /// Index after the last sample.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// How many samples can be appended.
    pub(super) fn room(&self) -> u64 {
        self.ring.len() as u64 - (self.head - self.base)
    }

    /// Appends samples; what finds no room is not taken. Returns how many were.
    pub(super) fn append(&mut self, samples: &[i16]) -> usize {
        let taken = samples.len().min(self.room() as usize);
        let (first, second) = self.slots(self.head, self.head + taken as u64);
        let (start, rest) = samples[..taken].split_at(first.len());
        self.ring[first].copy_from_slice(start);
        self.ring[second].copy_from_slice(rest);
        self.head += taken as u64;
        taken
    }

    /// Appends silence, as far as there is room.
    pub(super) fn append_silence(&mut self, samples: u64) {
        let head = self.head + samples.min(self.room());
        self.silence(self.head, head);
        self.head = head;
    }

    /// Overwrites a sample that is held; others are ignored.
    pub(super) fn overwrite(&mut self, at: u64, sample: i16) {
        if (self.base..self.head).contains(&at) {
            let (slot, _) = self.slots(at, at + 1);
            self.ring[slot].fill(sample);
        }
    }

    /// Copies `from..to`, which must be held, to the end of `samples`.
    pub(super) fn read(&self, from: u64, to: u64, samples: &mut Vec<i16>) {
        let (first, second) = self.slots(from.max(self.base), to.min(self.head));
        samples.extend_from_slice(&self.ring[first]);
        samples.extend_from_slice(&self.ring[second]);
    }

    /// Moves the base up, wiping what is let go.
    pub(super) fn release_to(&mut self, to: u64) {
        let base = to.clamp(self.base, self.head);
        self.silence(self.base, base);
        self.base = base;
    }

    fn silence(&mut self, from: u64, to: u64) {
        let (first, second) = self.slots(from, to);
        self.ring[first].fill(0);
        self.ring[second].fill(0);
    }

    /// Where samples `from..to` lie, no more than there is place for: up to the ring's end, and from its start.
    fn slots(&self, from: u64, to: u64) -> (Range<usize>, Range<usize>) {
        let start = (from % self.ring.len() as u64) as usize;
        let end = start + to.saturating_sub(from) as usize;
        (
            start..end.min(self.ring.len()),
            0..end.saturating_sub(self.ring.len()),
        )
    }
}

impl std::fmt::Debug for HoldBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HoldBuffer({}..{})", self.base, self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring of seven, through which pieces of all lengths go: what comes out is what went in.
    #[test]
    fn samples_come_out_as_they_went_in() {
        let mut held = HoldBuffer::new(7);
        let mut next = 0;
        for length in (0..=9_usize).cycle().take(200) {
            let samples: Vec<i16> = (next..).take(length).collect();
            let taken = held.append(&samples);
            assert_eq!(taken, length.min(7));
            let (from, to) = (held.head() - taken as u64, held.head());
            let mut read = Vec::new();
            held.read(from, to, &mut read);
            assert_eq!(read, samples[..taken]);
            held.release_to(to);
            held.read(from, to, &mut read);
            assert_eq!(read.len(), taken, "what has left is not there");
            assert!(held.ring.iter().all(|&sample| sample == 0), "nor its place");
            next += 10;
        }
    }

    #[test]
    fn what_is_held_is_overwritten_and_silence_has_a_length() {
        let mut held = HoldBuffer::new(4);
        held.append(&[1, 2, 3]);
        held.release_to(2);
        held.append_silence(9);
        assert_eq!((held.head(), held.room()), (6, 0));
        for at in 0..9 {
            held.overwrite(at, 5);
        }
        let mut read = Vec::new();
        held.read(0, 9, &mut read);
        assert_eq!(read, [5; 4]);
    }
}
