//! A bounds-checked little-endian reader over a file held in memory.
//!
//! Nothing here allocates by a length found in the file: a length is compared with what is left first.

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Byte offset of the offending field.
    pub(super) offset: usize,
    /// What was found and what was expected.
    pub(super) problem: String,
}

/// Reads fields from the front of a byte slice.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `length` bytes; `what` names them in the error.
    pub(super) fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], Malformed> {
        if length > self.left() {
            return Err(Malformed {
                offset: self.at,
                problem: format!(
                    "the file ends inside {what}: {length} bytes expected, {} left",
                    self.left()
                ),
            });
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self, what: &str) -> Result<u8, Malformed> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn u16(&mut self, what: &str) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn i32(&mut self, what: &str) -> Result<i32, Malformed> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }
}
