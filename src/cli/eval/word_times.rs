//! How well the recogniser's word times fit the labels' digits.
//!
//! Each window's words are read as digits. A word that holds several digits lends each an equal part of
//! its time, as nothing better is known. Within a second of a labelled number, heard and labelled digits
//! are aligned in order by their edit distance: a digit that has no equal on the other side costs 1, a
//! pair of equal digits costs the seconds between their middles, which tells repeated digits apart. Of
//! each labelled digit the first window that has its match counts, as detection acts on that one.
//!
//! Pure. Digits are wiped when dropped; only times and counts leave.

use serde::Serialize;

use super::labels::{Item, Labels};
use super::score::percentile;
use crate::call::{Leg, Sensitive};
use crate::cli::replay::call::HeardWindow;
use crate::detect::numbers;
use crate::detect::token::Form;
use crate::speech::Word;

/// Digits are looked for this far around a labelled number, in seconds.
const AROUND_S: f64 = 1.0;
/// The longest pad a policy may have, in seconds: a greater error leaves a part of a digit unhidden
/// when nothing else covers it.
const LONGEST_PAD_S: f64 = 0.25;

/// Differences between heard and labelled times of one call, in seconds; positive: heard later.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Differences {
    /// Labelled digits with a time of their own.
    pub(super) digits: usize,
    /// Of each that was heard: start and end.
    pub(super) heard: Vec<(f64, f64)>,
}

/// The differences of all calls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct WordTimes {
    /// Labelled digits with a time of their own.
    pub(super) digits: usize,
    /// Those that were heard as what they are.
    pub(super) matched: usize,
    pub(super) start: Deviation,
    pub(super) end: Deviation,
    /// Digits whose start was heard more than the longest pad (0.25 s) late.
    pub(super) start_late: usize,
    /// Digits whose end was heard more than the longest pad early.
    pub(super) end_early: usize,
}

/// How far times are off, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Deviation {
    /// Median of the absolute values.
    pub(super) median_s: f64,
    /// 95th percentile of the absolute values.
    pub(super) p95_s: f64,
    /// Mean with the sign kept; positive: heard later.
    pub(super) bias_s: f64,
}

/// Digits in order with the time of each.
struct Timed {
    digits: Sensitive<Vec<u8>>,
    /// As many as digits.
    times: Vec<(f64, f64)>,
}

/// Compares the labelled digits of a call with what was heard in its windows.
pub(super) fn differences(labels: &Labels, legs: &[Leg], windows: &[HeardWindow]) -> Differences {
    let heard: Vec<(Leg, Timed)> = windows
        .iter()
        .map(|window| (window.leg, read(&window.words)))
        .collect();
    let mut differences = Differences::default();
    for item in labels.sensitive.iter().chain(&labels.benign) {
        let Some(said) = &item.timed else { continue };
        let mut found = vec![None; item.digits.len()];
        let leg = legs.get(item.channel);
        for (_, heard) in heard.iter().filter(|(heard, _)| Some(heard) == leg) {
            let heard = heard.around(item);
            let matches = align(
                said.expose(),
                &item.digits,
                heard.digits.expose(),
                &heard.times,
            );
            for (found, at) in found.iter_mut().zip(matches) {
                *found = found.or_else(|| at.and_then(|at| heard.times.get(at).copied()));
            }
        }
        differences.digits += item.digits.len();
        let pairs = item.digits.iter().zip(found);
        differences.heard.extend(
            pairs.filter_map(|(said, heard)| heard.map(|at| (at.0 - said.0, at.1 - said.1))),
        );
    }
    differences
}

/// The digits of a window's words.
fn read(words: &[Word]) -> Timed {
    let tokens = numbers::read(words.iter().map(|word| word.text.expose().as_str()));
    let numbers = || {
        tokens.iter().filter_map(|token| match &token.form {
            Form::Number {
                digits, sources, ..
            } => Some((digits.expose(), sources)),
            _ => None,
        })
    };
    let count = numbers().map(|(digits, _)| digits.len()).sum();
    // Of the right size from the start: a list that grows leaves its digits behind.
    let mut digits: Vec<u8> = Vec::with_capacity(count);
    let mut times = Vec::with_capacity(count);
    for (number, sources) in numbers() {
        digits.extend(number);
        for (at, source) in sources.iter().enumerate() {
            let first = sources.partition_point(|other| other < source);
            let together = sources.partition_point(|other| other <= source) - first;
            let (start, length) = words.get(*source).map_or((0.0, 0.0), |word| {
                (word.span.start.seconds(), word.span.length().seconds())
            });
            let part = |index: usize| start + length * index as f64 / together as f64;
            times.push((part(at - first), part(at - first + 1)));
        }
    }
    Timed {
        digits: Sensitive::new(digits),
        times,
    }
}

impl Timed {
    /// Those near a labelled number.
    fn around(&self, item: &Item) -> Self {
        let near =
            |&(start, end): &(f64, f64)| start < item.end + AROUND_S && end > item.start - AROUND_S;
        let mut digits = Vec::with_capacity(self.times.len());
        let pairs = self.digits.expose().iter().zip(&self.times);
        digits.extend(pairs.filter(|(_, time)| near(time)).map(|(digit, _)| digit));
        Self {
            digits: Sensitive::new(digits),
            times: self.times.iter().copied().filter(near).collect(),
        }
    }
}

/// For each digit that was said the index of the digit heard for it.
fn align(
    said: &[u8],
    said_at: &[(f64, f64)],
    heard: &[u8],
    heard_at: &[(f64, f64)],
) -> Vec<Option<usize>> {
    let apart = |i: usize, j: usize| {
        let middle = |(start, end): (f64, f64)| f64::midpoint(start, end);
        (middle(said_at[i]) - middle(heard_at[j])).abs()
    };
    // cost[i][j] is that of the digits from i and j on.
    let width = heard.len() + 1;
    let mut cost = vec![0.0; (said.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    let pair = |cost: &[f64], i: usize, j: usize| {
        let equal = said.get(i).is_some() && said.get(i) == heard.get(j);
        equal.then(|| cost[at(i + 1, j + 1)] + apart(i, j))
    };
    for i in (0..=said.len()).rev() {
        for j in (0..=heard.len()).rev() {
            let mut least = if i == said.len() && j == heard.len() {
                0.0
            } else {
                f64::INFINITY
            };
            if i < said.len() {
                least = least.min(cost[at(i + 1, j)] + 1.0);
            }
            if j < heard.len() {
                least = least.min(cost[at(i, j + 1)] + 1.0);
            }
            cost[at(i, j)] = pair(&cost, i, j).map_or(least, |paired| least.min(paired));
        }
    }
    let mut matches = vec![None; said.len()];
    let (mut i, mut j) = (0, 0);
    while i < said.len() && j < heard.len() {
        if pair(&cost, i, j).is_some_and(|paired| paired <= cost[at(i, j)]) {
            matches[i] = Some(j);
            (i, j) = (i + 1, j + 1);
        } else if cost[at(i + 1, j)] <= cost[at(i, j + 1)] {
            i += 1;
        } else {
            j += 1;
        }
    }
    matches
}

impl WordTimes {
    /// Puts the calls together.
    pub(super) fn of<'a>(calls: impl Iterator<Item = &'a Differences> + Clone) -> Self {
        let heard = || calls.clone().flat_map(|call| &call.heard);
        let starts: Vec<f64> = heard().map(|(start, _)| *start).collect();
        let ends: Vec<f64> = heard().map(|(_, end)| *end).collect();
        let late = |start: &&f64| **start > LONGEST_PAD_S;
        let early = |end: &&f64| **end < -LONGEST_PAD_S;
        Self {
            digits: calls.clone().map(|call| call.digits).sum(),
            matched: starts.len(),
            start: Deviation::of(&starts),
            end: Deviation::of(&ends),
            start_late: starts.iter().filter(late).count(),
            end_early: ends.iter().filter(early).count(),
        }
    }
}

impl Deviation {
    fn of(values: &[f64]) -> Self {
        let thousandths = |value: f64| (value * 1e3).round() / 1e3;
        let absolute: Vec<f64> = values.iter().map(|value| value.abs()).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        Self {
            median_s: thousandths(percentile(&absolute, 0.5)),
            p95_s: thousandths(percentile(&absolute, 0.95)),
            bias_s: thousandths(mean),
        }
    }
}

#[cfg(test)]
mod tests;
