//! How long before their deadlines windows were answered, as counts.
//!
//! **Invariant:** its size does not grow with the number of windows: a call of hours takes no more than a
//! short one. Counts of several calls can be added up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A bin is 0.1 s wide.
const BINS_PER_SECOND: f64 = 10.0;
/// What is further from the deadline, on either side, than the longest hold is counted in the last bin.
const LAST_BIN: i32 = 600;

/// How often windows were answered so long before their deadline; negative is late.
///
/// In JSON a list of `[from, windows]` in order of `from`, the lower end of the bin in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(f64, u64)>", into = "Vec<(f64, u64)>")]
pub struct Slack {
    /// By the lower end in tenths of a second; no bin is empty.
    bins: BTreeMap<i32, u64>,
}

impl Slack {
    /// Counts one window, in seconds.
    pub fn add(&mut self, seconds: f64) {
        let bin = (seconds * BINS_PER_SECOND).floor() as i32;
        self.count(bin, 1);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Slack) {
        for (&bin, &windows) in &other.bins {
            self.count(bin, windows);
        }
    }

    /// How many windows were counted.
    pub fn windows(&self) -> u64 {
        self.bins.values().sum()
    }

    /// What this share of the windows, 0 to 1, had at least: of 0.99, all but the worst of a hundred. To
    /// the lower end of its bin; `None` if nothing was counted.
    pub fn reached_by(&self, share: f64) -> Option<f64> {
        let wanted = (self.windows() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let mut from_the_most = self.bins.iter().rev();
        let found = from_the_most.find(|(_, windows)| {
            seen += *windows;
            seen >= wanted
        });
        found.map(|(&bin, _)| seconds(bin))
    }

    fn count(&mut self, bin: i32, windows: u64) {
        if windows > 0 {
            let counted = self.bins.entry(bin.clamp(-LAST_BIN, LAST_BIN)).or_default();
            *counted = counted.saturating_add(windows);
        }
    }
}

fn seconds(bin: i32) -> f64 {
    f64::from(bin) / BINS_PER_SECOND
}

impl From<Slack> for Vec<(f64, u64)> {
    fn from(slack: Slack) -> Self {
        let bins = slack.bins.into_iter();
        bins.map(|(bin, windows)| (seconds(bin), windows)).collect()
    }
}

impl From<Vec<(f64, u64)>> for Slack {
    fn from(pairs: Vec<(f64, u64)>) -> Self {
        let mut slack = Slack::default();
        for (from, windows) in pairs {
            // The written end of a bin may lie a hair below it.
            slack.count((from * BINS_PER_SECOND).round() as i32, windows);
        }
        slack
    }
}

#[cfg(test)]
mod tests;
