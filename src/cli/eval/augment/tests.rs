use super::*;
use crate::cli::eval::labels;

const LABELS: &str = r#"{"audio": "call.wav", "sample_rate": 8000, "channels": ["agent", "customer"],
  "sensitive": [{"channel": "customer", "kind": "cvv", "value": "123", "start": 1, "end": 2}], "benign": []}"#;

/// A call of two legs of three seconds with its labels.
fn call(folder: &Path) -> Labels {
    let leg = |slower: f64| -> Vec<i16> {
        (0..24_000)
            .map(|at| ((f64::from(at) * 0.3 / slower).sin() * 6_000.0) as i16)
            .collect()
    };
    std::fs::write(
        folder.join("call.wav"),
        wav(8_000, &[leg(1.0), leg(2.0)]).unwrap(),
    )
    .unwrap();
    std::fs::write(folder.join("call.json"), LABELS).unwrap();
    labels::read(&folder.join("call.json")).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn copies_are_labelled_calls_and_the_same_in_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let call = call(folder.path());
    for degradation in Degradation::value_variants() {
        if degradation.check().is_err() {
            continue;
        }
        let into = |run: &str| folder.path().join(run).join(degradation.name());
        let one = degradation
            .write(std::slice::from_ref(&call), &into("one"))
            .unwrap();
        degradation
            .write(std::slice::from_ref(&call), &into("two"))
            .unwrap();
        assert_eq!(names(&into("one")), ["call.json", "call.wav"]);
        let bytes = |run: &str, file: &str| std::fs::read(into(run).join(file)).unwrap();
        assert_eq!(bytes("one", "call.wav"), bytes("two", "call.wav"));
        assert_eq!(bytes("one", "call.json"), LABELS.as_bytes());

        let there = labels::read(&into("one").join("call.json")).unwrap();
        assert_eq!(one[0].audio, there.audio);
        assert_eq!(one[0].spoken.as_ref(), Some(&call.audio));
        let read = |file: &Path| WavFile::open(file).unwrap().read_to_end().unwrap();
        let (before, after) = (read(&call.audio), read(&there.audio));
        assert_eq!(after.len(), before.len());
        assert_eq!(after[0].len(), before[0].len());
        assert_ne!(after, before, "{degradation:?}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let call = call(folder.path());
    let out = folder.path().join("gain");
    let write = || Degradation::Gain.write(std::slice::from_ref(&call), &out);
    write().unwrap();
    write().unwrap();
    std::fs::write(out.join("call.wav"), "something else").unwrap();
    let error = write().unwrap_err().to_string();
    assert!(
        error.contains("call.wav: is there already and differs"),
        "{error}"
    );
    assert_eq!(names(&out), ["call.json", "call.wav"]);
}
