//! How long calls are kept: which parts of which call go, when and by which policy. Pure: no clock, no file.
//!
//! For each part of a call (recording, transcript, report) the policies that match the call are looked at:
//!
//! 1. One that deletes now goes before all others.
//! 2. Else the most specific decides: the one that names most of queue, site, vendor, jurisdiction, outcome, kind
//!    and quarantine.
//! 3. Of several as specific, the one that keeps longest, as what was deleted cannot be had back.
//! 4. Without a policy that matches, the part is kept.
//!
//! The order in which policies stand does not matter. What a policy asks for and nobody told of a call does not
//! match.
//!
//! **Architecture invariants:** of a call with a legal hold upon it nothing goes, whatever policies say; nor of one
//! that is under way. The same facts and the same time give the same decision.

pub mod holds;
mod plan;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::index::IndexedCall;
use super::sealed::Content;
use super::vault::{RecordName, State};
use holds::Hold;

pub use plan::{Plan, PolicySum};

/// What policies may delete; what else there is of a call goes with the last of these.
pub const PARTS: [Content; 3] = [Content::Audio, Content::Transcript, Content::Report];

/// How long something is kept, counted from when the call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keep {
    /// Not at all: it goes as soon as it is seen, before what other policies say.
    DeleteNow,
    /// So many days of 24 hours.
    Days(u32),
    /// Until somebody deletes it.
    Forever,
}

/// What a call has to be for a policy to match: all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// Its queue.
    pub queue: Option<String>,
    /// Its site.
    pub site: Option<String>,
    /// Its vendor.
    pub vendor: Option<String>,
    /// Its jurisdiction.
    pub jurisdiction: Option<String>,
    /// Its outcome.
    pub outcome: Option<String>,
    /// A kind of data that was hidden in it.
    pub kind: Option<String>,
    /// Whether it is locked away.
    pub quarantined: Option<bool>,
}

impl Condition {
    /// Whether a call is so.
    pub fn matches(&self, call: &IndexedCall) -> bool {
        let is = |wanted: &Option<String>, known: &Option<crate::call::particulars::Label>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| known.as_ref().is_some_and(|known| known.as_str() == wanted))
        };
        is(&self.queue, &call.queue)
            && is(&self.site, &call.site)
            && is(&self.vendor, &call.vendor)
            && is(&self.jurisdiction, &call.jurisdiction)
            && is(&self.outcome, &call.outcome)
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| call.hidden_s.contains_key(kind))
            && self
                .quarantined
                .is_none_or(|wanted| call.quarantined == wanted)
    }

    /// How many conditions are given.
    pub fn specificity(&self) -> usize {
        let names = [
            &self.queue,
            &self.site,
            &self.vendor,
            &self.jurisdiction,
            &self.outcome,
            &self.kind,
        ];
        names.iter().filter(|name| name.is_some()).count() + usize::from(self.quarantined.is_some())
    }
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name, which no other has.
    pub name: String,
    /// The parts that it is about.
    pub content: BTreeSet<Content>,
    /// The calls that it is about.
    pub condition: Condition,
    /// How long it keeps them.
    pub keep: Keep,
}

/// All policies. Without any nothing is ever deleted by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies(Vec<Policy>);

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Which call.
    pub call: RecordName,
    /// When it began.
    pub began: Timestamp,
    /// The parts whose time is over, and the policy that says so.
    pub parts: BTreeMap<Content, String>,
    /// The legal holds upon it: while there are any, nothing goes.
    pub held_by: Vec<String>,
}

impl Policies {
    /// These policies, in any order.
    pub fn new(mut policies: Vec<Policy>) -> Self {
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        Self(policies)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The policies by name.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.iter()
    }

    /// The policy that decides about a part of a call; `None`: none does, and it is kept.
    pub fn deciding(&self, call: &IndexedCall, content: Content) -> Option<&Policy> {
        let matching = || {
            self.0
                .iter()
                .filter(move |policy| policy.content.contains(&content))
                .filter(|policy| policy.condition.matches(call))
        };
        // By name, so that of several that say the same the first is told.
        matching()
            .find(|policy| policy.keep == Keep::DeleteNow)
            .or_else(|| {
                matching().reduce(|best, policy| {
                    let rank = |policy: &Policy| (policy.condition.specificity(), policy.keep);
                    if rank(policy) > rank(best) {
                        policy
                    } else {
                        best
                    }
                })
            })
    }

    /// What becomes of a call at a time; `None`: nothing. `holds` are all that there are.
    pub fn decide(&self, call: &IndexedCall, holds: &[Hold], now: Timestamp) -> Option<Decision> {
        if call.state == State::Open {
            return None;
        }
        let parts: BTreeMap<Content, String> = PARTS
            .into_iter()
            .filter_map(|content| Some((content, self.deciding(call, content)?)))
            .filter(|(_, policy)| is_over(policy.keep, call.began, now))
            .map(|(content, policy)| (content, policy.name.clone()))
            .collect();
        if parts.is_empty() {
            return None;
        }
        Some(Decision {
            call: call.name.clone(),
            began: call.began,
            parts,
            held_by: holds::upon(holds, call),
        })
    }
}

/// Whether something that began then need not be kept any longer.
fn is_over(keep: Keep, began: Timestamp, now: Timestamp) -> bool {
    match keep {
        Keep::DeleteNow => true,
        Keep::Forever => false,
        Keep::Days(days) => {
            let kept = SignedDuration::from_hours(i64::from(days) * 24);
            // Beyond what a calendar has is never.
            began.checked_add(kept).is_ok_and(|until| until <= now)
        }
    }
}

#[cfg(test)]
mod tests;
