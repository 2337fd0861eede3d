//! The transcript that may be kept: the words of what left audible, with the rest masked.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::{HeardWord, Kind};
use crate::telemetry::{Event, MaskedWord};

/// A number this close to something hidden is masked with it: word times are not exact.
const DOUBTFUL: MediaTime = MediaTime::from_millis(1_500);
/// A silence that ends an utterance of the transcript.
const UTTERANCE_ENDS: MediaTime = MediaTime::from_millis(1_000);
/// The longest utterance in words.
const LONGEST: usize = 24;

/// What one leg's released audio was, as far as it was not let through.
#[derive(Debug, Clone)]
pub(super) struct Covered {
    pub(super) span: Span,
    /// The mask to show, such as `pan` or `late`.
    pub(super) label: String,
}

/// Turns words whose audio has left, and the masks of pressed keys among them, into events.
pub(super) fn utterances<'a>(
    leg: Leg,
    words: impl Iterator<Item = &'a HeardWord>,
    keys: Vec<MaskedWord>,
    covered: &[Covered],
) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open: Vec<MaskedWord> = Vec::new();
    let mut all: Vec<MaskedWord> = keys;
    all.extend(words.map(|word| mask(word, covered)));
    all.sort_by_key(|word| word.span.start);
    for masked in all {
        let ends = open.last().is_some_and(|last| {
            masked.span.start > last.span.end + UTTERANCE_ENDS || open.len() >= LONGEST
        });
        if ends {
            events.extend(close(leg, std::mem::take(&mut open)));
        }
        match open.last_mut() {
            // One mask for each hidden stretch: how many words it had is nobody's business.
            Some(last)
                if last.masked && masked.masked && is_same_mask(&last.text, &masked.text) =>
            {
                last.span.end = last.span.end.max(masked.span.end);
                if masked.text.len() > last.text.len() {
                    last.text = masked.text;
                }
            }
            _ => open.push(masked),
        }
    }
    events.extend(close(leg, open));
    events
}

fn close(leg: Leg, words: Vec<MaskedWord>) -> Option<Event> {
    let span = Span::new(
        words.first()?.span.start,
        words.iter().map(|word| word.span.end).max()?,
    );
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    Some(Event::Transcribed {
        leg,
        span,
        text: text.join(" "),
        words,
    })
}

/// Whether two masks stand for the same; what was made of a key's sound as a word is the key.
fn is_same_mask(one: &str, other: &str) -> bool {
    let is_key = |text: &str| {
        text.strip_prefix('[')
            .is_some_and(|text| text.starts_with(Kind::DTMF.name()))
    };
    let is_plain = |text: &str| !text.contains('*');
    one == other || (is_key(one) && is_key(other) && (is_plain(one) || is_plain(other)))
}

fn mask(word: &HeardWord, covered: &[Covered]) -> MaskedWord {
    let text = word.text.expose();
    let near = |distance: MediaTime| {
        let reach = word.span.padded(distance, distance);
        covered.iter().find(|cover| cover.span.overlaps(reach))
    };
    let cover = near(MediaTime::ZERO).or_else(|| {
        crate::detect::may_be_number(text)
            .then(|| near(DOUBTFUL))
            .flatten()
    });
    MaskedWord {
        span: word.span,
        text: cover.map_or_else(|| text.clone(), |cover| format!("[{}]", cover.label)),
        masked: cover.is_some(),
    }
}
