use super::script::check;

#[test]
fn a_code_misheard_as_words() {
    check(&[
        "agent 5.0: {What is the security code?}",
        "customer: [Nice little ball.]",
        "agent: {Thank you. I have sent the confirmation to your email address.}",
        "customer: {Okay, I will look out for that then.}",
    ]);
    check(&[
        "agent 5.0: and the three digits on the back?",
        "customer: [Night zero for.]",
        "agent: {Perfect, all done.}",
    ]);
}

#[test]
fn a_card_misheard_as_debris() {
    check(&[
        "agent 5.0: {Can I have the card number please?}",
        "customer: [R31 E32 R32 5, R32] |1.0| [for 3 T8 three]",
        "agent: {Thank you very much, let me check that for you.}",
    ]);
}

#[test]
fn a_question_misheard() {
    for question in [
        "Can I have your credit guard number please?",
        "What is the credit cart number?",
        "and can I get the court number on the front of the card",
        "Could you give me the card numbers",
        "What's the sixteen digit number?",
        "Go ahead with the long card number.",
    ] {
        check(&[
            &format!("agent 5.0: {question}"),
            "customer: [four eight nine three two eight seven nine two one seven four two one eight oh]",
            "agent: {Alright, thank you, I will run that now for you.}",
            "customer: {Okay sounds good to me.}",
        ]);
    }
    for question in [
        "What is the security coat?",
        "And the security cold on the back?",
        "What is the see V V?",
        "And the C V V please.",
        "What's the securty code?",
        "the three digits on the back please",
        "and the three digit security code",
    ] {
        check(&[
            &format!("agent 5.0: {question}"),
            "customer: [Nine Sarah for]",
            "agent: {Great, your order is on its way to you now.}",
        ]);
    }
    for question in [
        "What is your social scary number?",
        "And your social please?",
        "May I have your Social Security number?",
        "What's the last four of your social?",
    ] {
        check(&[
            &format!("agent 5.0: {question}"),
            "customer: [four three seven four] |0.8| [two oh]",
            "agent: {Alright.}",
        ]);
    }
}

#[test]
fn first_digits_misheard_as_words() {
    check(&[
        "customer 5.0: {I'd like to pay the bill today} |1.0| [for you three oh four five five three nine seven one seven nine seven two two]",
        "agent: {Okay, thanks for that, hold on.}",
    ]);
}

#[test]
fn pairs_and_prices() {
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [forty thirty-two, thirty oh four, fifty-five thirty-nine, seventy-one seventeen]",
    ]);
    check(&[
        "agent 5.0: {What is the card number?}",
        "customer: [$40.32, 30.04, 55:39, 7117.]",
        "agent: {Thank you, and what color would you like to order?}",
    ]);
}

#[test]
fn misheard_groups_while_a_run_is_open() {
    check(&[
        "customer 5.0: [4539, E12 34, five six seven eight, R90 12]",
        "agent: {okay great, thank you for calling, how may I help}",
    ]);
}

#[test]
fn digits_after_a_question_of_which_nothing_was_understood() {
    check(&[
        "agent 5.0: {and the advisory and the breathing is on the back, please.}",
        "customer: go [three so five two six] and [three eight zero]",
        "agent: {Everything went through fine and we will see the rest tomorrow morning.}",
    ]);
}
