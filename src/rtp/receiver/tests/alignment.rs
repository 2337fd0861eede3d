//! Two legs over networks and clocks as they are: how far their timelines are from what was said when.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;

/// How a leg is sent and what happens to it on the way.
#[derive(Clone, Copy)]
struct Way {
    /// How much too fast the sender's clock is.
    ppm: f64,
    /// Every packet is late by up to this, in milliseconds.
    jitter: f64,
    /// Packets lost of a hundred.
    loss: u32,
    /// Seconds of speech between pauses of one second; None for speech without pauses.
    speech: Option<f64>,
    seed: u64,
}

/// The errors of a leg's timeline in milliseconds, one for every ten packets: where the sender's sample was placed,
/// less when it was taken.
fn errors(way: Way, seconds: f64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(way.seed);
    let mut chance = move || f64::from(random.next_u32()) / f64::from(u32::MAX);
    let mut port = Port::new();
    let packets = (seconds * 50.0) as u32;
    let mut sent = Vec::new();
    for index in 0..packets {
        // When the packet's last sample was taken, by our clock.
        let taken = 1.0 + f64::from(index) * 0.02 / (1.0 + way.ppm / 1e6);
        let arrives = taken + 0.03 + chance() * way.jitter / 1_000.0;
        if chance() * 100.0 >= f64::from(way.loss) {
            sent.push(((arrives * 1e6) as u64, index));
        }
    }
    sent.sort_unstable();

    let mut errors = Vec::new();
    let mut out = Vec::new();
    let mut latest = 0;
    for (arrives, index) in sent {
        latest = latest.max(index);
        let pausing = way
            .speech
            .is_some_and(|speech| f64::from(index) * 0.02 % (speech + 1.0) >= speech);
        let mut packet = Sent::nth(index);
        // Every sample tells of its packet, loud or quiet.
        let mark = if pausing {
            0xFF
        } else {
            0x80 | (index % 64) as u8
        };
        packet.payload = vec![mark; 160];
        let since = Duration::from_micros(arrives);
        port.receiver
            .handle_packet(since, &packet.bytes(), &mut out);
        // Loud audio is given whole, so that its packet is known by its value.
        for received in out.drain(..) {
            let Received::Audio { at, samples } = received else {
                continue;
            };
            let samples = samples.expose();
            let value = Law::Mu.encode(&samples[samples.len() / 2..][..1])[0];
            if value == 0xFF {
                continue;
            }
            // The latest packet that has this mark.
            let mark = u32::from(value & 0x3F);
            let said = latest - (latest + 64 - mark) % 64;
            let middle = at.0 as f64 + (samples.len() / 2) as f64;
            let within = samples.len() as f64 / 2.0;
            let taken = 1.0 + f64::from(said) * 0.02 / (1.0 + way.ppm / 1e6);
            let error = (middle - within) / 8_000.0 - taken;
            errors.push(error * 1_000.0);
        }
    }
    errors
}

fn spread(ways: &[Way], seconds: f64) -> f64 {
    let all: Vec<f64> = ways.iter().flat_map(|&way| errors(way, seconds)).collect();
    let most = all.iter().copied().fold(f64::MIN, f64::max);
    let least = all.iter().copied().fold(f64::MAX, f64::min);
    most - least
}

const CALM: Way = Way {
    ppm: 0.0,
    jitter: 0.0,
    loss: 0,
    speech: Some(4.0),
    seed: 1,
};

const ROUGH: Way = Way {
    jitter: 40.0,
    loss: 5,
    ..CALM
};

#[test]
fn loss_and_jitter_keep_legs_within_20_milliseconds() {
    for seed in 0..30 {
        let legs = [
            Way { seed, ..ROUGH },
            Way {
                seed: seed + 1_000,
                ..ROUGH
            },
            CALM,
        ];
        let spread = spread(&legs, 60.0);
        assert!(spread < 20.0, "seed {seed}: {spread} ms");
    }
}

#[test]
fn clocks_that_run_apart_keep_legs_within_20_milliseconds_for_hours() {
    let legs = [
        Way {
            ppm: 200.0,
            ..ROUGH
        },
        Way {
            ppm: -200.0,
            seed: 2,
            ..ROUGH
        },
        CALM,
    ];
    let spread = spread(&legs, 3.0 * 3_600.0);
    assert!(spread < 20.0, "{spread} ms");
}

#[test]
fn clocks_that_run_apart_are_followed_without_pauses() {
    let legs = [
        Way {
            ppm: 200.0,
            speech: None,
            ..ROUGH
        },
        Way {
            ppm: -200.0,
            speech: None,
            seed: 2,
            ..ROUGH
        },
    ];
    let spread = spread(&legs, 1_800.0);
    assert!(spread < 22.0, "{spread} ms");
}

#[test]
fn clocks_that_agree_need_no_correction() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..10_000);
    assert_eq!(port.receiver.counters().corrected, 0);
}
