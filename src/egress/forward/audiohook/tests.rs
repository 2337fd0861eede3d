//! Sessions as a recorder sees them: message by message, and with our own door as the recorder.

use proptest::prelude::*;

use super::super::tests::*;
use super::*;
use crate::audio::MediaTime;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::Leg;
use crate::ingress::audiohook::{AudioHookAdapter, AudioHookHandshake};
use crate::ingress::{Adapter, Arrival, Incoming};

const SESSION: &str = "3b9e0405-3c1d-4b34-b4a9-8b1bd7a7b8a7";
const ORGANIZATION: &str = "3698738a-bd67-4b79-8faa-7c4a5bf92cbb";

fn ids() -> SessionIds {
    SessionIds {
        organization: ORGANIZATION.parse().unwrap(),
        session: SESSION.parse().unwrap(),
        correlation: "e160e428-53e2-487c-977d-96989bf5c99d".parse().unwrap(),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A recorder at the other end, that counts both sides' messages.
struct Recorder {
    speaker: AudioHookSpeaker,
    sent: u64,
    read: u64,
    samples: u64,
}

impl Recorder {
    fn of(facts: StreamFacts) -> Self {
        Self {
            speaker: AudioHookSpeaker::new(ids(), facts),
            sent: 0,
            read: 0,
            samples: 0,
        }
    }

    /// With an open session, whose `opened` says this besides.
    fn opened(parameters: Value) -> Self {
        let mut recorder = Self::of(facts(BOTH, 8_000, MU));
        assert_eq!(recorder.begin().len(), 1);
        assert_eq!(recorder.speaker.standing(), Standing::Opening);
        assert!(recorder.say("opened", parameters).is_empty());
        recorder
    }

    fn begin(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        self.speaker.begin(&mut messages).unwrap();
        self.read_all(messages)
    }

    fn say(&mut self, kind: &str, parameters: Value) -> Vec<String> {
        self.say_at(Duration::ZERO, kind, parameters)
    }

    fn say_at(&mut self, since: Duration, kind: &str, parameters: Value) -> Vec<String> {
        self.sent += 1;
        let text = json!({"version": "2", "type": kind, "id": SESSION, "seq": self.sent,
            "clientseq": self.read, "parameters": parameters});
        self.text(since, &text.to_string())
    }

    fn text(&mut self, since: Duration, text: &str) -> Vec<String> {
        let mut messages = Vec::new();
        self.speaker.hear(Heard::Text(text), since, &mut messages);
        self.read_all(messages)
    }

    fn audio(&mut self, start: u64, length: usize) -> Vec<String> {
        let channels = vec![vec![1; length], vec![2; length]];
        let block = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(start), channels);
        let mut messages = Vec::new();
        self.speaker.audio(&block, &mut messages);
        self.read_all(messages)
    }

    fn idle(&mut self, since: Duration) -> Vec<String> {
        let mut messages = Vec::new();
        self.speaker.idle(since, &mut messages);
        self.read_all(messages)
    }

    fn end(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        self.speaker.end(&mut messages);
        self.read_all(messages)
    }

    /// Checks what every message must have; the rest in short.
    fn read_all(&mut self, messages: Vec<Outgoing>) -> Vec<String> {
        let read = |message| {
            if let Outgoing::Binary(bytes) = message {
                self.samples += bytes.len() as u64;
                return format!("audio {}", bytes.len());
            }
            let message = json_of(&message);
            self.read += 1;
            assert_eq!(message["version"], "2");
            assert_eq!(message["id"], SESSION);
            assert_eq!(message["seq"], self.read);
            assert_eq!(message["serverseq"], self.sent.min(self.speaker.read));
            let text = |name: &str| message[name].as_str().unwrap().to_owned();
            let (kind, position) = (text("type"), text("position"));
            format!("{kind} {position} {}", message["parameters"])
        };
        messages.into_iter().map(read).collect()
    }
}

fn media(channels: &[&str]) -> Value {
    json!({"type": "audio", "format": "PCMU", "channels": channels, "rate": 8000})
}

fn stereo() -> Value {
    json!({"media": [media(&["external", "internal"])]})
}

#[test]
fn a_session_reads_as_the_platform_speaks_it() {
    let mut call = facts(BOTH, 8_000, MU);
    call.parameters.extend([
        (
            "organizationId".into(),
            "d7934305-0972-4844-938e-9060eef73d05".into(),
        ),
        (
            "participantId".into(),
            "82861ad6-2c6c-4b0e-9a3c-1c3e0a3f6c11".into(),
        ),
        ("ani".into(), "anonymous".into()),
        ("language".into(), "en-US".into()),
    ]);
    let mut recorder = Recorder::of(call);
    let headers = recorder.speaker.handshake().headers;
    let expected = [
        (
            "audiohook-organization-id",
            "d7934305-0972-4844-938e-9060eef73d05",
        ),
        ("audiohook-session-id", SESSION),
        (
            "audiohook-correlation-id",
            "e160e428-53e2-487c-977d-96989bf5c99d",
        ),
    ];
    assert_eq!(headers, expected.map(|(name, id)| (name, id.to_owned())));

    let open = recorder.begin().remove(0);
    let open: Value = serde_json::from_str(open.strip_prefix("open PT0S ").unwrap()).unwrap();
    let expected = json!({
        "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
        "conversationId": CALL,
        "participant": {"id": "82861ad6-2c6c-4b0e-9a3c-1c3e0a3f6c11", "ani": "anonymous",
            "aniName": "", "dnis": ""},
        "media": [media(&["external", "internal"]), media(&["external"]), media(&["internal"])],
        "language": "en-US",
        "customConfig": {"agentId": "1001"},
    });
    assert_eq!(open, expected);
    assert_eq!(recorder.speaker.due(), Some(OPENING));

    assert!(recorder.say("opened", stereo()).is_empty());
    assert_eq!(recorder.audio(0, 2_000), ["audio 3200", "audio 800"]);
    assert_eq!(recorder.audio(2_000, 6_000).len(), 4);
    assert_eq!(recorder.end(), [r#"close PT1S {"reason":"end"}"#]);
    let leaving = Standing::Leaving(Parting::Confirmed);
    assert_eq!(recorder.speaker.standing(), leaving);
    assert!(recorder.audio(8_000, 100).is_empty());
    assert!(recorder.say("closed", json!({})).is_empty());
    assert_eq!(
        recorder.speaker.standing(),
        Standing::Over(Parting::Confirmed)
    );
}

#[test]
fn samples_take_turns_external_first() {
    let mut recorder = Recorder::opened(stereo());
    let agent = Law::Mu.decode(&[0x11, 0x12, 0x13]);
    let customer = Law::Mu.decode(&[0x21, 0x22, 0x23]);
    let block = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(0), vec![agent, customer]);
    let mut messages = Vec::new();
    recorder.speaker.audio(&block, &mut messages);
    let bytes = vec![0x21, 0x11, 0x22, 0x12, 0x23, 0x13];
    assert_eq!(messages, [Outgoing::Binary(bytes)]);
}

#[test]
fn a_recorder_gets_the_channels_that_it_takes() {
    for (taken, first) in [("external", 0x22), ("internal", 0x11)] {
        let mut recorder = Recorder::opened(json!({"media": [media(&[taken])]}));
        let channels = [0x11, 0x22].map(|byte| Law::Mu.decode(&[byte; 4])).to_vec();
        let block = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(0), channels);
        let mut messages = Vec::new();
        recorder.speaker.audio(&block, &mut messages);
        assert_eq!(messages, [Outgoing::Binary(vec![first; 4])]);
    }
    let mut recorder = Recorder::opened(json!({"media": []}));
    assert!(recorder.audio(0, 8_000).is_empty());
    assert_eq!(recorder.end(), [r#"close PT1S {"reason":"end"}"#]);
}

#[test]
fn pauses_and_gaps_are_told() {
    let mut recorder = Recorder::opened(stereo());
    recorder.audio(0, 16_000);
    assert_eq!(recorder.say("pause", json!({})), ["paused PT2S {}"]);
    assert!(recorder.audio(16_000, 12_800).is_empty());
    assert_eq!(recorder.say("pause", json!({})), ["paused PT3.6S {}"]);
    let resumed = r#"resumed PT3.6S {"discarded":"PT1.6S","start":"PT2S"}"#;
    assert_eq!(recorder.say("resume", json!({})), [resumed]);
    assert_eq!(recorder.audio(28_800, 8), ["audio 16"]);
    let resumed = r#"resumed PT3.601S {"discarded":"PT0S","start":"PT3.601S"}"#;
    assert_eq!(recorder.say("resume", json!({})), [resumed]);
    let discarded = r#"discarded PT3.601125S {"discarded":"PT0.000125S","start":"PT3.601S"}"#;
    assert_eq!(recorder.audio(28_809, 8), [discarded, "audio 16"]);
    // A gap within a pause is a part of it.
    recorder.say("pause", json!({}));
    recorder.audio(36_817, 8);
    let resumed = r#"resumed PT4.603125S {"discarded":"PT1.001S","start":"PT3.602125S"}"#;
    assert_eq!(recorder.say("resume", json!({})), [resumed]);
}

#[test]
fn a_session_may_be_opened_paused_or_with_a_part_left_out() {
    let mut recorder = Recorder::of(facts(BOTH, 8_000, MU));
    recorder.begin();
    let mut opened = stereo();
    opened["startPaused"] = true.into();
    assert_eq!(recorder.say("opened", opened), ["paused PT0S {}"]);
    assert!(recorder.audio(0, 800).is_empty());
    let resumed = r#"resumed PT0.1S {"discarded":"PT0.1S","start":"PT0S"}"#;
    assert_eq!(recorder.say("resume", json!({})), [resumed]);

    let mut opened = stereo();
    opened["discardTo"] = "PT0.13S".into();
    let mut recorder = Recorder::opened(opened);
    assert!(recorder.audio(0, 800).is_empty());
    let discarded = r#"discarded PT0.13S {"discarded":"PT0.13S","start":"PT0S"}"#;
    assert_eq!(recorder.audio(800, 800), [discarded, "audio 1120"]);
}

#[test]
fn pings_come_as_from_the_platform_and_must_be_answered() {
    let mut recorder = Recorder::of(facts(BOTH, 8_000, MU));
    recorder.begin();
    recorder.say_at(seconds(2), "opened", stereo());
    assert_eq!(recorder.speaker.due(), Some(seconds(3)));
    assert!(recorder.idle(seconds(2)).is_empty());
    assert_eq!(recorder.idle(seconds(3)), ["ping PT0S {}"]);
    let pong = seconds(3) + Duration::from_nanos(2_950_422);
    let second = recorder.say_at(pong, "pong", json!({}));
    assert_eq!(second, [r#"ping PT0S {"rtt":"PT0.002950422S"}"#]);
    assert!(recorder.say_at(seconds(4), "pong", json!({})).is_empty());
    assert_eq!(recorder.speaker.due(), Some(pong + PING));
    // One that answers nothing, or the wrong one, does no harm.
    assert!(recorder.say("pong", json!({}))[0].starts_with("error PT0S {\"code\":409"));
    assert_eq!(recorder.idle(pong + PING).len(), 1);
    let late = recorder.idle(pong + PING + PING);
    assert!(late[0].starts_with("error PT0S {\"code\":408"), "{late:?}");
    assert_eq!(late[1], r#"close PT0S {"reason":"error"}"#);
    recorder.say("closed", json!({}));
    assert_eq!(recorder.speaker.standing(), Standing::Over(Parting::Again));
}

#[test]
fn a_recorder_may_end_the_session() {
    for (kind, parameters, reason, parting) in [
        (
            "disconnect",
            json!({"reason": "completed"}),
            "disconnect",
            Parting::Declined,
        ),
        (
            "disconnect",
            json!({"reason": "error", "info": "x"}),
            "disconnect",
            Parting::Again,
        ),
        (
            "disconnect",
            json!({"reason": "unauthorized"}),
            "disconnect",
            Parting::Again,
        ),
        ("reconnect", json!({}), "reconnect", Parting::Again),
    ] {
        let mut recorder = Recorder::opened(stereo());
        let close = format!(r#"close PT0S {{"reason":"{reason}"}}"#);
        assert_eq!(recorder.say(kind, parameters), [close]);
        assert_eq!(recorder.speaker.standing(), Standing::Leaving(parting));
        assert!(recorder.say("pause", json!({})).is_empty());
        assert!(recorder.end().is_empty());
        recorder.say("closed", json!({}));
        assert_eq!(recorder.speaker.standing(), Standing::Over(parting));
    }
}

#[test]
fn a_recorder_that_does_not_answer_is_left() {
    let mut recorder = Recorder::of(facts(BOTH, 8_000, MU));
    recorder.begin();
    assert!(recorder.idle(seconds(4)).is_empty());
    let said = recorder.idle(seconds(5));
    assert!(said[0].starts_with("error PT0S {\"code\":408"), "{said:?}");
    assert_eq!(recorder.speaker.past(), None);

    let mut recorder = Recorder::opened(stereo());
    recorder.end();
    assert_eq!(recorder.speaker.due(), Some(Duration::ZERO));
    assert!(recorder.idle(seconds(60)).is_empty());
    assert_eq!(recorder.speaker.due(), Some(seconds(70)));
    assert_eq!(recorder.idle(seconds(70)).len(), 1);
    assert_eq!(recorder.speaker.standing(), Standing::Over(Parting::Again));
}

#[test]
fn breaches_of_the_rules_end_the_session_with_their_code() {
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(65_536));
    let message = |seq: u64, clientseq: u64, id: &str, kind: &str| {
        json!({"version": "2", "type": kind, "id": id, "seq": seq, "clientseq": clientseq,
            "parameters": {}})
        .to_string()
    };
    let other = "00000000-0000-4000-8000-000000000000";
    for (text, code) in [
        ("nonsense".to_owned(), 400),
        (long, 413),
        (message(3, 1, SESSION, "pause"), 500),
        (message(2, 9, SESSION, "pause"), 500),
        (message(2, 1, other, "pause"), 400),
        (message(2, 1, SESSION, "sing"), 500),
        (message(2, 1, SESSION, "opened"), 409),
        (message(2, 1, SESSION, "closed"), 409),
    ] {
        let mut recorder = Recorder::opened(stereo());
        let mut messages = Vec::new();
        recorder
            .speaker
            .hear(Heard::Text(&text), Duration::ZERO, &mut messages);
        let said: Vec<Value> = messages.iter().map(json_of).collect();
        assert_eq!(said[0]["parameters"]["code"], code, "{said:?}");
        assert_eq!(said[1]["parameters"]["reason"], "error");
        assert_eq!(said.len(), 2);
    }
    for media in [
        json!([media(&["internal", "external"])]),
        json!([media(&["external"]), media(&["internal"])]),
    ] {
        let mut recorder = Recorder::of(facts(BOTH, 8_000, MU));
        recorder.begin();
        let said = recorder.say("opened", json!({"media": media}));
        assert!(said[0].starts_with("error PT0S {\"code\":400"), "{said:?}");
    }
    let mut recorder = Recorder::opened(stereo());
    let mut messages = Vec::new();
    let audio = Heard::Binary(&[0]);
    recorder.speaker.hear(audio, Duration::ZERO, &mut messages);
    assert_eq!(json_of(&messages[0])["parameters"]["code"], 415);
}

#[test]
fn a_session_in_place_of_another_says_so() {
    let mut first = Recorder::opened(stereo());
    first.audio(0, 8_000);
    let past = first.speaker.past().unwrap();
    let mut call = facts(BOTH, 8_000, MU);
    call.stream = "11111111-1111-4111-8111-111111111111".into();
    call.begins = MediaTime::from_millis(500);
    call.attempt = 1;
    let mut second = Recorder::of(call);
    second.speaker.follows(&[past]);
    let open = second.begin().remove(0);
    let continued =
        format!(r#""continuedSessions":[{{"clientseq":1,"id":"{SESSION}","serverseq":1}}]"#);
    assert!(open.contains(&continued), "{open}");
    assert!(open.contains(r#""hushgateBeginsMs":"500""#), "{open}");
    second.say("opened", stereo());
    assert_eq!(second.audio(4_000, 100), ["audio 200"]);
    assert_eq!(second.end(), [r#"close PT0.0125S {"reason":"end"}"#]);
}

#[test]
fn the_platforms_session_keeps_its_id_on_the_first_connection() {
    let id = "11111111-1111-4111-8111-111111111111";
    let mut call = facts(BOTH, 8_000, MU);
    call.stream = id.into();
    call.parameters = vec![("note".into(), "x".repeat(70_000))];
    let mut speaker = AudioHookSpeaker::new(ids(), call);
    assert_eq!(speaker.handshake().headers[1].1, id);
    let mut messages = Vec::new();
    speaker.begin(&mut messages).unwrap();
    let open = json_of(&messages[0]);
    assert_eq!(open["id"], id);
    assert_eq!(open["parameters"].get("customConfig"), None);
}

#[test]
fn another_rate_is_refused_and_other_encodings_are_offered_too() {
    let wide = facts(BOTH, 16_000, Encoding::LinearLittle);
    let problem = AudioHookSpeaker::new(ids(), wide).begin(&mut Vec::new());
    assert_eq!(
        problem.unwrap_err().to_string(),
        "AudioHook carries 8000 Hz; this call has 16000 Hz"
    );
    let formats = |legs, encoding| -> Vec<String> {
        let offers = Media::offers(legs, encoding);
        let describe = |offer: &Media| {
            let offer = offer.describe();
            format!("{} {}", offer["format"], offer["channels"]).replace('"', "")
        };
        offers.iter().map(describe).collect()
    };
    let all = formats(BOTH, Encoding::LinearLittle);
    assert_eq!(
        all,
        [
            "PCMU [external,internal]",
            "PCMU [external]",
            "PCMU [internal]",
            "L16 [external,internal]",
            "L16 [external]",
            "L16 [internal]"
        ]
    );
    assert_eq!(formats(&[Leg::Mixed], MU), ["PCMU [external]"]);
    assert_eq!(formats(&[Leg::Agent], MU), ["PCMU [internal]"]);
}

/// Carries messages between a speaker and our own door until both are silent.
fn exchange(
    speaker: &mut AudioHookSpeaker,
    door: &mut AudioHookAdapter,
    recorded: &mut Recorded,
    mut messages: Vec<Outgoing>,
) {
    while !messages.is_empty() {
        let mut arrivals = Vec::new();
        for message in messages.drain(..) {
            let incoming = match &message {
                Outgoing::Text(text) => Incoming::Text(text),
                Outgoing::Binary(bytes) => Incoming::Binary(bytes),
            };
            door.handle(incoming, Duration::ZERO, &mut arrivals)
                .unwrap();
        }
        for arrival in &arrivals {
            if let Arrival::Reply(text) = arrival {
                speaker.hear(Heard::Text(text), Duration::ZERO, &mut messages);
            }
        }
        recorded.take(arrivals);
    }
}

proptest! {
    /// Whatever a recorder says, every message to it has the next number, and none follows the end.
    #[test]
    fn a_hostile_recorder_is_left_by_the_rules(
        said in prop::collection::vec(("[a-z]{4}|opened|pause|resume|pong|closed|disconnect|reconnect",
            0_u64..3, "PT[0-9.]{1,9}S", 0_u64..8), 1..30),
    ) {
        let mut speaker = AudioHookSpeaker::new(ids(), facts(BOTH, 8_000, MU));
        let mut messages = Vec::new();
        speaker.begin(&mut messages).unwrap();
        for (at, (kind, seq, time, second)) in said.iter().enumerate() {
            let is_over = matches!(speaker.standing(), Standing::Over(_));
            let before = messages.len();
            let text = json!({"version": "2", "type": kind, "id": SESSION,
                "seq": speaker.read + seq, "clientseq": speaker.sent,
                "parameters": {"media": [media(&["internal"])], "discardTo": time}});
            speaker.hear(Heard::Text(&text.to_string()), seconds(*second), &mut messages);
            let length = 100 * (at + 1);
            let block = CleanAudio::for_test(SampleRate::TELEPHONE,
                SampleIndex(at as u64 * 10_000), vec![vec![1; length]; 2]);
            speaker.audio(&block, &mut messages);
            speaker.idle(seconds(*second), &mut messages);
            prop_assert!(!is_over || messages.len() == before);
        }
        speaker.end(&mut messages);
        let texts = messages.iter().filter(|message| matches!(message, Outgoing::Text(_)));
        for (at, text) in texts.enumerate() {
            prop_assert_eq!(&json_of(text)["seq"], at + 1);
        }
    }

    /// However audio is cut into blocks, and whenever the recorder pauses, it hears every sample that it
    /// did not refuse in its place.
    #[test]
    fn a_door_hears_the_same(
        pieces in pieces(),
        pauses in prop::collection::vec(any::<bool>(), 25),
        start_paused in any::<bool>(),
    ) {
        let facts = facts(BOTH, 8_000, MU);
        let call = spoken(&facts, &pieces);
        let mut speaker = AudioHookSpeaker::new(ids(), facts);
        let handshake = AudioHookHandshake::new(ORGANIZATION, SESSION).unwrap();
        let mut door = AudioHookAdapter::new(handshake);
        let mut recorded = Recorded::default();
        let mut paused = start_paused;
        if paused {
            door.pause();
        }
        let mut messages = Vec::new();
        speaker.begin(&mut messages).unwrap();
        exchange(&mut speaker, &mut door, &mut recorded, messages);
        let mut expected = [Vec::new(), Vec::new()];
        for (block, pause) in call.blocks.iter().zip(pauses) {
            if pause != paused {
                let asked = if pause { door.pause() } else { door.resume() };
                let mut messages = Vec::new();
                speaker.hear(Heard::Text(&asked.unwrap()), Duration::ZERO, &mut messages);
                exchange(&mut speaker, &mut door, &mut recorded, messages);
                paused = pause;
            }
            let mut messages = Vec::new();
            speaker.audio(block, &mut messages);
            exchange(&mut speaker, &mut door, &mut recorded, messages);
            if !paused {
                for (expected, channel) in expected.iter_mut().zip(block.channels()) {
                    expected.resize(block.start().0 as usize, 0);
                    expected.extend(channel);
                }
            }
        }
        let mut messages = Vec::new();
        speaker.end(&mut messages);
        exchange(&mut speaker, &mut door, &mut recorded, messages);
        prop_assert_eq!(speaker.standing(), Standing::Over(Parting::Confirmed));
        prop_assert!(recorded.stopped);
        prop_assert_eq!(&recorded.started, &format!("{CALL} [Agent, Customer] 8000"));
        prop_assert_eq!(recorded.leg(Leg::Agent), &expected[0]);
        prop_assert_eq!(recorded.leg(Leg::Customer), &expected[1]);
    }
}

#[test]
fn durations_are_read_and_written() {
    for (text, expected) in [
        ("PT1.3S", Some(10_400)),
        ("PT0S", Some(0)),
        ("PT.5S", Some(4_000)),
        ("PT1S", Some(8_000)),
        ("PT1.S", None),
        ("PT-1S", None),
        ("PT1e3S", None),
        ("PTS", None),
        ("PT99999999S", None),
    ] {
        assert_eq!(samples(text), expected, "{text}");
    }
    assert_eq!(stream_time(1), "PT0.000125S");
    assert_eq!(stream_time(98_720), "PT12.34S");
}
