//! When each piece of a call is due: at the pace at which it was spoken, as a telephone's audio comes.
//!
//! A piece that is a little late goes out at once, and those behind it as they were due: recorders place audio by its
//! timestamps, and a few packets at once are nothing new to them. What is later than that is an interruption, and all
//! that follows is later by as much. That is made good no faster than clocks drift apart: recorders follow such a
//! drift, and take more for a disturbance.

use std::time::Duration;

use tokio::time::Instant;

use crate::audio::MediaTime;

/// The first piece waits so long, so that pieces that come unevenly are sent evenly.
const CUSHION: Duration = Duration::from_millis(200);
/// Longer than this is an interruption.
const INTERRUPTION: Duration = Duration::from_millis(500);
/// More than this is made good.
const LATE: MediaTime = MediaTime::from_millis(1_000);
/// Of so many microseconds one is left out.
const DRIFT: u32 = 2_000;

/// The pace of one session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// This time of the call...
    time: MediaTime,
    /// ...is due then.
    due: Instant,
}

impl Pace {
    pub(super) fn new(first: MediaTime, now: Instant) -> Self {
        Self {
            time: first,
            due: now + CUSHION,
        }
    }

    /// When a piece that ends at `end` is due; `waiting` is how much of the call waits behind it. Pieces come in
    /// order. One that does not follow on those before is due after the pause between them, unless too much waits.
    pub(super) fn due(
        &mut self,
        start: MediaTime,
        end: MediaTime,
        waiting: MediaTime,
        now: Instant,
    ) -> Instant {
        if start > self.time && waiting > LATE {
            self.time = start;
            self.due = self.due.max(now);
        }
        let mut length = Duration::from_micros(end.saturating_sub(self.time).micros());
        if waiting > LATE {
            length -= length / DRIFT;
        }
        self.time = self.time.max(end);
        self.due += length;
        if now.saturating_duration_since(self.due) > INTERRUPTION {
            self.due = now;
        }
        self.due
    }

    /// Which time of the call is said now.
    pub(super) fn position(&self, now: Instant) -> MediaTime {
        let before = self.due.saturating_duration_since(now);
        let after = now.saturating_duration_since(self.due);
        let micros = |duration: Duration| {
            MediaTime::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
        };
        self.time.saturating_sub(micros(before)) + micros(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: MediaTime = MediaTime::ZERO;

    fn millis(millis: u64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    #[tokio::test]
    async fn pieces_are_due_as_they_were_spoken_and_pauses_last() {
        let now = Instant::now();
        let mut pace = Pace::new(NONE, now);
        let at = |millis: u64| now + CUSHION + Duration::from_millis(millis);
        assert_eq!(pace.due(NONE, millis(20), NONE, now), at(20));
        assert_eq!(pace.due(millis(20), millis(40), NONE, now), at(40));
        assert_eq!(pace.position(at(30)), millis(30));
        // A second was cut out.
        assert_eq!(pace.due(millis(1_040), millis(1_060), NONE, now), at(1_060));
        // This one is a little late: those behind it are not.
        let late = at(1_480);
        assert_eq!(
            pace.due(millis(1_060), millis(1_080), NONE, late),
            at(1_080)
        );
        assert_eq!(
            pace.due(millis(1_080), millis(1_100), NONE, late),
            at(1_100)
        );
        // This one comes after an interruption, and what follows does.
        let late = at(1_621);
        assert_eq!(pace.due(millis(1_100), millis(1_120), NONE, late), late);
        assert_eq!(
            pace.due(millis(1_120), millis(1_140), NONE, late),
            late + Duration::from_millis(20)
        );
        assert_eq!(pace.position(late), millis(1_120));
    }

    #[tokio::test]
    async fn what_waits_is_made_good_as_clocks_drift_and_by_pauses() {
        let now = Instant::now();
        let mut pace = Pace::new(NONE, now);
        let mut due = now;
        for piece in 0..500 {
            due = pace.due(
                millis(piece * 20),
                millis(piece * 20 + 20),
                millis(5_000),
                now,
            );
        }
        assert_eq!(due, now + CUSHION + Duration::from_millis(9_995));
        let next = pace.due(millis(60_000), millis(60_020), millis(5_000), now);
        assert_eq!(next, due + Duration::from_micros(19_990));
    }
}
