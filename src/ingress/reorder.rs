//! Puts a track's packets back into order by their counter, for platforms that do not promise it.
//!
//! A packet that is ahead waits for the ones before it, until too many wait: then what is missing is lost,
//! and the audio goes on with a gap. Packets that came too late or twice are passed on at once: where
//! they belong is decided by their time.
//!
//! **Architecture invariant:** no more than [`WAITING`] packets wait.

use std::collections::BTreeMap;

/// Packets that wait for a missing one; at 20 ms a packet this is 200 ms.
const WAITING: usize = 10;

/// One track's packets that wait for others.
#[derive(Debug)]
pub(super) struct Reorder<Packet> {
    next: Option<u64>,
    waiting: BTreeMap<u64, Packet>,
}

impl<Packet> Default for Reorder<Packet> {
    fn default() -> Self {
        Self {
            next: None,
            waiting: BTreeMap::new(),
        }
    }
}

impl<Packet> Reorder<Packet> {
    /// Takes a packet; appends what can go on now, in order.
    pub(super) fn push(&mut self, number: u64, packet: Packet, ready: &mut Vec<Packet>) {
        let next = *self.next.get_or_insert(number);
        if number < next {
            ready.push(packet);
            return;
        }
        if let Some(same) = self.waiting.insert(number, packet) {
            ready.push(same);
        }
        if self.waiting.len() > WAITING
            && let Some((&first, _)) = self.waiting.first_key_value()
        {
            self.next = Some(first);
        }
        self.continue_in_order(ready);
    }

    /// Nothing more will come: appends what waits.
    pub(super) fn finish(&mut self, ready: &mut Vec<Packet>) {
        ready.extend(std::mem::take(&mut self.waiting).into_values());
    }

    fn continue_in_order(&mut self, ready: &mut Vec<Packet>) {
        while let Some(next) = self.next
            && let Some(packet) = self.waiting.remove(&next)
        {
            ready.push(packet);
            self.next = Some(next.saturating_add(1));
            if next == u64::MAX {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(numbers: &[u64]) -> Vec<u64> {
        let mut reorder = Reorder::default();
        let mut ready = Vec::new();
        for &number in numbers {
            reorder.push(number, number, &mut ready);
            assert!(reorder.waiting.len() <= WAITING);
        }
        reorder.finish(&mut ready);
        ready
    }

    #[test]
    fn packets_that_overtook_others_wait_for_them() {
        assert_eq!(order(&[1, 3, 2, 4, 6, 7, 5]), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_lost_packet_is_not_waited_for_for_ever() {
        let numbers: Vec<u64> = (1..5).chain(6..40).collect();
        assert_eq!(order(&numbers), numbers);
    }

    #[test]
    fn late_and_repeated_packets_pass() {
        assert_eq!(order(&[5, 6, 4, 6, 7]), [5, 6, 4, 6, 7]);
    }

    proptest! {
        #[test]
        fn every_packet_comes_out_once(numbers in prop::collection::vec(any::<u64>(), 0..200)) {
            let mut out = order(&numbers);
            let mut expected = numbers;
            out.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn small_disorder_is_undone(swaps in prop::collection::vec(0_usize..100, 0..60)) {
            let mut numbers: Vec<u64> = (0..100).collect();
            for at in swaps {
                // Neighbours only: no packet strays far, as none is swapped twice.
                if at % 2 == 1 && at + 1 < numbers.len() {
                    numbers.swap(at, at + 1);
                }
            }
            let expected: Vec<u64> = (0..100).collect();
            prop_assert_eq!(order(&numbers), expected);
        }
    }
}
