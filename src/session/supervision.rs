//! What people who look after a call ask of it, and what they are told of it while it runs.
//!
//! A pause by hand hides every leg from a second before the newest sample that had arrived until a second after the
//! one that had when it is resumed, or until the call ends; blanking hides the last seconds. What has left already cannot be taken back, and is told.
//!
//! **Architecture invariant:** between a pause and its resumption no sample leaves unhidden, whatever arrives,
//! is answered or is asked for meanwhile. Does not know who asks.

use super::Session;
use super::redactor::Verdict;
use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::Leg;
use crate::detect::{EXPECTED_ANSWER, Kind};
use crate::policy::{Redaction, Rule};

/// What a pause hides before the moment at which it is asked for: people are late.
const BEFORE_PAUSE: MediaTime = MediaTime::from_millis(1_000);
/// What a pause hides after the newest sample that had arrived when it was resumed: what was said by then may still be
/// on its way.
const UNDER_WAY: MediaTime = MediaTime::from_millis(1_000);

/// How a pause by hand is told.
const PAUSE: Words = Words {
    rule: "manual_pause",
    reason: "paused by hand",
};
/// How blanking by hand is told.
const BLANK: Words = Words {
    rule: "manual_blank",
    reason: "blanked by hand",
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Words {
    rule: &'static str,
    reason: &'static str,
}

/// What people hid, as far as it is still held.
#[derive(Debug, Default)]
pub(super) struct ByHand(Vec<Stretch>);

#[derive(Debug)]
struct Stretch {
    start: MediaTime,
    /// None until it is resumed.
    end: Option<MediaTime>,
    words: Words,
}

impl ByHand {
    fn open(&self) -> Option<&Stretch> {
        self.0.iter().find(|stretch| stretch.end.is_none())
    }

    /// Joins what overlaps, so that no number of requests makes a long list.
    fn add(&mut self, new: Stretch) {
        let touching = self.0.iter_mut().find(|old| {
            old.words == new.words
                && old.end.is_none_or(|end| new.start <= end)
                && new.end.is_none_or(|end| old.start <= end)
        });
        match touching {
            Some(old) => {
                old.start = old.start.min(new.start);
                old.end = old.end.zip(new.end).map(|(old, new)| old.max(new));
            }
            None => self.0.push(new),
        }
    }

    /// All of it on every leg, as a rule says how.
    pub(super) fn redactions(&self, legs: &[Leg], rule: &Rule) -> Vec<Redaction> {
        let on = |stretch: &Stretch, leg: &Leg| Redaction {
            leg: *leg,
            span: Span::new(stretch.start, stretch.end.unwrap_or(MediaTime::MAX)),
            kind: Kind::MANUAL,
            rule: stretch.words.rule,
            reason: stretch.words.reason.to_owned(),
            confidence: 1.0,
            mode: rule.mode,
            fill: rule.fill,
        };
        let stretches = self.0.iter();
        stretches
            .flat_map(|stretch| legs.iter().map(move |leg| on(stretch, leg)))
            .collect()
    }

    /// Everything before this time has left.
    pub(super) fn forget_before(&mut self, released: MediaTime) {
        self.0
            .retain(|stretch| stretch.end.is_none_or(|end| end > released));
    }
}

/// What blanking by hand hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blanked {
    /// What of it was still held.
    pub span: Span,
    /// How much had left already.
    pub too_late: MediaTime,
}

/// Samples of all legs that left as fill, or were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// Because they were or may have been sensitive, or by hand.
    pub hidden: u64,
    /// Because they were not examined in time.
    pub late: u64,
    /// Because they could not be examined.
    pub failed: u64,
}

impl Filled {
    pub(super) fn add(&mut self, rate: SampleRate, verdicts: &[Vec<(Span, Verdict)>]) {
        for (span, verdict) in verdicts.iter().flatten() {
            let count = match verdict {
                Verdict::Clear => continue,
                Verdict::Hidden(_) => &mut self.hidden,
                Verdict::Late => &mut self.late,
                Verdict::Failed(_) => &mut self.failed,
            };
            *count += rate.index_at(span.end).0 - rate.index_at(span.start).0;
        }
    }
}

/// What a call is about as far as secrets go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attention<'a> {
    /// Nothing sensitive is expected, said or held.
    Nothing,
    /// Something was asked for, and not yet said.
    Armed(&'a Redaction),
    /// Something is being said, or is still held: it will leave hidden.
    Hides(&'a Redaction),
}

impl Session {
    /// Somebody wants nothing that is said to be recorded until [`Session::handle_resume`]. Returns from where on
    /// every leg is hidden; for a call that is paused already, that of the pause.
    pub fn handle_pause(&mut self) -> MediaTime {
        if let Some(since) = self.paused_since() {
            return since;
        }
        let start = (self.head() - BEFORE_PAUSE).max(self.released());
        self.by_hand.add(Stretch {
            start,
            end: None,
            words: PAUSE,
        });
        self.make_plan();
        self.paused_since().unwrap_or(start)
    }

    /// What is said from now on is recorded again, once what was said before has arrived. Whether there was a pause.
    pub fn handle_resume(&mut self) -> bool {
        let end = self.head() + UNDER_WAY;
        let mut open = self.by_hand.0.iter_mut();
        let Some(open) = open.find(|stretch| stretch.end.is_none()) else {
            return false;
        };
        open.end = Some(end);
        self.make_plan();
        true
    }

    /// Hides what was said last on every leg, as far as it is still held.
    pub fn handle_blank(&mut self, length: MediaTime) -> Blanked {
        let head = self.head();
        let wanted = head - length;
        let start = wanted.max(self.released());
        let span = Span::new(start, head);
        if !span.is_empty() {
            self.by_hand.add(Stretch {
                start,
                end: Some(head),
                words: BLANK,
            });
            self.make_plan();
        }
        Blanked {
            span,
            too_late: start - wanted,
        }
    }

    /// From where on the call is paused by hand, if it is.
    pub fn paused_since(&self) -> Option<MediaTime> {
        self.by_hand.open().map(|stretch| stretch.start)
    }

    /// What is to be hidden and has not left, pauses by hand included. What is suspected may be lifted again.
    pub fn hiding(&self) -> impl Iterator<Item = &Redaction> {
        let released = self.released();
        let plan = self.plan.iter();
        plan.filter(move |redaction| redaction.span.end > released)
    }

    /// Differs whenever [`Session::hiding`] may tell of something else than before, but that it has left.
    pub fn plan_number(&self) -> u64 {
        self.plan_number
    }

    /// What is expected, being said or held; pauses by hand are no matter of it.
    pub fn attention(&self) -> Attention<'_> {
        let is_expected = |redaction: &&Redaction| redaction.reason.starts_with(EXPECTED_ANSWER);
        let suspected = || self.hiding().filter(|redaction| !is_by_hand(redaction));
        if let Some(hides) = suspected().find(|redaction| !is_expected(redaction)) {
            return Attention::Hides(hides);
        }
        match self.suspects() {
            Some(armed) => Attention::Armed(armed),
            None => Attention::Nothing,
        }
    }

    /// What left as fill so far.
    pub fn filled(&self) -> Filled {
        self.filled
    }
}

pub(super) fn is_by_hand(redaction: &Redaction) -> bool {
    redaction.kind == Kind::MANUAL
}
