//! Stopping, dying and being restarted.
//!
//! A process of its own is this test binary, called again for one test that does nothing unless it is
//! told its part by an environment variable.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hushgate::call::Leg;
use hushgate::gateway::serve::Server;
use hushgate::gateway::supervise;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const PART: &str = "HUSHGATE_TEST_PART";
const FOLDER: &str = "HUSHGATE_TEST_FOLDER";

#[tokio::test(flavor = "multi_thread")]
async fn paced_shutdown_finishes_live_calls() {
    let gateway = Gateway::start(hears_nothing()).await;
    let sound = sound(1, 1_000);
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    for (index, packet) in sound.chunks(160).enumerate() {
        client
            .send(media(Leg::Agent, index as u64 * 20, packet))
            .await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.shutdown.cancel();
    assert_eq!(client.close_code().await, Some(1_001));
    tokio::time::timeout(Duration::from_secs(10), gateway.server)
        .await
        .unwrap()
        .unwrap();
    let (report, channels) = recording(&gateway.recordings, "CA1").await;
    assert!(channels[0][..8_000] == linear(&sound));
    assert_eq!(
        report.abnormal_end.as_deref(),
        Some("the gateway is shutting down")
    );
    assert!(
        tokio::net::TcpStream::connect(gateway.address)
            .await
            .is_err()
    );
}

/// Calls this binary again to play a part.
fn part(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "lifecycle::plays_its_part", "--nocapture"])
        .env(PART, name)
        .env(FOLDER, folder);
    command
}

/// The part of another process; nothing by itself.
#[test]
fn plays_its_part() {
    let Ok(part_name) = std::env::var(PART) else {
        return;
    };
    let folder = std::path::PathBuf::from(std::env::var(FOLDER).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match &*part_name {
        "supervisor" => runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            std::fs::write(folder.join("address"), address).unwrap();
            let status = supervise::supervise(listener, || part("server", &folder))
                .await
                .unwrap();
            assert!(status.success());
        }),
        "server" => runtime.block_on(serve_inherited(&folder)),
        other => panic!("no part {other}"),
    }
}

async fn serve_inherited(folder: &Path) {
    let listener = supervise::inherited_listener().unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let shutdown = CancellationToken::new();
    let settings = settings(&folder.join("recordings"));
    let (server, engine) = Server::new(listener, settings, shutdown.clone());
    engine.install(scripted(hears_nothing()));
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    std::fs::write(folder.join("pid.new"), std::process::id().to_string()).unwrap();
    std::fs::rename(folder.join("pid.new"), folder.join("pid")).unwrap();
    tokio::spawn(async move {
        terminate.recv().await;
        shutdown.cancel();
    });
    server.run().await;
}

async fn read(file: &Path) -> String {
    eventually(Duration::from_secs(10), || {
        std::fs::read_to_string(file).ok()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_killed_server_is_restarted_and_serves_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut supervisor = part("supervisor", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let address: SocketAddr = read(&folder.path().join("address")).await.parse().unwrap();
    let url = format!("ws://{address}/twilio");
    let recordings = folder.path().join("recordings");

    for (round, signal) in [Signal::SIGABRT, Signal::SIGKILL].into_iter().enumerate() {
        let cut = format!("cut{round}");
        let sound_of_call = sound(round as u64 + 1, 4_000);
        let mut client = Client::connect(&url).await;
        let pid: i32 = read(&folder.path().join("pid")).await.parse().unwrap();
        std::fs::remove_file(folder.path().join("pid")).unwrap();
        client.start(&cut).await;
        for (index, packet) in sound_of_call.chunks(160).enumerate() {
            client
                .send(media(Leg::Agent, index as u64 * 20, packet))
                .await;
        }
        // Four seconds at a hold of two and an allowance of one: something was released after this.
        tokio::time::sleep(Duration::from_millis(3_200)).await;
        kill(Pid::from_raw(pid), signal).unwrap();
        assert_eq!(client.close_code().await, None);

        // The very next connection is served.
        let next = format!("next{round}");
        let agent = sound(9, 500);
        let closed = playback(&next, agent.clone(), sound(10, 500))
            .play(&url, |_| {})
            .await
            .unwrap();
        assert_eq!(closed.code, Some(1_000));
        let (_, channels) = recording(&recordings, &next).await;
        assert!(channels[0] == linear(&agent));

        // What was released before is readable, and there is no report.
        let released = crate::support::channels(&recordings.join(format!("{cut}.wav")));
        assert!(
            !released[0].is_empty(),
            "nothing of the call that was cut off"
        );
        assert!(linear(&sound_of_call).starts_with(&released[0]));
        assert!(!recordings.join(format!("{cut}.json")).exists());
    }

    kill(
        Pid::from_raw(supervisor.id().cast_signed()),
        Signal::SIGTERM,
    )
    .unwrap();
    let status = eventually(Duration::from_secs(10), || supervisor.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
