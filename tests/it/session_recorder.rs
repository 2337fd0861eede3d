//! A recorder as far as a recording client sees one, written by hand: it takes sessions by SIP over UDP, and writes
//! down their RTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

/// What it does with the next session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deal {
    /// Records it.
    Take,
    /// Answers so.
    Refuse(&'static str),
    /// Asks who it is, and then records it.
    Challenge,
    /// Records it, and says BYE after this time.
    Leave(Duration),
    /// Records it, and closes its ports after this time.
    Close(Duration),
}

/// One session as it came.
#[derive(Default, Clone)]
pub(crate) struct Heard {
    /// INVITEs, also those within the session.
    pub(crate) invites: Vec<String>,
    /// Packets of each stream, and when they came.
    pub(crate) streams: [Vec<(Instant, Vec<u8>)>; 2],
    /// Reports of each stream.
    pub(crate) reports: [Vec<Vec<u8>>; 2],
    /// Where each stream was taken.
    pub(crate) ports: [u16; 2],
    /// When the client said BYE.
    pub(crate) left: Option<Instant>,
}

type Sessions = Arc<Mutex<Vec<Heard>>>;

pub(crate) struct SessionRecorder {
    pub(crate) address: SocketAddr,
    heard: Sessions,
}

impl SessionRecorder {
    /// Deals with sessions as told, and takes all that come after.
    pub(crate) async fn start(deals: &[Deal]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Sessions::default();
        let deals = deals.to_vec();
        let serving = serve(Arc::new(socket), Arc::clone(&heard), deals);
        tokio::spawn(serving);
        Self { address, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("sip:recorder@{}", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

pub(crate) fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}

fn response(request: &str, status: &str, rest: &str) -> String {
    let copied = ["Via", "From", "Call-ID", "CSeq"].map(|name| {
        let value = header(request, name);
        format!("{name}: {value}\r\n")
    });
    let to = header(request, "To");
    let tag = if to.contains("tag=") || status.starts_with("100") {
        ""
    } else {
        ";tag=recorder"
    };
    let (headers, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
    let headers = if headers.is_empty() {
        String::new()
    } else {
        format!("{headers}\r\n")
    };
    format!(
        "SIP/2.0 {status}\r\n{}To: {to}{tag}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        copied.concat(),
        body.len()
    )
}

/// A pair of ports, RTP on the even one.
async fn pair() -> [UdpSocket; 2] {
    loop {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = one.local_addr().unwrap().port();
        if let (0, Ok(other)) = (port % 2, UdpSocket::bind(("127.0.0.1", port + 1)).await) {
            return [one, other];
        }
    }
}

async fn serve(socket: Arc<UdpSocket>, heard: Sessions, deals: Vec<Deal>) {
    let mut deals = deals.into_iter();
    let mut calls: Vec<(String, usize)> = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let call = header(&text, "Call-ID").to_owned();
        let send = async |text: String| drop(socket.send_to(text.as_bytes(), peer).await);
        let known = calls.iter().find(|(known, _)| *known == call);
        let known = known.map(|(_, place)| *place);
        if text.starts_with("BYE ") {
            if let Some(place) = known {
                heard.lock().unwrap()[place].left = Some(Instant::now());
            }
            send(response(&text, "200 OK", "")).await;
        }
        if !text.starts_with("INVITE ") {
            continue;
        }
        let place = match known {
            Some(place) => place,
            None => {
                send(response(&text, "100 Trying", "")).await;
                let deal = deals.next().unwrap_or(Deal::Take);
                if let Deal::Refuse(status) = deal {
                    send(response(&text, status, "Retry-After: 1")).await;
                    continue;
                }
                if deal == Deal::Challenge && header(&text, "Authorization").is_empty() {
                    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";
                    send(response(&text, "401 Unauthorized", challenge)).await;
                    continue;
                }
                let streams = [pair().await, pair().await];
                let place = {
                    let mut all = heard.lock().unwrap();
                    let port = |n: usize| streams[n][0].local_addr().unwrap().port();
                    all.push(Heard {
                        ports: [port(0), port(1)],
                        ..Heard::default()
                    });
                    all.len() - 1
                };
                calls.push((call.clone(), place));
                for (number, sockets) in streams.into_iter().enumerate() {
                    let closes = match deal {
                        Deal::Close(after) => after,
                        _ => Duration::from_secs(600),
                    };
                    let listening = listen(sockets, Arc::clone(&heard), place, number);
                    tokio::spawn(tokio::time::timeout(closes, listening));
                }
                if let Deal::Leave(after) = deal {
                    let bye = format!(
                        "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKbye{place}\r\n\
                         Max-Forwards: 70\r\nFrom: {};tag=recorder\r\nTo: {}\r\nCall-ID: {call}\r\n\
                         CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
                        header(&text, "Contact").split(['<', '>']).nth(1).unwrap(),
                        socket.local_addr().unwrap(),
                        header(&text, "To"),
                        header(&text, "From"),
                    );
                    let socket = Arc::clone(&socket);
                    tokio::spawn(async move {
                        tokio::time::sleep(after).await;
                        socket.send_to(bye.as_bytes(), peer).await.unwrap();
                    });
                }
                place
            }
        };
        let ports = {
            let mut all = heard.lock().unwrap();
            all[place].invites.push(text.clone());
            all[place].ports
        };
        let mut answer = format!(
            "Contact: <sip:recorder@{}>;+sip.srs\r\nContent-Type: application/sdp\r\n\r\n\
             v=0\r\no=r 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n",
            socket.local_addr().unwrap()
        );
        // The first that is offered.
        let (_, formats) = text.split_once(" RTP/AVP ").unwrap();
        let format = formats.split([' ', '\r']).next().unwrap();
        let map = format!("a=rtpmap:{format} ");
        let map = text.lines().find(|line| line.starts_with(&map)).unwrap();
        for (port, label) in ports.iter().zip(labels(&text)) {
            answer += &format!(
                "m=audio {port} RTP/AVP {format}\r\n{map}\r\na=recvonly\r\na=label:{label}\r\n"
            );
        }
        send(response(&text, "200 OK", &answer)).await;
    }
}

/// The labels in the order of the offer's lines.
pub(crate) fn labels(invite: &str) -> Vec<&str> {
    let labels = invite.lines();
    labels
        .filter_map(|line| line.strip_prefix("a=label:"))
        .collect()
}

async fn listen([rtp, rtcp]: [UdpSocket; 2], heard: Sessions, place: usize, stream: usize) {
    let (mut packet, mut report) = (vec![0; 2_048], vec![0; 2_048]);
    loop {
        tokio::select! {
            came = rtp.recv(&mut packet) => {
                let bytes = packet[..came.unwrap()].to_vec();
                heard.lock().unwrap()[place].streams[stream].push((Instant::now(), bytes));
            }
            came = rtcp.recv(&mut report) => {
                let bytes = report[..came.unwrap()].to_vec();
                heard.lock().unwrap()[place].reports[stream].push(bytes);
            }
        }
    }
}
