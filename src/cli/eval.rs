//! `hushgate eval`: how much leaks and how much is lost, measured on labelled calls.

mod augment;
mod calls;
pub(super) mod labelled;
mod labels;
mod measure;
mod score;
mod sweep;
mod table;
mod word_times;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use self::augment::Degradation;
use self::labels::Labels;
use self::measure::{Evaluation, Measured, Setting};
pub(super) use self::score::FillHeard;
use self::sweep::Holds;
use super::replay::PaceArguments;
use super::replay::batch::{Batch, Pace};
use super::replay::call::Plan;
use super::replay::inputs::Input;
use super::shared::{self, SharedArguments};
use super::timeline;
use crate::audio::MediaTime;
use crate::audio::wav_file::WavFile;
use crate::egress::refuse_output_over_input;
use crate::gateway::process;

/// The condition of calls as they are.
const ORIGINAL: &str = "original";

const EXAMPLES: &str = "\
Examples:
  hushgate eval audio-samples                      replay and measure, write nothing
  hushgate eval calls/ --out clean --picture       keep the recordings, and draw each call
  hushgate eval calls/ --hold 4 --profile strict --json
  hushgate eval calls/ --recorded recordings/      measure recordings that a gateway made
  hushgate eval calls/ --sweep hold=2,4,6,8        one line for each hold: what leaks, what is lost
  hushgate eval calls/ --augment noise,loss,gain,codec --out bad    the same calls over bad lines

Each NAME.json in the folder labels the call NAME.wav beside it: audio, sample_rate, channels, scenario,
sensitive and benign (each: channel, kind, value, start, end in seconds, digits as [start, end]).

A digit leaks when more than a quarter of its speech can be heard. Benign speech is what lies more than
0.5 s from anything sensitive. The delay is from the end of a digit to the answer of speech recognition
that decides on it, on the call's clock. Word times are compared where every digit has its [start, end].

--augment writes DIR/CONDITION/calls, which are labelled calls themselves, and the recordings of each to
DIR/CONDITION/clean (of the calls as they are to DIR/original/clean): noise 15 dB under the speech, loss of
3 % of the 20 ms frames, gain of -10 dB on one leg and +12 dB (clipped) on the other, codec GSM 06.10 (needs
sox). Two runs write the same calls. With --sweep and --out recordings go to .../hold-SECONDS. With both,
every condition is replayed with every hold.

--json prints one evaluation: condition, hold_s, calls, items, items_leaking, digits, digits_leaked,
digit_leak_pct, benign_speech_s, over_blanked_s, over_blank_pct, benign_numbers, benign_numbers_audible,
kinds, scenarios, legs, problems, delay, margin_before, margin_after, word_times, engine, calls_detail; with
--sweep or --augment {\"evaluations\": [...]} of them.

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
    #[arg(long, value_name = "DIR", conflicts_with_all = ["sweep", "augment"])]
    recorded: Option<PathBuf>,
    /// Replay the calls with each of these holds in place of --hold and print one table.
    #[arg(long, value_name = "hold=SECONDS,...")]
    sweep: Option<Holds>,
    /// Replay degraded copies of the calls too, written to --out, and print one table.
    #[arg(
        long,
        value_name = "CONDITION,...",
        value_enum,
        value_delimiter = ',',
        requires = "out"
    )]
    augment: Vec<Degradation>,
    /// What stands where audio was hidden: silence, or something else (tone, noise).
    #[arg(long, value_enum, default_value_t, value_name = "FILL")]
    fill: FillHeard,
    /// Draw each recording in the terminal (with --out or --recorded).
    #[arg(long, conflicts_with_all = ["sweep", "augment"])]
    picture: bool,
    /// Print what leaked of each call.
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    pace: PaceArguments,
    #[command(flatten)]
    shared: SharedArguments,
}

/// What `--json` prints of more than one evaluation.
#[derive(Serialize)]
struct Evaluations<'a> {
    evaluations: &'a [Evaluation],
}

/// Calls to play, and where their recordings go.
struct Condition {
    name: &'static str,
    labels: Vec<Labels>,
    out: Option<PathBuf>,
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
    let evaluations = match &arguments.recorded {
        Some(folder) => vec![arguments.recorded(&labels, folder)?],
        None => arguments.replay(labels)?,
    };
    arguments.print(&evaluations).context("standard output")?;
    let failed = |evaluation: &Evaluation| !evaluation.score.problems.is_empty();
    Ok(if evaluations.iter().any(failed) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl Arguments {
    /// Plays every labelled call, under each condition and with each hold, and measures what came out.
    fn replay(&self, labels: Vec<Labels>) -> anyhow::Result<Vec<Evaluation>> {
        if let Some(out) = &self.out {
            refuse_output_over_input(out, &self.labels)?;
        }
        for labels in &labels {
            Input::of_file(&labels.audio)?;
            WavFile::open(&labels.audio)?;
        }
        let config = self.shared.resolve()?;
        let conditions = self.conditions(labels)?;
        let factory = shared::recognisers(&config)?;
        let holds = match &self.sweep {
            Some(Holds(holds)) => holds.clone(),
            None => vec![config.hold],
        };
        let mut evaluations = Vec::new();
        for condition in &conditions {
            for &hold in &holds {
                let setting = Setting {
                    condition: condition.name,
                    hold_s: Some(hold.seconds()),
                };
                let out = condition.out.as_deref().map(|out| self.folder(out, hold));
                let plan = Plan {
                    hold,
                    ..Plan::new(&config, factory.model_sha256(), out)?
                };
                let batch = Batch {
                    plan: &plan,
                    jobs: self.pace.jobs(),
                    pace: Pace::Virtual {
                        factory: factory.as_ref(),
                        engine_delay: self.pace.engine_delay(),
                    },
                    title: if self.is_one() {
                        String::new()
                    } else {
                        setting.title()
                    },
                };
                let measured = calls::play(&condition.labels, &batch, self.fill)?;
                evaluations.push(Evaluation::of(setting, measured));
            }
        }
        Ok(evaluations)
    }

    /// Whether there is one evaluation, and not several to compare.
    fn is_one(&self) -> bool {
        self.sweep.is_none() && self.augment.is_empty()
    }

    /// The calls as they are, and the degraded ones, which are written first.
    fn conditions(&self, labels: Vec<Labels>) -> anyhow::Result<Vec<Condition>> {
        let under = |name: &str, what: &str| self.out.as_ref().map(|out| out.join(name).join(what));
        let mut degradations = Vec::new();
        for &degradation in &self.augment {
            degradation.check()?;
            if !degradations.contains(&degradation) {
                degradations.push(degradation);
            }
        }
        let mut degraded = Vec::new();
        for degradation in degradations {
            let name = degradation.name();
            let folder = under(name, "calls").context("--augment: needs --out")?;
            degraded.push(Condition {
                name,
                labels: degradation.write(&labels, &folder)?,
                out: under(name, "clean"),
            });
        }
        let mut conditions = vec![Condition {
            name: ORIGINAL,
            labels,
            out: if degraded.is_empty() {
                self.out.clone()
            } else {
                under(ORIGINAL, "clean")
            },
        }];
        conditions.append(&mut degraded);
        Ok(conditions)
    }

    /// Where the recordings of one hold go.
    fn folder(&self, out: &Path, hold: MediaTime) -> PathBuf {
        match &self.sweep {
            Some(_) => out.join(format!("hold-{}", hold.seconds())),
            None => out.to_owned(),
        }
    }

    /// Measures what a gateway recorded.
    fn recorded(&self, labels: &[Labels], folder: &Path) -> anyhow::Result<Evaluation> {
        let measured = labels
            .iter()
            .map(|labels| calls::recorded(labels, folder, self.fill))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let setting = Setting {
            condition: ORIGINAL,
            hold_s: common_hold(&measured),
        };
        Ok(Evaluation::of(setting, measured))
    }

    fn print(&self, evaluations: &[Evaluation]) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.shared.json {
            match evaluations {
                [evaluation] if self.is_one() => serde_json::to_writer_pretty(&mut out, evaluation),
                _ => serde_json::to_writer_pretty(&mut out, &Evaluations { evaluations }),
            }?;
            writeln!(out)?;
            return Ok(());
        }
        for evaluation in evaluations {
            if self.picture {
                for recording in evaluation.recordings() {
                    let style = timeline::Style::of_terminal();
                    writeln!(out, "{}", timeline::of_recording(recording, style)?)?;
                }
            }
            if self.verbose {
                if !self.is_one() {
                    writeln!(out, "{}", evaluation.setting.title())?;
                }
                write!(out, "{}", evaluation.details())?;
            }
            if self.is_one() {
                write!(out, "{}", evaluation.table())?;
            }
        }
        if !self.is_one() {
            write!(out, "{}", table::trade_off(evaluations))?;
        }
        Ok(())
    }
}

/// The hold of all recordings that have a report, if it is the same.
fn common_hold(measured: &[Measured]) -> Option<f64> {
    let mut holds = measured
        .iter()
        .filter_map(|call| call.report.as_ref())
        .map(|report| report.hold_s);
    let first = holds.next()?;
    holds.all(|hold| hold == first).then_some(first)
}
