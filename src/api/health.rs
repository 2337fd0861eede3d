//! Whether the gateway is there, and how it does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::calls::blocking;
use super::problem::ProblemDocument;

/// The process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "it runs", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether records can be reached. Strangers are not told why not.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// Whether all of it is.
    ready: bool,
    /// What is not.
    not_ready: Vec<&'static str>,
}

/// Whether records can be reached.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "they can", body = Ready),
    (status = 503, description = "they cannot", body = Ready),
))]
pub(super) async fn readyz(State(api): State<Api>) -> Response {
    let services = &api.services;
    let vault = services.vault.clone();
    let store = blocking(move || vault.check_format()).await;
    let database = services.accounts.database().check().await;
    let audit = services
        .audit
        .as_ref()
        .map_or(Ok(()), |audit| audit.check());
    let not_ready: Vec<&str> = [
        (matches!(store, Ok(Ok(()))), "store"),
        (database.is_ok(), "database"),
        (audit.is_ok(), "audit"),
    ]
    .into_iter()
    .filter_map(|(is_ready, part)| (!is_ready).then_some(part))
    .collect();
    let ready = not_ready.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Ready { ready, not_ready })).into_response()
}

/// Which program this is.
#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    /// `hushgate`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// Tells which version runs.
#[utoipa::path(get, path = "/version", tag = "health", responses(
    (status = 200, description = "the version", body = Version),
    (status = 401, description = "nobody is signed in", body = ProblemDocument),
))]
pub(super) async fn version() -> Json<Version> {
    Json(Version {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// What the gateway has counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "metrics in Prometheus's text form", body = String),
))]
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let text = api.services.metrics.render();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
