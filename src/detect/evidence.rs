//! Wording of reasons: evidence without values.

/// "16 digits". Three digits in a row are never written, so that a reason cannot be taken for a value.
pub(super) fn count(digits: usize) -> String {
    match digits {
        1 => "1 digit".into(),
        2..100 | 0 => format!("{digits} digits"),
        _ => "a great many digits".into(),
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
