//! How many calls of two legs over plain RTP one core takes before a frame is late, without recognition; and the
//! same for rtpengine, if it is installed, which forwards the packets of both legs as they come.
//!
//! The gateway is this program again in a process of its own on core 0, with an engine that hears nothing and says
//! so at once; its door, jitter buffer, hold, redactor and files are the real path. Packets are sent from core 1,
//! each with the time in its samples, which is read where they leave the gateway: when its recorder has written
//! them. rtpengine gets the same packets and sends them back.
//!
//! A frame is late when it leaves 20 ms later, after it was sent, than frames of a single call do. One that was
//! filled, or lost, is not heard: there is no time in it.
//!
//!     make bench-rtp
//!     cargo bench --profile release --bench rtp -- --step 50 --most 1000 --seconds 10 --only gateway

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when something is wrong"
)]

mod rtpengine;
mod sender;
mod subject;

use std::time::Duration;

use serde_json::{Value, json};

use rtpengine::Rtpengine;
use sender::Sender;
use subject::{Gateway, Subject, gateway};

/// Later than this is late.
const FRAME: f64 = 20.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str, default: u64| {
        value(name).map_or(default, |text| text.parse().expect("a number"))
    };
    hushgate::gateway::process::allow_open_files(16_384).unwrap();
    if let Some(recordings) = value("--gateway") {
        return gateway(recordings.as_ref(), number("--hold", 6));
    }
    // Its threads come after this and stay with it.
    if !subject::keep_to_core(1, std::process::id()) {
        println!("there is one core for all");
    }
    let load = Load {
        step: number("--step", 50) as usize,
        most: number("--most", 2_000) as usize,
        seconds: number("--seconds", 10),
        hold: number("--hold", 6),
    };
    let only = value("--only").map(String::as_str);
    let mut results = serde_json::Map::new();
    if only.is_none_or(|only| only == "gateway") {
        println!("hushgate, recording after a hold of {} s", load.hold);
        let (calls, steps) = measure(&mut Gateway::start(load.hold), &load, load.hold);
        results.insert("hushgate".into(), json!({"calls": calls, "steps": steps}));
    }
    if only.is_none_or(|only| only == "rtpengine") {
        match Rtpengine::start() {
            Some(mut rtpengine) => {
                println!("rtpengine in userspace, forwarding at once");
                let (calls, steps) = measure(&mut rtpengine, &load, 0);
                results.insert("rtpengine".into(), json!({"calls": calls, "steps": steps}));
            }
            None => println!("rtpengine is not installed (apt-get install rtpengine-daemon)"),
        }
    }
    println!("{}", Value::Object(results));
}

struct Load {
    step: usize,
    most: usize,
    /// Of each measurement.
    seconds: u64,
    hold: u64,
}

/// Adds calls until frames are late; returns how many there were without one, and what was measured.
fn measure(subject: &mut dyn Subject, load: &Load, hold: u64) -> (usize, Vec<Value>) {
    println!(
        "{:>6} {:>8} {:>8} {:>9} {:>9} {:>9} {:>7} {:>10}",
        "calls", "heard %", "cpu %", "p50 ms", "p99.9 ms", "max ms", "late", "sender ms"
    );
    let mut sender = Sender::start();
    let (mut calls, mut good, mut base) = (0, 0, None);
    let mut steps = Vec::new();
    let sizes = std::iter::once(1).chain((1..).map(|number| number * load.step));
    for wanted in sizes.take_while(|wanted| *wanted <= load.most) {
        while calls < wanted {
            sender.add(subject.add_call(calls));
            calls += 1;
        }
        // Until what leaves is of all calls, and what beginning them cost is over.
        std::thread::sleep(Duration::from_secs(hold + 2));
        subject.take_delays();
        sender.take();
        let time = subject.processor_time();
        std::thread::sleep(Duration::from_secs(load.seconds));
        let cpu = (subject.processor_time() - time) / load.seconds as f64;
        let delays = subject.take_delays();
        let (sent, behind) = sender.take();
        let usual = *base.get_or_insert_with(|| delays.quantile(0.5));
        let late = delays.longer_than(usual + FRAME);
        let heard = delays.count() as f64 / sent as f64;
        // Without what was held at the ends of the measurement.
        let hold = hold as f64 * 1_000.0;
        let [middle, most, longest] = [0.5, 0.999, 1.0].map(|part| delays.quantile(part) - hold);
        println!(
            "{calls:>6} {:>8.2} {:>8.1} {middle:>9.1} {most:>9.1} {longest:>9.1} {late:>7} {behind:>10.1}",
            heard * 100.0,
            cpu * 100.0
        );
        steps.push(
            json!({"calls": calls, "heard": heard, "cpu": cpu, "p50_ms": middle, "p999_ms": most,
            "max_ms": longest, "late": late, "sender_behind_ms": behind}),
        );
        // What was sent is counted a moment before what has left.
        if late == 0 && heard > 0.998 {
            good = calls;
        } else if cpu > 0.9 || good + 3 * load.step < calls {
            break;
        }
    }
    println!("{good} calls without a late frame\n");
    (good, steps)
}
