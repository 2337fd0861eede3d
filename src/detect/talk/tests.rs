use super::*;
use crate::detect::wording::normalise_phrase;

#[test]
fn sentences_do_what_they_say() {
    for (sentence, expected) in [
        ("Okay.", Act::Encourage),
        ("Mm-hm.", Act::Encourage),
        ("Yes, go ahead.", Act::Encourage),
        ("Thank you.", Act::Receive),
        ("Perfect, thank you so much.", Act::Receive),
        ("Hold on, let me get my wallet.", Act::Stall),
        ("One moment please.", Act::Stall),
        ("I need to find my purse", Act::Stall),
        ("Take your time.", Act::Stall),
        ("I don't have it with me.", Act::Refuse),
        ("I'd rather not give that over the phone.", Act::Refuse),
        ("Sorry, could you repeat the last four?", Act::Prompt),
        ("And the next four?", Act::Prompt),
        ("I missed that.", Act::Prompt),
        ("Let me read that back to you.", Act::ReadBack),
        ("So that's four one one one", Act::ReadBack),
        (
            "Your payment went through and the order will ship on Monday.",
            Act::Talk,
        ),
        ("What colour would you like?", Act::Talk),
    ] {
        assert_eq!(act(&normalise_phrase(sentence)), expected, "{sentence}");
    }
}

#[test]
fn short_mishearings_are_not_talk() {
    for text in [
        "nice little ball",
        "for you three",
        "nine oh for",
        "ate or won to",
        "knight sarah four",
    ] {
        assert!(!plainly_talk(text, 3), "{text}");
    }
    assert!(plainly_talk("safe with us", 3));
    assert!(plainly_talk(
        "i was going to ask you about something else",
        5
    ));
}
