//! A connection's bytes as messages: a WebSocket, or a TCP connection that is cut anywhere.

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes taken from a TCP connection at once: 0.2 s of 16-bit audio at 48 kHz.
const CHUNK: usize = 20 * 1024;

/// What a platform's messages come by.
pub(super) enum Wire {
    WebSocket(Box<WebSocket>),
    Tcp(TcpStream),
}

/// What came.
pub(super) enum Received {
    Text(Utf8Bytes),
    Binary(Bytes),
    /// A ping or pong, which the library has answered.
    Control,
    /// The peer closes.
    Closed,
}

impl Wire {
    /// The next message; `None` when the connection is gone. May be given up without losing anything.
    pub(super) async fn receive(&mut self) -> Option<Result<Received, axum::Error>> {
        match self {
            Wire::WebSocket(socket) => Some(socket.recv().await?.map(|message| match message {
                Message::Text(text) => Received::Text(text),
                Message::Binary(bytes) => Received::Binary(bytes),
                Message::Ping(_) | Message::Pong(_) => Received::Control,
                Message::Close(_) => Received::Closed,
            })),
            Wire::Tcp(stream) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                match stream.read_buf(&mut chunk).await {
                    Ok(0) => Some(Ok(Received::Closed)),
                    Ok(_) => Some(Ok(Received::Binary(chunk.into()))),
                    Err(error) => Some(Err(axum::Error::new(error))),
                }
            }
        }
    }

    /// Sends a text message; a TCP protocol has none.
    pub(super) async fn send(&mut self, text: String) -> Result<(), axum::Error> {
        match self {
            Wire::WebSocket(socket) => socket.send(Message::Text(text.into())).await,
            Wire::Tcp(_) => Ok(()),
        }
    }

    /// Says that this side closes; false if the connection is gone.
    pub(super) async fn say_close(&mut self, code: u16, reason: &'static str) -> bool {
        match self {
            Wire::WebSocket(socket) => {
                let frame = CloseFrame {
                    code,
                    reason: reason.into(),
                };
                socket.send(Message::Close(Some(frame))).await.is_ok()
            }
            Wire::Tcp(stream) => stream.shutdown().await.is_ok(),
        }
    }

    /// Waits until the peer has closed; what it still says is dropped.
    pub(super) async fn until_closed(&mut self) {
        match self {
            Wire::WebSocket(socket) => while let Some(Ok(_)) = socket.recv().await {},
            Wire::Tcp(stream) => {
                let mut chunk = [0; 4_096];
                while let Ok(1..) = stream.read(&mut chunk).await {}
            }
        }
    }
}
