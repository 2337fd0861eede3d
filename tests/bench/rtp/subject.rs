//! What is measured: the gateway as a process, and what all subjects have in common.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use hushgate::audio::MediaTime;
use hushgate::audio::g711::Law;
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::egress::{CallFacts, EngineWork};
use hushgate::engine::pool::Job;
use hushgate::gateway::serve::{Entrance, Limits, Server, Settings, folder};
use hushgate::gateway::{Tape, TapeFactory, Transcriber};
use hushgate::policy::Policy;
use hushgate::session::CleanAudio;
use hushgate::speech::Transcript;
use hushgate::telemetry::Event;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::sender::{Legs, MARK, NIBBLE, NIBBLES, now, time};

/// Delays are counted in tenths of a millisecond, up to 20 s.
const BUCKETS: usize = 200_000;
const BUCKET_MICROS: u64 = 100;

/// What calls are sent through.
pub(crate) trait Subject {
    /// Begins a call.
    fn add_call(&mut self, number: usize) -> Legs;
    /// How long after they were sent frames have left since this was asked last.
    fn take_delays(&mut self) -> Delays;
    /// In seconds, so far.
    fn processor_time(&self) -> f64;
}

/// How often each delay was seen.
pub(crate) struct Delays(Vec<(usize, u64)>);

impl Delays {
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// In milliseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0.0, |(bucket, _)| millis(*bucket))
    }

    pub(crate) fn longer_than(&self, limit: f64) -> u64 {
        let longer = self.0.iter().filter(|(bucket, _)| millis(*bucket) > limit);
        longer.map(|(_, count)| count).sum()
    }
}

fn millis(bucket: usize) -> f64 {
    (bucket as u64 * BUCKET_MICROS) as f64 / 1_000.0
}

/// Counts delays from several threads.
pub(crate) struct Histogram(Vec<AtomicU64>);

impl Histogram {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Something that was sent at this time has left.
    pub(crate) fn left(&self, sent: u64) {
        let bucket = now().saturating_sub(sent) / BUCKET_MICROS;
        self.0[(bucket as usize).min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Delays {
        let counts = self.0.iter().enumerate();
        let counts = counts.map(|(bucket, count)| (bucket, count.swap(0, Ordering::Relaxed)));
        Delays(counts.filter(|(_, count)| *count > 0).collect())
    }
}

/// Lets a process run on one core alone; false if there is no such core.
pub(crate) fn keep_to_core(core: usize, process: u32) -> bool {
    let (core, process) = (core.to_string(), process.to_string());
    let kept = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &core, &process])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    kept.is_ok_and(|status| status.success())
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

/// An engine that hears nothing.
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

/// Records as ever, and reads the times in what it has recorded.
struct Timed {
    inner: Arc<dyn TapeFactory>,
    delays: Arc<Histogram>,
}

struct TimedTape {
    inner: Box<dyn Tape>,
    delays: Arc<Histogram>,
    /// For each leg, the end of what was read, in which a time may have begun.
    rest: Vec<Vec<i16>>,
}

impl TapeFactory for Timed {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        Ok(Box::new(TimedTape {
            rest: vec![Vec::new(); facts.legs.len()],
            inner: self.inner.create(facts)?,
            delays: Arc::clone(&self.delays),
        }))
    }

    fn check(&self) -> anyhow::Result<()> {
        self.inner.check()
    }
}

impl Tape for TimedTape {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        self.inner.write(audio)?;
        for (rest, samples) in self.rest.iter_mut().zip(audio.channels()) {
            rest.extend(samples);
            while let Some(sent) = first_time(rest) {
                self.delays.left(sent);
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) {
        self.inner.event(event);
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        self.inner.finish(work, abnormal_end)
    }
}

/// Takes the first time, and what comes before it, from samples. Leaves what cannot be part of one yet.
fn first_time(samples: &mut Vec<i16>) -> Option<u64> {
    static MARKED: LazyLock<Vec<i16>> = LazyLock::new(|| Law::Mu.decode(&MARK));
    static VALUES: LazyLock<Vec<i16>> = LazyLock::new(|| {
        let values: Vec<u8> = (0..16).map(|nibble| NIBBLE + nibble).collect();
        Law::Mu.decode(&values)
    });
    let whole = MARK.len() + NIBBLES;
    let found = samples
        .windows(whole)
        .position(|window| window[..MARK.len()] == MARKED[..]);
    let Some(at) = found else {
        samples.drain(..samples.len().saturating_sub(whole - 1));
        return None;
    };
    let nibbles = samples[at + MARK.len()..at + whole]
        .iter()
        .map(|sample| VALUES.iter().position(|value| value == sample).unwrap_or(0) as u8);
    let sent = time(nibbles);
    samples.drain(..at + whole);
    Some(sent)
}

/// The gateway's process, until its input ends; whatever it is told, it tells the delays so far.
pub(crate) fn gateway(recordings: &Path, hold: u64) {
    keep_to_core(0, std::process::id());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let delays = Arc::new(Histogram::new());
    let door = Door {
        rtp_ports: 10_000..=32_767,
        ..Door::new(Protocol::Rtp)
    };
    let settings = Settings {
        hold: MediaTime::from_millis(hold * 1_000),
        policy: Arc::new(Policy::default()),
        tls: None,
        doors: vec![Entrance::new(door).unwrap()],
        max_connections: 10_000,
        max_calls: 5_000,
        learns_capacity: false,
        longest_hold: None,
        overload: hushgate::config::Overload::Refuse,
        tapes: Arc::new(Timed {
            inner: folder(recordings.to_owned()),
            delays: Arc::clone(&delays),
        }),
        limits: Limits::default(),
        audit: None,
    };
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (server, engine) = Server::new(listener, settings, shutdown.clone());
        println!("{}", server.address().unwrap());
        engine.install(Arc::new(Deaf));
        let serving = tokio::spawn(server.run());
        let ended = tokio::task::spawn_blocking(move || {
            while std::io::stdin().read_line(&mut String::new()).unwrap() > 0 {
                println!("{}", json!(delays.take().0));
            }
        });
        let _ = ended.await;
        shutdown.cancel();
        serving.await.unwrap();
    });
}

/// A process, ended with this one, and what it says.
pub(crate) struct Gateway {
    child: Child,
    says: BufReader<ChildStdout>,
    address: SocketAddr,
    socket: Arc<UdpSocket>,
    _recordings: tempfile::TempDir,
}

impl Gateway {
    pub(crate) fn start(hold: u64) -> Self {
        let recordings = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--gateway")
            .arg(recordings.path())
            .args(["--hold", &hold.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut address = String::new();
        says.read_line(&mut address).unwrap();
        Self {
            child,
            says,
            address: address.trim().parse().unwrap(),
            socket: Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap()),
            _recordings: recordings,
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Subject for Gateway {
    fn add_call(&mut self, number: usize) -> Legs {
        let body = json!({"call": format!("call-{number}"), "streams": [{"leg": "customer"}, {"leg": "agent"}]});
        let body = body.to_string();
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!(
            "POST /rtp HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let told: Value = serde_json::from_str(body).unwrap();
        let to = [0, 1].map(|stream| {
            let port = told["streams"][stream]["port"].as_u64().unwrap();
            SocketAddr::from(([127, 0, 0, 1], port as u16))
        });
        Legs {
            to,
            from: [Arc::clone(&self.socket), Arc::clone(&self.socket)],
        }
    }

    fn take_delays(&mut self) -> Delays {
        let asked = self.child.stdin.as_mut().unwrap();
        asked.write_all(b"take\n").unwrap();
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        Delays(serde_json::from_str(&line).unwrap())
    }

    fn processor_time(&self) -> f64 {
        processor_time(self.child.id())
    }
}
