//! Where the sound of a run begins and ends, which its words' times do not quite tell.

use crate::audio::MediaTime;

use crate::detect::Kind;
use crate::detect::conversation::Conversation;
use crate::detect::run::Run;
use crate::detect::token::Form;

/// How far back a sensitive run is grown over words that may be its first digits, misheard.
const MISHEARD_START: MediaTime = MediaTime::from_millis(1_200);
/// How far a run's sound may go on after the time of its last word: on the development calls one word in
/// twenty ends more than 0.4 s later than its time says.
const RINGING: MediaTime = MediaTime::from_millis(450);

/// Where the sound of a run ends: the last word's time may be early, and nothing else follows it closely.
pub(super) fn sound_end(conversation: &Conversation<'_>, run: &Run) -> MediaTime {
    let next = conversation.items[run.items.1 + 1..]
        .iter()
        .find(|item| item.track == run.track)
        .map_or(MediaTime::MAX, |item| item.span.start);
    (run.span.end + RINGING).min(next).max(run.span.end)
}

/// Where a sensitive run begins when its first digits were misheard as words: "for you three ...".
pub(super) fn misheard_start(conversation: &Conversation<'_>, run: &Run, kind: &Kind) -> MediaTime {
    /// Words that digits are heard as.
    const LIKE_DIGITS: [&str; 44] = [
        "for", "fore", "four", "you", "to", "too", "two", "tu", "ate", "hate", "eat", "at", "won",
        "one", "want", "when", "tree", "free", "the", "three", "sex", "sick", "six", "sic", "fife",
        "five", "fire", "nigh", "nine", "nein", "night", "line", "oh", "o", "owe", "or", "are",
        "hi", "i", "fine", "seven", "heaven", "zero", "hero",
    ];
    let mut start = run.span.start;
    if *kind != Kind::PAN && *kind != Kind::SSN {
        return start;
    }
    let mut next = start;
    for item in conversation.items[..run.items.0]
        .iter()
        .rev()
        .filter(|item| item.track == run.track)
    {
        let adjacent = next <= item.span.end + MediaTime::from_millis(500);
        let near = run.span.start <= item.span.start + MISHEARD_START;
        let digit_like = match &item.form {
            Form::Debris | Form::Letter(_) | Form::Number { .. } => true,
            Form::Word | Form::Filler | Form::Correction => conversation
                .text_of(item)
                .split(' ')
                .all(|word| LIKE_DIGITS.contains(&word)),
            Form::Acknowledgement => false,
        };
        if !(adjacent && near && digit_like) {
            break;
        }
        next = item.span.start;
        if !matches!(item.form, Form::Filler) {
            start = start.min(next);
        }
    }
    start
}
