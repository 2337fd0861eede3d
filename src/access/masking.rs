//! What of a transcript is shown to whom.
//!
//! The store has transcripts in which what was hidden reads `[pan]`, `[cvv]`, and pressed keys `[dtmf ****]`. Who may
//! not know the kinds sees `[hidden]` in all places, and numbers are taken out of the words besides: what was not
//! recognised as sensitive may be, and who may not know kinds does not need it.

use std::borrow::Cow;

use super::{Identity, Permission, Subject, permits};

/// Where kinds are not told.
const MASK: &str = "[hidden]";
/// Digits in a row, separators between them not counted, that are left to who may not know kinds.
const MOST_DIGITS: usize = 6;
/// The same where an utterance begins or ends with them.
const MOST_AT_ENDS: usize = 2;

/// How much of a call's transcript is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// Nothing.
    Nothing,
    /// The words, and that something was hidden.
    Masked,
    /// The words, and which kind was hidden.
    Kinds,
}

/// What of a call's transcript somebody may be shown.
pub fn view_of(identity: &Identity, call: Subject<'_>) -> View {
    let may = |permission| permits(identity, permission, call).is_allowed();
    match (may(Permission::ReadTranscript), may(Permission::SeeKinds)) {
        (false, _) => View::Nothing,
        (true, false) => View::Masked,
        (true, true) => View::Kinds,
    }
}

/// What somebody is shown of an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownWords<'a> {
    /// All of it.
    pub text: Cow<'a, str>,
    /// Word by word; `None` where a number was taken out, whose digits may be words of their own.
    pub words: Option<Vec<Cow<'a, str>>>,
}

impl View {
    /// An utterance of the transcript as it is shown; `None`: it is not.
    pub fn of<'a>(
        self,
        text: &'a str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Option<ShownWords<'a>> {
        let words = words.into_iter();
        match self {
            View::Nothing => None,
            View::Kinds => Some(ShownWords {
                text: Cow::Borrowed(text),
                words: Some(words.map(Cow::Borrowed).collect()),
            }),
            View::Masked => {
                let text = without_kinds(text);
                let shown = without_numbers(&text);
                let words: Vec<String> = words.map(without_kinds).collect();
                let together = words.join(" ");
                let is_whole = shown == text && without_numbers(&together) == together;
                Some(ShownWords {
                    text: Cow::Owned(shown),
                    words: is_whole.then(|| words.into_iter().map(Cow::Owned).collect()),
                })
            }
        }
    }
}

/// What stands in square brackets is a mask.
fn without_kinds(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        shown.push_str(before);
        shown.push_str(MASK);
        rest = after.split_once(']').map_or("", |(_, rest)| rest);
    }
    shown.push_str(rest);
    shown
}

/// Takes numbers out. One may go on from an utterance to the next: at its beginning and its end fewer digits are left,
/// and none of an utterance that has nothing else.
fn without_numbers(text: &str) -> String {
    let mut shown: Vec<char> = text.chars().collect();
    let mut run = Vec::new();
    let mut is_begin = true;
    for at in 0..=shown.len() {
        match shown.get(at) {
            Some(c) if c.is_numeric() => run.push(at),
            Some(c) if c.is_whitespace() || ".,-/_?!:;".contains(*c) => {}
            end => {
                let most = match (is_begin, end.is_none()) {
                    (true, true) => 0,
                    (true, false) | (false, true) => MOST_AT_ENDS,
                    (false, false) => MOST_DIGITS,
                };
                if run.len() > most {
                    for &digit in &run {
                        shown[digit] = '#';
                    }
                }
                run.clear();
                is_begin = false;
            }
        }
    }
    shown.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> ShownWords<'_> {
        View::Masked.of(text, text.split(' ')).unwrap()
    }

    #[test]
    fn numbers_are_taken_out_whole_and_where_they_may_go_on() {
        for (said, shown) in [
            ("it is [pan] thanks", "it is [hidden] thanks"),
            ("a number 4111 1111 it was", "a number #### #### it was"),
            ("at 10:30 on the 24 of May", "at 10:30 on the 24 of May"),
            ("order 123 456 has come", "order 123 456 has come"),
            ("the card is 4111", "the card is ####"),
            ("1111. Then", "####. Then"),
            ("11 11", "## ##"),
            ("7", "#"),
            ("I have 2", "I have 2"),
            ("2 of them", "2 of them"),
            ("", ""),
        ] {
            let found = masked(said);
            assert_eq!(found.text, shown);
            assert_eq!(found.words.is_some(), !shown.contains('#'), "{said}");
        }
    }

    #[test]
    fn who_knows_kinds_sees_what_the_store_has() {
        let text = "the card is [pan] 4111";
        let shown = View::Kinds.of(text, ["[pan]"]).unwrap();
        assert_eq!(shown.text, text);
        assert_eq!(shown.words.unwrap(), ["[pan]"]);
        assert_eq!(View::Nothing.of(text, []), None);
    }
}
