//! Calls in real time, more and more of them, until frames leave late.
//!
//! What is measured runs on core 0 and the sender on core 1. Each packet has in its samples when it was sent, which
//! is read where they leave. A frame that was filled, or lost, is not heard: there is no stamp in it.

pub(crate) mod delays;
pub(crate) mod gateway;
pub(crate) mod sender;
pub(crate) mod stamp;

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushgate::gateway::TapeFactory;
use hushgate::gateway::serve::Settings;
use serde_json::{Value, json};

use delays::{Delays, Histogram, Timed};
use gateway::{Process, processor_time};
use sender::{Line, Sender};

/// Later than this is late, in milliseconds.
const FRAME: f64 = 20.0;
/// Of a thousand frames one may be late, where single ones are: a virtual machine is not always given its cores.
const MOST: f64 = 0.999;

/// Two legs, 20 ms in a packet.
const PACKETS_PER_CALL_SECOND: f64 = 100.0;

/// What calls are sent through.
pub(crate) trait Subject {
    /// Begins a call.
    fn add_call(&mut self, number: usize) -> Box<dyn Line>;
    /// How long after their hold frames have left since this was asked last.
    fn take_delays(&mut self) -> Delays;
    /// In seconds, so far.
    fn processor_time(&self) -> f64;
}

/// How much is sent, and for how long.
pub(crate) struct Load {
    pub(crate) step: usize,
    pub(crate) most: usize,
    /// Of each measurement.
    pub(crate) seconds: u64,
    /// In seconds.
    pub(crate) hold: u64,
    /// How long a single call's frames take besides the hold, in milliseconds; measured if not known.
    pub(crate) usual: Option<f64>,
}

/// How the machine is when nobody is sent anything: a virtual one stops now and then, which makes frames late too.
struct Stalls {
    /// In milliseconds.
    longest: f64,
    /// Longer than a frame.
    of_a_frame: u64,
}

/// Watches for some seconds whether this core is there whenever it should be.
fn stalls(seconds: u64) -> Stalls {
    const NAP: Duration = Duration::from_millis(1);
    let mut stalls = Stalls {
        longest: 0.0,
        of_a_frame: 0,
    };
    let begun = stamp::now();
    let mut last = begun;
    while last - begun < seconds * 1_000_000 {
        std::thread::sleep(NAP);
        let now = stamp::now();
        let stall = (now - last) as f64 / 1_000.0 - NAP.as_secs_f64() * 1_000.0;
        stalls.longest = stalls.longest.max(stall);
        stalls.of_a_frame += u64::from(stall > FRAME);
        last = now;
    }
    stalls
}

impl Load {
    /// Adds calls until frames are late; returns what is to be told of each number of calls.
    pub(crate) fn measure(&self, subject: &mut dyn Subject) -> Value {
        let idle = stalls(self.seconds);
        println!(
            "the machine without calls, {} s: {} stalls of more than {FRAME} ms, the longest {:.1} ms",
            self.seconds, idle.of_a_frame, idle.longest
        );
        println!(
            "{:>6} {:>8} {:>7} {:>11} {:>8} {:>9} {:>8} {:>7} {:>10}",
            "calls",
            "heard %",
            "cpu %",
            "cpu ms/call",
            "p50 ms",
            "p99.9 ms",
            "max ms",
            "late",
            "sender ms"
        );
        let mut sender = Sender::start();
        let (mut calls, mut punctual, mut nearly) = (0, 0, 0);
        let mut usual = self.usual;
        let mut steps = Vec::new();
        let sizes = std::iter::once(1).chain((1..).map(|number| number * self.step));
        for wanted in sizes.take_while(|wanted| *wanted <= self.most) {
            while calls < wanted {
                sender.add(subject.add_call(calls));
                calls += 1;
            }
            // Until what leaves is of all calls, as is what it is compared with, and what beginning them cost is over.
            std::thread::sleep(Duration::from_secs(2 * self.hold + 2));
            subject.take_delays();
            sender.take();
            let time = subject.processor_time();
            std::thread::sleep(Duration::from_secs(self.seconds));
            let cpu = (subject.processor_time() - time) / self.seconds as f64;
            let delays = subject.take_delays();
            let (sent, behind) = sender.take();
            let limit = *usual.get_or_insert_with(|| delays.quantile(0.5)) + FRAME;
            let late = delays.longer_than(limit);
            let heard = delays.count() as f64 / sent as f64;
            // Of what was sent: a sender that is behind makes no call cheaper.
            let call_seconds = sent as f64 / PACKETS_PER_CALL_SECOND;
            let each = cpu * self.seconds as f64 * 1_000.0 / call_seconds;
            let [middle, most, longest] = [0.5, MOST, 1.0].map(|part| delays.quantile(part));
            println!(
                "{calls:>6} {:>8.2} {:>7.1} {each:>11.3} {middle:>8.1} {most:>9.1} {longest:>8.1} {late:>7} \
                 {behind:>10.1}",
                heard * 100.0,
                cpu * 100.0
            );
            steps.push(
                json!({"calls": calls, "heard": heard, "cpu": cpu, "cpu_ms_per_call_second": each,
                "p50_ms": middle, "p999_ms": most, "max_ms": longest, "late": late,
                "sender_behind_ms": behind}),
            );
            // What was sent is counted a moment before what has left.
            let is_heard = heard > 0.998;
            if is_heard && late == 0 {
                punctual = calls;
            }
            if is_heard && most <= limit {
                nearly = calls;
            } else if cpu > 0.9 || nearly + 3 * self.step < calls {
                break;
            }
        }
        println!(
            "{punctual} calls without a late frame, {nearly} with at most one late frame in 1,000\n"
        );
        json!({"calls_without_late_frame": punctual, "calls_with_one_late_in_1000": nearly,
            "idle": {"seconds": self.seconds, "stalls": idle.of_a_frame, "longest_ms": idle.longest},
            "steps": steps})
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

/// The measured gateway's process: on core 0, telling the delays so far whenever it is asked.
pub(crate) fn serve(settings: Settings, packets_held: u64) {
    keep_to_core(0, std::process::id());
    let delays = Arc::new(Histogram::new());
    let tapes: Arc<dyn TapeFactory> = Arc::new(Timed {
        inner: Arc::clone(&settings.tapes),
        delays: Arc::clone(&delays),
        held: packets_held,
    });
    gateway::serve(Settings { tapes, ..settings }, 1, move || {
        println!("{}", json!(delays.take().0));
    });
}

/// A process that does so.
pub(crate) struct Gateway {
    process: Process,
    says: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Gateway {
    /// Starts this program again.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let (process, says, address) = Process::start(arguments);
        Self {
            process,
            says,
            address,
        }
    }

    pub(crate) fn take_delays(&mut self) -> Delays {
        let asked = self.process.0.stdin.as_mut().unwrap();
        asked.write_all(b"take\n").unwrap();
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        Delays(serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn processor_time(&self) -> f64 {
        processor_time(self.process.0.id())
    }
}

/// What a benchmark is told on its command line.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    pub(crate) fn read() -> Self {
        Self(std::env::args().collect())
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|argument| argument == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        self.value(name)
            .map_or(default, |text| text.parse().expect("a number"))
    }
}
