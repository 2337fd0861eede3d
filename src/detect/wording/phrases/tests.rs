use proptest::prelude::*;

use super::*;

const WORDS: &[&str] = &[
    r"card(?: \w+){0,2}? number",
    r"(?:your|my) pin",
    r"code(?: \w+)*",
    r"cvv ?2?",
];
const JOINED: &[&str] = &["카드 ?번호", "핀"];

/// What one expression of all alternatives finds.
fn at_once(text: &str) -> Vec<Range<usize>> {
    let pattern = format!(r"\b(?:{})\b|{}", WORDS.join("|"), JOINED.join("|"));
    let expression = Regex::new(&pattern).unwrap();
    expression.find_iter(text).map(|hit| hit.range()).collect()
}

fn hits(text: &str) -> Vec<Range<usize>> {
    Phrases::with_joined(WORDS, JOINED)
        .hits(&Text::new(text))
        .collect()
}

#[test]
fn hits_are_bytes_of_the_text() {
    let text = "네 카드 번호요 the card 내 number 핀 and pin번호 my pin";
    let found: Vec<&str> = hits(text).into_iter().map(|hit| &text[hit]).collect();
    assert_eq!(found, ["카드 번호", "card 내 number", "핀", "my pin"]);
}

#[test]
fn whole_words_of_any_script() {
    let phrases = Phrases::new(&["number", "번호"]);
    assert!(phrases.is_match("the number") && phrases.is_match("내 번호 는"));
    assert!(!phrases.is_match("number는") && !phrases.is_match("번호는"));
    assert!(!phrases.is_match("énumber"));
    // Not letters to a pattern: fractions and the like.
    assert!(phrases.is_match("½number"));
    assert_eq!(phrases.find("내 번호"), Some(4..10));
}

#[test]
fn blanks_are_spaces() {
    let phrases = Phrases::new(&["thank you", "thanks"]);
    let text = Text::new("네 thank you so");
    assert_eq!(phrases.blank(text.plain()), "_   so");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hits_are_those_of_one_expression(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "card", "number", "my", "pin", "code", "cvv", "2", "카드", "번호", "핀", "내", "é", "½", " ", " ", "\n",
            ]),
            0..24,
        ),
    ) {
        let text = pieces.concat();
        prop_assert_eq!(hits(&text), at_once(&text), "{:?}", text);
    }
}
