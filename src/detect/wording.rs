//! Words as the phrase patterns see them: lower case, no punctuation, misheard keywords repaired.
//!
//! Knows spelling only, not what a phrase means.

mod phrases;

pub(super) use phrases::{Phrases, Text};

/// Long keywords that a recogniser often gets wrong by one letter; such words are read as the keyword.
const KEYWORDS: [&str; 17] = [
    "security",
    "expiration",
    "expiry",
    "social",
    "verification",
    "routing",
    "insurance",
    "passport",
    "license",
    "licence",
    "password",
    "passcode",
    "medicare",
    "number",
    "telephone",
    "confirmation",
    "reference",
];
/// Words one letter away from a keyword that mean something else.
const NOT_KEYWORDS: [&str; 3] = ["lumber", "cumber", "slumber"];

/// Appends a word in normalised form; a word of punctuation alone appends nothing.
pub(super) fn push_normalised(word: &str, text: &mut String) {
    let start = text.len();
    let mut part = start;
    for character in word.chars() {
        match character {
            // The common scripts first: the general questions are slow to answer.
            '\0'..='\x7f' if character.is_ascii_alphanumeric() => {
                text.push(character.to_ascii_lowercase());
            }
            '가'..='힣' => text.push(character),
            '-' | '/' | '\u{2013}' | '\u{2014}' if text.len() > part => {
                repair(text, part);
                text.push(' ');
                part = text.len();
            }
            _ if character.is_alphanumeric() => text.extend(character.to_lowercase()),
            _ => {}
        }
    }
    repair(text, part);
    if text.len() > start && text.ends_with(' ') {
        text.pop();
    }
}

/// The normalised form of a phrase, words joined by single spaces.
pub(crate) fn normalise_phrase(phrase: &str) -> String {
    let mut text = String::new();
    for word in phrase.split_whitespace() {
        if !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
        push_normalised(word, &mut text);
    }
    text.trim_end().to_owned()
}

/// Replaces the word from `start` by the keyword it is a misspelling of.
fn repair(text: &mut String, start: usize) {
    let word = &text[start..];
    if word.len() < 5 || !word.is_ascii() {
        return;
    }
    let keyword = KEYWORDS
        .iter()
        .find(|keyword| one_edit_apart(word.as_bytes(), keyword.as_bytes()));
    if let Some(keyword) = keyword
        && !NOT_KEYWORDS.contains(&word)
    {
        text.truncate(start);
        text.push_str(keyword);
    }
}

/// Whether one inserted, missing or replaced letter makes the words equal. Equal words are not apart.
fn one_edit_apart(a: &[u8], b: &[u8]) -> bool {
    // One edit leaves the first or the last letter as it was; most words differ in both.
    let alike = a.first() == b.first() || a.last() == b.last();
    if !alike || a.len().abs_diff(b.len()) > 1 || a == b {
        return false;
    }
    let same_front = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let same_back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(a.len().min(b.len()) - same_front)
        .take_while(|(x, y)| x == y)
        .count();
    same_front + same_back + 1 >= a.len().max(b.len())
}

/// Whether a written word ends a sentence.
pub(super) fn ends_sentence(word: &str) -> bool {
    word.ends_with(['.', '?', '!'])
}

#[cfg(test)]
mod tests;
