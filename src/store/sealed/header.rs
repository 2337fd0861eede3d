//! What a sealed file says of itself in clear. All of it is authenticated with every chunk.

use std::io::Read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CHUNK_POWER, SealError};

const MAGIC: &[u8; 8] = b"HUSHSEAL";
const VERSION: u8 = 1;
/// Up to the name.
const FIXED: usize = 48;
/// Chunk sizes that are read, as powers of two.
const POWERS: std::ops::RangeInclusive<u8> = 9..=20;

/// What kind of thing is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A recording: WAV.
    Audio,
    /// What was hidden and why: JSON.
    Report,
    /// What was said, masked: JSON.
    Transcript,
    /// Where and why a recording ended that was not finished: JSON.
    Closing,
    /// What came of listening to the recording again: JSON.
    Hearing,
}

impl Content {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Audio,
        Self::Report,
        Self::Transcript,
        Self::Closing,
        Self::Hearing,
    ];

    /// Its name in files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Report => "report",
            Self::Transcript => "transcript",
            Self::Closing => "closing",
            Self::Hearing => "hearing",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Audio => 1,
            Self::Report => 2,
            Self::Transcript => 3,
            Self::Closing => 4,
            Self::Hearing => 5,
        }
    }
}

/// What an object is, as who seals it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Whose record it is; 1 to 255 bytes of text.
    pub name: String,
    /// Which part of it.
    pub content: Content,
    /// How many times it was sealed before.
    pub revision: u32,
    /// When its first revision was begun: of audio, when recording began.
    pub sealed_at: Timestamp,
}

/// A file's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    bytes: Vec<u8>,
    label: Label,
}

impl Header {
    /// For a new object, with a random id and nonce prefix.
    pub fn new(label: Label) -> Result<Self, SealError> {
        let length = u8::try_from(label.name.len()).unwrap_or(0);
        if length == 0 {
            return Err(SealError::NotSealed("a name has 1 to 255 bytes"));
        }
        let mut random = [0; 23];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let mut bytes = Vec::with_capacity(FIXED + label.name.len());
        bytes.extend(MAGIC);
        bytes.extend([VERSION, label.content.code(), CHUNK_POWER, length]);
        bytes.extend(&random[..16]);
        bytes.extend(label.revision.to_be_bytes());
        bytes.extend(&random[16..]);
        bytes.push(0);
        bytes.extend(label.sealed_at.as_millisecond().to_be_bytes());
        bytes.extend(label.name.as_bytes());
        Ok(Self { bytes, label })
    }

    /// Reads one from a file's beginning.
    pub fn read(source: &mut impl Read) -> Result<Self, SealError> {
        let mut bytes = vec![0; FIXED];
        read_all(source, &mut bytes)?;
        if !bytes.starts_with(MAGIC) {
            return Err(SealError::NotSealed("it begins otherwise"));
        }
        if bytes[8] != VERSION {
            return Err(SealError::Version(bytes[8]));
        }
        let content = Content::ALL
            .into_iter()
            .find(|content| content.code() == bytes[9])
            .ok_or(SealError::NotSealed("its content is of no known kind"))?;
        if !POWERS.contains(&bytes[10]) {
            return Err(SealError::NotSealed("its chunks are of no usual size"));
        }
        let mut name = vec![0; usize::from(bytes[11])];
        read_all(source, &mut name)?;
        bytes.extend(&name);
        let name =
            String::from_utf8(name).map_err(|_| SealError::NotSealed("its name is no text"))?;
        let number = |from: usize| -> [u8; 8] {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[from..from + 8]);
            number
        };
        let label = Label {
            name,
            content,
            revision: (u64::from_be_bytes(number(28)) >> 32) as u32,
            sealed_at: Timestamp::from_millisecond(i64::from_be_bytes(number(40)))
                .map_err(|_| SealError::NotSealed("its time is out of range"))?,
        };
        Ok(Self { bytes, label })
    }

    /// What it says the object is. True only if a chunk opens.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// As it stands in the file: whatever belongs to this object alone is bound to these bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The object's id in hexadecimal.
    pub fn object(&self) -> String {
        self.bytes[12..28]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    pub(super) fn prefix(&self) -> &[u8] {
        &self.bytes[32..39]
    }

    /// Bytes of a chunk before encryption.
    pub(super) fn chunk(&self) -> usize {
        1 << self.bytes[10]
    }
}

fn read_all(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), SealError> {
    source.read_exact(bytes).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            SealError::Empty
        } else {
            SealError::Io(error)
        }
    })
}
