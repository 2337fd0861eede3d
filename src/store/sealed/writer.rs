//! Seals a stream of any length.

use std::fmt;
use std::io::Write;

use zeroize::{Zeroize, Zeroizing};

use super::chunk::ChunkCipher;
use super::{CHUNK, END, Header, SealError, TAG};
use crate::store::keys::DataKey;

/// Seals what it is given. A chunk goes to the sink, in one write, as soon as it is full: what a crash costs is
/// less than one.
pub struct SealedWriter<W> {
    pub(super) sink: W,
    cipher: ChunkCipher,
    next: u32,
    pending: Zeroizing<Vec<u8>>,
    is_broken: bool,
}

impl<W> fmt::Debug for SealedWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedWriter")
            .field("label", self.cipher.header().label())
            .field("chunks", &self.next)
            .finish_non_exhaustive()
    }
}

impl<W: Write> SealedWriter<W> {
    /// Begins an object. Its key must seal nothing else.
    pub fn begin(mut sink: W, header: Header, key: &DataKey) -> Result<Self, SealError> {
        sink.write_all(header.bytes())?;
        Ok(Self {
            sink,
            cipher: ChunkCipher::new(header, key),
            next: 0,
            // Room for the tag, so that it never moves and leaves a copy behind.
            pending: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)),
            is_broken: false,
        })
    }

    /// Appends.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), SealError> {
        while !bytes.is_empty() {
            let fits = bytes.len().min(CHUNK - self.pending.len());
            let (now, later) = bytes.split_at(fits);
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == CHUNK {
                self.put(false)?;
            }
        }
        Ok(())
    }

    /// Chunks that the sink has been given.
    pub fn chunks(&self) -> u32 {
        self.next
    }

    /// Seals the rest, and says that this was all. Returns the sink, to be synchronised.
    pub fn finish(mut self) -> Result<W, SealError> {
        self.put(true)?;
        Ok(self.sink)
    }

    fn put(&mut self, is_last: bool) -> Result<(), SealError> {
        if self.is_broken {
            return Err(SealError::Broken);
        }
        // Part of a chunk may be written: whatever came after it would be in the wrong place.
        self.is_broken = true;
        let number = self.next;
        self.next = number.checked_add(1).ok_or(SealError::Full)?;
        self.cipher.seal(number, is_last, &mut self.pending)?;
        if is_last {
            self.pending.extend_from_slice(END);
        }
        self.sink.write_all(&self.pending)?;
        self.pending.as_mut_slice().zeroize();
        self.pending.clear();
        self.is_broken = false;
        Ok(())
    }
}
