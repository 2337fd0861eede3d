//! Before every handler: how fast, who, whether from our own pages, whether they may; and the headers of every answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, UPGRADE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::pages::Framed;
use super::problem::{Code, Problem};
use super::routes::Need;
use super::{Api, Peer, Shared, lock, make_room};
use crate::access::secret::TOKEN_PREFIX;
use crate::access::{Concern, Decision, Identity, Subject, permits};
use crate::call::Sensitive;

/// The cookie of a session. The prefix has browsers take it from this host alone, by TLS (RFC 6265bis, 4.1.3.2); from
/// this machine they take it without.
pub(super) const SESSION_COOKIE: &str = "__Host-hushgate_session";
/// What a request by cookie has to have if it changes something: no form and no other site can send it.
pub(super) const CSRF_HEADER: &str = "x-hushgate-csrf";
/// Requests of an address at once, and from then on each second.
const BURST: f64 = 200.0;
const PER_SECOND: f64 = 50.0;
/// What a script or style of our pages counts, which costs less than refusing it would.
const ASSET: f64 = 0.1;
/// Longest accepted body in bytes.
const LONGEST_BODY: usize = 64 * 1024;
/// It comes within so long, or its connection is for others.
const BODY: Duration = Duration::from_secs(15);
/// Addresses that are remembered.
const MOST: usize = 10_000;

/// How somebody proved who they are, to be asked again while a stream is open.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// By a token.
    Token(Sensitive<String>),
    /// By a session's cookie.
    Session(Sensitive<String>),
}

/// How fast requests come, by address: a bucket that fills as time passes.
#[derive(Debug, Default)]
pub(super) struct Rates(BTreeMap<IpAddr, (f64, Instant)>);

impl Rates {
    /// Whether one more may come that counts so much.
    fn admits(&mut self, address: IpAddr, cost: f64, now: Instant) -> bool {
        make_room(&mut self.0, MOST, |(_, last)| *last);
        let (left, last) = self.0.entry(address).or_insert((BURST, now));
        *left = (*left + (now - *last).as_secs_f64() * PER_SECOND).min(BURST);
        *last = now;
        let admits = *left >= cost;
        if admits {
            *left -= cost;
        }
        admits
    }
}

/// What is said of every answer. Nothing is loaded from elsewhere, shown in a frame, or kept by a cache.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let is_audio = request.uri().path().ends_with("/audio");
    let mut response = next.run(request).await;
    let is_framed = response.extensions().get::<Framed>().is_some();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !is_framed {
        set(X_FRAME_OPTIONS, "DENY");
    }
    set(REFERRER_POLICY, "no-referrer");
    set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    set(CACHE_CONTROL, "no-store");
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    );
    if is_audio {
        set(HeaderName::from_static("content-disposition"), "inline");
    }
    response
}

/// Lets a request through to a handler if its route's need is met.
pub(super) async fn guard(
    State((api, need)): State<(Api, Need)>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let (mut head, body) = request.into_parts();
    match api.admit(need, peer, &head).await {
        Ok(admitted) => {
            if let Some((identity, proof)) = admitted {
                head.extensions.insert(Arc::new(identity));
                head.extensions.insert(proof);
            }
            match whole(body).await {
                Ok(body) => next.run(Request::from_parts(head, body)).await,
                Err(problem) => problem.into_response(),
            }
        }
        Err(problem) => problem.into_response(),
    }
}

/// A body, once all of it is there.
async fn whole(body: Body) -> Result<Body, Problem> {
    match timeout(BODY, to_bytes(body, LONGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        // A connection that broke gets no answer anyway.
        Ok(Err(_)) => Err(Problem::new(Code::TooLong, "the body is too long")),
        Err(_) => Err(Problem::new(Code::TooSlow, "the body did not come in time")),
    }
}

impl Shared {
    async fn admit(
        &self,
        need: Need,
        peer: IpAddr,
        request: &Parts,
    ) -> Result<Option<(Identity, Proof)>, Problem> {
        let is_asset = request.uri.path().starts_with("/assets/");
        let cost = if is_asset { ASSET } else { 1.0 };
        if !lock(&self.rates).admits(peer, cost, Instant::now()) {
            return Err(Problem::too_many(1));
        }
        let permission = match need {
            // Signing in too is done from our own pages alone.
            Need::Nothing => return check_site(request).map(|()| None),
            Need::SignedIn => None,
            Need::Permission(permission) => Some(permission),
        };
        let (identity, proof) = self.identify(&request.headers, peer).await?;
        if matches!(proof, Proof::Session(_)) {
            check_csrf(request)?;
            check_origin(&request.headers)?;
        }
        if let Some(permission) = permission {
            let subject = match permission.concern() {
                Concern::Calls => Subject::SomeCalls,
                Concern::AllCalls | Concern::Gateway => Subject::Gateway,
            };
            if let Decision::Denied(denial) = permits(&identity, permission, subject) {
                return Err(self.deny(&identity, permission, denial, None).await);
            }
        }
        Ok(Some((identity, proof)))
    }

    /// Who somebody still is, whose request takes its time; `None` if their session or token is over.
    pub(super) async fn still(&self, proof: &Proof) -> Result<Option<Identity>, Problem> {
        let now = Timestamp::now();
        let accounts = &self.services.accounts;
        Ok(match proof {
            Proof::Token(token) => {
                let token = accounts.token(token.expose(), now).await?;
                token.map(|token| token.identity())
            }
            Proof::Session(secret) => {
                let standing = accounts.standing_session(secret.expose(), self.idle(), now);
                standing.await?.map(|session| session.identity)
            }
        })
    }

    /// Who sends a request, and how they prove it.
    async fn identify(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<(Identity, Proof), Problem> {
        let now = Timestamp::now();
        let accounts = &self.services.accounts;
        if let Some(value) = headers.get(AUTHORIZATION) {
            let text = value.to_str().unwrap_or_default();
            let (scheme, token) = text.split_once(' ').unwrap_or_default();
            let secret = token.trim();
            if scheme.eq_ignore_ascii_case("bearer")
                && secret.starts_with(TOKEN_PREFIX)
                && let Some(token) = accounts.token(secret, now).await?
            {
                let proof = Proof::Token(Sensitive::new(secret.to_owned()));
                return Ok((token.identity(), proof));
            }
            self.refused("an unknown, expired or revoked token", peer);
            return Err(Problem::not_signed_in());
        }
        let Some(secret) = cookie(headers, SESSION_COOKIE) else {
            return Err(Problem::not_signed_in());
        };
        match accounts.session(secret, self.idle(), now).await? {
            Some(session) => {
                let proof = Proof::Session(Sensitive::new(secret.to_owned()));
                Ok((session.identity, proof))
            }
            None => Err(Problem::not_signed_in()),
        }
    }
}

/// A cookie of a request.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Requests that change something come from our own pages, as far as the browser tells.
fn check_site(request: &Parts) -> Result<(), Problem> {
    let site = request.headers.get("sec-fetch-site");
    let is_ours = site.is_none_or(|site| site == "same-origin" || site == "none");
    if changes(&request.method) && !is_ours {
        return Err(Problem::new(
            Code::CrossSite,
            "this request comes from another site's page",
        ));
    }
    Ok(())
}

/// And by cookie they have a header that other sites' pages cannot send.
fn check_csrf(request: &Parts) -> Result<(), Problem> {
    check_site(request)?;
    if changes(&request.method) && !request.headers.contains_key(CSRF_HEADER) {
        return Err(Problem::new(
            Code::CrossSite,
            "a request by cookie needs the header X-Hushgate-Csrf: 1",
        ));
    }
    Ok(())
}

/// Browsers let every site's page open a WebSocket with our cookie, but say whose page it is (RFC 6455, 10.2).
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if text(UPGRADE).is_none_or(|upgrade| !upgrade.eq_ignore_ascii_case("websocket")) {
        return Ok(());
    }
    let origin = text(ORIGIN).unwrap_or_default();
    let place = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    if place.is_some()
        && place.map(str::to_ascii_lowercase) == text(HOST).map(str::to_ascii_lowercase)
    {
        return Ok(());
    }
    Err(Problem::new(
        Code::CrossSite,
        "a WebSocket by cookie is opened by a page of this host alone; programs give a token",
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn requests_are_let_through_at_a_pace() {
        let mut rates = Rates::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        let now = Instant::now();
        let admitted = |rates: &mut Rates, seconds: u64| {
            let now = now + Duration::from_secs(seconds);
            (0..1_000)
                .filter(|_| rates.admits(address, 1.0, now))
                .count()
        };
        assert_eq!(admitted(&mut rates, 0), 200);
        assert_eq!(admitted(&mut rates, 1), 50);
        assert!(rates.admits(IpAddr::from([192, 0, 2, 2]), 1.0, now));
        assert_eq!(admitted(&mut rates, 61), 200);
    }

    #[test]
    fn sockets_by_cookie_come_from_our_own_pages() {
        let check = |origin: Option<&'static str>, upgrade: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("Calls.example:8771"));
            headers.insert(UPGRADE, HeaderValue::from_static(upgrade));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            check_origin(&headers).is_ok()
        };
        assert!(check(Some("https://calls.example:8771"), "websocket"));
        assert!(check(None, "h2c"));
        for other in [
            "https://calls.example",
            "https://evil.example:8771",
            "null",
            "",
        ] {
            assert!(!check(Some(other), "WebSocket"), "{other}");
        }
        assert!(!check(None, "websocket"));
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("a=1; __Host-hushgate_session=x=y"),
        );
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("x=y"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "hushgate_session"), None);
    }
}
