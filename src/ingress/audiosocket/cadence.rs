//! Tells by its frames' length and pace that a stream has another codec than its kind or its door says.
//!
//! Telephony sends a frame every 20 ms. If frames are all as long as 20 ms of the *other* codec would be, they
//! last 10 or 40 ms by the codec that was said: only the clock tells which it is. Pauses and bursts say
//! nothing about the pace, so that only frames which came without are judged, throughout the call.

use std::collections::VecDeque;
use std::time::Duration;

/// Telephony's usual frame.
const FRAME: Duration = Duration::from_millis(20);

/// How many frames are judged together, and the longest time between two of them: few that come evenly, or
/// many that come in small bursts.
const JUDGED: [(usize, Duration); 2] = [
    (10, Duration::from_millis(60)),
    (50, Duration::from_millis(250)),
];
const MOST_JUDGED: usize = 50;

/// When the last frames came that were as long as the other codec's.
#[derive(Debug)]
pub(super) struct Cadence {
    length: usize,
    times: VecDeque<Duration>,
}

impl Cadence {
    /// Of mu-law or A-law that is said to be linear.
    pub(super) fn of_companded() -> Self {
        Self::of(160)
    }

    /// Of linear audio at 8 kHz that is said to be companded.
    pub(super) fn of_linear() -> Self {
        Self::of(320)
    }

    fn of(length: usize) -> Self {
        Self {
            length,
            times: VecDeque::new(),
        }
    }

    /// Takes the length of a frame and when it came; whether the frames so far are the other codec's.
    pub(super) fn is_of_other_codec(&mut self, length: usize, since: Duration) -> bool {
        if length != self.length {
            self.times.clear();
            return false;
        }
        if self.times.len() == MOST_JUDGED {
            self.times.pop_front();
        }
        self.times.push_back(since);
        JUDGED.iter().any(|&(frames, longest)| {
            let Some(before) = self.times.len().checked_sub(frames) else {
                return false;
            };
            let judged = || self.times.iter().skip(before);
            let mut intervals = judged()
                .zip(judged().skip(1))
                .map(|(one, next)| next.saturating_sub(*one));
            let lasted = judged()
                .next()
                .map_or(Duration::ZERO, |first| since.saturating_sub(*first));
            let expected = FRAME * (frames as u32 - 1);
            // Half way to what the said codec's pace would be, and a jitter beyond.
            lasted * 6 >= expected * 5
                && lasted * 4 <= expected * 5
                && intervals.all(|interval| interval <= longest)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many frames of this length, coming at these milliseconds, they are found out.
    fn found_out(
        mut cadence: Cadence,
        length: usize,
        millis: impl IntoIterator<Item = u64>,
    ) -> Option<usize> {
        let mut frames = millis.into_iter();
        let found =
            frames.position(|at| cadence.is_of_other_codec(length, Duration::from_millis(at)));
        found.map(|place| place + 1)
    }

    #[test]
    fn companded_audio_is_found_out_by_its_tenth_frame() {
        let even = (0..100).map(|n| 370 + n * 20);
        assert_eq!(found_out(Cadence::of_companded(), 160, even), Some(10));
        let jittered = (0..100).map(|n| 370 + n * 20 + n % 3 * 7);
        assert!(found_out(Cadence::of_companded(), 160, jittered).is_some_and(|n| n <= 12));
        let in_twos = (0..100).map(|n| 370 + n / 2 * 40);
        assert!(found_out(Cadence::of_companded(), 160, in_twos).is_some_and(|n| n <= 12));
        let in_tens = (0..100).map(|n| 370 + n / 10 * 200);
        assert!(found_out(Cadence::of_companded(), 160, in_tens).is_some_and(|n| n <= 60));
        // Frames that wait at the start come at once.
        let burst = (0..100_u64).map(|n| 370 + n.saturating_sub(40) * 20);
        assert!(found_out(Cadence::of_companded(), 160, burst).is_some_and(|n| n <= 50));
        let even = (0..100).map(|n| n * 20);
        assert_eq!(found_out(Cadence::of_linear(), 320, even), Some(10));
    }

    #[test]
    fn what_the_codec_says_is_believed() {
        // Linear frames of 10 ms, evenly, in bursts, and with pauses and stalls.
        for times in [
            Box::new((0..1_000_u64).map(|n| n * 10)) as Box<dyn Iterator<Item = u64>>,
            Box::new((0..1_000_u64).map(|n| n / 4 * 40)),
            Box::new((0..1_000_u64).map(|n| n / 20 * 200)),
            Box::new((0..1_000_u64).map(|n| n * 10 + n / 20 * 700)),
            Box::new((0..1_000_u64).map(|n| n * 10 + n * 13 % 40)),
        ] {
            assert_eq!(found_out(Cadence::of_companded(), 160, times), None);
        }
        // 20 ms of linear audio, 20 ms of mu-law, 40 ms of mu-law.
        let even = || (0..1_000).map(|n| n * 20);
        assert_eq!(found_out(Cadence::of_companded(), 320, even()), None);
        assert_eq!(found_out(Cadence::of_linear(), 160, even()), None);
        let slow = (0..1_000).map(|n| n * 40);
        assert_eq!(found_out(Cadence::of_linear(), 320, slow), None);
    }
}
