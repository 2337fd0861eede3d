//! `hushgate audit export`, `check-bundle` and `checkpoint`: what is given to others.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::verify::bad_json;
use super::{Place, progress, write_new};
use crate::cli::shared::{note, print};
use crate::store::audit::bundle::{Bundle, LONGEST};
use crate::store::audit::{
    Action, Actor, AuditError, AuditLog, LogSettings, PublicKey, Record, Sha256Digest,
};

/// Writes the evidence of one call into a file that can be checked without the log.
///
/// All entries about the call, what was hidden and by which rules, versions of policy, model and program, hashes of
/// the recording and the report, and the proof that the entries lie in the signed chain; signed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit export CA123 --config hushgate.toml --out CA123.evidence.json

Exit status: 0 written, 1 failed, 2 wrong usage.")]
pub(super) struct Export {
    /// The call's id.
    #[arg(value_name = "CALL")]
    call: String,
    /// The file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn export(arguments: &Export) -> anyhow::Result<ExitCode> {
    let (folder, keys) = arguments.place.resolve()?;
    let keys = keys.load()?;
    let (bar, tell) = progress();
    let bundle = Bundle::collect(&folder, &arguments.call, &keys, tell);
    bar.finish_and_clear();
    let bundle = bundle?;
    let text = bundle.to_json();
    write_new(&arguments.out, &text)?;
    let sum = Sha256Digest::of(&[text.as_bytes()]);
    let record = Record::new(Action::EvidenceExported)
        .by(Actor::user(&user()))
        .about(&arguments.call)
        .with_name("sha256", sum);
    add(&arguments.place, record)?;
    let (entries, spans) = (
        bundle.bundle.entries.len(),
        bundle.bundle.summary.spans.len(),
    );
    if arguments.json {
        print(&format!(
            "{}\n",
            json!({"out": arguments.out, "entries": entries, "spans": spans, "key": bundle.key, "sha256": sum})
        ))?;
    } else {
        print(&format!(
            "{}: {entries} entries, {spans} stretches hidden, late or failed; signed with key {}\n",
            arguments.out.display(),
            bundle.key
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who runs this command.
fn user() -> String {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").map(|process| process.uid());
    let uid = uid.map_or_else(|_| "uid unknown".into(), |uid| format!("uid {uid}"));
    match std::env::var("USER") {
        Ok(name) if !name.is_empty() => format!("{name} ({uid})"),
        _ => uid,
    }
}

/// Adds an entry of this command to the log. A gateway that is running has the log, and this is only said.
fn add(place: &Place, record: Record) -> anyhow::Result<()> {
    match AuditLog::open(settings(place)?) {
        Ok(opened) => {
            opened.log.record_durably(record).wait()?;
            opened.log.close();
        }
        Err(AuditError::Locked { .. }) => {
            note("note: the gateway is writing the log, so that no entry tells of this export");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn settings(place: &Place) -> anyhow::Result<LogSettings> {
    let mut settings = match (&place.folder, place.configured()?) {
        (Some(folder), _) => LogSettings::new(folder.clone()),
        (None, Some(audit)) => audit.settings(),
        (None, None) => bail!("give --folder DIR, or --config FILE with [audit] folder in it"),
    };
    if let Some(keys) = &place.keys {
        settings.keys.clone_from(keys);
    }
    if place.anchor.is_some() {
        settings.anchor.clone_from(&place.anchor);
    }
    // These commands add to a log, and never begin one.
    if settings.files().segments()?.is_empty() {
        return Err(AuditError::NoLog {
            folder: settings.folder,
        }
        .into());
    }
    Ok(settings)
}

/// Checks an evidence bundle with nothing but a public key.
///
/// The signature, that each entry lies in the signed chain in its place, that the summary is what the entries come
/// to, and that no entry of the call is left out. Files that belong to the call are compared by their hashes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit check-bundle CA123.evidence.json --public-key audit-public.pem
  hushgate audit check-bundle CA123.evidence.json --public-key audit-public.pem --file CA123.wav --file CA123.json

Exit status: 0 good, 1 not good or failed, 2 wrong usage.")]
pub(super) struct CheckBundle {
    /// The bundle.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// The public key (PEM) of the gateway's audit log.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// A recording or report that is said to be the call's; repeatable.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn check(arguments: &CheckBundle) -> anyhow::Result<ExitCode> {
    let key = PublicKey::read(&arguments.public_key)?;
    let text = read_all(&arguments.bundle)?;
    let outcome = String::from_utf8(text)
        .map_err(|_| "is not text".to_owned())
        .and_then(|text| Bundle::parse(&text))
        .and_then(|bundle| Ok((bundle.check(&key)?, bundle)))
        .and_then(|(checked, bundle)| {
            for file in &arguments.file {
                let bytes = read_all(file).map_err(|error| format!("{error:#}"))?;
                if bundle.recorded(Sha256Digest::of(&[&bytes])).is_none() {
                    return Err(format!(
                        "has no file with the hash of {}: it is not the call's, or was altered",
                        file.display()
                    ));
                }
            }
            if checked.is_complete == Some(false) {
                return Err("does not have as many entries as the call's end says it had".into());
            }
            Ok((checked, bundle))
        });
    let (checked, bundle) = match outcome {
        Ok(good) => good,
        Err(problem) => {
            if arguments.json {
                print(&format!("{:#}\n", bad_json(&problem)))?;
            } else {
                print(&format!(
                    "NOT GOOD: {} {problem}\n",
                    arguments.bundle.display()
                ))?;
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let contents = &bundle.bundle;
    if arguments.json {
        print(&format!(
            "{:#}\n",
            json!({
                "good": true,
                "call": contents.call,
                "entries": checked.entries,
                "complete": checked.is_complete,
                "summary": contents.summary,
            })
        ))?;
    } else {
        let complete = match checked.is_complete {
            Some(_) => "none is left out",
            None => "the call's end is not among them, so that later ones may be missing",
        };
        let summary = &contents.summary;
        print(&format!(
            "good: {} entries about call {}, {complete}\nfrom {} to {}\n{} stretches hidden, late or failed\n",
            checked.entries,
            contents.call.replace(char::is_control, " "),
            summary.began.as_deref().unwrap_or("?"),
            summary.ended.as_deref().unwrap_or("?"),
            summary.spans.len(),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read_all(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(file)?
            .take(LONGEST * 16)
            .read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    read().with_context(|| format!("cannot read {}", file.display()))
}

/// Writes a signed statement of how far the log goes.
///
/// Kept where the gateway cannot reach it, it shows later that nothing of the log was cut or made anew: `hushgate
/// audit verify --checkpoint FILE`. While the gateway runs, it is the statement about its last entry.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit checkpoint --config hushgate.toml --out 2026-11-22.json

Exit status: 0 written, 1 failed, 2 wrong usage.")]
pub(super) struct MakeCheckpoint {
    #[command(flatten)]
    place: Place,
    /// The file to write; it must not exist [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn checkpoint(arguments: &MakeCheckpoint) -> anyhow::Result<ExitCode> {
    let (folder, keys) = arguments.place.resolve()?;
    let checkpoint = match AuditLog::open(settings(&arguments.place)?) {
        Ok(opened) => {
            let checkpoint = opened.log.checkpoint()?;
            opened.log.close();
            checkpoint
        }
        Err(AuditError::Locked { .. }) => {
            let anchor = folder.anchor()?.context("the log has no anchor.json yet")?;
            let key = PublicKey::read(&keys.public())?;
            anchor.check(&[key]).map_err(|problem| {
                anyhow::anyhow!("{} {problem}", folder.anchor_file().display())
            })?;
            anchor
        }
        Err(error) => return Err(error.into()),
    };
    match &arguments.out {
        Some(file) => write_new(file, &checkpoint.to_json())?,
        None => print(&checkpoint.to_json())?,
    }
    Ok(ExitCode::SUCCESS)
}
