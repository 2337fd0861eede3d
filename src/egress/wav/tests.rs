use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::{CallFacts, EngineWork, ReportBuilder};
use super::*;
use crate::audio::{MediaTime, SampleIndex};
use crate::call::Leg;

fn id(text: &str) -> CallId {
    CallId::new(text).unwrap()
}

fn recorder(folder: &Path) -> WavRecorder {
    WavRecorder::create(folder, &id("call"), SampleRate::TELEPHONE, 2).unwrap()
}

fn report() -> Report {
    ReportBuilder::new(CallFacts {
        call: id("call"),
        legs: &[Leg::Agent, Leg::Customer],
        rate: SampleRate::TELEPHONE,
        hold: MediaTime::from_seconds(6.0),
        policy_version: "p".into(),
        model_sha256: "m".into(),
        particulars: Default::default(),
    })
    .finish(EngineWork::default(), None)
}

fn block(start: u64, agent: Vec<i16>, customer: Vec<i16>) -> CleanAudio {
    CleanAudio::for_test(
        SampleRate::TELEPHONE,
        SampleIndex(start),
        vec![agent, customer],
    )
}

fn read(path: &Path) -> Vec<i16> {
    hound::WavReader::open(path)
        .unwrap()
        .samples::<i16>()
        .map(Result::unwrap)
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_recording_and_its_report() {
    let folder = TempDir::new().unwrap();
    let recordings = folder.path().join("made/for/it");
    let mut recorder = recorder(&recordings);
    assert_eq!(mode(&recordings), 0o700);
    recorder.write(&block(0, vec![1, 2], vec![-1, -2])).unwrap();
    recorder.write(&block(2, vec![3], vec![-3])).unwrap();
    assert!(!recorder.files().json.exists());
    let files = recorder.finish(&report()).unwrap();
    assert_eq!(files.wav, recordings.join("call.wav"));
    assert_eq!(read(&files.wav), [1, -1, 2, -2, 3, -3]);
    assert_eq!((mode(&files.wav), mode(&files.json)), (0o600, 0o600));
    let written: Report = serde_json::from_slice(&fs::read(&files.json).unwrap()).unwrap();
    assert_eq!(written, report());
    assert_eq!(fs::read_dir(&recordings).unwrap().count(), 2);
}

#[test]
fn nothing_is_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("call.wav"), "old").unwrap();
    fs::write(path("call-2.json"), "old").unwrap();
    let first = recorder(folder.path());
    let second = recorder(folder.path());
    assert_eq!(first.files().wav, path("call-3.wav"));
    assert_eq!(second.files().wav, path("call-4.wav"));
    fs::write(path("call-4.json"), "came meanwhile").unwrap();
    let error = second.finish(&report()).unwrap_err().to_string();
    assert!(error.contains("call-4.json"), "{error}");
    for (name, text) in [
        ("call.wav", "old"),
        ("call-2.json", "old"),
        ("call-4.json", "came meanwhile"),
    ] {
        assert_eq!(fs::read_to_string(path(name)).unwrap(), text);
    }
    assert!(!path("call-4.json.partial").exists());
}

#[test]
fn calls_that_begin_at_once_get_a_file_each() {
    let folder = TempDir::new().unwrap();
    let mut names: Vec<_> = std::thread::scope(|scope| {
        let begin = || recorder(folder.path()).files().wav.clone();
        let begun: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        begun
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8);
}

/// What kill -9 leaves is what the file holds at that moment, without the rest of the process.
#[test]
fn a_killed_process_leaves_a_readable_recording() {
    let folder = TempDir::new().unwrap();
    let mut recorder = recorder(folder.path());
    let left = folder.path().join("left.wav");
    fs::copy(&recorder.files().wav, &left).unwrap();
    assert_eq!(read(&left), [0i16; 0]);
    for index in 0..175u64 {
        recorder
            .write(&block(index * 160, vec![7; 160], vec![-7; 160]))
            .unwrap();
        fs::copy(&recorder.files().wav, &left).unwrap();
        let samples = read(&left);
        assert!(samples.chunks(2).all(|frame| frame == [7, -7]));
        let released = (index + 1) * 160;
        let missing = released - samples.len() as u64 / 2;
        assert!(missing < 8_000, "{missing} samples would be lost");
    }
    let wav = recorder.files().wav.clone();
    std::mem::forget(recorder);
    assert_eq!(read(&wav).len(), 3 * 8_000 * 2);
    assert!(!wav.with_extension("json").exists());
}

#[test]
fn discarding_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut recorder = recorder(folder.path());
    recorder.write(&block(0, vec![1], vec![1])).unwrap();
    recorder.discard().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn errors_name_the_file() {
    let folder = TempDir::new().unwrap();
    let occupied = folder.path().join("file");
    fs::write(&occupied, "").unwrap();
    let error = WavRecorder::create(&occupied, &id("x"), SampleRate::TELEPHONE, 1).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot create the folder {}", occupied.display()))
    );
    let mut recorder = recorder(folder.path());
    let mono = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(0), vec![vec![0]]);
    let error = recorder.write(&mono).unwrap_err().to_string();
    assert!(error.ends_with(
        "call.wav: audio with 1 channels at 8000 Hz, the recording has 2 channels at 8000 Hz"
    ));
}

/// `/dev/full` answers every write with "no space left on device".
#[test]
fn a_full_disk_is_told() {
    let error = EgressError::file("write", Path::new("/rec/a.wav"))(
        fs::write("/dev/full", "x").unwrap_err(),
    );
    assert_eq!(
        error.to_string(),
        "cannot write /rec/a.wav: No space left on device (os error 28); free some space or record elsewhere"
    );
}

proptest! {
    #[test]
    fn recordings_hold_what_was_released(lengths in proptest::collection::vec(0usize..300, 1..20), rate in proptest::sample::select(SampleRate::SUPPORTED.to_vec())) {
        let folder = TempDir::new().unwrap();
        let rate = SampleRate::new(rate).unwrap();
        let mut recorder = WavRecorder::create(folder.path(), &id("call"), rate, 1).unwrap();
        let mut all: Vec<i16> = Vec::new();
        for length in lengths {
            let samples: Vec<i16> = (0..length).map(|i| (all.len() + i) as i16).collect();
            let start = SampleIndex(all.len() as u64);
            all.extend(&samples);
            recorder.write(&CleanAudio::for_test(rate, start, vec![samples])).unwrap();
        }
        prop_assert_eq!(recorder.frames(), all.len() as u64);
        let wav = recorder.files().wav.clone();
        drop(recorder);
        prop_assert_eq!(hound::WavReader::open(&wav).unwrap().spec().sample_rate, rate.hertz());
        prop_assert_eq!(read(&wav), all);
    }
}
