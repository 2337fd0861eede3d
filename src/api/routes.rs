//! Every route: where it is, what it takes, who answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::problem::{Code, Problem};
use super::{
    Api, Interface, administration, alerts, custody, description, guard, health, live, openid,
    pages, policies, recordings, reports, signing_in, trail, webhooks,
};
use crate::access::Permission;

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Somebody who proved who they are.
    SignedIn,
    /// Somebody who may do this.
    Permission(Permission),
}

/// A route.
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` for what varies.
    pub path: &'static str,
    /// What it takes.
    pub need: Need,
    handler: MethodRouter<Api>,
}

impl Route {
    fn new(method: Method, path: &'static str, need: Need, handler: MethodRouter<Api>) -> Self {
        Self {
            method,
            path,
            need,
            handler,
        }
    }
}

/// All routes.
pub fn all() -> Vec<Route> {
    use Need::{Nothing, SignedIn};
    let may = Need::Permission;
    let route = Route::new;
    vec![
        route(Method::GET, "/", Nothing, get(pages::dashboard)),
        route(Method::GET, "/agent", Nothing, get(pages::agent)),
        route(
            Method::GET,
            "/assets/{version}/{file}",
            Nothing,
            get(pages::asset),
        ),
        route(Method::GET, "/healthz", Nothing, get(health::healthz)),
        route(Method::GET, "/readyz", Nothing, get(health::readyz)),
        route(
            Method::GET,
            "/openapi.json",
            Nothing,
            get(description::page),
        ),
        route(Method::GET, "/version", SignedIn, get(health::version)),
        route(
            Method::GET,
            "/metrics",
            may(Permission::ReadMetrics),
            get(health::metrics),
        ),
        route(
            Method::POST,
            "/api/v1/sign-in",
            Nothing,
            post(signing_in::sign_in),
        ),
        route(
            Method::POST,
            "/api/v1/sign-out",
            SignedIn,
            post(signing_in::sign_out),
        ),
        route(Method::GET, "/api/v1/me", SignedIn, get(signing_in::me)),
        route(
            Method::PUT,
            "/api/v1/me/password",
            SignedIn,
            put(signing_in::change_password),
        ),
        route(
            Method::GET,
            "/api/v1/openid/start",
            Nothing,
            get(openid::start),
        ),
        route(
            Method::GET,
            "/api/v1/openid/callback",
            Nothing,
            get(openid::callback),
        ),
        route(
            Method::GET,
            "/api/v1/live",
            may(Permission::SeeLiveCalls),
            get(live::list),
        ),
        route(
            Method::GET,
            "/api/v1/live/events",
            may(Permission::SeeLiveCalls),
            get(live::events),
        ),
        route(
            Method::GET,
            "/api/v1/live/socket",
            may(Permission::SeeLiveCalls),
            get(live::socket),
        ),
        route(
            Method::GET,
            "/api/v1/live/{call}",
            may(Permission::SeeLiveCalls),
            get(live::detail),
        ),
        route(
            Method::GET,
            "/api/v1/live/{call}/listen",
            may(Permission::ListenLive),
            get(live::listen),
        ),
        route(
            Method::GET,
            "/api/v1/live/{call}/protection",
            may(Permission::PauseRecording),
            get(live::protection),
        ),
        route(
            Method::POST,
            "/api/v1/live/{call}/pause",
            may(Permission::PauseRecording),
            post(live::pause),
        ),
        route(
            Method::POST,
            "/api/v1/live/{call}/resume",
            may(Permission::PauseRecording),
            post(live::resume),
        ),
        route(
            Method::POST,
            "/api/v1/live/{call}/blank",
            may(Permission::PauseRecording),
            post(live::blank),
        ),
        route(
            Method::POST,
            "/api/v1/live/{call}/marks",
            may(Permission::MarkCall),
            post(live::mark),
        ),
        route(
            Method::POST,
            "/api/v1/live/{call}/messages",
            may(Permission::MessageAgent),
            post(live::message),
        ),
        route(
            Method::GET,
            "/api/v1/recordings",
            may(Permission::ListRecordings),
            get(recordings::list),
        ),
        route(
            Method::GET,
            "/api/v1/recordings/{call}",
            may(Permission::ReadReport),
            get(recordings::detail),
        ),
        route(
            Method::GET,
            "/api/v1/recordings/{call}/transcript",
            may(Permission::ReadTranscript),
            get(recordings::transcript),
        ),
        route(
            Method::GET,
            "/api/v1/recordings/{call}/audio",
            may(Permission::PlayRecording),
            get(recordings::play),
        ),
        route(
            Method::GET,
            "/api/v1/recordings/{call}/export/{part}",
            may(Permission::ExportRecording),
            get(recordings::export),
        ),
        route(
            Method::GET,
            "/api/v1/recordings/{call}/evidence",
            may(Permission::ExportEvidence),
            get(recordings::evidence),
        ),
        route(
            Method::GET,
            "/api/v1/users",
            may(Permission::ListUsers),
            get(administration::users),
        ),
        route(
            Method::POST,
            "/api/v1/users",
            may(Permission::ManageUsers),
            post(administration::add_user),
        ),
        route(
            Method::PATCH,
            "/api/v1/users/{name}",
            may(Permission::ManageUsers),
            patch(administration::change_user),
        ),
        route(
            Method::GET,
            "/api/v1/tokens",
            may(Permission::ListTokens),
            get(administration::tokens),
        ),
        route(
            Method::POST,
            "/api/v1/tokens",
            may(Permission::ManageTokens),
            post(administration::add_token),
        ),
        route(
            Method::DELETE,
            "/api/v1/tokens/{id}",
            may(Permission::ManageTokens),
            delete(administration::revoke_token),
        ),
        route(
            Method::GET,
            "/api/v1/retention",
            may(Permission::ReadRetention),
            get(custody::due),
        ),
        route(
            Method::POST,
            "/api/v1/retention/run",
            may(Permission::RunRetention),
            post(custody::run),
        ),
        route(
            Method::GET,
            "/api/v1/holds",
            may(Permission::ReadRetention),
            get(custody::holds),
        ),
        route(
            Method::POST,
            "/api/v1/holds",
            may(Permission::PlaceHolds),
            post(custody::place_hold),
        ),
        route(
            Method::POST,
            "/api/v1/holds/{id}/release",
            may(Permission::PlaceHolds),
            post(custody::release_hold),
        ),
        route(
            Method::GET,
            "/api/v1/erasures",
            may(Permission::ReadErasures),
            get(custody::erasures),
        ),
        route(
            Method::POST,
            "/api/v1/erasures",
            may(Permission::RequestErasure),
            post(custody::request_erasure),
        ),
        route(
            Method::GET,
            "/api/v1/erasures/{id}",
            may(Permission::ReadErasures),
            get(custody::erasure),
        ),
        route(
            Method::POST,
            "/api/v1/erasures/{id}/approve",
            may(Permission::ApproveErasure),
            post(custody::approve_erasure),
        ),
        route(
            Method::POST,
            "/api/v1/erasures/{id}/reject",
            may(Permission::ApproveErasure),
            post(custody::reject_erasure),
        ),
        route(
            Method::GET,
            "/api/v1/erasures/{id}/certificate",
            may(Permission::ReadErasures),
            get(custody::certificate),
        ),
        route(
            Method::GET,
            "/api/v1/reports",
            may(Permission::ReadComplianceReports),
            get(reports::report),
        ),
        route(
            Method::GET,
            "/api/v1/audit",
            may(Permission::ReadAuditLog),
            get(trail::entries),
        ),
        route(
            Method::GET,
            "/api/v1/audit/verify",
            may(Permission::ReadAuditLog),
            get(trail::verify),
        ),
        route(
            Method::GET,
            "/api/v1/policies/current",
            may(Permission::ReadPolicies),
            get(policies::current),
        ),
        route(
            Method::POST,
            "/api/v1/policies/validate",
            may(Permission::ReadPolicies),
            post(policies::validate),
        ),
        route(
            Method::POST,
            "/api/v1/policies/try",
            may(Permission::TestPolicies),
            post(policies::try_policy),
        ),
        route(
            Method::POST,
            "/api/v1/policies/activate",
            may(Permission::ActivatePolicies),
            post(policies::activate),
        ),
        route(
            Method::GET,
            "/api/v1/alerts",
            may(Permission::SeeAlerts),
            get(alerts::list),
        ),
        route(
            Method::GET,
            "/api/v1/alerts/rules",
            may(Permission::SeeAlerts),
            get(alerts::rules),
        ),
        route(
            Method::POST,
            "/api/v1/alerts/{id}/answer",
            may(Permission::AnswerAlerts),
            post(alerts::answer),
        ),
        route(
            Method::GET,
            "/api/v1/webhooks",
            may(Permission::ReadConfiguration),
            get(webhooks::list),
        ),
        route(
            Method::GET,
            "/api/v1/webhooks/dead",
            may(Permission::ReadConfiguration),
            get(webhooks::dead),
        ),
        route(
            Method::POST,
            "/api/v1/webhooks/dead/{id}/retry",
            may(Permission::ManageWebhooks),
            post(webhooks::retry),
        ),
    ]
}

async fn unknown_page() -> impl IntoResponse {
    Problem::new(
        Code::UnknownPage,
        "there is no such page; /openapi.json describes those there are",
    )
}

async fn wrong_method() -> impl IntoResponse {
    Problem::new(Code::WrongMethod, "this page knows no such method")
}

impl Interface {
    /// All routes, each behind the guard.
    pub(super) fn router(&self) -> Router {
        let api = Arc::clone(&self.0);
        let mut pages: BTreeMap<&str, MethodRouter<Api>> = BTreeMap::new();
        for route in all() {
            let guarded = route.handler.route_layer(from_fn_with_state(
                (Arc::clone(&api), route.need),
                guard::guard,
            ));
            let page = pages.remove(route.path).unwrap_or_default();
            pages.insert(route.path, page.merge(guarded));
        }
        pages
            .into_iter()
            .fold(Router::new(), |router, (path, page)| {
                router.route(path, page.fallback(wrong_method))
            })
            .fallback(unknown_page)
            .layer(from_fn(guard::headers))
            .with_state(api)
    }
}
