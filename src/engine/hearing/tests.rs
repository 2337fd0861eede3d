//! What can be tested without a model; with one, see the integration tests.

use super::*;

#[test]
fn the_context_covers_the_sound() {
    assert_eq!(context_for(16_000, 512, 1_500), 512);
    assert_eq!(context_for(9 * 16_000, 512, 1_500), 520);
    assert_eq!(context_for(LONGEST, 512, 1_500), 1_368);
    assert_eq!(context_for(40 * 16_000, 512, 1_500), 1_500);
    for samples in (SHORTEST..LONGEST).step_by(7_919) {
        // The alignment's assertion: frames of 10 ms, one more than the sound has.
        assert!(samples / 160 < 2 * context_for(samples, 8, 1_500));
    }
}

#[test]
fn sound_is_levelled_and_padded() {
    let sound = prepared(&[0.01, -0.02, f32::NAN, 0.02]);
    assert_eq!(sound.len(), SHORTEST);
    assert!((sound[1] + 0.6).abs() < 1e-6 && sound[2] == 0.0);
    assert!(prepared(&[]).iter().all(|sample| *sample == 0.0));
    assert!(prepared(&[0.0; 20_000]).iter().all(|sample| *sample == 0.0));
    let mut clicked = vec![0.1; 20_000];
    clicked[5] = 1.0;
    assert!((prepared(&clicked)[100] - 0.7).abs() < 1e-6);
}

#[test]
fn long_windows_are_cut_where_it_is_quiet() {
    let mut samples = vec![0.5; 60 * 16_000];
    samples[24 * 16_000..24 * 16_000 + 3_200].fill(0.0);
    let pieces = pieces(&samples);
    assert_eq!(pieces.first().unwrap().start, 0);
    assert!((24 * 16_000..=24 * 16_000 + 3_200).contains(&pieces[0].end));
    assert_eq!(pieces.last().unwrap().end, samples.len());
    for pair in pieces.windows(2) {
        assert_eq!(pair[0].end, pair[1].start);
    }
    assert!(pieces.iter().all(|piece| piece.len() <= LONGEST));
    assert!(super::pieces(&[]).iter().all(|piece| piece.is_empty()));
}
