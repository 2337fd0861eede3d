//! SIP messages to and from one recorder, on a socket of a session's own.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SessionRecorder;
use crate::sip::framing::{Frame, Framing, PONG};
use crate::sip::{Flow, Transport};

/// For a connection, TLS included, and for a message to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest UDP datagram.
const LONGEST_DATAGRAM: usize = 65_536;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>),
    /// A connection that ended; the next message opens another.
    Closed,
}

pub(super) struct Signalling {
    wire: Wire,
    local: SocketAddr,
    peer: SocketAddr,
    transport: Transport,
    /// Counts connections from 1.
    connection: u64,
    framing: Framing,
    frames: VecDeque<Frame>,
    buffer: Vec<u8>,
}

impl Signalling {
    /// Opens a socket, and where there are connections one to the first of the recorder's addresses that takes it.
    pub(super) async fn open(
        recorder: &SessionRecorder,
        addresses: &[SocketAddr],
    ) -> io::Result<Self> {
        let mut problem = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for &peer in addresses {
            match Self::open_to(recorder, peer).await {
                Ok(signalling) => return Ok(signalling),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    async fn open_to(recorder: &SessionRecorder, peer: SocketAddr) -> io::Result<Self> {
        let transport = recorder.transport();
        let (wire, local) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(SocketAddr::new(way_to(peer)?, 0)).await?;
                let local = socket.local_addr()?;
                (Wire::Udp(socket), local)
            }
            Transport::Tcp | Transport::Tls => connect(recorder, peer).await?,
        };
        Ok(Self {
            wire,
            local,
            peer,
            transport,
            connection: 1,
            framing: Framing::default(),
            frames: VecDeque::new(),
            buffer: Vec::with_capacity(LONGEST_DATAGRAM),
        })
    }

    /// Our end.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The way to the recorder.
    pub(super) fn flow(&self) -> Flow {
        self.flow_to(self.peer)
    }

    fn flow_to(&self, peer: SocketAddr) -> Flow {
        Flow {
            transport: self.transport,
            peer,
            connection: self.connection,
        }
    }

    /// Sends a message; where the connection has ended, on another to the same recorder.
    pub(super) async fn send(
        &mut self,
        recorder: &SessionRecorder,
        flow: Flow,
        bytes: &[u8],
    ) -> io::Result<()> {
        if matches!(self.wire, Wire::Closed) {
            (self.wire, _) = connect(recorder, self.peer).await?;
            self.connection += 1;
            self.framing = Framing::default();
        }
        match &mut self.wire {
            // What cannot be sent is lost: SIP sends again, or gives up.
            Wire::Udp(socket) => {
                if let Err(error) = socket.send_to(bytes, flow.peer).await {
                    tracing::debug!(peer = %flow.peer, %error, "could not send a SIP message");
                }
                Ok(())
            }
            Wire::Stream(stream) => {
                let writing = async {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                };
                in_time(writing).await
            }
            Wire::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The next message; `None` when the connection has ended. Nothing is lost when this is not waited for.
    pub(super) async fn receive(&mut self) -> Option<(Flow, Vec<u8>)> {
        loop {
            let flow = self.flow();
            match (self.frames.pop_front(), &mut self.wire) {
                (Some(Frame::Message(bytes)), _) => return Some((flow, bytes)),
                (Some(Frame::Ping), Wire::Stream(stream)) => {
                    // Two bytes into an empty buffer; whoever does not read them does not need them.
                    let _ = timeout(PATIENCE, stream.write_all(PONG)).await;
                }
                (Some(Frame::Ping), _) => {}
                (None, Wire::Udp(socket)) => {
                    self.buffer.clear();
                    // An error is what came back for something that was sent.
                    if let Ok((_, peer)) = socket.recv_buf_from(&mut self.buffer).await {
                        return Some((self.flow_to(peer), self.buffer.clone()));
                    }
                }
                (None, Wire::Stream(stream)) => {
                    self.buffer.clear();
                    let read = stream.read_buf(&mut self.buffer).await;
                    let mut frames = Vec::new();
                    let told_apart = self.framing.push(&self.buffer, &mut frames);
                    self.frames.extend(frames);
                    if !matches!(read, Ok(1..)) || told_apart.is_err() {
                        self.wire = Wire::Closed;
                        return None;
                    }
                }
                (None, Wire::Closed) => std::future::pending::<()>().await,
            }
        }
    }
}

async fn connect(recorder: &SessionRecorder, peer: SocketAddr) -> io::Result<(Wire, SocketAddr)> {
    let connecting = async {
        let stream = TcpStream::connect(peer).await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let stream: Box<dyn Stream> = match recorder.tls() {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from(recorder.host().to_owned())
                    .map_err(|_| io::Error::other("the host is no name for a certificate"))?;
                let connector = TlsConnector::from(config.clone());
                Box::new(connector.connect(name, stream).await?)
            }
        };
        Ok((Wire::Stream(stream), local))
    };
    in_time(connecting).await
}

async fn in_time<T>(doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(PATIENCE, doing).await.map_err(late)?
}

/// The address of ours from which a peer is reached. Nothing is sent: the system only chooses.
pub(super) fn way_to(peer: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}
