use super::*;

const PACKET: i64 = 20_000;

/// Packets every 20 ms with these transits, from the time 0 on; the estimate after each.
fn follow(transits: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut transits = transits.into_iter();
    let mut baseline = Baseline::new(0, transits.next().unwrap());
    let mut now = 0;
    transits
        .map(|transit| {
            now += PACKET;
            baseline.note(now, transit);
            baseline.value()
        })
        .collect()
}

/// Up to 40 ms, without chance.
fn jitter(index: i64) -> i64 {
    index * 7_919 % 40_000
}

#[test]
fn jitter_does_not_move_it() {
    let values = follow((0..30_000).map(|index| 5_000 + jitter(index)));
    assert!(values.iter().all(|&value| (5_000..5_200).contains(&value)));
}

#[test]
fn it_follows_clocks_that_drift() {
    for ppm in [-200, -20, 20, 200] {
        let drifted = |index: i64| index * PACKET * ppm / 1_000_000;
        let values = follow((0..180_000).map(|index| drifted(index) + jitter(index)));
        let errors = values.iter().enumerate().skip(500);
        let worst = errors
            .map(|(index, value)| (value - drifted(index as i64)).abs())
            .max();
        assert!(worst < Some(2_500), "{ppm} ppm: {worst:?}");
    }
}

#[test]
fn a_network_that_holds_packets_up_for_a_while_does_not_move_it() {
    let held_up = |index| (1_000..1_250).contains(&index);
    let values = follow((0..3_000).map(|index| if held_up(index) { 60_000 } else { 0 }));
    assert!(
        values.iter().all(|&value| value < 10),
        "{:?}",
        values.iter().max()
    );
}

#[test]
fn one_stray_is_nothing_and_many_are_another_clock() {
    let mut baseline = Baseline::new(0, 0);
    assert_eq!(baseline.note(1_000_000, -500_000), Noted::Usual);
    assert_eq!(baseline.note(1_020_000, 0), Noted::Usual);
    assert_eq!(baseline.value(), 0);

    let moved = (1..200).find(|index| {
        let now = 1_020_000 + index * PACKET;
        baseline.note(now, 300_000 + jitter(*index)) == Noted::Moved
    });
    assert_eq!(moved, Some(101), "two seconds after the first");
}

#[test]
fn packets_before_their_time_are_believed_at_once() {
    let values = follow([50_000, 40_000, 10_000, 30_000]);
    assert_eq!(values, [40_000, 10_000, 10_000]);
}
