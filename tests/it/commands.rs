//! `config`, `play` and `serve` as they are typed: output, one-line errors, exit status.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in a folder, with nothing of this environment's configuration.
fn hushgate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushgate"));
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars() {
        if name.starts_with("HUSHGATE_") {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

/// The exit status, and the one line on standard error.
fn check_error(arguments: &[&str], status: i32, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("bad.toml"),
        "[speech]\nhold_seconds = 1.5\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("text.wav"), "not sound").unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = hushgate(folder.path(), arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(said.contains(expected), "{arguments:?}: {said}");
    if status == 1 {
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("error: "), "{said}");
    }
    assert!(output.stdout.is_empty());
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        ["bad.toml", "file", "text.wav"],
        "{arguments:?} left something"
    );
}

#[test]
fn errors_are_one_line_that_says_what_was_expected() {
    check_error(
        &["config", "check", "no.toml"],
        1,
        "no.toml: cannot be read",
    );
    check_error(
        &["config", "check", "bad.toml"],
        1,
        "bad.toml:2: speech.hold_seconds: 1.5 is out of range; expected 2 to 60 seconds",
    );
    check_error(
        &["config", "show", "--config", "bad.toml"],
        1,
        "bad.toml:2: ",
    );
    check_error(
        &["config", "show", "--hold", "0"],
        1,
        "--hold: 0 is out of range",
    );
    check_error(
        &["config", "show", "--workers", "0"],
        1,
        "--workers: 0 is out of range",
    );
    check_error(
        &["eval", ".", "--sweep", "workers=2"],
        2,
        "'--sweep <hold=SECONDS,...>': expected hold=SECONDS,SECONDS,...",
    );
    check_error(
        &["eval", ".", "--sweep", "hold=6,1"],
        2,
        "\"1\" is no hold; expected 2 to 60 seconds",
    );
    check_error(
        &["eval", ".", "--sweep", "hold=6", "--recorded", "."],
        2,
        "cannot be used with",
    );
    check_error(&["eval", ".", "--augment", "noise"], 2, "--out <DIR>");
    check_error(
        &["eval", ".", "--augment", "fog", "--out", "out"],
        2,
        "[possible values: noise, loss, gain, codec]",
    );
    check_error(
        &["config", "show", "--policy", "no.toml"],
        1,
        "no.toml: cannot be read",
    );
    check_error(&["config", "show", "--hold", "soon"], 2, "--hold");
    check_error(
        &["config", "show", "--profile", "keen"],
        2,
        "expected strict, balanced or lenient",
    );
    check_error(&["config"], 2, "Usage");
    check_error(&["play", "no.wav"], 1, "no.wav");
    check_error(&["play", "text.wav"], 1, "text.wav");
    check_error(&["play", "text.wav", "--call", "a/b"], 1, "--call");
    check_error(&["serve", "--listen", "nowhere"], 2, "--listen");
    check_error(
        &["serve", "--listen", "0.0.0.0:0"],
        1,
        "the door twilio asks for no proof",
    );
    check_error(
        &["serve", "--recordings", "file", "--listen", "127.0.0.1:0"],
        1,
        "file",
    );
    check_error(&["serve", "--config", "bad.toml"], 1, "bad.toml:2: ");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = hushgate(folder.path(), &["serve", "--listen", &address]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
}

#[test]
fn what_is_shown_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let shown = hushgate(
        folder.path(),
        &["config", "show", "--hold", "4", "--workers", "3"],
    );
    assert!(shown.status.success());
    std::fs::write(folder.path().join("own.toml"), &shown.stdout).unwrap();
    let checked = hushgate(folder.path(), &["config", "check", "own.toml"]);
    assert!(checked.status.success());
    assert_eq!(
        String::from_utf8(checked.stdout).unwrap(),
        "own.toml: valid\n"
    );
    let json = hushgate(
        folder.path(),
        &["config", "show", "--config", "own.toml", "--json"],
    );
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["speech"]["hold_seconds"], 4.0);
    assert_eq!(json["server"]["max_calls"], "auto");
    assert_eq!(
        json["speech"]["engine"],
        hushgate::engine::Engine::default().name()
    );
}

#[test]
fn help_has_examples_and_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["eval", "--help"],
        vec!["play", "--help"],
        vec!["config", "check", "--help"],
        vec!["config", "show", "--help"],
        vec!["bench", "--help"],
        vec!["bench", "calls", "--help"],
        vec!["bench", "speech", "--help"],
    ] {
        let output = hushgate(folder.path(), &command);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(
            text.contains("Examples:") && text.contains("Exit status:"),
            "{command:?}"
        );
    }
}

/// A call of two legs, each two seconds of tone, with a labelled number.
fn labelled_call(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(folder.join("tone.wav"), spec).unwrap();
    for at in 0..32_000 {
        let sample = (f64::from(at / 2) * 0.3).sin() * 8_000.0;
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
    let labels = r#"{"audio": "tone.wav", "sample_rate": 8000, "channels": ["agent", "customer"],
      "sensitive": [{"channel": "customer", "kind": "cvv", "value": "123", "start": 0.5, "end": 1.5,
                     "digits": [[0.5, 0.8], [0.8, 1.2], [1.2, 1.5]]}], "benign": []}"#;
    std::fs::write(folder.join("tone.json"), labels).unwrap();
}

/// Each window takes so long that most are answered late: nothing may be heard that was not examined with what
/// explains it.
#[test]
fn real_model_that_falls_behind_lets_no_digit_through() {
    let folder = tempfile::tempdir().unwrap();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["pan_readback", "cvv_only", "pan_asked"] {
        for kind in ["wav", "json"] {
            let file = format!("{name}.{kind}");
            let sample = checkout.join("audio-samples").join(&file);
            std::fs::copy(sample, folder.path().join(file)).unwrap();
        }
    }
    let calls = folder.path().to_str().unwrap();
    for delay in ["2.4", "3.2"] {
        let output = hushgate(
            checkout,
            &["eval", calls, "--engine-delay", delay, "--json"],
        );
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["digits"], 51, "{delay}");
        assert_eq!(json["digits_leaked"], 0, "{delay}");
        let late: f64 = json["calls_detail"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["report"]["totals"]["late_s"].as_f64().unwrap())
            .sum();
        assert!(late > 1.0, "{delay}: {late} s");
    }
}

#[test]
fn real_model_eval_compares_conditions_and_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (calls, out) = (folder.path().join("calls"), folder.path().join("out"));
    labelled_call(&calls);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let eval = |more: &[&str]| {
        let mut arguments = vec!["eval", calls.to_str().unwrap(), "--engine-delay", "0.2"];
        arguments.extend(["--augment", "noise,loss", "--out", out.to_str().unwrap()]);
        arguments.extend(more);
        let output = hushgate(checkout, &arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let json: serde_json::Value =
        serde_json::from_str(&eval(&["--sweep", "hold=4,2", "--json"])).unwrap();
    let settings: Vec<String> = json["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|evaluation| format!("{} {}", evaluation["condition"], evaluation["hold_s"]))
        .collect();
    assert_eq!(
        settings,
        [
            "\"original\" 4.0",
            "\"original\" 2.0",
            "\"noise\" 4.0",
            "\"noise\" 2.0",
            "\"loss\" 4.0",
            "\"loss\" 2.0"
        ]
    );
    let first = &json["evaluations"][0];
    assert_eq!(first["word_times"]["digits"], 3);
    assert_eq!(first["legs"]["customer"]["digits"], 3);
    assert_eq!(first["calls_detail"][0]["report"]["hold_s"], 4.0);
    for file in [
        "noise/calls/tone.wav",
        "noise/calls/tone.json",
        "noise/clean/hold-2/tone.wav",
        "original/clean/hold-4/tone.json",
    ] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let copy = std::fs::read(out.join("noise/calls/tone.wav")).unwrap();
    // Again: the calls are the same, recordings get a number.
    let table = eval(&[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("condition"), "{table}");
    assert!(lines[3].starts_with("loss"), "{table}");
    assert_eq!(lines.len(), 4, "{table}");
    assert_eq!(
        std::fs::read(out.join("noise/calls/tone.wav")).unwrap(),
        copy
    );
}
