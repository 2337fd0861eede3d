use std::fs;

use tempfile::TempDir;

use super::*;

const GOOD: &str = r#"{
  "audio": "call.wav", "sample_rate": 8000, "channels": ["agent", "customer"], "scenario": "pan_asked",
  "sensitive": [
    {"channel": "customer", "kind": "pan", "value": "4111111111111111", "start": 1.0, "end": 9.0,
     "digits": [[1.0, 1.5], [1.5, 2]]},
    {"channel": "agent", "kind": "cvv", "value": "123", "start": 10, "end": 13, "digits": []}
  ],
  "benign": [{"channel": "customer", "kind": "phone", "value": "5551234", "start": 20, "end": 21}]
}"#;

fn parsed(text: &str) -> Result<Labels, String> {
    parse(text, Path::new("dir/call.json")).map_err(|error| error.to_string())
}

#[test]
fn labels_are_read() {
    let labels = parsed(GOOD).unwrap();
    assert_eq!(
        (labels.name.as_str(), labels.audio.as_path()),
        ("call", Path::new("dir/call.wav"))
    );
    assert_eq!(labels.scenario, "pan_asked");
    assert_eq!(labels.sensitive[0].digits, [(1.0, 1.5), (1.5, 2.0)]);
    assert_eq!(labels.sensitive[0].channel, 1);
    assert_eq!(
        labels.sensitive[1].digits,
        [(10.0, 11.0), (11.0, 12.0), (12.0, 13.0)]
    );
    assert_eq!(labels.benign[0].digits.len(), 7);
    // Two intervals for sixteen digits, none for the others: no digit's time is known.
    let timed = |item: &Item| item.timed.is_some();
    assert!(!labels.sensitive.iter().chain(&labels.benign).any(timed));
}

#[test]
fn digits_with_an_interval_each_are_kept() {
    let text = GOOD.replace("\"4111111111111111\"", "\"6/9\"");
    let labels = parsed(&text).unwrap();
    let timed = labels.sensitive[0].timed.as_ref().unwrap();
    assert_eq!(timed.expose().as_slice(), [6, 9]);
}

#[test]
fn malformed_labels_name_file_and_field_and_no_value() {
    for (from, to, expected) in [
        ("\"audio\": \"call.wav\",", "", "audio: expected text"),
        (
            "call.wav",
            "../call.wav",
            "audio: expected a file name without a folder",
        ),
        (
            "8000",
            "\"8000\"",
            "sample_rate: expected samples per second",
        ),
        (
            "[\"agent\", \"customer\"]",
            "[]",
            "channels: expected one or two names of channels",
        ),
        (
            "\"sensitive\"",
            "\"sensitiv\"",
            "sensitive: expected a list",
        ),
        (
            "\"4111111111111111\"",
            "4111111111111111",
            "sensitive[0].value: expected text",
        ),
        ("\"4111111111111111\"", "\"\"", ""),
        (
            "\"123\"",
            "\"\"",
            "sensitive[1].value: expected what was said",
        ),
        (
            "\"agent\", \"kind\"",
            "\"nobody\", \"kind\"",
            "sensitive[1].channel: expected one of the call's channels",
        ),
        (
            "[1.5, 2]",
            "[1.5]",
            "sensitive[0].digits[1]: expected [start, end] in seconds, the end not before the start",
        ),
        (
            "[1.5, 2]",
            "[1.5, 1.0]",
            "sensitive[0].digits[1]: expected [start, end]",
        ),
        (
            "\"end\": 21",
            "\"end\": 20",
            "benign[0].end: expected a time after the start",
        ),
        (
            "\"start\": 20",
            "\"start\": -1",
            "benign[0].start: expected seconds from the start of the call",
        ),
        (
            "\"kind\": \"phone\"",
            "\"kind\": 1",
            "benign[0].kind: expected text",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        match parsed(&text) {
            Ok(_) => assert_eq!(expected, ""),
            Err(error) => {
                assert!(
                    error.starts_with(&format!("dir/call.json: {expected}")),
                    "{error}"
                );
                assert!(!error.contains("4111"));
            }
        }
    }
    assert_eq!(
        parsed("{\n\"audio\" 1").unwrap_err(),
        "dir/call.json:2:9: not JSON"
    );
}

#[test]
fn folders_without_labels() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("call.wav"), "").unwrap();
    let error = find(folder.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: no labels (*.json beside the recordings)",
            folder.path().display()
        )
    );
    let error = find(Path::new("no-such-folder")).unwrap_err().to_string();
    assert!(
        error.starts_with("no-such-folder: No such file or directory"),
        "{error}"
    );
}
