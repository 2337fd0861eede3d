use super::*;

fn found(text: &str) -> Vec<(usize, &str, String)> {
    find_in_text(text, &Policy::default())
        .into_iter()
        .map(|f| (f.line, &text[f.start..f.end], f.kind.name().to_owned()))
        .collect()
}

#[test]
fn answers_are_found_by_byte() {
    let text = "agent: What's the sécurité... the security code?\ncustomer: it's nine zero four\nagent: Thank you, you are all set now.\n";
    let findings = found(text);
    assert!(
        findings.iter().any(|(line, words, kind)| *line == 2
            && words.ends_with("nine zero four")
            && kind == "cvv"),
        "{findings:?}"
    );
    assert!(findings.iter().all(|(line, ..)| *line == 2), "{findings:?}");
}

#[test]
fn a_chat_line_with_a_card_number_and_nothing_else() {
    let text = "customer: my card is 4111 1111 1111 1111, thanks\r\nagent: Got it.\r\n";
    let findings = found(text);
    assert!(
        findings
            .iter()
            .any(|(_, words, kind)| words.contains("4111 1111 1111 1111") && kind == "pan")
    );
    assert!(
        !findings
            .iter()
            .any(|(_, words, _)| words.contains("thanks")),
        "{findings:?}"
    );
}

#[test]
fn unknown_speakers_are_one_leg() {
    let text = "What is your card number?\n4111111111111111\n";
    let findings = find_in_text(text, &Policy::default());
    assert!(findings.iter().any(|f| f.leg == Leg::Mixed
        && f.line == 2
        && &text[f.start..f.end] == "4111111111111111"));
}

#[test]
fn harmless_text_has_no_findings() {
    assert_eq!(found(""), []);
    assert_eq!(found("\n\n:\n"), []);
    assert_eq!(
        found(
            "agent: What's the order number?\ncustomer: 5609513\nagent: And a phone number?\ncustomer: 415 555 0123\n"
        ),
        []
    );
}

#[test]
fn findings_do_not_depend_on_where_segments_are_cut() {
    let filler = "agent: I see that the parcel left the building on Monday morning.\ncustomer: okay thanks for looking that up for me\n";
    let call = "agent: Can I have the card number please?\ncustomer: four one one one one one one one one one one one one one one one\nagent: And the security code?\ncustomer: seven seven three\nagent: Thank you very much, that has gone through now.\n";
    for before in [0, 1, 60, 101, 102, 103, 104, 105, 106, 107, 110, 250] {
        let text = format!("{}{call}{}", filler.repeat(before), filler.repeat(300));
        let base = filler.len() * before;
        let mut seen: Vec<_> = find_in_text(&text, &Policy::default())
            .into_iter()
            .map(|f| (f.start - base, f.end - base, f.kind.name().to_owned()))
            .collect();
        seen.sort();
        let alone: Vec<_> = find_in_text(call, &Policy::default())
            .into_iter()
            .map(|f| (f.start, f.end, f.kind.name().to_owned()))
            .collect();
        assert_eq!(seen, alone, "after {before} lines");
    }
}

#[test]
fn one_endless_line_is_looked_at_whole() {
    let text = format!(
        "customer: {} 4111 1111 1111 1111 {}",
        "well ".repeat(9_000),
        "well ".repeat(9_000)
    );
    let findings = found(&text);
    assert!(
        findings
            .iter()
            .any(|(_, words, _)| words.contains("4111 1111 1111 1111")),
        "{findings:?}"
    );
}

/// The findings of a text pushed in pieces of so many bytes, or a little less.
fn in_pieces(text: &str, bytes: usize) -> Vec<TextFinding> {
    let policy = Policy::default();
    let mut search = TextSearch::new(&policy);
    let mut findings = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut length = rest.floor_char_boundary(bytes);
        if length == 0 {
            length = rest.chars().next().map_or(0, char::len_utf8);
        }
        findings.extend(search.push(&rest[..length]));
        rest = &rest[length..];
    }
    findings.extend(search.finish());
    findings
}

#[test]
fn findings_do_not_depend_on_how_the_text_comes() {
    let call = "agent: What is the card number?\r\n고객: 4111 1111 1111 1111 카드 번호요\r\n\n";
    let talk = "agent: I see that it left on Monday.\ncustomer: 네 thanks for looking that up\n";
    let text = format!("{call}{}{call}{}", talk.repeat(300), talk.repeat(2_500));
    let whole = find_in_text(&text, &Policy::default());
    assert_eq!(whole.len(), 2);
    for bytes in [1, 7, 4_096, 65_536, 70_001] {
        assert_eq!(in_pieces(&text, bytes), whole, "{bytes} bytes at once");
    }
}

#[test]
fn a_text_without_lines_or_spaces_is_bounded_and_found() {
    let long = format!("{} 4111 1111 1111 1111 ", "well ".repeat(40_000));
    let text = format!("customer: {long}{}{long}", "\u{ac00}".repeat(100_000));
    let found: Vec<_> = find_in_text(&text, &Policy::default())
        .into_iter()
        .map(|f| (f.line, &text[f.start..f.end], f.leg))
        .collect();
    let card = (1, "4111 1111 1111 1111", Leg::Customer);
    assert_eq!(found, [card, card]);
    assert_eq!(in_pieces(&text, 1_000).len(), 2);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_speaker() {
    let text = "\u{feff}agent: What is the security code?\ncustomer: nine zero four\n";
    let findings = find_in_text(text, &Policy::default());
    assert!(
        findings
            .iter()
            .any(|f| &text[f.start..f.end] == "nine zero four"),
        "{findings:?}"
    );
}
