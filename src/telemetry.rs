//! What happens in a call, as data: events, and the names of the metrics made from them.
//!
//! **Architecture invariant:** an event never carries a spoken value, only where, which kind and why.

pub mod alerts;
pub mod logs;
pub mod metrics;

use serde::{Deserialize, Serialize};

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::call::note::Note;
use alerts::{AlertKind, Severity};

/// Why a stretch could not be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The recogniser returned an error.
    RecogniserError,
    /// The recogniser panicked; its worker was replaced.
    RecogniserPanic,
    /// No answer within the worker's time limit; its worker was given up.
    RecogniserStuck,
    /// No worker could take the window.
    Overload,
    /// What the recogniser wrote cannot be trusted (a loop, or more tokens than fit the time).
    Unintelligible,
    /// The call ended and the drain deadline passed first.
    DrainDeadline,
}

/// A word of the transcript that may be kept, or the mask of a hidden stretch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MaskedWord {
    /// When it is spoken.
    #[serde(flatten)]
    pub span: Span,
    /// The word, or the mask.
    pub text: String,
    /// Whether this is a mask.
    #[serde(skip)]
    pub masked: bool,
}

/// Who did something by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name that they signed in with, or that of a program's token.
    pub name: String,
    /// Whether it is a program.
    pub is_program: bool,
}

/// What somebody did with a call that was under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    /// Every leg is hidden until it is resumed.
    Paused {
        /// From where on.
        from: MediaTime,
        /// Why, in their words.
        reason: Option<Note>,
    },
    /// What is said is recorded again.
    Resumed,
    /// What was said last was hidden on every leg.
    Blanked {
        /// From where on.
        from: MediaTime,
        /// How much of what was asked for had left already.
        too_late: MediaTime,
    },
    /// A place was marked.
    Marked {
        /// Tells this mark from the call's others.
        id: String,
        /// What for.
        note: Note,
    },
}

/// One fact about a call, in media time. Past tense: it has happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Samples left as fill, or were left out, because they were or may have been sensitive.
    Hidden {
        /// Whose audio.
        leg: Leg,
        /// What was hidden, pads included.
        #[serde(flatten)]
        span: Span,
        /// The kind of data, in snake case.
        kind: String,
        /// The evidence, in words, without a value.
        reason: String,
        /// The rule that asked for it.
        rule: String,
        /// How sure the detector was, 0 to 1.
        confidence: f32,
        /// Whether the recorder was stopped (`pause`) rather than given fill (`blank`).
        paused: bool,
    },
    /// Samples were due before they were examined; they left as fill.
    Late {
        /// Whose audio.
        leg: Leg,
        /// What was filled.
        #[serde(flatten)]
        span: Span,
    },
    /// Samples could not be examined; they left as fill.
    Failed {
        /// Whose audio.
        leg: Leg,
        /// What was filled.
        #[serde(flatten)]
        span: Span,
        /// Why.
        cause: FailureCause,
    },
    /// Words that left audible, masked where they were not.
    Transcribed {
        /// Who spoke.
        leg: Leg,
        /// From the first word to the last.
        #[serde(flatten)]
        span: Span,
        /// The words; what was hidden reads `[pan]`, `[cvv]` and so on, pressed keys `[dtmf ****]`.
        text: String,
        /// The same word by word.
        words: Vec<MaskedWord>,
    },
    /// Packets that came after their place on the timeline had been examined were dropped.
    PacketsDropped {
        /// Whose audio.
        leg: Leg,
        /// How many samples.
        samples: u64,
    },
    /// Audio did not reach the recorder that the call is forwarded to; the call's own recording has it.
    NotForwarded {
        /// What was lost.
        #[serde(flatten)]
        span: Span,
    },
    /// A recorder elsewhere was paused. What was said from `from` until `at` may be in its recording.
    RecorderPaused {
        /// Who says what is kept out.
        leg: Leg,
        /// The kind of data, in snake case.
        kind: String,
        /// Where what is kept out begins.
        from: MediaTime,
        /// When the pause was confirmed.
        at: MediaTime,
        /// Whether its platform said so when asked, rather than only took the request.
        verified: bool,
    },
    /// An alarm: a recorder elsewhere was not confirmed to be paused in time.
    RecorderNotPaused {
        /// Who says what was to be kept out.
        leg: Leg,
        /// The kind of data, in snake case.
        kind: String,
        /// Where what was to be kept out begins.
        from: MediaTime,
        /// When the time was over.
        at: MediaTime,
        /// Why, in words, without secrets.
        reason: String,
    },
    /// A recorder elsewhere goes on.
    RecorderResumed {
        /// When that was confirmed.
        at: MediaTime,
        /// Whether its platform said so when asked, rather than only took the request.
        verified: bool,
    },
    /// An alarm: a recorder elsewhere is paused, or may be, and was not confirmed to go on in time.
    RecorderNotResumed {
        /// When the time was over.
        at: MediaTime,
        /// Why, in words, without secrets.
        reason: String,
    },
    /// Somebody did something by hand.
    DoneByHand {
        /// Who.
        by: Person,
        /// Where the call's audio had arrived.
        at: MediaTime,
        /// What.
        #[serde(flatten)]
        deed: Deed,
    },
    /// A rule raised an alert. It never says what was spoken.
    Alerted {
        /// Of no other alert.
        id: String,
        /// The rule's name.
        rule: String,
        /// What it is about.
        kind: AlertKind,
        /// How urgent it is.
        severity: Severity,
        /// Whose speech, where it is one party's.
        leg: Option<Leg>,
        /// What it is about, in the call's time.
        #[serde(flatten)]
        span: Span,
        /// The rule's own words.
        message: String,
    },
}
