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
        "--allow-unauthenticated",
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
    assert_eq!(json["server"]["max_calls"], 9);
}

#[test]
fn help_has_examples_and_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["play", "--help"],
        vec!["config", "check", "--help"],
        vec!["config", "show", "--help"],
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
