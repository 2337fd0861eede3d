//! What is still heard in a recording: the same detector and policy as live, on words that were heard again.
//!
//! In a redacted recording the answer to "what is the card number?" is silence, so that the detector would take what is
//! said next for the answer. So where the report says that something was hidden, words of that kind stand in its place:
//! the conversation reads as it was spoken, and what is found there is nothing new. What is found beyond it counts if it
//! was heard in words.
//!
//! **Architecture invariant:** gives out where, what kind and why, and no word.

use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::{self, HeardUntil, HeardWord, Hearing, Kind};
use crate::policy::{Policy, Redaction};
use crate::session::{Conversation, digits_in};
use crate::speech::{Transcript, Word};

/// What is said later may lift a suspicion: nothing is judged before so much more was heard.
const SETTLED: MediaTime = MediaTime::from_millis(60_000);
/// How often the conversation is judged.
const EVERY: MediaTime = MediaTime::from_millis(45_000);
/// A word whose middle is so near to fill is what is left of one that was hidden.
const EDGE: MediaTime = MediaTime::from_millis(60);
/// Hidden around the words that are still heard: more than word times are wrong by.
const PAD: MediaTime = MediaTime::from_millis(400);
/// Longer than a call's end is away: nobody will say more.
const OVER: MediaTime = MediaTime::from_millis(600_000);

/// Something sensitive that is still heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StillHeard {
    /// Whose audio.
    pub leg: Leg,
    /// From, in seconds of the call.
    pub start: f64,
    /// To.
    pub end: f64,
    /// What it is taken for.
    pub kind: String,
    /// The rule that found it.
    pub rule: String,
    /// The evidence, without a value.
    pub reason: String,
    /// How sure the detector is, 0 to 1.
    pub confidence: f64,
}

impl StillHeard {
    /// Where it is, on the call's timeline.
    pub fn span(&self) -> Span {
        Span::new(
            MediaTime::from_seconds(self.start),
            MediaTime::from_seconds(self.end),
        )
    }
}

/// Judges a recording as it is heard.
pub(super) struct Judge<'a> {
    policy: &'a Policy,
    legs: &'static [Leg],
    known: &'a Known,
    conversation: Conversation,
    /// Up to where each leg was heard.
    heard: Vec<MediaTime>,
    /// Hidden stretches whose words were put in.
    put_in: usize,
    /// Everything before this was judged, at this time of the call.
    settled: MediaTime,
    judged_at: MediaTime,
    found: Vec<StillHeard>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(policy: &'a Policy, legs: &'static [Leg], known: &'a Known) -> Self {
        let mut conversation = Conversation::default();
        for (leg, span) in known.unheard() {
            conversation.miss(*leg, *span);
        }
        Self {
            policy,
            legs,
            known,
            conversation,
            heard: vec![MediaTime::ZERO; legs.len()],
            put_in: 0,
            settled: MediaTime::ZERO,
            judged_at: MediaTime::ZERO,
            found: Vec::new(),
        }
    }

    /// Nothing was audible, or what was is told by [`Judge::words`].
    pub(super) fn heard_until(&mut self, leg: usize, time: MediaTime) {
        if let Some(heard) = self.heard.get_mut(leg) {
            *heard = time.max(*heard);
        }
        let everywhere = self.everywhere();
        if everywhere >= self.judged_at + EVERY {
            self.judge(everywhere, false);
        }
    }

    /// A window was transcribed.
    pub(super) fn words(
        &mut self,
        leg: usize,
        listened: Span,
        decides: Span,
        transcript: Transcript,
    ) {
        if let Some(name) = self.legs.get(leg) {
            if transcript.unreliable {
                self.conversation.miss(*name, decides);
            }
            self.conversation.add(*name, listened, decides, transcript);
        }
    }

    /// The recording is over: all that is still heard, in order of start.
    pub(super) fn finish(mut self) -> Vec<StillHeard> {
        let end = self.heard.iter().copied().max().unwrap_or_default();
        self.judge(end, true);
        merged(self.found)
    }

    fn everywhere(&self) -> MediaTime {
        self.heard.iter().copied().min().unwrap_or_default()
    }

    fn judge(&mut self, now: MediaTime, over: bool) {
        self.judged_at = now;
        self.put_in_until(if over { MediaTime::MAX } else { now });
        let until = if over { now + OVER } else { now };
        let hearing = Hearing {
            until: HeardUntil::from(until),
            unheard: self.conversation.unheard().to_vec(),
            leaves_to: None,
        };
        let findings = detect::find(self.conversation.words(), hearing, self.policy);
        let plan = self.policy.plan(&findings, self.legs);
        let settled = if over { MediaTime::MAX } else { now - SETTLED };
        let due = Span::new(self.settled, settled);
        let still = plan
            .iter()
            .filter(|redaction| redaction.span.overlaps(due))
            .filter_map(|redaction| self.still_heard(redaction));
        let still: Vec<StillHeard> = still.collect();
        self.found.extend(still);
        self.settled = settled;
        // Whatever is judged next begins after this.
        self.conversation.forget_before(settled.min(now));
    }

    /// Puts words in the place of what was hidden up to a time.
    fn put_in_until(&mut self, time: MediaTime) {
        while let Some((leg, span, kind)) = self.known.hidden().get(self.put_in) {
            if span.start > time {
                break;
            }
            self.conversation
                .add(*leg, *span, *span, stand_in(*span, kind));
            self.put_in += 1;
        }
    }

    /// What of a redaction is heard outside of fill, if that is enough to matter.
    fn still_heard(&self, redaction: &Redaction) -> Option<StillHeard> {
        let leg = redaction.leg;
        let fill: Vec<Span> = self.known.fill(leg).collect();
        let is_fill = |word: &HeardWord| {
            fill.iter()
                .any(|fill| fill.padded(EDGE, EDGE).contains(word.middle()))
        };
        let words: Vec<&HeardWord> = self
            .conversation
            .words()
            .iter()
            .filter(|word| word.leg == leg && redaction.span.contains(word.middle()))
            .filter(|word| !is_fill(word))
            .collect();
        let telling = |word: &&HeardWord| detect::may_be_number(word.text.expose());
        let digits: usize = words.iter().map(|word| digits_in(word.text.expose())).sum();
        let was_hidden = fill.iter().any(|fill| fill.overlaps(redaction.span));
        let enough = if is_of_digits(&redaction.kind) {
            digits >= least_digits(&redaction.kind)
        } else {
            // A word cannot be told to be a password: but where one was asked for and nothing at all was hidden,
            // the answer is there.
            !was_hidden && !words.is_empty()
        };
        if !enough {
            return None;
        }
        let telling: Vec<Span> = if is_of_digits(&redaction.kind) {
            words
                .iter()
                .copied()
                .filter(telling)
                .map(|word| word.span)
                .collect()
        } else {
            words.iter().map(|word| word.span).collect()
        };
        let start = telling.iter().map(|span| span.start).min()?;
        let end = telling.iter().map(|span| span.end).max()?;
        let span = Span::new(start, end).padded(PAD, PAD);
        Some(StillHeard {
            leg,
            start: span.start.seconds(),
            end: span.end.seconds(),
            kind: redaction.kind.name().to_owned(),
            rule: redaction.rule.to_owned(),
            reason: redaction.reason.clone(),
            confidence: f64::from(redaction.confidence),
        })
    }
}

/// Whether a kind is said in digits or letters one by one.
fn is_of_digits(kind: &Kind) -> bool {
    *kind != Kind::PASSWORD
}

/// How many digits of a kind outside of fill are something sensitive: what is left of a number at its edges is not. Of
/// a card number six digits at its beginning and four at its end may be shown (PCI DSS 3.4.1); this is well below.
fn least_digits(kind: &Kind) -> usize {
    match kind.name() {
        "cvv" | "pin" | "expiry" | "otp" => 2,
        _ => 3,
    }
}

/// Words such as were hidden. The numbers are published for tests, or nobody's.
fn stand_in(span: Span, kind: &str) -> Transcript {
    let text = match kind {
        "pan" | "track_data" => "4111 1111 1111 1111",
        "cvv" => "1 2 3.",
        "pin" => "1 2 3 4.",
        "expiry" => "12 27.",
        "ssn" | "sin" | "tfn" | "routing" => "123 45 6789.",
        "rrn" => "800101 1234567.",
        "aadhaar" => "1234 5678 9012.",
        "bank_account" => "1234 5678.",
        "otp" | "sort_code" => "12 34 56.",
        "dob" => "January 1st 1980.",
        "dtmf" => return Transcript::default(),
        _ => "A B 1 2 3 4 5 6.",
    };
    let texts: Vec<&str> = text.split(' ').collect();
    let step = span.length().micros() / texts.len() as u64;
    let words = texts.into_iter().zip(0..).map(|(text, index)| Word {
        text: text.to_owned().into(),
        span: Span::new(
            MediaTime::from_micros(step * index),
            MediaTime::from_micros(step * (index + 1)),
        ),
        confidence: 1.0,
    });
    Transcript {
        words: words.collect(),
        ..Transcript::default()
    }
}

/// Joins what overlaps on a leg; the surer one gives kind, rule and reason.
fn merged(mut found: Vec<StillHeard>) -> Vec<StillHeard> {
    found.sort_by(|a, b| {
        (a.leg, a.start)
            .partial_cmp(&(b.leg, b.start))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut merged: Vec<StillHeard> = Vec::new();
    for next in found {
        match merged.last_mut() {
            Some(last) if last.leg == next.leg && next.start <= last.end => {
                let (start, end) = (last.start, last.end.max(next.end));
                if next.confidence > last.confidence {
                    *last = next;
                }
                (last.start, last.end) = (start, end);
            }
            _ => merged.push(next),
        }
    }
    merged.sort_by(|a, b| a.start.total_cmp(&b.start));
    merged
}

#[cfg(test)]
mod tests;
