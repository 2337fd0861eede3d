//! `hushgate recordings`.

mod listen;
mod search;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use super::shared::{note, print};
use super::store_access::{Action, Progress, StoreArguments};
use crate::egress::Report;
use crate::egress::report::Utterance;
use crate::gateway::second_listener::{SecondHearing, outcome_of};
use crate::store::sealed::{Content, Standing};
use crate::store::vault::{Closing, Record, RecordName, State, StoredAudio, Vault, VaultError};

/// Finds, shows and exports encrypted recordings, and listens to them again.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Search(Box<search::Search>),
    Show(Show),
    Export(Export),
    Listen(listen::Listen),
    Reindex(search::Reindex),
}

/// Shows which calls are in the store, and under which keys. Decrypts nothing. Reads every call's folder: where there
/// are many, `search` is faster.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate recordings list --config hushgate.toml
  HUSHGATE_CONFIG=hushgate.toml hushgate recordings list --json

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
}

/// Shows what is known of a call, and whether its recording is what was sealed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate recordings show CA123 --config hushgate.toml
  hushgate recordings show CA123 --json

Exit status: 0 shown, 1 failed or the recording was altered, 2 wrong usage.")]
struct Show {
    /// The call, as `recordings list` shows it.
    #[arg(value_name = "CALL", value_parser = RecordName::new)]
    call: RecordName,
    /// Show it even if it is locked away.
    #[arg(long)]
    quarantined: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Writes a call's recording, report or transcript into a file, decrypted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate recordings export CA123                       Into CA123.wav
  hushgate recordings export CA123 --out /tmp/call.wav
  hushgate recordings export CA123 --part transcript     Into CA123.transcript.json

The file is for its owner only; one that is there is not overwritten.
Exit status: 0 exported, 1 failed or the recording was altered (nothing is written), 2 wrong usage.")]
struct Export {
    /// The call, as `recordings list` shows it.
    #[arg(value_name = "CALL", value_parser = RecordName::new)]
    call: RecordName,
    /// The file to write [default: named after the call, in the working directory].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which part of the call.
    #[arg(long, value_enum, default_value_t = Part::Audio)]
    part: Part,
    /// Export it even if it is locked away.
    #[arg(long)]
    quarantined: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Audio,
    Report,
    Transcript,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(list) => list.run(),
        Command::Search(search) => search.run(),
        Command::Reindex(reindex) => reindex.run(),
        Command::Show(show) => show.run(),
        Command::Export(export) => export.run(),
        Command::Listen(listen) => listen.run(),
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let vault = self.store.open(Action::List)?;
        let progress = Progress::new("reading");
        let records = vault.records(|done, total| progress.show(done, total));
        drop(progress);
        let records = records?;
        if self.store.json {
            print(&format!("{:#}\n", json!({ "recordings": records })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:36} {:20} {:10} {:>9}  KEY\n",
            "CALL", "BEGUN", "STATE", "MB"
        );
        for record in &records {
            let begun = record.begun.map_or("-".to_owned(), |begun| {
                begun.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
            });
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:36} {begun:20} {:10} {:9.2}  {}",
                record.name.as_str(),
                record.state.name(),
                record.bytes as f64 / 1e6,
                keys(record)
            );
        }
        let _ = writeln!(text, "{} calls", records.len());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The keys of a call's parts, each once; what was destroyed is told.
fn keys(record: &Record) -> String {
    let mut keys: Vec<String> = Vec::new();
    for part in &record.parts {
        let key = match &part.key {
            Some(key) => key.to_string(),
            None => format!("{} destroyed", part.content.name()),
        };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.join(", ")
}

/// All that is known of a call.
struct Known {
    record: Record,
    audio: Result<(StoredAudio, Standing), VaultError>,
    report: Result<Report, VaultError>,
    closing: Option<Closing>,
    /// What came of listening to it again.
    second: Option<SecondHearing>,
}

impl Show {
    fn run(self) -> anyhow::Result<ExitCode> {
        let mut vault = self.store.open(Action::Show(&self.call))?;
        if self.quarantined {
            vault = vault.opening_quarantined();
        }
        let known = Known::read(&vault, &self.call)?;
        if self.store.json {
            print(&format!("{:#}\n", known.to_json()?))?;
        } else {
            print(&known.to_text())?;
        }
        Ok(if known.is_altered() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl Known {
    fn read(vault: &Vault, call: &RecordName) -> anyhow::Result<Self> {
        let record = vault.record(call)?;
        let progress = Progress::new("checking");
        let audio = vault.audio(call).and_then(|mut audio| {
            let standing = audio.examine(|done, total| progress.show(done, total))?;
            Ok((audio, standing))
        });
        drop(progress);
        let closing = match record
            .parts
            .iter()
            .any(|part| part.content == Content::Closing)
        {
            true => Some(vault.closing(call)?),
            false => None,
        };
        Ok(Self {
            second: outcome_of(vault, call)?,
            report: report(vault, call),
            record,
            audio,
            closing,
        })
    }

    /// Whether something is not what was sealed.
    fn is_altered(&self) -> bool {
        let is_harmless = |error: &VaultError| {
            matches!(
                error,
                VaultError::Missing { .. }
                    | VaultError::Shredded { .. }
                    | VaultError::Quarantined { .. }
            )
        };
        let audio = match &self.audio {
            Ok((_, Standing::Altered { .. })) => true,
            Ok(_) => false,
            Err(error) => !is_harmless(error),
        };
        audio || self.report.as_ref().is_err_and(|error| !is_harmless(error))
    }

    fn to_json(&self) -> anyhow::Result<serde_json::Value> {
        let audio = match &self.audio {
            Ok((audio, standing)) => json!({
                "seconds": audio.seconds(),
                "sample_rate": audio.rate(),
                "channels": audio.channels(),
                "bytes": audio.length(),
                "standing": standing,
            }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        let report = match &self.report {
            Ok(report) => serde_json::to_value(report)?,
            Err(error) => json!({ "error": error.to_string() }),
        };
        Ok(json!({
            "recording": self.record,
            "audio": audio,
            "report": report,
            "closing": self.closing,
            "second_listener": self.second,
        }))
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.record.name);
        let mut line = |what: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {what:12} {value}");
        };
        line("state", self.record.state.name());
        if let Some(begun) = self.record.begun {
            line("begun", &begun.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
        match &self.audio {
            Ok((audio, standing)) => {
                let standing = match standing {
                    Standing::Whole => "whole, as it was sealed".to_owned(),
                    Standing::CutOff { chunks } => format!("cut off after chunk {chunks}"),
                    Standing::Altered { chunk } => format!("ALTERED at chunk {chunk}"),
                };
                line(
                    "audio",
                    &format!(
                        "{:.1} s, {} channels at {} Hz; {standing}",
                        audio.seconds(),
                        audio.channels(),
                        audio.rate()
                    ),
                );
            }
            Err(error) => line("audio", &error.to_string()),
        }
        if let Some(closing) = &self.closing {
            line(
                "closed",
                &format!("{}: {}", closing.closed_at, closing.reason),
            );
        }
        line("key", &keys(&self.record));
        match &self.second {
            Some(second) => line("heard again", &listen::told(second)),
            None => line("heard again", "not yet"),
        }
        let report = match &self.report {
            Ok(report) => report,
            Err(error) => {
                line("report", &error.to_string());
                return text;
            }
        };
        line("policy", &report.policy_version);
        line("model", &report.model_sha256);
        let mut kinds: Vec<&str> = report.spans.iter().map(|span| &*span.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        line(
            "hidden",
            &format!(
                "{:.1} s in {} spans {}",
                report.totals.hidden_s,
                report.spans.len(),
                kinds.join(", ")
            ),
        );
        line(
            "not heard",
            &format!(
                "{:.1} s late, {:.1} s failed, {:.1} s left out",
                report.totals.late_s, report.totals.failed_s, report.totals.gap_s
            ),
        );
        if let Some(reason) = &report.abnormal_end {
            line("ended", reason);
        }
        for said in &report.transcript {
            line(
                &format!("{:7.1} s", said.start),
                &format!("{:8}  {}", said.leg.name(), said.text),
            );
        }
        text
    }
}

/// The report with the transcript, as far as that is there to be read.
pub(super) fn report(vault: &Vault, call: &RecordName) -> Result<Report, VaultError> {
    let read = |content: Content| vault.document(call, content);
    let wrong = |content: Content| {
        move |error: serde_json::Error| VaultError::Document {
            file: PathBuf::from(format!("{call}: {}", content.name())),
            problem: error.to_string(),
        }
    };
    let mut report: Report =
        serde_json::from_slice(&read(Content::Report)?).map_err(wrong(Content::Report))?;
    report.transcript = match read(Content::Transcript) {
        Ok(text) => {
            serde_json::from_slice::<Vec<Utterance>>(&text).map_err(wrong(Content::Transcript))?
        }
        Err(VaultError::Shredded { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(report)
}

impl Export {
    fn run(self) -> anyhow::Result<ExitCode> {
        let mut vault = self.store.open(Action::Export(&self.call))?;
        if self.quarantined {
            vault = vault.opening_quarantined();
        }
        let out = self.out.clone().unwrap_or_else(|| {
            PathBuf::from(match self.part {
                Part::Audio => format!("{}.wav", self.call),
                Part::Report => format!("{}.report.json", self.call),
                Part::Transcript => format!("{}.transcript.json", self.call),
            })
        });
        if out.exists() {
            bail!(
                "--out {}: is there already; choose another name",
                out.display()
            );
        }
        let state = vault.record(&self.call)?.state;
        let bytes = match self.part {
            Part::Audio => {
                let mut audio = vault.audio(&self.call)?;
                write_whole(&out, |file| {
                    let progress = Progress::new("exporting");
                    audio.copy_to(file, |done, total| progress.show(done, total))?;
                    Ok(())
                })?;
                audio.length()
            }
            Part::Report | Part::Transcript => {
                let content = match self.part {
                    Part::Transcript => Content::Transcript,
                    _ => Content::Report,
                };
                let text = pretty(&vault.document(&self.call, content)?)?;
                write_whole(&out, |file| Ok(file.write_all(&text)?))?;
                text.len() as u64
            }
        };
        match state {
            State::Complete => {}
            State::Open => {
                note("note: the call is under way, or was cut off; this is what there is")
            }
            State::Incomplete => note("note: the call was cut off; this is what there is"),
        }
        if self.store.json {
            let line = json!({
                "call": self.call,
                "part": self.part.to_possible_value().map(|part| part.get_name().to_owned()),
                "file": out,
                "bytes": bytes,
                "state": state,
            });
            print(&format!("{line}\n"))?;
        } else {
            print(&format!("{}: {bytes} bytes\n", out.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn pretty(text: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let value: serde_json::Value = serde_json::from_slice(text)?;
    let mut text = Zeroizing::new(serde_json::to_vec_pretty(&value)?);
    text.push(b'\n');
    Ok(text)
}

/// Writes a file whole or not at all, for its owner only, and never over another.
fn write_whole(
    out: &Path,
    write: impl FnOnce(&mut File) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let told = || format!("--out {}: cannot be written", out.display());
    let mut partial = tempfile::Builder::new()
        .prefix(".hushgate-")
        .tempfile_in(folder)
        .with_context(told)?;
    write(partial.as_file_mut())?;
    partial.as_file().sync_all().with_context(told)?;
    partial
        .persist_noclobber(out)
        .map_err(|error| error.error)
        .with_context(told)?;
    Ok(())
}
