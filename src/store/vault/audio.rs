//! A recording as the WAV file that it is: sealed as a stream whose length was not known, read as one of known
//! length.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::archived::is_header_alone;
use super::objects::sealed;
use super::{Closing, RecordName, State, Vault, VaultError, files};
use crate::store::sealed::{Content, SealError, SealedReader, Standing};

/// Bytes of a WAV header of 16-bit PCM.
pub(super) const HEADER: usize = 44;

/// What can be told of a recording without its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Samples per second of each channel.
    pub rate: u32,
    /// How many channels.
    pub channels: u16,
    /// Bytes of the WAV file.
    pub bytes: u64,
}

impl Dimensions {
    /// Its length in time.
    pub fn seconds(&self) -> f64 {
        let data = self.bytes.saturating_sub(HEADER as u64);
        data as f64 / (f64::from(self.rate) * f64::from(self.channels) * 2.0)
    }
}

/// A recording in the store, open.
#[derive(Debug)]
pub struct StoredAudio {
    reader: SealedReader<File>,
    file: PathBuf,
    header: [u8; HEADER],
    /// Samples per second of each channel.
    rate: u32,
    channels: u16,
    /// Bytes of whole frames.
    data: u64,
}

impl Vault {
    /// Opens a call's recording. Fails if it is shorter than it was when it was closed.
    pub fn audio(&self, name: &RecordName) -> Result<StoredAudio, VaultError> {
        let file = self.object_file(name, Content::Audio);
        let mut reader = self.open(name, Content::Audio)?;
        if reader.is_cut_off() {
            let expected = match self.state(name) {
                State::Open => 0,
                State::Complete => u32::MAX,
                State::Incomplete => self.closing(name)?.chunks,
            };
            if reader.chunks() < expected {
                return Err(VaultError::Shortened {
                    file,
                    found: reader.chunks(),
                });
            }
        }
        let begin = reader.read_at(0, HEADER).map_err(sealed(file.clone()))?;
        let header = <[u8; HEADER]>::try_from(begin.as_slice())
            .map_err(|_| sealed(file.clone())(SealError::Empty))?;
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (channels, rate) = (u16::from_le_bytes([header[22], header[23]]), number(24));
        if &header[..4] != b"RIFF" || &header[36..40] != b"data" || channels == 0 || rate == 0 {
            return Err(VaultError::Document {
                file,
                problem: "it is no WAV of this program".into(),
            });
        }
        let frame = u64::from(channels) * 2;
        let data = (reader.length() - HEADER as u64) / frame * frame;
        Ok(StoredAudio {
            reader,
            file,
            header: sized(header, data),
            rate,
            channels,
            data,
        })
    }

    /// How long a call's recording is, and of what form. What is in the object store alone is not fetched for it.
    pub fn dimensions(&self, name: &RecordName) -> Result<Dimensions, VaultError> {
        self.check_free(name)?;
        let (open, header) = self.open_header(name, Content::Audio)?;
        // What cannot be played has none.
        self.wrapped_key(name, Content::Audio)?;
        if is_header_alone(&open, &header)
            && let Some(mark) = self.archived(name, &header)?
            && let Some(dimensions) = mark.dimensions
        {
            return Ok(dimensions);
        }
        Ok(self.audio(name)?.dimensions())
    }

    /// Why a call's recording ends early, for one that does.
    pub fn closing(&self, name: &RecordName) -> Result<Closing, VaultError> {
        let file = self.object_file(name, Content::Closing);
        let text = self.document(name, Content::Closing)?;
        serde_json::from_slice(&text).map_err(|error| VaultError::Document {
            file,
            problem: error.to_string(),
        })
    }
}

/// The header of a file whose length is known.
fn sized(mut header: [u8; HEADER], data: u64) -> [u8; HEADER] {
    let data = u32::try_from(data).unwrap_or(u32::MAX - HEADER as u32);
    header[4..8].copy_from_slice(&(data + HEADER as u32 - 8).to_le_bytes());
    header[40..44].copy_from_slice(&data.to_le_bytes());
    header
}

impl StoredAudio {
    /// Bytes of the WAV file.
    pub fn length(&self) -> u64 {
        HEADER as u64 + self.data
    }

    /// Its length in time.
    pub fn seconds(&self) -> f64 {
        self.dimensions().seconds()
    }

    /// What can be told of it without its samples.
    pub fn dimensions(&self) -> Dimensions {
        Dimensions {
            rate: self.rate,
            channels: self.channels,
            bytes: self.length(),
        }
    }

    /// Samples per second of each channel.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How many channels.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Examines all of it. `progress` is told how many chunks are done, and of how many.
    pub fn examine(&mut self, mut progress: impl FnMut(u64, u64)) -> Result<Standing, VaultError> {
        let total = u64::from(self.reader.chunks());
        self.reader
            .examine(|done| progress(u64::from(done), total))
            .map_err(sealed(self.file.clone()))
    }

    /// Bytes of the WAV file from a place on, at most `length` of them: fewer at the end.
    pub fn read_at(&mut self, from: u64, length: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let fits = self.length().saturating_sub(from).min(length as u64) as usize;
        let mut bytes = self
            .reader
            .read_at(from, fits)
            .map_err(sealed(self.file.clone()))?;
        for (byte, at) in bytes.iter_mut().zip(from..HEADER as u64) {
            *byte = self.header[at as usize];
        }
        Ok(bytes)
    }

    /// Writes the WAV file. Fails at the first chunk that was altered; what was written until then is what was
    /// sealed. `progress` is told how many chunks are done, and of how many.
    pub fn copy_to(
        &mut self,
        out: &mut impl Write,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), VaultError> {
        let total = u64::from(self.reader.chunks());
        let (mut at, end) = (0, self.length());
        for number in 0..self.reader.chunks() {
            let mut chunk = self
                .reader
                .chunk(number)
                .map_err(sealed(self.file.clone()))?;
            for (byte, at) in chunk.iter_mut().zip(at..HEADER as u64) {
                *byte = self.header[at as usize];
            }
            let fits = chunk.len().min((end - at) as usize);
            out.write_all(&chunk[..fits])
                .map_err(files::failed("write what is exported of", &self.file))?;
            at += fits as u64;
            progress(u64::from(number) + 1, total);
        }
        Ok(())
    }
}
