//! What is kept and what goes: retention, legal holds, erasures.
//!
//! All of it is done by the one [`Custody`] of the process, as commands have it done, and told by it in the audit log.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::audit::actor;
use super::calls::{Placed, blocking, place};
use super::problem::{Code, Problem, ProblemDocument};
use super::signing_in::{Body, Secret};
use super::{Api, Shared};
use crate::access::{Decision, Identity, Permission, Subject, permits};
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::call::note::reason;
use crate::call::particulars::{Label, telephone_number};
use crate::gateway::retention::{Custody, Order};
use crate::store::documents::Id;
use crate::store::erasure::{Certificate, Erasures, Progress, Request, Stretch, Target};
use crate::store::index::NumberHash;
use crate::store::retention::Plan;
use crate::store::retention::holds::{Hold, Holds, Scope};
use crate::store::vault::RecordName;

/// What retention would delete now.
#[derive(Serialize, ToSchema)]
pub(super) struct Due {
    /// How much by each policy.
    #[schema(value_type = Object)]
    plan: Plan,
}

/// Shows what retention would delete now. Deletes nothing.
#[utoipa::path(get, path = "/api/v1/retention", tag = "custody", responses(
    (status = 200, description = "what is due", body = Due),
))]
pub(super) async fn due(State(api): State<Api>) -> Result<Json<Due>, Problem> {
    let custody = api.custody()?;
    let plan = api.long.run(move || custody.plan(&mut |_| {})).await?;
    let plan = plan.map_err(|error| Problem::internal("looking through the calls", &error))?;
    Ok(Json(Due { plan }))
}

/// Begins to delete what is due; the audit log has an entry for each deletion.
#[utoipa::path(post, path = "/api/v1/retention/run", tag = "custody", responses(
    (status = 202, description = "`began` is false where a run is under way", body = Object),
))]
pub(super) async fn run(State(api): State<Api>) -> Result<(StatusCode, Json<Value>), Problem> {
    let began = api.custody()?.begin_run();
    Ok((StatusCode::ACCEPTED, Json(json!({ "began": began }))))
}

/// All holds.
#[derive(Serialize, ToSchema)]
pub(super) struct AllHolds {
    /// Those that were released too.
    #[schema(value_type = Vec<Object>)]
    holds: Vec<Hold>,
}

/// Lists legal holds.
#[utoipa::path(get, path = "/api/v1/holds", tag = "custody", responses(
    (status = 200, description = "all holds", body = AllHolds),
))]
pub(super) async fn holds(State(api): State<Api>) -> Result<Json<AllHolds>, Problem> {
    let holds = Holds::of(api.services.vault.path());
    let holds = blocking(move || holds.all()).await?;
    let holds = holds.map_err(|error| Problem::internal("reading the holds", &error))?;
    Ok(Json(AllHolds { holds }))
}

/// A hold to be placed, upon calls for which all that is given is so.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceHold {
    /// The call of this name.
    call: Option<String>,
    /// Calls of this agent.
    agent: Option<String>,
    /// Calls of this queue.
    queue: Option<String>,
    /// Calls from or to this telephone number.
    #[schema(value_type = Option<String>)]
    number: Option<Secret>,
    /// Calls that began at or after.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Calls that began before.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Why, in words that the audit log keeps.
    reason: String,
}

/// Places a legal hold: from then on nothing of it is deleted or erased.
#[utoipa::path(post, path = "/api/v1/holds", tag = "custody", request_body = PlaceHold, responses(
    (status = 201, description = "placed; `calls` says upon how many that are known", body = Object),
    (status = 400, description = "not accepted", body = ProblemDocument),
))]
pub(super) async fn place_hold(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Body(asked): Body<PlaceHold>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let reason = checked_reason(&asked.reason)?;
    let call = api
        .target(&identity, Permission::PlaceHolds, asked.call)
        .await?;
    let name = |text: Option<String>| -> Result<Option<String>, Problem> {
        let label = text.map(|text| Label::new(&text)).transpose();
        let label = label.map_err(|wrong| bad(format!("agent, queue: {wrong}")))?;
        Ok(label.map(|label| label.as_str().to_owned()))
    };
    if let (Some(from), Some(to)) = (asked.from, asked.to)
        && from >= to
    {
        return Err(bad("from, to: nothing is between"));
    }
    let scope = Scope {
        call: call.map(|call| call.to_string()),
        agent: name(asked.agent)?,
        queue: name(asked.queue)?,
        number: api.number_hash(asked.number).await?,
        from: asked.from,
        to: asked.to,
    };
    let order = Order::PlaceHold { scope, reason };
    Ok((StatusCode::CREATED, api.give(&identity, order).await?))
}

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// In words that the audit log keeps.
    reason: String,
}

/// Releases a legal hold. What it kept may go at the next run of retention.
#[utoipa::path(post, path = "/api/v1/holds/{id}/release", tag = "custody", request_body = Reason,
    params(("id" = String, Path)), responses(
    (status = 200, description = "released", body = Object),
    (status = 409, description = "it was released before", body = ProblemDocument),
))]
pub(super) async fn release_hold(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(hold): Path<String>,
    Body(asked): Body<Reason>,
) -> Result<Json<Value>, Problem> {
    let hold = document(&hold)?;
    let reason = checked_reason(&asked.reason)?;
    let kept = Holds::of(api.services.vault.path());
    let all = blocking(move || kept.all()).await?;
    let all = all.map_err(|error| Problem::internal("reading the holds", &error))?;
    let found = all.into_iter().find(|known| known.id == hold);
    let found = found.ok_or_else(unknown_document)?;
    api.target(&identity, Permission::PlaceHolds, found.scope.call)
        .await?;
    api.give(&identity, Order::ReleaseHold { hold, reason })
        .await
}

/// All requests for erasure.
#[derive(Serialize, ToSchema)]
pub(super) struct AllErasures {
    /// The oldest first.
    #[schema(value_type = Vec<Object>)]
    erasures: Vec<Request>,
}

/// Lists requests for erasure.
#[utoipa::path(get, path = "/api/v1/erasures", tag = "custody", responses(
    (status = 200, description = "all requests", body = AllErasures),
))]
pub(super) async fn erasures(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Result<Json<AllErasures>, Problem> {
    let kept = api.erasures();
    let all = blocking(move || kept.all()).await?;
    let all = all.map_err(|error| Problem::internal("reading the requests", &error))?;
    let mut erasures = Vec::new();
    for request in all {
        let seen = api.may_touch(&identity, Permission::ReadErasures, &request.target);
        if seen.await?.is_allowed() {
            erasures.push(request);
        }
    }
    Ok(Json(AllErasures { erasures }))
}

/// What is to be erased: a call, a stretch of it, or all calls of a telephone number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestErasure {
    /// The call.
    call: Option<String>,
    /// All calls from or to this telephone number.
    #[schema(value_type = Option<String>)]
    number: Option<Secret>,
    /// Where the stretch begins, in seconds of the call.
    from: Option<f64>,
    /// Where it ends.
    to: Option<f64>,
    /// Of this leg alone: `agent` or `customer`.
    #[schema(value_type = Option<String>)]
    leg: Option<Leg>,
    /// Why, in words that the audit log keeps.
    reason: String,
}

/// Asks for an erasure. Somebody else has to agree, unless the configuration says otherwise.
#[utoipa::path(post, path = "/api/v1/erasures", tag = "custody", request_body = RequestErasure, responses(
    (status = 201, description = "asked for", body = Object),
    (status = 400, description = "not accepted", body = ProblemDocument),
))]
pub(super) async fn request_erasure(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Body(asked): Body<RequestErasure>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let reason = checked_reason(&asked.reason)?;
    let call = api
        .target(&identity, Permission::RequestErasure, asked.call)
        .await?;
    let number = api.number_hash(asked.number).await?;
    let target = match (call, number, asked.from, asked.to) {
        (None, Some(number), None, None) => Target::Subject { number },
        (Some(call), None, None, None) if asked.leg.is_none() => Target::Call {
            call: call.to_string(),
        },
        (Some(call), None, Some(from), Some(to))
            if from >= 0.0 && from < to && to <= LONGEST_CALL =>
        {
            let span = Span::new(MediaTime::from_seconds(from), MediaTime::from_seconds(to));
            Target::Segment {
                call: call.to_string(),
                stretch: Stretch::new(asked.leg, span),
            }
        }
        _ => {
            return Err(bad(
                "expected `call`, perhaps with `from` before `to`, or `number`",
            ));
        }
    };
    let order = Order::RequestErasure { target, reason };
    Ok((StatusCode::CREATED, api.give(&identity, order).await?))
}

/// A day: beyond any call.
const LONGEST_CALL: f64 = 86_400.0;

/// Shows a request for erasure.
#[utoipa::path(get, path = "/api/v1/erasures/{id}", tag = "custody", params(("id" = String, Path)), responses(
    (status = 200, description = "the request", body = Object),
    (status = 404, description = "there is none", body = ProblemDocument),
))]
pub(super) async fn erasure(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Request>, Problem> {
    let request = api.erasure(&id).await?;
    api.target_of(&identity, Permission::ReadErasures, &request.target)
        .await?;
    Ok(Json(request))
}

/// Agrees to an erasure that somebody else asked for, and carries it out when enough agreed.
#[utoipa::path(post, path = "/api/v1/erasures/{id}/approve", tag = "custody", params(("id" = String, Path)), responses(
    (status = 200, description = "agreed", body = Object),
    (status = 409, description = "it is one's own, or over", body = ProblemDocument),
))]
pub(super) async fn approve_erasure(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let request = api.erasure(&id).await?;
    api.target_of(&identity, Permission::ApproveErasure, &request.target)
        .await?;
    let order = Order::ApproveErasure {
        request: request.id,
    };
    api.give(&identity, order).await
}

/// Does not agree to an erasure: it is not carried out.
#[utoipa::path(post, path = "/api/v1/erasures/{id}/reject", tag = "custody", request_body = Reason,
    params(("id" = String, Path)), responses(
    (status = 200, description = "rejected", body = Object),
    (status = 409, description = "it is over", body = ProblemDocument),
))]
pub(super) async fn reject_erasure(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    Body(asked): Body<Reason>,
) -> Result<Json<Value>, Problem> {
    let reason = checked_reason(&asked.reason)?;
    let request = api.erasure(&id).await?;
    api.target_of(&identity, Permission::ApproveErasure, &request.target)
        .await?;
    let order = Order::RejectErasure {
        request: request.id,
        reason,
    };
    api.give(&identity, order).await
}

/// The signed certificate of an erasure that was carried out.
#[utoipa::path(get, path = "/api/v1/erasures/{id}/certificate", tag = "custody", params(("id" = String, Path)), responses(
    (status = 200, description = "the certificate; `hushgate erase check` checks it", body = Object),
    (status = 409, description = "it was not carried out yet", body = ProblemDocument),
))]
pub(super) async fn certificate(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Certificate>, Problem> {
    let request = api.erasure(&id).await?;
    api.target_of(&identity, Permission::ReadErasures, &request.target)
        .await?;
    if request.progress != Progress::Done {
        return Err(Problem::new(
            Code::Conflict,
            format!(
                "it is {}: there is a certificate when all of it was erased",
                request.progress.name()
            ),
        ));
    }
    let kept = api.erasures();
    let certificate = blocking(move || kept.certificate(&request.id)).await?;
    let certificate = certificate.map_err(|_| {
        Problem::new(
            Code::NoSuchPart,
            "it was carried out without an audit log, whose key signs certificates",
        )
    })?;
    Ok(Json(certificate))
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, detail)
}

fn unknown_document() -> Problem {
    Problem::new(Code::UnknownPage, "there is none of this id")
}

fn document(id: &str) -> Result<Id, Problem> {
    Id::new(id).map_err(|_| unknown_document())
}

/// Words that say why, which are kept in clear.
fn checked_reason(text: &str) -> Result<String, Problem> {
    reason(text).map_err(|wrong| bad(format!("reason: {wrong}")))
}

impl Shared {
    fn custody(&self) -> Result<Arc<Custody>, Problem> {
        let custody = self.services.custody.clone();
        custody.ok_or_else(|| Problem::new(Code::Unavailable, "nobody looks after the store"))
    }

    fn erasures(&self) -> Erasures {
        Erasures::of(self.services.vault.path())
    }

    async fn erasure(&self, id: &str) -> Result<Request, Problem> {
        let id = document(id)?;
        let kept = self.erasures();
        let request = blocking(move || kept.get(&id)).await?;
        request.map_err(|_| unknown_document())
    }

    /// Has an order carried out for somebody.
    async fn give(&self, identity: &Identity, order: Order) -> Result<Json<Value>, Problem> {
        let (custody, by) = (self.custody()?, actor(identity));
        let outcome = blocking(move || custody.give(&by, order)).await?;
        outcome
            .map(Json)
            .map_err(|error| Problem::new(Code::Conflict, format!("{error:#}")))
    }

    /// The call that something is to be done with, if somebody may; without one they must be allowed for all calls.
    async fn target(
        &self,
        identity: &Identity,
        permission: Permission,
        call: Option<String>,
    ) -> Result<Option<RecordName>, Problem> {
        if let Some(call) = call {
            let Placed { name, .. } = self.call(Path(call), identity, permission).await?;
            return Ok(Some(name));
        }
        match permits(identity, permission, Subject::Gateway) {
            Decision::Allowed => Ok(None),
            Decision::Denied(denial) => Err(self.deny(identity, permission, denial, None).await),
        }
    }

    /// The same for what an erasure is about. Its calls may be gone.
    async fn target_of(
        &self,
        identity: &Identity,
        permission: Permission,
        target: &Target,
    ) -> Result<(), Problem> {
        match self.may_touch(identity, permission, target).await? {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => {
                Err(self.deny(identity, permission, denial, target.call()).await)
            }
        }
    }

    /// Whether somebody may do this with what an erasure is about; nothing is written down where not.
    async fn may_touch(
        &self,
        identity: &Identity,
        permission: Permission,
        target: &Target,
    ) -> Result<Decision, Problem> {
        let known = match target.call() {
            Some(call) => {
                let name = RecordName::new(call).map_err(|_| unknown_document())?;
                self.services.index.get(&name).await?
            }
            None => None,
        };
        let subject = known.as_ref().map_or(Subject::Gateway, place);
        Ok(permits(identity, permission, subject))
    }

    async fn number_hash(&self, number: Option<Secret>) -> Result<Option<NumberHash>, Problem> {
        let Some(number) = number else {
            return Ok(None);
        };
        let number = number.into_inner();
        let number = telephone_number(number.expose())
            .ok_or_else(|| bad("number: expected a telephone number of 3 to 20 digits"))?;
        let vault = self.services.vault.clone();
        let key = blocking(move || vault.number_key()).await??;
        Ok(Some(key.hash(&number)))
    }
}
