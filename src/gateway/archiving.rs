//! Puts closed calls into the object store, drops the disk's copies when it is time, and deletes what was destroyed.
//!
//! ```text
//! changed/ (a call was closed or changed) --> waiting --> put, read back --> kept --> header alone
//! leaving/ (a key was destroyed) ----------------------> deleted
//! ```
//!
//! **Architecture invariants:** calls never wait for it: what the object store does not take stays on the disk, is
//! told, and is put there later. One thread does it, one call after the other. Nothing is remembered that the disk does
//! not say: after a start all calls are looked at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::api::metrics::Metrics;
use crate::store::archive::ArchiveError;
use crate::store::vault::{Archival, Local, RecordName, Vault, VaultError};
use crate::telemetry::metrics::Metric;

/// How often it is looked whether there is something to do.
const GLANCE: Duration = Duration::from_secs(1);
/// After the object store failed; twice as long after each failure, up to the longest.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A call that cannot be put there for a reason of its own is tried again after so long.
const LATER: Duration = Duration::from_secs(600);
/// How often a failure that lasts is told.
const TELL: Duration = Duration::from_secs(600);
/// How long an upload may take to end when the gateway stops; cut off, it is made again after the next start.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Does it, on a thread of its own, until it is stopped.
#[derive(Debug)]
pub struct Archiver {
    stops: Arc<AtomicBool>,
    wake: Sender<()>,
    over: oneshot::Receiver<()>,
}

impl Archiver {
    /// Starts it for a store that this process records into. Fails if there is no thread.
    pub fn start(
        vault: Vault,
        keep_local: Duration,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let stops = Arc::new(AtomicBool::new(false));
        let (wake, woken) = channel();
        let (ended, over) = oneshot::channel();
        let mut work = Work::new(vault, keep_local, Some(metrics), Arc::clone(&stops));
        std::thread::Builder::new()
            .name("archiving".into())
            .spawn(move || {
                work.run(&woken);
                // Whoever waits may have gone.
                let _ = ended.send(());
            })?;
        Ok(Self { stops, wake, over })
    }

    /// Has it stop after the call that it is at, and waits for that for a while.
    pub async fn stop(self) {
        self.stops.store(true, Ordering::Release);
        // It may have ended by itself.
        let _ = self.wake.send(());
        if timeout(ENDS_WITHIN, self.over).await.is_err() {
            tracing::warn!("an upload was cut off; it is made again after the next start");
        }
    }
}

/// What is to be done, and when.
struct Work {
    vault: Vault,
    keep_local: Duration,
    metrics: Option<Arc<Metrics>>,
    stops: Arc<AtomicBool>,
    /// Calls that are to be put there.
    waiting: BTreeSet<RecordName>,
    /// Calls that could not be, and when they are tried again.
    later: BTreeMap<RecordName, Instant>,
    /// Calls that are there, and when the disk's copy may go.
    kept: BTreeMap<RecordName, Instant>,
    is_looked_through: bool,
    outage: Option<Outage>,
}

/// The object store fails.
struct Outage {
    /// Not before then.
    again: Instant,
    pause: Duration,
    told: Instant,
}

impl Work {
    fn new(
        vault: Vault,
        keep_local: Duration,
        metrics: Option<Arc<Metrics>>,
        stops: Arc<AtomicBool>,
    ) -> Self {
        Self {
            // What is locked away is put there as all else is.
            vault: vault.opening_quarantined(),
            keep_local,
            metrics,
            stops,
            waiting: BTreeSet::new(),
            later: BTreeMap::new(),
            kept: BTreeMap::new(),
            is_looked_through: false,
            outage: None,
        }
    }

    fn run(&mut self, woken: &Receiver<()>) {
        while !self.stops() {
            let round = std::panic::AssertUnwindSafe(|| self.round(Instant::now()));
            if std::panic::catch_unwind(round).is_err() {
                tracing::error!("archiving panicked; it goes on");
            }
            // Nobody wakes it but to end it, and who could is gone when it cannot be waited for.
            if woken.recv_timeout(GLANCE) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
    }

    fn stops(&self) -> bool {
        self.stops.load(Ordering::Acquire)
    }

    /// Does what is due.
    fn round(&mut self, now: Instant) {
        self.find(now);
        if self
            .outage
            .as_ref()
            .is_none_or(|outage| outage.again <= now)
        {
            // Who may not delete may put all the same.
            let deleted = self.delete();
            match self.put(now).and(deleted) {
                Ok(()) => self.recover(),
                Err(error) => self.fail(&error, now),
            }
        }
        if self.outage.is_none() {
            self.drop_local(now);
        }
        if let Some(metrics) = &self.metrics {
            let waiting = self.waiting.len() + self.later.len();
            metrics.set(Metric::ArchiveWaiting, waiting as f64);
            let leaving = self.vault.leaving().unwrap_or_default();
            metrics.set(Metric::ArchiveLeaving, leaving as f64);
        }
    }

    /// What was closed or changed since; at first, whatever there is.
    fn find(&mut self, now: Instant) {
        let found = match self.is_looked_through {
            true => self.vault.take_changed(),
            // What was changed before is among all.
            false => self
                .vault
                .take_changed()
                .and_then(|_| self.vault.unarchived()),
        };
        match found {
            Ok(found) => {
                self.is_looked_through = true;
                self.waiting.extend(found);
            }
            Err(error) => {
                let error = error.to_string();
                tracing::warn!(error, "the store cannot be looked through");
            }
        }
        let due = self.later.extract_if(.., |_, at| *at <= now);
        self.waiting.extend(due.map(|(name, _)| name));
    }

    fn delete(&self) -> Result<(), VaultError> {
        let deleted = self.vault.delete_left()?;
        if deleted > 0 {
            tracing::info!(objects = deleted, "deleted from the object store");
        }
        Ok(())
    }

    /// Puts calls there until one shows that the object store fails.
    fn put(&mut self, now: Instant) -> Result<(), VaultError> {
        for name in self.waiting.clone() {
            if self.stops() {
                break;
            }
            match self.vault.archive(&name) {
                Ok(Archival::Done { bytes }) => {
                    self.waiting.remove(&name);
                    if bytes > 0 {
                        let call = name.as_str();
                        tracing::info!(call, bytes, "is in the object store");
                        self.count(Metric::ArchiveCalls);
                    }
                    self.kept.insert(name, now);
                }
                Ok(Archival::Busy) => {}
                Err(VaultError::Unknown { .. }) => {
                    self.waiting.remove(&name);
                }
                Err(error) if is_of_the_object_store(&error) => {
                    // One that is refused for what it is holds up no other.
                    if !is_away(&error) {
                        self.waiting.remove(&name);
                        self.later.insert(name, now + LATER);
                    }
                    return Err(error);
                }
                Err(error) => {
                    let (call, error) = (name.as_str(), error.to_string());
                    tracing::error!(call, error, "cannot be put into the object store");
                    self.count(Metric::ArchiveFailures);
                    self.waiting.remove(&name);
                    self.later.insert(name, now + LATER);
                }
            }
        }
        Ok(())
    }

    fn recover(&mut self) {
        if self.outage.take().is_some() {
            let waiting = self.waiting.len();
            tracing::info!(waiting, "the object store takes recordings again");
        }
    }

    fn fail(&mut self, error: &VaultError, now: Instant) {
        self.count(Metric::ArchiveFailures);
        let before = self.outage.take();
        let pause = before
            .as_ref()
            .map_or(PAUSE, |outage| (outage.pause * 2).min(LONGEST_PAUSE));
        let told = match before {
            Some(outage) if now < outage.told + TELL => outage.told,
            _ => {
                let (error, waiting) = (error.to_string(), self.waiting.len());
                tracing::warn!(
                    error,
                    waiting,
                    "the object store does not take or delete recordings; they stay on the disk"
                );
                now
            }
        };
        self.outage = Some(Outage {
            again: now + pause,
            pause,
            told,
        });
    }

    fn drop_local(&mut self, now: Instant) {
        let due: Vec<RecordName> = self
            .kept
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            if self.stops() {
                break;
            }
            match self.vault.drop_local(&name, self.keep_local) {
                Ok(Local::Dropped) => {
                    self.kept.remove(&name);
                }
                Ok(Local::Kept(left)) => {
                    self.kept.insert(name, now + left);
                }
                Ok(Local::Busy) => {
                    self.kept.remove(&name);
                    self.waiting.insert(name);
                }
                Err(error) if is_away(&error) => {
                    self.fail(&error, now);
                    return;
                }
                Err(error) => {
                    let (call, error) = (name.as_str(), error.to_string());
                    tracing::error!(call, error, "the disk's copy cannot be dropped");
                    self.kept.insert(name, now + LATER);
                }
            }
        }
    }

    fn count(&self, metric: Metric) {
        if let Some(metrics) = &self.metrics {
            metrics.count(metric, "", "");
        }
    }
}

/// Whether nobody answered.
fn is_away(error: &VaultError) -> bool {
    let cause = match error {
        VaultError::Archive { cause, .. } => cause,
        _ => return false,
    };
    matches!(cause, ArchiveError::Away { .. })
}

/// Whether another call would fare no better.
fn is_of_the_object_store(error: &VaultError) -> bool {
    match error {
        VaultError::Archive { cause, .. } => !matches!(cause, ArchiveError::Local(_)),
        // It does not keep what it is given.
        VaultError::Replaced { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
