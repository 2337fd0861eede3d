use super::*;
use crate::call::Sensitive;

const LEGS: &[Leg] = &[Leg::Agent, Leg::Customer];

fn span(start: f64, end: f64) -> Span {
    Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end))
}

/// What is heard in a conversation: `agent 1.0 What is ...`, a line for each turn, three words a second.
fn heard(said: &str, known: &Known) -> Vec<StillHeard> {
    let policy = Policy::default();
    let mut judge = Judge::new(&policy, LEGS, known);
    let mut end: f64 = 0.0;
    for line in said.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.splitn(3, ' ');
        let leg = usize::from(parts.next().unwrap() == "customer");
        let start: f64 = parts.next().unwrap().parse().unwrap();
        let texts: Vec<&str> = parts.next().unwrap().split(' ').collect();
        let words = texts.iter().enumerate().map(|(at, text)| Word {
            text: Sensitive::new((*text).to_owned()),
            span: span(at as f64 / 3.0, (at + 1) as f64 / 3.0),
            confidence: 0.9,
        });
        let until = start + texts.len() as f64 / 3.0;
        let window = span(start, until);
        let transcript = Transcript {
            words: words.collect(),
            ..Transcript::default()
        };
        judge.words(leg, window, window, transcript);
        end = end.max(until);
        // The other leg was silent meanwhile.
        judge.heard_until(0, MediaTime::from_seconds(end));
        judge.heard_until(1, MediaTime::from_seconds(end));
    }
    judge.finish()
}

fn hidden(stretches: &[(Leg, f64, f64, &str)]) -> Known {
    let mut known = Known::default();
    for (leg, start, end, kind) in stretches {
        known.hide(*leg, span(*start, *end), kind);
    }
    known
}

#[test]
fn a_card_that_nobody_hid_is_still_heard() {
    let found = heard(
        "agent 1.0 What is the card number please?
         customer 5.0 It is 4111 1111 1111 1111 thank you
         agent 12.0 Thank you very much.",
        &Known::default(),
    );
    let [card] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!((card.leg, card.kind.as_str()), (Leg::Customer, "pan"));
    assert!(card.start < 5.7 && card.end > 6.9, "{card:?}");
    assert!(card.start > 4.5 && card.end < 8.5, "{card:?}");
    assert!(!format!("{found:?}").contains("4111"));
}

#[test]
fn what_was_hidden_is_not_found_again() {
    let said = "agent 1.0 What is the card number please?
        customer 11.0 And that is all I have thank you.
        agent 14.0 And the three digits on the back?
        customer 19.0 There you are.
        agent 21.0 Thank you, that is forty five dollars.
        customer 26.0 When will it arrive?
        agent 28.0 In two to three days.";
    let known = hidden(&[
        (Leg::Customer, 4.0, 10.8, "pan"),
        (Leg::Customer, 16.8, 18.8, "cvv"),
    ]);
    assert_eq!(heard(said, &known), []);
}

#[test]
fn the_beginning_that_slipped_by_before_what_was_hidden_is_heard() {
    let said = "agent 1.0 What is the card number please?
        customer 4.0 It is four one one one
        agent 14.0 Thank you.";
    let known = hidden(&[(Leg::Customer, 6.1, 11.0, "pan")]);
    let found = heard(said, &known);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, "pan");
}

#[test]
fn ordinary_talk_is_not_held_against_a_recording() {
    for said in [
        "agent 1.0 Hello, what can I do for you today?
         customer 4.0 I would like to know about order number 4 5 8 2 2 1 please.
         agent 10.0 It leaves on Monday the third of May and costs twenty nine dollars and fifty cents.",
        "agent 1.0 What is your phone number?
         customer 4.0 It is 5 5 5 0 1 0 2 3 4 4.
         agent 9.0 And the zip code?
         customer 12.0 1 0 0 2 5.",
    ] {
        assert_eq!(heard(said, &Known::default()), [], "{said}");
    }
}

#[test]
fn what_was_never_examined_is_no_finding() {
    let mut known = Known::default();
    known.hide(Leg::Customer, span(3.5, 12.0), "pan");
    // The report calls it failed; the words around it are harmless.
    let said = "agent 1.0 What is the card number please?
        agent 14.0 Thank you.
        customer 16.0 You are welcome.";
    assert_eq!(heard(said, &known), []);
}

#[test]
fn a_long_call_is_judged_as_it_goes_on() {
    let mut said = String::new();
    for turn in 0..60 {
        let at = f64::from(turn) * 10.0;
        if turn == 30 {
            said += &format!("agent {at} What is the card number please?\n");
            said += &format!("customer {} 4111 1111 1111 1111\n", at + 4.0);
        } else {
            said += &format!("agent {at} We talk about the weather and the garden.\n");
            said += &format!("customer {} Yes it is lovely outside.\n", at + 4.0);
        }
    }
    let found = heard(&said, &Known::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((303.0..306.0).contains(&found[0].start), "{found:?}");
}
