//! Gateways that die between the end of a recording and its entry.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::super::AuditedTapes;
use crate::audio::SampleRate;
use crate::call::{CallId, Leg};
use crate::egress::{CallFacts, EngineWork};
use crate::gateway::records;
use crate::gateway::taping::TapeFactory;
use crate::session::CleanAudio;
use crate::store::audit::bundle::Bundle;
use crate::store::audit::{
    Action, AuditLog, EntryFilter, Folder, KeyFiles, Line, LogSettings, PublicKey, Sha256Digest,
    entries_of,
};
use crate::store::keys::LocalKeys;
use crate::store::vault::{Blank, RecordName, Vault};

/// A store and a log, which gateways use one after another.
struct Place(TempDir);

/// One gateway's tapes.
struct Alive {
    /// Into the store alone: what a gateway does before it dies.
    tapes: Arc<dyn TapeFactory>,
    audited: AuditedTapes,
    log: AuditLog,
}

impl Place {
    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn vault(&self) -> Vault {
        let key = "test AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let keys = LocalKeys::from_text(key, "the test").unwrap();
        Vault::new(self.store(), Arc::new(keys)).telling_ends()
    }

    fn start(&self) -> Alive {
        let vault = self.vault();
        let settings = LogSettings {
            segment_bytes: 2_000,
            ..LogSettings::new(self.0.path().join("audit"))
        };
        let log = AuditLog::open(settings).unwrap().log;
        let tapes = records::tapes(vault);
        let audited = AuditedTapes::new(Arc::clone(&tapes), log.clone());
        audited.begin().unwrap();
        Alive {
            tapes,
            audited,
            log,
        }
    }

    fn entries(&self, call: &str) -> Vec<Line> {
        let folder = Folder::new(&self.0.path().join("audit"));
        let about = EntryFilter {
            call: Some(call.into()),
            ..EntryFilter::default()
        };
        let mut lines = Vec::new();
        entries_of(&folder, &about, |line| {
            lines.push(line);
            true
        })
        .unwrap();
        lines
    }

    fn actions(&self, call: &str) -> Vec<Action> {
        let lines = self.entries(call);
        lines.iter().map(|line| line.entry.action).collect()
    }

    fn marks(&self) -> usize {
        fs::read_dir(self.store().join("untold")).map_or(0, Iterator::count)
    }
}

fn facts(call: &str) -> CallFacts {
    CallFacts {
        call: CallId::new(call).unwrap(),
        legs: &[Leg::Agent],
        rate: SampleRate::TELEPHONE,
        hold: crate::audio::MediaTime::from_millis(2_000),
        policy_version: "p".into(),
        model_sha256: "m".into(),
        particulars: Default::default(),
    }
}

/// A call of so many samples; `is_finished`, or left as a dead gateway leaves it.
fn record(tapes: &dyn TapeFactory, call: &str, samples: usize, is_finished: bool) {
    let mut tape = tapes.create(facts(call)).unwrap();
    let audio = CleanAudio::for_test(
        SampleRate::TELEPHONE,
        crate::audio::SampleIndex(0),
        vec![vec![7; samples]],
    );
    tape.write(&audio).unwrap();
    if is_finished {
        tape.finish(EngineWork::default(), None).unwrap();
    }
}

fn sum_of(place: &Place, call: &str) -> String {
    let file = place.store().join("calls").join(call).join("audio.sealed");
    Sha256Digest::of(&[&fs::read(file).unwrap()]).to_string()
}

#[test]
fn a_call_that_ends_is_in_the_log_when_its_tape_has_ended() {
    let place = Place(TempDir::new().unwrap());
    let alive = place.start();
    record(&alive.audited, "CA1", 800, true);
    // Nobody waits for the log here.
    let expected = [Action::CallBegan, Action::CallRecorded, Action::CallEnded];
    assert_eq!(place.actions("CA1"), expected);
    assert_eq!(place.marks(), 0);
}

#[test]
fn what_a_gateway_died_before_telling_the_next_one_tells() {
    let place = Place(TempDir::new().unwrap());
    let alive = place.start();
    record(&alive.audited, "CA1", 800, true);
    // The same id twice, as some platforms do; the second dies after the recording is complete, the third in its middle.
    record(&*alive.tapes, "CA1", 1_600, true);
    record(&*alive.tapes, "CA2", 20_000, false);
    alive.log.close();
    drop(alive);
    assert_eq!(place.marks(), 1);

    let before = place.entries("CA1").len();
    let alive = place.start();
    let late = place.entries("CA1").split_off(before);
    assert_eq!(late.len(), 1);
    let entry = &late[0].entry;
    assert_eq!(entry.action, Action::CallRecorded);
    assert_eq!(entry.text("record"), Some("CA1-2"));
    assert_eq!(
        entry.text("recording_sha256"),
        Some(&*sum_of(&place, "CA1-2"))
    );
    // It adds nothing to what the end of the first said.
    let keys = KeyFiles::new(&place.0.path().join("audit/keys"));
    alive.log.checkpoint().unwrap();
    let bundle =
        Bundle::collect(alive.log.files(), "CA1", &keys.load().unwrap(), |_, _| {}).unwrap();
    let public = PublicKey::read(&keys.public()).unwrap();
    assert_eq!(bundle.check(&public).unwrap().is_complete, Some(true));
    let cut_off = place.entries("CA2");
    assert_eq!(cut_off.len(), 1);
    assert_eq!(cut_off[0].entry.action, Action::RecordingFailed);
    let reason = cut_off[0].entry.text("reason").unwrap();
    assert!(reason.contains("the gateway ended"), "{reason}");
    assert_eq!(place.marks(), 0);
    alive.log.close();
    drop(alive);

    let count = place.entries("CA1").len() + place.entries("CA2").len();
    place.start();
    assert_eq!(
        place.entries("CA1").len() + place.entries("CA2").len(),
        count
    );
}

/// The entry was on the disk, and the mark was not taken away yet.
#[test]
fn what_the_log_knows_is_not_told_twice() {
    let place = Place(TempDir::new().unwrap());
    let alive = place.start();
    record(&alive.audited, "CA1", 800, true);
    // So many entries that the one that is sought lies in a segment before the last.
    for call in 0..40 {
        record(&alive.audited, &format!("CB{call}"), 80, true);
    }
    alive.log.close();
    drop(alive);
    let segments = fs::read_dir(place.0.path().join("audit")).unwrap();
    assert!(segments.count() > 5);
    for call in ["CA1", "CB39"] {
        fs::write(place.store().join("untold").join(call), "").unwrap();
    }
    // One was erased in since: its hash is another.
    let before = sum_of(&place, "CB39");
    let blank = Blank {
        channel: None,
        frames: 0..40,
    };
    let as_it_was = |_, text: &[u8]| Ok(text.to_vec().into());
    let name = RecordName::new("CB39").unwrap();
    let erased = place.vault().erase_segments(&name, &[blank], &as_it_was);
    erased.unwrap();
    assert_ne!(sum_of(&place, "CB39"), before);
    place.start();
    assert_eq!(place.marks(), 0);
    assert_eq!(place.actions("CA1").len(), 3);
    assert_eq!(place.actions("CB39").len(), 3);
}
