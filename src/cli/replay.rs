//! `hushgate replay`.

use std::process::ExitCode;

use clap::Args;

/// Plays recorded calls through the gateway and writes them clean.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
