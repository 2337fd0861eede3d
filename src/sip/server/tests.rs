mod calls;
mod dialog;
mod flood;
mod torture;

use super::*;
use crate::sip::Transport;
use crate::sip::message::{Message, Request, Response};
use crate::sip::multipart::{NewPart, write};

const SDP: &str = "v=0\r\no=src 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=label:1\r\n\
    m=audio 30002 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=label:2\r\n";

const METADATA: &str = "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</datamode>\
    <participant participant_id='p1'><nameID aor='sip:alice@example.com'/></participant>\
    <stream stream_id='t1'><label>1</label></stream></recording>";

const UDP: Flow = Flow {
    transport: Transport::Udp,
    peer: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7)), 5099),
    connection: 1,
};

fn settings() -> SrsSettings {
    SrsSettings::new(Advertised {
        host: "198.51.100.1".to_owned(),
        udp: 5060,
        tcp: 5060,
        tls: 5061,
    })
}

/// Bits that differ and are the same in every run.
fn random() -> Random {
    let mut state = 1_u128;
    Box::new(move || {
        state = state
            .wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645)
            .wrapping_add(7);
        state ^ (state >> 64)
    })
}

fn local(port: u16) -> LocalMedia {
    LocalMedia {
        address: SocketAddr::from(([198, 51, 100, 1], port)),
        rtcp_mux: false,
        key: None,
    }
}

/// A server with a peer that speaks to it.
struct Bench {
    srs: Srs,
    now: Duration,
    flow: Flow,
    /// What was sent since it was looked at.
    sent: Vec<Message>,
    /// What else was told since it was looked at.
    told: Vec<Action>,
    /// Our tag, once known.
    tag: String,
    number: u32,
}

impl Bench {
    fn new(settings: SrsSettings) -> Self {
        Self {
            srs: Srs::new(settings, random()),
            now: Duration::from_secs(100),
            flow: UDP,
            sent: Vec::new(),
            told: Vec::new(),
            tag: String::new(),
            number: 100,
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.srs.poll() {
            match action {
                Action::Send { bytes, .. } => self.sent.push(Message::parse(&bytes).unwrap()),
                other => self.told.push(other),
            }
        }
        assert!(self.srs.poll().is_none());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.srs.handle_message(self.now, self.flow, bytes);
        self.drain();
    }

    fn give(&mut self, request: &Request) {
        self.bytes(&request.write());
    }

    /// Lets time go on, step by step as the server asks.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(due) = self.srs.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.srs.handle_timeout(self.now);
            self.drain();
            steps += 1;
            assert!(steps < 10_000, "time stands still");
        }
        self.now = end;
    }

    /// A request with the next number, of the dialog if there is one.
    fn request(&mut self, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
        self.number += 1;
        let number = self.number;
        let mut request = Request::new(
            crate::sip::message::Method::of(method),
            "sip:srs@198.51.100.1",
        );
        let via = format!("SIP/2.0/UDP 198.51.100.7:5099;branch=z9hG4bK-{number}-{method};rport");
        let to = match &*self.tag {
            "" => "<sip:srs@198.51.100.1>".to_owned(),
            tag => format!("<sip:srs@198.51.100.1>;tag={tag}"),
        };
        for (name, value) in [
            ("Via", &*via),
            ("Max-Forwards", "70"),
            ("From", "<sip:src@198.51.100.7>;tag=theirs"),
            ("To", &to),
            ("Call-ID", "call@198.51.100.7"),
            ("CSeq", &format!("{number} {method}")),
            ("Contact", "<sip:src@198.51.100.7:5099>;+sip.src"),
        ] {
            if !headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
            {
                request.headers.push(name, value);
            }
        }
        for (name, value) in headers {
            request.headers.push(name, value);
        }
        request.body = body.to_vec();
        request
    }

    fn with_sdp(&mut self, method: &str, sdp: &str) -> Request {
        self.request(
            method,
            &[("Content-Type", "application/sdp")],
            sdp.as_bytes(),
        )
    }

    fn siprec(&mut self, method: &str, sdp: &str, metadata: &str) -> Request {
        let (kind, body) = write(
            9,
            &[
                NewPart {
                    content_type: "application/sdp",
                    disposition: None,
                    body: sdp.as_bytes(),
                },
                NewPart {
                    content_type: "application/rs-metadata+xml",
                    disposition: Some("recording-session"),
                    body: metadata.as_bytes(),
                },
            ],
        );
        let headers = [
            ("Content-Type", &*kind),
            ("Require", "siprec"),
            ("Supported", "timer"),
            ("Session-Expires", "1800"),
        ];
        self.request(method, &headers, &body)
    }

    /// The ACK of the INVITE with the number before.
    fn ack(&mut self, body: &[u8]) {
        let number = self.number;
        let cseq = format!("{number} ACK");
        let mut ack = self.request("ACK", &[("CSeq", &cseq)], body);
        if !body.is_empty() {
            ack.headers.push("Content-Type", "application/sdp");
        }
        self.number = number;
        self.give(&ack);
    }

    /// The statuses sent since it was looked at.
    #[track_caller]
    fn statuses(&mut self, expected: &[u16]) -> Vec<Response> {
        let responses: Vec<Response> = self
            .sent
            .drain(..)
            .map(|message| match message {
                Message::Response(response) => response,
                Message::Request(request) => panic!("{request:?}"),
            })
            .collect();
        let found: Vec<u16> = responses.iter().map(|response| response.status).collect();
        assert_eq!(found, expected);
        responses
    }

    /// The only status sent since it was looked at.
    #[track_caller]
    fn status(&mut self, expected: u16) -> Response {
        self.statuses(&[expected]).remove(0)
    }

    /// The methods asked since it was looked at.
    #[track_caller]
    fn asked(&mut self, expected: &[&str]) -> Vec<Request> {
        let requests: Vec<Request> = self
            .sent
            .drain(..)
            .filter_map(|message| match message {
                Message::Request(request) => Some(request),
                Message::Response(_) => None,
            })
            .collect();
        let found: Vec<&str> = requests
            .iter()
            .map(|request| request.method.name())
            .collect();
        assert_eq!(found, expected);
        requests
    }

    /// Answers a request of the server.
    fn respond(&mut self, request: &Request, status: u16, headers: &[(&str, &str)]) {
        let mut response = request.response(status, None);
        for (name, value) in headers {
            response.headers.push(name, value);
        }
        self.bytes(&response.write());
    }

    /// What was told since it was looked at, in short.
    fn told(&mut self) -> Vec<String> {
        self.told
            .drain(..)
            .map(|action| match action {
                Action::Send { .. } => "send".to_owned(),
                Action::Invited(invitation) => format!("invited {}", invitation.streams.len()),
                Action::MediaWanted { streams, .. } => {
                    let slots: Vec<usize> = streams.iter().map(|stream| stream.slot).collect();
                    format!("wanted {slots:?}")
                }
                Action::Confirmed { .. } => "confirmed".to_owned(),
                Action::Changed {
                    change: Change::Media(streams),
                    ..
                } => {
                    let streams: Vec<String> = streams
                        .iter()
                        .map(|s| {
                            let held = if s.active { "" } else { " held" };
                            let port = s.rtp.map_or(0, |rtp| rtp.port());
                            format!("{}:{}{held}", s.slot, port)
                        })
                        .collect();
                    format!("media {}", streams.join(", "))
                }
                Action::Changed {
                    change: Change::Metadata(metadata),
                    ..
                } => {
                    format!("metadata {}", metadata.participants.len())
                }
                Action::Key { .. } => "key".to_owned(),
                Action::Ended { reason, .. } => format!("ended {reason:?}"),
            })
            .collect()
    }

    fn session(&self) -> SessionId {
        self.srs.sessions().next().unwrap()
    }

    /// A session that is invited: two streams.
    fn invited(settings: SrsSettings) -> (Self, Request) {
        let mut bench = Self::new(settings);
        let invite = bench.siprec("INVITE", SDP, METADATA);
        bench.give(&invite);
        bench.status(100);
        assert_eq!(bench.told(), ["invited 2"]);
        (bench, invite)
    }

    /// A session whose 200 was sent.
    fn accepted(settings: SrsSettings) -> (Self, Request, Response) {
        let (mut bench, invite) = Self::invited(settings);
        let session = bench.session();
        bench
            .srs
            .accept(bench.now, session, &[local(40_000), local(40_002)])
            .unwrap();
        bench.drain();
        let response = bench.status(200);
        let essentials = response.essentials().unwrap();
        bench.tag = essentials.to.tag().unwrap().to_owned();
        (bench, invite, response)
    }

    /// A session that runs.
    fn confirmed(settings: SrsSettings) -> Self {
        let (mut bench, _, _) = Self::accepted(settings);
        bench.ack(b"");
        assert_eq!(bench.told(), ["confirmed"]);
        bench.statuses(&[]);
        bench
    }
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}
