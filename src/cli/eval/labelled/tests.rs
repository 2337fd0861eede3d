use std::path::PathBuf;

use super::*;
use crate::cli::eval::labels::Item;

/// Four seconds of noise; a security code from 1 to 2 s, a telephone number from 2 to 3 s.
fn call() -> LabelledCall {
    let noise: Vec<i16> = (0..32_000_i32)
        .map(|at| (at.wrapping_mul(1_103_515_245) >> 18) as i16)
        .collect();
    let item = |kind: &str, start: f64, digits: &[(f64, f64)]| Item {
        channel: 1,
        kind: kind.into(),
        start,
        end: start + 1.0,
        digits: digits.to_vec(),
        timed: None,
    };
    LabelledCall {
        labels: Labels {
            name: "call".into(),
            audio: PathBuf::from("call.wav"),
            spoken: None,
            sample_rate: 8_000,
            channels: vec!["agent".into(), "customer".into()],
            scenario: String::new(),
            sensitive: vec![item("cvv", 1.0, &[(1.0, 1.4), (1.4, 1.7), (1.7, 2.0)])],
            benign: vec![item("phone", 2.0, &[(2.0, 3.0)])],
        },
        original: Original {
            played: vec![noise.clone(), noise],
            spoken: None,
        },
    }
}

#[test]
fn the_beginning_has_the_digits_that_were_said_in_it() {
    let call = call();
    let counts = |seconds| {
        let beginning = call.until(seconds);
        let digits: usize = beginning
            .labels
            .sensitive
            .iter()
            .map(|item| item.digits.len())
            .sum();
        (
            beginning.channels()[1].len(),
            digits,
            beginning.labels.benign.len(),
        )
    };
    assert_eq!(counts(9.0), (32_000, 3, 1));
    assert_eq!(counts(2.5), (20_000, 3, 0));
    assert_eq!(counts(1.5), (12_000, 1, 0));
    assert_eq!(counts(0.5), (4_000, 0, 0));
}

#[test]
fn a_recording_of_the_beginning_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording {
        wav: folder.path().join("call-0001.wav"),
        json: folder.path().join("call-0001.json"),
    };
    let beginning = call().until(2.0);
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&recording.wav, spec).unwrap();
    for (at, (agent, customer)) in beginning.channels()[0]
        .iter()
        .zip(&beginning.channels()[1])
        .enumerate()
    {
        let hidden = (8_000..13_600).contains(&at);
        writer
            .write_sample(if hidden { 0 } else { *agent })
            .unwrap();
        writer
            .write_sample(if hidden { 0 } else { *customer })
            .unwrap();
    }
    writer.finalize().unwrap();

    let missing = beginning
        .measure(&recording, FillHeard::Silence)
        .unwrap_err();
    assert!(missing.to_string().contains("call-0001.json"), "{missing}");
    let page = include_str!("../../../../docs/report.md");
    let example = page
        .split("```json")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let mut report: serde_json::Value = serde_json::from_str(example).unwrap();
    report["gaps"] = serde_json::json!([]);
    std::fs::write(&recording.json, report.to_string()).unwrap();
    let (measure, _) = beginning.measure(&recording, FillHeard::Silence).unwrap();
    assert_eq!((measure.digits, measure.digits_leaked), (3, 1));

    let whole = call().measure(&recording, FillHeard::Silence).unwrap_err();
    assert!(whole.to_string().contains("length"), "{whole}");
}
