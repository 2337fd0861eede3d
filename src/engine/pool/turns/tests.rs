//! Turns by hand, and simulated workers that live by them.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Takes all there is, each for `cost`, at one moment.
fn order(turns: &mut Turns<u32>, workers: usize, cost: Duration, now: Instant) -> Vec<u32> {
    let next = || turns.pop(workers, cost, now).map(|(_, job)| job);
    std::iter::from_fn(next).collect()
}

#[test]
fn calls_within_their_share_go_by_deadline() {
    let now = Instant::now();
    let mut turns = Turns::default();
    for (call, given) in [(1, 5), (2, 3), (3, 4), (4, 3)] {
        turns.push(Caller(call), now + SECOND * given, false, now, call as u32);
    }
    assert_eq!(turns.nearest_deadline(), Some(now + SECOND * 3));
    assert_eq!(turns.len(), 4);
    assert_eq!(order(&mut turns, 1, SECOND, now), [2, 4, 3, 1]);
    assert!(turns.is_empty());
}

#[test]
fn what_a_call_has_not_paid_for_puts_it_off() {
    let now = Instant::now();
    let mut turns = Turns::default();
    for id in 0..4 {
        turns.push(Caller(1), now + SECOND * 2, false, now, id);
    }
    for id in [10, 11] {
        turns.push(Caller(2), now + SECOND * 3, false, now, id);
    }
    // Two calls, one worker: a second of it takes two to pay. Turns are 2, 4, 6, 8 and 3, 5.
    assert_eq!(order(&mut turns, 1, SECOND, now), [0, 10, 1, 11, 2, 3]);
}

#[test]
fn nobody_pays_for_time_that_nobody_wanted() {
    let begun = Instant::now();
    let mut turns = Turns::default();
    for (at, rests) in [(0, false), (20, true)] {
        let now = begun + SECOND * at;
        turns.push(Caller(2), now + SECOND, false, now, 9);
        for id in 0..6 {
            turns.push(Caller(1), now + SECOND * 20, false, now, id);
        }
        assert_eq!(order(&mut turns, 1, SECOND, now).len(), 7);
        let later = now + SECOND * 7;
        if rests {
            turns.rest(later);
        }
        turns.push(Caller(1), later + SECOND * 2, false, later, 0);
        turns.push(Caller(2), later + SECOND * 3, false, later, 1);
        let expected = if rests { [0, 1] } else { [1, 0] };
        assert_eq!(order(&mut turns, 1, SECOND, later), expected);
    }
}

#[test]
fn a_call_that_was_asked_for_something_has_a_head_start_and_no_more() {
    let now = Instant::now();
    let mut turns = Turns::default();
    turns.push(Caller(1), now + millis(2_000), false, now, 1);
    turns.push(Caller(2), now + millis(2_240), true, now, 2);
    turns.push(Caller(3), now + millis(2_260), true, now, 3);
    assert_eq!(order(&mut turns, 1, SECOND, now), [2, 1, 3]);
}

#[test]
fn what_a_window_really_took_is_settled() {
    let now = Instant::now();
    let mut turns = Turns::default();
    for call in [1, 2] {
        turns.push(Caller(call), now + SECOND, false, now, 0);
    }
    assert_eq!(order(&mut turns, 1, SECOND, now).len(), 2);
    turns.settle(Caller(1), 1, (SECOND, Duration::ZERO), now);
    turns.settle(Caller(2), 1, (SECOND, SECOND * 2), now);
    turns.settle(Caller(7), 1, (SECOND, SECOND * 2), now);
    for (call, given) in [(1, 4), (2, 1)] {
        turns.push(Caller(call), now + SECOND * given, false, now, call as u32);
    }
    assert_eq!(turns.peek(), Some((now + SECOND, &2)));
    turns.settle(Caller(2), 1, (SECOND, SECOND * 3), now);
    // As far as the longest time that anybody was given.
    assert_eq!(turns.peek(), Some((now + SECOND * 4, &1)));
}

#[test]
fn who_has_most_waiting_loses_the_farthest() {
    let now = Instant::now();
    let mut turns = Turns::default();
    for (call, given) in [(1, 9), (2, 2), (2, 3), (2, 1)] {
        turns.push(Caller(call), now + SECOND * given, false, now, given);
    }
    assert_eq!(turns.give_up_one(), Some(3));
    assert_eq!(turns.give_up_one(), Some(2));
    assert_eq!(turns.take_expired(now + SECOND), [1]);
    assert_eq!(turns.len(), 1);
    assert_eq!(turns.take_all(), [9]);
    assert_eq!(turns.give_up_one(), None);
    assert!(turns.is_empty());
}

/// A window of a simulation, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    call: u64,
    /// What a worker really takes, and is expected to take.
    cost: u64,
    expected: u64,
    given: u64,
    is_armed: bool,
}

/// What came of a window: how long it waited, or that it waited in vain.
type Waited = Option<u64>;

/// Lets workers do what is handed in; one answer for each, in the same order.
fn simulate(workers: usize, arrivals: &[Arrival]) -> Vec<Waited> {
    let begun = Instant::now();
    let time = |at: u64| begun + millis(at);
    let mut arrivals: Vec<(usize, &Arrival)> = arrivals.iter().enumerate().collect();
    let mut waited = vec![None; arrivals.len()];
    arrivals.sort_by_key(|(_, arrival)| arrival.at);
    let mut coming = arrivals.iter().peekable();
    let mut turns = Turns::default();
    // What workers are at, by when they are done.
    let mut running: Vec<(u64, &Arrival)> = Vec::new();
    let mut now = 0;
    loop {
        while let Some((id, arrival)) = coming.next_if(|(_, arrival)| arrival.at <= now) {
            let (call, deadline) = (Caller(arrival.call), time(now + arrival.given));
            turns.push(call, deadline, arrival.is_armed, time(now), (*id, *arrival));
        }
        for (_, done) in running.extract_if(.., |(end, _)| *end <= now) {
            let costs = (millis(done.expected), millis(done.cost));
            turns.settle(Caller(done.call), workers, costs, time(now));
        }
        turns.take_expired(time(now));
        while running.len() < workers {
            let expected = turns.peek().map_or(0, |(_, (_, next))| next.expected);
            let Some((_, (id, next))) = turns.pop(workers, millis(expected), time(now)) else {
                turns.rest(time(now));
                break;
            };
            waited[id] = Some(now - next.at);
            running.push((now + next.cost, next));
        }
        let ends = running.iter().map(|(end, _)| *end);
        match ends
            .chain(coming.peek().map(|(_, arrival)| arrival.at))
            .min()
        {
            Some(next) => now = next,
            None => return waited,
        }
    }
}

/// Windows of calls that do as they like: each comes so long after the one before, several at once.
fn rough(calls: u64, most: u64) -> impl Strategy<Value = Vec<Arrival>> {
    let burst = (
        0..calls,
        0..400_u64,
        1..8_usize,
        1..=most,
        0..=most,
        any::<bool>(),
        0..3_u64,
    );
    prop::collection::vec(burst, 0..150).prop_map(move |bursts| {
        let mut clocks = vec![0; calls as usize];
        let mut arrivals = Vec::new();
        for (call, after, count, cost, expected, is_armed, patience) in bursts {
            let at = &mut clocks[call as usize];
            *at += after;
            let arrival = Arrival {
                at: *at,
                call,
                cost,
                expected,
                given: 2_000 + patience * 1_000,
                is_armed,
            };
            arrivals.extend(std::iter::repeat_n(arrival, count));
        }
        arrivals
    })
}

/// Windows of a call that asks for no more than its share: none comes before the ones before it are paid for.
fn modest(call: u64, price: f64, most: u64) -> impl Strategy<Value = Vec<Arrival>> {
    prop::collection::vec((0..600_u64, 1..=most, any::<bool>()), 1..40).prop_map(move |windows| {
        let mut at = 0;
        let mut arrivals = Vec::new();
        for (after, cost, is_armed) in windows {
            at += after;
            arrivals.push(Arrival {
                at,
                call,
                cost,
                expected: cost,
                given: 2_000,
                is_armed,
            });
            at += (cost as f64 * price).ceil() as u64;
        }
        arrivals
    })
}

/// Workers, rough calls and their windows, and the windows of a modest one beside them.
fn scene() -> impl Strategy<Value = (usize, u64, u64, Vec<Arrival>, Vec<Arrival>)> {
    (1..5_usize, 1..9_u64, 50..500_u64).prop_flat_map(|(workers, rough_calls, most)| {
        let price = (rough_calls + 1) as f64 / workers as f64;
        let windows = (rough(rough_calls, most), modest(rough_calls, price, most));
        windows.prop_map(move |(rough, modest)| (workers, rough_calls + 1, most, rough, modest))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The invariant of the module's documentation: random calls, random costs, expected wrongly.
    #[test]
    fn a_call_within_its_share_waits_no_longer_than_stated(
        (workers, calls, most, rough, modest) in scene(),
    ) {
        // That costs are known only when a window is done lets each worker begin one too many.
        let bound = HEAD_START.as_millis() as u64 + calls * most / workers as u64 + 2 * most;
        let mut all = modest.clone();
        all.extend(rough);
        let waited = simulate(workers, &all);
        for (arrival, waited) in modest.iter().zip(waited) {
            if bound < arrival.given {
                prop_assert!(waited.is_some_and(|waited| waited <= bound), "{waited:?} over {bound}");
            } else {
                prop_assert!(waited.is_none_or(|waited| waited <= bound), "{waited:?} over {bound}");
            }
        }
    }

    /// Where all want more than there is all get the same, however many windows they hand in.
    #[test]
    fn who_hands_in_more_gets_no_more(
        workers in 1..4_usize,
        counts in prop::collection::vec(1..10_u64, 2..6),
        cost in 50..400_u64,
    ) {
        let calls = counts.len() as u64;
        // Each call wants its share at least, and up to ten times as much, for a minute.
        let each = cost * calls / workers as u64;
        let arrivals: Vec<Arrival> = counts
            .iter()
            .enumerate()
            .flat_map(|(call, count)| {
                (0..60_000 / each * count).map(move |index| Arrival {
                    at: index * each / count,
                    call: call as u64,
                    cost,
                    expected: cost,
                    given: 4_000,
                    is_armed: call == 0,
                })
            })
            .collect();
        let waited = simulate(workers, &arrivals);
        let mut had = vec![0; counts.len()];
        for (arrival, waited) in arrivals.iter().zip(waited) {
            let is_in_time = waited.is_some_and(|waited| arrival.at + waited < 60_000);
            had[arrival.call as usize] += u64::from(is_in_time);
        }
        let fair = 60_000 / each;
        for (call, had) in had.iter().enumerate() {
            prop_assert!(had.abs_diff(fair) <= fair / 10 + 3, "call {call}: {had} of {fair}");
        }
    }

    /// Every window comes out once.
    #[test]
    fn no_window_is_lost_and_none_is_taken_twice((workers, _, _, rough, _) in scene()) {
        let begun = Instant::now();
        let mut turns = Turns::default();
        let mut seen = vec![0; rough.len()];
        for (id, arrival) in rough.iter().enumerate() {
            let now = begun + millis(arrival.at);
            turns.push(Caller(arrival.call), now + millis(arrival.given), arrival.is_armed, now, id);
            let taken = match arrival.cost % 4 {
                0 => turns.pop(workers, millis(arrival.cost), now).map(|(_, id)| id).into_iter().collect(),
                1 => turns.take_expired(now),
                2 => turns.give_up_one().into_iter().collect(),
                _ => Vec::new(),
            };
            for id in taken {
                seen[id] += 1;
            }
            let waiting = seen[..=id].iter().filter(|seen| **seen == 0).count();
            prop_assert_eq!(turns.len(), waiting);
        }
        for id in turns.take_all() {
            seen[id] += 1;
        }
        prop_assert!(seen.iter().all(|seen| *seen == 1));
    }
}
