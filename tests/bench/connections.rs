//! Many connections on one gateway without speech recognition: memory of idle ones, and whether active ones lose
//! or delay anything.
//!
//! The gateway is this program again in a process of its own, with an engine that hears nothing and says so at
//! once: everything else is the real path, voice detection, hold, redactor and files included.
//!
//!     make bench-connections            1,000 idle sessions, 200 calls of two legs in real time, 60 s
//!     cargo bench --profile release --bench connections -- --idle 1000 --calls 200 --seconds 60

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when something is wrong"
)]

#[path = "load/gateway.rs"]
mod gateway;

use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hushgate::audio::MediaTime;
use hushgate::call::CallId;
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::egress::Report;
use hushgate::gateway::player::{Playback, Speed};
use hushgate::gateway::serve::folder;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use gateway::{Process, processor_time, serve, settings};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let place = |name: &str| arguments.iter().position(|argument| argument == name);
    let number = |name: &str, default: usize| {
        place(name)
            .and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    hushgate::gateway::process::allow_open_files(16_384).unwrap();
    if let Some(at) = place("--gateway") {
        let doors = [Protocol::Twilio, Protocol::Audiohook].map(Door::new);
        let recordings = folder(arguments[at + 1].clone().into());
        let settings = settings(doors, MediaTime::from_millis(6_000), recordings);
        return serve(settings, number("--threads", 2), || {});
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let load = (
        number("--idle", 1_000),
        number("--calls", 200),
        number("--seconds", 60),
    );
    runtime.block_on(measure(load.0, load.1, load.2));
}

/// Memory of a process in use, in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn measure(idle: usize, calls: usize, seconds: usize) {
    let recordings = tempfile::tempdir().unwrap();
    let path = recordings.path().to_str().unwrap();
    let (child, _says, address) = Process::start(&["--gateway", path]);
    let process = child.0.id();

    // One of each first, so that what is made once is not counted.
    let warm = session(&address, 0).await;
    let before = resident(process);
    let mut sessions = Vec::new();
    for number in 1..=idle {
        sessions.push(session(&address, number).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle_memory = resident(process) - before;
    println!(
        "{idle} idle sessions: {:.1} KiB each",
        idle_memory as f64 / idle.max(1) as f64
    );

    let (agent, customer) = speech(seconds);
    let (memory, time) = (resident(process), processor_time(process));
    let mut playing = Vec::new();
    for number in 0..calls {
        let playback = Playback {
            call: CallId::new(&format!("call-{number}")).unwrap(),
            stream: format!("MZ{number}"),
            agent: agent.clone(),
            customer: customer.clone(),
            speed: Speed::Realtime,
        };
        let url = format!("ws://{address}/twilio");
        playing.push(tokio::spawn(async move {
            // Not all in the same instant of each 20 ms.
            tokio::time::sleep(Duration::from_millis(number as u64 * 7 % 1_000)).await;
            let mut behind = Duration::ZERO;
            let begun = tokio::time::Instant::now();
            let played = playback
                .play(&url, |at| {
                    let due = begun + Duration::from_micros(at.micros());
                    behind = behind.max(due.elapsed());
                })
                .await;
            (
                played.is_ok_and(|closed| closed.code == Some(1_000)),
                behind,
            )
        }));
    }
    tokio::time::sleep(Duration::from_secs(seconds as u64 * 3 / 4)).await;
    let busy_memory = resident(process).saturating_sub(memory);
    let (mut whole, mut behind) = (0, Duration::ZERO);
    for call in playing {
        let (closed, late) = call.await.unwrap();
        whole += usize::from(closed);
        behind = behind.max(late);
    }
    let used = processor_time(process) - time;
    let (mut late, mut failed, mut short) = (0.0, 0.0, 0);
    for number in 0..calls {
        let text =
            std::fs::read_to_string(recordings.path().join(format!("call-{number}.json"))).unwrap();
        let report: Report = serde_json::from_str(&text).unwrap();
        late += report.totals.late_s;
        failed += report.totals.failed_s;
        short += usize::from(report.duration_s + 0.001 < seconds as f64);
    }
    println!(
        "{calls} calls of {seconds} s: {whole} whole, {short} short, {late:.2} s late, {failed:.2} s failed, \
         {:.1} ms of processor time for each second of a call, {:.0} KiB each; the sender was {} ms behind at most",
        used * 1_000.0 / (calls * seconds) as f64,
        busy_memory as f64 / calls.max(1) as f64,
        behind.as_millis()
    );
    drop(sessions);
    drop(warm);
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// An AudioHook session without audio.
async fn session(address: &str, number: usize) -> Socket {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let mut request = format!("ws://{address}/audiohook")
        .into_client_request()
        .unwrap();
    for name in ["audiohook-organization-id", "audiohook-session-id"] {
        request.headers_mut().insert(name, id.parse().unwrap());
    }
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let open = json!({"version": "2", "type": "open", "id": id, "seq": 1, "serverseq": 0, "position": "PT0S",
        "parameters": {"organizationId": id, "conversationId": id, "media": [],
        "participant": {"id": id, "ani": "", "aniName": "", "dnis": ""}}});
    socket.send(Message::text(open.to_string())).await.unwrap();
    let opened = socket.next().await.expect("an answer").unwrap();
    assert!(opened.to_text().unwrap().contains("opened"));
    socket
}

/// Both legs of a sample call, again and again, in mu-law.
fn speech(seconds: usize) -> (Vec<u8>, Vec<u8>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/amex_full.wav");
    let call = CallId::new("sample").unwrap();
    let sample = Playback::from_file(&file, call, Speed::Realtime).unwrap();
    let again = |bytes: Vec<u8>| bytes.into_iter().cycle().take(seconds * 8_000).collect();
    (again(sample.agent), again(sample.customer))
}
