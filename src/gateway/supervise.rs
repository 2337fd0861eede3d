//! Restarts the server when its process is killed or aborts, so that the next call is served.
//!
//! ```text
//! serve (supervisor: holds the listening socket, runs nothing else)
//!   `- serve --supervised (child: gets the socket as its standard input)
//! ```
//!
//! The socket stays open over a restart: connections made in between wait in its backlog. What the
//! child recorded until it died stays as it is on the disk.

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// The first wait before a restart; doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait before a restart.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A child that lived this long was well: waits begin anew.
const LIVED_WELL: Duration = Duration::from_secs(60);
/// What Rust's runtime exits with after a panic of the main thread.
const PANICKED: i32 = 101;

/// Runs `command` with the socket as its standard input until it exits by itself, and again whenever it
/// is killed by a signal or panics. SIGTERM and SIGINT are passed on as SIGTERM, and end it.
///
/// Returns the child's last exit status.
pub async fn supervise(
    listener: TcpListener,
    mut command: impl FnMut() -> std::process::Command,
) -> anyhow::Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut wait = FIRST_WAIT;
    loop {
        let begun = Instant::now();
        let mut child = start(command(), &listener)?;
        tracing::info!(pid = child.id(), "started the server process");
        let asked_to_end = tokio::select! {
            status = child.wait() => {
                let status = status.context("cannot wait for the server process")?;
                if !died(status) {
                    return Ok(status);
                }
                tracing::error!(%status, "the server process died");
                false
            }
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
        };
        if asked_to_end {
            // From here on nobody accepts: connections are refused rather than left waiting.
            drop(listener);
            return end(child).await;
        }

        if begun.elapsed() >= LIVED_WELL {
            wait = FIRST_WAIT;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = terminate.recv() => return Ok(ExitStatus::default()),
            _ = interrupt.recv() => return Ok(ExitStatus::default()),
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// The socket that a supervisor passed to this process.
pub fn inherited_listener() -> anyhow::Result<TcpListener> {
    let socket = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("cannot take over the listening socket")?;
    let listener = TcpListener::from(socket);
    listener
        .local_addr()
        .context("--supervised is for the supervisor only: standard input is not a socket")?;
    Ok(listener)
}

fn start(command: std::process::Command, listener: &TcpListener) -> anyhow::Result<Child> {
    let socket = OwnedFd::from(listener.try_clone().context("cannot share the socket")?);
    let mut command = Command::from(command);
    command
        .stdin(Stdio::from(socket))
        // Ctrl-C in a terminal reaches the supervisor alone, which passes it on once.
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().context("cannot start the server process")
}

/// Whether the process did not end by itself.
fn died(status: ExitStatus) -> bool {
    status.signal().is_some() || status.code() == Some(PANICKED)
}

async fn end(mut child: Child) -> anyhow::Result<ExitStatus> {
    if let Some(pid) = child.id() {
        // It may have ended in the meantime.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
    }
    child
        .wait()
        .await
        .context("cannot wait for the server process")
}
