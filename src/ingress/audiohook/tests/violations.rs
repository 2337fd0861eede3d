//! Broken rules end the session with `disconnect`, say which rule it was, and quote nothing.

use super::*;

/// A message of a client with an open session that breaks a rule.
#[track_caller]
fn check(breach: impl FnOnce(&mut Client) -> Vec<String>, info: &str) {
    let mut client = Client::opened();
    let said = breach(&mut client);
    let error = said.last().unwrap();
    assert!(
        error.starts_with("closed the connection (1002): "),
        "{said:?}"
    );
    assert!(error.contains(info), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(client.adapter.tally().malformed, 1);

    // Of what follows nothing is signalled, before and after the farewell.
    assert_eq!(client.text("garbage"), [""; 0]);
    assert_eq!(client.audio(&[1, 2, 3]), [""; 0]);
    let problem = error.split_once(": ").unwrap().1;
    let farewell = client.farewell(problem).unwrap();
    let parameters = json!({"reason": "error", "info": problem});
    assert!(farewell.ends_with(&parameters.to_string()), "{farewell}");
    assert_eq!(client.text("garbage"), [""; 0]);
    assert_eq!(client.audio(&[1, 2, 3]), [""; 0]);
    assert_eq!(client.say("weather", json!(4)), [""; 0]);
    client.seq += 7;
    client.serverseq += 7;
    let close = client.message("close", json!({"reason": "disconnect"}));
    client.serverseq -= 7;
    let closed = format!("closed {} {{}}", client.seq);
    assert_eq!(client.send(&close), [&*closed, "stop"]);
    assert_eq!(client.adapter.tally().malformed, 1);
}

/// A ping with one member changed, or without it.
fn check_member(name: &str, value: Option<Value>, info: &str) {
    check(
        |client| {
            let mut ping = client.message("ping", json!({}));
            match value {
                Some(value) => ping[name] = value,
                None => drop(ping.as_object_mut().unwrap().remove(name)),
            }
            client.send(&ping)
        },
        info,
    );
}

#[test]
fn the_envelope_must_be_whole() {
    for text in [
        "",
        "garbage",
        "[]",
        "{}",
        "5",
        "{\"type\":\"ping\"}",
        "\u{0}",
    ] {
        check(|client| client.text(text), "not a JSON message");
    }
    let names = [
        "version",
        "type",
        "id",
        "seq",
        "serverseq",
        "position",
        "parameters",
    ];
    for name in names {
        check_member(name, None, "not a JSON message");
    }
    check_member("seq", Some(json!("2")), "not a JSON message");
    check_member("seq", Some(json!(-2)), "not a JSON message");
    check_member("serverseq", Some(json!(0.5)), "not a JSON message");
    check_member("position", Some(json!("12.5")), "not a JSON message");
    check_member("position", Some(json!(12.5)), "not a JSON message");
    check_member("version", Some(json!("3")), "version");
}

#[test]
fn numbers_and_ids_must_fit() {
    for seq in [0_u64, 1, 3, u64::MAX] {
        check_member("seq", Some(seq.into()), "seq is not one more");
    }
    check_member("serverseq", Some(2.into()), "serverseq is higher");
    check_member("id", Some(PARTICIPANT.into()), "id is not the session's");
    check_member("id", Some(NULL.into()), "id is not the session's");
    check_member("type", Some("opened".into()), "type is not");
    check_member("type", Some("weather".into()), "type is not");
}

#[test]
fn texts_must_not_be_too_long() {
    // Within the limit: a session that goes on.
    let mut client = Client::opened();
    let mut ping = client.message("ping", json!({"x": ""}));
    let room = 65_535 - ping.to_string().len();
    ping["parameters"]["x"] = "x".repeat(room).into();
    assert_eq!(client.send(&ping), ["pong 2 {}"]);
    // Characters count, not bytes.
    let mut ping = client.message("ping", json!({"x": ""}));
    let room = 65_535 - ping.to_string().len();
    ping["parameters"]["x"] = "\u{e9}".repeat(room).into();
    assert_eq!(client.send(&ping), ["pong 3 {}"]);

    for length in [65_536, 70_000] {
        check(|client| client.text(&" ".repeat(length)), "more than 65535");
    }
    check(
        |client| client.say("ping", json!({"x": "x".repeat(70_000)})),
        "more than 65535",
    );
}

#[test]
fn audio_must_be_whole_and_wanted() {
    check(
        |client| client.audio(&[0xFF; 3199]),
        "whole number of samples",
    );
    check(|client| client.audio(&[0xFF; 65_538]), "more than 64 KiB");
    for frame in [&[0xFF; 2][..], &[]] {
        check(
            |client| {
                client.say("paused", json!({}));
                client.audio(frame)
            },
            "paused",
        );
    }

    let mut client = Client::new();
    assert!(client.audio(&[0xFF; 2])[0].contains("audio before open"));
    assert!(client.farewell("x").is_some());

    let mut client = Client::new();
    client.say("open", open(&json!([])));
    assert!(client.audio(&[])[0].contains("no media was selected"));

    let mut client = Client::new();
    client.say("open", open(&stereo("L16")));
    assert!(client.audio(&[0; 6])[0].contains("whole number of samples"));

    // Nothing more is said to one who has been told `closed`.
    let mut client = Client::opened();
    client.say("close", json!({"reason": "end"}));
    assert!(client.audio(&[0xFF; 2])[0].contains("audio after close"));
    assert_eq!(client.farewell("x"), None);
}

#[test]
fn gaps_must_have_a_length() {
    for kind in ["resumed", "discarded"] {
        for parameters in [
            json!({}),
            json!({"start": "PT0S"}),
            json!({"discarded": "PT0S"}),
            json!({"start": "PT0S", "discarded": "1.5"}),
            json!({"start": "soon", "discarded": "PT1S"}),
            json!({"start": "PT0S", "discarded": 1.5}),
            json!({"start": "PT0S", "discarded": "PT99999999999S"}),
            json!(null),
        ] {
            check(|client| client.say(kind, parameters), "as durations");
        }
    }
}

/// An `open` with one member changed, or without it.
fn check_open(pointer: &str, value: Option<Value>, info: &str) {
    let mut client = Client::new();
    let mut parameters = open(&stereo("PCMU"));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = parameters
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    match value {
        Some(value) => drop(parent.insert(name.into(), value)),
        None => drop(parent.remove(name)),
    }
    let said = client.say("open", parameters);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(info), "{said:?}");
    assert_eq!(client.adapter.stream(), None);
    let farewell = client.farewell("why").unwrap();
    assert_eq!(farewell, r#"disconnect 1 {"info":"why","reason":"error"}"#);
}

#[test]
fn open_must_be_whole_and_of_the_same_organization() {
    let names = [
        "/organizationId",
        "/conversationId",
        "/participant",
        "/participant/id",
        "/media",
    ];
    for name in names {
        check_open(name, None, "open without");
        check_open(name, Some(json!(5)), "open without");
    }
    for name in ["/organizationId", "/conversationId", "/participant/id"] {
        check_open(name, Some("me".into()), "is not a UUID");
    }
    check_open(
        "/organizationId",
        Some(PARTICIPANT.into()),
        "is not that of the request",
    );
    check_open(
        "/media",
        Some(json!([media("OPUS", &["external"])])),
        "none of the media",
    );
    let continued = json!([{"id": "me", "serverseq": 1, "clientseq": 1}]);
    check_open("/continuedSessions", Some(continued), "continuedSessions");
    check_open(
        "/continuedSessions",
        Some(json!([{"id": NULL}])),
        "open without",
    );
}

#[test]
fn nothing_of_a_person_or_a_key_is_kept_or_told() {
    let mut client = Client::new();
    let mut parameters = open(&stereo("PCMU"));
    parameters["participant"]["ani"] = "4111111111111111".into();
    parameters["customConfig"] = json!({"card": "4111111111111111"});
    let mut said = client.say("open", parameters);
    said.extend(client.say("dtmf", json!({"digit": "4111111111111111"})));
    said.push(format!("{:?}", client.adapter));
    said.extend(client.say("update", json!({"language": "4111111111111111"})));
    said.extend(client.say("4111111111111111", json!({})));
    said.extend(client.farewell("x"));
    assert!(!format!("{said:?}").contains("4111"), "{said:?}");
}
