//! The spoken-number reader: what one speaker's words say, as digits, letters and turn-keeping sounds.
//!
//! Five steps, each linear in the text: `lexer` cuts words into pieces and looks them up in `lexicon`
//! (`written` reads numerals, `korean` Hangul); `english` joins pieces into number expressions and set
//! phrases; `context` decides what only the neighbours can tell ("for" or four, "oh", "one", units,
//! months); `emit` makes the tokens.
//!
//! # Choices
//! - One token per number expression ("forty-five", "double four", "4539-1488"), never per card group:
//!   two expressions stay two tokens, as no pause is visible here. A unit ("dollars", "pm", "cards")
//!   gives its number a [`Sense`](super::token::Sense) and stays a word of its own.
//! - "one" is a digit next to other digits, before a unit, after "number" or "press", or alone in its
//!   clause; else the pronoun. "oh" is a digit next to digits; else a filler.
//! - "to" and "for" are digits between dictated digits when at least three other single digits stand in
//!   the run, or at its start or end, at a clause border, beside three single digits. "ate", "won",
//!   "fore", "too" need two; "tree", "free", "sex" count only between digits.
//! - A number followed by a unit is a quantity unless two single digits stand right before it: a
//!   dictated run is never explained away by the noun after it.
//! - Words that carry nothing ("and", "that's", "the") are fillers wherever they stand; a run is ended
//!   only by words with content.
//! - In a word that mixes letters and digits up to three digits are debris of a misheard digit
//!   ("R31"); four or more are a number.
//! - Korean: see `korean`.
//!
//! **Architecture invariants:** a pure function of the words; every word is covered exactly once, in
//! order; what is held on the way is wiped. It does not know who speaks, when, or what was asked.

mod context;
mod dates;
mod emit;
mod english;
mod homophones;
mod korean;
mod lexer;
mod lexicon;
mod piece;
mod written;

use super::token::Token;
use piece::Wiped;

/// Reads one speaker's words, in order, as the recogniser wrote them: white-space separated,
/// punctuation attached.
///
/// Returns tokens in order that cover every word exactly once.
///
/// ```
/// use hushgate::detect::numbers;
/// use hushgate::detect::token::Form;
///
/// let tokens = numbers::read("it's forty-five double nine".split_whitespace());
/// assert_eq!(tokens.len(), 3);
/// let Form::Number { digits, sources, .. } = &tokens[1].form else { panic!("not a number") };
/// assert_eq!((digits.expose().as_slice(), sources.as_slice()), (&[4, 5][..], &[1, 1][..]));
/// ```
pub fn read<'a, I: IntoIterator<Item = &'a str>>(words: I) -> Vec<Token> {
    read_in_sections(words.into_iter().collect(), SECTION)
}

/// Pieces read at once, about: every step finds those of the one before in the processor's cache.
const SECTION: usize = 512;

/// Reads section by section. A section ends only within plain talk, over which no rule looks, so the
/// tokens are the same for every size.
fn read_in_sections(words: Vec<&str>, section: usize) -> Vec<Token> {
    let lexer = lexer::Lexer::new();
    let room = words.len().min(section + section / 8);
    let (mut pieces, mut items) = (Wiped::with_capacity(room), Wiped::with_capacity(room));
    let mut tokens = Vec::with_capacity(words.len());
    let mut carried = 0;
    for (index, word) in words.iter().enumerate() {
        lexer.word(index, word, &mut pieces);
        let full = pieces.len() >= section && lexer::is_talk(&pieces);
        if full || index + 1 == words.len() {
            english::items(&words, &pieces, &mut items);
            context::resolve(items.as_mut_slice(), &pieces);
            emit::tokens(&words, &pieces, &items[carried..], &mut tokens);
            let last = pieces.last().copied();
            pieces.wipe();
            items.wipe();
            // The next section sees the plain word before it.
            last.into_iter().for_each(|piece| pieces.push(piece));
            carried = 1;
        }
    }
    tokens
}

#[cfg(test)]
mod tests;
