//! Messages of SIP to and from sockets. Knows how messages are told apart, nothing of what is in them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::{NOT_FROM_NETWORKS, Shared, accept};
use super::soon;
use crate::config::Door;
use crate::gateway::tls::Tls;
use crate::sip::framing::{Frame, Framing, PONG};
use crate::sip::{Flow, SessionId, Transport};
use crate::store::audit::Action;

/// A connection that says nothing for so long is closed, calls or not: SIP finds its way without one.
const IDLE: Duration = Duration::from_secs(900);
/// Messages that wait to be written to one connection.
const QUEUE: usize = 64;

/// What comes to the signalling from elsewhere than its UDP socket.
pub(super) enum Event {
    /// A message came.
    Message { flow: Flow, bytes: Vec<u8> },
    /// A connection ended.
    Closed { flow: Flow },
    /// A session's call ended by itself.
    CallOver { session: SessionId },
}

/// What leads to one connection's socket.
struct Writer {
    peer: SocketAddr,
    transport: Transport,
    queue: mpsc::Sender<Vec<u8>>,
}

/// Connections by their numbers.
type Writers = HashMap<u64, Writer>;

/// Where messages are sent.
#[derive(Clone)]
pub(super) struct Connections {
    udp: Arc<UdpSocket>,
    events: mpsc::Sender<Event>,
    writers: Arc<Mutex<Writers>>,
    next: Arc<AtomicU64>,
}

impl Connections {
    pub(super) fn new(udp: Arc<UdpSocket>, events: mpsc::Sender<Event>) -> Self {
        Self {
            udp,
            events,
            writers: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
        }
    }

    pub(super) fn forget(&self, connection: u64) {
        self.lock().remove(&connection);
    }

    /// Sends a message. What cannot be sent is lost: SIP sends again, or gives up.
    pub(super) async fn send(&self, flow: Flow, bytes: Vec<u8>) {
        if flow.transport == Transport::Udp {
            if let Err(error) = self.udp.send_to(&bytes, flow.peer).await {
                tracing::debug!(peer = %flow.peer, %error, "could not send a SIP message");
            }
            return;
        }
        let writer = {
            let writers = self.lock();
            let same = writers.get(&flow.connection);
            let to_peer = || {
                let mut all = writers.values();
                all.find(|writer| writer.peer == flow.peer && writer.transport == flow.transport)
            };
            same.or_else(to_peer).map(|writer| writer.queue.clone())
        };
        match writer {
            // A peer that does not read loses its messages, not the gateway its time.
            Some(writer) => {
                if writer.try_send(bytes).is_err() {
                    tracing::debug!(peer = %flow.peer, "a SIP peer does not read");
                }
            }
            None if flow.transport == Transport::Tcp => self.connect(flow.peer, bytes),
            None => tracing::debug!(peer = %flow.peer, "no connection to a SIP peer is left"),
        }
    }

    /// Opens a connection for a message to a peer that has closed its own.
    fn connect(&self, peer: SocketAddr, bytes: Vec<u8>) {
        let connections = self.clone();
        tokio::spawn(async move {
            match soon(TcpStream::connect(peer)).await {
                Some(Ok(stream)) => {
                    connections
                        .carry(stream, peer, Transport::Tcp, Some(bytes))
                        .await
                }
                _ => tracing::debug!(%peer, "could not reach a SIP peer"),
            }
        });
    }

    /// Carries a connection's messages until it ends.
    async fn carry(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        peer: SocketAddr,
        transport: Transport,
        first: Option<Vec<u8>>,
    ) {
        let connection = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
        if let Some(first) = first {
            // The queue is empty.
            let _ = sender.try_send(first);
        }
        let writer = Writer {
            peer,
            transport,
            queue: sender.clone(),
        };
        self.lock().insert(connection, writer);
        let flow = Flow {
            transport,
            peer,
            connection,
        };
        let (mut reading, mut writing) = tokio::io::split(stream);
        let write = async {
            while let Some(bytes) = queue.recv().await {
                if !matches!(soon(writing.write_all(&bytes)).await, Some(Ok(()))) {
                    return;
                }
            }
        };
        let read = async {
            let mut framing = Framing::default();
            let mut frames = Vec::new();
            let mut buffer = [0; 4_096];
            while let Ok(Ok(length @ 1..)) = timeout(IDLE, reading.read(&mut buffer)).await {
                let framed = framing.push(&buffer[..length], &mut frames);
                for frame in frames.drain(..) {
                    match frame {
                        Frame::Message(bytes) => {
                            if self
                                .events
                                .send(Event::Message { flow, bytes })
                                .await
                                .is_err()
                            {
                                return;
                            }
                        }
                        Frame::Ping => {
                            // Whoever does not read its answers does not need them.
                            let _ = sender.try_send(PONG.to_vec());
                        }
                    }
                }
                if let Err(problem) = framed {
                    tracing::warn!(%peer, %problem, "closed a SIP connection");
                    return;
                }
            }
        };
        tokio::select! {
            () = write => {}
            () = read => {}
        }
        // Without an agent there is nobody to tell.
        let _ = self.events.send(Event::Closed { flow }).await;
    }

    fn lock(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections of the door's networks until the shutdown.
pub(super) fn listen(
    listener: TcpListener,
    transport: Transport,
    certificate: Option<Tls>,
    connections: &Connections,
    door: &Arc<Door>,
    shared: &Arc<Shared>,
) {
    let connections = connections.clone();
    let door = Arc::clone(door);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        accept(&listener, &shared, |stream, peer, place| {
            if !door.admits(peer.ip()) {
                tracing::warn!(%peer, door = door.name, "refused a connection: not from the door's networks");
                let why = NOT_FROM_NETWORKS;
                shared.audit_refusal(Action::SignInRefused, &door.name, why, Some(peer));
                return;
            }
            let _ = stream.set_nodelay(true);
            let connections = connections.clone();
            let certificate = certificate.clone();
            let shutdown = shared.shutdown.clone();
            tokio::spawn(async move {
                let carrying = async {
                    match certificate {
                        None => connections.carry(stream, peer, transport, None).await,
                        Some(tls) => match soon(tls.acceptor().accept(stream)).await {
                            Some(Ok(stream)) => {
                                connections.carry(stream, peer, transport, None).await;
                            }
                            _ => tracing::debug!(%peer, "no TLS connection came about"),
                        },
                    }
                };
                // Calls are still ended over it for a while.
                let end = async {
                    shutdown.cancelled().await;
                    tokio::time::sleep(super::GOODBYE).await;
                };
                tokio::select! {
                    () = carrying => {}
                    () = end => {}
                }
                drop(place);
            });
        })
        .await;
    });
}
