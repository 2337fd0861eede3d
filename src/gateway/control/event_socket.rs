//! One command over FreeSWITCH's event socket: connect, prove who we are, ask, leave.
//!
//! A connection for each command: they are seconds apart, and one that was left open may have died unseen.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{CONNECTING, again};
use crate::call::Sensitive;
use crate::egress::control::freeswitch::{SocketMessage, SocketReader};
use crate::egress::control::{ControlReply, Problem, Reading};

/// Runs an `api` command; its answer is the reply's body. Ends when the caller no longer waits.
pub(super) async fn ask(
    address: &str,
    password: &Sensitive<String>,
    command: &str,
) -> Result<ControlReply, Reading> {
    let stream = match timeout(CONNECTING, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) | Err(_) => return Err(again(Problem::Unreachable)),
    };
    let _ = stream.set_nodelay(true);
    let mut socket = Socket {
        stream,
        reader: SocketReader::default(),
    };
    socket.expect("auth/request").await?;
    let proof = Zeroizing::new(format!("auth {}\n\n", password.expose()));
    socket.send(&proof).await?;
    let accepted = socket.expect("command/reply").await?;
    if !accepted.reply.starts_with("+OK") {
        return Err(Reading::Refused(Problem::Unauthorised));
    }
    socket.send(&format!("api {command}\n\n")).await?;
    let answer = socket.expect("api/response").await?;
    // It may be gone by now; what it had to say was said.
    let _ = socket.send("exit\n\n").await;
    Ok(ControlReply {
        status: 200,
        retry_after: None,
        body: answer.body,
    })
}

struct Socket {
    stream: TcpStream,
    reader: SocketReader,
}

impl Socket {
    async fn send(&mut self, text: &str) -> Result<(), Reading> {
        let sent = self.stream.write_all(text.as_bytes()).await;
        sent.map_err(|_| again(Problem::NoAnswer))
    }

    /// The next message of a kind; a socket that refuses us (an access list) says so and hangs up.
    async fn expect(&mut self, kind: &str) -> Result<SocketMessage, Reading> {
        let mut bytes = [0; 4 * 1024];
        loop {
            while let Some(message) = self
                .reader
                .next_message()
                .map_err(|_| again(Problem::Garbled))?
            {
                if message.kind == kind {
                    return Ok(message);
                }
                if message.kind == "text/rude-rejection" {
                    return Err(Reading::Refused(Problem::Unauthorised));
                }
            }
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return Err(again(Problem::NoAnswer)),
                Ok(read) => self.reader.push(&bytes[..read]),
            }
        }
    }
}
