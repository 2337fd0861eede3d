//! Facts that are told to callers, and what is told otherwise.

use std::ops::Range;

use super::phrase::{PAUSE, Phrase};
use super::said::Said;

/// Words before and after its subject in which a fact's value is looked for.
const REACH: usize = 14;
/// How far before.
const REACH_BACK: usize = 8;

/// A fact: what it is about, and what is right to say of it.
///
/// Where its subject is spoken of and near it stands none of its values, but another number with one of its units, or
/// something that is known to be wrong, it was told wrongly. Without units every number counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Words that say what is spoken of.
    pub about: Vec<Phrase>,
    /// What is right.
    pub values: Vec<Phrase>,
    /// Words that a value's number stands before, such as "days".
    pub units: Vec<Phrase>,
    /// What is known to be wrong.
    pub wrong: Vec<Phrase>,
}

impl Fact {
    /// Where it is told wrongly: from its subject to what is wrong, or the other way round.
    pub(super) fn mistakes(&self, said: &Said) -> Vec<Range<usize>> {
        let places = |phrases: &[Phrase]| -> Vec<Range<usize>> {
            phrases
                .iter()
                .flat_map(|phrase| phrase.places(said))
                .collect()
        };
        let subjects = places(&self.about);
        if subjects.is_empty() {
            return Vec::new();
        }
        let (right, wrong) = (places(&self.values), places(&self.wrong));
        let others: Vec<Range<usize>> = self.numbers(said).chain(wrong).collect();
        let mut mistakes = Vec::new();
        for subject in subjects {
            let near = near(said, &subject);
            let lies_near =
                |place: &&Range<usize>| near.start <= place.start && place.end <= near.end;
            if right.iter().any(|place| lies_near(&place)) {
                continue;
            }
            let mistake = others
                .iter()
                .filter(lies_near)
                .min_by_key(|other| other.start.abs_diff(subject.start));
            if let Some(other) = mistake {
                mistakes.push(subject.start.min(other.start)..subject.end.max(other.end));
            }
        }
        mistakes
    }

    /// Numbers that could be its value.
    fn numbers<'a>(&'a self, said: &'a Said) -> impl Iterator<Item = Range<usize>> + 'a {
        let units: Vec<Range<usize>> = self
            .units
            .iter()
            .flat_map(|unit| unit.places(said))
            .collect();
        said.words
            .iter()
            .enumerate()
            .filter(|(_, word)| word.number.is_some())
            .filter_map(move |(at, _)| {
                if self.units.is_empty() {
                    return Some(at..at + 1);
                }
                // Behind the number, with a word between them at most, or joined to it.
                let unit = units
                    .iter()
                    .find(|unit| (at..=at + 2).contains(&unit.start))?;
                Some(at..unit.end.max(at + 1))
            })
    }
}

/// The words around a subject that are said in one breath with it.
fn near(said: &Said, subject: &Range<usize>) -> Range<usize> {
    let words = &said.words;
    let goes_on = |at: usize| {
        words
            .get(at)
            .zip(words.get(at + 1))
            .is_some_and(|(one, next)| next.span.start <= one.span.end + PAUSE)
    };
    let mut start = subject.start;
    while start > 0 && subject.start - start < REACH_BACK && goes_on(start - 1) {
        start -= 1;
    }
    let mut end = subject.end;
    while end < words.len() && end - subject.end < REACH && goes_on(end - 1) {
        end += 1;
    }
    start..end
}
