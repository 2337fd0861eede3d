//! Calls whose sound makes windows faster than they can be answered are alone in being late.

use hushgate::egress::Report;
use hushgate::gateway::player::Speed;

use crate::overload::{pool, slow};
use crate::support::*;

/// Bursts of noise with silence between them, which the recogniser takes for numbers: each is a window, as
/// costly as one of seconds.
fn bursts(millis: usize) -> Vec<u8> {
    let mut bytes = sound(7, millis);
    for (index, byte) in bytes.iter_mut().enumerate() {
        if index % (8 * 900) >= 8 * 60 {
            *byte = 0xFF;
        }
    }
    bytes
}

/// Four seconds of sound, a second of silence, and so on: talk by turns.
fn talk(seed: u64, millis: usize, offset: usize) -> Vec<u8> {
    let mut bytes = sound(seed, millis);
    for (index, byte) in bytes.iter_mut().enumerate() {
        if (index / 8_000 + offset) % 5 == 4 {
            *byte = 0xFF;
        }
    }
    bytes
}

fn assert_whole(call: &str, report: &Report, told: &str) {
    let (late, failed) = (&report.late, &report.failed);
    assert!(
        late.is_empty() && failed.is_empty(),
        "{call}: late {late:?}, failed {failed:?}; {told}"
    );
}

/// One call holds numbers, so that its windows are cut at every pause, and one does and sends faster than real time;
/// one speaks without pause on both legs, which is no more than its share.
#[tokio::test(flavor = "multi_thread")]
async fn paced_floods_of_windows_make_nobody_else_late() {
    const MILLIS: usize = 20_000;
    // Whatever its length, a window takes a quarter of a second: the floods want more than the worker has.
    let gateway = Gateway::start_engine(pool(&slow(250, 0)), |settings| {
        settings.hold = hushgate::audio::MediaTime::from_millis(6_000);
    })
    .await;
    let good = (talk(1, MILLIS, 0), talk(2, MILLIS, 2));
    let unpaused = (sound(3, MILLIS), sound(4, MILLIS));
    let calls = [
        ("numbers", (bursts(MILLIS), bursts(MILLIS)), Speed::Realtime),
        ("fast", (bursts(MILLIS), bursts(MILLIS)), Speed::Max),
        ("unpaused", unpaused.clone(), Speed::Realtime),
        ("good", good.clone(), Speed::Realtime),
    ];
    let playing = calls.map(|(call, (agent, customer), speed)| {
        let (url, mut playback) = (gateway.url(), playback(call, agent, customer));
        playback.speed = speed;
        tokio::spawn(async move { playback.play(&url, |_| {}).await })
    });
    for call in playing {
        assert_eq!(call.await.unwrap().unwrap().code, Some(1_000));
    }

    let mut told = String::new();
    for call in ["numbers", "fast"] {
        let (report, _) = gateway.recording(call).await;
        let work = report.engine;
        assert!(
            work.windows > 30 && work.failures > 0,
            "{call} is no flood: {work:?}"
        );
        told.push_str(&format!(
            "{call}: {} windows, {} failed; ",
            work.windows, work.failures
        ));
    }
    for (call, (agent, customer)) in [("unpaused", unpaused), ("good", good)] {
        let (report, channels) = gateway.recording(call).await;
        assert_whole(call, &report, &told);
        for (leg, said) in [agent, customer].iter().enumerate() {
            assert!(channels[leg][..MILLIS * 8] == linear(said), "{call}");
        }
    }
}
