//! Which questions and announcements stand together, and from when on an answer may come.

use std::ops::Range;

use crate::audio::MediaTime;
use crate::call::Leg;
use crate::detect::conversation::Conversation;
use crate::detect::question::{Mention, Role, Topic};
use crate::detect::token::Form;

/// Questions of one speaker closer than this are asked together and answered together.
const TOGETHER: MediaTime = MediaTime::from_millis(2_500);
/// A question's last word is often timed late: the answer may begin this much before it ends.
const EARLY_ANSWER: MediaTime = MediaTime::from_millis(250);

/// A question or announcement with what it asks for.
pub(super) struct Question<'m, 'p> {
    pub(super) answering: Leg,
    pub(super) asker: Leg,
    pub(super) from: MediaTime,
    /// Whether the speaker says it next, rather than asks for it.
    pub(super) announced: bool,
    /// Whether only digits soon after make it an answer: an announcement, or a customer's question.
    pub(super) tentative: bool,
    pub(super) parts: Vec<&'m Mention<'p>>,
    /// When the next question of the same speaker begins.
    pub(super) until: MediaTime,
    /// The items that must not be taken for an answer: the question itself.
    pub(super) own_words: Range<usize>,
}

fn answering_leg(asker: Leg) -> Leg {
    match asker {
        Leg::Agent => Leg::Customer,
        Leg::Customer => Leg::Agent,
        Leg::Mixed => Leg::Mixed,
    }
}

/// The questions and announcements of sensitive data, in order of start.
pub(super) fn questions<'m, 'p>(
    conversation: &Conversation<'_>,
    mentions: &'m [Mention<'p>],
) -> Vec<Question<'m, 'p>> {
    let mut questions: Vec<Question<'m, 'p>> = Vec::new();
    for (index, mention) in mentions.iter().enumerate() {
        let sensitive = matches!(mention.topic, Topic::Sensitive(_) | Topic::Custom(_));
        if !sensitive {
            continue;
        }
        let announced = match mention.role {
            Role::Asked => false,
            Role::Announced => true,
            Role::Named | Role::Denied => continue,
        };
        let answering = if announced {
            mention.leg
        } else {
            answering_leg(mention.leg)
        };
        // Asked in one breath, answered in one: the last part's end starts the answer.
        if let Some(last) = questions.last_mut()
            && last.asker == mention.leg
            && last.announced == announced
            && !announced
            && mention.span.start <= last.from + TOGETHER
            && !spoke_between(conversation, last.answering, last.from, mention.span.start)
        {
            last.parts.push(mention);
            last.from = answer_from(mention, false);
            last.own_words.end = mention.words.end;
            last.until = next_question(mentions, index);
            continue;
        }
        questions.push(Question {
            answering,
            asker: mention.leg,
            from: answer_from(mention, announced),
            announced,
            tentative: announced || mention.leg == Leg::Customer,
            parts: vec![mention],
            until: next_question(mentions, index),
            own_words: mention.words.clone(),
        });
    }
    questions
}

/// From when on what is heard on the answering leg may be the answer.
fn answer_from(mention: &Mention<'_>, announced: bool) -> MediaTime {
    /// What may follow a question in its sentence: "please", "on the card".
    const POLITE_END: MediaTime = MediaTime::from_millis(1_600);
    match mention.leg {
        _ if announced => mention.span.end,
        Leg::Mixed => mention.sentence_end.min(mention.span.end + POLITE_END),
        Leg::Agent | Leg::Customer => mention.span.end - EARLY_ANSWER,
    }
}

/// When the same speaker asks for something else.
fn next_question(mentions: &[Mention<'_>], index: usize) -> MediaTime {
    let Some(this) = mentions.get(index) else {
        return MediaTime::MAX;
    };
    mentions[index + 1..]
        .iter()
        .find(|next| {
            next.leg == this.leg
                && next.role == Role::Asked
                && next.span.start > this.span.end + MediaTime::from_millis(1_000)
        })
        .map_or(MediaTime::MAX, |next| {
            if next.topic.kind().is_some() {
                next.span.end - EARLY_ANSWER
            } else {
                next.sentence_start.max(this.span.end)
            }
        })
}

/// Whether a leg said more than an acknowledgement between two times.
fn spoke_between(
    conversation: &Conversation<'_>,
    leg: Leg,
    from: MediaTime,
    until: MediaTime,
) -> bool {
    let items = &conversation.items[conversation.first_from(from)..];
    items
        .iter()
        .take_while(|item| item.span.start < until)
        .any(|item| {
            conversation.tracks[item.track].leg == leg
                && matches!(item.form, Form::Number { .. } | Form::Debris)
        })
}
