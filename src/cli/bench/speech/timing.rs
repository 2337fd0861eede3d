//! Recognisers side by side, timed from outside: all begin a repeat together, and it is over when the last is done.
//!
//! A recogniser belongs to the thread that made it, so each thread makes its own and goes through the same rounds. One
//! that fails goes on keeping step, as the others would wait for it for ever.

use std::sync::Barrier;
use std::time::Duration;

use anyhow::Context;
use cpu_time::ProcessTime;
use tokio::time::Instant;

use crate::engine::{Recogniser, RecogniserError, RecogniserFactory};
use crate::speech::Window;

/// What each recogniser is given at once.
pub(super) struct Round {
    /// At least one, all of one length.
    pub(super) windows: Vec<Window>,
}

impl Round {
    /// Length of its windows.
    pub(super) fn seconds(&self) -> f64 {
        let window = self.windows.first();
        window.map_or(0.0, |window| window.span.length().seconds())
    }
}

/// What one repeat took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    /// Of all threads of the process.
    pub(super) processor: Duration,
    pub(super) elapsed: Duration,
}

/// What each repeat of each round takes with so many recognisers at once; `first` is told of a round's first.
///
/// # Errors
/// What a recogniser could not be made or could not hear by.
pub(super) fn measure(
    factory: &dyn RecogniserFactory,
    threads: u8,
    rounds: &[Round],
    repeats: u32,
    first: impl Fn(&Round, Duration),
) -> anyhow::Result<Vec<Vec<Took>>> {
    let step = Barrier::new(usize::from(threads) + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| keep_step(factory, rounds, repeats, &step)))
            .collect();
        let times = time_steps(rounds, repeats, &step, first);
        for worker in workers {
            let heard = worker.join();
            heard.map_err(|_| anyhow::anyhow!("a recogniser panicked"))??;
        }
        times
    })
}

/// One recogniser's part.
fn keep_step(
    factory: &dyn RecogniserFactory,
    rounds: &[Round],
    repeats: u32,
    step: &Barrier,
) -> Result<(), RecogniserError> {
    let mut recogniser = factory.create();
    for round in rounds {
        // The first time touches all memory for the first time.
        hear(&mut recogniser, round);
        for _ in 0..repeats {
            step.wait();
            hear(&mut recogniser, round);
            step.wait();
        }
    }
    recogniser.map(|_| ())
}

/// Hears a round, unless something failed before.
fn hear(recogniser: &mut Result<Box<dyn Recogniser>, RecogniserError>, round: &Round) {
    if let Ok(working) = recogniser
        && let Err(error) = working.transcribe_together(&round.windows)
    {
        *recogniser = Err(error);
    }
}

/// The clock's part.
fn time_steps(
    rounds: &[Round],
    repeats: u32,
    step: &Barrier,
    first: impl Fn(&Round, Duration),
) -> anyhow::Result<Vec<Vec<Took>>> {
    let mut times = Vec::new();
    let mut unknown = false;
    for round in rounds {
        let mut repeated = Vec::new();
        for repeat in 0..repeats {
            step.wait();
            let (processor, elapsed) = (ProcessTime::try_now(), Instant::now());
            step.wait();
            let elapsed = elapsed.elapsed();
            let processor = processor.and_then(|start| start.try_elapsed());
            unknown |= processor.is_err();
            repeated.push(Took {
                processor: processor.unwrap_or_default(),
                elapsed,
            });
            if repeat == 0 {
                first(round, elapsed);
            }
        }
        times.push(repeated);
    }
    (!unknown).then_some(times).context("no processor time")
}
