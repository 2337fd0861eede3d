//! Judges a call by its masked transcript, without its sound.

use super::judgement::{Judge, StillHeard};
use super::known::Known;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::egress::Report;
use crate::egress::report::Utterance;
use crate::policy::Policy;
use crate::speech::{Transcript, Word};

/// What of a transcript a policy would have hidden, and was not. Words have the confidence of those that were kept.
pub fn judged(policy: &Policy, report: &Report, transcript: &[Utterance]) -> Vec<StillHeard> {
    let legs = Leg::of_channels(report.legs.len()).unwrap_or_default();
    let known = Known::of(report);
    let mut judge = Judge::new(policy, legs, &known);
    let mut utterances: Vec<&Utterance> = transcript.iter().collect();
    utterances.sort_by(|a, b| a.end.total_cmp(&b.end));
    for utterance in utterances {
        let Some(leg) = legs.iter().position(|leg| *leg == utterance.leg) else {
            continue;
        };
        let whole = span(utterance.start, utterance.end);
        let words = utterance
            .words
            .iter()
            .filter(|word| !word.text.starts_with('['))
            .map(|word| {
                let at = span(word.start, word.end);
                Word {
                    text: word.text.clone().into(),
                    span: Span::new(at.start - whole.start, at.end - whole.start),
                    confidence: 1.0,
                }
            });
        let transcript = Transcript {
            words: words.collect(),
            ..Transcript::default()
        };
        judge.words(leg, whole, whole, transcript);
        // Of what is not in it nothing is known, on either leg.
        for other in 0..legs.len() {
            judge.heard_until(other, whole.end);
        }
    }
    judge.finish()
}

fn span(start: f64, end: f64) -> Span {
    Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end))
}
