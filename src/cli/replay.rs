//! `hushgate replay`: recorded calls through the same session as live ones, onto disk.

pub(super) mod batch;
pub(super) mod call;
pub(super) mod inputs;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::batch::{Batch, Pace};
use self::call::{Plan, Played};
use self::inputs::Input;
use super::shared::{self, SharedArguments};
use super::timeline;
use crate::audio::MediaTime;
use crate::egress::refuse_output_over_input;
use crate::engine::pool::{Pool, PoolSettings};
use crate::gateway::process;

/// How long recognisers may take to end what they are at when all calls were played.
const WORKERS_END: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  hushgate replay call.wav --out clean           writes clean/call.wav and clean/call.json
  hushgate replay calls/ --out clean --picture   every *.wav in calls/, and draws each call
  hushgate replay --agent a.wav --customer c.wav --name CA1 --out clean
  hushgate replay call.wav --out clean --speed realtime

Reads WAV: 8, 16, 24, 32-bit PCM, 32-bit float, G.711 mu-law and A-law; 8 to 48 kHz; one channel (both
parties mixed) or two (agent, customer). Nothing is overwritten: a name that is taken gets a number.

Exit status: 0 every call was replayed, 1 some were not (each is named), 2 wrong usage.";

/// Plays recorded calls through the gateway and writes them clean.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Recorded calls, or folders of them (every *.wav in a folder).
    #[arg(value_name = "FILE|DIR", required_unless_present_any = ["agent", "customer"], conflicts_with_all = ["agent", "customer"])]
    inputs: Vec<PathBuf>,
    /// The agent's side of a call that has a file for each leg.
    #[arg(long, value_name = "FILE", requires = "customer")]
    agent: Option<PathBuf>,
    /// The customer's side of a call that has a file for each leg.
    #[arg(long, value_name = "FILE", requires = "agent")]
    customer: Option<PathBuf>,
    /// Name of the call given by --agent and --customer [default: the agent's file name].
    #[arg(long, value_name = "NAME", requires = "agent")]
    name: Option<String>,
    /// Folder for the clean recordings and their reports; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How fast: as fast as recognition allows, on a virtual clock, or as it was spoken.
    #[arg(long, value_enum, default_value_t)]
    speed: Speed,
    /// Draw each call in the terminal.
    #[arg(long)]
    picture: bool,
    #[command(flatten)]
    pace: PaceArguments,
    #[command(flatten)]
    shared: SharedArguments,
}

/// How calls are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Speed {
    /// As fast as recognition allows.
    #[default]
    Max,
    /// As it was spoken.
    Realtime,
}

/// Arguments of commands that play calls on a virtual clock.
#[derive(Debug, Clone, Args)]
pub(super) struct PaceArguments {
    /// Calls played at once [default: the number of processors].
    #[arg(long, value_name = "COUNT")]
    jobs: Option<NonZeroUsize>,
    /// With --speed max: every answer of speech recognition takes exactly so long, instead of the
    /// processor time it took.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    engine_delay: Option<MediaTime>,
}

impl PaceArguments {
    /// Calls to be played at once.
    pub(super) fn jobs(&self) -> NonZeroUsize {
        self.jobs
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// The fixed time of an answer.
    pub(super) fn engine_delay(&self) -> Option<MediaTime> {
        self.engine_delay
    }
}

fn parse_seconds(text: &str) -> Result<MediaTime, String> {
    text.parse()
        .ok()
        .filter(|seconds: &f64| (0.0..=3_600.0).contains(seconds))
        .map(MediaTime::from_seconds)
        .ok_or_else(|| "expected seconds from 0 to 3600".into())
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    process::hide_panic_messages();
    process::forbid_core_dumps().context("core dumps cannot be switched off")?;
    let (inputs, mut failures) = arguments.gather()?;
    let files = inputs.iter().flat_map(Input::files);
    for file in arguments.inputs.iter().chain(files) {
        refuse_output_over_input(&arguments.out, file)?;
    }
    let config = arguments.shared.resolve()?;
    let factory = shared::recognisers(&config)?;
    let plan = Plan::new(&config, factory.model_sha256(), Some(arguments.out.clone()))?;
    let batch = |pace| Batch {
        plan: &plan,
        jobs: arguments.pace.jobs(),
        pace,
        title: String::new(),
    };
    let play = |batch: Batch<'_>| batch.run(&inputs, |input, play| play(input, false));
    let results = match arguments.speed {
        Speed::Max => play(batch(Pace::Virtual {
            factory: &*factory,
            engine_delay: arguments.pace.engine_delay,
        })),
        Speed::Realtime => {
            let settings = PoolSettings {
                workers: config.workers,
                ..PoolSettings::default()
            };
            let pool = Arc::new(Pool::start(Arc::clone(&factory), settings));
            let results = play(batch(Pace::Realtime(pool.clone())));
            // Ending while the speech library calculates may crash it; its work is of no use any more.
            pool.close_and_wait(WORKERS_END);
            results
        }
    }?;
    let mut done = Vec::new();
    for (input, result) in inputs.iter().zip(results) {
        match result {
            Ok(played) => done.push(played),
            Err(error) => failures.push(Failure::of(input, &error)),
        }
    }
    print(&arguments, &done, &failures).context("standard output")?;
    for failure in &failures {
        shared::print_error(&anyhow::anyhow!("{}", failure.error));
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A call that was not replayed.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    /// The file.
    pub(super) file: PathBuf,
    /// Why, naming the file.
    pub(super) error: String,
}

impl Failure {
    fn of(input: &Input, error: &anyhow::Error) -> Self {
        Self {
            file: input.file().clone(),
            error: format!("{error:#}"),
        }
    }
}

impl Arguments {
    /// The calls to play, and those files that cannot be. A problem with the only one is an error.
    fn gather(&self) -> anyhow::Result<(Vec<Input>, Vec<Failure>)> {
        if let (Some(agent), Some(customer)) = (&self.agent, &self.customer) {
            let input = Input::of_legs(agent, customer, self.name.as_deref())?;
            return Ok((vec![input], Vec::new()));
        }
        let mut inputs = Vec::new();
        let mut failures = Vec::new();
        for file in inputs::files(&self.inputs)? {
            match Input::of_file(&file) {
                Ok(input) => inputs.push(input),
                Err(error) => failures.push(Failure {
                    error: format!("{error:#}"),
                    file,
                }),
            }
        }
        inputs::refuse_same_names(&inputs)?;
        Ok((inputs, failures))
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    calls: Vec<CallSummary<'a>>,
    failed: &'a [Failure],
}

#[derive(Serialize)]
struct CallSummary<'a> {
    call: &'a str,
    wav: Option<&'a PathBuf>,
    json: Option<&'a PathBuf>,
    duration_s: f64,
    hidden: Vec<&'a str>,
    #[serde(flatten)]
    totals: crate::egress::report::Totals,
    engine: &'a crate::egress::EngineWork,
}

fn print(arguments: &Arguments, done: &[Played], failures: &[Failure]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if arguments.shared.json {
        let summary = Summary {
            calls: done.iter().map(summary).collect(),
            failed: failures,
        };
        serde_json::to_writer_pretty(&mut out, &summary)?;
        writeln!(out)?;
        return Ok(());
    }
    for played in done {
        if arguments.picture
            && let Some(recording) = &played.recording
        {
            let picture = timeline::of_recording(recording, timeline::Style::of_terminal())?;
            writeln!(out, "{picture}")?;
        }
        writeln!(out, "{}", line(played))?;
    }
    Ok(())
}

fn summary(played: &Played) -> CallSummary<'_> {
    CallSummary {
        call: &played.report.call,
        wav: played.recording.as_ref().map(|recording| &recording.wav),
        json: played.recording.as_ref().map(|recording| &recording.json),
        duration_s: played.report.duration_s,
        hidden: kinds(played),
        totals: played.report.totals,
        engine: &played.report.engine,
    }
}

/// Kinds of hidden spans in order of first appearance.
fn kinds(played: &Played) -> Vec<&str> {
    let mut kinds = Vec::new();
    for span in &played.report.spans {
        if !kinds.contains(&span.kind.as_str()) {
            kinds.push(span.kind.as_str());
        }
    }
    kinds
}

/// One call on one line.
pub(super) fn line(played: &Played) -> String {
    let report = &played.report;
    let hidden = match kinds(played) {
        kinds if kinds.is_empty() => "nothing hidden".to_owned(),
        kinds => format!(
            "hidden {:.1} s ({})",
            report.totals.hidden_s,
            kinds.join(", ")
        ),
    };
    // Live workers are shared by all calls, so their time is not known for each.
    let work = match report.engine.cpu_s {
        cpu if cpu > 0.0 => format!(
            ", recognition {cpu:.1} s ({:.1} x real time)",
            report.duration_s / cpu
        ),
        _ => String::new(),
    };
    let place = played
        .recording
        .as_ref()
        .map_or_else(String::new, |recording| {
            format!(" -> {}", recording.wav.display())
        });
    format!(
        "{:<24} {:>7.1} s  {hidden}, late {:.1} s, failed {:.1} s{work}{place}",
        report.call, report.duration_s, report.totals.late_s, report.totals.failed_s,
    )
}

#[cfg(test)]
mod tests;
