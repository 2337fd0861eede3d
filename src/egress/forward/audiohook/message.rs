//! A recorder's messages as they are read, and times as they are written.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// Longest text message either way, in UTF-16 units as the platform counts.
pub(super) const LONGEST_TEXT: usize = 65_535;

/// Nanoseconds of a sample at 8 kHz, the only rate.
const NANOSECONDS: u64 = 125_000;

/// A message.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) version: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) seq: u64,
    pub(super) clientseq: u64,
    pub(super) parameters: Parameters,
}

/// What is read of `parameters`, whatever the message.
#[derive(Deserialize)]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) media: Vec<Value>,
    #[serde(default, rename = "startPaused")]
    pub(super) start_paused: bool,
    #[serde(default, rename = "discardTo")]
    pub(super) discard_to: Option<String>,
    #[serde(default)]
    pub(super) reason: String,
}

/// A stretch of stream time in samples, as seconds of ISO 8601.
pub(super) fn stream_time(samples: u64) -> String {
    seconds(Duration::from_nanos(samples.saturating_mul(NANOSECONDS)))
}

/// A length of time as seconds of ISO 8601: `PT12.34S`.
pub(super) fn seconds(length: Duration) -> String {
    let (whole, fraction) = (length.as_secs(), length.subsec_nanos());
    if fraction == 0 {
        return format!("PT{whole}S");
    }
    let fraction = format!("{fraction:09}");
    format!("PT{whole}.{}S", fraction.trim_end_matches('0'))
}

/// How many whole samples a recorder's duration has, up to a day.
pub(super) fn samples(text: &str) -> Option<u64> {
    let number = text.strip_prefix("PT")?.strip_suffix('S')?;
    let is_number = !number.ends_with('.')
        && number
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    let seconds: f64 = number.parse().ok().filter(|_| is_number)?;
    (seconds <= 86_400.0).then(|| {
        // Microseconds first: a decimal fraction of them is not exact.
        let micros = (seconds * 1e6).round() as u64;
        micros * 1_000 / NANOSECONDS
    })
}

/// Whether a text is too long to be sent or read.
pub(super) fn is_too_long(text: &str) -> bool {
    text.len() > LONGEST_TEXT && text.encode_utf16().count() > LONGEST_TEXT
}
