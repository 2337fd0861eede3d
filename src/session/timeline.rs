//! Places one leg's frames on its timeline: gaps are filled, late and repeated packets never shift it.
//!
//! Does not know what is sensitive. A frame may fill a gap only while the gap has not been listened to:
//! afterwards its sound would leave without having been examined.

use std::ops::Range;

use zeroize::Zeroizing;

use super::hold::HoldBuffer;

/// One leg's samples, in order.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) held: HoldBuffer,
    /// Stretches of `listened..head` that were filled with silence for want of a packet.
    gaps: Vec<Range<u64>>,
    /// Up to where the samples went on to be listened to.
    listened: u64,
    /// Samples that came after their place had been listened to.
    dropped: u64,
    /// How long a gap waits for packets that are out of order.
    patience: u64,
    scratch: Zeroizing<Vec<i16>>,
}

impl Timeline {
    pub(super) fn new(capacity: usize, patience: u64) -> Self {
        Self {
            held: HoldBuffer::new(capacity),
            gaps: Vec::new(),
            listened: 0,
            dropped: 0,
            patience,
            scratch: Zeroizing::new(Vec::with_capacity(capacity)),
        }
    }

    /// Fills up to an index with silence.
    pub(super) fn pad_to(&mut self, to: u64) {
        let from = self.held.head();
        if to <= from {
            return;
        }
        self.held.append_silence(to - from);
        let to = self.held.head();
        match self.gaps.last_mut() {
            Some(last) if last.end == from => last.end = to,
            _ => self.gaps.push(from..to),
        }
    }

    /// Appends samples that belong right at the head.
    pub(super) fn append(&mut self, samples: &[i16]) {
        self.held.append(samples);
    }

    /// Takes the part of a frame that lies before the head: what falls into a gap fills it, the rest
    /// was here before.
    pub(super) fn mend(&mut self, at: u64, samples: &[i16]) {
        let end = at + samples.len() as u64;
        let mut gaps = Vec::with_capacity(self.gaps.len() + 1);
        for gap in std::mem::take(&mut self.gaps) {
            let (from, to) = (gap.start.max(at), gap.end.min(end));
            if from >= to {
                gaps.push(gap);
                continue;
            }
            for index in from..to {
                self.held.overwrite(index, samples[(index - at) as usize]);
            }
            gaps.extend(
                [gap.start..from, to..gap.end]
                    .into_iter()
                    .filter(|rest| !rest.is_empty()),
            );
        }
        self.gaps = gaps;
        self.dropped += self.listened.min(end).saturating_sub(at);
    }

    /// Samples that came too late since this was last asked.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// The samples that are settled and were not listened to yet; all of them when the leg is `over`.
    pub(super) fn listen(&mut self, over: bool, mut hear: impl FnMut(&[i16])) {
        let settled = if over {
            self.held.head()
        } else {
            self.held.head().saturating_sub(self.patience)
        };
        if settled <= self.listened {
            return;
        }
        self.scratch.clear();
        self.held.read(self.listened, settled, &mut self.scratch);
        hear(&self.scratch);
        self.listened = settled;
        self.gaps.retain(|gap| gap.end > settled);
        if let Some(first) = self.gaps.first_mut() {
            first.start = first.start.max(settled);
        }
    }
}
