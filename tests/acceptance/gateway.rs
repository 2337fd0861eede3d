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
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_hushgate"))
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .arg("--recordings")
            .arg(folder.path())
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
        let Ok(mut socket) = TcpStream::connect(self.address).await else {
            return false;
        };
        let request = "GET /readyz HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let asked = socket.write_all(request.as_bytes()).await.is_ok();
        let answered = timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await;
        asked && answered.is_ok() && answer.starts_with(b"HTTP/1.1 200")
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
        let parent = self.process.id();
        let children =
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        let worker: i32 = children
            .split_whitespace()
            .next()
            .unwrap_or_else(|| panic!("serve has no supervised process"))
            .parse()
            .unwrap();
        kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
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
