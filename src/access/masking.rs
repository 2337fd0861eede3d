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

impl View {
    /// A text of the transcript as it is shown; `None`: it is not.
    pub fn of(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            View::Nothing => None,
            View::Kinds => Some(Cow::Borrowed(text)),
            View::Masked => Some(Cow::Owned(without_numbers(&without_kinds(text)))),
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

fn without_numbers(text: &str) -> String {
    let mut shown: Vec<char> = text.chars().collect();
    let mut run = Vec::new();
    for at in 0..=shown.len() {
        match shown.get(at) {
            Some(c) if c.is_numeric() => run.push(at),
            Some(' ' | '.' | ',' | '-' | '/' | '_') => {}
            _ => {
                if run.len() > MOST_DIGITS {
                    for &digit in &run {
                        shown[digit] = '#';
                    }
                }
                run.clear();
            }
        }
    }
    shown.into_iter().collect()
}
