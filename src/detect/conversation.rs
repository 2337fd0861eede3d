//! The words of all legs as one conversation: numbers read, phrases normalised, sentences found.
//!
//! Knows order and time. Does not know what is sensitive.

use std::cell::OnceCell;
use std::ops::Range;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;

use super::talk::{self, Act};
use super::token::{Form, Sense};
use super::{numbers, wording};

/// A pause of one speaker that separates turns: no phrase reaches across it.
const TURN_PAUSE: MediaTime = MediaTime::from_millis(2_500);
/// A pause of one speaker that separates sentences, whatever the recogniser's punctuation says.
const SENTENCE_PAUSE: MediaTime = MediaTime::from_millis(900);

/// A word of the conversation, borrowed.
#[derive(Clone, Copy)]
pub(super) struct Heard<'a> {
    /// Who said it.
    pub(super) leg: Leg,
    /// When.
    pub(super) span: Span,
    /// As the recogniser wrote it.
    pub(super) text: &'a str,
}

impl<'w> From<&'w crate::detect::HeardWord> for Heard<'w> {
    fn from(word: &'w crate::detect::HeardWord) -> Self {
        Self {
            leg: word.leg,
            span: word.span,
            text: word.text.expose(),
        }
    }
}

/// One token of the conversation, placed in time.
pub(super) struct Item {
    /// Index into [`Conversation::tracks`].
    pub(super) track: usize,
    /// From its first word to its last.
    pub(super) span: Span,
    /// What it is.
    pub(super) form: Form,
    /// Its words, as indices into the track's words.
    pub(super) words: Range<usize>,
    /// Number words that are part of a phrase ("sixteen digits", "one moment"), not of a number.
    pub(super) wordy: bool,
}

/// All words of one leg.
pub(super) struct Track<'a> {
    /// Whose.
    pub(super) leg: Leg,
    /// Its words in order of time.
    pub(super) words: Vec<Heard<'a>>,
    /// The words normalised, separated by spaces, turns by line feeds.
    pub(super) text: wording::Text<'static>,
    /// Where each word begins in `text`.
    starts: Vec<usize>,
    /// Ranges of words.
    pub(super) sentences: Vec<Range<usize>>,
    /// For each word the sentence it is in.
    sentence_of: Vec<usize>,
    /// What each sentence does, once it was asked.
    acts: Vec<OnceCell<Act>>,
}

/// The conversation of all legs.
pub(super) struct Conversation<'a> {
    /// One for each leg that spoke, in order of leg.
    pub(super) tracks: Vec<Track<'a>>,
    /// All tokens in order of start.
    pub(super) items: Vec<Item>,
}

impl<'a> Track<'a> {
    fn new(leg: Leg, words: Vec<Heard<'a>>) -> Self {
        // Large enough for nearly every text: one that grows leaves a copy behind.
        let length = words.iter().map(|word| word.text.len() + 2).sum();
        let mut text = String::with_capacity(length);
        let mut starts = Vec::with_capacity(words.len());
        let mut sentences: Vec<Range<usize>> = Vec::new();
        let mut sentence_of = Vec::with_capacity(words.len());
        let mut ended = true;
        let mut last_end = MediaTime::ZERO;
        for (index, word) in words.iter().enumerate() {
            let pause = word.span.start - last_end;
            if index > 0 {
                if pause >= TURN_PAUSE {
                    text.push('\n');
                } else if !text.is_empty() && !text.ends_with([' ', '\n']) {
                    text.push(' ');
                }
            }
            starts.push(text.len());
            wording::push_normalised(word.text, &mut text);
            if ended || pause >= SENTENCE_PAUSE {
                sentences.push(index..index);
            }
            if let Some(sentence) = sentences.last_mut() {
                sentence.end = index + 1;
            }
            sentence_of.push(sentences.len() - 1);
            ended = wording::ends_sentence(word.text);
            last_end = last_end.max(word.span.end);
        }
        Self {
            leg,
            words,
            acts: vec![OnceCell::new(); sentences.len()],
            text: wording::Text::new(text),
            starts,
            sentences,
            sentence_of,
        }
    }

    /// The normalised text of some words.
    pub(super) fn text_of(&self, words: Range<usize>) -> &str {
        let text = self.text.as_str();
        let start_of = |word: usize| self.starts.get(word).copied().unwrap_or(text.len());
        let start = start_of(words.start);
        text.get(start..start_of(words.end).max(start))
            .unwrap_or_default()
            .trim()
    }

    /// The words that a stretch of `text` touches.
    pub(super) fn words_at(&self, bytes: Range<usize>) -> Range<usize> {
        let first = self
            .starts
            .partition_point(|start| *start <= bytes.start)
            .saturating_sub(1);
        let end = self.starts.partition_point(|start| *start < bytes.end);
        first..end.max(first + 1)
    }

    /// From the first of some words to the last.
    pub(super) fn span_of(&self, words: Range<usize>) -> Span {
        let start = self
            .words
            .get(words.start)
            .map_or(MediaTime::ZERO, |word| word.span.start);
        let end = self.words[words]
            .iter()
            .map(|word| word.span.end)
            .max()
            .unwrap_or(start);
        Span::new(start, end)
    }

    /// The sentence a word is in.
    pub(super) fn sentence(&self, word: usize) -> Range<usize> {
        self.sentence_of
            .get(word)
            .and_then(|sentence| self.sentences.get(*sentence))
            .cloned()
            .unwrap_or(word..word + 1)
    }

    /// What the sentence that begins with this word does; `None` if none begins with it.
    pub(super) fn act_from(&self, word: usize) -> Option<Act> {
        let index = *self.sentence_of.get(word)?;
        let sentence = self.sentences.get(index)?;
        let act = self.acts.get(index)?;
        (sentence.start == word)
            .then(|| *act.get_or_init(|| talk::act(self.text_of(sentence.clone()))))
    }

    /// Whether the turn ends at this word, as far as was heard.
    pub(super) fn turn_ends_after(&self, word: usize) -> bool {
        match (self.words.get(word), self.words.get(word + 1)) {
            (Some(word), Some(next)) => next.span.start - word.span.end >= SENTENCE_PAUSE,
            _ => true,
        }
    }

    /// The words around some words that belong to the same turn, at most so many on each side.
    pub(super) fn around(&self, words: &Range<usize>, before: usize, after: usize) -> Range<usize> {
        let mut start = words.start;
        while start > 0 && words.start - start < before {
            let pause = self.words[start].span.start - self.words[start - 1].span.end;
            if pause >= TURN_PAUSE {
                break;
            }
            start -= 1;
        }
        let mut end = words.end;
        while end < self.words.len() && end - words.end < after {
            let pause = self.words[end].span.start - self.words[end - 1].span.end;
            if pause >= TURN_PAUSE {
                break;
            }
            end += 1;
        }
        start..end
    }
}

impl<'a> Conversation<'a> {
    /// From words in order of start.
    pub(super) fn new(words: &[Heard<'a>]) -> Self {
        let mut tracks = Vec::new();
        let mut items = Vec::with_capacity(words.len());
        for leg in [Leg::Agent, Leg::Customer, Leg::Mixed] {
            let spoken = || words.iter().filter(|word| word.leg == leg).copied();
            let mut own: Vec<Heard<'a>> = Vec::with_capacity(spoken().count());
            own.extend(spoken());
            if own.is_empty() {
                continue;
            }
            let tokens = numbers::read(own.iter().map(|word| word.text));
            let track = Track::new(leg, own);
            for token in tokens {
                let words = token.words.start..token.words.end.min(track.words.len());
                if words.is_empty() {
                    continue;
                }
                items.push(Item {
                    track: tracks.len(),
                    span: track.span_of(words.clone()),
                    form: token.form,
                    words,
                    wordy: false,
                });
            }
            tracks.push(track);
        }
        items.sort_by_key(|item| (item.span.start, item.track, item.words.start));
        Self { tracks, items }
    }

    /// The index of a leg's track, if that leg spoke.
    pub(super) fn track_of(&self, leg: Leg) -> Option<usize> {
        self.tracks.iter().position(|track| track.leg == leg)
    }

    /// The normalised text of an item.
    pub(super) fn text_of(&self, item: &Item) -> &str {
        self.tracks[item.track].text_of(item.words.clone())
    }

    /// The first item that starts at or after a time.
    pub(super) fn first_from(&self, time: MediaTime) -> usize {
        self.items.partition_point(|item| item.span.start < time)
    }
}

impl Item {
    /// Its digits, if it is a number that may be data.
    pub(super) fn digits(&self) -> Option<(&[u8], Sense, &[usize])> {
        match &self.form {
            Form::Number {
                digits,
                sense,
                sources,
            } if !self.wordy => Some((digits.expose().as_slice(), *sense, sources.as_slice())),
            _ => None,
        }
    }

    /// How many digits it may stand for: those read, or those in debris.
    pub(super) fn digit_count(&self) -> usize {
        match &self.form {
            Form::Number { digits, .. } if !self.wordy => digits.expose().len(),
            Form::Debris => 2,
            _ => 0,
        }
    }
}
