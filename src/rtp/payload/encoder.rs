//! Samples to payloads of one stream.
//!
//! Takes samples at [`Encoder::rate`], a whole packet at once. Knows no time.

use audio_codec::Encoder as _;
use audio_codec::g722::G722Encoder;

use super::PayloadFormat;
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;

/// No Opus packet of one frame is longer (RFC 6716, 3.2.1).
const LONGEST_OPUS: usize = 1_275;

/// Encodes one stream.
pub(crate) struct Encoder {
    codec: Codec,
    rate: SampleRate,
}

enum Codec {
    Plain(Encoding),
    G722(Box<G722Encoder>),
    Opus(Box<opus::Encoder>),
}

impl Encoder {
    /// For audio of a rate; `None` for formats without sound, and if the codec has no memory to work in.
    pub(crate) fn new(format: PayloadFormat, rate: SampleRate) -> Option<Self> {
        let rate = format.codec_rate(rate);
        let codec = match format {
            PayloadFormat::Pcmu => Codec::Plain(Encoding::Companded(Law::Mu)),
            PayloadFormat::Pcma => Codec::Plain(Encoding::Companded(Law::A)),
            PayloadFormat::L16 { .. } => Codec::Plain(Encoding::LinearBig),
            PayloadFormat::G722 => Codec::G722(Box::new(G722Encoder::new())),
            PayloadFormat::Opus => {
                let application = opus::Application::Voip;
                let encoder = opus::Encoder::new(rate.hertz(), opus::Channels::Mono, application);
                Codec::Opus(Box::new(encoder.ok()?))
            }
            PayloadFormat::TelephoneEvent { .. } | PayloadFormat::ComfortNoise { .. } => {
                return None;
            }
        };
        Some(Self { codec, rate })
    }

    /// The rate of the samples it takes.
    pub(crate) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The payload for the next samples; `None` if there is none for so many.
    pub(crate) fn encode(&mut self, samples: &[i16]) -> Option<Vec<u8>> {
        match &mut self.codec {
            Codec::Plain(encoding) => Some(encoding.encode(samples)),
            Codec::G722(encoder) => {
                let mut payload = vec![0; samples.len().div_ceil(2)];
                let length = encoder.encode_into(samples, &mut payload).ok()?;
                payload.truncate(length);
                Some(payload)
            }
            Codec::Opus(encoder) => encoder.encode_vec(samples, LONGEST_OPUS).ok(),
        }
    }
}
