//! Runs: digits of one speaker that belong together, over windows, fillers, corrections and pauses.
//!
//! Knows what is joined and how it was grouped. Does not know what a run means.

use zeroize::Zeroize;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;

use super::conversation::{Conversation, Item};
use super::question::{self, Mention, Role};
use super::talk::Act;
use super::token::{Form, Sense};

/// A pause within a run: people look at the card between groups.
pub(super) const LONGEST_PAUSE: MediaTime = MediaTime::from_millis(7_000);
/// A pause after which a run goes on only if nobody else took the turn.
const SHORT_PAUSE: MediaTime = MediaTime::from_millis(2_500);
/// A run of so many dictated digits goes on after a few words: "so, where was I".
const MANY: usize = 6;
const WORDS_WITHIN: usize = 4;
/// A pause between groups.
const GROUP_PAUSE: MediaTime = MediaTime::from_millis(350);

/// Digits of one speaker that belong together.
pub(super) struct Run {
    /// Who said them.
    pub(super) leg: Leg,
    /// Index into the conversation's tracks.
    pub(super) track: usize,
    /// From the first to the last.
    pub(super) span: Span,
    /// The digits, wiped on drop.
    pub(super) digits: Vec<u8>,
    /// Digits that debris may stand for.
    pub(super) debris: usize,
    /// How many digits were dictated plainly, not as money, date or count.
    pub(super) plain: usize,
    /// How many digits were in each group, by pauses and by how they were written.
    pub(super) groups: Vec<usize>,
    /// Spelled letters among the digits.
    pub(super) letters: usize,
    /// Letters (`L`) and digits (`D`) in order, for templates.
    pub(super) template: String,
    /// Letters and digits in order, wiped on drop.
    pub(super) symbols: Vec<char>,
    /// First and last item, in the conversation's items.
    pub(super) items: (usize, usize),
    /// Ordinary words of the speaker after it, up to the next number.
    pub(super) words_after: usize,
    /// Whether the other party spoke a sentence of its own after it.
    pub(super) answered: bool,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.digits.zeroize();
        self.symbols.zeroize();
    }
}

impl Run {
    /// How many digits it may have.
    pub(super) fn count(&self) -> usize {
        let certain = if 2 * self.plain >= self.digits.len() || self.digits.len() >= 13 {
            self.digits.len()
        } else {
            self.plain
        };
        certain + self.debris
    }

    /// Whether the speaker may still be dictating it.
    pub(super) fn open(&self, heard_until: MediaTime, patience: MediaTime) -> bool {
        self.words_after < 3 && !self.answered && heard_until <= self.span.end + patience
    }
}

/// All runs of digits in order of start. `barriers` are questions, which end a run of the asked.
pub(super) fn runs(conversation: &Conversation<'_>, mentions: &[Mention<'_>]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (track, heard) in conversation.tracks.iter().enumerate() {
        let mut open: Option<Run> = None;
        let mut last_end = MediaTime::ZERO;
        let mut words_between = 0;
        for (index, item) in conversation.items.iter().enumerate() {
            if item.track != track {
                if let Some(run) = open.as_mut().filter(|run| !run.answered) {
                    run.answered = starts_talk(conversation, item);
                }
                continue;
            }
            let mut numeric = item.digit_count() > 0;
            // "one second" within a number is talk, and neither ends it nor begins another.
            if let Some((digits, Sense::Quantity | Sense::TimeOfDay | Sense::Ordinal, _)) =
                item.digits()
                && digits.len() <= 2
                && open.is_some()
            {
                numeric = false;
            }
            if !numeric {
                if let Some(run) = &mut open {
                    match &item.form {
                        Form::Word => {
                            words_between += item.words.len();
                            run.words_after = words_between;
                        }
                        Form::Letter(letter) => {
                            run.letters += 1;
                            run.template.push('L');
                            run.symbols.push(*letter);
                            words_between += usize::from(run.letters > 4);
                        }
                        Form::Number { .. } => {
                            words_between += 1;
                            run.words_after = words_between;
                        }
                        Form::Debris | Form::Filler | Form::Acknowledgement | Form::Correction => {}
                    }
                }
                continue;
            }
            let joins = open.as_ref().is_some_and(|run| {
                let pause = item.span.start - last_end;
                let asked = question::between(mentions, run.span.end, item.span.start)
                    .iter()
                    .any(|mention| {
                        mention.role == Role::Asked && mention.span.end <= item.span.start
                    });
                // An amount after a word is an amount; a plain group after a word may be the next group.
                let plain = item.digits().is_none_or(|(_, sense, _)| {
                    matches!(sense, Sense::Plain | Sense::Decimal | Sense::Date)
                });
                let named = question::between(mentions, run.span.end, item.span.start)
                    .iter()
                    .any(|mention| mention.leg == run.leg);
                let allowed = match plain && pause <= SHORT_PAUSE {
                    true if run.plain >= MANY && !named => WORDS_WITHIN,
                    true => 1,
                    false => 0,
                };
                pause <= LONGEST_PAUSE
                    && words_between <= allowed
                    && !asked
                    && !(run.answered && pause > SHORT_PAUSE)
            });
            if !joins {
                runs.extend(open.take().filter(is_number));
            }
            words_between = 0;
            let pause = item.span.start - last_end;
            let run = open.get_or_insert_with(|| Run {
                leg: heard.leg,
                track,
                span: item.span,
                digits: Vec::new(),
                debris: 0,
                plain: 0,
                groups: Vec::new(),
                letters: 0,
                template: String::new(),
                symbols: Vec::new(),
                items: (index, index),
                words_after: 0,
                answered: false,
            });
            run.words_after = 0;
            run.answered = false;
            run.span.end = run.span.end.max(item.span.end);
            run.items.1 = index;
            add(run, conversation, item, pause);
            last_end = item.span.end;
        }
        runs.extend(open.filter(is_number));
    }
    runs.sort_by_key(|run| (run.span.start, run.leg));
    runs
}

/// Whether a run is more than a single piece of debris, which is nothing by itself.
fn is_number(run: &Run) -> bool {
    !run.digits.is_empty() || run.debris >= 2
}

fn add(run: &mut Run, conversation: &Conversation<'_>, item: &Item, pause: MediaTime) {
    let Some((digits, sense, sources)) = item.digits() else {
        run.debris += item.digit_count();
        return;
    };
    run.digits.extend_from_slice(digits);
    for digit in digits {
        run.template.push('D');
        run.symbols.push(char::from(b'0' + digit.min(&9)));
    }
    if matches!(sense, Sense::Plain | Sense::Decimal | Sense::Ordinal) {
        run.plain += digits.len();
    }
    // A word of several digits is a group of its own, as is what follows a pause.
    let words = &conversation.tracks[item.track].words;
    let mut last_source = None;
    let mut hyphenated = false;
    for (place, source) in sources.iter().enumerate() {
        let new_word = last_source != Some(*source);
        last_source = Some(*source);
        // A word is looked at once, not for each of its digits: it may have very many.
        let mut several = false;
        if new_word {
            let written = words.get(*source).map_or("", |word| word.text);
            let hyphens = hyphen_groups(written);
            hyphenated = hyphens.len() > 1;
            if hyphenated {
                run.groups.extend(hyphens);
            }
            several = sources.iter().filter(|other| *other == source).count() > 2;
        }
        if hyphenated {
            continue;
        }
        let paused = place == 0 && pause > GROUP_PAUSE;
        match run.groups.last_mut() {
            Some(group) if !(new_word && (several || paused)) => *group += 1,
            _ => run.groups.push(1),
        }
    }
}

/// Lengths of the digit groups of a word written with hyphens.
fn hyphen_groups(word: &str) -> Vec<usize> {
    if !word.contains('-') {
        return Vec::new();
    }
    let trimmed = word.trim_matches(|c: char| !c.is_ascii_digit());
    if !trimmed.chars().all(|c| c.is_ascii_digit() || c == '-') {
        return Vec::new();
    }
    trimmed
        .split('-')
        .map(str::len)
        .filter(|length| *length > 0)
        .collect()
}

/// Whether an item begins a sentence that takes the turn.
fn starts_talk(conversation: &Conversation<'_>, item: &Item) -> bool {
    let track = &conversation.tracks[item.track];
    track.sentence(item.words.start).len() >= 4
        && matches!(
            track.act_from(item.words.start),
            Some(Act::Talk | Act::Receive | Act::ReadBack)
        )
}

#[cfg(test)]
mod tests;
