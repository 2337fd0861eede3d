//! What is held stays bounded, whatever comes.

use proptest::prelude::*;

use super::*;

#[test]
fn sessions_are_bounded() {
    let mut settings = settings();
    settings.most_sessions = 3;
    settings.most_sessions_per_peer = 2;
    let mut bench = Bench::new(settings);
    for (call, last, status) in [
        ("a", 7, 100),
        ("b", 7, 100),
        ("c", 7, 503),
        ("d", 8, 100),
        ("e", 9, 503),
    ] {
        bench.flow.peer = SocketAddr::from(([198, 51, 100, last], 5060));
        let mut invite = bench.siprec("INVITE", SDP, METADATA);
        invite.headers.set("Call-ID", call);
        bench.give(&invite);
        let response = bench.status(status);
        assert_eq!(response.headers.get("Retry-After").is_some(), status == 503);
    }
    assert_eq!(bench.srs.sessions().count(), 3);
    bench.wait(Duration::from_secs(120));
    assert_eq!(bench.srs.sessions().count(), 0);
    assert_eq!(bench.srs.transactions.len(), 0);
}

#[test]
fn one_peer_cannot_take_all_transactions() {
    let mut settings = settings();
    settings.most_transactions = 20;
    let mut bench = Bench::confirmed(settings);
    for n in 0..30 {
        let info = bench.request("INFO", &[], b"");
        bench.give(&info);
        bench.status(if n < 9 { 200 } else { 503 });
    }
    bench.flow.peer = SocketAddr::from(([198, 51, 100, 9], 5060));
    let info = bench.request("INFO", &[], b"");
    bench.give(&info);
    bench.status(200);
    // The call can be ended all the same.
    bench.srs.hang_up(bench.now, bench.session());
    bench.drain();
    bench.asked(&["BYE"]);
    bench.wait(Duration::from_secs(40));
    assert_eq!(bench.srs.transactions.len(), 0);
}

#[test]
fn probes_and_refusals_are_not_kept() {
    let mut bench = Bench::new(settings());
    for _ in 0..1000 {
        let options = bench.request("OPTIONS", &[], b"");
        bench.give(&options);
        let first = bench.status(200);
        bench.give(&options);
        assert_eq!(bench.status(200), first);
        let bye = bench.request("BYE", &[], b"");
        bench.give(&bye);
        bench.status(481);
    }
    assert_eq!(bench.srs.transactions.len(), 0);
    bench.srs.set_draining(true);
    let options = bench.request("OPTIONS", &[], b"");
    bench.give(&options);
    assert_eq!(bench.status(503).headers.get("Retry-After"), Some("5"));
    let invite = bench.siprec("INVITE", SDP, METADATA);
    bench.give(&invite);
    bench.status(503);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut bench = Bench::confirmed(settings());
        bench.bytes(&bytes);
        prop_assert_eq!(bench.told(), Vec::<String>::new());
    }

    /// Damaged messages in any order, with any decisions between.
    #[test]
    fn nothing_that_comes_is_too_much(
        steps in prop::collection::vec((0_usize..12, any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..4), 0_u64..40_000), 1..60)
    ) {
        let mut settings = settings();
        settings.most_sessions = 4;
        settings.most_transactions = 16;
        let mut bench = Bench::new(settings);
        bench.number = 0;
        for (what, at, damage, wait) in steps {
            let methods = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "REFER"];
            match what {
                0..8 => {
                    let mut bytes = bench.siprec(methods[what], SDP, METADATA).write();
                    if !damage.is_empty() {
                        let at = at.index(bytes.len());
                        let end = (at + 3).min(bytes.len());
                        bytes.splice(at..end, damage);
                    }
                    bench.bytes(&bytes);
                }
                8 => bench.wait(Duration::from_millis(wait)),
                9 => {
                    let session = bench.srs.sessions().next();
                    if let Some(session) = session {
                        let _ = bench.srs.accept(bench.now, session, &[local(2), local(4)]);
                        let _ = bench.srs.provide(bench.now, session, &[local(6)]);
                        bench.drain();
                        if let Some(Message::Response(response)) = bench.sent.last()
                            && let Some(tag) = response.essentials().ok().and_then(|e| e.to.tag().map(str::to_owned))
                        {
                            bench.tag = tag;
                        }
                    }
                }
                10 => {
                    let session = bench.srs.sessions().last();
                    if let Some(session) = session {
                        bench.srs.hang_up(bench.now, session);
                        bench.drain();
                    }
                }
                _ => bench.tag.clear(),
            }
            prop_assert!(bench.srs.sessions.len() <= 4);
            prop_assert!(bench.srs.transactions.len() <= 16);
            prop_assert_eq!(bench.srs.sessions.len(), bench.srs.calls.len());
        }
        let sessions: Vec<SessionId> = bench.srs.sessions().collect();
        for session in sessions {
            bench.srs.hang_up(bench.now, session);
        }
        bench.wait(Duration::from_secs(300));
        prop_assert_eq!(bench.srs.sessions.len(), 0);
        prop_assert_eq!(bench.srs.transactions.len(), 0);
        prop_assert_eq!(bench.srs.next_timeout(), None);
    }
}
