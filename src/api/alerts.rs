//! Alerts: seen, answered; and the rules that raise them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::actor;
use super::problem::{Code, Problem, ProblemDocument};
use super::query::Query;
use super::signing_in::Body;
use super::{Api, Shared};
use crate::access::{Decision, Identity, Permission, Subject, permits};
use crate::alert::Rules;
use crate::config::webhooks::Webhook;
use crate::store::alerts::{Alert, Alerts, Answer, Place, Wanted};
use crate::store::audit::{Action, Record};
use crate::store::database::Database;
use crate::store::deliveries::Deliveries;

/// Alerts of a page, unless told otherwise.
const PAGE: u32 = 50;
/// The most that may be asked for.
const LONGEST_PAGE: u32 = 500;
/// Alerts that are looked through for one page, of which somebody may see few.
const MOST_LOOKED_AT: usize = 10_000;
/// Longest note in characters.
const LONGEST_NOTE: usize = 300;
/// Digits that a note may have at most.
const MOST_DIGITS: usize = 12;

/// What alerts are raised by, where they are, and who is told of them.
#[derive(Debug)]
pub struct Desk {
    /// The rules of the configuration.
    pub rules: Rules,
    /// Its endpoints.
    pub webhooks: Vec<Webhook>,
    /// Where alerts and what waits for endpoints are.
    pub database: Database,
}

impl Shared {
    fn alerts(&self) -> Alerts {
        Alerts::new(self.alerts_database().clone())
    }

    pub(super) fn deliveries(&self) -> Deliveries {
        Deliveries::new(self.alerts_database().clone())
    }

    fn alerts_database(&self) -> &Database {
        match self.desk.get() {
            Some(desk) => &desk.database,
            None => self.services.accounts.database(),
        }
    }

    pub(super) fn webhooks(&self) -> &[Webhook] {
        self.desk.get().map_or(&[], |desk| &desk.webhooks)
    }
}

/// Where an alert's call was.
fn place(alert: &Alert) -> Subject<'_> {
    Subject::Call {
        site: alert.site.as_deref(),
        queue: alert.queue.as_deref(),
        agent: alert.agent.as_deref(),
    }
}

/// Which alerts: all that is given has to hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// `open` or `answered`.
    state: Option<String>,
    /// Of this call.
    call: Option<String>,
    /// Raised at or after: `2026-11-22T10:00:00Z`.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Alerts of the page: 50 unless told otherwise, 500 at most.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A page of alerts.
#[derive(Serialize, ToSchema)]
pub(super) struct FoundAlerts {
    /// The latest first.
    #[schema(value_type = Vec<Object>)]
    alerts: Vec<Alert>,
    /// What `after` of the next page is; absent when this is the last.
    next: Option<String>,
}

/// Lists alerts, the latest first. Those of calls that somebody may not see are not in it.
#[utoipa::path(get, path = "/api/v1/alerts", operation_id = "alerts", tag = "alerts", params(Search), responses(
    (status = 200, description = "alerts", body = FoundAlerts),
    (status = 400, description = "not understood", body = ProblemDocument),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Query(search): Query<Search>,
) -> Result<Json<FoundAlerts>, Problem> {
    let bad = |what: &str| Problem::new(Code::BadRequest, what);
    let limit = match search.limit.as_deref().map(str::parse) {
        None => PAGE,
        Some(Ok(limit)) if (1..=LONGEST_PAGE).contains(&limit) => limit,
        Some(_) => return Err(bad("limit: expected 1 to 500")),
    };
    let answered = match search.state.as_deref() {
        None => None,
        Some("open") => Some(false),
        Some("answered") => Some(true),
        Some(_) => return Err(bad("state: expected open or answered")),
    };
    let mut after: Option<Place> = search
        .after
        .as_deref()
        .map(|text| {
            text.parse()
                .map_err(|_| bad("after: expected what the page before gave as `next`"))
        })
        .transpose()?;
    let wanted = Wanted {
        answered,
        call: search.call,
        from: search.from,
    };
    let store = api.alerts();
    let mut alerts = Vec::new();
    let mut looked_at = 0;
    let next = loop {
        let page = store.list(&wanted, after.as_ref(), LONGEST_PAGE).await?;
        let is_last = page.len() < LONGEST_PAGE as usize;
        for alert in page {
            if alerts.len() == limit as usize {
                break;
            }
            looked_at += 1;
            after = Some(Place::after(&alert));
            if permits(&identity, Permission::SeeAlerts, place(&alert)).is_allowed() {
                alerts.push(alert);
            }
        }
        if alerts.len() == limit as usize || looked_at >= MOST_LOOKED_AT {
            break after;
        }
        if is_last {
            break None;
        }
    };
    Ok(Json(FoundAlerts {
        alerts,
        next: next.map(|next| next.to_string()),
    }))
}

/// How an alert was dealt with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GiveAnswer {
    /// What was done: 300 characters at most, without long numbers.
    #[serde(default)]
    note: Option<String>,
}

/// Says that an alert was dealt with.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/answer", operation_id = "answer_alert", tag = "alerts", request_body = GiveAnswer,
    params(("id" = String, Path, description = "the alert's id")), responses(
    (status = 200, description = "answered", body = Object),
    (status = 400, description = "not accepted", body = ProblemDocument),
    (status = 404, description = "there is no such alert", body = ProblemDocument),
    (status = 409, description = "somebody answered it before", body = ProblemDocument),
))]
pub(super) async fn answer(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
    Body(given): Body<GiveAnswer>,
) -> Result<Json<Alert>, Problem> {
    let unknown = || Problem::new(Code::UnknownAlert, "there is no such alert");
    let store = api.alerts();
    let alert = store.get(&id).await?.ok_or_else(unknown)?;
    for permission in [Permission::SeeAlerts, Permission::AnswerAlerts] {
        if let Decision::Denied(denial) = permits(&identity, permission, place(&alert)) {
            return Err(api
                .deny(&identity, permission, denial, Some(&alert.call))
                .await);
        }
    }
    let note = note(given.note).map_err(|wrong| Problem::new(Code::BadRequest, wrong))?;
    if let Some(before) = &alert.answer {
        let who = format!("{} answered this alert before", before.by);
        return Err(Problem::new(Code::Conflict, who));
    }
    api.tell(answered(&alert).by(actor(&identity))).await?;
    let answer = Answer {
        by: identity.name.clone(),
        at: Timestamp::now(),
        note,
    };
    if !store.answer(&id, &answer).await? {
        return Err(Problem::new(
            Code::Conflict,
            "somebody answered this alert before",
        ));
    }
    store.get(&id).await?.map(Json).ok_or_else(unknown)
}

/// The entry about an answer.
pub(crate) fn answered(alert: &Alert) -> Record {
    Record::new(Action::AlertAnswered)
        .about(&alert.call)
        .with_name("alert", &alert.id)
        .with_words("rule", &alert.rule)
}

/// A note as it may be kept.
fn note(text: Option<String>) -> Result<Option<String>, &'static str> {
    let text = text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty());
    if let Some(text) = &text {
        let digits = text.chars().filter(|c| c.is_numeric()).count();
        if text.chars().count() > LONGEST_NOTE
            || digits > MOST_DIGITS
            || text.chars().any(|c| c.is_control() && c != '\n')
        {
            return Err("note: expected 300 characters at most, without long numbers");
        }
    }
    Ok(text)
}

/// The rules of the configuration.
#[derive(Serialize, ToSchema)]
pub(super) struct FoundRules {
    /// In the configuration's order, as it has them.
    #[schema(value_type = Vec<Object>)]
    rules: serde_json::Value,
}

/// Lists the rules that raise alerts.
#[utoipa::path(get, path = "/api/v1/alerts/rules", operation_id = "alert_rules", tag = "alerts", responses(
    (status = 200, description = "rules", body = FoundRules),
))]
pub(super) async fn rules(State(api): State<Api>) -> Json<FoundRules> {
    let none = Rules::default();
    let rules = api.desk.get().map_or(&none, |desk| &desk.rules);
    let rules = crate::config::alerts::json(rules);
    Json(FoundRules { rules })
}
