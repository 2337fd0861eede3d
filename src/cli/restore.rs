//! `hushgate restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::backup::{public_key, told};
use super::operator::OperatorArguments;
use super::shared::{note, print, runtime};
use super::store_access::Progress;
use crate::gateway::records;
use crate::store::audit::{Action, AuditLog, Folder, LogSettings, Record};
use crate::store::backup::{Destroyed, Restored, restore};
use crate::store::database::DatabaseSettings;
use crate::store::index::Index;
use crate::store::vault::RecordName;

/// Makes a store of a copy: `store` and `audit` in a new folder, every file checked.
///
/// What was deleted, erased or redacted again since the copy was made must not come back: name the audit log of the store
/// as it was last (or a list of SHA-256), and the sealed files that were destroyed are left out with their keys. Then
/// put the keys back where the configuration says, and let `store.path` and `audit.folder` name the restored folders.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate restore --from /mnt/backup/2026-11-22 --to /var/lib/hushgate-restored \\
      --public-key audit-public.pem --destroyed /var/lib/hushgate/audit
  hushgate restore --from COPY --to NEW --nothing-destroyed --audit-keys /etc/hushgate/audit-keys

Exit status: 0 restored, 1 failed (nothing is left), 2 wrong usage.")]
pub(super) struct Arguments {
    /// The copy.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The folder to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The audit log's public key (PEM), from elsewhere than the copy.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Folder of the audit log as it was last, or a file with a SHA-256 on each line; repeatable.
    #[arg(
        long,
        value_name = "DIR|FILE",
        required_unless_present = "nothing_destroyed"
    )]
    destroyed: Vec<PathBuf>,
    /// Nothing was destroyed since the copy was made, or it is not known any more.
    #[arg(long, conflicts_with = "destroyed")]
    nothing_destroyed: bool,
    /// Folder of the audit log's keys, to write into the restored log that it was restored.
    #[arg(long, value_name = "DIR")]
    audit_keys: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let key = public_key(arguments.public_key.as_deref())?;
    let mut destroyed = Destroyed::default();
    for place in &arguments.destroyed {
        if place.is_dir() {
            destroyed.read_log(&Folder::new(place))?;
        } else {
            destroyed.read_list(place)?;
        }
    }
    let progress = Progress::new("restoring");
    let restored = restore(
        &arguments.from,
        &arguments.to,
        key.as_ref(),
        &destroyed,
        |done, total| progress.show(done, total),
    );
    drop(progress);
    let restored = restored?;
    forget(arguments, &restored)
        .context("the files are restored; the index still tells of calls that are gone")?;
    write_entry(arguments, &restored, destroyed.len())
        .context("the files are restored; the audit log does not say so")?;
    if arguments.json {
        let line = json!({
            "to": arguments.to,
            "files": restored.files,
            "left_out": restored.left_out,
            "gone": restored.gone,
            "manifest": restored.checked.manifest,
        });
        print(&format!("{line:#}\n"))?;
    } else {
        print(&format!(
            "{}: {} files of {}\n{} sealed files were left out, as they were destroyed since\n",
            arguments.to.display(),
            restored.files,
            told(&restored.checked),
            restored.left_out.len()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls of which no recording is left are not found any more.
fn forget(arguments: &Arguments, restored: &Restored) -> anyhow::Result<()> {
    let store = arguments.to.join("store");
    if restored.gone.is_empty() || !store.join("index.sqlite").exists() {
        return Ok(());
    }
    let runtime = runtime()?;
    runtime.block_on(async {
        let index = Index::open(&DatabaseSettings::within(&store)).await?;
        let gone: Result<Vec<_>, _> = restored
            .gone
            .iter()
            .map(|call| RecordName::new(call))
            .collect();
        records::forget(&index, &gone?).await?;
        anyhow::Ok(())
    })
}

fn write_entry(arguments: &Arguments, restored: &Restored, destroyed: usize) -> anyhow::Result<()> {
    let Some(keys) = &arguments.audit_keys else {
        note("note: the restored audit log does not tell of this; give --audit-keys DIR");
        return Ok(());
    };
    let opened = AuditLog::open(LogSettings {
        keys: keys.clone(),
        ..LogSettings::new(arguments.to.join("audit"))
    })?;
    let record = Record::new(Action::BackupRestored)
        .by(arguments.operator.actor())
        .with_name("list_sha256", restored.checked.manifest.list_sha256)
        .with("files", restored.files)
        .with("left_out", restored.left_out.len())
        .with("known_destroyed", destroyed);
    opened.log.record_durably(record).wait()?;
    opened.log.close();
    Ok(())
}
