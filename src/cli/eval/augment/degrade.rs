//! What a bad line does to a call's samples. Pure; the same seed makes the same samples.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use crate::cli::eval::score::Frames;

/// Speech over noise in decibels.
const SIGNAL_TO_NOISE_DB: f64 = 15.0;
/// Share of frames that are lost.
const LOST: f64 = 0.03;
/// Frames a second, as telephone systems send them (RFC 3551, 4.2).
const FRAMES_A_SECOND: u32 = 50;
/// What a distant speaker loses in decibels.
const DOWN_DB: f64 = -10.0;
/// What an overdriven speaker gains.
const UP_DB: f64 = 12.0;

/// Chances that depend on nothing but names. ChaCha8's values are the same on every machine and with
/// every version of its library.
pub(super) fn chances(condition: &str, call: &str) -> ChaCha8Rng {
    let name = format!("{condition}/{call}");
    ChaCha8Rng::from_seed(Sha256::digest(name.as_bytes()).into())
}

/// Adds noise 15 dB under the speech of the leg. A leg without speech stays as it is.
///
/// Like the noise of rooms it has more of the low tones: white noise through a low-pass of one pole.
pub(super) fn add_noise(samples: &mut [i16], rate: u32, chances: &mut ChaCha8Rng) {
    let mut state = 0.0;
    let noise: Vec<f64> = samples
        .iter()
        .map(|_| {
            state = 0.7 * state + f64::from(chances.next_u32()) / f64::from(u32::MAX) - 0.5;
            state
        })
        .collect();
    let Some(speech) = speech_level(samples, rate) else {
        return;
    };
    let level = speech * ratio(-SIGNAL_TO_NOISE_DB);
    let scale = level / root_mean_square(noise.iter().copied()).max(f64::MIN_POSITIVE);
    for (sample, noise) in samples.iter_mut().zip(noise) {
        *sample = clipped(f64::from(*sample) + noise * scale);
    }
}

/// Replaces three in a hundred frames of 20 ms by silence.
pub(super) fn lose_frames(samples: &mut [i16], rate: u32, chances: &mut ChaCha8Rng) {
    for frame in samples.chunks_mut((rate / FRAMES_A_SECOND).max(1) as usize) {
        if f64::from(chances.next_u32()) < LOST * f64::from(u32::MAX) {
            frame.fill(0);
        }
    }
}

/// Makes one leg 10 dB quieter and the next 12 dB louder, clipped; chance says which comes first.
pub(super) fn change_gain(legs: &mut [Vec<i16>], chances: &mut ChaCha8Rng) {
    let mut up = chances.next_u32() & 1 == 1;
    for leg in legs {
        let gain = ratio(if up { UP_DB } else { DOWN_DB });
        for sample in leg {
            *sample = clipped(f64::from(*sample) * gain);
        }
        up = !up;
    }
}

/// Root mean square of the frames with speech; none of silence.
fn speech_level(samples: &[i16], rate: u32) -> Option<f64> {
    let size = (rate / FRAMES_A_SECOND).max(1) as usize;
    let frames = Frames::new(samples, samples.len(), size);
    let speech = frames.speech();
    let spoken = || {
        frames
            .level
            .iter()
            .zip(&speech)
            .filter(|(_, spoken)| **spoken)
    };
    spoken().next()?;
    Some(root_mean_square(spoken().map(|(level, _)| *level)))
}

fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (mut squares, mut count) = (0.0, 0.0);
    for value in values {
        squares += value * value;
        count += 1.0;
    }
    f64::sqrt(squares / f64::max(count, 1.0))
}

fn ratio(decibels: f64) -> f64 {
    10_f64.powf(decibels / 20.0)
}

/// The nearest sample; a float beyond the range becomes its limit.
fn clipped(value: f64) -> i16 {
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8_000;

    /// A second of tone, a second of silence, and so on.
    fn speech(seconds: usize) -> Vec<i16> {
        (0..seconds * RATE as usize)
            .map(|at| {
                let loud = (at / RATE as usize).is_multiple_of(2);
                let phase = at as f64 / f64::from(RATE) * 300.0 * std::f64::consts::TAU;
                if loud {
                    (phase.sin() * 5_000.0) as i16
                } else {
                    0
                }
            })
            .collect()
    }

    #[test]
    fn noise_is_fifteen_decibels_under_the_speech() {
        let quiet = speech(20);
        let mut noisy = quiet.clone();
        add_noise(&mut noisy, RATE, &mut chances("noise", "call"));
        let noise = quiet
            .iter()
            .zip(&noisy)
            .map(|(a, b)| f64::from(*b) - f64::from(*a));
        // Of the tone's amplitude 5000 the root mean square.
        let ratio = 20.0 * (5_000.0 / 2_f64.sqrt() / root_mean_square(noise)).log10();
        assert!((ratio - 15.0).abs() < 0.5, "{ratio}");
        let mut nothing = vec![0; 8_000];
        add_noise(&mut nothing, RATE, &mut chances("noise", "call"));
        assert_eq!(nothing, [0; 8_000]);
        add_noise(&mut [], RATE, &mut chances("noise", "call"));
    }

    #[test]
    fn three_in_a_hundred_frames_are_lost_whole() {
        let mut samples = vec![1_000; 160 * 20_000];
        lose_frames(&mut samples, RATE, &mut chances("loss", "call"));
        let frames: Vec<&[i16]> = samples.chunks(160).collect();
        let lost = frames
            .iter()
            .filter(|frame| frame.iter().all(|x| *x == 0))
            .count();
        let untouched = frames
            .iter()
            .filter(|frame| frame.iter().all(|x| *x == 1_000))
            .count();
        assert!((560..=640).contains(&lost), "{lost}");
        assert_eq!(lost + untouched, frames.len());
    }

    #[test]
    fn one_leg_gets_quieter_and_the_other_clips() {
        let mut first = Vec::new();
        for call in ["a", "b", "c", "d", "e", "f"] {
            let mut legs = vec![vec![10_000, -10_000], vec![10_000, -10_000]];
            change_gain(&mut legs, &mut chances("gain", call));
            first.push(legs[0][0]);
            legs.sort();
            assert_eq!(legs, [vec![3_162, -3_162], vec![i16::MAX, i16::MIN]]);
        }
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 2, "it is not always the same leg");
    }

    #[test]
    fn names_alone_decide() {
        let noisy = |call: &str| {
            let mut samples = speech(2);
            add_noise(&mut samples, RATE, &mut chances("noise", call));
            samples
        };
        assert_eq!(noisy("one"), noisy("one"));
        assert_ne!(noisy("one"), noisy("two"));
    }
}
