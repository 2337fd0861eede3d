//! `hushgate audit verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Place, progress};
use crate::cli::shared::{note, print};
use crate::store::audit::{Checkpoint, PublicKey, Verdict, Verification, verify_folder};

/// Checks that the log is what was written, and names the first entry that is not.
///
/// Each entry's hash, HMAC and place is checked, each checkpoint's signature, and that the log goes as far as was
/// signed. Without the HMAC key (`audit-hmac.key` in the folder of keys) hashes and signatures are checked, for which
/// the public key is enough. A log can be verified while it is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit verify --config hushgate.toml
  hushgate audit verify --folder /mnt/copy/audit --public-key audit-public.pem
  hushgate audit verify --folder audit --checkpoint kept-in-march.json --json

Exit status: 0 whole, 1 not whole or failed, 2 wrong usage.")]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// Public key (PEM) that checkpoints may be signed with; repeatable [default: the one among the keys].
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
    /// Checkpoint that was exported earlier, which the log must agree with; repeatable.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let (folder, keys) = arguments.place.resolve()?;
    let hmac = keys.hmac().exists().then(|| keys.load_hmac()).transpose()?;
    let mut public = arguments
        .public_key
        .iter()
        .map(|file| PublicKey::read(file))
        .collect::<Result<Vec<_>, _>>()?;
    if public.is_empty() && keys.public().exists() {
        public.push(PublicKey::read(&keys.public())?);
    }
    let anchors = arguments
        .checkpoint
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Checkpoint::parse(&text)
                .map_err(|problem| anyhow::anyhow!("{}: {problem}", file.display()))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let with = Verification {
        hmac,
        public,
        anchors,
        is_live: false,
    };
    let (bar, tell) = progress();
    let verdict = verify_folder(&folder, with, tell);
    bar.finish_and_clear();
    let verdict = verdict?;
    if arguments.json {
        let mut value = serde_json::to_value(&verdict)?;
        value["whole"] = verdict.is_whole().into();
        if let Some(bad) = &verdict.bad {
            value["bad"]["problem"] = bad.to_string().into();
        }
        print(&format!("{value:#}\n"))?;
    } else {
        print(&told(&verdict))?;
        if !verdict.hmac_checked {
            note("note: HMACs were not checked: the audit key is not there");
        }
        if !verdict.signatures_checked {
            note("note: signatures were not checked: give --public-key FILE");
        }
    }
    Ok(if verdict.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn told(verdict: &Verdict) -> String {
    let mut text = String::new();
    match &verdict.bad {
        Some(bad) => {
            text += &format!("NOT WHOLE: {bad}\n");
            text += &format!("{} entries before it are whole\n", verdict.entries);
        }
        None => text += &format!("whole: {} entries\n", verdict.entries),
    }
    if let (Some(first), Some(last)) = (&verdict.first_time, &verdict.last_time) {
        text += &format!("from {first} to {last}\n");
    }
    text += &format!(
        "{} signed checkpoints, up to entry {}\n",
        verdict.checkpoints, verdict.signed_until
    );
    if verdict.entries_lost > 0 {
        text += &format!(
            "{} entries were lost, as the log says: the disk was too slow\n",
            verdict.entries_lost
        );
    }
    if verdict.tails_repaired > 0 {
        text += &format!(
            "{} lines were cut off by the death of a writer, as the log says\n",
            verdict.tails_repaired
        );
    }
    if let Some(first) = verdict.clock_went_back.first() {
        text += &format!(
            "the clock went back {} times, first at entry {first}\n",
            verdict.clock_went_back.len()
        );
    }
    if verdict.is_being_written {
        text += "the last line is being written\n";
    }
    text
}

/// What a program is told, for other commands.
pub(super) fn bad_json(problem: &str) -> serde_json::Value {
    json!({ "good": false, "problem": problem })
}
