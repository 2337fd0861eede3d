//! Sessions as the platform plays them, and its breaches of the rules.

mod audio;
mod violations;

use serde_json::{Value, json};

use super::*;

const SESSION: &str = "3b9e0405-3c1d-4b34-b4a9-8b1bd7a7b8a7";
const ORGANIZATION: &str = "3698738a-bd67-4b79-8faa-7c4a5bf92cbb";
const CONVERSATION: &str = "4a82b19e-1d4f-4e1e-a0bb-4ec29a7b9b50";
const PARTICIPANT: &str = "82861ad6-2c6c-4b0e-9a3c-1c3e0a3f6c11";
const NULL: &str = "00000000-0000-0000-0000-000000000000";
const STARTED: &str = "start 4a82b19e-1d4f-4e1e-a0bb-4ec29a7b9b50 [Agent, Customer] 8000";

/// A platform at the other end, which counts its messages and ours.
struct Client {
    adapter: AudioHookAdapter,
    seq: u64,
    serverseq: u64,
    closed: bool,
}

impl Client {
    fn new() -> Self {
        let handshake = AudioHookHandshake::new(ORGANIZATION, SESSION).unwrap();
        Self {
            adapter: AudioHookAdapter::new(handshake),
            seq: 0,
            serverseq: 0,
            closed: false,
        }
    }

    /// A client with an open session of both channels.
    fn opened() -> Self {
        let mut client = Self::new();
        let said = client.say("open", open(&stereo("PCMU")));
        assert_eq!(said[1], STARTED);
        client
    }

    fn message(&mut self, kind: &str, parameters: Value) -> Value {
        self.seq += 1;
        json!({"version": "2", "type": kind, "id": SESSION, "seq": self.seq,
            "serverseq": self.serverseq, "position": "PT0S", "parameters": parameters})
    }

    /// Sends a message by the rules; tells what came of it.
    fn say(&mut self, kind: &str, parameters: Value) -> Vec<String> {
        let message = self.message(kind, parameters);
        self.send(&message)
    }

    fn send(&mut self, message: &Value) -> Vec<String> {
        self.hear(Incoming::Text(&message.to_string()))
    }

    fn text(&mut self, text: &str) -> Vec<String> {
        self.hear(Incoming::Text(text))
    }

    fn audio(&mut self, bytes: &[u8]) -> Vec<String> {
        self.hear(Incoming::Binary(bytes))
    }

    fn hear(&mut self, message: Incoming<'_>) -> Vec<String> {
        let mut arrivals = Vec::new();
        let outcome = self.adapter.handle(message, Duration::ZERO, &mut arrivals);
        let mut said: Vec<String> = arrivals
            .iter()
            .map(|arrival| self.describe(arrival))
            .collect();
        said.extend(outcome.err().map(|error| error.to_string()));
        said
    }

    fn describe(&mut self, arrival: &Arrival) -> String {
        match arrival {
            Arrival::Started { call, legs, rate } => {
                format!("start {call} {legs:?} {}", rate.hertz())
            }
            Arrival::Audio(frame) => {
                format!(
                    "{} {}+{}",
                    frame.leg,
                    frame.at.0,
                    frame.samples.expose().len()
                )
            }
            Arrival::KeyPressed { leg } => format!("key {leg}"),
            Arrival::Reply(text) => self.read(text),
            Arrival::Stopped => "stop".into(),
        }
    }

    /// Checks what every message of ours must have; the rest in short.
    fn read(&mut self, text: &str) -> String {
        assert!(!self.closed, "a message after closed: {text}");
        let message: Value = serde_json::from_str(text).unwrap();
        self.serverseq += 1;
        assert_eq!(message["version"], "2");
        assert_eq!(message["id"], SESSION);
        assert_eq!(message["seq"], self.serverseq, "{text}");
        assert!(message.get("position").is_none(), "{text}");
        assert!(message["parameters"].is_object(), "{text}");
        let kind = message["type"].as_str().unwrap();
        self.closed = kind == "closed";
        format!("{kind} {} {}", message["clientseq"], message["parameters"])
    }

    fn farewell(&mut self, problem: &str) -> Option<String> {
        let said = self.adapter.farewell(problem)?;
        Some(self.read(&said))
    }
}

fn media(format: &str, channels: &[&str]) -> Value {
    json!({"type": "audio", "format": format, "channels": channels, "rate": 8000})
}

fn stereo(format: &str) -> Value {
    json!([
        media(format, &["external", "internal"]),
        media(format, &["external"]),
        media(format, &["internal"]),
    ])
}

fn open(media: &Value) -> Value {
    json!({"organizationId": ORGANIZATION, "conversationId": CONVERSATION, "participant": {
        "id": PARTICIPANT, "ani": "+1-555-555-1234", "aniName": "John Doe", "dnis": "+1-800-555-6789"},
        "media": media})
}

/// What is answered to an offer of media.
#[track_caller]
fn check_media(offered: Value, selected: &Value, legs: &str) {
    let mut client = Client::new();
    let said = client.say("open", open(&offered));
    let opened = json!({"media": selected, "startPaused": false});
    let mut expected = vec![format!("opened 1 {opened}")];
    if !legs.is_empty() {
        expected.push(format!("start {CONVERSATION} {legs} 8000"));
    }
    assert_eq!(said, expected, "{offered}");
}

#[test]
fn the_observed_session_is_answered_as_observed() {
    let mut client = Client::new();
    let both = media("PCMU", &["external", "internal"]);
    let opened = json!({"media": [both], "startPaused": false});
    assert_eq!(
        client.say("open", open(&stereo("PCMU"))),
        [format!("opened 1 {opened}"), STARTED.into()]
    );
    assert_eq!(client.adapter.stream(), Some(SESSION));
    assert_eq!(
        client.audio(&[0xFF; 3200]),
        ["customer 0+1600", "agent 0+1600"]
    );
    assert_eq!(client.say("ping", json!({})), ["pong 2 {}"]);
    assert_eq!(
        client.say("ping", json!({"rtt": "PT0.002950422S"})),
        ["pong 3 {}"]
    );
    assert_eq!(
        client.audio(&[0xFF; 1000]),
        ["customer 1600+500", "agent 1600+500"]
    );
    assert_eq!(
        client.say("close", json!({"reason": "end"})),
        ["closed 4 {}", "stop"]
    );
    assert_eq!(client.adapter.close_reason(), Some(CloseReason::End));
    assert_eq!(client.adapter.tally().accepted, 6);
    assert_eq!(client.adapter.tally().malformed, 0);
    assert!(!client.adapter.ends_by_closing());
}

#[test]
fn both_channels_are_preferred_in_the_order_offered() {
    let both = media("PCMU", &["external", "internal"]);
    let inverted = media("PCMU", &["internal", "external"]);
    let (external, internal) = (media("PCMU", &["external"]), media("PCMU", &["internal"]));
    let linear = media("L16", &["external", "internal"]);
    let (two, customer, agent) = ("[Agent, Customer]", "[Customer]", "[Agent]");
    check_media(stereo("PCMU"), &json!([both]), two);
    check_media(json!([external, internal, both]), &json!([both]), two);
    check_media(json!([external, inverted, both]), &json!([inverted]), two);
    check_media(json!([linear, both]), &json!([linear]), two);
    check_media(json!([both, linear]), &json!([both]), two);
    check_media(json!([external, internal]), &json!([external]), customer);
    check_media(json!([internal]), &json!([internal]), agent);
}

#[test]
fn offers_that_are_not_understood_are_passed_over() {
    let external = media("PCMU", &["external"]);
    let mut wide = media("L16", &["external", "internal"]);
    wide["rate"] = 16_000.into();
    let offers = json!([
        {"type": "video", "codec": "H264"}, media("OPUS", &["external", "internal"]), wide,
        media("PCMU", &["external", "external"]), media("PCMU", &[]), media("PCMU", &["both"]),
        {"type": "audio", "format": "PCMU", "channels": ["external", "internal"]}, external,
    ]);
    check_media(offers, &json!([external]), "[Customer]");
}

#[test]
fn a_session_without_audio_goes_on_without_a_call() {
    check_media(json!([]), &json!([]), "");
    let mut client = Client::new();
    client.say("open", open(&json!([])));
    assert!(client.adapter.stays_without_call());
    assert_eq!(client.adapter.stream(), None);
    assert_eq!(client.say("ping", json!({})), ["pong 2 {}"]);
    assert_eq!(client.say("dtmf", json!({"digit": "1"})), [""; 0]);
    assert_eq!(
        client.say("close", json!({"reason": "end"})),
        ["closed 4 {}", "stop"]
    );
    assert!(!client.adapter.stays_without_call());
}

#[test]
fn a_trial_of_the_connection_makes_no_call() {
    for offered in [
        stereo("PCMU"),
        json!([]),
        json!([media("OPUS", &["external"])]),
    ] {
        let mut client = Client::new();
        let mut probe = open(&offered);
        probe["conversationId"] = NULL.into();
        probe["participant"] = json!({"id": NULL, "ani": "", "aniName": "", "dnis": ""});
        let said = client.say("open", probe);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("opened 1 "), "{said:?}");
        assert_eq!(client.adapter.stream(), None);
        assert!(client.adapter.stays_without_call());
        if offered == stereo("PCMU") {
            // Observed: a message without bytes. Should sound come, nothing becomes of it.
            assert_eq!(client.audio(&[]), [""; 0]);
            assert_eq!(client.audio(&[0xFF; 320]), [""; 0]);
        }
        assert_eq!(
            client.say("close", json!({"reason": "end"})),
            ["closed 2 {}", "stop"]
        );
    }
}

#[test]
fn pauses_are_the_platforms_to_tell() {
    let mut client = Client::opened();
    client.audio(&[0xFF; 320]);
    let pause = client.adapter.pause().unwrap();
    assert_eq!(client.read(&pause), "pause 1 {}");
    // What was on its way still counts.
    assert_eq!(
        client.audio(&[0xFF; 320]),
        ["customer 160+160", "agent 160+160"]
    );
    assert_eq!(client.say("paused", json!({})), [""; 0]);
    let again = client.adapter.pause().unwrap();
    assert_eq!(client.read(&again), "pause 2 {}");
    assert_eq!(client.say("paused", json!({})), [""; 0]);
    assert_eq!(client.say("ping", json!({})), ["pong 4 {}"]);
    let resume = client.adapter.resume().unwrap();
    assert_eq!(client.read(&resume), "resume 4 {}");
    client.say(
        "resumed",
        json!({"start": "PT0.04S", "discarded": "PT1.6S"}),
    );
    assert_eq!(
        client.audio(&[0xFF; 320]),
        ["customer 13120+160", "agent 13120+160"]
    );
    client.farewell("");
    assert_eq!(client.adapter.pause(), None);
    assert_eq!(client.adapter.resume(), None);
}

#[test]
fn a_session_can_be_opened_paused() {
    let mut client = Client::new();
    assert_eq!(client.adapter.pause(), None);
    assert_eq!(client.adapter.resume(), None);
    assert_eq!(client.adapter.pause(), None);
    let said = client.say("open", open(&stereo("PCMU")));
    assert!(said[0].ends_with("\"startPaused\":true}"), "{said:?}");
    client.say("paused", json!({}));
    let resume = client.adapter.resume().unwrap();
    assert_eq!(client.read(&resume), "resume 2 {}");
    client.say("resumed", json!({"start": "PT0S", "discarded": "PT0.5S"}));
    assert_eq!(
        client.audio(&[0xFF; 2]),
        ["customer 4000+1", "agent 4000+1"]
    );
}

#[test]
fn what_needs_no_answer_is_taken_note_of() {
    let mut client = Client::opened();
    assert_eq!(
        client.say("update", json!({"language": "en-US"})),
        ["updated 2 {}"]
    );
    let error = json!({"code": 429, "message": "slow down", "retryAfter": "PT3S"});
    assert_eq!(client.say("error", error), [""; 0]);
    assert_eq!(client.say("dtmf", json!({"digit": "7"})), ["key customer"]);
    for kind in ["playback_started", "playback_completed", "open"] {
        assert_eq!(client.say(kind, open(&stereo("PCMU"))), [""; 0]);
    }
    assert_eq!(client.adapter.tally().ignored, 3);
    assert_eq!(client.say("ping", json!({})), ["pong 8 {}"]);
}

#[test]
fn messages_of_an_open_session_mean_nothing_before_it() {
    let mut client = Client::new();
    assert_eq!(client.say("ping", json!({})), ["pong 1 {}"]);
    for kind in ["paused", "resumed", "discarded", "update", "dtmf"] {
        assert_eq!(client.say(kind, json!({})), [""; 0]);
    }
    let said = client.say("open", open(&stereo("PCMU")));
    assert_eq!(said[1], STARTED);
    assert_eq!(client.audio(&[0xFF; 2]), ["customer 0+1", "agent 0+1"]);
}

#[test]
fn members_of_open_that_are_optional_are_understood() {
    let mut client = Client::new();
    let mut parameters = open(&stereo("L16"));
    parameters["language"] = "en-US".into();
    parameters["supportedLanguages"] = true.into();
    parameters["customConfig"] = json!({"a": [1]});
    parameters["continuedSessions"] = json!([{"id": PARTICIPANT, "serverseq": 8, "clientseq": 9}]);
    parameters["weather"] = "mild".into();
    let mut message = client.message("open", parameters);
    message["id"] = SESSION.to_uppercase().into();
    let said = client.send(&message);
    assert!(said[0].ends_with("\"supportedLanguages\":[]}"), "{said:?}");
    let [continued] = client.adapter.continued_sessions() else {
        panic!("one session is continued");
    };
    assert_eq!(&*continued.id, PARTICIPANT);
    assert_eq!(
        (continued.server_sequence, continued.client_sequence),
        (8, 9)
    );
}

#[test]
fn close_is_answered_in_every_state() {
    type Step = fn(&mut Client);
    let prepare: [(Step, &str); 5] = [
        (|_| {}, "closed 1 {}"),
        (
            |client| drop(client.say("open", open(&json!([])))),
            "closed 2 {}",
        ),
        (
            |client| drop(client.say("paused", json!({}))),
            "closed 2 {}",
        ),
        (|client| drop(client.text("garbage")), "closed 1 {}"),
        (
            |client| drop(client.farewell("the gateway is shutting down")),
            "closed 1 {}",
        ),
    ];
    for (index, (prepare, closed)) in prepare.into_iter().enumerate() {
        for (reason, expected) in [
            ("end", CloseReason::End),
            ("error", CloseReason::Error),
            ("disconnect", CloseReason::Disconnect),
            ("reconnect", CloseReason::Reconnect),
            ("whim", CloseReason::Other),
        ] {
            let mut client = Client::new();
            prepare(&mut client);
            let said = client.say("close", json!({"reason": reason}));
            assert_eq!(said, [closed, "stop"], "{index} {reason}");
            assert_eq!(client.adapter.close_reason(), Some(expected));
            // Nothing is said after it.
            assert_eq!(client.say("ping", json!({})), [""; 0]);
            assert_eq!(client.text("garbage"), [""; 0]);
            assert_eq!(client.farewell("too late"), None);
        }
    }
}

#[test]
fn the_gateway_ends_a_session_once() {
    let mut client = Client::opened();
    let problem = "the gateway is shutting down";
    assert_eq!(
        client.farewell(problem).unwrap(),
        format!(
            "disconnect 1 {}",
            json!({"reason": "error", "info": problem})
        )
    );
    assert_eq!(client.farewell(problem), None);
    assert_eq!(client.audio(&[1, 2, 3]), [""; 0]);
    assert_eq!(client.say("ping", json!({})), [""; 0]);
    assert_eq!(
        client.say("close", json!({"reason": "disconnect"})),
        ["closed 3 {}", "stop"]
    );

    let mut client = Client::opened();
    assert_eq!(
        client.farewell("").unwrap(),
        r#"disconnect 1 {"reason":"completed"}"#
    );

    let mut client = Client::new();
    let said = client
        .adapter
        .disconnect(DisconnectReason::Unauthorized, "");
    assert_eq!(
        client.read(&said.unwrap()),
        r#"disconnect 0 {"reason":"unauthorized"}"#
    );
}

#[test]
fn a_handshake_needs_its_ids() {
    let make = AudioHookHandshake::new;
    assert!(make(ORGANIZATION, NULL).is_ok());
    assert_eq!(make("", SESSION), Err(InvalidHandshake::Organization));
    assert_eq!(
        make(ORGANIZATION, "session"),
        Err(InvalidHandshake::Session)
    );
}

#[test]
fn an_open_says_who_takes_part() {
    let mut client = Client::new();
    let mut opening = open(&stereo("PCMU"));
    opening["participant"]["ani"] = "tel:+14155550100".into();
    opening["participant"]["aniName"] = "John Doe".into();
    opening["participant"]["dnis"] = "sip:8005550199@example.com".into();
    opening["customConfig"] =
        json!({"queue": "billing", "agentName": "Alice", "more": {"site": "x"}});
    assert_eq!(client.say("open", opening)[1], STARTED);
    let told = client.adapter.particulars();
    assert_eq!(told.caller.unwrap().expose(), "14155550100");
    assert_eq!(told.called.unwrap().expose(), "8005550199");
    assert_eq!(told.queue.unwrap().as_str(), "billing");
    assert_eq!(told.agent.unwrap().as_str(), "Alice");
    assert_eq!(told.site, None);
    // Whatever else stands there is no reason to refuse a call.
    for custom in [json!("text"), json!(null), json!([1, {"a": 2}]), json!(7)] {
        let mut client = Client::new();
        let mut opening = open(&stereo("PCMU"));
        opening["customConfig"] = custom;
        opening["participant"]["ani"] = json!({"tel": 1});
        assert_eq!(client.say("open", opening)[1], STARTED);
    }
}
