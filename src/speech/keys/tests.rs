use super::*;
use crate::audio::g711::Law;
use crate::audio::wav_file::WavFile;

/// Two tones between silence; amplitudes on the 16-bit scale, from the sample `at` on.
fn pressed(
    rate: u32,
    tones: (f64, f64),
    amplitudes: (f64, f64),
    at: usize,
    millis: u32,
) -> Vec<i16> {
    let length = (rate * millis / 1_000) as usize;
    let mut samples = vec![0; at + length + rate as usize / 5];
    for (offset, sample) in samples[at..at + length].iter_mut().enumerate() {
        let turns = offset as f64 / f64::from(rate) * std::f64::consts::TAU;
        let low = amplitudes.0 * (turns * tones.0).sin();
        *sample = (low + amplitudes.1 * (turns * tones.1).sin()) as i16;
    }
    samples
}

fn listen(rate: u32, samples: &[i16]) -> Vec<KeyTone> {
    let mut listener = KeyListener::new(SampleRate::new(rate).unwrap());
    let mut heard = Vec::new();
    for packet in samples.chunks(rate as usize / 50) {
        listener.push(packet, &mut heard);
    }
    listener.finish(&mut heard);
    heard
}

fn keys(heard: &[KeyTone]) -> usize {
    heard.iter().filter(|tone| tone.begins).count()
}

fn all_pairs() -> impl Iterator<Item = (f64, f64)> {
    let (low, high) = TONES.split_at(GROUP);
    low.iter().flat_map(move |&low| {
        high.iter()
            .map(move |&high| (f64::from(low), f64::from(high)))
    })
}

/// One key, and all of it is in what was told.
fn check_found(rate: u32, tones: (f64, f64), amplitudes: (f64, f64), at: usize, millis: u32) {
    let heard = listen(rate, &pressed(rate, tones, amplitudes, at, millis));
    let case = format!("{tones:?} {amplitudes:?} from {at} for {millis} ms at {rate} Hz");
    assert_eq!(keys(&heard), 1, "{case}");
    let end = at as u64 + u64::from(rate * millis / 1_000);
    let last = heard.iter().map(|tone| tone.samples.end).max().unwrap();
    assert!(heard[0].samples.start <= at as u64 && last >= end, "{case}");
    let slack = u64::from(rate) * 50 / 1_000;
    assert!(
        heard[0].samples.start + slack >= at as u64 && last <= end + slack,
        "{case}"
    );
}

#[test]
fn every_key_is_found_at_every_rate() {
    for rate in SampleRate::SUPPORTED {
        for tones in all_pairs() {
            for at in [0, 1_000, 1_013, 1_029] {
                for millis in [40, 70, 300] {
                    check_found(rate, tones, (4_000.0, 4_000.0), at, millis);
                }
            }
        }
    }
}

#[test]
fn what_an_exchange_accepts_is_found() {
    for (low, high) in all_pairs() {
        for off in [-0.015, 0.015] {
            let tones = (low * (1.0 + off), high * (1.0 + off));
            // -8 and +4 dB of twist, and a key that is hardly to be heard.
            for amplitudes in [(4_000.0, 1_600.0), (4_000.0, 6_300.0), (40.0, 40.0)] {
                for at in [1_000, 1_017] {
                    check_found(8_000, tones, amplitudes, at, 40);
                }
            }
        }
    }
}

#[test]
fn what_an_exchange_refuses_is_no_key() {
    for (low, high) in all_pairs() {
        for off in [-0.035, 0.035] {
            let tones = (low * (1.0 + off), high * (1.0 + off));
            assert_eq!(
                keys(&listen(
                    8_000,
                    &pressed(8_000, tones, (4_000.0, 4_000.0), 999, 200)
                )),
                0
            );
        }
        for amplitudes in [(4_000.0, 0.0), (0.0, 4_000.0), (300.0, 4_000.0)] {
            assert_eq!(
                keys(&listen(
                    8_000,
                    &pressed(8_000, (low, high), amplitudes, 999, 200)
                )),
                0
            );
        }
    }
    // Dial tone, ring-back, busy.
    for tones in [
        (350.0, 440.0),
        (440.0, 480.0),
        (480.0, 620.0),
        (425.0, 425.0),
    ] {
        assert_eq!(
            keys(&listen(
                8_000,
                &pressed(8_000, tones, (4_000.0, 4_000.0), 999, 900)
            )),
            0
        );
    }
}

#[test]
fn keys_are_found_through_g711() {
    for law in [Law::Mu, Law::A] {
        for tones in all_pairs() {
            for amplitude in [60.0, 900.0, 14_000.0] {
                let clean = pressed(8_000, tones, (amplitude, amplitude), 1_003, 45);
                let heard = listen(8_000, &law.decode(&law.encode(&clean)));
                assert_eq!(keys(&heard), 1, "{tones:?} {amplitude}");
            }
        }
    }
}

#[test]
fn a_pause_parts_keys_and_a_lost_packet_does_not() {
    let key = |tones, millis| {
        let samples = pressed(8_000, tones, (5_000.0, 5_000.0), 0, millis);
        samples[..millis as usize * 8].to_vec()
    };
    let pause = vec![0; 40 * 8];
    let same = [
        key((770.0, 1_336.0), 50),
        pause.clone(),
        key((770.0, 1_336.0), 50),
        vec![0; 800],
    ];
    assert_eq!(keys(&listen(8_000, &same.concat())), 2);
    let other = [
        key((770.0, 1_336.0), 60),
        key((697.0, 1_209.0), 60),
        vec![0; 800],
    ];
    assert_eq!(keys(&listen(8_000, &other.concat())), 2);
    let mut lossy = [key((770.0, 1_336.0), 200), vec![0; 800]].concat();
    lossy[640..800].fill(0);
    assert_eq!(keys(&listen(8_000, &lossy)), 1);
}

#[test]
fn a_long_key_is_told_of_while_it_lasts() {
    let samples = pressed(8_000, (852.0, 1_477.0), (3_000.0, 3_000.0), 0, 5_000);
    let mut listener = KeyListener::new(SampleRate::TELEPHONE);
    let mut told = 0;
    for (packet, samples) in samples[..40_000].chunks(160).enumerate() {
        let mut heard = Vec::new();
        listener.push(samples, &mut heard);
        told = heard
            .iter()
            .map(|tone| tone.samples.end)
            .fold(told, u64::max);
        assert!(
            packet < 3 || told == 160 * (packet as u64 + 1),
            "packet {packet}"
        );
    }
}

#[test]
fn voices_and_noise_are_no_keys() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
    let mut calls = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wav") {
            continue;
        }
        let mut file = WavFile::open(&path).unwrap();
        let rate = file.rate().hertz();
        let channels = file.read_to_end().unwrap();
        for channel in channels {
            assert_eq!(keys(&listen(rate, &channel)), 0, "{}", path.display());
        }
        calls += 1;
    }
    assert!(calls >= 12);
    let noise: Vec<i16> = (0..160_000_u64)
        .map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50) as i16 - 8_192)
        .collect();
    assert_eq!(keys(&listen(8_000, &noise)), 0);
}
