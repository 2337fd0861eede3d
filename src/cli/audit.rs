//! `hushgate audit`.

mod evidence;
mod keys;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp};

use super::shared::print;
use crate::config::{Audit, Config, Overrides};
use crate::store::audit::{EntryFilter, Folder, KeyFiles, Line, entries_of};

/// Verifies, shows and exports the audit log.
///
/// With `[audit]` in its configuration the gateway writes what it hid, was late with or failed at, what was recorded,
/// refused and changed into a log that nobody can change unseen.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Verify),
    Show(Show),
    Export(evidence::Export),
    CheckBundle(evidence::CheckBundle),
    Checkpoint(evidence::MakeCheckpoint),
    Keys(keys::Keys),
}

/// Where the log is.
#[derive(Debug, Clone, Args)]
struct Place {
    /// Configuration file (TOML) whose `[audit]` says where the log is.
    #[arg(long, value_name = "FILE", env = "HUSHGATE_CONFIG")]
    config: Option<PathBuf>,
    /// The log's folder, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The folder of its keys [default: the configuration's, else `keys` in the log's folder].
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The file that says how far the log goes [default: the configuration's, else anchor.json in the log's folder].
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

impl Place {
    fn configured(&self) -> anyhow::Result<Option<Audit>> {
        Ok(match &self.config {
            Some(file) => Config::load(Some(file), Overrides::default())?.audit,
            None => None,
        })
    }

    /// The log's files, and those of its keys.
    fn resolve(&self) -> anyhow::Result<(Folder, KeyFiles)> {
        let configured = self.configured()?;
        let (folder, keys) = match (&self.folder, configured) {
            (Some(folder), _) => (Folder::new(folder), folder.join("keys")),
            (None, Some(audit)) => (audit.settings().files(), audit.keys),
            (None, None) => bail!(
                "it is not known where the audit log is; give --folder DIR, or --config FILE with [audit] folder in it"
            ),
        };
        if !folder.path().is_dir() {
            bail!("{}: there is no such folder", folder.path().display());
        }
        let folder = folder.with_anchor(self.anchor.as_deref());
        Ok((folder, KeyFiles::new(self.keys.as_ref().unwrap_or(&keys))))
    }

    /// The files of keys alone.
    fn keys(&self) -> anyhow::Result<KeyFiles> {
        let configured = self.configured()?.map(|audit| audit.keys);
        let beside = self.folder.as_ref().map(|folder| folder.join("keys"));
        match self.keys.clone().or(beside).or(configured) {
            Some(keys) => Ok(KeyFiles::new(&keys)),
            None => bail!(
                "it is not known where the keys are; give --keys DIR, or --config FILE with [audit] in it"
            ),
        }
    }
}

/// Prints the log's entries, oldest first.
///
/// The log is not verified by that; see `hushgate audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit show --config hushgate.toml --call CA123
  hushgate audit show --folder audit --since 24h
  hushgate audit show --folder audit --since 2026-11-22T10:00:00Z --json

Exit status: 0 shown, 1 failed, 2 wrong usage.")]
struct Show {
    #[command(flatten)]
    place: Place,
    /// Entries about this call alone.
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Entries from this time on: a date and time, or how long ago, such as 90m or 7d.
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// Print the lines as the log has them.
    #[arg(long)]
    json: bool,
}

/// A time, or how long ago.
fn parse_since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let expected =
        || format!("{text:?} is not a time; expected such as 2026-11-22T10:00:00Z, 90m, 24h or 7d");
    let (number, seconds) = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or_else(expected)?;
    let ago = number
        .parse::<u32>()
        .map_err(|_| expected())
        .map(|number| SignedDuration::from_secs(i64::from(number) * seconds))?;
    Timestamp::now().checked_sub(ago).map_err(|_| expected())
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Show(arguments) => show(&arguments),
        Command::Export(arguments) => evidence::export(&arguments),
        Command::CheckBundle(arguments) => evidence::check(&arguments),
        Command::Checkpoint(arguments) => evidence::checkpoint(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
    }
}

fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let (folder, _) = arguments.place.resolve()?;
    let filter = EntryFilter {
        call: arguments.call.clone(),
        since: arguments.since,
        action: None,
    };
    let mut failed = None;
    entries_of(&folder, &filter, |line| {
        let text = if arguments.json {
            String::from_utf8_lossy(&line.canonical()).into_owned()
        } else {
            shown(&line)
        };
        failed = print(&(text + "\n")).err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// An entry for reading.
fn shown(line: &Line) -> String {
    let entry = &line.entry;
    let mut text = format!(
        "{:>6}  {}  {}  {}",
        entry.sequence,
        entry.time,
        entry.actor,
        entry.action.name()
    );
    if let Some(call) = &entry.subject {
        text += &format!("  {call}");
    }
    for (name, detail) in &entry.details {
        text += &format!("  {name}={detail}");
    }
    // Names and words come from outside: none may steer the terminal.
    text.replace(char::is_control, " ")
}

/// How far a long log has been read; shown only where somebody looks.
fn progress() -> (ProgressBar, impl FnMut(u64, u64)) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    let told = bar.clone();
    (bar, move |read, total| {
        told.set_length(total);
        told.set_position(read);
    })
}

/// Writes a file that must not exist yet.
fn write_new(file: &std::path::Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let write = || {
        let mut opened = std::fs::File::create_new(file)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}
