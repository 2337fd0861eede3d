use proptest::prelude::*;

use super::*;

/// One message: when it came and how much audio it brought, in milliseconds.
type Message = (u64, u64);

/// A clock at 8 kHz whose places are checked as they come.
struct Watched {
    clock: ArrivalClock,
    waiting: u64,
    /// Where the last placed sample ends.
    end: u64,
    gaps: u64,
    /// Each message's place in milliseconds, in order.
    places: Vec<u64>,
    waiting_lengths: Vec<u64>,
}

impl Watched {
    fn new() -> Self {
        Self {
            clock: ArrivalClock::new(SampleRate::TELEPHONE),
            waiting: 0,
            end: 0,
            gaps: 0,
            places: Vec::new(),
            waiting_lengths: Vec::new(),
        }
    }

    fn place(&mut self, at: u64, length: u64) {
        assert!(at >= self.end, "{at} before {}", self.end);
        self.gaps += at - self.end;
        self.end = at + length;
        self.places.push(at / 8);
    }

    fn place_waiting(&mut self, mut at: u64) {
        assert!(self.waiting > 0);
        for length in std::mem::take(&mut self.waiting_lengths) {
            self.place(at, length);
            at += length;
        }
        self.waiting = 0;
    }

    fn push(&mut self, (came, length): Message) {
        let length = length * 8;
        let placed = self
            .clock
            .push(length as usize, Duration::from_millis(came));
        if let Some(at) = placed.waiting {
            self.place_waiting(at);
        }
        match placed.fresh {
            Some(at) => {
                assert_eq!(self.waiting, 0, "fresh samples must not overtake");
                self.place(at, length);
            }
            None => {
                self.waiting += length;
                self.waiting_lengths.push(length);
                assert!(self.waiting <= 8_000 + length, "{} wait", self.waiting);
            }
        }
    }

    fn flush(&mut self) {
        if let Some(at) = self.clock.flush() {
            self.place_waiting(at);
        }
        assert_eq!(self.waiting, 0);
    }
}

fn watch(messages: impl IntoIterator<Item = Message>) -> Watched {
    let mut watched = Watched::new();
    for message in messages {
        watched.push(message);
    }
    watched.flush();
    watched
}

/// Messages of 20 ms that come when they were spoken, for so long from then.
fn steady(from: u64, length: u64) -> impl Iterator<Item = Message> {
    (from..from + length).step_by(20).map(|at| (at + 20, 20))
}

fn check_gaps(messages: impl IntoIterator<Item = Message>, expected_millis: u64) {
    assert_eq!(watch(messages).gaps / 8, expected_millis);
}

#[test]
fn a_steady_stream_has_no_gaps() {
    let watched = watch(steady(700, 10_000));
    assert_eq!(watched.gaps, 0);
    assert_eq!(watched.end, 80_000);
}

#[test]
fn a_pause_becomes_a_gap_of_its_length_before_what_follows() {
    let watched = watch(steady(0, 1_000).chain(steady(3_000, 1_000)));
    assert_eq!(watched.gaps / 8, 2_000);
    assert_eq!(watched.places[50], 3_000);
    assert_eq!(watched.end / 8, 4_000);
    // Shorter ones follow, until they come to more.
    check_gaps(steady(0, 1_000).chain(steady(1_400, 1_000)), 0);
    check_gaps(
        steady(0, 1_000)
            .chain(steady(1_400, 1_000))
            .chain(steady(2_800, 1_000)),
        800,
    );
}

#[test]
fn a_single_message_between_pauses_is_placed_in_its_time() {
    let watched = watch(
        steady(0, 100)
            .chain(steady(2_000, 20))
            .chain(steady(9_000, 60)),
    );
    assert_eq!(watched.places[5], 2_000);
    assert_eq!(watched.places[6], 9_000);
}

#[test]
fn a_burst_after_a_stall_makes_no_gap() {
    // One second is held up, then comes at once; the rest in time.
    let held_up = steady(1_000, 1_000).map(|(_, length)| (2_000, length));
    check_gaps(
        steady(0, 1_000).chain(held_up).chain(steady(2_000, 5_000)),
        0,
    );
    // Or over the time of half a second.
    let held_up = steady(1_000, 3_000).map(|(at, length)| (4_000 + (at - 1_000) / 6, length));
    let after = steady(4_000, 5_000).map(|(at, length)| (at.max(4_500), length));
    check_gaps(steady(0, 1_000).chain(held_up).chain(after), 0);
}

#[test]
fn an_overrun_within_a_burst_is_a_gap_of_what_was_lost() {
    // The sender threw away two of three seconds, and sends the rest at once.
    let burst = (0..50).map(|_| (4_000, 20));
    let watched = watch(steady(0, 1_000).chain(burst).chain(steady(4_000, 2_000)));
    assert_eq!(watched.gaps / 8, 2_000);
    assert_eq!(watched.end / 8, 6_000);
}

#[test]
fn a_stream_that_began_with_a_burst_is_measured_by_what_is_prompt() {
    // Two seconds were waiting for the connection; a second's pause is seen all the same.
    let burst = (0..100).map(|_| (2_000, 20));
    check_gaps(
        burst
            .chain(steady(2_000, 1_000))
            .chain(steady(4_000, 1_000)),
        1_000,
    );
}

#[test]
fn long_messages_are_not_late() {
    check_gaps((1..100).map(|n| (n * 1_000, 1_000)), 0);
    check_gaps(
        (1..5)
            .map(|n| (n * 1_000, 1_000))
            .chain((1..5).map(|n| (7_000 + n * 1_000, 1_000))),
        3_000,
    );
}

#[test]
fn a_slow_clock_is_followed_within_the_tolerance() {
    // A hundredth too slow for ten minutes: six seconds are missing.
    let watched = watch((1..30_000).map(|n| (n * 20 + n / 5, 20)));
    assert!((5_400..=6_000).contains(&(watched.gaps / 8)));
}

#[test]
fn absurd_clocks_do_no_harm() {
    let mut clock = ArrivalClock::new(SampleRate::new(48_000).unwrap());
    clock.push(10, Duration::MAX);
    clock.push(10, Duration::ZERO);
    clock.push(10, Duration::MAX);
    clock.flush();
    clock.push(10, Duration::MAX);
}

/// Spoken at a time, held up by the network for a while, in order.
fn delivered(spoken: impl IntoIterator<Item = u64>, jitter: &[u64]) -> Vec<Message> {
    let mut last = 0;
    let messages = spoken.into_iter().zip(jitter.iter().cycle());
    messages
        .map(|(at, held_up)| {
            last = last.max(at + 20 + held_up);
            (last, 20)
        })
        .collect()
}

proptest! {
    /// Whatever comes whenever: places go up, nothing overlaps, nothing is lost (checked by [`Watched`]).
    #[test]
    fn any_arrival_is_placed_once_and_in_order(
        messages in prop::collection::vec((0_u64..20_000, 1_u64..1_500), 1..200),
    ) {
        let came: u64 = messages.iter().map(|(_, length)| length * 8).sum();
        let watched = watch(messages);
        prop_assert_eq!(watched.end - watched.gaps, came);
    }

    /// An hour with up to 400 ms of jitter.
    #[test]
    fn jitter_leaves_no_gap(jitter in prop::collection::vec(0_u64..=400, 1..500)) {
        let messages = delivered((0..3_600_000).step_by(20), &jitter);
        prop_assert_eq!(watch(messages).gaps, 0);
    }

    /// The gaps come to what the speaker paused, and the timeline never strays from the clock.
    #[test]
    fn gaps_are_what_was_paused(
        turns in prop::collection::vec((200_u64..4_000, 0_u64..5_000), 1..30),
        jitter in prop::collection::vec(0_u64..=150, 1..500),
    ) {
        let (mut at, mut paused, mut spoken) = (0, 0, Vec::new());
        for (speech, pause) in turns {
            spoken.extend((at..at + speech).step_by(20));
            at += speech.next_multiple_of(20) + pause;
            paused += pause;
        }
        let messages = delivered(spoken.iter().copied(), &jitter);
        let watched = watch(messages);
        let last = spoken.last().copied().unwrap_or_default();
        let paused = paused - (at - last - 20);
        prop_assert!((watched.gaps / 8).abs_diff(paused) <= 700, "{} {paused}", watched.gaps / 8);
        prop_assert_eq!(watched.places.len(), spoken.len());
        for (place, spoken) in watched.places.iter().zip(&spoken) {
            prop_assert!(place.abs_diff(*spoken) <= 700, "{place} {spoken}");
        }
    }

    /// Stalls of the network do not stretch the call.
    #[test]
    fn stalls_do_not_stretch_the_call(
        stalls in prop::collection::vec((1_000_u64..20_000, 0_u64..4_000), 1..20),
    ) {
        let mut messages: Vec<Message> = Vec::new();
        let mut at = 0;
        for (fine, stall) in stalls {
            messages.extend(steady(at, fine));
            at += fine.next_multiple_of(20);
            messages.extend(steady(at, stall).map(|(_, length)| (at + stall, length)));
            at += stall.next_multiple_of(20);
        }
        let watched = watch(messages);
        prop_assert_eq!(watched.gaps, 0);
        prop_assert_eq!(watched.end / 8, at);
    }
}
