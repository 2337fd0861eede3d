use super::*;
use proptest::prelude::*;

const WINDOW: Duration = Duration::from_millis(100);

fn held(sequence: u16, arrived: Duration) -> Held {
    Held {
        sequence,
        marker: false,
        timestamp: 0,
        format: None,
        arrived,
        payload: Zeroizing::default(),
    }
}

/// What goes out when packets come 20 ms apart, with what is lost before each.
fn order(sequences: &[u16]) -> Vec<(u16, u64)> {
    let mut reorder = Reorder::new(sequences[0], WINDOW);
    let mut out = Vec::new();
    let mut now = Duration::ZERO;
    for &sequence in sequences {
        if reorder.is_near(sequence) {
            reorder.push(held(sequence, now));
        }
        while let Some(next) = reorder.pop(now) {
            out.push((next.held.sequence, next.lost));
        }
        now += Duration::from_millis(20);
    }
    while let Some(next) = reorder.pop(now + WINDOW) {
        out.push((next.held.sequence, next.lost));
    }
    out
}

#[test]
fn numbers_wrap() {
    let expected = [(65_534, 0), (65_535, 0), (0, 0), (1, 0)];
    assert_eq!(order(&[65_534, 65_535, 0, 1]), expected);
    assert_eq!(order(&[65_534, 0, 1, 65_535]), expected);
}

#[test]
fn packets_that_were_overtaken_by_three_come_in_their_turn() {
    let expected: Vec<_> = (1..=7).map(|number| (number, 0)).collect();
    assert_eq!(order(&[1, 3, 4, 5, 2, 6, 7]), expected);
    let mut reorder = Reorder::new(1, WINDOW);
    reorder.push(held(3, WINDOW));
    let pushed = reorder.push(held(2, WINDOW));
    assert_eq!(pushed, Pushed::Taken { overtaken: true });
}

#[test]
fn what_is_lost_is_not_waited_for_for_ever() {
    let mut reorder = Reorder::new(1, WINDOW);
    reorder.push(held(1, Duration::ZERO));
    assert!(reorder.pop(Duration::ZERO).is_some());
    reorder.push(held(4, Duration::ZERO));
    assert_eq!(reorder.due(), Some(WINDOW));
    assert!(reorder.pop(Duration::from_millis(99)).is_none());
    assert_eq!(reorder.pop(WINDOW).map(|next| next.lost), Some(2));
    assert_eq!(reorder.push(held(3, WINDOW)), Pushed::Late);
    assert_eq!(reorder.push(held(3, WINDOW)), Pushed::Duplicate);
    assert_eq!(reorder.push(held(4, WINDOW)), Pushed::Duplicate);
    assert_eq!(reorder.push(held(1, WINDOW)), Pushed::Duplicate);
    assert_eq!(reorder.due(), None);
}

#[test]
fn numbers_far_off_are_of_another_stream() {
    let mut reorder = Reorder::new(1_000, WINDOW);
    reorder.push(held(1_000, WINDOW));
    for (sequence, near) in [(900, true), (899, false), (4_000, true), (4_001, false)] {
        assert_eq!(reorder.is_near(sequence), near, "{sequence}");
    }
}

#[test]
fn a_flood_with_a_hole_does_not_wait_in_memory() {
    let mut reorder = Reorder::new(1, WINDOW);
    let mut out = 0;
    for sequence in 2..3_000 {
        reorder.push(held(sequence, WINDOW));
        while reorder.pop(WINDOW).is_some() {
            out += 1;
        }
        assert!(reorder.waiting.len() <= MOST_WAITING);
    }
    assert_eq!(out, 2_998);
}

proptest! {
    #[test]
    fn what_goes_out_only_goes_up(sequences in prop::collection::vec(0_u16..400, 1..300)) {
        let out = order(&sequences);
        prop_assert!(out.windows(2).all(|pair| pair[0].0 < pair[1].0), "{out:?}");
    }
}
