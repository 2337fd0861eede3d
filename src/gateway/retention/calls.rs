//! What is known of the calls in a store: from the index, or from the vault where there is none.

use tokio::runtime::Handle;

use crate::config::store::Store;
use crate::gateway::records;
use crate::store::index::{Index, IndexedCall, NumberHash, Query};
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
    /// What the vault has of a call was changed, or locked away.
    fn renew(&self, vault: &Vault, call: &RecordName) -> anyhow::Result<()>;
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
        let mut known = IndexedCall::new(record.name, began, record.state);
        known.bytes = record.bytes;
        known.quarantined = self.0.quarantined(call)?.is_some();
        Ok(Some(known))
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

    fn renew(&self, _: &Vault, _: &RecordName) -> anyhow::Result<()> {
        Ok(())
    }
}

/// From the index. Not to be asked by a task of the runtime, as it waits for one.
#[derive(Debug)]
pub struct IndexCalls {
    index: Index,
    runtime: Handle,
}

impl IndexCalls {
    /// Opens the index of a store, whose answers the present runtime waits for.
    pub async fn open(store: &Store) -> anyhow::Result<Self> {
        Ok(Self {
            index: Index::open(&store.database).await?,
            runtime: Handle::current(),
        })
    }
}

impl Calls for IndexCalls {
    fn knows_particulars(&self) -> bool {
        true
    }

    fn each(&self, act: &mut dyn FnMut(&IndexedCall)) -> anyhow::Result<()> {
        let query = Query::default();
        let each = self.index.each(&query, |call| act(&call));
        Ok(self.runtime.block_on(each)?)
    }

    fn get(&self, call: &RecordName) -> anyhow::Result<Option<IndexedCall>> {
        Ok(self.runtime.block_on(self.index.get(call))?)
    }

    fn of_number(&self, number: &NumberHash) -> anyhow::Result<Vec<RecordName>> {
        let query = Query {
            number: Some(number.clone()),
            ..Query::default()
        };
        let mut found = Vec::new();
        let each = self.index.each(&query, |call| found.push(call.name));
        self.runtime.block_on(each)?;
        Ok(found)
    }

    fn forget(&self, calls: &[RecordName]) -> anyhow::Result<()> {
        self.runtime.block_on(records::forget(&self.index, calls))?;
        Ok(())
    }

    fn set_holds(&self, call: &RecordName, holds: usize) -> anyhow::Result<()> {
        let holds = u32::try_from(holds).unwrap_or(u32::MAX);
        self.runtime.block_on(self.index.set_holds(call, holds))?;
        Ok(())
    }

    fn renew(&self, vault: &Vault, call: &RecordName) -> anyhow::Result<()> {
        self.runtime
            .block_on(records::renew(vault, &self.index, call))
    }
}

#[cfg(test)]
impl IndexCalls {
    /// Puts calls into the index.
    pub(super) async fn put_for_test(&self, calls: &[IndexedCall]) {
        let put = self.index.put_all(calls).await;
        assert!(put.is_ok(), "{put:?}");
    }
}
