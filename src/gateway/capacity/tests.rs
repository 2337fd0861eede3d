//! What is learned from periods, and a simulated pool that lives by it.

use proptest::prelude::*;

use super::*;

const WORKERS: usize = 2;

fn settings(first_cost: f64) -> CapacitySettings {
    CapacitySettings {
        workers: WORKERS,
        most: 10_000,
        first_cost,
    }
}

/// A second in which so many calls keep workers busy for `cost` seconds of each second of theirs.
fn second(calls: usize, cost: f64) -> Period {
    let wanted = calls as f64 * cost;
    Period {
        elapsed: Duration::from_secs(1),
        call_seconds: calls as f64,
        calls,
        submitted: calls as f64,
        heard: calls as f64 * (WORKERS as f64 / wanted).min(1.0),
        busy: Duration::from_secs_f64(wanted.min(WORKERS as f64)),
        slack: Some(if wanted > WORKERS as f64 { 0.0 } else { 0.7 }),
    }
}

fn after(capacity: &mut Capacity, period: &Period, periods: usize) -> usize {
    for _ in 0..periods {
        capacity.observe(period);
    }
    capacity.calls()
}

#[test]
fn the_first_estimate_is_from_the_first_cost() {
    // 2 workers at 70 %, 1.3 s of windows for each second of a call.
    assert_eq!(Capacity::new(settings(0.1)).calls(), 10);
    assert_eq!(Capacity::new(settings(0.5)).calls(), 2);
    assert_eq!(Capacity::new(settings(1e9)).calls(), 1);
    assert_eq!(Capacity::new(settings(f64::NAN)).calls(), 1);
    let capped = CapacitySettings {
        most: 4,
        ..settings(0.1)
    };
    assert_eq!(Capacity::new(capped).calls(), 4);
}

#[test]
fn more_fit_when_calls_cost_less_than_was_thought() {
    let mut capacity = Capacity::new(settings(0.2));
    assert_eq!(capacity.calls(), 5);
    // 1.4 workers for calls of 0.05 each: 28 would fit. What was tried is twice what ran, and two.
    assert_eq!(after(&mut capacity, &second(5, 0.05), 900), 12);
    let more = after(&mut capacity, &second(12, 0.05), 600);
    assert!((26..=28).contains(&more), "{more}");
    assert!((capacity.load() - 0.3).abs() < 0.01);
}

#[test]
fn fewer_fit_when_calls_cost_more_than_was_thought() {
    let mut capacity = Capacity::new(settings(0.05));
    assert_eq!(capacity.calls(), 21);
    let fewer = after(&mut capacity, &second(10, 0.15), 200);
    assert!((8..=10).contains(&fewer), "{fewer}");
}

#[test]
fn an_hour_without_calls_changes_nothing() {
    let mut capacity = Capacity::new(settings(0.2));
    after(&mut capacity, &second(5, 0.1), 300);
    let before = capacity.clone();
    let quiet = Period {
        elapsed: Duration::from_secs(1),
        ..Period::default()
    };
    assert_eq!(after(&mut capacity, &quiet, 3_600), before.calls());
    assert_eq!(capacity.cost_of_call(), before.cost_of_call());
    assert!(capacity.load() < 0.001);
}

#[test]
fn no_call_is_taken_while_answers_come_late_and_then_again() {
    let mut capacity = Capacity::new(settings(0.1));
    let late = Period {
        slack: Some(0.0),
        ..second(3, 0.1)
    };
    capacity.observe(&late);
    assert!(capacity.may_admit(3), "once is no rule");
    capacity.observe(&late);
    assert!(!capacity.may_admit(3));
    assert!(capacity.may_admit(0), "only calls teach");
    after(&mut capacity, &late, 100);
    assert!(!capacity.may_admit(3));
    after(&mut capacity, &second(3, 0.1), 4);
    assert!(!capacity.may_admit(3), "not at the first good answer");
    after(&mut capacity, &second(3, 0.1), 1);
    assert!(capacity.may_admit(3));
}

#[test]
fn it_recovers_when_nobody_calls_any_more() {
    let mut capacity = Capacity::new(settings(0.1));
    after(
        &mut capacity,
        &Period {
            slack: Some(0.0),
            ..second(3, 0.1)
        },
        100,
    );
    let quiet = Period {
        elapsed: Duration::from_secs(1),
        ..Period::default()
    };
    after(&mut capacity, &quiet, 5);
    assert!(!capacity.is_pressed());
}

#[test]
fn a_process_that_was_stopped_learns_nothing_from_it() {
    let mut capacity = Capacity::new(settings(0.1));
    after(&mut capacity, &second(5, 0.1), 100);
    let before = capacity.clone();
    let stopped = Period {
        elapsed: Duration::from_secs(60),
        busy: Duration::from_secs(120),
        ..second(5, 0.1)
    };
    capacity.observe(&stopped);
    // What ran meanwhile is answered afterwards, and seems to have taken as long.
    let ending = Period {
        busy: Duration::from_secs(120),
        slack: None,
        ..second(5, 0.1)
    };
    capacity.observe(&ending);
    assert_eq!(capacity.calls(), before.calls());
    assert_eq!(capacity.cost_of_call(), before.cost_of_call());
}

/// Noise of a few percent does not make the number go up and down.
#[test]
fn the_number_is_steady() {
    let mut capacity = Capacity::new(settings(0.1));
    after(&mut capacity, &second(10, 0.1), 600);
    let mut changes = 0;
    for index in 0..3_600_u32 {
        let before = capacity.calls();
        let noise = 1.0 + 0.2 * f64::from(index.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.1;
        capacity.observe(&second(10, 0.1 * noise));
        changes += usize::from(capacity.calls() != before);
    }
    assert!(changes <= 2, "{changes} changes in an hour");
}

/// Calls come by the hundred; whoever is let in stays a while. The pool is not busier than it should be for long,
/// and most of what fits is used.
#[test]
fn a_pool_that_lives_by_it_is_neither_late_nor_idle() {
    for (cost, first_cost) in [(0.03, 0.1), (0.1, 0.05), (0.3, 0.3), (0.02, 0.4)] {
        let mut capacity = Capacity::new(settings(first_cost));
        let mut ends: Vec<u64> = Vec::new();
        let (mut late, mut busy) = (0, 0.0);
        for now in 0..3_600_u64 {
            ends.retain(|end| *end > now);
            while capacity.may_admit(ends.len()) {
                ends.push(now + 60 + (now * 7 + ends.len() as u64 * 13) % 120);
            }
            let period = second(ends.len(), cost);
            capacity.observe(&period);
            if now >= 900 {
                late += usize::from(period.slack < Some(SHORT_SLACK));
                busy += period.busy.as_secs_f64() / WORKERS as f64;
            }
        }
        let load = busy / 2_700.0;
        assert_eq!(late, 0, "cost {cost}");
        assert!((0.5..=0.75).contains(&load), "cost {cost}: load {load:.2}");
    }
}

fn period() -> impl Strategy<Value = Period> {
    let slack = prop::option::of(-0.5..1.5_f64);
    (
        0..5_000_u64,
        0..300_usize,
        0.0..3.0_f64,
        0.0..1.0_f64,
        0..20_000_u64,
        slack,
    )
        .prop_map(|(elapsed, calls, demand, heard, busy, slack)| {
            let elapsed = Duration::from_millis(elapsed);
            let call_seconds = calls as f64 * elapsed.as_secs_f64();
            Period {
                elapsed,
                call_seconds,
                calls,
                submitted: call_seconds * demand,
                heard: call_seconds * demand * heard,
                busy: Duration::from_millis(busy),
                slack,
            }
        })
}

proptest! {
    #[test]
    fn the_number_stays_within_its_bounds(
        workers in 0..64_usize,
        most in 0..500_usize,
        first_cost in 0.0..10.0_f64,
        periods in prop::collection::vec(period(), 0..200),
    ) {
        let mut capacity = Capacity::new(CapacitySettings { workers, most, first_cost });
        for period in &periods {
            capacity.observe(period);
            prop_assert!((1..=most.max(1)).contains(&capacity.calls()));
            prop_assert!(!capacity.may_admit(most.max(1)));
            prop_assert!(capacity.may_admit(0));
            prop_assert!((0.0..=1.0).contains(&capacity.load()));
            prop_assert!(capacity.cost_of_call().is_finite());
        }
    }

    /// Recognition that takes more time never makes more calls fit.
    #[test]
    fn more_cost_never_makes_more_fit(
        cost in 0.01..0.5_f64,
        more in 1.0..4.0_f64,
        calls in 1..40_usize,
        seconds in 1..600_usize,
    ) {
        let cheap = Period { slack: Some(0.7), ..second(calls, cost) };
        let dear = Period {
            busy: cheap.busy.mul_f64(more),
            ..cheap
        };
        let mut first = Capacity::new(settings(0.1));
        let mut second = first.clone();
        prop_assert!(after(&mut second, &dear, seconds) <= after(&mut first, &cheap, seconds));
    }

    /// Whatever happened before, calls of a steady cost lead to the number that fits.
    #[test]
    fn a_steady_cost_is_found(
        before in prop::collection::vec(period(), 0..50),
        cost in 0.02..0.5_f64,
    ) {
        let mut capacity = Capacity::new(settings(0.1));
        for period in &before {
            capacity.observe(period);
        }
        let fits = WORKERS as f64 * TARGET_LOAD / cost;
        for _ in 0..20_000 {
            let calls = capacity.calls().min((fits as usize).max(1));
            capacity.observe(&second(calls, cost));
        }
        let found = capacity.calls() as f64;
        let margin = 1.0 + MARGIN.0.max(fits * MARGIN.1) + fits * 0.01;
        prop_assert!((found - fits.max(1.0)).abs() <= margin + 0.5, "{found} of {fits}");
    }
}
