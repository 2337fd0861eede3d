//! `hushgate bench calls`: how many live calls this machine follows at once.
//!
//! Nothing is simulated: the gateway is another process of this program, calls come through its Twilio door
//! at the pace of speech, and what is told is read from what it recorded and from what the system says it used.

mod figures;
mod load;
mod plot;
mod search;
mod step;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::figures::Findings;
use self::search::{Plan, Tried};
use self::step::Bench;
use super::super::eval::FillHeard;
use super::super::shared::{SharedArguments, print, runtime};
use crate::gateway::process;

const EXAMPLES: &str = "\
Examples:
  hushgate bench calls audio-samples                  1, 2, 4, ... calls until it is too much, then between
  hushgate bench calls calls/ --calls 8,16,24 --seconds 120
  hushgate bench calls calls/ --hold 4 --workers 1 --json > calls.json
  hushgate bench calls calls/ --up-to 32 --plot calls.svg --out /tmp/heard

Each NAME.json in the folder labels the call NAME.wav beside it, as for `hushgate eval`; calls have two channels
at 8 kHz. Each number of calls gets a gateway process of its own (`hushgate serve` with this configuration, its
Twilio door and no limit on calls). Calls begin one after another over a quarter of --seconds, at most 15 s. Where
a labelled call ends sooner, another follows it; they are taken in turn, and again, each with an id of its own.

  cpu/call    processor seconds of the gateway for each second of a call: 0.25 is a quarter of a core
  MiB/call    the most memory it had at once beyond what it had before the first call, for each call
  slack       how long before it was needed recognition answered: half of the windows had 50 % or more, all but
              one in a hundred 99 % or more; negative is late
  late s, failed s    sound that was hidden because it was not examined in time, or not at all
  unclear s   sound that was hidden because what was heard in it made no sense, whatever the load
  leaked      digits that can be heard, of those labelled; blanked is harmless speech that cannot, in percent

The capacity is the largest number of calls with nothing late, failed or leaked.

--json prints: machine, version, model_sha256, hold_s, workers, seconds, begin_over_s, labelled_calls, steps,
capacity, limit_found (whether a larger number was too much).

Exit status: 0 measured, 1 failed, 2 wrong usage.";

/// Finds out how many live calls this machine follows at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Folder of calls (NAME.wav) with their labels (NAME.json).
    #[arg(value_name = "LABELS_DIR")]
    labels: PathBuf,
    /// Try these numbers of calls instead of searching for the largest that goes well.
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        value_parser = parse_count,
        conflicts_with = "up_to"
    )]
    calls: Vec<usize>,
    /// Search no further than this number of calls.
    #[arg(long, value_name = "N", value_parser = parse_count)]
    up_to: Option<usize>,
    /// How long each call lasts, or each row of calls where they are shorter.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    seconds: u32,
    /// Draw slack and processor time against the number of calls.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Keep the recordings and the gateways' logs in this folder; each run gets a folder of its own in it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What stands where audio was hidden: silence, or something else (tone, noise).
    #[arg(long, value_enum, default_value_t, value_name = "FILL")]
    fill: FillHeard,
    #[command(flatten)]
    shared: SharedArguments,
}

/// A number of calls that a server may take at once.
fn parse_count(text: &str) -> Result<usize, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=search::MOST).contains(count));
    count.ok_or_else(|| format!("expected 1 to {}", search::MOST))
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    process::hide_panic_messages();
    process::forbid_core_dumps().context("core dumps cannot be switched off")?;
    if let Some(file) = &arguments.plot {
        plot::check(file)?;
    }
    let json = arguments.shared.json;
    let plan = Plan::new(arguments.calls.clone(), arguments.up_to);
    let bench = Bench::prepare(&arguments)?;
    let runtime = runtime()?;
    let findings = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            findings = measure(&bench, &plan, json) => findings,
            // What was begun is ended and removed as it is dropped.
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("interrupted"),
        }
    })?;
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&findings)?))?;
    } else {
        print(&table::conclusion(&findings))?;
    }
    if let Some(file) = &arguments.plot {
        plot::draw(&findings, file)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Tries one number of calls after another, and prints each at once unless JSON is wanted.
async fn measure(bench: &Bench, plan: &Plan, json: bool) -> anyhow::Result<Findings> {
    let mut findings = bench.nothing_yet();
    if !json {
        print(&table::heading(&findings))?;
    }
    let mut tried = Vec::new();
    while let Some(calls) = plan.next(&tried) {
        let step = bench.step(calls, &mut findings).await;
        let step = step.with_context(|| format!("{calls} at once"))?;
        if !json {
            print(&table::row(&step))?;
        }
        let clean = step.clean;
        tried.push(Tried { calls, clean });
        findings.steps.push(step);
    }
    findings.capacity = search::capacity(&tried);
    findings.limit_found = search::least_too_many(&tried).is_some();
    Ok(findings)
}
