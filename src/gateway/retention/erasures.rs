//! Erasures: asked for, agreed to, carried out, certified.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Custody;
use super::run::{deleted, entry_name};
use crate::gateway::erasing;
use crate::store::audit::{Action, Actor, Detail, Record};
use crate::store::documents::Id;
use crate::store::erasure::{Certificate, Done, Left, Progress, Request, Stretch, Target, Word};
use crate::store::sealed::Content;
use crate::store::vault::{Erased, RecordName, State, VaultError};

/// What a call is told to have held where a stretch was erased.
const KIND: &str = "erased";

impl Custody {
    pub(super) fn request_erasure(
        &self,
        by: &Actor,
        target: Target,
        reason: &str,
    ) -> anyhow::Result<Value> {
        let _turn = self.turn();
        if let Some(call) = target.call() {
            self.vault.record(&RecordName::new(call)?)?;
        }
        if let Target::Segment { stretch, .. } = &target
            && stretch.start_us >= stretch.end_us
        {
            bail!("the stretch is empty: {stretch}");
        }
        let asked = Word {
            by: by.name.clone(),
            at: Timestamp::now(),
            reason: Some(reason.to_owned()),
        };
        let id = Id::random("erasure")?;
        let request = Request::new(id, target, asked, self.settings.approvals);
        let record = self
            .about(Action::ErasureRequested, by, &request)
            .with_words("reason", reason);
        self.tell(record)?;
        self.erasures().put(&request)?;
        self.carried_out(request)
    }

    pub(super) fn approve_erasure(&self, by: &Actor, id: &Id) -> anyhow::Result<Value> {
        let _turn = self.turn();
        let mut request = self.erasures().get(id)?;
        let word = Word {
            by: by.name.clone(),
            at: Timestamp::now(),
            reason: None,
        };
        // Whose agreement was counted by a gateway that died before it was done is not asked again.
        if request.progress != Progress::Approved {
            request.approve(word, self.settings.approvals)?;
            let record = self
                .about(Action::ErasureApproved, by, &request)
                .with("agreed", request.persons().len())
                .with("needed", self.settings.approvals);
            self.tell(record)?;
            self.erasures().put(&request)?;
        }
        self.carried_out(request)
    }

    pub(super) fn reject_erasure(
        &self,
        by: &Actor,
        id: &Id,
        reason: &str,
    ) -> anyhow::Result<Value> {
        let _turn = self.turn();
        let mut request = self.erasures().get(id)?;
        request.reject(Word {
            by: by.name.clone(),
            at: Timestamp::now(),
            reason: Some(reason.to_owned()),
        })?;
        let record = self
            .about(Action::ErasureRejected, by, &request)
            .with_words("reason", reason);
        self.tell(record)?;
        self.erasures().put(&request)?;
        Ok(json!({ "request": request }))
    }

    fn about(&self, action: Action, by: &Actor, request: &Request) -> Record {
        let record = Record::new(action)
            .by(by.clone())
            .with_name("request", &request.id)
            .with_words("target", &request.target.to_string());
        match request.target.call() {
            Some(call) => record.about(call),
            None => record,
        }
    }

    /// Carries out what was agreed to and waited: for a hold to be released, or for a call to end.
    pub(super) fn go_on_with_erasures(&self) -> anyhow::Result<()> {
        for request in self.erasures().all()? {
            if request.progress == Progress::Approved {
                let _turn = self.turn();
                let id = request.id.clone();
                if let Err(error) = self.carried_out(request) {
                    // The object store may be away: others, and what is due, go on, and this is tried again.
                    let (request, error) = (id.to_string(), format!("{error:#}"));
                    tracing::error!(request, error, "an erasure cannot be carried out now");
                }
            }
        }
        Ok(())
    }

    /// Carries out a request, as far as it is agreed to and nothing is in its way. Whoever calls has the turn.
    fn carried_out(&self, mut request: Request) -> anyhow::Result<Value> {
        if request.progress != Progress::Approved {
            return Ok(json!({ "request": request }));
        }
        request.left.clear();
        for call in self.targets(&request)? {
            let is_done = request
                .done_to(call.as_str())
                .is_some_and(|done| done.at.is_some());
            if is_done {
                continue;
            }
            if let Some(why) = self.in_the_way(&call)? {
                request.left.push(Left {
                    call: call.to_string(),
                    why,
                });
                continue;
            }
            match request.target.clone() {
                Target::Segment { stretch, .. } => {
                    self.erase_stretch(&mut request, &call, stretch)?;
                }
                Target::Call { .. } | Target::Subject { .. } => {
                    self.erase_call(&mut request, &call)?;
                }
            }
        }
        let mut certificate = None;
        if request.left.is_empty() {
            request.progress = Progress::Done;
            certificate = self.certify(&request)?;
        }
        self.erasures().put(&request)?;
        Ok(json!({ "request": request, "certificate": certificate }))
    }

    /// The calls that a request is about; those that were begun with are among them, wherever they are by now.
    fn targets(&self, request: &Request) -> anyhow::Result<BTreeSet<RecordName>> {
        let begun = request.done.iter().map(|done| RecordName::new(done.call()));
        let mut calls = begun.collect::<Result<BTreeSet<_>, _>>()?;
        match &request.target {
            Target::Call { call } | Target::Segment { call, .. } => {
                calls.insert(RecordName::new(call)?);
            }
            Target::Subject { number } => calls.extend(self.calls.of_number(number)?),
        }
        Ok(calls)
    }

    /// Why a call cannot be erased at present.
    fn in_the_way(&self, call: &RecordName) -> anyhow::Result<Option<String>> {
        let holds = self.holds_upon(call)?;
        if !holds.is_empty() {
            return Ok(Some(format!("legal hold {}", holds.join(", "))));
        }
        match self.vault.record(call) {
            Ok(record) if record.state == State::Open => Ok(Some("it is under way".into())),
            Ok(_) | Err(VaultError::Unknown { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn erase_call(&self, request: &mut Request, call: &RecordName) -> anyhow::Result<()> {
        if request.done_to(call.as_str()).is_none() {
            let there = self.vault.survey(call, &Content::ALL)?;
            let record = deleted(&there)
                .by(Actor::system("erasure"))
                .with_name("request", &request.id);
            let entry = self.tell(record)?;
            request.done.push(Done {
                at: None,
                removed: Some(there),
                erased: None,
                entry,
            });
            // What was there could not be told any more after a crash.
            self.erasures().put(request)?;
        }
        self.vault.remove(call)?;
        self.calls.forget(std::slice::from_ref(call))?;
        if let Some(done) = request.done_to(call.as_str()) {
            done.at = Some(Timestamp::now());
        }
        self.erasures().put(request)?;
        Ok(())
    }

    fn erase_stretch(
        &self,
        request: &mut Request,
        call: &RecordName,
        stretch: Stretch,
    ) -> anyhow::Result<()> {
        let reason = format!("erased on request {}", request.id);
        let erased = erasing::erase(&self.vault, call, &[stretch], KIND, &reason, &|| Ok(()))?;
        let record = segment_erased(&erased, &[stretch])
            .by(Actor::system("erasure"))
            .with_name("request", &request.id);
        let entry = self.tell(record)?;
        if let Err(error) = self.calls.renew(&self.vault, call) {
            let error = format!("{error:#}");
            tracing::error!(
                call = call.as_str(),
                error,
                "the index tells of it as it was"
            );
        }
        request.done.push(Done {
            at: Some(Timestamp::now()),
            removed: None,
            erased: Some(erased),
            entry,
        });
        self.erasures().put(request)?;
        Ok(())
    }

    /// Signs what was done; `None` where there is no audit log, and so no key.
    fn certify(&self, request: &Request) -> anyhow::Result<Option<Certificate>> {
        let Some(keys) = &self.keys else {
            return Ok(None);
        };
        let key = keys
            .load_signing()
            .context("what was erased cannot be certified")?;
        let certificate = Certificate::sign(request, Timestamp::now(), &key);
        self.erasures().put_certificate(&request.id, &certificate)?;
        Ok(Some(certificate))
    }
}

/// The entry that tells of erased stretches: where they were, and the hashes of the files of before and after.
pub fn segment_erased(erased: &Erased, stretches: &[Stretch]) -> Record {
    let told: Vec<String> = stretches.iter().map(Stretch::to_string).collect();
    let mut record = Record::new(Action::SegmentErased)
        .about(&erased.call)
        .with_name("stretches", told.join("; "));
    for part in &erased.parts {
        let name = entry_name(part.content);
        let mut add = |what: &str, detail| record.details.insert(format!("{name}_{what}"), detail);
        add("sha256_before", Detail::name(part.before));
        add("sha256", Detail::name(part.after));
        add("bytes", part.bytes.into());
        add("revision", u64::from(part.revision).into());
    }
    record
}
