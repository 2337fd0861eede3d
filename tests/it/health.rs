//! `/healthz`, `/readyz`, and who is admitted.

use std::sync::Arc;
use std::time::Duration;

use hushgate::gateway::serve::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// Status and body of a page.
pub(crate) async fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_everything_is_ready() {
    let gateway = Gateway::start(hears_nothing()).await;
    assert_eq!(get(gateway.address, "/healthz").await, (200, "ok\n".into()));
    let (status, body) = get(gateway.address, "/readyz").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"ready\":true"), "{body}");
    assert_eq!(get(gateway.address, "/").await.0, 404);
    assert_eq!(get(gateway.address, "/twilio").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    let recordings = folder.path().join("file");
    std::fs::write(&recordings, "x").unwrap();
    let mut settings = settings(&recordings);
    settings.limits.engine = Duration::from_millis(300);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (server, _engine) = Server::new(listener, settings, CancellationToken::new());
    let address = server.address().unwrap();
    tokio::spawn(server.run());

    assert_eq!(get(address, "/healthz").await.0, 200);
    let (status, body) = get(address, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("the model is being loaded"), "{body}");
    assert!(body.contains("cannot be created"), "{body}");

    let url = format!("ws://{address}/twilio");
    let error = playback("CA1", sound(1, 100), sound(2, 100))
        .play(&url, |_| {})
        .await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("503") && error.contains("the model is not loaded"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_over_the_limit_are_refused_before_the_upgrade() {
    let gateway = Gateway::start_with(hears_nothing(), |settings| settings.max_calls = 1).await;
    let mut early = gateway.connect().await;
    let mut first = gateway.connect().await;
    first.start("CA1").await;
    let error = eventually(Duration::from_secs(5), || {
        let url = gateway.url();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current()
                .block_on(tokio_tungstenite::connect_async(url))
                .err()
        })
    })
    .await;
    assert!(error.to_string().contains("503"), "{error}");
    // One that was connected before is told to come again.
    early.start("CA2").await;
    assert_eq!(early.close_code().await, Some(1_013));

    first.send(stop()).await;
    assert_eq!(first.close_code().await, Some(1_000));
    gateway.recording("CA1").await;
    let mut next = gateway.connect().await;
    next.start("CA3").await;
    next.send(stop()).await;
    assert_eq!(next.close_code().await, Some(1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_that_cannot_be_recorded_is_closed() {
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.tapes = Arc::new(FullDisk);
    })
    .await;
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    for index in 0..150 {
        let packet = media(hushgate::call::Leg::Agent, index * 20, &sound(index, 20));
        let sent = futures_util::SinkExt::send(
            &mut client.0,
            tokio_tungstenite::tungstenite::Message::text(packet),
        );
        if sent.await.is_err() {
            break;
        }
    }
    assert_eq!(client.close_code().await, Some(1_011));
    eventually(Duration::from_secs(5), || {
        let log = watch_log().text();
        log.contains("the call is not recorded any further error=no space")
            .then_some(())
    })
    .await;
}

/// A disk that takes the file, and no audio.
struct FullDisk;

struct FullTape;

impl hushgate::gateway::TapeFactory for FullDisk {
    fn create(
        &self,
        _facts: hushgate::egress::CallFacts,
    ) -> anyhow::Result<Box<dyn hushgate::gateway::Tape>> {
        Ok(Box::new(FullTape))
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl hushgate::gateway::Tape for FullTape {
    fn write(&mut self, _audio: &hushgate::session::CleanAudio) -> anyhow::Result<()> {
        anyhow::bail!("no space")
    }

    fn event(&mut self, _event: &hushgate::telemetry::Event) {}

    fn name(&self) -> Option<&hushgate::store::vault::RecordName> {
        None
    }

    fn finish(
        self: Box<Self>,
        _work: hushgate::egress::EngineWork,
        _abnormal_end: Option<String>,
    ) -> anyhow::Result<std::path::PathBuf> {
        anyhow::bail!("no space")
    }
}
