//! Watches one call.

use std::sync::Arc;

use super::rule::{Rule, Speaker, Test};
use super::said::Said;
use super::talk;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::{Finding, HeardUntil, HeardWord, Kind};
use crate::telemetry::Event;

/// How far back what was said is looked at again.
const BACK: MediaTime = MediaTime::from_millis(45_000);
/// Words of two windows are timed this differently.
const TIMING: MediaTime = MediaTime::from_millis(700);
/// A number at the end of what was heard may go on: it is judged when so much more was.
const SETTLES: MediaTime = MediaTime::from_millis(600);
/// Alerts of one rule that are remembered in a call.
const REMEMBERED: usize = 64;
/// Alerts of one rule that a call raises at most.
const MOST: u32 = 200;
/// The detector's rule for what was asked for.
const ASKED: &str = "asked_answer";

/// What is known of a call when it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The words of the last minutes, in order of start, as they were heard.
    pub words: &'a [HeardWord],
    /// Speech that nobody could examine.
    pub unheard: &'a [(Leg, Span)],
    /// What is taken to be sensitive.
    pub findings: &'a [Finding],
    /// Up to where each leg was examined.
    pub heard: HeardUntil,
    /// Up to where the call has come.
    pub head: MediaTime,
}

/// Watches one call by some rules. See the parent module.
#[derive(Debug, Clone)]
pub struct Watch {
    tag: String,
    raised: u32,
    rules: Vec<Watched>,
}

/// A rule and what it has come to in this call.
#[derive(Debug, Clone)]
struct Watched {
    rule: Arc<Rule>,
    /// What was alerted of, the newest last.
    alerted: Vec<(Option<Leg>, Span)>,
    count: u32,
    /// When what has to be said was.
    said: Option<MediaTime>,
    /// When what it has to be said before came first.
    due: Option<Span>,
    /// Which of its two conditions were told.
    told_late: bool,
    told_before: bool,
    /// What was filled since the last alert.
    filled: MediaTime,
}

/// Something to raise an alert of.
struct Occurrence {
    leg: Option<Leg>,
    span: Span,
}

impl Watch {
    pub(super) fn new(rules: Vec<Arc<Rule>>, tag: &str) -> Self {
        let watched = |rule| Watched {
            rule,
            alerted: Vec::new(),
            count: 0,
            said: None,
            due: None,
            told_late: false,
            told_before: false,
            filled: MediaTime::ZERO,
        };
        Self {
            tag: tag.to_owned(),
            raised: 0,
            rules: rules.into_iter().map(watched).collect(),
        }
    }

    /// Looks at a call after more of it was examined; gives what there is to alert of.
    pub fn look(&mut self, seen: &Seen<'_>) -> Vec<Event> {
        let since = seen.head - BACK;
        let said: Vec<(Leg, Said)> = [Leg::Agent, Leg::Customer, Leg::Mixed]
            .into_iter()
            .map(|leg| {
                let words = seen
                    .words
                    .iter()
                    .filter(|word| word.leg == leg && word.span.end >= since);
                let written = words.map(|word| (word.text.expose().as_str(), word.span));
                (leg, Said::of(written))
            })
            .filter(|(_, said)| !said.words.is_empty())
            .collect();
        let mut events = Vec::new();
        for index in 0..self.rules.len() {
            for occurrence in self.rules[index].look(seen, &said) {
                events.extend(self.raise(index, occurrence));
            }
        }
        events
    }

    /// Takes what happened in the call; gives what there is to alert of.
    pub fn told(&mut self, event: &Event) -> Vec<Event> {
        let mut events = Vec::new();
        for index in 0..self.rules.len() {
            if let Some(occurrence) = self.rules[index].told(event) {
                events.extend(self.raise(index, occurrence));
            }
        }
        events
    }

    /// An alert of an occurrence, unless there was one of it.
    fn raise(&mut self, index: usize, occurrence: Occurrence) -> Option<Event> {
        let watched = self.rules.get_mut(index)?;
        let Occurrence { leg, span } = occurrence;
        let again = watched.rule.again.max(TIMING);
        let near = span.padded(again, again);
        let is_known = watched.alerted.iter().any(|(other, known)| {
            *other == leg
                && known.start < near.end
                && near.start < known.end.max(known.start + TIMING)
        });
        if is_known || watched.count >= MOST {
            return None;
        }
        if watched.alerted.len() >= REMEMBERED {
            watched.alerted.remove(0);
        }
        watched.alerted.push((leg, span));
        watched.count += 1;
        self.raised += 1;
        Some(Event::Alerted {
            id: format!("{}-{}", self.tag, self.raised),
            rule: watched.rule.name.clone(),
            kind: watched.rule.test.kind(),
            severity: watched.rule.severity,
            leg,
            span,
            message: watched.rule.message.clone(),
        })
    }
}

impl Watched {
    fn look(&mut self, seen: &Seen<'_>, said: &[(Leg, Said)]) -> Vec<Occurrence> {
        let heard = |leg| seen.heard.on(leg).min(seen.head);
        let rule = Arc::clone(&self.rule);
        match &rule.test {
            Test::Said { by, phrases, .. } => said
                .iter()
                .filter(|(leg, _)| by.is_on(*leg))
                .flat_map(|(leg, said)| {
                    let places = phrases.iter().flat_map(|phrase| phrase.places(said));
                    places.map(|place| Occurrence {
                        leg: Some(*leg),
                        span: said.span(place),
                    })
                })
                .collect(),
            Test::Facts(facts) => said
                .iter()
                .filter(|(leg, _)| Speaker::Agent.is_on(*leg))
                .flat_map(|(leg, said)| {
                    let mistakes = facts.iter().flat_map(|fact| fact.mistakes(said));
                    mistakes.map(|place| Occurrence {
                        leg: Some(*leg),
                        span: said.span(place),
                    })
                })
                .filter(|found| {
                    let leg = found.leg.unwrap_or(Leg::Mixed);
                    heard(leg) >= (found.span.end + SETTLES).min(seen.head)
                })
                .collect(),
            Test::NotSaid {
                phrases,
                within,
                before,
            } => {
                for (_, said) in said.iter().filter(|(leg, _)| Speaker::Agent.is_on(*leg)) {
                    let starts = phrases
                        .iter()
                        .flat_map(|phrase| phrase.places(said))
                        .map(|place| said.span(place).start);
                    self.said = starts.chain(self.said).min();
                }
                let asked = asked(seen, before).map(|found| found.span);
                self.due = self
                    .due
                    .into_iter()
                    .chain(asked)
                    .min_by_key(|span| span.start);
                self.missing(seen, *within, heard(Leg::Agent).min(heard(Leg::Mixed)))
            }
            Test::Asked(kinds) => asked(seen, kinds).collect(),
            Test::Silence(longest) => {
                let until = seen.heard.everywhere().min(seen.head);
                let last = talk::last_spoken(seen, until);
                let is_long = until > last && until - last >= *longest;
                let silence = Occurrence {
                    leg: None,
                    span: Span::new(last, until),
                };
                is_long.then_some(silence).into_iter().collect()
            }
            Test::TalkOver(longest) => talk::both(seen, seen.head - BACK)
                .into_iter()
                .filter(|span| span.length() >= *longest)
                .map(|span| Occurrence { leg: None, span })
                .collect(),
            Test::Hidden(_)
            | Test::Late(_)
            | Test::Failed(_)
            | Test::Recorder
            | Test::HeardAgain => Vec::new(),
        }
    }

    /// Whether what had to be said by now was not. Where nobody could hear the agent it is not known.
    fn missing(
        &mut self,
        seen: &Seen<'_>,
        within: Option<MediaTime>,
        heard: MediaTime,
    ) -> Vec<Occurrence> {
        let is_unheard = |until: MediaTime| {
            seen.unheard
                .iter()
                .any(|(leg, span)| Speaker::Agent.is_on(*leg) && span.start < until)
        };
        let mut missing = Vec::new();
        if let Some(within) = within.filter(|within| !self.told_late && heard >= *within + TIMING) {
            self.told_late = true;
            if self.said.is_none_or(|said| said > within) && !is_unheard(within) {
                missing.push(Span::new(MediaTime::ZERO, within));
            }
        }
        if let Some(due) = self
            .due
            .filter(|due| !self.told_before && heard >= due.start)
        {
            self.told_before = true;
            if self.said.is_none_or(|said| said > due.start) && !is_unheard(due.start) {
                let end = due.end.min(heard.max(due.start));
                missing.push(Span::new(due.start, end));
            }
        }
        let agent = |span| Occurrence {
            leg: Some(Leg::Agent),
            span,
        };
        missing.into_iter().map(agent).collect()
    }

    fn told(&mut self, event: &Event) -> Option<Occurrence> {
        let rule = Arc::clone(&self.rule);
        match (&rule.test, event) {
            (
                Test::Hidden(kinds),
                Event::Hidden {
                    leg, span, kind, ..
                },
            ) if kinds.is_empty() || kinds.iter().any(|one| one.name() == kind) => {
                Some(Occurrence {
                    leg: Some(*leg),
                    span: *span,
                })
            }
            (Test::NotSaid { before, .. }, Event::Hidden { span, kind, .. })
                if before.iter().any(|one| one.name() == kind) =>
            {
                self.due = self
                    .due
                    .into_iter()
                    .chain([*span])
                    .min_by_key(|span| span.start);
                None
            }
            (Test::Late(least), Event::Late { leg, span })
            | (Test::Failed(least), Event::Failed { leg, span, .. }) => {
                self.filled = self.filled + span.length();
                if self.filled < *least {
                    return None;
                }
                self.filled = MediaTime::ZERO;
                Some(Occurrence {
                    leg: Some(*leg),
                    span: *span,
                })
            }
            (Test::Recorder, Event::RecorderNotPaused { leg, from, at, .. }) => Some(Occurrence {
                leg: Some(*leg),
                span: Span::new(*from, *at),
            }),
            (Test::Recorder, Event::RecorderNotResumed { at, .. }) => Some(Occurrence {
                leg: None,
                span: Span::new(*at, *at),
            }),
            (Test::Recorder, Event::NotForwarded { span }) => Some(Occurrence {
                leg: None,
                span: *span,
            }),
            _ => None,
        }
    }
}

/// Questions for one of some kinds, as the detector understood them: from the question's end on.
fn asked<'a>(seen: &'a Seen<'_>, kinds: &'a [Kind]) -> impl Iterator<Item = Occurrence> + 'a {
    seen.findings
        .iter()
        .filter(|finding| finding.rule == ASKED && kinds.contains(&finding.kind))
        .filter(|finding| finding.leg != Leg::Agent)
        .map(|finding| Occurrence {
            leg: Some(match finding.leg {
                Leg::Mixed => Leg::Mixed,
                Leg::Agent | Leg::Customer => Leg::Agent,
            }),
            span: Span::new(
                finding.span.start,
                finding.span.end.min(seen.head.max(finding.span.start)),
            ),
        })
}
