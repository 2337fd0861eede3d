//! One call, from raw samples to clean audio, without a socket, clock, thread or file.
//!
//! A [`Session`] is driven: give it audio, transcripts and the end of the call, and take its outputs
//! with [`Session::poll_output`] until there are none after every input. Time is the call's own media
//! time: a sample is due when audio `hold` later than it has arrived.
//!
//! **Architecture invariants** (DESIGN 1 to 4): a sample leaves unhidden only if it and the margin after
//! it were examined; legs keep their length and alignment in blank mode; what is held is wiped when
//! dropped; every hidden, late or failed stretch is told in an event.

mod redactor;

use std::sync::Arc;

use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::call::{Leg, Sensitive};
use crate::engine::Outcome;
use crate::policy::Policy;
use crate::speech::{Window, WindowId};
use crate::telemetry::Event;

pub use redactor::CleanAudio;

/// Samples as they came from the telephone system, placed on the timeline of one leg.
#[derive(Debug, Clone)]
pub struct RawFrame {
    /// Whose audio.
    pub leg: Leg,
    /// Index of the first sample on the leg's timeline.
    pub at: SampleIndex,
    /// Linear 16-bit samples.
    pub samples: Sensitive<Vec<i16>>,
}

/// What one session is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The legs, in channel order.
    pub legs: &'static [Leg],
    /// The rate of every leg.
    pub rate: SampleRate,
    /// Delay between hearing a sample and releasing it.
    pub hold: MediaTime,
    /// What to hide.
    pub policy: Arc<Policy>,
}

/// What the driver must do next.
#[derive(Debug)]
pub enum Output {
    /// Hand this to the recorder.
    Release(CleanAudio),
    /// Have this transcribed, nearest deadline first, and answer with [`Session::handle_transcript`].
    Transcribe(Window),
    /// Tell this.
    Event(Event),
    /// Everything has left; the session takes no more input.
    Ended,
}

/// One call. See the module's documentation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
}

impl Session {
    /// Starts a call at media time zero.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes audio. Frames may come late, twice or out of order; a leg this session does not have is
    /// ignored. A gap of more than ten minutes ends the call.
    pub fn handle_audio(&mut self, _frame: RawFrame) {}

    /// Takes what came of a window. Answers to unknown windows are ignored.
    pub fn handle_transcript(&mut self, _window: WindowId, _outcome: Outcome) {}

    /// The call is over: what is held leaves as its windows are answered.
    pub fn handle_end(&mut self) {}

    /// No more answers will be waited for: what is held and not examined leaves as fill.
    pub fn handle_drain_deadline(&mut self) {}

    /// Up to where audio has arrived.
    pub fn head(&self) -> MediaTime {
        MediaTime::ZERO
    }

    /// The next thing to do, or `None` until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        let _ = &self.settings;
        None
    }
}
