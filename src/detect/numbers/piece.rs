//! What passes between the reader's steps: pieces of words, and items made of pieces.
//!
//! Both hold digits, so their storage is wiped on drop and when it grows, and neither has a `Debug`.

use std::ops::Deref;

use zeroize::{DefaultIsZeroes, Zeroize, Zeroizing};

use super::super::token::Sense;

/// What a word, or a part of one, may mean before its neighbours are looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An ordinary word.
    #[default]
    Unknown,
    /// An ordinary word by way of a set phrase ("no one"): never a number.
    Ordinary,
    /// "zero" and "two" to "nine".
    Digit(u8),
    /// "one", also a pronoun.
    One,
    /// "oh" or the letter O, also an interjection.
    Oh,
    /// Sounds like the digit and stands at either end of a run too: "ate", "won".
    Sound(u8),
    /// Sounds like the digit, but counts between digits only: "tree".
    Rhyme(u8),
    /// "to" 2 and "for" 4.
    Preposition(u8),
    /// 10 to 19.
    Teen(u8),
    /// 20, 30 to 90.
    Ten(u8),
    /// "hundred".
    Hundred,
    /// "thousand", "million": the power of ten.
    Scale(u8),
    /// "double", "triple": how often.
    Times(u8),
    /// "fours": the digit.
    Plural(u8),
    /// "third": the value, below 20 or a multiple of ten.
    Ordinal(u8),
    /// "second", ordinal or unit of time.
    Second,
    /// "point".
    Point,
    /// "and".
    And,
    /// "a" or the letter.
    A,
    /// "I" or the letter.
    I,
    /// A letter, upper case.
    Letter(u8),
    /// A word of a spelling alphabet: its letter, upper case.
    Nato(u8),
    /// "as in", between a letter and its word.
    AsIn,
    /// "like", the same or a filler.
    Like,
    /// A month's name.
    Month,
    /// "may".
    May,
    /// A unit after a number, and what it makes of it.
    Unit(Sense),
    /// "am", the time of day or the verb.
    Am,
    /// Between a number and its unit: "more", "business".
    Modifier,
    /// "of".
    Of,
    /// Before a year: "in", "since".
    Since,
    /// "half", "quarter" before "past".
    Half,
    /// "past".
    Past,
    /// "number", "press": what follows is a number.
    Cue,
    /// A hesitation or a spoken separator.
    Pause,
    /// A word that carries nothing between digits.
    Filler,
    /// Encouragement.
    Acknowledgement,
    /// Encouragement if it stands alone: "right".
    MaybeAcknowledgement,
    /// Takes back what was said.
    Correction,
    /// Takes back if it stands between numbers or alone: "wait".
    MaybeCorrection,
    /// "no".
    No,
    /// Letters and few digits mixed.
    Debris,
    /// A numeral.
    Written(Numeral),
    /// Sino-Korean number.
    Sino(Numeral, Strength),
    /// A native Korean number, also dictated for a digit.
    Native(Numeral),
    /// A native Korean number that needs a counter after it ("세"); `true` also says yes ("네").
    Counting(u8, bool),
}

/// A number read from text: how many digits (saturating), its value if it has at most nine, how it
/// was meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Numeral {
    pub(super) count: u8,
    pub(super) value: u32,
    pub(super) sense: Sense,
}

/// How surely a Korean word is a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// By itself.
    Sure,
    /// Among other digits; holds a syllable that is seldom anything else.
    Likely,
    /// Among other digits; all its syllables are common words.
    Doubtful,
}

/// A word or a part of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Piece {
    /// Index of the word.
    pub(super) word: u32,
    /// Byte range in the word.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Entry in the lexicon, 0 if none.
    pub(super) id: u16,
    /// First letter in upper case if it is ASCII, else 0.
    pub(super) initial: u8,
    /// Begins with a capital.
    pub(super) capital: bool,
    /// Punctuation follows.
    pub(super) clause_end: bool,
    /// The first mark after it is a full stop.
    pub(super) period: bool,
    /// May be the plural of a noun that the lexicon does not have.
    pub(super) plural_noun: bool,
    /// What it may mean.
    pub(super) meaning: Meaning,
}

impl DefaultIsZeroes for Piece {}

/// What an item was found to be, or the meaning still to be decided.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number for certain.
    Number,
    /// A letter for certain.
    Letter(u8),
    /// As the single piece's meaning says.
    Open(Meaning),
    /// Nothing of interest.
    #[default]
    Word,
}

/// One or more pieces that belong together.
#[derive(Clone, Copy)]
pub(super) struct Item {
    /// Range of pieces.
    pub(super) first: u32,
    pub(super) end: u32,
    pub(super) kind: Kind,
    pub(super) sense: Sense,
    /// Digits, saturating; 0 if not a number.
    pub(super) count: u8,
    /// The value if there are at most nine digits.
    pub(super) value: u32,
    /// Punctuation follows.
    pub(super) clause_end: bool,
}

impl Default for Item {
    fn default() -> Self {
        Self {
            first: 0,
            end: 0,
            kind: Kind::Word,
            sense: Sense::Plain,
            count: 0,
            value: 0,
            clause_end: false,
        }
    }
}

impl DefaultIsZeroes for Item {}

impl Item {
    /// Whether it counts among dictated digits.
    #[inline]
    pub(super) fn is_dictated(&self) -> bool {
        self.kind == Kind::Number && self.sense == Sense::Plain
    }

    /// Whether it is one dictated digit.
    pub(super) fn is_single(&self) -> bool {
        self.is_dictated() && self.count == 1
    }

    /// Whether its meaning, still open, is this.
    #[inline]
    pub(super) fn is(&self, meaning: Meaning) -> bool {
        self.kind == Kind::Open(meaning)
    }

    /// Whether it is a number, of whatever sense.
    pub(super) fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }

    /// Decides that it is the digit that it may be.
    pub(super) fn settle(&mut self, sense: Sense) {
        self.kind = Kind::Number;
        self.sense = sense;
    }
}

/// A list that leaves no copy behind when it grows or is dropped.
pub(super) struct Wiped<T: DefaultIsZeroes>(Zeroizing<Vec<T>>);

impl<T: DefaultIsZeroes> Wiped<T> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    pub(super) fn push(&mut self, value: T) {
        if self.0.len() == self.0.capacity() {
            let mut bigger = Vec::with_capacity((self.0.len() * 2).max(16));
            bigger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(bigger);
        }
        self.0.push(value);
    }

    /// Empties it.
    pub(super) fn wipe(&mut self) {
        self.0.zeroize();
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: DefaultIsZeroes> Deref for Wiped<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}
