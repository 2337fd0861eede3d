//! Cuts words into pieces and looks each up: "Forty-five," is "forty" and "five".
//!
//! Every word gives at least one piece. Knows letters and punctuation, no grammar.

use std::ops::Range;

use super::super::token::Sense;
use super::lexicon::Lexicon;
use super::piece::{Meaning, Piece, Wiped};
use super::{korean, written};

/// Longest known word in bytes; longer ones are not looked up.
const LONGEST: usize = 40;

/// Cuts and looks up one word after the other.
pub(super) struct Lexer {
    lexicon: &'static Lexicon,
}

/// Whether the last two words are ordinary ones, over which no rule looks.
pub(super) fn is_talk(pieces: &[Piece]) -> bool {
    let plain = |piece: &Piece| piece.id == 0 && piece.meaning == Meaning::Unknown;
    pieces
        .last_chunk::<3>()
        .is_some_and(|[a, b, c]| plain(b) && plain(c) && a.word != b.word && b.word != c.word)
}

/// The word without what is only around it; `None` if that is all.
fn core_of(word: &str) -> Option<Range<usize>> {
    let bytes = word.as_bytes();
    if bytes.is_ascii() {
        let start = bytes.iter().position(u8::is_ascii_alphanumeric)?;
        let end = bytes.iter().rposition(u8::is_ascii_alphanumeric)?;
        return Some(start..end + 1);
    }
    let start = word.find(is_core)?;
    let (end, last) = word.char_indices().rev().find(|&(_, c)| is_core(c))?;
    Some(start..end + last.len_utf8())
}

/// Whether the character can be inside a number or a word, not just around it.
fn is_core(c: char) -> bool {
    // The common scripts first: the general question is slow to answer.
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric(),
        '가'..='힣' => true,
        _ => c.is_alphanumeric(),
    }
}

/// A digit's value, ASCII or full width.
pub(super) fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => u8::try_from(u32::from(c) - u32::from('0')).ok(),
        '\u{ff10}'..='\u{ff19}' => u8::try_from(u32::from(c) - 0xff10).ok(),
        _ => None,
    }
}

impl Lexer {
    pub(super) fn new() -> Self {
        Self {
            lexicon: Lexicon::get(),
        }
    }

    /// Adds the pieces of the word of this index.
    pub(super) fn word(&self, index: usize, word: &str, pieces: &mut Wiped<Piece>) {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let Some(Range { start, end }) = core_of(word) else {
            let mut piece = bare(index, 0, word.len());
            piece.meaning = match word.trim() {
                "%" => Meaning::Unit(Sense::Percentage),
                _ => Meaning::Pause,
            };
            pieces.push(piece);
            return;
        };
        let (before, core, after) = (&word[..start], &word[start..end], &word[end..]);
        let first = pieces.len();
        self.core(index, start, core, pieces);
        if !before.is_empty() {
            outer(&mut pieces.as_mut_slice()[first..], before);
        }
        if !after.is_empty() {
            outer(&mut pieces.as_mut_slice()[first..], after);
            if let Some(last) = pieces.as_mut_slice().last_mut() {
                last.period = after.starts_with('.');
                last.clause_end = after.contains(|c: char| {
                    matches!(
                        c,
                        ',' | '.' | ';' | ':' | '!' | '?' | '…' | '。' | '，' | '、' | '—'
                    )
                });
            }
        }
    }

    /// A word without outer punctuation, at `start` of the whole.
    fn core(&self, index: u32, start: usize, core: &str, pieces: &mut Wiped<Piece>) {
        let bytes = core.as_bytes();
        let plain = bytes.iter().all(u8::is_ascii_alphabetic);
        if plain {
            pieces.push(self.part(index, start, core));
            return;
        }
        let has_digit = core.chars().any(|c| digit(c).is_some());
        if !has_digit || !has_letters_and_dash(core) {
            let piece = self.part(index, start, core);
            if piece.meaning != Meaning::Unknown || piece.id != 0 || has_digit {
                pieces.push(piece);
                return;
            }
        }
        let first = pieces.len();
        for (at, part) in parts(core) {
            pieces.push(self.part(index, start + at, part));
        }
        if pieces.len() == first {
            pieces.push(bare(index, start, start + core.len()));
        }
    }

    /// One part: looked up, read as a numeral, or read as Hangul.
    fn part(&self, index: u32, start: usize, part: &str) -> Piece {
        let mut piece = bare(index, start, start + part.len());
        let first = part.as_bytes().first().copied().unwrap_or(0);
        piece.initial = first.to_ascii_uppercase();
        piece.capital = first.is_ascii_uppercase();
        let mut buffer = [0; LONGEST];
        if let Some(normal) = normalise(part, &mut buffer)
            && let Some(entry) = self.lexicon.word(normal)
        {
            piece.id = entry.id;
            piece.meaning = entry.meaning;
            if entry.meaning != Meaning::Unknown {
                return piece;
            }
        }
        if part.len() == 1 && first.is_ascii_alphabetic() {
            piece.meaning = Meaning::Letter(piece.initial);
        } else if part.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            piece.plural_noun = part.len() >= 5 && part.ends_with('s') && !part.ends_with("ss");
        } else if korean::is_hangul(part) {
            piece.meaning = korean::meaning(part);
        } else {
            piece.meaning = written::meaning(part);
        }
        piece
    }
}

fn bare(word: u32, start: usize, end: usize) -> Piece {
    Piece {
        word,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
        ..Piece::default()
    }
}

/// Applies signs around a word to its numerals.
fn outer(pieces: &mut [Piece], signs: &str) {
    let sense = if signs.contains(['$', '£', '€', '¥', '₩']) {
        Sense::Money
    } else if signs.contains('%') {
        Sense::Percentage
    } else {
        return;
    };
    for piece in pieces {
        if let Meaning::Written(numeral) = &mut piece.meaning {
            // An amount of more digits is a dictated number that the recogniser took for a price.
            if numeral.count <= 9 {
                numeral.sense = sense;
            }
        }
    }
}

fn has_letters_and_dash(core: &str) -> bool {
    core.chars().any(char::is_alphabetic) && core.contains(is_dash)
}

fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '/' | '_' | '+' | '&' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}'
    )
}

/// The parts between characters that are neither alphanumeric nor an apostrophe, with their places.
fn parts(core: &str) -> impl Iterator<Item = (usize, &str)> {
    let separates = |c: char| !is_core(c) && !matches!(c, '\'' | '\u{2019}');
    let mut at = 0;
    core.split_inclusive(separates).filter_map(move |piece| {
        let start = at;
        at += piece.len();
        let part = piece.trim_end_matches(separates);
        part.contains(is_core).then_some((start, part))
    })
}

/// Lower case with typewriter apostrophes and dashes; `None` if too long to be known.
fn normalise<'b>(part: &str, buffer: &'b mut [u8; LONGEST]) -> Option<&'b [u8]> {
    if part.is_ascii() {
        let lower = buffer.get_mut(..part.len())?;
        for (to, from) in lower.iter_mut().zip(part.bytes()) {
            *to = match from {
                b'_' | b'+' | b'&' => b'-',
                byte => byte.to_ascii_lowercase(),
            };
        }
        return Some(lower);
    }
    let mut length = 0;
    for c in part.chars() {
        let c = match c {
            '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
            c if is_dash(c) && c != '/' => '-',
            c => c.to_ascii_lowercase(),
        };
        let end = length + c.len_utf8();
        c.encode_utf8(buffer.get_mut(length..end)?);
        length = end;
    }
    buffer.get(..length)
}
