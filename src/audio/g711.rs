//! G.711 companding (ITU-T G.711): 8-bit mu-law and A-law to linear 16-bit samples and back.
//!
//! Knows neither files nor packets; a byte is a sample.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

/// The two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// North America and Japan; what Twilio sends.
    Mu,
    /// Everywhere else.
    A,
}

impl Law {
    /// Linear 16-bit samples, one for each byte.
    pub fn decode(self, bytes: &[u8]) -> Vec<i16> {
        let decode = match self {
            Law::Mu => decode_ulaw,
            Law::A => decode_alaw,
        };
        bytes.iter().map(|&byte| decode(byte)).collect()
    }

    /// One byte for each linear 16-bit sample.
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        let encode = match self {
            Law::Mu => encode_ulaw,
            Law::A => encode_alaw,
        };
        samples.iter().map(|&sample| encode(sample)).collect()
    }
}

#[cfg(test)]
mod tests;
