use super::*;

const LOUD: i16 = 8_000;

fn place(placer: &mut Placer, position: i64, off: i64, now: i64, value: i16) -> Vec<(u64, usize)> {
    let mut out = Vec::new();
    let bearings = Bearings {
        position,
        ideal: placer.shifted(position) - off,
        now,
    };
    placer.place(bearings, Zeroizing::new(vec![value; 160]), &mut out);
    out.into_iter()
        .map(|received| match received {
            Received::Audio { at, samples } => (at.0, samples.expose().len()),
            Received::Key { .. } => panic!("no keys here"),
        })
        .collect()
}

fn placer() -> Placer {
    Placer::new(SampleRate::TELEPHONE, Correction::default())
}

#[test]
fn without_an_error_blocks_follow_each_other() {
    let mut placer = placer();
    assert_eq!(place(&mut placer, 800, 0, 0, LOUD), [(800, 160)]);
    assert_eq!(place(&mut placer, 960, 31, 0, 0), [(960, 160)]);
    assert_eq!(place(&mut placer, 1_120, -31, 0, 0), [(1_120, 160)]);
    assert_eq!(placer.corrected(), 0);
}

#[test]
fn pauses_are_shortened_and_stretched() {
    let mut placer = placer();
    place(&mut placer, 800, 0, 0, LOUD);
    // 120 too late: they are taken out of pieces of 80.
    assert_eq!(place(&mut placer, 960, 120, 0, 0), [(960, 40)]);
    assert_eq!(place(&mut placer, 1_120, 0, 0, LOUD), [(1_000, 160)]);
    // 100 too early: silence comes before the pause.
    assert_eq!(place(&mut placer, 1_280, -100, 0, 0), [(1_260, 160)]);
    assert_eq!(place(&mut placer, 1_440, 0, 0, LOUD), [(1_420, 160)]);
    assert_eq!(placer.corrected(), 220);
}

#[test]
fn holes_are_corrected_first() {
    let mut placer = placer();
    place(&mut placer, 800, 0, 0, LOUD);
    assert_eq!(place(&mut placer, 1_060, 40, 0, LOUD), [(1_020, 160)]);
    assert_eq!(place(&mut placer, 1_320, -40, 0, LOUD), [(1_320, 160)]);
}

#[test]
fn speech_is_left_alone_until_there_was_no_pause_for_long() {
    let mut placer = placer();
    let step = |placer: &mut Placer, index: i64, off| {
        place(placer, 160 * index, off, 20_000 * index, LOUD)
    };
    for index in 0..250 {
        assert_eq!(step(&mut placer, index, 70), [(160 * index as u64, 160)]);
    }
    let after = step(&mut placer, 250, 70);
    assert_eq!(after, [(40_000, 152)], "after five seconds");
    let after = step(&mut placer, 251, 70);
    assert_eq!(after, [(40_152, 160)], "and once in a second");
    // What is off by much does not wait.
    let mut placer = self::placer();
    step(&mut placer, 0, 0);
    assert_eq!(step(&mut placer, 1, -400), [(168, 160)]);
}

#[test]
fn what_overlaps_is_dropped() {
    let mut placer = placer();
    place(&mut placer, 800, 0, 0, LOUD);
    assert_eq!(place(&mut placer, 900, 0, 0, LOUD), [(960, 100)]);
    assert_eq!(place(&mut placer, 0, 0, 0, LOUD), []);
    assert_eq!(placer.dropped(), 60 + 160);
    assert_eq!(placer.cursor(), 1_060);
}
