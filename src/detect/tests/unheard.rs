//! Questions in speech that nobody could examine.

use super::script::script;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::{Finding, HeardUntil, Hearing, find};
use crate::policy::Policy;

/// What is found when the agent's speech of the given seconds could not be examined.
fn found(lines: &[&str], unheard: Option<(f64, f64)>) -> Vec<Finding> {
    found_without(lines, Leg::Agent, unheard)
}

/// What is found when a leg's speech of the given seconds could not be examined.
fn found_without(lines: &[&str], leg: Leg, unheard: Option<(f64, f64)>) -> Vec<Finding> {
    let hearing = Hearing {
        until: HeardUntil::from(MediaTime::from_seconds(60.0)),
        unheard: unheard
            .map(|(start, end)| {
                let span = Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end));
                (leg, span)
            })
            .into_iter()
            .collect(),
        leaves_to: None,
    };
    find(&script(lines).words, hearing, &Policy::default())
}

#[test]
fn digits_after_an_unheard_question_are_hidden() {
    let lines = ["agent 1.0: thank you", "customer 9.0: nine zero four"];
    assert_eq!(found(&lines, None), []);
    let findings = found(&lines, Some((5.0, 8.5)));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].rule, "unheard_question");
    assert_eq!(findings[0].leg, Leg::Customer);
}

#[test]
fn a_harmless_question_heard_since_explains_them() {
    let lines = [
        "agent 9.0: and what is your zip code",
        "customer 12.0: seven two six seven nine",
    ];
    assert_eq!(found(&lines, Some((5.0, 8.5))), []);
}

#[test]
fn digits_long_after_it_are_not() {
    let lines = ["customer 30.0: about nine zero four"];
    assert_eq!(found(&lines, Some((5.0, 8.5))), []);
}

#[test]
fn a_short_answer_after_an_unheard_question_may_be_misheard_digits() {
    let lines = ["agent 1.0: thank you", "customer 9.0: it'll all"];
    assert_eq!(found(&lines, None), []);
    let findings = found(&lines, Some((5.0, 8.5)));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].rule, "unheard_question");
    assert_eq!(findings[0].leg, Leg::Customer);
}

#[test]
fn a_yes_and_plain_talk_are_heard_after_it() {
    for said in [
        "yes",
        "let me get my wallet it is in the kitchen",
        "i would like to know why you have sent me another bill for this month",
    ] {
        let line = format!("customer 9.0: {said}");
        assert_eq!(found(&[&line], Some((5.0, 8.5))), [], "{said}");
    }
}

#[test]
fn a_digit_beside_unheard_speech_of_the_same_party_may_be_the_rest_of_a_number() {
    let lines = ["customer 9.0: four"];
    assert_eq!(found_without(&lines, Leg::Customer, None), []);
    for unheard in [(5.0, 8.5), (9.8, 12.0)] {
        let findings = found_without(&lines, Leg::Customer, Some(unheard));
        assert_eq!(findings.len(), 1, "{unheard:?}");
        assert_eq!(findings[0].rule, "beside_unheard");
    }
    assert_eq!(found_without(&lines, Leg::Customer, Some((2.0, 6.0))), []);
}

#[test]
fn digits_that_leave_before_what_follows_is_heard_may_begin_a_number() {
    let lines = ["customer 9.0: four one"];
    let found = |leaves_to, until| {
        let hearing = Hearing {
            until: HeardUntil::from(MediaTime::from_seconds(until)),
            unheard: Vec::new(),
            leaves_to: Some(MediaTime::from_seconds(leaves_to)),
        };
        let findings = find(&script(&lines).words, hearing, &Policy::default());
        findings.first().map(|finding| finding.rule)
    };
    assert_eq!(found(10.0, 9.9), Some("unfinished"));
    // There is time to hear what follows, or it was heard.
    assert_eq!(found(5.5, 9.9), None);
    assert_eq!(found(10.0, 20.0), None);
}
