use super::*;

fn sine(rate: u32, hertz: f64, seconds: f64) -> Vec<i16> {
    (0..(f64::from(rate) * seconds) as usize)
        .map(|n| {
            ((n as f64 * hertz * std::f64::consts::TAU / f64::from(rate)).sin() * 12_000.0) as i16
        })
        .collect()
}

#[test]
fn every_rate_keeps_time_and_length() {
    for rate in SampleRate::SUPPORTED {
        let rate = SampleRate::new(rate).unwrap();
        let samples = sine(rate.hertz(), 440.0, 1.3);
        for chunk in [7, 160, 4_001] {
            let (mut resampler, mut speech) = (SpeechResampler::new(rate), Vec::new());
            samples
                .chunks(chunk)
                .for_each(|piece| resampler.push(piece, &mut speech));
            resampler.finish(&mut speech);
            let expected = samples.len() as u64 * 16_000 / u64::from(rate.hertz());
            assert!(
                speech.len().abs_diff(expected as usize) <= 1,
                "{rate:?}: {}",
                speech.len()
            );
            let ideal = sine(16_000, 440.0, 1.3);
            let error = (2_000..18_000)
                .map(|n| (speech[n] - f32::from(ideal[n]) / 32_768.0).abs())
                .fold(0.0, f32::max);
            // One output sample off (the delay of odd ratios is not a whole sample) would be 0.063.
            assert!(error < 0.07, "{rate:?} is off by {error}");
        }
    }
}
