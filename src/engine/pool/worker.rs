//! A worker's thread: takes the most urgent job, runs it, answers, until the pool closes or gives it up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cpu_time::ThreadTime;
use tokio::time::Instant;

use super::state::{Running, State, WorkerId};
use super::{Outcome, Shared, answer, refuse};
use crate::engine::{Recogniser, RecogniserFactory};
use crate::speech::{Transcript, Window};
use crate::telemetry::FailureCause;

/// The most that calls are charged for windows that ran together: what takes longer was a process or a machine that
/// stood still, which is not the calls' doing.
const MOST_CHARGED: Duration = Duration::from_secs(2);

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
    loop {
        let most = recogniser.as_ref().map_or(1, |ready| ready.most_together());
        let Some(windows) = next_jobs(shared, id, most) else {
            break;
        };
        let started = Instant::now();
        let outcomes = transcribe(&mut recogniser, &*shared.factory, &windows);
        drop(windows);
        if !finish(shared, id, started, outcomes) {
            break;
        }
    }
    // Dropping runs foreign code too.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(recogniser)));
}

/// Waits for jobs and enters them as running; `None` when the pool closes.
fn next_jobs(shared: &Shared, id: WorkerId, most: usize) -> Option<Vec<Window>> {
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
        let (jobs, bill) = state.take_together(most, now);
        if !jobs.is_empty() {
            let (windows, replies) = jobs
                .into_iter()
                .map(|job| {
                    let id = job.window.id;
                    (job.window, (id, job.reply))
                })
                .unzip();
            let running = Running {
                since: now,
                bill,
                replies,
            };
            state.running.insert(id, running);
            drop(state);
            shared.watch.notify_one();
            return Some(windows);
        }
        if state.closing {
            state.working -= 1;
            return None;
        }
        state.queue.rest(now);
        state = shared
            .work
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// Answers the jobs, unless the watchdog has; then this thread has been replaced and ends.
fn finish(shared: &Arc<Shared>, id: WorkerId, started: Instant, outcomes: Vec<Outcome>) -> bool {
    let mut state = shared.state();
    let taken = started.elapsed();
    state.note_cost(outcomes.len(), taken);
    let Some(running) = state.running.remove(&id) else {
        state.statistics.late_answers += outcomes.len() as u64;
        state.given_up -= 1;
        fill_slots(shared, &mut state);
        drop(state);
        shared.idle.notify_all();
        return false;
    };
    state.settle(running.bill, taken.min(MOST_CHARGED), Instant::now());
    let statistics = &mut state.statistics;
    for outcome in &outcomes {
        match outcome {
            Ok(_) => statistics.transcribed += 1,
            Err(FailureCause::RecogniserPanic) => statistics.panicked += 1,
            Err(_) => statistics.failed += 1,
        }
    }
    drop(state);
    for ((window, reply), outcome) in running.replies.into_iter().zip(outcomes) {
        answer(reply, window, outcome);
    }
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

/// Runs windows together. When that fails each is run again alone, so that one call's sound does not
/// spoil another's.
fn transcribe(
    recogniser: &mut MaybeRecogniser,
    factory: &dyn RecogniserFactory,
    windows: &[Window],
) -> Vec<Outcome> {
    match run_together(recogniser, factory, windows) {
        Ok(transcripts) => transcripts.into_iter().map(Ok).collect(),
        Err(cause) if windows.len() == 1 => vec![Err(cause)],
        Err(_) => windows
            .chunks(1)
            .flat_map(|window| transcribe(recogniser, factory, window))
            .collect(),
    }
}

/// One transcript for each window. A recogniser that failed is not used again.
fn run_together(
    recogniser: &mut MaybeRecogniser,
    factory: &dyn RecogniserFactory,
    windows: &[Window],
) -> Result<Vec<Transcript>, FailureCause> {
    let Some(ready) = recogniser.take().or_else(|| create(factory)) else {
        return Err(FailureCause::RecogniserError);
    };
    let mut ready = AssertUnwindSafe(ready);
    let elsewhere = ready.time_elsewhere();
    let started = ThreadTime::try_now();
    let ran = catch_unwind(move || {
        let outcome = match windows {
            [window] => ready.transcribe(window).map(|transcript| vec![transcript]),
            several => ready.transcribe_together(several),
        };
        (ready, outcome)
    });
    match ran {
        Ok((ready, Ok(mut transcripts))) if transcripts.len() == windows.len() => {
            let elsewhere = ready.time_elsewhere().saturating_sub(elsewhere);
            let here = started.map_or(Duration::ZERO, |started| started.elapsed());
            for transcript in &mut transcripts {
                transcript.cpu = (here + elsewhere) / windows.len() as u32;
            }
            *recogniser = Some(ready.0);
            Ok(transcripts)
        }
        Ok((_, Ok(_))) => {
            tracing::warn!("a recogniser gave fewer answers than it was asked for");
            Err(FailureCause::RecogniserError)
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
