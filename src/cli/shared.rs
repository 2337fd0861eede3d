//! Arguments and output that several commands share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use crate::call::CallId;
use crate::config::{Config, Overrides};
use crate::engine::{self, Engine, HearingSettings, RecogniserFactory};
use crate::policy::Profile;

/// What a command waits on that does one thing at a time.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Arguments of every command that listens to calls.
#[derive(Debug, Clone, Args)]
pub struct SharedArguments {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "HUSHGATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Policy file (TOML): what is hidden, on which legs, how.
    #[arg(long, value_name = "FILE", env = "HUSHGATE_POLICY")]
    pub policy: Option<PathBuf>,
    /// How eager to hide: strict, balanced or lenient.
    #[arg(long, value_name = "NAME", env = "HUSHGATE_PROFILE", value_parser = parse_profile)]
    pub profile: Option<Profile>,
    /// Speech model: a name from `hushgate model list` or a ggml whisper file.
    #[arg(long, value_name = "NAME|PATH", env = "HUSHGATE_MODEL")]
    pub model: Option<String>,
    /// The library that hears: ctranslate2 or whisper.cpp.
    #[arg(long, value_name = "NAME", env = "HUSHGATE_ENGINE")]
    pub engine: Option<Engine>,
    /// Seconds between hearing a sample and releasing it.
    #[arg(long, value_name = "SECONDS", env = "HUSHGATE_HOLD")]
    pub hold: Option<f64>,
    /// Recogniser threads [default: one for each processor; one on the clock of a replay].
    #[arg(long, value_name = "COUNT", env = "HUSHGATE_WORKERS")]
    pub workers: Option<usize>,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

impl SharedArguments {
    /// The configuration these arguments, the environment and the files amount to.
    pub fn resolve(&self) -> anyhow::Result<Config> {
        self.resolve_with(Overrides::default())
    }

    /// Like [`SharedArguments::resolve`], with a command's own arguments in `own`.
    pub fn resolve_with(&self, own: Overrides) -> anyhow::Result<Config> {
        let overrides = Overrides {
            policy: self.policy.clone(),
            profile: self.profile,
            model: self.model.clone(),
            engine: self.engine,
            hold_seconds: self.hold,
            workers: self.workers,
            ..own
        };
        Ok(Config::load(self.config.as_deref(), overrides)?)
    }
}

/// What listens to calls, by the configuration's model; reads the model, which takes a second or so.
pub(super) fn recognisers(config: &Config) -> anyhow::Result<Arc<dyn RecogniserFactory>> {
    recognisers_with(config, HearingSettings::default())
}

/// The same with other than the default settings.
pub(super) fn recognisers_with(
    config: &Config,
    settings: HearingSettings,
) -> anyhow::Result<Arc<dyn RecogniserFactory>> {
    let file = crate::model::resolve(&config.model)?;
    Ok(engine::load(config.engine, &file, settings)?)
}

/// What listens to recordings again: another model where the configuration names one, else the same, whose weights are
/// shared.
pub(super) fn second_recognisers(
    config: &Config,
    live: Arc<dyn RecogniserFactory>,
) -> anyhow::Result<Arc<dyn RecogniserFactory>> {
    let Some(model) = &config.second_listener.model else {
        return Ok(live);
    };
    let file =
        crate::model::resolve(model).with_context(|| format!("second_listener.model {model}"))?;
    Ok(engine::load(
        config.engine,
        &file,
        HearingSettings::default(),
    )?)
}

pub(super) fn parse_profile(text: &str) -> Result<Profile, String> {
    match text {
        "strict" => Ok(Profile::Strict),
        "balanced" => Ok(Profile::Balanced),
        "lenient" => Ok(Profile::Lenient),
        _ => Err("expected strict, balanced or lenient".into()),
    }
}

/// A call id made of a file's name: what is not allowed becomes `_`.
pub(super) fn call_of(file: &Path) -> anyhow::Result<CallId> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let id: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(CallId::LONGEST)
        .collect();
    CallId::new(&id).map_err(|_| anyhow::anyhow!("{}: is not a file", file.display()))
}

/// Writes text to standard output; a reader that has gone is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Prints a line of progress on standard error.
pub(super) fn note(line: &str) {
    // Nothing is left to be done when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints an error and its causes on one line of standard error.
pub(super) fn print_error(error: &anyhow::Error) {
    // Nothing is left to be done when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}
