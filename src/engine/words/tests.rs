//! Tables: tokens and sound in, words with times out.

use super::*;

/// `" four@0.96"`: a token and its end with the delay that an alignment has; without `@` it has none.
fn tokens(written: &[&str]) -> Vec<Token> {
    written
        .iter()
        .map(|token| {
            let (text, end) = token.split_once('@').map_or((*token, None), |(text, end)| {
                (text, Some(end.parse::<f64>().unwrap() - 0.18))
            });
            Token {
                bytes: Sensitive::new(text.as_bytes().to_vec()),
                probability: 0.5,
                end,
            }
        })
        .collect()
}

/// Sound in these spans, near silence elsewhere.
fn sound(seconds: f64, spans: &[(f64, f64)]) -> Envelope {
    let samples: Vec<f32> = (0..(seconds * 16_000.0) as usize)
        .map(|index| {
            let time = index as f64 / 16_000.0;
            let sounds = spans.iter().any(|(a, b)| (*a..*b).contains(&time));
            let loudness = if sounds { 0.3 } else { 0.0005 };
            if index % 2 == 0 { loudness } else { -loudness }
        })
        .collect();
    Envelope::of(&samples)
}

fn check(written: &[&str], envelope: &Envelope, seconds: f64, expected: &[(&str, f64, f64)]) {
    let words = assemble(&tokens(written), envelope, seconds);
    let got: Vec<(&str, f64, f64)> = words
        .iter()
        .map(|word| {
            let (start, end) = (word.span.start.seconds(), word.span.end.seconds());
            (word.text.expose().as_str(), start, end)
        })
        .collect();
    assert_eq!(got.len(), expected.len(), "{got:?}");
    for (got, expected) in got.iter().zip(expected) {
        assert_eq!(got.0, expected.0);
        let off = (got.1 - expected.1).abs().max((got.2 - expected.2).abs());
        assert!(off < 0.025, "{got:?}, expected {expected:?}");
    }
}

#[test]
fn tokens_join_into_words_at_spaces() {
    let steady = sound(4.0, &[(0.0, 4.0)]);
    check(
        &[" may@1.18", "be@1.38", ",@1.48", " four@1.98"],
        &steady,
        4.0,
        &[("maybe,", 0.0, 1.2), ("four", 1.3, 1.8)],
    );
}

#[test]
fn a_word_is_no_longer_than_it_can_be_spoken() {
    let steady = sound(9.0, &[(0.0, 9.0)]);
    check(&[" no@5.18"], &steady, 9.0, &[("no", 4.22, 5.0)]);
    // Digits are words of their own, so a token of four may last.
    check(&[" 4532@5.18"], &steady, 9.0, &[("4532", 2.0, 5.0)]);
}

#[test]
fn ends_meet_the_edges_of_sound() {
    let envelope = sound(4.0, &[(0.5, 1.0), (1.5, 2.0)]);
    check(
        &[" five@1.3", " six@2.1"],
        &envelope,
        4.0,
        &[("five", 0.4, 1.0), ("six", 1.4, 2.0)],
    );
}

#[test]
fn missing_alignments_share_the_time_between() {
    let steady = sound(4.0, &[(0.0, 4.0)]);
    check(
        &[" a@1.18", " b", " c@2.18"],
        &steady,
        4.0,
        &[("a", 0.31, 1.0), ("b", 1.0, 1.5), ("c", 1.5, 2.0)],
    );
    check(
        &[" a", " b"],
        &steady,
        4.0,
        &[("a", 0.64, 1.33), ("b", 1.98, 2.67)],
    );
}

#[test]
fn what_is_not_spoken_is_no_word() {
    let envelope = sound(6.0, &[(0.5, 2.0)]);
    check(&[" -@0.5", " ...@0.9"], &envelope, 6.0, &[]);
    check(
        &[" yes@2.1", " Thank@4.4", " you@4.9"],
        &envelope,
        6.0,
        &[("yes", 1.05, 2.0)],
    );
    check(&[], &envelope, 6.0, &[]);
}

#[test]
fn a_character_of_several_tokens_is_joined() {
    let steady = sound(2.0, &[(0.0, 2.0)]);
    let mut parts = tokens(&[" caf@0.9", "@1.0", "@1.1"]);
    parts[1].bytes = Sensitive::new(vec![0xC3]);
    parts[2].bytes = Sensitive::new(vec![0xA9]);
    let words = assemble(&parts, &steady, 2.0);
    assert_eq!(words[0].text.expose(), "café");
}

#[test]
fn words_stay_in_order_inside_the_window() {
    let envelope = sound(2.0, &[(0.2, 0.4), (0.9, 1.1)]);
    let written: Vec<String> = (0..30)
        .map(|index| format!(" w@{}", index as f64 * 0.1))
        .collect();
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    let words = assemble(&tokens(&written), &envelope, 2.0);
    for pair in words.windows(2) {
        assert!(pair[0].span.start <= pair[1].span.start);
    }
    assert!(words.iter().all(|word| !word.span.is_empty()));
    assert!(
        words
            .iter()
            .all(|word| word.span.end <= MediaTime::from_millis(2_000))
    );
}

#[test]
fn spelled_letters_take_as_long_as_digits() {
    let steady = sound(5.0, &[(0.0, 5.0)]);
    check(
        &[
            " well@0.58",
            " R@0.98",
            "-@1.18",
            "2@1.98",
            "-@2.18",
            "E@3.18",
        ],
        &steady,
        5.0,
        &[("well", 0.0, 0.4), ("R-2-E", 0.42, 3.0)],
    );
}
