use super::*;

fn digits(text: &str) -> Vec<u8> {
    text.bytes()
        .filter(u8::is_ascii_digit)
        .map(|b| b - b'0')
        .collect()
}

#[test]
fn published_test_cards_are_recognised() {
    for (text, network) in [
        ("4111 1111 1111 1111", "Visa"),
        ("4222 2222 2222 2", "Visa"),
        ("5555 5555 5555 4444", "Mastercard"),
        ("2223 0031 2200 3222", "Mastercard"),
        ("3782 822463 10005", "American Express"),
        ("6011 1111 1111 1117", "Discover"),
        ("3056 930902 5904", "Diners Club"),
        ("3530 1113 3330 0000", "JCB"),
        ("6200 0000 0000 0005", "UnionPay"),
        ("6759 6498 2643 8453", "Maestro"),
    ] {
        let number = digits(text);
        assert_eq!(card_network(&number), Some(network), "{text}");
        assert!(luhn(&number), "{text}");
    }
}

#[test]
fn a_card_is_found_inside_a_longer_string() {
    assert_eq!(
        card_within(&digits("12 4111 1111 1111 1111 0629")),
        Some("Visa")
    );
    assert_eq!(card_within(&digits("4111 1111 1111 1112")), None);
    assert_eq!(card_within(&digits("415 555 0123")), None);
}

#[test]
fn one_changed_digit_breaks_the_checks() {
    for (check, text) in [
        (Checksum::Luhn, "4111 1111 1111 1111"),
        (Checksum::Luhn, "046 454 286"),
        (Checksum::Verhoeff, "2363"),
        (Checksum::AbaRouting, "0210 0002 1"),
        (Checksum::Tfn, "123 456 782"),
        (Checksum::Nhs, "943 476 5919"),
    ] {
        let number = digits(text);
        assert!(check.holds(&number), "{check:?}");
        for place in 0..number.len() {
            let mut wrong = number.clone();
            wrong[place] = (wrong[place] + 1) % 10;
            assert!(!check.holds(&wrong), "{check:?} at {place}");
        }
        assert!(!check.holds(&[]), "{check:?}");
    }
}

#[test]
fn social_security_numbers_obey_the_area_group_and_serial_rules() {
    assert!(social_security(&digits("219 09 9999")));
    for wrong in [
        "000 12 3456",
        "666 12 3456",
        "900 12 3456",
        "219 00 9999",
        "219 09 0000",
        "219 09 999",
    ] {
        assert!(!social_security(&digits(wrong)), "{wrong}");
    }
}

#[test]
fn ibans_are_checked_modulo_97() {
    let symbols = |text: &str| text.chars().filter(|c| *c != ' ').collect::<Vec<_>>();
    assert!(iban(&symbols("GB82 WEST 1234 5698 7654 32")));
    assert!(iban(&symbols("DE89 3704 0044 0532 0130 00")));
    assert!(!iban(&symbols("GB82 WEST 1234 5698 7654 33")));
    assert!(!iban(&symbols("8289 3704 0044 0532 0130 00")));
    assert!(!iban(&symbols("GB")));
}
