//! What recognisers write when they hear nothing or lose their way.
//!
//! A loop is the same phrase again and again; digits do repeat in truth (4242 4242), so for them only the
//! speed counts. A hallucination is one of the phrases that Whisper writes for silence.

use crate::speech::Word;

/// Longest phrase, in words, whose repetition is looked for.
const LONGEST_PHRASE: usize = 4;
/// How often in a row a phrase is said at most.
const MOST_REPEATS: usize = 3;
/// Faster than anybody speaks, per second.
const MOST_WORDS: f64 = 5.5;
const MOST_TOKENS: f64 = 7.0;
/// Words and tokens that a short window may have above its rate.
const ALLOWANCE: f64 = 4.0;
/// Below this level, in decibels of full scale, nothing is understood.
const INAUDIBLE: f32 = -60.0;
/// Below this level, or below this confidence, a phrase that silence makes is not believed.
const QUIET: f32 = -45.0;
const DOUBTFUL: f32 = 0.45;

/// Written for silence and noise: subtitle texts of the training data.
const PHRASES_OF_SILENCE: [&str; 14] = [
    "you",
    "thank you",
    "thanks",
    "thank you very much",
    "thank you for watching",
    "thanks for watching",
    "please subscribe",
    "bye",
    "bye bye",
    "blank audio",
    "music",
    "silence",
    "applause",
    "the end",
];

/// The index of the word at which the text begins to repeat itself, if it does.
pub(super) fn first_repeat(words: &[Word]) -> Option<usize> {
    let plain: Vec<String> = words.iter().map(plain).collect();
    (0..plain.len()).find_map(|start| {
        (1..=LONGEST_PHRASE).find_map(|length| {
            let phrase = plain.get(start..start + length)?;
            let repeats = plain[start..]
                .chunks_exact(length)
                .take_while(|chunk| *chunk == phrase)
                .count();
            let digits = phrase.iter().all(|word| is_number(word));
            (repeats > MOST_REPEATS && !digits).then_some(start + length)
        })
    })
}

/// Whether more was written than can be spoken in `seconds`. A digit counts as a word.
pub(super) fn is_too_fast(words: &[Word], tokens: usize, seconds: f64) -> bool {
    let spoken: usize = words
        .iter()
        .map(|word| {
            let text = word.text.expose();
            text.chars().filter(char::is_ascii_digit).count().max(1)
        })
        .sum();
    spoken as f64 > MOST_WORDS * seconds + ALLOWANCE
        || tokens as f64 > MOST_TOKENS * seconds + ALLOWANCE
}

/// Whether the whole text is what silence makes: nothing audible, or a known phrase in a quiet window or
/// with little confidence, or a note in brackets.
pub(super) fn is_hallucination(words: &[Word], loudest: f32) -> bool {
    if words.is_empty() {
        return false;
    }
    if loudest < INAUDIBLE {
        return true;
    }
    let first = words[0].text.expose();
    let last = words[words.len() - 1].text.expose();
    if first.starts_with(['[', '(', '*']) && last.ends_with([']', ')', '*']) {
        return true;
    }
    let confidence = words.iter().map(|word| word.confidence).sum::<f32>() / words.len() as f32;
    let text: Vec<String> = words.iter().map(plain).collect();
    (loudest < QUIET || confidence < DOUBTFUL)
        && PHRASES_OF_SILENCE.contains(&text.join(" ").as_str())
}

/// Letters and digits in lower case.
fn plain(word: &Word) -> String {
    let text = word.text.expose();
    text.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || DIGIT_WORDS.contains(&word)
}

const DIGIT_WORDS: [&str; 14] = [
    "zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "double", "triple",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{MediaTime, Span};
    use crate::call::Sensitive;

    fn words(text: &str, confidence: f32) -> Vec<Word> {
        text.split_whitespace()
            .map(|word| Word {
                text: Sensitive::new(word.to_owned()),
                span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
                confidence,
            })
            .collect()
    }

    #[test]
    fn loops_are_cut_at_the_first_repeat() {
        let check = |text: &str, expected: Option<usize>| {
            assert_eq!(first_repeat(&words(text, 0.9)), expected, "{text}");
        };
        check("I see. I see. I see. I see.", Some(2));
        check("well the the the the the", Some(2));
        check("and so on and and so on", None);
        check("no no no", None);
        check("4242 4242 4242 4242", None);
        check("four two four two four two four two", None);
        check("1 of the 1 of the 1 of the 1 of the", Some(3));
        check("R32, R32, R32, R32, R32", None);
        check("", None);
    }

    #[test]
    fn speed_has_a_limit() {
        let check = |text: &str, tokens, seconds, expected| {
            assert_eq!(
                is_too_fast(&words(text, 0.9), tokens, seconds),
                expected,
                "{text}"
            );
        };
        check("4242 4242 4242 4242", 12, 6.0, false);
        check("4242 4242 4242 4242", 12, 2.0, true);
        check("hello there how are you", 6, 1.0, false);
        check("hello", 40, 3.0, true);
    }

    #[test]
    fn phrases_of_silence_need_doubt() {
        let check = |text: &str, confidence, loudest, expected| {
            let words = words(text, confidence);
            assert_eq!(is_hallucination(&words, loudest), expected, "{text}");
        };
        check("Thank you.", 0.9, -20.0, false);
        check("Thank you.", 0.3, -20.0, true);
        check("Thank you.", 0.9, -50.0, true);
        check("[BLANK_AUDIO]", 0.9, -20.0, true);
        check("(music playing)", 0.9, -20.0, true);
        check("Thank you, my number is 5", 0.2, -50.0, false);
        check("five", 0.9, -80.0, true);
        check("", 0.9, -80.0, false);
    }
}
