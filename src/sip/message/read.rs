//! Bytes to a message.

use super::headers::Headers;
use super::value::is_token;
use super::{Fault, LONGEST_MESSAGE, MOST_HEADERS, Message, Method, Reading, Request, Response};

/// The first line, with what is wrong with it.
struct Start {
    message: Message,
    fault: Option<Fault>,
}

/// Reads a message.
pub(super) fn message(bytes: &[u8]) -> Result<Reading, Fault> {
    if bytes.len() > LONGEST_MESSAGE {
        return Err(Fault::TooLong);
    }
    // RFC 3261, 7.5: empty lines before the first are ignored.
    let blank = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let mut lines = Lines(&bytes[blank..]);
    let first = lines.next_line().ok_or(Fault::StartLine)?;
    let start = start_line(first)?;
    let mut fault = start.fault;
    let (headers, length) = headers(&mut lines, &mut fault)?;
    let mut body = lines.0;
    match length {
        Some(length) if length > body.len() => {
            fault.get_or_insert(Fault::Body);
        }
        Some(length) => body = &body[..length],
        None => {}
    }
    let mut message = start.message;
    match &mut message {
        Message::Request(request) => {
            request.headers = headers;
            request.body = body.to_vec();
        }
        Message::Response(response) => {
            response.headers = headers;
            response.body = body.to_vec();
        }
    }
    Ok(Reading { message, fault })
}

/// Lines that end with a line feed, with or without a carriage return.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &self.0[self.0.len()..]),
        };
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// The request or status line (RFC 3261, 7.1 and 7.2).
fn start_line(line: &[u8]) -> Result<Start, Fault> {
    let line = std::str::from_utf8(line).map_or_else(
        |_| String::from_utf8_lossy(line).into_owned(),
        str::to_owned,
    );
    let line = line.trim_end();
    let (first, rest) = line.split_once(' ').ok_or(Fault::StartLine)?;
    if first.len() >= 4 && first.is_char_boundary(4) && first[..4].eq_ignore_ascii_case("SIP/") {
        if !first.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Fault::Version);
        }
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let status = status
            .parse()
            .ok()
            .filter(|status| digits && (100..700).contains(status));
        let response = Response {
            status: status.ok_or(Fault::StartLine)?,
            reason: reason.trim().replace(|c: char| c.is_control(), " "),
            headers: Headers::default(),
            body: Vec::new(),
        };
        return Ok(Start {
            message: Message::Response(response),
            fault: None,
        });
    }
    let (uri, version) = rest.rsplit_once(' ').ok_or(Fault::StartLine)?;
    if !is_token(first) || version.len() < 5 || !version.is_char_boundary(4) {
        return Err(Fault::StartLine);
    }
    if !version[..4].eq_ignore_ascii_case("SIP/") {
        return Err(Fault::StartLine);
    }
    let malformed = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"');
    let fault = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some(Fault::Version)
    } else if uri.is_empty() || uri.contains(malformed) || !uri.contains(':') {
        Some(Fault::RequestUri)
    } else {
        None
    };
    let request = Request::new(Method::of(first), uri);
    Ok(Start {
        message: Message::Request(request),
        fault,
    })
}

/// The headers up to the empty line, and what Content-Length says.
fn headers(
    lines: &mut Lines<'_>,
    fault: &mut Option<Fault>,
) -> Result<(Headers, Option<usize>), Fault> {
    let mut rows: Vec<(String, Vec<u8>)> = Vec::new();
    let mut number = 1;
    while let Some(line) = lines.next_line() {
        number += 1;
        if line.is_empty() {
            break;
        }
        if matches!(line[0], b' ' | b'\t') {
            // RFC 3261, 7.3.1: a folded line goes on with the header before.
            match rows.last_mut() {
                Some((_, value)) => {
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
                None => {
                    fault.get_or_insert(Fault::HeaderLine(number));
                }
            }
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let name = colon.and_then(|colon| std::str::from_utf8(line[..colon].trim_ascii_end()).ok());
        match (colon, name.filter(|name| is_token(name))) {
            (Some(colon), Some(name)) => {
                if rows.len() == MOST_HEADERS {
                    return Err(Fault::TooManyHeaders);
                }
                rows.push((name.to_owned(), line[colon + 1..].trim_ascii().to_vec()));
            }
            _ => {
                fault.get_or_insert(Fault::HeaderLine(number));
            }
        }
    }
    let mut headers = Headers::default();
    let mut length = None;
    for (name, value) in rows {
        let value = String::from_utf8_lossy(&value);
        if name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l") {
            match content_length(&value) {
                Some(number) if length.is_none() => length = Some(number),
                _ => {
                    fault.get_or_insert(Fault::Header("Content-Length"));
                }
            }
        } else {
            headers.push(&name, &value);
        }
    }
    Ok((headers, length))
}

/// A number of bytes.
pub(super) fn content_length(value: &str) -> Option<usize> {
    let value = value.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}
