//! `hushgate report`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::shared::{print, runtime};
use super::store_access::{Action, StoreArguments};
use crate::config::{Config, Overrides};
use crate::gateway::reports::{Form, Moment, Period, Sources, gather, written};
use crate::store::index::Index;
use crate::store::summary::By;

/// Reports on a period: calls monitored, what was hidden, gaps and their reasons, alerts, retention.
///
/// Figures come from the store's index and the audit log; nothing is decrypted. The page is one file without script,
/// made for reading, printing and keeping; it says which control of PCI DSS v4.0.1, GDPR and the Korean PIPA each
/// figure supports, and what it does not prove.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate report --from 2026-11-01 --to 2026-11-30 --by site --out november.html
  hushgate report --from 2026-11-22 --by agent --format csv
  hushgate report --by day --json

Exit status: 0 reported, 1 failed, 2 wrong usage.")]
pub(super) struct Arguments {
    /// Calls that began on this day or later, or at this time [default: 30 days before --to].
    #[arg(long, value_name = "DATE|TIME", value_parser = Moment::parse)]
    from: Option<Moment>,
    /// Calls that began up to the end of this day, or before this time [default: now].
    #[arg(long, value_name = "DATE|TIME", value_parser = Moment::parse)]
    to: Option<Moment>,
    /// What calls are grouped by.
    #[arg(long, value_enum, default_value_t = Grouping::Site)]
    by: Grouping,
    /// The form [default: by the name of --out, else a table of text].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file to write; one that is there is not overwritten [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grouping {
    Site,
    Vendor,
    Queue,
    Agent,
    Day,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Csv,
    Json,
    Text,
}

impl Arguments {
    fn format(&self) -> Format {
        let by_name = || {
            let extension = self.out.as_deref()?.extension()?.to_str()?;
            Some(match extension {
                "html" | "htm" => Format::Html,
                "csv" => Format::Csv,
                "json" => Format::Json,
                _ => return None,
            })
        };
        if self.store.json {
            return Format::Json;
        }
        self.format.or_else(by_name).unwrap_or(Format::Text)
    }

    fn by(&self) -> By {
        match self.by {
            Grouping::Site => By::Site,
            Grouping::Vendor => By::Vendor,
            Grouping::Queue => By::Queue,
            Grouping::Agent => By::Agent,
            Grouping::Day => By::Day,
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let period = Period::new(arguments.from, arguments.to)?;
    if let Some(out) = arguments.out.as_deref().filter(|out| out.exists()) {
        bail!(
            "--out {}: is there already; choose another name",
            out.display()
        );
    }
    arguments.store.permit(Action::Report)?;
    let store = arguments.store.store()?;
    let config = Config::load(arguments.store.config.as_deref(), Overrides::default())?;
    let runtime = runtime()?;
    let by = arguments.by();
    let summary = runtime.block_on(async {
        let sources = Sources {
            index: &Index::open(&store.database).await?,
            log: config.audit.map(|audit| audit.settings().files()),
            tells_log: true,
            shown: &Some,
        };
        gather(&sources, &period, by).await
    })?;
    let form = match arguments.format() {
        Format::Html => Form::Html,
        Format::Csv => Form::Csv,
        Format::Json => Form::Json,
        Format::Text => Form::Text,
    };
    let text = written(form, &period, &summary)?;
    match &arguments.out {
        Some(out) => write_new(out, &text)?,
        None => print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that must not exist yet.
fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut opened = std::fs::File::create_new(file)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    };
    write().with_context(|| format!("--out {}: cannot be written", file.display()))
}
