//! `hushgate config`.

use std::process::ExitCode;

use clap::Args;

/// Checks or shows the configuration.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// Runs the command.
pub(super) fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
