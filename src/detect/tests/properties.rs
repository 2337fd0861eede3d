use proptest::prelude::*;

use super::script::script;
use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::detect::{HeardWord, find};
use crate::policy::Policy;

fn words() -> impl Strategy<Value = Vec<HeardWord>> {
    let word = prop_oneof![
        4 => prop::sample::select(vec![
            "four", "one", "five", "nine", "oh", "twenty", "4111", "1111", "R32", "$4.50", "10:30", "06/29", "double",
            "what", "is", "the", "card", "number", "security", "code?", "please.", "thank", "you", "okay", "my", "expires",
            "social", "last", "hold", "on", "phone", "zip", "let", "me", "read", "that", "back", "it's", "A", "B", "sorry",
        ]).prop_map(str::to_owned),
        1 => "\\PC{1,8}".prop_filter("a word is not blank", |w| !w.trim().is_empty()),
    ];
    prop::collection::vec((word, 0u64..2_500, 50u64..900, 0usize..3), 0..80).prop_map(|entries| {
        let mut time = 0;
        entries
            .into_iter()
            .map(|(text, pause, length, leg)| {
                time += pause;
                HeardWord {
                    leg: [Leg::Agent, Leg::Customer, Leg::Mixed][leg],
                    span: Span::new(
                        MediaTime::from_millis(time),
                        MediaTime::from_millis(time + length),
                    ),
                    text: Sensitive::new(text),
                    confidence: 0.5,
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_words_give_ordered_findings_without_values(words in words(), lag in 0u64..20_000) {
        let until = words.last().map_or(MediaTime::ZERO, |word| word.span.end) + MediaTime::from_millis(lag);
        for profile in ["strict", "balanced", "lenient"] {
            let policy = Policy::parse(&format!("profile = {profile:?}"), "p").unwrap();
            let findings = find(&words, until, &policy);
            prop_assert!(findings.windows(2).all(|pair| pair[0].span.start <= pair[1].span.start));
            for finding in &findings {
                prop_assert!(!finding.span.is_empty());
                prop_assert!((0.0..=1.0).contains(&finding.confidence));
                let longest = finding.reason.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
                prop_assert!(longest.unwrap_or(0) < 3, "{}", finding.reason);
                prop_assert!(finding.rule.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            }
        }
    }

    #[test]
    fn the_order_of_words_does_not_matter(words in words(), seed in any::<u64>()) {
        let until = words.last().map_or(MediaTime::ZERO, |word| word.span.end);
        // Words of one leg never start together; those of two legs may.
        let mut starts = std::collections::BTreeSet::new();
        let words: Vec<HeardWord> = words.into_iter().filter(|word| starts.insert((word.span.start, word.leg))).collect();
        let mut shuffled = words.clone();
        let mut state = seed | 1;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, (state >> 33) as usize % (index + 1));
        }
        let policy = Policy::default();
        prop_assert_eq!(find(&words, until, &policy), find(&shuffled, until, &policy));
    }

    #[test]
    fn any_card_after_a_question_is_hidden_whole(
        digits in prop::collection::vec(0usize..10, 16),
        pauses in prop::collection::vec(0u32..3, 16),
    ) {
        const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        let spoken: Vec<String> = digits
            .iter()
            .zip(&pauses)
            .map(|(digit, pause)| format!("|0.{}| {}", pause * 3, NAMES[*digit]))
            .collect();
        let answer = format!("customer: {}", spoken.join(" "));
        let script = script(&["agent 2.0: What is the card number?", &answer]);
        let findings = find(&script.words, MediaTime::from_seconds(script.end + 10.0), &Policy::default());
        for word in script.words.iter().filter(|word| word.leg == Leg::Customer) {
            prop_assert!(findings.iter().any(|finding| finding.leg == Leg::Customer
                && finding.span.start <= word.span.start && word.span.end <= finding.span.end));
        }
    }
}
