//! A first estimate of what recognition costs, before any call: sound of our own through every worker.
//!
//! It also makes workers touch their memory for the first time, which the first call would otherwise wait for.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::pool::{Caller, Job};
use crate::gateway::call::Transcriber;
use crate::speech::{Window, WindowId};

/// Length of a window: what calls hand in on average.
const SECONDS: f64 = 5.0;
/// Speech has more to be written down than the sound that is measured.
const SPEECH_TAKES: f64 = 1.5;
/// For all of it together; a machine that takes longer follows no call.
const LIMIT: Duration = Duration::from_secs(15);
/// What is assumed where nothing can be measured: a worker for each call.
pub(in crate::gateway) const UNKNOWN_COST: f64 = 0.5;

/// Worker-seconds for each second of a window, from two rounds of a window for each worker of which the second
/// counts; `None` when there was no answer to one.
pub(in crate::gateway) async fn cost(engine: &dyn Transcriber, workers: usize) -> Option<f64> {
    let measuring = async {
        round(engine, workers).await?;
        round(engine, workers).await
    };
    let taken = timeout(LIMIT, measuring).await.ok()??;
    Some(taken.as_secs_f64() / SECONDS * SPEECH_TAKES)
}

/// Hands in a window for each worker, and waits for all answers.
async fn round(engine: &dyn Transcriber, workers: usize) -> Option<Duration> {
    let begun = Instant::now();
    let (answer, mut answers) = mpsc::channel(workers.max(1));
    let caller = Caller::new();
    for index in 0..workers {
        let answer = answer.clone();
        engine.submit(Job {
            caller,
            is_armed: false,
            window: window(index as u64),
            deadline: begun + LIMIT,
            reply: Box::new(move |_, outcome| {
                // There is room for all, and nobody else to tell.
                let _ = answer.try_send(outcome.is_ok());
            }),
        });
    }
    drop(answer);
    let mut good = 0;
    while let Some(is_good) = answers.recv().await {
        good += usize::from(is_good);
    }
    (good == workers).then(|| begun.elapsed())
}

/// Faint noise: nothing in it is taken for words, so that the encoder is what is measured.
fn window(id: u64) -> Window {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ id;
    let samples = (0..SampleRate::SPEECH.samples_in(MediaTime::from_seconds(SECONDS))).map(|_| {
        // xorshift: the same on every machine.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5) * 0.004
    });
    Window {
        id: WindowId(id),
        leg: Leg::Mixed,
        span: Span::new(MediaTime::ZERO, MediaTime::from_seconds(SECONDS)),
        samples: Sensitive::new(samples.collect()),
        deadline: MediaTime::MAX,
    }
}
