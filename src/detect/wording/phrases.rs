//! Phrase patterns, and text as they see it: English without Unicode, so that it stays fast beside Hangul.
//!
//! A pattern that asks what a letter is in any script cannot be run as a plain automaton over text with
//! other scripts in it. English alternatives are therefore compiled for ASCII and see each character of
//! another script as one `_`, which is a letter to them as well; alternatives in other scripts see the
//! text itself.
//!
//! **Architecture invariant:** a hit is the one that a single expression of all alternatives would give:
//! the leftmost, and of those that begin together the one of the first alternative, English first.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use zeroize::{Zeroize, Zeroizing};

/// What an English pattern sees of a letter or digit of another script, and of any other such character.
const OTHER_LETTER: char = '_';
const OTHER_CHARACTER: char = '\u{1}';

/// Normalised text, prepared to be searched for phrases. Wiped when dropped.
pub(in crate::detect) struct Text<'t> {
    text: Cow<'t, str>,
    /// Only of text with other scripts.
    plain: Option<Plain>,
}

/// A text with one byte for each character.
struct Plain {
    text: Zeroizing<String>,
    /// Where each character begins in the text itself, and its end.
    starts: Vec<usize>,
}

impl<'t> Text<'t> {
    pub(in crate::detect) fn new(text: impl Into<Cow<'t, str>>) -> Self {
        let text = text.into();
        let plain = (!text.is_ascii()).then(|| Plain::of(&text));
        Self { text, plain }
    }

    pub(in crate::detect) fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as English patterns see it; words stay words.
    pub(in crate::detect) fn plain(&self) -> &str {
        self.plain.as_ref().map_or(&self.text, |plain| &plain.text)
    }

    /// The place in `plain` of a place in the text.
    fn to_plain(&self, at: usize) -> usize {
        match &self.plain {
            Some(plain) => plain.starts.partition_point(|start| *start < at),
            None => at,
        }
    }

    /// The place in the text of a place in `plain`.
    fn place_in_text(&self, at: usize) -> usize {
        match &self.plain {
            Some(plain) => plain.starts.get(at).copied().unwrap_or(self.text.len()),
            None => at,
        }
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.text {
            text.zeroize();
        }
    }
}

impl Plain {
    fn of(text: &str) -> Self {
        // Of the right size from the start: a text that grows leaves a copy behind.
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        let mut starts = Vec::with_capacity(text.len() + 1);
        for (at, character) in text.char_indices() {
            starts.push(at);
            plain.push(match character {
                '\0'..='\x7f' => character,
                _ if is_letter(character) => OTHER_LETTER,
                _ => OTHER_CHARACTER,
            });
        }
        starts.push(text.len());
        Self {
            text: plain,
            starts,
        }
    }
}

/// Whether `\w` matches a character that is not ASCII.
fn is_letter(character: char) -> bool {
    static LETTER: LazyLock<Regex> = LazyLock::new(|| compile(r"\w", true));
    // Hangul first: the general question is slow to answer.
    matches!(character, '가'..='힣')
        || character.is_alphabetic()
        || LETTER.is_match(character.encode_utf8(&mut [0; 4]))
}

/// Alternatives of wording, searched for as one.
pub(in crate::detect) struct Phrases {
    english: Option<Regex>,
    other: Option<Regex>,
}

impl Phrases {
    /// Alternatives that are matched on whole words.
    pub(in crate::detect) fn new(alternatives: &[&str]) -> Self {
        let (english, other): (Vec<&str>, Vec<&str>) = alternatives
            .iter()
            .partition(|alternative| alternative.is_ascii());
        Self {
            english: whole_words(&english),
            other: whole_words(&other),
        }
    }

    /// Also `joined` alternatives, for languages that join particles to words: matched anywhere.
    pub(in crate::detect) fn with_joined(alternatives: &[&str], joined: &[&str]) -> Self {
        Self {
            other: (!joined.is_empty()).then(|| compile(&joined.join("|"), true)),
            ..Self::new(alternatives)
        }
    }

    pub(in crate::detect) fn is_match(&self, text: &str) -> bool {
        self.is_in(&Text::new(text))
    }

    /// [`Phrases::is_match`] for text that many patterns are searched for in.
    pub(in crate::detect) fn is_in(&self, text: &Text<'_>) -> bool {
        let matches = |expression: &Option<Regex>, text: &str| {
            expression
                .as_ref()
                .is_some_and(|expression| expression.is_match(text))
        };
        matches(&self.english, text.plain())
            || (text.plain.is_some() && matches(&self.other, text.as_str()))
    }

    /// The first hit, as bytes of the text.
    pub(in crate::detect) fn find(&self, text: &str) -> Option<Range<usize>> {
        self.hits(&Text::new(text)).next()
    }

    /// All hits that do not overlap, in order, as bytes of the text.
    pub(in crate::detect) fn hits<'a>(&'a self, text: &'a Text<'a>) -> Hits<'a> {
        let other = self.other.as_ref().filter(|_| text.plain.is_some());
        Hits {
            text,
            at: 0,
            english: Search {
                expression: self.english.as_ref(),
                text: text.plain(),
                last: None,
            },
            other: Search {
                expression: other,
                text: text.as_str(),
                last: None,
            },
        }
    }

    /// Whether plain text consists of English hits alone.
    pub(in crate::detect) fn covers(&self, plain: &str) -> bool {
        let mut end = 0;
        for hit in self
            .english
            .iter()
            .flat_map(|english| english.find_iter(plain))
        {
            if !plain[end..hit.start()].trim().is_empty() {
                return false;
            }
            end = hit.end();
        }
        plain[end..].trim().is_empty()
    }

    /// Plain text with a space in place of every English hit.
    pub(in crate::detect) fn blank<'a>(&self, plain: &'a str) -> Cow<'a, str> {
        match &self.english {
            Some(english) => english.replace_all(plain, " "),
            None => Cow::Borrowed(plain),
        }
    }
}

/// The hits of a pattern in order.
pub(in crate::detect) struct Hits<'a> {
    text: &'a Text<'a>,
    at: usize,
    english: Search<'a>,
    other: Search<'a>,
}

impl Iterator for Hits<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let english = self.english.ahead(self.text.to_plain(self.at));
        let english =
            english.map(|hit| self.text.place_in_text(hit.start)..self.text.place_in_text(hit.end));
        let other = self.other.ahead(self.at);
        let hit = match (english, other) {
            (Some(english), Some(other)) if other.start < english.start => other,
            (Some(english), _) => english,
            (None, other) => other?,
        };
        self.at = hit.end;
        (!hit.is_empty()).then_some(hit)
    }
}

/// The search for one of a pattern's expressions.
struct Search<'a> {
    /// None when there is no further hit.
    expression: Option<&'a Regex>,
    text: &'a str,
    last: Option<Range<usize>>,
}

impl Search<'_> {
    /// The first hit that begins at or after a place.
    fn ahead(&mut self, from: usize) -> Option<Range<usize>> {
        if self.last.as_ref().is_none_or(|last| last.start < from) {
            self.last = self
                .expression?
                .find_at(self.text, from)
                .map(|hit| hit.range());
        }
        if self.last.is_none() {
            self.expression = None;
        }
        self.last.clone()
    }
}

fn whole_words(alternatives: &[&str]) -> Option<Regex> {
    let unicode = alternatives
        .iter()
        .any(|alternative| !alternative.is_ascii());
    (!alternatives.is_empty())
        .then(|| compile(&format!(r"\b(?:{})\b", alternatives.join("|")), unicode))
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and a test compiles all of them"
)]
fn compile(pattern: &str, unicode: bool) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(unicode)
        .build()
        .expect("a constant pattern is valid")
}

#[cfg(test)]
mod tests;
