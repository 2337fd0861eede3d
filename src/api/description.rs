//! The interface's description (OpenAPI 3.1), made of the handlers; what each takes is written in from the routes.

use axum::Json;
use axum::http::Method;
use utoipa::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use super::routes::{Need, all};
use super::{
    administration, alerts, custody, health, live, openid, pages, policies, problem, recordings,
    reports, signing_in, trail, webhooks,
};

/// The member of each operation that says what it takes: `none`, `signed_in` or a permission of `docs/access.md`.
pub const NEED: &str = "x-hushgate-permission";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hushgate",
        description = "Calls, records, users and tokens of a hushgate gateway. Errors are RFC 9457 problem documents; `code` \
                       stays. See docs/api.md and docs/access.md.",
    ),
    paths(
        page,
        pages::dashboard,
        pages::agent,
        pages::asset,
        health::healthz,
        health::readyz,
        health::version,
        health::metrics,
        signing_in::sign_in,
        signing_in::sign_out,
        signing_in::me,
        signing_in::change_password,
        openid::start,
        openid::callback,
        live::list,
        live::events,
        live::socket,
        live::detail,
        live::listen,
        live::protection,
        live::pause,
        live::resume,
        live::blank,
        live::mark,
        live::message,
        recordings::list,
        recordings::detail,
        recordings::transcript,
        recordings::play,
        recordings::export,
        recordings::evidence,
        administration::users,
        administration::add_user,
        administration::change_user,
        administration::tokens,
        administration::add_token,
        administration::revoke_token,
        custody::due,
        custody::run,
        custody::holds,
        custody::place_hold,
        custody::release_hold,
        custody::erasures,
        custody::request_erasure,
        custody::erasure,
        custody::approve_erasure,
        custody::reject_erasure,
        custody::certificate,
        reports::report,
        trail::entries,
        trail::verify,
        policies::current,
        policies::validate,
        policies::try_policy,
        policies::activate,
        alerts::list,
        alerts::rules,
        alerts::answer,
        webhooks::list,
        webhooks::dead,
        webhooks::retry,
    ),
    components(schemas(problem::ProblemDocument, problem::Code))
)]
struct Description;

/// What a route takes, as the description says it.
pub fn need_name(need: Need) -> &'static str {
    match need {
        Need::Nothing => "none",
        Need::SignedIn => "signed_in",
        Need::Permission(permission) => permission.name(),
    }
}

/// The description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    let cookie = ApiKeyValue::new(super::guard::SESSION_COOKIE);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    for route in all() {
        let Some(method) = method_of(&route.method) else {
            continue;
        };
        let item = description.paths.paths.get_mut(route.path);
        let operation: Option<&mut Operation> = item.and_then(|item| match method {
            HttpMethod::Get => item.get.as_mut(),
            HttpMethod::Put => item.put.as_mut(),
            HttpMethod::Post => item.post.as_mut(),
            HttpMethod::Patch => item.patch.as_mut(),
            HttpMethod::Delete => item.delete.as_mut(),
            _ => None,
        });
        let Some(operation) = operation else {
            continue;
        };
        let need = ExtensionsBuilder::new()
            .add(NEED, need_name(route.need))
            .build();
        operation.extensions = Some(need);
        operation.security = (route.need != Need::Nothing).then(|| {
            ["token", "session"]
                .map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()))
                .to_vec()
        });
    }
    description
}

fn method_of(method: &Method) -> Option<HttpMethod> {
    Some(match *method {
        Method::GET => HttpMethod::Get,
        Method::PUT => HttpMethod::Put,
        Method::POST => HttpMethod::Post,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => return None,
    })
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses(
    (status = 200, description = "this description", body = Object),
))]
pub(super) async fn page() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who changes the interface changes the description that others rely on, and sees it.
    #[test]
    fn the_description_is_the_committed_one() {
        let mut text = serde_json::to_string_pretty(&openapi()).unwrap();
        text.push('\n');
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("HUSHGATE_WRITE_OPENAPI").is_some() {
            std::fs::write(file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == text,
            "docs/openapi.json is stale; write it anew: HUSHGATE_WRITE_OPENAPI=1 cargo nextest run \
             the_description_is_the_committed_one"
        );
    }
}
