//! Keys: another, a newer, one that was destroyed.

use super::*;
use crate::store::keys::{KeyId, WrappedKey};

#[test]
fn another_key_says_so_clearly() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ZEROS);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 10);
    let problem = |keys: &str| {
        let keys = LocalKeys::from_text(keys, "keys").unwrap();
        let other = Vault::new(vault.path().to_owned(), Arc::new(keys));
        other.audio(&call).unwrap_err().to_string()
    };
    assert!(problem(ONES).contains("has no key old, which this was sealed under; put it back"));
    let renamed = ONES.replace("new", "old");
    assert!(
        problem(&renamed)
            .contains("key old of keys does not open this: it is another key of that name")
    );
}

#[test]
fn rotation_wraps_anew_and_leaves_audio_alone() {
    let folder = TempDir::new().unwrap();
    let before = vault(&folder, ZEROS);
    {
        let recording = before.begin_recording().unwrap();
        record(&recording, "CA1", 5_000);
        record(&recording, "CA2", 10);
    }
    let sealed = files(&before.path().join("calls"));
    let both = vault(&folder, &format!("{ONES}\n{ZEROS}"));
    // As a rotation that was cut off while it replaced a key would leave it.
    fs::write(
        both.key_file(&name("CA1"), Content::Audio)
            .with_extension("new"),
        "half",
    )
    .unwrap();
    assert_eq!(both.usage(|_, _| {}).unwrap()[0].objects, 6);
    let rotation = both.rotate(|_, _| {}).unwrap();
    assert!(rotation.failed.is_empty(), "{rotation:?}");
    assert_eq!((rotation.objects, rotation.rewrapped), (6, 6));
    assert_eq!(both.rotate(|_, _| {}).unwrap().rewrapped, 0);
    assert_eq!(files(&before.path().join("calls")), sealed);
    assert_eq!(
        both.usage(|_, _| {}).unwrap(),
        [Usage {
            key: KeyId::new("new").unwrap(),
            objects: 6
        }]
    );
    let after = vault(&folder, ONES);
    assert_eq!(samples(&after, &name("CA1")), interleaved(&block(0, 5_000)));
    assert!(before.audio(&name("CA1")).is_err());
}

/// Counts down to a failure.
#[derive(Debug)]
struct Failing(LocalKeys, std::sync::atomic::AtomicI32);

impl KeyService for Failing {
    fn keys(&self) -> Result<Vec<KeyId>, KeyError> {
        self.0.keys()
    }
    fn check(&self) -> Result<(), KeyError> {
        Ok(())
    }
    fn wrap(&self, key: &DataKey, object: &[u8]) -> Result<WrappedKey, KeyError> {
        self.0.wrap(key, object)
    }
    fn unwrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<DataKey, KeyError> {
        self.0.unwrap(wrapped, object)
    }
    fn rewrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<Option<WrappedKey>, KeyError> {
        if self.1.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 0 {
            return Err(KeyError::Service {
                place: "test".into(),
                problem: "is away".into(),
            });
        }
        self.0.rewrap(wrapped, object)
    }
}

#[test]
fn a_rotation_that_was_cut_off_leaves_all_readable_and_is_done_again() {
    let folder = TempDir::new().unwrap();
    let before = vault(&folder, ZEROS);
    record(&before.begin_recording().unwrap(), "CA1", 5_000);
    let both = format!("{ONES}\n{ZEROS}");
    for survives in [1, 0, 1, 9] {
        let keys = LocalKeys::from_text(&both, "keys").unwrap();
        let failing = Failing(keys, survives.into());
        let failing = Vault::new(before.path().to_owned(), Arc::new(failing));
        let rotation = failing.rotate(|_, _| {}).unwrap();
        assert_eq!(rotation.failed.is_empty(), survives == 9, "{rotation:?}");
        assert_eq!(samples(&failing, &name("CA1")).len(), 10_000);
        assert_eq!(
            *failing.document(&name("CA1"), Content::Report).unwrap(),
            REPORT
        );
    }
    assert_eq!(samples(&vault(&folder, ONES), &name("CA1")).len(), 10_000);
}

#[test]
fn a_call_that_began_is_finished_without_the_key_service_and_rotated_meanwhile() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys");
    crate::store::keys::add_key(&file, &KeyId::new("first").unwrap()).unwrap();
    let keys = Arc::new(LocalKeys::from_file(&file).unwrap());
    let vault = Vault::new(folder.path().join("store"), keys);
    let recording = vault.begin_recording().unwrap();
    let mut writer = begin(&recording, "CA1");
    writer.write(&block(0, 5_000)).unwrap();
    crate::store::keys::add_key(&file, &KeyId::new("second").unwrap()).unwrap();
    let rotation = vault.rotate(|_, _| {}).unwrap();
    assert!(
        rotation.failed.is_empty() && rotation.rewrapped == 3,
        "{rotation:?}"
    );
    fs::rename(&file, folder.path().join("away")).unwrap();
    assert!(vault.check().is_err());
    writer.finish(REPORT, TRANSCRIPT).unwrap();
    fs::rename(folder.path().join("away"), &file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let second = text
        .lines()
        .find(|line| line.starts_with("second"))
        .unwrap();
    let vault = self::vault(&folder, second);
    assert_eq!(samples(&vault, &name("CA1")).len(), 10_000);
    assert_eq!(
        *vault.document(&name("CA1"), Content::Transcript).unwrap(),
        TRANSCRIPT
    );
}

#[test]
fn a_destroyed_key_makes_its_part_unreadable_for_ever_and_no_other() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, &format!("{ONES}\n{ZEROS}"));
    let call = record(&vault.begin_recording().unwrap(), "CA1", 5_000);
    let backup = fs::read(vault.object_file(&call, Content::Transcript)).unwrap();
    vault.shred(&call, Content::Transcript).unwrap();
    vault.shred(&call, Content::Transcript).unwrap();
    let problem = vault
        .document(&call, Content::Transcript)
        .unwrap_err()
        .to_string();
    assert_eq!(
        problem,
        "the transcript of the call CA1 cannot be read any more: its key was destroyed"
    );
    // Not by a rotation either, nor from a copy, nor under another part's key.
    vault.rotate(|_, _| {}).unwrap();
    fs::write(vault.object_file(&call, Content::Transcript), backup).unwrap();
    assert!(vault.document(&call, Content::Transcript).is_err());
    fs::copy(
        vault.key_file(&call, Content::Report),
        vault.key_file(&call, Content::Transcript),
    )
    .unwrap();
    let problem = vault.document(&call, Content::Transcript).unwrap_err();
    assert!(
        matches!(
            problem,
            VaultError::Key {
                cause: KeyError::Refused { .. },
                ..
            }
        ),
        "{problem}"
    );
    vault.shred(&call, Content::Transcript).unwrap();
    let parts = vault.record(&call).unwrap().parts;
    assert!(
        parts
            .iter()
            .all(|part| part.key.is_some() == (part.content != Content::Transcript))
    );
    assert_eq!(samples(&vault, &call).len(), 10_000);
    assert_eq!(*vault.document(&call, Content::Report).unwrap(), REPORT);
}
