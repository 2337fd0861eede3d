//! What happens in all calls, to all who watch: each event once, in order, resumable from a bounded history.
//!
//! An event is shared, not copied, and reaches subscribers by a bounded ring: who is too slow misses the oldest and is
//! told so. Levels and heartbeats have no number: nobody resumes them, and they are not even made for nobody.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::call::Facts;
use super::happening::{Happening, Published};
use super::lock;

/// Events that are remembered for who comes back.
const REMEMBERED: usize = 4_096;
/// Events that wait for a subscriber: with 50 calls those of half a minute.
const WAITING: usize = 4_096;

/// An event's id: which start of the gateway, and which event since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventId {
    boot: Arc<str>,
    number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.number)
    }
}

/// A text that is no event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an event's id as the interface gave it")]
pub struct InvalidEventId;

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (boot, number) = text.rsplit_once('-').ok_or(InvalidEventId)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric();
        if boot.is_empty() || boot.len() > 32 || !boot.chars().all(is_plain) {
            return Err(InvalidEventId);
        }
        let number = number.parse().map_err(|_| InvalidEventId)?;
        Ok(Self {
            boot: boot.into(),
            number,
        })
    }
}

/// Everything that happens.
#[derive(Debug)]
pub(super) struct Stream {
    boot: Arc<str>,
    history: Mutex<History>,
    events: broadcast::Sender<Arc<Published>>,
}

#[derive(Debug, Default)]
struct History {
    /// The number of the last event; the first has 1.
    last: u64,
    kept: VecDeque<Arc<Published>>,
}

impl Default for Stream {
    fn default() -> Self {
        // Without randomness, by the time: two starts must not have the same.
        let boot = crate::access::secret::public_id()
            .unwrap_or_else(|_| format!("t{}", jiff::Timestamp::now().as_millisecond()));
        Self {
            boot: boot.into(),
            history: Mutex::default(),
            events: broadcast::Sender::new(WAITING),
        }
    }
}

impl Stream {
    /// Tells of something, and remembers it.
    pub(super) fn publish(&self, call: Arc<Facts>, what: Happening) {
        let mut history = lock(&self.history);
        history.last += 1;
        let published = Arc::new(Published::new(Some(history.last), call, what));
        if history.kept.len() >= REMEMBERED {
            history.kept.pop_front();
        }
        history.kept.push_back(Arc::clone(&published));
        // Within the lock, so that nobody subscribes between. Nobody may be there.
        let _ = self.events.send(published);
    }

    /// Tells of something that nobody misses later.
    pub(super) fn mention(&self, call: &Arc<Facts>, what: impl FnOnce() -> Happening) {
        if self.events.receiver_count() > 0 {
            let published = Published::new(None, Arc::clone(call), what());
            let _ = self.events.send(Arc::new(published));
        }
    }

    fn id(&self, number: u64) -> EventId {
        EventId {
            boot: Arc::clone(&self.boot),
            number,
        }
    }

    pub(super) fn last(&self) -> EventId {
        self.id(lock(&self.history).last)
    }

    pub(super) fn subscribe(&self, after: Option<&EventId>) -> Subscription {
        let history = lock(&self.history);
        let oldest = history.last - history.kept.len() as u64;
        let mut missed = false;
        let mut past = VecDeque::new();
        if let Some(after) = after {
            missed = after.boot != self.boot || !(oldest..=history.last).contains(&after.number);
            if !missed {
                let skipped = (after.number - oldest) as usize;
                past.extend(history.kept.iter().skip(skipped).cloned());
            }
        }
        Subscription {
            boot: Arc::clone(&self.boot),
            last: if missed {
                history.last
            } else {
                after.map_or(history.last, |id| id.number)
            },
            missed,
            past,
            events: self.events.subscribe(),
        }
    }
}

/// Events were missed: what is so has to be asked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed;

/// One who watches.
#[derive(Debug)]
pub struct Subscription {
    boot: Arc<str>,
    last: u64,
    missed: bool,
    past: VecDeque<Arc<Published>>,
    events: broadcast::Receiver<Arc<Published>>,
}

impl Subscription {
    /// The id of the last event that was taken.
    pub fn last(&self) -> EventId {
        EventId {
            boot: Arc::clone(&self.boot),
            number: self.last,
        }
    }

    /// The next event that is there; `None` when there is none yet.
    pub fn take(&mut self) -> Option<Result<Arc<Published>, Missed>> {
        if std::mem::take(&mut self.missed) {
            return Some(Err(Missed));
        }
        if let Some(past) = self.past.pop_front() {
            return Some(Ok(self.noted(past)));
        }
        match self.events.try_recv() {
            Ok(published) => Some(Ok(self.noted(published))),
            Err(TryRecvError::Lagged(_)) => Some(Err(Missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Waits until there is an event. Loses none when it is given up.
    pub async fn ready(&mut self) {
        if self.missed || !self.past.is_empty() {
            return;
        }
        match self.events.recv().await {
            Ok(published) => self.past.push_back(published),
            Err(RecvError::Lagged(_)) => self.missed = true,
            // Whoever can subscribe has the sender.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    fn noted(&mut self, published: Arc<Published>) -> Arc<Published> {
        if let Some(number) = published.number {
            self.last = number;
        }
        published
    }
}
