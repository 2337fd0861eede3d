//! What commands did while a gateway runs, for the gateway's audit log: the log has one writer.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::requests::{Asked, CarriesOut, ask};
use super::second_listener::SecondListener;
use crate::store::audit::{Action, Actor, AuditLog, Record, Sha256Digest};
use crate::store::vault::RecordName;

/// Asks for an entry about what a command did.
const NOTE: &str = "note";
/// What commands do by themselves while a gateway runs. All else is done, and told, by the gateway.
const NOTED: &[Action] = &[
    Action::AccessChanged,
    Action::AccessDenied,
    Action::BackupMade,
    Action::KeysRotated,
    Action::RecordingExported,
    Action::SignInRefused,
    Action::SignedIn,
    Action::TranscriptRead,
    Action::WebhookRetried,
];
/// How long the gateway may take to write it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Asks for a recording to be listened to again.
pub const LISTEN: &str = "listen";

/// Writes entries for commands.
pub struct Notes(pub Option<AuditLog>);

impl CarriesOut for Notes {
    fn knows(&self, order: &str) -> bool {
        order == NOTE
    }

    fn carry_out(&self, by: &Actor, order: Value) -> anyhow::Result<Value> {
        let record: Record = serde_json::from_value(order["record"].clone())
            .context("the request is not readable")?;
        if !NOTED.contains(&record.action) {
            bail!(
                "{}: is nothing that a command does by itself",
                record.action.name()
            );
        }
        if let Some(log) = &self.0 {
            log.record_durably(record.by(by.clone())).wait()?;
        }
        Ok(json!({ "noted": self.0.is_some() }))
    }
}

/// Has the gateway that records into a store write an entry about what a command does. Blocks.
pub fn note(store: &Path, record: &Record) -> anyhow::Result<()> {
    let order = json!({ "order": NOTE, "record": record });
    match ask(store, record.actor.clone(), order, PATIENCE)? {
        Asked::Answered(Ok(_)) => Ok(()),
        Asked::Answered(Err(problem)) => bail!("{problem}"),
        Asked::UnderWay | Asked::Ignored => bail!(
            "what has the audit log open did not write the entry within {} s; run this again when another command has \
             ended, or restart a gateway that is older than this program",
            PATIENCE.as_secs()
        ),
    }
}

/// The entry about a backup.
pub fn backup_made(by: &Actor, list_sha256: Sha256Digest, files: u64, bytes: u64) -> Record {
    Record::new(Action::BackupMade)
        .by(by.clone())
        .with_name("list_sha256", list_sha256)
        .with("files", files)
        .with("bytes", bytes)
}

/// Puts recordings in the queue of the gateway that runs.
pub struct Listens(pub std::sync::Arc<SecondListener>);

impl CarriesOut for Listens {
    fn knows(&self, order: &str) -> bool {
        order == LISTEN
    }

    fn carry_out(&self, _: &Actor, order: Value) -> anyhow::Result<Value> {
        let Some(calls) = order["calls"].as_array() else {
            bail!("the request names no calls");
        };
        for call in calls {
            self.0
                .offer(RecordName::new(call.as_str().unwrap_or_default())?);
        }
        Ok(json!({ "queued": calls.len() }))
    }
}
