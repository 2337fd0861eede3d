use crate::audio::MediaTime;
use crate::detect::conversation::{Conversation, Heard};
use crate::detect::tests::script::script;
use crate::policy::Policy;

use super::*;

/// The digits of each run, with the lengths of its groups.
fn found(lines: &[&str]) -> Vec<(String, Vec<usize>)> {
    let script = script(lines);
    let words: Vec<Heard<'_>> = script.words.iter().map(Heard::from).collect();
    let mut conversation = Conversation::new(&words);
    let policy = Policy::default();
    let mentions = crate::detect::question::mentions(&conversation, &policy);
    crate::detect::question::mark_wordy_numbers(&mut conversation, &mentions);
    runs(&conversation, &mentions)
        .iter()
        .map(|run| {
            (
                run.digits.iter().map(ToString::to_string).collect(),
                run.groups.clone(),
            )
        })
        .collect()
}

#[test]
fn groups_join_over_pauses_fillers_and_encouragement() {
    let one = |digits: &str, groups: &[usize]| vec![(digits.to_owned(), groups.to_vec())];
    assert_eq!(
        found(&[
            "customer 1.0: four one one one |1.0| one two three four",
            "agent 2.8: okay"
        ]),
        one("41111234", &[4, 4])
    );
    assert_eq!(
        found(&["customer 1.0: four one uh and then one two"]),
        one("4112", &[2, 2])
    );
    assert_eq!(
        found(&["customer 1.0: 4111 |5.0| 1234", "agent 3.0: mm-hm."]),
        one("41111234", &[4, 4])
    );
    assert_eq!(
        found(&["customer 1.0: 483-83-8992"]),
        one("483838992", &[3, 2, 4])
    );
    assert_eq!(
        found(&["customer 1.0: four five three nine, sorry, three eight"]),
        one("453938", &[4, 2])
    );
}

#[test]
fn other_words_long_pauses_and_questions_separate() {
    let count = |lines: &[&str]| found(lines).len();
    assert_eq!(
        count(&["customer 1.0: 4111 for my house on the hill 1234"]),
        2
    );
    assert_eq!(count(&["customer 1.0: 4111 |9.0| 1234"]), 2);
    assert_eq!(
        count(&[
            "customer 1.0: 4111 |3.5| 94103",
            "agent 3.0: And what is your zip code?"
        ]),
        2
    );
    assert_eq!(
        count(&["customer 1.0: 4111 1111", "agent 3.0: 5555 5555"]),
        2
    );
    assert_eq!(
        count(&["customer 1.0: the sixteen digit number, one moment"]),
        0
    );
}

#[test]
fn a_run_is_open_until_its_speaker_or_the_other_goes_on() {
    let open = |lines: &[&str], until: f64| {
        let script = script(lines);
        let words: Vec<Heard<'_>> = script.words.iter().map(Heard::from).collect();
        let conversation = Conversation::new(&words);
        runs(&conversation, &[])[0].open(
            MediaTime::from_seconds(until),
            MediaTime::from_millis(3_500),
        )
    };
    assert!(open(&["customer 1.0: 4111 1111"], 4.0));
    assert!(!open(&["customer 1.0: 4111 1111"], 6.0));
    assert!(!open(
        &["customer 1.0: 4111 1111 is how many people came"],
        4.0
    ));
    assert!(!open(
        &[
            "customer 1.0: 4111 1111",
            "agent 2.2: The weather is really nice today"
        ],
        4.0
    ));
}

/// A word is looked at once: looking for each of its digits took a minute for one like this.
#[test]
fn a_word_of_very_many_digits_is_one_group() {
    let length = 200_000;
    let found = found(&[&format!("customer 1.0: {}", "1".repeat(length))]);
    let [(digits, groups)] = &found[..] else {
        panic!("{} runs", found.len());
    };
    assert_eq!((digits.len(), &groups[..]), (length, &[length][..]));
}
