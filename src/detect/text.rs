//! Sensitive data in written conversations: chat, mail, transcripts.
//!
//! Lines are given times as if they were spoken, and looked at in overlapping segments, so that the cost
//! is linear in the length of the text.

use std::ops::Range;

use serde::Serialize;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::policy::Policy;

use super::conversation::Heard;
use super::{Hearing, Kind, examine};

/// How long a written word takes to say.
const WORD: MediaTime = MediaTime::from_millis(350);
/// The pause between two lines.
const LINE_PAUSE: MediaTime = MediaTime::from_millis(400);
/// Words of one segment that are decided in it.
const SEGMENT: usize = 8_192;
/// Words looked at before and after a segment, as its context.
const CONTEXT: usize = 192;

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

/// A written word and where it stands.
struct Written<'a> {
    line: usize,
    bytes: Range<usize>,
    heard: Heard<'a>,
}

/// Finds what is sensitive in lines such as `agent: ...` and `customer: ...`, in order of start.
///
/// A line that names no speaker belongs to the `mixed` leg. Nothing is expected beyond the end.
pub fn find_in_text(text: &str, policy: &Policy) -> Vec<TextFinding> {
    let words = written_words(text);
    let mut findings: Vec<TextFinding> = Vec::new();
    let mut from = 0;
    while from < words.len() {
        let until = line_start(&words, from + SEGMENT, words.len(), from + 2 * SEGMENT);
        let context = from.saturating_sub(CONTEXT);
        let first = line_start(&words, context, from, context);
        let last = line_start(&words, until + CONTEXT, until + SEGMENT, until + CONTEXT);
        segment(
            &words[first..last],
            from - first..until - first,
            policy,
            &mut findings,
        );
        from = until;
    }
    findings.sort_by(|a, b| (a.start, a.end, &a.kind).cmp(&(b.start, b.end, &b.kind)));
    findings
}

/// The first word from `at` on that begins a line and lies before `limit`; without one, `otherwise`.
fn line_start(words: &[Written<'_>], at: usize, limit: usize, otherwise: usize) -> usize {
    let begins = |index: &usize| match index.checked_sub(1).and_then(|before| words.get(before)) {
        Some(before) => words
            .get(*index)
            .is_some_and(|word| word.line != before.line),
        None => true,
    };
    (at..limit.min(words.len()).min(at + SEGMENT))
        .find(begins)
        .unwrap_or(otherwise)
        .min(words.len())
}

fn segment(
    words: &[Written<'_>],
    decided: Range<usize>,
    policy: &Policy,
    findings: &mut Vec<TextFinding>,
) {
    let heard: Vec<Heard<'_>> = words.iter().map(|word| word.heard).collect();
    // Ten seconds of silence after the last word: nothing is open any more.
    let heard_until = heard.last().map_or(MediaTime::ZERO, |word| {
        word.span.end + MediaTime::from_millis(10_000)
    });
    for finding in examine(&heard, &Hearing::from(heard_until), policy) {
        // Words do not overlap in time, so those of a finding are found by bisection.
        let first = words.partition_point(|word| word.heard.span.end <= finding.span.start);
        let end = words.partition_point(|word| word.heard.span.start < finding.span.end);
        let mut index = first.max(decided.start);
        let end = end.min(decided.end);
        while index < end {
            let word = &words[index];
            let line_end =
                words[index..end].partition_point(|other| other.line == word.line) + index;
            let last = words[index..line_end]
                .iter()
                .rfind(|other| other.heard.leg == finding.leg);
            if let Some(last) = last
                && word.heard.leg == finding.leg
            {
                push(
                    findings,
                    TextFinding {
                        line: word.line,
                        start: word.bytes.start,
                        end: last.bytes.end,
                        leg: finding.leg,
                        kind: finding.kind.clone(),
                        rule: finding.rule,
                        reason: finding.reason.clone(),
                        confidence: finding.confidence,
                    },
                );
            }
            index = line_end;
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

fn written_words(text: &str) -> Vec<Written<'_>> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut time = MediaTime::ZERO;
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let (leg, spoken_from) = speaker(line);
        let spoken = line.get(spoken_from..).unwrap_or_default();
        for word in spoken.split_whitespace() {
            // The word is a part of the line, so their addresses tell its place.
            let start = offset + (word.as_ptr() as usize - line.as_ptr() as usize);
            words.push(Written {
                line: number + 1,
                bytes: start..start + word.len(),
                heard: Heard {
                    leg,
                    span: Span::new(time, time + WORD),
                    text: word,
                },
            });
            time = time + WORD;
        }
        time = time + LINE_PAUSE;
        offset += line.len();
    }
    words
}

/// Who speaks a line, and where the speech begins in it.
fn speaker(line: &str) -> (Leg, usize) {
    let Some((name, _)) = line.split_once(':') else {
        return (Leg::Mixed, 0);
    };
    let is = |known: &[&str]| {
        known
            .iter()
            .any(|known| name.trim().eq_ignore_ascii_case(known))
    };
    if is(&[
        "agent",
        "assistant",
        "representative",
        "rep",
        "support",
        "상담원",
    ]) {
        (Leg::Agent, name.len() + 1)
    } else if is(&["customer", "caller", "client", "user", "고객"]) {
        (Leg::Customer, name.len() + 1)
    } else {
        (Leg::Mixed, 0)
    }
}

#[cfg(test)]
mod tests;
