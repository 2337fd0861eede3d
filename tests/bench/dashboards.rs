//! What open dashboards cost the gateway while calls run, and how smoothly one is drawn.
//!
//! The gateway is this program again in a process of its own, with an engine that hears nothing and says so at once:
//! doors, voice detection, hold, encrypted recording and the interface are the real path. Dashboards are connections
//! that take every event of every call, as the page with the list of calls does; one of them is that page in a real
//! browser, which counts its frames.
//!
//!     make bench-dashboards             50 calls of two legs in real time, 20 dashboards, 20 s
//!     cargo bench --profile release --bench dashboards -- --calls 50 --dashboards 20 --seconds 20

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when something is wrong"
)]

#[path = "../it/browser/driver.rs"]
#[expect(dead_code, reason = "tests press more buttons")]
mod driver;
#[path = "load/gateway.rs"]
mod gateway;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use hushgate::access::{Permission, Role, Scope, UserName, password, secret};
use hushgate::audio::MediaTime;
use hushgate::call::{CallId, Sensitive};
use hushgate::config::doors::Protocol;
use hushgate::config::{Config, Door};
use hushgate::gateway::live::Live;
use hushgate::gateway::player::{Playback, Speed};
use hushgate::gateway::records;
use hushgate::policy::Policy;
use hushgate::store::accounts::{Accounts, NewToken, NewUser};
use hushgate::store::database::Database;
use hushgate::store::keys::{KeyId, add_key};
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

use driver::Browser;
use gateway::{Process, processor_time, serve, settings};

const CONFIG: &str = "[store]\npath = \"store\"\nkey_file = \"store.keys\"\n[audit]\nfolder = \"audit\"\n[access]\n\
                      [api]\nlisten = \"127.0.0.1:0\"\n";
const USER: &str = "kim";
const PASSWORD: &str = "correct horse 7";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let place = |name: &str| arguments.iter().position(|argument| argument == name);
    let number = |name: &str, default: usize| {
        place(name)
            .and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    if let Some(at) = place("--gateway") {
        return gateway(Path::new(&arguments[at + 1]));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(
        number("--calls", 50),
        number("--dashboards", 20),
        number("--seconds", 20) as u64,
    ));
}

fn config(folder: &Path) -> Config {
    Config::load(Some(&folder.join("hushgate.toml")), Default::default()).unwrap()
}

/// The gateway's process: calls, and what is shown of them.
fn gateway(folder: &Path) {
    let config = config(folder);
    let live = Live::new();
    let store = config.store.clone().unwrap();
    let vault = records::open(&store).unwrap();
    let tapes = records::tapes_with_index(vault, store.database);
    let mut settings = settings(
        [Door::new(Protocol::Twilio)],
        MediaTime::from_millis(6_000),
        tapes,
    );
    settings.tapes.check().unwrap();
    settings.tapes.begin().unwrap();
    settings.live = Arc::clone(&live);
    let told = folder.join("api");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let policies = Arc::new(Policy::default()).into();
            let shutdown = CancellationToken::new();
            let started = hushgate::api::start(
                &config,
                None,
                Arc::default(),
                None,
                policies,
                live,
                shutdown.clone(),
            );
            let (address, serving) = started.await.unwrap().unwrap();
            std::fs::write(told, address.to_string()).unwrap();
            serving.await.unwrap();
        });
    });
    serve(settings, 2, || {});
}

/// A store, with somebody who looks; their token.
async fn prepare(folder: &Path) -> String {
    std::fs::write(folder.join("hushgate.toml"), CONFIG).unwrap();
    add_key(&folder.join("store.keys"), &KeyId::new("first").unwrap()).unwrap();
    let store = config(folder).store.unwrap();
    records::open(&store).unwrap().check().unwrap();
    let accounts = Accounts::new(Database::open(&store.database).await.unwrap());
    let now = Timestamp::now();
    let user = NewUser {
        name: UserName::new(USER).unwrap(),
        role: Role::Supervisor,
        scope: Scope::default(),
        password: Some(password::hash(&Sensitive::new(PASSWORD.to_owned())).unwrap()),
    };
    accounts.add(user, now).await.unwrap();
    let made = secret::token().unwrap();
    let token = NewToken {
        id: secret::public_id().unwrap(),
        secret: &made,
        name: "dashboards".into(),
        role: Role::Supervisor,
        scope: Scope::default(),
        permissions: [
            Permission::SeeLiveCalls,
            Permission::SeeAlerts,
            Permission::ReadTranscript,
        ]
        .into(),
        created_by: "bench".into(),
        expires: now + 1.hours(),
    };
    accounts.add_token(token, now).await.unwrap();
    made.expose().to_owned()
}

/// Sample calls, played again and again until the end.
fn play(calls: usize, url: &str) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
    let files: Vec<PathBuf> = ["pan_asked", "ssn_asked", "benign_order", "two_cards"]
        .map(|name| samples.join(format!("{name}.wav")))
        .into();
    for number in 0..calls {
        let (file, url) = (files[number % files.len()].clone(), url.to_owned());
        tokio::spawn(async move {
            // Not all at once.
            tokio::time::sleep(Duration::from_millis(number as u64 * 20)).await;
            for round in 0.. {
                let call = CallId::new(&format!("CA{number}-{round}")).unwrap();
                let playing = Playback::from_file(&file, call, Speed::Realtime).unwrap();
                // The gateway ends when all is measured.
                if playing.play(&url, |_| {}).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Takes what a dashboard is told, and counts it.
async fn watch(address: &str, token: &str, told: Arc<AtomicU64>) {
    let mut request = format!("ws://{address}/api/v1/live/socket")
        .into_client_request()
        .unwrap();
    let proof = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", proof);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    tokio::spawn(async move {
        while let Some(Ok(_)) = socket.next().await {
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// The share of a core that a process takes, over some seconds.
async fn busy(process: u32, seconds: u64) -> f64 {
    let before = processor_time(process);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    (processor_time(process) - before) / seconds as f64
}

async fn measure(calls: usize, dashboards: usize, seconds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let token = prepare(folder.path()).await;
    let place = folder.path().to_str().unwrap();
    let (process, _says, address) = Process::start(&["--gateway", place]);
    let id = process.0.id();
    let told = folder.path().join("api");
    while std::fs::read_to_string(&told)
        .unwrap_or_default()
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pages = std::fs::read_to_string(&told).unwrap();
    play(calls, &format!("ws://{address}/twilio"));
    // Until holds are full.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let alone = busy(id, seconds).await;
    println!(
        "{calls} calls and nobody looks: {:.1} % of a core",
        alone * 100.0
    );

    let events = Arc::new(AtomicU64::new(0));
    for _ in 1..dashboards {
        watch(&pages, &token, Arc::clone(&events)).await;
    }
    let browser = Browser::open(pages.parse().unwrap()).await;
    browser.go("/").await;
    browser.sign_in(USER, PASSWORD).await;
    browser
        .until(&format!(
            "return document.querySelectorAll('tr[data-call]').length >= {calls}"
        ))
        .await;
    browser
        .run(
            "window.frames = 0; const draw = () => { window.frames += 1; requestAnimationFrame(draw); }; \
             requestAnimationFrame(draw)",
        )
        .await;
    events.store(0, Ordering::Relaxed);
    let begun = tokio::time::Instant::now();
    let watched = busy(id, seconds).await;
    let frames = browser.run("return window.frames").await.as_f64().unwrap();
    let frames = frames / begun.elapsed().as_secs_f64();
    let each = events.load(Ordering::Relaxed) as f64 / (dashboards - 1) as f64 / seconds as f64;
    println!(
        "{dashboards} dashboards look on: {:.1} % of a core, {:.1} % more; {each:.0} events a second each; \
         the page draws {frames:.0} frames a second",
        watched * 100.0,
        (watched - alone) * 100.0
    );
    println!(
        "{}",
        json!({
            "calls": calls, "dashboards": dashboards, "seconds": seconds, "cpu_alone": alone, "cpu_watched": watched,
            "cpu_extra": watched - alone, "events_per_second": each, "frames_per_second": frames,
        })
    );
    browser.close().await;
}
