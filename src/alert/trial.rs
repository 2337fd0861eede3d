//! Rules on a call that is over, from its masked transcript, so that who writes a rule sees what it would have raised.

use super::rule::Rules;
use super::watch::Seen;
use crate::audio::MediaTime;
use crate::call::Sensitive;
use crate::call::particulars::Particulars;
use crate::detect::{HeardUntil, HeardWord};
use crate::policy::Policy;
use crate::telemetry::{Event, MaskedWord};

/// How much of the call is heard at a time.
const STEP: MediaTime = MediaTime::from_millis(500);
/// What was said longer ago is forgotten, as in a call under way.
const KEPT: MediaTime = MediaTime::from_millis(180_000);

/// A call as its report has it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Where it was.
    pub place: Particulars,
    /// How long it was.
    pub length: MediaTime,
    /// What happened: what was said and hidden, and what became of recorders, each with when it was known.
    pub events: Vec<(MediaTime, Event)>,
}

/// What rules would have raised, in order. Words that are masked were not heard.
pub fn alerts(rules: &Rules, call: &Told, policy: &Policy) -> Vec<Event> {
    let Some(mut watch) = rules.watch(&call.place, "trial") else {
        return Vec::new();
    };
    let mut words: Vec<HeardWord> = Vec::new();
    let mut unheard = Vec::new();
    let mut events: Vec<(MediaTime, &Event)> = Vec::new();
    for (known, event) in &call.events {
        match event {
            Event::Transcribed {
                leg, words: said, ..
            } => {
                let heard = |word: &MaskedWord| HeardWord {
                    leg: *leg,
                    span: word.span,
                    text: Sensitive::new(word.text.clone()),
                    confidence: 1.0,
                };
                words.extend(said.iter().filter(|word| !word.masked).map(heard));
            }
            Event::Failed { leg, span, .. } | Event::Late { leg, span } => {
                unheard.push((*leg, *span));
                events.push((*known, event));
            }
            _ => events.push((*known, event)),
        }
    }
    words.sort_by_key(|word| word.span.start);
    events.sort_by_key(|(known, _)| *known);
    let mut raised = Vec::new();
    let mut told = 0;
    let mut head = MediaTime::ZERO;
    while head < call.length {
        head = (head + STEP).min(call.length);
        let first = words.partition_point(|word| word.span.start + KEPT < head);
        let heard = words.partition_point(|word| word.span.start < head);
        let lately: Vec<HeardWord> = words[first.min(heard)..heard]
            .iter()
            .filter(|word| word.span.end <= head)
            .cloned()
            .collect();
        let until = HeardUntil::from(head);
        let findings = crate::detect::find(&lately, until, policy);
        raised.extend(watch.look(&Seen {
            words: &lately,
            unheard: &unheard,
            findings: &findings,
            heard: until,
            head,
        }));
        while let Some((known, event)) = events.get(told)
            && *known <= head
        {
            raised.extend(watch.told(event));
            told += 1;
        }
    }
    raised
}
