use proptest::prelude::*;

use super::*;

const INVITE: &str = "INVITE sip:srs@198.51.100.1 SIP/2.0\r\n\
    v: SIP/2.0/UDP 198.51.100.7:5099;branch=z9hG4bK-1;rport, SIP/2.0/TCP\t[2001:db8::1]:5061;branch=z9hG4bK-2\r\n\
    f: \"Doe, \\\"J\\\"\" <sip:j;x=y@example.com>;tag=a1\r\n\
    TO :\r\n  sip:srs@example.com ;  tag   = b2\r\n\
    i: call@example.com\r\n\
    CSeq: 0101\r\n   INVITE\r\n\
    Supported: timer, siprec,,\r\n\
    k: x\r\n\
    m: <sip:j@198.51.100.7:5099;transport=tcp>;+sip.src\r\n\
    X: 1800; Refresher=UAC\r\n\
    c: multipart/mixed ; boundary=\"a;b\"\r\n\
    l: 4\r\n\r\nbodyrest";

fn request(text: &str) -> Request {
    match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_vendors_write_is_understood() {
    for text in [
        INVITE.to_owned(),
        INVITE.replace("\r\n", "\n"),
        format!("\r\n\r\n{INVITE}"),
    ] {
        let request = request(&text);
        let essentials = request.essentials().unwrap();
        assert_eq!(essentials.via.branch(), Some("z9hG4bK-1"));
        assert!(essentials.via.parameters.has("rport"));
        assert_eq!(request.headers.list("via").unwrap().len(), 2);
        let second = Via::parse(request.headers.list("Via").unwrap()[1]).unwrap();
        assert_eq!((&*second.host, second.port), ("2001:db8::1", Some(5061)));
        assert_eq!(essentials.from.display, "Doe, \"J\"");
        assert_eq!(essentials.from.uri, "sip:j;x=y@example.com");
        assert_eq!(essentials.from.tag(), Some("a1"));
        assert_eq!(essentials.to.tag(), Some("b2"));
        assert_eq!(
            essentials.cseq,
            CSeq {
                number: 101,
                method: Method::Invite
            }
        );
        assert!(request.headers.lists("Supported", "SIPREC"));
        assert!(request.headers.lists("Supported", "x"));
        let contact = request.headers.contact().unwrap().unwrap();
        assert!(contact.parameters.has("+sip.src"));
        let uri = Uri::parse(&contact.uri).unwrap();
        assert_eq!((&*uri.host, uri.port), ("198.51.100.7", Some(5099)));
        assert_eq!(uri.parameters.get("transport"), Some("tcp"));
        let expires = request.headers.session_expires().unwrap().unwrap();
        assert_eq!(expires.seconds, 1800);
        assert_eq!(expires.refresher, Some(Refresher::Uac));
        let kind = request.headers.content_type().unwrap().unwrap();
        assert!(kind.is_multipart());
        assert_eq!(kind.parameters.get("boundary"), Some("a;b"));
        assert_eq!(request.body, b"body");
    }
}

#[track_caller]
fn check_fault(from: &str, to: &str, fault: Fault) {
    let text = INVITE.replacen(from, to, 1);
    assert_ne!(text, INVITE, "nothing replaced");
    let found = match Message::read(text.as_bytes()) {
        Err(fault) => fault,
        Ok(Reading {
            fault: Some(fault), ..
        }) => fault,
        Ok(Reading {
            message: Message::Request(request),
            ..
        }) => request.essentials().unwrap_err(),
        Ok(other) => panic!("{other:?}"),
    };
    assert_eq!(found, fault);
}

#[test]
fn what_is_wrong_is_named() {
    check_fault("SIP/2.0\r\n", "SIP/7.0\r\n", Fault::Version);
    check_fault("INVITE sip:", "INVITE  sip:", Fault::RequestUri);
    check_fault(
        "sip:srs@198.51.100.1",
        "<sip:srs@198.51.100.1>",
        Fault::RequestUri,
    );
    check_fault(
        "INVITE sip:srs@198.51.100.1 SIP/2.0",
        "GET / HTTP/1.1",
        Fault::StartLine,
    );
    check_fault("l: 4", "l: -4", Fault::Header("Content-Length"));
    check_fault(
        "l: 4",
        "l: 4\r\nContent-Length: 5",
        Fault::Header("Content-Length"),
    );
    check_fault("l: 4", "l: 400", Fault::Body);
    check_fault("i: call@example.com\r\n", "", Fault::Missing("Call-ID"));
    check_fault("i: call", "i: call\r\ni: call", Fault::Header("Call-ID"));
    check_fault("0101", "4294967296", Fault::Header("CSeq"));
    check_fault("0101\r\n   INVITE", "101 BYE", Fault::Header("CSeq"));
    check_fault("tag=a1", "tag=\"a1", Fault::Header("From"));
    check_fault("\"Doe, \\\"J\\\"\"", "Doe, J", Fault::Header("From"));
    check_fault("SIP/2.0/UDP", "HTTP/2.0/UDP", Fault::Header("Via"));
    check_fault(
        "198.51.100.7:5099;branch",
        "198.51.100.7:99999;branch",
        Fault::Header("Via"),
    );
    check_fault("k: x", "no colon here", Fault::HeaderLine(10));
    let many = "x: y\r\n".repeat(MOST_HEADERS);
    check_fault("k: x\r\n", &many, Fault::TooManyHeaders);
    check_fault("bodyrest", &"b".repeat(LONGEST_MESSAGE), Fault::TooLong);
}

#[test]
fn a_response_has_what_is_copied() {
    let request = request(INVITE);
    let response = request.response(200, Some("mine"));
    assert_eq!(response.headers.all("Via").count(), 2);
    // It had a tag already.
    assert_eq!(response.headers.get("To"), request.headers.get("To"));
    let mut untagged = request.clone();
    untagged.headers.set("To", "<sip:srs@example.com>");
    assert_eq!(
        untagged.response(200, Some("mine")).headers.get("To"),
        Some("<sip:srs@example.com>;tag=mine")
    );
    assert_eq!(
        Message::parse(&response.write()),
        Ok(Message::Response(response))
    );
}

#[test]
fn statuses_are_three_digits() {
    for line in ["SIP/2.0 200 OK", "SIP/2.0 200", "sip/2.0 699 \u{442}"] {
        let text = format!("{line}\r\nVia: SIP/2.0/UDP h\r\n\r\n");
        assert!(Message::parse(text.as_bytes()).is_ok(), "{line}");
    }
    for line in [
        "SIP/2.0 4294967301 x",
        "SIP/2.0 20 x",
        "SIP/2.0 700 x",
        "SIP/2.0 +20 x",
        "SIP/3.0 200 OK",
    ] {
        let text = format!("{line}\r\nVia: SIP/2.0/UDP h\r\n\r\n");
        assert!(Message::parse(text.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn nothing_personal_is_printed() {
    let request = request(INVITE);
    let essentials = request.essentials().unwrap();
    let contact = request.headers.contact().unwrap();
    let printed = format!(
        "{request:?} {essentials:?} {contact:?} {:?}",
        request.headers
    );
    for personal in ["Doe", "example.com", "srs", "198.51", "body"] {
        assert!(!printed.contains(personal), "{printed}");
    }
}

#[test]
fn injected_lines_stay_in_their_header() {
    let mut headers = Headers::default();
    headers.push("Subject", "a\r\nContact: <sip:evil@example.com>");
    assert_eq!(
        headers.get("Subject"),
        Some("a  Contact: <sip:evil@example.com>")
    );
}

fn message() -> impl Strategy<Value = Message> {
    let token = "[A-Za-z][A-Za-z0-9.!%*_+'~-]{0,10}";
    let value = "[!-~]([ -~]{0,30}[!-~])?|";
    let kept = |name: &String| !["l", "content-length"].contains(&&*name.to_lowercase());
    let headers = prop::collection::vec((token.prop_filter("own header", kept), value), 0..20);
    let body = prop::collection::vec(any::<u8>(), 0..200);
    let first = prop_oneof![
        (
            token,
            "[a-z]{1,5}:[!-;=?-~]{1,20}".prop_filter("quote", |uri| !uri.contains('"'))
        )
            .prop_map(|(method, uri)| Message::Request(Request::new(Method::of(&method), &uri))),
        (100_u16..700, "[!-~]([ -~]{0,10}[!-~])?|").prop_map(|(status, reason)| {
            let (headers, body) = (Headers::default(), Vec::new());
            Message::Response(Response {
                status,
                reason,
                headers,
                body,
            })
        }),
    ];
    (first, headers, body).prop_map(|(mut message, rows, bytes)| {
        let (headers, body) = match &mut message {
            Message::Request(Request { headers, body, .. })
            | Message::Response(Response { headers, body, .. }) => (headers, body),
        };
        for (name, value) in rows {
            headers.push(&name, &value);
        }
        *body = bytes;
        message
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(message in message()) {
        prop_assume!(!matches!(&message, Message::Request(r) if r.method.name().eq_ignore_ascii_case("SIP")));
        prop_assert_eq!(Message::parse(&message.write()), Ok(message));
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Message::read(&bytes);
    }

    #[test]
    fn any_damage_is_survived(at in 0..INVITE.len(), length in 0_usize..20, with in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = INVITE.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, with);
        if let Ok(Reading { message: Message::Request(request), .. }) = Message::read(&bytes) {
            let _ = request.essentials();
            let _ = request.headers.contact().map(|contact| contact.map(|c| Uri::parse(&c.uri)));
            let _ = request.headers.content_type();
            let _ = request.headers.session_expires();
            let response = request.response(400, Some("t")).write();
            prop_assert!(Message::read(&response).is_ok());
        }
    }
}
