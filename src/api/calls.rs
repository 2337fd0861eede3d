//! Which call a request is about, where it was, and whether it may be touched.

use std::collections::BTreeMap;

use axum::extract::Path;

use super::Shared;
use super::problem::{Code, Problem};
use crate::access::{Decision, Identity, Permission, Subject, permits};
use crate::alert::Rules;
use crate::call::particulars::Label;
use crate::gateway::records::OWN_ALERTS;
use crate::store::index::IndexedCall;
use crate::store::vault::{RecordName, Vault};

/// A call that somebody may touch, and where it was.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) name: RecordName,
    /// What the index knows; `None` for one that is not in it.
    pub(super) facts: Option<Box<IndexedCall>>,
    /// The store, which gives out what is locked away to who reviews it.
    pub(super) vault: Vault,
}

/// Where a call was.
pub(super) fn place(call: &IndexedCall) -> Subject<'_> {
    Subject::Call {
        site: call.site.as_ref().map(Label::as_str),
        queue: call.queue.as_ref().map(Label::as_str),
        agent: call.agent.as_ref().map(Label::as_str),
    }
}

/// Seconds hidden of each kind, for who may not know kinds: all of them together.
pub(super) fn all_as_one(hidden_s: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let all: f64 = hidden_s.values().sum();
    let all = (all > 0.0).then(|| ("hidden".to_owned(), all));
    all.into_iter().collect()
}

/// Whether somebody who may not know kinds may be told of what raised an alert by its name: a rule of now that tells of
/// none, or what the gateway itself counts.
pub(super) fn is_plain_alert(name: &str, rules: &Rules) -> bool {
    match rules.all().find(|rule| rule.name == name) {
        Some(rule) => !rule.test.kind().tells_kind(),
        None => OWN_ALERTS.contains(&name),
    }
}

/// How often each rule raised an alert, for who may not know kinds: those that may tell of one are counted together.
pub(super) fn plain_alerts(alerts: BTreeMap<String, u32>, rules: &Rules) -> BTreeMap<String, u32> {
    let mut plain = BTreeMap::new();
    for (name, times) in alerts {
        let name = match is_plain_alert(&name, rules) {
            true => name,
            false => "other".to_owned(),
        };
        let sum: &mut u32 = plain.entry(name).or_default();
        *sum = sum.saturating_add(times);
    }
    plain
}

impl Placed {
    pub(super) fn subject(&self) -> Subject<'_> {
        self.facts
            .as_ref()
            .map_or(Subject::UNPLACED, |call| place(call))
    }
}

impl Shared {
    /// The call of a path, if somebody may do this with it.
    pub(super) async fn call(
        &self,
        Path(name): Path<String>,
        identity: &Identity,
        permission: Permission,
    ) -> Result<Placed, Problem> {
        let unknown = || Problem::new(Code::UnknownCall, "there is no such call");
        let name = RecordName::new(&name).map_err(|_| unknown())?;
        let facts = self.services.index.get(&name).await?;
        if facts.is_none() {
            let vault = self.services.vault.clone();
            let asked = name.clone();
            blocking(move || vault.record(&asked)).await??;
        }
        let mut placed = Placed {
            name,
            facts: facts.map(Box::new),
            vault: self.services.vault.clone(),
        };
        self.authorise(identity, permission, &placed).await?;
        let is_locked = placed.facts.as_ref().is_some_and(|call| call.quarantined);
        let hears = matches!(
            permission,
            Permission::PlayRecording | Permission::ExportRecording | Permission::ReadTranscript
        );
        let may_review = permits(identity, Permission::ReviewQuarantine, placed.subject());
        if may_review.is_allowed() {
            placed.vault = placed.vault.opening_quarantined();
        } else if is_locked && hears {
            return Err(Problem::locked_away());
        }
        Ok(placed)
    }

    /// Whether somebody may do this with a call; a denial is written down.
    pub(super) async fn authorise(
        &self,
        identity: &Identity,
        permission: Permission,
        call: &Placed,
    ) -> Result<(), Problem> {
        match permits(identity, permission, call.subject()) {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err(self
                .deny(identity, permission, denial, Some(call.name.as_str()))
                .await),
        }
    }
}

/// Does what blocks on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal("a task", &error))
}
