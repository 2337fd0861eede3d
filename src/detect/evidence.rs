//! Wording of reasons: evidence without values.

/// "16 digits".
pub(super) fn count(digits: usize) -> String {
    if digits == 1 {
        "1 digit".into()
    } else {
        format!("{digits} digits")
    }
}

/// "Luhn holds".
pub(super) fn holds(check: &str) -> String {
    format!(
        "{check} {}",
        if check.starts_with("the area") {
            "hold"
        } else {
            "holds"
        }
    )
}
