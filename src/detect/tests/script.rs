//! Scripted conversations: `agent 10.0: words`, 0.4 s a word, `|2.5|` a pause in seconds.
//!
//! `[words]` must be hidden, at the end of the call and whenever they are released; `{words}` must be
//! heard; the rest may be either. A line without a time follows the one before after 0.6 s.

use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::detect::{Finding, HeardWord, find};
use crate::policy::Policy;

/// From hearing to release, as the session holds by default.
const HOLD: f64 = 6.0;
/// From a word's end to its place in the detector's input: the rest of the window and recognition.
const RECOGNITION: f64 = 1.8;
const WORD: f64 = 0.4;
const SPOKEN: f64 = 0.33;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    Either,
    Hidden,
    Heard,
}

pub(in crate::detect) struct Script {
    pub(in crate::detect) words: Vec<HeardWord>,
    pub(super) marks: Vec<Mark>,
    pub(super) end: f64,
}

fn seconds(at: f64) -> MediaTime {
    MediaTime::from_seconds(at)
}

pub(in crate::detect) fn script(lines: &[&str]) -> Script {
    let mut entries: Vec<(HeardWord, Mark)> = Vec::new();
    let mut end: f64 = 0.0;
    for line in lines {
        let (head, text) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("no speaker in {line:?}"));
        let (name, at) = head.split_once(' ').unwrap_or((head, ""));
        let leg = match name {
            "agent" => Leg::Agent,
            "customer" => Leg::Customer,
            "mixed" => Leg::Mixed,
            _ => panic!("unknown speaker in {line:?}"),
        };
        let mut time = if at.is_empty() {
            end + 0.6
        } else {
            at.parse().unwrap()
        };
        let mut mark = Mark::Either;
        for piece in text.split_whitespace() {
            if let Some(pause) = piece.strip_prefix('|') {
                time += pause.trim_end_matches('|').parse::<f64>().unwrap();
                continue;
            }
            match piece.chars().next() {
                Some('[') => mark = Mark::Hidden,
                Some('{') => mark = Mark::Heard,
                _ => {}
            }
            let word = piece.trim_matches(['[', ']', '{', '}']);
            if !word.is_empty() {
                entries.push((
                    HeardWord {
                        leg,
                        span: Span::new(seconds(time), seconds(time + SPOKEN)),
                        text: Sensitive::new(word.to_owned()),
                        confidence: 0.9,
                    },
                    mark,
                ));
                time += WORD;
            }
            if piece.ends_with([']', '}']) {
                mark = Mark::Either;
            }
        }
        end = end.max(time);
    }
    entries.sort_by_key(|(word, _)| word.span.start);
    let (words, marks) = entries.into_iter().unzip();
    Script { words, marks, end }
}

/// How much of a span the findings cover on a leg, 0 to 1.
fn covered(findings: &[Finding], leg: Leg, span: Span, pad: MediaTime) -> f64 {
    const STEPS: u64 = 10;
    let length = span.length().micros();
    let inside = (0..STEPS)
        .map(|step| span.start + MediaTime::from_micros(length * (2 * step + 1) / (2 * STEPS)))
        .filter(|time| {
            findings
                .iter()
                .any(|finding| finding.leg == leg && finding.span.padded(pad, pad).contains(*time))
        })
        .count();
    inside as f64 / STEPS as f64
}

impl Script {
    pub(super) fn heard_by(&self, until: f64) -> Vec<HeardWord> {
        self.words
            .iter()
            .filter(|word| word.span.end <= seconds(until))
            .cloned()
            .collect()
    }

    fn problems(&self, policy: &Policy) -> Vec<String> {
        let mut problems = Vec::new();
        let mut judge = |findings: &[Finding], only: Option<(f64, f64)>, when: &str| {
            for (word, mark) in self.words.iter().zip(&self.marks) {
                let mut span = word.span;
                if let Some((from, until)) = only {
                    span = Span::new(span.start.max(seconds(from)), span.end.min(seconds(until)));
                    if span.length() < MediaTime::from_millis(50) {
                        continue;
                    }
                }
                let pad = MediaTime::from_millis(200);
                let wrong = match mark {
                    Mark::Either => continue,
                    Mark::Hidden => covered(findings, word.leg, span, pad) < 0.9,
                    Mark::Heard => covered(findings, word.leg, span, MediaTime::ZERO) > 0.3,
                };
                if wrong {
                    problems.push(format!(
                        "{when}: {} {:.1} {:?} should be {mark:?}",
                        word.leg,
                        word.span.start.seconds(),
                        word.text.expose()
                    ));
                }
            }
        };
        let last = self.end + 12.0;
        judge(
            &find(&self.words, seconds(last), policy),
            None,
            "at the end",
        );
        // Every 0.2 s what is released then must be what it should be by what was heard until then.
        let mut now = HOLD;
        while now < last + HOLD {
            let heard = now - RECOGNITION;
            let findings = find(&self.heard_by(heard), seconds(heard), policy);
            judge(
                &findings,
                Some((now - HOLD, now - HOLD + 0.2)),
                &format!("released at {now:.1}"),
            );
            now += 0.2;
        }
        problems
    }
}

/// Checks a scripted conversation under a policy.
pub(super) fn check_with(policy: &Policy, lines: &[&str]) {
    let script = script(lines);
    let problems = script.problems(policy);
    if !problems.is_empty() {
        let end = seconds(script.end + 12.0);
        let findings: Vec<String> = find(&script.words, end, policy)
            .iter()
            .map(|f| {
                format!(
                    "  {} {:.1}-{:.1} {} {}: {}",
                    f.leg,
                    f.span.start.seconds(),
                    f.span.end.seconds().min(9999.0),
                    f.kind,
                    f.rule,
                    f.reason
                )
            })
            .collect();
        panic!(
            "{}\n{}\nfindings at the end:\n{}",
            lines.join("\n"),
            problems.join("\n"),
            findings.join("\n")
        );
    }
}

/// Checks a scripted conversation under the default policy.
pub(super) fn check(lines: &[&str]) {
    check_with(&Policy::default(), lines);
}
