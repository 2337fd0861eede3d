//! The same of a store whose calls stay on the disk and of one whose calls are in a bucket of a server that we did not
//! write.

use std::time::Duration;

use super::*;
use crate::store::archive::tests::client_of;
use crate::store::archive::tests::server::S3Server;

/// A store and where its calls are kept.
struct Place {
    folder: TempDir,
    server: Option<S3Server>,
}

/// Tries something on the disk alone, and on the disk with a bucket.
fn on_both(test: impl Fn(&Place)) {
    for server in [None, Some(S3Server::start(None))] {
        test(&Place {
            folder: TempDir::new().unwrap(),
            server,
        });
    }
}

impl Place {
    fn vault(&self) -> Vault {
        self.vault_of(ONES)
    }

    fn vault_of(&self, keys: &str) -> Vault {
        let vault = vault(&self.folder, keys);
        match &self.server {
            None => vault,
            Some(server) => vault.with_archive(Arc::new(client_of(server)), 0),
        }
    }

    /// Puts there what belongs there, drops the disk's copies and deletes what was destroyed.
    fn settle(&self) {
        let vault = self.vault();
        if self.server.is_none() {
            return;
        }
        for name in vault.unarchived().unwrap() {
            assert!(matches!(
                vault.archive(&name).unwrap(),
                Archival::Done { .. }
            ));
            assert_eq!(
                vault.drop_local(&name, Duration::ZERO).unwrap(),
                Local::Dropped
            );
        }
        vault.delete_left().unwrap();
        assert!(vault.unarchived().unwrap().is_empty());
        // As after a while.
        let _ = fs::remove_dir_all(self.folder.path().join("store/fetched"));
    }

    /// The files that hold a part's bytes.
    fn sealed(&self, name: &RecordName, content: Content) -> Vec<PathBuf> {
        let file = sealed_file_name(content);
        match &self.server {
            None => vec![self.vault().object_file(name, content)],
            Some(server) => server
                .objects()
                .into_iter()
                .filter(|(object, _)| {
                    object.contains(&format!("/calls/{name}/")) && object.ends_with(&file)
                })
                .map(|(_, file)| file)
                .collect(),
        }
    }

    fn audio_file(&self, name: &RecordName) -> PathBuf {
        let files = self.sealed(name, Content::Audio);
        assert_eq!(files.len(), 1);
        files[0].clone()
    }

    /// Everything that anybody has of the store, but for its keys.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = files(&self.folder.path().join("store"));
        found.extend(self.server.iter().flat_map(S3Server::everything));
        found
    }
}

#[test]
fn a_call_comes_back_whole_and_from_any_place() {
    on_both(|place| {
        let vault = place.vault();
        let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
        let bytes = vault.record(&call).unwrap().bytes;
        let proof = vault.survey(&call, &Content::ALL).unwrap();
        place.settle();
        assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
        assert_eq!(
            *vault.document(&call, Content::Transcript).unwrap(),
            TRANSCRIPT
        );
        assert_eq!(*vault.document(&call, Content::Report).unwrap(), REPORT);
        let mut wav = Vec::new();
        let mut audio = vault.audio(&call).unwrap();
        audio.copy_to(&mut wav, |_, _| {}).unwrap();
        assert_eq!(audio.examine(|_, _| {}).unwrap(), Standing::Whole);
        for (from, length) in [(0, 44), (40, 10), (8_190, 5), (79_000, 9_999), (30_001, 1)] {
            let expected = &wav[from..(from + length).min(wav.len())];
            let mut audio = vault.audio(&call).unwrap();
            assert_eq!(*audio.read_at(from as u64, length).unwrap(), expected);
        }
        // What is told without opening it is the same too.
        let listed = vault.record(&call).unwrap();
        assert_eq!((listed.bytes, listed.state), (bytes, State::Complete));
        assert!(listed.begun.is_some());
        assert_eq!(vault.survey(&call, &Content::ALL).unwrap(), proof);
    });
}

#[test]
fn nothing_is_anywhere_in_clear_and_no_key_in_the_bucket() {
    on_both(|place| {
        let vault = place.vault();
        let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
        let keys: Vec<Vec<u8>> = files(&vault.path().join("keys"))
            .into_iter()
            .map(|(_, text)| {
                let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
                text["wrapped"].as_str().unwrap().as_bytes().to_vec()
            })
            .collect();
        place.settle();
        // Fetched, too.
        samples(&vault, &call);
        let spoken: Vec<u8> = interleaved(&block(0, 20_000))
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let found = place.everything();
        assert!(found.len() >= 8);
        for (path, bytes) in found {
            let has = |word: &[u8]| bytes.windows(word.len()).any(|at| at == word);
            for word in [
                &b"marmalade"[..],
                b"sixteen",
                b"RIFF",
                &spoken[4_000..4_016],
            ] {
                assert!(!has(word), "{}", path.display());
            }
            let is_key = path.starts_with(vault.path().join("keys"));
            assert!(
                is_key || !keys.iter().any(|key| has(key)),
                "{}",
                path.display()
            );
        }
    });
}

#[test]
fn stretches_are_erased_for_good() {
    on_both(|place| {
        let vault = place.vault();
        let call = record(&vault.begin_recording().unwrap(), "CA1", 20_000);
        place.settle();
        let before = fs::read(place.audio_file(&call)).unwrap();
        let blank = Blank {
            channel: None,
            frames: 5_000..9_000,
        };
        let erased = vault
            .erase_segments(&call, &[blank], &|_, text| {
                Ok(zeroize::Zeroizing::new(text.to_vec()))
            })
            .unwrap();
        let audio = erased
            .parts
            .iter()
            .find(|part| part.content == Content::Audio)
            .unwrap();
        assert_eq!(
            audio.before,
            crate::store::audit::Sha256Digest::of(&[&before])
        );
        let mut expected = interleaved(&block(0, 20_000));
        expected[10_000..18_000].fill(0);
        assert_eq!(samples(&vault, &call), expected);
        place.settle();
        assert_eq!(samples(&vault, &call), expected);
        let now = fs::read(place.audio_file(&call)).unwrap();
        assert_eq!(audio.after, crate::store::audit::Sha256Digest::of(&[&now]));
        // What it was is nowhere, and would not open.
        assert!(place.everything().iter().all(|(_, bytes)| *bytes != before));
        fs::write(place.audio_file(&call), &before).unwrap();
        let _ = fs::remove_dir_all(vault.path().join("fetched"));
        assert!(vault.audio(&call).is_err());
    });
}

#[test]
fn what_is_removed_or_discarded_is_gone() {
    on_both(|place| {
        let vault = place.vault();
        let recording = vault.begin_recording().unwrap();
        let (gone, cut) = (
            record(&recording, "CA1", 9_000),
            record(&recording, "CA2", 9_000),
        );
        place.settle();
        samples(&vault, &cut);
        vault.discard(&cut, &[Content::Audio]).unwrap();
        vault.remove(&gone).unwrap();
        for _ in 0..2 {
            assert!(matches!(
                vault.audio(&gone),
                Err(VaultError::Unknown { .. })
            ));
            assert!(matches!(
                vault.audio(&cut),
                Err(VaultError::Shredded { .. })
            ));
            assert_eq!(
                *vault.document(&cut, Content::Transcript).unwrap(),
                TRANSCRIPT
            );
            place.settle();
        }
        assert!(
            place
                .sealed(&gone, Content::Transcript)
                .iter()
                .all(|file| !file.exists())
        );
        assert!(
            place
                .everything()
                .iter()
                .all(|(_, bytes)| bytes.len() < 9_000)
        );
        assert_eq!(vault.leaving().unwrap(), 0);
        // Its name may be used again.
        let again = record(&recording, "CA1", 3_000);
        assert_eq!(again, gone);
        place.settle();
        assert_eq!(samples(&vault, &again), interleaved(&block(0, 3_000)));
    });
}

#[test]
fn what_is_locked_away_is_given_to_who_asks_for_that() {
    on_both(|place| {
        let vault = place.vault();
        let call = record(&vault.begin_recording().unwrap(), "CA1", 9_000);
        place.settle();
        vault.quarantine(&call, "a test").unwrap();
        assert!(matches!(
            vault.audio(&call),
            Err(VaultError::Quarantined { .. })
        ));
        assert_eq!(samples(&vault.opening_quarantined(), &call).len(), 18_000);
        vault.end_quarantine(&call).unwrap();
        assert_eq!(samples(&vault, &call).len(), 18_000);
    });
}

#[test]
fn keys_are_rotated() {
    on_both(|place| {
        let old = place.vault_of(ZEROS);
        let call = record(&old.begin_recording().unwrap(), "CA1", 9_000);
        place.settle();
        let both = place.vault_of(&format!("{ONES}\n{ZEROS}"));
        let rotation = both.rotate(|_, _| {}).unwrap();
        assert_eq!((rotation.rewrapped, rotation.failed.len()), (3, 0));
        assert_eq!(
            samples(&place.vault(), &call),
            interleaved(&block(0, 9_000))
        );
        assert!(old.audio(&call).is_err());
    });
}

#[test]
fn a_recording_that_was_cut_off_stays_readable() {
    on_both(|place| {
        let vault = place.vault();
        let recording = vault.begin_recording().unwrap();
        let mut writer = begin(&recording, "CA1");
        writer.write(&block(0, 20_000)).unwrap();
        // Under way, nothing of it is put anywhere.
        if place.server.is_some() {
            assert_eq!(vault.archive(&name("CA1")).unwrap(), Archival::Busy);
        }
        drop(writer);
        drop(recording);
        vault.begin_recording().unwrap().sweep().unwrap();
        place.settle();
        let kept = (80_044 / CHUNK * CHUNK - 44) / 2;
        assert_eq!(
            samples(&vault, &name("CA1")),
            interleaved(&block(0, 20_000))[..kept]
        );
        assert_eq!(vault.record(&name("CA1")).unwrap().state, State::Incomplete);
    });
}

#[test]
fn what_was_altered_cut_or_swapped_is_an_error_and_not_noise() {
    on_both(|place| {
        let vault = place.vault();
        let recording = vault.begin_recording().unwrap();
        let call = record(&recording, "CA1", 20_000);
        let other = record(&recording, "CA2", 20_000);
        place.settle();
        let file = place.audio_file(&call);
        let (whole, foreign) = (
            fs::read(&file).unwrap(),
            fs::read(place.audio_file(&other)).unwrap(),
        );
        let mut flipped = whole.clone();
        flipped[20_000] ^= 1;
        let mut longer = whole.clone();
        longer.extend(b"more");
        for (what, bytes) in [
            ("flipped", &flipped[..]),
            ("cut", &whole[..whole.len() - 1]),
            ("cut to a chunk", &whole[..40_000]),
            ("cut to its header", &whole[..51]),
            ("longer", &longer[..]),
            ("swapped", &foreign[..]),
            ("empty", b""),
        ] {
            fs::write(&file, bytes).unwrap();
            let mut wav = Vec::new();
            let problem = vault
                .audio(&call)
                .and_then(|mut audio| audio.copy_to(&mut wav, |_, _| {}))
                .unwrap_err();
            let spoken = interleaved(&block(0, 20_000));
            let given: Vec<i16> = wav
                .get(44..)
                .unwrap_or_default()
                .chunks_exact(2)
                .map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]))
                .collect();
            assert!(spoken.starts_with(&given), "{what}: {problem}");
            if place.server.is_some() {
                assert!(
                    matches!(problem, VaultError::Replaced { .. }),
                    "{what}: {problem}"
                );
            }
        }
        fs::remove_file(&file).unwrap();
        assert!(vault.audio(&call).is_err());
        fs::write(&file, &whole).unwrap();
        assert_eq!(samples(&vault, &call), interleaved(&block(0, 20_000)));
    });
}
