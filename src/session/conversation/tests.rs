use super::*;
use crate::call::Sensitive;
use crate::speech::Word;

fn span(start: f64, end: f64) -> Span {
    Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end))
}

/// A transcript of a window that begins at `begin`, from words and the call's times they start at.
fn transcript(begin: f64, words: &[(&str, f64)]) -> Transcript {
    let words = words.iter().map(|&(text, at)| Word {
        span: span(at - begin, at - begin + 0.3),
        text: Sensitive::new(text.to_owned()),
        confidence: 0.9,
    });
    Transcript {
        words: words.collect(),
        unreliable: false,
        ..Transcript::default()
    }
}

/// A window: listened from, decides from, to, and its words with the times they start at.
type Window<'a> = (f64, f64, f64, &'a [(&'a str, f64)]);

/// The text after windows of the customer.
fn text(windows: &[Window<'_>]) -> String {
    let mut conversation = Conversation::default();
    for &(begin, from, to, words) in windows {
        conversation.add(
            Leg::Customer,
            span(begin, to),
            span(from, to),
            transcript(begin, words),
        );
    }
    let words = conversation.words().iter();
    let texts: Vec<&str> = words.map(|word| word.text.expose().as_str()).collect();
    texts.join(" ")
}

#[test]
fn a_number_heard_by_two_windows_is_one_number() {
    // The last word of a window is often timed late.
    let first = [("5", 1.0), ("6", 1.8), ("0", 3.1)];
    let second = [("6", 1.8), ("0", 2.6), ("9", 3.4), ("5", 4.2)];
    let third = [("0", 2.6), ("9", 3.4), ("5", 3.7), ("1", 4.6)];
    assert_eq!(
        text(&[
            (0.5, 0.5, 3.0, &first),
            (1.5, 3.0, 4.0, &second),
            (2.4, 4.0, 5.5, &third)
        ]),
        "5 6 0 9 5 1"
    );
}

#[test]
fn a_digit_spoken_twice_stays_two() {
    let first = [("5", 1.0), ("5", 1.3)];
    let second = [("5", 1.0), ("5", 1.3), ("8", 1.7)];
    assert_eq!(
        text(&[(0.5, 0.5, 1.4, &first), (0.5, 1.4, 2.5, &second)]),
        "5 5 8"
    );
}

#[test]
fn more_digits_heard_again_replace_fewer() {
    let first = [("3", 1.0), ("Hero.", 2.0)];
    let second = [("3", 1.0), ("0", 2.0), ("9", 3.4)];
    assert_eq!(
        text(&[(0.5, 0.5, 2.6, &first), (0.5, 2.6, 4.0, &second)]),
        "3 0 9"
    );
}

#[test]
fn fewer_digits_heard_again_change_nothing() {
    let first = [("3", 1.0), ("0", 1.4), ("4", 1.8)];
    let second = [("30", 1.2), ("please", 3.4)];
    assert_eq!(
        text(&[(0.5, 0.5, 2.6, &first), (0.5, 2.6, 4.0, &second)]),
        "3 0 4 please"
    );
}

#[test]
fn words_heard_again_are_not_told_twice() {
    let first = [("good", 1.0), ("morning", 1.4)];
    let second = [("good", 1.0), ("mourning", 1.4), ("madam", 3.0)];
    assert_eq!(
        text(&[(0.5, 0.5, 2.6, &first), (0.5, 2.6, 4.0, &second)]),
        "good morning madam"
    );
}
