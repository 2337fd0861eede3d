//! More calls than recognition follows: how many are taken is learned, and what happens is told.
//!
//! Recognition is a real pool of workers that take time and hear nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hushgate::audio::{MediaTime, Span};
use hushgate::call::Sensitive;
use hushgate::config::Overload;
use hushgate::engine::pool::{Pool, PoolSettings};
use hushgate::engine::{Recogniser, RecogniserError, RecogniserFactory};
use hushgate::speech::{Transcript, Window, Word};
use hushgate::telemetry::FailureCause;
use serde_json::Value;

use crate::health::get;
use crate::support::*;

/// Recognisers of one speed.
#[derive(Clone)]
pub(crate) struct Slow {
    /// For every window.
    pub(crate) window: Duration,
    /// For each second of it.
    pub(crate) second: Duration,
    /// While it is set they do not come back.
    pub(crate) stalled: Arc<AtomicBool>,
}

impl Recogniser for Slow {
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError> {
        let samples = window.samples.expose();
        let seconds = samples.len() as f64 / 16_000.0;
        std::thread::sleep(self.window + self.second.mul_f64(seconds));
        while self.stalled.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut transcript = Transcript::default();
        // Short bursts are numbers, after which windows are cut at every pause.
        let silent = samples.iter().filter(|sample| sample.abs() < 1e-4).count();
        if silent * 2 > samples.len() {
            transcript.words.push(Word {
                text: Sensitive::new("one".to_owned()),
                span: Span::new(MediaTime::ZERO, MediaTime::from_millis(200)),
                confidence: 0.9,
            });
        }
        Ok(transcript)
    }
}

impl RecogniserFactory for Slow {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Ok(Box::new(self.clone()))
    }

    fn model_sha256(&self) -> &str {
        "slow"
    }
}

/// One worker that takes so long for a window and for each second of it.
pub(crate) fn slow(window: u64, second: u64) -> Slow {
    Slow {
        window: Duration::from_millis(window),
        second: Duration::from_millis(second),
        stalled: Arc::default(),
    }
}

pub(crate) fn pool(recognisers: &Slow) -> Arc<Pool> {
    let settings = PoolSettings {
        job_limit: Duration::from_secs(2),
        ..PoolSettings::default()
    };
    Arc::new(Pool::start(Arc::new(recognisers.clone()), settings))
}

async fn capacity(gateway: &Gateway) -> Value {
    let (_, body) = get(gateway.address, "/readyz").await;
    serde_json::from_str(&body).unwrap()
}

/// The status that a call is refused with, if it is.
async fn refused(gateway: &Gateway) -> Option<u16> {
    use tokio_tungstenite::tungstenite::Error;
    match tokio_tungstenite::connect_async(gateway.url()).await {
        Err(Error::Http(response)) => Some(response.status().as_u16()),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

/// What was filled because nobody examined it, in seconds.
fn unexamined(report: &hushgate::egress::Report) -> f64 {
    let late = report.late.iter().map(|span| span.end - span.start);
    let failed = report.failed.iter().map(|span| span.end - span.start);
    late.chain(failed).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_as_many_calls_as_fit_are_taken_and_the_rest_is_told_now_and_then() {
    // A second of sound takes 150 ms; estimated with care 290 ms for a second of a call, so that two fit.
    let gateway = Gateway::start_engine(pool(&slow(0, 150)), |settings| {
        settings.max_calls = 50;
        settings.learns_capacity = true;
        settings.limits.idle = Some(Duration::from_secs(20));
    })
    .await;
    let now = capacity(&gateway).await;
    assert_eq!(now["max_calls"], 2, "{now}");
    assert_eq!(now["capacity"]["source"], "measured");
    assert_eq!(now["capacity"]["workers"], 1);

    let mut first = gateway.connect().await;
    first.start("CA1").await;
    let mut second = gateway.connect().await;
    second.start("CA2").await;
    eventually(Duration::from_secs(5), || {
        watch_log().text().contains("id=CA2").then_some(())
    })
    .await;
    for _ in 0..100 {
        assert_eq!(refused(&gateway).await, Some(503));
    }
    let log = watch_log().text();
    let lines = log.matches("refused calls refused=").count();
    assert!((1..=3).contains(&lines), "{lines} lines for 100 calls");
    assert!(log.contains("capacity=2 capacity_is=\"measured\""), "{log}");

    // One that is over makes room.
    first.send(stop()).await;
    assert_eq!(first.close_code().await, Some(1_000));
    gateway.recording("CA1").await;
    eventually_async(Duration::from_secs(5), || async {
        refused(&gateway).await.is_none()
    })
    .await;
    // How many there were is told in the end.
    eventually(Duration::from_secs(10), || {
        let log = watch_log().text();
        let told = regex::Regex::new("refused calls refused=([0-9]+)").unwrap();
        let told = told
            .captures_iter(&log)
            .map(|line| line[1].parse::<u32>().unwrap());
        (told.sum::<u32>() >= 100).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_calls_beyond_what_fits_are_recorded_with_nothing_audible() {
    let gateway = Gateway::start_engine(pool(&slow(0, 5)), |settings| {
        settings.max_calls = 2;
        settings.learns_capacity = true;
        settings.overload = Overload::BlankAll;
    })
    .await;
    let playing: Vec<_> = (0..4)
        .map(|index| {
            let (url, call) = (gateway.url(), format!("CA{index}"));
            tokio::spawn(async move {
                let (agent, customer) = (sound(1, 4_000), sound(2, 4_000));
                playback(&call, agent, customer).play(&url, |_| {}).await
            })
        })
        .collect();
    for call in playing {
        assert_eq!(call.await.unwrap().unwrap().code, Some(1_000));
    }
    let (mut heard, mut unheard) = (0, 0);
    for index in 0..4 {
        let (report, channels) = gateway.recording(&format!("CA{index}")).await;
        assert!(channels[0].len() >= 32_000, "the timeline is whole");
        assert_eq!(unexamined(&report) > 0.0, report.engine.failures > 0);
        if report.engine.failures > 0 {
            unheard += 1;
            assert_eq!(report.engine.failures, report.engine.windows);
            assert!(
                report
                    .failed
                    .iter()
                    .all(|span| span.cause == FailureCause::Overload)
            );
            assert!(channels.iter().flatten().all(|&sample| sample == 0));
        } else {
            heard += 1;
        }
    }
    assert_eq!((heard, unheard), (2, 2));
    let log = watch_log().text();
    assert!(
        log.contains("a call began that is not listened to"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_no_call_is_taken_while_a_worker_stalls_and_then_again() {
    let recognisers = slow(0, 20);
    let gateway = Gateway::start_engine(pool(&recognisers), |settings| {
        settings.max_calls = 50;
        settings.learns_capacity = true;
    })
    .await;
    let url = gateway.url();
    let call = tokio::spawn(async move {
        playback("CA1", sound(1, 16_000), sound(2, 16_000))
            .play(&url, |_| {})
            .await
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(refused(&gateway).await, None);
    recognisers.stalled.store(true, Ordering::Relaxed);
    eventually_async(Duration::from_secs(8), || async {
        let late = capacity(&gateway).await["capacity"]["answers_come_late"] == true;
        late && refused(&gateway).await == Some(503)
    })
    .await;
    recognisers.stalled.store(false, Ordering::Relaxed);
    eventually_async(Duration::from_secs(12), || async {
        refused(&gateway).await.is_none()
    })
    .await;
    assert_eq!(call.await.unwrap().unwrap().code, Some(1_000));
    let (report, channels) = gateway.recording("CA1").await;
    assert_eq!(report.abnormal_end, None);
    // Nothing leaks while nobody listens, it is told, and the end is whole again.
    let filled = unexamined(&report);
    assert!(filled > 1.0, "{filled} s");
    for (leg, seed) in [(0, 1), (1, 2)] {
        let said = linear(&sound(seed, 16_000));
        let leaked = channels[leg]
            .iter()
            .zip(&said)
            .filter(|(got, said)| got != said && **got != 0);
        assert_eq!(leaked.count(), 0);
        assert!(channels[leg][14 * 8_000..16 * 8_000 - 800] == said[14 * 8_000..16 * 8_000 - 800]);
    }
}

async fn eventually_async<F: Future<Output = bool>>(limit: Duration, mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(limit, asking)
        .await
        .expect("nothing came of it in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_new_calls_are_held_longer_while_answers_come_late() {
    let gateway = Gateway::start_with(
        Arc::new(|window: &Window| {
            let answer = Ok(Transcript::default());
            if window.span.start.seconds() < 4.0 {
                Answer::After(Duration::from_millis(2_500), answer)
            } else {
                Answer::Now(answer)
            }
        }),
        |settings| settings.longest_hold = Some(MediaTime::from_millis(4_000)),
    )
    .await;
    let url = gateway.url();
    let first = tokio::spawn(async move {
        playback("CA1", sound(1, 7_000), sound(2, 7_000))
            .play(&url, |_| {})
            .await
    });
    tokio::time::sleep(Duration::from_secs(6)).await;
    playback("CA2", sound(1, 500), sound(2, 500))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    first.await.unwrap().unwrap();
    let (first, _) = gateway.recording("CA1").await;
    let (second, _) = gateway.recording("CA2").await;
    assert_eq!(first.hold_s, 2.0, "a running call keeps its hold");
    assert!((2.5..=4.0).contains(&second.hold_s), "{}", second.hold_s);
}
