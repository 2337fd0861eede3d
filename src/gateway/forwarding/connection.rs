//! One connection to a recorder: a WebSocket, over TLS if its address says so, or bytes over TCP.
//!
//! A WebSocket's recorder confirms what it has got by answering pings (RFC 6455, 5.5.3). TCP has nothing of
//! the kind: what was written counts as sent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::Outgoing;
use super::destination::{Destination, DestinationError, Transport};
use crate::egress::forward::Handshake;

/// For the connection, TLS and the WebSocket handshake together.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For one message to be taken by a recorder that does not read, and for it to confirm what it was sent.
const SENDING: Duration = Duration::from_secs(20);
/// For the recorder to answer the closing.
const CLOSING: Duration = Duration::from_secs(3);
/// Bytes read from a TCP connection at once.
const READ: usize = 4 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open connection.
pub(super) enum Connection {
    /// WebSocket messages.
    WebSocket(Box<WebSocket>),
    /// Bytes.
    Tcp(Tcp),
}

pub(super) struct WebSocket {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// When the recorder was asked for a confirmation that has not come.
    asked: Option<Instant>,
}

pub(super) struct Tcp {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The number that was asked for last and has not been told.
    written: Option<u64>,
}

/// What came from a recorder.
#[derive(Debug)]
pub(super) enum Incoming {
    /// All that was sent before it was asked for this number.
    Confirmed(u64),
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message, or bytes.
    Binary(Bytes),
}

impl Connection {
    pub(super) async fn open(
        destination: &Destination,
        handshake: &Handshake,
    ) -> Result<Self, DestinationError> {
        timeout(HANDSHAKE, Self::shake(destination, handshake))
            .await
            .map_err(|_| DestinationError::Slow)?
    }

    async fn shake(
        destination: &Destination,
        handshake: &Handshake,
    ) -> Result<Self, DestinationError> {
        let unreachable = DestinationError::Unreachable;
        let stream = TcpStream::connect(destination.address())
            .await
            .map_err(unreachable)?;
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Stream> = match destination.transport() {
            Transport::Tcp => {
                return Ok(Self::Tcp(Tcp {
                    stream,
                    buffer: vec![0; READ],
                    written: None,
                }));
            }
            Transport::WebSocket(None) => Box::new(stream),
            Transport::WebSocket(Some(config)) => {
                let name = ServerName::try_from(destination.host().to_owned()).map_err(|_| {
                    DestinationError::Address("the host is no name that a certificate has")
                })?;
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name, stream).await.map_err(unreachable)?)
            }
        };
        let request = destination.request(handshake)?;
        let config = WebSocketConfig::default()
            .write_buffer_size(0)
            .max_write_buffer_size(1024 * 1024)
            .max_message_size(Some(64 * 1024))
            .max_frame_size(Some(64 * 1024));
        let shaken =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        match shaken {
            Ok((socket, _)) => Ok(Self::WebSocket(Box::new(WebSocket {
                socket,
                asked: None,
            }))),
            Err(Error::Http(response)) => Err(DestinationError::Handshake(format!(
                "HTTP {}",
                response.status().as_u16()
            ))),
            Err(error) => Err(DestinationError::Handshake(error.to_string())),
        }
    }

    /// Sends messages, in order, and empties the list.
    pub(super) async fn send(
        &mut self,
        messages: &mut Vec<Outgoing>,
    ) -> Result<(), DestinationError> {
        for message in messages.drain(..) {
            match self {
                Self::WebSocket(socket) => {
                    let message = match message {
                        Outgoing::Text(text) => Message::text(text),
                        Outgoing::Binary(bytes) => Message::binary(bytes),
                    };
                    taken(socket.socket.send(message)).await?;
                }
                Self::Tcp(tcp) => match message {
                    Outgoing::Binary(bytes) => taken(tcp.stream.write_all(&bytes)).await?,
                    Outgoing::Text(_) => {
                        return Err(DestinationError::Address(
                            "the protocol needs a WebSocket; expected a URL that begins with ws:// or wss://",
                        ));
                    }
                },
            }
        }
        Ok(())
    }

    /// Asks the recorder to confirm all that was sent; `number` comes back.
    pub(super) async fn ask_for(&mut self, number: u64) -> Result<(), DestinationError> {
        match self {
            Self::WebSocket(socket) => {
                let ping = Message::Ping(number.to_be_bytes().to_vec().into());
                socket.asked.get_or_insert_with(Instant::now);
                taken(socket.socket.send(ping)).await
            }
            Self::Tcp(tcp) => {
                tcp.written = Some(number);
                Ok(())
            }
        }
    }

    /// Waits for what comes next. May be given up at any time.
    pub(super) async fn next(&mut self) -> Result<Incoming, DestinationError> {
        match self {
            Self::WebSocket(socket) => socket.next().await,
            Self::Tcp(tcp) => tcp.next().await,
        }
    }

    /// Ends the connection as it should be.
    pub(super) async fn close(self) {
        // The call is over for the recorder all the same if it has gone by now.
        let _ = timeout(CLOSING, async {
            match self {
                Self::WebSocket(mut socket) => {
                    let frame = CloseFrame {
                        code: CloseCode::Normal,
                        reason: "".into(),
                    };
                    let socket = &mut socket.socket;
                    if socket.send(Message::Close(Some(frame))).await.is_ok() {
                        while let Some(Ok(_)) = socket.next().await {}
                    }
                }
                Self::Tcp(mut tcp) => {
                    if tcp.stream.shutdown().await.is_ok() {
                        while matches!(tcp.stream.read(&mut tcp.buffer).await, Ok(1..)) {}
                    }
                }
            }
        })
        .await;
    }
}

/// Waits for a recorder to take what is sent to it.
async fn taken<Problem>(
    sending: impl Future<Output = Result<(), Problem>>,
) -> Result<(), DestinationError> {
    match timeout(SENDING, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(DestinationError::Lost("it was cut")),
        Err(_) => Err(DestinationError::Lost("the recorder does not read")),
    }
}

impl WebSocket {
    async fn next(&mut self) -> Result<Incoming, DestinationError> {
        loop {
            let by = self.asked.map(|asked| asked + SENDING);
            let message = tokio::select! {
                message = self.socket.next() => message,
                () = sleep_until(by.unwrap_or_else(Instant::now)), if by.is_some() => {
                    return Err(DestinationError::Lost("the recorder does not answer pings"));
                }
            };
            match message {
                Some(Ok(Message::Pong(payload))) => {
                    if let Ok(number) = <[u8; 8]>::try_from(payload.as_ref()) {
                        self.asked = None;
                        return Ok(Incoming::Confirmed(u64::from_be_bytes(number)));
                    }
                }
                Some(Ok(Message::Text(text))) => return Ok(Incoming::Text(text)),
                Some(Ok(Message::Binary(bytes))) => return Ok(Incoming::Binary(bytes)),
                Some(Ok(Message::Close(_))) => {
                    return Err(DestinationError::Lost("the recorder closed it"));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(DestinationError::Lost("it was cut")),
            }
        }
    }
}

impl Tcp {
    async fn next(&mut self) -> Result<Incoming, DestinationError> {
        if let Some(number) = self.written.take() {
            return Ok(Incoming::Confirmed(number));
        }
        match self.stream.read(&mut self.buffer).await {
            Ok(count @ 1..) => Ok(Incoming::Binary(Bytes::copy_from_slice(
                &self.buffer[..count],
            ))),
            Ok(0) => Err(DestinationError::Lost("the recorder closed it")),
            Err(_) => Err(DestinationError::Lost("it was cut")),
        }
    }
}
