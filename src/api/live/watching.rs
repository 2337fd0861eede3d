//! What happens in calls under way, as it happens: as server-sent events (HTML, 9.2) or by WebSocket.
//!
//! Events go out in batches, a tenth of a second apart at least, so that many calls and many pages cost little; each is
//! made into text once for all who see it alike. Who takes them too slowly gets `reset`, and asks for the list anew.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use utoipa::IntoParams;

use super::super::Api;
use super::super::guard::Proof;
use super::super::problem::{Code, Problem, ProblemDocument};
use super::super::query::Query;
use super::open::{ASKED_EVERY, Place, Viewer};
use super::shown::{self, Form};
use crate::access::{Identity, Permission, permits, view_of};
use crate::gateway::live::{EventId, Missed, Published, Subscription};

/// Batches are at least so far apart.
const PACE: Duration = Duration::from_millis(100);
/// Events of a batch.
const BATCH: usize = 1_000;
/// A sign of life, where nothing happens.
const BEAT: Duration = Duration::from_secs(15);
/// How long a peer may take for what is sent to it.
const SENDING: Duration = Duration::from_secs(10);
/// The longest that a stream may be asked for.
const LONGEST: u64 = 24 * 60 * 60;
/// WebSocket close codes (RFC 6455, 7.4.1).
pub(super) const GOING_AWAY: u16 = 1001;
pub(super) const POLICY: u16 = 1008;
/// Browsers wait so long before they come back, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Wanted {
    /// Of this call alone, or of `@mine`.
    call: Option<String>,
    /// Those after this one; the header `Last-Event-ID` says the same.
    after: Option<String>,
    /// Seconds after which the stream ends: 0 for what is there.
    #[param(value_type = Option<u64>)]
    wait: Option<String>,
}

/// An event for one viewer.
struct Item {
    id: Option<EventId>,
    kind: &'static str,
    data: Arc<str>,
}

/// What one viewer is sent.
struct Feed {
    viewer: Viewer,
    place: Place,
    subscription: Subscription,
    call: Option<String>,
    until: Option<Instant>,
    /// When the next batch may go.
    next: Instant,
    beat: Instant,
    asked: Instant,
    is_over: bool,
}

/// Why a feed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The gateway does.
    Gateway,
    /// The session or token does.
    SignedOut,
    /// It was asked for so long.
    Waited,
}

impl Feed {
    async fn open(
        api: Api,
        identity: Arc<Identity>,
        proof: Proof,
        wanted: Wanted,
        last_event: Option<&HeaderValue>,
    ) -> Result<Self, Problem> {
        let bad = |what: &str| Problem::new(Code::BadRequest, what);
        let last_event = last_event.map(|id| id.to_str().unwrap_or("-"));
        // A browser that comes back knows better than its page's address.
        let after = last_event.or(wanted.after.as_deref());
        let after: Option<EventId> = after
            .map(str::parse)
            .transpose()
            .map_err(|_| bad("after: expected the id of an event, or `last_event` of the list"))?;
        let wait = wanted.wait.as_deref().map(str::parse::<u64>).transpose();
        let wait = wait
            .ok()
            .filter(|wait| wait.is_none_or(|wait| wait <= LONGEST))
            .ok_or_else(|| bad("wait: expected seconds, at most a day"))?;
        let call = match wanted.call {
            Some(name) => {
                let permission = Permission::SeeLiveCalls;
                let call = api.live_call(&name, &identity, permission).await?;
                Some(call.facts().name.clone())
            }
            None => None,
        };
        let place = api.open.admit(&identity)?;
        api.sees(&identity, call.as_deref()).await?;
        let now = Instant::now();
        Ok(Self {
            subscription: api.services.live.subscribe(after.as_ref()),
            viewer: Viewer {
                api,
                identity,
                proof,
            },
            place,
            call,
            until: wait.map(|seconds| now + Duration::from_secs(seconds)),
            next: now,
            beat: now + BEAT,
            asked: now + ASKED_EVERY,
            is_over: false,
        })
    }

    /// The next events; none of them for a sign of life. Loses none when it is given up.
    async fn next(&mut self) -> Result<Vec<Item>, Over> {
        loop {
            if self.is_over {
                return Err(Over::Waited);
            }
            tokio::select! {
                () = sleep_until(self.next) => {}
                () = self.place.over() => return Err(Over::Gateway),
            }
            if Instant::now() >= self.asked {
                if !self.viewer.still().await {
                    return Err(Over::SignedOut);
                }
                self.asked = Instant::now() + ASKED_EVERY;
            }
            let batch = self.batch();
            let now = Instant::now();
            self.next = now + PACE;
            self.is_over = batch.len() < BATCH && self.until.is_some_and(|until| now >= until);
            if !batch.is_empty() {
                self.beat = now + BEAT;
                return Ok(batch);
            }
            if now >= self.beat {
                self.beat = now + BEAT;
                return Ok(batch);
            }
            if self.is_over {
                continue;
            }
            let wake = self.beat.min(self.asked);
            let wake = self.until.map_or(wake, |until| until.min(wake));
            tokio::select! {
                () = self.subscription.ready() => {}
                () = sleep_until(wake) => {}
                () = self.place.over() => return Err(Over::Gateway),
            }
        }
    }

    /// What is there for this viewer.
    fn batch(&mut self) -> Vec<Item> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            match self.subscription.take() {
                None => break,
                Some(Err(Missed)) => batch.push(Item {
                    id: Some(self.subscription.last()),
                    kind: "reset",
                    data: "{}".into(),
                }),
                Some(Ok(published)) => batch.extend(self.item(&published)),
            }
        }
        batch
    }

    fn item(&self, published: &Published) -> Option<Item> {
        let facts = &published.call;
        if self.call.as_ref().is_some_and(|call| *call != facts.name) {
            return None;
        }
        let (identity, subject) = (&self.viewer.identity, facts.subject());
        if !permits(identity, Permission::SeeLiveCalls, subject).is_allowed() {
            return None;
        }
        let form = Form::of(identity, subject);
        let (kind, data) = shown::event(published, form, view_of(identity, subject))?;
        let id = published.number.map(|_| self.subscription.last());
        Some(Item { id, kind, data })
    }
}

/// What happens in calls under way, as server-sent events: `id`, `event` (the type) and `data` (JSON). Resumes after
/// `Last-Event-ID` or `after`; the first event is `reset` when that is too long ago.
#[utoipa::path(get, path = "/api/v1/live/events", tag = "live", params(Wanted,
        ("Last-Event-ID" = Option<String>, Header, description = "the last event that was taken")), responses(
    (status = 200, description = "events (docs/live.md)", content_type = "text/event-stream", body = String),
    (status = 400, description = "not understood", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
    (status = 429, description = "too many streams are open", body = ProblemDocument),
))]
pub(in crate::api) async fn events(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(proof): Extension<Proof>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let last_event = headers.get("last-event-id");
    let feed = Feed::open(api, identity, proof, wanted, last_event).await?;
    let pieces = stream::unfold(feed, |mut feed| async move {
        let items = feed.next().await.ok()?;
        let mut text = String::new();
        for Item { id, kind, data } in &items {
            // Writing to a string does not fail; the data have no line ends.
            if let Some(id) = id {
                let _ = writeln!(text, "id: {id}");
            }
            let _ = write!(text, "event: {kind}\ndata: {data}\n\n");
        }
        if items.is_empty() {
            text.push_str(": \n\n");
        }
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), feed))
    });
    let start = stream::iter([Ok(Bytes::from_static(RETRY.as_bytes()))]);
    let mut response = Body::from_stream(start.chain(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that gather answers would hold events back.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    headers.insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
}

/// The same as a WebSocket: messages of text, each `{"id", "type", "data"}`.
#[utoipa::path(get, path = "/api/v1/live/socket", tag = "live", params(Wanted), responses(
    (status = 101, description = "messages (docs/live.md)"),
    (status = 400, description = "not understood, or no WebSocket was asked for", body = ProblemDocument),
    (status = 404, description = "there is no such call under way", body = ProblemDocument),
    (status = 429, description = "too many streams are open", body = ProblemDocument),
))]
pub(in crate::api) async fn socket(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(proof): Extension<Proof>,
    Query(wanted): Query<Wanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgradable(upgrade)?;
    let feed = Feed::open(api, identity, proof, wanted, None).await?;
    Ok(upgrade.on_upgrade(|socket| send(socket, feed)))
}

/// A WebSocket that is asked for; peers have nothing to say on it.
pub(super) fn upgradable(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, Problem> {
    upgrade
        .map(|upgrade| upgrade.max_message_size(4 * 1024))
        .map_err(|_| Problem::new(Code::BadRequest, "this page is a WebSocket (RFC 6455)"))
}

async fn send(socket: WebSocket, mut feed: Feed) {
    let (mut sink, mut said) = socket.split();
    let over = loop {
        let items = tokio::select! {
            items = feed.next() => items,
            message = said.next() => match message {
                // Pings are answered by the library; nothing else is expected.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let items = match items {
            Ok(items) => items,
            Err(over) => break over,
        };
        let sending = async {
            if items.is_empty() {
                return sink.send(Message::Ping(Bytes::new())).await;
            }
            for Item { id, kind, data } in items {
                let id = json!(id.map(|id| id.to_string()));
                let kind = Value::from(kind);
                let text = format!("{{\"id\":{id},\"type\":{kind},\"data\":{data}}}");
                sink.feed(Message::text(text)).await?;
            }
            sink.flush().await
        };
        if !matches!(timeout(SENDING, sending).await, Ok(Ok(()))) {
            return;
        }
    };
    let (code, reason) = match over {
        Over::Gateway => (GOING_AWAY, "the gateway ends"),
        Over::SignedOut => (POLICY, "signed out"),
        Over::Waited => (1000, "waited"),
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // The peer may be gone.
    let _ = timeout(SENDING, sink.send(Message::Close(Some(frame)))).await;
}
