//! The program itself with the real speech model, as users start it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use hushgate::audio::g711::Law;
use hushgate::egress::Report;
use hushgate::gateway::player::{Playback, Speed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::*;

/// The program, in the checkout's folder, where the model is.
pub(crate) fn hushgate() -> Command {
    in_checkout(Command::new(env!("CARGO_BIN_EXE_hushgate")))
}

/// The program under limits of the shell's `ulimit`.
pub(crate) fn limited(limits: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit {limits}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_hushgate")]);
    in_checkout(command)
}

fn in_checkout(mut command: Command) -> Command {
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (name, _) in std::env::vars() {
        if name.starts_with("HUSHGATE_") && name != "HUSHGATE_MODELS" {
            command.env_remove(name);
        }
    }
    command
}

/// A running `hushgate serve` on a free port.
pub(crate) struct Program {
    process: Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    pub(crate) worker: Pid,
    /// Where its first door has a socket of its own.
    pub(crate) own: Option<SocketAddr>,
}

impl Program {
    fn start(recordings: &Path, log: &Path, hold: &str) -> Self {
        Self::start_with(recordings, log, hold, None)
    }

    pub(crate) fn start_with(
        recordings: &Path,
        log: &Path,
        hold: &str,
        config: Option<&Path>,
    ) -> Self {
        Self::launch(hushgate(), recordings, log, hold, config)
    }

    /// Starts it by a command that gets its arguments.
    pub(crate) fn launch(
        mut command: Command,
        recordings: &Path,
        log: &Path,
        hold: &str,
        config: Option<&Path>,
    ) -> Self {
        let mut process = command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--hold",
                hold,
                "--recordings",
            ])
            .arg(recordings)
            .args(config.map(|_| "--config"))
            .args(config)
            .env("HUSHGATE_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log).unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut program = Self {
            process,
            output,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            worker: Pid::from_raw(0),
            own: None,
        };
        program.read_listening();
        program
    }

    /// Reads the line that a server process prints when it listens.
    fn read_listening(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["event"], "listening");
        self.address = line["address"].as_str().unwrap().parse().unwrap();
        self.worker = Pid::from_raw(line["pid"].as_i64().unwrap().try_into().unwrap());
        let own = line["doors"][0]["address"].as_str();
        self.own = own.map(|address| address.parse().unwrap());
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/twilio", self.address)
    }

    /// Asks it to stop, and tells its exit status.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let status = eventually(Duration::from_secs(30), || self.process.try_wait().unwrap()).await;
        status.code()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After a failed test it still runs, and so does its server process.
        if matches!(self.process.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            let _ = self.process.wait();
        }
    }
}

/// A sample call as a telephone network would carry it, in the folder `calls` of a folder.
pub(crate) fn sample(name: &str, folder: &Path) -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("audio-samples")
        .join(name);
    let mut reader = hound::WavReader::open(&source).unwrap();
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let carried = Law::Mu.decode(&Law::Mu.encode(&samples));
    let calls = folder.join("calls");
    std::fs::create_dir_all(&calls).unwrap();
    let file = calls.join(name);
    let mut writer = hound::WavWriter::create(&file, reader.spec()).unwrap();
    for sample in carried {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    file
}

/// Long enough that a machine that is busy with something else is not late.
pub(crate) const HOLD_SECONDS: &str = "12";

/// What was hidden, without the times.
fn kinds(report: &Report) -> Vec<(String, String)> {
    let kind = |span: &hushgate::egress::report::HiddenSpan| {
        (span.leg.name().to_owned(), span.kind.clone())
    };
    report.spans.iter().map(kind).collect()
}

/// The program by itself, its log at the most talkative level included.
#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_serve_hides_what_replay_hides() {
    let folder = tempfile::tempdir().unwrap();
    let (live, replayed) = (folder.path().join("live"), folder.path().join("replayed"));
    let log = folder.path().join("log");
    let program = Program::start(&live, &log, HOLD_SECONDS);
    let file = sample("cvv_only.wav", folder.path());
    let playback = Playback::from_file(&file, call_id("cvv_only"), Speed::Realtime).unwrap();
    let closed = playback.play(&program.url(), |_| {}).await.unwrap();
    assert_eq!(closed.code, Some(1_000));

    let status = hushgate()
        .arg("replay")
        .arg(&file)
        .arg("--out")
        .arg(&replayed)
        .args(["--hold", HOLD_SECONDS])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());

    let (live, heard) = recording(&live, "cvv_only").await;
    let (replayed, expected) = recording(&replayed, "cvv_only").await;
    assert!(
        live.late.is_empty(),
        "the machine was too busy: {:?}",
        live.late
    );
    assert!(!live.spans.is_empty(), "nothing was hidden");
    assert_eq!(kinds(&live), kinds(&replayed));
    for (live, replayed) in live.spans.iter().zip(&replayed.spans) {
        let apart = f64::max(
            (live.start - replayed.start).abs(),
            (live.end - replayed.end).abs(),
        );
        assert!(apart <= 0.1, "{live:?} is not {replayed:?}");
    }
    // At most the rest of the last packet.
    assert!(heard[0].len().abs_diff(expected[0].len()) < 160);
    assert_eq!(live.model_sha256, replayed.model_sha256);
    assert_eq!(live.policy_version, replayed.policy_version);

    assert_eq!(program.stop().await, Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("hid audio"), "{log}");
    assert_eq!(digit_runs(&log), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_serve_survives_kill_and_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("recordings");
    let mut program = Program::start(&recordings, &folder.path().join("log"), "2");
    let agent = sound(1, 500);

    kill(program.worker, Signal::SIGABRT).unwrap();
    eventually(Duration::from_secs(10), || kill(program.worker, None).err()).await;
    // The connection waits while the process is started again and loads the model.
    let closed = playback("first", agent.clone(), sound(2, 500))
        .play(&program.url(), |_| {})
        .await
        .unwrap();
    assert_eq!(closed.code, Some(1_000));
    let address = program.address;
    program.read_listening();
    assert_eq!(program.address, address);
    let (report, channels) = recording(&recordings, "first").await;
    assert_eq!(report.abnormal_end, None);
    assert!(
        (4_000..=4_160).contains(&channels[0].len()),
        "{}",
        channels[0].len()
    );

    // A live call is finished when the program is asked to stop.
    let mut live = Client::connect(&program.url()).await;
    live.start("second").await;
    for (index, packet) in agent.chunks(160).enumerate() {
        live.send(media(hushgate::call::Leg::Agent, index as u64 * 20, packet))
            .await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopping = tokio::spawn(program.stop());
    assert_eq!(live.close_code().await, Some(1_001));
    assert_eq!(stopping.await.unwrap(), Some(0));
    let (report, channels) = recording(&recordings, "second").await;
    assert_eq!(
        report.abnormal_end.as_deref(),
        Some("the gateway is shutting down")
    );
    assert_eq!(channels[0].len(), 4_000);
}
