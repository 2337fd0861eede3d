//! Speech recognition behind one trait, on dedicated threads.
//!
//! The engine knows windows and words. It does not know calls, policies or what is sensitive.
//!
//! Reading order: [`Recogniser`] and [`RecogniserFactory`] here, [`whisper`] which implements them, and
//! [`pool`] which runs them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::ModelError;
use crate::speech::{Transcript, Window};
use crate::telemetry::FailureCause;

pub mod blas;
#[cfg(feature = "ctranslate2")]
mod ctranslate;
mod envelope;
mod guard;
mod hearing;
pub mod pool;
#[cfg(feature = "ctranslate2")]
mod spectrogram;
pub mod whisper;
mod words;

pub use hearing::HearingSettings;

/// Turns one window of speech into words. One recogniser is used by one thread.
pub trait Recogniser {
    /// Transcribes a window; word times are relative to the window's start.
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError>;

    /// Transcribes several windows, one answer for each, in order.
    fn transcribe_together(
        &mut self,
        windows: &[Window],
    ) -> Result<Vec<Transcript>, RecogniserError> {
        windows
            .iter()
            .map(|window| self.transcribe(window))
            .collect()
    }

    /// How many windows are cheaper together than one by one.
    fn most_together(&self) -> usize {
        1
    }

    /// Processor time that other threads than the caller's have spent for this recogniser so far.
    fn time_elsewhere(&self) -> Duration {
        Duration::ZERO
    }
}

/// The libraries that can hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum Engine {
    /// CTranslate2: 8-bit integers, several windows at a time. Not in every build.
    Ctranslate2,
    /// whisper.cpp.
    WhisperCpp,
}

impl Engine {
    /// Those of this build, the best first.
    pub const BUILT: &[Self] = &[
        #[cfg(feature = "ctranslate2")]
        Self::Ctranslate2,
        Self::WhisperCpp,
    ];

    /// Its name in configuration files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ctranslate2 => "ctranslate2",
            Self::WhisperCpp => "whisper.cpp",
        }
    }
}

impl std::str::FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let built = Self::BUILT.iter().find(|engine| engine.name() == name);
        built.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::BUILT.iter().map(|engine| engine.name()).collect();
            format!(
                "`{name}` is not in this build; expected {}",
                names.join(" or ")
            )
        })
    }
}

impl TryFrom<String> for Engine {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::BUILT[0]
    }
}

/// Reads, checks and loads a ggml file.
pub fn load(
    engine: Engine,
    path: &Path,
    settings: HearingSettings,
) -> Result<Arc<dyn RecogniserFactory>, LoadError> {
    Ok(match engine {
        #[cfg(feature = "ctranslate2")]
        Engine::Ctranslate2 => Arc::new(ctranslate::CtranslateFactory::load(path, settings)?),
        #[cfg(not(feature = "ctranslate2"))]
        Engine::Ctranslate2 => {
            return Err(LoadError::Library {
                path: path.display().to_string(),
                problem: "this build is without the engine ctranslate2".into(),
            });
        }
        Engine::WhisperCpp => Arc::new(whisper::WhisperFactory::load(path, settings)?),
    })
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not usable.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The library refused it.
    #[error("{path}: the speech library could not load this model: {problem}")]
    Library {
        /// The file.
        path: String,
        /// The library's words.
        problem: String,
    },
}

/// Why a recogniser gave no transcript. Carries no text that was heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecogniserError {
    /// The library reported an error.
    #[error("speech recognition failed: {0}")]
    Library(String),
    /// The recogniser could not be made.
    #[error("a recogniser could not be created: {0}")]
    Creation(String),
}

/// Makes recognisers, one for each worker thread.
pub trait RecogniserFactory: Send + Sync {
    /// Makes one, on the thread that will use it.
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError>;
    /// SHA-256 of the model file in lower-case hex, for reports.
    fn model_sha256(&self) -> &str;
}

/// What came of a window.
pub type Outcome = Result<Transcript, FailureCause>;
