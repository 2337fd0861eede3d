//! Reads one numeral as recognisers write them: "4,539", "453-9148", "10:30am", "21st", "R31".
//!
//! Judges a word by its shape alone: which separators, how many digits between them, which letters.

use super::super::token::Sense;
use super::lexer::digit;
use super::piece::{Meaning, Numeral};

/// Most fields between separators that are told apart; a numeral with more is a plain one.
const FIELDS: usize = 5;
/// Longest suffix that is looked at, in letters.
const SUFFIX: usize = 4;
/// From this many digits on a word with letters in it is a number, not debris.
const FEWEST_AMONG_LETTERS: usize = 4;

/// The shape of a word.
#[derive(Default)]
struct Shape {
    digits: usize,
    value: u32,
    fields: usize,
    /// Digits and value of the first few fields.
    field: [(usize, u32); FIELDS],
    /// Separators between the first few fields.
    separator: [char; FIELDS],
    letters: usize,
    letters_before: usize,
    suffix: [u8; SUFFIX],
    suffix_length: usize,
    /// All letters are O, written for zero.
    only_o: bool,
}

impl Shape {
    fn of(word: &str) -> Self {
        let mut shape = Self {
            only_o: true,
            ..Self::default()
        };
        let mut in_field = false;
        for c in word.chars() {
            if let Some(digit) = digit(c) {
                shape.digit(digit, in_field);
                in_field = true;
                shape.suffix_length = 0;
            } else if c.is_alphabetic() {
                shape.letter(c);
            } else {
                if in_field && shape.fields <= FIELDS {
                    shape.separator[shape.fields - 1] = c;
                }
                in_field = false;
            }
        }
        shape
    }

    fn digit(&mut self, digit: u8, in_field: bool) {
        self.digits += 1;
        self.value = self
            .value
            .saturating_mul(10)
            .saturating_add(u32::from(digit));
        if !in_field {
            self.fields += 1;
        }
        if let Some((digits, value)) = self.field.get_mut(self.fields - 1) {
            *digits += 1;
            *value = value.saturating_mul(10).saturating_add(u32::from(digit));
        }
    }

    fn letter(&mut self, c: char) {
        self.letters += 1;
        if self.digits == 0 {
            self.letters_before += 1;
        }
        self.only_o &= matches!(c, 'o' | 'O');
        if let Some(place) = self.suffix.get_mut(self.suffix_length) {
            *place = u8::try_from(c.to_ascii_lowercase()).unwrap_or(0);
        }
        self.suffix_length += 1;
    }

    /// Digits per field, empty if there are too many fields to tell.
    fn lengths(&self) -> [usize; FIELDS] {
        self.field.map(|(digits, _)| digits)
    }

    fn separated_by(&self, separators: &[char]) -> bool {
        self.fields <= FIELDS && self.separator[..self.fields.max(1) - 1] == *separators
    }

    fn suffix(&self) -> &[u8] {
        self.suffix.get(..self.suffix_length).unwrap_or(b"?")
    }
}

/// What a word, or a part of one, with digits in it may mean.
pub(super) fn meaning(word: &str) -> Meaning {
    let shape = Shape::of(after_abbreviation(word));
    if shape.digits == 0 {
        return Meaning::Unknown;
    }
    let sense = if shape.letters == 0 || shape.only_o {
        numeral_sense(&shape)
    } else {
        match lettered_sense(&shape) {
            Ok(sense) => sense,
            Err(meaning) => return meaning,
        }
    };
    let letters_o = if shape.only_o { shape.letters } else { 0 };
    Meaning::Written(Numeral {
        count: u8::try_from(shape.digits + letters_o).unwrap_or(u8::MAX),
        value: shape.value,
        sense,
    })
}

/// "No.5" without the abbreviation of "number".
fn after_abbreviation(word: &str) -> &str {
    match word.split_at_checked(3) {
        Some((no, rest)) if no.eq_ignore_ascii_case("no.") => rest,
        _ => word,
    }
}

/// Gives the digits of a word that [`meaning`] took for a number.
pub(super) fn digits(word: &str, mut each: impl FnMut(u8)) {
    let only_o = word
        .chars()
        .all(|c| !c.is_alphabetic() || matches!(c, 'o' | 'O'));
    for c in word.chars() {
        if let Some(digit) = digit(c) {
            each(digit);
        } else if only_o && matches!(c, 'o' | 'O') {
            each(0);
        }
    }
}

fn numeral_sense(shape: &Shape) -> Sense {
    let lengths = shape.lengths();
    let values = shape.field.map(|(_, value)| value);
    match shape.fields {
        2 if shape.separated_by(&[':']) && lengths[0] <= 2 && lengths[1] == 2 => {
            let valid = values[0] <= 24 && values[1] <= 59;
            if valid {
                Sense::TimeOfDay
            } else {
                Sense::Plain
            }
        }
        2 if shape.separated_by(&['/']) && values[..2] == [24, 7] => Sense::Quantity,
        2 if shape.separated_by(&['/']) && lengths[0] <= 2 && matches!(lengths[1], 1 | 2 | 4) => {
            // Month and day, day and month, or month and year.
            let month = |value| (1..=12).contains(&value);
            let valid = month(values[0]) || (month(values[1]) && values[0] <= 31);
            if valid { Sense::Date } else { Sense::Plain }
        }
        // Four digits and more on both sides of a point are dictated groups.
        2 if shape.separated_by(&['.'])
            && lengths[0] <= 6
            && lengths[1] <= 3
            && lengths[0] + lengths[1] < 6 =>
        {
            Sense::Decimal
        }
        3 if is_date(shape, '/') || is_date(shape, '-') || is_date(shape, '.') => Sense::Date,
        3 if shape.separated_by(&[',', '.']) && lengths[1] == 3 && lengths[2] <= 2 => {
            Sense::Decimal
        }
        4 if shape.separated_by(&[',', ',', '.']) && lengths[1] == 3 && lengths[2] == 3 => {
            Sense::Decimal
        }
        _ => Sense::Plain,
    }
}

/// Day, month and a year of four digits in any order; with slashes a year of two will do.
fn is_date(shape: &Shape, separator: char) -> bool {
    let [a, b, c, ..] = shape.lengths();
    let short = |length| (1..=2).contains(&length);
    let year_last = short(a) && short(b) && (c == 4 || (separator == '/' && c == 2));
    shape.separated_by(&[separator, separator]) && (year_last || (a == 4 && short(b) && short(c)))
}

fn lettered_sense(shape: &Shape) -> Result<Sense, Meaning> {
    let at_end = shape.letters_before == 0 && shape.suffix_length == shape.letters;
    if at_end {
        match (shape.suffix(), shape.digits) {
            (b"st" | b"nd" | b"rd" | b"th", 1..=5) => return Ok(Sense::Ordinal),
            (b"am" | b"pm", 1..=4) => return Ok(Sense::TimeOfDay),
            (b"s", 2 | 4) if shape.value.is_multiple_of(10) => return Ok(Sense::Date),
            (b"usd" | b"eur" | b"gbp" | b"c", 1..=9) => return Ok(Sense::Money),
            (
                b"k" | b"m" | b"x" | b"km" | b"kg" | b"g" | b"lb" | b"lbs" | b"oz" | b"mb" | b"gb"
                | b"tb" | b"min" | b"mins" | b"hr" | b"hrs" | b"sec" | b"secs" | b"ft" | b"cm"
                | b"mm" | b"mg" | b"ml" | b"mph" | b"kb" | b"hz",
                1..=6,
            ) => return Ok(Sense::Quantity),
            _ => {}
        }
    }
    if shape.digits >= FEWEST_AMONG_LETTERS {
        return Ok(Sense::Plain);
    }
    Err(if shape.letters <= 2 {
        Meaning::Debris
    } else {
        Meaning::Unknown
    })
}
