//! Joins pieces into items: set phrases, letters with their spelling word, and number expressions.
//!
//! The grammar of number words by themselves; what the neighbours tell is decided in `context`.

use super::super::token::Sense;
use super::lexicon::Lexicon;
use super::piece::{Item, Kind, Meaning, Numeral, Piece, Wiped};
use super::{korean, written};

/// Most number words in one cardinal.
const LONGEST: usize = 16;

/// Adds the items of all pieces, in order, each piece in one item.
pub(super) fn items(words: &[&str], pieces: &[Piece], items: &mut Wiped<Item>) {
    let lexicon = Lexicon::get();
    let mut at = 0;
    while at < pieces.len() {
        // Most words are not known at all.
        let known = pieces[at].id != 0 || pieces[at].meaning != Meaning::Unknown;
        let mut item = known
            .then(|| {
                phrase(lexicon, pieces, at)
                    .or_else(|| spelled(words, pieces, at))
                    .or_else(|| expression(pieces, at))
            })
            .flatten()
            .unwrap_or_else(|| single(pieces, at));
        item.clause_end = pieces[item.end as usize - 1].clause_end;
        at = item.end as usize;
        items.push(item);
    }
}

fn item(first: usize, end: usize, kind: Kind) -> Item {
    Item {
        first: u32::try_from(first).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
        kind,
        ..Item::default()
    }
}

/// A set phrase. An ordinary one does not reach over punctuation: "that, one four" is no "that one".
fn phrase(lexicon: &Lexicon, pieces: &[Piece], at: usize) -> Option<Item> {
    lexicon.phrases(pieces[at].id).iter().find_map(|phrase| {
        let end = at + 1 + phrase.rest.len();
        let parts = pieces.get(at..end)?;
        let same = parts[1..]
            .iter()
            .zip(&phrase.rest)
            .all(|(piece, id)| piece.id == *id);
        let broken = parts[..parts.len() - 1]
            .iter()
            .any(|piece| piece.clause_end);
        let may_break = matches!(
            phrase.meaning,
            Meaning::Acknowledgement | Meaning::Correction
        );
        (same && (may_break || !broken)).then(|| item(at, end, Kind::Open(phrase.meaning)))
    })
}

/// "B as in boy", "B for bravo", "A like alpha", "double u".
fn spelled(words: &[&str], pieces: &[Piece], at: usize) -> Option<Item> {
    let piece = pieces[at];
    let (letter, ambiguous) = match piece.meaning {
        Meaning::Letter(letter) => (letter, false),
        Meaning::A => (b'A', true),
        Meaning::I => (b'I', true),
        Meaning::Oh if piece.end - piece.start == 1 => (b'O', true),
        Meaning::Times(2) if initial_letter(words, pieces.get(at + 1)?) == Some(b'U') => {
            return Some(item(at, at + 2, Kind::Letter(b'W')));
        }
        _ => return None,
    };
    let link = pieces.get(at + 1)?;
    let as_in = link.id != 0
        && link.initial == b'A'
        && pieces.get(at + 2).is_some_and(|in_| in_.initial == b'I');
    let length = match link.meaning {
        Meaning::Preposition(4) | Meaning::Like => 1,
        _ if as_in
            && (
                link.end - link.start,
                pieces[at + 2].end - pieces[at + 2].start,
            ) == (2, 2) =>
        {
            2
        }
        _ => return None,
    };
    let word = pieces.get(at + 1 + length)?;
    let telling = length == 2 || !ambiguous || matches!(word.meaning, Meaning::Nato(_));
    let long = word.end - word.start > 1;
    (word.initial == letter && telling && long)
        .then(|| item(at, at + 2 + length, Kind::Letter(letter)))
}

fn initial_letter(words: &[&str], piece: &Piece) -> Option<u8> {
    let text = text(words, piece);
    (text.len() == 1).then_some(piece.initial)
}

/// The text of a piece.
pub(super) fn text<'a>(words: &[&'a str], piece: &Piece) -> &'a str {
    words
        .get(piece.word as usize)
        .and_then(|word| word.get(piece.start as usize..piece.end as usize))
        .unwrap_or("")
}

/// A piece by itself.
fn single(pieces: &[Piece], at: usize) -> Item {
    let meaning = pieces[at].meaning;
    let mut item = item(at, at + 1, Kind::Open(meaning));
    let (count, value) = match meaning {
        Meaning::Unknown | Meaning::Ordinary => {
            item.kind = Kind::Word;
            (0, 0)
        }
        Meaning::One => (1, 1),
        Meaning::Oh => (1, 0),
        Meaning::Sound(digit)
        | Meaning::Rhyme(digit)
        | Meaning::Preposition(digit)
        | Meaning::Counting(digit, _) => (1, u32::from(digit)),
        Meaning::Second => (1, 2),
        Meaning::Sino(numeral, _) | Meaning::Native(numeral) => {
            item.sense = numeral.sense;
            (numeral.count, numeral.value)
        }
        _ => (0, 0),
    };
    (item.count, item.value) = (count, value);
    item
}

/// A number expression that is one for certain.
fn expression(pieces: &[Piece], at: usize) -> Option<Item> {
    let number = |end, count: usize, value: u64, sense| Item {
        sense,
        count: u8::try_from(count).unwrap_or(u8::MAX),
        value: u32::try_from(value).unwrap_or(u32::MAX),
        ..item(at, end, Kind::Number)
    };
    if let Some((end, digit, times)) = repeated(pieces, at) {
        let value = (0..times).fold(0, |value, _| value * 10 + u64::from(digit));
        return Some(number(end, times, value, Sense::Plain));
    }
    let (end, count, value, mut sense) = match whole(pieces, at)? {
        Whole::Cardinal(cardinal) => {
            // "one" and "oh" alone are decided by their neighbours, unless a fraction follows.
            let open =
                cardinal.end == at + 1 && matches!(pieces[at].meaning, Meaning::One | Meaning::Oh);
            if open && fraction(pieces, cardinal.end).is_none() {
                return None;
            }
            let count = cardinal.value.checked_ilog10().unwrap_or(0) as usize + 1;
            // "a hundred", "thousand": nobody dictates digits so.
            let loose = matches!(
                pieces[at].meaning,
                Meaning::A | Meaning::Hundred | Meaning::Scale(_)
            );
            let round = cardinal.value == 10_u64.pow(cardinal.value.checked_ilog10().unwrap_or(0));
            let sense = match cardinal.ordinal {
                true => Sense::Ordinal,
                false if loose && round => Sense::Quantity,
                false => Sense::Plain,
            };
            (cardinal.end, count, cardinal.value, sense)
        }
        Whole::Numeral(numeral) => (
            at + 1,
            usize::from(numeral.count),
            u64::from(numeral.value),
            numeral.sense,
        ),
    };
    if sense == Sense::Plain
        && let Some(after) = fraction(pieces, end)
    {
        let digits = count + after - end - 1;
        // So many digits are dictated with a "point" among them.
        sense = if digits <= 6 {
            Sense::Decimal
        } else {
            Sense::Plain
        };
        return Some(number(after, digits, value, sense));
    }
    Some(number(end, count, value, sense))
}

enum Whole {
    Cardinal(Cardinal),
    Numeral(Numeral),
}

fn whole(pieces: &[Piece], at: usize) -> Option<Whole> {
    if let Some(cardinal) = Cardinal::at(pieces, at) {
        return Some(Whole::Cardinal(cardinal));
    }
    match pieces[at].meaning {
        Meaning::Written(numeral) => Some(Whole::Numeral(numeral)),
        _ => None,
    }
}

/// "double four", "triple oh", "three fives": where it ends, the digit, how often.
fn repeated(pieces: &[Piece], at: usize) -> Option<(usize, u8, usize)> {
    let next = pieces.get(at + 1)?;
    if pieces[at].clause_end {
        return None;
    }
    match (pieces[at].meaning, next.meaning) {
        (Meaning::Times(times), meaning) => {
            let digit = match meaning {
                Meaning::Digit(digit) | Meaning::Plural(digit) | Meaning::Sound(digit) => digit,
                Meaning::One => 1,
                Meaning::Oh => 0,
                Meaning::Written(numeral) if numeral.count == 1 => {
                    u8::try_from(numeral.value).ok()?
                }
                Meaning::Preposition(digit) if begins_digit(pieces.get(at + 2)) => digit,
                _ => return None,
            };
            Some((at + 2, digit, usize::from(times)))
        }
        (Meaning::Digit(times @ 2..=6), Meaning::Plural(digit)) => {
            Some((at + 2, digit, usize::from(times)))
        }
        _ => None,
    }
}

fn begins_digit(piece: Option<&Piece>) -> bool {
    piece.is_some_and(|piece| {
        matches!(
            piece.meaning,
            Meaning::Digit(_)
                | Meaning::One
                | Meaning::Oh
                | Meaning::Times(_)
                | Meaning::Written(_)
        )
    })
}

/// Where the digits after a "point" at `at` end.
fn fraction(pieces: &[Piece], at: usize) -> Option<usize> {
    if pieces[at - 1].clause_end || pieces.get(at)?.meaning != Meaning::Point {
        return None;
    }
    let mut end = at + 1;
    while let Some(piece) = pieces.get(end) {
        let digit = match piece.meaning {
            Meaning::Digit(_) | Meaning::One | Meaning::Oh => true,
            Meaning::Written(numeral) => numeral.count == 1 && numeral.sense == Sense::Plain,
            _ => false,
        };
        if !digit || pieces[end - 1].clause_end {
            break;
        }
        end += 1;
    }
    (end > at + 1).then_some(end)
}

/// A whole number in words, or of a numeral and a scale: "forty-five hundred", "4 thousand".
struct Cardinal {
    end: usize,
    value: u64,
    ordinal: bool,
    /// The highest power of ten that each word gives, and its piece.
    parts: [(u8, u32); LONGEST],
    length: usize,
}

/// What the last word of a cardinal was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Unit,
    Teen,
    Ten,
    Hundred,
    Scale,
}

impl Cardinal {
    fn at(pieces: &[Piece], at: usize) -> Option<Self> {
        let mut cardinal = Self {
            end: at,
            value: 0,
            ordinal: false,
            parts: [(0, 0); LONGEST],
            length: 0,
        };
        if matches!(pieces[at].meaning, Meaning::Digit(0) | Meaning::Oh) {
            cardinal.part(0, at);
            cardinal.end = at + 1;
            return Some(cardinal);
        }
        let mut group = 0;
        let mut group_start = 0;
        let mut last = Last::Nothing;
        let mut scale_before = u8::MAX;
        while cardinal.length < LONGEST
            && let Some(piece) = pieces.get(cardinal.end)
        {
            // A comma ends a number, except after "thousand".
            if cardinal.end > at && last != Last::Scale && pieces[cardinal.end - 1].clause_end {
                break;
            }
            let open = matches!(last, Last::Nothing | Last::Hundred | Last::Scale);
            let here = cardinal.end;
            let joined = matches!(last, Last::Hundred | Last::Scale)
                && pieces[here - 1].meaning != Meaning::And;
            match piece.meaning {
                // "eight hundred five five five" is a dialling code and single digits.
                Meaning::One | Meaning::Digit(1..) if joined && dictated_on(pieces, here) => break,
                Meaning::One | Meaning::Digit(1..) if open || last == Last::Ten => {
                    group += digit_value(piece.meaning);
                    cardinal.part(0, here);
                    last = Last::Unit;
                }
                Meaning::Written(numeral)
                    if last == Last::Nothing
                        && numeral.count <= 3
                        && scale_follows(pieces, here) =>
                {
                    group = u64::from(numeral.value);
                    cardinal.part(numeral.count.max(1) - 1, here);
                    last = Last::Unit;
                }
                Meaning::Teen(value) if open => {
                    group += u64::from(value);
                    cardinal.part(1, here);
                    last = Last::Teen;
                }
                Meaning::Ten(value) if open => {
                    group += u64::from(value);
                    cardinal.part(1, here);
                    last = Last::Ten;
                }
                Meaning::A if last == Last::Nothing && scale_follows(pieces, here) => {}
                Meaning::Hundred if group < 100 && last != Last::Hundred && last != Last::Scale => {
                    group = group.max(1) * 100;
                    cardinal.raise(group_start, 2);
                    cardinal.part(1, here);
                    last = Last::Hundred;
                }
                Meaning::Scale(power) if power < scale_before && last != Last::Scale => {
                    cardinal.value += group.max(1) * 10_u64.pow(u32::from(power));
                    cardinal.raise(group_start, power);
                    cardinal.part(power - 1, here);
                    (group, group_start, scale_before) = (0, cardinal.length, power);
                    last = Last::Scale;
                }
                Meaning::And
                    if matches!(last, Last::Hundred | Last::Scale) && low_follows(pieces, here) => {
                }
                Meaning::Ordinal(value) if takes_ordinal(last, value) => {
                    group += u64::from(value);
                    cardinal.part(u8::from(value >= 10), here);
                    cardinal.ordinal = true;
                    cardinal.end += 1;
                    break;
                }
                Meaning::Second if last == Last::Ten => {
                    group += 2;
                    cardinal.part(0, here);
                    cardinal.ordinal = true;
                    cardinal.end += 1;
                    break;
                }
                _ => break,
            }
            cardinal.end += 1;
        }
        cardinal.value += group;
        (cardinal.length > 0).then_some(cardinal)
    }

    fn part(&mut self, power: u8, piece: usize) {
        if let Some(place) = self.parts.get_mut(self.length) {
            *place = (power, u32::try_from(piece).unwrap_or(u32::MAX));
            self.length += 1;
        }
    }

    fn raise(&mut self, from: usize, powers: u8) {
        for (power, _) in &mut self.parts[from..self.length] {
            *power += powers;
        }
    }

    /// Gives each digit with the piece it was read from: the last that reaches up to its power.
    fn digits(&self, mut each: impl FnMut(u8, usize)) {
        let highest = self.value.checked_ilog10().unwrap_or(0);
        for power in (0..=highest).rev() {
            let digit = u8::try_from(self.value / 10_u64.pow(power) % 10).unwrap_or(0);
            let piece = self.parts[..self.length]
                .iter()
                .rev()
                .find(|(reach, _)| u32::from(*reach) >= power)
                .map_or(self.parts[0].1 as usize, |(_, piece)| *piece as usize);
            each(digit, piece);
        }
    }
}

fn digit_value(meaning: Meaning) -> u64 {
    match meaning {
        Meaning::Digit(digit) => u64::from(digit),
        _ => 1,
    }
}

fn scale_follows(pieces: &[Piece], at: usize) -> bool {
    !pieces[at].clause_end
        && pieces
            .get(at + 1)
            .is_some_and(|piece| matches!(piece.meaning, Meaning::Hundred | Meaning::Scale(_)))
}

/// Whether single digits go on after this one.
fn dictated_on(pieces: &[Piece], at: usize) -> bool {
    !pieces[at].clause_end
        && pieces.get(at + 1).is_some_and(|piece| {
            matches!(
                piece.meaning,
                Meaning::Digit(_) | Meaning::One | Meaning::Oh
            )
        })
}

fn low_follows(pieces: &[Piece], at: usize) -> bool {
    pieces.get(at + 1).is_some_and(|piece| {
        matches!(
            piece.meaning,
            Meaning::One
                | Meaning::Digit(1..)
                | Meaning::Teen(_)
                | Meaning::Ten(_)
                | Meaning::Ordinal(_)
        )
    })
}

fn takes_ordinal(last: Last, value: u8) -> bool {
    match last {
        Last::Nothing | Last::Hundred | Last::Scale => true,
        Last::Ten => value < 10,
        Last::Unit | Last::Teen => false,
    }
}

/// Gives the digits of a number item, each with the piece it was read from.
pub(super) fn digits(
    words: &[&str],
    pieces: &[Piece],
    item: &Item,
    mut each: impl FnMut(u8, usize),
) {
    let (first, end) = (item.first as usize, item.end as usize);
    if end - first == 1 {
        let piece = &pieces[first];
        match piece.meaning {
            Meaning::Sound(digit)
            | Meaning::Rhyme(digit)
            | Meaning::Preposition(digit)
            | Meaning::Counting(digit, _)
            | Meaning::Plural(digit) => return each(digit, first),
            Meaning::Second => return each(2, first),
            Meaning::Sino(..) => {
                return korean::digits(text(words, piece), |digit| each(digit, first));
            }
            Meaning::Native(numeral) => {
                return korean::decimal(u64::from(numeral.value), |digit| each(digit, first));
            }
            _ => {}
        }
    }
    if let Some((_, digit, times)) = repeated(pieces, first) {
        // The first of them was read from "double", the rest from the digit's own word.
        for time in 0..times {
            each(digit, first + usize::from(time > 0));
        }
        return;
    }
    let mut at = match whole(pieces, first) {
        Some(Whole::Cardinal(cardinal)) => {
            cardinal.digits(&mut each);
            cardinal.end
        }
        _ => {
            written::digits(text(words, &pieces[first]), |digit| each(digit, first));
            first + 1
        }
    };
    while at < end {
        match pieces[at].meaning {
            Meaning::Point => {}
            Meaning::Written(_) => {
                written::digits(text(words, &pieces[at]), |digit| each(digit, at))
            }
            meaning @ (Meaning::Digit(_) | Meaning::One) => {
                each(u8::try_from(digit_value(meaning)).unwrap_or(0), at);
            }
            _ => each(0, at),
        }
        at += 1;
    }
}
