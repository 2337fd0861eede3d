//! The audio of one leg that has not left yet.
//!
//! A ring allocated once, so that no copy is left behind by growth; what leaves is wiped at once, and
//! the rest when the call is dropped.

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
        for &sample in &samples[..taken] {
            let slot = self.slot(self.head);
            self.ring[slot] = sample;
            self.head += 1;
        }
        taken
    }

    /// Appends silence, as far as there is room.
    pub(super) fn append_silence(&mut self, samples: u64) {
        let taken = samples.min(self.room());
        for _ in 0..taken {
            let slot = self.slot(self.head);
            self.ring[slot] = 0;
            self.head += 1;
        }
    }

    /// Overwrites a sample that is held; others are ignored.
    pub(super) fn overwrite(&mut self, at: u64, sample: i16) {
        if (self.base..self.head).contains(&at) {
            let slot = self.slot(at);
            self.ring[slot] = sample;
        }
    }

    /// Copies `from..to`, which must be held, to the end of `samples`.
    pub(super) fn read(&self, from: u64, to: u64, samples: &mut Vec<i16>) {
        samples.extend(
            (from.max(self.base)..to.min(self.head)).map(|index| self.ring[self.slot(index)]),
        );
    }

    /// Moves the base up, wiping what is let go.
    pub(super) fn release_to(&mut self, to: u64) {
        while self.base < to.min(self.head) {
            let slot = self.slot(self.base);
            self.ring[slot] = 0;
            self.base += 1;
        }
    }

    fn slot(&self, index: u64) -> usize {
        (index % self.ring.len() as u64) as usize
    }
}

impl std::fmt::Debug for HoldBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HoldBuffer({}..{})", self.base, self.head)
    }
}
