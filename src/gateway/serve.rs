//! The server: accepts connections, answers health checks, upgrades calls, drains at the end.
//!
//! Bounded everywhere: connections by `max_connections` (further ones are closed at once), calls by
//! `admission` (further ones get HTTP 503 before the upgrade, or are not listened to), time without a request, a start or a
//! message by [`Limits`], memory by small buffers and the doors' message sizes.

mod admission;
mod connection;
mod entrance;
mod guard;
mod http;
mod live;
mod plain_rtp;
mod rtp;
mod siprec;
mod wire;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::http::HeaderMap;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::audit::Auditor;
use super::call::Transcriber;
use super::capacity::memory::RoomForConnections;
use super::live::Live;
use super::policies::PolicyInUse;
use super::records;
use super::taping::{Folder, Recorders, TapeFactory};
use super::tls::Tls;
use crate::alert::Rules;
use crate::audio::MediaTime;
use crate::config::doors::Protocol;
use crate::config::{Config, MaxCalls, Overload};

use crate::session::Examination;
use crate::store::audit::Action;
use admission::Admission;
pub use entrance::Entrance;
use siprec::SiprecDoor;

/// Why a door does not let somebody in, for the audit log.
const NOT_FROM_NETWORKS: &str = "not from the door's networks";
/// Calls at once that are never exceeded, however many seem to fit.
const MOST_CALLS: usize = 10_000;

/// How long the server waits for others.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For the whole header of a request.
    pub request_header: Duration,
    /// From the upgrade to the message that starts the call.
    pub start: Duration,
    /// Without any message in a call, in place of what each door says.
    pub idle: Option<Duration>,
    /// For the platform to close the connection after it stopped the call.
    pub close: Duration,
    /// For the engine to be loaded when a call comes before it is.
    pub engine: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_header: Duration::from_secs(10),
            start: Duration::from_secs(10),
            idle: None,
            close: Duration::from_secs(5),
            engine: Duration::from_secs(30),
        }
    }
}

/// What a server is told at its start.
#[derive(Clone)]
pub struct Settings {
    /// Delay between hearing and releasing.
    pub hold: MediaTime,
    /// New calls may begin with a hold up to this while recognition is short of time; `None`: never.
    pub longest_hold: Option<MediaTime>,
    /// What to hide.
    pub policy: PolicyInUse,
    /// Makes connections secure; `None` leaves them plain.
    pub tls: Option<Tls>,
    /// Where calls come in.
    pub doors: Vec<Entrance>,
    /// Connections open at once.
    pub max_connections: usize,
    /// Calls at once that are listened to, at the most.
    pub max_calls: usize,
    /// Whether fewer are listened to when recognition cannot follow so many, as is learned while they run.
    pub learns_capacity: bool,
    /// What becomes of further ones.
    pub overload: Overload,
    /// Where calls are recorded.
    pub tapes: Arc<dyn TapeFactory>,
    /// How long the server waits for others.
    pub limits: Limits,
    /// Writes what is done into the audit log, if one is kept; see [`Settings::with_audit`].
    pub audit: Option<Arc<Auditor>>,
    /// Whether calls are listened to.
    pub examination: Examination,
    /// Where calls under way are shown.
    pub live: Arc<Live>,
    /// What raises alerts in calls.
    pub alerts: Rules,
}

impl Settings {
    /// The same, with calls and refusals written into the audit log.
    #[must_use]
    pub fn with_audit(mut self, auditor: Arc<Auditor>) -> Self {
        self.tapes = auditor.tapes(self.tapes);
        self.audit = Some(auditor);
        self
    }

    /// From a configuration, recording into its folder or store. Fails when a certificate or key cannot be read.
    pub fn from_config(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            hold: config.hold,
            longest_hold: config.longest_hold,
            tls: config.tls.clone().map(Tls::load).transpose()?,
            policy: Arc::clone(&config.policy).into(),
            doors: config
                .doors
                .iter()
                .cloned()
                .map(Entrance::new)
                .collect::<Result<_, _>>()?,
            max_connections: config.max_connections,
            max_calls: match config.max_calls {
                MaxCalls::Auto => config.max_connections.min(MOST_CALLS),
                MaxCalls::Fixed(calls) => calls,
            },
            learns_capacity: config.max_calls == MaxCalls::Auto,
            overload: config.overload,
            tapes: match &config.store {
                Some(store) => {
                    let vault = records::open_beside(store, config.audit.as_ref())?;
                    records::tapes_with_index(vault, store.database.clone())
                }
                None => folder(config.recordings.clone()),
            },
            limits: Limits::default(),
            audit: None,
            examination: Examination::Everything,
            live: Live::new(),
            alerts: config.alerts.clone(),
        })
    }
}

/// Records into `CALL.wav` and `CALL.json` in a folder, which is made if it does not exist.
pub fn folder(folder: PathBuf) -> Arc<dyn TapeFactory> {
    Arc::new(Folder(folder))
}

/// What the tasks of a server share.
struct Shared {
    settings: Settings,
    engine: watch::Receiver<Option<Arc<dyn Transcriber>>>,
    places: Arc<Semaphore>,
    admission: Arc<Admission>,
    live_streams: Mutex<HashSet<Box<str>>>,
    recorders: Recorders,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    probe: tokio::sync::Mutex<http::Probe>,
}

/// One of `max_connections`, for as long as it is held.
type Place = OwnedSemaphorePermit;

/// A server with open sockets.
pub struct Server {
    listener: TcpListener,
    /// Doors with sockets of their own.
    own: Vec<(Entrance, TcpListener)>,
    siprec: Vec<SiprecDoor>,
    shared: Arc<Shared>,
}

/// Where the engine is put when it is loaded; until then calls wait.
pub struct EngineSlot {
    slot: watch::Sender<Option<Arc<dyn Transcriber>>>,
    admission: Arc<Admission>,
}

impl EngineSlot {
    /// Puts the engine to use.
    pub fn install(&self, engine: Arc<dyn Transcriber>) {
        let workers = engine.work().map_or(1, |work| work.workers);
        self.admission.begin_learning(workers, None);
        self.slot.send_replace(Some(engine));
    }

    /// Tries the engine out and puts it to use: how fast it is says how many calls are taken at first.
    pub async fn try_out_and_install(&self, engine: Arc<dyn Transcriber>) {
        self.admission.try_out(&*engine).await;
        self.slot.send_replace(Some(engine));
    }
}

impl Server {
    /// A server on an open socket, not accepting yet. It stops when `shutdown` is cancelled.
    pub fn new(
        listener: TcpListener,
        settings: Settings,
        shutdown: CancellationToken,
    ) -> (Self, EngineSlot) {
        let (slot, engine) = watch::channel(None);
        let admission = Arc::new(Admission::new(&settings));
        let shared = Shared {
            engine,
            places: Arc::new(Semaphore::new(settings.max_connections)),
            admission: Arc::clone(&admission),
            live_streams: Mutex::default(),
            recorders: Recorders::default(),
            tasks: TaskTracker::new(),
            shutdown,
            probe: tokio::sync::Mutex::default(),
            settings,
        };
        let server = Self {
            listener,
            own: Vec::new(),
            siprec: Vec::new(),
            shared: Arc::new(shared),
        };
        (server, EngineSlot { slot, admission })
    }

    /// Opens the sockets of doors that have their own. Fails when one is taken.
    pub async fn open_doors(&mut self) -> anyhow::Result<()> {
        for entrance in &self.shared.settings.doors {
            if entrance.door.protocol == Protocol::Siprec {
                let is_secure = self.shared.settings.tls.is_some();
                self.siprec
                    .push(SiprecDoor::open(entrance.clone(), is_secure).await?);
            } else if entrance.door.has_own_socket() {
                let listen = entrance.door.listen;
                let listener = TcpListener::bind(listen).await.with_context(|| {
                    format!(
                        "doors.{}.listen: cannot listen on {listen}",
                        entrance.door.name
                    )
                })?;
                self.own.push((entrance.clone(), listener));
            }
        }
        Ok(())
    }

    /// The doors with sockets of their own that are open, by name, and where they listen.
    pub fn own_addresses(&self) -> Vec<(String, SocketAddr)> {
        let own = self.own.iter().filter_map(|(entrance, listener)| {
            Some((entrance.door.name.clone(), listener.local_addr().ok()?))
        });
        let siprec = self.siprec.iter();
        own.chain(siprec.map(|door| (door.name().to_owned(), door.address())))
            .collect()
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts connections until the shutdown; then drains the calls, at most their hold and a little.
    pub async fn run(self) {
        let Self {
            listener,
            own,
            siprec,
            shared,
        } = self;
        if let Some(tls) = shared.settings.tls.clone() {
            tokio::spawn(tls.follow(shared.shutdown.clone()));
        }
        let (admission, engine) = (Arc::clone(&shared.admission), shared.engine.clone());
        let end = shared.shutdown.clone();
        tokio::spawn(async move { admission.learn(engine, end).await });
        if let Some(auditor) = shared.settings.audit.clone() {
            tokio::spawn(tell_refusals(auditor, shared.shutdown.clone()));
        }
        for (entrance, listener) in own {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                accept(&listener, &shared, |stream, peer, place| {
                    shared.tasks.spawn(serve_own(
                        stream,
                        peer,
                        place,
                        entrance.clone(),
                        Arc::clone(&shared),
                    ));
                })
                .await;
            });
        }
        for door in siprec {
            let shared = Arc::clone(&shared);
            let tasks = shared.tasks.clone();
            tasks.spawn(door.run(shared));
        }
        // Of a listener whose address is not known nobody else is told.
        let listening = listener
            .local_addr()
            .map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
        let router = http::router(&shared, listening);
        accept(&listener, &shared, |stream, peer, place| {
            let reached = stream
                .local_addr()
                .map_or(listening, |address| address.ip());
            let connection = http::Connection::new(peer, reached, place);
            shared.tasks.spawn(serve(
                stream,
                connection,
                router.clone(),
                Arc::clone(&shared),
            ));
        })
        .await;
        drop(listener);
        shared.tasks.close();
        let hold = Duration::from_micros(shared.admission.longest_hold().micros());
        let drained = timeout(hold + Duration::from_secs(10), shared.tasks.wait()).await;
        if drained.is_err() {
            tracing::error!(
                tasks = shared.tasks.len(),
                "gave up on calls that did not drain in time"
            );
        }
    }
}

/// Accepts connections until the shutdown, and hands each on with its place.
async fn accept(
    listener: &TcpListener,
    shared: &Shared,
    mut take: impl FnMut(TcpStream, SocketAddr, Place),
) {
    // One line for each time the server fills up, not one for each connection.
    let mut full = false;
    let mut memory = RoomForConnections::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The peer may be gone already, or descriptors may be used up: both pass.
                tracing::debug!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let has_memory = memory.has_room(Instant::now());
        let place = Arc::clone(&shared.places).try_acquire_owned();
        let Some(place) = place.ok().filter(|_| has_memory) else {
            if !std::mem::replace(&mut full, true) {
                let why = if has_memory {
                    "max_connections are open"
                } else {
                    "little memory is left"
                };
                tracing::warn!(why, "refusing connections");
            }
            continue;
        };
        full = false;
        take(stream, peer, place);
    }
}

/// Writes what was refused into the audit log, now and then.
async fn tell_refusals(auditor: Arc<Auditor>, end: CancellationToken) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            _ = seconds.tick() => auditor.tell_refusals(),
        }
    }
}

/// Serves one connection of a door with a socket of its own.
async fn serve_own(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    entrance: Entrance,
    shared: Arc<Shared>,
) {
    let _ = stream.set_nodelay(true);
    let door = &entrance.door;
    if !door.admits(peer.ip()) {
        tracing::warn!(%peer, door = door.name, "refused a connection: not from the door's networks");
        shared.audit_refusal(
            Action::SignInRefused,
            &door.name,
            NOT_FROM_NETWORKS,
            Some(peer),
        );
        return;
    }
    let engine = match http::admit(&shared).await {
        Ok(engine) => engine,
        Err(problem) => {
            problem.tell(&shared, peer, door);
            return;
        }
    };
    let Ok(adapter) = entrance.adapter(&HeaderMap::new()) else {
        return;
    };
    let entering = connection::Entering {
        peer,
        door: door.name.clone(),
        adapter,
        usual: door.usual.clone(),
        route: entrance.route.clone(),
        control: entrance.control.clone(),
        idle: shared.settings.limits.idle.unwrap_or(door.idle),
    };
    connection::run(shared, entering, engine, wire::Wire::Tcp(stream)).await;
    drop(place);
}

/// Makes one connection secure if it is to be, and serves it.
async fn serve(
    stream: TcpStream,
    mut connection: http::Connection,
    router: axum::Router,
    shared: Arc<Shared>,
) {
    // Small messages that are due now: waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &shared.settings.tls else {
        return serve_stream(stream, connection, router, shared).await;
    };
    let shaking = timeout(
        shared.settings.limits.request_header,
        tls.acceptor().accept(stream),
    );
    let secured = tokio::select! {
        secured = shaking => secured,
        () = shared.shutdown.cancelled() => return,
    };
    match secured {
        Ok(Ok(stream)) => {
            connection.showed_certificate(stream.get_ref().1.peer_certificates().is_some());
            serve_stream(stream, connection, router, shared).await;
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = %connection.peer(), %error, "no TLS connection came about");
        }
        Err(_) => tracing::debug!(peer = %connection.peer(), "no TLS handshake in time"),
    }
}

/// Serves one connection's requests until it is closed or becomes a call.
async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: http::Connection,
    router: axum::Router,
    shared: Arc<Shared>,
) {
    let service = TowerToHyperService::new(router.layer(axum::Extension(connection)));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(shared.settings.limits.request_header)
        .max_buf_size(16 * 1024);
    let serving = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = shared.shutdown.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

impl Shared {
    /// Writes into the audit log that somebody was not let in, or a call not taken.
    fn audit_refusal(&self, action: Action, door: &str, why: &str, peer: Option<SocketAddr>) {
        if let Some(auditor) = &self.settings.audit {
            auditor.refused(action, door, why, peer.map(|peer| peer.ip()));
        }
    }

    /// Claims a stream's id for as long as the claim lives; `None` if it is live already.
    fn claim_stream(self: &Arc<Self>, stream: Option<&str>) -> Option<StreamClaim> {
        let stream: Box<str> = stream.unwrap_or_default().into();
        let fresh = stream.is_empty()
            || self
                .live_streams
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(stream.clone());
        fresh.then(|| StreamClaim {
            stream,
            shared: Arc::clone(self),
        })
    }
}

/// A live stream's id, which no second connection may use.
struct StreamClaim {
    stream: Box<str>,
    shared: Arc<Shared>,
}

impl Drop for StreamClaim {
    fn drop(&mut self) {
        self.shared
            .live_streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.stream);
    }
}
