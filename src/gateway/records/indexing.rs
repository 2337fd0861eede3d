//! Keeps the index while calls are recorded: on a thread of its own, which recorders never wait for.
//!
//! ```text
//! recorders --put--> queue --> thread --> database
//!                      \ full, or the database does not answer: the call is caught up later
//! ```
//!
//! At its start, and whenever a call was passed over, the thread compares the index with the vault and catches up.
//! Calls that end meanwhile go first.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::facts;
use crate::store::alerts::Alerts;
use crate::store::database::{DatabaseError, DatabaseSettings};
use crate::store::deliveries::Deliveries;
use crate::store::index::{Index, IndexedCall, Query};
use crate::store::vault::{RecordName, State, Vault};

/// Calls that wait to be indexed; as many as end within seconds where hundreds are under way.
const QUEUE: usize = 1_024;
/// Calls that are written at once.
const BATCH: usize = 100;
/// The first and the longest wait until a database that failed is tried again.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Calls that cannot be read because the key service is away, after which no more are tried.
const MOST_UNREAD: usize = 3;
/// How long the end of the process waits for what is in the queue.
const PATIENCE: Duration = Duration::from_secs(3);

/// The recorders' end of the index.
#[derive(Debug)]
pub(super) struct Indexer {
    /// `None` while it ends.
    queue: Option<mpsc::Sender<Box<IndexedCall>>>,
    standing: Arc<Standing>,
    ended: Mutex<std::sync::mpsc::Receiver<()>>,
}

/// What the thread and the recorders share.
#[derive(Debug, Default)]
struct Standing {
    /// Whether a call was passed over.
    is_behind: AtomicBool,
    problem: Mutex<Option<String>>,
}

impl Standing {
    /// Tells a problem, in the log once.
    fn fail(&self, problem: String) {
        self.is_behind.store(true, Ordering::Relaxed);
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            tracing::error!(
                problem,
                "calls are not indexed; they are recorded, and will be caught up"
            );
        }
        *known = Some(problem);
    }

    fn is_well(&self) {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if known.take().is_some() {
            tracing::info!("calls are indexed again");
        }
    }
}

impl Indexer {
    /// Starts the thread. Fails if there is none to be had.
    pub(super) fn start(vault: Vault, database: DatabaseSettings) -> std::io::Result<Self> {
        let (queue, calls) = mpsc::channel(QUEUE);
        let (alive, ended) = std::sync::mpsc::channel();
        let standing = Arc::new(Standing::default());
        let keeper = Keeper {
            vault,
            database,
            calls,
            standing: Arc::clone(&standing),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("index".into())
            .spawn(move || {
                runtime.block_on(keeper.run());
                drop(alive);
            })?;
        Ok(Self {
            queue: Some(queue),
            standing,
            ended: Mutex::new(ended),
        })
    }

    /// Has a call indexed soon. Never waits: a call that finds no room is caught up later.
    pub(super) fn put(&self, call: IndexedCall) {
        let taken = self
            .queue
            .as_ref()
            .map(|queue| queue.try_send(Box::new(call)));
        if !matches!(taken, Some(Ok(()))) {
            self.standing.is_behind.store(true, Ordering::Relaxed);
        }
    }

    /// Why calls are not indexed, if so.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.standing.problem.lock();
        problem.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.queue = None;
        // What is not indexed by then is caught up at the next start.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(PATIENCE);
    }
}

/// Whether the process goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoesOn,
    Ends,
}

/// The thread's own.
struct Keeper {
    vault: Vault,
    database: DatabaseSettings,
    calls: mpsc::Receiver<Box<IndexedCall>>,
    standing: Arc<Standing>,
}

impl Keeper {
    async fn run(mut self) {
        let mut wait = WAITS.0;
        loop {
            let problem = match Index::open(&self.database).await {
                Ok(index) => {
                    wait = WAITS.0;
                    let kept = self.keep(&index).await;
                    match kept {
                        Ok(()) => return index.database().clone().close().await,
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            self.standing.fail(problem);
            if self.pass_over(wait).await == Next::Ends {
                return;
            }
            wait = (wait * 2).min(WAITS.1);
        }
    }

    /// Lets calls go by for a while, as they can be caught up.
    async fn pass_over(&mut self, wait: Duration) -> Next {
        let mut over = std::pin::pin!(sleep(wait));
        loop {
            tokio::select! {
                () = &mut over => return Next::GoesOn,
                call = self.calls.recv() => if call.is_none() {
                    return Next::Ends;
                },
            }
        }
    }

    /// Indexes calls until the process ends or the database fails.
    async fn keep(&mut self, index: &Index) -> anyhow::Result<()> {
        // What is behind from here on is found by the next comparison.
        self.standing.is_behind.store(false, Ordering::Relaxed);
        self.catch_up(index).await?;
        self.standing.is_well();
        loop {
            let mut calls = Vec::new();
            if self.calls.recv_many(&mut calls, BATCH).await == 0 {
                return Ok(());
            }
            let calls = calls.into_iter().map(|call| *call);
            index.put_all(&newest(calls)).await?;
            if self.calls.is_empty() && self.standing.is_behind.swap(false, Ordering::Relaxed) {
                self.catch_up(index).await?;
            }
        }
    }

    /// Puts in what the vault has and the index has not, and takes out what the vault has no more.
    async fn catch_up(&mut self, index: &Index) -> anyhow::Result<()> {
        // In this order: a call that begins meanwhile is in the vault, and not yet in this list.
        let known = index.names().await?;
        let there = self.vault.names()?;
        let gone: Vec<RecordName> = known
            .keys()
            .filter(|name| there.binary_search(name).is_err())
            .cloned()
            .collect();
        forget(index, &gone).await?;
        let is_closed = |name: &RecordName| {
            matches!(known.get(name), Some(State::Complete | State::Incomplete))
        };
        let missing: Vec<&RecordName> = there.iter().filter(|name| !is_closed(name)).collect();
        let (mut caught_up, mut unread) = (0, 0);
        for names in missing.chunks(BATCH) {
            let mut calls = Vec::new();
            for name in names {
                if unread >= MOST_UNREAD {
                    break;
                }
                match facts::of_vault(&self.vault, name) {
                    // One that is under way and known is as it was.
                    Ok(call) => calls.extend(call.filter(|call| {
                        call.state != State::Open || !known.contains_key(&call.name)
                    })),
                    Err(error) => {
                        unread += 1;
                        let (call, error) = (name.as_str(), error.to_string());
                        tracing::error!(
                            call,
                            error,
                            "is not indexed; `hushgate recordings reindex` does it"
                        );
                    }
                }
            }
            caught_up += calls.len();
            carry_over(index, &mut calls).await?;
            index.put_all(&calls).await?;
            let mut ended = Vec::new();
            while let Ok(call) = self.calls.try_recv() {
                ended.push(*call);
            }
            index.put_all(&newest(ended)).await?;
        }
        if caught_up > 0 || !gone.is_empty() {
            let removed = gone.len();
            tracing::info!(caught_up, removed, "brought the index up to the store");
        }
        if caught_up > BATCH {
            index.database().analyze().await?;
        }
        Ok(())
    }
}

/// A call without a report tells of itself nothing but its length. Who took part in it is known from its beginning,
/// if the index was there then.
async fn carry_over(index: &Index, calls: &mut [IndexedCall]) -> anyhow::Result<()> {
    for call in calls {
        if call.state == State::Complete {
            continue;
        }
        let Some(known) = index.get(&call.name).await? else {
            continue;
        };
        call.agent = known.agent;
        call.queue = known.queue;
        call.site = known.site;
        call.vendor = known.vendor;
        call.jurisdiction = known.jurisdiction;
        call.outcome = known.outcome;
        call.caller = known.caller;
        call.called = known.called;
    }
    Ok(())
}

/// Indexes a call anew whose recording, report or standing was changed.
pub async fn renew(vault: &Vault, index: &Index, name: &RecordName) -> anyhow::Result<()> {
    let Some(call) = facts::of_vault(vault, name)? else {
        forget(index, std::slice::from_ref(name)).await?;
        return Ok(());
    };
    let is_quarantined = call.quarantined;
    let mut calls = [call];
    carry_over(index, &mut calls).await?;
    index.put_all(&calls).await?;
    index.set_quarantined(name, is_quarantined).await?;
    Ok(())
}

/// Takes out what is known of calls that are gone, alerts and what webhooks were to tell of them included, so that no
/// bytes of it are left. Tells how many calls were in the index.
pub async fn forget(index: &Index, calls: &[RecordName]) -> Result<u64, DatabaseError> {
    let database = index.database();
    let removed = index.remove_all(calls).await?;
    let of_them = Alerts::new(database.clone()).forget(calls).await?
        + Deliveries::new(database.clone()).forget(calls).await?;
    if removed + of_them > 0 {
        database.scrub().await?;
    }
    Ok(removed)
}

/// Of a call that comes twice, as it begins and as it ends, the latter.
fn newest(calls: impl IntoIterator<Item = IndexedCall>) -> Vec<IndexedCall> {
    let mut newest: Vec<IndexedCall> = Vec::new();
    for call in calls {
        match newest.iter_mut().find(|known| known.name == call.name) {
            Some(known) => *known = call,
            None => newest.push(call),
        }
    }
    newest
}

/// What came of making the index anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Reindexed {
    /// Calls that are in it.
    pub calls: u64,
    /// Calls that were in it and are not in the store.
    pub removed: u64,
}

/// Makes the index anew from what is in the store, but for who took part in calls that were cut off, which stays as it
/// is. A gateway may record meanwhile. `progress` is told how many calls are done, and of how many.
pub async fn reindex(
    vault: &Vault,
    index: &Index,
    mut progress: impl FnMut(u64, u64),
) -> anyhow::Result<Reindexed> {
    let known = index.names().await?;
    let there = vault.names()?;
    let gone: Vec<RecordName> = known
        .into_keys()
        .filter(|name| there.binary_search(name).is_err())
        .collect();
    let mut done = Reindexed {
        calls: 0,
        removed: forget(index, &gone).await?,
    };
    let mut locked_away = BTreeSet::new();
    let query = Query {
        quarantined: Some(true),
        ..Query::default()
    };
    index
        .each(&query, |call| {
            locked_away.insert(call.name);
        })
        .await?;
    for (batch, names) in there.chunks(BATCH).enumerate() {
        let mut calls = Vec::new();
        for (at, name) in names.iter().enumerate() {
            calls.extend(facts::of_vault(vault, name)?);
            progress((batch * BATCH + at + 1) as u64, there.len() as u64);
        }
        carry_over(index, &mut calls).await?;
        index.put_all(&calls).await?;
        for call in &calls {
            if call.quarantined != locked_away.contains(&call.name) {
                index.set_quarantined(&call.name, call.quarantined).await?;
            }
        }
        done.calls += calls.len() as u64;
    }
    index.database().analyze().await?;
    index.database().scrub().await?;
    Ok(done)
}

#[cfg(test)]
mod tests;
