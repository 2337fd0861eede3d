//! Against a recorder that answers as the test says.

use super::*;

const ANSWER: &str = "v=0\r\no=r 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\na=label:1\r\n\
    m=audio 40002 RTP/AVP 8\r\na=inactive\r\na=label:2\r\n";

struct Bench {
    src: Src,
    now: Duration,
    sent: Vec<Message>,
    told: Vec<ClientAction>,
    session: SessionId,
    number: u32,
}

impl Bench {
    fn new(settings: SrcSettings) -> Self {
        let mut src = Src::new(settings, random(3));
        let now = Duration::from_secs(50);
        let lines = vec![line(30_000, "1"), line(30_002, "2")];
        let session = src
            .invite(now, target(), lines, "<recording/>".to_owned())
            .unwrap();
        let mut bench = Self {
            src,
            now,
            sent: Vec::new(),
            told: Vec::new(),
            session,
            number: 0,
        };
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while let Some(action) = self.src.poll() {
            match action {
                ClientAction::Send { bytes, .. } => self.sent.push(Message::parse(&bytes).unwrap()),
                other => self.told.push(other),
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(due) = self.src.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.src.handle_timeout(self.now);
            self.drain();
            steps += 1;
            assert!(steps < 10_000, "time stands still");
        }
        self.now = end;
    }

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

    #[track_caller]
    fn status(&mut self, expected: u16) -> Response {
        match self.sent.remove(0) {
            Message::Response(response) => {
                assert_eq!(response.status, expected);
                response
            }
            Message::Request(request) => panic!("{request:?}"),
        }
    }

    fn respond(&mut self, request: &Request, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut response = request.response(status, Some("rec"));
        response
            .headers
            .push("Contact", "<sip:rec@198.51.100.1:5060>;+sip.srs");
        for (name, value) in headers {
            response.headers.push(name, value);
        }
        if !body.is_empty() {
            response = response.with_body("application/sdp", body.as_bytes().to_vec());
        }
        self.src
            .handle_message(self.now, RECORDER, &response.write());
        self.drain();
    }

    /// A request of the recorder's in the dialog of this INVITE.
    fn request(&mut self, invite: &Request, method: &str, headers: &[(&str, &str)], body: &str) {
        self.number += 1;
        let number = self.number;
        let mut request = Request::new(
            crate::sip::message::Method::of(method),
            "sip:src@198.51.100.7:5099",
        );
        for (name, value) in [
            (
                "Via",
                format!("SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKr{number}"),
            ),
            (
                "From",
                format!("{};tag=rec", invite.headers.get("To").unwrap()),
            ),
            ("To", invite.headers.get("From").unwrap().to_owned()),
            ("Call-ID", invite.headers.get("Call-ID").unwrap().to_owned()),
            ("CSeq", format!("{number} {method}")),
        ] {
            request.headers.push(name, &value);
        }
        for (name, value) in headers {
            request.headers.set(name, value);
        }
        if !body.is_empty() && request.headers.get("Content-Type").is_none() {
            request.headers.push("Content-Type", "application/sdp");
        }
        request.body = body.as_bytes().to_vec();
        self.src
            .handle_message(self.now, RECORDER, &request.write());
        self.drain();
    }

    fn told(&mut self) -> Vec<String> {
        let streams = |streams: &[Option<Recipient>]| {
            let each = |stream: &Option<Recipient>| match stream {
                Some(s) if s.active => s.rtp.port().to_string(),
                Some(s) => format!("{} held", s.rtp.port()),
                None => "none".to_owned(),
            };
            streams.iter().map(each).collect::<Vec<_>>().join(", ")
        };
        self.told
            .drain(..)
            .map(|action| match action {
                ClientAction::Answered { streams: s, .. } => format!("answered {}", streams(&s)),
                ClientAction::Changed { streams: s, .. } => format!("changed {}", streams(&s)),
                ClientAction::Refused {
                    status,
                    retry_after,
                    ..
                } => format!("refused {status:?} {retry_after:?}"),
                ClientAction::UpdateRefused { status, .. } => format!("update refused {status}"),
                ClientAction::Ended { reason, .. } => format!("ended {reason:?}"),
                ClientAction::Send { .. } => "send".to_owned(),
            })
            .collect()
    }

    /// A session that runs, and its INVITE.
    fn established(settings: SrcSettings, headers: &[(&str, &str)]) -> (Self, Request) {
        let mut bench = Self::new(settings);
        let invite = bench.asked(&["INVITE"]).remove(0);
        bench.respond(&invite, 100, &[], "");
        bench.respond(&invite, 200, headers, ANSWER);
        bench.asked(&["ACK"]);
        assert_eq!(bench.told(), ["answered 40000, 40002 held"]);
        (bench, invite)
    }
}

#[test]
fn a_recorder_is_invited() {
    let mut bench = Bench::new(settings());
    let invite = bench.asked(&["INVITE"]).remove(0);
    let header = |name: &str| invite.headers.get(name).unwrap();
    assert_eq!(invite.uri, "sip:recorder@198.51.100.1");
    assert_eq!(header("Require"), "siprec");
    assert_eq!(header("Contact"), "<sip:src@198.51.100.7:5099>;+sip.src");
    assert_eq!(header("Session-Expires"), "1800;refresher=uac");
    assert_eq!(header("To"), "<sip:recorder@198.51.100.1>");
    let bodies = crate::sip::body::bodies(&invite.headers, &invite.body)
        .ok()
        .unwrap();
    assert_eq!(bodies.metadata, Some(&b"<recording/>"[..]));
    assert!(bodies.description.is_some());
    // Sent again until something comes.
    bench.wait(Duration::from_millis(1600));
    bench.asked(&["INVITE", "INVITE"]);
    bench.respond(&invite, 100, &[], "");
    bench.wait(Duration::from_secs(10));
    bench.asked(&[]);
    bench.respond(&invite, 200, &[], ANSWER);
    let ack = bench.asked(&["ACK"]).remove(0);
    assert_eq!(ack.uri, "sip:rec@198.51.100.1:5060");
    assert_eq!(ack.headers.get("CSeq"), Some("1 ACK"));
    assert!(ack.headers.get("To").unwrap().ends_with(";tag=rec"));
    let Some(ClientAction::Answered { streams, .. }) = bench.told.pop() else {
        panic!("not answered");
    };
    let first = streams[0].as_ref().unwrap();
    assert_eq!(
        (first.codec, first.payload_type, first.telephone_event),
        (Codec::Pcma, 8, Some(101))
    );
    assert_eq!(first.rtcp.port(), 40_001);
    assert!(first.active && !streams[1].as_ref().unwrap().active);
    // The 200 comes again, and one of another recorder that the call was forked to.
    bench.respond(&invite, 200, &[], ANSWER);
    bench.asked(&["ACK"]);
    let mut forked = invite.response(200, Some("fork"));
    forked.headers.push("Contact", "<sip:fork@198.51.100.1>");
    bench
        .src
        .handle_message(bench.now, RECORDER, &forked.write());
    bench.drain();
    let asked = bench.asked(&["ACK", "BYE"]);
    assert_eq!(asked[1].uri, "sip:fork@198.51.100.1");
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.src.hang_up(bench.now, bench.session);
    bench.drain();
    let bye = bench.asked(&["BYE"]).remove(0);
    assert_eq!(bench.told(), ["ended HungUp"]);
    bench.respond(&bye, 200, &[], "");
    bench.wait(Duration::from_secs(100));
    assert_eq!(bench.src.transactions.len(), 0);
    assert_eq!(bench.src.next_timeout(), None);
}

#[track_caller]
fn check_refused(status: u16, headers: &[(&str, &str)], told: &str) {
    let mut bench = Bench::new(settings());
    let invite = bench.asked(&["INVITE"]).remove(0);
    bench.respond(&invite, status, headers, "");
    let ack = bench.asked(&["ACK"]).remove(0);
    assert_eq!(ack.headers.get("Via"), invite.headers.get("Via"));
    assert_eq!(bench.told(), [told]);
    bench.respond(&invite, status, headers, "");
    bench.asked(&["ACK"]);
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.src.transactions.len(), 0);
}

#[test]
fn a_recorder_refuses() {
    check_refused(302, &[], "refused Some(302) None");
    check_refused(403, &[], "refused Some(403) None");
    check_refused(
        401,
        &[("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")],
        "refused Some(401) None",
    );
    check_refused(
        503,
        &[("Retry-After", "17 (soon)")],
        "refused Some(503) Some(17)",
    );
    check_refused(603, &[], "refused Some(603) None");
    check_refused(422, &[("Min-SE", "60")], "refused Some(422) None");
}

#[test]
fn a_recorder_does_not_answer() {
    let mut bench = Bench::new(settings());
    bench.wait(Duration::from_millis(32_100));
    assert_eq!(bench.sent.len(), 7);
    assert_eq!(bench.told(), ["refused None None"]);
    // It tries for too long, and then refuses, takes, or says nothing.
    for end in 0..3 {
        let mut bench = Bench::new(settings());
        let invite = bench.asked(&["INVITE"]).remove(0);
        bench.respond(&invite, 100, &[], "");
        bench.wait(Duration::from_millis(30_100));
        let cancel = bench.asked(&["CANCEL"]).remove(0);
        assert_eq!(cancel.headers.get("Via"), invite.headers.get("Via"));
        bench.respond(&cancel, 200, &[], "");
        assert_eq!(bench.told(), Vec::<String>::new());
        match end {
            0 => {
                bench.respond(&invite, 487, &[], "");
                bench.asked(&["ACK"]);
            }
            1 => {
                bench.respond(&invite, 200, &[], ANSWER);
                bench.asked(&["ACK", "BYE"]);
            }
            _ => bench.wait(Duration::from_secs(33)),
        }
        assert_eq!(bench.told(), ["refused None None"]);
        bench.wait(Duration::from_secs(60));
        assert_eq!(bench.src.transactions.len(), 0);
    }
}

#[test]
fn an_invitation_is_taken_back() {
    // Before anything came: cancelled when it may be.
    let mut bench = Bench::new(settings());
    let invite = bench.asked(&["INVITE"]).remove(0);
    bench.src.hang_up(bench.now, bench.session);
    bench.drain();
    bench.asked(&[]);
    bench.respond(&invite, 180, &[], "");
    bench.asked(&["CANCEL"]);
    bench.respond(&invite, 487, &[], "");
    bench.asked(&["ACK"]);
    assert_eq!(bench.told(), ["ended HungUp"]);
    // Too late: taken, and ended.
    let mut bench = Bench::new(settings());
    let invite = bench.asked(&["INVITE"]).remove(0);
    bench.src.hang_up(bench.now, bench.session);
    bench.respond(&invite, 200, &[], ANSWER);
    bench.asked(&["ACK", "BYE"]);
    assert_eq!(bench.told(), ["ended HungUp"]);
}

#[test]
fn challenges_and_intervals_are_answered() {
    let mut settings = settings();
    settings.credentials = Some(Credentials {
        user: "gw".to_owned(),
        password: Sensitive::new("hunter".to_owned()),
    });
    let mut bench = Bench::new(settings);
    let invite = bench.asked(&["INVITE"]).remove(0);
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5";
    bench.respond(&invite, 407, &[("Proxy-Authenticate", challenge)], "");
    let invite = bench.asked(&["ACK", "INVITE"]).remove(1);
    assert!(
        invite
            .headers
            .get("Proxy-Authorization")
            .unwrap()
            .contains("username=\"gw\"")
    );
    assert_eq!(invite.headers.get("CSeq"), Some("2 INVITE"));
    bench.respond(&invite, 422, &[("Min-SE", "3600")], "");
    let invite = bench.asked(&["ACK", "INVITE"]).remove(1);
    assert_eq!(
        invite.headers.get("Session-Expires"),
        Some("3600;refresher=uac")
    );
    // Without end it is not tried.
    let digest = [("WWW-Authenticate", challenge)];
    bench.respond(&invite, 401, &digest, "");
    let invite = bench.asked(&["ACK", "INVITE"]).remove(1);
    bench.respond(&invite, 401, &digest, "");
    bench.asked(&["ACK"]);
    assert_eq!(bench.told(), ["refused Some(401) None"]);
}

#[test]
fn changes_are_made_one_after_another() {
    let (mut bench, _) = Bench::established(settings(), &[]);
    let held = |port, label: &str| OfferedLine {
        direction: Direction::Inactive,
        ..line(port, label)
    };
    let session = bench.session;
    let lines = vec![held(30_000, "1"), held(30_002, "2")];
    bench
        .src
        .update(bench.now, session, Some(lines), None)
        .unwrap();
    // While it is under way two more are wished for; the last counts.
    bench
        .src
        .update(bench.now, session, None, Some("<a/>".to_owned()))
        .unwrap();
    bench
        .src
        .update(bench.now, session, None, Some("<b/>".to_owned()))
        .unwrap();
    bench.drain();
    let first = bench.asked(&["INVITE"]).remove(0);
    assert!(String::from_utf8_lossy(&first.body).contains(" 2 IN IP4"));
    bench.respond(&first, 200, &[], &ANSWER.replace("recvonly", "inactive"));
    assert_eq!(bench.told(), ["changed 40000 held, 40002 held"]);
    let second = bench.asked(&["ACK", "INVITE"]).remove(1);
    let body = String::from_utf8_lossy(&second.body).into_owned();
    assert!(
        body.contains("<b/>") && body.contains(" 2 IN IP4"),
        "{body}"
    );
    // It meets one of the recorder's.
    bench.respond(&second, 491, &[], "");
    bench.asked(&["ACK"]);
    bench.wait(Duration::from_millis(4100));
    bench.sent.dedup();
    let third = bench.asked(&["INVITE"]).remove(0);
    assert!(String::from_utf8_lossy(&third.body).contains("<b/>"));
    bench.respond(&third, 488, &[], "");
    assert_eq!(bench.told(), ["update refused 488"]);
    let few = bench.src.update(bench.now, session, Some(Vec::new()), None);
    assert_eq!(few, Err(ClientError::Lines));
    let lines = vec![line(30_000, "1"), line(30_002, "2"), line(30_004, "3")];
    bench.sent.clear();
    bench
        .src
        .update(bench.now, session, Some(lines), None)
        .unwrap();
    bench.drain();
    let fourth = bench.asked(&["INVITE"]).remove(0);
    bench.respond(&fourth, 481, &[], "");
    assert_eq!(bench.told(), ["ended Lost"]);
    assert_eq!(
        bench.src.update(bench.now, session, None, None),
        Err(ClientError::Over)
    );
}

#[test]
fn a_session_is_refreshed() {
    for (allow, method) in [("INVITE, UPDATE", "UPDATE"), ("INVITE", "INVITE")] {
        let timer = [("Session-Expires", "100;refresher=uac"), ("Allow", allow)];
        let (mut bench, _) = Bench::established(settings(), &timer);
        for _ in 0..3 {
            bench.wait(Duration::from_millis(50_100));
            let refresh = bench.asked(&[method]).remove(0);
            let body = if method == "INVITE" { ANSWER } else { "" };
            bench.respond(&refresh, 200, &timer, body);
            bench.asked(if method == "INVITE" { &["ACK"] } else { &[] });
        }
        assert_eq!(bench.told(), Vec::<String>::new());
        // No answer.
        bench.wait(Duration::from_secs(100));
        assert_eq!(bench.told(), ["ended Expired"]);
    }
    // The recorder refreshes, and stops.
    let timer = [("Session-Expires", "90;refresher=uas")];
    let (mut bench, invite) = Bench::established(settings(), &timer);
    bench.wait(Duration::from_secs(55));
    bench.request(
        &invite,
        "UPDATE",
        &[("Session-Expires", "90;refresher=uac")],
        "",
    );
    assert_eq!(
        bench.status(200).headers.get("Session-Expires"),
        Some("90;refresher=uac")
    );
    bench.wait(Duration::from_secs(55));
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.told(), ["ended Expired"]);
    bench.sent.dedup();
    bench.asked(&["BYE"]);
}

#[test]
fn a_recorder_asks() {
    let (mut bench, invite) = Bench::established(settings(), &[]);
    bench.request(&invite, "OPTIONS", &[], "");
    assert!(bench.status(200).headers.get("Allow").is_some());
    bench.request(&invite, "REFER", &[], "");
    bench.status(405);
    // A pause and its end.
    let offer = ANSWER
        .replace("recvonly", "inactive")
        .replace("label:2", "label:2\r\na=x");
    bench.request(&invite, "UPDATE", &[], &offer);
    let answer = bench.status(200);
    assert_eq!(
        String::from_utf8_lossy(&answer.body)
            .matches("a=inactive")
            .count(),
        2
    );
    assert_eq!(bench.told(), ["changed 40000 held, 40002 held"]);
    bench.request(
        &invite,
        "INVITE",
        &[],
        &ANSWER.replace("inactive", "recvonly"),
    );
    let answer = bench.status(200);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(body.matches("a=sendonly").count(), 2);
    assert!(body.contains("m=audio 30000 RTP/AVP 8 101"), "{body}");
    assert_eq!(bench.told(), ["changed 40000, 40002"]);
    // Until it is acknowledged.
    bench.wait(Duration::from_millis(600));
    bench.status(200);
    let cseq = format!("{} ACK", bench.number);
    bench.request(&invite, "ACK", &[("CSeq", &cseq)], "");
    bench.number -= 1;
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.sent, []);
    // It wants to know everything anew.
    bench.request(
        &invite,
        "UPDATE",
        &[("Content-Type", "application/rs-metadata-request")],
        "x",
    );
    bench.status(200);
    let snapshot = bench.asked(&["INVITE"]).remove(0);
    assert!(String::from_utf8_lossy(&snapshot.body).contains("<recording/>"));
    // What meets it has to wait.
    bench.request(&invite, "UPDATE", &[], ANSWER);
    bench.status(491);
    bench.request(&invite, "UPDATE", &[("Content-Type", "text/plain")], "x");
    bench.status(415);
    bench.request(&invite, "BYE", &[], "");
    bench.status(200);
    assert_eq!(bench.told(), ["ended Bye"]);
    bench.request(&invite, "BYE", &[], "");
    bench.status(481);
}

#[test]
fn nobody_is_called_here() {
    let (mut bench, invite) = Bench::established(settings(), &[]);
    bench.request(
        &invite,
        "INVITE",
        &[("To", "<sip:src@198.51.100.7>")],
        ANSWER,
    );
    bench.status(405);
    bench.request(&invite, "OPTIONS", &[("To", "<sip:src@198.51.100.7>")], "");
    bench.status(200);
    bench.request(&invite, "CANCEL", &[], "");
    bench.status(481);
    bench.request(
        &invite,
        "UPDATE",
        &[("To", "<sip:src@198.51.100.7>;tag=x")],
        "",
    );
    bench.status(481);
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[test]
fn a_recorder_that_takes_nothing_is_left() {
    for body in [
        "",
        "v=0\r\nm=x",
        &ANSWER.replace("m=audio 4000", "m=video 4000"),
    ] {
        let mut bench = Bench::new(settings());
        let invite = bench.asked(&["INVITE"]).remove(0);
        bench.respond(&invite, 200, &[], body);
        bench.asked(&["ACK", "BYE"]);
        assert_eq!(bench.told(), ["ended NoMedia"], "{body}");
    }
}

#[test]
fn connections_may_be_lost() {
    let mut bench = Bench::new(settings());
    let tcp = Flow {
        transport: Transport::Tcp,
        ..RECORDER
    };
    let target = Target {
        flow: Flow {
            connection: 0,
            ..tcp
        },
        ..target()
    };
    let lines = vec![line(30_000, "1"), line(30_002, "2")];
    bench.sent.clear();
    let session = bench
        .src
        .invite(bench.now, target, lines, String::new())
        .unwrap();
    bench.src.flow_closed(bench.now, tcp);
    bench.drain();
    assert_eq!(bench.told(), ["refused None None"]);
    assert_ne!(session, bench.session);
}

#[test]
fn sessions_are_bounded() {
    let mut settings = settings();
    settings.most_sessions = 1;
    let mut bench = Bench::new(settings);
    let more = bench
        .src
        .invite(bench.now, target(), vec![line(1, "1")], String::new());
    assert_eq!(more, Err(ClientError::TooMany));
}
