//! Log set-up: who reads, from which level, in which form. Logs go to standard error.
//!
//! **Architecture invariant:** the `log` crate's records are not taken: libraries quote there what they
//! read and write, which is audio.

use std::fmt;
use std::io::Write;

use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object on each line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        })
    }
}

/// A filter of `HUSHGATE_LOG` or `RUST_LOG` that cannot be read, or logs set up twice.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is malformed.
    #[error(
        "{variable}: {problem}; expected a level such as `info`, or `hushgate::gateway=debug,info`"
    )]
    Filter {
        /// Which variable.
        variable: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Something logs already.
    #[error("logs are set up already")]
    Twice,
}

/// Starts logging to standard error, by `HUSHGATE_LOG`, else `RUST_LOG`, else from level `info`.
pub fn start(format: LogFormat) -> Result<(), LogError> {
    let filter = filter()?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| StandardError)
        // What is told of a line that cannot be written is a panic where it cannot be told either.
        .log_internal_errors(false)
        .with_target(false);
    let started = match format {
        LogFormat::Human => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogError::Twice)
}

/// Standard error, which fails without a word: a log on a disk that is full must not end calls.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn filter() -> Result<EnvFilter, LogError> {
    for variable in ["HUSHGATE_LOG", "RUST_LOG"] {
        if let Ok(text) = std::env::var(variable)
            && !text.is_empty()
        {
            return EnvFilter::try_new(text).map_err(|error| LogError::Filter {
                variable,
                problem: error.to_string(),
            });
        }
    }
    Ok(EnvFilter::new("info"))
}
