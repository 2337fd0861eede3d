//! A session border controller as far as a recording server sees one: SIP written by hand, and RTP.

use std::net::SocketAddr;
use std::time::Duration;

use hushgate::gateway::tls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;

/// How its messages travel.
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
    Tls(Box<TlsStream<TcpStream>>, Vec<u8>),
}

/// One recording session.
pub(crate) struct SessionClient {
    wire: Wire,
    local: SocketAddr,
    transport: &'static str,
    call: String,
    /// The gateway's tag, once it has answered.
    to: String,
    sequence: u32,
    branch: u32,
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// The ports of its `m=` lines.
    pub(crate) ports: Vec<u16>,
}

/// A stream that is offered: its label, port, formats and attributes.
pub(crate) struct Offered {
    pub(crate) label: &'static str,
    pub(crate) port: u16,
    pub(crate) formats: &'static str,
    pub(crate) attributes: &'static str,
}

pub(crate) const TELEPHONE: &str = "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
                                    a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n";

/// Two streams of G.711 from these ports.
pub(crate) fn two_streams(ports: [u16; 2]) -> Vec<Offered> {
    ["1", "2"]
        .into_iter()
        .zip(ports)
        .map(|(label, port)| Offered {
            label,
            port,
            formats: "0 8 101",
            attributes: TELEPHONE,
        })
        .collect()
}

pub(crate) fn description(version: u32, streams: &[Offered]) -> String {
    let mut text = format!(
        "v=0\r\no=src 289 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    );
    for stream in streams {
        text += &format!(
            "m=audio {} {} {}\r\n{}a=label:{}\r\n",
            stream.port,
            if stream.attributes.contains("a=crypto") {
                "RTP/SAVP"
            } else {
                "RTP/AVP"
            },
            stream.formats,
            stream.attributes,
            stream.label
        );
    }
    text
}

/// A body of a description and metadata in which the speaker of the second label has called.
pub(crate) fn with_metadata(description: &str) -> (String, String) {
    let metadata = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <recording xmlns=\"urn:ietf:params:xml:ns:recording:1\"><datamode>complete</datamode>\
        <session session_id=\"s1\"/>\
        <participant participant_id=\"p1\"><nameID aor=\"sip:agent@example.com\"/></participant>\
        <participant participant_id=\"p2\"><nameID aor=\"sip:+15550100123@example.com\"/></participant>\
        <stream stream_id=\"t1\" session_id=\"s1\"><label>1</label></stream>\
        <stream stream_id=\"t2\" session_id=\"s1\"><label>2</label></stream>\
        <participantstreamassoc participant_id=\"p1\"><send>t1</send></participantstreamassoc>\
        <participantstreamassoc participant_id=\"p2\"><send>t2</send></participantstreamassoc>\
        </recording>";
    let body = format!(
        "--edge\r\nContent-Type: application/sdp\r\n\r\n{description}\r\n--edge\r\n\
         Content-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n\
         {metadata}\r\n--edge--\r\n"
    );
    ("multipart/mixed;boundary=edge".to_owned(), body)
}

impl SessionClient {
    pub(crate) async fn udp(call: &str, gateway: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(gateway).await.unwrap();
        let local = socket.local_addr().unwrap();
        Self::new(call, Wire::Udp(socket), local, "UDP")
    }

    pub(crate) async fn tcp(call: &str, gateway: SocketAddr) -> Self {
        let stream = TcpStream::connect(gateway).await.unwrap();
        let local = stream.local_addr().unwrap();
        Self::new(call, Wire::Tcp(stream, Vec::new()), local, "TCP")
    }

    /// Over TLS, to a server whom this authority vouches for as `localhost`.
    pub(crate) async fn tls(call: &str, gateway: SocketAddr, authority: &Authority) -> Self {
        let config = tls::client(Some(&authority.path("ca.pem"))).unwrap();
        let stream = TcpStream::connect(gateway).await.unwrap();
        let local = stream.local_addr().unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .unwrap();
        let wire = Wire::Tls(Box::new(stream), Vec::new());
        Self::new(call, wire, local, "TLS")
    }

    fn new(call: &str, wire: Wire, local: SocketAddr, transport: &'static str) -> Self {
        Self {
            wire,
            local,
            transport,
            call: call.to_owned(),
            to: String::new(),
            sequence: 100,
            branch: 0,
        }
    }

    /// A request with a body; an ACK has the number of what it acknowledges.
    fn request(&mut self, method: &str, content_type: &str, body: &str) -> String {
        if method != "ACK" {
            self.sequence += 1;
        }
        self.branch += 1;
        format!(
            "{method} sip:srs@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/{} {};branch=z9hG4bK-{}-{};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:src@127.0.0.1>;tag=from1\r\nTo: <sip:srs@127.0.0.1>{}\r\n\
             Call-ID: {}\r\nCSeq: {} {method}\r\nContact: <sip:src@{}>;+sip.src\r\n\
             {}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            self.transport,
            self.local,
            self.call,
            self.branch,
            self.to,
            self.call,
            self.sequence,
            self.local,
            if method == "INVITE" {
                "Require: siprec\r\n"
            } else {
                ""
            },
            body.len(),
        )
    }

    pub(crate) async fn send(&mut self, text: &str) {
        match &mut self.wire {
            Wire::Udp(socket) => drop(socket.send(text.as_bytes()).await.unwrap()),
            Wire::Tcp(stream, _) => stream.write_all(text.as_bytes()).await.unwrap(),
            Wire::Tls(stream, _) => stream.write_all(text.as_bytes()).await.unwrap(),
        }
    }

    /// The next message of the gateway's.
    pub(crate) async fn receive(&mut self) -> String {
        let receiving = async {
            match &mut self.wire {
                Wire::Udp(socket) => {
                    let mut buffer = vec![0; 65_536];
                    let length = socket.recv(&mut buffer).await.unwrap();
                    String::from_utf8(buffer[..length].to_vec()).unwrap()
                }
                Wire::Tcp(stream, read) => framed(stream, read).await,
                Wire::Tls(stream, read) => framed(stream, read).await,
            }
        };
        tokio::time::timeout(Duration::from_secs(10), receiving)
            .await
            .expect("the gateway says nothing")
    }

    /// Sends a request and waits for its final answer.
    pub(crate) async fn ask(&mut self, method: &str, content_type: &str, body: &str) -> Answer {
        let request = self.request(method, content_type, body);
        self.send(&request).await;
        loop {
            let text = self.receive().await;
            let Some(status) = text.strip_prefix("SIP/2.0 ") else {
                continue;
            };
            let status: u16 = status[..3].parse().unwrap();
            let sequence = format!("CSeq: {} {method}\r\n", self.sequence);
            if status < 200 || !text.contains(&sequence) {
                continue;
            }
            let ports = text
                .lines()
                .filter_map(|line| line.strip_prefix("m=audio "));
            let ports = ports.map(|line| line.split(' ').next().unwrap().parse().unwrap());
            let ports = ports.collect();
            let to = text.lines().find_map(|line| line.strip_prefix("To: "));
            let tag = to.and_then(|to| to.split_once(";tag="));
            if let Some((_, tag)) = tag {
                self.to = format!(";tag={tag}");
            }
            return Answer {
                status,
                text,
                ports,
            };
        }
    }

    /// Invites, and acknowledges the answer.
    pub(crate) async fn invite(&mut self, content_type: &str, body: &str) -> Answer {
        let answer = self.ask("INVITE", content_type, body).await;
        let acknowledgement = self.request("ACK", "application/sdp", "");
        if answer.status < 300 {
            self.send(&acknowledgement).await;
        }
        answer
    }

    pub(crate) async fn bye(&mut self) -> Answer {
        self.ask("BYE", "application/sdp", "").await
    }
}

/// The next message of a stream, by its length.
async fn framed(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> String {
    loop {
        let text = String::from_utf8(read.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let whole = head.len() + 4 + length;
                return String::from_utf8(read.drain(..whole).collect()).unwrap();
            }
        }
        let mut buffer = [0; 4_096];
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "the gateway closed the connection");
        read.extend(&buffer[..length]);
    }
}

/// One packet of G.711 mu-law; `number` counts from 0.
pub(crate) fn packet(source: u32, number: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, 0];
    // Near the end, so that it wraps.
    bytes.extend((65_500_u32.wrapping_add(number) as u16).to_be_bytes());
    bytes.extend((source.wrapping_mul(7) + 160 * number).to_be_bytes());
    bytes.extend(source.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Sends packets when they are due, in milliseconds from now.
pub(crate) async fn send_packets(from: &UdpSocket, to: u16, packets: Vec<(u64, Vec<u8>)>) {
    let begun = Instant::now();
    for (due, packet) in packets {
        tokio::time::sleep_until(begun + Duration::from_millis(due)).await;
        from.send_to(&packet, ("127.0.0.1", to)).await.unwrap();
    }
}

/// Sound in packets of 20 ms.
pub(crate) fn packets(source: u32, sound: &[u8]) -> Vec<(u64, Vec<u8>)> {
    (0..)
        .zip(sound.chunks(160))
        .map(|(number, payload)| (u64::from(number) * 20, packet(source, number, payload)))
        .collect()
}
