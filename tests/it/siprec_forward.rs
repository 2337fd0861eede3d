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
use hushgate::gateway::tls::Tls;
use tokio::net::UdpSocket;

use crate::authority::Authority;
use crate::session_client::*;
use crate::session_recorder::{Deal, Heard, SessionRecorder, header, labels};
use crate::sipp::pcap;
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

/// Stretches with sound, between silences of 50 ms and more.
fn loud(samples: &[i16]) -> Vec<(usize, usize)> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (at, _) in samples.iter().enumerate().filter(|(_, s)| **s != 0) {
        match stretches.last_mut() {
            Some((_, end)) if at - *end < 400 => *end = at + 1,
            _ => stretches.push((at, at + 1)),
        }
    }
    stretches
}

/// Asserts that all that is heard of one leg's recording is in another, to the sample, and nothing else; returns
/// where the recording begins there. In silences a receiver may take up to 20 ms of jitter out.
fn assert_within(recorded: &[i16], forwarded: &[i16], leg: Leg) -> i64 {
    let mut shifts: Vec<i64> = Vec::new();
    let mut next = 0;
    for (from, to) in loud(recorded) {
        let stretch = &recorded[from..to];
        let mut places = forwarded[next..].windows(stretch.len());
        let found = places.position(|heard| heard == stretch);
        let found = found.unwrap_or_else(|| panic!("{leg}: {from} to {to} is not heard as it was"));
        let silence = &forwarded[next..next + found];
        assert!(
            silence.iter().all(|sample| *sample == 0),
            "{leg} from {next}"
        );
        shifts.push((next + found) as i64 - from as i64);
        next += found + stretch.len();
    }
    assert!(forwarded[next..].iter().all(|sample| *sample == 0), "{leg}");
    let (least, most) = (shifts.iter().min().unwrap(), shifts.iter().max().unwrap());
    assert!(most - least <= 160, "{leg}: {shifts:?}");
    shifts[0]
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
        assert!(copied.late.is_empty() && copied.failed.is_empty());
        let one = assert_within(&recorded[0], &heard[0], Leg::Agent);
        let other = assert_within(&recorded[1], &heard[1], Leg::Customer);
        assert!(one.abs_diff(other) <= 80, "aligned: {one} and {other}");
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
    tshark(session, &report).await;
}

/// What tshark, which we did not write, prints of a capture.
async fn tshark_of(file: &Path, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new("tshark");
    command.arg("-r").arg(file);
    for port in ["7000", "7002"] {
        command.args(["-d", &format!("udp.port=={port},rtp")]);
    }
    let output = command.args(arguments).output().await;
    let output = output.expect("tshark is not there; `make test` installs it");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Has tshark confirm that what a session got is valid RTP without loss, and that all of each hidden span is fill.
async fn tshark(session: &Heard, report: &Report) {
    let begun = session.streams[0][0].0;
    let mut all = Vec::new();
    for (stream, port) in session.streams.iter().zip([7_000, 7_002]) {
        all.extend(stream.iter().map(|(at, packet)| {
            let millis = at.saturating_duration_since(begun).as_millis() as u64;
            (millis, port, packet.clone())
        }));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.pcap");
    std::fs::write(&file, pcap(all)).unwrap();
    let streams = tshark_of(&file, &["-q", "-z", "rtp,streams"]).await;
    let lines: Vec<&str> = streams.lines().filter(|l| l.contains("g711U")).collect();
    assert_eq!(lines.len(), 2, "{streams}");
    for line in lines {
        assert!(line.contains("0 (0.0%)"), "nothing is lost: {line}");
        assert!(!line.trim_end().ends_with('X'), "no problem: {line}");
    }
    let mut fields = vec!["-T", "fields", "-E", "separator=,"];
    for field in ["udp.dstport", "rtp.version", "rtp.timestamp", "rtp.payload"] {
        fields.extend(["-e", field]);
    }
    let text = tshark_of(&file, &fields).await;
    for (leg, port) in [(Leg::Customer, "7000"), (Leg::Agent, "7002")] {
        let packets: Vec<(u32, String)> = text
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(',');
                let is_of_leg = fields.next() == Some(port);
                assert_eq!(fields.next(), Some("2"), "{line}");
                let timestamp = fields.next().unwrap().parse().unwrap();
                let payload = fields.next().unwrap().replace(':', "");
                is_of_leg.then_some((timestamp, payload))
            })
            .collect();
        assert!(packets.len() > 300, "{} packets", packets.len());
        let mut checked = 0;
        for (timestamp, payload) in &packets {
            let start = f64::from(timestamp.wrapping_sub(packets[0].0)) / 8_000.0;
            let end = start + payload.len() as f64 / 2.0 / 8_000.0;
            let mut spans = report.spans.iter().filter(|span| span.leg == leg);
            if spans.any(|span| span.start <= start && end <= span.end) {
                assert!(payload.bytes().all(|digit| digit == b'f'), "{payload}");
                checked += 1;
            }
        }
        assert!(checked > 20, "{checked} packets of {leg} are hidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_session_over_tls_is_encrypted() {
    let authority = Authority::new();
    authority.issue_server();
    let behind = tempfile::tempdir().unwrap();
    let load = |folder: &Path, text: String| {
        let file = folder.join("hushgate.toml");
        std::fs::write(&file, text).unwrap();
        hushgate::config::Config::load(Some(&file), Default::default()).unwrap()
    };
    let door = "[doors.b]\nprotocol = \"siprec\"\nlisten = \"127.0.0.1:42398\"\nrtp_ports = \"42300-42349\"\n";
    let config = load(behind.path(), authority.config(door));
    let (recorder, _) = recorder(42_350, |settings| {
        settings.tls = config.tls.clone().map(|tls| Tls::load(tls).unwrap());
        settings.doors = vec![Entrance::new(config.doors[0].clone()).unwrap()];
    })
    .await;
    let before = tempfile::tempdir().unwrap();
    let door = format!(
        "[doors.twilio.forward]\nprotocol = \"siprec\"\nurl = \"sips:localhost:42399\"\nauthorities = \"{}\"\n",
        authority.path("ca.pem").display()
    );
    let config = load(before.path(), door);
    let forward = config.doors[0].forward.clone().unwrap();
    let (report, recorded) = play("secure", says_a_card_first(), forward, 5).await;
    assert!(
        report.not_forwarded.is_empty(),
        "{:?}",
        report.not_forwarded
    );
    let (copied, heard) = only_recording(&recorder.recordings).await;
    assert_eq!(copied.abnormal_end, None);
    for (channel, leg) in [(0, Leg::Agent), (1, Leg::Customer)] {
        assert_within(&recorded[channel], &heard[channel], leg);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_that_asks_who_it_is_gets_an_answer() {
    let recorder = SessionRecorder::start(&[Deal::Challenge]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "sesame\n").unwrap();
    let file = folder.path().join("hushgate.toml");
    let text = format!(
        "[doors.twilio.forward]\nprotocol = \"siprec\"\nurl = \"{}\"\n\
         [doors.twilio.forward.auth]\nuser = \"gate\"\nsecrets = [\"file:password\"]\n",
        recorder.url()
    );
    std::fs::write(&file, text).unwrap();
    let config = hushgate::config::Config::load(Some(&file), Default::default()).unwrap();
    let forward = config.doors[0].forward.clone().unwrap();
    let (report, recorded) = play("asked", hears_nothing(), forward, 2).await;
    assert!(report.not_forwarded.is_empty());
    let sessions = recorder.heard();
    assert_heard(&sessions[0], &recorded, 0);
    let answer = header(&sessions[0].invites[0], "Authorization");
    assert!(answer.contains("username=\"gate\"") && answer.contains("response="));
    assert!(!watch_log().text().contains("sesame"));
}

/// Sends a call of two legs at 16 kHz, in L16, through a gateway.
async fn play_wide(call: &str, front: &Gateway) {
    let mut client = SessionClient::udp(call, front.own[0].1).await;
    let own = [
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    ];
    let mut streams = two_streams([0, 1].map(|n: usize| own[n].local_addr().unwrap().port()));
    for stream in &mut streams {
        stream.formats = "98";
        stream.attributes = "a=rtpmap:98 L16/16000\r\na=sendonly\r\n";
    }
    let description = description(1, &streams);
    let answer = client.invite("application/sdp", &description).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let wide = |seed: u64| {
        let sound = linear(&sound(seed, 4_000));
        let packets = sound.chunks(320).zip(0_u32..).map(|(samples, number)| {
            // Samples that mu-law does not have.
            let samples = samples.iter().map(|sample| sample ^ 3);
            let payload: Vec<u8> = samples.flat_map(i16::to_be_bytes).collect();
            let mut packet = vec![0x80, 98];
            packet.extend((number as u16).to_be_bytes());
            packet.extend((320 * number).to_be_bytes());
            packet.extend((seed as u32).to_be_bytes());
            packet.extend(payload);
            (u64::from(number) * 20, packet)
        });
        packets.collect::<Vec<_>>()
    };
    tokio::join!(
        send_packets(&own[0], answer.ports[0], wide(31)),
        send_packets(&own[1], answer.ports[1], wide(32)),
    );
    client.bye().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_wide_audio_stays_wide_if_the_recorder_takes_it() {
    for (call, deals, first_port) in [
        ("wide", &[][..], 42_400),
        ("narrow", &[Deal::Refuse("488 Not Acceptable Here")], 42_450),
    ] {
        let recorder = SessionRecorder::start(deals).await;
        let door = siprec_door(first_port);
        let front = gateway(hears_nothing(), door, forward(recorder.url())).await;
        play_wide(call, &front).await;
        let (report, recorded) = front.recording(call).await;
        assert!(report.not_forwarded.is_empty());
        assert_eq!(report.sample_rate, 16_000);
        let session = recorder.heard().remove(0);
        if call == "narrow" {
            assert!(session.invites[0].contains(" RTP/AVP 0 8\r\n"));
            let heard = assert_valid(&session.streams[0]).len() * 2;
            assert!(heard.abs_diff(recorded[0].len()) < 320, "{heard}");
            continue;
        }
        assert!(session.invites[0].contains(" RTP/AVP 98 9\r\n"));
        for (stream, channel) in [(0, 1), (1, 0)] {
            let packets = session.streams[stream].iter();
            let payloads = packets.flat_map(|(_, packet)| packet[12..].to_vec());
            let bytes: Vec<u8> = payloads.collect();
            let pairs = bytes.chunks_exact(2);
            let heard: Vec<i16> = pairs.map(|b| i16::from_be_bytes([b[0], b[1]])).collect();
            assert!(heard == recorded[channel], "stream {stream}");
            let times = session.streams[stream].windows(2);
            assert!(times.clone().count() > 90);
            assert!(
                times.into_iter().all(|pair| {
                    word(&pair[1].1[4..]).wrapping_sub(word(&pair[0].1[4..])) == 320
                })
            );
        }
    }
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
