//! Bodies of many parts (RFC 2046, 5.1), as SIPREC's: SDP beside metadata.
//!
//! Read as vendors write it: a boundary with or without quotes, something before the first part, lines that end
//! with a bare line feed, no final boundary, part headers in any case, parts within parts. A Content-Length of a
//! part is not looked at: the boundary says where it ends.
//!
//! **Architecture invariant:** at most [`MOST_PARTS`] parts and two levels.

use std::fmt;

use super::message::{ContentType, Headers};

/// Most parts of a body, those within parts included.
pub const MOST_PARTS: usize = 16;
const LEVELS: usize = 2;
const MOST_PART_HEADERS: usize = 32;

/// Why the parts of a body cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// No line of the body begins as the boundary says.
    #[error("the multipart body has no part: no line is its boundary")]
    NoPart,
    /// More than [`MOST_PARTS`].
    #[error("the multipart body has more than {MOST_PARTS} parts")]
    TooManyParts,
    /// A part is neither 7bit, 8bit nor binary.
    #[error("a part's Content-Transfer-Encoding is not 7bit, 8bit or binary")]
    Encoding,
    /// Parts within parts within parts.
    #[error("the multipart body is nested more than {LEVELS} levels")]
    TooDeep,
}

/// One part.
#[derive(Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// What the part is; `None` if it does not say or says it in no known form.
    pub content_type: Option<ContentType>,
    /// What the part is for, in lower case and without parameters.
    pub disposition: Option<String>,
    /// Its content.
    pub body: &'a [u8],
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Part({:?}, {} bytes)",
            self.content_type,
            self.body.len()
        )
    }
}

/// The parts of a body, in order.
pub fn parts<'a>(
    content_type: &ContentType,
    body: &'a [u8],
) -> Result<Vec<Part<'a>>, MultipartError> {
    let mut found = Vec::new();
    read(content_type, body, LEVELS, &mut found)?;
    if found.is_empty() {
        return Err(MultipartError::NoPart);
    }
    Ok(found)
}

fn read<'a>(
    content_type: &ContentType,
    body: &'a [u8],
    levels: usize,
    found: &mut Vec<Part<'a>>,
) -> Result<(), MultipartError> {
    if levels == 0 {
        return Err(MultipartError::TooDeep);
    }
    let boundary = match content_type.parameters.get("boundary").map(str::trim) {
        Some(boundary) if !boundary.is_empty() => boundary.as_bytes(),
        _ => guessed(body).ok_or(MultipartError::NoPart)?,
    };
    for bytes in sections(body, boundary) {
        let part = part(bytes)?;
        match &part.content_type {
            Some(inner) if inner.is_multipart() => read(inner, part.body, levels - 1, found)?,
            _ if found.len() == MOST_PARTS => return Err(MultipartError::TooManyParts),
            _ => found.push(part),
        }
    }
    Ok(())
}

/// The boundary of a body whose type does not tell it: what follows the first two dashes.
fn guessed(body: &[u8]) -> Option<&[u8]> {
    body.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .find_map(|line| line.strip_prefix(b"--"))
        .filter(|boundary| !boundary.is_empty())
}

/// What lies between boundary lines.
fn sections<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut sections = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < body.len() && sections.len() <= MOST_PARTS {
        let end = body[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(body.len(), |feed| at + feed + 1);
        let line = body[at..end].trim_ascii_end();
        let rest = line
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary));
        if let Some(rest) = rest.filter(|rest| matches!(rest.trim_ascii(), b"" | b"--")) {
            if let Some(start) = start.take() {
                sections.push(without_line_end(&body[start..at]));
            }
            if rest.starts_with(b"--") {
                return sections;
            }
            start = Some(end);
        }
        at = end;
    }
    // The final boundary is missing.
    if let Some(start) = start {
        sections.push(without_line_end(&body[start..]));
    }
    sections
}

/// The line end before a boundary belongs to the boundary.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn part(bytes: &[u8]) -> Result<Part<'_>, MultipartError> {
    let mut headers = Headers::default();
    let mut rest = bytes;
    let mut pending: Option<(String, String)> = None;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = end.map_or((rest, &rest[rest.len()..]), |end| {
            (&rest[..end], &rest[end + 1..])
        });
        let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if text.trim().is_empty() {
            rest = after;
            break;
        }
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = &mut pending {
                value.push(' ');
                value.push_str(text.trim());
            }
        } else if let Some((name, value)) = text.split_once(':') {
            if let Some((name, value)) = pending.replace((name.trim().to_owned(), value.to_owned()))
                && headers.len() < MOST_PART_HEADERS
            {
                headers.push(&name, &value);
            }
        } else {
            // No header: the part has none and begins here.
            break;
        }
        rest = after;
    }
    if let Some((name, value)) = pending {
        headers.push(&name, &value);
    }
    let encoding = headers.get("Content-Transfer-Encoding").unwrap_or("binary");
    if !["7bit", "8bit", "binary"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(encoding.trim()))
    {
        return Err(MultipartError::Encoding);
    }
    let disposition = headers.get("Content-Disposition").map(|value| {
        let kind = value.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    });
    Ok(Part {
        content_type: headers.content_type().ok().flatten(),
        disposition,
        body: rest,
    })
}

/// What is written into a part.
#[derive(Clone, Copy)]
pub struct NewPart<'a> {
    /// Its type.
    pub content_type: &'a str,
    /// What it is for, if that is not plain.
    pub disposition: Option<&'a str>,
    /// Its content.
    pub body: &'a [u8],
}

impl fmt::Debug for NewPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NewPart({}, {} bytes)",
            self.content_type,
            self.body.len()
        )
    }
}

/// Writes a `multipart/mixed` body; the type with the boundary, and the body. The boundary is to be in none of the
/// parts: 128 random bits are not.
pub fn write(boundary: u128, parts: &[NewPart<'_>]) -> (String, Vec<u8>) {
    let boundary = format!("hushgate-{boundary:032x}");
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(format!("Content-Type: {}\r\n", part.content_type).as_bytes());
        if let Some(disposition) = part.disposition {
            body.extend_from_slice(format!("Content-Disposition: {disposition}\r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(part.body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/mixed;boundary={boundary}"), body)
}

#[cfg(test)]
mod tests;
