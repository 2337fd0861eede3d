//! Calls that go on to a recorder by a recording session of the gateway's own: what it is told and hears, and what
//! becomes of a call when it refuses, leaves or is not there.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::call::Leg;
use hushgate::config::Door;
use hushgate::config::doors::{Forward, Protocol};
use hushgate::egress::Report;
use hushgate::gateway::serve::{Entrance, Settings};
use tokio::net::UdpSocket;

use crate::session_client::*;
use crate::session_recorder::{Deal, Heard, SessionRecorder, header, labels};
use crate::support::*;

fn forward(url: String) -> Forward {
    Forward {
        url,
        protocol: Protocol::Siprec,
        buffer: MediaTime::from_seconds(30.0),
        authentication: None,
        authorities: None,
    }
}

/// A gateway whose only door forwards to a recorder.
async fn gateway(script: Script, door: Door, forward: Forward) -> Gateway {
    let door = Door {
        forward: Some(forward),
        ..door
    };
    Gateway::start_with(script, |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await
}

fn siprec_door(first_port: u16) -> Door {
    Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        rtp_ports: first_port..=first_port + 49,
        ..Door::new(Protocol::Siprec)
    }
}

/// A gateway that records what another sends it, and where it is invited.
async fn recorder(first_port: u16, change: impl FnOnce(&mut Settings)) -> (Gateway, SocketAddr) {
    let door = siprec_door(first_port);
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
        change(settings);
    })
    .await;
    let address = gateway.own[0].1;
    (gateway, address)
}

/// The only recording of a folder, whatever its name.
async fn only_recording(folder: &Path) -> (Report, Vec<Vec<i16>>) {
    let name = eventually(Duration::from_secs(30), || {
        let files = std::fs::read_dir(folder).ok()?;
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        names
            .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
            .next()
    })
    .await;
    recording(folder, &name).await
}

/// Asserts that one leg's recording is in another, and returns where it begins there.
fn assert_within(recorded: &[i16], forwarded: &[i16], leg: Leg) -> usize {
    let loud = recorded.iter().position(|sample| *sample != 0).unwrap();
    let stretch = &recorded[loud..loud + 400];
    let found = forwarded.windows(400).position(|heard| heard == stretch);
    let begins = found.unwrap_or_else(|| panic!("nothing of {leg} is heard")) as i64 - loud as i64;
    for (at, sample) in recorded.iter().enumerate() {
        let place = begins + at as i64;
        let heard = usize::try_from(place)
            .ok()
            .and_then(|place| forwarded.get(place));
        // What is before or after the other recording is silence in this one.
        assert_eq!(heard.unwrap_or(&0), sample, "{leg} at {at}, from {begins}");
    }
    usize::try_from(begins).unwrap_or(0)
}

/// Hears a card in what is said first, and nothing more.
fn says_a_card_first() -> Script {
    let (card, nothing) = (says_a_card(), hears_nothing());
    std::sync::Arc::new(move |window| {
        if window.span.start < MediaTime::from_millis(1_500) {
            card(window)
        } else {
            nothing(window)
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_gateway_behind_hears_what_is_recorded_to_the_sample() {
    for (first_port, parameter) in [(42_000, ""), (42_100, ";transport=tcp")] {
        let (behind, address) = recorder(first_port, |_| {}).await;
        let url = format!("sip:{address}{parameter}");
        let front = gateway(
            says_a_card_first(),
            siprec_door(first_port + 50),
            forward(url),
        )
        .await;
        let mut client = SessionClient::udp("chain", front.own[0].1).await;
        let own = [
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        ];
        let ports = [0, 1].map(|place: usize| own[place].local_addr().unwrap().port());
        let (content_type, body) = with_metadata(&description(1, &two_streams(ports)));
        let answer = client.invite(&content_type, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (customer, agent) = (sound(21, 14_000), sound(22, 14_000));
        tokio::join!(
            send_packets(&own[0], answer.ports[0], packets(11, &customer)),
            send_packets(&own[1], answer.ports[1], packets(22, &agent)),
        );
        client.bye().await;
        let (report, recorded) = front.recording("chain").await;
        assert!(!report.spans.is_empty());
        assert!(
            report.not_forwarded.is_empty(),
            "{:?}",
            report.not_forwarded
        );
        let (copied, heard) = only_recording(&behind.recordings).await;
        assert_eq!(copied.abnormal_end, None);
        assert_eq!(copied.legs, report.legs);
        let one = assert_within(&recorded[0], &heard[0], Leg::Agent);
        let other = assert_within(&recorded[1], &heard[1], Leg::Customer);
        assert_eq!(one, other, "the legs are aligned");
        let log = watch_log().text();
        assert!(!log.contains("5550100123"));
    }
}

/// Plays a call through a gateway with a Twilio door to a recorder, and waits until it is recorded.
async fn play(
    call: &str,
    script: Script,
    forward: Forward,
    seconds: usize,
) -> (Report, Vec<Vec<i16>>) {
    let gateway = gateway(script, Door::new(Protocol::Twilio), forward).await;
    let (agent, customer) = (sound(1, seconds * 1_000), sound(2, seconds * 1_000));
    playback(call, agent, customer)
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let json = gateway.recordings.join(format!("{call}.json"));
    eventually(Duration::from_secs(60), || json.exists().then_some(())).await;
    gateway.recording(call).await
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// What a stream's packets hold, by their times: mu-law from its first packet on. Asserts that they are valid.
fn assert_valid(stream: &[(tokio::time::Instant, Vec<u8>)]) -> Vec<u8> {
    let first = &stream[0].1;
    assert_eq!(first[..2], [0x80, 0x80], "the first is marked");
    let (sequence, timestamp) = (u16::from_be_bytes([first[2], first[3]]), word(&first[4..]));
    let mut sound = Vec::new();
    for (number, (_, packet)) in stream.iter().enumerate() {
        assert_eq!((packet[0], packet[1] & 0x7F), (0x80, 0));
        let counted = u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(counted, sequence.wrapping_add(number as u16));
        assert_eq!(word(&packet[8..]), word(&first[8..]), "one source");
        let at = word(&packet[4..]).wrapping_sub(timestamp) as usize;
        assert!(at >= sound.len(), "times go up");
        sound.resize(at, 0xFF);
        sound.extend(&packet[12..]);
        assert!(packet.len() == 172 || number == stream.len() - 1);
    }
    sound
}

/// Asserts that a session's streams hold what was recorded, from `begins` on: customer first.
fn assert_heard(session: &Heard, recorded: &[Vec<i16>], begins: usize) -> [usize; 2] {
    [(0, 1), (1, 0)].map(|(stream, channel): (usize, usize)| {
        let sound = assert_valid(&session.streams[stream]);
        let heard = linear(&sound);
        let rest = &recorded[channel][begins..];
        let length = heard.len().min(rest.len());
        assert!(heard[..length] == rest[..length], "stream {stream}");
        assert!(heard[length..].iter().all(|sample| *sample == 0));
        begins + length
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_is_invited_as_rfc_7866_says_and_hears_fill() {
    let recorder = SessionRecorder::start(&[]).await;
    let (report, recorded) = play("CA1", says_a_card(), forward(recorder.url()), 8).await;
    assert!(
        report.not_forwarded.is_empty(),
        "{:?}",
        report.not_forwarded
    );
    let [session] = &recorder.heard()[..] else {
        panic!("{} sessions", recorder.heard().len());
    };
    let invite = &session.invites[0];
    assert!(
        invite.starts_with("INVITE sip:recorder@127.0.0.1:"),
        "{invite}"
    );
    assert_eq!(header(invite, "Require"), "siprec");
    assert!(header(invite, "Contact").contains(">;+sip.src"));
    assert!(header(invite, "Content-Type").starts_with("multipart/mixed"));
    assert!(invite.contains("Content-Type: application/rs-metadata+xml"));
    assert_eq!(invite.matches("a=sendonly").count(), 2);
    let told = labels(invite);
    assert_eq!(told.len(), 2);
    for label in told {
        assert!(invite.contains(&format!("<label>{label}</label>")));
    }
    assert_eq!(invite.matches("<participantstreamassoc ").count(), 2);
    assert!(invite.contains(">CA1</h:annotation>"), "{invite}");
    assert!(invite.contains("sip:customer@") && invite.contains("sip:agent@"));

    assert_eq!(assert_heard(session, &recorded, 0), [recorded[0].len(); 2]);
    let sources = [0, 1].map(|stream: usize| word(&session.streams[stream][0].1[8..]));
    assert_ne!(sources[0], sources[1]);
    let spans = report.spans.iter().filter(|span| span.leg == Leg::Customer);
    let sound = assert_valid(&session.streams[0]);
    let mut hidden = 0;
    for span in spans {
        let [from, to] = [span.start, span.end].map(|at| (at * 8_000.0).round() as usize);
        let to = to.min(sound.len());
        assert!(sound[from..to].iter().all(|byte| *byte == 0xFF));
        hidden += to - from;
    }
    assert!(hidden > 4_000);
    // At the pace of a call, reported on, and ended after the last packet.
    let (begun, ended) = (
        session.streams[0][0].0,
        session.streams[0].last().unwrap().0,
    );
    let took = (ended - begun).as_secs_f64();
    assert!((report.duration_s - took).abs() < 0.5, "{took} s");
    assert!(session.reports.iter().all(|reports| reports[0][1] == 200));
    assert!(session.left.unwrap() >= ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_that_is_not_there_is_told_as_lost() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let url = format!("sip:{}", nobody.local_addr().unwrap());
    let (report, recorded) = play("CA2", hears_nothing(), forward(url), 3).await;
    assert!(recorded[0].len() >= 24_000);
    let lost: f64 = report
        .not_forwarded
        .iter()
        .map(|stretch| stretch.end - stretch.start)
        .sum();
    assert!((lost - report.duration_s).abs() < 0.01, "{lost} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_that_is_busy_at_first_gets_all_of_the_call() {
    let busy = Deal::Refuse("503 Service Unavailable");
    let recorder = SessionRecorder::start(&[busy, busy]).await;
    let (report, recorded) = play("CA3", hears_nothing(), forward(recorder.url()), 5).await;
    assert!(
        report.not_forwarded.is_empty(),
        "{:?}",
        report.not_forwarded
    );
    let sessions = recorder.heard();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        assert_heard(&sessions[0], &recorded, 0),
        [recorded[0].len(); 2]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_that_leaves_or_goes_deaf_gets_another_session() {
    for (call, deal) in [
        ("CA4", Deal::Leave(Duration::from_secs(3))),
        ("CA5", Deal::Close(Duration::from_secs(2))),
    ] {
        let recorder = SessionRecorder::start(&[deal]).await;
        let (report, recorded) = play(call, hears_nothing(), forward(recorder.url()), 9).await;
        assert!(
            report.not_forwarded.is_empty(),
            "{:?}",
            report.not_forwarded
        );
        let [first, second] = &recorder.heard()[..] else {
            panic!("{call}: {} sessions", recorder.heard().len());
        };
        let told = |name: &str| {
            let (_, rest) = second.invites[0].split_once(&format!("name=\"{name}\">"))?;
            rest.split_once('<')?.0.parse::<usize>().ok()
        };
        assert_eq!(told("hushgatePart"), Some(2));
        let begins = told("hushgateBeginsMs").unwrap() * 8;
        let [until, _] = assert_heard(first, &recorded, 0);
        assert!(begins <= until, "nothing is missing between the two");
        assert_eq!(
            assert_heard(second, &recorded, begins),
            [recorded[0].len(); 2]
        );
        // The same call, told by the same ids.
        let session = |invite: &str| {
            let (_, rest) = invite.split_once("<session session_id=\"").unwrap();
            rest[..24].to_owned()
        };
        assert_eq!(session(&first.invites[0]), session(&second.invites[0]));
        assert_ne!(
            header(&first.invites[0], "Call-ID"),
            header(&second.invites[0], "Call-ID")
        );
    }
}
