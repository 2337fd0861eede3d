//! How many two-leg Twilio calls one core takes before a frame is late, when nothing is examined and what leaves is
//! discarded: what it costs to carry calls.
//!
//! The gateway is this program again in a process of its own on core 0. Its WebSocket door, call tasks, hold,
//! redactor and recorders' threads are the real path; the recorder counts and throws away. No configuration of the
//! gateway makes such a call. With `--detection on` calls are listened to as ever, by an engine that hears nothing and
//! says so at once: voice detection, resampling and key tones come on top.
//!
//! A frame is late when it leaves more than 20 ms after its hold.
//!
//!     make bench-passthrough
//!     cargo bench --profile release --bench passthrough -- --step 100 --most 1000 --seconds 10 --hold 6 --detection on

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when something is wrong"
)]

mod load;

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hushgate::audio::MediaTime;
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::egress::{CallFacts, EngineWork};
use hushgate::gateway::serve::Settings;
use hushgate::gateway::{Tape, TapeFactory};
use hushgate::session::{CleanAudio, Examination};
use hushgate::store::vault::RecordName;
use hushgate::telemetry::Event;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use load::delays::Delays;
use load::gateway::settings;
use load::sender::{Line, PACKET};
use load::{Arguments, Gateway, Load, Subject, serve};

/// Packets of 20 ms.
const PACKETS_PER_SECOND: u64 = 50;

fn main() {
    let arguments = Arguments::read();
    let hold = arguments.number("--hold", 6);
    let detection = arguments.value("--detection").unwrap_or("off");
    let examine = detection == "on";
    hushgate::gateway::process::allow_open_files(16_384).unwrap();
    if arguments.value("--gateway").is_some() {
        return gateway(hold, examine);
    }
    // Its threads come after this and stay with it.
    if !load::keep_to_core(1, std::process::id()) {
        println!("there is one core for all");
    }
    let load = Load {
        step: arguments.number("--step", 100) as usize,
        most: arguments.number("--most", 3_000) as usize,
        seconds: arguments.number("--seconds", 10),
        hold,
        usual: Some(0.0),
    };
    println!("hushgate with detection {detection}, discarding after a hold of {hold} s");
    let measured = load.measure(&mut Twilio::start(hold, detection));
    println!(
        "{}",
        json!({"detection": detection, "hold_s": hold, "hushgate": measured})
    );
}

/// The gateway's process.
fn gateway(hold: u64, examine: bool) {
    let door = Door::new(Protocol::Twilio);
    let hold_time = MediaTime::from_millis(hold * 1_000);
    let mut settings = settings([door], hold_time, Arc::new(Nowhere));
    if !examine {
        settings = Settings {
            examination: Examination::NothingAtAll,
            ..settings
        };
    }
    serve(settings, hold * PACKETS_PER_SECOND);
}

/// Where recordings are discarded.
struct Nowhere;

impl TapeFactory for Nowhere {
    fn create(&self, _facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        Ok(Box::new(Nowhere))
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Tape for Nowhere {
    fn write(&mut self, _audio: &CleanAudio) -> anyhow::Result<()> {
        Ok(())
    }

    fn event(&mut self, _event: &Event) {}

    fn name(&self) -> Option<&RecordName> {
        None
    }

    fn finish(
        self: Box<Self>,
        _work: EngineWork,
        _abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        Ok("nowhere".into())
    }
}

/// The gateway, sent calls as Twilio does.
struct Twilio(Gateway);

impl Twilio {
    fn start(hold: u64, detection: &str) -> Self {
        let hold = hold.to_string();
        let arguments = ["--gateway", "", "--hold", &hold, "--detection", detection];
        Self(Gateway::start(&arguments))
    }
}

impl Subject for Twilio {
    fn add_call(&mut self, number: usize) -> Box<dyn Line> {
        let stream = TcpStream::connect(&self.0.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{}/twilio", self.0.address);
        let (mut socket, _) = client(url, stream).unwrap();
        let stream = format!("MZ{number:032}");
        let start = json!({"event": "start", "sequenceNumber": "1", "streamSid": stream, "start": {
            "streamSid": stream, "accountSid": format!("AC{number:032}"), "callSid": format!("CA{number:032}"),
            "tracks": ["inbound", "outbound"], "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}});
        for message in [
            json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            start,
        ] {
            socket.send(Message::text(message.to_string())).unwrap();
        }
        Box::new(Stream { socket, stream })
    }

    fn take_delays(&mut self) -> Delays {
        self.0.take_delays()
    }

    fn processor_time(&self) -> f64 {
        self.0.processor_time()
    }
}

/// One call's connection.
struct Stream {
    socket: WebSocket<TcpStream>,
    stream: String,
}

impl Line for Stream {
    fn send(&mut self, number: u32, packets: &[[u8; PACKET]; 2]) {
        for (leg, packet) in (0..).zip(packets) {
            // As Twilio writes it.
            let text = format!(
                "{{\"event\":\"media\",\"sequenceNumber\":\"{}\",\"media\":{{\"track\":\"{}\",\"chunk\":\"{}\",\
                 \"timestamp\":\"{}\",\"payload\":\"{}\"}},\"streamSid\":\"{}\"}}",
                2 + 2 * number + leg,
                ["inbound", "outbound"][leg as usize],
                number + 1,
                number * 20,
                STANDARD.encode(packet),
                self.stream
            );
            let _ = self.socket.send(Message::text(text));
        }
    }
}
