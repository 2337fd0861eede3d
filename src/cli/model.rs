//! `hushgate model`.

use std::process::ExitCode;

use clap::Args;

/// Installs, lists, imports and verifies speech models.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
