//! A worker's thread: takes the most urgent job, runs it, answers, until the pool closes or gives it up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::state::{Running, State, WorkerId};
use super::{Outcome, Shared, answer, refuse};
use crate::engine::{Recogniser, RecogniserFactory};
use crate::speech::Window;
use crate::telemetry::FailureCause;

/// Starts workers until all slots are filled that may be: one for each worker wanted, less the threads
/// given up beyond the cap.
pub(super) fn fill_slots(shared: &Arc<Shared>, state: &mut State) {
    let most_threads = shared.settings.workers + shared.settings.stuck_cap;
    while !state.closing
        && state.working < shared.settings.workers
        && state.working + state.given_up < most_threads
    {
        let id = state.name_worker();
        let for_thread = Arc::clone(shared);
        let started = std::thread::Builder::new()
            .name(format!("recogniser-{id}"))
            .spawn(move || run(&for_thread, id));
        if let Err(error) = started {
            tracing::error!(%error, "a recogniser thread could not be started");
            return;
        }
        state.working += 1;
    }
}

fn run(shared: &Arc<Shared>, id: WorkerId) {
    let mut recogniser = create(&*shared.factory);
    while let Some(window) = next_job(shared, id) {
        let started = Instant::now();
        let outcome = transcribe(&mut recogniser, &*shared.factory, &window);
        drop(window);
        if !finish(shared, id, started, outcome) {
            break;
        }
    }
    // Dropping runs foreign code too.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(recogniser)));
}

/// Waits for a job and enters it as running; `None` when the pool closes.
fn next_job(shared: &Shared, id: WorkerId) -> Option<Window> {
    let mut state = shared.state();
    loop {
        let now = Instant::now();
        let expired = state.take_expired(now);
        if !expired.is_empty() {
            drop(state);
            refuse(expired);
            state = shared.state();
            continue;
        }
        if let Some((_, job)) = state.queue.pop_first() {
            let running = Running {
                window: job.window.id,
                since: now,
                reply: job.reply,
            };
            state.running.insert(id, running);
            drop(state);
            shared.watch.notify_one();
            return Some(job.window);
        }
        if state.closing {
            state.working -= 1;
            return None;
        }
        state = shared
            .work
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// Answers the job, unless the watchdog has; then this thread has been replaced and ends.
fn finish(shared: &Arc<Shared>, id: WorkerId, started: Instant, outcome: Outcome) -> bool {
    let mut state = shared.state();
    state.statistics.busy += started.elapsed();
    let Some(running) = state.running.remove(&id) else {
        state.statistics.late_answers += 1;
        state.given_up -= 1;
        fill_slots(shared, &mut state);
        drop(state);
        shared.idle.notify_all();
        return false;
    };
    let statistics = &mut state.statistics;
    match &outcome {
        Ok(_) => statistics.transcribed += 1,
        Err(FailureCause::RecogniserPanic) => statistics.panicked += 1,
        Err(_) => statistics.failed += 1,
    }
    drop(state);
    answer(running.reply, running.window, outcome);
    shared.idle.notify_all();
    true
}

type MaybeRecogniser = Option<Box<dyn Recogniser>>;

fn create(factory: &dyn RecogniserFactory) -> MaybeRecogniser {
    match catch_unwind(AssertUnwindSafe(|| factory.create())) {
        Ok(Ok(recogniser)) => Some(recogniser),
        Ok(Err(error)) => {
            tracing::error!(%error, "a recogniser could not be made");
            None
        }
        Err(_) => {
            tracing::error!("making a recogniser panicked");
            None
        }
    }
}

/// Runs one window. A recogniser that failed is not used again.
fn transcribe(
    recogniser: &mut MaybeRecogniser,
    factory: &dyn RecogniserFactory,
    window: &Window,
) -> Outcome {
    let Some(ready) = recogniser.take().or_else(|| create(factory)) else {
        return Err(FailureCause::RecogniserError);
    };
    let mut ready = AssertUnwindSafe(ready);
    let ran = catch_unwind(move || {
        let outcome = ready.transcribe(window);
        (ready, outcome)
    });
    match ran {
        Ok((ready, Ok(transcript))) => {
            *recogniser = Some(ready.0);
            Ok(transcript)
        }
        Ok((ready, Err(error))) => {
            tracing::warn!(%error, "a window was not transcribed");
            let _ = catch_unwind(AssertUnwindSafe(move || drop(ready)));
            Err(FailureCause::RecogniserError)
        }
        Err(_) => {
            tracing::error!("a recogniser panicked and is replaced");
            Err(FailureCause::RecogniserPanic)
        }
    }
}
