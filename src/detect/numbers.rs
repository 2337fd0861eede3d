//! A small stand-in for the spoken-number reader.

use crate::call::Sensitive;
use crate::detect::token::{Form, Sense, Token};

fn small(word: &str) -> Option<&'static [u8]> {
    Some(match word {
        "zero" | "oh" | "o" => &[0],
        "one" => &[1],
        "two" => &[2],
        "three" => &[3],
        "four" => &[4],
        "five" => &[5],
        "six" => &[6],
        "seven" => &[7],
        "eight" => &[8],
        "nine" => &[9],
        "ten" => &[1, 0],
        "eleven" => &[1, 1],
        "twelve" => &[1, 2],
        "thirteen" => &[1, 3],
        "fourteen" => &[1, 4],
        "fifteen" => &[1, 5],
        "sixteen" => &[1, 6],
        "seventeen" => &[1, 7],
        "eighteen" => &[1, 8],
        "nineteen" => &[1, 9],
        _ => return None,
    })
}

fn tens(word: &str) -> Option<u8> {
    Some(match word {
        "twenty" => 2,
        "thirty" => 3,
        "forty" => 4,
        "fifty" => 5,
        "sixty" => 6,
        "seventy" => 7,
        "eighty" => 8,
        "ninety" => 9,
        _ => return None,
    })
}

/// Reads one speaker's words.
pub fn read<'a, I: IntoIterator<Item = &'a str>>(words: I) -> Vec<Token> {
    let words: Vec<String> = words
        .into_iter()
        .map(|w| {
            w.to_lowercase()
                .trim_matches(|c: char| !c.is_alphanumeric() && c != '$')
                .to_owned()
        })
        .collect();
    let mut out = Vec::new();
    let mut i = 0;
    while i < words.len() {
        let w = words[i].as_str();
        let next = words.get(i + 1).map_or("", String::as_str);
        let mut range = i..i + 1;
        let number = |digits: Vec<u8>, sense: Sense, sources: Vec<usize>| Form::Number {
            digits: Sensitive::new(digits),
            sense,
            sources,
        };
        let parts: Vec<&str> = w.split('-').collect();
        let sense_after = |w: &str| match w {
            "dollars" | "bucks" | "cents" => Sense::Money,
            "percent" => Sense::Percentage,
            "minutes" | "days" | "weeks" | "hours" | "months" | "years" | "times" | "cards"
            | "people" | "items" | "seconds" | "digits" | "digit" => Sense::Quantity,
            "pm" | "am" => Sense::TimeOfDay,
            _ => Sense::Plain,
        };
        let form = if let Some(d) = small(w) {
            number(d.to_vec(), sense_after(next), vec![i; d.len()])
        } else if let Some(t) = tens(w) {
            match small(next) {
                Some([d]) if *d > 0 => {
                    range = i..i + 2;
                    number(vec![t, *d], Sense::Plain, vec![i, i + 1])
                }
                _ => number(vec![t, 0], sense_after(next), vec![i; 2]),
            }
        } else if parts.len() == 2 && tens(parts[0]).is_some() && small(parts[1]).is_some() {
            let t = tens(parts[0]).unwrap_or(0);
            let d = small(parts[1]).map_or(0, |d| d[0]);
            number(vec![t, d], Sense::Plain, vec![i; 2])
        } else if (w == "double" || w == "triple") && small(next).is_some_and(|d| d.len() == 1) {
            let n = if w == "double" { 2 } else { 3 };
            range = i..i + 2;
            let d = small(next).map_or(0, |d| d[0]);
            number(vec![d; n], Sense::Plain, vec![i + 1; n])
        } else if w.starts_with(|c: char| c.is_ascii_digit() || c == '$')
            && w.chars().all(|c| c.is_ascii_digit() || "$.,-/:".contains(c))
            && w.chars().any(|c| c.is_ascii_digit())
        {
            let digits: Vec<u8> = w.bytes().filter(u8::is_ascii_digit).map(|b| b - 48).collect();
            let sense = if w.contains('$') {
                Sense::Money
            } else if w.contains('/') {
                Sense::Date
            } else if w.contains(':') {
                Sense::TimeOfDay
            } else {
                sense_after(next)
            };
            let n = digits.len();
            number(digits, sense, vec![i; n])
        } else if w.len() <= 4
            && w.chars().any(|c| c.is_ascii_digit())
            && w.chars().any(|c| c.is_ascii_alphabetic())
        {
            Form::Debris
        } else {
            match w {
                "uh" | "um" | "and" | "thats" | "that's" | "dash" | "comma" | "then" | "it's" => Form::Filler,
                "okay" | "ok" | "mm-hm" | "yes" | "yeah" | "right" | "sure" | "thanks" | "uh-huh" => {
                    Form::Acknowledgement
                }
                "thank" if next == "you" => {
                    range = i..i + 2;
                    Form::Acknowledgement
                }
                "got" if next == "it" => {
                    range = i..i + 2;
                    Form::Acknowledgement
                }
                "sorry" => Form::Correction,
                _ if w.chars().count() == 1 && w != "i" && w != "a" => {
                    Form::Letter(w.chars().next().map_or('X', |c| c.to_ascii_uppercase()))
                }
                _ => Form::Word,
            }
        };
        i = range.end;
        out.push(Token { words: range, form });
    }
    out
}
