//! The pages for people: the dashboard and the agent's view, as files inside the program.
//!
//! The files are what browsers get: nothing is built or bundled. They hold no data and need no proof; what they show they
//! ask of the interface. An asset's address has the version of all of them, so that browsers keep them for good and never
//! mix two versions.
//!
//! **Architecture invariant:** pages run scripts of their own address alone, no inline ones, and make elements without
//! markup (`require-trusted-types-for`), so that no text of a call becomes script.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Api;
use super::guard::{SESSION_COOKIE, cookie};
use super::problem::{Code, Problem, ProblemDocument};

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// A file: its name, type and contents.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($name:literal: $kind:ident,)+) => {
        &[$(Asset { name: $name, kind: $kind, text: include_str!(concat!("pages/", $name)) }),+]
    };
}

const ASSETS: &[Asset] = assets! {
    "agent.js": SCRIPT,
    "alerts.js": SCRIPT,
    "api.js": SCRIPT,
    "app.js": SCRIPT,
    "call.js": SCRIPT,
    "calls.js": SCRIPT,
    "chart.js": SCRIPT,
    "controls.js": SCRIPT,
    "dom.js": SCRIPT,
    "format.js": SCRIPT,
    "frames.js": SCRIPT,
    "i18n.js": SCRIPT,
    "icon.svg": PICTURE,
    "listen.js": SCRIPT,
    "listen_worklet.js": SCRIPT,
    "live.js": SCRIPT,
    "me.js": SCRIPT,
    "overview.js": SCRIPT,
    "problems.js": SCRIPT,
    "recording.js": SCRIPT,
    "recordings.js": SCRIPT,
    "requests.js": SCRIPT,
    "sign_in.js": SCRIPT,
    "spoken.js": SCRIPT,
    "states.js": SCRIPT,
    "style.css": STYLE,
    "timeline.js": SCRIPT,
    "users.js": SCRIPT,
    "wave.js": SCRIPT,
    "words_en.js": SCRIPT,
    "words_ko.js": SCRIPT,
};
const DASHBOARD: &str = include_str!("pages/index.html");
const AGENT: &str = include_str!("pages/agent.html");

/// What all assets are together: the beginning of their SHA-256.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in ASSETS {
        digest.update(asset.name);
        digest.update([0]);
        digest.update(asset.text);
        digest.update([0]);
    }
    let hex = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    hex[..16].to_owned()
});

/// Marks an answer that pages of other addresses may show in a frame.
#[derive(Clone)]
pub(super) struct Framed;

/// The dashboard. It holds no data: what it shows it asks of the interface.
#[utoipa::path(get, path = "/", tag = "pages", responses(
    (status = 200, description = "the dashboard", content_type = "text/html"),
))]
pub(super) async fn dashboard(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page(&api, DASHBOARD, &headers, &[])
}

/// The agent's view. Pages of `[api] frame_ancestors` may show it in a frame.
#[utoipa::path(get, path = "/agent", tag = "pages", responses(
    (status = 200, description = "the agent's view", content_type = "text/html"),
))]
pub(super) async fn agent(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    page(&api, AGENT, &headers, &api.services.frame_ancestors)
}

/// A page. Whether a cookie is there decides alone whether it asks who is signed in or shows the form at once.
fn page(
    api: &Api,
    text: &str,
    headers: &HeaderMap,
    ancestors: &[String],
) -> Result<Response, Problem> {
    let yes_or_no = |is: bool| if is { "yes" } else { "no" };
    let has_session = cookie(headers, SESSION_COOKIE).is_some_and(|secret| !secret.is_empty());
    let text = text
        .replace("@version@", &VERSION)
        .replace("@session@", yes_or_no(has_session))
        .replace("@openid@", yes_or_no(api.openid.is_some()));
    let mut response = text.into_response();
    let answer = response.headers_mut();
    answer.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    let policy = HeaderValue::try_from(policy(ancestors))
        .map_err(|error| Problem::internal("the page", &error))?;
    answer.insert(CONTENT_SECURITY_POLICY, policy);
    if !ancestors.is_empty() {
        response.extensions_mut().insert(Framed);
    }
    Ok(response)
}

/// What a page may load, run and reach, and who may show it in a frame.
fn policy(ancestors: &[String]) -> String {
    let ancestors = if ancestors.is_empty() {
        "'none'".to_owned()
    } else {
        ancestors.join(" ")
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         media-src 'self' blob:; worker-src 'self'; frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// A script, style or picture of the pages. Its address never changes what it means, so that browsers keep it.
#[utoipa::path(get, path = "/assets/{version}/{file}", tag = "pages",
    params(
        ("version" = String, Path, description = "the version that the page names"),
        ("file" = String, Path, description = "the file's name"),
    ), responses(
    (status = 200, description = "the file"),
    (status = 304, description = "the file that the browser has is the one"),
    (status = 404, description = "there is none, or none of this version", body = ProblemDocument),
))]
pub(super) async fn asset(
    Path((version, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = ASSETS
        .iter()
        .find(|asset| asset.name == file && version == *VERSION);
    let asset = found.ok_or_else(|| {
        Problem::new(
            Code::UnknownPage,
            "there is no such file of this version; load the page again",
        )
    })?;
    let tag = format!("\"{}\"", *VERSION);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| {
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == tag)
    });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, asset.kind)], asset.text).into_response()
    };
    let answer = response.headers_mut();
    answer.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    if let Ok(tag) = HeaderValue::try_from(tag) {
        answer.insert(ETAG, tag);
    }
    Ok(response)
}

#[cfg(test)]
mod tests;
