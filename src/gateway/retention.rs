//! Looks after what is stored: retention runs, legal holds, erasures. In a gateway by its schedule and at the request
//! of commands, in a command by itself where no gateway runs.
//!
//! ```text
//! orders (hold, erase, run) --> Custody --> audit log: what is about to be done
//! schedule --------------------'      '---> vault: done    '--> index: forgotten
//! ```
//!
//! **Architecture invariants:** what goes is in the audit log, with hashes of what it was, before it goes; a crash
//! between the two leaves it, and it goes later with another entry. Placing a hold and deleting never happen at
//! once: when a hold is told as placed, nothing that it covers goes any more.

mod calls;
mod erasures;
mod orders;
mod run;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::config::retention::Retention;
use crate::store::audit::{AuditLog, KeyFiles, Record};
use crate::store::erasure::Erasures;
use crate::store::retention::holds::Holds;
use crate::store::vault::{RecordName, Vault};

pub use calls::{Calls, IndexCalls, VaultCalls};
pub use erasures::segment_erased;
pub use orders::Order;
pub use run::{Run, shown_parts};

/// Looks after what is stored.
pub struct Custody {
    vault: Vault,
    calls: Arc<dyn Calls>,
    /// Tells what is done; `None`: no log is kept.
    log: Option<AuditLog>,
    /// Signs certificates of erasure.
    keys: Option<KeyFiles>,
    settings: Retention,
    /// Held by whoever changes something.
    turn: Mutex<()>,
    is_running: AtomicBool,
    shutdown: CancellationToken,
}

impl Custody {
    /// Of a store whose calls are known so. The log is that of the process, if it keeps one, and the keys are the log's.
    pub fn new(
        vault: Vault,
        calls: Arc<dyn Calls>,
        log: Option<(AuditLog, KeyFiles)>,
        settings: Retention,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let (log, keys) = log.unzip();
        Arc::new(Self {
            // What is locked away is looked after as well.
            vault: vault.opening_quarantined(),
            calls,
            log,
            keys,
            settings,
            turn: Mutex::default(),
            is_running: AtomicBool::new(false),
            shutdown,
        })
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self) -> Holds {
        Holds::of(self.vault.path())
    }

    fn erasures(&self) -> Erasures {
        Erasures::of(self.vault.path())
    }

    /// Writes an entry, and waits until it is on the disk. Returns its number; `None` where no log is kept.
    fn tell(&self, record: Record) -> anyhow::Result<Option<u64>> {
        let Some(log) = &self.log else {
            return Ok(None);
        };
        let entry = log.record_durably(record).wait();
        Ok(Some(entry.context(
            "the audit log does not take it, and nothing was done",
        )?))
    }

    /// The legal holds in force upon a call. Of a call of which nothing is known every hold that may be upon it is.
    fn holds_upon(&self, call: &RecordName) -> anyhow::Result<Vec<String>> {
        let holds = self.holds().in_force()?;
        Ok(match self.calls.get(call)? {
            Some(known) => calls::holds_upon(&*self.calls, &holds, &known),
            None => holds
                .iter()
                .filter(|hold| {
                    let scope = &hold.scope;
                    scope
                        .call
                        .as_deref()
                        .is_none_or(|name| name == call.as_str())
                })
                .map(|hold| hold.id.to_string())
                .collect(),
        })
    }

    /// Begins a run in a thread of its own; `false`: one is under way.
    pub fn begin_run(self: &Arc<Self>) -> bool {
        if self.is_running.swap(true, Ordering::AcqRel) {
            return false;
        }
        let custody = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("retention".into())
            .spawn(move || {
                let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    custody.look_after_all()
                }));
                custody.is_running.store(false, Ordering::Release);
                match ran {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(error = format!("{error:#}"), "the retention run failed");
                    }
                    Err(_) => tracing::error!("the retention run panicked"),
                }
            });
        if spawned.is_err() {
            self.is_running.store(false, Ordering::Release);
        }
        spawned.is_ok()
    }

    /// Ends erasures that were in something's way, then deletes what is due.
    fn look_after_all(&self) -> anyhow::Result<()> {
        self.go_on_with_erasures()?;
        let run = self.run()?;
        let plan = &run.plan;
        tracing::info!(
            calls = plan.calls,
            deleted = run.deleted,
            held = plan.held,
            failed = run.failed.len(),
            "looked after retention"
        );
        for (call, problem) in run.failed.iter().take(10) {
            tracing::error!(call, problem, "cannot be deleted");
        }
        Ok(())
    }

    /// Runs at the configured interval until the shutdown, and waits for the last run.
    pub async fn keep_schedule(self: Arc<Self>) {
        if let Some(interval) = self.settings.interval {
            while tokio::time::timeout(interval, self.shutdown.cancelled())
                .await
                .is_err()
            {
                self.begin_run();
            }
        }
        self.shutdown.cancelled().await;
        while self.is_running.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[cfg(test)]
mod tests;
