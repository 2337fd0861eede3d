//! Calls under way, for those who look after them: what is so of each, what happens, what is heard.
//!
//! ```text
//! call's task --Publisher--> [Live: calls, history] --events--> subscribers (api)
//!      ^  '----CleanAudio----> [tap of the call]    --blocks--> listeners (api)
//!      '-------- commands (pause, resume, blank, mark), answered -------'
//! ```
//!
//! The call's task publishes and never waits: locks are held for as long as a value is copied, queues are bounded, and
//! who is too slow for them loses the oldest. Nothing is encoded for listeners while nobody listens, and what is
//! encoded is encoded once, by the listener who is first to need it.
//!
//! **Architecture invariant:** only [`CleanAudio`](crate::session::CleanAudio) and events come in: neither raw audio
//! nor text that is not masked. Does not know who asks; that is asked in `api`.

mod call;
mod decided;
mod happening;
mod peaks;
mod publisher;
mod stream;
mod tap;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc;

pub(super) use call::Command;
pub use call::{
    Answered, Asked, CallState, Facts, LiveCall, Message, NotAnswered, Now, Past, RecorderPlace,
    RecorderState,
};
pub use decided::Decided;
pub use happening::{Happening, Mark, Published, Said, Told, What};
pub use peaks::Levels;
pub(super) use publisher::Publisher;
pub use stream::{EventId, Missed, Subscription};
pub use tap::{Block, Channels};

use stream::Stream;

/// Commands of one call that wait for its task; further ones are told that it is busy.
const COMMANDS: usize = 16;

/// The calls under way.
#[derive(Debug, Default)]
pub struct Live {
    calls: Mutex<BTreeMap<String, Arc<LiveCall>>>,
    stream: Stream,
}

impl Live {
    /// None yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// All calls, by name.
    pub fn calls(&self) -> Vec<Arc<LiveCall>> {
        lock(&self.calls).values().cloned().collect()
    }

    /// A call by its name.
    pub fn call(&self, name: &str) -> Option<Arc<LiveCall>> {
        lock(&self.calls).get(name).cloned()
    }

    /// The call under way of an agent; of several the one that began last.
    pub fn call_of(&self, agent: &str) -> Option<Arc<LiveCall>> {
        let calls = lock(&self.calls);
        let is_theirs = |call: &&Arc<LiveCall>| {
            let named = call.facts().particulars.agent.as_ref();
            named.is_some_and(|label| label.as_str() == agent)
        };
        let theirs = calls.values().filter(is_theirs);
        theirs.max_by_key(|call| call.facts().began).cloned()
    }

    /// The id of the last event, after which a subscription may begin.
    pub fn last_event(&self) -> EventId {
        self.stream.last()
    }

    /// What happens from now on, or has happened after an event, as far as it is remembered.
    pub fn subscribe(&self, after: Option<&EventId>) -> Subscription {
        self.stream.subscribe(after)
    }

    /// Tells of an alert about a call that is, or lately was, under way. The alert says in its own words what is the
    /// matter, and never what was said.
    pub fn publish_alert(&self, call: &LiveCall, alert: Value) {
        call.raised(&alert);
        let what = Happening::Alert(Arc::new(alert));
        self.stream.publish(Arc::clone(call.facts()), what);
    }

    /// Somebody writes to the agent of a call.
    pub fn publish_message(&self, call: &LiveCall, message: Message) {
        call.wrote(message.clone());
        let facts = Arc::clone(call.facts());
        self.stream.publish(facts, Happening::Message(message));
    }

    /// Takes up a call that begins. One whose name is taken gets a number.
    pub(super) fn begin(self: &Arc<Self>, mut facts: Facts) -> Publisher {
        let (commands, asked) = mpsc::channel(COMMANDS);
        let mut calls = lock(&self.calls);
        let name = facts.name.clone();
        let mut number = 1;
        while calls.contains_key(&facts.name) {
            number += 1;
            facts.name = format!("{name}-{number}");
        }
        let call = Arc::new(LiveCall::new(facts, commands));
        calls.insert(call.facts().name.clone(), Arc::clone(&call));
        drop(calls);
        let began = Happening::Began(call.now());
        self.stream.publish(Arc::clone(call.facts()), began);
        Publisher::new(Arc::clone(self), call, asked)
    }

    fn forget(&self, call: &LiveCall) {
        lock(&self.calls).remove(&call.facts().name);
    }
}

/// A lock that no panic makes unusable: what it holds is for show.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
