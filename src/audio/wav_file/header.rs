//! The chunks before the audio of a WAV file (RIFF, Microsoft "Multiple Channel Audio Data and WAVE
//! Files").
//!
//! ```text
//! "RIFF" size "WAVE" { id size body [pad] }*     sizes are 32-bit little-endian, bodies padded to even
//! ```

use std::io::Read;
use std::path::Path;

use super::WavFileError;

/// How one sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Unsigned 8-bit.
    Pcm8,
    /// Signed 16-bit.
    Pcm16,
    /// Signed 24-bit, packed in 3 bytes.
    Pcm24,
    /// Signed 32-bit.
    Pcm32,
    /// IEEE 754 single precision, full scale 1.
    Float32,
    /// G.711 mu-law.
    MuLaw,
    /// G.711 A-law.
    ALaw,
}

impl Encoding {
    fn bytes(self) -> u16 {
        match self {
            Encoding::Pcm8 | Encoding::MuLaw | Encoding::ALaw => 1,
            Encoding::Pcm16 => 2,
            Encoding::Pcm24 => 3,
            Encoding::Pcm32 | Encoding::Float32 => 4,
        }
    }
}

/// What the chunks before the audio say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) encoding: Encoding,
    pub(super) channels: u16,
    pub(super) rate: u32,
    /// Bytes of audio from here, which the file has.
    pub(super) data_bytes: u64,
}

impl Header {
    /// Bytes of one sample of every channel.
    pub(super) fn frame_bytes(self) -> u64 {
        u64::from(self.channels) * u64::from(self.encoding.bytes())
    }
}

/// A problem with the header, before the file's name is known.
pub(super) enum Problem {
    Read(std::io::Error),
    Malformed(String),
    Unsupported(String),
    Truncated { promised: u64, present: u64 },
}

impl Problem {
    pub(super) fn of(self, path: &Path) -> WavFileError {
        let file = path.to_owned();
        match self {
            Problem::Read(cause) => WavFileError::Unreadable { file, cause },
            Problem::Malformed(problem) => WavFileError::Malformed { file, problem },
            Problem::Unsupported(problem) => WavFileError::Unsupported { file, problem },
            Problem::Truncated { promised, present } => WavFileError::Truncated {
                file,
                promised,
                present,
            },
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Problem::Malformed("the file ends before its audio begins".into())
        } else {
            Problem::Read(error)
        }
    }
}

/// Sizes that programs write which do not know how much will follow.
const OPEN_ENDED: [u32; 2] = [0, u32::MAX];

/// Longest `fmt ` chunk looked at; the extensible form has 40 bytes.
const LONGEST_FORMAT: u32 = 1_024;

/// Reads up to the first byte of audio of a file of `length` bytes.
pub(super) fn read(input: &mut impl Read, length: u64) -> Result<Header, Problem> {
    if length == 0 {
        return Err(Problem::Malformed("the file is empty".into()));
    }
    let mut riff = [0; 12];
    let is_wave =
        input.read_exact(&mut riff).is_ok() && riff.starts_with(b"RIFF") && riff.ends_with(b"WAVE");
    if !is_wave {
        return Err(Problem::Malformed("not a WAV file".into()));
    }
    let mut position = 12;
    let mut format = None;
    loop {
        if position + 8 > length {
            return Err(Problem::Malformed("there is no \"data\" chunk".into()));
        }
        let mut chunk = [0; 8];
        input.read_exact(&mut chunk)?;
        position += 8;
        let [a, b, c, d, s0, s1, s2, s3] = chunk;
        let size = u32::from_le_bytes([s0, s1, s2, s3]);
        match &[a, b, c, d] {
            b"fmt " => {
                if !(16..=LONGEST_FORMAT).contains(&size) {
                    return Err(Problem::Malformed(format!(
                        "a \"fmt \" chunk of {size} bytes"
                    )));
                }
                let mut body = vec![0; size as usize];
                input.read_exact(&mut body)?;
                skip(input, u64::from(size % 2))?;
                format = Some(parse_format(&body)?);
            }
            b"data" => {
                let (encoding, channels, rate) = format.ok_or_else(|| {
                    Problem::Malformed("there is no \"fmt \" chunk before the audio".into())
                })?;
                let present = length.saturating_sub(position);
                let data_bytes = if OPEN_ENDED.contains(&size) {
                    present
                } else if u64::from(size) > present {
                    return Err(Problem::Truncated {
                        promised: u64::from(size),
                        present,
                    });
                } else {
                    u64::from(size)
                };
                return Ok(Header {
                    encoding,
                    channels,
                    rate,
                    data_bytes,
                });
            }
            _ => skip(input, u64::from(size) + u64::from(size % 2))?,
        }
        position += u64::from(size) + u64::from(size % 2);
    }
}

fn skip(input: &mut impl Read, bytes: u64) -> Result<(), Problem> {
    let skipped = std::io::copy(&mut input.take(bytes), &mut std::io::sink())?;
    if skipped < bytes {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    Ok(())
}

/// Format tags (RFC 2361 and the Windows `mmreg.h`).
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;

/// Encoding, channels and rate of a `fmt ` chunk of at least 16 bytes.
///
/// ```text
/// tag:2 channels:2 rate:4 bytes_per_second:4 frame_bytes:2 bits:2 [more:2 valid_bits:2 mask:4 guid:16]
/// ```
fn parse_format(body: &[u8]) -> Result<(Encoding, u16, u32), Problem> {
    let word = |at: usize| {
        body.get(at..at + 2)
            .map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
    };
    let (channels, bits, frame_bytes) = (word(2), word(14), word(12));
    let rate = u32::from(word(4)) | u32::from(word(6)) << 16;
    let tag = match word(0) {
        // The GUID of an extensible format begins with the plain tag.
        EXTENSIBLE if body.len() >= 40 => word(24),
        EXTENSIBLE => {
            return Err(Problem::Malformed(
                "an extensible \"fmt \" chunk that is too short".into(),
            ));
        }
        tag => tag,
    };
    let encoding = match (tag, bits) {
        (PCM, 8) => Encoding::Pcm8,
        (PCM, 16) => Encoding::Pcm16,
        (PCM, 24) => Encoding::Pcm24,
        (PCM, 32) => Encoding::Pcm32,
        (FLOAT, 32) => Encoding::Float32,
        // Some writers leave the bits at 0 or 16, as for the decoded form.
        (MU_LAW, _) => Encoding::MuLaw,
        (A_LAW, _) => Encoding::ALaw,
        (PCM, _) => return Err(Problem::Unsupported(format!("{bits}-bit PCM"))),
        (FLOAT, _) => return Err(Problem::Unsupported(format!("{bits}-bit float"))),
        _ => return Err(Problem::Unsupported(format!("format tag {tag:#06x}"))),
    };
    if !(1..=2).contains(&channels) {
        return Err(Problem::Unsupported(format!("{channels} channels")));
    }
    // 24 bits in 4 bytes, and the like, would be read as noise.
    if frame_bytes != channels * encoding.bytes() {
        return Err(Problem::Unsupported(format!(
            "{frame_bytes} bytes for {channels} samples of {} bytes",
            encoding.bytes()
        )));
    }
    Ok((encoding, channels, rate))
}
