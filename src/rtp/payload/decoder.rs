//! Payloads of one stream to samples at the call's rate.
//!
//! G.722 and Opus remember what came before, so that payloads go in in the order of their sequence, and a new
//! stream has a new decoder. Knows no time; a stretch without holes is as long as its payloads say.

use audio_codec::Decoder as _;
use audio_codec::g722::G722Decoder;
use zeroize::{Zeroize, Zeroizing};

use super::PayloadFormat;
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::rtp::resample::Resampler;

/// The longest Opus packet, in thousandths of a second (RFC 6716, 3.2.5).
const LONGEST_OPUS_MILLIS: u32 = 120;

/// Decodes one stream.
pub(crate) struct Decoder {
    codec: Codec,
    /// None if the codec has the call's rate.
    resampler: Option<Resampler>,
    native: Zeroizing<Vec<i16>>,
}

enum Codec {
    Plain(Encoding),
    G722(Box<G722Decoder>),
    Opus(Box<opus::Decoder>),
}

/// A payload that is not of its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload that cannot be decoded")]
pub(crate) struct Undecodable;

impl Decoder {
    /// `None` for formats without sound, and if the codec has no memory to work in.
    pub(crate) fn new(format: PayloadFormat, rate: SampleRate) -> Option<Self> {
        let works_at = format.codec_rate(rate);
        let codec = match format {
            PayloadFormat::Pcmu => Codec::Plain(Encoding::Companded(Law::Mu)),
            PayloadFormat::Pcma => Codec::Plain(Encoding::Companded(Law::A)),
            PayloadFormat::L16 { .. } => Codec::Plain(Encoding::LinearBig),
            PayloadFormat::G722 => Codec::G722(Box::new(G722Decoder::new())),
            PayloadFormat::Opus => {
                let decoder = opus::Decoder::new(works_at.hertz(), opus::Channels::Mono);
                Codec::Opus(Box::new(decoder.ok()?))
            }
            PayloadFormat::TelephoneEvent { .. } | PayloadFormat::ComfortNoise { .. } => {
                return None;
            }
        };
        Some(Self {
            codec,
            resampler: (works_at != rate).then(|| Resampler::new(works_at, rate)),
            native: Zeroizing::default(),
        })
    }

    /// Whether samples come out as soon as their payload went in.
    pub(crate) fn is_prompt(&self) -> bool {
        self.resampler.is_none()
    }

    /// Takes the next payload and appends the samples that are known.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Undecodable> {
        self.native.zeroize();
        match &mut self.codec {
            Codec::Plain(encoding) => *self.native = encoding.decode(payload),
            Codec::G722(decoder) => {
                self.native.resize(payload.len() * 2, 0);
                let made = decoder.decode_into(payload, &mut self.native);
                self.native.truncate(made.map_err(|_| Undecodable)?);
            }
            Codec::Opus(decoder) => {
                if payload.is_empty() {
                    return Err(Undecodable);
                }
                let rate = decoder.get_sample_rate().map_err(|_| Undecodable)?;
                let longest = rate / 1_000 * LONGEST_OPUS_MILLIS;
                self.native.resize(longest as usize, 0);
                let made = decoder.decode(payload, &mut self.native, false);
                self.native.truncate(made.map_err(|_| Undecodable)?);
            }
        }
        match &mut self.resampler {
            Some(resampler) => resampler.push(&self.native, out),
            None if out.is_empty() => std::mem::swap(out, &mut self.native),
            None => out.extend_from_slice(&self.native),
        }
        Ok(())
    }

    /// A hole follows: appends the rest of the stretch.
    pub(crate) fn finish(&mut self, out: &mut Vec<i16>) {
        if let Some(resampler) = &mut self.resampler {
            resampler.finish(out);
        }
    }
}
