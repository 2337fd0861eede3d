//! Speech recognition behind one trait, on dedicated threads.
//!
//! The engine knows windows and words. It does not know calls, policies or what is sensitive.
//!
//! Reading order: [`Recogniser`] and [`RecogniserFactory`] here, [`whisper`] which implements them, and
//! [`pool`] which runs them.

use crate::speech::{Transcript, Window};
use crate::telemetry::FailureCause;

pub mod blas;
mod envelope;
mod guard;
pub mod pool;
pub mod whisper;
mod words;

/// Turns one window of speech into words. One recogniser is used by one thread.
pub trait Recogniser {
    /// Transcribes a window; word times are relative to the window's start.
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError>;
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
