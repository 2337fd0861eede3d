use super::*;

#[test]
fn call_ids_are_file_names() {
    for good in [
        "CA00000000000000000000000000000001",
        "a",
        "r-77_x",
        &"x".repeat(64),
    ] {
        assert_eq!(CallId::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "a/b", "..", "a b", "é", &"x".repeat(65)] {
        assert!(CallId::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn sensitive_values_print_redacted() {
    let value = Sensitive::new(String::from("4111 1111 1111 1111"));
    assert_eq!(format!("{value:?} {value}"), "[redacted] [redacted]");
}
