//! What a speaker asks for, announces or merely mentions.
//!
//! **Architecture invariant:** a mention is not a question. Only wording or position that asks makes the
//! other party's next turn an answer; a mere mention makes short digit runs count.

use std::ops::Range;
use std::sync::LazyLock;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::policy::{CustomKind, LastFour, Policy};

use super::Kind;
use super::conversation::{Conversation, Track};
use super::kinds::{Answer, BENIGN, Benign, DETECTORS, Detector, PHRASES, detector};
use super::talk::PHRASE_NUMBERS;
use super::token::{Form, Sense};
use super::wording::Phrases;

/// What is spoken of.
#[derive(Clone, Copy)]
pub(super) enum Topic<'p> {
    /// A known kind.
    Sensitive(&'static Detector),
    /// A kind of the policy.
    Custom(&'p CustomKind),
    /// A card, but not which of its data.
    Card,
    /// A harmless kind of number.
    Benign(&'static Benign),
    /// A known kind that the policy does not look for.
    Allowed(&'static Detector),
    /// The last four digits of an account number, which the policy lets be heard.
    LastFour,
}

impl Topic<'_> {
    /// The kind it names, if it is sensitive.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Topic::Sensitive(detector) => Some(detector.kind.clone()),
            Topic::Custom(custom) => Some(custom.kind.clone()),
            Topic::Card => Some(Kind::PAN),
            Topic::Benign(_) | Topic::Allowed(_) | Topic::LastFour => None,
        }
    }

    /// How reports call it.
    pub(super) fn spoken_as(&self) -> &str {
        match self {
            Topic::Sensitive(detector) | Topic::Allowed(detector) => detector.spoken_as,
            Topic::Custom(custom) => custom.kind.name(),
            Topic::Card => "a card",
            Topic::Benign(benign) => benign.spoken_as,
            Topic::LastFour => "the last four digits",
        }
    }
}

/// What a mention does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The other party is asked for it.
    Asked,
    /// The speaker says it next.
    Announced,
    /// It is spoken of.
    Named,
    /// It is said that it is not wanted, or not there.
    Denied,
}

/// A phrase that names a kind of data.
#[derive(Clone)]
pub(super) struct Mention<'p> {
    /// Whose.
    pub(super) leg: Leg,
    /// Its words in the speaker's track.
    pub(super) words: Range<usize>,
    /// From its first word to its last.
    pub(super) span: Span,
    /// What it names.
    pub(super) topic: Topic<'p>,
    /// What it does.
    pub(super) role: Role,
    /// Whether only the last four digits are meant.
    pub(super) last_four: bool,
    /// When the sentence it is in ends, as far as it was heard.
    pub(super) sentence_end: MediaTime,
    /// When the sentence it is in begins.
    pub(super) sentence_start: MediaTime,
}

static CARD: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:credit|debit|bank|payment) card|visa|master ?card|amex|american express|diners(?: club)?|union ?pay",
        r"(?:my|the|this|that|new|other|another) card",
    ])
});
static DENIED: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"never|(?:dont|do not|wont|will not|shouldnt|should not|cannot|cant|would not|wouldnt|not going to|not gonna|no need to|please dont) (?:\w+ ){0,2}?(?:need|ask|require|give|share|tell|say|read|store|have|keep|see|want|send|enter|know|take|remember|provide|disclose|record)",
        r"lost|stolen|stole|safe|secured|encrypted|on file|declined|reset|forgot|forgotten|locked|protected|changed|compromised",
        r"(?:warranty|subscription|offer|contract|policy|membership|trial|coupon|link|lease|registration|plan|coverage|session|voucher|points|miles|code|ticket)(?: \w+){0,3}? expir\w*",
        r"(?:call|calling|called|dial|phone) (?:the|that) number",
        r"(?:without|instead of|no longer need)",
    ])
});
/// Wording that asks, wherever it stands in the sentence.
static ASKS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"what|whats|what s|when does|whens|which",
        r"(?:can|could|may|might|will|would|shall|do|did|are) (?:i|you|we|u|ya|it)",
        r"(?:give|tell|read|provide|verify|confirm|repeat|enter|type|say|spell|share|punch|key)",
        r"need|needed|require|please|ready|looking for|like|want|have your|have the|take your|take the|take that|get your|get the|get that|get a|grab|start with|go ahead|ask",
        r"also|followed by|along with|as well|next|then|lastly|finally",
        r"알려|말씀|불러|어떻게|주세요|주시|무엇|뭐|몇|확인|입력|필요",
    ])
});
/// Wording with which a customer asks to be told; much else is a question about the question.
static CUSTOMER_ASKS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:what|whats)(?: is| was)?(?: my| the)?",
        r"(?:can|could|would) you (?:\w+ ){0,2}?(?:give|tell|read|repeat|confirm|say)",
        r"(?:give|tell|read) me|read (?:it|that) back",
    ])
});
static POSSESSES: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:i|we|ive|weve|you|youve|they|im|were) (?:already |do |just |now |still )*(?:have|got|see|seeing|received|updated|added|removed|changed|lost|entered|processed|charged|use|used|showing|show|sent|mailed|issued|typed|put|run|ran)",
    ])
});
/// A question whose object was named before: "could you read it to me?".
static PRONOUN_ASKS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:can|could|will|would|may) (?:i|you) (?:\w+ ){0,2}?(?:read|give|tell|have|get|say|provide)(?: \w+){0,3}? (?:it|that|those|them|one)",
        r"(?:can|could|may) i (?:have|get|take) (?:it|that|those|them)",
        r"what is it|whats it|what are they|(?:read|give|tell) (?:it|that|those|them)(?: off)? to me|go ahead with (?:it|that)|read (?:it|that) out|go ahead and (?:read|give|tell)(?: \w+){0,2}?(?: it| that)?",
    ])
});
static COPULA: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"is|are|its|was|as|would be|will be|starts?|begins?|reads|goes|ends?|ending|thats|s",
    ])
});
static OWN: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"my|heres|here is|here s|this is|thats|that s|that is|its|it s|it is|the|and|with|on|expires|from|using|i have|ive got|is|mine",
    ])
});
static LAST_FOUR: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:last|final|ending|end) (?:four|4|for)(?: digits?| number)?",
        r"(?:ends|ending|ended|end) (?:in|with|on|and)",
        r"끝 ?네 ?자리|마지막 ?네 ?자리|뒷 ?네 ?자리",
    ])
});
static OF: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::new(&[r"for|on|of|with|to|from|to which|where|associated|linked"]));
/// What makes "social" something else.
static OTHER_SOCIAL: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(&[
        r"(?:your|my|the|of) social (?:media|life|worker|network|networks|services|studies|account|accounts|distancing|club|event|events|page|pages)",
        r"social security (?:office|benefits?|check|checks|payment|administration|income|disability|money)",
    ])
});

/// Every mention in the conversation, in order of start.
pub(super) fn mentions<'p>(
    conversation: &Conversation<'_>,
    policy: &'p Policy,
) -> Vec<Mention<'p>> {
    let mut all = Vec::new();
    for track in &conversation.tracks {
        let mut found = named_in(track, policy);
        found.sort_by_key(|(words, length, _)| (words.start, std::cmp::Reverse(*length)));
        let mut kept: Vec<(Range<usize>, usize, Topic<'p>)> = Vec::new();
        for mention in found {
            match kept.last_mut() {
                Some(last) if last.0.end > mention.0.start => {
                    if stronger(&mention, last) {
                        *last = mention;
                    }
                }
                _ => kept.push(mention),
            }
        }
        // "the card security code" names the code, not the card.
        for index in (1..kept.len()).rev() {
            let part = kept[index].2.kind().is_some_and(|kind| kind != Kind::PAN);
            let card = kept[index - 1].2.kind() == Some(Kind::PAN);
            if part && card && kept[index - 1].0.end == kept[index].0.start {
                kept.remove(index - 1);
            }
        }
        // "the zip code for the card" asks for the zip code.
        for index in (1..kept.len()).rev() {
            let card = matches!(kept[index].2, Topic::Card);
            let harmless = kept[index - 1].2.kind().is_none();
            let between = track.text_of(kept[index - 1].0.end..kept[index].0.start);
            if card && harmless && between.len() < 30 && OF.is_match(between) {
                kept.remove(index);
            }
        }
        let mut own: Vec<Mention<'p>> = Vec::with_capacity(kept.len());
        for (index, (words, _, topic)) in kept.iter().enumerate() {
            let next = kept.get(index + 1).map_or(usize::MAX, |next| next.0.start);
            own.push(understand(
                conversation,
                track,
                words.clone(),
                *topic,
                next,
                policy,
            ));
        }
        pronoun_questions(track, &mut own);
        all.extend(own);
    }
    all.sort_by_key(|mention| (mention.span.start, mention.leg));
    bank_accounts(conversation, &mut all, policy);
    all
}

/// After a routing number or sort code was spoken of, "the account number" is the bank account's.
fn bank_accounts(conversation: &Conversation<'_>, mentions: &mut [Mention<'_>], policy: &Policy) {
    const MEMORY: MediaTime = MediaTime::from_millis(60_000);
    let Some(row) = detector(&Kind::BANK_ACCOUNT) else {
        return;
    };
    let mut bank: Option<MediaTime> = None;
    for mention in mentions {
        match mention.topic {
            Topic::Sensitive(named) | Topic::Allowed(named)
                if [
                    Kind::ROUTING,
                    Kind::SORT_CODE,
                    Kind::IBAN,
                    Kind::BANK_ACCOUNT,
                ]
                .contains(&named.kind) =>
            {
                bank = Some(mention.span.end);
            }
            Topic::Benign(_) if bank.is_some_and(|time| mention.span.start <= time + MEMORY) => {
                let track = conversation.track_of(mention.leg);
                let text =
                    track.map(|track| conversation.tracks[track].text_of(mention.words.clone()));
                if text.is_some_and(|text| text.starts_with("account")) {
                    mention.topic = if policy.enabled(&row.kind) {
                        Topic::Sensitive(row)
                    } else {
                        Topic::Allowed(row)
                    };
                }
            }
            _ => {}
        }
    }
}

/// The mentions that start after `from`, up to and including `until`.
pub(super) fn between<'m, 'p>(
    mentions: &'m [Mention<'p>],
    from: MediaTime,
    until: MediaTime,
) -> &'m [Mention<'p>] {
    let first = mentions.partition_point(|mention| mention.span.start <= from);
    let end = mentions.partition_point(|mention| mention.span.start <= until);
    &mentions[first.min(end)..end]
}

/// Whether the first of two overlapping mentions explains the words better.
fn stronger(
    new: &(Range<usize>, usize, Topic<'_>),
    old: &(Range<usize>, usize, Topic<'_>),
) -> bool {
    let weight = |mention: &(Range<usize>, usize, Topic<'_>)| {
        let class = match mention.2 {
            Topic::Sensitive(_) | Topic::Allowed(_) | Topic::Custom(_) => 2,
            Topic::Benign(_) | Topic::LastFour => 1,
            Topic::Card => 0,
        };
        (mention.1 + 4 * class, class)
    };
    weight(new) > weight(old)
}

fn named_in<'p>(track: &Track<'_>, policy: &'p Policy) -> Vec<(Range<usize>, usize, Topic<'p>)> {
    let mut found = Vec::new();
    let mut collect = |hits: &mut dyn Iterator<Item = Range<usize>>, topic: Topic<'p>| {
        found.extend(hits.map(|hit| (track.words_at(hit.clone()), hit.len(), topic)));
    };
    for (detector, phrases) in DETECTORS.iter().zip(PHRASES.iter()) {
        let wanted = policy.enabled(&detector.kind);
        collect(
            &mut phrases.hits(&track.text),
            if wanted {
                Topic::Sensitive(detector)
            } else {
                Topic::Allowed(detector)
            },
        );
    }
    for custom in policy.custom_kinds() {
        let hits = custom.context.find_iter(track.text.as_str());
        collect(&mut hits.map(|hit| hit.range()), Topic::Custom(custom));
    }
    for benign in BENIGN.iter() {
        collect(&mut benign.phrases.hits(&track.text), Topic::Benign(benign));
    }
    if policy.enabled(&Kind::PAN) {
        collect(&mut CARD.hits(&track.text), Topic::Card);
    }
    if found
        .iter()
        .any(|(_, _, topic)| topic.kind() == Some(Kind::SSN))
    {
        let others: Vec<Range<usize>> = OTHER_SOCIAL
            .hits(&track.text)
            .map(|hit| track.words_at(hit))
            .collect();
        found.retain(|(words, _, topic)| {
            topic.kind() != Some(Kind::SSN)
                || !others
                    .iter()
                    .any(|other| other.start < words.end && words.start < other.end)
        });
    }
    found
}

fn understand<'p>(
    conversation: &Conversation<'_>,
    track: &Track<'_>,
    words: Range<usize>,
    topic: Topic<'p>,
    next_mention: usize,
    policy: &Policy,
) -> Mention<'p> {
    let sentence = track.sentence(words.start);
    let last_sentence = track.sentence(words.end.saturating_sub(1));
    let around = track.around(&words, 12, 8);
    // A window cut may have ended a "sentence" in the middle of a question: a short rest is looked at too.
    let start = if words.start - sentence.start < 2 {
        around.start.max(sentence.start.saturating_sub(6))
    } else {
        sentence.start.max(around.start)
    };
    let before = track.text_of(start..words.start);
    let after_end = last_sentence
        .end
        .max(words.end)
        .min(around.end)
        .min(next_mention);
    let after = track.text_of(words.end..after_end);
    let following = track.text_of(
        words.end
            ..around
                .end
                .min(words.end + 4)
                .min(next_mention.max(words.end)),
    );
    let question_mark = track
        .words
        .get(last_sentence.end.saturating_sub(1))
        .is_some_and(|word| word.text.ends_with('?'));
    let number_follows = digits_follow(conversation, track.leg, &words);
    let whole = track.text_of(start..after_end.max(words.end));
    let mut last_four = LAST_FOUR.is_match(whole);
    // "the last four digits on the back" is a security code, not the end of an account number.
    if topic.kind() == Some(Kind::CVV) {
        last_four = false;
    }
    let clause = format!("{before} # {after}");
    let asks_openly = question_mark || direct_question(before);
    let role = if track.leg == Leg::Mixed && asks_openly && !DENIED.is_match(whole) {
        Role::Asked
    } else if topic.kind() == Some(Kind::PAN) && last_four && number_follows {
        Role::Announced
    } else if DENIED.is_match(whole) && !(number_follows && COPULA.is_match(following)) {
        Role::Denied
    } else if number_follows
        && !matches!(topic, Topic::Card)
        && (track.leg != Leg::Agent || COPULA.is_match(following) || OWN.is_match(before))
    {
        Role::Announced
    } else if matches!(topic, Topic::Card) {
        Role::Named
    } else if track.leg == Leg::Customer {
        if CUSTOMER_ASKS.is_match(track.text_of(start..words.end)) {
            Role::Asked
        } else if COPULA.find(following).is_some_and(|hit| hit.start < 12)
            || announces_own(track, &words, topic)
        {
            Role::Announced
        } else {
            Role::Named
        }
    } else {
        let possesses = POSSESSES.is_match(before);
        let asks = ASKS.is_match(&clause);
        let short = before.split_whitespace().count() <= 5 && after.split_whitespace().count() <= 4;
        let ends_turn = track.turn_ends_after(after_end.max(words.end) - 1);
        let statement = COPULA.find(after).is_some_and(|hit| hit.start < 4) && !question_mark;
        if question_mark || (asks && (!possesses || direct_question(before))) {
            Role::Asked
        } else if statement || possesses {
            Role::Named
        } else if short && ends_turn {
            Role::Asked
        } else {
            Role::Named
        }
    };
    let topic =
        if topic.kind() == Some(Kind::PAN) && last_four && policy.last_four == LastFour::Allow {
            Topic::LastFour
        } else {
            topic
        };
    Mention {
        leg: track.leg,
        span: track.span_of(words.clone()),
        words: words.clone(),
        topic,
        role,
        last_four,
        sentence_end: track
            .span_of(words.start..last_sentence.end.max(words.end).min(around.end))
            .end,
        sentence_start: track
            .words
            .get(start)
            .map_or(MediaTime::ZERO, |word| word.span.start),
    }
}

/// "my social ...": what follows may be the number, whatever became of the word between.
fn announces_own(track: &Track<'_>, words: &Range<usize>, topic: Topic<'_>) -> bool {
    let is_number =
        matches!(topic, Topic::Sensitive(row) if row.answer == Answer::Digits && row.longest > 4);
    let own = track.text_of(words.start.saturating_sub(1)..words.end);
    is_number && own.split(' ').take(2).any(|word| word == "my")
}

fn direct_question(before: &str) -> bool {
    static DIRECT: LazyLock<Phrases> = LazyLock::new(|| {
        Phrases::new(&[
            r"(?:can|could|may|might|do|would|will) (?:i|you|we)",
            r"what|whats|please|give|tell|read",
        ])
    });
    DIRECT.is_match(before)
}

/// Whether at least two digits begin within four words and two seconds after some words.
fn digits_follow(conversation: &Conversation<'_>, leg: Leg, words: &Range<usize>) -> bool {
    let Some(track) = conversation.track_of(leg) else {
        return false;
    };
    let Some(last) = conversation.tracks[track]
        .words
        .get(words.end.saturating_sub(1))
    else {
        return false;
    };
    let near = |start: MediaTime| start <= last.span.end + MediaTime::from_millis(2_500);
    let mut digits = 0;
    for item in &conversation.items[conversation.first_from(last.span.start)..] {
        if !near(item.span.start) {
            break;
        }
        if item.track == track && item.words.start >= words.end && item.words.start < words.end + 6
        {
            let plain = item.digits().is_none_or(|(_, sense, _)| {
                matches!(sense, Sense::Plain | Sense::Decimal | Sense::Date)
            });
            digits += if plain { item.digit_count() } else { 0 };
        }
    }
    digits >= 2
}

/// Turns a mention into a question when the speaker then asks for "it".
fn pronoun_questions(track: &Track<'_>, mentions: &mut [Mention<'_>]) {
    const MEMORY: MediaTime = MediaTime::from_millis(8_000);
    if track.leg == Leg::Customer {
        return;
    }
    for hit in PRONOUN_ASKS.hits(&track.text) {
        let words = track.words_at(hit);
        let span = track.span_of(words.clone());
        let object = mentions
            .iter_mut()
            .rev()
            .find(|mention| mention.span.end <= span.start + MediaTime::from_millis(300));
        if let Some(object) = object
            && matches!(object.role, Role::Named | Role::Denied)
            && span.start - object.span.end <= MEMORY
        {
            object.role = Role::Asked;
            object.span.end = object.span.end.max(span.end);
            object.words.end = object.words.end.max(words.end);
        }
    }
}

/// Marks the numbers that are part of a phrase: "sixteen digits", "one moment".
pub(super) fn mark_wordy_numbers(conversation: &mut Conversation<'_>, mentions: &[Mention<'_>]) {
    let Conversation { tracks, items } = conversation;
    for (index, track) in tracks.iter().enumerate() {
        let phrases = PHRASE_NUMBERS
            .hits(&track.text)
            .map(|hit| track.words_at(hit));
        let named = mentions
            .iter()
            .filter(|mention| mention.leg == track.leg)
            .map(|mention| mention.words.clone());
        let mut wordy = vec![false; track.words.len()];
        for word in phrases.chain(named).flatten() {
            if let Some(word) = wordy.get_mut(word) {
                *word = true;
            }
        }
        for item in items.iter_mut().filter(|item| item.track == index) {
            item.wordy = matches!(item.form, Form::Number { .. })
                && item.digit_count() <= 4
                && item
                    .words
                    .clone()
                    .all(|word| wordy.get(word).copied().unwrap_or(false));
        }
    }
}

#[cfg(test)]
mod tests;
