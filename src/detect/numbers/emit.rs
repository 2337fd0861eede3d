//! Makes tokens of items; parts of one word become one token.

use super::super::token::{Form, Sense, Token};
use super::english;
use super::piece::{Item, Kind, Meaning, Piece};
use crate::call::Sensitive;

/// With fewer digits beside letters in one word, it is debris.
const FEWEST_AMONG_LETTERS: usize = 4;

/// Adds the tokens of all items, which cover every word once, in order.
pub(super) fn tokens(words: &[&str], pieces: &[Piece], items: &[Item], tokens: &mut Vec<Token>) {
    let word_of = |piece: u32| pieces[piece as usize].word as usize;
    let mut at = 0;
    while at < items.len() {
        let start = word_of(items[at].first);
        let mut next = at + 1;
        while next < items.len() && word_of(items[next].first) == word_of(items[next - 1].end - 1) {
            next += 1;
        }
        let together = &items[at..next];
        let end = word_of(items[next - 1].end - 1) + 1;
        let form = match together {
            [item] => form(words, pieces, item),
            _ => joined(words, pieces, together),
        };
        tokens.push(Token {
            words: start..end,
            form,
        });
        at = next;
    }
}

fn form(words: &[&str], pieces: &[Piece], item: &Item) -> Form {
    match item.kind {
        Kind::Number => number(words, pieces, std::slice::from_ref(item), item.sense),
        Kind::Letter(letter) => Form::Letter(char::from(letter)),
        Kind::Word => Form::Word,
        Kind::Open(meaning) => match meaning {
            Meaning::Pause | Meaning::Filler | Meaning::And | Meaning::Like | Meaning::Oh => {
                Form::Filler
            }
            Meaning::Acknowledgement => Form::Acknowledgement,
            Meaning::Correction => Form::Correction,
            Meaning::Debris => Form::Debris,
            _ => Form::Word,
        },
    }
}

/// The digits of all numbers among the items.
fn number(words: &[&str], pieces: &[Piece], items: &[Item], sense: Sense) -> Form {
    let numbers = || items.iter().filter(|item| item.is_number());
    let mut count = 0;
    for item in numbers() {
        english::digits(words, pieces, item, |_, _| count += 1);
    }
    // Of the right size from the start: a list that grows leaves its digits behind.
    let (mut digits, mut sources) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for item in numbers() {
        english::digits(words, pieces, item, |digit, piece| {
            digits.push(digit);
            sources.push(pieces[piece].word as usize);
        });
    }
    if digits.is_empty() {
        return Form::Word;
    }
    Form::Number {
        digits: Sensitive::new(digits),
        sources,
        sense,
    }
}

/// What a word is whose parts are these: "five-minute", "nine-one-one", "B-4".
fn joined(words: &[&str], pieces: &[Piece], items: &[Item]) -> Form {
    let is_debris = |item: &Item| {
        matches!(
            item.kind,
            Kind::Letter(_) | Kind::Open(Meaning::Letter(_) | Meaning::Debris)
        )
    };
    let debris = items.iter().any(is_debris);
    let digits: usize = items
        .iter()
        .filter(|item| item.is_number())
        .map(|item| usize::from(item.count))
        .sum();
    if digits == 0 {
        let mut forms = items.iter().map(|item| form(words, pieces, item));
        let first = forms.next().unwrap_or(Form::Word);
        let same = !matches!(first, Form::Letter(_)) && forms.all(|form| form == first);
        return if same { first } else { Form::Word };
    }
    if debris && digits < FEWEST_AMONG_LETTERS {
        return Form::Debris;
    }
    let sense = items
        .iter()
        .filter(|item| item.is_number())
        .map(|item| item.sense)
        .find(|sense| *sense != Sense::Plain)
        .unwrap_or(Sense::Plain);
    let ends_in_word = items
        .last()
        .is_some_and(|item| form(words, pieces, item) == Form::Word);
    match sense {
        // "first-class", "third-party".
        Sense::Ordinal if digits == 1 && ends_in_word => Form::Word,
        // "two-factor", "four-digit".
        Sense::Plain if digits < FEWEST_AMONG_LETTERS && ends_in_word => {
            number(words, pieces, items, Sense::Quantity)
        }
        // A dictated number keeps its digits open whatever one part looked like.
        Sense::Quantity | Sense::Date if digits >= 8 => number(words, pieces, items, Sense::Plain),
        _ => number(words, pieces, items, sense),
    }
}
