//! The thread that answers for jobs nobody else will: those that wait past their deadline, and those
//! whose worker does not return.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::state::State;
use super::{Reply, Shared, answer, refuse, worker};
use crate::speech::WindowId;
use crate::telemetry::FailureCause;

/// Wakes at least this often, as the clock of the deadlines may be another one (a test's).
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

pub(super) fn start(shared: &Arc<Shared>, state: &mut State) {
    let for_thread = Arc::clone(shared);
    let started = std::thread::Builder::new()
        .name("recogniser-watchdog".into())
        .spawn(move || run(&for_thread));
    if let Err(error) = started {
        // Without it jobs could wait for ever, so none is taken.
        tracing::error!(%error, "the recognisers' watchdog could not be started");
        state.closing = true;
        shared.work.notify_all();
    }
}

fn run(shared: &Arc<Shared>) {
    let mut state = shared.state();
    loop {
        let now = Instant::now();
        let stuck = take_stuck(shared, &mut state, now);
        let mut refused = state.take_expired(now);
        if state.working == 0 {
            refused.extend(state.give_up_all());
        }
        if !stuck.is_empty() || !refused.is_empty() {
            drop(state);
            refuse(refused);
            for (window, reply) in stuck.into_iter().flatten() {
                answer(reply, window, Err(FailureCause::RecogniserStuck));
            }
            shared.idle.notify_all();
            state = shared.state();
            continue;
        }
        if state.closing && state.running.is_empty() && state.queue.is_empty() {
            return;
        }
        let sleep = next_event(shared, &state)
            .map_or(LONGEST_SLEEP, |event| event.saturating_duration_since(now))
            .min(LONGEST_SLEEP);
        (state, _) = shared
            .watch
            .wait_timeout(state, sleep)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

fn next_event(shared: &Shared, state: &State) -> Option<Instant> {
    let limits = state
        .running
        .values()
        .map(|running| running.since + shared.settings.job_limit);
    limits.chain(state.queue.nearest_deadline()).min()
}

/// Gives up the workers that are over the limit and starts others in their place, as far as the cap
/// allows.
fn take_stuck(
    shared: &Arc<Shared>,
    state: &mut State,
    now: Instant,
) -> Vec<Vec<(WindowId, Reply)>> {
    let limit = shared.settings.job_limit;
    let over = state
        .running
        .extract_if(.., |_, running| now >= running.since + limit)
        .map(|(_, running)| running)
        .collect::<Vec<_>>();
    let stuck: Vec<Vec<(WindowId, Reply)>> = over
        .into_iter()
        .map(|running| {
            state.settle(running.bill, limit, now);
            running.replies
        })
        .collect();
    if !stuck.is_empty() {
        state.working -= stuck.len();
        state.given_up += stuck.len();
        let jobs: usize = stuck.iter().map(Vec::len).sum();
        state.statistics.stuck += jobs as u64;
        worker::fill_slots(shared, state);
        tracing::error!(
            given_up = state.given_up,
            working = state.working,
            "a recogniser did not return in time and was given up"
        );
    }
    stuck
}
