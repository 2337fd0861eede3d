//! The roles.

use serde::{Deserialize, Serialize};

/// What somebody is to the gateway. Everybody has one role; what it may do says the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Talks to customers: their own calls alone.
    Agent,
    /// Leads agents: the calls of their sites and queues.
    Supervisor,
    /// Answers for what is kept and hidden: policies, retention, erasure.
    ComplianceOfficer,
    /// Checks what was done, changes nothing, hears and reads no call.
    Auditor,
    /// Runs the gateway: users, keys, backups. Hears and reads no call.
    Admin,
    /// A program. May only what its token names.
    Service,
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of agent, supervisor, compliance_officer, auditor, admin, service")]
pub struct UnknownRole;

impl Role {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Role; 6] = [
        Role::Agent,
        Role::Supervisor,
        Role::ComplianceOfficer,
        Role::Auditor,
        Role::Admin,
        Role::Service,
    ];

    /// Its name in configuration, commands and the API.
    pub fn name(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::ComplianceOfficer => "compliance_officer",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
            Role::Service => "service",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or(UnknownRole)
    }
}
