//! Messages in a stream of bytes (RFC 3261, 18.3; keep-alives of RFC 5626, 3.5.1).
//!
//! On TCP and TLS a message ends where its Content-Length says. A double CRLF between messages is a ping that
//! is to be answered with [`PONG`].
//!
//! **Architecture invariant:** at most one message of [`LONGEST_MESSAGE`] bytes is held.

use std::fmt;

use super::message::LONGEST_MESSAGE;

/// What a ping is answered with.
pub const PONG: &[u8] = b"\r\n";

/// What came on a stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of a message.
    Message(Vec<u8>),
    /// The peer asks whether the connection lives: send [`PONG`].
    Ping,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Frame::Ping => f.write_str("Ping"),
        }
    }
}

/// Why nothing more can be told apart on a stream, which is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A message is longer than is taken.
    #[error("a message on the stream is longer than {LONGEST_MESSAGE} bytes")]
    TooLong,
    /// No usable Content-Length.
    #[error("a message on the stream does not say where it ends (Content-Length)")]
    NoLength,
}

/// One direction of one connection.
#[derive(Default)]
pub struct Framing {
    held: Vec<u8>,
    /// Up to where the end of the headers was looked for.
    searched: usize,
    /// Length of the message at the front, once its headers are there.
    length: Option<usize>,
    /// Line feeds seen between messages.
    empty_lines: u8,
    failed: Option<FramingError>,
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framing({} bytes, {:?})", self.held.len(), self.failed)
    }
}

impl Framing {
    /// Takes bytes and appends what is complete. After an error nothing more is taken.
    pub fn push(&mut self, mut bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FramingError> {
        while !bytes.is_empty() {
            if let Some(error) = self.failed {
                return Err(error);
            }
            // No more than one message is ever held, however much comes at once.
            let room = (LONGEST_MESSAGE + 1).saturating_sub(self.held.len()).max(1);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.held.extend_from_slice(now);
            bytes = later;
            while self.step(frames)? {}
        }
        self.failed.map_or(Ok(()), Err)
    }

    /// Takes one thing off the front; whether there was one.
    fn step(&mut self, frames: &mut Vec<Frame>) -> Result<bool, FramingError> {
        if self.searched == 0 {
            self.skip_empty_lines(frames);
        }
        if self.length.is_none() {
            self.length = self.find_length()?;
        }
        let Some(length) = self.length else {
            if self.held.len() > LONGEST_MESSAGE {
                return self.fail(FramingError::TooLong);
            }
            return Ok(false);
        };
        if length > LONGEST_MESSAGE {
            return self.fail(FramingError::TooLong);
        }
        if self.held.len() < length {
            return Ok(false);
        }
        let rest = self.held.split_off(length);
        frames.push(Frame::Message(std::mem::replace(&mut self.held, rest)));
        self.length = None;
        self.searched = 0;
        self.empty_lines = 0;
        Ok(true)
    }

    fn skip_empty_lines(&mut self, frames: &mut Vec<Frame>) {
        let blank = self
            .held
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        for byte in self.held.drain(..blank) {
            if byte == b'\n' {
                self.empty_lines += 1;
            }
            if self.empty_lines == 2 {
                self.empty_lines = 0;
                // One answer serves for many pings that came at once.
                if frames.last() != Some(&Frame::Ping) {
                    frames.push(Frame::Ping);
                }
            }
        }
    }

    /// The length of the message at the front, if its headers are complete.
    fn find_length(&mut self) -> Result<Option<usize>, FramingError> {
        let mut at = self.searched;
        let end = loop {
            let Some(feed) = self.held[at..].iter().position(|byte| *byte == b'\n') else {
                // An empty line may have begun: it is looked at again.
                self.searched = self
                    .held
                    .len()
                    .saturating_sub(2)
                    .max(1)
                    .min(self.held.len());
                return Ok(None);
            };
            let after = at + feed + 1;
            match self.held[after..] {
                [b'\n', ..] => break after + 1,
                [b'\r', b'\n', ..] => break after + 2,
                _ => at = after,
            }
        };
        match content_length(&self.held[..end]) {
            Some(length) => Ok(Some(end.saturating_add(length))),
            None => {
                self.failed = Some(FramingError::NoLength);
                Err(FramingError::NoLength)
            }
        }
    }

    fn fail(&mut self, error: FramingError) -> Result<bool, FramingError> {
        self.held = Vec::new();
        self.failed = Some(error);
        Err(error)
    }
}

/// What Content-Length says; `None` if it is missing, not a number, or said twice in different ways.
fn content_length(headers: &[u8]) -> Option<usize> {
    let mut found = None;
    for line in headers.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        if name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l") {
            let value = std::str::from_utf8(line[colon + 1..].trim_ascii()).ok()?;
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            // A number too big for any memory is as long as can be.
            let length = digits.then(|| value.parse().unwrap_or(usize::MAX))?;
            if found.is_some_and(|known| known != length) {
                return None;
            }
            found = Some(length);
        }
    }
    found
}

#[cfg(test)]
mod tests;
