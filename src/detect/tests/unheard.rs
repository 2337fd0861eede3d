//! Questions in speech that nobody could examine.

use super::script::script;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::{Finding, HeardUntil, Hearing, find};
use crate::policy::Policy;

/// What is found when the agent's speech of the given seconds could not be examined.
fn found(lines: &[&str], unheard: Option<(f64, f64)>) -> Vec<Finding> {
    let script = script(lines);
    let hearing = Hearing {
        until: HeardUntil::from(MediaTime::from_seconds(60.0)),
        unheard: unheard
            .map(|(start, end)| {
                let span = Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end));
                (Leg::Agent, span)
            })
            .into_iter()
            .collect(),
    };
    find(&script.words, hearing, &Policy::default())
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
