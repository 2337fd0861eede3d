//! Counts what is refused, so that a flood of it is a few entries.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::audit::{Action, AuditLog, Record};

/// Between entries about the same.
const BETWEEN_ENTRIES: Duration = Duration::from_secs(5);

/// What was refused, where and why.
type Key = (Action, String, String);

#[derive(Debug, Default)]
struct Tally {
    count: u64,
    /// The first since the last entry.
    peer: Option<IpAddr>,
    told: Option<Instant>,
}

/// Refusals that are not written yet.
#[derive(Debug)]
pub(super) struct Refusals {
    log: AuditLog,
    /// Doors and reasons are few.
    tallies: Mutex<BTreeMap<Key, Tally>>,
}

impl Refusals {
    pub(super) fn new(log: AuditLog) -> Self {
        Self {
            log,
            tallies: Mutex::default(),
        }
    }

    fn tallies(&self) -> MutexGuard<'_, BTreeMap<Key, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more; the first of its kind in a while is written at once.
    pub(super) fn add(&self, action: Action, door: &str, why: &str, peer: Option<IpAddr>) {
        let key = (action, door.to_owned(), why.to_owned());
        let mut tallies = self.tallies();
        let tally = tallies.entry(key).or_default();
        tally.count += 1;
        tally.peer = tally.peer.or(peer);
        drop(tallies);
        self.tell_due();
    }

    pub(super) fn tell_due(&self) {
        let now = Instant::now();
        self.tell(|tally| tally.told.is_none_or(|told| now >= told + BETWEEN_ENTRIES));
    }

    pub(super) fn tell_all(&self) {
        self.tell(|_| true);
    }

    fn tell(&self, is_due: impl Fn(&Tally) -> bool) {
        for ((action, door, why), tally) in self.tallies().iter_mut() {
            if tally.count == 0 || !is_due(tally) {
                continue;
            }
            let mut record = Record::new(*action)
                .with("count", tally.count)
                .with_words("reason", why);
            if !door.is_empty() {
                record = record.with_name("door", door);
            }
            if let Some(peer) = tally.peer {
                record = record.with_name("first_peer", peer);
            }
            *tally = Tally {
                told: Some(Instant::now()),
                ..Tally::default()
            };
            self.log.record(record);
        }
    }
}
