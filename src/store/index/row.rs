//! A call as the index knows it, and what can be asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::call::particulars::Label;
use crate::store::vault::{RecordName, State};

/// A telephone number's HMAC-SHA-256 under the index's key, in hexadecimal: equal numbers are found, none is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct NumberHash(pub String);

/// A call as the index knows it. Lengths are seconds of media time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexedCall {
    /// Its name in the vault.
    pub name: RecordName,
    /// When its recording began, to a microsecond.
    pub began: Timestamp,
    /// Its length.
    pub duration_s: f64,
    /// How far its record has come.
    pub state: State,
    /// See [`crate::call::particulars::Particulars`] for this and the five that follow.
    pub agent: Option<Label>,
    /// The queue.
    pub queue: Option<Label>,
    /// The site.
    pub site: Option<Label>,
    /// The vendor.
    pub vendor: Option<Label>,
    /// The jurisdiction.
    pub jurisdiction: Option<Label>,
    /// The outcome.
    pub outcome: Option<Label>,
    /// The customer's number.
    pub caller: Option<NumberHash>,
    /// The number called.
    pub called: Option<NumberHash>,
    /// Seconds hidden for each kind of data.
    pub hidden_s: BTreeMap<String, f64>,
    /// Seconds filled because they were not examined in time.
    pub late_s: f64,
    /// Seconds filled because they could not be examined.
    pub failed_s: f64,
    /// Recorders elsewhere that were not confirmed to pause or go on.
    pub pause_failures: u32,
    /// How often each rule raised an alert.
    pub alerts: BTreeMap<String, u32>,
    /// Bytes of its sealed files.
    pub bytes: u64,
    /// Whether its recording is locked away because something was heard in it afterwards.
    pub quarantined: bool,
    /// Legal holds upon it.
    pub holds: u32,
    /// Which policy decided.
    pub policy_version: String,
    /// Which model listened.
    pub model_sha256: String,
    /// Whether the call ended by itself; `false` while it is under way.
    pub ended_normally: bool,
}

/// What is looked for: all that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Began at or after.
    pub from: Option<Timestamp>,
    /// Began before.
    pub to: Option<Timestamp>,
    /// The agent.
    pub agent: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// The site.
    pub site: Option<String>,
    /// The vendor.
    pub vendor: Option<String>,
    /// The jurisdiction.
    pub jurisdiction: Option<String>,
    /// Either number.
    pub number: Option<NumberHash>,
    /// A kind of data that was hidden.
    pub kind: Option<String>,
    /// A rule that raised an alert.
    pub alert: Option<String>,
    /// How far the record has come.
    pub state: Option<State>,
    /// Whether it is locked away.
    pub quarantined: Option<bool>,
    /// What the platform says came of the call.
    pub outcome: Option<String>,
    /// Whether there is a legal hold upon it.
    pub held: Option<bool>,
}

impl IndexedCall {
    /// A call of which nothing is known but that it is there.
    pub fn new(name: RecordName, began: Timestamp, state: State) -> Self {
        Self {
            name,
            began,
            duration_s: 0.0,
            state,
            agent: None,
            queue: None,
            site: None,
            vendor: None,
            jurisdiction: None,
            outcome: None,
            caller: None,
            called: None,
            hidden_s: BTreeMap::new(),
            late_s: 0.0,
            failed_s: 0.0,
            pause_failures: 0,
            alerts: BTreeMap::new(),
            bytes: 0,
            quarantined: false,
            holds: 0,
            policy_version: String::new(),
            model_sha256: String::new(),
            ended_normally: false,
        }
    }
}
