use crate::detect::conversation::{Conversation, Heard};
use crate::detect::tests::script::script;
use crate::policy::Policy;

use super::*;

/// Role and kind of every sensitive mention.
fn roles(line: &str) -> Vec<(Role, String)> {
    let script = script(&[line]);
    let words: Vec<Heard<'_>> = script.words.iter().map(Heard::from).collect();
    let conversation = Conversation::new(&words);
    mentions(&conversation, &Policy::default())
        .iter()
        .filter_map(|mention| Some((mention.role, mention.topic.kind()?.name().to_owned())))
        .collect()
}

#[test]
fn roles_follow_the_wording() {
    use Role::{Announced, Asked, Denied, Named};
    for (line, role, kind) in [
        (
            "agent 1.0: Can I have the card number please?",
            Asked,
            "pan",
        ),
        ("agent 1.0: And the expiration date.", Asked, "expiry"),
        ("agent 1.0: Security code on the back?", Asked, "cvv"),
        (
            "agent 1.0: I'll need your social security number",
            Asked,
            "ssn",
        ),
        ("agent 1.0: May I have your PIN", Asked, "pin"),
        ("agent 1.0: Do you have the card number handy", Asked, "pan"),
        (
            "agent 1.0: I have your card number right here in front of me so we are good",
            Named,
            "pan",
        ),
        (
            "agent 1.0: Your card number is safe with us.",
            Denied,
            "pan",
        ),
        (
            "agent 1.0: We never ask for the security code.",
            Denied,
            "cvv",
        ),
        (
            "agent 1.0: The card number you gave us was typed into the wrong field yesterday",
            Named,
            "pan",
        ),
        (
            "agent 1.0: Your card number is 4111 1111 1111 1111",
            Announced,
            "pan",
        ),
        (
            "customer 1.0: My card number is 4111 1111",
            Announced,
            "pan",
        ),
        ("customer 1.0: the security code is", Announced, "cvv"),
        ("customer 1.0: I lost my credit card", Denied, "pan"),
        ("customer 1.0: what about the card number", Asked, "pan"),
        (
            "customer 1.0: do you want the card number now",
            Named,
            "pan",
        ),
        (
            "customer 1.0: can you read me the card number back",
            Asked,
            "pan",
        ),
    ] {
        assert_eq!(
            roles(line).first(),
            Some(&(role, kind.to_owned())),
            "{line}"
        );
    }
}

#[test]
fn the_more_specific_phrase_wins() {
    let kinds = |line: &str| {
        roles(line)
            .into_iter()
            .map(|(_, kind)| kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("agent 1.0: what is the card security code"), ["cvv"]);
    assert_eq!(
        kinds("agent 1.0: what is your social security number"),
        ["ssn"]
    );
    assert_eq!(
        kinds("agent 1.0: what is your social insurance number"),
        ["sin"]
    );
    assert_eq!(
        kinds("agent 1.0: what is the billing zip code for the card"),
        ["pan"; 0]
    );
    assert_eq!(
        kinds(
            "agent 1.0: I need the card number, the expiration date and the three digits on the back"
        ),
        ["pan", "expiry", "cvv"]
    );
}
