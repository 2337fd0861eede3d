//! Recognisers that fail, panic, hang or are late: filled, told, and the call goes on.

use std::sync::Arc;
use std::time::Duration;

use hushgate::call::Leg;
use hushgate::egress::Report;
use hushgate::speech::{Transcript, Window};
use hushgate::telemetry::FailureCause;

use crate::support::*;

/// Plays 7 s of both legs to a gateway that treats windows that begin before 3 s as `bad` says.
async fn play(bad: impl Fn() -> Answer + Send + Sync + 'static) -> (Report, Vec<Vec<i16>>) {
    let script: Script = Arc::new(move |window: &Window| {
        if window.leg == Leg::Customer && window.span.start.seconds() < 3.0 {
            bad()
        } else {
            Answer::Now(Ok(Transcript::default()))
        }
    });
    let gateway = Gateway::start(script).await;
    let closed = playback("CA1", sound(1, 7_000), sound(2, 7_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    assert_eq!(closed.code, Some(1_000));
    let (report, channels) = gateway.recording("CA1").await;
    assert_eq!(report.abnormal_end, None);

    let (agent, customer) = (linear(&sound(1, 7_000)), linear(&sound(2, 7_000)));
    assert!(channels[0] == agent, "the agent's leg is not touched");
    // Nothing leaks: every sample is the call's or silence, and the first second is silence.
    assert!(
        channels[1]
            .iter()
            .zip(&customer)
            .all(|(&got, &said)| got == said || got == 0)
    );
    assert!(channels[1][..8_000].iter().all(|&sample| sample == 0));
    assert!(
        channels[1][52_000..] == customer[52_000..],
        "the call goes on"
    );
    (report, channels)
}

fn causes(report: &Report) -> Vec<FailureCause> {
    let mut causes: Vec<_> = report.failed.iter().map(|span| span.cause).collect();
    causes.sort();
    causes.dedup();
    causes
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_failures_are_filled_and_told() {
    for cause in [
        FailureCause::RecogniserError,
        FailureCause::RecogniserPanic,
        FailureCause::RecogniserStuck,
    ] {
        let (report, _) = play(move || Answer::Now(Err(cause))).await;
        assert_eq!(causes(&report), [cause]);
        assert!(report.engine.failures > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_late_answers_are_filled_and_told() {
    let (report, _) =
        play(|| Answer::After(Duration::from_millis(3_500), Ok(Transcript::default()))).await;
    assert!(!report.late.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_silence_of_the_engine_is_filled_and_told() {
    let (report, _) = play(|| Answer::Never).await;
    assert!(!report.late.is_empty());
}
