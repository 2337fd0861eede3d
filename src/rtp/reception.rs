//! What a receiver tells a sender of its packets: loss and jitter (RFC 3550, 6.4.1 and A.3, A.8).
//!
//! Counts arrivals; knows nothing of what is in them.

use std::time::Duration;

use super::stream::micros;

/// Nothing for so long: what was said last is over for now.
const IDLE: Duration = Duration::from_millis(200);
/// The sum of losses has 24 bits, one of them for its sign.
const MOST_LOST: u64 = 0x7F_FFFF;

/// One stream's packets so far.
#[derive(Debug)]
pub(super) struct Reception {
    first: u32,
    highest: u32,
    received: u64,
    /// Both as of the last report.
    expected_before: u64,
    received_before: u64,
    /// In ticks, times sixteen.
    jitter: u64,
    transit: Option<(u32, i32)>,
    heard: Option<Duration>,
}

/// One stream in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionReport {
    /// Whose packets.
    pub ssrc: u32,
    /// Lost since the last report, of 256.
    pub fraction_lost: u8,
    /// Lost since the begin.
    pub lost: u32,
    /// The highest sequence number, and above its 16 bits how often it wrapped.
    pub highest: u32,
    /// The mean deviation of the time between packets, in ticks.
    pub jitter: u32,
}

impl Reception {
    /// For a stream whose first packet has this sequence number.
    pub(super) fn new(first: u16) -> Self {
        Self {
            first: u32::from(first),
            highest: u32::from(first),
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0,
            transit: None,
            heard: None,
        }
    }

    /// A packet came, after which this is the highest number.
    pub(super) fn received(&mut self, highest: u32) {
        self.received += 1;
        self.highest = highest;
    }

    /// It was audio.
    pub(super) fn timed(&mut self, clock: u32, timestamp: u32, arrived: Duration) {
        self.heard = self.heard.max(Some(arrived));
        let ticks = i128::from(micros(arrived)) * i128::from(clock) / 1_000_000;
        let transit = (ticks as u32).wrapping_sub(timestamp).cast_signed();
        if let Some((same, before)) = self.transit
            && same == clock
        {
            let difference = transit.wrapping_sub(before).unsigned_abs();
            // A jump of the timestamps is not jitter.
            if difference < clock {
                self.jitter = self.jitter + u64::from(difference) - ((self.jitter + 8) >> 4);
            }
        }
        self.transit = Some((clock, transit));
    }

    /// Whether nothing has come for a while.
    pub(super) fn idle(&self, now: Duration) -> bool {
        self.idle_at().is_some_and(|at| at <= now)
    }

    /// When it will be idle if nothing comes.
    pub(super) fn idle_at(&self) -> Option<Duration> {
        Some(self.heard?.saturating_add(IDLE))
    }

    /// What is to be reported now; the next report begins here.
    pub(super) fn report(&mut self, ssrc: u32) -> ReceptionReport {
        let expected = u64::from(self.highest.saturating_sub(self.first)) + 1;
        let fresh = expected.saturating_sub(self.expected_before);
        let came = self.received - self.received_before;
        let lost = fresh.saturating_sub(came);
        self.expected_before = expected;
        self.received_before = self.received;
        ReceptionReport {
            ssrc,
            fraction_lost: (lost * 256).checked_div(fresh).unwrap_or(0).min(255) as u8,
            lost: expected.saturating_sub(self.received).min(MOST_LOST) as u32,
            highest: self.highest,
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_for_the_last_report_and_for_all() {
        let mut reception = Reception::new(100);
        for number in (100..200).filter(|number| number % 4 != 1) {
            reception.received(number);
        }
        let report = reception.report(7);
        assert_eq!((report.ssrc, report.highest, report.lost), (7, 199, 25));
        assert_eq!(report.fraction_lost, 64);
        for number in 200..300 {
            reception.received(number);
        }
        let report = reception.report(7);
        assert_eq!((report.lost, report.fraction_lost), (25, 0));
        assert_eq!(reception.report(7).fraction_lost, 0, "nothing came");
    }

    #[test]
    fn packets_that_come_twice_are_no_negative_loss() {
        let mut reception = Reception::new(1);
        for _ in 0..5 {
            reception.received(1);
        }
        let report = reception.report(7);
        assert_eq!((report.lost, report.fraction_lost), (0, 0));
    }

    #[test]
    fn jitter_is_in_ticks() {
        let arrive = |jitter: u64| {
            let mut reception = Reception::new(0);
            for packet in 0..2_000_u64 {
                let late = if packet % 2 == 0 { 0 } else { jitter };
                let arrived = Duration::from_millis(20 * packet + late);
                reception.timed(8_000, 160 * packet as u32, arrived);
            }
            reception.report(7).jitter
        };
        assert_eq!(arrive(0), 0);
        assert!((79..=80).contains(&arrive(10)), "10 ms of 8,000 a second");
    }

    #[test]
    fn a_jump_of_the_timestamps_is_not_jitter() {
        let mut reception = Reception::new(0);
        reception.timed(8_000, 0, Duration::ZERO);
        reception.timed(8_000, 80_000, Duration::from_millis(20));
        assert_eq!(reception.report(7).jitter, 0);
    }
}
