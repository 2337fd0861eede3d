//! A recorder's platform that answers by a script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use Act::{Answer, Flood, Hang, Late, Reset};

/// What the fake does with a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers: status line, further header lines, body.
    Answer(&'static str, &'static str, &'static str),
    /// Answers after a while.
    Late(Duration, &'static str, &'static str),
    /// Never answers.
    Hang,
    /// Cuts the connection with a reset.
    Reset,
    /// Answers with more than anybody reads.
    Flood,
}

pub(super) const PAUSED: Act = Answer("200 OK", "", r#"{"sid":"RE1","status":"paused"}"#);
pub(super) const RUNNING: Act = Answer("200 OK", "", r#"{"sid":"RE1","status":"in-progress"}"#);

/// One request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

/// A recorder's platform that writes down what it is asked and answers by a script; the last act is repeated.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<Vec<Asked>>>);

impl Fake {
    pub(super) async fn start(script: Vec<Act>) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self::default();
        let asked = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(asked.clone().serve(stream, script.clone()));
            }
        });
        (fake, port)
    }

    pub(super) async fn serve(self, mut stream: TcpStream, script: Vec<Act>) {
        while let Some(asked) = request(&mut stream).await {
            let number = {
                let mut all = self.0.lock().unwrap();
                all.push(asked);
                all.len() - 1
            };
            let act = script.get(number).or(script.last()).unwrap().clone();
            let (status, headers, body) = match act {
                Answer(status, headers, body) => (status, headers, body.to_owned()),
                Late(wait, status, body) => {
                    tokio::time::sleep(wait).await;
                    (status, "", body.to_owned())
                }
                Hang => return std::future::pending().await,
                Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
                Flood => ("200 OK", "", "x".repeat(100_000)),
            };
            let text = format!(
                "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

pub(super) async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines().map(str::to_owned);
    let line = lines.next().unwrap();
    let headers: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let length = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
