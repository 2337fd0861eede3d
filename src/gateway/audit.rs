//! What the gateway writes into the audit log: its own start and end, each call's course, what was refused.
//!
//! A call's entries are made on its recorder's thread (`AuditedTapes`), of the same events as its report: nobody
//! waits for them before its end. What came of refusals is gathered, as anybody can make many.
//!
//! **Architecture invariants:** what is in the report as hidden, late or failed is in the log. A call whose end was
//! acknowledged has its end there, or has it when the next start is over.

mod files;
mod late;
mod refusals;
mod spans;
mod tape;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::taping::TapeFactory;
use crate::config::Config;
use crate::store::audit::{Action, AuditLog, Entry, Opened, Record};
pub use late::tell as tell_late;
use refusals::Refusals;
pub(super) use tape::AuditedTapes;

/// For how long who needs entries on the disk waits for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The gateway's end of the audit log.
#[derive(Debug)]
pub struct Auditor {
    log: AuditLog,
    refusals: Refusals,
}

impl Auditor {
    /// Opens the log that the configuration asks for, and writes that the gateway started and what changed since its
    /// last start. `None` when no log is asked for.
    pub fn open(config: &Config) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(audit) = &config.audit else {
            return Ok(None);
        };
        let Opened {
            log,
            made_keys,
            repaired,
            last_start,
        } = AuditLog::open(audit.settings()).context("the audit log cannot be written")?;
        let (folder, keys) = (audit.folder.display(), audit.keys.display());
        if made_keys {
            tracing::warn!(
                %keys,
                "made keys for the audit log: keep a copy of them elsewhere, and give auditors audit-public.pem"
            );
        }
        if !audit.has_own_keys_folder {
            tracing::warn!(
                %keys,
                "the audit log's keys lie with it: who takes both can make the log anew; see audit.keys"
            );
        }
        if repaired > 0 {
            tracing::warn!(
                repaired,
                "the audit log's last writer died while it wrote; the line is kept aside"
            );
        }
        tracing::info!(%folder, "the audit log is written");
        let auditor = Self::new(log);
        auditor.started(config, last_start.as_ref());
        Ok(Some(auditor))
    }

    /// Writes to a log that is open.
    pub fn new(log: AuditLog) -> Arc<Self> {
        Arc::new(Self {
            refusals: Refusals::new(log.clone()),
            log,
        })
    }

    /// The log, for entries of others.
    pub fn log(&self) -> &AuditLog {
        &self.log
    }

    fn started(&self, config: &Config, before: Option<&Entry>) {
        let configuration = configuration_sha256(config);
        let policy = config.policy.version();
        let changed = |name: &str, value: &str| {
            before
                .and_then(|before| before.text(name))
                .filter(|before| *before != value)
                .map(str::to_owned)
        };
        if let Some(before) = changed("config_sha256", &configuration) {
            let record = Record::new(Action::ConfigurationChanged)
                .with_name("before_sha256", before)
                .with_name("after_sha256", &configuration);
            self.log.record(record);
        }
        if let Some(before) = changed("policy_version", policy) {
            let record = Record::new(Action::PolicyChanged)
                .with_name("before", before)
                .with_name("after", policy);
            self.log.record(record);
        }
        let record = Record::new(Action::GatewayStarted)
            .with_name("hushgate_version", env!("CARGO_PKG_VERSION"))
            .with_name("config_sha256", &configuration)
            .with_name("policy_version", policy)
            .with_name("model", &config.model)
            .with_name("engine", config.engine.name())
            .with("hold_us", config.hold.micros());
        self.log.record(record);
    }

    /// Speech recognition is in use.
    pub fn model_loaded(&self, sha256: &str) {
        let record = Record::new(Action::ModelLoaded).with_name("model_sha256", sha256);
        self.log.record(record);
    }

    /// Whether entries reach the disk; `Err` says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.log.check()
    }

    /// The gateway ends as it was told to: writes what waits and lets go of the log. Blocks for as long as the disk
    /// takes.
    pub fn stop(&self) {
        self.refusals.tell_all();
        self.log.record(Record::new(Action::GatewayStopped));
        self.log.close();
    }

    /// Somebody was not let in, or a call not taken. `peer` is who, as far as is known.
    pub(crate) fn refused(
        &self,
        action: Action,
        door: &str,
        why: &str,
        peer: Option<std::net::IpAddr>,
    ) {
        self.refusals.add(action, door, why, peer);
    }

    /// Writes what was refused, where a while has passed since it was last written.
    pub(super) fn tell_refusals(&self) {
        self.refusals.tell_due();
    }

    /// Tapes whose calls are written into the log.
    pub(super) fn tapes(&self, tapes: Arc<dyn TapeFactory>) -> Arc<dyn TapeFactory> {
        Arc::new(AuditedTapes::new(tapes, self.log.clone()))
    }
}

/// Of the configuration as `hushgate config show` prints it: it has references to secrets, and no secrets.
fn configuration_sha256(config: &Config) -> String {
    Sha256::digest(config.to_toml().as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
