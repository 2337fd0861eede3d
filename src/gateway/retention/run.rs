//! One run of retention: what is due by policy, told in the audit log, then deleted; no faster than configured.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::Custody;
use super::calls::holds_upon;
use crate::store::audit::{Action, Actor, Detail, Record};
use crate::store::index::IndexedCall;
use crate::store::retention::holds::Hold;
use crate::store::retention::{Decision, PARTS, Plan};
use crate::store::sealed::Content;
use crate::store::vault::{RecordName, Removed};

/// Calls that are deleted together: the disk is waited for less often.
const BATCH: usize = 32;

/// What came of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    /// What was due.
    pub plan: Plan,
    /// Calls of which something was deleted.
    pub deleted: u64,
    /// What could not be, by call.
    pub failed: BTreeMap<String, String>,
    /// Whether the gateway stopped before all was done.
    pub was_stopped: bool,
}

/// Something that is due.
#[derive(Debug, Clone)]
struct Due {
    decision: Decision,
    /// Whether nothing of the call stays.
    is_whole: bool,
}

impl Custody {
    /// What would go now. Each call of which something would, or would but for a hold, is told to `show`.
    pub fn plan(&self, show: &mut dyn FnMut(&Decision)) -> anyhow::Result<Plan> {
        let holds = self.holds().in_force()?;
        self.look(&holds, &mut |due| show(&due.decision), &mut |_, _| {})
    }

    /// Looks at each call. `miscounted` is told of calls of which the index says another number of holds, and the
    /// true one.
    fn look(
        &self,
        holds: &[Hold],
        found: &mut dyn FnMut(Due),
        miscounted: &mut dyn FnMut(&RecordName, usize),
    ) -> anyhow::Result<Plan> {
        let now = Timestamp::now();
        let mut plan = Plan::default();
        if self.settings.policies.is_empty() && holds.is_empty() {
            return Ok(plan);
        }
        self.calls.each(&mut |call| {
            let held = holds_upon(&*self.calls, holds, call).len();
            if held != call.holds as usize {
                miscounted(&call.name, held);
            }
            let due = self.due(call, holds, now);
            let bytes = due
                .as_ref()
                .map_or(0, |due| u64::from(due.is_whole) * call.bytes);
            plan.add(due.as_ref().map(|due| &due.decision), bytes);
            if let Some(due) = due {
                found(due);
            }
        })?;
        Ok(plan)
    }

    /// What of a call is due, without what is gone already.
    fn due(&self, call: &IndexedCall, holds: &[Hold], now: Timestamp) -> Option<Due> {
        let mut decision = self.settings.policies.decide(call, &[], now)?;
        let is_there = |content: &Content| self.vault.is_readable(&call.name, *content);
        decision.parts.retain(|content, _| is_there(content));
        if decision.parts.is_empty() {
            return None;
        }
        decision.held_by = holds_upon(&*self.calls, holds, call);
        let stays = |content: &Content| !decision.parts.contains_key(content) && is_there(content);
        Some(Due {
            is_whole: !PARTS.iter().any(stays),
            decision,
        })
    }

    /// Deletes what is due.
    pub fn run(&self) -> anyhow::Result<Run> {
        let holds = self.holds().in_force()?;
        let (mut due, mut miscounted) = (Vec::new(), Vec::new());
        let mut run = Run {
            plan: self.look(
                &holds,
                &mut |found| {
                    if found.decision.held_by.is_empty() {
                        due.push(found);
                    }
                },
                &mut |call, held| miscounted.push((call.clone(), held)),
            )?,
            ..Run::default()
        };
        for (call, held) in miscounted {
            self.calls.set_holds(&call, held)?;
        }
        let a_call = Duration::from_secs_f64(1.0 / self.settings.calls_per_second.max(1) as f64);
        let mut next = Instant::now();
        for batch in due.chunks(BATCH) {
            while Instant::now() < next && !self.shutdown.is_cancelled() {
                let wait = next.saturating_duration_since(Instant::now());
                std::thread::sleep(wait.min(Duration::from_millis(100)));
            }
            if self.shutdown.is_cancelled() {
                run.was_stopped = true;
                break;
            }
            next = Instant::now().max(next) + a_call * batch.len() as u32;
            let _turn = self.turn();
            // A hold that was placed meanwhile: who comes next looks at all calls again.
            if self.holds().in_force()? != holds {
                drop(_turn);
                let rest = self.run()?;
                run.deleted += rest.deleted;
                run.plan.held = rest.plan.held;
                run.failed.extend(rest.failed);
                run.was_stopped = rest.was_stopped;
                break;
            }
            self.delete(batch, &mut run)?;
        }
        Ok(run)
    }

    /// Tells the log what goes, and has it go. Whoever calls has the turn.
    fn delete(&self, batch: &[Due], run: &mut Run) -> anyhow::Result<()> {
        let mut told = Vec::new();
        let mut receipts = Vec::new();
        for due in batch {
            let contents: Vec<Content> = match due.is_whole {
                true => Content::ALL.to_vec(),
                false => due.decision.parts.keys().copied().collect(),
            };
            let call = &due.decision.call;
            match self.vault.survey(call, &contents) {
                Ok(there) => {
                    let record = deleted(&there).with_name("policy", policies(&due.decision));
                    let log = self.log.as_ref();
                    receipts.extend(log.map(|log| log.record_durably(record)));
                    told.push((due, contents));
                }
                Err(error) => {
                    run.failed.insert(call.to_string(), error.to_string());
                }
            }
        }
        // One wait for all of them.
        for receipt in receipts {
            receipt.wait()?;
        }
        let whole: Vec<RecordName> = told
            .iter()
            .filter(|(due, _)| due.is_whole)
            .map(|(due, _)| due.decision.call.clone())
            .collect();
        let mut gone = Vec::new();
        for (call, outcome) in whole.iter().zip(self.vault.remove_all(&whole)) {
            match outcome {
                Ok(()) => gone.push(call.clone()),
                Err(error) => {
                    run.failed.insert(call.to_string(), error.to_string());
                }
            }
        }
        run.deleted += gone.len() as u64;
        self.calls.forget(&gone)?;
        for (due, contents) in told.iter().filter(|(due, _)| !due.is_whole) {
            let call = &due.decision.call;
            match self.vault.discard(call, contents) {
                Ok(()) => run.deleted += 1,
                Err(error) => {
                    run.failed.insert(call.to_string(), error.to_string());
                }
            }
        }
        Ok(())
    }
}

/// The policies of a decision, each once.
fn policies(decision: &Decision) -> String {
    let mut names: Vec<&str> = decision.parts.values().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Parts by name, for people.
pub fn shown_parts<'a>(parts: impl Iterator<Item = &'a Content>) -> String {
    let names: Vec<&str> = parts.map(|content| content.name()).collect();
    names.join(", ")
}

/// The entry that proves what was deleted.
pub(super) fn deleted(removed: &Removed) -> Record {
    let parts = shown_parts(removed.parts.iter().map(|part| &part.content));
    let mut record = Record::new(Action::Deleted)
        .by(Actor::system("retention"))
        .about(&removed.call)
        .with_name("parts", parts);
    for part in &removed.parts {
        let name = entry_name(part.content);
        let mut add = |what: &str, detail| record.details.insert(format!("{name}_{what}"), detail);
        add("sha256", Detail::name(part.sha256));
        add("bytes", part.bytes.into());
    }
    record
}

/// What entries call a part: as where it was recorded.
pub(super) fn entry_name(content: Content) -> &'static str {
    match content {
        Content::Audio => "recording",
        other => other.name(),
    }
}
