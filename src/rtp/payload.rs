//! What a payload type stands for: the formats that are understood, their clocks, and how long a payload is.
//!
//! | format | payload type | clock | sound |
//! | --- | --- | --- | --- |
//! | PCMU, PCMA | 0, 8 | 8,000 | 8 kHz |
//! | G722 | 9 | 8,000, by an old mistake (RFC 3551, 4.5.2) | 16 kHz |
//! | L16, one channel | 11, or by agreement | its rate | its rate |
//! | opus | by agreement | 48,000 always (RFC 7587) | as asked of the decoder |
//! | telephone-event | by agreement | its own, which should be the audio's | none |
//! | CN | 13 | 8,000 | silence here |
//!
//! Knows neither packets nor time. A payload's length tells how long it is, whatever was agreed on.

mod decoder;
mod encoder;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;

use crate::audio::SampleRate;

/// Opus counts in this, however it was recorded (RFC 7587, 4.1).
pub(crate) const OPUS_CLOCK: u32 = 48_000;
const TELEPHONE_CLOCK: u32 = 8_000;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus (RFC 7587); two channels are mixed into one.
    Opus,
    /// Linear 16-bit, high byte first, one channel.
    L16 {
        /// Samples per second, which is its clock.
        rate: SampleRate,
    },
    /// Pressed keys (RFC 4733).
    TelephoneEvent {
        /// Ticks per second.
        clock: u32,
    },
    /// A description of the noise in a silence (RFC 3389), which is rendered as silence.
    ComfortNoise {
        /// Ticks per second.
        clock: u32,
    },
}

impl PayloadFormat {
    /// What a payload type below 96 means without a word in the session description (RFC 3551, 6).
    pub fn of_static(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
            11 => Self::from_rtpmap("L16", 44_100, 1),
            13 => Some(Self::ComfortNoise {
                clock: TELEPHONE_CLOCK,
            }),
            _ => None,
        }
    }

    /// What `a=rtpmap:N NAME/CLOCK[/CHANNELS]` says; `None` if it is not understood. Without channels there
    /// is one.
    pub fn from_rtpmap(name: &str, clock: u32, channels: u8) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let mono = channels <= 1;
        if is("PCMU") && clock == TELEPHONE_CLOCK && mono {
            Some(Self::Pcmu)
        } else if is("PCMA") && clock == TELEPHONE_CLOCK && mono {
            Some(Self::Pcma)
        } else if is("G722") && clock == TELEPHONE_CLOCK && mono {
            Some(Self::G722)
        } else if is("opus") && clock == OPUS_CLOCK {
            Some(Self::Opus)
        } else if is("L16") && mono {
            let rate = SampleRate::new(clock).ok()?;
            Some(Self::L16 { rate })
        } else if is("telephone-event") && clock > 0 {
            Some(Self::TelephoneEvent { clock })
        } else if is("CN") && clock > 0 {
            Some(Self::ComfortNoise { clock })
        } else {
            None
        }
    }

    /// What is written after the payload type in `a=rtpmap`.
    pub fn rtpmap(self) -> String {
        let name = match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            // Two channels are written for one, too (RFC 7587, 7).
            Self::Opus => return format!("opus/{OPUS_CLOCK}/2"),
            Self::L16 { .. } => "L16",
            Self::TelephoneEvent { .. } => "telephone-event",
            Self::ComfortNoise { .. } => "CN",
        };
        format!("{name}/{}", self.clock_rate())
    }

    /// Ticks of the timestamp per second.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => TELEPHONE_CLOCK,
            Self::Opus => OPUS_CLOCK,
            Self::L16 { rate } => rate.hertz(),
            Self::TelephoneEvent { clock } | Self::ComfortNoise { clock } => clock,
        }
    }

    /// Whether it has sound.
    pub fn is_audio(self) -> bool {
        !matches!(
            self,
            Self::TelephoneEvent { .. } | Self::ComfortNoise { .. }
        )
    }

    /// The rate that a call should have whose first choice this is: nothing of a telephone's sound is lost.
    pub fn natural_rate(self) -> SampleRate {
        match self {
            Self::G722 | Self::Opus => SampleRate::SPEECH,
            Self::L16 { rate } => rate,
            Self::Pcmu | Self::Pcma | Self::TelephoneEvent { .. } | Self::ComfortNoise { .. } => {
                SampleRate::TELEPHONE
            }
        }
    }

    /// How long a payload is in ticks, without decoding it; `None` if it has no sound in this format.
    pub fn ticks(self, payload: &[u8]) -> Option<u32> {
        let ticks = match self {
            Self::Pcmu | Self::Pcma | Self::G722 => payload.len(),
            Self::L16 { .. } => payload.len() / 2,
            Self::Opus if payload.is_empty() => 0,
            Self::Opus => opus::packet::get_nb_samples(payload, OPUS_CLOCK).ok()?,
            Self::TelephoneEvent { .. } | Self::ComfortNoise { .. } => 0,
        };
        u32::try_from(ticks).ok().filter(|&ticks| ticks > 0)
    }

    /// The rate at which a codec works whose samples are wanted at another: the wanted one if it can.
    fn codec_rate(self, wanted: SampleRate) -> SampleRate {
        match self {
            Self::Opus if matches!(wanted.hertz(), 8_000 | 12_000 | 16_000 | 24_000 | 48_000) => {
                wanted
            }
            _ => self.natural_rate(),
        }
    }
}

#[cfg(test)]
mod tests;
