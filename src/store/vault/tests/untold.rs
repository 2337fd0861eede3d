//! What is marked until the audit log knows of it.

use super::*;

fn telling(folder: &TempDir) -> Vault {
    vault(folder, ONES).telling_ends()
}

#[test]
fn a_closed_call_is_marked_until_it_is_told() {
    let folder = TempDir::new().unwrap();
    let vault = telling(&folder);
    let recording = vault.begin_recording().unwrap();
    assert_eq!(vault.untold().unwrap(), []);
    record(&recording, "CA1", 10);
    record(&recording, "CA1", 20);
    let untold = vault.untold().unwrap();
    let names: Vec<&str> = untold.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["CA1", "CA1-2"]);
    for call in &untold {
        // The log knows it by the platform's id.
        assert_eq!((call.call.as_str(), &call.cut_off), ("CA1", &None));
        assert_eq!(call.place, vault.folder(&call.name));
        assert_eq!(vault.record(&call.name).unwrap().state, State::Complete);
    }
    vault.told(&untold[0].name).unwrap();
    vault.told(&untold[0].name).unwrap();
    assert_eq!(vault.untold().unwrap(), untold[1..]);
    vault.remove(&untold[1].name).unwrap();
    assert_eq!(vault.untold().unwrap(), []);
    assert_eq!(files(&folder.path().join("store/untold")), []);
}

#[test]
fn what_the_next_start_closes_is_marked_too() {
    let folder = TempDir::new().unwrap();
    let vault = telling(&folder);
    let recording = vault.begin_recording().unwrap();
    let mut writer = begin(&recording, "CA1");
    writer.write(&block(0, 20_000)).unwrap();
    drop(writer);
    // Nothing of it was recorded.
    drop(begin(&recording, "CA2"));
    fs::remove_file(vault.object_file(&name("CA2"), Content::Audio)).unwrap();
    // It was complete but for its mark.
    let complete = record(&recording, "CA3", 10);
    fs::rename(vault.untold_mark(&complete), vault.mark(&complete)).unwrap();
    recording.sweep().unwrap();
    let untold = vault.untold().unwrap();
    let told: Vec<_> = untold
        .iter()
        .map(|call| (call.name.as_str(), call.cut_off.is_some()))
        .collect();
    assert_eq!(told, [("CA1", true), ("CA3", false)]);
    assert_eq!(files(&folder.path().join("store/open")), []);
}

#[test]
fn a_store_without_a_log_keeps_no_marks() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    record(&vault.begin_recording().unwrap(), "CA1", 10);
    assert_eq!(vault.untold().unwrap(), []);
    assert!(!folder.path().join("store/untold").exists());
}
