//! Reading recorded calls: WAV files of linear PCM, float and G.711, one or two channels.
//!
//! A file is read in pieces, so that a long call needs no more memory than a short one. Everything
//! becomes linear 16-bit samples:
//!
//! | stored as | becomes |
//! | --- | --- |
//! | 16-bit PCM | itself, bit for bit |
//! | 8-bit PCM (unsigned) | `(x - 128) * 256` |
//! | 24- and 32-bit PCM | rounded to nearest (half up), full scale saturates |
//! | 32-bit float | `x * 32768` rounded to nearest, clamped to the 16-bit range; NaN becomes 0 |
//! | G.711 mu-law, A-law | ITU-T G.711 |
//!
//! The header is checked against the file: one that promises more samples than there are is refused,
//! except for the sizes 0 and `0xFFFFFFFF` of programs that write to a pipe, which mean "to the end".

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::g711::Law;
use super::{SampleRate, UnsupportedRate};

mod header;

pub use header::Encoding;
use header::Header;

/// What can be read, for error messages.
const SUPPORTED: &str = "WAV files of 8, 16, 24 or 32-bit PCM, 32-bit float or G.711 mu-law/A-law \
                         with 1 or 2 channels at 8 to 48 kHz are supported";

/// Why a recording could not be read. Names the file and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum WavFileError {
    /// Opening or reading failed.
    #[error("{}: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Not a WAV file, or a damaged one.
    #[error("{}: {problem}; {SUPPORTED}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A sound WAV file of a kind that is not read.
    #[error("{}: {problem}; {SUPPORTED}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What is not supported.
        problem: String,
    },
    /// The sample rate is out of range.
    #[error("{}: {cause}", file.display())]
    Rate {
        /// The file.
        file: PathBuf,
        /// The rate.
        cause: UnsupportedRate,
    },
    /// The header promises more than there is.
    #[error(
        "{}: the file is cut off: its header promises {promised} bytes of audio, it has {present}",
        file.display()
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Bytes of audio by the header.
        promised: u64,
        /// Bytes of audio that are there.
        present: u64,
    },
    /// There is no audio.
    #[error("{}: the file holds no audio", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The two files of a call's legs do not fit together.
    #[error(
        "{}: {found}; expected {expected} as in {}", customer.display(), agent.display()
    )]
    LegsDiffer {
        /// The first file.
        agent: PathBuf,
        /// The second file.
        customer: PathBuf,
        /// What the second file has.
        found: String,
        /// What the first file has.
        expected: String,
    },
    /// A leg's file has two channels.
    #[error("{}: a leg's file has one channel, this one has two; give it as a call by itself", file.display())]
    TwoChannelLeg {
        /// The file.
        file: PathBuf,
    },
}

/// A WAV file being read from its start to its end.
#[derive(Debug)]
pub struct WavFile {
    file: PathBuf,
    header: Header,
    rate: SampleRate,
    input: BufReader<File>,
    /// Whole frames still to be read.
    remaining: u64,
}

impl WavFile {
    /// Opens a file and checks its header against what is there.
    pub fn open(path: &Path) -> Result<Self, WavFileError> {
        let unreadable = |cause| WavFileError::Unreadable {
            file: path.to_owned(),
            cause,
        };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        let length = metadata.len();
        let mut input = BufReader::new(file);
        let header = header::read(&mut input, length).map_err(|error| error.of(path))?;
        let rate = SampleRate::new(header.rate).map_err(|cause| WavFileError::Rate {
            file: path.to_owned(),
            cause,
        })?;
        let remaining = header.data_bytes / header.frame_bytes();
        if remaining == 0 {
            return Err(WavFileError::Empty {
                file: path.to_owned(),
            });
        }
        Ok(Self {
            file: path.to_owned(),
            header,
            rate,
            input,
            remaining,
        })
    }

    /// Samples per second of each channel.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// 1 or 2.
    pub fn channels(&self) -> usize {
        usize::from(self.header.channels)
    }

    /// How samples are stored.
    pub fn encoding(&self) -> Encoding {
        self.header.encoding
    }

    /// Samples of each channel that are still to be read.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next samples of each channel, at most `most` and fewer only at the end, where it is empty.
    pub fn read(&mut self, most: usize) -> Result<Vec<Vec<i16>>, WavFileError> {
        let frames = self.remaining.min(most as u64);
        let channels = self.channels();
        // At most `most` frames, so this fits in memory whatever the header says.
        let mut bytes =
            zeroize::Zeroizing::new(vec![0u8; (frames * self.header.frame_bytes()) as usize]);
        self.input
            .read_exact(&mut bytes)
            .map_err(|cause| WavFileError::Unreadable {
                file: self.file.clone(),
                cause,
            })?;
        self.remaining -= frames;
        let samples = zeroize::Zeroizing::new(decode(self.header.encoding, &bytes));
        Ok((0..channels)
            .map(|channel| {
                samples
                    .iter()
                    .skip(channel)
                    .step_by(channels)
                    .copied()
                    .collect()
            })
            .collect())
    }

    /// All samples that are left, one list for each channel.
    pub fn read_to_end(&mut self) -> Result<Vec<Vec<i16>>, WavFileError> {
        let mut all = vec![Vec::new(); self.channels()];
        while self.remaining > 0 {
            for (channel, piece) in all.iter_mut().zip(self.read(65_536)?) {
                channel.extend(piece);
            }
        }
        Ok(all)
    }
}

/// Interleaved samples of one encoding as linear 16-bit; a part of a sample at the end is left out.
fn decode(encoding: Encoding, bytes: &[u8]) -> Vec<i16> {
    match encoding {
        Encoding::Pcm8 => bytes
            .iter()
            .map(|&byte| (i16::from(byte) - 128) * 256)
            .collect(),
        Encoding::Pcm16 => samples(bytes, i16::from_le_bytes),
        Encoding::Pcm24 => samples(bytes, |[low, middle, high]| {
            rounded(i32::from_le_bytes([0, low, middle, high]))
        }),
        Encoding::Pcm32 => samples(bytes, |sample| rounded(i32::from_le_bytes(sample))),
        // A cast from float to integer saturates and makes NaN zero.
        Encoding::Float32 => samples(bytes, |sample| {
            (f32::from_le_bytes(sample) * 32_768.0).round() as i16
        }),
        Encoding::MuLaw => Law::Mu.decode(bytes),
        Encoding::ALaw => Law::A.decode(bytes),
    }
}

fn samples<const N: usize>(bytes: &[u8], sample: impl Fn([u8; N]) -> i16) -> Vec<i16> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&chunk| sample(chunk))
        .collect()
}

/// The nearest 16-bit sample to a 32-bit one.
fn rounded(sample: i32) -> i16 {
    (sample.saturating_add(0x8000) >> 16) as i16
}

/// One call on disk: a file with all legs, or a file for each leg.
#[derive(Debug)]
pub enum CallFile {
    /// One file with one or two channels.
    Whole(WavFile),
    /// Two files with one channel each, played side by side; the shorter one ends in silence.
    Legs {
        /// Channel 0.
        agent: WavFile,
        /// Channel 1.
        customer: WavFile,
    },
}

impl CallFile {
    /// Opens a file that holds all legs.
    pub fn open(path: &Path) -> Result<Self, WavFileError> {
        WavFile::open(path).map(Self::Whole)
    }

    /// Opens the files of two legs, which must be of the same rate.
    pub fn open_legs(agent: &Path, customer: &Path) -> Result<Self, WavFileError> {
        let (agent, customer) = (WavFile::open(agent)?, WavFile::open(customer)?);
        for leg in [&agent, &customer] {
            if leg.channels() != 1 {
                return Err(WavFileError::TwoChannelLeg {
                    file: leg.file.clone(),
                });
            }
        }
        if agent.rate != customer.rate {
            return Err(WavFileError::LegsDiffer {
                found: format!("{} Hz", customer.rate.hertz()),
                expected: format!("{} Hz", agent.rate.hertz()),
                agent: agent.file,
                customer: customer.file,
            });
        }
        Ok(Self::Legs { agent, customer })
    }

    /// Samples per second of each leg.
    pub fn rate(&self) -> SampleRate {
        match self {
            Self::Whole(file) => file.rate(),
            Self::Legs { agent, .. } => agent.rate(),
        }
    }

    /// How many legs: 1 or 2.
    pub fn channels(&self) -> usize {
        match self {
            Self::Whole(file) => file.channels(),
            Self::Legs { .. } => 2,
        }
    }

    /// Samples of each leg that are still to be read.
    pub fn remaining(&self) -> u64 {
        match self {
            Self::Whole(file) => file.remaining(),
            Self::Legs { agent, customer } => agent.remaining().max(customer.remaining()),
        }
    }

    /// The next samples of each leg, of equal length; at most `most`, empty at the end.
    pub fn read(&mut self, most: usize) -> Result<Vec<Vec<i16>>, WavFileError> {
        match self {
            Self::Whole(file) => file.read(most),
            Self::Legs { agent, customer } => {
                let mut legs = agent.read(most)?;
                legs.append(&mut customer.read(most)?);
                let longest = legs.iter().map(Vec::len).max().unwrap_or(0);
                for leg in &mut legs {
                    leg.resize(longest, 0);
                }
                Ok(legs)
            }
        }
    }
}

#[cfg(test)]
mod tests;
