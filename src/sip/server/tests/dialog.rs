//! What happens while a call runs.

use super::*;

#[test]
fn a_call_is_held_and_resumed() {
    let mut bench = Bench::confirmed(settings());
    for (sdp, media, direction, version) in [
        (
            SDP.replace("1 1 IN", "1 2 IN")
                .replace("sendonly", "inactive"),
            "media 0:30000 held, 1:30002 held",
            "a=inactive",
            " 2 IN",
        ),
        (
            SDP.replace("1 1 IN", "1 3 IN"),
            "media 0:30000, 1:30002",
            "a=recvonly",
            " 3 IN",
        ),
    ] {
        let invite = bench.with_sdp("INVITE", &sdp);
        bench.give(&invite);
        let response = bench.statuses(&[100, 200]).remove(1);
        assert_eq!(text(&response).matches(direction).count(), 2);
        assert!(text(&response).contains(version), "{}", text(&response));
        assert!(text(&response).contains("m=audio 40002 RTP/AVP 0 101"));
        assert_eq!(bench.told(), [media]);
        bench.ack(b"");
        assert_eq!(bench.told(), Vec::<String>::new());
    }
    bench.wait(Duration::from_secs(60));
    bench.statuses(&[]);
}

#[test]
fn ports_and_codecs_change() {
    let mut bench = Bench::confirmed(settings());
    let sdp = SDP
        .replace("30000", "31000")
        .replace("RTP/AVP 0 8", "RTP/AVP 8");
    let update = bench.with_sdp("UPDATE", &sdp);
    bench.give(&update);
    let response = bench.status(200);
    assert!(text(&response).contains("m=audio 40000 RTP/AVP 8 101"));
    assert_eq!(bench.told(), ["media 0:31000, 1:30002"]);
    // One of the streams ends.
    let update = bench.with_sdp("UPDATE", &sdp.replace("m=audio 30002", "m=audio 0"));
    bench.give(&update);
    assert!(text(&bench.status(200)).contains("m=audio 0 RTP/AVP 8 101"));
    assert_eq!(bench.told(), ["media 0:31000"]);
    // And comes back to its port.
    let update = bench.with_sdp("UPDATE", &sdp);
    bench.give(&update);
    assert!(text(&bench.status(200)).contains("m=audio 40002 RTP/AVP 8 101"));
    assert_eq!(bench.told(), ["media 0:31000, 1:30002"]);
    // Nothing that can be recorded: the call goes on as it was.
    let update = bench.with_sdp("UPDATE", &SDP.replace("RTP/AVP 0 8 101", "RTP/AVP 18"));
    bench.give(&update);
    bench.status(488);
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[test]
fn streams_are_added() {
    let mut bench = Bench::confirmed(settings());
    let more = format!(
        "{SDP}m=audio 30004 RTP/AVP 0\r\na=label:3\r\nm=audio 30006 RTP/AVP 0\r\na=label:4\r\n"
    );
    let invite = bench.with_sdp("INVITE", &more);
    bench.give(&invite);
    bench.status(100);
    assert_eq!(bench.told(), ["wanted [2, 3]"]);
    // It comes again, and something else meanwhile.
    bench.give(&invite);
    bench.status(100);
    let number = bench.number;
    let other = bench.with_sdp("UPDATE", SDP);
    bench.give(&other);
    assert!(bench.status(500).headers.get("Retry-After").is_some());
    let session = bench.session();
    bench
        .srs
        .provide(bench.now, session, &[local(40_004)])
        .unwrap();
    bench.drain();
    let response = bench.status(200);
    assert!(text(&response).contains("m=audio 40004 RTP/AVP 0\r\n"));
    assert!(text(&response).contains("m=audio 0 RTP/AVP 0\r\na=label:4"));
    assert_eq!(bench.told(), ["media 0:30000, 1:30002, 2:30004"]);
    let after = std::mem::replace(&mut bench.number, number);
    bench.ack(b"");
    bench.number = after;
    bench.wait(Duration::from_secs(10));
    bench.statuses(&[]);
    // Nobody gives ports: the streams are refused, the call goes on.
    let invite = bench.with_sdp("INVITE", &more.replace("1 1 IN", "1 2 IN"));
    bench.give(&invite);
    bench.status(100);
    assert_eq!(bench.told(), ["wanted [3]"]);
    bench.wait(Duration::from_millis(10_100));
    bench.status(200);
    assert_eq!(bench.told(), ["media 0:30000, 1:30002, 2:30004"]);
    assert_eq!(bench.srs.locals(session).count(), 3);
}

#[test]
fn metadata_is_merged() {
    let mut bench = Bench::confirmed(settings());
    let partial = METADATA.replace("complete", "partial").replace("p1", "p2");
    let kind = [
        ("Content-Type", "application/rs-metadata"),
        ("Content-Disposition", "recording-session"),
    ];
    let update = bench.request("UPDATE", &kind, partial.as_bytes());
    bench.give(&update);
    assert_eq!(bench.status(200).body, b"");
    assert_eq!(bench.told(), ["metadata 2"]);
    let invite = bench.siprec("INVITE", SDP, &partial.replace("p2", "p3"));
    bench.give(&invite);
    assert!(text(&bench.statuses(&[100, 200])[1]).contains(" 1 IN"));
    assert_eq!(bench.told(), ["metadata 3"]);
    assert_eq!(
        bench
            .srs
            .metadata(bench.session())
            .unwrap()
            .participants
            .len(),
        3
    );
    bench.ack(b"");
    // A broken document changes nothing.
    let update = bench.request("UPDATE", &kind, b"<x");
    bench.give(&update);
    bench.status(200);
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[test]
fn the_same_offer_is_a_sign_of_life() {
    let mut bench = Bench::confirmed(settings());
    let invite = bench.siprec("INVITE", SDP, "");
    bench.give(&invite);
    let response = bench.statuses(&[100, 200]).remove(1);
    assert!(text(&response).contains(" 1 IN"), "{}", text(&response));
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.ack(b"");
    // Without an offer of theirs it is ours to make.
    let invite = bench.request("INVITE", &[("Supported", "timer")], b"");
    bench.give(&invite);
    let response = bench.statuses(&[100, 200]).remove(1);
    assert!(text(&response).contains("m=audio 40000 RTP/AVP 0 101"));
    bench.ack(SDP.replace("30000", "32000").as_bytes());
    assert_eq!(bench.told(), ["media 0:32000, 1:30002"]);
    // Bare.
    let update = bench.request("UPDATE", &[("Supported", "timer")], b"");
    bench.give(&update);
    assert_eq!(bench.status(200).body, b"");
}

#[test]
fn what_else_is_asked_is_answered() {
    let mut bench = Bench::confirmed(settings());
    let dtmf = [("Content-Type", "application/dtmf-relay")];
    for (method, headers, status, told) in [
        ("INFO", &dtmf[..], 200, vec!["key".to_owned()]),
        ("INFO", &[], 200, vec![]),
        ("MESSAGE", &[], 200, vec![]),
        ("OPTIONS", &[], 200, vec![]),
        ("PRACK", &[], 481, vec![]),
        ("REFER", &[], 405, vec![]),
        ("UPDATE", &[("Require", "100rel")], 420, vec![]),
    ] {
        let request = bench.request(method, headers, b"Signal=5\r\n");
        bench.give(&request);
        let response = bench.status(status);
        assert_eq!(bench.told(), told, "{method}");
        assert_eq!(
            response.headers.get("Allow").is_some(),
            matches!(method, "OPTIONS" | "REFER")
        );
        // A repetition gets the same.
        if status != 420 {
            bench.give(&request);
            assert_eq!(bench.status(status), response);
            assert_eq!(bench.told(), Vec::<String>::new());
        }
    }
}

#[test]
fn requests_that_do_not_fit_are_refused() {
    let mut bench = Bench::confirmed(settings());
    let mut late = bench.request("UPDATE", &[], b"");
    late.headers.set("CSeq", "7 UPDATE");
    bench.give(&late);
    bench.status(500);
    for (name, value) in [
        ("To", "<sip:srs@198.51.100.1>;tag=other"),
        ("From", "<sip:src@198.51.100.7>;tag=other"),
        ("Call-ID", "other"),
    ] {
        for method in ["BYE", "UPDATE", "INVITE", "OPTIONS"] {
            let mut request = bench.request(method, &[], b"");
            request.headers.set(name, value);
            bench.give(&request);
            bench.status(481);
        }
    }
    let request = bench.request("UPDATE", &[("Content-Type", "text/plain")], b"x");
    bench.give(&request);
    assert!(bench.status(415).headers.get("Accept").is_some());
    let request = bench.with_sdp("UPDATE", "v=0\r\nm=audio x RTP/AVP 0");
    bench.give(&request);
    bench.status(400);
    assert_eq!(bench.srs.sessions().count(), 1);
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[test]
fn an_invite_before_the_acknowledgement_is_to_come_again() {
    let (mut bench, _, _) = Bench::accepted(settings());
    let invite = bench.with_sdp("INVITE", SDP);
    bench.give(&invite);
    bench.statuses(&[100, 491]);
}

#[test]
fn a_call_nobody_refreshes_ends() {
    let mut bench = Bench::confirmed(settings());
    let update = bench.request(
        "UPDATE",
        &[("Supported", "timer"), ("Session-Expires", "90")],
        b"",
    );
    bench.give(&update);
    assert_eq!(
        bench.status(200).headers.get("Session-Expires"),
        Some("90;refresher=uac")
    );
    bench.wait(Duration::from_secs(50));
    let update = bench.request(
        "UPDATE",
        &[("Supported", "timer"), ("Session-Expires", "90")],
        b"",
    );
    bench.give(&update);
    bench.status(200);
    bench.wait(Duration::from_secs(59));
    bench.statuses(&[]);
    bench.wait(Duration::from_millis(1100));
    bench.asked(&["BYE"]);
    assert_eq!(bench.told(), ["ended Expired"]);
    assert!(!EndReason::Expired.is_normal());
}

#[test]
fn an_interval_that_is_too_short_is_refused() {
    let mut bench = Bench::new(settings());
    let mut invite = bench.siprec("INVITE", SDP, METADATA);
    invite.headers.set("Session-Expires", "30");
    bench.give(&invite);
    assert_eq!(bench.status(422).headers.get("Min-SE"), Some("90"));
    // Who does not know timers gets none.
    let mut bench = Bench::new(settings());
    let invite = bench.with_sdp("INVITE", SDP);
    bench.give(&invite);
    let session = bench.session();
    bench.srs.accept(bench.now, session, &[local(1)]).unwrap();
    bench.drain();
    let response = bench.statuses(&[100, 200]).remove(1);
    assert_eq!(response.headers.get("Session-Expires"), None);
    bench.tag = response.essentials().unwrap().to.tag().unwrap().to_owned();
    bench.ack(b"");
    bench.wait(Duration::from_secs(100_000));
    assert_eq!(bench.srs.sessions().count(), 1);
}

#[test]
fn we_refresh_when_asked_to() {
    for (allow, method) in [("INVITE, UPDATE", "UPDATE"), ("INVITE", "INVITE")] {
        let mut bench = Bench::new(settings());
        let mut invite = bench.siprec("INVITE", SDP, METADATA);
        invite.headers.set("Session-Expires", "100;refresher=uas");
        invite.headers.push("Allow", allow);
        bench.give(&invite);
        let session = bench.session();
        bench
            .srs
            .accept(bench.now, session, &[local(1), local(2)])
            .unwrap();
        bench.drain();
        let response = bench.statuses(&[100, 200]).remove(1);
        assert_eq!(
            response.headers.get("Session-Expires"),
            Some("100;refresher=uas")
        );
        bench.tag = response.essentials().unwrap().to.tag().unwrap().to_owned();
        bench.ack(b"");
        bench.told();
        for _ in 0..3 {
            bench.wait(Duration::from_millis(50_100));
            let refresh = bench.asked(&[method]).remove(0);
            assert_eq!(
                refresh.headers.get("Session-Expires"),
                Some("100;refresher=uac")
            );
            // Theirs meets ours.
            let theirs = bench.with_sdp("INVITE", &SDP.replace("1 1 IN", "1 9 IN"));
            bench.give(&theirs);
            bench.statuses(&[100, 491]);
            bench.respond(&refresh, 491, &[]);
            bench.sent.clear();
            bench.wait(Duration::from_millis(2200));
            bench
                .sent
                .retain(|sent| matches!(sent, Message::Request(_)));
            bench.sent.dedup();
            let refresh = bench.asked(&[method]).remove(0);
            bench.respond(&refresh, 200, &[("Session-Expires", "100;refresher=uac")]);
            bench.asked(if method == "INVITE" { &["ACK"] } else { &[] });
        }
        assert_eq!(bench.told(), Vec::<String>::new());
        // The peer knows nothing of the call any more.
        bench.wait(Duration::from_millis(50_100));
        let refresh = bench.asked(&[method]).remove(0);
        bench.respond(&refresh, 481, &[]);
        assert_eq!(bench.told(), ["ended Expired"]);
    }
}

#[test]
fn a_lost_connection_ends_what_was_not_accepted() {
    let tcp = Flow {
        transport: Transport::Tcp,
        ..UDP
    };
    let (mut bench, _) = Bench::invited(settings());
    bench.srs.flow_closed(bench.now, UDP);
    assert_eq!(bench.srs.sessions().count(), 1, "a socket is no connection");
    let mut bench = Bench::new(settings());
    bench.flow = tcp;
    let invite = bench.siprec("INVITE", SDP, METADATA);
    bench.give(&invite);
    bench.srs.flow_closed(bench.now, tcp);
    bench.drain();
    assert_eq!(bench.told(), ["invited 2", "ended ConnectionLost"]);
    assert_eq!(bench.srs.next_timeout(), None);
    // One that was accepted goes on, by another connection to where the peer says it is.
    let mut bench = Bench::new(settings());
    bench.flow = tcp;
    let invite = bench.siprec("INVITE", SDP, METADATA);
    bench.give(&invite);
    let session = bench.session();
    bench
        .srs
        .accept(bench.now, session, &[local(1), local(2)])
        .unwrap();
    bench.drain();
    let response = bench.statuses(&[100, 200]).remove(1);
    assert_eq!(
        response.headers.get("Contact"),
        Some("<sip:srs@198.51.100.1:5060;transport=tcp>;+sip.srs")
    );
    bench.tag = response.essentials().unwrap().to.tag().unwrap().to_owned();
    bench.ack(b"");
    bench.srs.flow_closed(bench.now, tcp);
    bench.srs.hang_up(bench.now, session);
    match bench.srs.poll() {
        Some(Action::Send { flow, .. }) => assert_eq!(
            flow,
            Flow {
                connection: 0,
                ..tcp
            }
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_need_a_private_line() {
    let key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let secure = SDP.replace("RTP/AVP", "RTP/SAVP").replace(
        "a=label",
        &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\na=label"),
    );
    let mut bench = Bench::new(settings());
    let invite = bench.siprec("INVITE", &secure, METADATA);
    bench.give(&invite);
    bench.status(488);
    let mut bench = Bench::new(settings());
    bench.flow.transport = Transport::Tls;
    let invite = bench.siprec("INVITE", &secure, METADATA);
    bench.give(&invite);
    bench.status(100);
    let session = bench.session();
    let now = bench.now;
    let keyed = |port| LocalMedia {
        key: Some(Sensitive::new(vec![5; 30])),
        ..local(port)
    };
    let half = [keyed(1), local(2)];
    assert_eq!(
        bench.srs.accept(now, session, &half),
        Err(DecisionError::Key(1))
    );
    bench
        .srs
        .accept(now, session, &[keyed(1), keyed(2)])
        .unwrap();
    bench.drain();
    assert_eq!(
        text(&bench.status(200)).matches("a=crypto:1 AES").count(),
        2
    );
    let printed = format!("{:?} {:?}", bench.srs, bench.srs.sessions);
    // Neither theirs, nor ours, nor as numbers.
    for secret in [key, "BQUFBQ", "5, 5, 5", "alice"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
