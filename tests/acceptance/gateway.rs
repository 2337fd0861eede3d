//! The program, started as users start it, and what it leaves in its folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// A running `hushgate serve`.
pub(crate) struct Gateway {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts it on a free port with a folder of its own, and waits until it takes calls.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_with_config(arguments, "").await
    }

    /// With a configuration file of this text.
    pub(crate) async fn start_with_config(arguments: &[&str], config: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hushgate.toml");
        std::fs::write(&file, config).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_hushgate"))
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .arg("--recordings")
            .arg(folder.path())
            .arg("--config")
            .arg(&file)
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let gateway = Self {
            process,
            address,
            folder,
        };
        gateway.await_ready().await;
        gateway
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until `/readyz` says yes.
    pub(crate) async fn await_ready(&self) {
        let ready = async {
            while !self.is_ready().await {
                sleep(Duration::from_millis(200)).await;
            }
        };
        if timeout(Duration::from_secs(60), ready).await.is_err() {
            panic!("the gateway was not ready within a minute");
        }
    }

    async fn is_ready(&self) -> bool {
        self.get("/readyz")
            .await
            .is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// A page's answer, head and all, if there is one.
    async fn get(&self, path: &str) -> Option<String> {
        let mut socket = TcpStream::connect(self.address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        socket.write_all(request.as_bytes()).await.ok()?;
        let answered = timeout(Duration::from_secs(5), socket.read_to_string(&mut answer)).await;
        answered.ok()?.ok()?;
        Some(answer)
    }

    /// A page of JSON.
    pub(crate) async fn page(&self, path: &str) -> Value {
        let answer = self.get(path).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// Waits until a call's report is there.
    pub(crate) async fn await_report(&self, call: &str) {
        let report = self.file(call, "json");
        let written = async {
            while !report.exists() {
                sleep(Duration::from_millis(200)).await;
            }
        };
        if timeout(Duration::from_secs(120), written).await.is_err() {
            panic!("{call}: no report within two minutes of the end");
        }
    }

    pub(crate) fn report(&self, call: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(call, "json")).unwrap()).unwrap()
    }

    /// The channels of a finished recording.
    pub(crate) fn recording(&self, call: &str) -> Vec<Vec<i16>> {
        channels(&self.file(call, "wav"))
    }

    /// The channels of a recording that was cut off, if it was begun.
    pub(crate) fn unfinished(&self, call: &str) -> Option<Vec<Vec<i16>>> {
        let file = self.file(call, "wav");
        file.exists().then(|| channels(&file))
    }

    fn file(&self, call: &str, extension: &str) -> PathBuf {
        self.folder.path().join(call).with_extension(extension)
    }

    /// Kills the process that does the work as the system would when memory runs out.
    pub(crate) fn kill_worker(&self) {
        self.signal_worker(Signal::SIGKILL);
    }

    /// Sends a signal to the process that does the work.
    pub(crate) fn signal_worker(&self, signal: Signal) {
        kill(self.worker(), signal).unwrap();
    }

    /// KiB of memory that the process which does the work has in use.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.worker())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }

    fn worker(&self) -> Pid {
        let parent = self.process.id();
        let children =
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        let worker: i32 = children
            .split_whitespace()
            .next()
            .unwrap_or_else(|| panic!("serve has no supervised process"))
            .parse()
            .unwrap();
        Pid::from_raw(worker)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A test that failed has said so already; the process must not outlive it.
        if let Ok(id) = i32::try_from(self.process.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.process.wait();
    }
}

/// Reads a WAV file of 16-bit samples.
pub(crate) fn channels(file: &Path) -> Vec<Vec<i16>> {
    let mut reader = hound::WavReader::open(file).unwrap();
    let count = usize::from(reader.spec().channels);
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    (0..count)
        .map(|channel| {
            samples
                .iter()
                .skip(channel)
                .step_by(count)
                .copied()
                .collect()
        })
        .collect()
}
