//! A recorder behind the gateway: what it gets, and what becomes of a call when it is slow, gone or late.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use hushgate::audio::MediaTime;
use hushgate::call::Leg;
use hushgate::config::Door;
use hushgate::config::doors::{Authentication, Forward, Protocol};
use hushgate::gateway::serve::Entrance;
use hushgate::ingress::twilio::{Dialect, TwilioAdapter};
use hushgate::ingress::{Adapter, Arrival, Incoming};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use crate::support::*;

/// One connection that a recorder took.
#[derive(Default, Clone)]
struct Taken {
    authorization: Option<String>,
    texts: Vec<String>,
    close: Option<u16>,
}

/// A recorder of Twilio's protocol that was not written by the gateway: it only writes down.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Taken>>>);

impl Recorder {
    /// Accepts connections; the first `cuts.len()` are cut after so many messages.
    fn listen(&self, listener: TcpListener, cuts: Vec<usize>) {
        let taken = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut cuts = cuts.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let place = {
                    let mut taken = taken.lock().unwrap();
                    taken.push(Taken::default());
                    taken.len() - 1
                };
                let note = Arc::clone(&taken);
                #[expect(clippy::result_large_err, reason = "the library's own type")]
                let look = |request: &Request, response: Response| {
                    let header = request.headers().get("authorization");
                    note.lock().unwrap()[place].authorization =
                        header.map(|value| value.to_str().unwrap().to_owned());
                    Ok(response)
                };
                let mut socket = tokio_tungstenite::accept_hdr_async(stream, look)
                    .await
                    .unwrap();
                let cut = cuts.next().unwrap_or(usize::MAX);
                let taken = Arc::clone(&taken);
                tokio::spawn(async move {
                    let mut count = 0;
                    while let Some(Ok(message)) = socket.next().await {
                        let mut taken = taken.lock().unwrap();
                        match message {
                            Message::Text(text) => taken[place].texts.push(text.to_string()),
                            Message::Close(frame) => {
                                taken[place].close = frame.map(|frame| frame.code.into());
                            }
                            _ => {}
                        }
                        count += 1;
                        if count >= cut {
                            return;
                        }
                    }
                    let _ = socket.close(None).await;
                });
            }
        });
    }

    fn taken(&self) -> Vec<Taken> {
        self.0.lock().unwrap().clone()
    }
}

/// A free port that nobody listens on yet.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn forward(port: u16, buffer_seconds: f64) -> Forward {
    Forward {
        url: format!("ws://127.0.0.1:{port}/recorder"),
        protocol: Protocol::Twilio,
        buffer: MediaTime::from_seconds(buffer_seconds),
        authentication: None,
        authorities: None,
    }
}

async fn gateway(script: Script, forward: Forward) -> Gateway {
    let door = Door {
        forward: Some(forward),
        ..Door::new(Protocol::Twilio)
    };
    Gateway::start_with(script, |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await
}

/// The legs' samples of a stream, and where each message says it begins.
fn heard(texts: &[String]) -> [Vec<i16>; 2] {
    let mut adapter = TwilioAdapter::new(Dialect::Twilio, Leg::Agent);
    let mut arrivals = Vec::new();
    for text in texts {
        adapter
            .handle(Incoming::Text(text), Duration::ZERO, &mut arrivals)
            .unwrap();
    }
    let mut legs = [Vec::new(), Vec::new()];
    for arrival in arrivals {
        if let Arrival::Audio(frame) = arrival {
            let leg = &mut legs[usize::from(frame.leg == Leg::Customer)];
            let start = frame.at.0 as usize;
            leg.resize(leg.len().max(start + frame.samples.expose().len()), 0);
            leg[start..][..frame.samples.expose().len()].copy_from_slice(frame.samples.expose());
        }
    }
    legs
}

/// The events of a stream in order, its sequence numbers checked.
fn events(texts: &[String]) -> Vec<String> {
    let mut sequence = 0_u64;
    texts
        .iter()
        .map(|text| {
            let message: Value = serde_json::from_str(text).unwrap();
            let event = message["event"].as_str().unwrap().to_owned();
            if event != "connected" {
                sequence += 1;
                assert_eq!(message["sequenceNumber"], sequence.to_string());
            }
            event
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_the_recorder_hears_what_is_recorded_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let recorder = Recorder::default();
    recorder.listen(listener, Vec::new());
    let gateway = gateway(says_a_card(), forward(port, 30.0)).await;
    let (agent, customer) = (sound(1, 5_000), sound(2, 5_000));
    playback("CA1", agent, customer.clone())
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();

    let (report, channels) = gateway.recording("CA1").await;
    assert!(!report.spans.is_empty(), "a card was spoken");
    assert!(report.not_forwarded.is_empty());
    let [taken] = &recorder.taken()[..] else {
        panic!("{} connections", recorder.taken().len());
    };
    let [agent, customer_heard] = heard(&taken.texts);
    assert!(agent == channels[0], "the agent differs");
    assert!(customer_heard == channels[1], "the customer differs");
    assert!(
        customer_heard != linear(&customer)[..],
        "something was hidden"
    );
    let events = events(&taken.texts);
    assert_eq!(events[..2], ["connected", "start"]);
    assert_eq!(events.last().unwrap(), "stop");
    assert!(
        events[2..events.len() - 1]
            .iter()
            .all(|event| event == "media")
    );
    assert!(
        taken.texts[1].contains("\"streamSid\":\"MZ-CA1\""),
        "{}",
        taken.texts[1]
    );
    assert_eq!(taken.close, Some(1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_that_comes_late_and_is_cut_loses_nothing() {
    let port = free_port();
    let recorder = Recorder::default();
    let late = recorder.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        // The first connection is cut after two handfuls of packets.
        late.listen(listener, vec![20]);
    });
    let gateway = gateway(hears_nothing(), forward(port, 30.0)).await;
    let (agent, customer) = (sound(3, 6_000), sound(4, 6_000));
    playback("CA2", agent.clone(), customer)
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let (report, _) = gateway.recording("CA2").await;
    assert!(
        report.not_forwarded.is_empty(),
        "{:?}",
        report.not_forwarded
    );

    let taken = recorder.taken();
    assert_eq!(taken.len(), 2);
    let start: Value = serde_json::from_str(&taken[1].texts[1]).unwrap();
    assert_ne!(start["streamSid"], "MZ-CA2", "a stream of its own");
    let begins = start["start"]["customParameters"]["hushgateBeginsMs"]
        .as_str()
        .unwrap();
    let begins = begins.parse::<usize>().unwrap() * 8;
    let [first, _] = heard(&taken[0].texts);
    let [second, _] = heard(&taken[1].texts);
    let played = linear(&agent);
    assert!(first[..] == played[..first.len()]);
    assert!(
        begins <= first.len(),
        "nothing between the two streams is missing"
    );
    let rest = &played[begins..];
    assert!(second[..rest.len()] == *rest, "the second stream goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_without_a_recorder_the_call_is_recorded_and_the_loss_is_told() {
    let gateway = gateway(hears_nothing(), forward(free_port(), 1.0)).await;
    playback("CA3", sound(5, 3_000), sound(6, 3_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let json = gateway.recordings.join("CA3.json");
    eventually(Duration::from_secs(30), || json.exists().then_some(())).await;
    let (report, channels) = gateway.recording("CA3").await;
    assert!(channels[0].len() >= 24_000);
    let lost: f64 = report
        .not_forwarded
        .iter()
        .map(|stretch| stretch.end - stretch.start)
        .sum();
    assert!(
        (lost - report.duration_s).abs() < 0.01,
        "{lost} s of {}",
        report.duration_s
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_the_gateway_proves_itself_to_the_recorder() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let recorder = Recorder::default();
    recorder.listen(listener, Vec::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "sesame\n").unwrap();
    let config = folder.path().join("hushgate.toml");
    std::fs::write(
        &config,
        format!(
            "[doors.twilio.forward]\nurl = \"ws://127.0.0.1:{port}/r\"\n\
             [doors.twilio.forward.auth]\nkind = \"bearer\"\nsecrets = [\"file:token\"]\n"
        ),
    )
    .unwrap();
    let config = hushgate::config::Config::load(Some(&config), Default::default()).unwrap();
    let door = config.doors[0].clone();
    assert!(matches!(
        door.forward.as_ref().unwrap().authentication,
        Some(Authentication::Bearer { .. })
    ));
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await;
    playback("CA4", sound(7, 500), sound(8, 500))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    gateway.recording("CA4").await;
    assert_eq!(
        recorder.taken()[0].authorization.as_deref(),
        Some("Bearer sesame")
    );
}
