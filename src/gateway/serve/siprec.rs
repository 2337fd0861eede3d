//! A door for recording sessions: SIPREC over UDP, TCP and TLS (RFC 7866), audio over RTP.
//!
//! ```text
//! sockets --messages--> [agent: Srs] --ports, descriptions--> RtpCall, one for each session
//!    ^------ Action::Send ----'
//! ```
//!
//! One task owns the signalling and decides on invitations; audio has tasks of its own and never waits for it.
//! A call begins when its invitation is answered, as border controllers send at once. At most two streams are
//! recorded, one for each party; further ones are refused in the answer, as nobody would listen to them.
//!
//! **Architecture invariants:** nothing of a peer's messages is logged but addresses and what is wrong; whoever
//! is not of the door's networks gets no ports.

mod session;
mod transport;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::rtp::{Ports, RtpCall};
use super::{Entrance, Shared};
use crate::sip::server::{Action, Change, EndReason, Invitation, Refusal, Srs, SrsSettings};
use crate::sip::{Advertised, Flow, SessionId, Transport};
use session::Session;
use transport::{Connections, Event};

/// Longest UDP datagram.
const LONGEST_DATAGRAM: usize = 65_536;
/// How long the shutdown waits for sessions to be ended in SIP's words.
const GOODBYE: Duration = Duration::from_secs(2);
/// What peers are told to wait when no call is taken.
const RETRY_AFTER: u32 = 5;
/// Sessions that are looked at for silence, this often.
const LOOK_FOR_SILENCE: Duration = Duration::from_secs(5);

/// A door with open sockets.
pub(super) struct SiprecDoor {
    entrance: Entrance,
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
    tls: Option<TcpListener>,
    address: SocketAddr,
}

impl SiprecDoor {
    /// Opens the door's sockets: UDP and TCP on its port, and TLS on the next one if the server has a certificate.
    pub(super) async fn open(entrance: Entrance, is_secure: bool) -> anyhow::Result<Self> {
        let listen = entrance.door.listen;
        let name = &entrance.door.name;
        let open = |address: SocketAddr| async move {
            let tcp = TcpListener::bind(address).await?;
            let address = tcp.local_addr()?;
            let udp = UdpSocket::bind(address).await?;
            std::io::Result::Ok((tcp, udp, address))
        };
        let (tcp, udp, address) = open(listen)
            .await
            .with_context(|| format!("doors.{name}.listen: cannot listen on {listen}"))?;
        let tls = if is_secure {
            let secure = SocketAddr::new(address.ip(), address.port().saturating_add(1));
            let listener = TcpListener::bind(secure).await.with_context(|| {
                format!("doors.{name}.listen: cannot listen on {secure}, the port for TLS")
            })?;
            Some(listener)
        } else {
            None
        };
        Ok(Self {
            entrance,
            udp: Arc::new(udp),
            tcp,
            tls,
            address,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.entrance.door.name
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the door until the shutdown.
    pub(super) async fn run(self, shared: Arc<Shared>) {
        let Self {
            entrance,
            udp,
            tcp,
            tls,
            address,
        } = self;
        let door = &entrance.door;
        let ip = door.advertise.unwrap_or_else(|| reachable(address.ip()));
        let mut settings = SrsSettings::new(Advertised {
            host: ip.to_string(),
            udp: address.port(),
            tcp: address.port(),
            tls: address.port().saturating_add(1),
        });
        settings.most_sessions = shared.settings.max_connections;
        settings.most_sessions_per_peer = shared.settings.max_connections;
        settings.retry_after = RETRY_AFTER;
        let mut random = rand_chacha::ChaCha20Rng::from_os_rng();
        let random = Box::new(move || {
            let (high, low) = (random.next_u64(), random.next_u64());
            (u128::from(high) << 64) | u128::from(low)
        });
        let (events, inbox) = mpsc::channel(256);
        let connections = Connections::new(Arc::clone(&udp), events.clone());
        transport::listen(tcp, Transport::Tcp, None, &connections, door, &shared);
        if let (Some(tls), Some(certificate)) = (tls, shared.settings.tls.clone()) {
            transport::listen(
                tls,
                Transport::Tls,
                Some(certificate),
                &connections,
                door,
                &shared,
            );
        }
        let agent = Agent {
            srs: Srs::new(settings, random),
            ports: Ports::new(address.ip(), &door.rtp_ports),
            told: ip,
            begun: Instant::now(),
            sessions: HashMap::new(),
            connections,
            events,
            entrance: entrance.clone(),
            shared,
        };
        agent.run(&udp, inbox).await;
    }
}

/// The address that peers are told: for all addresses, the one that leads out.
fn reachable(listening: IpAddr) -> IpAddr {
    if !listening.is_unspecified() {
        return listening;
    }
    // Nothing is sent: the system only chooses from where it would.
    let (own, far) = match listening {
        IpAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        IpAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    std::net::UdpSocket::bind(own)
        .and_then(|socket| {
            socket.connect(far)?;
            socket.local_addr()
        })
        .map_or(listening, |address| address.ip())
}

/// The signalling of one door.
struct Agent {
    srs: Srs,
    ports: Ports,
    /// The address in our session descriptions.
    told: IpAddr,
    begun: Instant,
    sessions: HashMap<SessionId, Session>,
    connections: Connections,
    events: mpsc::Sender<Event>,
    entrance: Entrance,
    shared: Arc<Shared>,
}

impl Agent {
    async fn run(mut self, udp: &UdpSocket, mut inbox: mpsc::Receiver<Event>) {
        let mut buffer = vec![0; LONGEST_DATAGRAM].into_boxed_slice();
        let shutdown = self.shared.shutdown.clone();
        let mut look = tokio::time::interval(LOOK_FOR_SILENCE);
        let mut leave_by: Option<Instant> = None;
        loop {
            let due = self.srs.next_timeout().map(|due| self.begun + due);
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if leave_by.is_none() => {
                    leave_by = Some(Instant::now() + GOODBYE);
                    self.say_goodbye();
                }
                () = sleep_until(leave_by.unwrap_or_else(Instant::now)), if leave_by.is_some() => break,
                datagram = udp.recv_from(&mut buffer) => {
                    // An error is what came back for something that was sent.
                    if let Ok((length, peer)) = datagram {
                        let flow = Flow { transport: Transport::Udp, peer, connection: 1 };
                        self.srs.handle_message(self.begun.elapsed(), flow, &buffer[..length]);
                    }
                }
                event = inbox.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.srs.handle_timeout(self.begun.elapsed());
                }
                _ = look.tick() => self.end_silent_sessions(),
            }
            self.act().await;
            if leave_by.is_some() && self.srs.sessions().count() == 0 {
                break;
            }
        }
        for session in std::mem::take(&mut self.sessions).into_values() {
            self.end(session, Some("the gateway is shutting down".into()));
        }
    }

    fn say_goodbye(&mut self) {
        self.srs.set_draining(true);
        let now = self.begun.elapsed();
        for session in self.sessions.keys() {
            self.srs.hang_up(now, *session);
        }
    }

    fn take(&mut self, event: Event) {
        let now = self.begun.elapsed();
        match event {
            Event::Message { flow, bytes } => self.srs.handle_message(now, flow, &bytes),
            Event::Closed { flow } => {
                self.connections.forget(flow.connection);
                self.srs.flow_closed(now, flow);
            }
            Event::CallOver { session } => self.srs.hang_up(now, session),
        }
    }

    /// Sessions whose audio has ceased for longer than the door allows, as their end may have been lost.
    fn end_silent_sessions(&mut self) {
        let now = self.begun.elapsed();
        let idle = self.shared.settings.limits.idle;
        let idle = idle.unwrap_or(self.entrance.door.idle);
        for (id, session) in &mut self.sessions {
            if session.is_silent_for(idle) {
                session.ended_by_us = Some("no audio in time");
                self.srs.hang_up(now, *id);
            }
        }
    }

    /// Does what the signalling asks for until it asks for nothing more.
    async fn act(&mut self) {
        while let Some(action) = self.srs.poll() {
            let now = self.begun.elapsed();
            match action {
                Action::Send { flow, bytes } => self.connections.send(flow, bytes).await,
                Action::Invited(invitation) => self.decide(now, &invitation),
                Action::MediaWanted { session, .. } => {
                    tracing::warn!(
                        "refused a stream that was added to a call: it would not be listened to"
                    );
                    // The session may have ended meanwhile.
                    let _ = self.srs.provide(now, session, &[]);
                }
                Action::Confirmed { .. } => {}
                Action::Changed { session, change } => match change {
                    Change::Media(streams) => {
                        let delayed = match self.sessions.get_mut(&session) {
                            Some(session) => session.describe(&streams, &self.entrance).await,
                            None => false,
                        };
                        if delayed {
                            self.begin_delayed(session, &streams);
                        }
                    }
                    Change::Metadata(_) => {}
                },
                Action::Key { session } => {
                    if let Some(session) = self.sessions.get(&session) {
                        session.key_pressed().await;
                    }
                }
                Action::Ended { session, reason } => {
                    if let Some(session) = self.sessions.remove(&session) {
                        let reason = match (session.ended_by_us, reason) {
                            (Some(why), _) => Some(why.to_owned()),
                            (None, EndReason::HungUp) if self.shared.shutdown.is_cancelled() => {
                                Some("the gateway is shutting down".into())
                            }
                            (None, reason) => why(reason).map(str::to_owned),
                        };
                        self.end(session, reason);
                    }
                }
            }
        }
    }

    /// Ends a call besides, as its recording takes a while to be complete.
    fn end(&self, session: Session, reason: Option<String>) {
        if let Some(call) = session.call {
            self.shared.tasks.spawn(call.end(reason));
        }
    }

    fn decide(&mut self, now: Duration, invitation: &Invitation) {
        let door = &self.entrance.door;
        let peer = invitation.flow.peer;
        let session = invitation.session;
        let decided = if door.admits(peer.ip()) {
            self.admit(now, invitation)
        } else {
            tracing::warn!(%peer, door = door.name, "refused a call: not from the door's networks");
            Err(Refusal::Forbidden)
        };
        if let Err(refusal) = decided {
            // It may have been taken back meanwhile.
            let _ = self.srs.refuse(now, session, refusal);
        }
    }

    fn admit(&mut self, now: Duration, invitation: &Invitation) -> Result<(), Refusal> {
        let door = &self.entrance.door;
        let peer = invitation.flow.peer;
        let overloaded = |problem: &dyn std::fmt::Display| {
            tracing::warn!(%peer, door = door.name, %problem, "refused a call");
            Refusal::Overloaded {
                retry_after: RETRY_AFTER,
            }
        };
        let engine = self.shared.engine.borrow().clone();
        let engine = engine.ok_or_else(|| overloaded(&"the model is not loaded"))?;
        if let Err(why) = self.shared.admission.room() {
            self.shared.admission.refused(why);
            return Err(Refusal::Overloaded {
                retry_after: RETRY_AFTER,
            });
        }
        if let Some(fault) = invitation.metadata_fault {
            tracing::warn!(%peer, door = door.name, %fault, "the call's metadata cannot be read; its streams are told apart by their labels");
        }
        let id = invitation.session;
        let mut session = Session::prepare(invitation, &self.ports, engine)
            .map_err(|error| overloaded(&error))?;
        let local = session.local_media(self.told);
        if !invitation.is_delayed {
            session
                .begin(&invitation.streams, &self.entrance, &self.shared)
                .map_err(|problem| overloaded(&problem))?;
        }
        if let Err(error) = self.srs.accept(now, id, &local) {
            tracing::debug!(%peer, %error, "an invitation was taken back");
            self.end(session, Some("the invitation was taken back".into()));
            return Ok(());
        }
        self.watch(id, session.call.as_ref());
        self.sessions.insert(id, session);
        Ok(())
    }

    /// The streams of an offer that was ours are known.
    fn begin_delayed(&mut self, id: SessionId, streams: &[crate::sip::description::RemoteStream]) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        match session.begin(streams, &self.entrance, &self.shared) {
            Ok(()) => {
                let call = self
                    .sessions
                    .get(&id)
                    .and_then(|session| session.call.as_ref());
                self.watch(id, call);
            }
            Err(problem) => {
                tracing::warn!(problem, "gave up a call");
                self.srs.hang_up(self.begun.elapsed(), id);
            }
        }
    }

    /// Has the session ended when its call ends by itself, as when it cannot be recorded.
    fn watch(&self, session: SessionId, call: Option<&RtpCall>) {
        let Some(call) = call else { return };
        let over = call.over();
        let events = self.events.clone();
        tokio::spawn(async move {
            over.await;
            // Without an agent there is nothing to end.
            let _ = events.send(Event::CallOver { session }).await;
        });
    }
}

/// Why a call did not end as calls do.
fn why(reason: EndReason) -> Option<&'static str> {
    match reason {
        EndReason::Bye | EndReason::Cancelled => None,
        EndReason::HungUp => Some("the call could not go on"),
        EndReason::NotAcknowledged => Some("the answer to the invitation was not acknowledged"),
        EndReason::NoMedia => Some("the peer named no streams that can be recorded"),
        EndReason::Expired => Some("the session was not refreshed"),
        EndReason::Undecided => Some("the invitation was not decided on"),
        EndReason::ConnectionLost => Some("the connection was lost"),
    }
}

/// Waits for something that may never come, but not for long.
async fn soon<T>(waiting: impl Future<Output = T>) -> Option<T> {
    timeout(Duration::from_secs(5), waiting).await.ok()
}
