//! How long a run takes; with `HUSHGATE_MEASURE_CALLS=100000`, over so many calls, and told on standard error.

use std::io::Write as _;
use std::sync::atomic::AtomicU64;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::*;
use crate::config::store::Store;
use crate::store::database::DatabaseSettings;
use crate::store::keys::KeySource;
use crate::store::vault::State;

/// Of so many calls in the index one is in the vault too.
const ONE_OF: usize = 50;

fn tell(what: &str, took: Duration, count: u64) {
    let seconds = took.as_secs_f64();
    let rate = count as f64 / seconds.max(1e-9);
    let _ = writeln!(
        std::io::stderr(),
        "{what}: {count} in {seconds:.2} s, {rate:.0} in a second"
    );
}

#[test]
fn a_run_over_many_calls_keeps_up_beside_recording() {
    let asked = std::env::var("HUSHGATE_MEASURE_CALLS").ok();
    let many: usize = asked.and_then(|asked| asked.parse().ok()).unwrap_or(500);
    let mut place = Place::new(vec![
        policy("all", 30, &PARTS, None),
        policy("billing", 20, &[Content::Audio], Some("billing")),
    ]);
    let vault = place.recording.vault().clone();
    for at in 0..many / ONE_OF {
        place.record(&format!("CA{}", at * ONE_OF), 40, "billing", "n");
    }
    let rows: Vec<IndexedCall> = (0..many)
        .map(|at| {
            let began = Timestamp::now() - SignedDuration::from_hours(24 * (at as i64 % 60));
            let name = RecordName::new(&format!("CA{at}")).unwrap();
            let mut call = IndexedCall::new(name, began, State::Complete);
            call.queue = Some(Label::new(["billing", "sales"][at % 2]).unwrap());
            call.bytes = 1_000;
            if at % ONE_OF == 0 {
                call.began = Timestamp::now() - SignedDuration::from_hours(24 * 40);
            }
            call
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let store = Store {
        path: vault.path().to_owned(),
        keys: KeySource::Environment("NONE".into()),
        database: DatabaseSettings::within(vault.path()),
        archive: None,
    };
    let calls = runtime.block_on(IndexCalls::open(&store)).unwrap();
    runtime.block_on(calls.put_for_test(&rows));
    place.custody = Custody::new(
        vault.clone(),
        Arc::new(calls),
        Some((
            place.log.clone(),
            KeyFiles::new(&place.folder.path().join("audit/keys")),
        )),
        place.custody.settings.clone(),
        CancellationToken::new(),
    );

    let began = Instant::now();
    let plan = place.custody.plan(&mut |_| {}).unwrap();
    assert_eq!(
        (plan.calls, plan.due),
        (many as u64, (many / ONE_OF) as u64)
    );
    tell("planned", began.elapsed(), plan.calls);
    assert!(began.elapsed() < Duration::from_secs(60));

    let stop = AtomicBool::new(false);
    let longest = AtomicU64::new(0);
    let (deleted, took) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let id = CallId::new("live").unwrap();
            let mut writer = place
                .recording
                .begin(&id, SampleRate::TELEPHONE, 2)
                .unwrap();
            let mut at = 0;
            while !stop.load(Ordering::Acquire) {
                let legs = vec![vec![7; 160]; 2];
                let audio = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(at), legs);
                let before = Instant::now();
                writer.write(&audio).unwrap();
                let took = before.elapsed().as_micros() as u64;
                longest.fetch_max(took, Ordering::AcqRel);
                at += 160;
                std::thread::sleep(Duration::from_millis(2));
            }
            writer
                .finish(REPORT.as_bytes(), TRANSCRIPT.as_bytes())
                .unwrap();
        });
        let began = Instant::now();
        let run = place.custody.run().unwrap();
        let took = began.elapsed();
        stop.store(true, Ordering::Release);
        assert!(run.failed.is_empty(), "{:?}", run.failed);
        (run.deleted, took)
    });
    tell("planned and deleted", took, deleted);
    let longest = Duration::from_micros(longest.load(Ordering::Acquire));
    tell("the longest write of the recording beside it", longest, 1);
    assert_eq!(deleted, (many / ONE_OF) as u64);
    assert_eq!(place.names(), ["live"]);
}
