//! `hushgate model verify`: is the file the listed one, is it whole, and does it hear.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::{self, Engine, HearingSettings, RecogniserFactory};
use crate::model::{self, DEFAULT_MODEL, ListedFile, ggml};
use crate::speech::{Window, WindowId};

/// The sample of a checkout.
const SAMPLE: &str = "audio-samples/amex_full.wav";
/// The share of a sample's digits that a working model hears at least.
const LEAST_HEARD: f64 = 0.7;
/// Sound before and after a labelled item that is heard with it, in seconds.
const AROUND: f64 = 0.4;
/// Longest window, in seconds.
const LONGEST: f64 = 8.0;

/// What to verify, and with which sound.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A listed model's name or a ggml file.
    #[arg(value_name = "NAME|PATH", default_value = DEFAULT_MODEL)]
    model: String,
    /// A labelled call to listen to: a WAV file (16-bit, 8 or 16 kHz) with a JSON file of labels beside
    /// it, as in audio-samples.
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// The library that hears: ctranslate2 or whisper.cpp.
    #[arg(long, value_name = "NAME", env = "HUSHGATE_ENGINE")]
    engine: Option<Engine>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = model::resolve(&arguments.model)?;
    let mut output = std::io::stdout().lock();
    if let Some(listed) = check_hash(&path)? {
        writeln!(output, "hash       as listed ({})", &listed.sha256[..12])?;
    } else {
        writeln!(output, "hash       not checked: not a listed file")?;
    }
    let info = ggml::check(&path)?;
    writeln!(
        output,
        "structure  Whisper {}, {}, {:.1} MB",
        info.dimensions.size_name(),
        info.precision,
        info.bytes as f64 / 1e6
    )?;
    let in_checkout = Path::new(SAMPLE);
    let Some(sample) = arguments
        .sample
        .as_deref()
        .or_else(|| in_checkout.is_file().then_some(in_checkout))
    else {
        writeln!(
            output,
            "hearing    not checked: no {SAMPLE} here; give --sample FILE"
        )?;
        return Ok(ExitCode::SUCCESS);
    };
    let engine = arguments.engine.unwrap_or_default();
    let factory = engine::load(engine, &path, HearingSettings::default())?;
    let (heard, spoken) = listen(&*factory, sample)?;
    writeln!(
        output,
        "hearing    {heard} of {spoken} digits of {}",
        sample.display()
    )?;
    ensure!(
        heard as f64 >= LEAST_HEARD * spoken as f64,
        "{} hears too little of {}: {heard} of {spoken} digits, expected {:.0} % at least",
        path.display(),
        sample.display(),
        LEAST_HEARD * 100.0
    );
    Ok(ExitCode::SUCCESS)
}

/// The list's entry of a file in the model folder, if the file is as listed; `None` for other files.
pub(super) fn check_hash(path: &Path) -> anyhow::Result<Option<ListedFile>> {
    let folder = model::folder();
    for listed in model::listed()? {
        for file in &listed.files {
            if listed.path(&folder, file.precision) == path {
                let found = model::sha256_of(path)?;
                if found != file.sha256 {
                    bail!(model::ModelError::WrongHash {
                        path: path.to_owned(),
                        expected: file.sha256.clone(),
                        found,
                    });
                }
                return Ok(Some(file.clone()));
            }
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Labels {
    channels: Vec<String>,
    #[serde(default)]
    sensitive: Vec<Item>,
    #[serde(default)]
    benign: Vec<Item>,
}

/// A number that is spoken in a sample.
#[derive(Deserialize)]
struct Item {
    channel: String,
    value: String,
    #[serde(default)]
    digits: Vec<(f64, f64)>,
}

/// How many of the labelled digits the model hears, and how many there are.
fn listen(factory: &dyn RecogniserFactory, sample: &Path) -> anyhow::Result<(usize, usize)> {
    let labels_path = sample.with_extension("json");
    let labels: Labels = serde_json::from_slice(
        &std::fs::read(&labels_path)
            .with_context(|| format!("{}: the sample's labels", labels_path.display()))?,
    )
    .with_context(|| {
        format!(
            "{}: expected labels as in audio-samples",
            labels_path.display()
        )
    })?;
    let channels = read_channels(sample)?;
    let mut recogniser = factory.create()?;
    let (mut heard, mut spoken) = (0, 0);
    for item in labels.sensitive.iter().chain(&labels.benign) {
        let channel = labels
            .channels
            .iter()
            .position(|name| *name == item.channel);
        let Some(sound) = channel.and_then(|channel| channels.get(channel)) else {
            bail!("{}: no channel `{}`", labels_path.display(), item.channel);
        };
        let mut digits = String::new();
        for (start, end) in windows(&item.digits) {
            let window = window(sound, start, end);
            for word in &recogniser.transcribe(&window)?.words {
                digits.push_str(&digits_of(word.text.expose()));
            }
        }
        spoken += item.digits.len();
        heard += common(&item.value, &digits).min(item.digits.len());
    }
    ensure!(
        spoken > 0,
        "{}: no item has its digits' times",
        labels_path.display()
    );
    Ok((heard, spoken))
}

/// Every channel at 16 kHz.
pub(super) fn read_channels(path: &Path) -> anyhow::Result<Vec<Vec<f32>>> {
    let named = || {
        format!(
            "{}: expected a 16-bit WAV file of 8 or 16 kHz",
            path.display()
        )
    };
    let mut reader = hound::WavReader::open(path).with_context(named)?;
    let format = reader.spec();
    let whole = format.bits_per_sample == 16 && format.sample_format == hound::SampleFormat::Int;
    ensure!(
        whole && [8_000, 16_000].contains(&format.sample_rate),
        named()
    );
    let samples: Vec<i16> = reader
        .samples()
        .collect::<Result<_, _>>()
        .with_context(named)?;
    let count = usize::from(format.channels);
    Ok((0..count)
        .map(|channel| {
            let channel = samples.iter().skip(channel).step_by(count);
            let sound: Vec<f32> = channel
                .map(|sample| f32::from(*sample) / 32_768.0)
                .collect();
            if format.sample_rate == 16_000 {
                sound
            } else {
                doubled(&sound)
            }
        })
        .collect())
}

/// Twice the rate, by straight lines: enough to tell whether a model hears at all.
fn doubled(sound: &[f32]) -> Vec<f32> {
    let next = sound.iter().skip(1).chain(sound.last());
    sound
        .iter()
        .zip(next)
        .flat_map(|(sample, next)| [*sample, f32::midpoint(*sample, *next)])
        .collect()
}

/// Stretches of at most [`LONGEST`] that hold all digits, cut between two.
fn windows(digits: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut windows: Vec<(f64, f64)> = Vec::new();
    let mut last_end = 0.0;
    for (start, end) in digits {
        match windows.last_mut() {
            Some(window) if end - window.0 < LONGEST => window.1 = end + AROUND,
            Some(window) => {
                let middle = f64::midpoint(last_end, *start);
                window.1 = middle;
                windows.push((middle, end + AROUND));
            }
            None => windows.push((start - AROUND, end + AROUND)),
        }
        last_end = *end;
    }
    windows
}

fn window(sound: &[f32], start: f64, end: f64) -> Window {
    let index = |seconds: f64| ((seconds.max(0.0) * 16_000.0) as usize).min(sound.len());
    Window {
        id: WindowId(0),
        leg: Leg::Mixed,
        span: Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end)),
        samples: Sensitive::new(sound[index(start)..index(end)].to_vec()),
        deadline: MediaTime::MAX,
    }
}

/// The digits of a word, written as figures or as one of the ten words for them.
fn digits_of(word: &str) -> String {
    let letters: String = word.chars().filter(char::is_ascii_alphabetic).collect();
    let names = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    match names
        .iter()
        .position(|name| letters.eq_ignore_ascii_case(name))
    {
        Some(digit) => digit.to_string(),
        None if letters.eq_ignore_ascii_case("oh") => "0".into(),
        None => word.chars().filter(char::is_ascii_digit).collect(),
    }
}

/// Length of the longest common subsequence.
fn common(a: &str, b: &str) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a.bytes() {
        let mut diagonal = 0;
        for (at, y) in b.bytes().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y {
                diagonal + 1
            } else {
                above.max(row[at])
            };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_compared_in_order() {
        assert_eq!(digits_of("Four,"), "4");
        assert_eq!(digits_of("45-32."), "4532");
        assert_eq!(digits_of("hello"), "");
        assert_eq!(common("4111", "4111"), 4);
        assert_eq!(common("4111", "9411"), 3);
        assert_eq!(common("4111", ""), 0);
    }

    #[test]
    fn windows_are_cut_between_digits() {
        let digits: Vec<(f64, f64)> = (0..20)
            .map(|index| (10.0 + f64::from(index), 10.5 + f64::from(index)))
            .collect();
        let windows = windows(&digits);
        assert_eq!(windows.len(), 3);
        assert_eq!(windows[0], (9.6, 17.75));
        assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert!(
            windows
                .iter()
                .all(|window| window.1 - window.0 < LONGEST + 1.0)
        );
    }
}
