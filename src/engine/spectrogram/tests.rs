//! Tones land in their band, and silence is flat.

use super::*;

fn spectrogram(samples: &[f32], frames: usize) -> Vec<f32> {
    let mut mel = vec![0.0; 80 * frames];
    Spectrogram::new(80).fill(samples, &mut mel);
    mel
}

#[test]
fn silence_is_flat() {
    let mel = spectrogram(&[0.0; 16_000], 200);
    assert!(mel.iter().all(|level| (level - mel[0]).abs() < 1e-6));
    assert!((mel[0] - -1.5).abs() < 1e-6, "{}", mel[0]);
}

#[test]
fn a_tone_is_in_its_band_and_in_its_time() {
    let tone: Vec<f32> = (0..32_000)
        .map(|index| {
            let sounds = (8_000..24_000).contains(&index);
            let phase = index as f32 / 16_000.0 * 1_000.0 * std::f32::consts::TAU;
            if sounds { phase.sin() * 0.5 } else { 0.0 }
        })
        .collect();
    let mel = spectrogram(&tone, 300);
    let at = |band: usize, frame: usize| mel[band * 300 + frame];
    let loudest = (0..80)
        .max_by(|a, b| at(*a, 100).total_cmp(&at(*b, 100)))
        .unwrap();
    // 1 kHz is mel 15 of 45.2, so band 15 / 45.2 * 81 - 1 = 26 of 0..80.
    assert!((25..=27).contains(&loudest), "{loudest}");
    assert!(at(loudest, 100) > at(loudest, 20) + 1.9);
    assert!(at(loudest, 100) > at(loudest, 250) + 1.9);
    // Nothing is more than 8 powers of ten, 2 when scaled, below the loudest.
    let (least, most) = mel
        .iter()
        .fold((f32::MAX, f32::MIN), |(least, most), level| {
            (least.min(*level), most.max(*level))
        });
    assert!((most - least - 2.0).abs() < 1e-5);
}

#[test]
fn power_is_that_of_the_discrete_transform() {
    // One frame of a constant: power 200^2 in bin 0 (the window's sum), which no mel band hears, and a
    // quarter of it in bin 1.
    let mut spectrogram = Spectrogram::new(80);
    spectrogram.measure(&[1.0; 1_000], 400);
    assert!((spectrogram.power[0] - 40_000.0).abs() < 1.0);
    assert!((spectrogram.power[1] - 10_000.0).abs() < 1.0);
    assert!(spectrogram.power[2..].iter().all(|power| *power < 1e-3));
}
