//! Everything that somebody may be allowed to do.

use serde::{Deserialize, Serialize};

/// What a permission is about, which says how places limit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// One call, or those of some places.
    Calls,
    /// All calls at once: who is limited to places may not.
    AllCalls,
    /// Nothing of a call.
    Gateway,
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $concern:ident;)+) => {
        /// One thing that somebody may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Permission {
            /// All of them, in the table's order.
            pub const ALL: &[Permission] = &[$(Permission::$name),+];

            /// Its name in tokens, answers and the audit log.
            pub fn name(self) -> &'static str {
                match self { $(Permission::$name => $text),+ }
            }

            /// What it is about.
            pub fn concern(self) -> Concern {
                match self { $(Permission::$name => Concern::$concern),+ }
            }

            /// What it allows, in words.
            pub fn words(self) -> &'static str {
                match self { $(Permission::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

permissions! {
    /// List and search recordings.
    ListRecordings = "list_recordings", Calls;
    /// See a call's report: what was hidden when, late, failed.
    ReadReport = "read_report", Calls;
    /// See of which kind hidden things were, by which rule and why.
    SeeKinds = "see_kinds", Calls;
    /// Read a call's masked transcript.
    ReadTranscript = "read_transcript", Calls;
    /// Listen to a recording.
    PlayRecording = "play_recording", Calls;
    /// Take a recording, report or transcript out of the store.
    ExportRecording = "export_recording", Calls;
    /// Take a call's signed evidence out.
    ExportEvidence = "export_evidence", Calls;
    /// Look at what was locked away, and release it or hide in it again.
    ReviewQuarantine = "review_quarantine", Calls;
    /// See calls that are under way, and their events.
    SeeLiveCalls = "see_live_calls", Calls;
    /// Listen to a call under way.
    ListenLive = "listen_live", Calls;
    /// Pause and resume a recording, or blank the last seconds.
    PauseRecording = "pause_recording", Calls;
    /// Mark a place in a call.
    MarkCall = "mark_call", Calls;
    /// Send a message to the agent of a call.
    MessageAgent = "message_agent", Calls;
    /// See alerts.
    SeeAlerts = "see_alerts", Calls;
    /// Say that an alert was dealt with.
    AnswerAlerts = "answer_alerts", Calls;
    /// See compliance reports.
    ReadComplianceReports = "read_compliance_reports", Calls;
    /// Place and lift legal holds.
    PlaceHolds = "place_holds", Calls;
    /// Ask for erasure of a call, a segment or a person's calls.
    RequestErasure = "request_erasure", Calls;
    /// Agree to what another asked to erase.
    ApproveErasure = "approve_erasure", Calls;
    /// See requests for erasure and their certificates.
    ReadErasures = "read_erasures", Calls;
    /// See retention policies and what they would delete.
    ReadRetention = "read_retention", AllCalls;
    /// Delete what retention policies say.
    RunRetention = "run_retention", AllCalls;
    /// Make the index of calls anew.
    RebuildIndex = "rebuild_index", AllCalls;
    /// Copy the store.
    MakeBackup = "make_backup", AllCalls;
    /// Make the store of a copy.
    RestoreBackup = "restore_backup", AllCalls;
    /// Read and verify the audit log.
    ReadAuditLog = "read_audit_log", AllCalls;
    /// See which keys there are and what needs them.
    ListKeys = "list_keys", Gateway;
    /// Make keys, and wrap recordings' keys anew.
    RotateKeys = "rotate_keys", Gateway;
    /// See detection policies.
    ReadPolicies = "read_policies", Gateway;
    /// Try a policy on past masked transcripts.
    TestPolicies = "test_policies", AllCalls;
    /// Put another policy to use.
    ActivatePolicies = "activate_policies", Gateway;
    /// Have webhooks try again what they were not told, and try them out.
    ManageWebhooks = "manage_webhooks", Gateway;
    /// See the configuration, without secrets.
    ReadConfiguration = "read_configuration", Gateway;
    /// Read metrics.
    ReadMetrics = "read_metrics", Gateway;
    /// See users and their roles.
    ListUsers = "list_users", Gateway;
    /// Make and change users.
    ManageUsers = "manage_users", Gateway;
    /// See tokens, without their secrets.
    ListTokens = "list_tokens", Gateway;
    /// Make and revoke tokens.
    ManageTokens = "manage_tokens", Gateway;
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Permission::ALL
            .iter()
            .copied()
            .find(|permission| permission.name() == text)
            .ok_or_else(|| {
                let names: Vec<&str> = Permission::ALL.iter().map(|p| p.name()).collect();
                format!("expected one of {}", names.join(", "))
            })
    }
}
