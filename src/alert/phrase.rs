//! Phrases: words in a row, with room for what a recogniser makes of them.
//!
//! ```text
//! this|the call may? be recorded|monitored ... quality
//! ```
//!
//! `a|b` is either, `word?` may be missing, `word*` begins so, `...` is up to [`FAR`] words. Numbers are the same in
//! words and digits. Long words may differ by a letter or two, a phrase of [`SOME`] words or more may have one word more between its
//! own, one of [`MANY`] or more lack one: but never a "not", nor a number. What is parted by a pause of [`PAUSE`] is
//! not one phrase.
//!
//! Words in Hangul are looked for without regard to spaces, with particles behind them.

use std::ops::Range;

use zeroize::Zeroizing;

use super::said::{NO_TIME, Said, SaidWord, has_hangul};
use crate::audio::MediaTime;

/// Words that `...` stands for at most.
pub const FAR: usize = 6;
/// Words from which on one more may stand between them.
pub const SOME: usize = 3;
/// Words from which on one may be missing.
pub const MANY: usize = 5;
/// A longer pause parts phrases.
pub const PAUSE: MediaTime = MediaTime::from_millis(3_000);
/// Letters from which on one, and two, may be others.
const LONG: usize = 7;
const LONGER: usize = 11;
/// Syllables between two words in Hangul: particles; and for `...`.
const PARTICLES: usize = 4;
const FAR_SYLLABLES: usize = 16;
/// Gaps of a phrase at most: each multiplies what is tried.
const MOST_GAPS: usize = 4;
/// Longest accepted phrase in characters.
const LONGEST: usize = 200;

/// Words that turn a phrase into its opposite.
const NEGATIONS: [&str; 24] = [
    "not", "no", "never", "without", "dont", "wont", "cant", "cannot", "isnt", "arent", "wasnt",
    "doesnt", "didnt", "shouldnt", "wouldnt", "couldnt", "neither", "nor", "nobody", "nothing",
    "안", "못", "않", "없",
];

/// A text that is no phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPhrase(&'static str);

/// One phrase. See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    written: String,
    items: Vec<Item>,
    /// Whether it is looked for syllable by syllable.
    hangul: bool,
}

/// A place in a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    alternatives: Vec<Alternative>,
    optional: bool,
    /// Whether up to [`FAR`] words may stand before it.
    far: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    text: String,
    number: Option<String>,
    prefix: bool,
}

impl Phrase {
    /// From its text.
    pub fn new(text: &str) -> Result<Self, InvalidPhrase> {
        if text.chars().count() > LONGEST {
            return Err(InvalidPhrase("is longer than 200 characters"));
        }
        let mut items: Vec<Item> = Vec::new();
        let mut far = false;
        for part in joined_numbers(text) {
            if part == "..." || part == "…" {
                far = true;
                continue;
            }
            let (part, optional) = match part.strip_suffix('?') {
                Some(part) if !part.is_empty() => (part.to_owned(), true),
                _ => (part, false),
            };
            let mut alternatives = Vec::new();
            for written in part.split('|') {
                let (written, prefix) = match written.strip_suffix('*') {
                    Some(written) => (written, true),
                    None => (written, false),
                };
                let said = Said::of(written.split(' ').map(|word| (word, NO_TIME)));
                let [SaidWord { text, number, .. }] = said.words.as_slice() else {
                    return Err(InvalidPhrase(
                        "has an empty or hyphenated word; expected words, word|word, word?, word* and ...",
                    ));
                };
                alternatives.push(Alternative {
                    text: text.to_string(),
                    number: number.as_ref().map(|number| number.to_string()),
                    prefix,
                });
            }
            items.push(Item {
                alternatives,
                optional,
                far: std::mem::take(&mut far) && !items.is_empty(),
            });
        }
        if items.iter().filter(|item| item.far).count() > MOST_GAPS {
            return Err(InvalidPhrase("has more than four gaps (...)"));
        }
        if items.first().is_none_or(|first| first.optional) {
            return Err(InvalidPhrase(
                "does not begin with a word that must be said",
            ));
        }
        Ok(Self {
            written: text.to_owned(),
            hangul: has_hangul(text),
            items,
        })
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Where it is said: words of each place, in order, none overlapping another.
    pub(super) fn places(&self, said: &Said) -> Vec<Range<usize>> {
        if self.hangul {
            return self.places_in_hangul(said);
        }
        let needed = self.items.iter().filter(|item| !item.optional).count();
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut from = 0;
        while from < said.words.len() {
            let search = Search {
                items: &self.items,
                words: &said.words,
                may_insert: needed >= SOME,
            };
            match search.from(0, from, needed >= MANY) {
                Some(end) => {
                    places.push(from..end);
                    from = end.max(from + 1);
                }
                None => from += 1,
            }
        }
        places
    }

    fn places_in_hangul(&self, said: &Said) -> Vec<Range<usize>> {
        // Of the right size from the start: what grows leaves a copy behind.
        let length = said
            .words
            .iter()
            .map(|word| word.text.chars().count())
            .sum();
        let mut syllables: Zeroizing<Vec<(char, usize)>> =
            Zeroizing::new(Vec::with_capacity(length));
        for (index, word) in said.words.iter().enumerate() {
            syllables.extend(word.text.chars().map(|c| (c, index)));
        }
        let mut places = Vec::new();
        let mut from = 0;
        while from < syllables.len() {
            match self.syllables_from(&syllables, 0, from) {
                Some(end)
                    if is_in_one_breath(said, syllables[from].1..syllables[end - 1].1 + 1) =>
                {
                    places.push(syllables[from].1..syllables[end - 1].1 + 1);
                    from = end;
                }
                _ => from += 1,
            }
        }
        places
    }

    /// The end of the syllables that the items from `item` on match from `at` on.
    fn syllables_from(&self, syllables: &[(char, usize)], item: usize, at: usize) -> Option<usize> {
        let Some(wanted) = self.items.get(item) else {
            return Some(at);
        };
        let gap = match (item, wanted.far) {
            (0, _) => 0,
            (_, true) => FAR_SYLLABLES,
            (_, false) => PARTICLES,
        };
        for begin in at..=(at + gap).min(syllables.len()) {
            for alternative in &wanted.alternatives {
                let mut rest = syllables[begin..].iter().map(|(c, _)| *c);
                if alternative.text.chars().all(|c| rest.next() == Some(c)) {
                    let end = begin + alternative.text.chars().count();
                    if let Some(end) = self.syllables_from(syllables, item + 1, end) {
                        return Some(end);
                    }
                }
            }
            let passed = syllables.get(begin).map(|(c, _)| *c);
            if passed.is_some_and(|c| matches!(c, '안' | '못' | '않' | '없')) && !wanted.far {
                break;
            }
        }
        match wanted.optional && item > 0 {
            true => self.syllables_from(syllables, item + 1, at),
            false => None,
        }
    }
}

fn is_in_one_breath(said: &Said, words: Range<usize>) -> bool {
    let words = said.words.get(words).unwrap_or_default();
    words
        .windows(2)
        .all(|pair| pair[1].span.start <= pair[0].span.end + PAUSE)
}

/// The parts of a phrase; number words in a row are one.
fn joined_numbers(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let mut joined: Vec<String> = Vec::new();
    let mut at = 0;
    while at < parts.len() {
        let plain = |part: &&&str| !part.contains(['|', '?', '*', '.', '…']);
        let run = parts[at..].iter().take_while(plain).count();
        if run == 0 {
            joined.push(parts[at].to_owned());
            at += 1;
            continue;
        }
        for token in crate::detect::numbers::read(parts[at..at + run].iter().copied()) {
            let words = &parts[at + token.words.start..at + token.words.end];
            match &token.form {
                crate::detect::token::Form::Number { .. } => joined.push(words.join(" ")),
                _ => joined.extend(words.iter().map(|word| (*word).to_owned())),
            }
        }
        at += run;
    }
    joined
}

/// One phrase on one party's words.
struct Search<'a> {
    items: &'a [Item],
    words: &'a [SaidWord],
    may_insert: bool,
}

impl Search<'_> {
    /// The end of the words that the items from `item` on match from `at` on; `may_lack` is whether one may be
    /// missing.
    fn from(&self, item: usize, at: usize, may_lack: bool) -> Option<usize> {
        let Some(wanted) = self.items.get(item) else {
            return Some(at);
        };
        let gap = match (item, wanted.far) {
            (0, _) => 0,
            (_, true) => FAR,
            (_, false) => usize::from(self.may_insert),
        };
        for begin in at..=(at + gap) {
            let Some(word) = self.words.get(begin) else {
                break;
            };
            let is_one_breath = begin == 0
                || item == 0
                || word.span.start <= self.words[begin - 1].span.end + PAUSE;
            if !is_one_breath {
                break;
            }
            if wanted.is(word)
                && let Some(end) = self.from(item + 1, begin + 1, may_lack)
            {
                return Some(end);
            }
            if !wanted.far && (is_negation(&word.text) || word.number.is_some()) {
                break;
            }
        }
        if wanted.optional
            && item > 0
            && let Some(end) = self.from(item + 1, at, may_lack)
        {
            return Some(end);
        }
        let is_inside = item > 0 && item + 1 < self.items.len();
        if may_lack && is_inside && !wanted.is_telling() {
            return self.from(item + 1, at, false);
        }
        None
    }
}

fn is_negation(text: &str) -> bool {
    NEGATIONS.contains(&text)
}

impl Item {
    fn is(&self, word: &SaidWord) -> bool {
        self.alternatives
            .iter()
            .any(|alternative| alternative.is(word))
    }

    /// Whether a phrase without it says something else.
    fn is_telling(&self) -> bool {
        self.alternatives
            .iter()
            .any(|one| one.number.is_some() || is_negation(&one.text))
    }
}

impl Alternative {
    fn is(&self, word: &SaidWord) -> bool {
        if let (Some(number), Some(said)) = (&self.number, &word.number) {
            return number.as_str() == said.as_str() || self.text == *word.text;
        }
        let (wanted, said) = (self.text.as_str(), word.text.as_str());
        if wanted == said || (self.prefix && said.starts_with(wanted)) {
            return true;
        }
        let length = wanted.chars().count();
        let edits = match length {
            LONGER.. => 2,
            LONG.. => 1,
            _ => return false,
        };
        self.number.is_none()
            && word.number.is_none()
            && wanted.chars().next() == said.chars().next()
            && length.abs_diff(said.chars().count()) <= edits
            && distance(wanted, said) <= edits
    }
}

/// Letters to insert, remove or replace to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
