//! rtpengine as a process of its own, told of calls by its ng protocol: a cookie and a bencoded dictionary over UDP.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushgate::audio::g711::Law;

use super::load::delays::{Delays, Histogram, Watch};
use super::load::gateway::processor_time;
use super::load::sender::Line;
use super::load::stamp::now;
use super::load::{Subject, keep_to_core};
use super::plain::Legs;

/// Where audio is in an RTP packet without extensions.
const HEADER: usize = 12;

pub(crate) struct Rtpengine {
    child: Child,
    control: UdpSocket,
    /// One for each party: audio comes from it and goes to it.
    parties: [Arc<UdpSocket>; 2],
    delays: Arc<Histogram>,
    _folder: tempfile::TempDir,
}

impl Rtpengine {
    /// Starts it on core 0, forwarding in userspace; `None` if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let control = UdpSocket::bind("127.0.0.1:0").unwrap();
        control
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        // A port that is free now.
        let listening = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ng = listening.local_addr().unwrap();
        drop(listening);
        let child = Command::new("rtpengine")
            .args(["--config-file=none", "--table=-1", "--foreground"])
            .args([
                "--interface=127.0.0.1",
                "--port-min=10000",
                "--port-max=32767",
            ])
            .args(["--num-threads=1", "--log-level=3", "--delete-delay=0"])
            .arg(format!("--listen-ng={ng}"))
            .arg(format!("--pidfile={}", folder.path().join("pid").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        keep_to_core(0, child.id());
        control.connect(ng).unwrap();
        let delays = Arc::new(Histogram::new());
        let parties = [(); 2].map(|()| Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap()));
        for party in &parties {
            let (party, delays) = (Arc::clone(party), Arc::clone(&delays));
            std::thread::spawn(move || listen(&party, &delays));
        }
        let rtpengine = Self {
            child,
            control,
            parties,
            delays,
            _folder: folder,
        };
        let answers = (0..50).any(|_| {
            let is_there = rtpengine.ask([("command", "ping")].into()).is_some();
            if !is_there {
                std::thread::sleep(Duration::from_millis(100));
            }
            is_there
        });
        assert!(answers, "rtpengine does not answer");
        Some(rtpengine)
    }

    /// Asks for something; `None` without an answer in time.
    fn ask(&self, request: BTreeMap<&str, &str>) -> Option<String> {
        let entry = |text: &str| format!("{}:{text}", text.len());
        let entries: String = request
            .iter()
            .map(|(key, value)| entry(key) + &entry(value))
            .collect();
        // What was asked with the same cookie is answered as before.
        let cookie = format!("{} ", now());
        let asked = format!("{cookie}d{entries}e");
        let mut buffer = [0; 65_536];
        self.control.send(asked.as_bytes()).ok()?;
        while let Ok(length) = self.control.recv(&mut buffer) {
            let answer = String::from_utf8_lossy(&buffer[..length]);
            if let Some(answer) = answer.strip_prefix(&cookie) {
                return Some(answer.to_owned());
            }
        }
        None
    }

    /// Tells of a party, and returns where the other party is to send.
    fn describe(&self, command: &str, call: &str, party: usize) -> SocketAddr {
        let port = self.parties[party].local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        );
        let mut request = BTreeMap::from([
            ("ICE", "remove"),
            ("call-id", call),
            ("command", command),
            ("from-tag", "a"),
            ("sdp", &sdp),
        ]);
        if command == "answer" {
            request.insert("to-tag", "b");
        }
        let answer = self.ask(request).expect("an answer of rtpengine's");
        let port = answer
            .split_once("m=audio ")
            .and_then(|(_, rest)| rest.split(' ').next());
        let port: u16 = port.and_then(|port| port.parse().ok()).expect(&answer);
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

/// Reads the stamps in what comes back.
fn listen(party: &UdpSocket, delays: &Histogram) {
    let mut buffer = [0; 2_048];
    while let Ok(length) = party.recv(&mut buffer) {
        let audio = buffer[..length].get(HEADER..).unwrap_or_default();
        // Packets of all calls come here, each with a whole stamp.
        Watch::new(0).see(&Law::Mu.decode(audio), delays);
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Subject for Rtpengine {
    fn add_call(&mut self, number: usize) -> Box<dyn Line> {
        let call = format!("call-{number}");
        // The answer to each says where the other one sends.
        let second = self.describe("offer", &call, 0);
        let first = self.describe("answer", &call, 1);
        Box::new(Legs {
            to: [first, second],
            from: self.parties.clone(),
            source: number as u32 * 2,
        })
    }

    fn take_delays(&mut self) -> Delays {
        self.delays.take()
    }

    fn processor_time(&self) -> f64 {
        processor_time(self.child.id())
    }
}
