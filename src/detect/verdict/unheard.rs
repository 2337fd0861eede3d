//! What is said near speech that could not be examined, or leaves before what follows it was: the question for it,
//! or the rest of a number, may have been there.
//!
//! **Architecture invariant:** fails closed. Where recognition keeps up nothing of this applies, but for the few
//! windows that make no sense.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::conversation::{Conversation, Item};
use crate::detect::expectation::audible_talk;
use crate::detect::question::{Mention, Role};
use crate::detect::run::Run;
use crate::detect::token::Form;
use crate::detect::{Finding, Hearing, Kind, evidence};
use crate::policy::Policy;

use super::{Context, Verdict, context};

/// How soon an answer follows its question.
const ANSWERED_WITHIN: MediaTime = MediaTime::from_millis(12_000);
/// Digits fewer than this answer nothing sensitive.
const FEWEST: usize = 2;
/// Digits this near to unheard speech of the same speaker may be part of a number in it.
const BESIDE: MediaTime = MediaTime::from_millis(1_500);
/// Digits this near to the end of what was heard may go on after it.
const UNFINISHED: MediaTime = MediaTime::from_millis(500);
/// A pause that separates what one party says.
const PAUSE: MediaTime = MediaTime::from_millis(1_200);
/// A sentence of the asking party of so many words, after something was said, shows that the answer is over.
const MOVED_ON: usize = 4;
/// How sure these rules are.
const CONFIDENCE: f32 = 0.4;

/// Fails closed: what follows speech nobody could examine is taken for the answer to a question for a
/// card's data, unless a harmless question was heard since.
pub(super) fn after_unheard(
    mentions: &[&Mention<'_>],
    run: &Run,
    unheard: &[(Leg, Span)],
    policy: &Policy,
) -> Option<Verdict> {
    let missed = unheard
        .iter()
        .filter(|(leg, span)| {
            (*leg != run.leg || run.leg == Leg::Mixed)
                && span.start <= run.span.start
                && run.span.start <= span.end + ANSWERED_WITHIN
        })
        .map(|(_, span)| span.start)
        .max()?;
    let explained = match context(mentions, run) {
        Context::Harmless(mention) => {
            matches!(mention.role, Role::Asked | Role::Announced) && mention.span.start >= missed
        }
        Context::Sensitive(_) | Context::None => false,
    };
    let count = run.count();
    let kind = match count {
        0..=4 => Kind::CVV,
        _ => Kind::PAN,
    };
    (count >= FEWEST && !explained && policy.enabled(&kind)).then(|| Verdict {
        kind,
        rule: "unheard_question",
        reason: format!(
            "{} soon after speech that could not be examined and may have asked for them",
            evidence::count(count)
        ),
        confidence: CONFIDENCE,
    })
}

/// Digits right beside unheard speech of the same party: the number's other digits may be in it.
pub(super) fn beside_unheard(
    run: &Run,
    unheard: &[(Leg, Span)],
    policy: &Policy,
) -> Option<Verdict> {
    let near = run.span.padded(BESIDE, BESIDE);
    let is_beside = unheard
        .iter()
        .any(|(leg, span)| *leg == run.leg && near.overlaps(*span));
    (is_beside && run.count() > 0 && policy.enabled(&Kind::PAN)).then(|| Verdict {
        kind: Kind::PAN,
        rule: "beside_unheard",
        reason: format!(
            "{} beside speech that could not be examined and may have had more of them",
            evidence::count(run.count())
        ),
        confidence: CONFIDENCE,
    })
}

/// Digits that leave before what follows them was heard: however few, a number may begin with them.
pub(super) fn unfinished(run: &Run, hearing: &Hearing, policy: &Policy) -> Option<Verdict> {
    let leaves_to = hearing.leaves_to?;
    let heard = hearing.until.on(run.leg);
    let at_the_edge = run.span.end + UNFINISHED >= heard;
    (heard <= leaves_to && at_the_edge && run.count() > 0 && policy.enabled(&Kind::PAN)).then(
        || Verdict {
            kind: Kind::PAN,
            rule: "unfinished",
            reason: format!(
                "{} so far, and what follows was not examined in time",
                evidence::count(run.count())
            ),
            confidence: CONFIDENCE,
        },
    )
}

/// What is said after unheard speech of the agent and is not plainly talk: short answers are misheard as words. Agents
/// ask and customers answer; what an agent reads back is long, and found by its digits.
pub(super) fn misheard_answers(
    conversation: &Conversation<'_>,
    mentions: &[Mention<'_>],
    unheard: &[(Leg, Span)],
    policy: &Policy,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !policy.enabled(&Kind::CVV) {
        return findings;
    }
    for (asker, missed) in unheard {
        if *asker == Leg::Customer {
            continue;
        }
        for (index, track) in conversation.tracks.iter().enumerate() {
            if track.leg == *asker && track.leg != Leg::Mixed {
                continue;
            }
            let explained = mentions.iter().find(|mention| {
                mention.span.start >= missed.start
                    && mention.role == Role::Asked
                    && mention.topic.kind().is_none()
            });
            let until = missed.end + ANSWERED_WITHIN;
            let until = explained.map_or(until, |mention| until.min(mention.span.start));
            let mut answered = false;
            for turn in turns(conversation, Span::new(missed.start, until)) {
                let (Some(first), Some(last)) = (turn.first(), turn.last()) else {
                    continue;
                };
                let words = first.words.start..last.words.end;
                let span = Span::new(first.span.start, last.span.end);
                if first.track != index {
                    if answered && words.len() >= MOVED_ON {
                        break;
                    }
                    continue;
                }
                let says_something = turn
                    .iter()
                    .any(|item| !matches!(item.form, Form::Acknowledgement | Form::Filler));
                if !says_something {
                    continue;
                }
                answered = true;
                let talk = audible_talk(conversation, track.leg, span);
                if talk
                    .iter()
                    .any(|talk| talk.start <= span.start && talk.end >= span.end)
                {
                    continue;
                }
                findings.push(Finding {
                    leg: track.leg,
                    span,
                    kind: Kind::CVV,
                    rule: "unheard_question",
                    reason: "may be the misheard answer to speech that could not be examined"
                        .into(),
                    confidence: CONFIDENCE,
                });
            }
        }
    }
    findings
}

/// What each party says without a pause, in order of start.
fn turns<'c>(conversation: &'c Conversation<'_>, within: Span) -> Vec<Vec<&'c Item>> {
    let mut turns: Vec<Vec<&Item>> = Vec::new();
    let first = conversation.first_from(within.start);
    for item in &conversation.items[first..] {
        if item.span.start >= within.end {
            break;
        }
        let going_on = turns.iter_mut().rev().find(|turn| {
            turn.last().is_some_and(|last| {
                last.track == item.track && item.span.start <= last.span.end + PAUSE
            })
        });
        match going_on {
            Some(turn) => turn.push(item),
            None => turns.push(vec![item]),
        }
    }
    turns
}
