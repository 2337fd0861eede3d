//! The server's pages: `/healthz`, `/readyz`, and the doors, where a request becomes a call.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::admission::NoRoom;
use super::wire::Wire;
use super::{Entrance, NOT_FROM_NETWORKS, Place, Shared, connection, plain_rtp};
use crate::config::doors::{Door, Protocol};
use crate::gateway::call::Transcriber;
use crate::ingress::LONGEST_MESSAGE;
use crate::ingress::authentication::REFUSAL_DELAY;
use crate::store::audit::Action;

/// How long the outcome of writing to the recordings folder holds.
const PROBE_AGE: Duration = Duration::from_secs(2);

/// What a request knows of its connection.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    peer: SocketAddr,
    /// The address of ours that it came to.
    reached: IpAddr,
    /// Whether the peer has shown a certificate that an authority of ours vouches for.
    certified: bool,
    /// One of `max_connections`, held until the last copy is dropped.
    _place: Arc<Place>,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, reached: IpAddr, place: Place) -> Self {
        Self {
            peer,
            reached,
            certified: false,
            _place: Arc::new(place),
        }
    }

    /// Notes whether the peer has shown a good certificate.
    pub(super) fn showed_certificate(&mut self, certified: bool) {
        self.certified = certified;
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn reached(&self) -> IpAddr {
        self.reached
    }
}

pub(super) fn router(shared: &Arc<Shared>, listening: IpAddr) -> Router {
    let pages = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    let doors = &shared.settings.doors;
    let pages = doors
        .iter()
        .filter(|entrance| entrance.door.is_websocket())
        .cloned()
        .fold(pages, |router, entrance| {
            let path = entrance.door.path.clone();
            router.route(
                &path,
                get(move |shared, connection, request, upgrade| {
                    enter(shared, connection, entrance.clone(), request, upgrade)
                }),
            )
        })
        .with_state(Arc::clone(shared));
    doors
        .iter()
        .filter(|entrance| entrance.door.protocol == Protocol::Rtp)
        .fold(pages, |router, entrance| {
            let (entrance, shared) = (entrance.clone(), Arc::clone(shared));
            router.merge(plain_rtp::router(entrance, shared, listening))
        })
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// The last outcome of writing to the recordings folder.
#[derive(Default)]
pub(super) struct Probe {
    outcome: Option<(Instant, Option<String>)>,
}

/// Whether calls can be taken; what is missing is named, with 503. What is not as it should be and keeps no call away
/// is named as `degraded`.
async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let engine = shared.engine.borrow().clone();
    let model = engine
        .is_none()
        .then(|| "the model is being loaded".to_owned());
    let workers = engine.and_then(|engine| engine.check().err().map(|error| format!("{error:#}")));
    let recordings = recordings_problem(&shared).await;
    let auditor = shared.settings.audit.as_ref();
    let audit = auditor.and_then(|auditor| auditor.check().err());
    let listener = shared
        .shutdown
        .is_cancelled()
        .then(|| "shutting down".to_owned());

    let parts = [
        ("model", model),
        ("workers", workers),
        ("recordings", recordings),
        ("audit", audit),
        ("listener", listener),
    ];
    let problems: serde_json::Map<String, serde_json::Value> = parts
        .into_iter()
        .filter_map(|(part, problem)| Some((part.to_owned(), problem?.into())))
        .collect();
    let ready = problems.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let now = shared.admission.status();
    let body = json!({
        "ready": ready,
        "not_ready": problems,
        "degraded": shared.settings.tapes.degraded().map(|problem| json!({ "index": problem })),
        "calls": now.active,
        "max_calls": now.capacity,
        "capacity": now.to_json(),
    });
    (status, Json(body)).into_response()
}

/// Why recordings cannot be written, if so. Checked at most every two seconds, however many ask.
async fn recordings_problem(shared: &Arc<Shared>) -> Option<String> {
    let mut probe = shared.probe.lock().await;
    if let Some((when, outcome)) = &probe.outcome
        && when.elapsed() < PROBE_AGE
    {
        return outcome.clone();
    }
    let tapes = Arc::clone(&shared.settings.tapes);
    let check = tokio::task::spawn_blocking(move || tapes.check());
    let outcome = match timeout(PROBE_AGE, check).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(format!("{error:#}")),
        Ok(Err(_)) => Some("the check failed".into()),
        Err(_) => Some("the disk does not answer".into()),
    };
    probe.outcome = Some((Instant::now(), outcome.clone()));
    outcome
}

/// What a request says before it is upgraded.
type Head = (Method, Uri, HeaderMap);

/// A door: where a request becomes a call.
async fn enter(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    entrance: Entrance,
    (method, uri, headers): Head,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Entrance {
        door,
        route,
        control,
        ..
    } = &entrance;
    let peer = connection.peer();
    let let_in = let_in(&shared, &entrance, &connection, &method, &uri, &headers);
    if let Err((status, words)) = let_in.await {
        return (status, format!("{words}\n")).into_response();
    }
    let adapter = match entrance.adapter(&headers) {
        Ok(adapter) => adapter,
        Err(problem) => {
            tracing::warn!(%peer, door = door.name, %problem, "refused a connection");
            let why = problem.to_string();
            shared.audit_refusal(Action::CallsRefused, &door.name, &why, Some(peer));
            return (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response();
        }
    };
    let engine = match admit(&shared).await {
        Ok(engine) => engine,
        Err(problem) => {
            problem.tell(&shared, peer, door);
            let words = problem.words();
            return (StatusCode::SERVICE_UNAVAILABLE, format!("{words}\n")).into_response();
        }
    };
    let entering = connection::Entering {
        peer,
        door: door.name.clone(),
        adapter,
        usual: door.usual.clone(),
        route: route.clone(),
        control: control.clone(),
        idle: shared.settings.limits.idle.unwrap_or(door.idle),
    };
    let tasks = shared.tasks.clone();
    upgrade
        .protocols(entrance.subprotocols().iter().copied())
        // Messages have about 330 bytes; buffers grow for larger ones.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(16 * 1024)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| {
            let wire = Wire::WebSocket(Box::new(socket));
            tasks.track_future(async move {
                connection::run(shared, entering, engine, wire).await;
                drop(connection);
            })
        })
}

/// Whether a request may come in; if not, with what it is answered, after the same time whatever was wrong.
pub(super) async fn let_in(
    shared: &Shared,
    entrance: &Entrance,
    connection: &Connection,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), (StatusCode, &'static str)> {
    let Entrance { door, guard, .. } = entrance;
    let peer = connection.peer();
    if !door.admits(peer.ip()) {
        tracing::warn!(%peer, door = door.name, "refused a connection: not from the door's networks");
        let why = NOT_FROM_NETWORKS;
        shared.audit_refusal(Action::SignInRefused, &door.name, why, Some(peer));
        return Err((StatusCode::FORBIDDEN, "this network may not come in"));
    }
    let now = jiff::Timestamp::now().as_second().unsigned_abs();
    if let Err(refusal) = guard.check(method, uri, headers, connection.certified, now) {
        tracing::warn!(%peer, door = door.name, reason = refusal.reason, "refused a connection");
        let why = refusal.reason;
        shared.audit_refusal(Action::SignInRefused, &door.name, why, Some(peer));
        tokio::time::sleep(REFUSAL_DELAY).await;
        return Err((refusal.status, "this request does not prove who sent it"));
    }
    Ok(())
}

/// Why a call may not begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum NotAdmitted {
    ShuttingDown,
    NoRoom(NoRoom),
    NotLoaded,
}

impl NotAdmitted {
    /// For the peer.
    pub(super) fn words(self) -> &'static str {
        match self {
            NotAdmitted::ShuttingDown => "shutting down",
            NotAdmitted::NoRoom(why) => why.words(),
            NotAdmitted::NotLoaded => "the model is not loaded",
        }
    }

    /// For the log: a line of its own, or one now and then where there may be many.
    pub(super) fn tell(self, shared: &Shared, peer: SocketAddr, door: &Door) {
        if let NotAdmitted::NoRoom(why) = self {
            tracing::debug!(%peer, door = door.name, why = why.words(), "refused a call");
            shared.admission.refused(why);
        } else {
            tracing::warn!(%peer, door = door.name, problem = self.words(), "refused a call");
            shared.audit_refusal(Action::CallsRefused, &door.name, self.words(), Some(peer));
        }
    }
}

/// The engine for a call that may begin, or why it may not.
pub(super) async fn admit(shared: &Shared) -> Result<Arc<dyn Transcriber>, NotAdmitted> {
    if shared.shutdown.is_cancelled() {
        return Err(NotAdmitted::ShuttingDown);
    }
    shared.admission.room().map_err(NotAdmitted::NoRoom)?;
    let mut engine = shared.engine.clone();
    match timeout(
        shared.settings.limits.engine,
        engine.wait_for(Option::is_some),
    )
    .await
    {
        Ok(Ok(engine)) => engine.clone().ok_or(NotAdmitted::NotLoaded),
        Ok(Err(_)) | Err(_) => Err(NotAdmitted::NotLoaded),
    }
}
