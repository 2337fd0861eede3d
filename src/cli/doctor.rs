//! `hushgate doctor`.

use std::process::ExitCode;

use clap::Args;

/// Checks this machine and says what to do.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
