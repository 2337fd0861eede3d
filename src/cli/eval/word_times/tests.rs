use super::*;
use crate::audio::{MediaTime, Span};

fn word(text: &str, start: f64, end: f64) -> Word {
    Word {
        text: Sensitive::new(text.to_owned()),
        span: Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end)),
        confidence: 1.0,
    }
}

fn window(leg: Leg, words: Vec<Word>) -> HeardWindow {
    HeardWindow { leg, words }
}

/// Digits half a second each, from 10 s on.
fn labels(digits: &[u8]) -> Labels {
    let times: Vec<(f64, f64)> = (0..digits.len())
        .map(|at| (10.0 + at as f64 / 2.0, 10.5 + at as f64 / 2.0))
        .collect();
    Labels {
        name: "call".into(),
        audio: "call.wav".into(),
        spoken: None,
        sample_rate: 8_000,
        channels: vec!["agent".into(), "customer".into()],
        scenario: String::new(),
        sensitive: vec![Item {
            channel: 1,
            kind: "pan".into(),
            start: 10.0,
            end: times[times.len() - 1].1,
            digits: times,
            timed: Some(Sensitive::new(digits.to_vec())),
        }],
        benign: Vec::new(),
    }
}

const LEGS: [Leg; 2] = [Leg::Agent, Leg::Customer];

/// The indices of matches; `-` where there is none.
fn check(said: &[u8], heard: &[(u8, f64)], expected: &str) {
    let said_at: Vec<_> = (0..said.len()).map(|at| (at as f64, at as f64)).collect();
    let digits: Vec<u8> = heard.iter().map(|(digit, _)| *digit).collect();
    let heard_at: Vec<_> = heard.iter().map(|(_, at)| (*at, *at)).collect();
    let found: Vec<String> = align(said, &said_at, &digits, &heard_at)
        .iter()
        .map(|at| at.map_or("-".to_owned(), |at| at.to_string()))
        .collect();
    assert_eq!(found.join(" "), expected, "{said:?} {heard:?}");
}

#[test]
fn digits_are_aligned_in_order() {
    check(&[4, 1, 1], &[(4, 0.1), (1, 1.1), (1, 2.1)], "0 1 2");
    check(&[4, 5, 6], &[(4, 0.0), (6, 2.0)], "0 - 1");
    check(&[4, 5], &[(9, 0.0), (4, 0.0), (5, 1.0)], "1 2");
    check(&[4, 5, 6], &[(4, 0.0), (9, 1.0), (6, 2.0)], "0 - 2");
    check(&[4, 5], &[], "- -");
    check(&[], &[(4, 0.0)], "");
}

#[test]
fn of_repeated_digits_the_nearest_is_meant() {
    check(&[1, 1, 1, 1], &[(1, 2.1), (1, 3.1)], "- - 0 1");
    check(&[7, 3, 4, 5, 6, 8], &[(7, 4.4)], "- - - - - -");
}

#[test]
fn a_word_of_several_digits_is_shared_out() {
    let timed = read(&[
        word("It's", 0.0, 0.5),
        word("4539,", 1.0, 3.0),
        word("forty-five", 3.0, 4.0),
    ]);
    assert_eq!(timed.digits.expose().as_slice(), [4, 5, 3, 9, 4, 5]);
    assert_eq!(
        timed.times,
        [
            (1.0, 1.5),
            (1.5, 2.0),
            (2.0, 2.5),
            (2.5, 3.0),
            (3.0, 3.5),
            (3.5, 4.0)
        ]
    );
}

#[test]
fn the_first_window_that_heard_a_digit_counts_and_other_legs_do_not() {
    let labels = labels(&[4, 5, 3]);
    let windows = [
        window(Leg::Agent, vec![word("453", 10.0, 11.5)]),
        window(
            Leg::Customer,
            vec![word("four", 10.25, 10.5), word("five", 10.5, 10.75)],
        ),
        window(
            Leg::Customer,
            vec![word("5", 10.5, 11.0), word("3", 11.0, 11.75)],
        ),
        // Long after.
        window(Leg::Customer, vec![word("453", 20.0, 21.5)]),
    ];
    let found = differences(&labels, &LEGS, &windows);
    assert_eq!(found.digits, 3);
    assert_eq!(found.heard, [(0.25, 0.0), (0.0, -0.25), (0.0, 0.25)]);
}

#[test]
fn labels_without_times_are_left_out() {
    let mut labels = labels(&[4, 5, 3]);
    labels.sensitive[0].timed = None;
    let windows = [window(Leg::Customer, vec![word("453", 10.0, 11.5)])];
    assert_eq!(
        differences(&labels, &LEGS, &windows),
        Differences::default()
    );
}

#[test]
fn differences_add_up() {
    let one = Differences {
        digits: 3,
        heard: vec![(0.1, -0.3), (-0.1, 0.0)],
    };
    let other = Differences {
        digits: 1,
        heard: vec![(0.6, 0.0)],
    };
    let times = WordTimes::of([one, other].iter());
    assert_eq!((times.digits, times.matched), (4, 3));
    assert_eq!((times.start.median_s, times.start.bias_s), (0.1, 0.2));
    assert_eq!((times.end.p95_s, times.end.bias_s), (0.27, -0.1));
    assert_eq!((times.start_late, times.end_early), (1, 1));
    let none = WordTimes::of([].iter());
    assert_eq!(
        (none.matched, none.start.median_s, none.end.bias_s),
        (0, 0.0, 0.0)
    );
}
