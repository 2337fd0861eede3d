//! What is written of requests into the audit log.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::problem::{Code, Problem};
use super::{Shared, make_room};
use crate::access::{Denial, Identity, Kind, Permission};
use crate::store::audit::{Action, Actor, Record};

/// A browser asks for a recording in many pieces: within so long it is one listening.
const ONE_LISTENING: Duration = Duration::from_secs(10 * 60);
/// Listenings that are remembered.
const MOST: usize = 10_000;

/// Who listens to what.
#[derive(Debug, Default)]
pub(super) struct Played(BTreeMap<(String, String), Instant>);

impl Played {
    /// Whether this begins a listening.
    pub(super) fn begins(&mut self, who: &Actor, call: &str) -> bool {
        let now = Instant::now();
        make_room(&mut self.0, MOST, |last| *last);
        let last = self.0.insert((who.to_string(), call.to_owned()), now);
        last.is_none_or(|last| now - last > ONE_LISTENING)
    }

    /// It did not begin after all.
    pub(super) fn forget(&mut self, who: &Actor, call: &str) {
        self.0.remove(&(who.to_string(), call.to_owned()));
    }
}

/// Whom the audit log names.
pub(super) fn actor(identity: &Identity) -> Actor {
    match identity.kind {
        Kind::User => Actor::user(&identity.name),
        Kind::Token => Actor::service(&identity.name),
    }
}

impl Shared {
    /// Writes an entry, and returns when it is on the disk. Nothing is done that the log cannot tell of.
    pub(super) async fn tell(&self, record: Record) -> Result<(), Problem> {
        let Some(auditor) = &self.services.audit else {
            return Ok(());
        };
        match auditor.log().record_durably(record).durable().await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "the audit log takes no entry");
                Err(Problem::new(
                    Code::Unavailable,
                    "the audit log takes no entry; without it nothing is handed out or changed",
                ))
            }
        }
    }

    /// Somebody did something with a call.
    pub(super) async fn tell_of_call(
        &self,
        identity: &Identity,
        action: Action,
        call: &str,
        part: &'static str,
    ) -> Result<(), Problem> {
        let record = Record::new(action)
            .by(actor(identity))
            .about(call)
            .with_name("role", identity.role)
            .with_name("part", part);
        self.tell(record).await
    }

    /// Somebody may not: writes that, and says it.
    pub(super) async fn deny(
        &self,
        identity: &Identity,
        permission: Permission,
        denial: Denial,
        call: Option<&str>,
    ) -> Problem {
        let mut record = Record::new(Action::AccessDenied)
            .by(actor(identity))
            .with_name("role", identity.role)
            .with_name("permission", permission)
            .with_name("reason", denial);
        if let Some(call) = call {
            record = record.about(call);
        }
        tracing::warn!(who = identity.name, %permission, reason = %denial, "denied");
        match self.tell(record).await {
            Ok(()) => Problem::new(Code::NotPermitted, format!("{permission}: {denial}")),
            Err(problem) => problem,
        }
    }

    /// Somebody did not prove who they are. Gathered, as anybody can make many.
    pub(super) fn refused(&self, why: &str, peer: IpAddr) {
        tracing::warn!(%peer, why, "refused to sign in");
        if let Some(auditor) = &self.services.audit {
            auditor.refused(Action::SignInRefused, "api", why, Some(peer));
        }
    }
}
