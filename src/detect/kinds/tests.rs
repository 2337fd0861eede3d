use super::*;
use crate::detect::wording::{Text, normalise_phrase};

/// Which kind the longest phrase found in the text names.
fn named(text: &str) -> Option<&'static str> {
    let text = Text::new(normalise_phrase(text));
    let sensitive = DETECTORS
        .iter()
        .zip(PHRASES.iter())
        .filter_map(|(detector, phrases)| {
            let longest = phrases.hits(&text).map(|hit| hit.len()).max()?;
            Some((longest, detector.kind.name().to_owned()))
        });
    let benign = BENIGN.iter().filter_map(|benign| {
        let longest = benign.phrases.hits(&text).map(|hit| hit.len()).max()?;
        Some((longest, benign.spoken_as.to_owned()))
    });
    sensitive
        .chain(benign)
        .fold(None, |best: Option<(usize, String)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, name)| &*name.leak())
}

#[test]
fn every_row_is_known_to_policies_and_unique() {
    // Keys are heard as tones, not spoken of.
    let spoken = Kind::ALL.into_iter().filter(|kind| *kind != Kind::DTMF);
    assert_eq!(DETECTORS.len(), spoken.clone().count());
    for kind in spoken {
        assert!(detector(&kind).is_some(), "{kind}");
    }
    assert_eq!(PHRASES.len(), DETECTORS.len());
}

#[test]
fn wordings_name_their_kind() {
    for (text, kind) in [
        ("can I have the card number please", "pan"),
        ("the credit guard number", "pan"),
        ("and the long number across the front", "pan"),
        ("the sixteen digit number on the front of the card", "pan"),
        ("read me the card when you're ready", "pan"),
        ("the account number on the card", "pan"),
        ("what's the number on the card", "pan"),
        ("카드 번호가 어떻게 되세요", "pan"),
        ("what is the security coat", "cvv"),
        ("the C.V.V.", "cvv"),
        ("see vv on the card", "cvv"),
        ("sea V V", "cvv"),
        ("the three digits on the back", "cvv"),
        ("the four digits on the front of the card", "cvv"),
        ("verification code on the card", "cvv"),
        ("and the expiration", "expiry"),
        ("when does it expire", "expiry"),
        ("valid thru", "expiry"),
        ("the last four of your social", "ssn"),
        ("social scary number", "ssn"),
        ("your PIN", "pin"),
        ("track two data", "track_data"),
        ("the magnetic stripe", "track_data"),
        ("checking account number", "bank_account"),
        ("the routine number", "routing"),
        ("your sort code", "sort_code"),
        ("your IBAN", "iban"),
        ("passport number", "passport"),
        ("driver's license number", "driver_licence"),
        ("your date of birth", "dob"),
        ("your password", "password"),
        ("the code we just texted you", "otp"),
        ("the verification code", "otp"),
        ("the mummification code that we emailed you", "otp"),
        ("what code did you receive my email", "otp"),
        ("and the past phrase you set up with us", "password"),
        ("your passport details starting with the number", "passport"),
        (
            "for the rental I need your driver's license",
            "driver_licence",
        ),
        ("what is your sword code", "sort_code"),
        ("your four digit Pinn", "pin"),
        ("Medicare number", "health_id"),
        ("national insurance number", "nino"),
        ("social insurance number", "sin"),
        ("tax file number", "tfn"),
        ("your Aadhaar number", "aadhaar"),
        ("주민등록번호를 말씀해 주세요", "rrn"),
    ] {
        assert_eq!(named(text), Some(kind), "{text}");
    }
}

#[test]
fn harmless_numbers_are_named_too() {
    for (text, name) in [
        ("a good phone number to reach you", "a telephone number"),
        ("what is the order number", "an order or reference number"),
        ("your zip code", "a postcode"),
        ("how much was the charge", "an amount or count"),
        ("your account number", "an order or reference number"),
        ("the billing address", "an address"),
        ("the name on the account", "a name"),
    ] {
        assert_eq!(named(text), Some(name), "{text}");
    }
    for text in [
        "nice weather today",
        "I lost my wallet",
        "let me check that for you",
        "the security guard was kind",
    ] {
        assert_eq!(named(text), None, "{text}");
    }
}
