//! What is put into an object store, when it is there, away, lying, or the process dies.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;
use crate::store::archive::shelf::Shelf;
use crate::store::archive::{Archive, ArchiveError, ObjectName};
use crate::store::vault::archived::ARCHIVED;

/// What a stretch's erasure makes of documents: nothing.
fn as_it_was(_: Content, text: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    Ok(zeroize::Zeroizing::new(text.to_vec()))
}

fn blank() -> [Blank; 1] {
    [Blank {
        channel: None,
        frames: 100..200,
    }]
}

fn archived_vault(folder: &TempDir, shelf: &Arc<Shelf>) -> Vault {
    vault(folder, ONES).with_archive(Arc::clone(shelf) as Arc<dyn Archive>, 0)
}

/// Does all that waits.
fn settle(vault: &Vault) -> Result<(), VaultError> {
    vault.delete_left()?;
    for name in vault.unarchived()? {
        vault.archive(&name)?;
        vault.drop_local(&name, Duration::ZERO)?;
    }
    vault.delete_left().map(drop)
}

fn forget_fetched(vault: &Vault) {
    let _ = fs::remove_dir_all(vault.path().join("fetched"));
}

/// The objects that a call's parts should have.
fn expected_objects(vault: &Vault, name: &RecordName) -> Vec<String> {
    let mut objects = [Content::Audio, Content::Transcript].map(|content| {
        let (_, header) = vault.open_header(name, content).unwrap();
        format!("calls/{name}/{}/{}.sealed", header.object(), content.name())
    });
    objects.sort();
    objects.to_vec()
}

#[test]
fn the_disk_keeps_headers_and_the_object_store_is_asked_once() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    assert_eq!(vault.take_changed().unwrap(), std::slice::from_ref(&call));
    assert!(vault.take_changed().unwrap().is_empty());
    let sealed = fs::read(vault.object_file(&call, Content::Audio)).unwrap();

    let Archival::Done { bytes } = vault.archive(&call).unwrap() else {
        panic!("nobody writes to it");
    };
    assert_eq!(
        bytes,
        shelf
            .objects()
            .values()
            .map(|object| object.len() as u64)
            .sum::<u64>()
    );
    assert_eq!(
        shelf.objects().into_keys().collect::<Vec<_>>(),
        expected_objects(&vault, &call)
    );
    assert!(shelf.objects().values().any(|object| *object == sealed));
    // Again it does nothing, and the disk's copy stays for as long as it should.
    assert_eq!(vault.archive(&call).unwrap(), Archival::Done { bytes: 0 });
    let kept = vault.drop_local(&call, Duration::from_secs(3_600)).unwrap();
    assert!(matches!(kept, Local::Kept(left) if left > Duration::from_secs(3_500)));
    let read_back = shelf.gets();
    samples(&vault, &call);
    assert_eq!(shelf.gets(), read_back);

    // Who has it open reads on.
    let mut open = vault.audio(&call).unwrap();
    assert_eq!(
        vault.drop_local(&call, Duration::ZERO).unwrap(),
        Local::Dropped
    );
    assert_eq!(open.examine(|_, _| {}).unwrap(), Standing::Whole);
    let on_disk = fs::metadata(vault.object_file(&call, Content::Audio)).unwrap();
    assert!(on_disk.len() < 100);
    for _ in 0..10 {
        assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
    }
    assert_eq!(shelf.gets(), read_back + 1);
}

#[test]
fn an_old_mark_drops_nothing_that_is_not_there() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    vault.archive(&call).unwrap();
    // The settings name another bucket by now, or the store is a restored one.
    for content in ARCHIVED {
        let file = vault.archived_file(&call, content);
        let mut mark: serde_json::Value =
            serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        mark["archived_at"] = "2026-01-01T00:00:00Z".into();
        fs::write(&file, mark.to_string()).unwrap();
    }
    let other = Shelf::new();
    let vault = archived_vault(&folder, &other);
    while vault.drop_local(&call, Duration::ZERO).unwrap() == Local::Busy {
        assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
    }
    assert!(
        fs::metadata(vault.object_file(&call, Content::Audio))
            .unwrap()
            .len()
            > 10_000
    );
    // It is put there, and then it may go.
    assert!(matches!(vault.archive(&call).unwrap(), Archival::Done { bytes } if bytes > 0));
    assert_eq!(other.objects().len(), 2);
    assert_eq!(
        vault.drop_local(&call, Duration::ZERO).unwrap(),
        Local::Dropped
    );
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
}

#[test]
fn what_left_the_disk_still_says_what_it_was() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    let file = vault.object_file(&call, Content::Audio);
    let whole = crate::store::vault::revision::digest(&file).unwrap();
    vault.archive(&call).unwrap();
    assert_eq!(digest_elsewhere(&file), None);
    vault.drop_local(&call, Duration::ZERO).unwrap();
    assert_eq!(digest_elsewhere(&file), Some(whole));
    assert_eq!(
        digest_elsewhere(&vault.object_file(&call, Content::Report)),
        None
    );
}

#[test]
fn many_readers_wait_for_one_download() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    settle(&vault).unwrap();
    let before = shelf.gets();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| samples(&vault, &call));
        }
    });
    assert_eq!(shelf.gets(), before + 1);
}

#[test]
fn what_was_fetched_longest_ago_goes_first() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    // Room for two of three, which are of 80,247 bytes each.
    let vault = vault(&folder, ONES).with_archive(Arc::clone(&shelf) as Arc<dyn Archive>, 170_000);
    let recording = vault.begin_recording().unwrap();
    let calls = ["CA1", "CA2", "CA3"].map(|call| record(&recording, call, 20_000));
    settle(&vault).unwrap();
    let old = |call: &RecordName| {
        let (_, header) = vault.open_header(call, Content::Audio).unwrap();
        let file = vault.fetched_file(&crate::store::archive::ObjectId::of(&header));
        let open = fs::File::open(file).unwrap();
        open.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    };
    samples(&vault, &calls[0]);
    samples(&vault, &calls[1]);
    // The second was used longer ago than the first.
    old(&calls[1]);
    samples(&vault, &calls[0]);
    samples(&vault, &calls[2]);
    let before = shelf.gets();
    samples(&vault, &calls[0]);
    samples(&vault, &calls[2]);
    assert_eq!(shelf.gets(), before);
    samples(&vault, &calls[1]);
    assert_eq!(shelf.gets(), before + 1);
}

#[test]
fn without_the_object_store_what_is_there_is_told_from_what_is_lost() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault_there = archived_vault(&folder, &shelf);
    let call = record(&vault_there.begin_recording().unwrap(), "CA1", 20_000);
    settle(&vault_there).unwrap();
    shelf.be_away(true);
    let away = vault_there.audio(&call).unwrap_err().to_string();
    assert_eq!(away, "the audio of the call CA1: the shelf is not reached");
    let without = vault(&folder, ONES);
    let problem = without.audio(&call).unwrap_err().to_string();
    assert!(problem.ends_with("put [store.archive] back"), "{problem}");
    // What needs no content asks nobody.
    assert_eq!(without.record(&call).unwrap().parts.len(), 3);
    assert_eq!(*without.document(&call, Content::Report).unwrap(), REPORT);
    without.rotate(|_, _| {}).unwrap();
    // Half a download is not left behind.
    let left = files::names(&folder.path().join("store/fetched")).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_call_is_shredded_whether_the_object_store_is_reached_or_not() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let recording = vault.begin_recording().unwrap();
    let calls = ["CA1", "CA2", "CA3"].map(|call| record(&recording, call, 2_000));
    settle(&vault).unwrap();
    shelf.be_away(true);
    vault.remove(&calls[0]).unwrap();
    vault.discard(&calls[1], &[Content::Audio]).unwrap();
    assert!(
        files::names(&vault.path().join("keys/CA1"))
            .unwrap()
            .is_empty()
    );
    assert_eq!(vault.leaving().unwrap(), 3);
    assert!(vault.delete_left().is_err());
    assert_eq!((vault.leaving().unwrap(), shelf.objects().len()), (3, 6));
    // An erasure needs what is there.
    assert!(
        vault
            .erase_segments(&calls[2], &blank(), &as_it_was)
            .is_err()
    );
    shelf.be_away(false);
    assert_eq!(vault.delete_left().unwrap(), 3);
    assert_eq!((vault.leaving().unwrap(), shelf.objects().len()), (0, 3));
    vault
        .erase_segments(&calls[2], &blank(), &as_it_was)
        .unwrap();
    settle(&vault).unwrap();
    assert_eq!(shelf.objects().len(), 3);
}

#[test]
fn a_call_that_was_never_put_there_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 2_000);
    vault.remove(&call).unwrap();
    assert!(!vault.path().join("leaving").exists());
    assert!(!vault.path().join("changed").exists());
}

#[test]
fn the_disks_copy_stays_until_what_is_there_was_read_back() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    shelf.drop_the_end(true);
    let problem = vault.archive(&call).unwrap_err();
    assert!(matches!(problem, VaultError::Replaced { .. }), "{problem}");
    vault.drop_local(&call, Duration::ZERO).unwrap();
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
    shelf.drop_the_end(false);
    settle(&vault).unwrap();
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
}

#[test]
fn a_mark_of_another_sealing_does_not_count() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let recording = vault.begin_recording().unwrap();
    let (call, other) = (
        record(&recording, "CA1", 2_000),
        record(&recording, "CA2", 2_000),
    );
    vault.archive(&other).unwrap();
    fs::copy(
        vault.archived_file(&other, Content::Audio),
        vault.archived_file(&call, Content::Audio),
    )
    .unwrap();
    vault.drop_local(&call, Duration::ZERO).unwrap();
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 2_000)));
    settle(&vault).unwrap();
    forget_fetched(&vault);
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 2_000)));
}

/// What happens meanwhile.
type Change = fn(&Vault);

/// An archive during whose puts, or gets, something else happens once.
#[derive(Debug)]
struct Meanwhile {
    shelf: Arc<Shelf>,
    puts: Mutex<Option<(Vault, Change)>>,
    gets: Mutex<Option<(Vault, Change)>>,
}

impl Meanwhile {
    fn happens(change: &Mutex<Option<(Vault, Change)>>) {
        if let Some((vault, happens)) = change.lock().unwrap().take() {
            happens(&vault);
        }
    }
}

impl Archive for Meanwhile {
    fn place(&self) -> &str {
        self.shelf.place()
    }

    fn put(&self, name: &ObjectName, from: &mut File, bytes: u64) -> Result<(), ArchiveError> {
        Self::happens(&self.puts);
        self.shelf.put(name, from, bytes)
    }

    fn get(
        &self,
        name: &ObjectName,
        into: &mut dyn std::io::Write,
        most: u64,
    ) -> Result<(), ArchiveError> {
        Self::happens(&self.gets);
        self.shelf.get(name, into, most)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), ArchiveError> {
        self.shelf.delete(name)
    }
}

#[test]
fn what_changes_while_it_is_put_there_is_not_taken_for_what_it_was() {
    let changes: [(Change, usize); 4] = [
        (|vault| vault.remove(&name("CA1")).unwrap(), 0),
        (
            |vault| {
                let erased = vault.erase_segments(&name("CA1"), &blank(), &as_it_was);
                drop(erased.unwrap());
            },
            2,
        ),
        (
            |vault| vault.discard(&name("CA1"), &[Content::Audio]).unwrap(),
            1,
        ),
        (|vault| vault.quarantine(&name("CA1"), "a test").unwrap(), 2),
    ];
    for (happens, objects) in changes {
        let folder = TempDir::new().unwrap();
        let shelf = Shelf::new();
        let plain = archived_vault(&folder, &shelf);
        record(&plain.begin_recording().unwrap(), "CA1", 2_000);
        let meanwhile = Meanwhile {
            shelf: Arc::clone(&shelf),
            puts: Mutex::new(Some((plain.clone(), happens))),
            gets: Mutex::default(),
        };
        let vault = vault(&folder, ONES)
            .with_archive(Arc::new(meanwhile), 0)
            .opening_quarantined();
        vault.archive(&name("CA1")).unwrap();
        settle(&vault).unwrap();
        assert_eq!(shelf.objects().len(), objects);
        assert_eq!(vault.leaving().unwrap(), 0);
        if objects == 2 {
            forget_fetched(&vault);
            assert_eq!(samples(&vault, &name("CA1")).len(), 4_000);
            let stored: Vec<String> = shelf.objects().into_keys().collect();
            assert_eq!(stored, expected_objects(&vault, &name("CA1")));
        }
    }
}

#[test]
fn what_changes_while_it_is_fetched_is_not_given_out_as_it_was() {
    let fetch = |happens: Change, read: &dyn Fn(&Vault)| {
        let folder = TempDir::new().unwrap();
        let shelf = Shelf::new();
        let plain = archived_vault(&folder, &shelf);
        let recording = plain.begin_recording().unwrap();
        let call = record(&recording, "CA1", 2_000);
        record(&recording, "CA2", 2_000);
        settle(&plain).unwrap();
        forget_fetched(&plain);
        let meanwhile = Meanwhile {
            shelf,
            puts: Mutex::default(),
            gets: Mutex::new(Some((plain.clone(), happens))),
        };
        read(&vault(&folder, ONES).with_archive(Arc::new(meanwhile), 0));
        // No copy of what is gone stays.
        plain.delete_left().unwrap();
        if plain.is_readable(&call, Content::Audio) {
            forget_fetched(&plain);
        }
        let left = files::names(&plain.path().join("fetched")).unwrap();
        assert!(left.is_empty(), "{left:?}");
    };
    let call = name("CA1");
    fetch(
        |vault| vault.quarantine(&name("CA1"), "a test").unwrap(),
        &|vault| {
            let found = vault.audio(&call);
            assert!(matches!(found, Err(VaultError::Quarantined { .. })));
        },
    );
    fetch(
        |vault| {
            vault.discard(&name("CA1"), &[Content::Audio]).unwrap();
        },
        &|vault| {
            let found = vault.audio(&call);
            assert!(matches!(found, Err(VaultError::Shredded { .. })));
        },
    );
    fetch(
        |vault| {
            drop(vault.erase_segments(&name("CA1"), &blank(), &as_it_was));
        },
        &|vault| assert_eq!(samples(vault, &call)[200..400], [0; 200]),
    );
    // Nobody waits for a download who wants to lock another call away.
    fetch(
        |vault| {
            let (vault, (done, is_done)) = (vault.clone(), std::sync::mpsc::channel());
            std::thread::spawn(move || done.send(vault.quarantine(&name("CA2"), "a test").is_ok()));
            assert!(is_done.recv_timeout(Duration::from_secs(20)).unwrap());
        },
        &|vault| {
            drop(vault.erase_segments(&call, &blank(), &as_it_was).unwrap());
        },
    );
}

#[test]
fn what_is_told_of_a_recording_needs_no_download() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
    let before = vault.dimensions(&call).unwrap();
    assert_eq!((before.rate, before.channels), (8_000, 2));
    assert!((before.seconds() - 2.5).abs() < 1e-9);
    settle(&vault).unwrap();
    let gets = shelf.gets();
    assert_eq!(vault.dimensions(&call).unwrap(), before);
    assert_eq!(shelf.gets(), gets);
    vault.quarantine(&call, "a test").unwrap();
    assert!(vault.dimensions(&call).is_err());
    vault.end_quarantine(&call).unwrap();
    vault.discard(&call, &[Content::Audio]).unwrap();
    assert!(vault.dimensions(&call).is_err());
}

/// The process dies at every step of what is done, in turn; the next start goes on. Returns how many steps there are.
fn dying_at_every_step(
    act: impl Fn(&Vault) -> Result<(), VaultError>,
    check: impl Fn(&Vault, &Shelf, bool),
) -> usize {
    for steps in 0..200 {
        let folder = TempDir::new().unwrap();
        let shelf = Shelf::new();
        let vault = archived_vault(&folder, &shelf);
        record(&vault.begin_recording().unwrap(), "CA1", 2_000);
        let mut dying = vault.clone();
        dying.steps = Some(Arc::new(AtomicUsize::new(steps)));
        let lived = act(&dying).is_ok();
        // Whatever it died at, a call can be read or is gone.
        let recording = vault.begin_recording().unwrap();
        for swept in recording.sweep().unwrap() {
            swept.outcome.unwrap();
        }
        settle(&vault).unwrap();
        forget_fetched(&vault);
        check(&vault, &shelf, lived);
        assert_eq!(vault.leaving().unwrap(), 0);
        if lived {
            return steps;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_crash_while_a_call_is_put_there_loses_nothing() {
    let steps = dying_at_every_step(settle, |vault, shelf, _| {
        assert_eq!(samples(vault, &name("CA1")), interleaved(&block(0, 2_000)));
        let stored: Vec<String> = shelf.objects().into_keys().collect();
        assert_eq!(stored, expected_objects(vault, &name("CA1")));
        assert!(vault.unarchived().unwrap().is_empty());
    });
    assert!(steps > 8, "{steps}");
}

#[test]
fn a_crash_while_a_call_that_is_there_is_removed_leaves_no_object() {
    let act = |vault: &Vault| {
        settle(vault)?;
        vault.remove(&name("CA1"))?;
        vault.delete_left().map(drop)
    };
    let steps = dying_at_every_step(act, |vault, shelf, lived| {
        match vault.record(&name("CA1")) {
            // It died before it was to be removed.
            Ok(_) => {
                assert!(!lived);
                assert_eq!(samples(vault, &name("CA1")), interleaved(&block(0, 2_000)));
                assert_eq!(shelf.objects().len(), 2);
            }
            Err(VaultError::Unknown { .. }) => assert!(shelf.objects().is_empty()),
            Err(error) => panic!("{error}"),
        }
    });
    assert!(steps > 20, "{steps}");
}

#[test]
fn a_crash_while_a_call_that_is_there_is_changed_leaves_one_revision() {
    let act = |vault: &Vault| {
        settle(vault)?;
        vault.erase_segments(&name("CA1"), &blank(), &as_it_was)?;
        settle(vault)
    };
    let was = interleaved(&block(0, 2_000));
    let mut erased = was.clone();
    erased[200..400].fill(0);
    let steps = dying_at_every_step(act, |vault, shelf, lived| {
        let found = samples(vault, &name("CA1"));
        assert!(found == erased || (found == was && !lived));
        let stored: Vec<String> = shelf.objects().into_keys().collect();
        assert_eq!(stored, expected_objects(vault, &name("CA1")));
    });
    assert!(steps > 30, "{steps}");
}

#[test]
fn an_older_copy_of_the_store_does_not_lose_what_is_needed() {
    let folder = TempDir::new().unwrap();
    let shelf = Shelf::new();
    let vault = archived_vault(&folder, &shelf);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 2_000);
    settle(&vault).unwrap();
    // Somebody put back the keys of a call whose objects were about to be deleted.
    vault.leave_part(&call, Content::Audio).unwrap();
    settle(&vault).unwrap();
    forget_fetched(&vault);
    assert_eq!(samples(&vault, &call), interleaved(&block(0, 2_000)));
    assert_eq!(vault.leaving().unwrap(), 0);
}
