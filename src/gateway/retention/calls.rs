//! What is known of the calls in a store: from the index, or from the vault where there is none.

use crate::call::particulars::Label;
use crate::store::index::{IndexedCall, NumberHash};
use crate::store::retention::holds::{Hold, upon};
use crate::store::vault::{RecordName, Vault};

/// What is known of the calls in a store. Methods block.
pub trait Calls: Send + Sync {
    /// Whether it is known who took part in calls, and where.
    fn knows_particulars(&self) -> bool;
    /// Each call, one by one.
    fn each(&self, act: &mut dyn FnMut(&IndexedCall)) -> anyhow::Result<()>;
    /// One call; `None`: nothing is known of it.
    fn get(&self, call: &RecordName) -> anyhow::Result<Option<IndexedCall>>;
    /// The calls from or to a number.
    fn of_number(&self, number: &NumberHash) -> anyhow::Result<Vec<RecordName>>;
    /// Calls were removed: nothing of them is known any more.
    fn forget(&self, calls: &[RecordName]) -> anyhow::Result<()>;
    /// So many legal holds are upon a call.
    fn set_holds(&self, call: &RecordName, holds: usize) -> anyhow::Result<()>;
}

/// The legal holds upon a call. Where it is not known who took part, every hold that may be upon it is.
pub(super) fn holds_upon(calls: &dyn Calls, holds: &[Hold], call: &IndexedCall) -> Vec<String> {
    if calls.knows_particulars() {
        return upon(holds, call);
    }
    let may_be = |hold: &&Hold| {
        let mut known = hold.scope.clone();
        (known.agent, known.queue, known.number) = (None, None, None);
        hold.is_in_force() && known.covers(call)
    };
    let held = holds.iter().filter(may_be);
    held.map(|hold| hold.id.to_string()).collect()
}

/// Without an index: when a call began and how far it came is known from the vault, and nothing else.
#[derive(Debug)]
pub struct VaultCalls(pub Vault);

impl VaultCalls {
    fn known(&self, call: &RecordName) -> anyhow::Result<Option<IndexedCall>> {
        let record = match self.0.record(call) {
            Err(crate::store::vault::VaultError::Unknown { .. }) => return Ok(None),
            record => record?,
        };
        // Without its beginning nothing is known that policies could go by.
        let Some(began) = record.begun else {
            return Ok(None);
        };
        let nobody: Option<Label> = None;
        Ok(Some(IndexedCall {
            name: record.name,
            began,
            duration_s: 0.0,
            state: record.state,
            agent: nobody.clone(),
            queue: nobody.clone(),
            site: nobody.clone(),
            vendor: nobody.clone(),
            jurisdiction: nobody.clone(),
            outcome: nobody,
            caller: None,
            called: None,
            hidden_s: Default::default(),
            late_s: 0.0,
            failed_s: 0.0,
            pause_failures: 0,
            alerts: Default::default(),
            bytes: record.bytes,
            quarantined: self.0.quarantined(call)?.is_some(),
            holds: 0,
            policy_version: String::new(),
            model_sha256: String::new(),
            ended_normally: false,
        }))
    }
}

impl Calls for VaultCalls {
    fn knows_particulars(&self) -> bool {
        false
    }

    fn each(&self, act: &mut dyn FnMut(&IndexedCall)) -> anyhow::Result<()> {
        for record in self.0.records(|_, _| {})? {
            if let Some(call) = self.known(&record.name)? {
                act(&call);
            }
        }
        Ok(())
    }

    fn get(&self, call: &RecordName) -> anyhow::Result<Option<IndexedCall>> {
        self.known(call)
    }

    fn of_number(&self, _: &NumberHash) -> anyhow::Result<Vec<RecordName>> {
        anyhow::bail!("calls cannot be found by number: the store has no index")
    }

    fn forget(&self, _: &[RecordName]) -> anyhow::Result<()> {
        Ok(())
    }

    fn set_holds(&self, _: &RecordName, _: usize) -> anyhow::Result<()> {
        Ok(())
    }
}
