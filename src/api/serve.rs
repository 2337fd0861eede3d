//! The interface's listener: bounded in connections and in the time that each may take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Interface, Peer};
use crate::gateway::tls::Tls;

/// For the whole header of a request, and for the handshake.
const HEADER: Duration = Duration::from_secs(10);
/// For what is under way when the gateway ends.
const DRAIN: Duration = Duration::from_secs(10);
/// A connection that asks for nothing more, or takes nothing of an answer, is closed after so long.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Serves the interface on an open socket until the shutdown; then ends what is under way.
pub async fn serve(listener: TcpListener, interface: Interface, shutdown: CancellationToken) {
    let services = &interface.0.services;
    let tls = services.tls.clone();
    let places = Arc::new(Semaphore::new(services.max_connections));
    let router = interface.router();
    let tasks = TaskTracker::new();
    if let Some(tls) = tls.clone() {
        tokio::spawn(tls.follow(shutdown.clone()));
    }
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
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
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::debug!(%peer, "refused a connection: as many as may be are open");
            continue;
        };
        let (router, tls, shutdown) = (router.clone(), tls.clone(), shutdown.clone());
        tasks.spawn(async move {
            let _ = stream.set_nodelay(true);
            let serving = async {
                match tls {
                    None => serve_stream(stream, peer, router, &shutdown).await,
                    Some(tls) => secure(stream, peer, router, &tls, &shutdown).await,
                }
            };
            let _ = timeout(LONGEST, serving).await;
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    let open = &interface.0.open;
    open.end();
    let _ = timeout(DRAIN, async { tokio::join!(tasks.wait(), open.ended()) }).await;
}

async fn secure(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: &Tls,
    shutdown: &CancellationToken,
) {
    match timeout(HEADER, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => serve_stream(stream, peer, router, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came about"),
        Err(_) => tracing::debug!(%peer, "no TLS handshake in time"),
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    shutdown: &CancellationToken,
) {
    let router = router.layer(Extension(Peer(peer.ip())));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(64 * 1024);
    let serving = http
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = shutdown.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
