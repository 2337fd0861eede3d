//! Evidence of one call, checked without the log.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::bundle::Bundle;
use super::*;

/// A call among others, over several checkpoints.
fn evidence() -> &'static (Bundle, PublicKey) {
    static EVIDENCE: OnceLock<(Bundle, PublicKey)> = OnceLock::new();
    EVIDENCE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let settings = LogSettings {
            checkpoint_entries: 5,
            segment_bytes: 3_000,
            ..LogSettings::new(folder.path().to_owned())
        };
        let log = AuditLog::open(settings.clone()).unwrap().log;
        let write = |record: Record| log.record_durably(record).wait().unwrap();
        for _ in 0..7 {
            write(hidden("CA8"));
        }
        write(
            Record::new(Action::CallBegan)
                .about("CA1")
                .with_name("policy_version", "5f2c9a81d0e4")
                .with_name("model_sha256", "scripted"),
        );
        for _ in 0..4 {
            write(hidden("CA1"));
            write(hidden("CA8"));
            write(hidden("CA9"));
        }
        write(
            Record::new(Action::CallRecorded)
                .about("CA1")
                .with_name("recording", "CA1.wav")
                .with_name("recording_sha256", Sha256Digest::of(&[b"wave"]))
                .with("recording_bytes", 4_u64),
        );
        write(
            Record::new(Action::CallEnded)
                .about("CA1")
                .with("entries_before", 6_u64),
        );
        write(hidden("CA8"));
        let keys = KeyFiles::new(&settings.keys).load().unwrap();
        // While the log is being written: the anchor signs for what the last checkpoint does not.
        let bundle = Bundle::collect(&settings.files(), "CA1", &keys, |_, _| {}).unwrap();
        let none = Bundle::collect(&settings.files(), "CA2", &keys, |_, _| {});
        assert!(matches!(none, Err(AuditError::NotFound(_))));
        (bundle, keys.signing.public())
    })
}

#[test]
fn a_bundle_holds_together_and_holds_nothing_of_other_calls() {
    let (bundle, key) = evidence();
    let text = bundle.to_json();
    let read = Bundle::parse(&text).unwrap();
    assert_eq!(read, *bundle);
    let checked = read.check(key).unwrap();
    assert_eq!((checked.entries, checked.is_complete), (7, Some(true)));
    assert!(!text.contains("CA8") && !text.contains("CA9"));
    let summary = &read.bundle.summary;
    assert_eq!(summary.spans.len(), 4);
    assert_eq!(
        summary.rules.first().map(String::as_str),
        Some("card_number")
    );
    assert_eq!(
        read.recorded(Sha256Digest::of(&[b"wave"])).unwrap().file,
        "CA1.wav"
    );
    assert!(read.bundle.proof.len() > 1);
}

/// Signed again by who has the signing key: the proof alone has to find it.
fn resigned(change: impl FnOnce(&mut Bundle)) -> Result<(), String> {
    use base64::Engine as _;
    let (bundle, _) = evidence();
    let mut bundle = bundle.clone();
    change(&mut bundle);
    bundle.bundle.summary = bundle::Summary::of(&bundle.bundle.entries);
    bundle.key = keys().signing.public().id();
    let text = serde_json::to_vec(&bundle.bundle).unwrap();
    bundle.signature = base64::engine::general_purpose::STANDARD.encode(keys().signing.sign(&text));
    for run in &mut bundle.bundle.proof {
        assert!(run.checkpoint.check(&[keys().signing.public()]).is_err());
    }
    bundle.check(&keys().signing.public()).map(|_| ())
}

#[test]
fn what_was_signed_by_another_key_is_refused() {
    let (_, key) = evidence();
    let problem = evidence().0.check(&keys().signing.public()).unwrap_err();
    assert!(problem.contains("signed with another key") && problem.contains(&key.id()));
    // Nor does a bundle help whose checkpoints another key signed.
    assert!(
        resigned(|_| {})
            .unwrap_err()
            .contains("key that was not given")
    );
}

#[test]
fn the_proof_finds_what_is_not_in_the_chain() {
    let (bundle, _) = evidence();
    let run = bundle.bundle.proof.first().unwrap();
    let line = bundle.bundle.entries.first().unwrap();
    assert!(run.check().is_ok() && run.holds(line));
    for change in [
        |line: &mut Line| line.entry.sequence += 1,
        |line: &mut Line| line.entry.time = "2026-11-22T10:00:00.000000Z".into(),
        |line: &mut Line| line.hmac.0[0] ^= 1,
        |line: &mut Line| line.hash.0[0] ^= 1,
        |line: &mut Line| line.entry.previous.0[0] ^= 1,
    ] {
        let mut other = line.clone();
        change(&mut other);
        assert!(!run.holds(&other), "{other:?}");
    }
    let mut shorter = run.clone();
    shorter.contents.pop();
    assert!(shorter.check().is_err());
    let mut other = run.clone();
    other.contents[0].0[0] ^= 1;
    assert!(other.check().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_in_a_bundle_is_found(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (bundle, key) = evidence();
        let mut text = bundle.to_json().into_bytes();
        let place = place.index(text.len());
        text[place] ^= 1 << bit;
        let found = match String::from_utf8(text) {
            // Only the line end after it is not part of it.
            Ok(text) => Bundle::parse(&text).and_then(|bundle| bundle.check(key)).is_err(),
            Err(_) => true,
        };
        prop_assert!(found, "byte {}", place);
    }
}
