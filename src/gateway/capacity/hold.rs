//! How long new calls are held: longer while recognition is short of time, within configured bounds.
//!
//! A running call keeps the hold that it began with; its report tells it. Pure.

use crate::audio::MediaTime;

/// Slack under which the hold grows, and over which it shrinks again: the part of their time that the worst windows
/// had left.
const SHORT: f64 = 0.2;
const AMPLE: f64 = 0.5;
/// Steps from the shortest hold to the longest.
const STEPS: u64 = 4;
/// Periods in a row with ample slack before the hold shrinks by a step: it grows at once.
const PATIENCE: u32 = 30;

/// The hold that the next call begins with.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gateway) struct Holds {
    shortest: MediaTime,
    longest: MediaTime,
    /// Steps above the shortest.
    step: u64,
    ample: u32,
}

impl Holds {
    /// From `shortest`, which is the configured one, to `longest`; not longer than that is no longer at all.
    pub(in crate::gateway) fn new(shortest: MediaTime, longest: MediaTime) -> Self {
        Self {
            shortest,
            longest: longest.max(shortest),
            step: 0,
            ample: 0,
        }
    }

    /// Learns how much slack there was in a period; `None` without answers, which is ample.
    pub(in crate::gateway) fn observe(&mut self, slack: Option<f64>) {
        let slack = slack.unwrap_or(1.0);
        if slack < SHORT {
            self.step = (self.step + 1).min(STEPS);
            self.ample = 0;
        } else if slack > AMPLE {
            self.ample += 1;
            if self.ample >= PATIENCE {
                self.ample = 0;
                self.step = self.step.saturating_sub(1);
            }
        } else {
            self.ample = 0;
        }
    }

    /// For a call that begins.
    pub(in crate::gateway) fn for_new_call(&self) -> MediaTime {
        let room = self.longest.micros() - self.shortest.micros();
        MediaTime::from_micros(self.shortest.micros() + room * self.step / STEPS)
    }

    /// The longest that any call has.
    pub(in crate::gateway) fn longest(&self) -> MediaTime {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: f64) -> MediaTime {
        MediaTime::from_seconds(seconds)
    }

    fn after(holds: &mut Holds, slack: f64, periods: usize) -> f64 {
        for _ in 0..periods {
            holds.observe(Some(slack));
        }
        holds.for_new_call().seconds()
    }

    #[test]
    fn short_slack_lengthens_at_once_and_ample_slack_shortens_slowly() {
        let mut holds = Holds::new(seconds(6.0), seconds(12.0));
        assert_eq!(holds.for_new_call(), seconds(6.0));
        assert_eq!(after(&mut holds, 0.05, 1), 7.5);
        assert_eq!(after(&mut holds, 0.05, 9), 12.0);
        assert_eq!(
            after(&mut holds, 0.35, 100),
            12.0,
            "neither short nor ample"
        );
        assert_eq!(after(&mut holds, 0.9, 29), 12.0);
        assert_eq!(after(&mut holds, 0.9, 1), 10.5);
        assert_eq!(after(&mut holds, 0.9, 90), 6.0);
    }

    #[test]
    fn a_lull_shortens() {
        let mut holds = Holds::new(seconds(6.0), seconds(12.0));
        after(&mut holds, 0.0, 4);
        for _ in 0..4 * PATIENCE {
            holds.observe(None);
        }
        assert_eq!(holds.for_new_call(), seconds(6.0));
    }

    #[test]
    fn one_hold_stays_one() {
        let mut holds = Holds::new(seconds(6.0), seconds(2.0));
        assert_eq!(after(&mut holds, 0.0, 20), 6.0);
    }

    proptest! {
        #[test]
        fn the_hold_stays_within_its_bounds(
            shortest in 2_000_u64..60_000,
            longest in 2_000_u64..60_000,
            slacks in prop::collection::vec(prop::option::of(-1.0..2.0_f64), 0..200),
        ) {
            let (shortest, longest) = (MediaTime::from_millis(shortest), MediaTime::from_millis(longest));
            let mut holds = Holds::new(shortest, longest);
            for slack in slacks {
                holds.observe(slack);
                let hold = holds.for_new_call();
                prop_assert!(hold >= shortest && hold <= longest.max(shortest));
            }
        }
    }
}
