//! Calls under way over real sockets: seen, heard, paused, marked, by whom they may be, and what becomes of it in the
//! recording.

mod listening;

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use hushgate::access::{Role, Scope};
use hushgate::call::particulars::{Label, Particulars};
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::egress::report::HandStep;
use hushgate::gateway::player::{Closed, PlayError, Playback, Speed};
use hushgate::gateway::serve::Entrance;
use hushgate::store::audit::Action;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::access::{Office, agent, all_of, at};
use crate::support::*;

/// A gateway whose calls an office sees: those of agent a7 in Seoul come in at /twilio, others at /busan.
async fn gateway(office: &Office, script: Script) -> Gateway {
    let (live, auditor) = (office.live.clone(), office.auditor.clone());
    Gateway::start_with(script, move |settings| {
        let usual = |site: &str, agent: &str| Particulars {
            site: Some(Label::new(site).unwrap()),
            queue: Some(Label::new("cards").unwrap()),
            agent: Some(Label::new(agent).unwrap()),
            ..Particulars::default()
        };
        let seoul = Door::new(Protocol::Twilio);
        let busan = Door {
            name: "busan".into(),
            path: "/busan".into(),
            usual: usual("Busan", "a8"),
            ..seoul.clone()
        };
        let seoul = Door {
            usual: usual("Seoul", "a7"),
            ..seoul
        };
        settings.doors = [seoul, busan]
            .map(|door| Entrance::new(door).unwrap())
            .into();
        settings.live = live;
        *settings = settings.clone().with_audit(auditor);
    })
    .await
}

/// Plays the beginning of a sample in its own time.
fn play(
    gateway: &Gateway,
    call: &str,
    path: &str,
    seconds: u64,
) -> JoinHandle<Result<Closed, PlayError>> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/pan_asked.wav");
    let whole = Playback::from_file(&sample, call_id(call), Speed::Realtime).unwrap();
    let length = hushgate::audio::MediaTime::from_millis(seconds * 1_000);
    let playback = whole.as_call(call_id(call), length);
    let url = format!("ws://{}{path}", gateway.address);
    tokio::spawn(async move { playback.play(&url, |_| {}).await })
}

/// What the played sample sounds like.
fn played(seconds: usize) -> Vec<Vec<i16>> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/pan_asked.wav");
    let playback = Playback::from_file(&sample, call_id("x"), Speed::Max).unwrap();
    [&playback.agent, &playback.customer]
        .map(|track| linear(&track[..seconds * 8_000]))
        .into()
}

async fn token(office: &Office, role: Role, scope: Scope) -> String {
    office.token(role, &all_of(role), scope).await
}

/// Asks until a call is listed and has come so far.
async fn has_come(office: &Office, proof: &str, call: &str, seconds: f64) -> Value {
    let asking = async {
        loop {
            let listed = office.get("/api/v1/live", proof).await.json();
            let mut calls = listed["calls"].as_array().unwrap().iter();
            let found = calls.find(|found| found["call"] == call);
            if let Some(found) = found.filter(|found| found["head"].as_f64().unwrap() >= seconds) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .unwrap()
}

async fn post(office: &Office, proof: &str, path: &str, body: &str) -> Value {
    let answer = office
        .ask("POST", &format!("/api/v1/live/{path}"), proof, body)
        .await;
    assert_eq!(
        answer.status,
        200,
        "{path}: {}",
        String::from_utf8_lossy(&answer.body)
    );
    answer.json()
}

/// The events of a stream's text: id, type, data.
fn events(answer: &[u8]) -> Vec<(Option<String>, String, Value)> {
    let text = String::from_utf8(answer.to_vec()).unwrap();
    // Pieces of a chunked answer end with line ends of their own.
    let text: Vec<&str> = text.split("\r\n").collect();
    let text = text.concat();
    let mut found = Vec::new();
    let (mut id, mut kind) = (None, String::new());
    for line in text.lines() {
        // The length of a piece may stand before its first line.
        if let Some((_, rest)) = line
            .split_once("id: ")
            .filter(|(before, _)| before.len() < 8)
        {
            id = Some(rest.to_owned());
        } else if let Some((_, rest)) = line
            .split_once("event: ")
            .filter(|(before, _)| before.len() < 8)
        {
            kind = rest.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            found.push((
                id.take(),
                std::mem::take(&mut kind),
                serde_json::from_str(data).unwrap(),
            ));
        }
    }
    found
}

fn of<'a>(events: &'a [(Option<String>, String, Value)], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event.1 == kind)
        .map(|event| &event.2)
        .collect()
}

fn samples(seconds: &Value) -> usize {
    (seconds.as_f64().unwrap() * 8_000.0).round() as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_what_is_paused_by_hand_is_not_in_the_recording() {
    let office = Office::open("").await;
    let gateway = gateway(&office, hears_nothing()).await;
    let seoul = token(&office, Role::Supervisor, at("Seoul")).await;
    let busan = token(&office, Role::Supervisor, at("Busan")).await;
    let theirs = token(&office, Role::Agent, agent()).await;
    let auditor = token(&office, Role::Auditor, Scope::default()).await;
    let call = play(&gateway, "CA1", "/twilio", 5);
    let other = play(&gateway, "CA2", "/busan", 1);
    let shown = has_come(&office, &seoul, "CA1", 0.2).await;
    for (field, expected) in [
        ("site", json!("Seoul")),
        ("queue", json!("cards")),
        ("agent", json!("a7")),
        ("legs", json!(["agent", "customer"])),
        ("rate", json!(8_000)),
        ("hold", json!(2.0)),
        ("state", json!("recording")),
        ("examined", json!(true)),
        ("recorder", json!("here")),
        ("recorder_state", json!("ok")),
        ("why", Value::Null),
        ("hidden", json!(0)),
    ] {
        assert_eq!(shown[field], expected, "{field}: {shown}");
    }
    // Whoever may not see it does not.
    has_come(&office, &busan, "CA2", 0.1).await;
    let listed = office.get("/api/v1/live", &busan).await.json();
    assert_eq!(listed["calls"].as_array().unwrap().len(), 1);
    for (method, path, proof) in [
        ("GET", "CA1", &busan),
        ("GET", "CA1/protection", &busan),
        ("POST", "CA1/pause", &busan),
        ("GET", "CA1", &auditor),
        ("POST", "CA1/messages", &theirs),
        ("POST", "CA2/pause", &theirs),
    ] {
        let answer = office
            .ask(
                method,
                &format!("/api/v1/live/{path}"),
                proof,
                "{\"text\":\"x\"}",
            )
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "not_permitted"),
            "{path}"
        );
    }
    let address = office.address;
    let watched = {
        let seoul = seoul.clone();
        tokio::spawn(async move { watch(address, &seoul, "wait=9").await })
    };

    has_come(&office, &seoul, "CA1", 1.2).await;
    let paused = post(
        &office,
        &theirs,
        "@mine/pause",
        "{\"reason\": \"card follows\"}",
    )
    .await;
    assert_eq!(paused["call"], "CA1");
    assert_eq!(paused["state"], "paused");
    assert_eq!(paused["protected"], true);
    assert_eq!(
        (&paused["why"], &paused["by"]),
        (&json!("manual"), &json!("test agent"))
    );
    let again = post(&office, &seoul, "CA1/pause", "").await;
    assert_eq!(
        (&again["since"], &again["by"]),
        (&paused["since"], &json!("test agent"))
    );
    let told = post(
        &office,
        &seoul,
        "CA1/messages",
        "{\"text\": \"take your time\"}",
    )
    .await;
    let seen = office
        .get("/api/v1/live/@mine/protection", &theirs)
        .await
        .json();
    assert_eq!(seen["messages"][0]["text"], "take your time");
    assert_eq!(seen["messages"][0]["id"], told["id"]);
    let number = "{\"note\": \"4111 1111 1111 1111\"}";
    let answer = office
        .ask("POST", "/api/v1/live/CA1/marks", &seoul, number)
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "bad_request")
    );
    assert!(!String::from_utf8_lossy(&answer.body).contains("4111"));
    has_come(&office, &seoul, "CA1", 2.2).await;
    let mark = post(
        &office,
        &seoul,
        "CA1/marks",
        "{\"note\": \"asked for a card\"}",
    )
    .await;
    let resumed = post(&office, &theirs, "CA1/resume", "").await;
    assert_eq!(
        (&resumed["state"], &resumed["by"]),
        (&json!("recording"), &Value::Null)
    );
    has_come(&office, &seoul, "CA1", 4.4).await;
    let blanked = post(&office, &seoul, "CA1/blank", "{\"seconds\": 1}").await;
    assert_eq!(blanked["too_late"], 0.0);
    let wrong = office
        .ask("POST", "/api/v1/live/CA1/blank", &seoul, "{\"seconds\": 3}")
        .await;
    assert_eq!(wrong.status, 400);
    let detail = office.get("/api/v1/live/CA1", &seoul).await.json();
    assert_eq!(detail["marks"][0]["note"], "asked for a card");
    assert_eq!(
        detail["hiding"].as_array().unwrap().len(),
        4,
        "{}",
        detail["hiding"]
    );
    assert!(detail["peaks"]["agent"].as_array().unwrap().len() > 10);
    call.await.unwrap().unwrap();
    other.await.unwrap().unwrap();

    let (report, recorded) = gateway.recording("CA1").await;
    let input = played(5);
    let hidden = [
        // What was said before the button was pressed may still have been on its way.
        samples(&paused["since"])..samples(&resumed["at"]) + 8_000,
        samples(&blanked["from"])..samples(&blanked["to"]),
    ];
    assert!(
        hidden[0].len() > 8_000 && hidden[1].len() == 8_000,
        "{hidden:?}"
    );
    for (leg, (recorded, input)) in recorded.iter().zip(&input).enumerate() {
        assert_eq!(recorded.len(), input.len());
        for (at, (out, heard)) in recorded.iter().zip(input).enumerate() {
            let is_hidden = hidden.iter().any(|hidden| hidden.contains(&at));
            assert_eq!(
                *out,
                if is_hidden { 0 } else { *heard },
                "leg {leg}, sample {at}"
            );
        }
    }
    let steps: Vec<(HandStep, &str)> = report
        .by_hand
        .iter()
        .map(|step| (step.step, step.by.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            (HandStep::Paused, "test agent"),
            (HandStep::Marked, "test supervisor"),
            (HandStep::Resumed, "test agent"),
            (HandStep::Blanked, "test supervisor"),
        ]
    );
    assert_eq!(report.by_hand[0].note.as_deref(), Some("card follows"));
    assert_eq!(report.by_hand[1].id.as_deref(), mark["id"].as_str());
    assert!(report.spans.iter().all(|span| span.kind == "manual"));

    let watched = events(&watched.await.unwrap());
    assert!(
        watched.iter().all(|event| event.2["call"] == "CA1"),
        "CA2 is not Seoul's"
    );
    let states: Vec<&str> = of(&watched, "state")
        .iter()
        .filter_map(|state| state["state"].as_str())
        .collect();
    assert!(
        states.contains(&"paused") && states.last() == Some(&"recording"),
        "{states:?}"
    );
    assert_eq!(
        of(&watched, "hiding")[0]["end"],
        Value::Null,
        "its end is open"
    );
    // On a slow machine the one begins where the other ends.
    let stretches = 1 + usize::from(hidden[0].end < hidden[1].start);
    assert_eq!(of(&watched, "hidden").len(), 2 * stretches);
    assert_eq!(of(&watched, "mark")[0]["at_s"], mark["at"]);
    assert_eq!(of(&watched, "message")[0]["id"], told["id"]);
    assert_eq!(of(&watched, "ended")[0]["reason"], Value::Null);
    let levels: Vec<usize> = of(&watched, "levels")
        .iter()
        .map(|levels| levels["agent"].as_array().unwrap().len())
        .collect();
    assert!(
        levels.len() >= 5 && levels.iter().all(|count| *count >= 5),
        "{levels:?}"
    );
    // What is remembered comes again after an id.
    let numbered: Vec<_> = watched.iter().filter(|event| event.0.is_some()).collect();
    let after = numbered[2].0.as_ref().unwrap();
    let resumed = office
        .get(&format!("/api/v1/live/events?wait=0&after={after}"), &seoul)
        .await;
    let resumed = events(&resumed.body);
    assert_eq!(resumed.len(), numbered.len() - 3);
    for (again, first) in resumed.iter().zip(&numbered[3..]) {
        assert_eq!(&again, first);
    }
    let lost = office
        .get("/api/v1/live/events?wait=0&after=x-1", &seoul)
        .await;
    assert_eq!(events(&lost.body)[0].1, "reset");
    let entries = [
        (Action::PausedByHand, 1),
        (Action::ResumedByHand, 1),
        (Action::BlankedByHand, 1),
        (Action::CallMarked, 1),
        (Action::AgentMessaged, 1),
        (Action::AccessDenied, 6),
    ];
    for (action, count) in entries {
        assert_eq!(office.entries(action).len(), count, "{action:?}");
    }
    assert_eq!(
        office.entries(Action::PausedByHand)[0].entry.actor.name,
        "test agent"
    );
    assert!(digit_runs(&watch_log().text()).is_empty());
}

/// Takes a stream of events to its end.
async fn watch(address: std::net::SocketAddr, proof: &str, query: &str) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/live/events?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{proof}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    answer.split_off(end + 4)
}

/// Opens a WebSocket of the interface.
async fn open(office: &Office, path: &str, headers: &str) -> Result<Client, u16> {
    let url = format!("ws://{}/api/v1/live/{path}", office.address);
    let mut request = url.into_client_request().unwrap();
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(Client(socket)),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_stream_ends_with_its_session() {
    let office = Office::open("").await;
    office.user("kim", Role::Supervisor, Scope::default()).await;
    let origin = format!("Origin: http://{}\r\n", office.address);
    let kim = office.session("kim").await + &origin;
    let mut socket = open(&office, "socket", &kim).await.unwrap();
    let watched = {
        let (address, kim) = (office.address, kim.clone());
        tokio::spawn(async move { watch(address, &kim, "").await })
    };
    let live = office.live.clone();
    let gateway = gateway(&office, hears_nothing()).await;
    let call = playback("CA1", sound(1, 1_500), sound(2, 1_500));
    call.play(&gateway.url(), |_| {}).await.unwrap();
    let Some(Ok(Message::Text(text))) = socket.0.next().await else {
        panic!("no event");
    };
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]["call"]),
        (&json!("began"), &json!("CA1"))
    );
    assert_eq!(
        event["id"],
        format!(
            "{}1",
            live.last_event()
                .to_string()
                .split_once('-')
                .unwrap()
                .0
                .to_owned()
                + "-"
        )
    );
    assert_eq!(
        office
            .ask("POST", "/api/v1/sign-out", &kim, "")
            .await
            .status,
        204
    );
    let closing = async {
        loop {
            if let Some(Ok(Message::Close(frame))) = socket.0.next().await {
                return frame.map(|frame| u16::from(frame.code));
            }
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(10), closing)
        .await
        .unwrap();
    assert_eq!(closed, Some(1008));
    let watched = tokio::time::timeout(Duration::from_secs(10), watched)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(of(&events(&watched), "ended").len(), 1);
    assert_eq!(open(&office, "socket", &kim).await.err(), Some(401));
}
