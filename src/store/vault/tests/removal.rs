//! Calls and parts that are removed, and quarantine.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::store::vault::Swept;

fn dying(vault: &Vault, steps: usize) -> Vault {
    Vault {
        steps: Some(Arc::new(AtomicUsize::new(steps))),
        ..vault.clone()
    }
}

#[test]
fn a_removed_call_leaves_nothing_and_no_copy_of_it_opens() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let call = record(&recording, "CA1", 9_000);
    let other = record(&recording, "CA2", 9_000);
    let copy = fs::read(vault.object_file(&call, Content::Audio)).unwrap();
    vault.quarantine(&call, "heard").unwrap();
    let removed = vault.survey(&call, &Content::ALL).unwrap();
    assert_eq!(removed.parts.len(), 3);
    assert_eq!(removed.parts[0].bytes, copy.len() as u64);
    vault.remove(&call).unwrap();
    for (file, _) in files(vault.path()) {
        assert!(
            !file.to_string_lossy().contains("CA1"),
            "{}",
            file.display()
        );
    }
    assert!(matches!(
        vault.record(&call),
        Err(VaultError::Unknown { .. })
    ));
    files::make_folders(&vault.folder(&call)).unwrap();
    fs::write(vault.object_file(&call, Content::Audio), &copy).unwrap();
    assert!(matches!(
        vault.audio(&call),
        Err(VaultError::Shredded { .. })
    ));
    assert_eq!(samples(&vault, &other).len(), 18_000);
    // Again, it does no harm.
    vault.remove(&call).unwrap();
    assert_eq!(vault.survey(&call, &Content::ALL).unwrap().parts, []);
    assert_eq!(vault.records(|_, _| {}).unwrap().len(), 1);
}

#[test]
fn a_removal_that_dies_at_any_step_is_ended_by_the_next_start() {
    for steps in 0.. {
        let folder = TempDir::new().unwrap();
        let vault = vault(&folder, ONES);
        let recording = vault.begin_recording().unwrap();
        let calls = [
            record(&recording, "CA1", 100),
            record(&recording, "CA2", 100),
        ];
        drop(recording);
        let died = dying(&vault, steps).remove_all(&calls);
        let is_done = died.iter().all(Result::is_ok);
        let swept = vault.begin_recording().unwrap().sweep().unwrap();
        assert!(
            swept
                .iter()
                .all(|swept| matches!(swept.outcome, Ok(Swept::Destroyed))),
            "{swept:?}"
        );
        for call in &calls {
            let is_whole = vault.audio(call).is_ok();
            let is_gone = !vault.folder(call).exists() && !vault.key_folder(call).exists();
            assert!(is_whole || is_gone, "at step {steps}");
            assert!(!is_done || is_gone);
            assert!(is_gone || !swept.iter().any(|swept| swept.name == *call));
        }
        assert!(
            files::names(&vault.path().join("removing"))
                .unwrap()
                .is_empty()
        );
        if is_done {
            assert!(steps > 15, "{steps}");
            break;
        }
    }
}

#[test]
fn a_name_is_free_again_only_after_its_call_is_gone() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let call = record(&recording, "CA1", 100);
    vault.remove(&call).unwrap();
    files::write_new(&vault.removing(&call), b"").unwrap();
    assert_eq!(begin(&recording, "CA1").name().as_str(), "CA1-2");
    vault.remove(&call).unwrap();
    assert_eq!(begin(&recording, "CA1").name().as_str(), "CA1");
    let under_way = vault.remove(&call);
    assert!(matches!(under_way, Err(VaultError::UnderWay { .. })));
}

#[test]
fn parts_go_and_the_rest_stays() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", SAMPLES);
    let begun = vault.record(&call).unwrap().begun;
    vault.discard(&call, &[Content::Audio]).unwrap();
    assert!(matches!(
        vault.audio(&call),
        Err(VaultError::Shredded { .. })
    ));
    assert_eq!(*vault.document(&call, Content::Report).unwrap(), REPORT);
    let record = vault.record(&call).unwrap();
    assert_eq!((record.state, record.begun), (State::Complete, begun));
    assert!(record.bytes < 3_000, "{}", record.bytes);
    vault.discard(&call, &[Content::Audio]).unwrap();
    // What is left can be erased in, and rotated.
    let rewrite = |_: Content, text: &[u8]| Ok(zeroize::Zeroizing::new(text.to_vec()));
    let erased = vault.erase_segments(&call, &[], &rewrite).unwrap();
    assert_eq!(erased.parts.len(), 2);
    assert!(vault.rotate(|_, _| {}).unwrap().failed.is_empty());
    for steps in 0..6 {
        let _ = dying(&vault, steps).discard(&call, &[Content::Transcript]);
    }
    vault.discard(&call, &[Content::Transcript]).unwrap();
    assert!(vault.document(&call, Content::Transcript).is_err());
}

const SAMPLES: u64 = 20_000;

#[test]
fn what_is_in_quarantine_is_given_to_who_asks_for_it_alone() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 9_000);
    assert_eq!(vault.quarantined(&call).unwrap(), None);
    vault.quarantine(&call, "something was heard").unwrap();
    vault.quarantine(&call, "again").unwrap();
    let mark = vault.quarantined(&call).unwrap().unwrap();
    assert_eq!(mark.reason, "something was heard");
    let refused = vault.audio(&call).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the call CA1 is in quarantine: something was heard; give --quarantined to open it all the same"
    );
    assert!(vault.document(&call, Content::Transcript).is_err());
    assert!(vault.document(&call, Content::Report).is_ok());
    let open = vault.opening_quarantined();
    assert_eq!(samples(&open, &call).len(), 18_000);
    // A mark that is not readable locks all the same.
    fs::write(vault.quarantine_file(&call), b"{").unwrap();
    assert!(vault.audio(&call).is_err());
    vault.end_quarantine(&call).unwrap();
    vault.end_quarantine(&call).unwrap();
    assert_eq!(samples(&vault, &call).len(), 18_000);
    assert!(matches!(
        vault.quarantine(&name("CA9"), "x"),
        Err(VaultError::Unknown { .. })
    ));
}
