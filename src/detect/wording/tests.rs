use super::*;

#[test]
fn words_are_normalised() {
    for (written, expected) in [
        ("What's the C.V.V.?", "whats the cvv"),
        ("Your sixteen-digit number,", "your sixteen digit number"),
        ("the securty code -- please", "the security code please"),
        ("Numbers on the card's front", "number on the cards front"),
        ("expire date", "expiry date"),
        ("socal security", "social security"),
        ("lumber", "lumber"),
        ("카드 번호가", "카드 번호가"),
        ("", ""),
        ("- ...", ""),
    ] {
        assert_eq!(normalise_phrase(written), expected, "{written}");
    }
}

#[test]
fn one_edit_is_one_letter() {
    let apart = |a: &str, b: &str| one_edit_apart(a.as_bytes(), b.as_bytes());
    assert!(apart("numbers", "number") && apart("numer", "number") && apart("nunber", "number"));
    assert!(!apart("number", "number") && !apart("nubmer", "number") && !apart("member", "number"));
}
