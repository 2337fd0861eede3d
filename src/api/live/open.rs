//! Streams that are open: how many there may be, and that they end with the interface.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::super::guard::Proof;
use super::super::problem::Problem;
use super::super::{Api, lock};
use crate::access::Identity;

/// Streams of one user or token at once: a few pages, of which each has a few.
const MOST_OF_ONE: usize = 32;
/// Streams at once.
const MOST: usize = 512;
/// Whether a stream's session or token still holds is asked this often.
pub(super) const ASKED_EVERY: Duration = Duration::from_secs(5);

/// All streams that are open.
#[derive(Debug, Default)]
pub(in crate::api) struct OpenStreams {
    places: Arc<Mutex<BTreeMap<String, usize>>>,
    over: CancellationToken,
    tasks: TaskTracker,
}

impl OpenStreams {
    /// A place for one more.
    pub(super) fn admit(&self, identity: &Identity) -> Result<Place, Problem> {
        let mut places = lock(&self.places);
        let all: usize = places.values().sum();
        let theirs = places.entry(identity.name.clone()).or_default();
        if *theirs >= MOST_OF_ONE || all >= MOST {
            return Err(Problem::too_many(5));
        }
        *theirs += 1;
        Ok(Place {
            name: identity.name.clone(),
            places: Arc::clone(&self.places),
            over: self.over.clone(),
            _task: self.tasks.token(),
        })
    }

    /// Ends them all.
    pub(in crate::api) fn end(&self) {
        self.over.cancel();
        self.tasks.close();
    }

    /// Waits until they have ended.
    pub(in crate::api) async fn ended(&self) {
        self.tasks.wait().await;
    }
}

/// One open stream's place.
#[derive(Debug)]
pub(super) struct Place {
    name: String,
    places: Arc<Mutex<BTreeMap<String, usize>>>,
    over: CancellationToken,
    _task: TaskTrackerToken,
}

impl Place {
    /// Waits until the interface ends.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = lock(&self.places);
        if let Some(theirs) = places.get_mut(&self.name) {
            *theirs -= 1;
            if *theirs == 0 {
                places.remove(&self.name);
            }
        }
    }
}

/// Who has a stream open.
pub(super) struct Viewer {
    pub(super) api: Api,
    pub(super) identity: Arc<Identity>,
    pub(super) proof: Proof,
}

impl Viewer {
    /// Whether they still are who they were; what they may may have changed.
    pub(super) async fn still(&mut self) -> bool {
        match self.api.still(&self.proof).await {
            Ok(Some(identity)) => {
                self.identity = Arc::new(identity);
                true
            }
            Ok(None) => false,
            Err(problem) => {
                // What cannot be known is not assumed.
                tracing::warn!(?problem, "a stream ends: its session cannot be looked up");
                false
            }
        }
    }
}
