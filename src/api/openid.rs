//! Signing in at an identity provider: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).
//!
//! `start` sends the browser there with a state, a nonce and a challenge; `callback` takes the code back, exchanges it
//! for an ID token, verifies that, and begins a session of the role that the token's claims come to.
//!
//! **Architecture invariants:** a code is taken only by the browser that started, once, and within ten minutes. Nothing
//! of a token is believed before its signature, issuer, audience, nonce and times hold.

mod claims;
mod provider;
mod signatures;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::guard::cookie;
use super::problem::{Code, Problem, ProblemDocument};
use super::query::Query;
use super::{Api, Peer, lock, make_room};
use crate::access::secret;
use crate::call::Sensitive;
use crate::config::access::OpenId;
use claims::identity_of;
use provider::Provider;

/// For how long somebody may be at the provider.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Sign-ins that are under way.
const MOST: usize = 1_000;
/// Says that this browser started. The provider's answer comes from its site, so that the cookie has to be lax.
const STATE_COOKIE: &str = "__Host-hushgate_openid";

/// A sign-in that somebody is at.
struct UnderWay {
    nonce: Sensitive<String>,
    verifier: Sensitive<String>,
    begun: Instant,
}

/// The gateway as a client of an identity provider.
pub(super) struct OpenIdClient {
    settings: OpenId,
    provider: Provider,
    /// By the state's hash.
    under_way: Mutex<BTreeMap<String, UnderWay>>,
}

/// Why nobody was signed in. Has no token, code or claim in it.
#[derive(Debug, thiserror::Error)]
enum OpenIdError {
    /// The provider did not answer as it should.
    #[error("the identity provider: {0}")]
    Provider(String),
    /// The token does not hold.
    #[error("the ID token {0}")]
    Token(&'static str),
    /// The claims come to nobody who may sign in.
    #[error("the claims {0}")]
    Claims(&'static str),
}

impl OpenIdClient {
    pub(super) fn new(settings: &OpenId) -> anyhow::Result<Self> {
        Ok(Self {
            provider: Provider::new(settings)?,
            settings: settings.clone(),
            under_way: Mutex::default(),
        })
    }

    /// Where to send the browser, and the state that it has to bring back.
    async fn begin(&self) -> Result<(String, Sensitive<String>), OpenIdError> {
        let endpoint = self.provider.authorization_endpoint().await?;
        let random =
            || secret::random().map_err(|_| OpenIdError::Provider("there is no randomness".into()));
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let mut url = endpoint;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_url)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let mut under_way = lock(&self.under_way);
        make_room(&mut under_way, MOST, |one| one.begun);
        let one = UnderWay {
            nonce,
            verifier,
            begun: Instant::now(),
        };
        under_way.insert(secret::hashed(state.expose()), one);
        Ok((url.into(), state))
    }

    /// The sign-in of a state, which is over by that.
    fn take(&self, state: &str) -> Option<UnderWay> {
        let one = lock(&self.under_way).remove(&secret::hashed(state))?;
        (one.begun.elapsed() < PATIENCE).then_some(one)
    }
}

fn state_cookie(state: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let text = format!(
        "{STATE_COOKIE}={state}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"
    );
    let mut value =
        HeaderValue::try_from(text).map_err(|error| Problem::internal("signing in", &error))?;
    value.set_sensitive(true);
    Ok(value)
}

fn none_configured() -> Problem {
    Problem::new(Code::UnknownPage, "no identity provider is configured")
}

/// Sends the browser to the identity provider.
#[utoipa::path(get, path = "/api/v1/openid/start", tag = "access", responses(
    (status = 302, description = "to the identity provider"),
    (status = 404, description = "none is configured", body = ProblemDocument),
    (status = 503, description = "it does not answer", body = ProblemDocument),
))]
pub(super) async fn start(State(api): State<Api>) -> Result<Response, Problem> {
    let client = api.openid.as_ref().ok_or_else(none_configured)?;
    let (url, state) = client
        .begin()
        .await
        .map_err(|error| Problem::internal("signing in at the identity provider", &error))?;
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    let url = HeaderValue::try_from(url)
        .map_err(|error| Problem::internal("signing in at the identity provider", &error))?;
    headers.insert(LOCATION, url);
    headers.append(
        SET_COOKIE,
        state_cookie(state.expose(), PATIENCE.as_secs())?,
    );
    Ok(response)
}

/// What the provider has the browser bring.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Takes what the identity provider had the browser bring, and signs in.
#[utoipa::path(get, path = "/api/v1/openid/callback", tag = "access",
    params(
        ("state" = Option<String>, Query, description = "the state of the start"),
        ("code" = Option<String>, Query, description = "the provider's code"),
        ("error" = Option<String>, Query, description = "why there is none"),
    ), responses(
    (status = 200, description = "signed in; a page that goes on to /"),
    (status = 401, description = "refused", body = ProblemDocument),
    (status = 404, description = "no identity provider is configured", body = ProblemDocument),
))]
pub(super) async fn callback(
    State(api): State<Api>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    answer: Result<Query<Answer>, Problem>,
) -> Result<Response, Problem> {
    let client = api.openid.as_ref().ok_or_else(none_configured)?;
    let refused = |why: &str| {
        api.refused(why, peer);
        Problem::new(
            Code::SignInRefused,
            "signing in at the identity provider did not come about; start again",
        )
    };
    let Ok(Query(answer)) = answer else {
        return Err(refused("the identity provider's answer is not understood"));
    };
    // Somebody else's code must not sign this browser in.
    let is_ours = cookie(&headers, STATE_COOKIE)
        .is_some_and(|state| !state.is_empty() && state == answer.state);
    let under_way = client.take(&answer.state).filter(|_| is_ours);
    let Some(under_way) = under_way else {
        return Err(refused("the state is not of a sign-in of this browser"));
    };
    let code = match (answer.code, answer.error) {
        (Some(code), None) => Sensitive::new(code),
        _ => return Err(refused("the identity provider refused")),
    };
    let now = Timestamp::now();
    let exchange = async {
        let token = client
            .provider
            .exchange(&client.settings, &code, &under_way.verifier)
            .await?;
        let claims = client
            .provider
            .verify(&client.settings, &token, &under_way.nonce, now)
            .await?;
        identity_of(&client.settings, &claims)
    };
    let identity = match exchange.await {
        Ok(identity) => identity,
        Err(error) => return Err(refused(&error.to_string())),
    };
    let given = Some((identity.role, identity.scope.clone()));
    let session = api.begin_session(&identity, given, "openid", now).await?;
    // The browser comes from another site, and takes strict cookies along only from a page of ours.
    let page = "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/\">\
                <title>hushgate</title><p><a href=\"/\">Signed in.</a>";
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, session);
    headers.append(SET_COOKIE, state_cookie("", 0)?);
    let policy =
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}
