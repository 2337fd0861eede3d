use super::*;

#[track_caller]
fn number(text: &str, expected: Option<&str>) {
    let found = telephone_number(text);
    assert_eq!(
        found.as_ref().map(|found| found.expose().as_str()),
        expected
    );
}

#[test]
fn a_number_is_the_same_however_it_is_written() {
    // Numbers that are reserved for fiction.
    for written in [
        "+14155550100",
        "+1 (415) 555-0100",
        "0014155550100",
        " tel:+1-415-555-0100 ",
        "sip:+14155550100@192.0.2.1",
        "SIPS:14155550100;phone-context=x@host",
        "1.415.555.0100",
    ] {
        number(written, Some("14155550100"));
    }
    number("1001", Some("1001"));
    for written in [
        "",
        "12",
        "anonymous",
        "client:alice",
        "sip:@host",
        "+1415555CALL",
        "٠١٢٣",
    ] {
        number(written, None);
    }
    number("123456789012345678901", None);
}

#[test]
fn parameters_count_by_any_of_their_names() {
    let told = Particulars::of_parameters([
        ("agentName", "Alice"),
        ("agent", "Bob"),
        ("queue_id", "billing"),
        ("Site", "Lisbon"),
        ("outsourcer", "Acme"),
        ("jurisdiction", "EU"),
        ("disposition", "sold"),
        ("from", "+14155550100"),
        ("DNIS", "8005550199"),
        ("colour", "red"),
    ]);
    let label = |text| Some(Label::new(text).unwrap());
    let expected = Particulars {
        agent: label("Alice"),
        queue: label("billing"),
        site: label("Lisbon"),
        vendor: label("Acme"),
        jurisdiction: label("EU"),
        outcome: label("sold"),
        caller: telephone_number("14155550100"),
        called: telephone_number("8005550199"),
    };
    assert_eq!(told, expected);
    assert!(!format!("{told:?}").contains("555"));
}

#[test]
fn what_is_no_label_is_passed_over() {
    let told = Particulars::of_parameters([
        ("agent", "4111 1111 1111 1111"),
        ("queue", ""),
        ("site", "a\u{1b}[2J"),
        ("from", "withheld"),
        ("agent", "7"),
    ]);
    let expected = Particulars {
        agent: Some(Label::new("7").unwrap()),
        ..Particulars::default()
    };
    assert_eq!(told, expected);
}

#[test]
fn what_is_known_goes_before_what_is_usual() {
    let usual = Particulars::of_parameters([("site", "Lisbon"), ("queue", "any")]);
    let told = Particulars::of_parameters([("queue", "billing"), ("agent", "Alice")]);
    let both = told.or(&usual);
    assert_eq!(both.queue.unwrap().as_str(), "billing");
    assert_eq!(both.site.unwrap().as_str(), "Lisbon");
    assert_eq!(both.agent.unwrap().as_str(), "Alice");
}

#[test]
fn a_label_from_a_file_is_checked() {
    assert!(serde_json::from_str::<Label>("\"4111111111111111\"").is_err());
    assert_eq!(
        serde_json::from_str::<Label>("\" EU \"").unwrap().as_str(),
        "EU"
    );
}
