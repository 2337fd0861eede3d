//! A call through the gateway's WebSocket door and the same call replayed from a file hide the same:
//! the real model, real sockets, real time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::audio::g711::Law;
use hushgate::call::CallId;
use hushgate::egress::Report;
use hushgate::egress::report::HiddenSpan;
use hushgate::engine::pool::{Pool, PoolSettings};
use hushgate::engine::whisper::{WhisperFactory, WhisperSettings};
use hushgate::gateway::Transcriber;
use hushgate::gateway::player::{Playback, Speed};
use hushgate::gateway::serve::{Limits, Server};
use tokio_util::sync::CancellationToken;

use super::support::{channels, recording, settings};

/// A hold in which a busy machine, too, answers in time: this test is not about speed.
const HOLD_S: u64 = 10;
/// How much the edges of a span may differ.
const TOLERANCE_S: f64 = 0.1;

/// A sample call as G.711 carries it, so that both ways hear the very same samples.
fn telephone_quality(name: &str, folder: &Path) -> PathBuf {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("audio-samples")
        .join(name);
    let legs: Vec<Vec<i16>> = channels(&sample)
        .iter()
        .map(|leg| Law::Mu.decode(&Law::Mu.encode(leg)))
        .collect();
    let file = folder.join(name);
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&file, spec).unwrap();
    for (agent, customer) in legs[0].iter().zip(&legs[1]) {
        wav.write_sample(*agent).unwrap();
        wav.write_sample(*customer).unwrap();
    }
    wav.finalize().unwrap();
    file
}

async fn through_the_door(file: &Path, folder: &Path) -> Report {
    let model = hushgate::model::resolve(hushgate::model::DEFAULT_MODEL)
        .expect("the tests need the default model: hushgate model install");
    let factory = WhisperFactory::load(&model, WhisperSettings::default()).unwrap();
    let mut settings = settings(&folder.join("live"));
    settings.hold = MediaTime::from_millis(HOLD_S * 1_000);
    settings.limits = Limits::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let (server, engine) = Server::new(listener, settings, shutdown.clone());
    let url = format!("ws://{}/twilio", server.address().unwrap());
    let workers = PoolSettings {
        workers: 2,
        ..PoolSettings::default()
    };
    let pool = Arc::new(Pool::start(Arc::new(factory), workers));
    engine.install(Arc::clone(&pool) as Arc<dyn Transcriber>);
    let serving = tokio::spawn(server.run());
    let call = CallId::new("CA1").unwrap();
    let playback = Playback::from_file(file, call, Speed::Realtime).unwrap();
    let closed = playback.play(&url, |_| {}).await.unwrap();
    assert_eq!(closed.code, Some(1_000));
    let (report, _) = recording(&folder.join("live"), "CA1").await;
    shutdown.cancel();
    serving.await.unwrap();
    assert!(pool.close_and_wait(Duration::from_secs(20)));
    report
}

fn replayed(file: &Path, folder: &Path) -> Report {
    let out = folder.join("replayed");
    let status = Command::new(env!("CARGO_BIN_EXE_hushgate"))
        .arg("replay")
        .arg(file)
        .arg("--out")
        .arg(&out)
        .args(["--hold", &HOLD_S.to_string()])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let name = file.with_extension("json");
    let text = std::fs::read_to_string(out.join(name.file_name().unwrap())).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_hides_the_same_live_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let file = telephone_quality("pan_asked.wav", folder.path());
    let live = through_the_door(&file, folder.path()).await;
    let replayed = replayed(&file, folder.path());
    assert!(!live.spans.is_empty(), "nothing was hidden");
    let told = |spans: &[HiddenSpan]| -> Vec<String> {
        spans
            .iter()
            .map(|s| format!("{} {} {:.2}-{:.2}", s.leg, s.kind, s.start, s.end))
            .collect()
    };
    assert_eq!(
        live.late.len() + live.failed.len(),
        0,
        "the machine was too busy: {live:?}"
    );
    let same = live.spans.len() == replayed.spans.len()
        && live.spans.iter().zip(&replayed.spans).all(|(one, other)| {
            one.leg == other.leg
                && one.kind == other.kind
                && (one.start - other.start).abs() <= TOLERANCE_S
                && (one.end - other.end).abs() <= TOLERANCE_S
        });
    assert!(
        same,
        "live {:?}, replayed {:?}",
        told(&live.spans),
        told(&replayed.spans)
    );
}
