//! How far an answer has come.

use crate::audio::MediaTime;
use crate::detect::Kind;
use crate::detect::checks;
use crate::detect::kinds::Answer;
use crate::detect::question::{Mention, Topic};

use super::row;

/// What is known of an answer while it is followed.
pub(super) struct Progress {
    pub(super) part: usize,
    pub(super) start: MediaTime,
    pub(super) digits: Vec<u8>,
    pub(super) debris: usize,
    pub(super) month: bool,
    pub(super) begun: bool,
    pub(super) refused: bool,
    pub(super) spoken: usize,
    pub(super) talk: usize,
    pub(super) last_digit: MediaTime,
    pub(super) last_word: MediaTime,
    pub(super) deadline: MediaTime,
}

impl Drop for Progress {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.digits);
    }
}

/// How complete an answer is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Completeness {
    Open,
    /// Enough digits, but more may come.
    Enough,
    /// All that such a number has.
    Full,
}

impl Progress {
    /// How complete the answer to this part of the question is.
    pub(super) fn completeness(&self, part: &Mention<'_>) -> Completeness {
        let count = self.digits.len() + self.debris;
        let Some(row) = row(&part.topic) else {
            return match &part.topic {
                Topic::Custom(custom) if count >= custom.digits() && custom.digits() > 0 => {
                    Completeness::Full
                }
                _ => Completeness::Open,
            };
        };
        if part.last_four {
            return if count >= 4 {
                Completeness::Full
            } else {
                Completeness::Open
            };
        }
        match row.answer {
            Answer::Words => Completeness::Open,
            Answer::Date if self.month && count >= 2 => Completeness::Full,
            Answer::Date if count >= 4 => Completeness::Full,
            Answer::Date | Answer::Mixed if count >= row.shortest => Completeness::Enough,
            Answer::Date | Answer::Mixed => Completeness::Open,
            Answer::Digits if row.kind == Kind::PAN => {
                let luhn = checks::card_within(&self.digits).is_some();
                if luhn || count >= 16 {
                    Completeness::Full
                } else if count >= row.shortest {
                    Completeness::Enough
                } else {
                    Completeness::Open
                }
            }
            Answer::Digits
                if count >= row.longest
                    || (count >= row.shortest && row.longest - row.shortest <= 1) =>
            {
                Completeness::Full
            }
            Answer::Digits if count >= row.shortest => Completeness::Enough,
            Answer::Digits => Completeness::Open,
        }
    }
}
