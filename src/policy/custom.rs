//! Kinds that a policy defines: a template of letters and digits, the words that announce it, a checksum.

use regex::Regex;

use crate::detect::{Checksum, Kind};

/// One place of a custom kind's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// `L`: any letter.
    Letter,
    /// `D`: any digit.
    Digit,
}

/// A kind that a policy defines.
#[derive(Debug, Clone)]
pub struct CustomKind {
    /// Its kind, named by the policy.
    pub kind: Kind,
    /// What it looks like.
    pub pattern: Vec<Symbol>,
    /// Matches the words that ask for it or announce it, in normalised text.
    pub context: Regex,
    /// A checksum over its digits, which raises confidence.
    pub checksum: Option<Checksum>,
}

impl CustomKind {
    /// How many digits the template has.
    pub fn digits(&self) -> usize {
        self.pattern
            .iter()
            .filter(|symbol| **symbol == Symbol::Digit)
            .count()
    }
}

/// Longest template, in symbols.
const LONGEST_PATTERN: usize = 64;

/// Reads a template such as `LLD7` or `LLDDDDDDL`: a number after a letter repeats it.
pub(super) fn parse_pattern(text: &str) -> Result<Vec<Symbol>, String> {
    let mut symbols = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        let symbol = match letter {
            'L' => Symbol::Letter,
            'D' => Symbol::Digit,
            '-' | ' ' => continue,
            _ => {
                return Err(format!(
                    "pattern has {letter:?}; expected L (a letter) and D (a digit), each optionally followed by a count, such as \"LLD7\""
                ));
            }
        };
        let mut count = 0;
        while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
            rest.next();
            count = (count * 10 + digit as usize).min(LONGEST_PATTERN + 1);
        }
        symbols.extend(std::iter::repeat_n(symbol, count.max(1)));
        if symbols.len() > LONGEST_PATTERN {
            return Err(format!("pattern is longer than {LONGEST_PATTERN} symbols"));
        }
    }
    if symbols.len() < 3 {
        return Err(
            "pattern has fewer than 3 symbols; expected one such as \"D8\" or \"LLD7\"".into(),
        );
    }
    Ok(symbols)
}

/// The expression for context words, matched on words in lower case without punctuation.
pub(super) fn context_expression(words: &[String]) -> Result<Regex, String> {
    let phrases: Vec<String> = words
        .iter()
        .map(|phrase| crate::detect::normalise_phrase(phrase))
        .filter(|phrase| !phrase.is_empty())
        .map(|phrase| regex::escape(&phrase))
        .collect();
    if phrases.is_empty() {
        return Err(
            "context has no words; expected what is said before the value, such as [\"member id\"]"
                .into(),
        );
    }
    Regex::new(&format!(r"\b(?:{})\b", phrases.join("|")))
        .map_err(|error| format!("context: {error}"))
}
