//! A door for plain RTP: an HTTP request asks for ports, and what comes to them is the call.
//!
//! ```text
//! POST PATH         ports are opened, the call begins      201, or 503 when there is no room
//! GET PATH/CALL     how long no audio has come             200
//! DELETE PATH/CALL  the call ends; its recording is        200, or 202 while that takes longer
//!                   complete when the answer comes
//! ```
//!
//! One task owns each call ([`keep`]); who asks about it sends that task a question. The list of calls has one
//! entry for each task, which goes when the task does.
//!
//! **Architecture invariants:** nothing of a request's body is logged; whoever does not prove who they are gets
//! no ports.

mod problem;
mod wanted;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::http::{Connection, admit, let_in};
use super::live::{CannotBegin, NewCall};
use super::rtp::{Described, NewStream, Ports, RtpCall, reached_at};
use super::{Entrance, Shared};
use crate::audio::MediaTime;
use crate::call::Leg;
use crate::egress::forward::StreamFacts;
use crate::gateway::call::Transcriber;
use crate::store::audit::Action;
use problem::Problem;
use wanted::Wanted;

/// Longest body of a request: a call with every format there is has a tenth of it.
const LONGEST_BODY: usize = 16 * 1024;
/// How long the answer to DELETE waits for the recording to be complete.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a call is looked at for silence.
const LOOK_FOR_SILENCE: Duration = Duration::from_secs(1);

/// The door's pages.
pub(super) fn router(entrance: Entrance, shared: Arc<Shared>, listening: IpAddr) -> Router {
    let path = entrance.door.path.clone();
    let advertise = entrance.door.advertise;
    let door = RtpDoor {
        ports: Ports::new(
            media_address(listening, advertise),
            &entrance.door.rtp_ports,
        ),
        calls: Arc::default(),
        entrance,
        shared,
    };
    Router::new()
        .route(&path, post(begin))
        .route(&format!("{path}/{{call}}"), get(look).delete(end))
        .with_state(Arc::new(door))
}

/// Where ports are opened: at the server's address. A server that only its own machine reaches, behind a proxy,
/// takes audio at all addresses if others are told one.
fn media_address(listening: IpAddr, advertise: Option<IpAddr>) -> IpAddr {
    match advertise {
        Some(told) if listening.is_loopback() && !told.is_loopback() => match told {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        },
        _ => listening,
    }
}

struct RtpDoor {
    entrance: Entrance,
    ports: Ports,
    calls: Arc<Calls>,
    shared: Arc<Shared>,
}

/// What a peer is told of a stream.
#[derive(Debug, Clone, Serialize)]
struct Told {
    leg: Leg,
    address: IpAddr,
    port: u16,
    /// The only address that is heard; `None` is the first sender's.
    from: Option<IpAddr>,
}

/// What the task of a call is asked.
enum Question {
    /// How long has no audio come?
    Silence(oneshot::Sender<Duration>),
    /// Will you end?
    End,
}

/// The calls of a door, as others see them.
#[derive(Default)]
struct Calls(Mutex<BTreeMap<String, Entry>>);

#[derive(Clone)]
struct Entry {
    /// Nobody answers once the call is ending.
    questions: mpsc::Sender<Question>,
    /// Cancelled when the recording is complete.
    done: CancellationToken,
    streams: Arc<[Told]>,
}

impl Calls {
    fn get(&self, id: &str) -> Result<Entry, Problem> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(id).cloned().ok_or_else(Problem::unknown_call)
    }

    fn list(self: &Arc<Self>, id: &str, entry: Entry) -> Listed {
        let done = entry.done.clone().drop_guard();
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.insert(id.to_owned(), entry);
        Listed {
            calls: Arc::clone(self),
            id: id.to_owned(),
            _done: done,
        }
    }
}

/// A call's place in the list, for as long as its task lives.
struct Listed {
    calls: Arc<Calls>,
    id: String,
    _done: DropGuard,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut calls = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.remove(&self.id);
    }
}

async fn begin(
    State(door): State<Arc<RtpDoor>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let beginning = async {
        door.let_in(&connection, &head).await?;
        let patience = door.shared.settings.limits.request_header;
        let wanted = timeout(patience, read(&head.headers, body))
            .await
            .map_err(|_| Problem::slow())??;
        let engine = admit(&door.shared).await.map_err(|problem| {
            problem.tell(&door.shared, connection.peer(), &door.entrance.door);
            Problem::busy(problem.words())
        })?;
        door.begin(wanted, engine, &connection)
    };
    beginning.await.unwrap_or_else(|problem: Problem| {
        let (peer, name) = (connection.peer(), &door.entrance.door.name);
        // That there is no room is told by who says so, now and then.
        if problem.code != Problem::BUSY {
            tracing::warn!(%peer, door = name, problem = problem.code, "refused a call");
            let (action, why) = (Action::CallsRefused, problem.code);
            door.shared.audit_refusal(action, name, why, Some(peer));
        }
        problem.into_response()
    })
}

async fn look(
    State(door): State<Arc<RtpDoor>>,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    door.let_in(&connection, &head).await?;
    let entry = door.calls.get(&id)?;
    let (answer, silence) = oneshot::channel();
    // Who does not take the question, or drops it, is ending.
    let _ = entry.questions.send(Question::Silence(answer)).await;
    let silence = silence.await.ok();
    let body = json!({
        "call": id,
        "state": if silence.is_some() { "live" } else { "ending" },
        "seconds_since_audio": silence.map(|silence| silence.as_millis() as f64 / 1_000.0),
        "streams": *entry.streams,
    });
    Ok(Json(body).into_response())
}

async fn end(
    State(door): State<Arc<RtpDoor>>,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    door.let_in(&connection, &head).await?;
    let entry = door.calls.get(&id)?;
    // It may be ending already.
    let _ = entry.questions.send(Question::End).await;
    let (status, state) = match timeout(PATIENCE, entry.done.cancelled()).await {
        Ok(()) => (StatusCode::OK, "complete"),
        Err(_) => (StatusCode::ACCEPTED, "ending"),
    };
    Ok((status, Json(json!({ "call": id, "state": state }))).into_response())
}

/// A request's body, if it is one.
async fn read(headers: &HeaderMap, body: Body) -> Result<Wanted, Problem> {
    // Asked for because pages of a browser cannot send it elsewhere unasked, which other types they can.
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    if !media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::not_json());
    }
    let body = axum::body::to_bytes(body, LONGEST_BODY)
        .await
        .map_err(|_| Problem::too_long(LONGEST_BODY))?;
    wanted::read(&body).map_err(|wrong| Problem::wrong(&wrong))
}

impl RtpDoor {
    async fn let_in(
        &self,
        connection: &Connection,
        head: &axum::http::request::Parts,
    ) -> Result<(), Problem> {
        let_in(
            &self.shared,
            &self.entrance,
            connection,
            &head.method,
            &head.uri,
            &head.headers,
        )
        .await
        .map_err(|(status, words)| {
            Problem::stranger(status, words, self.entrance.door.authentication.as_ref())
        })
    }

    /// Opens ports and begins the call.
    fn begin(
        &self,
        wanted: Wanted,
        engine: Arc<dyn Transcriber>,
        connection: &Connection,
    ) -> Result<Response, Problem> {
        let door = &self.entrance.door;
        let id = wanted.id;
        if self.calls.get(id.as_str()).is_ok() {
            return Err(Problem::is_live());
        }
        let pairs = self
            .ports
            .open(wanted.streams.len())
            .map_err(|error| Problem::no_ports(&error))?;
        let asked_at = connection.reached().to_canonical();
        let asker = connection.peer().ip().to_canonical();
        let mut told = Vec::new();
        let mut streams = Vec::new();
        for (stream, pair) in wanted.streams.into_iter().zip(pairs) {
            let from = stream.from.or(door.strict_source.then_some(asker));
            let reached = reached_at(pair.address(), door.advertise, asked_at);
            told.push(Told {
                leg: stream.leg,
                address: reached.ip(),
                port: reached.port(),
                from,
            });
            streams.push(NewStream {
                leg: stream.leg,
                pair,
                described: Described {
                    formats: stream.formats,
                    addresses: from.map(|from| vec![from]),
                    reports: None,
                    their_key: None,
                },
                our_key: None,
            });
        }
        let forward = self.entrance.route.clone().map(|route| {
            let facts = StreamFacts {
                call: id.clone(),
                stream: String::new(),
                legs: wanted.legs,
                rate: wanted.rate,
                encoding: wanted.encoding,
                parameters: Vec::new(),
                begins: MediaTime::ZERO,
                attempt: 0,
                recorded: None,
            };
            (route, facts)
        });
        let new = NewCall {
            id: id.clone(),
            door: &door.name,
            legs: wanted.legs,
            rate: wanted.rate,
            particulars: wanted.particulars.or(&door.usual),
            stream: id.as_str(),
            engine,
            forward,
            control: self.entrance.control.clone(),
        };
        let call = RtpCall::begin(&self.shared, new, streams).map_err(|cannot| match cannot {
            CannotBegin::StreamIsLive => Problem::is_live(),
            CannotBegin::NoRoom(why) => Problem::busy(why.words()),
        })?;
        let (questions, inbox) = mpsc::channel(4);
        let entry = Entry {
            questions,
            done: CancellationToken::new(),
            streams: told.into(),
        };
        let body = Json(json!({ "call": id, "streams": *entry.streams }));
        let listed = self.calls.list(id.as_str(), entry);
        let idle = self.shared.settings.limits.idle.unwrap_or(door.idle);
        let shutdown = self.shared.shutdown.clone();
        self.shared
            .tasks
            .spawn(keep(call, inbox, idle, shutdown, listed));
        let location = [(LOCATION, format!("{}/{id}", door.path))];
        Ok((StatusCode::CREATED, location, body).into_response())
    }
}

/// Owns a call until it is asked to end, no audio comes any more, it cannot go on, or the shutdown; then until
/// its recording is complete.
async fn keep(
    call: RtpCall,
    mut questions: mpsc::Receiver<Question>,
    idle: Duration,
    shutdown: CancellationToken,
    listed: Listed,
) {
    let mut over = std::pin::pin!(call.over());
    let mut look = interval(LOOK_FOR_SILENCE);
    let reason = loop {
        tokio::select! {
            biased;
            () = &mut over => break Some("the call could not go on"),
            () = shutdown.cancelled() => break Some("the gateway is shutting down"),
            question = questions.recv() => match question {
                // Who asked may have gone.
                Some(Question::Silence(answer)) => drop(answer.send(call.silent_for())),
                Some(Question::End) | None => break None,
            },
            _ = look.tick() => if call.silent_for() > idle {
                break Some("no audio in time");
            },
        }
    };
    drop(questions);
    call.end(reason.map(str::to_owned)).await;
    drop(listed);
}
