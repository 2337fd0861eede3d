//! What one party said lately, word by word, as phrases are compared with it.
//!
//! Numbers are read by the detector's own reader, so that "fourteen" and "14" are the same word.

use zeroize::Zeroizing;

use crate::audio::{MediaTime, Span};
use crate::detect::token::Form;
use crate::detect::{normalise_phrase, numbers};

/// Sounds that carry nothing.
const HESITATIONS: [&str; 10] = ["uh", "um", "er", "erm", "hm", "hmm", "mm", "ah", "음", "어"];

/// The time of what is not said but written.
pub(super) const NO_TIME: Span = Span {
    start: MediaTime::ZERO,
    end: MediaTime::ZERO,
};

/// A word as it was said.
pub(super) struct SaidWord {
    /// In lower case, without punctuation.
    pub(super) text: Zeroizing<String>,
    /// Its digits, if it is a number.
    pub(super) number: Option<Zeroizing<String>>,
    /// When.
    pub(super) span: Span,
}

/// The words of one party in order.
#[derive(Default)]
pub(super) struct Said {
    pub(super) words: Vec<SaidWord>,
}

impl Said {
    /// Of words as the recogniser, or a rule's author, wrote them.
    pub(super) fn of<'a>(written: impl Iterator<Item = (&'a str, Span)>) -> Self {
        let written: Vec<(&str, Span)> = written.collect();
        let mut words = Vec::with_capacity(written.len());
        for token in numbers::read(written.iter().map(|(text, _)| *text)) {
            let here = written.get(token.words.clone()).unwrap_or_default();
            let (Some(first), Some(last)) = (here.first(), here.last()) else {
                continue;
            };
            let number = match &token.form {
                Form::Number { digits, .. } => Some(digits_of(digits.expose())),
                _ => None,
            };
            if let Some(number) = number {
                let text = match here {
                    [(text, _)] => Zeroizing::new(normalise_phrase(text)),
                    _ => number.clone(),
                };
                let span = Span::new(first.1.start, last.1.end);
                words.push(SaidWord {
                    text,
                    number: Some(number),
                    span,
                });
                continue;
            }
            for (text, span) in here {
                let normal = Zeroizing::new(normalise_phrase(text));
                for part in normal.split(' ') {
                    if !part.is_empty() && !HESITATIONS.contains(&part) {
                        words.push(SaidWord {
                            text: Zeroizing::new(part.to_owned()),
                            number: None,
                            span: *span,
                        });
                    }
                }
            }
        }
        Self { words }
    }

    /// When words are said.
    pub(super) fn span(&self, words: std::ops::Range<usize>) -> Span {
        let here = self.words.get(words).unwrap_or_default();
        match (here.first(), here.last()) {
            (Some(first), Some(last)) => Span::new(first.span.start, last.span.end),
            _ => NO_TIME,
        }
    }
}

fn digits_of(digits: &[u8]) -> Zeroizing<String> {
    // Of the right size from the start: a text that grows leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(digits.len()));
    text.extend(digits.iter().map(|digit| char::from(b'0' + digit.min(&9))));
    text
}

/// Whether a word is written in Hangul, whose particles are joined to words and whose spaces recognisers set as they
/// please.
pub(super) fn has_hangul(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '가'..='힣'))
}
