//! Turns in which a value is announced to be repeated: hidden whatever the recogniser makes of them.

use crate::audio::{MediaTime, Span};
use crate::detect::conversation::Conversation;
use crate::detect::{Finding, talk};
use crate::policy::Policy;

use super::{NEARBY, Value};

/// How soon after a value its repetition is announced.
const SOON: MediaTime = MediaTime::from_millis(12_000);
/// How long reading a digit takes, and how much longer the turn is hidden.
const DIGIT: MediaTime = MediaTime::from_millis(800);
const SLACK: MediaTime = MediaTime::from_millis(2_000);
/// Values shorter than this are confirmed in other words than those of repeating.
const SHORTEST: usize = 3;

/// Who heard a value and says "I'll repeat that" is hidden for as long as reading it takes, or until the
/// other party speaks.
pub(super) fn repeated_turns(
    conversation: &Conversation<'_>,
    values: &[Value<'_>],
    policy: &Policy,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for value in values.iter().rev().take(NEARBY) {
        let end = value.run.span.end;
        let count = value.run.count();
        if count < SHORTEST || !policy.enabled(&value.kind) {
            continue;
        }
        let first = conversation.first_from(end);
        for (index, item) in conversation.items.iter().enumerate().skip(first) {
            if item.span.start > end + SOON {
                break;
            }
            let track = &conversation.tracks[item.track];
            let sentence = track.sentence(item.words.start);
            if track.leg == value.run.leg
                || sentence.start != item.words.start
                || !talk::will_repeat(track.text_of(sentence))
            {
                continue;
            }
            let longest = MediaTime::from_micros(DIGIT.micros() * count as u64) + SLACK;
            let replied = conversation.items[index..]
                .iter()
                .find(|other| {
                    other.track != item.track && other.span.start >= item.span.end + SLACK
                })
                .map_or(MediaTime::MAX, |other| other.span.start);
            findings.push(Finding {
                leg: track.leg,
                span: Span::new(item.span.start, (item.span.end + longest).min(replied)),
                kind: value.kind.clone(),
                rule: "read_back",
                reason: "a sensitive answer is announced to be repeated".into(),
                confidence: 0.6,
            });
            break;
        }
    }
    findings
}
