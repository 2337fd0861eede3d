//! Who runs a command, where `[access]` asks for it, and whether they may.
//!
//! Who may change the configuration may take the section out: it tells apart those who use these commands, and is no
//! wall against who owns the machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::super::shared::runtime;
use super::password;
use crate::access::{Concern, Decision, Identity, Kind, Permission, Subject, UserName, permits};
use crate::api::authentication::SignIns;
use crate::call::particulars::Label;
use crate::config::store::Store;
use crate::config::{Access, Audit};
use crate::gateway::notes;
use crate::store::accounts::Accounts;
use crate::store::audit::{Action, Actor, AuditError, AuditLog, Record};
use crate::store::database::Database;
use crate::store::index::Index;
use crate::store::vault::RecordName;

/// The variable that has the token of who runs a command.
pub(in crate::cli) const TOKEN: &str = "HUSHGATE_TOKEN";

/// Accounts as commands reach them.
pub(in crate::cli) struct Guard {
    pub(in crate::cli) accounts: Accounts,
    pub(in crate::cli) runtime: Runtime,
    audit: Option<Audit>,
    /// The store's folder.
    store: PathBuf,
}

impl Guard {
    /// The accounts that a configuration names; `None` where it has no `[access]`.
    pub(in crate::cli) fn open(config: &Path) -> anyhow::Result<Option<Self>> {
        if Access::load(config)?.is_none() {
            return Ok(None);
        }
        let store = Store::load(config)?.with_context(|| {
            format!(
                "{}: has [access] and no [store]; users are kept there",
                config.display()
            )
        })?;
        let runtime = runtime()?;
        std::fs::create_dir_all(&store.path)
            .with_context(|| format!("{}: cannot be made", store.path.display()))?;
        let database = runtime.block_on(Database::open(&store.database))?;
        Ok(Some(Self {
            accounts: Accounts::new(database),
            runtime,
            audit: Audit::load(config)?,
            store: store.path,
        }))
    }

    /// Who runs this command, by the token in the environment.
    pub(in crate::cli) fn identify(&self) -> anyhow::Result<Identity> {
        let Ok(token) = std::env::var(TOKEN) else {
            bail!(
                "the configuration has [access], which asks who runs this: put a token into {TOKEN} (`hushgate tokens \
                 create` makes one)"
            );
        };
        let found = self
            .runtime
            .block_on(self.accounts.token(token.trim(), Timestamp::now()))?;
        match found {
            Some(token) => Ok(token.identity()),
            None => {
                let record = Record::new(Action::SignInRefused)
                    .by(Actor::system(&system_user()))
                    .with_words("reason", "an unknown, expired or revoked token");
                self.tell(record)?;
                bail!("{TOKEN}: is no token of this store, or it expired or was revoked");
            }
        }
    }

    /// Who runs this command, by a user's password.
    pub(in crate::cli) fn sign_in(&self, name: &UserName) -> anyhow::Result<Identity> {
        let password = password::ask(&format!("password of {name}"))?;
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let now = Timestamp::now();
        let sign_ins = SignIns::default();
        let checking = sign_ins.check(&self.accounts, name.as_str(), password, peer, now);
        let record = |action| {
            Record::new(action)
                .by(Actor::user(name.as_str()))
                .with_name("method", "command")
                .with_words("on_machine_as", &system_user())
        };
        match self.runtime.block_on(checking) {
            Ok(user) => {
                self.tell(record(Action::SignedIn))?;
                Ok(Identity {
                    name: user.name.to_string(),
                    kind: Kind::User,
                    role: user.role,
                    scope: user.scope,
                    only: None,
                })
            }
            Err(refusal) => {
                self.tell(
                    record(Action::SignInRefused).with_words("reason", &refusal.to_string()),
                )?;
                Err(refusal.into())
            }
        }
    }

    /// Whether somebody may do all of this with a call, or with all calls.
    pub(in crate::cli) fn permit(
        &self,
        identity: &Identity,
        permissions: &[Permission],
        call: Option<&RecordName>,
    ) -> anyhow::Result<()> {
        let index = Index::new(self.accounts.database().clone());
        let facts = call
            .map(|name| self.runtime.block_on(index.get(name)))
            .transpose()?
            .flatten();
        let place = |label: &Option<Label>| label.as_ref().map(|label| label.as_str().to_owned());
        let (site, queue, agent) = facts.map_or((None, None, None), |call| {
            (place(&call.site), place(&call.queue), place(&call.agent))
        });
        for permission in permissions {
            let subject = match (call, permission.concern()) {
                (Some(_), Concern::Calls) => Subject::Call {
                    site: site.as_deref(),
                    queue: queue.as_deref(),
                    agent: agent.as_deref(),
                },
                _ => Subject::Gateway,
            };
            if let Decision::Denied(denial) = permits(identity, *permission, subject) {
                let mut record = Record::new(Action::AccessDenied)
                    .by(actor(identity))
                    .with_name("role", identity.role)
                    .with_name("permission", permission)
                    .with_name("reason", denial)
                    .with_words("on_machine_as", &system_user());
                if let Some(call) = call {
                    record = record.about(call.as_str());
                }
                self.tell(record)?;
                bail!(
                    "{} is not permitted to {permission}: {denial}",
                    identity.name
                );
            }
        }
        Ok(())
    }

    /// Writes an entry of this command into the audit log, if one is kept.
    pub(in crate::cli) fn tell(&self, record: Record) -> anyhow::Result<()> {
        tell(self.audit.as_ref(), &self.store, record)
    }
}

/// Whom the audit log names.
pub(in crate::cli) fn actor(identity: &Identity) -> Actor {
    match identity.kind {
        Kind::User => Actor::user(&identity.name),
        Kind::Token => Actor::service(&identity.name),
    }
}

/// Writes an entry into the audit log, if one is kept; a gateway that is running writes it into its own.
pub(in crate::cli) fn tell(
    audit: Option<&Audit>,
    store: &Path,
    record: Record,
) -> anyhow::Result<()> {
    let Some(audit) = audit else {
        return Ok(());
    };
    match AuditLog::open(audit.settings()) {
        Ok(opened) => {
            opened.log.record_durably(record).wait()?;
            opened.log.close();
        }
        Err(AuditError::Locked { .. }) => notes::note(store, &record)?,
        Err(error) => return Err(error).context("the audit log cannot be written"),
    }
    Ok(())
}

/// Who runs this command, as the system knows them.
pub(in crate::cli) fn system_user() -> String {
    use std::os::unix::fs::MetadataExt;
    let user = std::fs::metadata("/proc/self").map(|process| process.uid());
    user.map_or_else(|_| "uid unknown".into(), |uid| format!("uid {uid}"))
}
