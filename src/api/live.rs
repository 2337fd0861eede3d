//! Calls under way: seen, heard, paused, marked. `docs/live.md` describes the answers and events.
//!
//! **Architecture invariants:** of each call it is asked again whether somebody may see, hear or pause it; what is shown
//! is masked for who sees it; nobody listens before the audit log has the entry that says so. A stream ends when the
//! session or token by which it was opened does.

mod listening;
mod open;
mod shown;
mod watching;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::audit::actor;
use super::problem::{Code, Problem, ProblemDocument};
use super::signing_in::Body;
use super::{Api, Shared, lock};
use crate::access::{Decision, Identity, Kind, Permission, permits, view_of};
use crate::audio::MediaTime;
use crate::call::note::Note;
use crate::gateway::live::{Answered, Asked, LiveCall, Message, NotAnswered};
use crate::store::audit::{Action, Record};
use crate::telemetry::Person;
use shown::Form;

pub(super) use listening::listen;
pub(super) use open::OpenStreams;
pub(super) use watching::{events, socket};

// Where the descriptions of the handlers are.
pub(super) use listening::__path_listen;
pub(super) use watching::{__path_events, __path_socket};

/// In place of a call's name: the call of who asks.
const MINE: &str = "@mine";
/// Whose calls were seen, where it was those of all calls.
const ALL_CALLS: &str = "live";

impl Shared {
    /// The call of a path, if it is under way and somebody may do this with it.
    async fn live_call(
        &self,
        name: &str,
        identity: &Identity,
        permission: Permission,
    ) -> Result<Arc<LiveCall>, Problem> {
        let live = &self.services.live;
        let call = if name == MINE {
            let agent = identity.scope.agent.as_deref();
            agent.and_then(|agent| live.call_of(agent))
        } else {
            live.call(name)
        };
        let call =
            call.ok_or_else(|| Problem::new(Code::UnknownCall, "there is no such call under way"))?;
        let facts = call.facts();
        match permits(identity, permission, facts.subject()) {
            Decision::Allowed => Ok(call),
            Decision::Denied(denial) => Err(self
                .deny(identity, permission, denial, Some(&facts.name))
                .await),
        }
    }

    /// Writes that somebody sees a call under way, or all of theirs, unless that is known.
    async fn sees(&self, identity: &Identity, call: Option<&str>) -> Result<(), Problem> {
        let who = actor(identity);
        let key = format!("{ALL_CALLS}/{}", call.unwrap_or_default());
        if !lock(&self.played).begins(&who, &key) {
            return Ok(());
        }
        let mut record = Record::new(Action::LiveCallsSeen)
            .by(who.clone())
            .with_name("role", identity.role);
        if let Some(call) = call {
            record = record.about(call);
        }
        let told = self.tell(record).await;
        if told.is_err() {
            lock(&self.played).forget(&who, &key);
        }
        told
    }
}

/// Who does something, for the call's record.
fn person(identity: &Identity) -> Person {
    Person {
        name: identity.name.clone(),
        is_program: identity.kind == Kind::Token,
    }
}

fn not_answered(why: NotAnswered) -> Problem {
    match why {
        NotAnswered::Ended => Problem::new(Code::UnknownCall, "the call is over"),
        NotAnswered::Busy => Problem::new(
            Code::Unavailable,
            "the call does not answer; whether it was done, its state will show",
        ),
    }
}

/// Lists the calls under way that somebody may see, the latest first, with the id of the last event: a stream that
/// begins `after` it misses nothing.
#[utoipa::path(get, path = "/api/v1/live", tag = "live", responses(
    (status = 200, description = "`at`, `calls` (docs/live.md) and `last_event`", body = Object),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Json<Value> {
    // First: what happens meanwhile is told once more.
    let last = api.services.live.last_event();
    let mut calls = api.services.live.calls();
    calls.retain(|call| {
        permits(&identity, Permission::SeeLiveCalls, call.facts().subject()).is_allowed()
    });
    calls.sort_by_key(|call| std::cmp::Reverse((call.facts().began, call.facts().name.clone())));
    let shown = calls.iter().map(|call| {
        let form = Form::of(&identity, call.facts().subject());
        shown::call(call.facts(), &call.now(), form)
    });
    Json(json!({
        "at": Timestamp::now(),
        "calls": shown.collect::<Vec<_>>(),
        "last_event": last.to_string(),
    }))
}

/// Tells what is so of a call under way, and what has happened in its last half hour. The audit log has it.
#[utoipa::path(get, path = "/api/v1/live/{call}", tag = "live",
    params(("call" = String, Path, description = "the call, or `@mine`")), responses(
    (status = 200, description = "the call (docs/live.md)", body = Object),
    (status = 403, description = "not theirs to see", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn detail(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::SeeLiveCalls;
    let call = api.live_call(&name, &identity, permission).await?;
    let facts = call.facts();
    api.sees(&identity, Some(&facts.name)).await?;
    let last = api.services.live.last_event();
    let form = Form::of(&identity, facts.subject());
    let view = view_of(&identity, facts.subject());
    let mut shown = shown::call(facts, &call.now(), form);
    if let Some(fields) = shown.as_object_mut() {
        fields.append(&mut shown::past(facts, &call.past(), form, view));
        fields.insert("last_event".into(), last.to_string().into());
    }
    Ok(Json(shown))
}

/// Tells whether what is said in a call is kept out of its recording now, and why.
#[utoipa::path(get, path = "/api/v1/live/{call}/protection", tag = "live",
    params(("call" = String, Path, description = "the call, or `@mine`")), responses(
    (status = 200, description = "what is so (docs/live.md)", body = Object),
    (status = 403, description = "not theirs", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn protection(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::PauseRecording;
    let call = api.live_call(&name, &identity, permission).await?;
    Ok(Json(shown::protection(&call, &call.now(), &identity)))
}

/// Why a recording is paused.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    /// At most 200 characters, without long numbers.
    #[serde(default)]
    reason: Option<String>,
}

/// Pauses a call's recording until it is resumed: every leg is hidden from a second before the newest sample that had
/// arrived. Of a call that is paused the answer says what is so.
#[utoipa::path(post, path = "/api/v1/live/{call}/pause", tag = "live", request_body(content = Pause,
        description = "may be absent"),
    params(("call" = String, Path, description = "the call, or `@mine`")), responses(
    (status = 200, description = "what is so (docs/live.md)", body = Object),
    (status = 400, description = "not understood", body = ProblemDocument),
    (status = 403, description = "not theirs", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn pause(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::PauseRecording;
    let call = api.live_call(&name, &identity, permission).await?;
    let Pause { reason } = if body.trim_ascii().is_empty() {
        Pause::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| {
            Problem::new(
                Code::BadRequest,
                "the body is not of the form that /openapi.json describes",
            )
        })?
    };
    let reason = reason.map(|reason| note("reason", &reason)).transpose()?;
    let asked = call.ask(person(&identity), Asked::Pause { reason });
    let (_, now) = asked.await.map_err(not_answered)?;
    Ok(Json(shown::protection(&call, &now, &identity)))
}

/// Has a call's recording go on after a pause.
#[utoipa::path(post, path = "/api/v1/live/{call}/resume", tag = "live",
    params(("call" = String, Path, description = "the call, or `@mine`")), responses(
    (status = 200, description = "what is so (docs/live.md)", body = Object),
    (status = 403, description = "not theirs", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn resume(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::PauseRecording;
    let call = api.live_call(&name, &identity, permission).await?;
    let asked = call.ask(person(&identity), Asked::Resume);
    let (_, now) = asked.await.map_err(not_answered)?;
    Ok(Json(shown::protection(&call, &now, &identity)))
}

/// How much is blanked.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Blank {
    /// The last so many seconds: 1 to the call's hold.
    seconds: f64,
}

/// Hides what was said last, as far as it has not left: `from`, `to`, and in `too_late` the seconds that had.
#[utoipa::path(post, path = "/api/v1/live/{call}/blank", tag = "live", request_body = Blank,
    params(("call" = String, Path, description = "the call, or `@mine`")), responses(
    (status = 200, description = "what is so (docs/live.md)", body = Object),
    (status = 400, description = "not understood", body = ProblemDocument),
    (status = 403, description = "not theirs", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn blank(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
    Body(Blank { seconds }): Body<Blank>,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::PauseRecording;
    let call = api.live_call(&name, &identity, permission).await?;
    let hold = call.facts().hold.seconds();
    if !(1.0..=hold.max(1.0)).contains(&seconds) {
        return Err(Problem::new(
            Code::BadRequest,
            format!(
                "seconds: expected 1 to {hold}, the call's hold: what was said before has left"
            ),
        ));
    }
    let asked = Asked::Blank(MediaTime::from_seconds(seconds));
    let answered = call.ask(person(&identity), asked).await;
    let (answered, now) = answered.map_err(not_answered)?;
    let mut shown = shown::protection(&call, &now, &identity);
    if let Answered::Blanked { span, too_late } = answered {
        shown["from"] = shown::seconds(span.start).into();
        shown["to"] = shown::seconds(span.end).into();
        shown["too_late"] = shown::seconds(too_late).into();
    }
    Ok(Json(shown))
}

/// What a place is marked for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMark {
    /// 1 to 200 characters, without long numbers.
    note: String,
}

/// Marks the place that a call has come to.
#[utoipa::path(post, path = "/api/v1/live/{call}/marks", tag = "live", request_body = NewMark,
    params(("call" = String, Path, description = "the call, or `@mine`")), responses(
    (status = 200, description = "`id` of the mark and `at`, its place in seconds", body = Object),
    (status = 400, description = "not understood", body = ProblemDocument),
    (status = 403, description = "not theirs", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn mark(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
    Body(new): Body<NewMark>,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::MarkCall;
    let call = api.live_call(&name, &identity, permission).await?;
    let asked = Asked::Mark(note("note", &new.note)?);
    let answered = call.ask(person(&identity), asked).await;
    match answered.map_err(not_answered)?.0 {
        Answered::Marked(mark) => Ok(Json(json!({
            "id": mark.id,
            "at": shown::seconds(mark.at),
        }))),
        Answered::TooMany => Err(Problem::new(
            Code::Conflict,
            "the call has as many marks as it may",
        )),
        Answered::Done | Answered::Blanked { .. } => Err(not_answered(NotAnswered::Busy)),
    }
}

/// A message to an agent.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    /// 1 to 200 characters, without long numbers.
    text: String,
}

/// Writes to the agent of a call, who sees it in the agent's view. The audit log has it.
#[utoipa::path(post, path = "/api/v1/live/{call}/messages", tag = "live", request_body = NewMessage,
    params(("call" = String, Path, description = "the call")), responses(
    (status = 200, description = "`id` of the message", body = Object),
    (status = 400, description = "not understood", body = ProblemDocument),
    (status = 403, description = "not theirs", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
))]
pub(super) async fn message(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
    Body(new): Body<NewMessage>,
) -> Result<Json<Value>, Problem> {
    let permission = Permission::MessageAgent;
    let call = api.live_call(&name, &identity, permission).await?;
    let text = note("text", &new.text)?;
    let id = crate::access::secret::public_id()
        .map_err(|error| Problem::internal("randomness", &error))?;
    let record = Record::new(Action::AgentMessaged)
        .by(actor(&identity))
        .about(&call.facts().name)
        .with_name("message", &id)
        .with_words("text", text.as_str());
    api.tell(record).await?;
    let message = Message {
        id: id.clone(),
        at: Timestamp::now(),
        by: identity.name.clone(),
        text,
    };
    api.services.live.publish_message(&call, message);
    Ok(Json(json!({ "id": id })))
}

/// A text that people may leave about a call.
fn note(field: &str, text: &str) -> Result<Note, Problem> {
    Note::new(text).map_err(|error| Problem::new(Code::BadRequest, format!("{field}: {error}")))
}
