use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::CallId;
use crate::session::CleanAudio;
use crate::store::archive::shelf::Shelf;
use crate::store::audit::{
    Action, AuditLog, Folder, KeyFiles, LogSettings, Record, Verification, verify_folder,
};
use crate::store::database::DatabaseSettings;
use crate::store::index::{Index, IndexedCall};
use crate::store::keys::{KeyId, LocalKeys, add_key};
use crate::store::sealed::Content;
use crate::store::vault::{CallWriter, RecordName, Recording, State, Vault};

/// A store with an audit log, in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
    vault: Vault,
    log: AuditLog,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("store.keys");
        add_key(&keys, &KeyId::new("first").unwrap()).unwrap();
        let keys = Arc::new(LocalKeys::from_file(&keys).unwrap());
        Self {
            vault: Vault::new(folder.path().join("store"), keys),
            log: AuditLog::open(LogSettings::new(folder.path().join("audit")))
                .unwrap()
                .log,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin(&self, recording: &Recording, call: &str) -> CallWriter {
        let call = CallId::new(call).unwrap();
        let mut writer = recording.begin(&call, SampleRate::TELEPHONE, 1).unwrap();
        let samples: Vec<i16> = (0..40_000).map(|at| (at % 251) as i16 * 40).collect();
        let audio = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(0), vec![samples]);
        writer.write(&audio).unwrap();
        writer
    }

    fn record(&self, recording: &Recording, call: &str) -> RecordName {
        let writer = self.begin(recording, call);
        let name = writer.name().clone();
        writer.finish(b"{}", b"[]").unwrap();
        name
    }

    fn source(&self) -> Source<'_> {
        let folder = self.path("audit");
        Source {
            vault: &self.vault,
            audit: Some((Folder::new(&folder), KeyFiles::new(&folder.join("keys")))),
        }
    }

    fn key(&self) -> crate::store::audit::PublicKey {
        crate::store::audit::PublicKey::read(&self.path("audit/keys/audit-public.pem")).unwrap()
    }

    /// The store at another place, with the same keys.
    fn restored(&self, to: &str) -> Vault {
        let keys = LocalKeys::from_file(&self.path("store.keys")).unwrap();
        Vault::new(self.path(to).join("store"), Arc::new(keys))
    }

    async fn index(&self, name: &RecordName) {
        let index = Index::open(&DatabaseSettings::within(&self.path("store")))
            .await
            .unwrap();
        let call = IndexedCall::new(name.clone(), Timestamp::now(), State::Complete);
        index.put(&call).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_calls_are_recorded_comes_back_whole() {
    let place = Place::new();
    let recording = place.vault.begin_recording().unwrap();
    let done = place.record(&recording, "CA1");
    let open = place.begin(&recording, "CA2");
    place.index(&done).await;
    place
        .log
        .record_durably(Record::new(Action::CallRecorded).about("CA1"))
        .durable()
        .await
        .unwrap();

    let out = place.path("copy");
    let manifest = make(&place.source(), &out, |_, _| {}).await.unwrap();
    assert_eq!(manifest.under_way, 1);
    open.finish(b"{}", b"[]").unwrap();
    // No key is in it.
    for path in super::make::paths(&out).unwrap() {
        assert!(
            !path.contains("hmac") && !path.contains("signing") && !path.contains("store.keys"),
            "{path}"
        );
        assert!(
            !path.ends_with(".lock") && !path.ends_with("-wal"),
            "{path}"
        );
    }
    let checked = verify(&out, Some(&place.key()), |_, _| {}).unwrap();
    assert!(checked.signed_by.is_some());
    assert!(matches!(
        make(&place.source(), &out, |_, _| {}).await,
        Err(BackupError::Exists { .. })
    ));

    restore(
        &out,
        &place.path("new"),
        Some(&place.key()),
        &Destroyed::default(),
        |_, _| {},
    )
    .unwrap();
    let vault = place.restored("new");
    // As after a crash: the next start closes what was under way.
    let recording = vault.begin_recording().unwrap();
    recording.sweep().unwrap();
    assert_eq!(vault.record(&done).unwrap().state, State::Complete);
    let mut audio = vault.audio(&done).unwrap();
    let mut wav = Vec::new();
    audio.copy_to(&mut wav, |_, _| {}).unwrap();
    assert_eq!(wav.len(), 44 + 80_000);
    assert_eq!(
        vault
            .record(&RecordName::new("CA2").unwrap())
            .unwrap()
            .state,
        State::Incomplete
    );
    let index = Index::open(&DatabaseSettings::within(&place.path("new/store")))
        .await
        .unwrap();
    assert!(index.get(&done).await.unwrap().is_some());
    let log = Folder::new(&place.path("new/audit"));
    let with = Verification {
        public: vec![place.key()],
        ..Verification::default()
    };
    assert!(verify_folder(&log, with, |_, _| {}).unwrap().is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_altered_in_a_copy_is_told() {
    let place = Place::new();
    let recording = place.vault.begin_recording().unwrap();
    place.record(&recording, "CA1");
    let out = place.path("copy");
    make(&place.source(), &out, |_, _| {}).await.unwrap();
    let wrong = |key: Option<&crate::store::audit::PublicKey>| {
        let restored = restore(
            &out,
            &place.path("new"),
            key,
            &Destroyed::default(),
            |_, _| {},
        );
        assert!(!place.path("new").exists() && !place.path("new.partial").exists());
        let told = verify(&out, key, |_, _| {}).unwrap_err().to_string();
        assert!(
            restored.is_err() || told.contains("was not in the backup"),
            "{told}"
        );
        told
    };
    for path in [
        "store/calls/CA1/audio.sealed",
        "store/keys/CA1/audio.json",
        "store/format",
        "files.list",
    ] {
        let file = out.join(path);
        let before = std::fs::read(&file).unwrap();
        let mut flipped = before.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&file, flipped).unwrap();
        assert!(wrong(None).contains("altered"), "{path}");
        std::fs::write(&file, before).unwrap();
    }
    let audio = out.join("store/calls/CA1/audio.sealed");
    std::fs::rename(&audio, place.path("aside")).unwrap();
    assert!(wrong(None).contains("is missing"));
    std::fs::rename(place.path("aside"), &audio).unwrap();
    // Made anew by somebody without the signing key.
    let manifest = out.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replace("\"under_way\": 0", "\"under_way\": 7"),
    )
    .unwrap();
    assert!(wrong(Some(&place.key())).contains("is not signed with the key"));
    std::fs::write(&manifest, text).unwrap();
    std::fs::write(out.join("store/calls/more"), b"x").unwrap();
    let told = verify(&out, Some(&place.key()), |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(told.contains("was not in the backup"), "{told}");
    let none = verify(&place.path("nowhere"), None, |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(none.contains("no manifest.json"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_an_object_store_is_found_there_and_not_if_it_was_destroyed() {
    let mut place = Place::new();
    let shelf = Shelf::new();
    let archived = |vault: Vault| {
        vault.with_archive(
            Arc::clone(&shelf) as Arc<dyn crate::store::archive::Archive>,
            0,
        )
    };
    place.vault = archived(place.vault.clone());
    let recording = place.vault.begin_recording().unwrap();
    let calls = ["CA1", "CA2"].map(|call| place.record(&recording, call));
    for call in &calls {
        place.vault.archive(call).unwrap();
        place
            .vault
            .drop_local(call, std::time::Duration::ZERO)
            .unwrap();
    }
    // Fetched; not for the copy.
    place.vault.audio(&calls[0]).unwrap();
    let out = place.path("copy");
    make(&place.source(), &out, |_, _| {}).await.unwrap();
    let copied = super::make::paths(&out).unwrap();
    assert!(
        copied
            .iter()
            .any(|path| path == "store/calls/CA1/audio.archived")
    );
    assert!(!copied.iter().any(|path| path.contains("fetched")));
    let list = place.path("destroyed.list");
    let parts = place.vault.survey(&calls[0], &Content::ALL).unwrap().parts;
    let sums: String = parts
        .iter()
        .map(|part| format!("{}\n", part.sha256))
        .collect();
    std::fs::write(&list, sums).unwrap();
    let mut destroyed = Destroyed::default();
    destroyed.read_list(&list).unwrap();

    let restored = restore(&out, &place.path("new"), None, &destroyed, |_, _| {}).unwrap();
    assert_eq!((restored.left_out.len(), restored.gone.len()), (3, 1));
    let vault = archived(place.restored("new"));
    assert!(vault.audio(&calls[1]).is_ok());
    for content in Content::ALL {
        assert!(!vault.is_readable(&calls[0], content));
    }
    let left = super::make::paths(&place.path("new/store/calls")).unwrap();
    assert!(left.iter().all(|path| path.starts_with("CA2/")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_destroyed_since_does_not_come_back() {
    let place = Place::new();
    let recording = place.vault.begin_recording().unwrap();
    let (gone, kept) = (
        place.record(&recording, "CA1"),
        place.record(&recording, "CA2"),
    );
    let out = place.path("copy");
    make(&place.source(), &out, |_, _| {}).await.unwrap();
    // Deleted as retention does it: hashes first.
    let removed = place.vault.survey(&gone, &Content::ALL).unwrap();
    place.vault.remove(&gone).unwrap();
    let mut record = Record::new(Action::Deleted).about("CA1");
    for (part, name) in
        removed
            .parts
            .iter()
            .zip(["recording_sha256", "report_sha256", "transcript_sha256"])
    {
        record = record.with_name(name, part.sha256);
    }
    place.log.record_durably(record).durable().await.unwrap();
    let mut destroyed = Destroyed::default();
    destroyed
        .read_log(&Folder::new(&place.path("audit")))
        .unwrap();
    assert_eq!(destroyed.len(), removed.parts.len());

    let restored = restore(&out, &place.path("new"), None, &destroyed, |_, _| {}).unwrap();
    assert_eq!(restored.gone, ["CA1"]);
    assert_eq!(restored.left_out.len(), 3);
    let vault = place.restored("new");
    assert!(vault.audio(&kept).is_ok());
    for content in Content::ALL {
        assert!(!vault.is_readable(&gone, content));
        let key = format!("new/store/keys/CA1/{}.json", content.name());
        assert!(!place.path(&key).exists());
    }
    // The same from a list.
    let list = place.path("destroyed.list");
    let sums: String = removed
        .parts
        .iter()
        .map(|part| format!("{} # CA1\n", part.sha256))
        .collect();
    std::fs::write(&list, sums).unwrap();
    let mut listed = Destroyed::default();
    listed.read_list(&list).unwrap();
    assert_eq!(listed, destroyed);
    std::fs::write(&list, "abc\n").unwrap();
    assert!(
        listed
            .read_list(&list)
            .unwrap_err()
            .to_string()
            .contains("line 1")
    );
}
