//! Lets a call's audio through no faster than it can have been spoken.
//!
//! A burst after a network stall passes at once, up to a credit; a sender that is faster than real time
//! waits, its queue fills, and the waiting reaches it through the socket. Pure: the time is an input.

use std::time::Duration;

use tokio::time::Instant;

use crate::audio::MediaTime;

/// Audio may run ahead of the clock by this much at the start of a call.
pub(super) const ALLOWANCE: Duration = Duration::from_secs(1);

/// The clock of one call's media against the gateway's.
#[derive(Debug)]
pub(super) struct Pacer {
    credit: Duration,
    /// When media time zero is, as a time since `epoch`; grows as the sender falls behind.
    base: Option<(Instant, Duration)>,
}

impl Pacer {
    /// `credit` is how much audio may come at once after a stall, besides the [`ALLOWANCE`].
    pub(super) fn new(credit: Duration) -> Self {
        Self { credit, base: None }
    }

    /// When audio up to the media time `end` may be let through; a time not after `now` means at once.
    pub(super) fn due(&mut self, end: MediaTime, now: Instant) -> Instant {
        let media = Duration::from_micros(end.micros());
        // `base` is kept as "at `epoch`, media time `origin` is due", so that no instant before the
        // start of the clock is needed.
        let (epoch, origin) = *self.base.get_or_insert((now, media));
        let elapsed = now.duration_since(epoch);
        let behind = (origin + elapsed).saturating_sub(media);
        if behind > self.credit {
            // What was not sent in time is not owed for ever.
            let origin = media + self.credit;
            self.base = Some((now, origin));
            return now;
        }
        epoch + media.saturating_sub(origin + ALLOWANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDIT: Duration = Duration::from_secs(3);

    /// Feeds packets of 20 ms as fast as the pacer lets them, and tells the media time let through
    /// after `wall` seconds.
    struct Sender {
        pacer: Pacer,
        now: Instant,
        media: u64,
    }

    impl Sender {
        fn new() -> Self {
            Self {
                pacer: Pacer::new(CREDIT),
                now: Instant::now(),
                media: 20,
            }
        }

        /// Sends `packets`; returns how long it took in milliseconds.
        fn send(&mut self, packets: u64) -> u128 {
            let begun = self.now;
            for _ in 0..packets {
                let due = self.pacer.due(MediaTime::from_millis(self.media), self.now);
                self.now = self.now.max(due);
                self.media += 20;
            }
            (self.now - begun).as_millis()
        }

        fn pause(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }
    }

    #[test]
    fn real_time_is_not_held_up() {
        let mut sender = Sender::new();
        for _ in 0..500 {
            assert_eq!(sender.send(1), 0);
            sender.pause(20);
        }
    }

    #[test]
    fn a_flood_is_slowed_to_real_time() {
        let mut sender = Sender::new();
        assert_eq!(sender.send(51), 0, "the allowance of one second");
        assert_eq!(sender.send(500), 10_000);
    }

    #[test]
    fn a_burst_after_a_stall_passes_at_once() {
        let mut sender = Sender::new();
        for _ in 0..100 {
            sender.send(1);
            sender.pause(20);
        }
        sender.pause(3_000);
        assert_eq!(sender.send(150), 0);
    }

    #[test]
    fn a_long_stall_gives_no_more_than_the_credit() {
        let mut sender = Sender::new();
        sender.send(1);
        sender.pause(60_000);
        // The packet that ends the stall, the credit and the allowance.
        assert_eq!(sender.send(1 + 150 + 50), 0);
        assert_eq!(sender.send(50), 1_000);
    }

    #[test]
    fn late_packets_pass() {
        let mut sender = Sender::new();
        sender.send(40);
        let due = sender.pacer.due(MediaTime::from_millis(60), sender.now);
        assert!(due <= sender.now);
    }
}
