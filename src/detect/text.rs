//! Sensitive data in written conversations: chat, mail, transcripts.
//!
//! Lines are given times as if they were spoken, and looked at in overlapping segments, so that the cost
//! is linear in the length of the text, and no more than a few segments of it are held at a time.

mod words;

use std::ops::Range;

use serde::Serialize;

use crate::audio::MediaTime;
use crate::call::Leg;
use crate::policy::Policy;

use super::{Hearing, Kind, examine};
use words::Words;

/// Words of one segment that are decided in it.
const SEGMENT: usize = 8_192;
/// Words looked at before and after a segment, as its context.
const CONTEXT: usize = 192;
/// From this many words after the last decided one on, a segment is decided as it would be in the whole.
const ENOUGH: usize = 3 * SEGMENT;
/// Bytes taken in at once.
const PIECE: usize = 64 * 1024;

/// A stretch of text that is sensitive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextFinding {
    /// Line, from 1.
    pub line: usize,
    /// First byte in the whole text.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
    /// Whose line.
    pub leg: Leg,
    /// What it is taken for.
    pub kind: Kind,
    /// The rule that found it.
    pub rule: &'static str,
    /// The evidence in plain words, without a value.
    pub reason: String,
    /// 0 to 1.
    pub confidence: f32,
}

/// Finds what is sensitive in lines such as `agent: ...` and `customer: ...`, in order of start.
///
/// A line that names no speaker belongs to the `mixed` leg. Nothing is expected beyond the end.
pub fn find_in_text(text: &str, policy: &Policy) -> Vec<TextFinding> {
    let mut search = TextSearch::new(policy);
    let mut findings = search.push(text);
    findings.extend(search.finish());
    findings
}

/// [`find_in_text`] for text that comes piece by piece, or is too long to be held.
///
/// However the text is cut into pieces, the findings are the same. They come late by up to some 25,000
/// words.
pub struct TextSearch<'p> {
    policy: &'p Policy,
    words: Words,
    /// The first word that is not decided.
    from: usize,
}

impl<'p> TextSearch<'p> {
    /// A search that nothing was pushed to.
    pub fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            words: Words::new(),
            from: 0,
        }
    }

    /// Takes the next piece of the text; returns what is decided by it, in order of start.
    pub fn push(&mut self, text: &str) -> Vec<TextFinding> {
        let mut findings = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            rest = after;
            self.words.push(piece);
            while self.words.len() >= self.from + ENOUGH {
                self.decide(&mut findings);
            }
        }
        findings
    }

    /// Ends the text; returns what was not decided yet, in order of start.
    pub fn finish(mut self) -> Vec<TextFinding> {
        let mut findings = Vec::new();
        self.words.finish();
        while self.from < self.words.len() {
            self.decide(&mut findings);
        }
        findings
    }

    /// Decides one segment.
    fn decide(&mut self, findings: &mut Vec<TextFinding>) {
        let (words, from) = (&self.words, self.from);
        let until = line_start(words, from + SEGMENT, words.len(), from + 2 * SEGMENT);
        let context = from.saturating_sub(CONTEXT);
        let first = line_start(words, context, from, context);
        let last = line_start(words, until + CONTEXT, until + SEGMENT, until + CONTEXT);
        let mut found = Vec::new();
        segment(words, first..last, from..until, self.policy, &mut found);
        found.sort_by(|a, b| (a.start, a.end, &a.kind).cmp(&(b.start, b.end, &b.kind)));
        findings.append(&mut found);
        // The word before the context tells whether a line begins with it.
        let done = until.saturating_sub(CONTEXT + 1);
        self.words.forget(done);
        self.from = until - done;
    }
}

/// The first word from `at` on that begins a line and lies before `limit`; without one, `otherwise`.
fn line_start(words: &Words, at: usize, limit: usize, otherwise: usize) -> usize {
    let begins = |index: &usize| match index.checked_sub(1) {
        Some(before) => words.line(before) != words.line(*index),
        None => true,
    };
    (at..limit.min(words.len()).min(at + SEGMENT))
        .find(begins)
        .unwrap_or(otherwise)
        .min(words.len())
}

/// Examines the words of `range`; adds what is found in those of `decided`.
fn segment(
    words: &Words,
    range: Range<usize>,
    decided: Range<usize>,
    policy: &Policy,
    findings: &mut Vec<TextFinding>,
) {
    let heard = words.heard(range);
    // Ten seconds of silence after the last word: nothing is open any more.
    let heard_until = heard.last().map_or(MediaTime::ZERO, |word| {
        word.span.end + MediaTime::from_millis(10_000)
    });
    for finding in examine(&heard, &Hearing::from(heard_until), policy) {
        let touched = words.within(finding.span);
        let mut index = touched.start.max(decided.start);
        let end = touched.end.min(decided.end);
        // One finding for each line. A line has one speaker.
        while index < end {
            let line = words.line(index);
            let next = (index..end)
                .find(|word| words.line(*word) != line)
                .unwrap_or(end);
            if words.leg(index) == Some(finding.leg) {
                push(
                    findings,
                    TextFinding {
                        line: line.unwrap_or_default(),
                        start: words.bytes(index).start,
                        end: words.bytes(next - 1).end,
                        leg: finding.leg,
                        kind: finding.kind.clone(),
                        rule: finding.rule,
                        reason: finding.reason.clone(),
                        confidence: finding.confidence,
                    },
                );
            }
            index = next;
        }
    }
}

/// Adds a finding, or joins it with one of the same line and kind that it overlaps.
fn push(findings: &mut Vec<TextFinding>, new: TextFinding) {
    let same = findings.iter_mut().rev().take(8).find(|old| {
        old.line == new.line && old.kind == new.kind && old.start < new.end && new.start < old.end
    });
    match same {
        Some(old) => {
            old.start = old.start.min(new.start);
            old.end = old.end.max(new.end);
            if new.confidence > old.confidence {
                old.rule = new.rule;
                old.reason = new.reason;
                old.confidence = new.confidence;
            }
        }
        None => findings.push(new),
    }
}

#[cfg(test)]
mod tests;
