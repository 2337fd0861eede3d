//! Properties that hold for any text.

use proptest::prelude::*;

use super::super::super::token::{Form, Token};
use super::super::{read, read_in_sections};

/// Words that the reader knows, mixed with any text.
fn word() -> impl Strategy<Value = String> {
    let known = "one two three four oh zero to for ate won double triple hundred thousand forty twenty fifteen \
                 and point dollars minutes May March third second a I B no wait sorry okay 4,539 $4.50 453-9148 \
                 06/29 10:30 R31 21st 5% 1980s 0h O5 4.5.3 am past half half-past forty-five nine-one-one - 's \
                 이 일 사오삼구에 세 네 개 다시 3만5천원 십이월 하나 two-factor E-mail 4539\u{a0}1488";
    let known: Vec<&'static str> = known.split_whitespace().collect();
    prop_oneof![
        6 => (prop::sample::select(known), "[,.?!]?").prop_map(|(word, mark)| format!("{word}{mark}")),
        1 => any::<String>(),
        1 => "[0-9a-zA-Z가-힣.,:/$%-]{1,12}",
    ]
}

fn digits(tokens: &[Token]) -> Vec<u8> {
    tokens
        .iter()
        .filter_map(|token| match &token.form {
            Form::Number { digits, .. } => Some(digits.expose().clone()),
            _ => None,
        })
        .flatten()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn every_word_is_covered_once_and_every_digit_has_its_source(words in prop::collection::vec(word(), 0..24)) {
        let tokens = read(words.iter().map(String::as_str));
        let mut at = 0;
        for token in &tokens {
            prop_assert_eq!(token.words.start, at);
            prop_assert!(token.words.end > at);
            at = token.words.end;
            if let Form::Number { digits, sources, .. } = &token.form {
                prop_assert!(!digits.expose().is_empty());
                prop_assert!(digits.expose().iter().all(|digit| *digit <= 9));
                prop_assert_eq!(digits.expose().len(), sources.len());
                prop_assert!(sources.is_sorted());
                prop_assert!(sources.iter().all(|source| token.words.contains(source)));
            }
        }
        prop_assert_eq!(at, words.len());
    }

    #[test]
    fn sections_change_nothing(words in prop::collection::vec(prop_oneof![word(), Just("lorem".to_owned())], 0..40)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        prop_assert_eq!(read_in_sections(words.clone(), 1), read_in_sections(words, usize::MAX / 2));
    }

    #[test]
    fn punctuation_after_digit_words_changes_no_digit(
        words in prop::collection::vec(
            (prop::sample::select(vec![
                "zero", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "fifteen", "4", "4539",
                "453-9148", "forty-five",
            ]), prop::sample::select(vec![",", ".", "!", "…", ";"])),
            1..20,
        ),
    ) {
        let bare = read(words.iter().map(|(word, _)| *word));
        let marked: Vec<String> = words.iter().map(|(word, mark)| format!("{word}{mark}")).collect();
        prop_assert_eq!(digits(&bare), digits(&read(marked.iter().map(String::as_str))));
    }

    #[test]
    fn each_number_word_alone_is_read(value in 1_u32..1_000_000) {
        let text = in_words(value);
        let tokens = read(text.split_whitespace());
        let expected: Vec<u8> = value.to_string().bytes().map(|digit| digit - b'0').collect();
        prop_assert_eq!(tokens.len(), 1, "{}", text);
        prop_assert_eq!(digits(&tokens), expected, "{}", text);
    }
}

/// An independent writer of English cardinals.
fn in_words(value: u32) -> String {
    const LOW: [&str; 20] = [
        "",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let below_hundred = |value: u32| match value {
        0..20 => LOW[value as usize].to_owned(),
        _ => format!("{} {}", TENS[value as usize / 10], LOW[value as usize % 10]),
    };
    let below_thousand = |value: u32| match value {
        0..100 => below_hundred(value),
        _ => format!(
            "{} hundred {}",
            LOW[value as usize / 100],
            below_hundred(value % 100)
        ),
    };
    match value {
        0..1000 => below_thousand(value),
        _ => format!(
            "{} thousand {}",
            below_thousand(value / 1000),
            below_thousand(value % 1000)
        ),
    }
}

#[test]
fn one_endless_word_is_read_in_linear_time() {
    let word = "nine-4-a-".repeat(100_000);
    let tokens = read([word.as_str()]);
    assert_eq!(tokens.len(), 1);
    let homophones = ["to", "for", "one", "oh", "이"];
    let talk = read(homophones.into_iter().cycle().take(400_000));
    assert!(!talk.is_empty());
}
