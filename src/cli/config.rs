//! `hushgate config`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::shared::{SharedArguments, print};
use crate::config::{Config, Overrides};

/// Checks or shows the configuration.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
    Show(Show),
}

/// Checks a configuration file and the policy it names.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate config check hushgate.toml

Exit status: 0 valid, 1 not valid (one line names file, line, field and what was expected), 2 wrong usage.")]
struct Check {
    /// Configuration file (TOML).
    #[arg(value_name = "FILE", env = "HUSHGATE_CONFIG")]
    file: PathBuf,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Prints the configuration that flags, environment and files amount to, as a file that means the same.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate config show > hushgate.toml           Write a file with every default
  hushgate config show --config hushgate.toml --hold 4
  hushgate config show --json

Exit status: 0 shown, 1 not valid, 2 wrong usage.")]
struct Show {
    #[command(flatten)]
    shared: SharedArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Check(check) => {
            Config::load(Some(&check.file), Overrides::default())?;
            if check.json {
                print("{\"valid\":true}\n")?;
            } else {
                print(&format!("{}: valid\n", check.file.display()))?;
            }
        }
        Command::Show(show) => {
            let config = show.shared.resolve()?;
            if show.shared.json {
                print(&format!("{:#}\n", config.to_json()))?;
            } else {
                print(&config.to_toml())?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
