//! `hushgate audit keys`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Place, write_new};
use crate::cli::shared::print;
use crate::store::audit::PublicKey;

/// Makes the audit log's keys, or prints the public one.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(Generate),
    Public(Public),
}

/// Makes keys for an audit log: audit-hmac.key and audit-signing.pem (secret), audit-public.pem.
///
/// Existing keys are not overwritten. Without this the gateway makes keys when it begins a log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit keys generate --keys /etc/hushgate/audit-keys

Exit status: 0 made, 1 failed, 2 wrong usage.")]
struct Generate {
    #[command(flatten)]
    place: Place,
}

/// Prints the public key, which auditors check checkpoints and bundles with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate audit keys public --config hushgate.toml --out audit-public.pem

Exit status: 0 printed, 1 failed, 2 wrong usage.")]
struct Public {
    #[command(flatten)]
    place: Place,
    /// The file to write; it must not exist [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Keys) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Generate(Generate { place }) => {
            let files = place.keys()?;
            let keys = files.generate()?;
            print(&format!(
                "{}\n{}\n{}\nthe signing key's id is {}; keep copies of the first two where nobody else reads them\n",
                files.hmac().display(),
                files.signing().display(),
                files.public().display(),
                keys.signing.public().id(),
            ))?;
        }
        Command::Public(Public { place, out }) => {
            let pem = PublicKey::read(&place.keys()?.public())?.to_pem();
            match out {
                Some(file) => write_new(file, &pem)?,
                None => print(&pem)?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
