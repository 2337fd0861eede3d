//! What happens in calls under way, as it is told to those who may see it.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::Value;

use super::call::{Facts, Message, Now};
use super::decided::Decided;
use super::peaks::Levels;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::call::note::Note;
use crate::telemetry::{FailureCause, MaskedWord};

/// Forms in which one event is shown: to who may see kinds and alerts, or not.
pub(super) const FORMS: usize = 4;

/// Something that happened.
#[derive(Debug)]
pub struct Published {
    /// Its number, for what is remembered; levels and heartbeats have none.
    pub number: Option<u64>,
    /// When.
    pub at: Timestamp,
    /// In which call.
    pub call: Arc<Facts>,
    /// What.
    pub what: Happening,
    texts: [OnceLock<Arc<str>>; FORMS],
}

impl Published {
    pub(super) fn new(number: Option<u64>, call: Arc<Facts>, what: Happening) -> Self {
        Self {
            number,
            at: Timestamp::now(),
            call,
            what,
            texts: Default::default(),
        }
    }

    /// Its text in one of a few forms, numbered from 0, which is made once, however many it is shown to.
    pub fn text(&self, form: usize, make: impl FnOnce() -> String) -> Arc<str> {
        match self.texts.get(form) {
            Some(text) => Arc::clone(text.get_or_init(|| make().into())),
            None => make().into(),
        }
    }
}

/// What may happen.
#[derive(Debug)]
pub enum Happening {
    /// The call began.
    Began(Now),
    /// What is so of it.
    State(Now),
    /// It was decided that something leaves hidden, or that it does not after all.
    Hiding(Decided),
    /// Something left as fill.
    Filled(Told),
    /// Something was said.
    Said(Arc<Said>),
    /// How loud what left was.
    Levels(Levels),
    /// An alert was raised, or answered.
    Alert(Arc<Value>),
    /// A place was marked.
    Marked(Mark),
    /// Somebody wrote to the agent.
    Message(Message),
    /// The call is over.
    Ended {
        /// Why, if it did not end by itself.
        reason: Option<String>,
    },
}

/// A stretch that left as fill.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Whose audio.
    pub leg: Leg,
    /// From and to.
    pub span: Span,
    /// Why.
    pub what: What,
}

/// Why a stretch left as fill.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It was or may have been sensitive, or somebody wished so.
    Hidden {
        /// The kind of data, or `manual`.
        kind: String,
        /// The evidence in words.
        reason: String,
        /// The rule.
        rule: String,
        /// 0 to 1.
        confidence: f32,
        /// Whether it was left out rather than filled.
        paused: bool,
    },
    /// It was not examined in time.
    Late,
    /// It could not be examined.
    Failed(FailureCause),
}

impl What {
    /// Whether stretches of both that touch are one.
    pub(super) fn is_same(&self, other: &What) -> bool {
        match (self, other) {
            (
                What::Hidden { kind, paused, .. },
                What::Hidden {
                    kind: other_kind,
                    paused: other_paused,
                    ..
                },
            ) => kind == other_kind && paused == other_paused,
            (What::Late, What::Late) => true,
            (What::Failed(one), What::Failed(two)) => one == two,
            _ => false,
        }
    }
}

/// Words of one speaker in a row, masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Who.
    pub leg: Leg,
    /// From the first word to the last.
    pub span: Span,
    /// The words, one space between two.
    pub text: Box<str>,
    /// Where each word ends in the text, and when it is said: half an hour of talk has thousands.
    ends: Box<[(u32, u32, u32)]>,
}

impl Said {
    /// From words that are masked.
    pub fn new(leg: Leg, span: Span, words: &[MaskedWord]) -> Self {
        let millis = |time: MediaTime| u32::try_from(time.micros() / 1_000).unwrap_or(u32::MAX);
        let mut text = String::new();
        let mut ends = Vec::with_capacity(words.len());
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word.text);
            let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
            ends.push((end, millis(word.span.start), millis(word.span.end)));
        }
        Self {
            leg,
            span,
            text: text.into(),
            ends: ends.into(),
        }
    }

    /// The words one by one.
    pub fn words(&self) -> impl Iterator<Item = (Span, &str)> {
        let mut from = 0;
        self.ends.iter().map(move |&(end, start_ms, end_ms)| {
            let end = end as usize;
            let text = self.text.get(from..end).unwrap_or_default();
            from = end + 1;
            let time = |millis: u32| MediaTime::from_millis(u64::from(millis));
            (Span::new(time(start_ms), time(end_ms)), text)
        })
    }
}

/// A marked place.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Tells it from the call's others.
    pub id: String,
    /// Where the call's audio had arrived.
    pub at: MediaTime,
    /// Who marked it.
    pub by: String,
    /// What for.
    pub note: Note,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_their_text() {
        let word = |text: &str, start: u64| MaskedWord {
            span: Span::new(
                MediaTime::from_millis(start),
                MediaTime::from_millis(start + 200),
            ),
            text: text.to_owned(),
            masked: text.starts_with('['),
        };
        let words = [word("It's", 0), word("[dtmf ****]", 300), word("café", 900)];
        let span = Span::new(MediaTime::ZERO, MediaTime::from_millis(1_100));
        let said = Said::new(Leg::Agent, span, &words);
        assert_eq!(&*said.text, "It's [dtmf ****] café");
        let found: Vec<(Span, &str)> = said.words().collect();
        let expected: Vec<(Span, &str)> = words
            .iter()
            .map(|word| (word.span, word.text.as_str()))
            .collect();
        assert_eq!(found, expected);
    }
}
