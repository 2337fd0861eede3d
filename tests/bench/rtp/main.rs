//! How many calls of two legs over plain RTP one core takes before a frame is late, without recognition; and the
//! same for rtpengine, if it is installed, which forwards the packets of both legs as they come.
//!
//! The gateway is this program again in a process of its own on core 0, with an engine that hears nothing and says
//! so at once; its door, jitter buffer, hold, redactor and files are the real path. rtpengine gets the same packets
//! and sends them back.
//!
//! A frame is late when it leaves 20 ms later than frames of a single call do.
//!
//!     make bench-rtp
//!     cargo bench --profile release --bench rtp -- --step 50 --most 1000 --seconds 10 --only gateway

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when something is wrong"
)]

#[path = "../load/mod.rs"]
mod load;
mod plain;
mod rtpengine;

use load::{Arguments, Load};
use serde_json::Value;

use plain::PlainRtp;
use rtpengine::Rtpengine;

fn main() {
    let arguments = Arguments::read();
    let hold = arguments.number("--hold", 6);
    hushgate::gateway::process::allow_open_files(16_384).unwrap();
    if let Some(recordings) = arguments.value("--gateway") {
        return plain::gateway(recordings.as_ref(), hold);
    }
    // Its threads come after this and stay with it.
    if !load::keep_to_core(1, std::process::id()) {
        println!("there is one core for all");
    }
    let load = Load {
        step: arguments.number("--step", 50) as usize,
        most: arguments.number("--most", 2_000) as usize,
        seconds: arguments.number("--seconds", 10),
        hold,
        usual: None,
    };
    let only = |name: &str| arguments.value("--only").is_none_or(|only| only == name);
    let mut results = serde_json::Map::new();
    if only("gateway") {
        println!("hushgate, recording after a hold of {hold} s");
        let measured = load.measure(&mut PlainRtp::start(hold));
        results.insert("hushgate".into(), measured);
    }
    if only("rtpengine") {
        match Rtpengine::start() {
            Some(mut rtpengine) => {
                println!("rtpengine in userspace, forwarding at once");
                let load = Load { hold: 0, ..load };
                results.insert("rtpengine".into(), load.measure(&mut rtpengine));
            }
            None => println!("rtpengine is not installed (apt-get install rtpengine-daemon)"),
        }
    }
    println!("{}", Value::Object(results));
}
