//! A call whose sound makes windows faster than they can be answered is alone in being late.

use crate::overload::{pool, slow};
use crate::support::*;

/// Bursts of noise of 60 ms with silence between them: each is a window, as costly as one of seconds.
fn bursts(millis: usize) -> Vec<u8> {
    let mut bytes = sound(7, millis);
    for (index, byte) in bytes.iter_mut().enumerate() {
        if index % (8 * 400) >= 8 * 60 {
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
    const MILLIS: usize = 18_000;
    // Whatever its length, a window takes 240 ms: the flood alone wants more than the worker has.
    let gateway = Gateway::start_engine(pool(&slow(240, 0)), |settings| {
        settings.hold = hushgate::audio::MediaTime::from_millis(6_000);
    })
    .await;
    let mut playing = Vec::new();
    for index in 0..3 {
        let (url, call) = (gateway.url(), format!("good{index}"));
        playing.push(tokio::spawn(async move {
            let (agent, customer) = (talk(1, MILLIS, index), talk(2, MILLIS, index + 2));
            playback(&call, agent, customer).play(&url, |_| {}).await
        }));
    }
    let url = gateway.url();
    playing.push(tokio::spawn(async move {
        playback("flood", bursts(MILLIS), bursts(MILLIS))
            .play(&url, |_| {})
            .await
    }));
    for call in playing {
        assert_eq!(call.await.unwrap().unwrap().code, Some(1_000));
    }

    let (flood, _) = gateway.recording("flood").await;
    assert!(flood.engine.failures > 0, "the flood was no flood");
    for index in 0..3 {
        let (report, channels) = gateway.recording(&format!("good{index}")).await;
        assert!(
            report.late.is_empty() && report.failed.is_empty(),
            "{index}: late {:?}, failed {:?}",
            report.late,
            report.failed
        );
        assert!(
            channels[0][..] == linear(&talk(1, MILLIS, index))[..channels[0].len().min(MILLIS * 8)]
        );
    }
}
