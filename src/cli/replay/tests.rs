use std::fs;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::engine::{Recogniser, RecogniserError, RecogniserFactory};
use crate::speech::{Transcript, Window};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(line: &str) -> Result<Arguments, String> {
    Command::try_parse_from(std::iter::once("replay").chain(line.split(' ')))
        .map(|command| command.arguments)
        .map_err(|error| error.to_string())
}

fn wav(folder: &Path, name: &str, channels: u16, frames: usize) -> PathBuf {
    let path = folder.join(name);
    let spec = hound::WavSpec {
        channels,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for at in 0..frames * usize::from(channels) {
        writer.write_sample((at % 7 * 1_000) as i16).unwrap();
    }
    writer.finalize().unwrap();
    path
}

#[derive(Clone)]
struct Quiet;

impl Recogniser for Quiet {
    fn transcribe(&mut self, _: &Window) -> Result<Transcript, RecogniserError> {
        Ok(Transcript::default())
    }
}

impl RecogniserFactory for Quiet {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Ok(Box::new(Quiet))
    }
    fn model_sha256(&self) -> &str {
        "none"
    }
}

fn plan(out: &Path) -> Plan {
    Plan {
        hold: MediaTime::from_seconds(6.0),
        policy: Default::default(),
        workers: NonZeroUsize::MIN,
        model_sha256: "none".into(),
        out: Some(out.to_owned()),
    }
}

fn replay(plan: &Plan, inputs: &[Input], jobs: usize) -> Vec<anyhow::Result<Played>> {
    let batch = Batch {
        plan,
        jobs: NonZeroUsize::new(jobs).unwrap(),
        pace: Pace::Virtual {
            factory: &Quiet,
            engine_delay: Some(MediaTime::from_millis(300)),
        },
        title: String::new(),
    };
    batch.run(inputs, |input, play| play(input, true)).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn calls_keep_their_order_and_samples_whatever_the_jobs() {
    let folder = TempDir::new().unwrap();
    let inputs: Vec<_> = (0..5)
        .map(|index| {
            let file = wav(
                folder.path(),
                &format!("call-{index}.wav"),
                2,
                4_000 * (5 - index),
            );
            Input::of_file(&file).unwrap()
        })
        .collect();
    for jobs in [1, 3] {
        let out = folder.path().join(format!("out-{jobs}"));
        let results = replay(&plan(&out), &inputs, jobs);
        for (input, result) in inputs.iter().zip(&results) {
            let played = result.as_ref().unwrap();
            assert_eq!(played.report.call, input.call.as_str());
            let original = hound::WavReader::open(input.file()).unwrap();
            let clean = hound::WavReader::open(&played.recording.as_ref().unwrap().wav).unwrap();
            let all = |reader: hound::WavReader<_>| -> Vec<i16> {
                reader.into_samples().map(Result::unwrap).collect()
            };
            assert_eq!(all(original), all(clean));
            assert!(line(played).starts_with(&format!("{:<24}", input.call.as_str())));
        }
        assert_eq!(names(&out).len(), 10);
    }
}

#[test]
fn a_call_that_fails_leaves_nothing_and_does_not_stop_the_others() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let good = Input::of_file(&wav(folder.path(), "good.wav", 1, 8_000)).unwrap();
    let bad = Input::of_file(&wav(folder.path(), "bad.wav", 1, 8_000)).unwrap();
    let broken = Input::of_file(&wav(folder.path(), "broken.wav", 1, 8_000)).unwrap();
    fs::write(bad.file(), "RIFF").unwrap();
    let cut = fs::read(broken.file()).unwrap();
    fs::write(broken.file(), &cut[..200]).unwrap();
    let results = replay(&plan(&out), &[bad, good, broken], 1);
    let told: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().err().map(|error| format!("{error:#}")))
        .collect();
    assert!(
        told[0]
            .as_ref()
            .unwrap()
            .contains("bad.wav: not a WAV file")
    );
    assert!(told[1].is_none());
    assert!(
        told[2]
            .as_ref()
            .unwrap()
            .contains("broken.wav: the file is cut off")
    );
    assert_eq!(names(&out), ["good.json", "good.wav"]);
}

#[test]
fn folders_give_their_recordings_in_order() {
    let folder = TempDir::new().unwrap();
    for name in ["b.wav", "a.WAV", "c.txt", "not an id.wav"] {
        wav(folder.path(), name, 1, 10);
    }
    let line = format!("{} --out elsewhere", folder.path().display());
    let (inputs, failures) = arguments(&line).unwrap().gather().unwrap();
    let calls: Vec<_> = inputs.iter().map(|input| input.call.as_str()).collect();
    assert_eq!(calls, ["a", "b"]);
    assert_eq!(failures.len(), 1);
    let error = &failures[0].error;
    assert!(
        error.contains(
            "not an id.wav: the file name is the call's id; rename the file: a call id has"
        ),
        "{error}"
    );

    let empty = TempDir::new().unwrap();
    let line = format!("{} --out elsewhere", empty.path().display());
    let error = arguments(&line).unwrap().gather().unwrap_err().to_string();
    assert!(error.ends_with(": no recordings (*.wav) in this folder"));
}

#[test]
fn legs_in_two_files() {
    let parsed = arguments("--agent a.wav --customer c.wav --out x").unwrap();
    let (inputs, _) = parsed.gather().unwrap();
    assert_eq!(inputs[0].call.as_str(), "a");
    assert_eq!(inputs[0].files().count(), 2);
    let parsed = arguments("--agent a.wav --customer c.wav --name CA1 --out x").unwrap();
    assert_eq!(parsed.gather().unwrap().0[0].call.as_str(), "CA1");
    let parsed = arguments("--agent a.wav --customer c.wav --name a/b --out x").unwrap();
    let error = format!("{:#}", parsed.gather().unwrap_err());
    assert!(error.starts_with("--name: a call id has"), "{error}");
}

#[test]
fn wrong_usage() {
    for (line, expected) in [
        ("--out x", "<FILE|DIR"),
        ("--agent a.wav --out x", "--customer"),
        ("call.wav", "--out"),
        (
            "call.wav --agent a.wav --customer c.wav --out x",
            "cannot be used with",
        ),
        (
            "call.wav --out x --engine-delay=-1",
            "expected seconds from 0 to 3600",
        ),
        (
            "call.wav --out x --engine-delay soon",
            "expected seconds from 0 to 3600",
        ),
        ("call.wav --out x --jobs 0", "--jobs"),
        ("call.wav --out x --speed warp", "realtime"),
    ] {
        let error = arguments(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn calls_of_the_same_name_are_refused() {
    let folder = TempDir::new().unwrap();
    for name in ["one", "two"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        wav(&folder.path().join(name), "call.wav", 1, 10);
    }
    let place = folder.path().display();
    let parsed = arguments(&format!("{place}/one {place}/two --out elsewhere")).unwrap();
    let error = parsed.gather().unwrap_err().to_string();
    assert!(
        error.ends_with("would both be recorded as call; replay them into different folders"),
        "{error}"
    );
}
