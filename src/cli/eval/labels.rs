//! Labels of a call: what in it is sensitive, and what only looks so.
//!
//! ```json
//! {"audio": "NAME.wav", "sample_rate": 8000, "channels": ["agent", "customer"], "scenario": "pan_asked",
//!  "sensitive": [{"channel": "customer", "kind": "pan", "value": "4111111111111111",
//!                 "start": 12.9, "end": 23.6, "digits": [[12.9, 13.4], ...]}],
//!  "benign": [...]}
//! ```
//!
//! `digits` may be missing or empty: the interval is then shared out evenly. An error names the file and
//! the field, never a value.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::call::Sensitive;

/// The labels of one call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Labels {
    /// The call's name: the label file without `.json`.
    pub(crate) name: String,
    /// The recording beside the label file.
    pub(crate) audio: PathBuf,
    /// The call before it was degraded, if it was: it tells where there is speech.
    pub(crate) spoken: Option<PathBuf>,
    pub(crate) sample_rate: u32,
    /// Names of the channels in order.
    pub(crate) channels: Vec<String>,
    pub(crate) scenario: String,
    pub(crate) sensitive: Vec<Item>,
    pub(crate) benign: Vec<Item>,
}

impl Labels {
    /// The label file beside the recording.
    pub(crate) fn file(&self) -> PathBuf {
        self.audio.with_file_name(format!("{}.json", self.name))
    }

    /// What is known of the call's first seconds: what was said later is left out, as are the later digits
    /// of what was being said, and what was being said of benign numbers.
    pub(crate) fn until(&self, seconds: f64) -> Self {
        let mut labels = self.clone();
        labels.sensitive.retain(|item| item.start < seconds);
        for item in labels
            .sensitive
            .iter_mut()
            .filter(|item| item.end > seconds)
        {
            item.end = seconds;
            item.digits.retain(|(_, end)| *end <= seconds);
            item.timed = None;
        }
        labels.benign.retain(|item| item.end <= seconds);
        labels
    }
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// Index into the channels.
    pub(crate) channel: usize,
    pub(crate) kind: String,
    /// Seconds from the start of the call.
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// The interval of each digit.
    pub(crate) digits: Vec<(f64, f64)>,
    /// The digits themselves, where the labels have an interval for each.
    pub(crate) timed: Option<Sensitive<Vec<u8>>>,
}

/// Why labels could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LabelError {
    #[error("{}: {cause}", file.display())]
    Unreadable {
        file: PathBuf,
        cause: std::io::Error,
    },
    #[error("{}:{line}:{column}: not JSON", file.display())]
    NotJson {
        file: PathBuf,
        line: usize,
        column: usize,
    },
    #[error("{}: {field}: expected {expected}", file.display())]
    Field {
        file: PathBuf,
        field: String,
        expected: &'static str,
    },
    #[error("{}: no labels (*.json beside the recordings)", folder.display())]
    None { folder: PathBuf },
}

/// The label files of a folder, by name.
pub(crate) fn find(folder: &Path) -> Result<Vec<PathBuf>, LabelError> {
    let unreadable = |cause| LabelError::Unreadable {
        file: folder.to_owned(),
        cause,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(LabelError::None {
            folder: folder.to_owned(),
        });
    }
    files.sort();
    Ok(files)
}

/// Reads one label file.
pub(crate) fn read(file: &Path) -> Result<Labels, LabelError> {
    let text = std::fs::read_to_string(file).map_err(|cause| LabelError::Unreadable {
        file: file.to_owned(),
        cause,
    })?;
    parse(&text, file)
}

fn parse(text: &str, file: &Path) -> Result<Labels, LabelError> {
    // The parser's own message may quote what stands there.
    let value: Value = serde_json::from_str(text).map_err(|error| LabelError::NotJson {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
    })?;
    labels(&value, file).map_err(|Wrong { field, expected }| LabelError::Field {
        file: file.to_owned(),
        field,
        expected,
    })
}

/// A field that is not what was expected.
struct Wrong {
    field: String,
    expected: &'static str,
}

fn wrong(field: impl Into<String>, expected: &'static str) -> Wrong {
    Wrong {
        field: field.into(),
        expected,
    }
}

fn labels(value: &Value, file: &Path) -> Result<Labels, Wrong> {
    let audio = text(value, "", "audio")?;
    if audio.contains(['/', '\\']) {
        return Err(wrong("audio", "a file name without a folder"));
    }
    let channels = list(value, "", "channels")?
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<Vec<_>>>()
        .filter(|names| (1..=2).contains(&names.len()))
        .ok_or_else(|| wrong("channels", "one or two names of channels"))?;
    let items = |name: &str| -> Result<Vec<Item>, Wrong> {
        list(value, "", name)?
            .iter()
            .enumerate()
            .map(|(index, value)| item(value, &format!("{name}[{index}]."), &channels))
            .collect()
    };
    Ok(Labels {
        name: file
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default(),
        audio: file.with_file_name(audio),
        spoken: None,
        sample_rate: value
            .get("sample_rate")
            .and_then(Value::as_u64)
            .and_then(|rate| u32::try_from(rate).ok())
            .ok_or_else(|| wrong("sample_rate", "samples per second"))?,
        scenario: match value.get("scenario") {
            None => String::new(),
            Some(_) => text(value, "", "scenario")?.to_owned(),
        },
        sensitive: items("sensitive")?,
        benign: items("benign")?,
        channels,
    })
}

fn item(value: &Value, place: &str, channels: &[String]) -> Result<Item, Wrong> {
    let channel = text(value, place, "channel")?;
    let channel = channels
        .iter()
        .position(|name| name == channel)
        .ok_or_else(|| wrong(format!("{place}channel"), "one of the call's channels"))?;
    let said = text(value, place, "value")?;
    let spoken = said.chars().count();
    let (start, end) = (
        seconds(value, place, "start")?,
        seconds(value, place, "end")?,
    );
    if end <= start {
        return Err(wrong(format!("{place}end"), "a time after the start"));
    }
    let digits = match value.get("digits") {
        None | Some(Value::Null) => Vec::new(),
        Some(_) => list(value, place, "digits")?
            .iter()
            .enumerate()
            .map(|(index, pair)| {
                interval(pair).ok_or_else(|| {
                    wrong(
                        format!("{place}digits[{index}]"),
                        "[start, end] in seconds, the end not before the start",
                    )
                })
            })
            .collect::<Result<_, _>>()?,
    };
    if digits.is_empty() && spoken == 0 {
        return Err(wrong(format!("{place}value"), "what was said"));
    }
    let timed = timed(said, digits.len());
    let digits = if digits.is_empty() {
        let width = (end - start) / spoken as f64;
        (0..spoken)
            .map(|index| {
                (
                    start + width * index as f64,
                    start + width * (index + 1) as f64,
                )
            })
            .collect()
    } else {
        digits
    };
    Ok(Item {
        channel,
        kind: text(value, place, "kind")?.to_owned(),
        start,
        end,
        digits,
        timed,
    })
}

/// The digits of a value that has as many as there are intervals.
fn timed(value: &str, intervals: usize) -> Option<Sensitive<Vec<u8>>> {
    // Of the right size from the start: a list that grows leaves its digits behind.
    let mut digits = Vec::with_capacity(value.len());
    digits.extend(
        value
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(|digit| digit - b'0'),
    );
    let digits = Sensitive::new(digits);
    (intervals > 0 && digits.expose().len() == intervals).then_some(digits)
}

fn text<'a>(value: &'a Value, place: &str, name: &str) -> Result<&'a str, Wrong> {
    value
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| wrong(format!("{place}{name}"), "text"))
}

fn list<'a>(value: &'a Value, place: &str, name: &str) -> Result<&'a [Value], Wrong> {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| wrong(format!("{place}{name}"), "a list"))
}

fn seconds(value: &Value, place: &str, name: &str) -> Result<f64, Wrong> {
    value
        .get(name)
        .and_then(Value::as_f64)
        .filter(|&seconds| seconds >= 0.0)
        .ok_or_else(|| {
            wrong(
                format!("{place}{name}"),
                "seconds from the start of the call",
            )
        })
}

fn interval(pair: &Value) -> Option<(f64, f64)> {
    let [start, end] = pair.as_array()?.as_slice() else {
        return None;
    };
    let (start, end) = (start.as_f64()?, end.as_f64()?);
    (start >= 0.0 && end >= start).then_some((start, end))
}

#[cfg(test)]
mod tests;
