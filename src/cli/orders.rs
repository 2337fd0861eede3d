//! How commands change what is stored: by the gateway that records into it, or by themselves where none does.
//!
//! Whoever holds the right to record holds the right to change. A command that gets it does what is asked, and
//! writes the audit log; one that does not leaves a request, and the gateway answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::operator::OperatorArguments;
use super::store_access::StoreArguments;
use crate::access::Permission;
use crate::call::Sensitive;
use crate::call::particulars::telephone_number;
use crate::config::retention::Keeping;
use crate::config::store::Store;
use crate::gateway::audit::tell_late;
use crate::gateway::records;
use crate::gateway::requests::{Asked, ask};
use crate::gateway::retention::{Calls, Custody, IndexCalls, Order};
use crate::store::audit::{Actor, AuditLog, KeyFiles};
use crate::store::index::NumberHash;
use crate::store::vault::{RecordName, Vault, VaultError};

/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of an order.
pub(super) enum Given {
    /// It was carried out, with this outcome.
    Done(serde_json::Value),
    /// The gateway is still at it.
    UnderWay,
}

/// A store that is about to be looked at or changed.
pub(super) struct Opened {
    arguments: StoreArguments,
    pub(super) vault: Vault,
    pub(super) keeping: Keeping,
    store: Store,
    /// Waits for the index.
    runtime: Runtime,
}

/// Opens the configured store.
pub(super) fn open(arguments: &StoreArguments) -> anyhow::Result<Opened> {
    let file: &PathBuf = arguments
        .config
        .as_ref()
        .context("expected --config FILE (or HUSHGATE_CONFIG) with a [store]")?;
    let keeping = Keeping::load(file)?;
    let store = keeping.store.clone().with_context(|| {
        format!(
            "{}: has no [store]; its recordings are plain files",
            file.display()
        )
    })?;
    let vault = records::open_beside(&store, keeping.audit.as_ref())?;
    vault.check_format()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    Ok(Opened {
        arguments: arguments.clone(),
        vault,
        keeping,
        store,
        runtime,
    })
}

impl Opened {
    /// Fails if who gives the command may not do this, to a call or to all of them. Tells whom the audit log names.
    pub(super) fn permit(
        &self,
        permission: Permission,
        call: Option<&RecordName>,
        operator: Option<&OperatorArguments>,
    ) -> anyhow::Result<Actor> {
        self.arguments.require(&[permission], call, operator)
    }

    /// What is known of the calls.
    pub(super) fn calls(&self) -> anyhow::Result<Arc<dyn Calls>> {
        let open = IndexCalls::open(&self.store);
        Ok(Arc::new(self.runtime.block_on(open)?))
    }

    /// A telephone number as the index has it.
    pub(super) fn number_hash(&self, number: String) -> anyhow::Result<NumberHash> {
        let number = telephone_number(Sensitive::new(number).expose())
            .context("--number: expected a telephone number of 3 to 20 digits")?;
        Ok(self.vault.number_key()?.hash(&number))
    }

    /// Looks after the store without a log: for what changes nothing.
    pub(super) fn onlooker(&self) -> anyhow::Result<Arc<Custody>> {
        Ok(Custody::new(
            self.vault.clone(),
            self.calls()?,
            None,
            self.keeping.retention.clone(),
            CancellationToken::new(),
        ))
    }

    /// Has an order carried out.
    pub(super) fn give(&self, by: &Actor, order: Order) -> anyhow::Result<Given> {
        match self.vault.begin_recording() {
            Ok(recording) => {
                for swept in recording.sweep()? {
                    swept
                        .outcome
                        .with_context(|| format!("{} cannot be closed", swept.name))?;
                }
                self.carry_out(by, order).map(Given::Done)
            }
            Err(VaultError::InUse { .. }) => self.ask(by, &order),
            Err(error) => Err(error.into()),
        }
    }

    fn carry_out(&self, by: &Actor, order: Order) -> anyhow::Result<serde_json::Value> {
        let log = match &self.keeping.audit {
            Some(audit) => {
                let opened = AuditLog::open(audit.settings())
                    .context("the audit log cannot be written, and nothing was done")?;
                // Before anything is done to them.
                tell_late(self.vault.untold()?, &opened.log, |name| {
                    Ok(self.vault.told(name)?)
                })
                .context("the audit log does not take what was recorded, and nothing was done")?;
                Some((opened.log, KeyFiles::new(&audit.keys)))
            }
            None => None,
        };
        let custody = Custody::new(
            self.vault.clone(),
            self.calls()?,
            log.clone(),
            self.keeping.retention.clone(),
            CancellationToken::new(),
        );
        let outcome = custody.give(by, order);
        if let Some((log, _)) = log {
            log.close();
        }
        outcome
    }

    fn ask(&self, by: &Actor, order: &Order) -> anyhow::Result<Given> {
        let order = serde_json::to_value(order)?;
        match ask(self.vault.path(), by.clone(), order, PATIENCE)? {
            Asked::Answered(Ok(outcome)) => Ok(Given::Done(outcome)),
            Asked::Answered(Err(problem)) => bail!("{problem}"),
            Asked::UnderWay => Ok(Given::UnderWay),
            Asked::Ignored => bail!(
                "the process that records into the store did not answer within {} s, and nothing was done; run this \
                 again when another command has ended, or restart a gateway that is older than this program",
                PATIENCE.as_secs()
            ),
        }
    }
}

/// What is told where the gateway is still at it.
pub(super) const UNDER_WAY: &str =
    "the gateway has begun with it and is still at it; the audit log tells when it is done";
