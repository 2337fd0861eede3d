//! The words of the last minutes, from overlapping windows of both legs, in order of time.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::HeardWord;
use crate::speech::Transcript;

/// How long words stay: long enough for a question, its answer and the read-back.
const KEPT: MediaTime = MediaTime::from_millis(180_000);
/// Words of two windows that start within this are taken for the same.
const SAME: MediaTime = MediaTime::from_millis(350);

/// The running text of a call. Wiped when dropped.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    words: Vec<HeardWord>,
}

impl Conversation {
    /// The words in order of start.
    pub(super) fn words(&self) -> &[HeardWord] {
        &self.words
    }

    /// Adds what a window's transcript decides.
    ///
    /// Where windows overlap, a word both heard is kept once, and where they disagree both are kept:
    /// a digit heard twice is harmless, a digit lost is not.
    pub(super) fn add(&mut self, leg: Leg, listened: Span, decides: Span, transcript: Transcript) {
        let known = self.words.len();
        for word in transcript.words {
            let span = Span::new(
                listened.start + word.span.start,
                (listened.start + word.span.end).min(listened.end),
            );
            let middle = span.start + MediaTime::from_micros(span.length().micros() / 2);
            let beyond = middle + SAME < decides.start || middle > decides.end + SAME;
            if beyond && !is_number_like(word.text.expose()) {
                continue;
            }
            let heard = HeardWord {
                leg,
                span,
                text: word.text,
                confidence: word.confidence,
            };
            if !self.words[..known]
                .iter()
                .rev()
                .any(|other| is_same(other, &heard))
            {
                self.words.push(heard);
            }
        }
        self.words
            .sort_by_key(|word| (word.span.start, word.span.end, word.leg));
    }

    /// Lets go of words that no decision can depend on any more.
    pub(super) fn forget_before(&mut self, released: MediaTime) {
        let oldest = released - KEPT;
        self.words.retain(|word| word.span.end >= oldest);
    }

    /// The words of a leg that begin in a span.
    pub(super) fn spoken_in(&self, leg: Leg, span: Span) -> impl Iterator<Item = &HeardWord> {
        self.words
            .iter()
            .filter(move |word| word.leg == leg && span.contains(word.span.start))
    }
}

fn is_same(one: &HeardWord, other: &HeardWord) -> bool {
    let letters = |word: &HeardWord| -> Vec<u8> {
        let text = word.text.expose().bytes();
        text.filter(u8::is_ascii_alphanumeric)
            .map(|byte| byte.to_ascii_lowercase())
            .collect()
    };
    let apart = one.span.start.micros().abs_diff(other.span.start.micros());
    one.leg == other.leg && apart <= SAME.micros() && letters(one) == letters(other)
}

fn is_number_like(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}
