use super::*;
use proptest::prelude::*;

fn tone(rate: SampleRate, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|index| {
            let phase = index as f64 * 440.0 * std::f64::consts::TAU / f64::from(rate.hertz());
            (phase.sin() * 8_000.0) as i16
        })
        .collect()
}

fn convert(from: SampleRate, to: SampleRate, samples: &[i16], piece: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut out = Vec::new();
    for piece in samples.chunks(piece) {
        resampler.push(piece, &mut out);
    }
    resampler.finish(&mut out);
    out
}

#[test]
fn sound_stays_where_it_was() {
    for from in SampleRate::SUPPORTED.map(|hertz| SampleRate::new(hertz).unwrap()) {
        for to in [SampleRate::TELEPHONE, SampleRate::SPEECH] {
            let seconds = tone(from, from.hertz() as usize);
            let out = convert(from, to, &seconds, 160);
            let expected = tone(to, to.hertz() as usize);
            assert_eq!(out.len(), expected.len());
            let middle = 1_000..out.len() - 1_000;
            let error = out[middle.clone()].iter().zip(&expected[middle]);
            let worst = error.map(|(a, b)| (a - b).unsigned_abs()).max();
            // A filter of odd length is off by half a sample, which no timeline can tell.
            let is_odd = matches!(from.hertz(), 11_025 | 22_050);
            let allowed = if is_odd {
                12_000_000 / from.hertz()
            } else {
                40
            };
            let worst = worst.map(u32::from);
            assert!(worst < Some(allowed), "{from:?} to {to:?}: {worst:?}");
        }
    }
}

#[test]
fn a_second_stretch_is_as_the_first() {
    let samples = tone(SampleRate::TELEPHONE, 1_234);
    let mut resampler = Resampler::new(SampleRate::TELEPHONE, SampleRate::SPEECH);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    resampler.push(&samples, &mut first);
    resampler.finish(&mut first);
    resampler.push(&samples, &mut second);
    resampler.finish(&mut second);
    assert_eq!(first.len(), 2_468);
    assert_eq!(first, second);
}

proptest! {
    #[test]
    fn the_length_is_exact(
        from in prop::sample::select(&SampleRate::SUPPORTED[..]),
        to in prop::sample::select(&SampleRate::SUPPORTED[..]),
        length in 0_usize..4_000,
        piece in 1_usize..2_000,
    ) {
        let (from, to) = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
        let out = convert(from, to, &vec![1_000; length], piece);
        let expected = length as u64 * u64::from(to.hertz()) / u64::from(from.hertz());
        prop_assert_eq!(out.len() as u64, expected);
    }
}
