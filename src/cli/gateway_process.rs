//! A `hushgate serve` of a command's own: another process of this program, on a free port of this machine.
//!
//! **Invariant:** it does not outlive the command. It is ended when its handle is dropped, and ends by itself
//! when the command is killed, as a server process does whose supervisor died.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::egress::Recording;

/// How long it may take to load its model, to write a report after a call, and to end.
const PATIENCE: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(100);
/// What of the environment is not the configuration of a server.
const KEPT_VARIABLES: [&str; 1] = ["HUSHGATE_MODELS"];

/// How it is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch<'a> {
    /// Where it records, if not where its configuration says.
    pub(super) recordings: Option<&'a Path>,
    /// Its configuration, which the environment does not change.
    pub(super) config: Option<&'a Path>,
    /// Its speech model, if not the configured one.
    pub(super) model: Option<&'a str>,
    /// Where its log goes, if not to standard error.
    pub(super) log: Option<&'a Path>,
}

/// What it has used so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Processor time of all its threads, user and system, in seconds.
    pub(super) cpu_s: f64,
    /// Memory in use, in bytes.
    pub(super) resident: u64,
}

/// A running gateway.
#[derive(Debug)]
pub(super) struct GatewayProcess {
    process: Child,
    log: Option<PathBuf>,
    address: String,
    /// Its first door.
    pub(super) url: String,
    /// Where its interface is, if it has one.
    pub(super) api: Option<String>,
}

impl GatewayProcess {
    /// Starts it. It listens when this returns, and loads its model.
    pub(super) fn start(launch: Launch<'_>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's file")?;
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on this machine")?;
        let mut command = Command::new(program);
        command
            .args(["serve", "--supervised", "--json", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal reaches the command alone, which ends it.
            .process_group(0)
            .env("HUSHGATE_LOG", "warn");
        if let Some(recordings) = launch.recordings {
            command.arg("--recordings").arg(recordings);
        }
        if let Some(model) = launch.model {
            command.args(["--model", model]);
        }
        if let Some(config) = launch.config {
            for (name, _) in std::env::vars_os() {
                let name = name.to_string_lossy();
                if name.starts_with("HUSHGATE_") && !KEPT_VARIABLES.contains(&&*name) {
                    command.env_remove(&*name);
                }
            }
            command
                .arg("--config")
                .arg(config)
                .env("HUSHGATE_LOG", "error");
        }
        if let Some(log) = launch.log {
            let file = std::fs::File::create(log).with_context(|| log.display().to_string())?;
            command.stderr(file);
        }
        let mut process = command.spawn().context("cannot start `hushgate serve`")?;
        let output = process.stdout.take();
        // From here on it is ended whatever happens.
        let mut gateway = Self {
            process,
            log: launch.log.map(Path::to_owned),
            address: String::new(),
            url: String::new(),
            api: None,
        };
        let mut line = String::new();
        BufReader::new(output.context("the gateway has no output")?).read_line(&mut line)?;
        let Ok(told) = serde_json::from_str::<serde_json::Value>(&line) else {
            bail!("the gateway did not start{}", gateway.last_words());
        };
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        gateway.address = text("address");
        gateway.api = told["api"].as_str().map(str::to_owned);
        gateway.url = format!("ws://{}{}", gateway.address, text("path"));
        Ok(gateway)
    }

    /// Waits until it takes calls.
    pub(super) async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if is_ready(&self.address).await {
                return Ok(());
            }
            self.check()?;
            sleep(GLANCE).await;
        }
        bail!(
            "the gateway at {} was not ready within {PATIENCE:?}; try `hushgate doctor`",
            self.address
        )
    }

    /// Waits until something is so.
    pub(super) async fn wait_until(
        &mut self,
        mut is_so: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is_so()? {
            if begun.elapsed() > PATIENCE {
                bail!("was not recorded in time");
            }
            self.check()?;
            sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Waits until a call is recorded.
    pub(super) async fn wait_for(&mut self, recording: &Recording) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !recording.json.exists() {
            if begun.elapsed() > PATIENCE {
                bail!("{}: was not written in time", recording.json.display());
            }
            self.check()?;
            sleep(GLANCE).await;
        }
        Ok(())
    }

    /// An error once it has ended by itself.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("the gateway ended: {status}{}", self.last_words()),
            Err(error) => bail!("the gateway cannot be looked after: {error}"),
        }
    }

    /// What it has used.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        let stat = Process::new(self.process.id().cast_signed())
            .and_then(|process| process.stat())
            .context("cannot see what the gateway uses; is /proc mounted?")?;
        Ok(Usage {
            cpu_s: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            resident: stat.rss * procfs::page_size(),
        })
    }

    /// Ends it in order: what it is at is finished. An error if it did not end well.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        // It may have ended already.
        let _ = kill(
            Pid::from_raw(self.process.id().cast_signed()),
            Signal::SIGTERM,
        );
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the gateway ended: {status}{}", self.last_words());
            }
            sleep(GLANCE).await;
        }
        bail!("the gateway did not end within {PATIENCE:?} and was killed")
    }

    /// The end of its log, for an error; nothing where the log is on standard error already.
    fn last_words(&self) -> String {
        let Some(log) = &self.log else {
            return "; it said why above".into();
        };
        let text = std::fs::read_to_string(log).unwrap_or_default();
        match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("; it said last: {line}"),
            None => "; it said nothing".into(),
        }
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        // Neither does anything to a process that has been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether `/readyz` answers 200.
async fn is_ready(address: &str) -> bool {
    let asked = async {
        let mut socket = tokio::net::TcpStream::connect(address).await?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    matches!(asked.await, Ok(answer) if &answer == b"HTTP/1.1 200")
}
