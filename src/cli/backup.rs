//! `hushgate backup`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::OperatorArguments;
use super::shared::{note, print, runtime};
use super::store_access::guard::tell;
use super::store_access::{Action, Progress, StoreArguments};
use crate::config::{Config, Overrides};
use crate::gateway::notes::backup_made;
use crate::store::audit::{KeyFiles, PublicKey};
use crate::store::backup::{Checked, Source, make, verify};

/// Copies the store, its database and the audit log into a folder, while the gateway records.
///
/// The copy has every file's SHA-256 in a list, signed with the audit log's key. The keys of the store and of the audit
/// log are NOT in it, nor are the configuration, a PostgreSQL database and an object store: keep those by other means.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  hushgate backup --out /mnt/backup/2026-11-22 --config hushgate.toml
  hushgate backup verify /mnt/backup/2026-11-22 --public-key audit-public.pem
  hushgate restore --from /mnt/backup/2026-11-22 --to /var/lib/hushgate-restored

Exit status: 0 done, 1 failed or not whole, 2 wrong usage."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    backup: Backup,
}

#[derive(Debug, Args)]
struct Backup {
    /// The folder to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Verify),
}

/// Checks that a copy is what was made: its signature, and every file. Needs no secret key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate backup verify /mnt/backup/2026-11-22 --public-key audit-public.pem
  hushgate backup verify /mnt/backup/2026-11-22 --json

Exit status: 0 whole, 1 not whole or failed, 2 wrong usage.")]
struct Verify {
    /// The copy.
    #[arg(value_name = "DIR")]
    copy: PathBuf,
    /// The audit log's public key (PEM), from elsewhere than the copy.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Some(Command::Verify(verify)) => verify.run(),
        None => arguments.backup.run(),
    }
}

impl Backup {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Some(out) = &self.out else {
            bail!("expected --out DIR, or `verify`; see `hushgate backup --help`");
        };
        let config = Config::load(self.store.config.as_deref(), Overrides::default())?;
        let (vault, actor) = self.store.open_as(Action::BackUp, Some(&self.operator))?;
        let audit = config
            .audit
            .as_ref()
            .map(|audit| (audit.settings().files(), KeyFiles::new(&audit.keys)));
        if audit.is_none() {
            note("note: no audit log is kept, so that nobody signs the copy");
        }
        let source = Source {
            vault: &vault,
            audit,
        };
        let runtime = runtime()?;
        let progress = Progress::new("copying");
        let manifest = runtime.block_on(make(&source, out, |done, total| {
            progress.show(done, total);
        }))?;
        drop(progress);
        let record = backup_made(&actor, manifest.list_sha256, manifest.files, manifest.bytes);
        tell(config.audit.as_ref(), vault.path(), record)
            .context("the copy is made, and the audit log does not say so")?;
        if self.store.json {
            let line = json!({ "out": out, "manifest": manifest });
            print(&format!("{line:#}\n"))?;
        } else {
            print(&format!(
                "{}: {} files, {:.1} MB; {} calls were under way\nnot included: {}\n",
                out.display(),
                manifest.files,
                manifest.bytes as f64 / 1e6,
                manifest.under_way,
                manifest.not_included.join("; ")
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The key that a copy must be signed with.
pub(super) fn public_key(file: Option<&Path>) -> anyhow::Result<Option<PublicKey>> {
    let key = file.map(PublicKey::read).transpose()?;
    if key.is_none() {
        note(
            "note: the signature was not checked; give --public-key FILE, from elsewhere than the copy",
        );
    }
    Ok(key)
}

impl Verify {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let key = public_key(self.public_key.as_deref())?;
        let progress = Progress::new("checking");
        let checked = verify(&self.copy, key.as_ref(), |done, total| {
            progress.show(done, total)
        });
        drop(progress);
        let checked = checked?;
        if self.json {
            let line = json!({
                "whole": true,
                "signed_by": checked.signed_by,
                "manifest": checked.manifest,
            });
            print(&format!("{line:#}\n"))?;
        } else {
            print(&format!("whole: {}\n", told(&checked)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn told(checked: &Checked) -> String {
    format!(
        "{} files, {:.1} MB, made {}{}",
        checked.manifest.files,
        checked.manifest.bytes as f64 / 1e6,
        checked.manifest.made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        match &checked.signed_by {
            Some(key) => format!(", signed by {key}"),
            None => String::new(),
        }
    )
}
