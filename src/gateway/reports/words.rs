//! Figures and names as people read them.

/// With thin spaces between thousands.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Of one; a dash where there is nothing to take a share of. What is short of all never reads as all.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        None => "–".into(),
        Some(share) if share >= 1.0 => "100 %".into(),
        Some(share) => {
            let rounded = (share * 1_000.0).round() / 10.0;
            let shown = if rounded >= 100.0 { 99.9 } else { rounded };
            let shown = if shown == 0.0 && share > 0.0 {
                0.1
            } else {
                shown
            };
            format!("{shown} %")
        }
    }
}

/// A length: seconds while they are few, then minutes and hours.
pub(super) fn seconds(length: f64) -> String {
    if length < 0.05 {
        "0 s".into()
    } else if length < 120.0 {
        format!("{length:.1} s")
    } else if length < 7_200.0 {
        format!("{:.1} min", length / 60.0)
    } else {
        format!("{:.1} h", length / 3_600.0)
    }
}

/// A kind of data in words.
pub(super) fn reason_of_kind(kind: &str) -> String {
    let words = match kind {
        "pan" => "card number",
        "cvv" => "card security code",
        "expiry" => "card expiry",
        "pin" => "card PIN",
        "track_data" => "card track data",
        "ssn" => "US social security no.",
        "rrn" => "Korean resident no.",
        "nino" => "UK national insurance",
        "dob" => "date of birth",
        "otp" => "one-time code",
        "dtmf" => "pressed keys",
        "bank_account" => "bank account",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}

/// An action of the audit log in words.
pub(super) fn action(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(percent(None), "–");
        assert_eq!(percent(Some(1.0)), "100 %");
        assert_eq!(percent(Some(0.9999)), "99.9 %");
        assert_eq!(percent(Some(0.0001)), "0.1 %");
        assert_eq!(percent(Some(0.0)), "0 %");
        assert_eq!(percent(Some(0.123)), "12.3 %");
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(seconds(61.25), "61.2 s");
        assert_eq!(seconds(600.0), "10.0 min");
        assert_eq!(seconds(36_000.0), "10.0 h");
        assert_eq!(action("key_rotated"), "Key rotated");
    }
}
