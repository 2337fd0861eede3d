//! Phrasings in tables, and properties over any text.
//!
//! Notation of what is read, one mark a token: digits for a dictated number, with `$` before an amount,
//! `v` a decimal, `%` a percentage, `#` an ordinal, `@` a date, `:` a time of day, `x` a quantity; a capital
//! for a letter, `?` debris, `~` a correction, `+` an acknowledgement, `.` fillers, `_` other words.
//! Fillers in a row are one mark, and so are words with the fillers around them.

mod english;
mod korean;
mod ordinary;
mod properties;

use super::super::token::{Form, Sense, Token};

/// Reads a text and compares what was read.
#[track_caller]
fn check(text: &str, expected: &str) {
    let read = notation(&super::read(text.split_whitespace()));
    assert_eq!(read, expected, "in {text:?}");
}

/// Checks every line of a table.
#[track_caller]
fn check_all(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(text, expected)| {
            let read = notation(&super::read(text.split_whitespace()));
            (read != *expected).then(|| format!("{text:?}: read {read:?}, expected {expected:?}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
}

fn notation(tokens: &[Token]) -> String {
    let mut marks: Vec<String> = Vec::new();
    for token in tokens {
        let mark = match &token.form {
            Form::Number { digits, sense, .. } => {
                let digits: String = digits.expose().iter().map(u8::to_string).collect();
                format!("{}{digits}", sign(*sense))
            }
            Form::Letter(letter) => letter.to_string(),
            Form::Debris => "?".to_owned(),
            Form::Filler => ".".to_owned(),
            Form::Acknowledgement => "+".to_owned(),
            Form::Correction => "~".to_owned(),
            Form::Word => "_".to_owned(),
        };
        let light = |mark: &str| matches!(mark, "." | "_");
        match marks.last_mut() {
            Some(last) if light(last) && light(&mark) => {
                if mark == "_" {
                    *last = mark;
                }
            }
            _ => marks.push(mark),
        }
    }
    marks.join(" ")
}

fn sign(sense: Sense) -> &'static str {
    match sense {
        Sense::Plain => "",
        Sense::Money => "$",
        Sense::Decimal => "v",
        Sense::Percentage => "%",
        Sense::Ordinal => "#",
        Sense::Date => "@",
        Sense::TimeOfDay => ":",
        Sense::Quantity => "x",
    }
}
