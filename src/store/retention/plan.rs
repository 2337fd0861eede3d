//! Sums of what goes, by policy.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Decision;
use crate::store::sealed::Content;

/// What one policy deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySum {
    /// Calls of which it deletes something.
    pub calls: u64,
    /// How many of each part.
    pub parts: BTreeMap<Content, u64>,
}

/// What goes, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Calls that were looked at.
    pub calls: u64,
    /// Calls of which something goes.
    pub due: u64,
    /// Calls whose time is over and that are kept by a legal hold.
    pub held: u64,
    /// Bytes of sealed files of the calls of which everything goes.
    pub bytes: u64,
    /// For each policy by name.
    pub policies: BTreeMap<String, PolicySum>,
}

impl Plan {
    /// Counts a call that was looked at; `whole_bytes` are those of a call of which everything goes.
    pub fn add(&mut self, decision: Option<&Decision>, whole_bytes: u64) {
        self.calls += 1;
        let Some(decision) = decision else {
            return;
        };
        if !decision.held_by.is_empty() {
            self.held += 1;
            return;
        }
        self.due += 1;
        self.bytes += whole_bytes;
        for policy in decision.parts.values().collect::<BTreeSet<_>>() {
            self.policies.entry(policy.clone()).or_default().calls += 1;
        }
        for (content, policy) in &decision.parts {
            let sum = self.policies.entry(policy.clone()).or_default();
            *sum.parts.entry(*content).or_default() += 1;
        }
    }
}
