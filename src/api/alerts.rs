//! Alerts: seen, answered; and the rules that raise them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::actor;
use super::problem::{Code, Problem, ProblemDocument};
use super::query::{Query, limit};
use super::signing_in::Body;
use super::{Api, Shared};
use crate::access::{Decision, Denial, Identity, Permission, Subject, permits};
use crate::call::note::is_free_of_numbers;
use crate::store::alerts::{Alert, Alerts, Answer, Place, Wanted};
use crate::store::audit::{Action, Record};
use crate::store::deliveries::Deliveries;

/// Alerts of a page, unless told otherwise.
const PAGE: u32 = 50;
/// The most that may be asked for.
const LONGEST_PAGE: u32 = 500;
/// Alerts that are looked through for one page, of which somebody may see few.
const MOST_LOOKED_AT: usize = 10_000;
/// Longest note in characters.
const LONGEST_NOTE: usize = 300;

impl Shared {
    fn alerts(&self) -> Alerts {
        Alerts::new(self.services.accounts.database().clone())
    }

    pub(super) fn deliveries(&self) -> Deliveries {
        Deliveries::new(self.services.accounts.database().clone())
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

/// Which permission somebody lacks to see an alert. One that tells a kind of data takes that of knowing kinds too.
fn sees(identity: &Identity, alert: &Alert) -> Result<(), (Permission, Denial)> {
    let kinds = alert.kind.tells_kind().then_some(Permission::SeeKinds);
    for permission in [Some(Permission::SeeAlerts), kinds].into_iter().flatten() {
        if let Decision::Denied(denial) = permits(identity, permission, place(alert)) {
            return Err((permission, denial));
        }
    }
    Ok(())
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
    let limit = limit(search.limit.as_deref(), PAGE, LONGEST_PAGE)?;
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
            if sees(&identity, &alert).is_ok() {
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
    let answers = Permission::AnswerAlerts;
    let allowed =
        sees(&identity, &alert).and_then(|()| match permits(&identity, answers, place(&alert)) {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err((answers, denial)),
        });
    if let Err((permission, denial)) = allowed {
        return Err(api
            .deny(&identity, permission, denial, Some(&alert.call))
            .await);
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
    let is_bad = |text: &String| {
        text.chars().count() > LONGEST_NOTE
            || !is_free_of_numbers(text)
            || text.chars().any(|c| c.is_control() && c != '\n')
    };
    if text.as_ref().is_some_and(is_bad) {
        return Err("note: expected 300 characters at most, without long numbers");
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

/// Lists the rules that raise alerts in calls of places where somebody may see them.
#[utoipa::path(get, path = "/api/v1/alerts/rules", operation_id = "alert_rules", tag = "alerts", responses(
    (status = 200, description = "rules", body = FoundRules),
))]
pub(super) async fn rules(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
) -> Json<FoundRules> {
    let sees_kinds = permits(&identity, Permission::SeeKinds, Subject::SomeCalls).is_allowed();
    let scope = &identity.scope;
    let rules = api.services.rules.all().filter(|rule| {
        (sees_kinds || !rule.test.kind().tells_kind())
            && meet(&rule.sites, scope.sites.as_ref())
            && meet(&rule.queues, scope.queues.as_ref())
    });
    let rules = crate::config::alerts::json(rules);
    Json(FoundRules { rules })
}

/// Whether there is a place that is of a rule's and of somebody's; a rule without any has all, as has who has no list.
fn meet(rule: &[String], theirs: Option<&BTreeSet<String>>) -> bool {
    let shared = |theirs: &BTreeSet<String>| rule.iter().any(|place| theirs.contains(place));
    rule.is_empty() || theirs.is_none_or(shared)
}
