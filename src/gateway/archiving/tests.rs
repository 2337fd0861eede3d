use super::*;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::CallId;
use crate::session::CleanAudio;
use crate::store::archive::shelf::Shelf;
use crate::store::keys::LocalKeys;
use crate::store::vault::Recording;

const KEY: &str = "one AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A store with an object store, and who looks after it.
struct Place {
    folder: tempfile::TempDir,
    shelf: Arc<Shelf>,
    recording: Recording,
    metrics: Arc<Metrics>,
    begun: Instant,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new();
        let vault = vault(&folder, &shelf);
        Self {
            recording: vault.begin_recording().unwrap(),
            folder,
            shelf,
            metrics: Arc::default(),
            begun: Instant::now(),
        }
    }

    fn work(&self, keep_local: Duration) -> Work {
        let vault = vault(&self.folder, &self.shelf);
        Work::new(
            vault,
            keep_local,
            Some(Arc::clone(&self.metrics)),
            Arc::default(),
        )
    }

    /// Records a call to its end.
    fn record(&self, call: &str) -> RecordName {
        let call = CallId::new(call).unwrap();
        let mut writer = self
            .recording
            .begin(&call, SampleRate::TELEPHONE, 1)
            .unwrap();
        let block =
            CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(0), vec![vec![7; 9_000]]);
        writer.write(&block).unwrap();
        let name = writer.name().clone();
        writer.finish(b"{}", b"[]").unwrap();
        name
    }

    fn after(&self, seconds: u64) -> Instant {
        self.begun + Duration::from_secs(seconds)
    }

    fn on_disk(&self, call: &RecordName) -> u64 {
        let file = format!("store/calls/{call}/audio.sealed");
        std::fs::metadata(self.folder.path().join(file))
            .unwrap()
            .len()
    }

    #[track_caller]
    fn check(&self, line: &str) {
        let text = self.metrics.render();
        assert!(text.lines().any(|found| found == line), "{text}\n{line}");
    }
}

fn vault(folder: &tempfile::TempDir, shelf: &Arc<Shelf>) -> Vault {
    let keys = LocalKeys::from_text(KEY, "keys").unwrap();
    Vault::new(folder.path().join("store"), Arc::new(keys)).with_archive(
        Arc::clone(shelf) as Arc<dyn crate::store::archive::Archive>,
        0,
    )
}

#[test]
fn calls_are_put_there_as_they_end_and_dropped_when_it_is_time() {
    let place = Place::new();
    let before = place.record("CA1");
    let mut work = place.work(Duration::from_secs(60));
    work.round(place.after(0));
    assert_eq!(place.shelf.objects().len(), 2);
    let after = place.record("CA2");
    work.round(place.after(1));
    assert_eq!(place.shelf.objects().len(), 4);
    assert!(place.on_disk(&before) > 9_000 && place.on_disk(&after) > 9_000);
    place.check("hushgate_archive_calls_total 2");
    place.check("hushgate_archive_waiting_calls 0");
    // The files are younger than that whatever the runtime's clock says; then they are asked again.
    work.round(place.after(100));
    assert!(place.on_disk(&before) > 9_000);
    work.keep_local = Duration::ZERO;
    work.round(place.after(200));
    assert!(place.on_disk(&before) < 100 && place.on_disk(&after) < 100);
    assert!(work.kept.is_empty());
}

#[test]
fn a_call_under_way_waits_for_its_end() {
    let place = Place::new();
    let call = CallId::new("CA1").unwrap();
    let writer = place
        .recording
        .begin(&call, SampleRate::TELEPHONE, 1)
        .unwrap();
    let mut work = place.work(Duration::ZERO);
    work.round(place.after(0));
    assert!(place.shelf.objects().is_empty());
    writer.finish(b"{}", b"[]").unwrap();
    work.round(place.after(1));
    assert_eq!(place.shelf.objects().len(), 2);
    place.check("hushgate_archive_waiting_calls 0");
}

#[test]
fn while_the_object_store_is_away_calls_stay_and_are_put_there_later() {
    let place = Place::new();
    place.shelf.be_away(true);
    let calls: Vec<RecordName> = (1..4)
        .map(|call| place.record(&format!("CA{call}")))
        .collect();
    let mut work = place.work(Duration::ZERO);
    // Every second for ten minutes: asked ever less often.
    for second in 0..600 {
        work.round(place.after(second));
    }
    place.check("hushgate_archive_failures_total 7");
    place.check("hushgate_archive_waiting_calls 3");
    for call in &calls {
        assert!(place.on_disk(call) > 9_000);
    }
    place.shelf.be_away(false);
    for second in 600..920 {
        work.round(place.after(second));
    }
    assert_eq!(place.shelf.objects().len(), 6);
    place.check("hushgate_archive_waiting_calls 0");
    place.check("hushgate_archive_calls_total 3");
    assert!(calls.iter().all(|call| place.on_disk(call) < 100));
}

#[test]
fn what_was_removed_meanwhile_is_deleted_there() {
    let place = Place::new();
    let call = place.record("CA1");
    let mut work = place.work(Duration::ZERO);
    work.round(place.after(0));
    place.shelf.be_away(true);
    vault(&place.folder, &place.shelf).remove(&call).unwrap();
    work.round(place.after(1));
    place.check("hushgate_archive_leaving_objects 2");
    place.shelf.be_away(false);
    work.round(place.after(10));
    assert!(place.shelf.objects().is_empty());
    place.check("hushgate_archive_leaving_objects 0");
}

#[test]
fn a_call_that_cannot_be_read_does_not_keep_the_others() {
    let place = Place::new();
    let broken = place.record("CA1");
    place.record("CA2");
    let file = place.folder.path().join("store/calls/CA1/audio.archived");
    std::fs::write(&file, "{").unwrap();
    let mut work = place.work(Duration::ZERO);
    work.round(place.after(0));
    assert_eq!(place.shelf.objects().len(), 2);
    place.check("hushgate_archive_waiting_calls 1");
    // Somebody mended it.
    std::fs::remove_file(&file).unwrap();
    work.round(place.after(10));
    assert_eq!(place.shelf.objects().len(), 2);
    work.round(place.after(601));
    assert_eq!(place.shelf.objects().len(), 4);
    assert!(place.on_disk(&broken) < 100);
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let place = Place::new();
    place.record("CA1");
    let archiver = Archiver::start(
        vault(&place.folder, &place.shelf),
        Duration::ZERO,
        Arc::clone(&place.metrics),
    )
    .unwrap();
    while place.shelf.objects().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    archiver.stop().await;
}
