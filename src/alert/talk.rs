//! When who speaks, as far as words tell.

use super::watch::Seen;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;

/// Between words nearer than this somebody goes on speaking.
const GOES_ON: MediaTime = MediaTime::from_millis(700);
/// A pause this short does not end it that both speak.
const BREATH: MediaTime = MediaTime::from_millis(500);
/// No word lasts longer; what is timed longer is silence behind it.
const LONGEST_WORD: MediaTime = MediaTime::from_millis(1_200);

/// The stretches in which a leg is spoken on, in order, since a time.
fn stretches(seen: &Seen<'_>, leg: Leg, since: MediaTime) -> Vec<Span> {
    let mut stretches: Vec<Span> = Vec::new();
    for word in seen
        .words
        .iter()
        .filter(|word| word.leg == leg && word.span.end > since)
    {
        let span = Span::new(
            word.span.start,
            word.span.end.min(word.span.start + LONGEST_WORD),
        );
        match stretches.last_mut() {
            Some(last) if span.start <= last.end + GOES_ON => last.end = last.end.max(span.end),
            _ => stretches.push(span),
        }
    }
    stretches
}

/// The stretches in which both parties speak, in order, since a time.
pub(super) fn both(seen: &Seen<'_>, since: MediaTime) -> Vec<Span> {
    let agent = stretches(seen, Leg::Agent, since);
    let customer = stretches(seen, Leg::Customer, since);
    let mut both: Vec<Span> = Vec::new();
    for one in &agent {
        for other in customer.iter().filter(|other| other.overlaps(*one)) {
            let span = Span::new(one.start.max(other.start), one.end.min(other.end));
            match both.last_mut() {
                Some(last) if span.start <= last.end + BREATH => last.end = last.end.max(span.end),
                _ => both.push(span),
            }
        }
    }
    both
}

/// When somebody was last heard to speak before a time, or may have been where nobody could hear.
pub(super) fn last_spoken(seen: &Seen<'_>, before: MediaTime) -> MediaTime {
    let words = seen.words.iter().map(|word| {
        Span::new(
            word.span.start,
            word.span.end.min(word.span.start + LONGEST_WORD),
        )
    });
    let unheard = seen.unheard.iter().map(|(_, span)| *span);
    words
        .chain(unheard)
        .filter(|span| span.start < before)
        .map(|span| span.end.min(before))
        .max()
        .unwrap_or(MediaTime::ZERO)
}
