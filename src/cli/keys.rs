//! `hushgate keys`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::shared::{note, print};
use super::store_access::{Action, Progress, StoreArguments};
use crate::store::keys::{KeyId, KeySource, add_key};

/// Makes, lists and rotates the keys of encrypted recordings.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(Generate),
    List(List),
    Rotate(Rotate),
}

/// Makes a new key and puts it first in the file of keys: new recordings are sealed under it.
///
/// Older keys stay in the file, as they open older recordings until `keys rotate` was run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate keys generate --key-file /etc/hushgate/store.keys     The first, or one more
  hushgate keys generate --config hushgate.toml                  The file that the configuration names

Keep a copy of the file elsewhere: without it no recording can be read.
Exit status: 0 made, 1 failed, 2 wrong usage.")]
struct Generate {
    /// The file of keys; made if it does not exist [default: the configuration's].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The key's id [default: the date and four random letters].
    #[arg(long, value_name = "ID", value_parser = KeyId::new)]
    id: Option<KeyId>,
    #[command(flatten)]
    store: StoreArguments,
}

/// Shows the ids of the keys, and how many recordings, reports and transcripts need each. Never shows a key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate keys list --config hushgate.toml

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
}

/// Wraps every recording's own key anew under the current key. Recordings themselves are not touched.
///
/// May run while the gateway records, and again after it was cut off.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate keys generate --config hushgate.toml && hushgate keys rotate --config hushgate.toml

Exit status: 0 all are under the current key, 1 some are not, 2 wrong usage.")]
struct Rotate {
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Generate(generate) => generate.run(),
        Command::List(list) => list.run(),
        Command::Rotate(rotate) => rotate.run(),
    }
}

impl Generate {
    fn run(self) -> anyhow::Result<ExitCode> {
        if self.store.config.is_some() {
            self.store
                .permit(Action::GenerateKeys)
                .with_context(|| Action::GenerateKeys.to_string())?;
        }
        let file = match self.key_file {
            Some(file) => file,
            None => match self.store.store()?.keys {
                KeySource::File(file) => file,
                KeySource::Environment(name) => bail!(
                    "the keys are in the environment variable {name}; make one with --key-file FILE, and put the \
                     file's text there"
                ),
                KeySource::Transit(service) => bail!(
                    "the keys are in the key service at {}; make a new version of {} there",
                    service.url,
                    service.key
                ),
            },
        };
        let id = match self.id {
            Some(id) => id,
            None => new_id()?,
        };
        add_key(&file, &id)?;
        if self.store.json {
            print(&format!(
                "{}\n",
                json!({ "key": id.as_str(), "file": file })
            ))?;
        } else {
            print(&format!("{}: {id} is the current key\n", file.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Such as `2026-11-22-xbqp`.
fn new_id() -> anyhow::Result<KeyId> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let letters: String = random
        .iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    let date = Timestamp::now().strftime("%Y-%m-%d");
    Ok(KeyId::new(&format!("{date}-{letters}"))?)
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let vault = self.store.open(Action::ListKeys)?;
        let known = vault.keys().keys()?;
        let progress = Progress::new("counting");
        let usage = vault.usage(|done, total| progress.show(done, total));
        drop(progress);
        let usage = usage?;
        let objects = |id: &KeyId| {
            let found = usage.iter().find(|usage| usage.key == *id);
            found.map_or(0, |usage| usage.objects)
        };
        let mut rows: Vec<(&KeyId, &str, u64)> = known
            .iter()
            .enumerate()
            .map(|(at, id)| (id, if at == 0 { "current" } else { "older" }, objects(id)))
            .collect();
        // Of a service it is not known which keys it has.
        let elsewhere = if known.is_empty() {
            "in use"
        } else {
            "MISSING"
        };
        let others = usage.iter().filter(|usage| !known.contains(&usage.key));
        rows.extend(others.map(|usage| (&usage.key, elsewhere, usage.objects)));
        if self.store.json {
            let keys: Vec<_> = rows
                .iter()
                .map(|(id, state, objects)| {
                    json!({ "key": id.as_str(), "state": state.to_lowercase(), "objects": objects })
                })
                .collect();
            print(&format!("{:#}\n", json!({ "keys": keys })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!("{:36} {:8} {:>10}\n", "KEY", "STATE", "OBJECTS");
        for (id, state, objects) in rows {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:36} {state:8} {objects:10}", id.as_str());
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Failures that are told one by one.
const SHOWN: usize = 10;

impl Rotate {
    fn run(self) -> anyhow::Result<ExitCode> {
        let vault = self.store.open(Action::RotateKeys)?;
        vault
            .keys()
            .check()
            .with_context(|| Action::RotateKeys.to_string())?;
        let progress = Progress::new("rotating");
        let rotation = vault.rotate(|done, total| progress.show(done, total));
        drop(progress);
        let rotation = rotation?;
        for error in rotation.failed.iter().take(SHOWN) {
            note(&format!("error: {error}"));
        }
        if rotation.failed.len() > SHOWN {
            note(&format!(
                "error: and {} more",
                rotation.failed.len() - SHOWN
            ));
        }
        let failed = rotation.failed.len();
        if self.store.json {
            let line = json!({
                "objects": rotation.objects,
                "rewrapped": rotation.rewrapped,
                "failed": failed,
            });
            print(&format!("{line}\n"))?;
        } else {
            print(&format!(
                "{} of {} keys wrapped anew{}\n",
                rotation.rewrapped,
                rotation.objects,
                match failed {
                    0 => String::new(),
                    _ => format!("; {failed} failed: keep the older keys and run this again"),
                }
            ))?;
        }
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
