//! From samples to windows, and from windows to words on the call's timeline.
//!
//! Voice activity decides only where a window is cut. **Architecture invariant:** no audible sample is
//! cleared because the voice detector heard no speech in it.

mod activity;
mod cutter;
mod keys;
mod listener;
mod resample;

use std::time::Duration;

use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};

pub(crate) use keys::{KeyListener, KeyTone};
pub(crate) use listener::{Heard, LegListener};

/// A word as the recogniser wrote it, punctuation included, with its time.
///
/// From a recogniser the times are relative to the window's start; in a session they are media time.
#[derive(Debug, Clone)]
pub struct Word {
    /// The written word without surrounding white space, never empty.
    pub text: Sensitive<String>,
    /// When it is spoken.
    pub span: Span,
    /// The recogniser's mean token probability, 0 to 1.
    pub confidence: f32,
}

/// What a recogniser made of one window.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// Words in order of time.
    pub words: Vec<Word>,
    /// Set when the text cannot be trusted to be all that was said (a repetition loop was cut off, or
    /// the token limit was hit): the window's audible samples stay hidden.
    pub unreliable: bool,
    /// The processor time that it took; of windows heard together each has its share.
    pub cpu: Duration,
}

/// Identifies a window within its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowId(pub u64);

/// Mono samples at 16 kHz, in -1..1, wiped when dropped.
pub type SpeechSamples = zeroize::Zeroizing<Vec<f32>>;

/// A stretch of one leg to be transcribed.
#[derive(Debug, Clone)]
pub struct Window {
    /// Names the window in the answer.
    pub id: WindowId,
    /// Whose speech.
    pub leg: Leg,
    /// Where it lies on the timeline.
    pub span: Span,
    /// The sound itself at [`crate::audio::SampleRate::SPEECH`].
    pub samples: Sensitive<Vec<f32>>,
    /// Media time by which the answer is needed.
    pub deadline: MediaTime,
}
