//! Compliance reports, as the command makes them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::runtime::Handle;
use utoipa::IntoParams;

use super::Api;
use super::calls::{all_as_one, place, plain_alerts};
use super::problem::{Code, Problem, ProblemDocument};
use super::query::Query;
use crate::access::{Identity, Permission, Subject, permits};
use crate::gateway::reports::{Form, Moment, Period, Sources, gather, written};
use crate::store::index::IndexedCall;
use crate::store::summary::By;

/// Of what, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Calls that began on this day or later: `2026-11-01`; unless told otherwise 30 days before `to`.
    from: Option<String>,
    /// Calls that began up to the end of this day; unless told otherwise until now.
    to: Option<String>,
    /// `site` (unless told otherwise), `vendor`, `queue`, `agent` or `day`.
    by: Option<String>,
    /// `json` (unless told otherwise), `html` or `csv`.
    format: Option<String>,
}

/// Sums up a period: calls that the reader may see. Nothing is decrypted for it.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports", params(Wanted), responses(
    (status = 200, description = "the report", content(
        (Object = "application/json"), (String = "text/html"), (String = "text/csv"))),
    (status = 400, description = "not understood", body = ProblemDocument),
))]
pub(super) async fn report(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let bad = |detail: String| Problem::new(Code::BadRequest, detail);
    let moment = |name: &str, text: Option<String>| {
        let moment = text.map(|text| Moment::parse(&text)).transpose();
        moment.map_err(|_| bad(format!("{name}: expected a day such as 2026-11-22")))
    };
    let (from, to) = (moment("from", wanted.from)?, moment("to", wanted.to)?);
    let period = Period::new(from, to).map_err(|wrong| bad(wrong.to_string()))?;
    let by = match wanted.by.as_deref() {
        None | Some("site") => By::Site,
        Some("vendor") => By::Vendor,
        Some("queue") => By::Queue,
        Some("agent") => By::Agent,
        Some("day") => By::Day,
        Some(_) => return Err(bad("by: expected site, vendor, queue, agent or day".into())),
    };
    let (form, kind) = match wanted.format.as_deref() {
        None | Some("json") => (Form::Json, "application/json"),
        Some("html") => (Form::Html, "text/html; charset=utf-8"),
        Some("csv") => (Form::Csv, "text/csv; charset=utf-8"),
        Some(_) => return Err(bad("format: expected json, html or csv".into())),
    };
    let index = api.services.index.clone();
    // Refusals and deeds in the audit log are of no place: they are told to who may see all places.
    let sees_all = permits(
        &identity,
        Permission::ReadComplianceReports,
        Subject::Gateway,
    );
    let log = api.services.log.as_ref().map(|log| log.files());
    let runtime = Handle::current();
    let rules = api.services.rules.clone();
    // The audit log is read from its beginning, which blocks.
    let text = api.long.run(move || {
        let shown = |mut call: IndexedCall| {
            let may = |permission| permits(&identity, permission, place(&call)).is_allowed();
            let is_wanted = may(Permission::ReadComplianceReports);
            let (sees_kinds, sees_alerts) = (may(Permission::SeeKinds), may(Permission::SeeAlerts));
            if !sees_kinds {
                call.hidden_s = all_as_one(&call.hidden_s);
            }
            if !sees_alerts {
                call.alerts.clear();
            } else if !sees_kinds {
                call.alerts = plain_alerts(call.alerts, &rules);
            }
            is_wanted.then_some(call)
        };
        let sources = Sources {
            index: &index,
            log,
            tells_log: sees_all.is_allowed(),
            shown: &shown,
        };
        let summary = runtime.block_on(gather(&sources, &period, by))?;
        written(form, &period, &summary)
    });
    let text = text.await?;
    let text = text.map_err(|error| Problem::internal("summing up", &error))?;
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
