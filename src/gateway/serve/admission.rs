//! Who may come in: how many calls are listened to at once, and what those beyond are told.
//!
//! The number is either configured or learned ([`crate::gateway::capacity`]) from what recognition costs. Neither
//! platforms nor logs can be flooded by it: what is refused is told at most every few seconds, with how many
//! there were.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::audio::MediaTime;
use crate::config::Overload;
use crate::gateway::audit::Auditor;
use crate::gateway::call::Transcriber;
use crate::gateway::capacity::hold::Holds;
use crate::gateway::capacity::meter::{Measured, Meter};
use crate::gateway::capacity::{Capacity, CapacitySettings, memory, warm_up};
use crate::store::audit::Action;

/// How often is learned.
const PERIOD: Duration = Duration::from_secs(1);
/// Between lines about refused calls, and between lines about changes of the capacity.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// As many calls as fit are listened to.
    Calls,
    /// What may be taken of memory is nearly taken.
    Memory,
}

impl NoRoom {
    /// For the peer.
    pub(super) fn words(self) -> &'static str {
        match self {
            NoRoom::Calls => "as many calls as fit are active",
            NoRoom::Memory => "little memory is left",
        }
    }
}

/// A call's place.
pub(super) struct Entry {
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) is_heard: bool,
    /// The call's delay between hearing and releasing.
    pub(super) hold: MediaTime,
}

/// Keeps the door.
#[derive(Debug)]
pub(super) struct Admission {
    /// As many permits as calls are ever listened to at once.
    calls: Arc<Semaphore>,
    most: usize,
    learns: bool,
    /// For calls that are not listened to; `None` refuses them.
    unheard: Option<Arc<Semaphore>>,
    meter: Arc<Meter>,
    shortest_hold: MediaTime,
    audit: Option<Arc<Auditor>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` while nothing is learned: then `most` holds.
    capacity: Option<Capacity>,
    holds: Holds,
    /// The most calls that were listened to at once.
    most_active: usize,
    refused: Tally,
    /// What was last told of the capacity.
    told: (usize, bool),
    told_at: Instant,
}

/// Counts what is told in one line now and then.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    why: Option<NoRoom>,
    told: Option<Instant>,
}

impl Tally {
    /// How many there were since the last line, if a line is due.
    fn due(&mut self, now: Instant) -> Option<(u64, NoRoom)> {
        let why = self.why?;
        if self.told.is_some_and(|told| now < told + BETWEEN_LINES) {
            return None;
        }
        self.told = Some(now);
        self.why = None;
        Some((std::mem::take(&mut self.count), why))
    }
}

impl Admission {
    pub(super) fn new(settings: &Settings) -> Self {
        let now = Instant::now();
        let most = settings.max_calls;
        Self {
            calls: Arc::new(Semaphore::new(most)),
            most,
            learns: settings.learns_capacity,
            unheard: (settings.overload == Overload::BlankAll)
                .then(|| Arc::new(Semaphore::new(settings.max_connections))),
            meter: Arc::new(Meter::new(now)),
            shortest_hold: settings.hold,
            audit: settings.audit.clone(),
            state: Mutex::new(State {
                capacity: None,
                holds: Holds::new(
                    settings.hold,
                    settings.longest_hold.unwrap_or(settings.hold),
                ),
                most_active: 0,
                refused: Tally::default(),
                told: (most, false),
                told_at: now,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls that are listened to, or whose recording is not complete.
    fn active(&self) -> usize {
        self.most - self.calls.available_permits()
    }

    /// Makes a first estimate of what the engine can do, if calls are admitted by what is learned.
    pub(super) async fn try_out(&self, engine: &dyn Transcriber) {
        if !self.learns {
            return;
        }
        let workers = engine.work().map_or(1, |work| work.workers);
        let measured = warm_up::cost(engine, workers).await;
        if measured.is_none() {
            tracing::warn!("recognition could not be tried out: few calls are admitted at first");
        }
        self.begin_learning(workers, measured);
    }

    /// Admits by what is learned from here on, if that is wanted.
    pub(super) fn begin_learning(&self, workers: usize, first_cost: Option<f64>) {
        if !self.learns {
            return;
        }
        let mut state = self.state();
        let capacity = Capacity::new(CapacitySettings {
            workers,
            most: self.most,
            first_cost: first_cost.unwrap_or(warm_up::UNKNOWN_COST),
        });
        state.told = (capacity.calls(), false);
        tracing::info!(
            capacity = capacity.calls(),
            workers,
            seconds = thousandths(capacity.cost_of_call()),
            "first estimate of how many calls can be listened to, from seconds of a worker for a second of a call"
        );
        state.capacity = Some(capacity);
    }

    /// Whether another call would be taken now, heard or not.
    pub(super) fn room(&self) -> Result<(), NoRoom> {
        let active = self.active();
        if !memory::has_room_for_a_call(active, self.state().most_active) {
            return Err(NoRoom::Memory);
        }
        let is_heard = active < self.most
            && self
                .state()
                .capacity
                .as_ref()
                .is_none_or(|capacity| capacity.may_admit(active));
        let is_taken = |unheard: &Arc<Semaphore>| unheard.available_permits() > 0;
        if is_heard || self.unheard.as_ref().is_some_and(is_taken) {
            Ok(())
        } else {
            Err(NoRoom::Calls)
        }
    }

    /// Takes a call in.
    pub(super) fn enter(&self) -> Result<Entry, NoRoom> {
        // Under the lock, so that two calls at once do not both get the last place.
        let mut state = self.state();
        let active = self.active();
        if !memory::has_room_for_a_call(active, state.most_active) {
            return Err(NoRoom::Memory);
        }
        let fits = state
            .capacity
            .as_ref()
            .is_none_or(|capacity| capacity.may_admit(active));
        if fits && let Ok(permit) = Arc::clone(&self.calls).try_acquire_owned() {
            state.most_active = state.most_active.max(active + 1);
            return Ok(Entry {
                permit,
                is_heard: true,
                hold: state.holds.for_new_call(),
            });
        }
        let unheard = self.unheard.clone().ok_or(NoRoom::Calls)?;
        let permit = unheard.try_acquire_owned().map_err(|_| NoRoom::Calls)?;
        Ok(Entry {
            permit,
            is_heard: false,
            hold: self.shortest_hold,
        })
    }

    /// The engine of a call that is listened to.
    pub(super) fn measured(&self, engine: Arc<dyn Transcriber>) -> Measured {
        Measured::new(engine, &self.meter)
    }

    /// Takes note of a call that was refused; told now, or with others a little later.
    pub(super) fn refused(&self, why: NoRoom) {
        let mut state = self.state();
        state.refused.count += 1;
        state.refused.why = Some(why);
        drop(state);
        if let Some(auditor) = &self.audit {
            auditor.refused(Action::CallsRefused, "", why.words(), None);
        }
        self.tell_refused(Instant::now());
    }

    fn tell_refused(&self, now: Instant) {
        let due = self.state().refused.due(now);
        let Some((refused, why)) = due else {
            return;
        };
        let status = self.status();
        tracing::warn!(
            refused,
            why = why.words(),
            calls = status.active,
            capacity = status.capacity,
            capacity_is = status.source(),
            load = thousandths(status.load),
            "refused calls"
        );
    }

    /// The longest hold that a call may have.
    pub(super) fn longest_hold(&self) -> MediaTime {
        self.state().holds.longest()
    }

    /// Learns, period after period, until the end.
    pub(super) async fn learn(
        &self,
        engine: tokio::sync::watch::Receiver<Option<Arc<dyn Transcriber>>>,
        end: CancellationToken,
    ) {
        let mut periods = interval(PERIOD);
        periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                _ = periods.tick() => {}
            }
            let work = engine.borrow().as_ref().and_then(|engine| engine.work());
            self.observe(Instant::now(), work.map(|work| work.busy));
        }
    }

    fn observe(&self, now: Instant, busy: Option<Duration>) {
        let mut period = self.meter.take(now, busy.unwrap_or_default());
        if busy.is_none() {
            // What cannot be measured teaches nothing but whether answers come in time.
            (period.call_seconds, period.submitted, period.heard) = (0.0, 0.0, 0.0);
        }
        let mut state = self.state();
        state.holds.observe(period.slack);
        let changed = state.capacity.as_mut().map(|capacity| {
            capacity.observe(&period);
            (capacity.calls(), capacity.is_pressed())
        });
        let due = changed
            .filter(|changed| *changed != state.told && now >= state.told_at + BETWEEN_LINES);
        let before = state.told.0;
        if let Some(changed) = due {
            state.told = changed;
            state.told_at = now;
        }
        drop(state);
        if let Some((capacity, is_pressed)) = due {
            let status = self.status();
            tracing::info!(
                capacity,
                before,
                calls = status.active,
                load = thousandths(status.load),
                seconds = thousandths(status.cost),
                is_pressed,
                "how many calls can be listened to has changed, by seconds of a worker for a second of a call"
            );
        }
        self.tell_refused(now);
    }

    /// How things are.
    pub(super) fn status(&self) -> Status {
        let state = self.state();
        let capacity = state.capacity.as_ref();
        Status {
            active: self.active(),
            unheard: self
                .unheard
                .as_ref()
                .map_or(0, |unheard| Arc::strong_count(unheard) - 1),
            capacity: capacity.map_or(self.most, Capacity::calls),
            is_measured: capacity.is_some(),
            is_pressed: capacity.is_some_and(Capacity::is_pressed),
            load: capacity.map_or(0.0, Capacity::load),
            cost: capacity.map_or(0.0, Capacity::cost_of_call),
            workers: capacity.map_or(0, Capacity::workers),
            hold: state.holds.for_new_call(),
        }
    }
}

/// How things are, for pages and log lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    pub(super) active: usize,
    pub(super) unheard: usize,
    pub(super) capacity: usize,
    pub(super) is_measured: bool,
    is_pressed: bool,
    load: f64,
    cost: f64,
    workers: usize,
    hold: MediaTime,
}

impl Status {
    /// Where the capacity comes from.
    pub(super) fn source(&self) -> &'static str {
        if self.is_measured {
            "measured"
        } else {
            "configured"
        }
    }

    /// As a page shows it.
    pub(super) fn to_json(self) -> serde_json::Value {
        json!({
            "source": self.source(),
            "calls": self.capacity,
            "not_listened_to": self.unheard,
            "load": self.is_measured.then(|| thousandths(self.load)),
            "workers": self.is_measured.then_some(self.workers),
            "worker_seconds_per_call_second": self.is_measured.then(|| thousandths(self.cost)),
            "answers_come_late": self.is_pressed,
            "hold_seconds": self.hold.seconds(),
        })
    }
}

/// Digits that mean something.
fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
