//! Talk within an expected answer that is plainly no part of it.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::conversation::{Conversation, Item};
use crate::detect::talk::{self, Act};
use crate::detect::token::Form;

/// Kept hidden around the digits when talk beside them is let through.
const TALK_MARGIN: MediaTime = MediaTime::from_millis(500);

/// Talk of the answering party that is plainly no answer: "hold on, let me get my wallet".
pub(in crate::detect) fn audible_talk(
    conversation: &Conversation<'_>,
    leg: Leg,
    span: Span,
) -> Vec<Span> {
    let mut audible: Vec<Span> = Vec::new();
    let Some(track_index) = conversation.track_of(leg) else {
        return audible;
    };
    let track = &conversation.tracks[track_index];
    let items: Vec<&Item> = conversation.items[conversation.first_from(span.start)..]
        .iter()
        .take_while(|item| item.span.start < span.end)
        .filter(|item| item.track == track_index)
        .collect();
    let data = |item: &Item| item.digit_count() > 0 || matches!(item.form, Form::Letter(_));
    let mut index = 0;
    while index < items.len() {
        // A stretch without data and without a long pause.
        let first = index;
        let mut words = 0;
        let mut last_end = items[index].span.start;
        while index < items.len()
            && !data(items[index])
            && items[index].span.start <= last_end + MediaTime::from_millis(1_200)
        {
            last_end = last_end.max(items[index].span.end);
            words += items[index].words.len();
            index += 1;
        }
        if index == first {
            index += 1;
            continue;
        }
        let stretch = items[first].words.start..items[index - 1].words.end;
        let text = track.text_of(stretch);
        let act = talk::act(text);
        let tells = match act {
            Act::Stall | Act::Refuse => words >= 3 && talk::plainly_talk(text, 3),
            Act::Talk | Act::Prompt | Act::ReadBack => words >= 9 && talk::plainly_talk(text, 9),
            Act::Encourage | Act::Receive => false,
        };
        if !tells {
            continue;
        }
        let mut talk_span = Span::new(items[first].span.start, last_end);
        if first > 0 && data(items[first - 1]) {
            talk_span.start = talk_span.start.max(items[first - 1].span.end + TALK_MARGIN);
        }
        if let Some(next) = items.get(index)
            && data(next)
        {
            talk_span.end = talk_span.end.min(next.span.start - TALK_MARGIN);
        }
        if talk_span.start < talk_span.end {
            audible.push(talk_span);
        }
    }
    audible
}
