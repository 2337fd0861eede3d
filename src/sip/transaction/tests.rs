use super::*;

const RELIABLE: bool = true;
const LOSSY: bool = false;

/// What happens, and in words of effects and state what comes of it.
type Step = (u64, What, &'static str, State);

#[derive(Debug, Clone, Copy)]
enum What {
    Is(Event),
    Due,
}

use Event::{Acknowledged, Answer, Request, Response};
use What::{Due, Is};

fn words(effects: Effects) -> String {
    [
        (effects.send, "send"),
        (effects.pass, "pass"),
        (effects.acknowledge, "ack"),
        (effects.timed_out, "timed out"),
    ]
    .into_iter()
    .filter_map(|(is, word)| is.then_some(word))
    .collect::<Vec<_>>()
    .join(" ")
}

/// Runs steps at times in milliseconds.
#[track_caller]
fn check(kind: Kind, reliable: bool, steps: &[Step]) {
    let mut transaction = Transaction::new(kind, reliable, Duration::ZERO);
    for (at, what, effects, state) in steps {
        let now = Duration::from_millis(*at);
        if let What::Due = what {
            assert_eq!(
                transaction.next_timeout(),
                Some(now),
                "due, before {at} {what:?}"
            );
        } else {
            assert!(
                transaction.next_timeout().is_none_or(|due| due >= now),
                "{at} {what:?}"
            );
        }
        let found = match what {
            Is(event) => transaction.handle(now, *event),
            Due => transaction.timeout(now),
        };
        assert_eq!(
            (&*words(found), transaction.state()),
            (*effects, *state),
            "at {at} {what:?}"
        );
    }
    if transaction.is_over() {
        assert_eq!(transaction.next_timeout(), None);
    }
}

#[test]
fn an_invite_is_answered() {
    use State::{Accepted, Completed, Confirmed, Over, Proceeding};
    check(
        Kind::InviteServer,
        LOSSY,
        &[
            (0, Is(Answer(100)), "send", Proceeding),
            (500, Is(Request), "send", Proceeding),
            (600, Is(Acknowledged), "", Proceeding),
            (1000, Is(Answer(180)), "send", Proceeding),
            (2000, Is(Answer(200)), "send", Accepted),
            (2500, Is(Request), "send", Accepted),
            (2600, Is(Answer(200)), "send", Accepted),
            (2700, Is(Answer(500)), "", Accepted),
            (2800, Is(Acknowledged), "pass", Accepted),
            (34_000, Due, "", Over),
        ],
    );
    check(
        Kind::InviteServer,
        LOSSY,
        &[
            (0, Is(Answer(486)), "send", Completed),
            (500, Due, "send", Completed),
            (700, Is(Request), "send", Completed),
            (1500, Due, "send", Completed),
            (3500, Due, "send", Completed),
            (7500, Due, "send", Completed),
            (11_500, Due, "send", Completed),
            (12_000, Is(Answer(200)), "", Completed),
            (12_000, Is(Acknowledged), "", Confirmed),
            (12_100, Is(Acknowledged), "", Confirmed),
            (12_200, Is(Request), "", Confirmed),
            (17_000, Due, "", Over),
            (17_100, Is(Request), "", Over),
        ],
    );
    check(
        Kind::InviteServer,
        RELIABLE,
        &[
            (0, Is(Answer(488)), "send", Completed),
            (100, Is(Acknowledged), "", Over),
        ],
    );
    check(
        Kind::InviteServer,
        RELIABLE,
        &[
            (0, Is(Answer(488)), "send", Completed),
            (32_000, Due, "timed out", Over),
        ],
    );
}

#[test]
fn another_request_is_answered() {
    use State::{Completed, Over, Proceeding, Trying};
    check(
        Kind::Server,
        LOSSY,
        &[
            (0, Is(Request), "", Trying),
            (100, Is(Answer(100)), "send", Proceeding),
            (200, Is(Request), "send", Proceeding),
            (300, Is(Answer(200)), "send", Completed),
            (400, Is(Request), "send", Completed),
            (500, Is(Answer(500)), "", Completed),
            (32_300, Due, "", Over),
        ],
    );
    check(
        Kind::Server,
        RELIABLE,
        &[(300, Is(Answer(481)), "send", Over)],
    );
}

#[test]
fn an_invite_is_sent() {
    use State::{Accepted, Completed, Over, Proceeding, Trying};
    check(
        Kind::InviteClient,
        LOSSY,
        &[
            (500, Due, "send", Trying),
            (1500, Due, "send", Trying),
            (3500, Due, "send", Trying),
            (7500, Due, "send", Trying),
            (15_500, Due, "send", Trying),
            (31_500, Due, "send", Trying),
            (32_000, Due, "timed out", Over),
        ],
    );
    check(
        Kind::InviteClient,
        LOSSY,
        &[
            (500, Due, "send", Trying),
            (600, Is(Response(100)), "pass", Proceeding),
            (100_000, Is(Response(180)), "pass", Proceeding),
            (200_000, Is(Response(200)), "pass", Accepted),
            (200_500, Is(Response(200)), "pass", Accepted),
            (200_600, Is(Response(486)), "", Accepted),
            (232_000, Due, "", Over),
        ],
    );
    check(
        Kind::InviteClient,
        LOSSY,
        &[
            (100, Is(Response(503)), "pass ack", Completed),
            (600, Is(Response(503)), "ack", Completed),
            (700, Is(Response(180)), "", Completed),
            (32_100, Due, "", Over),
        ],
    );
    check(
        Kind::InviteClient,
        RELIABLE,
        &[(100, Is(Response(503)), "pass ack", Over)],
    );
    check(
        Kind::InviteClient,
        RELIABLE,
        &[(32_000, Due, "timed out", Over)],
    );
}

#[test]
fn another_request_is_sent() {
    use State::{Completed, Over, Proceeding, Trying};
    check(
        Kind::Client,
        LOSSY,
        &[
            (500, Due, "send", Trying),
            (1500, Due, "send", Trying),
            (3500, Due, "send", Trying),
            (7500, Due, "send", Trying),
            (11_500, Due, "send", Trying),
            (12_000, Is(Response(100)), "pass", Proceeding),
            (15_500, Due, "send", Proceeding),
            (19_500, Due, "send", Proceeding),
            (20_000, Is(Response(200)), "pass", Completed),
            (20_100, Is(Response(200)), "", Completed),
            (25_000, Due, "", Over),
        ],
    );
    check(Kind::Client, RELIABLE, &[(32_000, Due, "timed out", Over)]);
    check(
        Kind::Client,
        RELIABLE,
        &[(10, Is(Response(404)), "pass", Over)],
    );
}

#[test]
fn a_late_clock_does_once_what_was_due_often() {
    let mut transaction = Transaction::new(Kind::Client, LOSSY, Duration::ZERO);
    assert_eq!(words(transaction.timeout(Duration::from_secs(20))), "send");
    assert!(transaction.next_timeout() > Some(Duration::from_secs(20)));
    assert_eq!(
        words(transaction.timeout(Duration::from_secs(90))),
        "timed out"
    );
}
