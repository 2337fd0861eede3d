//! How samples are written as bytes in media streams: G.711 and linear 16-bit of either byte order.
//!
//! Knows neither packets nor channels. Linear samples and G.711 bytes read back as they were written, so
//! that audio which is passed on unhidden stays bit-identical.

use super::g711::Law;

/// The form of one sample in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// G.711 (ITU-T), one byte.
    Companded(Law),
    /// Signed 16-bit, low byte first: WebSocket protocols and AudioSocket.
    LinearLittle,
    /// Signed 16-bit, high byte first: RTP's L16 (RFC 3551, 4.5.11).
    LinearBig,
}

impl Encoding {
    /// Bytes for each sample.
    pub fn width(self) -> usize {
        match self {
            Encoding::Companded(_) => 1,
            Encoding::LinearLittle | Encoding::LinearBig => 2,
        }
    }

    /// The samples of whole samples' bytes; a remainder is left out.
    pub fn decode(self, bytes: &[u8]) -> Vec<i16> {
        let linear = |read: fn([u8; 2]) -> i16| {
            let pairs = bytes.as_chunks::<2>().0;
            pairs.iter().map(|&pair| read(pair)).collect()
        };
        match self {
            Encoding::Companded(law) => law.decode(bytes),
            Encoding::LinearLittle => linear(i16::from_le_bytes),
            Encoding::LinearBig => linear(i16::from_be_bytes),
        }
    }

    /// The bytes of samples.
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        let linear =
            |write: fn(i16) -> [u8; 2]| samples.iter().flat_map(|&sample| write(sample)).collect();
        match self {
            Encoding::Companded(law) => law.encode(samples),
            Encoding::LinearLittle => linear(i16::to_le_bytes),
            Encoding::LinearBig => linear(i16::to_be_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] = [
        Encoding::Companded(Law::Mu),
        Encoding::Companded(Law::A),
        Encoding::LinearLittle,
        Encoding::LinearBig,
    ];

    #[test]
    fn bytes_that_were_decoded_are_encoded_as_they_were() {
        let bytes: Vec<u8> = (0..=255).flat_map(|byte| [byte, byte ^ 0x5A]).collect();
        for encoding in ALL {
            let again = encoding.encode(&encoding.decode(&bytes));
            // Mu-law has two bytes for zero.
            let negative_zero = |byte: u8| if byte == 0x7F { 0xFF } else { byte };
            let expected: Vec<u8> = match encoding {
                Encoding::Companded(Law::Mu) => bytes.iter().map(|&b| negative_zero(b)).collect(),
                _ => bytes.clone(),
            };
            assert_eq!(again, expected, "{encoding:?}");
        }
    }

    #[test]
    fn byte_orders_differ_and_a_remainder_is_left_out() {
        assert_eq!(Encoding::LinearLittle.decode(&[1, 2, 3]), [0x0201]);
        assert_eq!(Encoding::LinearBig.decode(&[1, 2, 3]), [0x0102]);
    }
}
