//! `hushgate eval`: how much leaks and how much is lost, measured on labelled calls.

mod labels;
mod measure;
mod score;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use self::labels::Labels;
use self::measure::{Evaluation, Measured};
use self::score::FillHeard;
use super::replay::PaceArguments;
use super::replay::batch::{Batch, Pace};
use super::replay::call::{Plan, Played};
use super::replay::inputs::Input;
use super::shared::{self, SharedArguments};
use super::timeline;
use crate::audio::wav_file::WavFile;
use crate::egress::{Recording, Report, refuse_output_over_input};
use crate::gateway::process;

const EXAMPLES: &str = "\
Examples:
  hushgate eval audio-samples                      replay and measure, write nothing
  hushgate eval calls/ --out clean --picture       keep the recordings, and draw each call
  hushgate eval calls/ --hold 4 --profile strict --json
  hushgate eval calls/ --recorded recordings/      measure recordings that a gateway made

Each NAME.json in the folder labels the call NAME.wav beside it: audio, sample_rate, channels, scenario,
sensitive and benign (each: channel, kind, value, start, end in seconds, digits as [start, end]).

A digit leaks when more than a quarter of its speech can be heard. Benign speech is what lies more than
0.5 s from anything sensitive. The delay is from the end of a digit to the answer of speech recognition
that decides on it, on the call's clock.

Exit status: 0 measured, 1 a call could not be measured (all its digits count as leaked), 2 wrong usage.";

/// Measures leaks and losses on labelled calls.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Folder of calls (NAME.wav) with their labels (NAME.json).
    #[arg(value_name = "LABELS_DIR")]
    labels: PathBuf,
    /// Keep the clean recordings and their reports in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "recorded")]
    out: Option<PathBuf>,
    /// Measure the recordings (NAME.wav) in this folder instead of replaying the calls.
    #[arg(long, value_name = "DIR")]
    recorded: Option<PathBuf>,
    /// What stands where audio was hidden: silence, or something else (tone, noise).
    #[arg(long, value_enum, default_value_t, value_name = "FILL")]
    fill: FillHeard,
    /// Draw each recording in the terminal (with --out or --recorded).
    #[arg(long)]
    picture: bool,
    /// Print what leaked of each call.
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    pace: PaceArguments,
    #[command(flatten)]
    shared: SharedArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    process::hide_panic_messages();
    process::forbid_core_dumps().context("core dumps cannot be switched off")?;
    if arguments.picture && arguments.out.is_none() && arguments.recorded.is_none() {
        bail!("--picture: needs --out or --recorded, as a recording and its report are drawn");
    }
    let labels = labels::find(&arguments.labels)?
        .iter()
        .map(|file| labels::read(file))
        .collect::<Result<Vec<_>, _>>()?;
    let measured = match &arguments.recorded {
        Some(folder) => labels
            .iter()
            .map(|labels| recorded(labels, folder, arguments.fill))
            .collect::<anyhow::Result<Vec<_>>>()?,
        None => arguments.replay(&labels)?,
    };
    let evaluation = Evaluation::of(measured);
    arguments.print(&evaluation).context("standard output")?;
    Ok(if evaluation.score.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Arguments {
    /// Plays every labelled call and measures what came out.
    fn replay(&self, labels: &[Labels]) -> anyhow::Result<Vec<Measured>> {
        if let Some(out) = &self.out {
            refuse_output_over_input(out, &self.labels)?;
        }
        let inputs = labels
            .iter()
            .map(|labels| Input::of_file(&labels.audio))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let originals = |labels: &Labels| original(labels);
        for labels in labels {
            WavFile::open(&labels.audio)?;
        }
        let config = self.shared.resolve()?;
        let factory = shared::recognisers(&config)?;
        let plan = Plan::new(&config, factory.model_sha256(), self.out.clone())?;
        let batch = Batch {
            plan: &plan,
            jobs: self.pace.jobs(),
            pace: Pace::Virtual {
                factory: factory.as_ref(),
                engine_delay: self.pace.engine_delay(),
            },
        };
        let results = batch.run(&inputs, |input, play| {
            let Some(labels) = labels.iter().find(|labels| labels.audio == *input.file()) else {
                bail!("{}: no labels", input.file().display());
            };
            let original = originals(labels)?;
            Ok(match play(input, true) {
                Ok(played) => measured(labels, &original, played, self.fill),
                Err(error) => {
                    Measured::unusable(labels, &original, self.fill, format!("{error:#}"))
                }
            })
        })?;
        results.into_iter().collect()
    }

    fn print(&self, evaluation: &Evaluation) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.shared.json {
            serde_json::to_writer_pretty(&mut out, evaluation)?;
            writeln!(out)?;
            return Ok(());
        }
        if self.picture {
            for recording in evaluation.recordings() {
                let picture = timeline::of_recording(recording, timeline::Style::of_terminal())?;
                writeln!(out, "{picture}")?;
            }
        }
        if self.verbose {
            write!(out, "{}", evaluation.details())?;
        }
        write!(out, "{}", evaluation.table())?;
        Ok(())
    }
}

/// The call as it was, all of it.
fn original(labels: &Labels) -> anyhow::Result<Vec<Vec<i16>>> {
    let mut file = WavFile::open(&labels.audio)?;
    if file.channels() != labels.channels.len() {
        bail!(
            "{}: {} channels; its labels name {}",
            labels.audio.display(),
            file.channels(),
            labels.channels.len()
        );
    }
    if file.rate().hertz() != labels.sample_rate {
        bail!(
            "{}: {} Hz; its labels say {} Hz",
            labels.audio.display(),
            file.rate().hertz(),
            labels.sample_rate
        );
    }
    Ok(file.read_to_end()?)
}

fn measured(labels: &Labels, original: &[Vec<i16>], played: Played, fill: FillHeard) -> Measured {
    let score = score::score(labels, original, &played.audio, labels.sample_rate, fill);
    let delays = measure::delays(labels, &played.report.legs, &played.replayed.examined);
    Measured {
        delays,
        ..Measured::of_report(labels, score, Some(played.report), played.recording)
    }
}

/// Measures what a gateway recorded earlier.
fn recorded(labels: &Labels, folder: &Path, fill: FillHeard) -> anyhow::Result<Measured> {
    let original = original(labels)?;
    let recording = Recording {
        wav: folder.join(labels.audio.file_name().unwrap_or_default()),
        json: folder.join(format!("{}.json", labels.name)),
    };
    let report: Option<Report> = std::fs::read(&recording.json)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let redacted = WavFile::open(&recording.wav)
        .map_err(anyhow::Error::from)
        .and_then(|mut file| {
            let rate = file.rate().hertz();
            if rate != labels.sample_rate {
                bail!("rate {rate} instead of {}", labels.sample_rate);
            }
            Ok(file.read_to_end()?)
        });
    match redacted {
        Ok(redacted) => {
            let redacted = redacted
                .iter()
                .map(|leg| measure::on_call_time(leg, report.as_ref(), labels.sample_rate))
                .collect::<Vec<_>>();
            let score = score::score(labels, &original, &redacted, labels.sample_rate, fill);
            Ok(Measured::of_report(labels, score, report, Some(recording)))
        }
        Err(error) => Ok(Measured::unusable(
            labels,
            &original,
            fill,
            format!("{error:#}"),
        )),
    }
}

/// What leaked and what was lost of one call.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct CallMeasure {
    pub(super) digits: usize,
    pub(super) digits_leaked: usize,
    pub(super) benign_numbers: usize,
    pub(super) benign_audible: usize,
    pub(super) benign_speech_s: f64,
    pub(super) over_blanked_s: f64,
}

/// Measures a recording against the labels of its call.
pub(super) fn measure_recording(
    labels: &Path,
    recording: &Recording,
) -> anyhow::Result<(CallMeasure, Report)> {
    let labels = labels::read(labels)?;
    let folder = recording.wav.parent().unwrap_or(Path::new("."));
    let measured = recorded(&labels, folder, FillHeard::default())?;
    if let Some(problem) = measured.score.problems.first() {
        bail!("{}: {problem}", recording.wav.display());
    }
    let report = measured
        .report
        .with_context(|| format!("{}: not a report", recording.json.display()))?;
    let score = measured.score;
    let measure = CallMeasure {
        digits: score.items.iter().map(|item| item.digits).sum(),
        digits_leaked: score.items.iter().map(|item| item.leaked).sum(),
        benign_numbers: score.benign.len(),
        benign_audible: score.benign.iter().filter(|number| number.audible).count(),
        benign_speech_s: score.benign_s,
        over_blanked_s: score.over_s,
    };
    Ok((measure, report))
}
