use super::*;

/// The ratios over frames of these levels.
fn ratios(levels: impl IntoIterator<Item = f32>) -> Vec<f32> {
    let mut floor = NoiseFloor::default();
    levels.into_iter().map(|level| floor.ratio(level)).collect()
}

#[test]
fn speech_in_steady_noise_stands_out_and_its_pauses_do_not() {
    let second = 62;
    let mut levels = vec![600.0; second];
    for _ in 0..10 {
        levels.extend(vec![2_500.0; 2 * second]);
        levels.extend(vec![600.0; second / 3]);
    }
    let ratios = ratios(levels.iter().copied());
    for (at, level) in levels.iter().enumerate().skip(SMOOTHED) {
        let settled = levels[at - SMOOTHED..=at]
            .iter()
            .all(|other| other == level);
        if settled && *level > 1_000.0 {
            assert!(ratios[at] >= STANDS_OUT, "speech at frame {at}");
        } else if settled {
            assert!(ratios[at] < SINKS_IN, "noise at frame {at}");
        }
    }
}

#[test]
fn without_noise_everything_stands_out() {
    let levels = [0.0; 50].into_iter().chain([300.0; 50]);
    assert!(ratios(levels).iter().all(|ratio| ratio.is_infinite()));
}

#[test]
fn noise_that_grows_is_noise_again_within_seconds() {
    let levels = [100.0; 300].into_iter().chain([800.0; 300]);
    let ratios = ratios(levels);
    assert!(ratios[330] >= STANDS_OUT);
    assert!(*ratios.last().unwrap() < SINKS_IN);
}
