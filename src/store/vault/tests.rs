use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::CallId;
use crate::session::CleanAudio;
use crate::store::keys::{DataKey, LocalKeys};
use crate::store::sealed::{CHUNK, Header, Standing};

mod archiving;
mod kept;
mod removal;
mod revision;
mod rotation;
mod untold;

const ZEROS: &str = "old AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const ONES: &str = "new AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const REPORT: &[u8] = br#"{"call": "CA1", "reason": "sixteen digits"}"#;
const TRANSCRIPT: &[u8] = br#"[{"text": "marmalade"}]"#;

fn vault(folder: &TempDir, keys: &str) -> Vault {
    let keys = LocalKeys::from_text(keys, "keys").unwrap();
    Vault::new(folder.path().join("store"), Arc::new(keys))
}

fn id(text: &str) -> CallId {
    CallId::new(text).unwrap()
}

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

/// So many samples of two legs that differ everywhere.
fn block(start: u64, length: u64) -> CleanAudio {
    let leg = |seed: u64| {
        (start..start + length)
            .map(|at| ((at + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as i16)
            .collect()
    };
    CleanAudio::for_test(
        SampleRate::TELEPHONE,
        SampleIndex(start),
        vec![leg(1), leg(1_000_000)],
    )
}

fn begin(recording: &Recording, call: &str) -> CallWriter {
    recording
        .begin(&id(call), SampleRate::TELEPHONE, 2)
        .unwrap()
}

/// Records a call of so many samples, to its end.
fn record(recording: &Recording, call: &str, samples: u64) -> RecordName {
    let mut writer = begin(recording, call);
    writer.write(&block(0, samples)).unwrap();
    let name = writer.name().clone();
    writer.finish(REPORT, TRANSCRIPT).unwrap();
    name
}

fn samples(vault: &Vault, name: &RecordName) -> Vec<i16> {
    let mut wav = Vec::new();
    vault
        .audio(name)
        .unwrap()
        .copy_to(&mut wav, |_, _| {})
        .unwrap();
    let mut reader = hound::WavReader::new(&*wav).unwrap();
    assert_eq!(reader.spec().channels, 2);
    reader.samples().map(Result::unwrap).collect()
}

fn interleaved(audio: &CleanAudio) -> Vec<i16> {
    let legs = audio.channels();
    (0..audio.len())
        .flat_map(|at| [legs[0][at], legs[1][at]])
        .collect()
}

/// Every file of a folder and its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let mut bytes = Vec::new();
            fs::File::open(&path)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            found.push((path, bytes));
        }
    }
    found
}

#[test]
fn a_call_comes_back_bit_by_bit() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let call = record(&recording, "CA1", 20_000);
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
    assert_eq!(*vault.document(&call, Content::Report).unwrap(), REPORT);
    assert_eq!(
        *vault.document(&call, Content::Transcript).unwrap(),
        TRANSCRIPT
    );
    let mut audio = vault.audio(&call).unwrap();
    assert_eq!(audio.seconds(), 2.5);
    assert_eq!(audio.examine(|_, _| {}).unwrap(), Standing::Whole);
    let listed = vault.records(|_, _| {}).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].name, listed[0].state), (&call, State::Complete));
    assert_eq!(listed[0].parts.len(), 3);
    assert!(
        files::names(&folder.path().join("store/open"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn nothing_in_the_store_is_readable_without_the_key_or_by_others() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    record(&recording, "CA1", 20_000);
    let mut open = begin(&recording, "CA2");
    open.write(&block(0, 20_000)).unwrap();
    let spoken: Vec<u8> = interleaved(&block(0, 20_000))
        .iter()
        .flat_map(|s| s.to_le_bytes())
        .collect();
    let found = files(vault.path());
    assert!(found.len() > 8);
    for (path, bytes) in found {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        for word in [
            &b"marmalade"[..],
            b"sixteen",
            b"RIFF",
            &spoken[4_000..4_016],
            &spoken[..16],
        ] {
            assert!(
                !bytes.windows(word.len()).any(|w| w == word),
                "{}",
                path.display()
            );
        }
    }
    for tree in ["", "calls", "keys", "open", "calls/CA1"] {
        let path = vault.path().join(tree);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

#[test]
fn every_object_has_a_key_of_its_own() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let keys: Vec<DataKey> = ["CA1", "CA2"]
        .iter()
        .map(|call| record(&recording, call, 10))
        .flat_map(|call| {
            [Content::Audio, Content::Report, Content::Transcript].map(|part| (call.clone(), part))
        })
        .map(|(call, part)| {
            let (_, header) = vault.open_header(&call, part).unwrap();
            vault
                .keys
                .unwrap(&vault.wrapped_key(&call, part).unwrap().1, header.bytes())
                .unwrap()
        })
        .collect();
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key));
    }
}

#[test]
fn a_repeated_id_gets_a_number_and_nothing_is_overwritten() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    assert_eq!(record(&recording, "CA1", 10).as_str(), "CA1");
    assert_eq!(record(&recording, "CA1", 20).as_str(), "CA1-2");
    assert_eq!(samples(&vault, &name("CA1")).len(), 20);
    assert_eq!(samples(&vault, &name("CA1-2")).len(), 40);
}

#[test]
fn a_crash_leaves_what_was_sealed_and_the_next_start_closes_it() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    record(&recording, "CA0", 10);
    let mut writer = begin(&recording, "CA1");
    writer.write(&block(0, 20_000)).unwrap();
    drop(writer);
    // Nothing of it was recorded; the second has its key alone.
    drop(begin(&recording, "CA2"));
    fs::remove_file(vault.object_file(&name("CA2"), Content::Audio)).unwrap();
    drop(recording);

    assert_eq!(vault.record(&name("CA1")).unwrap().state, State::Open);
    let kept = 80_044 / CHUNK * CHUNK;
    let expected = &interleaved(&block(0, 20_000))[..(kept - 44) / 2];
    assert_eq!(samples(&vault, &name("CA1")), expected);

    let recording = vault.begin_recording().unwrap();
    let swept = recording.sweep().unwrap();
    let outcomes: Vec<&Swept> = swept
        .iter()
        .map(|call| call.outcome.as_ref().unwrap())
        .collect();
    assert!(
        matches!(
            &*outcomes,
            [
                Swept::Incomplete(Closing {
                    chunks: 9,
                    altered_chunk: None,
                    ..
                }),
                Swept::Removed
            ]
        ),
        "{outcomes:?}"
    );
    let record = vault.record(&name("CA1")).unwrap();
    assert_eq!(record.state, State::Incomplete);
    assert_eq!(samples(&vault, &name("CA1")), expected);
    assert!(
        vault
            .closing(&name("CA1"))
            .unwrap()
            .reason
            .contains("gateway ended")
    );
    assert!(matches!(
        vault.record(&name("CA2")),
        Err(VaultError::Unknown { .. })
    ));
    assert_eq!(vault.record(&name("CA0")).unwrap().state, State::Complete);
    assert!(recording.sweep().unwrap().is_empty());
}

/// Each file of a call is written or renamed in turn: the process dies after each.
#[test]
fn a_crash_while_a_call_is_closed_loses_nothing() {
    let expected = interleaved(&block(0, 5_000));
    for lost in ["audio's end", "report", "mark", "closing's mark"] {
        let folder = TempDir::new().unwrap();
        let vault = vault(&folder, ONES);
        let recording = vault.begin_recording().unwrap();
        let call = record(&recording, "CA1", 5_000);
        fs::write(vault.mark(&call), "").unwrap();
        let report = vault.object_file(&call, Content::Report);
        match lost {
            "report" => {
                fs::rename(&report, report.with_extension("new")).unwrap();
            }
            "audio's end" => {
                fs::remove_file(&report).unwrap();
                let file = vault.object_file(&call, Content::Audio);
                let bytes = fs::read(&file).unwrap();
                fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
            }
            "closing's mark" => {
                vault.close_early(&call, "a test").unwrap();
                fs::write(vault.mark(&call), "").unwrap();
            }
            _ => {}
        }
        let swept = recording.sweep().unwrap();
        assert!(swept[0].outcome.is_ok(), "{lost}: {swept:?}");
        let state = if lost == "mark" {
            State::Complete
        } else {
            State::Incomplete
        };
        assert_eq!(vault.record(&call).unwrap().state, state, "{lost}");
        let kept = samples(&vault, &call);
        let whole = if lost == "audio's end" {
            (2 * CHUNK - 44) / 2
        } else {
            expected.len()
        };
        assert_eq!(kept, expected[..whole], "{lost}");
        assert!(!report.with_extension("new").exists());
    }
}

#[test]
fn one_process_records_at_a_time() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let first = vault.begin_recording().unwrap();
    assert!(matches!(
        vault.begin_recording(),
        Err(VaultError::InUse { .. })
    ));
    drop(first);
    vault.begin_recording().unwrap();
}

#[test]
fn parts_in_each_others_places_are_refused() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let (first, second) = (record(&recording, "CA1", 10), record(&recording, "CA2", 10));
    fs::copy(
        vault.object_file(&first, Content::Audio),
        vault.object_file(&second, Content::Audio),
    )
    .unwrap();
    fs::copy(
        vault.key_file(&first, Content::Audio),
        vault.key_file(&second, Content::Audio),
    )
    .unwrap();
    let problem = vault.audio(&second).unwrap_err().to_string();
    assert!(
        problem.ends_with("is the audio of the call CA1: it was moved here"),
        "{problem}"
    );
}

#[test]
fn a_complete_recording_that_was_cut_is_told_from_a_crash() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let call = record(&recording, "CA1", 20_000);
    let file = vault.object_file(&call, Content::Audio);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..40_000]).unwrap();
    assert!(matches!(
        vault.audio(&call),
        Err(VaultError::Shortened { found: 4, .. })
    ));

    let mut writer = begin(&recording, "CA2");
    writer.write(&block(0, 20_000)).unwrap();
    drop(writer);
    recording.sweep().unwrap();
    let file = vault.object_file(&name("CA2"), Content::Audio);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..40_000]).unwrap();
    assert!(matches!(
        vault.audio(&name("CA2")),
        Err(VaultError::Shortened { found: 4, .. })
    ));
}

#[test]
fn an_altered_recording_is_an_error_and_not_noise() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    let file = vault.object_file(&call, Content::Audio);
    let mut bytes = fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let mut wav = Vec::new();
    let problem = vault
        .audio(&call)
        .unwrap()
        .copy_to(&mut wav, |_, _| {})
        .unwrap_err();
    assert!(
        problem.to_string().ends_with("was altered at chunk 2"),
        "{problem}"
    );
    assert_eq!(wav.len(), 2 * CHUNK);
}

#[test]
fn a_call_of_other_legs_or_names_is_refused() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    assert!(matches!(
        vault.records(|_, _| {}),
        Err(VaultError::NoStore { .. })
    ));
    let recording = vault.begin_recording().unwrap();
    let mut writer = begin(&recording, "CA1");
    let mono = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(0), vec![vec![0]]);
    assert!(matches!(
        writer.write(&mono),
        Err(VaultError::Mismatch { .. })
    ));
    for bad in ["", "..", "a/b", &"x".repeat(100)] {
        assert!(RecordName::new(bad).is_err());
    }
    assert!(matches!(
        vault.audio(&name("CA9")),
        Err(VaultError::Unknown { .. })
    ));
    assert!(matches!(
        vault.document(&name("CA1"), Content::Report),
        Err(VaultError::Missing { .. })
    ));
    fs::write(vault.path().join("format"), "hushgate store 2\n").unwrap();
    assert!(matches!(vault.check(), Err(VaultError::Format { .. })));
}

#[test]
fn a_header_that_was_altered_does_not_open() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 10);
    let file = vault.object_file(&call, Content::Audio);
    let mut bytes = fs::read(&file).unwrap();
    // The object's revision.
    bytes[31] = 1;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(Header::read(&mut &*bytes).unwrap().label().revision, 1);
    assert!(matches!(
        vault.audio(&call),
        Err(VaultError::Key {
            cause: KeyError::Refused { .. },
            ..
        })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_place_of_the_wav_can_be_read(
        blocks in prop::collection::vec(1_u64..4_000, 1..5), from in 0_u64..40_000, length in 0_usize..30_000,
    ) {
        let folder = TempDir::new().unwrap();
        let vault = vault(&folder, ONES);
        let recording = vault.begin_recording().unwrap();
        let mut writer = begin(&recording, "CA1");
        let mut start = 0;
        for block_length in blocks {
            writer.write(&block(start, block_length)).unwrap();
            start += block_length;
        }
        writer.finish(REPORT, TRANSCRIPT).unwrap();
        let call = name("CA1");
        prop_assert_eq!(samples(&vault, &call), interleaved(&block(0, start)));
        let mut wav = Vec::new();
        let mut audio = vault.audio(&call).unwrap();
        audio.copy_to(&mut wav, |_, _| {}).unwrap();
        prop_assert_eq!(wav.len() as u64, audio.length());
        let end = wav.len().min(from as usize + length);
        let expected = wav.get(from as usize..end).unwrap_or_default();
        prop_assert_eq!(&*audio.read_at(from, length).unwrap(), expected);
    }
}
