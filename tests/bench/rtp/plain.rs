//! Calls of two legs over plain RTP through the gateway.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use hushgate::audio::MediaTime;
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::gateway::serve::folder;
use serde_json::{Value, json};

use super::load::delays::Delays;
use super::load::gateway::settings;
use super::load::sender::{Line, PACKET};
use super::load::{Gateway, Subject, serve};

/// Packets of 20 ms.
const PACKETS_PER_SECOND: u64 = 50;

/// Where the packets of a call's two legs go, and from which socket.
pub(crate) struct Legs {
    pub(crate) to: [SocketAddr; 2],
    pub(crate) from: [Arc<UdpSocket>; 2],
    /// The second leg's source is one more.
    pub(crate) source: u32,
}

impl Line for Legs {
    fn send(&mut self, number: u32, packets: &[[u8; PACKET]; 2]) {
        for (leg, audio) in (0..).zip(packets) {
            let mut packet = [0; 12 + PACKET];
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(number * PACKET as u32).to_be_bytes());
            packet[8..12].copy_from_slice(&(self.source + leg).to_be_bytes());
            packet[12..].copy_from_slice(audio);
            let leg = leg as usize;
            let _ = self.from[leg].send_to(&packet, self.to[leg]);
        }
    }
}

/// The gateway's process.
pub(crate) fn gateway(recordings: &Path, hold: u64) {
    let door = Door {
        rtp_ports: 10_000..=32_767,
        ..Door::new(Protocol::Rtp)
    };
    let hold_time = MediaTime::from_millis(hold * 1_000);
    let settings = settings([door], hold_time, folder(recordings.to_owned()));
    serve(settings, hold * PACKETS_PER_SECOND);
}

/// The gateway, asked for ports by HTTP.
pub(crate) struct PlainRtp {
    gateway: Gateway,
    socket: Arc<UdpSocket>,
    _recordings: tempfile::TempDir,
}

impl PlainRtp {
    pub(crate) fn start(hold: u64) -> Self {
        let recordings = tempfile::tempdir().unwrap();
        let folder = recordings.path().to_str().unwrap();
        Self {
            gateway: Gateway::start(&["--gateway", folder, "--hold", &hold.to_string()]),
            socket: Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap()),
            _recordings: recordings,
        }
    }
}

impl Subject for PlainRtp {
    fn add_call(&mut self, number: usize) -> Box<dyn Line> {
        let body = json!({"call": format!("call-{number}"), "streams": [{"leg": "customer"}, {"leg": "agent"}]});
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.gateway.address).unwrap();
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
        Box::new(Legs {
            to,
            from: [Arc::clone(&self.socket), Arc::clone(&self.socket)],
            source: number as u32 * 2,
        })
    }

    fn take_delays(&mut self) -> Delays {
        self.gateway.take_delays()
    }

    fn processor_time(&self) -> f64 {
        self.gateway.processor_time()
    }
}
