//! The table: every permission, every role.

use super::Grant::{Named, No, Own, Yes};
use super::Permission::*;
use super::{Permission, Role};

/// What a role may of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Never.
    No,
    /// For calls of which they are the agent.
    Own,
    /// For calls of their sites and queues, or where no call is concerned.
    Yes,
    /// If the token names it.
    Named,
}

/// A permission and what each role may of it, in the order of [`Role::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub permission: Permission,
    /// For each role.
    pub grants: [Grant; Role::ALL.len()],
}

const fn row(permission: Permission, grants: [Grant; Role::ALL.len()]) -> Row {
    Row { permission, grants }
}

/// The one table. The gateway's own people, admins among them, hear and read no call: who answers for the calls
/// and who runs the machine are different people.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    //                          agent  superv. compl. auditor admin  service
    row(ListRecordings,        [Own,   Yes,    Yes,   Yes,    No,    Named]),
    row(ReadReport,            [Own,   Yes,    Yes,   Yes,    No,    Named]),
    row(SeeKinds,              [No,    No,     Yes,   Yes,    No,    Named]),
    row(ReadTranscript,        [Own,   Yes,    Yes,   No,     No,    Named]),
    row(PlayRecording,         [No,    Yes,    Yes,   No,     No,    Named]),
    row(ExportRecording,       [No,    No,     Yes,   No,     No,    Named]),
    row(ExportEvidence,        [No,    No,     Yes,   Yes,    No,    Named]),
    row(ReviewQuarantine,      [No,    No,     Yes,   No,     No,    No   ]),
    row(SeeLiveCalls,          [Own,   Yes,    Yes,   No,     No,    Named]),
    row(ListenLive,            [No,    Yes,    Yes,   No,     No,    No   ]),
    row(PauseRecording,        [Own,   Yes,    Yes,   No,     No,    Named]),
    row(MarkCall,              [Own,   Yes,    Yes,   No,     No,    Named]),
    row(MessageAgent,          [No,    Yes,    No,    No,     No,    No   ]),
    row(SeeAlerts,             [No,    Yes,    Yes,   Yes,    No,    Named]),
    row(AnswerAlerts,          [No,    Yes,    Yes,   No,     No,    No   ]),
    row(ReadComplianceReports, [No,    Yes,    Yes,   Yes,    No,    Named]),
    row(PlaceHolds,            [No,    No,     Yes,   No,     No,    No   ]),
    row(RequestErasure,        [No,    No,     Yes,   No,     No,    Named]),
    row(ApproveErasure,        [No,    No,     Yes,   No,     No,    No   ]),
    row(ReadErasures,          [No,    No,     Yes,   Yes,    No,    No   ]),
    row(ReadRetention,         [No,    No,     Yes,   Yes,    Yes,   No   ]),
    row(RunRetention,          [No,    No,     Yes,   No,     No,    Named]),
    row(RebuildIndex,          [No,    No,     No,    No,     Yes,   No   ]),
    row(MakeBackup,            [No,    No,     No,    No,     Yes,   Named]),
    row(RestoreBackup,         [No,    No,     No,    No,     Yes,   No   ]),
    row(ReadAuditLog,          [No,    No,     Yes,   Yes,    No,    Named]),
    row(ListKeys,              [No,    No,     No,    Yes,    Yes,   No   ]),
    row(RotateKeys,            [No,    No,     No,    No,     Yes,   Named]),
    row(ReadPolicies,          [No,    Yes,    Yes,   Yes,    Yes,   Named]),
    row(TestPolicies,          [No,    No,     Yes,   No,     No,    No   ]),
    row(ActivatePolicies,      [No,    No,     Yes,   No,     No,    No   ]),
    row(ManageWebhooks,        [No,    No,     No,    No,     Yes,   No   ]),
    row(ReadConfiguration,     [No,    No,     No,    Yes,    Yes,   No   ]),
    row(ReadMetrics,           [No,    No,     No,    No,     Yes,   Named]),
    row(ListUsers,             [No,    No,     No,    Yes,    Yes,   No   ]),
    row(ManageUsers,           [No,    No,     No,    No,     Yes,   No   ]),
    row(ListTokens,            [No,    No,     No,    Yes,    Yes,   No   ]),
    row(ManageTokens,          [No,    No,     No,    No,     Yes,   No   ]),
];

/// What a role may of a permission. One that the table lacks is nobody's.
pub fn grant(role: Role, permission: Permission) -> Grant {
    let column = Role::ALL.iter().position(|known| *known == role);
    let row = TABLE.iter().find(|row| row.permission == permission);
    match (row, column) {
        (Some(row), Some(column)) => row.grants[column],
        _ => No,
    }
}
