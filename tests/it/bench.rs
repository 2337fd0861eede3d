//! `hushgate bench` as it is typed, with the real speech model, and what it says when it cannot measure.

use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::eventually;

/// `hushgate bench` in the checkout's folder, where the model is, with temporary files in a folder of its own.
fn bench(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushgate"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("bench")
        .args(arguments);
    for (name, _) in std::env::vars() {
        if name.starts_with("HUSHGATE_") && name != "HUSHGATE_MODELS" {
            command.env_remove(name);
        }
    }
    command.env("TMPDIR", temporary);
    command
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One labelled sample call in a folder.
fn labelled(folder: &Path, name: &str) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
    for extension in ["wav", "json"] {
        let file = format!("{name}.{extension}");
        std::fs::copy(samples.join(&file), folder.join(file)).unwrap();
    }
}

/// Nothing is left in a folder.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn paced_real_model_bench_counts_two_calls() {
    let folder = tempfile::tempdir().unwrap();
    let [calls, temporary, out] = ["calls", "temporary", "out"].map(|name| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    });
    labelled(&calls, "cvv_only");
    let plot = folder.path().join("calls.svg");
    // A hold that a busy machine keeps up with.
    let arguments = ["--calls", "2", "--seconds", "8", "--hold", "12", "--json"];
    let output = bench(&temporary, &["calls"])
        .arg(&calls)
        .args(arguments)
        .arg("--plot")
        .arg(&plot)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    let found = json(&output);
    assert_eq!(found["hold_s"], 12.0);
    assert_eq!(found["seconds"], 8.0);
    assert!(found["machine"]["cores"].as_u64().unwrap() >= 1);
    assert_eq!(found["model_sha256"].as_str().unwrap().len(), 64);
    let step = &found["steps"][0];
    // A machine that is busy with something else may be behind.
    let problems = step["problems"].as_array().unwrap();
    let is_delay = |problem: &Value| problem.as_str().unwrap().contains(" s behind");
    assert!(problems.iter().all(is_delay), "{step}");
    assert_eq!(step["calls"], 2);
    assert_eq!(step["played"], 2);
    let played = step["calls_s"].as_f64().unwrap();
    assert!((15.0..=16.0).contains(&played), "{step}");
    assert!(step["cpu_per_call"].as_f64().unwrap() > 0.0, "{step}");
    let resident = step["resident_before_mib"].as_f64().unwrap();
    assert!((20.0..4_000.0).contains(&resident), "{step}");
    let windows = step["windows"].as_u64().unwrap();
    assert!(windows >= 2, "{step}");
    let counted = step["slack"].as_array().unwrap().iter();
    let counted: u64 = counted.map(|bin| bin[1].as_u64().unwrap()).sum();
    // What the end of the call did not wait for has no answer.
    assert!((1..=windows).contains(&counted), "{step}");
    let (half, nearly_all) = (
        step["slack_p50_s"].as_f64().unwrap(),
        step["slack_p99_s"].as_f64().unwrap(),
    );
    assert!(nearly_all <= half && half <= 12.0, "{step}");
    assert_eq!(step["digits_leaked"], 0, "{step}");
    let in_time = step["late_s"] == 0.0 && step["failed_s"] == 0.0;
    let clean = in_time && problems.is_empty();
    assert_eq!(step["clean"], clean, "{step}");
    assert_eq!(found["capacity"], if clean { 2 } else { 0 });

    assert!(std::fs::read_to_string(plot).unwrap().starts_with("<svg"));
    let run = std::fs::read_dir(&out).unwrap().next().unwrap().unwrap();
    let recordings = run.path().join("calls-2/recordings");
    let mut kept: Vec<_> = std::fs::read_dir(&recordings)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    let expected = ["0001.json", "0001.wav", "0002.json", "0002.wav"];
    assert_eq!(kept, expected.map(|end| format!("cvv_only-{end}")));
    assert!(is_empty(&temporary));
}

#[test]
fn real_model_bench_tells_what_a_window_costs() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["speech", "--repeats", "2", "--json", "--seconds"];
    let output = bench(folder.path(), &arguments)
        .args(["1,2", "audio-samples/cvv_only.wav"])
        .output()
        .unwrap();
    let found = json(&output);
    assert_eq!(found["repeats"], 2);
    for (index, seconds) in [1.0, 2.0].into_iter().enumerate() {
        let cost = &found["windows"][index];
        assert_eq!(cost["seconds"], seconds);
        let (least, median) = (&cost["least_s"], &cost["median_s"]);
        assert!(least.as_f64() > Some(0.0) && least.as_f64() <= median.as_f64());
    }
}

/// The exit status, and the one line on standard error.
fn check_error(arguments: &[&str], status: i32, expected: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let output = bench(temporary.path(), arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(said.contains(expected), "{arguments:?}: {said}");
    if status == 1 {
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(is_empty(temporary.path()), "{arguments:?} left something");
}

#[test]
fn real_model_bench_errors_say_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    check_error(&["calls", "no-such-folder"], 1, "no-such-folder");
    check_error(&["calls", path], 1, "no labels");
    check_error(&["calls", path, "--calls", "0"], 2, "expected 1 to 10000");
    check_error(
        &["calls", path, "--calls", "2", "--up-to", "4"],
        2,
        "cannot be used with",
    );
    check_error(&["calls", path, "--plot", "calls.png"], 1, "ends in .svg");
    check_error(
        &["calls", path, "--model", "no-such-model"],
        1,
        "no-such-model",
    );
    check_error(
        &["speech", "--seconds", "31"],
        2,
        "expected 0.5 to 30 seconds",
    );
    check_error(&["speech", "no.wav"], 1, "no.wav");

    let mono = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(folder.path().join("one.wav"), mono).unwrap();
    writer.write_sample(0_i16).unwrap();
    writer.finalize().unwrap();
    let labels = r#"{"audio": "one.wav", "sample_rate": 8000, "channels": ["customer"],
      "sensitive": [], "benign": []}"#;
    std::fs::write(folder.path().join("one.json"), labels).unwrap();
    check_error(&["calls", path], 1, "expected two, agent and customer");

    // The gateway loads what is no model, and says so.
    std::fs::remove_file(folder.path().join("one.json")).unwrap();
    labelled(folder.path(), "cvv_only");
    let model = folder.path().join("model.bin");
    std::fs::write(&model, "no model").unwrap();
    let arguments = ["calls", path, "--model", model.to_str().unwrap()];
    check_error(
        &arguments,
        1,
        "the gateway ended: exit status: 1; it said last: error: ",
    );
}

/// The server process of a bench, once there is one.
fn child_of(parent: u32) -> Option<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let first = children.ok()?.split_whitespace().next()?.parse().ok()?;
    Some(Pid::from_raw(first))
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_bench_ends_with_its_gateway_and_the_gateway_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    std::fs::create_dir(&calls).unwrap();
    labelled(&calls, "cvv_only");
    let long = std::time::Duration::from_secs(120);
    let recording = |temporary: &Path| {
        let mut runs = std::fs::read_dir(temporary).unwrap();
        let run = runs.next()?.unwrap().path().join("recordings");
        // Some of it has been released: the call is under way on both sides.
        let file = std::fs::metadata(run.join("cvv_only-0001.wav")).ok()?;
        (file.len() > 10_000).then_some(())
    };

    // The gateway dies in the middle of a call.
    let temporary = tempfile::tempdir().unwrap();
    let process = bench(temporary.path(), &["calls", calls.to_str().unwrap()])
        .args(["--calls", "1"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually(long, || recording(temporary.path())).await;
    kill(child_of(process.id()).unwrap(), Signal::SIGKILL).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("1 at once: the gateway ended: signal: 9"),
        "{said}"
    );
    assert!(is_empty(temporary.path()));

    // The bench is interrupted in the middle of a call.
    let mut process = bench(temporary.path(), &["calls", calls.to_str().unwrap()])
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually(long, || recording(temporary.path())).await;
    let gateway = child_of(process.id()).unwrap();
    kill(Pid::from_raw(process.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1));
    eventually(long, || kill(gateway, None).err()).await;
    assert!(is_empty(temporary.path()));
}
