//! Many connections that never become a call.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// Resident memory of this process in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_thousand_half_open_connections_cost_little() {
    hushgate::gateway::process::allow_open_files(8_192).unwrap();
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.limits.start = Duration::from_secs(6);
        settings.limits.request_header = Duration::from_secs(6);
    })
    .await;
    let before = resident_kib();
    let mut silent = Vec::new();
    let mut upgraded = Vec::new();
    for index in 0..1_000 {
        if index % 2 == 0 {
            silent.push(TcpStream::connect(gateway.address).await.unwrap());
        } else {
            upgraded.push(upgrade(&gateway).await);
        }
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for 1,000 connections");

    // A call is served in the middle of it.
    let agent = sound(1, 500);
    let closed = playback("CA1", agent.clone(), sound(2, 500))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    assert_eq!(closed.code, Some(1_000));
    let (_, channels) = gateway.recording("CA1").await;
    assert!(channels[0] == linear(&agent));

    // None of them stays for ever.
    for mut stream in silent.into_iter().chain(upgraded) {
        let mut rest = Vec::new();
        let ending = stream.read_to_end(&mut rest);
        // A reset is an end too.
        let _ = tokio::time::timeout(Duration::from_secs(20), ending)
            .await
            .expect("a half-open connection stayed");
    }
}

/// A connection that asks for a call by hand, so that the client's side costs little.
async fn upgrade(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = "GET /twilio HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limit_are_closed_at_once() {
    let gateway =
        Gateway::start_with(hears_nothing(), |settings| settings.max_connections = 2).await;
    let _first = upgrade(&gateway).await;
    let second = upgrade(&gateway).await;
    let mut third = TcpStream::connect(gateway.address).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), third.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "a third connection was kept");
    drop(second);
    // Its place is free when the gateway has noticed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    upgrade(&gateway).await;
}
