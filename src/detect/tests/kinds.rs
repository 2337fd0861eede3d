use super::script::{check, check_with};
use crate::policy::Policy;

#[test]
fn social_security_numbers() {
    check(&[
        "agent 5.0: {What is your social security number?}",
        "customer: [four three seven |0.5| four two |0.5| oh seven eight oh]",
        "agent: {Thank you, I have found your file.}",
        "customer: {oh that was quick thank you}",
    ]);
    check(&[
        "customer 5.0: it is [219-09-9999] by the way",
        "agent: {I see, thank you.}",
    ]);
    check(&[
        "agent 5.0: {Can I have the last four of your social?}",
        "customer: [oh seven eight oh]",
        "agent: {Great, thanks, now how can I help you today?}",
        "customer: {I have a question about my statement}",
    ]);
}

#[test]
fn bank_details() {
    check(&[
        "agent 5.0: {What's your routing number?}",
        "customer: [oh two one oh oh oh oh two one]",
        "agent: {And the bank account number?}",
        "customer: [one two three four five six seven eight nine]",
    ]);
    check(&[
        "agent 5.0: {Could I have the sort code?}",
        "customer: [two oh |0.4| four five |0.4| six seven]",
        "agent: {Lovely, and how will you pay the rest of it?}",
    ]);
    check(&[
        "customer 5.0: my IBAN is [G B eight two W E S T one two three four five six nine eight seven six five four three two]",
    ]);
}

#[test]
fn national_numbers() {
    check(&[
        "agent 5.0: {Your national insurance number please?}",
        "customer: [A B one two three four five six C]",
    ]);
    check(&[
        "agent 5.0: {What is your social insurance number?}",
        "customer: [oh four six four five four two eight six]",
    ]);
    check(&[
        "agent 5.0: {Can you tell me your tax file number?}",
        "customer: [one two three four five six seven eight two]",
    ]);
    check(&[
        "agent 5.0: {What is your Aadhaar number?}",
        "customer: [two three four one |0.5| two three four one |0.5| two three four six]",
    ]);
    check(&["customer 5.0: it is [900101-1234567] if you need it"]);
    check(&[
        "agent 5.0: {주민등록번호를 말씀해 주세요}",
        "customer: [900101-1234567]",
    ]);
}

#[test]
fn documents() {
    check(&[
        "agent 5.0: {What is the passport number?}",
        "customer: [L one two three four five six seven]",
    ]);
    check(&[
        "agent 5.0: {Could you read me your driver's license number?}",
        "customer: [D four five six seven eight nine oh]",
    ]);
    check(&[
        "agent 5.0: {What is your Medicare number?}",
        "customer: [one E G four T E five M K seven three]",
    ]);
}

#[test]
fn dates_of_birth_are_hidden_under_the_strict_profile() {
    let strict = Policy::parse("profile = \"strict\"", "p").unwrap();
    let lines = |open: &str, close: &str| {
        [
            "agent 5.0: What is your date of birth?".to_owned(),
            format!("customer: {open}March third nineteen eighty four{close}"),
        ]
    };
    let run = |policy: &Policy, open: &str, close: &str| {
        let lines = lines(open, close);
        check_with(policy, &[&lines[0], &lines[1]]);
    };
    run(&strict, "[", "]");
    run(&Policy::default(), "{", "}");
    run(
        &Policy::parse("[kinds.dob]\nenabled = true", "p").unwrap(),
        "[",
        "]",
    );
}

#[test]
fn passwords_and_one_time_codes() {
    check(&[
        "agent 5.0: {What is your password?}",
        "customer: [purple elephant seven]",
        "agent: {Thank you, you are logged in. What can I do for you?}",
        "customer: {I would like to change my plan}",
    ]);
    check(&[
        "customer 5.0: my password is [hunter two]",
        "agent: {please do not tell me that}",
    ]);
    check(&[
        "agent 5.0: {Can you read me the code we just texted you?}",
        "customer: [eight three one nine oh four]",
        "agent: {Thank you, that worked.}",
    ]);
    check(&[
        "agent 5.0: {I have reset your password and you will get an email shortly.}",
        "customer: {thank you so much for doing that}",
    ]);
}

#[test]
fn kinds_of_the_policy() {
    let policy = Policy::parse(
        "[[custom]]\nname = \"member_id\"\npattern = \"LLD7\"\ncontext = [\"membership code\"]\n",
        "p",
    )
    .unwrap();
    check_with(
        &policy,
        &[
            "agent 5.0: {What is your membership code?}",
            "customer: [A B one two three four five six seven]",
            "agent: {thank you I have found you in the system}",
        ],
    );
    check_with(
        &policy,
        &["customer 5.0: {I have a question about the weather in B 12 today}"],
    );
}

#[test]
fn a_disabled_kind_is_not_hidden() {
    let policy = Policy::parse("[kinds.ssn]\nenabled = false", "p").unwrap();
    check_with(
        &policy,
        &[
            "agent 5.0: {What is your social security number?}",
            "customer: {four three seven four two oh seven eight oh}",
        ],
    );
}
