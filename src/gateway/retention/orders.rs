//! What can be asked for: holds, erasures, a run.

use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Custody;
use crate::gateway::requests::CarriesOut;
use crate::store::audit::{Action, Actor, Record};
use crate::store::documents::Id;
use crate::store::erasure::Target;
use crate::store::retention::holds::{Hold, Scope, upon};

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Place a legal hold.
    PlaceHold {
        /// Upon what.
        scope: Scope,
        /// Why.
        reason: String,
    },
    /// Release a legal hold.
    ReleaseHold {
        /// Which.
        hold: Id,
        /// Why.
        reason: String,
    },
    /// Ask for erasure.
    RequestErasure {
        /// Of what.
        target: Target,
        /// Why.
        reason: String,
    },
    /// Agree to an erasure.
    ApproveErasure {
        /// Which.
        request: Id,
    },
    /// Do not agree to an erasure.
    RejectErasure {
        /// Which.
        request: Id,
        /// Why.
        reason: String,
    },
    /// Delete what is due.
    RunRetention,
}

/// The names of all orders.
const NAMES: [&str; 6] = [
    "place_hold",
    "release_hold",
    "request_erasure",
    "approve_erasure",
    "reject_erasure",
    "run_retention",
];

/// Carries out orders for a gateway: a run goes on by itself.
impl CarriesOut for Arc<Custody> {
    fn knows(&self, order: &str) -> bool {
        NAMES.contains(&order)
    }

    fn carry_out(&self, by: &Actor, order: Value) -> anyhow::Result<Value> {
        let order = serde_json::from_value(order).context("the request is not readable")?;
        if order == Order::RunRetention {
            let began = self.begin_run();
            return Ok(json!({ "began": began }));
        }
        self.give(by, order)
    }
}

impl Custody {
    /// Carries out an order to its end.
    pub fn give(&self, by: &Actor, order: Order) -> anyhow::Result<Value> {
        match order {
            Order::PlaceHold { scope, reason } => self.place(by, scope, &reason),
            Order::ReleaseHold { hold, reason } => self.release(by, &hold, &reason),
            Order::RequestErasure { target, reason } => self.request_erasure(by, target, &reason),
            Order::ApproveErasure { request } => self.approve_erasure(by, &request),
            Order::RejectErasure { request, reason } => self.reject_erasure(by, &request, &reason),
            Order::RunRetention => {
                self.go_on_with_erasures()?;
                Ok(serde_json::to_value(self.run()?)?)
            }
        }
    }

    fn place(&self, by: &Actor, scope: Scope, reason: &str) -> anyhow::Result<Value> {
        if scope.is_everything() {
            bail!("a hold upon everything; expected a call, agent, queue, number or time");
        }
        let _turn = self.turn();
        let hold = {
            // Whoever is erasing ends first, and asks again before the next: the second listener has no turn here.
            let _unchanged = self.vault.keep_calls_unchanged()?;
            self.holds()
                .place(scope, reason, &by.name, Timestamp::now())?
        };
        let mut record = Record::new(Action::HoldPlaced)
            .by(by.clone())
            .with_name("hold", &hold.id)
            .with_words("scope", &hold.scope.to_string())
            .with_words("reason", reason);
        if let Some(call) = &hold.scope.call {
            record = record.about(call);
        }
        // It holds from here on, whether the log takes the entry or not: that is the safe side.
        self.tell(record)
            .with_context(|| format!("{} was placed all the same", hold.id))?;
        let calls = self.count_holds(&hold)?;
        Ok(json!({ "hold": hold, "calls": calls }))
    }

    fn release(&self, by: &Actor, id: &Id, reason: &str) -> anyhow::Result<Value> {
        let _turn = self.turn();
        let holds = self.holds();
        let all = holds.all()?;
        let Some(hold) = all.iter().find(|hold| hold.id == *id) else {
            bail!("there is no hold {id}; `hushgate hold list` shows which there are");
        };
        if let Some(release) = &hold.released {
            bail!("{id} was released by {} at {}", release.by, release.at);
        }
        let mut record = Record::new(Action::HoldLifted)
            .by(by.clone())
            .with_name("hold", id)
            .with_words("scope", &hold.scope.to_string())
            .with_words("reason", reason);
        if let Some(call) = &hold.scope.call {
            record = record.about(call);
        }
        self.tell(record)?;
        let hold = holds.release(id, reason, &by.name, Timestamp::now())?;
        let calls = self.count_holds(&hold)?;
        Ok(json!({ "hold": hold, "calls": calls }))
    }

    /// Has the index say how many holds are upon each call that this one is about; how many calls those are.
    fn count_holds(&self, changed: &Hold) -> anyhow::Result<u64> {
        let in_force = self.holds().in_force()?;
        let mut covered = Vec::new();
        self.calls.each(&mut |call| {
            if changed.scope.covers(call) {
                covered.push((call.name.clone(), upon(&in_force, call).len()));
            }
        })?;
        for (call, holds) in &covered {
            self.calls.set_holds(call, *holds)?;
        }
        Ok(covered.len() as u64)
    }
}
