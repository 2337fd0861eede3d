//! One connection to a recorder: a WebSocket, over TLS if its address says so.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{HeaderMap, Uri};
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Outgoing;

/// For the connection, TLS and the WebSocket handshake together.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For one message to be taken by a recorder that does not read, and for it to confirm what it was sent.
const SENDING: Duration = Duration::from_secs(20);
/// For the recorder to answer the closing.
const CLOSING: Duration = Duration::from_secs(3);

/// A recorder's address and what it asks for.
#[derive(Debug)]
pub struct Destination {
    uri: Uri,
    host: String,
    port: u16,
    headers: HeaderMap,
    tls: Option<Arc<ClientConfig>>,
}

/// Why a recorder could not be spoken to. Without its path, which may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// Not an address of a recorder.
    #[error("{0}")]
    Address(&'static str),
    /// No connection came about.
    #[error("no connection: {0}")]
    Unreachable(std::io::Error),
    /// It answered, but not as a WebSocket server does.
    #[error("the handshake failed: {0}")]
    Handshake(String),
    /// It did not answer in time.
    #[error("no answer in time")]
    Slow,
    /// The connection is gone.
    #[error("the connection ended: {0}")]
    Lost(&'static str),
}

impl Destination {
    /// From an address such as `wss://recorder.example/stream`, the headers to send, and for `wss` the
    /// authorities to trust.
    pub fn new(
        url: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        tls: impl FnOnce() -> Arc<ClientConfig>,
    ) -> Result<Self, DestinationError> {
        let uri: Uri = url.parse().map_err(|_| {
            DestinationError::Address("is no URL; expected ws:// or wss://HOST/PATH")
        })?;
        let (port, secure) = match uri.scheme_str() {
            Some("ws") => (80, false),
            Some("wss") => (443, true),
            _ => {
                return Err(DestinationError::Address(
                    "expected a URL that begins with ws:// or wss://",
                ));
            }
        };
        let host = uri
            .host()
            .ok_or(DestinationError::Address("the URL has no host"))?
            .trim_matches(['[', ']'])
            .to_owned();
        Ok(Self {
            port: uri.port_u16().unwrap_or(port),
            host,
            headers: headers.into_iter().collect(),
            tls: secure.then(tls),
            uri,
        })
    }

    /// The host, for logs.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open connection.
pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// When the recorder was asked for a confirmation that has not come.
    asked: Option<Instant>,
}

impl Connection {
    pub(super) async fn open(destination: &Destination) -> Result<Self, DestinationError> {
        timeout(HANDSHAKE, Self::shake(destination))
            .await
            .map_err(|_| DestinationError::Slow)?
    }

    async fn shake(destination: &Destination) -> Result<Self, DestinationError> {
        let unreachable = DestinationError::Unreachable;
        let stream = TcpStream::connect((destination.host.as_str(), destination.port))
            .await
            .map_err(unreachable)?;
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Stream> = match &destination.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from(destination.host.clone()).map_err(|_| {
                    DestinationError::Address("the host is no name that a certificate has")
                })?;
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name, stream).await.map_err(unreachable)?)
            }
        };
        let mut request = destination
            .uri
            .clone()
            .into_client_request()
            .map_err(|error| DestinationError::Handshake(error.to_string()))?;
        request.headers_mut().extend(destination.headers.clone());
        let config = WebSocketConfig::default()
            .write_buffer_size(0)
            .max_write_buffer_size(1024 * 1024)
            .max_message_size(Some(64 * 1024))
            .max_frame_size(Some(64 * 1024));
        let shaken =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        match shaken {
            Ok((socket, _)) => Ok(Self {
                socket,
                asked: None,
            }),
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
            let message = match message {
                Outgoing::Text(text) => Message::text(text),
                Outgoing::Binary(bytes) => Message::binary(bytes),
            };
            match timeout(SENDING, self.socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(DestinationError::Lost("it was cut")),
                Err(_) => return Err(DestinationError::Lost("the recorder does not read")),
            }
        }
        Ok(())
    }

    /// Asks the recorder to confirm all that was sent; `number` comes back.
    pub(super) async fn ask_for(&mut self, number: u64) -> Result<(), DestinationError> {
        let ping = Message::Ping(number.to_be_bytes().to_vec().into());
        self.asked.get_or_insert_with(Instant::now);
        match timeout(SENDING, self.socket.send(ping)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(DestinationError::Lost("it was cut")),
            Err(_) => Err(DestinationError::Lost("the recorder does not read")),
        }
    }

    /// Waits for a confirmation, and returns its number. What the recorder says otherwise means nothing here.
    pub(super) async fn acknowledged(&mut self) -> Result<u64, DestinationError> {
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
                        return Ok(u64::from_be_bytes(number));
                    }
                }
                Some(Ok(Message::Close(_))) => {
                    return Err(DestinationError::Lost("the recorder closed it"));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(DestinationError::Lost("it was cut")),
            }
        }
    }

    /// Ends the connection as it should be.
    pub(super) async fn close(mut self) -> Result<(), DestinationError> {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        // The call is over for the recorder all the same if it has gone by now.
        let _ = timeout(CLOSING, async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        })
        .await;
        Ok(())
    }
}
