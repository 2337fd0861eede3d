//! Recordings: found, looked at, listened to, taken out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::calls::{Placed, all_as_one, blocking, is_plain_alert, place, plain_alerts};
use super::problem::{Code, Problem, ProblemDocument};
use super::query::{Query, limit};
use super::{Api, audio};
use crate::access::{Decision, Denial, Identity, Permission, Subject, View, permits, view_of};
use crate::alert::Rules;
use crate::egress::Report;
use crate::egress::report::Utterance;
use crate::store::audit::bundle::Bundle;
use crate::store::audit::{Action, KeyFiles};
use crate::store::index::{Cursor, IndexedCall, PageRequest, Query as Wanted};
use crate::store::sealed::Content;
use crate::store::vault::{RecordName, State as RecordState};

/// Calls of a page, unless told otherwise.
const PAGE: u32 = 50;
/// The most that may be asked for.
const LONGEST_PAGE: u32 = 500;
/// Calls that are looked through for one page, of which somebody may see few.
const MOST_LOOKED_AT: usize = 10_000;

/// What is looked for: all that is given has to hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Began at or after: `2026-11-22T10:00:00Z`.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Began before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The agent.
    agent: Option<String>,
    /// The queue.
    queue: Option<String>,
    /// The site.
    site: Option<String>,
    /// The vendor.
    vendor: Option<String>,
    /// The jurisdiction.
    jurisdiction: Option<String>,
    /// A kind of data that was hidden; takes the permission `see_kinds`.
    kind: Option<String>,
    /// A rule that raised an alert; takes the permission `see_alerts`, and `see_kinds` where the rule may tell of one.
    alert: Option<String>,
    /// `open`, `complete` or `incomplete`.
    state: Option<String>,
    /// Whether it is locked away.
    #[param(value_type = Option<bool>)]
    quarantined: Option<String>,
    /// Calls of the page: 50 unless told otherwise, 500 at most.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A call, as far as somebody may see it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Found {
    /// Its name in the store.
    #[schema(value_type = String)]
    name: RecordName,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    began: Timestamp,
    /// Its length in seconds.
    duration_s: f64,
    /// `open`, `complete` or `incomplete`.
    #[schema(value_type = String)]
    state: RecordState,
    /// The agent.
    agent: Option<String>,
    /// The queue.
    queue: Option<String>,
    /// The site.
    site: Option<String>,
    /// The vendor.
    vendor: Option<String>,
    /// The jurisdiction.
    jurisdiction: Option<String>,
    /// The outcome.
    outcome: Option<String>,
    /// Seconds hidden for each kind; for who may not know kinds, under `hidden` all together.
    hidden_s: BTreeMap<String, f64>,
    /// Seconds filled because they were not examined in time.
    late_s: f64,
    /// Seconds filled because they could not be examined.
    failed_s: f64,
    /// How often each rule raised an alert; for who may see alerts. For who may not know kinds, those of rules that may
    /// tell of one are under `other`.
    alerts: Option<BTreeMap<String, u32>>,
    /// Whether it is locked away.
    quarantined: bool,
    /// Legal holds upon it.
    holds: u32,
}

impl Found {
    fn of(call: IndexedCall, identity: &Identity, rules: &Rules) -> Self {
        let may = |permission| permits(identity, permission, place(&call)).is_allowed();
        let sees_kinds = may(Permission::SeeKinds);
        let sees_alerts = may(Permission::SeeAlerts);
        let text = |label: Option<crate::call::particulars::Label>| {
            label.map(|label| label.as_str().to_owned())
        };
        Self {
            hidden_s: if sees_kinds {
                call.hidden_s
            } else {
                all_as_one(&call.hidden_s)
            },
            alerts: sees_alerts.then_some(match sees_kinds {
                true => call.alerts,
                false => plain_alerts(call.alerts, rules),
            }),
            name: call.name,
            began: call.began,
            duration_s: call.duration_s,
            state: call.state,
            agent: text(call.agent),
            queue: text(call.queue),
            site: text(call.site),
            vendor: text(call.vendor),
            jurisdiction: text(call.jurisdiction),
            outcome: text(call.outcome),
            late_s: call.late_s,
            failed_s: call.failed_s,
            quarantined: call.quarantined,
            holds: call.holds,
        }
    }
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
pub(super) struct FoundCalls {
    /// The latest first.
    recordings: Vec<Found>,
    /// What `after` of the next page is; absent when this is the last.
    next: Option<String>,
}

/// Lists and searches recordings, the latest first. Those that somebody may not see are not in it.
#[utoipa::path(get, path = "/api/v1/recordings", tag = "recordings", params(Search), responses(
    (status = 200, description = "recordings", body = FoundCalls),
    (status = 400, description = "not understood", body = ProblemDocument),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Query(search): Query<Search>,
) -> Result<Json<FoundCalls>, Problem> {
    let bad = |what: &str| Problem::new(Code::BadRequest, what);
    let tells_kind = |alert: &String| !is_plain_alert(alert, &api.services.rules);
    let asks_kind = search.kind.is_some() || search.alert.as_ref().is_some_and(tells_kind);
    let asked = [
        (asks_kind, Permission::SeeKinds),
        (search.alert.is_some(), Permission::SeeAlerts),
    ];
    for (is_asked, permission) in asked {
        // Who searches for what they may not see would see it.
        if let (true, Decision::Denied(denial)) =
            (is_asked, permits(&identity, permission, Subject::SomeCalls))
        {
            return Err(api.deny(&identity, permission, denial, None).await);
        }
    }
    let limit = limit(search.limit.as_deref(), PAGE, LONGEST_PAGE)?;
    let quarantined = match search.quarantined.as_deref().map(str::parse) {
        None => None,
        Some(Ok(quarantined)) => Some(quarantined),
        Some(Err(_)) => return Err(bad("quarantined: expected true or false")),
    };
    let state = search
        .state
        .as_deref()
        .map(|name| {
            [
                RecordState::Open,
                RecordState::Complete,
                RecordState::Incomplete,
            ]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| bad("state: expected open, complete or incomplete"))
        })
        .transpose()?;
    let mut after: Option<Cursor> = search
        .after
        .as_deref()
        .map(|text| {
            text.parse()
                .map_err(|_| bad("after: expected what the page before gave as `next`"))
        })
        .transpose()?;
    let wanted = Wanted {
        from: search.from,
        to: search.to,
        // An agent is looked for by name, so that few are looked through.
        agent: search.agent.or_else(|| own_agent(&identity)),
        queue: search.queue,
        site: search.site,
        vendor: search.vendor,
        jurisdiction: search.jurisdiction,
        kind: search.kind,
        alert: search.alert,
        state,
        quarantined,
        ..Wanted::default()
    };
    let mut recordings = Vec::new();
    let mut looked_at = 0;
    let next = loop {
        let request = PageRequest {
            after: after.clone(),
            limit: LONGEST_PAGE.min(limit * 4),
            ..PageRequest::first(limit)
        };
        let page = api.services.index.search(&wanted, &request).await?;
        let mut full = None;
        looked_at += page.calls.len();
        for call in page.calls {
            if recordings.len() == limit as usize {
                break;
            }
            full = Some(Cursor::at(&call));
            if permits(&identity, Permission::ListRecordings, place(&call)).is_allowed() {
                recordings.push(Found::of(call, &identity, &api.services.rules));
            }
        }
        if recordings.len() == limit as usize || looked_at >= MOST_LOOKED_AT {
            break full;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break None,
        }
    };
    Ok(Json(FoundCalls {
        recordings,
        next: next.map(|next| next.to_string()),
    }))
}

fn own_agent(identity: &Identity) -> Option<String> {
    let is_theirs = Subject::Call {
        site: None,
        queue: None,
        agent: None,
    };
    let denied = permits(identity, Permission::ListRecordings, is_theirs);
    (denied == Decision::Denied(Denial::NotTheirCall))
        .then(|| identity.scope.agent.clone())
        .flatten()
}

/// A call's report, as far as somebody may see it.
#[derive(Serialize, ToSchema)]
pub(super) struct Detail {
    /// What the index knows.
    #[schema(value_type = Option<Object>)]
    recording: Option<Found>,
    /// Its length in seconds, channels, samples per second and bytes, if there is audio.
    #[schema(value_type = Option<Object>)]
    audio: Option<serde_json::Value>,
    /// The report of `docs/report.md`, without the transcript; what was hidden has no kind for who may not know.
    #[schema(value_type = Option<Object>)]
    report: Option<serde_json::Value>,
    /// Why there is no report, if there is none.
    report_problem: Option<String>,
    /// How much of the transcript may be seen: `nothing`, `masked` or `kinds`.
    transcript: &'static str,
}

/// Tells what is known of a call.
#[utoipa::path(get, path = "/api/v1/recordings/{call}", tag = "recordings",
    params(("call" = String, Path, description = "the call's name in the store")), responses(
    (status = 200, description = "the call", body = Detail),
    (status = 403, description = "not theirs to see", body = ProblemDocument),
    (status = 404, description = "there is no such call", body = ProblemDocument),
))]
pub(super) async fn detail(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    path: Path<String>,
) -> Result<Json<Detail>, Problem> {
    let call = api.call(path, &identity, Permission::ReadReport).await?;
    let vault = call.vault.clone();
    let name = call.name.clone();
    let (audio, report) = blocking(move || {
        let audio = vault.dimensions(&name).ok().map(|audio| {
            serde_json::json!({
                "seconds": audio.seconds(),
                "channels": audio.channels,
                "sample_rate": audio.rate,
                "bytes": audio.bytes,
            })
        });
        (audio, vault.document(&name, Content::Report))
    })
    .await?;
    let subject = call.subject();
    let (report, report_problem) = match report {
        Ok(text) => (Some(shown_report(&text, &identity, subject)?), None),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.code() != Code::NoSuchPart {
                return Err(problem);
            }
            (
                None,
                Some("the call has no report, or not any more".to_owned()),
            )
        }
    };
    let transcript = match view_of(&identity, subject) {
        View::Nothing => "nothing",
        View::Masked => "masked",
        View::Kinds => "kinds",
    };
    Ok(Json(Detail {
        recording: call
            .facts
            .map(|facts| Found::of(*facts, &identity, &api.services.rules)),
        audio,
        report,
        report_problem,
        transcript,
    }))
}

/// A report, with what tells of kinds only for who may know.
fn shown_report(
    text: &[u8],
    identity: &Identity,
    call: Subject<'_>,
) -> Result<serde_json::Value, Problem> {
    let may = |permission| permits(identity, permission, call).is_allowed();
    let unreadable = |_| Problem::new(Code::Altered, "the report is not readable");
    let mut report: Report = serde_json::from_slice(text).map_err(unreadable)?;
    // It is a document of its own, and asked for by itself.
    report.transcript.clear();
    if !may(Permission::SeeAlerts) {
        report.alerts.clear();
    }
    if !may(Permission::SeeKinds) {
        report.alerts.retain(|alert| !alert.kind.tells_kind());
        for span in &mut report.spans {
            span.kind = "hidden".into();
            span.rule = String::new();
            span.reason = String::new();
        }
        for step in &mut report.recorder_control {
            step.kind = step.kind.as_ref().map(|_| "hidden".into());
        }
    }
    let mut shown = serde_json::to_value(&report).map_err(unreadable)?;
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("transcript");
    }
    Ok(shown)
}

/// A transcript, as far as somebody may see it.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownTranscript {
    /// The call.
    #[schema(value_type = String)]
    call: RecordName,
    /// What was said, masked.
    #[schema(value_type = Vec<Object>)]
    transcript: Vec<Utterance>,
}

/// Shows a call's masked transcript. The audit log has it that somebody read it.
#[utoipa::path(get, path = "/api/v1/recordings/{call}/transcript", tag = "recordings",
    params(("call" = String, Path, description = "the call's name in the store")), responses(
    (status = 200, description = "the transcript", body = ShownTranscript),
    (status = 403, description = "not theirs to read", body = ProblemDocument),
    (status = 404, description = "there is no such call, or no transcript", body = ProblemDocument),
))]
pub(super) async fn transcript(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    path: Path<String>,
) -> Result<Json<ShownTranscript>, Problem> {
    let call = api
        .call(path, &identity, Permission::ReadTranscript)
        .await?;
    let text = document(&call, Content::Transcript).await?;
    let unreadable = |_| Problem::new(Code::Altered, "the transcript is not readable");
    let said: Vec<Utterance> = serde_json::from_slice(&text).map_err(unreadable)?;
    let view = view_of(&identity, call.subject());
    let action = Action::TranscriptRead;
    api.tell_of_call(&identity, action, call.name.as_str(), "transcript")
        .await?;
    Ok(Json(ShownTranscript {
        transcript: said
            .into_iter()
            .filter_map(|said| shown(said, view))
            .collect(),
        call: call.name,
    }))
}

/// What of an utterance is shown.
fn shown(mut said: Utterance, view: View) -> Option<Utterance> {
    let words = said.words.iter().map(|word| word.text.as_str());
    let shown = view.of(&said.text, words)?;
    let texts: Option<Vec<String>> = shown
        .words
        .map(|words| words.into_iter().map(Cow::into_owned).collect());
    said.text = shown.text.into_owned();
    match texts {
        Some(texts) => {
            for (word, text) in said.words.iter_mut().zip(texts) {
                word.text = text;
            }
        }
        None => said.words.clear(),
    }
    Some(said)
}

async fn document(call: &Placed, content: Content) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let vault = call.vault.clone();
    let name = call.name.clone();
    Ok(blocking(move || vault.document(&name, content)).await??)
}

/// Plays a recording: WAV, whole or the range of bytes that is asked for (RFC 9110, 14). The audit log has it that
/// somebody listened.
#[utoipa::path(get, path = "/api/v1/recordings/{call}/audio", tag = "recordings",
    params(
        ("call" = String, Path, description = "the call's name in the store"),
        ("Range" = Option<String>, Header, description = "one range of bytes"),
    ), responses(
    (status = 200, description = "the recording", content_type = "audio/wav"),
    (status = 206, description = "a part of it", content_type = "audio/wav"),
    (status = 403, description = "not theirs to hear", body = ProblemDocument),
    (status = 416, description = "it has no such bytes", body = ProblemDocument),
    (status = 423, description = "it is locked away", body = ProblemDocument),
))]
pub(super) async fn play(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    path: Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let call = api.call(path, &identity, Permission::PlayRecording).await?;
    let opened = audio::open(&call).await?;
    let range = audio::range(&headers, opened.length())?;
    let who = super::audit::actor(&identity);
    let name = call.name.as_str();
    if super::lock(&api.played).begins(&who, name) {
        let told = api.tell_of_call(&identity, Action::RecordingPlayed, name, "audio");
        if let Err(problem) = told.await {
            super::lock(&api.played).forget(&who, name);
            return Err(problem);
        }
    }
    Ok(audio::answer(opened, range))
}

/// Takes a part of a call out: `audio` (WAV), `report` or `transcript` (JSON), as they are stored. The audit log has it.
#[utoipa::path(get, path = "/api/v1/recordings/{call}/export/{part}", tag = "recordings",
    params(
        ("call" = String, Path, description = "the call's name in the store"),
        ("part" = String, Path, description = "`audio`, `report` or `transcript`"),
    ), responses(
    (status = 200, description = "the part, as a file"),
    (status = 403, description = "not theirs to take", body = ProblemDocument),
    (status = 404, description = "there is no such call or part", body = ProblemDocument),
))]
pub(super) async fn export(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((name, part)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let call = api
        .call(Path(name), &identity, Permission::ExportRecording)
        .await?;
    let (action, part, content) = match part.as_str() {
        "audio" => (Action::RecordingExported, "audio", None),
        "report" => (Action::RecordingExported, "report", Some(Content::Report)),
        "transcript" => (
            Action::RecordingExported,
            "transcript",
            Some(Content::Transcript),
        ),
        _ => {
            let problem = "a call has the parts audio, report and transcript";
            return Err(Problem::new(Code::NoSuchPart, problem));
        }
    };
    let name = call.name.as_str();
    let (mut response, file) = match content {
        None => {
            let opened = audio::open(&call).await?;
            api.tell_of_call(&identity, action, name, part).await?;
            (audio::answer(opened, None), format!("{name}.wav"))
        }
        Some(content) => {
            let view = view_of(&identity, call.subject());
            let text = document(&call, content).await?;
            let value = match content {
                Content::Report => shown_report(&text, &identity, call.subject())?,
                _ => {
                    let unreadable =
                        |_| Problem::new(Code::Altered, "the transcript is not readable");
                    // To take a transcript out takes the permission to read it.
                    api.authorise(&identity, Permission::ReadTranscript, &call)
                        .await?;
                    let said: Vec<Utterance> = serde_json::from_slice(&text).map_err(unreadable)?;
                    let said: Vec<_> = said
                        .into_iter()
                        .filter_map(|said| shown(said, view))
                        .collect();
                    serde_json::to_value(said).map_err(unreadable)?
                }
            };
            api.tell_of_call(&identity, action, name, part).await?;
            (Json(value).into_response(), format!("{name}.{part}.json"))
        }
    };
    attach(&mut response, &file);
    Ok(response)
}

/// Takes a call's signed evidence out, as `hushgate audit export` writes it. The audit log has it.
#[utoipa::path(get, path = "/api/v1/recordings/{call}/evidence", tag = "recordings",
    params(("call" = String, Path, description = "the call's name in the store")), responses(
    (status = 200, description = "the evidence, as a file", content_type = "application/json"),
    (status = 403, description = "not theirs to take", body = ProblemDocument),
    (status = 404, description = "there is no such call, or no audit log", body = ProblemDocument),
))]
pub(super) async fn evidence(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    path: Path<String>,
) -> Result<Response, Problem> {
    let call = api
        .call(path, &identity, Permission::ExportEvidence)
        .await?;
    let Some(log) = api.services.log.clone() else {
        return Err(Problem::new(Code::NoSuchPart, "no audit log is kept"));
    };
    let name = call.name.as_str().to_owned();
    let collected = api.long.run(move || {
        let keys = KeyFiles::new(&log.keys).load()?;
        Bundle::collect(&log.files(), &name, &keys, |_, _| {})
    });
    let collected = collected.await?;
    let bundle = collected.map_err(|error| Problem::internal("collecting the evidence", &error))?;
    let action = Action::EvidenceExported;
    let name = call.name.as_str();
    api.tell_of_call(&identity, action, name, "evidence")
        .await?;
    let kind = [(CONTENT_TYPE, "application/json")];
    let mut response = (kind, bundle.to_json()).into_response();
    attach(&mut response, &format!("{name}.evidence.json"));
    Ok(response)
}

/// Has a browser keep the answer as a file. Names of calls are letters, digits, `_` and `-`.
fn attach(response: &mut Response, file: &str) {
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{file}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
}
