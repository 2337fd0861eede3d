//! The words of the last minutes, from overlapping windows of both legs, in order of time.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::token::Form;
use crate::detect::{HeardWord, numbers};
use crate::speech::Transcript;

/// How long words stay: long enough for a question, its answer and the read-back.
pub(super) const KEPT: MediaTime = MediaTime::from_millis(180_000);
/// Numbers closer than this are a group.
const GROUP_GAP: MediaTime = MediaTime::from_millis(1_000);
/// Words of two windows that start within this are taken for the same.
const SAME: MediaTime = MediaTime::from_millis(350);
/// The same for numbers: the last one of a window is often timed late, and one heard twice must not make
/// a harmless number a long one.
const SAME_NUMBER: MediaTime = MediaTime::from_millis(700);

/// The running text of a call. Wiped when dropped.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    words: Vec<HeardWord>,
    /// Speech that could not be examined.
    unheard: Vec<(Leg, Span)>,
}

impl Conversation {
    /// The words in order of start.
    pub(crate) fn words(&self) -> &[HeardWord] {
        &self.words
    }

    /// Adds what a window's transcript decides.
    ///
    /// Where windows overlap, a word both heard is kept once, and where they disagree both are kept:
    /// a digit heard twice is harmless, a digit lost is not. What was decided before and is heard again
    /// replaces what is known there only if it has more digits.
    pub(crate) fn add(&mut self, leg: Leg, listened: Span, decides: Span, transcript: Transcript) {
        let known = self.words.len();
        // Words come in order in both hearings, so each is found after the one before it.
        let mut unmatched = 0;
        let mut again: Vec<HeardWord> = Vec::new();
        for word in transcript.words {
            let span = Span::new(
                listened.start + word.span.start,
                (listened.start + word.span.end).min(listened.end),
            );
            let heard = HeardWord {
                leg,
                span,
                text: word.text,
                confidence: word.confidence,
            };
            let middle = heard.middle();
            if middle + SAME < decides.start {
                again.push(heard);
                continue;
            }
            let beyond = middle > decides.end + SAME;
            if beyond && digits_in(heard.text.expose()) == 0 {
                continue;
            }
            let same = self.words[unmatched..known]
                .iter()
                .position(|other| is_same(other, &heard));
            match same {
                Some(offset) => unmatched += offset + 1,
                None => self.words.push(heard),
            }
        }
        self.add_heard_again(again);
        self.words
            .sort_by_key(|word| (word.span.start, word.span.end, word.leg));
    }

    /// Numbers heard again, a group at a time.
    fn add_heard_again(&mut self, words: Vec<HeardWord>) {
        let mut group: Vec<HeardWord> = Vec::new();
        for word in words {
            let number = digits_in(word.text.expose()) > 0;
            let apart = group
                .last()
                .is_some_and(|last| word.span.start > last.span.end + GROUP_GAP);
            if !number || apart {
                self.prefer(std::mem::take(&mut group));
            }
            if number {
                group.push(word);
            }
        }
        self.prefer(group);
    }

    /// Puts a group of numbers in place of what is known there, if that has fewer digits.
    fn prefer(&mut self, group: Vec<HeardWord>) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return;
        };
        let leg = first.leg;
        let span = Span::new(first.span.start, last.span.end);
        let near = span.padded(SAME, SAME);
        let known: usize = self
            .words
            .iter()
            .filter(|word| word.leg == leg && near.contains(word.middle()))
            .map(|word| digits_in(word.text.expose()))
            .sum();
        let new: usize = group.iter().map(|word| digits_in(word.text.expose())).sum();
        if new <= known {
            return;
        }
        self.words
            .retain(|word| word.leg != leg || !span.contains(word.middle()));
        self.words.extend(group);
    }

    /// Whether a leg has said a number since a time.
    pub(super) fn has_numbers_after(&self, leg: Leg, time: MediaTime) -> bool {
        self.words
            .iter()
            .rev()
            .take_while(|word| word.span.start >= time)
            .any(|word| word.leg == leg && digits_in(word.text.expose()) > 0)
    }

    /// Remembers that nobody could examine this speech.
    pub(crate) fn miss(&mut self, leg: Leg, span: Span) {
        self.unheard.push((leg, span));
    }

    /// Speech that could not be examined, of the last minutes.
    pub(crate) fn unheard(&self) -> &[(Leg, Span)] {
        &self.unheard
    }

    /// Lets go of words that no decision can depend on any more.
    pub(crate) fn forget_before(&mut self, released: MediaTime) {
        let oldest = released - KEPT;
        self.words.retain(|word| word.span.end >= oldest);
        self.unheard.retain(|(_, span)| span.end >= oldest);
    }

    /// The words of a leg that begin in a span.
    pub(super) fn spoken_in(&self, leg: Leg, span: Span) -> impl Iterator<Item = &HeardWord> {
        let first = self
            .words
            .partition_point(|word| word.span.start < span.start);
        self.words[first..]
            .iter()
            .take_while(move |word| word.span.start < span.end)
            .filter(move |word| word.leg == leg)
    }
}

fn is_same(one: &HeardWord, other: &HeardWord) -> bool {
    let letters = |word: &HeardWord| -> Vec<u8> {
        let text = word.text.expose().bytes();
        text.filter(u8::is_ascii_alphanumeric)
            .map(|byte| byte.to_ascii_lowercase())
            .collect()
    };
    if one.leg != other.leg || letters(one) != letters(other) {
        return false;
    }
    let apart = one.span.start.micros().abs_diff(other.span.start.micros());
    let most = if digits_in(one.text.expose()) > 0 {
        SAME_NUMBER
    } else {
        SAME
    };
    apart <= most.micros()
}

/// How many digits a word by itself stands for.
pub(crate) fn digits_in(text: &str) -> usize {
    numbers::read([text])
        .iter()
        .map(|token| match &token.form {
            Form::Number { digits, .. } => digits.expose().len(),
            Form::Debris => 1,
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests;
