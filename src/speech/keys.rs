//! Finds the tones of pressed keys (DTMF, ITU-T Q.23 and Q.24) in a leg's sound.
//!
//! Eight Goertzel filters follow the sound in blocks of 5 ms; four blocks in a row are a window. A window
//! sounds like a key when one tone of the low group and one of the high group hold most of its energy,
//! each lies where Q.23 puts it, and neither is much louder than the other. Voices pass through such
//! moments, but hardly for as long as a key is pressed: several windows in a row with the same tones make a key.
//!
//! Hiding too much is cheap and hiding too little is not: presses that are shorter and tones that are
//! fainter or less balanced than an exchange would accept count too.
//!
//! **Architecture invariant:** which key it was is not told, only where it sounds. The two tones are
//! compared with those of the window before, and forgotten when they end.

use std::f32::consts::{PI, TAU};
use std::ops::Range;

use zeroize::Zeroize;

use crate::audio::SampleRate;

/// The low and the high group in hertz (ITU-T Q.23), [`GROUP`] of each.
const TONES: [u32; 8] = [697, 770, 852, 941, 1_209, 1_336, 1_477, 1_633];
const GROUP: usize = 4;

/// Blocks of 5 ms, and how many of them are a window.
const BLOCKS_PER_SECOND: u32 = 200;
const WINDOW: usize = 4;
/// Blocks that are kept: those of a window and of the one before it.
const KEPT: usize = WINDOW + 1;

/// Root mean square on the 16-bit scale under which nothing is looked for: -69 dB of full scale, far
/// below the weakest key that an exchange answers to.
const FAINTEST: f32 = 12.0;
/// How much of a window's energy is in the two tones of a key, and of one under a voice or in noise.
const CLEAR: f32 = 0.75;
const PROBABLE: f32 = 0.4;
/// How many times the energy of the low tone the high one has, -13 to +8 dB. Q.24 accepts -8 to +4 dB.
const TWIST: Range<f32> = 0.05..6.0;
/// A high tone that is 5 dB weaker than the low one, and how much of the energy both must hold then to be clear:
/// a vowel whose harmonics fall on tones gets weaker with height, and has others besides.
const LOPSIDED: f32 = 0.316;
const PURE: f32 = 0.9;
/// How many times the energy of the others in its group a tone has.
const STANDS_OUT: f32 = 6.0;
/// How far a tone may be off. Q.24 accepts 1.5 % and refuses 3.5 %.
const OFF: f32 = 0.025;
/// Of a tone that is off a window's filter passes less: of 1633 Hz at 1.5 % this much.
const LEAST_PASSED: f32 = 0.38;

/// Windows in a row that make a key: clear ones, as many as the 40 ms that Q.24 accepts have wherever blocks
/// begin; fewer after probable ones, which the edges of tones that are a little off are; and 75 ms of probable ones.
const CLEAR_WINDOWS: u32 = 4;
const CLEAR_AFTER_PROBABLE: u32 = 3;
const WITH_PROBABLE: u32 = 5;
const PROBABLE_WINDOWS: u32 = 12;
/// Windows in a row without the tones after which a key is over. Q.24 has pauses of 40 ms; a lost packet
/// of 20 ms makes fewer such windows.
const OVER_AFTER: u32 = 5;
/// What is left of a key's energy in a window that holds at least a third of it.
const SINKS_TO: f32 = 0.125;

/// A stretch of a leg in which a key sounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyTone {
    /// Samples from the start of the leg; may reach beyond the tone on both sides.
    pub(crate) samples: Range<u64>,
    /// Whether this is another key than the last one told of, which goes on otherwise.
    pub(crate) begins: bool,
}

/// Listens to one leg from its first sample on.
pub(crate) struct KeyListener {
    rate: u32,
    /// Samples of a block.
    block: usize,
    /// The filters' coefficients and their last two states.
    coefficients: [f32; 8],
    last: [f32; 8],
    last_but_one: [f32; 8],
    /// Of the block that is being filled.
    energy: f32,
    filled: usize,
    /// Whole blocks so far, and the last of them by number.
    blocks: u64,
    ring: [Block; KEPT],
    candidate: Option<Candidate>,
    key: Option<Key>,
}

/// What the filters made of one block: each tone as a complex number whose angle counts from the leg's
/// first sample, so that numbers of several blocks add up.
#[derive(Clone, Copy, Default)]
struct Block {
    energy: f32,
    real: [f32; 8],
    imaginary: [f32; 8],
}

/// Two tones, by their numbers.
type Pair = (usize, usize);

/// Tones that may turn out to be a key.
#[derive(Clone, Copy)]
struct Candidate {
    pair: Pair,
    /// First sample of its first window.
    since: u64,
    /// Windows in a row, how many of them were not lopsided, and the last ones that were clear.
    windows: u32,
    balanced: u32,
    clear: u32,
}

impl Candidate {
    fn is_key(&self) -> bool {
        self.clear >= CLEAR_WINDOWS
            || (self.clear >= CLEAR_AFTER_PROBABLE && self.windows >= WITH_PROBABLE)
            || self.balanced >= PROBABLE_WINDOWS
    }
}

/// A key that sounds.
#[derive(Clone, Copy)]
struct Key {
    pair: Pair,
    /// The most energy its weaker tone had.
    energy: f32,
    /// Windows in a row without it.
    without: u32,
}

/// What a window sounds like.
struct Sound {
    pair: Pair,
    /// Energy of the weaker tone.
    energy: f32,
    /// How much of the window's energy the two tones hold; none if they are not those of a key.
    share: f32,
    /// Whether the high tone is much weaker than the low one.
    is_lopsided: bool,
}

impl KeyListener {
    pub(crate) fn new(rate: SampleRate) -> Self {
        let hertz = rate.hertz();
        Self {
            rate: hertz,
            block: (hertz / BLOCKS_PER_SECOND) as usize,
            coefficients: TONES.map(|tone| 2.0 * (TAU * tone as f32 / hertz as f32).cos()),
            last: [0.0; 8],
            last_but_one: [0.0; 8],
            energy: 0.0,
            filled: 0,
            blocks: 0,
            ring: [Block::default(); KEPT],
            candidate: None,
            key: None,
        }
    }

    /// Takes the next samples, and appends where keys sound. A key is told of while it lasts.
    pub(crate) fn push(&mut self, samples: &[i16], heard: &mut Vec<KeyTone>) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (fitting, later) = rest.split_at(rest.len().min(self.block - self.filled));
            self.filter(fitting);
            rest = later;
            if self.filled == self.block {
                self.close_block();
                self.judge(heard);
            }
        }
    }

    /// The leg is over.
    pub(crate) fn finish(&mut self, heard: &mut Vec<KeyTone>) {
        self.push(&vec![0; WINDOW * self.block], heard);
    }

    fn filter(&mut self, samples: &[i16]) {
        let (mut last, mut last_but_one) = (self.last, self.last_but_one);
        for &sample in samples {
            let sample = f32::from(sample);
            self.energy += sample * sample;
            for tone in 0..TONES.len() {
                let next = sample + self.coefficients[tone] * last[tone] - last_but_one[tone];
                last_but_one[tone] = last[tone];
                last[tone] = next;
            }
        }
        (self.last, self.last_but_one) = (last, last_but_one);
        self.filled += samples.len();
    }

    fn close_block(&mut self) {
        let mut block = Block {
            energy: self.energy,
            ..Block::default()
        };
        let last_sample = (self.blocks + 1) * self.block as u64 - 1;
        let rate = u64::from(self.rate);
        for (tone, hertz) in TONES.into_iter().enumerate() {
            // How far a tone turns in so many samples; whole turns are taken off before rounding.
            let turn = |samples: u64| {
                let part = samples % rate * u64::from(hertz) % rate;
                (TAU * part as f32 / rate as f32).sin_cos()
            };
            let (sine, cosine) = turn(1);
            let real = self.last[tone] - cosine * self.last_but_one[tone];
            let imaginary = sine * self.last_but_one[tone];
            let (sine, cosine) = turn(last_sample);
            block.real[tone] = real * cosine + imaginary * sine;
            block.imaginary[tone] = imaginary * cosine - real * sine;
        }
        self.ring[(self.blocks % KEPT as u64) as usize] = block;
        self.blocks += 1;
        self.last = [0.0; 8];
        self.last_but_one = [0.0; 8];
        self.energy = 0.0;
        self.filled = 0;
    }

    /// Decides about the window that ends with the last block.
    fn judge(&mut self, heard: &mut Vec<KeyTone>) {
        let length = (WINDOW * self.block) as u64;
        let end = self.blocks * self.block as u64;
        let start = end.saturating_sub(length);
        let sound = self.sound();
        self.candidate = sound
            .as_ref()
            .filter(|sound| sound.share >= PROBABLE)
            .map(|sound| {
                let is_clear = sound.share >= if sound.is_lopsided { PURE } else { CLEAR };
                let balanced = u32::from(!sound.is_lopsided);
                match self.candidate {
                    Some(known) if known.pair == sound.pair => Candidate {
                        windows: known.windows + 1,
                        balanced: known.balanced + balanced,
                        clear: if is_clear { known.clear + 1 } else { 0 },
                        ..known
                    },
                    _ => Candidate {
                        pair: sound.pair,
                        since: start,
                        windows: 1,
                        balanced,
                        clear: u32::from(is_clear),
                    },
                }
            });
        let energy = sound.map_or(0.0, |sound| sound.energy);
        match (&mut self.key, self.candidate.filter(Candidate::is_key)) {
            (Some(key), Some(sure)) if key.pair == sure.pair => {
                key.energy = key.energy.max(energy);
                key.without = 0;
            }
            (_, Some(sure)) => {
                self.key = Some(Key {
                    pair: sure.pair,
                    energy,
                    without: 0,
                });
                // The window before the first may have held a part of the tones.
                let samples = sure.since.saturating_sub(length)..end;
                heard.push(KeyTone {
                    samples,
                    begins: true,
                });
                return;
            }
            (Some(key), None) if energy >= key.energy * SINKS_TO => key.without = 0,
            (Some(key), None) => key.without += 1,
            (None, None) => return,
        }
        match self.key {
            Some(Key { without: 0, .. }) => heard.push(KeyTone {
                samples: start..end,
                begins: false,
            }),
            Some(Key { without, .. }) if without >= OVER_AFTER => self.key = None,
            _ => {}
        }
    }

    /// Measures the last window, unless it is silent.
    fn sound(&self) -> Option<Sound> {
        if self.blocks < KEPT as u64 {
            return None;
        }
        let newest = ((self.blocks - 1) % KEPT as u64) as usize;
        let oldest = (self.blocks % KEPT as u64) as usize;
        let samples = (WINDOW * self.block) as f32;
        let total = self.sum_without(oldest, |block| block.energy);
        if total < FAINTEST * FAINTEST * samples {
            return None;
        }
        let vector = |tone: usize, without: usize| {
            (
                self.sum_without(without, |block| block.real[tone]),
                self.sum_without(without, |block| block.imaginary[tone]),
            )
        };
        // A tone's energy is the square of its filter's amplitude times this.
        let scale = 2.0 / samples;
        let energies: [f32; 8] = std::array::from_fn(|tone| {
            let (real, imaginary) = vector(tone, oldest);
            (real * real + imaginary * imaginary) * scale
        });
        let mut is_key = true;
        let mut measure = |group: Range<usize>| {
            let tone = group
                .clone()
                .max_by(|&one, &other| energies[one].total_cmp(&energies[other]))?;
            let others = group.filter(|&other| other != tone);
            let loudest_other = others.map(|other| energies[other]).fold(0.0, f32::max);
            // How far the tone is off shows in how far it turned since the window before.
            let (now, before) = (vector(tone, oldest), vector(tone, newest));
            let turned =
                (now.1 * before.0 - now.0 * before.1).atan2(now.0 * before.0 + now.1 * before.1);
            let off = turned / TAU * BLOCKS_PER_SECOND as f32;
            is_key &= energies[tone] >= loudest_other * STANDS_OUT
                && off.abs() <= OFF * TONES[tone] as f32;
            Some((
                tone,
                energies[tone] / passed(off * samples / self.rate as f32),
            ))
        };
        let (low, low_energy) = measure(0..GROUP)?;
        let (high, high_energy) = measure(GROUP..2 * GROUP)?;
        let twist = high_energy / low_energy.max(f32::MIN_POSITIVE);
        let share = (low_energy + high_energy) / total;
        is_key &= TWIST.contains(&twist);
        Some(Sound {
            pair: (low, high),
            energy: energies[low].min(energies[high]),
            share: if is_key { share } else { 0.0 },
            is_lopsided: twist < LOPSIDED,
        })
    }

    fn sum_without(&self, place: usize, value: impl Fn(&Block) -> f32) -> f32 {
        let others = self.ring.iter().enumerate().filter(|(at, _)| *at != place);
        others.map(|(_, block)| value(block)).sum()
    }
}

/// How much of a tone's energy passes a filter that it misses by so many turns in a window.
fn passed(turns: f32) -> f32 {
    let angle = PI * turns;
    if angle.abs() < 1e-3 {
        return 1.0;
    }
    (angle.sin() / angle).powi(2).max(LEAST_PASSED)
}

impl Drop for KeyListener {
    /// What the filters hold could tell the last key.
    fn drop(&mut self) {
        self.last.zeroize();
        self.last_but_one.zeroize();
        for block in &mut self.ring {
            block.real.zeroize();
            block.imaginary.zeroize();
        }
    }
}

#[cfg(test)]
mod tests;
