//! The gateway as a process of its own: the benchmark's program again, told so by its arguments.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use hushgate::audio::MediaTime;
use hushgate::config::{Door, Overload};
use hushgate::engine::pool::Job;
use hushgate::gateway::serve::{Entrance, Limits, Server, Settings};
use hushgate::gateway::{TapeFactory, Transcriber};
use hushgate::policy::Policy;
use hushgate::session::Examination;
use hushgate::speech::Transcript;
use tokio_util::sync::CancellationToken;

/// An engine that hears nothing, and says so at once.
struct Deaf;

impl Transcriber for Deaf {
    fn submit(&self, job: Job) {
        let id = job.window.id;
        (job.reply)(id, Ok(Transcript::default()));
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn model_sha256(&self) -> &str {
        "deaf"
    }
}

/// A gateway with room for every call.
pub(crate) fn settings(
    doors: impl IntoIterator<Item = Door>,
    hold: MediaTime,
    tapes: Arc<dyn TapeFactory>,
) -> Settings {
    Settings {
        hold,
        policy: Arc::new(Policy::default()).into(),
        tls: None,
        doors: doors
            .into_iter()
            .map(|door| Entrance::new(door).unwrap())
            .collect(),
        max_connections: 10_000,
        max_calls: 5_000,
        learns_capacity: false,
        alerts: Default::default(),
        longest_hold: None,
        overload: Overload::Refuse,
        tapes,
        limits: Limits::default(),
        examination: Examination::Everything,
        live: hushgate::gateway::live::Live::new(),
        audit: None,
    }
}

/// Serves until the process's input ends; `asked` is called for each line of it.
pub(crate) fn serve(settings: Settings, threads: usize, asked: impl Fn() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (server, engine) = Server::new(listener, settings, shutdown.clone());
        println!("{}", server.address().unwrap());
        engine.install(Arc::new(Deaf));
        let serving = tokio::spawn(server.run());
        let ended = tokio::task::spawn_blocking(move || {
            while std::io::stdin().read_line(&mut String::new()).unwrap() > 0 {
                asked();
            }
        });
        let _ = ended.await;
        shutdown.cancel();
        serving.await.unwrap();
    });
}

/// The gateway's process, ended with this one.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts this program again. Returns it with what it says, and where the gateway listens.
    pub(crate) fn start(arguments: &[&str]) -> (Self, BufReader<ChildStdout>, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut address = String::new();
        says.read_line(&mut address).unwrap();
        (Self(child), says, address.trim().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Processor time of a process so far, in seconds.
pub(crate) fn processor_time(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // utime and stime are fields 14 and 15 of proc(5), in hundredths of a second.
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
