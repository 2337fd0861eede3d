//! A call that fails inside the gateway, or whose disk hangs, is alone in that.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hushgate::egress::{CallFacts, EngineWork};
use hushgate::gateway::serve::folder;
use hushgate::gateway::{Tape, TapeFactory};
use hushgate::session::CleanAudio;
use hushgate::speech::{Transcript, Window};
use hushgate::store::vault::RecordName;
use hushgate::telemetry::Event;

use crate::support::*;

/// Plays a call beside whatever else goes on, and checks that nothing of it is missing.
async fn assert_call_goes_well(gateway: &Gateway, call: &str) {
    let (agent, customer) = (sound(1, 3_000), sound(2, 3_000));
    let closed = playback(call, agent.clone(), customer.clone())
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    assert_eq!(closed.code, Some(1_000));
    let (report, channels) = gateway.recording(call).await;
    assert_eq!(report.abnormal_end, None);
    assert!(channels[0] == linear(&agent) && channels[1] == linear(&customer));
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_panic_in_one_call_ends_only_that_call() {
    // The engine's front panics in the task of the first call that asks: the one with a loud agent.
    let panicked = Arc::new(AtomicBool::new(false));
    let first = Arc::clone(&panicked);
    let gateway = Gateway::start(Arc::new(move |_: &Window| {
        if !first.swap(true, Ordering::Relaxed) {
            panic!("of this test");
        }
        Answer::Now(Ok(Transcript::default()))
    }))
    .await;
    let url = gateway.url();
    let bad = tokio::spawn(async move {
        playback("bad", sound(3, 8_000), sound(4, 8_000))
            .play(&url, |_| {})
            .await
    });
    let ended = bad.await.unwrap();
    assert!(ended.is_err() || ended.is_ok_and(|closed| closed.code == Some(1_011)));
    assert!(panicked.load(Ordering::Relaxed));
    let (report, _) = gateway.recording("bad").await;
    assert_eq!(report.abnormal_end.as_deref(), Some("the gateway failed"));
    assert_call_goes_well(&gateway, "good").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_hanging_disk_of_one_call_holds_up_no_other() {
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.tapes = Arc::new(HangingDisk(Arc::clone(&settings.tapes)));
    })
    .await;
    let url = gateway.url();
    let hanging = tokio::spawn(async move {
        playback("hangs", sound(3, 4_000), sound(4, 4_000))
            .play(&url, |_| {})
            .await
    });
    assert_call_goes_well(&gateway, "good").await;
    // The platform is not made to wait for the disk either.
    let closed = tokio::time::timeout(Duration::from_secs(10), hanging)
        .await
        .unwrap();
    assert_eq!(closed.unwrap().unwrap().code, Some(1_000));
}

/// A disk that never takes anything of the call `hangs`.
struct HangingDisk(Arc<dyn TapeFactory>);

impl TapeFactory for HangingDisk {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        if facts.call.as_str() == "hangs" {
            return Ok(Box::new(HangingTape));
        }
        self.0.create(facts)
    }

    fn check(&self) -> anyhow::Result<()> {
        self.0.check()
    }
}

struct HangingTape;

impl Tape for HangingTape {
    fn write(&mut self, _audio: &CleanAudio) -> anyhow::Result<()> {
        std::thread::park();
        Ok(())
    }

    fn event(&mut self, _event: &Event) {}

    fn name(&self) -> Option<&RecordName> {
        None
    }

    fn finish(self: Box<Self>, _: EngineWork, _: Option<String>) -> anyhow::Result<PathBuf> {
        anyhow::bail!("unreachable: write never returns")
    }
}

/// A folder that is a file is an error that says so.
#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let problem = format!("{:#}", folder(file.clone()).check().unwrap_err());
    assert!(problem.contains(&file.display().to_string()), "{problem}");
}
