//! Places a track's packets on its timeline by their timestamps.
//!
//! Timestamps in milliseconds are coarser than samples and jitter, so a packet that begins about where
//! the last one ended continues it to the sample. Otherwise a later timestamp leaves a gap, and an
//! earlier one may only fill a gap: what has been heard is never shifted or replaced.
//!
//! **Architecture invariant:** memory is bounded however packets come; of many gaps the latest are known.

use std::collections::VecDeque;
use std::ops::Range;

/// A timestamp is off by less than this, in milliseconds, when a packet continues the one before.
///
/// One packet of the usual 20 ms that is lost or repeated is off by exactly this, and is not jitter.
const JITTER_MILLIS: u64 = 20;

/// Gaps that late packets can still fill.
const REMEMBERED_GAPS: usize = 32;

/// One track's timeline so far, in samples.
#[derive(Debug)]
pub(super) struct Placement {
    jitter: u64,
    expected: Option<u64>,
    gaps: VecDeque<Range<u64>>,
}

/// A piece of a packet that has a place on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    /// Index on the timeline of the piece's first sample.
    pub(super) at: u64,
    /// Which of the packet's samples it is.
    pub(super) samples: Range<usize>,
}

impl Placement {
    /// For a track of this many samples per millisecond.
    pub(super) fn new(samples_per_millisecond: u64) -> Self {
        Self {
            jitter: JITTER_MILLIS * samples_per_millisecond,
            expected: None,
            gaps: VecDeque::new(),
        }
    }

    /// Where the samples of a packet go that claims to begin at sample `claimed`; in order, without
    /// overlap with any other packet's.
    pub(super) fn place(&mut self, claimed: u64, length: usize) -> Vec<Placed> {
        if length == 0 {
            return Vec::new();
        }
        let expected = self.expected.unwrap_or(0);
        let start = match self.expected {
            Some(expected) if claimed.abs_diff(expected) < self.jitter => expected,
            _ => claimed,
        };
        let end = start + length as u64;

        let mut placed = Vec::new();
        if start < expected {
            self.fill_gaps(start..end, &mut placed);
        } else if start > expected {
            self.gaps.push_back(expected..start);
            if self.gaps.len() > REMEMBERED_GAPS {
                self.gaps.pop_front();
            }
        }
        let fresh = start.max(expected);
        if end > fresh {
            placed.push(Placed {
                at: fresh,
                samples: (fresh - start) as usize..length,
            });
            self.expected = Some(end);
        }
        placed
    }

    /// Cuts the parts of a late packet that lie in gaps, and the gaps.
    fn fill_gaps(&mut self, packet: Range<u64>, placed: &mut Vec<Placed>) {
        let gaps = std::mem::take(&mut self.gaps);
        for gap in gaps {
            let common = gap.start.max(packet.start)..gap.end.min(packet.end);
            if common.is_empty() {
                self.gaps.push_back(gap);
                continue;
            }
            placed.push(Placed {
                at: common.start,
                samples: (common.start - packet.start) as usize
                    ..(common.end - packet.start) as usize,
            });
            let rest = [gap.start..common.start, common.end..gap.end];
            self.gaps
                .extend(rest.into_iter().filter(|part| !part.is_empty()));
        }
        while self.gaps.len() > REMEMBERED_GAPS {
            self.gaps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
