//! `hushgate bench speech`: what recognising a window costs, by its length.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use cpu_time::ProcessTime;
use serde::Serialize;

use super::loudest;
use super::machine::Machine;
use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::{Leg, Sensitive};
use crate::cli::doctor::timed_window;
use crate::cli::model_verify::read_channels;
use crate::cli::shared::{SharedArguments, note, print, recognisers_with};
use crate::engine::HearingSettings;
use crate::engine::Recogniser;
use crate::speech::{Window, WindowId};

const EXAMPLES: &str = "\
Examples:
  hushgate bench speech audio-samples/pan_asked.wav
  hushgate bench speech call.wav --seconds 2,6 --repeats 20 --json
  hushgate bench speech --model models/other.bin

One recogniser hears the same stretch of sound again and again, of each length the loudest of the file; without a
file, the sound that `hushgate doctor` uses, which has no words. What is told is processor time in all threads:
the least and the median of the repeats, and the median for each second of sound. The first time is not counted.

--json prints: machine, version, model_sha256, sound, repeats, windows (each: seconds, least_s, median_s,
per_second_s).

Exit status: 0 measured, 1 failed, 2 wrong usage.";

/// Measures what recognising a window costs, by its length.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Speech to listen to: a WAV file, 16-bit, 8 or 16 kHz.
    #[arg(value_name = "FILE")]
    sound: Option<PathBuf>,
    /// Lengths of windows.
    #[arg(
        long,
        value_name = "SECONDS,...",
        value_delimiter = ',',
        default_value = "1,2,5,8",
        value_parser = parse_seconds
    )]
    seconds: Vec<f64>,
    /// How often each is recognised.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeats: u32,
    #[command(flatten)]
    shared: SharedArguments,
}

/// A length that recognisers take.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .filter(|seconds| (0.5..=30.0).contains(seconds))
        .ok_or_else(|| "expected 0.5 to 30 seconds".into())
}

/// Everything that is told, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Findings {
    machine: Machine,
    version: &'static str,
    model_sha256: String,
    /// The file that was listened to; none for the built-in sound.
    sound: Option<PathBuf>,
    repeats: u32,
    windows: Vec<Cost>,
}

/// What windows of one length cost, in seconds of processor time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Cost {
    /// Length of the windows.
    seconds: f64,
    least_s: f64,
    median_s: f64,
    /// The median for each second of sound.
    per_second_s: f64,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.shared.resolve()?;
    let windows = arguments.windows()?;
    let settings = HearingSettings {
        // The built-in sound has no words; a second try at it would be timed too.
        retry: arguments.sound.is_some(),
        ..HearingSettings::default()
    };
    let factory = recognisers_with(&config, settings)?;
    let mut recogniser = factory.create()?;
    let mut costs = Vec::new();
    for (seconds, window) in &windows {
        let times = arguments.time(recogniser.as_mut(), window)?;
        costs.push(Cost::of(*seconds, times));
    }
    let findings = Findings {
        machine: Machine::this(),
        version: env!("CARGO_PKG_VERSION"),
        model_sha256: factory.model_sha256().to_owned(),
        sound: arguments.sound.clone(),
        repeats: arguments.repeats,
        windows: costs,
    };
    if arguments.shared.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&findings)?))?;
    } else {
        print(&findings.table())?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// A window of each length.
    fn windows(&self) -> anyhow::Result<Vec<(f64, Window)>> {
        let Some(file) = &self.sound else {
            let lengths = self.seconds.iter();
            return Ok(lengths
                .map(|&length| (length, timed_window(length)))
                .collect());
        };
        let channels = read_channels(file)?;
        let longest = channels.iter().map(Vec::len).max().unwrap_or(0);
        let rate = f64::from(SampleRate::SPEECH_HERTZ);
        let mut windows = Vec::new();
        for &seconds in &self.seconds {
            let length = (seconds * rate).round() as usize;
            ensure!(
                length <= longest,
                "{}: {:.1} s; expected at least {seconds} s, or a smaller --seconds",
                file.display(),
                longest as f64 / rate
            );
            // One channel may be silent.
            let stretches = channels.iter().map(|leg| &leg[loudest(leg, length)]);
            let energy = |leg: &[f32]| leg.iter().map(|s| f64::from(s * s)).sum::<f64>();
            let speech = stretches.max_by(|a, b| energy(a).total_cmp(&energy(b)));
            let speech = speech.with_context(|| format!("{}: no sound", file.display()))?;
            windows.push((seconds, window_of(speech, seconds)));
        }
        Ok(windows)
    }

    /// How long each repeat took.
    fn time(
        &self,
        recogniser: &mut dyn Recogniser,
        window: &Window,
    ) -> anyhow::Result<Vec<Duration>> {
        // The first time touches all memory for the first time.
        recogniser.transcribe(window)?;
        let mut times = Vec::new();
        for repeat in 1..=self.repeats {
            let start = ProcessTime::try_now().context("no processor time")?;
            recogniser.transcribe(window)?;
            times.push(start.try_elapsed().context("no processor time")?);
            if repeat == 1 && !self.shared.json {
                tell_long_runs(window, self.repeats, times[0]);
            }
        }
        Ok(times)
    }
}

/// Says that something takes long, if it does.
fn tell_long_runs(window: &Window, repeats: u32, one: Duration) {
    let all = one * repeats;
    if all > Duration::from_secs(10) {
        let (length, all) = (window.span.length().seconds(), all.as_secs());
        note(&format!(
            "windows of {length} s: about {all} s for {repeats} repeats"
        ));
    }
}

fn window_of(speech: &[f32], seconds: f64) -> Window {
    Window {
        id: WindowId(0),
        leg: Leg::Mixed,
        span: Span::new(MediaTime::ZERO, MediaTime::from_seconds(seconds)),
        samples: Sensitive::new(speech.to_vec()),
        deadline: MediaTime::MAX,
    }
}

impl Cost {
    fn of(seconds: f64, mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |index: usize| times.get(index).map_or(0.0, Duration::as_secs_f64);
        let (lower, upper) = (times.len().saturating_sub(1) / 2, times.len() / 2);
        let median = f64::midpoint(at(lower), at(upper));
        let rounded = |value: f64| (value * 1e5).round() / 1e5;
        Self {
            seconds,
            least_s: rounded(at(0)),
            median_s: rounded(median),
            per_second_s: rounded(median / seconds),
        }
    }
}

impl Findings {
    fn table(&self) -> String {
        let sound = self.sound.as_ref().map_or_else(
            || "the built-in sound".to_owned(),
            |file| file.display().to_string(),
        );
        let mut text = format!(
            "hushgate {} on {}; {sound}, {} times each; processor time\n\n{:>8} {:>10} {:>10} {:>18}\n",
            self.version,
            self.machine.title(),
            self.repeats,
            "window",
            "least",
            "median",
            "for each second"
        );
        let millis = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
        for cost in &self.windows {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{:>8} {:>10} {:>10} {:>18}",
                format!("{} s", cost.seconds),
                millis(cost.least_s),
                millis(cost.median_s),
                millis(cost.per_second_s)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between() {
        let times = |millis: &[u64]| millis.iter().copied().map(Duration::from_millis).collect();
        let odd = Cost::of(2.0, times(&[30, 10, 20]));
        assert_eq!(
            (odd.least_s, odd.median_s, odd.per_second_s),
            (0.01, 0.02, 0.01)
        );
        assert_eq!(Cost::of(1.0, times(&[40, 10])).median_s, 0.025);
    }

    #[test]
    fn lengths_that_no_recogniser_takes_are_refused() {
        assert_eq!(parse_seconds("2.5"), Ok(2.5));
        for bad in ["0", "-1", "31", "NaN", "long"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
