//! Opens a sealed file at any place, and tells what became of it.

use std::fmt;
use std::io::{Read, Seek, SeekFrom};

use serde::Serialize;
use zeroize::Zeroizing;

use super::chunk::ChunkCipher;
use super::{END, Header, SealError, TAG};
use crate::store::keys::DataKey;

/// What became of a file since it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Standing {
    /// It is what was sealed, to the end.
    Whole,
    /// It ends early, as after a crash; what there is, is what was sealed.
    CutOff {
        /// How many chunks there are.
        chunks: u32,
    },
    /// A chunk is not what was sealed in its place.
    Altered {
        /// Which, from 0.
        chunk: u32,
    },
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With a last chunk of this length, tag included, after the full ones.
    Sealed(usize),
    Early,
    Altered,
}

/// Reads a sealed file.
pub struct SealedReader<R> {
    source: R,
    cipher: ChunkCipher,
    /// Chunks of full size.
    full: u32,
    ending: Ending,
}

impl<R> fmt::Debug for SealedReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedReader")
            .field("label", self.cipher.header().label())
            .field("full", &self.full)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

impl<R: Read + Seek> SealedReader<R> {
    /// Opens a file whose header was read, and looks how it ends.
    pub fn open(source: R, header: Header, key: &DataKey) -> Result<Self, SealError> {
        let mut reader = Self {
            source,
            cipher: ChunkCipher::new(header, key),
            full: 0,
            ending: Ending::Early,
        };
        let begin = reader.cipher.header().bytes().len() as u64;
        let size = reader.source.seek(SeekFrom::End(0))?;
        let body = size.checked_sub(begin).ok_or(SealError::Empty)?;

        let chunks = |body: u64| u32::try_from(body / reader.sealed()).map_err(|_| SealError::Full);
        let unmarked = body.saturating_sub(END.len() as u64);
        let last = (unmarked % reader.sealed()) as usize;
        let (full_if_marked, full) = (chunks(unmarked)?, chunks(body)?);
        let is_marked = body >= END.len() as u64 && reader.read_raw(unmarked, END.len())? == END;
        // Also where the mark alone was altered, the last chunk shows that the file was finished.
        let is_sealed = last >= TAG && {
            let at = u64::from(full_if_marked) * reader.sealed();
            let sealed = reader.read_raw(at, last)?;
            reader.cipher.open(full_if_marked, true, &sealed).is_some()
        };
        (reader.full, reader.ending) = match (is_marked, is_sealed) {
            (true, true) => (full_if_marked, Ending::Sealed(last)),
            (true, false) | (false, true) => (full_if_marked, Ending::Altered),
            (false, false) => (full, Ending::Early),
        };
        Ok(reader)
    }

    /// The file's header, which is true if any chunk opens.
    pub fn header(&self) -> &Header {
        self.cipher.header()
    }

    /// How many chunks can be asked for.
    pub fn chunks(&self) -> u32 {
        self.full
            .saturating_add(u32::from(self.ending != Ending::Early))
    }

    /// Whether it ends early, as after a crash.
    pub fn is_cut_off(&self) -> bool {
        self.ending == Ending::Early
    }

    /// Plain bytes that can be read, if none were altered.
    pub fn length(&self) -> u64 {
        let last = match self.ending {
            Ending::Sealed(last) => last - TAG,
            Ending::Early | Ending::Altered => 0,
        };
        u64::from(self.full) * self.cipher.header().chunk() as u64 + last as u64
    }

    /// One chunk, opened. Fails with [`SealError::Altered`] if it is not what was sealed here.
    pub fn chunk(&mut self, number: u32) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let altered = SealError::Altered { chunk: number };
        let (length, is_last) = match self.ending {
            _ if number < self.full => (self.sealed() as usize, false),
            Ending::Sealed(last) if number == self.full => (last, true),
            Ending::Altered if number == self.full => return Err(altered),
            _ => return Err(SealError::CutOff { chunks: self.full }),
        };
        let sealed = self.read_raw(u64::from(number) * self.sealed(), length)?;
        self.cipher.open(number, is_last, &sealed).ok_or(altered)
    }

    /// Plain bytes from a place on, at most `length` of them: fewer at the end.
    pub fn read_at(&mut self, from: u64, length: usize) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let chunk_size = self.cipher.header().chunk() as u64;
        let end = self.length().min(from.saturating_add(length as u64));
        let mut bytes = Zeroizing::new(Vec::with_capacity(end.saturating_sub(from) as usize));
        let mut at = from;
        while at < end {
            let number = u32::try_from(at / chunk_size).map_err(|_| SealError::Full)?;
            let chunk = self.chunk(number)?;
            let within = (at % chunk_size) as usize;
            let wanted = chunk.len().min(within + (end - at) as usize);
            bytes.extend_from_slice(&chunk[within..wanted]);
            at += (wanted - within) as u64;
        }
        Ok(bytes)
    }

    /// Examines every chunk. `progress` is told how many are done.
    pub fn examine(&mut self, mut progress: impl FnMut(u32)) -> Result<Standing, SealError> {
        for number in 0..self.chunks() {
            match self.chunk(number) {
                Ok(_) => progress(number + 1),
                Err(SealError::Altered { chunk }) => return Ok(Standing::Altered { chunk }),
                Err(error) => return Err(error),
            }
        }
        Ok(match self.ending {
            Ending::Early => Standing::CutOff { chunks: self.full },
            Ending::Sealed(_) | Ending::Altered => Standing::Whole,
        })
    }

    /// All of it, where nothing but a whole file will do.
    pub fn read_whole(&mut self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.length() as usize));
        for number in 0..self.chunks() {
            bytes.extend_from_slice(&self.chunk(number)?);
        }
        match self.ending {
            Ending::Early => Err(SealError::CutOff { chunks: self.full }),
            Ending::Sealed(_) | Ending::Altered => Ok(bytes),
        }
    }

    /// Bytes of a full chunk in the file.
    fn sealed(&self) -> u64 {
        (self.cipher.header().chunk() + TAG) as u64
    }

    /// Bytes of the file, counted from the end of its header.
    fn read_raw(&mut self, from: u64, length: usize) -> Result<Vec<u8>, SealError> {
        let begin = self.cipher.header().bytes().len() as u64;
        self.source.seek(SeekFrom::Start(begin + from))?;
        let mut bytes = vec![0; length];
        self.source.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
