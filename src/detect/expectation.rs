//! What is hidden because it answers a question: the whole turn, whatever the recogniser makes of it.
//!
//! **Architecture invariant:** an expected answer is hidden from its first sound, and ahead of what was
//! heard, until it is complete, the conversation has plainly moved on, or a time-out.

mod asked;
mod audible;
mod progress;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::policy::{Policy, Profile};

use super::conversation::{Conversation, Item};
use super::kinds::{Answer, Detector, detector};
use super::question::{Mention, Topic};
use super::talk::Act;
use super::token::{Form, Sense};
use super::{EXPECTED_ANSWER, Finding, Kind, evidence};

use asked::{Question, questions};
pub(super) use audible::audible_talk;
use progress::{Completeness, Progress};

/// How long an answer may pause between its digits.
const DIGIT_PAUSE: MediaTime = MediaTime::from_millis(9_000);
/// A pause after which an answer with enough digits is taken for complete.
const COMPLETE_PAUSE: MediaTime = MediaTime::from_millis(1_500);
/// The same for an answer that could have further digits.
const UNSURE_PAUSE: MediaTime = MediaTime::from_millis(3_500);
/// Kept hidden after the last digit: its time may be early, and the very last one misheard as a word.
const TAIL: MediaTime = MediaTime::from_millis(400);
/// Stalls extend the wait up to this much after the question.
const LONGEST_WAIT: MediaTime = MediaTime::from_millis(120_000);
/// What is announced, or asked by a customer, follows within this time.
const ANNOUNCED_WAIT: MediaTime = MediaTime::from_millis(5_000);
/// Talk before any digit, in words, after which no answer is expected any more.
const TALK_BEFORE: usize = 14;
/// Talk after the first digits, in words, after which no further digits are expected: much while too few
/// digits came, as misheard digits are taken for talk, and people explain why they hesitate.
const TALK_AFTER: usize = 18;

/// How long an answer may take to begin.
fn patience(profile: Profile) -> MediaTime {
    MediaTime::from_millis(match profile {
        Profile::Strict => 40_000,
        Profile::Balanced => 25_000,
        Profile::Lenient => 15_000,
    })
}

/// A stretch in which the answer to a question is expected.
pub(super) struct Window {
    /// Who answers.
    pub(super) leg: Leg,
    /// When.
    pub(super) span: Span,
    /// What was asked.
    pub(super) kind: Kind,
    /// Whether all that was asked for was said.
    pub(super) complete: bool,
    /// How many digits came.
    pub(super) digits: usize,
    /// Why, in words.
    finding: Finding,
    /// Talk inside that may be heard.
    audible: Vec<Span>,
}

/// The stretches in which answers are expected, in order of start.
pub(super) fn windows(
    conversation: &Conversation<'_>,
    mentions: &[Mention<'_>],
    heard_until: MediaTime,
    policy: &Policy,
) -> Vec<Window> {
    let mut windows = Vec::new();
    for question in questions(conversation, mentions) {
        follow(conversation, &question, heard_until, policy, &mut windows);
    }
    windows.sort_by_key(|window| (window.span.start, window.leg));
    windows
}

/// The findings of the windows: each without the talk that may be heard.
pub(super) fn findings(windows: &[Window]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for window in windows {
        let mut from = window.span.start;
        for talk in &window.audible {
            if talk.start > from {
                let mut finding = window.finding.clone();
                finding.span = Span::new(from, talk.start);
                findings.push(finding);
            }
            from = from.max(talk.end);
        }
        if from < window.span.end {
            let mut finding = window.finding.clone();
            finding.span = Span::new(from, window.span.end);
            findings.push(finding);
        }
    }
    findings
}

fn row(topic: &Topic<'_>) -> Option<&'static Detector> {
    match topic {
        Topic::Sensitive(row) => Some(row),
        Topic::Custom(_) | Topic::Benign(_) | Topic::Allowed(_) | Topic::LastFour => None,
        Topic::Card => detector(&Kind::PAN),
    }
}

/// Follows the conversation after a question and adds the windows in which its answers are expected.
fn follow(
    conversation: &Conversation<'_>,
    question: &Question<'_, '_>,
    heard_until: MediaTime,
    policy: &Policy,
    windows: &mut Vec<Window>,
) {
    let wait = if question.tentative {
        ANNOUNCED_WAIT
    } else {
        patience(policy.profile)
    };
    let mut progress = Progress {
        part: 0,
        start: question.from,
        digits: Vec::new(),
        debris: 0,
        month: false,
        begun: false,
        refused: false,
        spoken: 0,
        talk: 0,
        last_digit: question.from,
        last_word: question.from,
        deadline: question.from + wait,
    };
    let latest = question.from + LONGEST_WAIT;
    let first = conversation.first_from(question.from);
    let own_track = conversation.track_of(question.asker);
    let mut end = None;
    for item in &conversation.items[first..] {
        if Some(item.track) == own_track && item.words.start < question.own_words.end {
            continue;
        }
        let Some(part) = question.parts.get(progress.part) else {
            break;
        };
        let completeness = progress.completeness(part);
        let pause = item.span.start - progress.last_digit;
        let complete_by_pause = progress.begun
            && match completeness {
                Completeness::Full => pause >= COMPLETE_PAUSE,
                Completeness::Enough => pause >= UNSURE_PAUSE,
                Completeness::Open => false,
            };
        if (item.span.start > progress.deadline || complete_by_pause)
            && !advance(
                conversation,
                question,
                &mut progress,
                complete_by_pause,
                policy,
                windows,
            )
        {
            return;
        }
        if item.span.start >= question.until {
            end = Some(question.until.max(answer_end(&progress)));
            break;
        }
        let leg = conversation.tracks[item.track].leg;
        if leg == question.answering {
            match answering_item(conversation, question, &mut progress, item, wait, latest) {
                Step::Continue => {}
                Step::Complete => {
                    if !advance(conversation, question, &mut progress, true, policy, windows) {
                        return;
                    }
                    // The item that showed the first answer to be complete may begin the next.
                    let _ =
                        answering_item(conversation, question, &mut progress, item, wait, latest);
                }
                Step::MovedOn => {
                    end = Some(answer_end(&progress).max(if progress.begun {
                        progress.start
                    } else {
                        item.span.start
                    }));
                    break;
                }
            }
        } else if leg == question.asker
            && let Some(moved) =
                asking_item(conversation, question, &mut progress, item, latest, wait)
        {
            end = Some(moved.max(answer_end(&progress)));
            break;
        }
    }
    let Some(part) = question.parts.get(progress.part) else {
        return;
    };
    let complete = progress.begun
        && match progress.completeness(part) {
            Completeness::Full => heard_until >= progress.last_digit + COMPLETE_PAUSE,
            Completeness::Enough => heard_until >= progress.last_digit + UNSURE_PAUSE,
            Completeness::Open => false,
        };
    let end = match end {
        Some(end) => end,
        None if complete && question.parts.len() == progress.part + 1 => progress.last_digit,
        None => progress.deadline.min(question.until),
    };
    // What was announced and then not said, was not announced.
    let dropped = question.tentative
        && !progress.begun
        && progress.spoken > 0
        && heard_until >= progress.last_word + COMPLETE_PAUSE;
    let end = if dropped { progress.last_word } else { end };
    let open = end > heard_until;
    emit(
        conversation,
        question,
        &progress,
        end,
        open,
        policy,
        windows,
    );
}

fn answer_end(progress: &Progress) -> MediaTime {
    if progress.begun {
        progress.last_digit
    } else {
        progress.start
    }
}

enum Step {
    Continue,
    Complete,
    MovedOn,
}

fn answering_item(
    conversation: &Conversation<'_>,
    question: &Question<'_, '_>,
    progress: &mut Progress,
    item: &Item,
    wait: MediaTime,
    latest: MediaTime,
) -> Step {
    let Some(part) = question.parts.get(progress.part) else {
        return Step::MovedOn;
    };
    let completeness = progress.completeness(part);
    let words_answer = row(&part.topic).is_some_and(|row| row.answer == Answer::Words);
    if item.digit_count() > 0 {
        // Digits beyond a full answer belong to the next part of the question, or to the run.
        if completeness == Completeness::Full && question.parts.len() > progress.part + 1 {
            return Step::Complete;
        }
        if let Some((digits, sense, _)) = item.digits() {
            progress.digits.extend_from_slice(digits);
            progress.month |= sense == Sense::Date;
        } else {
            progress.debris += item.digit_count();
        }
        progress.begun = true;
        progress.talk = 0;
        progress.spoken += 1;
        progress.last_digit = progress.last_digit.max(item.span.end);
        progress.deadline = progress.last_digit + DIGIT_PAUSE;
        return Step::Continue;
    }
    match item.form {
        Form::Letter(_) => {
            progress.spoken += 1;
            if progress.begun {
                progress.last_digit = progress.last_digit.max(item.span.end);
            }
        }
        Form::Word | Form::Number { .. } => {
            progress.last_word = item.span.end;
            let fragment = conversation.tracks[item.track]
                .sentence(item.words.start)
                .len()
                <= 2;
            if fragment && progress.begun && completeness == Completeness::Open {
                // Bits of words in the middle of an answer are its misheard digits, not talk.
                progress.deadline = progress
                    .deadline
                    .max(item.span.end + DIGIT_PAUSE)
                    .min(latest);
            } else {
                progress.talk += item.words.len();
            }
            progress.spoken += item.words.len();
            if words_answer {
                progress.last_digit = item.span.end;
                progress.begun = true;
                progress.deadline = item.span.end + MediaTime::from_millis(2_500);
                return Step::Continue;
            }
            if completeness >= Completeness::Full {
                return Step::Complete;
            }
            match conversation.tracks[item.track].act_from(item.words.start) {
                Some(Act::Stall) => {
                    progress.deadline = progress.deadline.max(item.span.end + wait).min(latest)
                }
                Some(Act::Refuse) if !question.tentative && progress.begun => return Step::MovedOn,
                Some(Act::Refuse) => progress.refused = true,
                _ => {}
            }
            let limit = match (question.tentative, progress.begun) {
                (true, false) => 5,
                (true, true) if completeness == Completeness::Open => 6,
                (true, true) => 2,
                (false, false) => TALK_BEFORE,
                (false, true) if completeness == Completeness::Enough => 4,
                (false, true) => TALK_AFTER,
            };
            if progress.talk >= limit {
                return Step::MovedOn;
            }
        }
        Form::Debris | Form::Filler | Form::Acknowledgement | Form::Correction => {}
    }
    Step::Continue
}

/// Judges the start of a sentence of the asker; returns when the conversation moved on.
fn asking_item(
    conversation: &Conversation<'_>,
    question: &Question<'_, '_>,
    progress: &mut Progress,
    item: &Item,
    latest: MediaTime,
    wait: MediaTime,
) -> Option<MediaTime> {
    let track = &conversation.tracks[item.track];
    let sentence = track.sentence(item.words.start);
    let act = track.act_from(item.words.start)?;
    let part = question.parts.get(progress.part)?;
    let completeness = progress.completeness(part);
    let more_parts = question.parts.len() > progress.part + 1;
    let answered = progress.begun || progress.spoken > 0;
    match act {
        Act::Stall | Act::Prompt => {
            if completeness == Completeness::Full && !more_parts {
                return Some(item.span.start);
            }
            progress.deadline = progress.deadline.max(item.span.end + wait).min(latest);
            None
        }
        Act::Encourage => {
            (completeness == Completeness::Full && !more_parts).then_some(item.span.start)
        }
        Act::Receive => {
            let short = row(&part.topic).is_some_and(|row| row.longest <= 8);
            let received = completeness >= Completeness::Enough || (short && answered);
            ((received && !more_parts) || progress.refused).then_some(item.span.start)
        }
        Act::ReadBack => (progress.begun || progress.spoken >= 2).then_some(item.span.start),
        Act::Refuse | Act::Talk => (answered
            && (progress.refused || sentence.len() >= 4 || completeness >= Completeness::Enough))
            .then_some(item.span.start),
    }
}

/// Ends the expected part; whether another part of the question is expected after it.
fn advance(
    conversation: &Conversation<'_>,
    question: &Question<'_, '_>,
    progress: &mut Progress,
    complete: bool,
    policy: &Policy,
    windows: &mut Vec<Window>,
) -> bool {
    let end = if complete {
        progress.last_digit
    } else {
        progress.deadline
    };
    emit(
        conversation,
        question,
        progress,
        end,
        false,
        policy,
        windows,
    );
    if !complete || progress.part + 1 >= question.parts.len() {
        return false;
    }
    progress.part += 1;
    progress.start = end;
    zeroize::Zeroize::zeroize(&mut progress.digits);
    progress.debris = 0;
    progress.month = false;
    progress.begun = false;
    progress.spoken = 0;
    progress.talk = 0;
    progress.last_digit = end;
    progress.deadline = end + patience(policy.profile);
    true
}

fn emit(
    conversation: &Conversation<'_>,
    question: &Question<'_, '_>,
    progress: &Progress,
    end: MediaTime,
    open: bool,
    policy: &Policy,
    windows: &mut Vec<Window>,
) {
    let Some(part) = question.parts.get(progress.part) else {
        return;
    };
    let Some(kind) = part.topic.kind() else {
        return;
    };
    let end = if progress.begun && end <= progress.last_digit {
        end + TAIL
    } else {
        end
    };
    let span = Span::new(progress.start, end);
    if span.is_empty() {
        return;
    }
    let count = progress.digits.len() + progress.debris;
    // An announcement that no digits followed was only a mention, unless so few words did that they may
    // be misheard digits.
    let misheard = question.announced
        && row(&part.topic).is_some_and(|row| row.longest <= 4)
        && (2..=4).contains(&progress.spoken)
        && !progress.refused;
    if question.tentative && !open && count == 0 && !misheard {
        return;
    }
    let check = row(&part.topic).and_then(|row| (row.check)(&progress.digits));
    let completeness = progress.completeness(part);
    let confidence = match (check, completeness, count) {
        (Some(_), Completeness::Full | Completeness::Enough, _) => 0.99,
        (_, Completeness::Full, _) => 0.95,
        (_, Completeness::Enough, _) => 0.9,
        (_, Completeness::Open, 0) => 0.6,
        (_, Completeness::Open, _) => 0.8,
    };
    let verb = if question.announced {
        "announced"
    } else {
        "asked for"
    };
    let mut reason = if count == 0 {
        format!(
            "{EXPECTED_ANSWER} after {} was {verb}",
            part.topic.spoken_as()
        )
    } else {
        format!(
            "{} after {} was {verb}",
            evidence::count(count),
            part.topic.spoken_as()
        )
    };
    if let Some(check) = check {
        reason.push_str(&format!("; {}", evidence::holds(check)));
    }
    let any_words = row(&part.topic).is_some_and(|row| row.answer == Answer::Words);
    let audible = if policy.profile == Profile::Strict || any_words {
        Vec::new()
    } else {
        audible_talk(conversation, question.answering, span)
    };
    windows.push(Window {
        leg: question.answering,
        span,
        kind: kind.clone(),
        complete: !open && completeness >= Completeness::Enough,
        digits: count,
        finding: Finding {
            leg: question.answering,
            span,
            kind,
            rule: if question.announced {
                "announced"
            } else {
                "asked_answer"
            },
            reason,
            confidence,
        },
        audible,
    });
}
