//! A call whose sound makes windows faster than they can be answered is alone in being late.

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

#[tokio::test(flavor = "multi_thread")]
async fn paced_flood_of_windows_makes_nobody_else_late() {
    const MILLIS: usize = 20_000;
    // Whatever its length, a window takes half a second: the flood alone wants more than the worker has.
    let gateway = Gateway::start_engine(pool(&slow(500, 0)), |settings| {
        settings.hold = hushgate::audio::MediaTime::from_millis(6_000);
    })
    .await;
    let play = |call: &'static str, agent: Vec<u8>, customer: Vec<u8>| {
        let url = gateway.url();
        tokio::spawn(async move { playback(call, agent, customer).play(&url, |_| {}).await })
    };
    let flood = play("flood", bursts(MILLIS), bursts(MILLIS));
    let good = play("good", talk(1, MILLIS, 0), talk(2, MILLIS, 2));
    for call in [flood, good] {
        assert_eq!(call.await.unwrap().unwrap().code, Some(1_000));
    }

    let (flood, _) = gateway.recording("flood").await;
    let work = flood.engine;
    assert!(work.windows > 30 && work.failures > 0, "no flood: {work:?}");
    let (report, channels) = gateway.recording("good").await;
    assert!(
        report.late.is_empty() && report.failed.is_empty(),
        "late {:?}, failed {:?}; the flood {work:?}",
        report.late,
        report.failed
    );
    assert!(channels[0][..MILLIS * 8] == linear(&talk(1, MILLIS, 0)));
}
