//! Messages in the spirit of RFC 4475: each case is named as there and written anew from what it is about.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The owner is asked.
    Taken,
    /// It is answered with this status.
    Status(u16),
    /// Nothing is answered.
    Dropped,
}

use Outcome::{Dropped, Status, Taken};

/// A plain INVITE, of which cases change a line.
const PLAIN: &str = "INVITE sip:srs@198.51.100.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.7:5099;branch=z9hG4bKtorture\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:src@198.51.100.7>;tag=f1\r\n\
    To: <sip:srs@198.51.100.1>\r\n\
    Call-ID: torture@198.51.100.7\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:src@198.51.100.7:5099>\r\n\
    Content-Type: application/sdp\r\n\
    \r\n";

const MINIMAL: &str = "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 30000 RTP/AVP 0\r\n";

#[track_caller]
fn check_text(name: &str, text: &[u8], outcome: Outcome) -> Option<Response> {
    let mut bench = Bench::new(settings());
    bench.bytes(text);
    let response = bench.sent.pop().map(|message| match message {
        Message::Response(response) => response,
        Message::Request(request) => panic!("{name}: {request:?}"),
    });
    let found = match (&response, bench.told.len()) {
        (Some(response), 1) if response.status == 100 => Taken,
        (Some(response), 0) => Status(response.status),
        (None, 0) => Dropped,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(found, outcome, "{name}");
    assert!(bench.sent.is_empty(), "{name}: answered twice");
    response
}

/// The plain INVITE with something else in place of something.
#[track_caller]
fn check(name: &str, from: &str, to: &str, outcome: Outcome) -> Option<Response> {
    let text = PLAIN.replacen(from, to, 1);
    assert!(from.is_empty() || text != PLAIN, "{name}: nothing replaced");
    check_text(name, format!("{text}{MINIMAL}").as_bytes(), outcome)
}

/// An OPTIONS with something else in place of something.
#[track_caller]
fn check_options(name: &str, from: &str, to: &str, outcome: Outcome) {
    let text = PLAIN
        .replace("INVITE", "OPTIONS")
        .replace("Content-Type: application/sdp\r\n", "")
        .replacen(from, to, 1);
    check_text(name, text.as_bytes(), outcome);
}

#[test]
fn plain() {
    check("plain", "", "", Taken);
}

/// 3.1.1: strange and valid.
#[test]
fn valid_messages_are_taken() {
    let tortuous = "INVITE sip:srs@198.51.100.1;unknownparam SIP/2.0\r\n\
        TO :\r\n sip:srs@198.51.100.1 ;   odd    = one\r\n\
        from   : \"S \\\\\\\"C\"       <sip:src@198.51.100.7>\r\n  ;\r\n  tag = 99\r\n\
        MaX-fOrWaRdS: 0068\r\nCall-ID: odd.;space@198.51.100.7\r\n\
        cseq: 0009\r\n  INVITE\r\n\
        Via  : SIP  /   2.0\r\n /UDP\r\n    198.51.100.7;branch=390skdjuw\r\n\
        s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n\
        UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n\
        Content-Type: application/sdp\r\nRoute:\r\n <sip:srs@198.51.100.1;lr;unknownwith=value;unknown-no-value>\r\n\
        v:  SIP  / 2.0  / TCP     198.51.100.8   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  198.51.100.9   ; branch=\r\n z9hG4bK30239\r\n\
        m:\"Quoted string \\\"\\\"\" <sip:src@198.51.100.7> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n";
    check_text("wsinv", format!("{tortuous}{MINIMAL}").as_bytes(), Taken);
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    let text = PLAIN.replace("INVITE", method);
    check_text("intmeth", text.as_bytes(), Status(405));
    check(
        "esc01",
        "sip:src@198.51.100.7>;tag",
        "sip:s%72c%25@198.51.100.7>;tag",
        Taken,
    );
    check(
        "escnull",
        "<sip:src@198.51.100.7:5099>",
        "<sip:%00@198.51.100.7>",
        Taken,
    );
    let text = PLAIN.replace("INVITE", "INV%49TE");
    check_text("esc02", text.as_bytes(), Status(405));
    check_options("lwsdisp", "From: <", "From: caller<", Status(200));
    let long = format!(
        "<sip:{}@198.51.100.7:5099>;p={}",
        "long".repeat(500),
        "q".repeat(3000)
    );
    check("longreq", "<sip:src@198.51.100.7:5099>", &long, Taken);
    let options = PLAIN
        .replace("INVITE", "OPTIONS")
        .replace("Content-Type: application/sdp", "Content-Length: 0");
    let double = format!("{options}{options}");
    check_text("dblreq", double.as_bytes(), Status(200));
    check_options(
        "semiuri",
        "sip:srs@",
        "sip:user;par=u%40example.net@",
        Status(200),
    );
    let transports = "Via: SIP/2.0/SCTP 198.51.100.3;branch=z9hG4bK1\r\nVia: SIP/2.0/FANCY 198.51.100.4;branch=z9hG4bK2\r\nMax-Forwards";
    check_options("transports", "Max-Forwards", transports, Status(200));
    let parts = format!(
        "{}--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\u{1}\r\n--x\r\nContent-Type: application/sdp\r\n\r\n{MINIMAL}\r\n--x--",
        PLAIN.replace("application/sdp", "multipart/mixed;boundary=x"),
    );
    check_text("mpart01", parts.as_bytes(), Taken);
    check("cparam01", "5099>", "5099>;unknownparam", Taken);
    check("cparam02", "5099>", "5099;unknownparam>", Taken);
    let answer = |line: &str| PLAIN.replace("INVITE sip:srs@198.51.100.1 SIP/2.0", line);
    let reason = "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} =";
    check_text("unreason", answer(reason).as_bytes(), Dropped);
    check_text("noreason", answer("SIP/2.0 100 ").as_bytes(), Dropped);
}

/// 3.1.2: not valid.
#[test]
fn invalid_messages_are_refused() {
    check(
        "badinv01 Via",
        "z9hG4bKtorture",
        "z9hG4bKtorture;;,;,,",
        Status(400),
    );
    check(
        "badinv01 Contact",
        "Contact: <sip:src@198.51.100.7:5099>",
        "Contact: \"Joe\" <sip:joe@example.org>;;;;,,",
        Taken,
    );
    check(
        "clerr",
        "Content-Type",
        "Content-Length: 9999\r\nContent-Type",
        Status(400),
    );
    check(
        "ncl",
        "Content-Type",
        "Content-Length: -999\r\nContent-Type",
        Status(400),
    );
    check(
        "scalar02 CSeq",
        "CSeq: 1",
        "CSeq: 36893488147419103232",
        Status(400),
    );
    check(
        "scalar02 hops",
        "Max-Forwards: 70",
        "Max-Forwards: 300",
        Status(400),
    );
    check(
        "scalar02 ignored",
        "Content-Type",
        "Expires: 10000000000000000\r\nContent-Type",
        Taken,
    );
    check("quotbal", "To: <", "To: \"Mr. J. User <", Status(400));
    check(
        "ltgtruri",
        "INVITE sip:srs@198.51.100.1",
        "INVITE <sip:srs@198.51.100.1>",
        Status(400),
    );
    check(
        "lwsruri",
        "INVITE sip:srs@198.51.100.1",
        "INVITE sip:srs@198.51.100.1; lr",
        Status(400),
    );
    check("lwsstart", "INVITE sip:", "INVITE  sip:", Status(400));
    check("trws", "SIP/2.0\r\n", "SIP/2.0  \r\n", Taken);
    check(
        "escruri",
        "srs@198.51.100.1 SIP",
        "srs@198.51.100.1?Route=%3Csip:example.com%3E SIP",
        Taken,
    );
    check(
        "baddate",
        "Content-Type",
        "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nContent-Type",
        Taken,
    );
    check(
        "regbadct",
        "<sip:src@198.51.100.7:5099>",
        "sip:src@198.51.100.7?Route=%3Csip:example.com%3E",
        Status(400),
    );
    check(
        "badaspec",
        "To: <sip:srs@198.51.100.1>",
        "To: \"W\" <sip:srs@198.51.100.1 >;x",
        Taken,
    );
    check(
        "badaspec inside",
        "To: <sip:srs@198.51.100.1>",
        "To: < sip:s rs@198.51.100.1>",
        Status(400),
    );
    check("baddn", "From: <", "From: Bell, Alexander <", Status(400));
    check("badvers", "SIP/2.0\r\n", "SIP/7.0\r\n", Status(505));
    check(
        "mismatch01",
        "CSeq: 1 INVITE",
        "CSeq: 1 OPTIONS",
        Status(400),
    );
    let text = PLAIN.replacen("INVITE", "NEWMETHOD", 1);
    check_text("mismatch02", text.as_bytes(), Status(400));
    let answer = |line: &str| PLAIN.replace("INVITE sip:srs@198.51.100.1 SIP/2.0", line);
    check_text(
        "bigcode",
        answer("SIP/2.0 4294967301 better not").as_bytes(),
        Dropped,
    );
    let large = answer("SIP/2.0 503 x").replace("CSeq: 1", "CSeq: 9292394834772304023312");
    check_text("scalarlg", large.as_bytes(), Dropped);
}

/// 3.2: the transaction's identity.
#[test]
fn a_branch_may_be_missing() {
    check("badbranch", "z9hG4bKtorture", "z9hG4bK", Taken);
    check("no branch", ";branch=z9hG4bKtorture", "", Taken);
    // The INVITE comes again and is known.
    for branch in [";branch=z9hG4bK", "", ";branch=old"] {
        let mut bench = Bench::new(settings());
        let text = PLAIN.replace(";branch=z9hG4bKtorture", branch);
        let text = format!("{text}{MINIMAL}");
        bench.bytes(text.as_bytes());
        bench.bytes(text.as_bytes());
        bench.statuses(&[100, 100]);
        assert_eq!(bench.told(), ["invited 1"]);
    }
}

/// 3.3: well written, and still not to be done.
#[test]
fn what_cannot_be_done_is_said() {
    for (name, header) in [
        ("Call-ID", "Call-ID: torture@198.51.100.7\r\n"),
        ("From", "From: <sip:src@198.51.100.7>;tag=f1\r\n"),
        ("To", "To: <sip:srs@198.51.100.1>\r\n"),
        ("CSeq", "CSeq: 1 INVITE\r\n"),
    ] {
        check(&format!("insuf {name}"), header, "", Status(400));
    }
    check(
        "insuf Via",
        "Via: SIP/2.0/UDP 198.51.100.7:5099;branch=z9hG4bKtorture\r\n",
        "",
        Dropped,
    );
    check(
        "unkscm",
        "INVITE sip:srs@198.51.100.1",
        "INVITE nobody:opaque",
        Status(416),
    );
    check(
        "novelsc",
        "INVITE sip:srs@198.51.100.1",
        "INVITE soap.beep://198.51.100.1:3002",
        Status(416),
    );
    check_options(
        "unksm2",
        "To: <sip:srs@198.51.100.1>",
        "To: <isbn:2983792873>",
        Status(200),
    );
    let required = "Require: nothingSupportsThis, siprec\r\nrequire: norThis\r\nProxy-Require: nor, this\r\nContent-Type";
    let response = check("bext01", "Content-Type", required, Status(420)).unwrap();
    assert_eq!(
        response.headers.get("Unsupported"),
        Some("nothingSupportsThis, norThis")
    );
    check(
        "100rel",
        "Content-Type",
        "Require: 100rel\r\nContent-Type",
        Status(420),
    );
    let response = check(
        "invut",
        "application/sdp",
        "application/unknownformat",
        Status(415),
    )
    .unwrap();
    assert!(
        response
            .headers
            .get("Accept")
            .unwrap()
            .contains("application/sdp")
    );
    check(
        "compressed",
        "Content-Type",
        "Content-Encoding: gzip\r\nContent-Type",
        Status(415),
    );
    check(
        "regaut01",
        "Content-Type",
        "Authorization: NoOneKnowsThisScheme opaque-data=here\r\nContent-Type",
        Taken,
    );
    for header in [
        "CSeq: 5 INVITE",
        "Call-ID: other",
        "To: <sip:other@example.com>",
        "From: <sip:other@example.com>;tag=3",
        "Max-Forwards: 5",
    ] {
        check(
            "multi01",
            "Content-Type",
            &format!("{header}\r\nContent-Type"),
            Status(400),
        );
    }
    check(
        "mcl01",
        "Content-Type",
        "Content-Length: 13\r\nContent-Length: 5\r\nContent-Type",
        Status(400),
    );
    let answer = PLAIN
        .replace("INVITE sip:srs@198.51.100.1 SIP/2.0", "SIP/2.0 200 OK")
        .replace("198.51.100.7:5099;branch", "255.255.255.255;branch");
    check_text("bcast", answer.as_bytes(), Dropped);
    check("zeromf", "Max-Forwards: 70", "Max-Forwards: 0", Status(483));
    check_options(
        "zeromf, a probe",
        "Max-Forwards: 70",
        "Max-Forwards: 0",
        Status(200),
    );
    let register = PLAIN.replace("INVITE", "REGISTER");
    let response = check_text("register", register.as_bytes(), Status(405)).unwrap();
    assert!(response.headers.get("Allow").unwrap().contains("INVITE"));
    let text = format!("{PLAIN}v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 30000 RTP/AVP 18\r\n");
    check_text("no codec", text.as_bytes(), Status(488));
    let text = format!("{PLAIN}v=0\r\nm=audio 0 RTP/AVP 0\r\n");
    check_text("no stream", text.as_bytes(), Status(488));
    let text = format!("{PLAIN}v=0\r\nm=oops\r\n");
    check_text("broken sdp", text.as_bytes(), Status(400));
    let text = format!(
        "{}no part",
        PLAIN.replace("application/sdp", "multipart/mixed;boundary=x")
    );
    check_text("broken multipart", text.as_bytes(), Status(400));
    check_text("keep-alive", b"\r\n\r\n", Dropped);
    check_text("stun", &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], Dropped);
    let ack = PLAIN.replace("INVITE", "ACK");
    check_text("ack of nothing", ack.as_bytes(), Dropped);
    let ack = ack.replace("CSeq: 1 ACK", "CSeq: x");
    check_text("broken ack", ack.as_bytes(), Dropped);
}

/// 3.4: older senders.
#[test]
fn rfc_2543_is_understood() {
    let text = "INVITE sip:srs@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP gw.example.com\r\n\
        From: <sip:+15551234567@198.51.100.7;user=phone>\r\nRecord-Route: <sip:198.51.100.8;maddr=198.51.100.8>\r\n\
        To: sip:+15557654321@198.51.100.1;user=phone\r\nCall-ID: 1717@198.51.100.7\r\nCSeq: 56 INVITE\r\n\
        Content-Type: application/sdp\r\n\r\n";
    let mut bench = Bench::new(settings());
    bench.bytes(format!("{text}{MINIMAL}").as_bytes());
    bench
        .srs
        .accept(bench.now, SessionId(1), &[local(2)])
        .unwrap();
    bench.drain();
    let accepted = bench.statuses(&[100, 200]).remove(1);
    let to = accepted.headers.get("To").unwrap();
    let ack = text
        .replace("INVITE", "ACK")
        .replace("sip:+15557654321@198.51.100.1;user=phone", to)
        .replace("Content-Type: application/sdp\r\n", "");
    bench.bytes(ack.as_bytes());
    assert_eq!(bench.told(), ["invited 1", "confirmed"]);
    bench.srs.hang_up(bench.now, SessionId(1));
    bench.drain();
    // Strict routing: the route is asked, and told where it goes on.
    let bye = bench.asked(&["BYE"]).remove(0);
    assert_eq!(bye.uri, "sip:198.51.100.8;maddr=198.51.100.8");
    assert_eq!(
        bye.headers.get("Route"),
        Some("<sip:+15551234567@198.51.100.7;user=phone>")
    );
}
