//! What each platform is sent, to the letter, and how its answers are read.

use proptest::prelude::*;

use super::*;
use crate::egress::control::http::{Body, Hook, HttpHooks, Question, Test};

fn subject() -> Subject {
    Subject {
        call: CallId::new("CA-1").unwrap(),
        leg: Leg::Customer,
        reason: "pan".into(),
    }
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

fn secret() -> Sensitive<String> {
    Sensitive::new("s3cret".to_owned())
}

fn reply(status: u16, body: &str) -> ControlReply {
    ControlReply {
        status,
        retry_after: None,
        body: body.into(),
    }
}

fn at() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// Method, address, headers and body of a request, as one text.
fn sent(platform: &Platform, command: Command) -> String {
    let Exchange::Http(request) = platform.exchange(command, &subject(), at()) else {
        panic!("not over HTTP");
    };
    assert!(!format!("{request:?}").contains("s3cret"));
    let headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.expose()))
        .collect();
    let Method::Get = request.method else {
        return format!(
            "{} {}\n{}\n{}",
            request.method.name(),
            request.url,
            headers.join("\n"),
            request.body
        );
    };
    assert!(request.body.is_empty());
    format!("GET {}\n{}", request.url, headers.join("\n"))
}

fn twilio() -> Platform {
    Platform::Twilio(twilio::Twilio {
        base_url: "https://api.twilio.com".into(),
        account: "AC1".into(),
        user: "AC1".into(),
        secret: secret(),
        recording: twilio::CURRENT.into(),
        behaviour: twilio::PauseBehaviour::Silence,
    })
}

fn asterisk(mode: asterisk::Mode) -> Platform {
    Platform::Asterisk(asterisk::Asterisk {
        base_url: "http://pbx:8088/ari".into(),
        user: "u".into(),
        secret: secret(),
        recording: template("calls/{call_id}"),
        mode,
    })
}

fn freeswitch(door: freeswitch::Door) -> Platform {
    Platform::Freeswitch(freeswitch::Freeswitch {
        door,
        recording: template("/rec/{call_id}.wav"),
        mode: freeswitch::Mode::Mask,
    })
}

#[test]
fn twilio_is_sent_what_its_documentation_has() {
    let authorization = "authorization: Basic QUMxOnMzY3JldA==\naccept: application/json";
    let form = "content-type: application/x-www-form-urlencoded";
    let calls = "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA-1";
    assert_eq!(
        sent(&twilio(), Command::Pause),
        format!(
            "POST {calls}/Recordings/Twilio.CURRENT.json\n{authorization}\n{form}\nStatus=paused&PauseBehavior=silence"
        )
    );
    assert_eq!(
        sent(&twilio(), Command::Resume),
        format!(
            "POST {calls}/Recordings/Twilio.CURRENT.json\n{authorization}\n{form}\nStatus=in-progress"
        )
    );
    assert_eq!(
        sent(&twilio(), Command::Query),
        format!("GET {calls}/Recordings.json\n{authorization}")
    );
}

#[test]
fn twilio_is_believed_by_the_state_it_shows() {
    let read = |command, status, body: &str| twilio().read(command, &reply(status, body));
    let is = Reading::Is;
    assert_eq!(
        read(Command::Pause, 200, r#"{"status":"paused"}"#),
        is(RecorderState::Paused)
    );
    assert_eq!(
        read(Command::Pause, 200, r#"{"status":"in-progress"}"#),
        is(RecorderState::Running)
    );
    let list = r#"{"recordings":[{"status":"completed"},{"status":"paused"}]}"#;
    assert_eq!(read(Command::Query, 200, list), is(RecorderState::Paused));
    let two = r#"{"recordings":[{"status":"in-progress"},{"status":"paused"}]}"#;
    assert_eq!(read(Command::Query, 200, two), is(RecorderState::Running));
    assert_eq!(
        read(Command::Query, 200, r#"{"recordings":[]}"#),
        Reading::NotFound
    );
    assert_eq!(read(Command::Pause, 200, "<html>"), garbled());
    assert_eq!(
        read(Command::Pause, 400, r#"{"code":21220}"#),
        Reading::Conflict
    );
    assert_eq!(
        read(Command::Pause, 404, r#"{"code":20404}"#),
        Reading::NotFound
    );
    assert_eq!(
        read(Command::Pause, 401, r#"{"code":20003}"#),
        Reading::Refused(Problem::Unauthorised)
    );
    assert_eq!(
        read(Command::Pause, 302, ""),
        Reading::Refused(Problem::Status(302))
    );
}

#[test]
fn connect_is_sent_signed_json() {
    let platform = Platform::Connect(connect::Connect {
        base_url: "https://connect.eu-central-1.amazonaws.com".into(),
        region: "eu-central-1".into(),
        instance: "i-1".into(),
        recording_type: Some(connect::RecordingType::Agent),
        access_key: "AKIDEXAMPLE".into(),
        secret: secret(),
        session_token: Some(Sensitive::new("token".to_owned())),
    });
    let text = sent(&platform, Command::Pause);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "POST https://connect.eu-central-1.amazonaws.com/contact/suspend-recording",
            "content-type: application/json",
            "x-amz-date: 20261120T100000Z",
            "x-amz-security-token: token",
        ]
    );
    assert!(lines[4].starts_with(
        "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/connect/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
    ));
    let body: serde_json::Value = serde_json::from_str(lines[5]).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"InstanceId": "i-1", "ContactId": "CA-1", "InitialContactId": "CA-1",
            "ContactRecordingType": "AGENT"})
    );
    assert!(sent(&platform, Command::Resume).contains("/contact/resume-recording\n"));
    let read = |status, body: &str| platform.read(Command::Pause, &reply(status, body));
    assert_eq!(read(200, "{}"), Reading::Acknowledged);
    assert_eq!(
        read(400, r#"{"__type":"InvalidRequestException"}"#),
        Reading::Conflict
    );
    assert!(matches!(
        read(400, r#"{"__type":"ThrottlingException"}"#),
        Reading::Retry { .. }
    ));
    assert_eq!(read(404, ""), Reading::NotFound);
    assert_eq!(read(403, ""), Reading::Refused(Problem::Unauthorised));
}

#[test]
fn asterisk_is_sent_names_as_one_segment() {
    let authorization = "authorization: Basic dTpzM2NyZXQ=\naccept: application/json";
    let recording = "http://pbx:8088/ari/recordings/live/calls%2FCA-1";
    let pause = asterisk(asterisk::Mode::Pause);
    assert_eq!(
        sent(&pause, Command::Pause),
        format!("POST {recording}/pause\n{authorization}\n")
    );
    assert_eq!(
        sent(&pause, Command::Resume),
        format!("DELETE {recording}/pause\n{authorization}\n")
    );
    assert_eq!(
        sent(&pause, Command::Query),
        format!("GET {recording}\n{authorization}")
    );
    let mute = asterisk(asterisk::Mode::Mute);
    assert!(sent(&mute, Command::Pause).starts_with(&format!("POST {recording}/mute\n")));
    assert!(pause.verifies() && !mute.verifies());
    let state = |state: &str| {
        pause.read(
            Command::Query,
            &reply(
                200,
                &format!(r#"{{"name":"a","format":"wav","state":"{state}"}}"#),
            ),
        )
    };
    assert_eq!(state("paused"), Reading::Is(RecorderState::Paused));
    assert_eq!(state("recording"), Reading::Is(RecorderState::Running));
    assert_eq!(state("done"), Reading::NotFound);
    assert!(matches!(state("queued"), Reading::Retry { .. }));
    assert_eq!(
        pause.read(Command::Pause, &reply(204, "")),
        Reading::Acknowledged
    );
    assert_eq!(
        pause.read(Command::Pause, &reply(409, "")),
        Reading::Conflict
    );
}

#[test]
fn freeswitch_is_told_by_socket_or_http() {
    let socket = freeswitch(freeswitch::Door::EventSocket {
        address: "pbx:8021".into(),
        password: secret(),
    });
    let command = |command| match socket.exchange(command, &subject(), at()) {
        Exchange::EventSocket { command, .. } => command,
        Exchange::Http(_) => panic!("not over the socket"),
    };
    assert_eq!(
        command(Command::Pause),
        "uuid_record CA-1 mask /rec/CA-1.wav"
    );
    assert_eq!(
        command(Command::Resume),
        "uuid_record CA-1 unmask /rec/CA-1.wav"
    );
    let http = freeswitch(freeswitch::Door::Http {
        base_url: "http://pbx:8080".into(),
        user: "u".into(),
        password: secret(),
    });
    assert_eq!(
        sent(&http, Command::Pause),
        "GET http://pbx:8080/txtapi/uuid_record?CA-1%20mask%20%2Frec%2FCA-1.wav\nauthorization: Basic dTpzM2NyZXQ="
    );
    let read = |body: &str| socket.read(Command::Pause, &reply(200, body));
    assert_eq!(read("+OK Success\n"), Reading::Acknowledged);
    assert_eq!(read("-ERR Cannot locate session!\n"), Reading::NotFound);
    assert_eq!(
        read("-ERR Cannot mask recording session!\n"),
        Reading::NotFound
    );
    assert_eq!(read("-USAGE: <uuid>"), Reading::Refused(Problem::Refused));
    assert_eq!(read("hello"), garbled());
}

#[test]
fn messages_of_the_event_socket_are_put_together_from_any_pieces() {
    let stream = "Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: +OK accepted\n\n\
                  Content-Type: api/response\nContent-Length: 12\n\n+OK Success\n";
    for size in 1..stream.len() {
        let mut reader = freeswitch::SocketReader::default();
        let mut messages = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            reader.push(piece);
            while let Some(message) = reader.next_message().unwrap() {
                messages.push(message);
            }
        }
        assert_eq!(messages.len(), 3, "in pieces of {size}");
        assert_eq!(messages[1].reply, "+OK accepted");
        assert_eq!(messages[2].body, b"+OK Success\n");
    }
    let refused = |text: &str| {
        let mut reader = freeswitch::SocketReader::default();
        reader.push(text.as_bytes());
        assert!(reader.next_message().is_err());
    };
    refused("Content-Type: a\nContent-Length: 65537\n\n");
    refused("Content-Type: a\nContent-Length: -1\n\n");
    refused("HTTP/1.1 400 Bad Request\r\n\n\n");
    refused(&"x".repeat(9_000));
}

/// Headers of the greatest length are read in any pieces, and longer ones in none.
#[test]
fn the_length_of_an_event_sockets_headers_does_not_depend_on_the_pieces() {
    let begin = "Content-Type: api/response\nX: ";
    for (length, is_read) in [(8 * 1024, true), (8 * 1024 + 1, false)] {
        let headers = format!("{begin}{}\n\n", "x".repeat(length - begin.len()));
        for split in [1, 2, headers.len()] {
            let (first, last) = headers.split_at(headers.len() - split);
            let mut reader = freeswitch::SocketReader::default();
            reader.push(first.as_bytes());
            let before = reader.next_message();
            reader.push(last.as_bytes());
            let message = before.and_then(|_| reader.next_message());
            assert_eq!(
                message.is_ok_and(|message| message.is_some()),
                is_read,
                "{length} in {split}"
            );
        }
    }
}

fn hooks(verify: bool) -> Platform {
    let body = |text: &str, content_type: &str| {
        Some(Body {
            text: template(text),
            content_type: content_type.into(),
        })
    };
    Platform::Http(Box::new(HttpHooks {
        headers: vec![(
            "authorization".into(),
            Sensitive::new("Bearer s3cret".to_owned()),
        )],
        pause: Hook {
            method: Method::Put,
            url: template("https://r.example/calls/{call_id}/pause?leg={leg}"),
            body: body(r#"{"why":"{reason}","nested":{"a":1}}"#, "application/json"),
            success: vec![200, 202],
            already: vec![409],
            confirm: Some(Test {
                pointer: "/recording/0/paused".into(),
                equals: "true".into(),
            }),
        },
        resume: Hook {
            method: Method::Post,
            url: template("https://r.example/resume"),
            body: body(
                "call={call_id}&why={reason}",
                "application/x-www-form-urlencoded",
            ),
            success: vec![200, 202],
            already: Vec::new(),
            confirm: None,
        },
        verify: verify.then(|| Question {
            method: Method::Get,
            url: template("https://r.example/calls/{call_id}"),
            body: None,
            paused: Test {
                pointer: "/state".into(),
                equals: "paused".into(),
            },
        }),
    }))
}

#[test]
fn templates_fill_in_what_is_known_and_escape_it() {
    let platform = hooks(true);
    assert_eq!(
        sent(&platform, Command::Pause),
        "PUT https://r.example/calls/CA-1/pause?leg=customer\nauthorization: Bearer s3cret\n\
         content-type: application/json\n{\"why\":\"pan\",\"nested\":{\"a\":1}}"
    );
    assert_eq!(
        sent(&platform, Command::Resume),
        "POST https://r.example/resume\nauthorization: Bearer s3cret\n\
         content-type: application/x-www-form-urlencoded\ncall=CA-1&why=pan"
    );
    let odd = Subject {
        reason: "a\"b/ä\n".into(),
        ..subject()
    };
    assert_eq!(template("{reason}").fill(&odd, Escape::Json), "a\\\"b/ä\\n");
    assert_eq!(
        template("{reason}").fill(&odd, Escape::Url),
        "a%22b%2F%C3%A4%0A"
    );
    assert_eq!(
        template("{{reason}}").fill(&subject(), Escape::Nothing),
        "{pan}"
    );
    assert_eq!(template("{").fill(&subject(), Escape::Nothing), "{");
    assert_eq!(
        Template::parse("{secret}").unwrap_err().to_string(),
        "{secret} is not known; expected {call_id}, {leg}, {reason}"
    );
}

#[test]
fn answers_to_templates_are_read_as_the_settings_say() {
    let platform = hooks(true);
    let read = |command, status, body: &str| platform.read(command, &reply(status, body));
    assert_eq!(
        read(Command::Pause, 200, r#"{"recording":[{"paused":true}]}"#),
        Reading::Is(RecorderState::Paused)
    );
    assert_eq!(
        read(Command::Pause, 200, r#"{"recording":[]}"#),
        Reading::Accepted
    );
    assert_eq!(read(Command::Pause, 200, "{"), garbled());
    assert_eq!(read(Command::Pause, 409, ""), Reading::Acknowledged);
    assert_eq!(read(Command::Resume, 409, ""), Reading::Conflict);
    assert_eq!(
        read(Command::Resume, 200, "anything"),
        Reading::Acknowledged
    );
    assert_eq!(read(Command::Resume, 202, ""), Reading::Accepted);
    assert_eq!(read(Command::Resume, 201, ""), Reading::Accepted);
    assert_eq!(
        read(Command::Resume, 425, ""),
        Reading::Retry {
            after: None,
            problem: Problem::Status(425)
        }
    );
    assert_eq!(
        read(Command::Query, 200, r#"{"state":"paused"}"#),
        Reading::Is(RecorderState::Paused)
    );
    assert_eq!(
        read(Command::Query, 200, r#"{"state":"live"}"#),
        Reading::Is(RecorderState::Running)
    );
    assert_eq!(read(Command::Query, 200, r#"{"other":1}"#), garbled());
    assert!(!hooks(false).verifies());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a platform answers is read as something, and what a pause did not clearly do is not taken for
    /// one.
    #[test]
    fn any_answer_is_read(
        status in prop_oneof![Just(200_u16), Just(204), 100_u16..600],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            "[{]\"(status|state|recordings|__type)\":(\"[a-z]{0,8}\"|[0-9]{1,3}|\\[\\])[}]".prop_map(String::into_bytes),
        ],
    ) {
        let socket = freeswitch::Door::EventSocket { address: "a:1".into(), password: secret() };
        let platforms = [twilio(), asterisk(asterisk::Mode::Pause), freeswitch(socket), hooks(true), hooks(false)];
        for platform in platforms {
            for command in [Command::Pause, Command::Resume, Command::Query] {
                let reading = platform.read(command, &ControlReply { status, retry_after: None, body: body.clone() });
                let done = matches!(reading, Reading::Is(_) | Reading::Acknowledged);
                prop_assert!(!done || (200..=299).contains(&status) || status == 409, "{status}: {reading:?}");
            }
        }
    }

    /// Foreign bytes make no message that is longer than is read, and never more messages than bytes.
    #[test]
    fn any_bytes_on_the_event_socket_are_taken(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                prop::sample::select(vec!["Content-Type: a\n", "Content-Length: 3\n", "Content-Length: 99999999999999999999\n", "\n\n", "\n"])
                    .prop_map(|text: &str| text.as_bytes().to_vec()),
            ],
            0..30,
        ),
    ) {
        let mut reader = freeswitch::SocketReader::default();
        for piece in pieces {
            reader.push(&piece);
            loop {
                match reader.next_message() {
                    Ok(Some(message)) => prop_assert!(message.body.len() <= LARGEST_REPLY),
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
        }
    }
}
