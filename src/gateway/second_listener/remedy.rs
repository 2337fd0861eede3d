//! What is done about a recording in which something sensitive is still heard: what is heard is erased from recording,
//! report and transcript, as any erasure is ([`crate::gateway::erasing`]).

use std::cell::Cell;
use std::collections::BTreeMap;

use super::judgement::StillHeard;
use super::outcome::entry;
use crate::gateway::erasing;
use crate::store::audit::{Action, Record};
use crate::store::erasure::Stretch;
use crate::store::retention::holds::Holds;
use crate::store::sealed::Content;
use crate::store::vault::{Erased, RecordName, Vault, VaultError};

/// Erases what is still heard, for good: kind by kind, as each is masked by its name; tells each. `false`: a legal hold
/// may be upon the call, and what is left stays.
pub(super) fn erase(
    vault: &Vault,
    name: &RecordName,
    still: &[StillHeard],
    tell: &mut dyn FnMut(Record),
) -> anyhow::Result<bool> {
    let mut by_kind: BTreeMap<&str, Vec<&StillHeard>> = BTreeMap::new();
    for heard in still {
        by_kind.entry(&heard.kind).or_default().push(heard);
    }
    let unknown = Cell::new(None);
    let permit = || match may_be_held(vault, name) {
        Ok(false) => Ok(()),
        Ok(true) => Err("a legal hold may be upon it".to_owned()),
        Err(error) => {
            let told = format!("{error:#}");
            unknown.set(Some(error));
            Err(told)
        }
    };
    for (kind, heard) in by_kind {
        let stretches: Vec<Stretch> = heard
            .iter()
            .map(|heard| Stretch::new(Some(heard.leg), heard.span()))
            .collect();
        let reason = "still heard by the second listener";
        match erasing::erase(vault, name, &stretches, kind, reason, &permit) {
            Ok(erased) => tell(record(name, kind, &stretches, &heard, &erased)),
            Err(VaultError::NotPermitted { reason, .. }) => {
                // It is tried again, as what cannot be read may be read later.
                if let Some(error) = unknown.take() {
                    return Err(error);
                }
                tracing::warn!(call = name.as_str(), reason, "nothing more is erased");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// With the hashes of what was, so that no copy of it is put back, and of what is.
fn record(
    name: &RecordName,
    kind: &str,
    stretches: &[Stretch],
    heard: &[&StillHeard],
    erased: &Erased,
) -> Record {
    let places: Vec<String> = stretches.iter().map(ToString::to_string).collect();
    let mut rules: Vec<&str> = heard.iter().map(|heard| &*heard.rule).collect();
    rules.dedup();
    let mut record = entry(Action::RecordingRedactedAgain, name.as_str())
        .with_name("kind", kind)
        .with_name("stretches", places.join("; "))
        .with_name("rule", rules.join(","));
    for part in &erased.parts {
        let (before, after) = match part.content {
            Content::Audio => ("recording_sha256_before", "recording_sha256"),
            Content::Report => ("report_sha256_before", "report_sha256"),
            Content::Transcript => ("transcript_sha256_before", "transcript_sha256"),
            Content::Closing => ("closing_sha256_before", "closing_sha256"),
            Content::Hearing => ("hearing_sha256_before", "hearing_sha256"),
        };
        record = record
            .with_name(before, part.before)
            .with_name(after, part.after);
    }
    record
}

/// Whether a legal hold may be upon a call: then nothing of it is erased. Who took part in it is not asked, so that
/// one upon an agent or a time counts.
fn may_be_held(vault: &Vault, name: &RecordName) -> anyhow::Result<bool> {
    let holds = Holds::of(vault.path()).in_force()?;
    Ok(holds.iter().any(|hold| {
        let call = hold.scope.call.as_deref();
        call.is_none_or(|call| call == name.as_str())
    }))
}
