//! A recording as it is played: opened piece by piece, from anywhere.

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::calls::{Placed, blocking};
use super::problem::Problem;
use crate::store::vault::StoredAudio;

/// Bytes that are opened at once: half a minute of one channel at 8 kHz.
const PIECE: usize = 512 * 1024;

/// Bytes from the first to before the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    from: u64,
    to: u64,
}

/// Opens a call's recording.
pub(super) async fn open(call: &Placed) -> Result<StoredAudio, Problem> {
    let vault = call.vault.clone();
    let name = call.name.clone();
    Ok(blocking(move || vault.audio(&name)).await??)
}

/// The range that a request asks for; `None`: all. Several ranges, and what is no range of bytes, are as if none was
/// asked for (RFC 9110, 14.2).
pub(super) fn range(headers: &HeaderMap, length: u64) -> Result<Option<Range>, Problem> {
    let text = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some(spec) = text.and_then(|text| text.strip_prefix("bytes=")) else {
        return Ok(None);
    };
    let Some((from, to)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>();
    let range = match (from.trim(), to.trim()) {
        ("", last) => match number(last) {
            Ok(0) => Range {
                from: length,
                to: length,
            },
            Ok(last) => Range {
                from: length.saturating_sub(last),
                to: length,
            },
            Err(_) => return Ok(None),
        },
        (from, "") => match number(from) {
            Ok(from) => Range { from, to: length },
            Err(_) => return Ok(None),
        },
        (from, to) => match (number(from), number(to)) {
            (Ok(from), Ok(to)) if from <= to => Range {
                from,
                to: to.saturating_add(1).min(length),
            },
            _ => return Ok(None),
        },
    };
    if range.from >= length {
        return Err(Problem::wrong_range(length));
    }
    Ok(Some(range))
}

/// The answer with a range, or all. What was altered ends it early, so that the browser sees that it is not whole.
pub(super) fn answer(audio: StoredAudio, range: Option<Range>) -> Response {
    let length = audio.length();
    let Range { from, to } = range.unwrap_or(Range {
        from: 0,
        to: length,
    });
    let pieces = stream::unfold(Some((audio, from)), move |state| async move {
        let (mut audio, at) = state.filter(|(_, at)| *at < to)?;
        let piece = usize::try_from(to - at).map_or(PIECE, |left| left.min(PIECE));
        let read = blocking(move || {
            let bytes = audio.read_at(at, piece);
            (audio, bytes)
        });
        match read.await {
            Ok((audio, Ok(bytes))) if !bytes.is_empty() => {
                let next = at + bytes.len() as u64;
                Some((Ok(Bytes::from(bytes.to_vec())), Some((audio, next))))
            }
            Ok((_, Ok(_))) => None,
            Ok((_, Err(error))) => {
                tracing::error!(%error, "a recording cannot be played to its end");
                Some((
                    Err(std::io::Error::other("the recording was altered")),
                    None,
                ))
            }
            Err(_) => Some((
                Err(std::io::Error::other("the recording cannot be read")),
                None,
            )),
        }
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, (to - from).into());
    if range.is_some() {
        let text = format!("bytes {from}-{}/{length}", to - 1);
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::problem::Code;
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let check = |text: &str, expected: Result<Option<(u64, u64)>, Code>| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_str(text).unwrap());
            let found = range(&headers, 100);
            let found = found.map(|range| range.map(|range| (range.from, range.to)));
            assert_eq!(found.map_err(|problem| problem.code()), expected, "{text}");
        };
        check("bytes=0-9", Ok(Some((0, 10))));
        check("bytes=90-", Ok(Some((90, 100))));
        check("bytes=-5", Ok(Some((95, 100))));
        check("bytes=-500", Ok(Some((0, 100))));
        check("bytes=50-5000", Ok(Some((50, 100))));
        check("bytes=0-18446744073709551615", Ok(Some((0, 100))));
        check("bytes=99-99", Ok(Some((99, 100))));
        check("bytes=100-", Err(Code::WrongRange));
        check("bytes=-0", Err(Code::WrongRange));
        for ignored in [
            "bytes=9-0",
            "bytes=0-1,5-6",
            "bytes=a-b",
            "lines=0-9",
            "bytes=-",
            "bytes",
        ] {
            check(ignored, Ok(None));
        }
        assert_eq!(range(&HeaderMap::new(), 100).unwrap(), None);
    }
}
