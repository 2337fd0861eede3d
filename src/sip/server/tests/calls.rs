//! How calls begin and end.

use super::*;
use crate::sip::digest::{Credentials, authorize};

#[test]
fn an_invitation_is_accepted() {
    let (mut bench, invite, response) = Bench::accepted(settings());
    let header = |name: &str| response.headers.get(name).unwrap().to_owned();
    assert!(
        header("Via").ends_with(";rport=5099;received=198.51.100.7"),
        "{}",
        header("Via")
    );
    assert_eq!(header("Contact"), "<sip:srs@198.51.100.1:5060>;+sip.srs");
    assert_eq!(header("Session-Expires"), "1800;refresher=uac");
    assert_eq!(header("Require"), "timer");
    assert_eq!(header("Supported"), "timer, siprec");
    assert_eq!(header("Content-Type"), "application/sdp");
    assert!(text(&response).contains("m=audio 40000 RTP/AVP 0 101\r\n"));
    assert!(text(&response).contains("a=recvonly\r\na=label:2\r\n"));
    // The INVITE comes again: the same answer, no other session.
    bench.give(&invite);
    assert_eq!(bench.status(200), response);
    bench.ack(b"");
    bench.ack(b"");
    assert_eq!(bench.told(), ["confirmed"]);
    let bye = bench.request("BYE", &[], b"");
    bench.give(&bye);
    bench.status(200);
    assert_eq!(bench.told(), ["ended Bye"]);
    bench.give(&bye);
    bench.status(200);
    let bye = bench.request("BYE", &[], b"");
    bench.give(&bye);
    bench.status(481);
    bench.wait(Duration::from_secs(100));
    assert_eq!(bench.srs.transactions.len(), 0);
    assert_eq!(bench.srs.next_timeout(), None);
    assert_eq!(bench.srs.peers.len() + bench.srs.calls.len(), 0);
}

#[test]
fn an_invitation_tells_of_the_call() {
    let mut bench = Bench::new(settings());
    let mut invite = bench.siprec("INVITE", SDP, METADATA);
    invite
        .headers
        .push("P-Asserted-Identity", "<sip:+15551234567@example.net>");
    invite.headers.push("x-call", "7");
    bench.give(&invite);
    let Some(Action::Invited(invitation)) = bench.told.pop() else {
        panic!("not invited");
    };
    assert!(invitation.is_siprec && !invitation.is_delayed);
    assert_eq!(invitation.from.expose(), "sip:src@198.51.100.7");
    assert_eq!(invitation.metadata.participants.len(), 1);
    assert_eq!(invitation.metadata_fault, None);
    let names: Vec<&str> = invitation.annotations.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["P-Asserted-Identity", "x-call"]);
    let slots: Vec<usize> = invitation
        .streams
        .iter()
        .map(|stream| stream.slot)
        .collect();
    assert_eq!(slots, [0, 1]);
    let printed = format!("{invitation:?}");
    assert!(
        !printed.contains("1555") && !printed.contains("alice"),
        "{printed}"
    );
}

#[test]
fn broken_metadata_refuses_no_call() {
    let mut bench = Bench::new(settings());
    let invite = bench.siprec("INVITE", SDP, "<recording><oops></recording>");
    bench.give(&invite);
    bench.status(100);
    let Some(Action::Invited(invitation)) = bench.told.pop() else {
        panic!("not invited");
    };
    assert_eq!(invitation.metadata_fault, Some(MetadataError::Malformed(1)));
    assert!(invitation.is_siprec);
    // Cisco's older form: no metadata at all.
    let mut bench = Bench::new(settings());
    let invite = bench.with_sdp("INVITE", SDP);
    bench.give(&invite);
    assert_eq!(bench.told(), ["invited 2"]);
}

#[track_caller]
fn check_refused(refusal: Refusal, status: u16) -> Response {
    let (mut bench, invite) = Bench::invited(settings());
    let session = bench.session();
    bench.srs.refuse(bench.now, session, refusal).unwrap();
    bench.drain();
    let response = bench.status(status);
    // Sent again until it is acknowledged.
    bench.wait(Duration::from_millis(1600));
    bench.statuses(&[status, status]);
    let mut ack = invite.clone();
    ack.method = crate::sip::message::Method::Ack;
    ack.headers.set("CSeq", "101 ACK");
    ack.headers.set("To", response.headers.get("To").unwrap());
    bench.give(&ack);
    bench.wait(Duration::from_secs(60));
    bench.statuses(&[]);
    assert_eq!(bench.told(), Vec::<String>::new());
    assert_eq!(bench.srs.transactions.len(), 0);
    assert_eq!(
        bench.srs.refuse(bench.now, session, refusal),
        Err(DecisionError::NotWaiting)
    );
    response
}

#[test]
fn an_invitation_is_refused() {
    check_refused(Refusal::Forbidden, 403);
    check_refused(Refusal::NotAcceptable, 488);
    check_refused(Refusal::Declined, 480);
    let response = check_refused(Refusal::Overloaded { retry_after: 9 }, 503);
    assert_eq!(response.headers.get("Retry-After"), Some("9"));
}

#[test]
fn an_unacknowledged_call_is_given_up() {
    let (mut bench, _, _) = Bench::accepted(settings());
    bench.wait(Duration::from_millis(31_900));
    // 0.5, 1.5, 3.5, 7.5, then every 4 s.
    assert_eq!(bench.sent.len(), 10);
    bench.statuses(&[200; 10]);
    bench.wait(Duration::from_millis(200));
    let bye = bench.asked(&["BYE"]).remove(0);
    assert_eq!(bye.uri, "sip:src@198.51.100.7:5099");
    assert_eq!(bench.told(), ["ended NotAcknowledged"]);
    bench.respond(&bye, 200, &[]);
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.srs.transactions.len(), 0);
}

#[test]
fn a_call_is_cancelled_in_time() {
    let (mut bench, invite) = Bench::invited(settings());
    let mut cancel = invite.clone();
    cancel.method = crate::sip::message::Method::Cancel;
    cancel.headers.set("CSeq", "101 CANCEL");
    cancel.headers.remove("Require");
    bench.give(&cancel);
    bench.statuses(&[200, 487]);
    assert_eq!(bench.told(), ["ended Cancelled"]);
    bench.give(&cancel);
    bench.status(200);
    let gone = bench.srs.accept(bench.now, SessionId(1), &[local(1)]);
    assert_eq!(gone, Err(DecisionError::NotWaiting));
    // Too late, the call stays.
    let (mut bench, _, _) = Bench::accepted(settings());
    bench.tag.clear();
    bench.give(&cancel);
    bench.status(200);
    assert_eq!(bench.told(), Vec::<String>::new());
    assert_eq!(bench.srs.sessions().count(), 1);
    // Of nothing.
    cancel
        .headers
        .set("Via", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKother");
    bench.give(&cancel);
    bench.status(481);
}

#[test]
fn an_owner_that_does_not_decide_declines() {
    let (mut bench, _) = Bench::invited(settings());
    bench.wait(Duration::from_millis(10_100));
    bench.statuses(&[480]);
    assert_eq!(bench.told(), ["ended Undecided"]);
}

#[test]
fn decisions_are_checked() {
    let (mut bench, _) = Bench::invited(settings());
    let session = bench.session();
    let now = bench.now;
    assert_eq!(
        bench.srs.accept(now, session, &[]),
        Err(DecisionError::NoMedia)
    );
    let many = [local(1), local(2), local(3)];
    assert_eq!(
        bench.srs.accept(now, session, &many),
        Err(DecisionError::TooMany)
    );
    assert_eq!(
        bench.srs.provide(now, session, &[local(1)]),
        Err(DecisionError::NotWaiting)
    );
    // One port: the other stream is refused.
    bench.srs.accept(now, session, &[local(40_000)]).unwrap();
    bench.drain();
    let response = bench.status(200);
    assert!(
        text(&response).contains("m=audio 0 RTP/AVP 0 8 101\r\na=label:2"),
        "{}",
        text(&response)
    );
    assert_eq!(
        bench.srs.accept(now, session, &[local(1)]),
        Err(DecisionError::NotWaiting)
    );
}

#[test]
fn we_hang_up_along_the_route() {
    let mut bench = Bench::new(settings());
    let mut invite = bench.siprec("INVITE", SDP, METADATA);
    invite.headers.push(
        "Record-Route",
        "<sip:198.51.100.8;lr>, <sip:198.51.100.9;lr>",
    );
    bench.give(&invite);
    let session = bench.session();
    bench
        .srs
        .accept(bench.now, session, &[local(1), local(2)])
        .unwrap();
    bench.drain();
    let response = bench.statuses(&[100, 200]).remove(1);
    assert_eq!(response.headers.all("Record-Route").count(), 1);
    bench.tag = response.essentials().unwrap().to.tag().unwrap().to_owned();
    // Not before the ACK.
    bench.srs.hang_up(bench.now, session);
    bench.drain();
    assert_eq!(bench.sent, []);
    bench.ack(b"");
    let bye = bench.asked(&["BYE"]).remove(0);
    assert_eq!(bench.told(), ["invited 2", "confirmed", "ended HungUp"]);
    assert_eq!(bye.uri, "sip:src@198.51.100.7:5099");
    let routes: Vec<&str> = bye.headers.all("Route").collect();
    assert_eq!(routes, ["<sip:198.51.100.8;lr>", "<sip:198.51.100.9;lr>"]);
    assert_eq!(bye.headers.get("From"), response.headers.get("To"));
    assert_eq!(bye.headers.get("To"), response.headers.get("From"));
    // Sent again until it is answered.
    bench.wait(Duration::from_millis(1600));
    bench.asked(&["BYE", "BYE"]);
    bench.respond(&bye, 481, &[]);
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.sent, []);
}

#[test]
fn a_call_that_is_only_invited_is_declined_by_hanging_up() {
    let (mut bench, _) = Bench::invited(settings());
    bench.srs.hang_up(bench.now, bench.session());
    bench.drain();
    bench.status(480);
    assert_eq!(bench.told(), ["ended HungUp"]);
}

#[test]
fn an_offer_of_ours_is_answered_in_the_acknowledgement() {
    let offered = |bench: &mut Bench| {
        let invite = bench.request("INVITE", &[], b"");
        bench.give(&invite);
        assert_eq!(bench.told(), ["invited 0"]);
        let session = bench.session();
        bench
            .srs
            .accept(bench.now, session, &[local(40_000), local(40_002)])
            .unwrap();
        bench.drain();
        let response = bench.statuses(&[100, 200]).remove(1);
        bench.tag = response.essentials().unwrap().to.tag().unwrap().to_owned();
        assert_eq!(text(&response).matches("a=recvonly").count(), 2);
        assert!(text(&response).contains("a=label:1\r\n"));
    };
    let mut bench = Bench::new(settings());
    offered(&mut bench);
    bench.ack(SDP.as_bytes());
    assert_eq!(bench.told(), ["media 0:30000, 1:30002", "confirmed"]);
    let mut bench = Bench::new(settings());
    offered(&mut bench);
    bench.ack(b"");
    assert_eq!(bench.told(), ["ended NoMedia"]);
    bench.asked(&["BYE"]);
}

#[test]
fn one_user_comes_in_by_digest() {
    let mut settings = settings();
    settings.digest = Some(DigestSettings {
        realm: "recorder".to_owned(),
        users: vec![("sbc".to_owned(), Sensitive::new("hunter".to_owned()))],
        key: Sensitive::new(vec![1; 32]),
        lifetime: Duration::from_secs(60),
    });
    let mut bench = Bench::new(settings);
    let invite = bench.siprec("INVITE", SDP, METADATA);
    bench.give(&invite);
    let challenged = bench.status(401);
    assert_eq!(challenged.headers.all("WWW-Authenticate").count(), 2);
    let credentials = Credentials {
        user: "sbc".to_owned(),
        password: Sensitive::new("hunter".to_owned()),
    };
    let (name, value) = authorize(
        &challenged.headers,
        &credentials,
        "INVITE",
        "sip:srs@198.51.100.1",
        5,
    )
    .unwrap();
    let mut invite = bench.siprec("INVITE", SDP, METADATA);
    invite.headers.push(name, &value);
    bench.give(&invite);
    bench.status(100);
    assert_eq!(bench.told(), ["invited 2"]);
    // The answer is good for one call.
    let mut again = bench.siprec("INVITE", SDP, METADATA);
    again.headers.set("Call-ID", "other");
    again.headers.push(name, &value);
    bench.give(&again);
    assert!(
        bench
            .status(401)
            .headers
            .get("WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );
}
