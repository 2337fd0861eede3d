//! What a run of digits is taken for, from what was said before and after it, its shape, and its age.
//!
//! **Architecture invariant:** a run that may still become sensitive is hidden while it is open; a
//! checksum that fails clears nothing.

mod eagerness;
mod edges;
mod repeated;
mod unheard;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::policy::{Policy, Profile, Symbol};

use super::conversation::Conversation;
use super::expectation::Window;
use super::kinds::{Answer, detector};
use super::question::{self, Mention, Role, Topic};
use super::run::Run;
use super::{Finding, HeardUntil, Hearing, Kind, checks, evidence, talk};
use eagerness::{Eagerness, eagerness};
use edges::{misheard_start, sound_end};
use repeated::repeated_turns;
use unheard::{after_unheard, beside_unheard, misheard_answers, unfinished};

/// How long a mention makes short runs count.
const ARMED: MediaTime = MediaTime::from_millis(60_000);
/// How long a harmless question explains the digits that follow.
const BENIGN_ANSWER: MediaTime = MediaTime::from_millis(30_000);
/// How soon after a run its name still counts: "... that's my visa".
const NAMED_AFTER: MediaTime = MediaTime::from_millis(4_000);
/// How long a value may be read back after it was heard.
const READ_BACK: MediaTime = MediaTime::from_millis(60_000);
/// How long after a value any longer run of the other party is taken for it.
const ECHO: MediaTime = MediaTime::from_millis(30_000);

/// How long after a full answer its question still makes short runs count.
const ANSWERED: MediaTime = MediaTime::from_millis(20_000);
/// How long after a card's digits further ones are taken for the card's date or code.
const PAYING: MediaTime = MediaTime::from_millis(25_000);
/// How far back anything said may explain a run.
const MEMORY: MediaTime = MediaTime::from_millis(70_000);
/// How many of the latest windows and values are compared with a run.
const NEARBY: usize = 32;

/// What a run was taken for.
struct Verdict {
    kind: Kind,
    rule: &'static str,
    reason: String,
    confidence: f32,
}

/// A sensitive value heard before.
struct Value<'r> {
    run: &'r Run,
    kind: Kind,
}

/// What the conversation says about the digits of a leg at some time.
enum Context<'m, 'p> {
    Sensitive(&'m Mention<'p>),
    Harmless(&'m Mention<'p>),
    None,
}

/// The findings that runs of digits lead to, in order of start.
pub(super) fn findings(
    conversation: &Conversation<'_>,
    all_mentions: &[Mention<'_>],
    windows: &[Window],
    runs: &[Run],
    hearing: &Hearing,
    policy: &Policy,
) -> Vec<Finding> {
    let heard_until = hearing.until;
    let eager = eagerness(policy.profile);
    let mut findings = Vec::new();
    let mut values: Vec<Value<'_>> = Vec::new();
    for run in runs {
        let before = windows.partition_point(|window| window.span.start < run.span.end);
        let answered = windows[..before].iter().rev().take(NEARBY).find(|window| {
            window.leg == run.leg && window.digits > 0 && window.span.overlaps(run.span)
        });
        let mentions = question::between(
            all_mentions,
            run.span.start - MEMORY,
            run.span.end + NAMED_AFTER,
        );
        let mentions: Vec<&Mention<'_>> = mentions
            .iter()
            .filter(|mention| !answered_before(mention, &windows[..before], run))
            .collect();
        let mentions = mentions.as_slice();
        let verdict = judge(mentions, run, &eager, heard_until, policy)
            .or_else(|| after_card(mentions, run, &values, &eager, heard_until, policy))
            .or_else(|| read_back(conversation, mentions, run, &values, policy))
            .or_else(|| after_unheard(mentions, run, &hearing.unheard, policy))
            .or_else(|| beside_unheard(run, &hearing.unheard, policy))
            .or_else(|| unfinished(run, hearing, policy));
        let kind = match (&verdict, answered) {
            (_, Some(window)) => Some(window.kind.clone()),
            (Some(verdict), None) => Some(verdict.kind.clone()),
            (None, None) => None,
        };
        if let Some(verdict) = verdict {
            let start = misheard_start(conversation, run, &verdict.kind);
            findings.push(Finding {
                leg: run.leg,
                span: Span::new(start, sound_end(conversation, run)),
                kind: verdict.kind,
                rule: verdict.rule,
                reason: verdict.reason,
                confidence: verdict.confidence,
            });
        }
        if let Some(kind) = kind
            && run.digits.len() >= 3
        {
            values.push(Value { run, kind });
        }
    }
    findings.extend(repeated_turns(conversation, &values, policy));
    let mut misheard = misheard_answers(conversation, all_mentions, &hearing.unheard, policy);
    misheard.retain(|one| {
        let is_known = |other: &Finding| {
            other.leg == one.leg
                && other.span.start <= one.span.start
                && other.span.end >= one.span.end
        };
        !findings.iter().any(is_known)
    });
    findings.extend(misheard);
    findings
}

/// Whether a question was answered in full so long before a run that the run is about something else.
fn answered_before(mention: &Mention<'_>, windows: &[Window], run: &Run) -> bool {
    mention.role == Role::Asked
        && windows.iter().rev().take(NEARBY).any(|window| {
            window.complete
                && Some(&window.kind) == mention.topic.kind().as_ref()
                && window.span.end > mention.span.end
                && window.span.end + ANSWERED < run.span.start
        })
}

fn judge(
    mentions: &[&Mention<'_>],
    run: &Run,
    eager: &Eagerness,
    heard_until: HeardUntil,
    policy: &Policy,
) -> Option<Verdict> {
    let count = run.count();
    let open = run.open(heard_until.on(run.leg), eager.patience_with(run));
    let context = context(mentions, run);
    let mut explained = false;
    if let Some(verdict) = by_template(mentions, run, policy) {
        return Some(verdict);
    }
    // Digits that are a card's by range and checksum are one whatever was asked.
    if let Some(network) = checks::card_within(&run.digits)
        && policy.enabled(&Kind::PAN)
    {
        return Some(Verdict {
            kind: Kind::PAN,
            rule: "digit_run",
            reason: format!(
                "{} in the range of {network}; {}",
                evidence::count(count),
                evidence::holds("Luhn")
            ),
            confidence: 0.99,
        });
    }
    match context {
        Context::Harmless(mention) => {
            let longest = match &mention.topic {
                Topic::Benign(benign) => benign.longest,
                Topic::Allowed(row) => row.longest.min(12),
                Topic::LastFour => 6,
                Topic::Sensitive(_) | Topic::Custom(_) | Topic::Card => 0,
            };
            explained = count <= longest;
            // What was only spoken of explains a finished number, not one that may still grow.
            let asked = matches!(mention.role, Role::Asked | Role::Announced);
            if explained && (asked || !open) {
                return None;
            }
        }
        Context::Sensitive(mention) => {
            if let Some(verdict) = in_context(mention, run, count) {
                return Some(verdict);
            }
        }
        Context::None => {}
    }
    if let Some(verdict) = by_shape(run, policy) {
        return Some(verdict);
    }
    if !policy.enabled(&Kind::PAN) {
        return None;
    }
    if count >= eager.closed && !telephone_shape(run, policy.profile) {
        return Some(Verdict {
            kind: Kind::PAN,
            rule: "digit_run",
            reason: format!(
                "{} in a row that nothing harmless was asked for",
                evidence::count(count)
            ),
            confidence: if count >= 15 { 0.9 } else { 0.7 },
        });
    }
    // A misheard question explains nothing: whoever dictates digits without any harmless word about them
    // may be answering one.
    if !explained && run.plain >= eager.unexplained && !telephone_shape(run, policy.profile) {
        return Some(Verdict {
            kind: Kind::PAN,
            rule: "digit_run",
            reason: format!(
                "{} read out, and nothing harmless was said about them",
                evidence::count(count)
            ),
            confidence: 0.5,
        });
    }
    if open && run.plain.max(run.debris) + run.debris >= eager.open {
        return Some(Verdict {
            kind: Kind::PAN,
            rule: "open_run",
            reason: format!(
                "{} so far, which may be the beginning of a card number",
                evidence::count(count)
            ),
            confidence: 0.4,
        });
    }
    None
}

/// Digits said soon after a card's: whoever has just read out a card goes on with its date, its code or
/// another card, whatever the recogniser made of the question.
fn after_card(
    mentions: &[&Mention<'_>],
    run: &Run,
    values: &[Value<'_>],
    eager: &Eagerness,
    heard_until: HeardUntil,
    policy: &Policy,
) -> Option<Verdict> {
    let paying = values.iter().rev().take(NEARBY).any(|value| {
        [Kind::PAN, Kind::EXPIRY, Kind::CVV].contains(&value.kind)
            && value.run.leg == run.leg
            && value.run.span.end <= run.span.start
            && run.span.start <= value.run.span.end + PAYING
    });
    let explained = matches!(
        context(mentions, run),
        Context::Harmless(mention) if matches!(mention.role, Role::Asked | Role::Announced)
    );
    let open = run.open(heard_until.on(run.leg), eager.patience_with(run));
    let count = run.count();
    if !paying || explained || count < if open { 2 } else { 3 } {
        return None;
    }
    let kind = match count {
        3 => Kind::CVV,
        0..=6 => Kind::EXPIRY,
        _ => Kind::PAN,
    };
    policy.enabled(&kind).then(|| Verdict {
        kind,
        rule: "after_card",
        reason: format!("{} soon after a card number", evidence::count(count)),
        confidence: 0.6,
    })
}

/// A run of as many digits as a telephone number with country code, grouped like one.
fn telephone_shape(run: &Run, profile: Profile) -> bool {
    profile != Profile::Strict
        && match run.groups.as_slice() {
            [.., 3, 3, 4] | [.., 3, 7] => matches!(run.digits.len(), 10..=12),
            [3, 4] => true,
            _ => false,
        }
}

/// The mention that explains a run: the latest question to its speaker, or the speaker's own words.
fn context<'m, 'p>(mentions: &[&'m Mention<'p>], run: &Run) -> Context<'m, 'p> {
    let after = mentions.iter().find(|mention| {
        mention.leg == run.leg
            && mention.span.start >= run.span.end
            && mention.span.start <= run.span.end + NAMED_AFTER
            && matches!(mention.role, Role::Named | Role::Announced)
            && mention.topic.kind().is_some()
    });
    let latest = mentions
        .iter()
        .filter(|mention| {
            let age = run.span.start - mention.span.end;
            let before = mention.span.start <= run.span.start;
            let harmless = mention.topic.kind().is_none();
            let own = mention.leg == run.leg && run.leg != Leg::Mixed;
            let relevant = match (harmless, mention.role) {
                // One's own harmless words explain what one says right after them.
                (true, Role::Named) if own => age <= MediaTime::from_millis(2_000),
                (true, Role::Announced) => own && age <= MediaTime::from_millis(8_000),
                (true, Role::Asked) => age <= BENIGN_ANSWER,
                (true, Role::Named) => age <= MediaTime::from_millis(6_000),
                (true, Role::Denied) => false,
                (false, Role::Denied) => own && age <= MediaTime::from_millis(3_000),
                (false, Role::Named) if matches!(mention.topic, Topic::Card) => {
                    age <= MediaTime::from_millis(6_000)
                }
                (false, Role::Named) => age <= ARMED,
                (false, Role::Asked | Role::Announced) => age <= ARMED,
            };
            before && relevant
        })
        .max_by_key(|mention| mention.span.end);
    match (latest, after) {
        (Some(mention), _) if mention.topic.kind().is_some() => Context::Sensitive(mention),
        (_, Some(after)) => Context::Sensitive(after),
        (Some(mention), None) => Context::Harmless(mention),
        (None, None) => Context::None,
    }
}

/// A run while something sensitive is being spoken of.
fn in_context(mention: &Mention<'_>, run: &Run, count: usize) -> Option<Verdict> {
    let kind = mention.topic.kind()?;
    let age = run.span.start - mention.span.end;
    let (least, most) = match (&mention.topic, mention.role) {
        (Topic::Sensitive(row), Role::Asked | Role::Announced) => {
            (3.min(row.shortest), row.longest + 6)
        }
        (Topic::Custom(custom), Role::Asked | Role::Announced) => {
            (custom.digits().clamp(1, 3), custom.digits() + 4)
        }
        (Topic::Card, _) => (4, 25),
        (Topic::Sensitive(row), _) => (row.shortest.min(4), row.longest + 6),
        (Topic::Custom(custom), _) => (custom.digits().max(2), custom.digits() + 4),
        (Topic::Benign(_) | Topic::Allowed(_) | Topic::LastFour, _) => return None,
    };
    // Amounts, dates and counts are what they say, unless the number itself was just announced or asked for.
    let own = run.leg == mention.leg && run.leg != Leg::Mixed;
    let just_now = match mention.role {
        Role::Asked => !own && age <= MediaTime::from_millis(8_000),
        Role::Announced => own && age <= MediaTime::from_millis(8_000),
        Role::Named | Role::Denied => false,
    };
    let digits = if just_now {
        run.digits.len() + run.debris
    } else {
        count
    };
    let long_ago = age > MediaTime::from_millis(30_000);
    let weak = matches!(mention.role, Role::Named) && long_ago;
    // Who asked and then says digits reads back; three digits of a speaker's own may be anything.
    let asker = own && mention.role == Role::Asked;
    let least = if long_ago || asker {
        least.max(4)
    } else {
        least
    };
    if digits < least
        || digits > most.max(25)
        || weak
        || (most < digits && mention.role == Role::Named)
    {
        return None;
    }
    let (row_kind, check) = match &mention.topic {
        Topic::Sensitive(row) => (row.kind.clone(), (row.check)(&run.digits)),
        Topic::Custom(custom) => (
            custom.kind.clone(),
            custom
                .checksum
                .filter(|checksum| checksum.holds(&run.digits))
                .map(checks::Checksum::name),
        ),
        Topic::Card | Topic::Benign(_) | Topic::Allowed(_) | Topic::LastFour => (kind, None),
    };
    let verb = match mention.role {
        Role::Asked => "was asked for",
        Role::Announced => "was announced",
        Role::Named | Role::Denied => "was spoken of",
    };
    let fits =
        detector(&row_kind).is_some_and(|row| row.fits(digits) || row.answer == Answer::Mixed);
    let mut reason = format!(
        "{} where {} {verb}",
        evidence::count(digits),
        mention.topic.spoken_as()
    );
    if let Some(check) = check {
        reason.push_str(&format!("; {}", evidence::holds(check)));
    }
    Some(Verdict {
        kind: row_kind,
        rule: "armed_run",
        reason,
        confidence: match (check.is_some(), fits, just_now) {
            (true, ..) => 0.97,
            (_, true, true) => 0.9,
            (_, true, false) => 0.75,
            _ => 0.55,
        },
    })
}

/// Numbers that give themselves away by how they are grouped or spelled.
fn by_shape(run: &Run, policy: &Policy) -> Option<Verdict> {
    let found = |kind: Kind, reason: String, confidence: f32| {
        policy.enabled(&kind).then_some(Verdict {
            kind,
            rule: "shape",
            reason,
            confidence,
        })
    };
    if policy.profile == Profile::Lenient {
        return None;
    }
    if run.groups == [3, 2, 4] && checks::social_security(&run.digits) {
        return found(
            Kind::SSN,
            "9 digits in groups of three, two and four, as social security numbers are said".into(),
            0.8,
        );
    }
    if run.groups == [6, 7] && resident_registration(&run.digits) {
        return found(
            Kind::RRN,
            "13 digits in groups of six and seven that begin with a date, as resident registration numbers do".into(),
            0.9,
        );
    }
    if run.digits.len() == 12 && run.groups == [4, 4, 4] && checks::verhoeff(&run.digits) {
        return found(
            Kind::AADHAAR,
            format!(
                "12 digits in groups of four; {}",
                evidence::holds("Verhoeff")
            ),
            0.8,
        );
    }
    if run.template.len() >= 15 && checks::iban(&run.symbols) {
        return found(
            Kind::IBAN,
            "letters and digits of which the IBAN check holds".into(),
            0.99,
        );
    }
    None
}

/// Thirteen digits that begin with a date of birth and a century digit. Numbers issued since October
/// 2020 have no checksum, so none is tested.
fn resident_registration(digits: &[u8]) -> bool {
    let pair = |at: usize| match digits.get(at..at + 2) {
        Some([tens, ones]) => tens * 10 + ones,
        _ => 0,
    };
    digits.len() == 13
        && (1..=12).contains(&pair(2))
        && (1..=31).contains(&pair(4))
        && digits
            .get(6)
            .is_some_and(|century| (1..=8).contains(century))
}

/// Kinds of the policy: their template near their context words.
fn by_template(mentions: &[&Mention<'_>], run: &Run, policy: &Policy) -> Option<Verdict> {
    policy.custom_kinds().iter().find_map(|custom| {
        let named = mentions.iter().any(|mention| {
            matches!(&mention.topic, Topic::Custom(named) if named.kind == custom.kind)
                && mention.role != Role::Denied
                && mention.span.start <= run.span.end + NAMED_AFTER
                && run.span.start <= mention.span.end + ARMED
        });
        let template: String = custom
            .pattern
            .iter()
            .map(|symbol| match symbol {
                Symbol::Letter => 'L',
                Symbol::Digit => 'D',
            })
            .collect();
        let holds = custom
            .checksum
            .is_some_and(|checksum| checksum.holds(&run.digits));
        (named && policy.enabled(&custom.kind) && run.template.contains(&template)).then(|| {
            Verdict {
                kind: custom.kind.clone(),
                rule: "custom_pattern",
                reason: format!(
                    "the pattern of {} after its context words{}",
                    custom.kind,
                    custom
                        .checksum
                        .filter(|_| holds)
                        .map(|checksum| format!("; {}", evidence::holds(checksum.name())))
                        .unwrap_or_default()
                ),
                confidence: if holds { 0.97 } else { 0.85 },
            }
        })
    })
}

/// A run that repeats what was heard before.
fn read_back(
    conversation: &Conversation<'_>,
    mentions: &[&Mention<'_>],
    run: &Run,
    values: &[Value<'_>],
    policy: &Policy,
) -> Option<Verdict> {
    let track = &conversation.tracks[run.track];
    let first = &conversation.items[run.items.0];
    let before = track.around(&first.words, 14, 0);
    let cue = talk::reads_back(track.text_of(before.start..first.words.start));
    let recent = |value: &&Value<'_>| {
        run.span.start >= value.run.span.start
            && run.span.start <= value.run.span.end + READ_BACK
            && policy.enabled(&value.kind)
    };
    let harmless = context(mentions, run);
    if let Context::Harmless(Mention {
        topic: Topic::LastFour,
        ..
    }) = harmless
        && run.count() <= 4
    {
        return None;
    }
    let repeated = values
        .iter()
        .rev()
        .take(NEARBY)
        .filter(recent)
        .find(|value| {
            let least = if cue || value.run.digits.len() <= 4 {
                3
            } else {
                4
            };
            shares(&run.digits, &value.run.digits, least)
        });
    if let Some(value) = repeated {
        return Some(Verdict {
            kind: value.kind.clone(),
            rule: "read_back",
            reason: format!(
                "{} of which several repeat what was heard before",
                evidence::count(run.count())
            ),
            confidence: 0.95,
        });
    }
    let value = values
        .iter()
        .rev()
        .take(NEARBY)
        .filter(recent)
        .find(|value| value.run.leg != run.leg || run.leg == Leg::Mixed)?;
    let harmless = matches!(harmless, Context::Harmless(_));
    let echo = run.span.start <= value.run.span.end + ECHO;
    let read = (cue && run.count() >= 2)
        || (echo && run.count() >= 4 && policy.profile != Profile::Lenient);
    (read && !harmless).then(|| Verdict {
        kind: value.kind.clone(),
        rule: "read_back",
        reason: format!(
            "{} {} a sensitive answer",
            evidence::count(run.count()),
            if cue { "read back after" } else { "soon after" }
        ),
        confidence: if cue { 0.85 } else { 0.6 },
    })
}

/// Whether two strings share a stretch of at least `least` digits.
fn shares(a: &[u8], b: &[u8], least: usize) -> bool {
    a.windows(least)
        .any(|stretch| b.windows(least).any(|other| stretch == other))
}

#[cfg(test)]
mod tests;
