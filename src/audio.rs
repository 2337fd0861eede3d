//! Media time and sound: the call's clock, spans of it, G.711, resampling to the recogniser's rate.
//!
//! **Architecture invariant:** nothing here reads a clock. A leg's clock is the index of its samples;
//! [`MediaTime`] is that index divided by the sample rate, kept in microseconds so that times of
//! different rates compare.

pub mod encoding;
pub mod g711;
pub mod wav_file;

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};

/// Samples per second of one leg, 8,000 to 48,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleRate(u32);

/// A sample rate that telephone systems and sound files do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sample rate of {0} Hz; 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 or 48000 is expected"
)]
pub struct UnsupportedRate(pub u32);

impl SampleRate {
    /// [`SampleRate::SPEECH`] as a number.
    pub const SPEECH_HERTZ: u32 = 16_000;
    /// Narrow-band telephony (ITU-T G.711).
    pub const TELEPHONE: SampleRate = SampleRate(8_000);
    /// What speech recognition and voice detection work at.
    pub const SPEECH: SampleRate = SampleRate(Self::SPEECH_HERTZ);

    /// The accepted rates in hertz: those whose blocks convert to the speech rate without long delay.
    pub const SUPPORTED: [u32; 9] = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
    ];

    /// Checks a rate that came from outside.
    pub fn new(hertz: u32) -> Result<Self, UnsupportedRate> {
        if Self::SUPPORTED.contains(&hertz) {
            Ok(Self(hertz))
        } else {
            Err(UnsupportedRate(hertz))
        }
    }

    /// Samples per second.
    pub fn hertz(self) -> u32 {
        self.0
    }

    /// The first sample at or after a media time.
    pub fn index_at(self, time: MediaTime) -> SampleIndex {
        let rate = u64::from(self.0);
        // Narrow numbers do for any call, and divide in a tenth of the time.
        SampleIndex(match time.0.checked_mul(rate) {
            Some(product) => product.div_ceil(MICROS_PER_SECOND),
            None => {
                let product = u128::from(time.0) * u128::from(rate);
                product.div_ceil(u128::from(MICROS_PER_SECOND)) as u64
            }
        })
    }

    /// When a sample is heard.
    pub fn time_of(self, index: SampleIndex) -> MediaTime {
        MediaTime(scaled(index.0, MICROS_PER_SECOND, u64::from(self.0)))
    }

    /// How many samples a length of media time has, rounded down.
    pub fn samples_in(self, length: MediaTime) -> u64 {
        scaled(length.0, u64::from(self.0), MICROS_PER_SECOND)
    }
}

const MICROS_PER_SECOND: u64 = 1_000_000;

/// `value * by / over`, rounded down.
fn scaled(value: u64, by: u64, over: u64) -> u64 {
    match value.checked_mul(by) {
        Some(product) => product / over,
        None => (u128::from(value) * u128::from(by) / u128::from(over)) as u64,
    }
}

/// A position on a leg's timeline, in samples from the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SampleIndex(pub u64);

/// A time or length on the call's media clock, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The start of the call; no time at all.
    pub const ZERO: MediaTime = MediaTime(0);
    /// Later than any call lasts.
    pub const MAX: MediaTime = MediaTime(u64::MAX / 4);

    /// From whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    /// From seconds; negative or not finite becomes zero.
    pub fn from_seconds(seconds: f64) -> Self {
        if seconds.is_finite() && seconds > 0.0 {
            Self((seconds * 1e6).round() as u64)
        } else {
            Self(0)
        }
    }

    /// In microseconds.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The difference, or zero when `other` is later.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for MediaTime {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for MediaTime {
    type Output = Self;
    /// Saturates at zero, as there is no time before the call.
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl fmt::Debug for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.seconds())
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.seconds())
    }
}

/// Serialised as seconds with microsecond precision.
impl Serialize for MediaTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

/// A half-open stretch of media time, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Span {
    /// First instant inside.
    pub start: MediaTime,
    /// First instant after.
    pub end: MediaTime,
}

impl Span {
    /// From two instants; an end before the start makes it empty.
    pub fn new(start: MediaTime, end: MediaTime) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }

    /// Its length.
    pub fn length(self) -> MediaTime {
        self.end - self.start
    }

    /// Whether it holds no time at all.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether two spans share any time.
    pub fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether an instant lies inside.
    pub fn contains(self, time: MediaTime) -> bool {
        self.start <= time && time < self.end
    }

    /// The span grown on both sides, not before the start of the call.
    pub fn padded(self, before: MediaTime, after: MediaTime) -> Span {
        Span {
            start: self.start - before,
            end: self.end + after,
        }
    }
}
