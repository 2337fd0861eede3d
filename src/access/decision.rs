//! Whether somebody may do something.

use std::collections::BTreeSet;
use std::fmt;

use super::{Concern, Grant, Identity, Kind, Permission, grant};

/// What something is to be done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// Nothing of a call, or all that there is.
    Gateway,
    /// Whichever calls they may: each is asked for again as [`Subject::Call`] before anything of it is told.
    SomeCalls,
    /// A call, and where it was, as far as that is known.
    Call {
        /// Its site.
        site: Option<&'a str>,
        /// Its queue.
        queue: Option<&'a str>,
        /// Its agent.
        agent: Option<&'a str>,
    },
}

impl Subject<'_> {
    /// A call of which nothing is known but that it is there.
    pub const UNPLACED: Subject<'static> = Subject::Call {
        site: None,
        queue: None,
        agent: None,
    };
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They may.
    Allowed,
    /// They may not.
    Denied(Denial),
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Their role may not.
    Role,
    /// Their token does not name it.
    Token,
    /// The call is not of their sites.
    Site,
    /// The call is not of their queues.
    Queue,
    /// They are not the call's agent.
    NotTheirCall,
    /// It concerns all calls, and they are limited to places.
    Limited,
}

impl Denial {
    /// For answers and the audit log.
    pub fn words(self) -> &'static str {
        match self {
            Denial::Role => "the role may not do this",
            Denial::Token => "the token was not given this permission",
            Denial::Site => "the call is not of a site that they may see",
            Denial::Queue => "the call is not of a queue that they may see",
            Denial::NotTheirCall => "they are not the agent of this call",
            Denial::Limited => "it concerns all calls, and they may see those of some places alone",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl Decision {
    /// Whether they may.
    pub fn is_allowed(self) -> bool {
        self == Decision::Allowed
    }
}

/// Whether somebody may do something with something.
pub fn permits(identity: &Identity, permission: Permission, subject: Subject<'_>) -> Decision {
    match denial(identity, permission, subject) {
        None => Decision::Allowed,
        Some(denial) => Decision::Denied(denial),
    }
}

fn denial(identity: &Identity, permission: Permission, subject: Subject<'_>) -> Option<Denial> {
    let grant = grant(identity.role, permission);
    let is_named = match &identity.only {
        Some(only) => only.contains(&permission),
        // Of a program nothing is assumed.
        None => identity.kind == Kind::User,
    };
    match grant {
        Grant::No => return Some(Denial::Role),
        Grant::Named if identity.only.is_none() => return Some(Denial::Token),
        Grant::Own | Grant::Yes | Grant::Named if !is_named => return Some(Denial::Token),
        Grant::Own | Grant::Yes | Grant::Named => {}
    }
    match (permission.concern(), subject) {
        (Concern::Gateway, _) => None,
        (Concern::Calls, Subject::SomeCalls) => None,
        (Concern::Calls, Subject::Call { site, queue, agent }) => {
            outside(identity, grant, site, queue, agent)
        }
        // All calls at once.
        (Concern::AllCalls, _) | (Concern::Calls, Subject::Gateway) => {
            (identity.scope.is_limited() || grant == Grant::Own).then_some(Denial::Limited)
        }
    }
}

/// Why a call is not theirs to see. What is not known of it is not among their places.
fn outside(
    identity: &Identity,
    grant: Grant,
    site: Option<&str>,
    queue: Option<&str>,
    agent: Option<&str>,
) -> Option<Denial> {
    let is_in = |places: &Option<BTreeSet<String>>, place: Option<&str>| match places {
        None => true,
        Some(places) => place.is_some_and(|place| places.contains(place)),
    };
    let scope = &identity.scope;
    if !is_in(&scope.sites, site) {
        return Some(Denial::Site);
    }
    if !is_in(&scope.queues, queue) {
        return Some(Denial::Queue);
    }
    let is_own = scope.agent.is_some() && scope.agent.as_deref() == agent;
    (grant == Grant::Own && !is_own).then_some(Denial::NotTheirCall)
}
