//! Pressed keys as packets of their own (RFC 4733): that there was one and when, never which.
//!
//! ```text
//! |     event     |E|R| volume    |          duration             |
//! ```
//!
//! All packets of an event have the timestamp of its begin; its last is sent three times, by some with the
//! same sequence number. So an event is known by sender and timestamp, and told once.
//!
//! **Architecture invariant:** the first byte of the payload is looked at only to tell keys from other tones,
//! and kept nowhere. Memory is bounded.

use std::collections::VecDeque;

/// Events above are not keys but tones of modems and lines; 16 is a flash of the hook.
const LAST_KEY: u8 = 15;
/// Events that further packets may still come for.
const REMEMBERED: usize = 16;
const LENGTH: usize = 4;

/// One stream's keys so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    known: VecDeque<u32>,
}

impl Events {
    /// Whether a packet tells of a key that was not told of before.
    pub(super) fn is_new_key(&mut self, timestamp: u32, payload: &[u8]) -> bool {
        if payload.len() < LENGTH || payload[0] > LAST_KEY || self.known.contains(&timestamp) {
            return false;
        }
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back(timestamp);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(packets: &[(u32, &[u8])]) -> usize {
        let mut events = Events::default();
        let packets = packets.iter();
        packets
            .filter(|(timestamp, payload)| events.is_new_key(*timestamp, payload))
            .count()
    }

    #[test]
    fn an_event_is_told_once() {
        let begins: &[u8] = &[5, 10, 0, 160];
        let ends: &[u8] = &[5, 0x8A, 3, 32];
        let one = [(800, begins), (800, ends), (800, ends), (800, ends)];
        assert_eq!(keys(&one), 1);
        assert_eq!(keys(&[(800, ends)]), 1, "when only its end arrives");
        assert_eq!(keys(&[(800, begins), (1_600, begins)]), 2);
    }

    #[test]
    fn other_tones_are_no_keys() {
        assert_eq!(keys(&[(0, &[16, 10, 0, 160])]), 0);
        assert_eq!(keys(&[(0, &[32, 10, 0, 160])]), 0);
        assert_eq!(keys(&[(0, &[5, 10, 0])]), 0);
        assert_eq!(keys(&[(0, &[])]), 0);
    }

    #[test]
    fn a_storm_is_not_remembered_for_ever() {
        let mut events = Events::default();
        for timestamp in 0..10_000 {
            assert!(events.is_new_key(timestamp, &[1, 0, 0, 0]));
        }
        assert_eq!(events.known.len(), REMEMBERED);
    }
}
