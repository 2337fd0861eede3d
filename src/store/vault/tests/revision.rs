//! Stretches that are erased, and what is left wherever that is cut off.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::store::vault::{Blank, Swept};
use zeroize::Zeroizing;

const SAMPLES: u64 = 20_000;

fn blank(channel: Option<u16>, from: u64, to: u64) -> Blank {
    Blank {
        channel,
        frames: from..to,
    }
}

fn rewritten(content: Content, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut text = text.to_vec();
    text.extend(format!(" {} rewritten", content.name()).bytes());
    Ok(Zeroizing::new(text))
}

fn expected(blanks: &[Blank]) -> Vec<i16> {
    let mut all = interleaved(&block(0, SAMPLES));
    for blank in blanks {
        for frame in blank.frames.start..blank.frames.end.min(SAMPLES) {
            for channel in 0..2 {
                if blank.channel.is_none_or(|wanted| wanted == channel) {
                    all[(frame * 2) as usize + usize::from(channel)] = 0;
                }
            }
        }
    }
    all
}

/// The same store, which dies after so many steps.
fn dying(vault: &Vault, steps: usize) -> Vault {
    Vault {
        steps: Some(Arc::new(AtomicUsize::new(steps))),
        ..vault.clone()
    }
}

#[test]
fn erased_stretches_are_silent_and_all_else_is_as_it_was() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", SAMPLES);
    // Over a chunk's border, beyond the end, one leg alone.
    let blanks = [
        blank(None, 2_000, 2_100),
        blank(Some(1), 5_000, 9_000),
        blank(Some(0), 19_990, 99_000),
    ];
    let begun = vault.record(&call).unwrap().begun;
    std::thread::sleep(std::time::Duration::from_millis(5));
    let erased = vault.erase_segments(&call, &blanks, &rewritten).unwrap();
    assert_eq!(erased.parts.len(), 3);
    // What is kept for a time, or held for a time, still is.
    assert_eq!(vault.record(&call).unwrap().begun, begun);
    assert!(
        erased
            .parts
            .iter()
            .all(|part| part.revision == 1 && part.before != part.after)
    );
    assert_eq!(samples(&vault, &call), expected(&blanks));
    let said = vault.document(&call, Content::Transcript).unwrap();
    assert!(said.ends_with(b" transcript rewritten") && said.starts_with(TRANSCRIPT));
    let record = vault.record(&call).unwrap();
    assert_eq!((record.state, record.parts.len()), (State::Complete, 3));
    let mut audio = vault.audio(&call).unwrap();
    assert_eq!(audio.examine(|_, _| {}).unwrap(), Standing::Whole);

    let again = vault
        .erase_segments(&call, &[blank(None, 0, 10)], &rewritten)
        .unwrap();
    assert!(again.parts.iter().all(|part| part.revision == 2));
    assert_eq!(samples(&vault, &call)[..20], [0; 20]);
    assert!(
        files::names(&vault.path().join("revising"))
            .unwrap()
            .is_empty()
    );
    let names = files::names(&vault.folder(&call)).unwrap();
    assert_eq!(
        names,
        ["audio.sealed", "report.sealed", "transcript.sealed"]
    );
}

#[test]
fn what_was_sealed_before_opens_no_more() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", SAMPLES);
    let copies: Vec<_> = Content::ALL
        .map(|content| (content, vault.object_file(&call, content)))
        .into_iter()
        .filter(|(_, file)| file.exists())
        .map(|(content, file)| (content, file.clone(), fs::read(&file).unwrap()))
        .collect();
    let wrapped = fs::read(vault.key_file(&call, Content::Audio)).unwrap();
    let erased = vault.erase_segments(&call, &[blank(None, 0, SAMPLES)], &rewritten);
    erased.unwrap();
    for (content, file, copy) in &copies {
        fs::write(file, copy).unwrap();
        assert!(vault.open(&call, *content).is_err(), "{content:?}");
    }
    // Nor is the older wrapped key anywhere.
    for (file, bytes) in self::files(vault.path()) {
        let found = bytes.windows(wrapped.len()).any(|window| window == wrapped);
        assert!(!found, "{}", file.display());
    }
}

#[test]
fn an_erasure_that_dies_at_any_step_leaves_one_revision_and_the_next_start_ends_it() {
    let mut outcomes = Vec::new();
    for steps in 0.. {
        let folder = TempDir::new().unwrap();
        let vault = vault(&folder, ONES);
        let call = record(&vault.begin_recording().unwrap(), "CA1", 9_000);
        let before = samples(&vault, &call);
        let blanks = [blank(None, 100, 200)];
        let died = dying(&vault, steps).erase_segments(&call, &blanks, &rewritten);
        let is_old = |vault: &Vault| {
            let is_old = samples(vault, &call) == before;
            let said = vault.document(&call, Content::Transcript).unwrap();
            let reported = vault.document(&call, Content::Report).unwrap();
            assert_eq!(
                *said == TRANSCRIPT,
                is_old,
                "at step {steps}: one or the other"
            );
            assert_eq!(*reported == REPORT, is_old, "at step {steps}");
            is_old
        };
        let read_at_once = is_old(&vault);
        let swept = vault.begin_recording().unwrap().sweep().unwrap();
        assert!(swept.iter().all(|swept| swept.outcome.is_ok()), "{swept:?}");
        assert_eq!(is_old(&vault), read_at_once, "at step {steps}");
        let names = files::names(&vault.folder(&call)).unwrap();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(files::names(&vault.key_folder(&call)).unwrap().len(), 3);
        assert!(
            files::names(&vault.path().join("revising"))
                .unwrap()
                .is_empty()
        );
        let told = swept.first().map(|swept| match swept.outcome {
            Ok(Swept::Erased) => true,
            Ok(Swept::NotErased) => false,
            _ => panic!("{swept:?}"),
        });
        assert!(told.is_none_or(|told| told != read_at_once));
        outcomes.push(read_at_once);
        // A key that was rotated away meanwhile does not matter.
        if died.is_ok() {
            break;
        }
    }
    // Old until a step, new from then on, and both are reached.
    let first_new = outcomes.iter().position(|old| !old).unwrap();
    assert!(
        first_new > 5 && outcomes.len() - first_new > 5,
        "{outcomes:?}"
    );
    assert!(outcomes[first_new..].iter().all(|old| !old));
}

#[test]
fn keys_can_be_rotated_while_an_erasure_waits_to_be_ended() {
    let folder = TempDir::new().unwrap();
    let both = vault(&folder, &format!("{ONES}\n{ZEROS}"));
    let older = vault(&folder, ZEROS);
    let call = record(&older.begin_recording().unwrap(), "CA1", 9_000);
    // Dies when the older key of the first part is destroyed.
    let steps = (0..)
        .find(|&steps| {
            let died = dying(&older, steps).erase_segments(&call, &[], &rewritten);
            assert!(died.is_err());
            if older.committed(&call).exists() {
                return true;
            }
            older.begin_recording().unwrap().sweep().unwrap();
            false
        })
        .unwrap();
    assert!(steps > 5);
    let rotation = both.rotate(|_, _| {}).unwrap();
    assert!(rotation.failed.is_empty(), "{:?}", rotation.failed);
    let newer = vault(&folder, ONES);
    newer.begin_recording().unwrap().sweep().unwrap();
    assert!(
        newer
            .document(&call, Content::Report)
            .unwrap()
            .ends_with(b"rewritten")
    );
    assert_eq!(samples(&newer, &call).len(), 18_000);
}

#[test]
fn what_is_under_way_gone_or_altered_is_not_erased_in() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let recording = vault.begin_recording().unwrap();
    let open = begin(&recording, "CA1");
    let erase = |call: &str| vault.erase_segments(&name(call), &[blank(None, 0, 9)], &rewritten);
    assert!(matches!(erase("CA1"), Err(VaultError::UnderWay { .. })));
    assert!(matches!(erase("CA9"), Err(VaultError::Unknown { .. })));
    drop(open);
    let call = record(&recording, "CA2", 9_000);
    let refuses = vault.erase_segments(&call, &[], &|_, _| Err("no".into()));
    assert!(
        refuses
            .unwrap_err()
            .to_string()
            .ends_with("is not readable: no")
    );
    let file = vault.object_file(&call, Content::Audio);
    let mut bytes = fs::read(&file).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(erase("CA2").is_err());
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(*vault.document(&call, Content::Report).unwrap(), REPORT);
    assert!(
        files::names(&vault.path().join("revising"))
            .unwrap()
            .is_empty()
    );
    // A call that was cut off can be erased in; its transcript never was.
    let mut writer = begin(&recording, "CA3");
    writer.write(&block(0, SAMPLES)).unwrap();
    drop(writer);
    drop(recording);
    vault.begin_recording().unwrap().sweep().unwrap();
    let erased = erase("CA3").unwrap();
    assert_eq!(erased.parts.len(), 1);
    assert_eq!(samples(&vault, &name("CA3"))[..18], [0; 18]);
    assert_eq!(vault.record(&name("CA3")).unwrap().state, State::Incomplete);
}

/// A permission is asked where nobody else can change anything, and its refusal leaves nothing.
#[test]
fn what_is_not_permitted_any_more_is_not_erased() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", SAMPLES);
    let blanks = [blank(None, 0, SAMPLES)];
    // Locks are made when they are taken first.
    drop(vault.keep_unchanged().unwrap());
    let before = files(vault.path());
    let held = vault.erase_segments_if(&call, &blanks, &rewritten, &|| {
        let lock = fs::File::open(vault.path().join("changes.lock")).unwrap();
        assert!(matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)));
        Err("a hold".into())
    });
    assert_eq!(
        held.unwrap_err().to_string(),
        "the call CA1 stays as it is: a hold"
    );
    assert!(files(vault.path()) == before);

    let (asked, placed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let mut holder = None;
        let permit = || {
            asked.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let holder = &std::sync::Mutex::new(&mut holder);
        let rewrite = |content, text: &[u8]| {
            let mut holder = holder.lock().unwrap();
            holder.get_or_insert_with(|| {
                scope.spawn(|| {
                    let _unchanged = vault.keep_calls_unchanged().unwrap();
                    // What was begun is over.
                    assert_eq!(samples(&vault, &call), expected(&blanks));
                    placed.fetch_add(1, Ordering::SeqCst);
                })
            });
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(placed.load(Ordering::SeqCst), 0);
            rewritten(content, text)
        };
        vault
            .erase_segments_if(&call, &blanks, &rewrite, &permit)
            .unwrap();
    });
    assert_eq!(asked.into_inner(), 1);
    assert_eq!(placed.into_inner(), 1);
}

#[test]
fn readers_see_one_revision_or_the_other_while_they_change() {
    let folder = TempDir::new().unwrap();
    let vault = vault(&folder, ONES);
    let call = record(&vault.begin_recording().unwrap(), "CA1", 9_000);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while done.load(Ordering::SeqCst) == 0 {
                        let said = vault.document(&call, Content::Report).unwrap();
                        assert!(said.starts_with(REPORT));
                        assert_eq!(vault.open(&call, Content::Audio).unwrap().length(), 36_044);
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            vault.erase_segments(&call, &[], &rewritten).unwrap();
        }
        done.store(1, Ordering::SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_stretches_are_silent_and_nothing_else_changes(
        stretches in prop::collection::vec((prop::option::of(0_u16..2), 0_u64..21_000, 0_u64..6_000), 0..5),
    ) {
        let folder = TempDir::new().unwrap();
        let vault = vault(&folder, ONES);
        let call = record(&vault.begin_recording().unwrap(), "CA1", SAMPLES);
        let blanks: Vec<Blank> = stretches
            .into_iter()
            .map(|(channel, from, length)| blank(channel, from, from + length))
            .collect();
        vault.erase_segments(&call, &blanks, &rewritten).unwrap();
        prop_assert_eq!(samples(&vault, &call), expected(&blanks));
    }
}
