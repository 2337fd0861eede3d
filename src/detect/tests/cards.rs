use super::script::{check, check_with};
use crate::policy::Policy;

#[test]
fn an_asked_number_in_groups() {
    check(&[
        "agent 5.0: {Can I have the card number please?}",
        "customer 9.5: sure it's [four one one one, |0.6| one one one one, |0.6| one one one one, |0.6| one one one one.]",
        "agent: {Thank you. And what is the name on the card?}",
        "customer: {John Smith from Springfield Illinois}",
    ]);
}

#[test]
fn written_in_any_grouping() {
    for number in [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4,111 1,111 1,111 1,111",
        "41 11 11 11 11 11 11 11",
        "411111 1111 111111",
    ] {
        check(&[
            "agent 5.0: {What's the card number?}",
            &format!("customer: [{number}]"),
            "agent: {Great, thank you. Is there anything else that I can help you with today?}",
            "customer: {No that was all thanks for your help}",
        ]);
    }
}

#[test]
fn slow_groups_with_encouragement() {
    check(&[
        "agent 5.0: {May I have your credit card number?}",
        "customer 9.0: [five one oh five] |2.5| [one oh five one] |3.0| [oh five one] |3.0| [oh five one oh oh]",
        "agent 11.5: {Mm-hm.}",
        "agent 16.0: {Okay.}",
        "agent 20.0: {Uh-huh.}",
        "agent 26.0: {Perfect. Thank you. Let me put that through for you now.}",
        "customer: {okay great how long will it take}",
    ]);
}

#[test]
fn the_answer_comes_after_a_stall() {
    check(&[
        "agent 5.0: {Can you read me the number on the front of the card?}",
        "customer 11.0: yeah {hold on, let me get my wallet out of my purse}",
        "agent 18.0: {Take your time.}",
        "customer 24.0: okay [four two four two four two four two four two four two four two four two]",
        "agent: {Thank you so much for that, I will process the payment now.}",
        "customer: {Sounds good, I will wait for the email then.}",
    ]);
}

#[test]
fn an_unasked_number_is_hidden() {
    check(&[
        "customer 5.0: {Hi I would like to pay my bill} it's a visa, [four zero one two, eight eight eight eight, eight eight eight eight, one eight eight one]",
        "agent: {Thank you, let me just pull up your account now.}",
    ]);
    check(&[
        "customer 5.0: {hello there} [5500 0000 0000 0004] that's my mastercard",
        "agent: {Alright, and how much did you want to pay today?}",
        "customer: {forty five dollars}",
    ]);
}

#[test]
fn an_unasked_number_in_slow_groups_is_hidden_from_its_first_digit() {
    check(&[
        "customer 5.0: okay so it is [four five three nine] |2.0| [one two three four] |2.0| [five six seven eight] |2.0| [nine oh one two]",
        "agent: {Okay thank you, one moment while I look that up for you.}",
    ]);
}

#[test]
fn a_checksum_that_fails_clears_nothing() {
    check(&[
        "customer 5.0: [4111 1111 1111 1112]",
        "agent: {I see. What can I do for you today?}",
    ]);
    check(&[
        "agent 5.0: {what is your order number?}",
        "customer: it's my card actually [four one one one one one one one one one one one one one one one]",
    ]);
}

#[test]
fn an_amex_number_with_its_expiry_and_code() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [three seven eight two] |0.7| [eight two two four six three] |0.7| [one oh oh oh five]",
        "agent: {And the expiration date?}",
        "customer: [oh six twenty nine]",
        "agent: {And the four digits on the front of the card?}",
        "customer: [one two three four]",
        "agent: {Wonderful, that has gone through. You will get an email shortly.}",
        "customer: {Perfect, thank you very much, goodbye now.}",
    ]);
}

#[test]
fn several_things_asked_at_once() {
    check(&[
        "agent 5.0: {I need the card number, the expiration date and the security code please.}",
        "customer: [five five five five five five five five five five five five four four four four] |1.8| [twelve twenty six] |1.8| [one two three]",
        "agent: {Thank you, and what is the billing zip code?}",
        "customer: {nine four one oh three}",
    ]);
}

#[test]
fn a_code_alone() {
    check(&[
        "agent 5.0: {What is the three digit code on the back?}",
        "customer: [nine zero four]",
        "agent: {Thank you. Your payment has been accepted and you are all set.}",
        "customer: {great thanks for helping me with that}",
    ]);
    check(&[
        "agent 5.0: {And the CVV?}",
        "customer: um [four six one]",
        "agent: {okay that went through, anything else?}",
    ]);
    check(&[
        "agent 5.0: Could you tell me the security code on the card",
        "customer: yes it's [7 7 3]",
    ]);
    check(&[
        "agent 5.0: and the three digits on the back please",
        "customer: [773.]",
    ]);
}

#[test]
fn an_expiry_in_words() {
    for answer in [
        "[June twenty twenty nine]",
        "[06/29]",
        "[oh six two nine]",
        "it expires [March 2027]",
        "[zero nine slash twenty eight]",
    ] {
        check(&[
            "agent 5.0: {When does it expire?}",
            &format!("customer: {answer}"),
            "agent: {Thank you. I have processed that for you and it will ship tomorrow.}",
            "customer: {Excellent, have a wonderful day}",
        ]);
    }
}

#[test]
fn a_number_read_back_is_hidden_on_the_agent_leg() {
    check(&[
        "agent 5.0: {Can I have the credit card number?}",
        "customer: [four six one four eight five four oh five eight one oh seven five eight two]",
        "agent: Let me read that back. [four six one four] |0.5| [eight five four oh] |0.5| [five eight one oh] |0.5| [seven five eight two]",
        "customer: {Yes that is correct.}",
        "agent: {Wonderful. The total comes to forty five dollars and will be charged today.}",
    ]);
    check(&[
        "agent 5.0: {What's the security code?}",
        "customer: [three nine one]",
        "agent: so that's [three nine one] thank you",
    ]);
}

#[test]
fn a_read_back_is_corrected() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [four six one four eight five four oh five eight one oh seven five eight two]",
        "agent: so that's [four six one four eight five four oh five eight one oh seven five eight three]",
        "customer: no it ends [seven five eight two]",
        "agent: okay [seven five eight two], {thank you for your patience today}",
    ]);
}

#[test]
fn a_correction_keeps_the_run() {
    check(&[
        "agent 5.0: {card number please}",
        "customer: [four five three nine, sorry, three eight, one two three four five six seven eight nine oh one two]",
        "agent: {Alright, let me see what I can do about that.}",
    ]);
}

#[test]
fn a_second_card_later() {
    check(&[
        "agent 5.0: {Can I get the card number?}",
        "customer: [four three one seven one oh oh eight nine eight nine seven two three two six]",
        "agent: {I am sorry, that one was declined. Do you have another card?}",
        "customer: {yes I do} it's [five three one two six two five eight five six two six three two one one]",
        "agent: {Great, that one went through just fine.}",
        "customer: {oh good I was getting worried there}",
    ]);
}

#[test]
fn an_announced_number() {
    check(&[
        "customer 5.0: {Hello, I want to pay.} My card number is [four one one one one one one one one one one one one one one one] and the security code is [one two three]",
        "agent: {Thank you, I will take care of that.}",
    ]);
    check(&[
        "agent 5.0: Your card number is [four one one one one one one one one one one one one one one one]",
    ]);
    check(&[
        "customer 5.0: the expiry is [oh six twenty nine] and the CVV is [8 2 2]",
        "agent: {All done, thank you for calling us today.}",
    ]);
}

#[test]
fn a_question_cut_by_windows() {
    check(&[
        "agent 5.0: Okay and can I have your card. |0.5| Number please.",
        "customer 10.0: [4111 1111] |1.0| [1111 1111]",
    ]);
    check(&[
        "agent 5.0: what is the long number. |0.4| on the front of. |0.3| your card",
        "customer: [five five five five] |1.0| [five five five five] |1.0| [five five five five] |1.0| [four four four four]",
    ]);
}

#[test]
fn a_reprompt_keeps_the_expectation() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [four five three nine one two three four]",
        "agent: {Sorry, you broke up, could you repeat the last four?}",
        "customer: [one two three four] |1.0| [five six seven eight nine oh one two]",
        "agent: {Thank you, that is all I need from you.}",
    ]);
    check(&[
        "agent 5.0: {What is the security code?}",
        "customer: {What do you mean, where do I find that on the card?}",
        "agent: {It's the three digits on the back of the card.}",
        "customer: oh okay [nine oh four]",
    ]);
}

#[test]
fn a_pronoun_question() {
    check(&[
        "agent 5.0: {It looks like we don't have your card number on file. Could you read it to me?}",
        "customer: sure [four one one one one one one one one one one one one one one one]",
    ]);
}

#[test]
fn a_personal_identification_number_and_track_data() {
    check(&[
        "agent 5.0: {What's your PIN?}",
        "customer: it's [one nine eight four]",
        "agent: {Thank you, you are verified now.}",
    ]);
    check(&[
        "customer 5.0: my pin number is [four three two one]",
        "agent: {please do not share that with anyone}",
    ]);
    check(&[
        "agent 5.0: {Please read me the track two data from the magnetic stripe.}",
        "customer: [four one one one one one one one one one one one one one one one equals two nine oh six one oh one]",
    ]);
}

#[test]
fn both_parties_on_one_leg() {
    check(&[
        "mixed 5.0: {Can I have the card number please?} |1.2| Yes. [four one one one one one one one one one one one one one one one] |1.0| Thank you.",
        "mixed: And the security code? |1.0| [one two three] |1.0| Great. {Your payment has been taken and you should see it on your statement.}",
    ]);
}

#[test]
fn an_answer_without_any_recognised_word_is_still_hidden() {
    // The window after the question is covered although nothing was recognised in it.
    let script = super::script::script(&["agent 5.0: What is the security code?"]);
    let until = crate::audio::MediaTime::from_seconds(12.0);
    let findings = crate::detect::find(&script.words, until, &Policy::default());
    assert!(
        findings.iter().any(|f| f.leg == crate::call::Leg::Customer
            && f.span.start.seconds() < 8.0
            && f.span.end.seconds() > 20.0),
        "{findings:?}"
    );
}

#[test]
fn last_four_follow_the_policy() {
    let lines = |mark: &str| {
        let (open, close) = mark.split_at(1);
        vec![
            format!(
                "agent 5.0: Is that the card ending in {open}one two three four{close} that you want to use?"
            ),
            "customer: {yes please use that one}".to_owned(),
        ]
    };
    let run = |policy: &Policy, mark: &str| {
        let lines = lines(mark);
        check_with(
            policy,
            &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    };
    run(&Policy::default(), "{}");
    run(&Policy::parse("last_four = \"hide\"", "p").unwrap(), "[]");
    check(&[
        "agent 5.0: {What are the last four digits of your card?}",
        "customer: {it's one two three four}",
    ]);
}

#[test]
fn a_full_number_is_hidden_where_only_four_digits_were_asked_for() {
    check(&[
        "agent 5.0: {What are the last four digits of the card number?}",
        "customer: [four one one one one one one one one one one one one one one one]",
    ]);
}

#[test]
fn the_agent_names_the_last_four_after_the_answer() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [four six one four eight five four oh five eight one oh seven five eight two]",
        "agent: {Thank you. I will charge the card ending in seven five eight two.}",
    ]);
}
