//! Recording sessions over SIP and RTP: what a border controller forks is hidden and recorded in its place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::call::Leg;
use hushgate::config::doors::Protocol;
use hushgate::config::{Door, Overload};
use hushgate::egress::Report;
use hushgate::gateway::serve::{Entrance, Server, Settings};
use hushgate::gateway::tls::Tls;
use hushgate::rtp::srtp::{MasterKey, Protector, Suite, Unprotector};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use crate::authority::Authority;
use crate::session_client::*;
use crate::support::*;

/// A gateway with a door for recording sessions, whose audio comes to ports of this test's own.
async fn gateway(script: Script, first_port: u16, change: impl FnOnce(&mut Settings)) -> Gateway {
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        rtp_ports: first_port..=first_port + 99,
        ..Door::new(Protocol::Siprec)
    };
    Gateway::start_with(script, |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
        change(settings);
    })
    .await
}

fn sip(gateway: &Gateway) -> SocketAddr {
    gateway.own[0].1
}

async fn ports() -> [UdpSocket; 2] {
    [
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    ]
}

fn numbers(sockets: &[UdpSocket; 2]) -> [u16; 2] {
    [0, 1].map(|place| sockets[place].local_addr().unwrap().port())
}

/// Hears a card in what is said first, and nothing more.
pub(crate) fn says_a_card_first() -> Script {
    let (card, nothing) = (says_a_card(), hears_nothing());
    Arc::new(move |window| {
        if window.span.start < MediaTime::from_millis(1_500) {
            card(window)
        } else {
            nothing(window)
        }
    })
}

/// Where on a channel the sound begins that was played, by a stretch of it that was not hidden.
pub(crate) fn offset(channel: &[i16], played: &[i16]) -> usize {
    let stretch = 400;
    (0..played.len() - stretch)
        .step_by(100)
        .find_map(|at| {
            let wanted = &played[at..at + stretch];
            let found = channel.windows(stretch).position(|heard| heard == wanted)?;
            found.checked_sub(at)
        })
        .expect("something of what was played is heard")
}

/// Each sample is what was played, or silence where the report says so. Returns where the sound begins.
pub(crate) fn assert_hidden(report: &Report, leg: Leg, channel: &[i16], played: &[i16]) -> usize {
    let offset = offset(channel, played);
    let rate = f64::from(report.sample_rate);
    let mut hidden = vec![false; channel.len()];
    let spans = report.spans.iter().map(|s| (s.leg, s.start, s.end));
    let failed = report.failed.iter().map(|s| (s.leg, s.start, s.end));
    let late = report.late.iter().map(|s| (s.leg, s.start, s.end));
    for (of, start, end) in spans.chain(failed).chain(late) {
        if of == leg {
            let (start, end) = ((start * rate).round(), (end * rate).round());
            hidden[start as usize..(end as usize).min(channel.len())].fill(true);
        }
    }
    assert!(channel.len() >= offset + played.len(), "{leg} is cut short");
    for (at, &sample) in played.iter().enumerate() {
        let expected = if hidden[offset + at] { 0 } else { sample };
        assert_eq!(channel[offset + at], expected, "{leg} at {at}");
    }
    assert!(
        hidden.iter().any(|hidden| *hidden),
        "nothing of {leg} is hidden"
    );
    offset
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_forked_call_is_hidden_and_recorded_to_the_sample() {
    for (call, is_tcp, first_port) in [("siprec-udp", false, 21_000), ("siprec-tcp", true, 21_100)]
    {
        let gateway = gateway(says_a_card_first(), first_port, |_| {}).await;
        let mut client = if is_tcp {
            SessionClient::tcp(call, sip(&gateway)).await
        } else {
            SessionClient::udp(call, sip(&gateway)).await
        };
        let own = ports().await;
        let description = description(1, &two_streams(numbers(&own)));
        let (content_type, body) = with_metadata(&description);
        let answer = client.invite(&content_type, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.contains("+sip.srs"), "{}", answer.text);
        assert_eq!(answer.text.matches("a=recvonly").count(), 2);
        assert!(
            answer
                .ports
                .iter()
                .all(|port| port % 2 == 0 && *port >= first_port)
        );

        let (customer, agent) = (sound(1, 9_000), sound(2, 9_000));
        tokio::join!(
            send_packets(&own[0], answer.ports[0], packets(11, &customer)),
            send_packets(&own[1], answer.ports[1], packets(22, &agent)),
        );
        assert_eq!(client.bye().await.status, 200);
        let (report, channels) = gateway.recording(call).await;
        assert_eq!(report.abnormal_end, None);
        assert_eq!(report.legs, [Leg::Agent, Leg::Customer]);
        let one = assert_hidden(&report, Leg::Agent, &channels[0], &linear(&agent));
        let other = assert_hidden(&report, Leg::Customer, &channels[1], &linear(&customer));
        assert!(
            one.abs_diff(other) <= 160,
            "the legs are aligned: {one} and {other}"
        );
        // Nothing that was said, nor who said it.
        let log = watch_log().text();
        assert!(!log.contains("Marmalade") && !log.contains("5550100123"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_loss_and_jitter_keep_the_legs_aligned() {
    let gateway = gateway(hears_nothing(), 21_200, |_| {}).await;
    let mut client = SessionClient::udp("siprec-lossy", sip(&gateway)).await;
    let own = ports().await;
    let description = description(1, &two_streams(numbers(&own)));
    let answer = client.invite("application/sdp", &description).await;
    assert_eq!(answer.status, 200);
    let (customer, agent) = (sound(3, 8_000), sound(4, 8_000));
    // 5 % are lost, and each comes up to 40 ms later than it was sent, overtaking others.
    let mut state = 1_u64;
    let mut disturb = |packets: Vec<(u64, Vec<u8>)>| {
        let mut disturbed: Vec<(u64, Vec<u8>)> = packets
            .into_iter()
            .filter_map(|(due, packet)| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let (lost, delay) = ((state >> 33).is_multiple_of(20), (state >> 45) % 41);
                (!lost).then_some((due + delay, packet))
            })
            .collect();
        disturbed.sort_by_key(|(due, _)| *due);
        disturbed
    };
    let (first, second) = (
        disturb(packets(31, &customer)),
        disturb(packets(42, &agent)),
    );
    tokio::join!(
        send_packets(&own[0], answer.ports[0], first),
        send_packets(&own[1], answer.ports[1], second),
    );
    client.bye().await;
    let (report, channels) = gateway.recording("siprec-lossy").await;
    // Where each packet that was heard whole is, less where it was when it was spoken.
    let shifts: Vec<i64> = channels
        .iter()
        .zip([linear(&agent), linear(&customer)])
        .flat_map(|(channel, played)| {
            let channel = channel.clone();
            let mut from = 0;
            let mut shifts = Vec::new();
            for (number, packet) in played.chunks(160).enumerate() {
                let window = &channel[from..(from + 1_600).min(channel.len())];
                if let Some(found) = window.windows(160).position(|heard| heard == packet) {
                    from += found + 160;
                    shifts.push((from - 160) as i64 - (number * 160) as i64);
                }
            }
            assert!(
                shifts.len() > 300,
                "{} packets of 400 are heard",
                shifts.len()
            );
            shifts
        })
        .collect();
    let (least, most) = (shifts.iter().min().unwrap(), shifts.iter().max().unwrap());
    assert!(
        most - least <= 160,
        "within 20 ms: {least} to {most} samples"
    );
    assert!(report.late.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_call_goes_on_after_hold_and_on_other_ports() {
    let gateway = gateway(hears_nothing(), 21_300, |_| {}).await;
    let mut client = SessionClient::udp("siprec-hold", sip(&gateway)).await;
    let own = ports().await;
    let mut streams = two_streams(numbers(&own));
    let answer = client
        .invite("application/sdp", &description(1, &streams))
        .await;
    let (before, after) = (sound(5, 1_500), sound(6, 1_500));
    send_packets(&own[0], answer.ports[0], packets(51, &before)).await;
    for stream in &mut streams {
        stream.attributes = "a=inactive\r\n";
    }
    let held = client
        .invite("application/sdp", &description(2, &streams))
        .await;
    assert_eq!(held.text.matches("a=inactive").count(), 2, "{}", held.text);
    assert_eq!(held.ports, answer.ports, "the ports stay");
    tokio::time::sleep(Duration::from_millis(800)).await;
    // Somebody else, from elsewhere, with a stream of their own.
    let other = ports().await;
    let streams = two_streams(numbers(&other));
    let resumed = client
        .invite("application/sdp", &description(3, &streams))
        .await;
    assert_eq!(resumed.status, 200);
    send_packets(&other[0], resumed.ports[0], packets(52, &after)).await;
    client.bye().await;
    let (report, channels) = gateway.recording("siprec-hold").await;
    assert_eq!(report.abnormal_end, None);
    let (before, after) = (linear(&before), linear(&after));
    let (first, second) = (offset(&channels[1], &before), offset(&channels[1], &after));
    assert!(channels[1][first..][..before.len()] == before[..]);
    assert!(channels[1][second..][..after.len()] == after[..]);
    let pause = (second - first - before.len()) as f64 / 8_000.0;
    assert!((0.75..1.2).contains(&pause), "the hold lasts {pause} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_hidden_and_strangers_are_not_heard() {
    let gateway = gateway(hears_nothing(), 21_400, |_| {}).await;
    let mut client = SessionClient::udp("siprec-keys", sip(&gateway)).await;
    let own = ports().await;
    let description = description(1, &two_streams(numbers(&own)));
    let answer = client.invite("application/sdp", &description).await;
    let sound = sound(7, 3_000);
    let mut all = packets(61, &sound);
    // A key of 120 ms in place of six packets (RFC 4733): one event, whose end is said three times.
    let at = 50;
    let start = all[at].1[4..8].to_vec();
    for (place, (_, packet)) in all[at..at + 6].iter_mut().enumerate() {
        packet[1] = if place == 0 { 0x80 | 101 } else { 101 };
        packet[4..8].copy_from_slice(&start);
        let end = if place >= 3 { 0x80 } else { 0 };
        let [high, low] = (160 * (place as u16 + 1).min(4)).to_be_bytes();
        packet.truncate(12);
        packet.extend([5, end | 10, high, low]);
    }
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    tokio::join!(send_packets(&own[0], answer.ports[0], all), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        send_packets(&stranger, answer.ports[0], packets(99, &vec![0x21; 8_000])).await;
    });
    client.bye().await;
    let (report, channels) = gateway.recording("siprec-keys").await;
    let keys: Vec<_> = report
        .spans
        .iter()
        .filter(|span| span.kind == "dtmf")
        .collect();
    assert!(!keys.is_empty(), "{:?}", report.spans);
    let played = linear(&sound);
    let begins = offset(&channels[1], &played);
    let key = (begins + at * 160) as f64 / 8_000.0;
    assert!(
        keys[0].start <= key && keys[0].end >= key + 0.1,
        "{keys:?} at {key}"
    );
    let strange = linear(&[0x21])[0];
    let run = channels[1]
        .windows(40)
        .any(|heard| heard.iter().all(|s| *s == strange));
    assert!(!run, "the stranger is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_of_the_networks_or_comes_too_late_is_refused() {
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        rtp_ports: 21_500..=21_599,
        networks: vec!["192.0.2.0/24".parse().unwrap()],
        ..Door::new(Protocol::Siprec)
    };
    let closed = Gateway::start_with(hears_nothing(), |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await;
    let own = ports().await;
    let description = description(1, &two_streams(numbers(&own)));
    let mut client = SessionClient::udp("siprec-stranger", sip(&closed)).await;
    assert_eq!(
        client.invite("application/sdp", &description).await.status,
        403
    );

    let full = gateway(hears_nothing(), 21_600, |settings| settings.max_calls = 1).await;
    let mut first = SessionClient::udp("siprec-first", sip(&full)).await;
    assert_eq!(
        first.invite("application/sdp", &description).await.status,
        200
    );
    let mut second = SessionClient::udp("siprec-second", sip(&full)).await;
    let refused = second.invite("application/sdp", &description).await;
    assert_eq!(refused.status, 503);
    assert!(refused.text.contains("Retry-After: "), "{}", refused.text);
    assert_eq!(
        first.ask("OPTIONS", "application/sdp", "").await.status,
        200
    );
    assert_eq!(first.bye().await.status, 200);
    assert_eq!(second.bye().await.status, 481);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_before_the_model_is_loaded_waits_for_it() {
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        rtp_ports: 21_800..=21_899,
        ..Door::new(Protocol::Siprec)
    };
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder.path().join("recordings"));
    settings.doors = vec![Entrance::new(door).unwrap()];
    settings.limits.engine = Duration::from_millis(1_500);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let (mut server, slot) = Server::new(listener, settings, shutdown.clone());
    server.open_doors().await.unwrap();
    let sip = server.own_addresses()[0].1;
    let server = tokio::spawn(server.run());
    let own = ports().await;
    let description = description(1, &two_streams(numbers(&own)));

    // Nobody loads the model in time.
    let mut early = SessionClient::udp("siprec-early", sip).await;
    let begun = tokio::time::Instant::now();
    let refused = early.invite("application/sdp", &description).await;
    assert_eq!(refused.status, 503);
    assert!(refused.text.contains("Retry-After: "), "{}", refused.text);
    assert!(begun.elapsed() >= Duration::from_millis(1_400));

    let mut patient = SessionClient::udp("siprec-patient", sip).await;
    let asked = async { patient.invite("application/sdp", &description).await };
    let loaded = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        slot.install(scripted(hears_nothing()));
    };
    let (taken, ()) = tokio::join!(asked, loaded);
    assert_eq!(taken.status, 200);
    assert_eq!(patient.bye().await.status, 200);
    shutdown.cancel();
    server.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_what_is_too_much_is_recorded_unheard_if_so_configured() {
    let gateway = gateway(hears_nothing(), 21_700, |settings| {
        settings.max_calls = 1;
        settings.overload = Overload::BlankAll;
    })
    .await;
    let own = ports().await;
    let mut played = Vec::new();
    let mut clients = Vec::new();
    for call in ["siprec-heard", "siprec-unheard"] {
        let mut client = SessionClient::udp(call, sip(&gateway)).await;
        let description = description(1, &two_streams(numbers(&own)));
        let answer = client.invite("application/sdp", &description).await;
        assert_eq!(answer.status, 200, "{call}");
        played.push(answer.ports[0]);
        clients.push(client);
    }
    let sound = sound(8, 3_000);
    tokio::join!(
        send_packets(&own[0], played[0], packets(71, &sound)),
        send_packets(&own[0], played[1], packets(72, &sound)),
    );
    for client in &mut clients {
        assert_eq!(client.bye().await.status, 200);
    }
    let (report, channels) = gateway.recording("siprec-heard").await;
    assert!(report.failed.is_empty());
    offset(&channels[1], &linear(&sound));
    let (report, channels) = gateway.recording("siprec-unheard").await;
    assert!(report.totals.failed_s > 2.0, "{:?}", report.totals);
    assert!(channels.iter().flatten().all(|sample| *sample == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_says_goodbye() {
    let gateway = gateway(hears_nothing(), 21_800, |_| {}).await;
    let mut client = SessionClient::udp("siprec-goodbye", sip(&gateway)).await;
    let own = ports().await;
    let description = description(1, &two_streams(numbers(&own)));
    assert_eq!(
        client.invite("application/sdp", &description).await.status,
        200
    );
    let sound = sound(9, 500);
    send_packets(&own[0], 21_800, packets(81, &sound)).await;
    gateway.shutdown.cancel();
    let bye = client.receive().await;
    assert!(bye.starts_with("BYE "), "{bye}");
    let (report, _) = gateway.recording("siprec-goodbye").await;
    assert_eq!(
        report.abnormal_end.as_deref(),
        Some("the gateway is shutting down")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_encrypted_audio_over_tls_is_heard_and_reported_on() {
    let authority = Authority::new();
    authority.issue_server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hushgate.toml");
    let door = "[doors.sbc]\nprotocol = \"siprec\"\nlisten = \"127.0.0.1:21980\"\nrtp_ports = \"21900-21979\"\n";
    std::fs::write(&file, authority.config(door)).unwrap();
    let config = hushgate::config::Config::load(Some(&file), Default::default()).unwrap();
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.tls = config.tls.clone().map(|tls| Tls::load(tls).unwrap());
        let doors = config.doors.into_iter();
        settings.doors = doors.map(|door| Entrance::new(door).unwrap()).collect();
    })
    .await;
    // The key of RFC 3711, B.3.
    let key = "inline:4fl6DT4Bi+DWT6MsBt5BOQ7GdaJJiv7rtpYLOmq+";
    let suite = "AES_CM_128_HMAC_SHA1_80";
    let attributes = format!("a=sendonly\r\na=crypto:1 {suite} {key}\r\n");
    let attributes: &'static str = attributes.leak();
    let own = ports().await;
    let reports = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut streams = two_streams(numbers(&own));
    for stream in &mut streams {
        stream.attributes = attributes;
        stream.formats = "0";
    }
    let text = description(1, &streams);

    // Who can read the signalling can read the key.
    let mut plain = SessionClient::tcp("siprec-plain", sip(&gateway)).await;
    assert_eq!(plain.invite("application/sdp", &text).await.status, 488);

    let secure = SocketAddr::new(sip(&gateway).ip(), sip(&gateway).port() + 1);
    let mut client = SessionClient::tls("siprec-secure", secure, &authority).await;
    let answer = client.invite("application/sdp", &text).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.text.matches("RTP/SAVP").count(), 2);
    assert_eq!(answer.text.matches(suite).count(), 2);
    assert!(
        !answer.text.contains(key),
        "the gateway has a key of its own"
    );
    let theirs = answer
        .text
        .lines()
        .find_map(|line| line.split_once("inline:"));
    let theirs = MasterKey::from_inline(&format!("inline:{}", theirs.unwrap().1)).unwrap();

    let sound = sound(10, 7_000);
    let suite = Suite::from_name(suite).unwrap();
    let mut protector = Protector::new(suite, &MasterKey::from_inline(key).unwrap());
    let mut all = packets(91, &sound);
    for (_, packet) in &mut all {
        protector.protect_rtp(packet).unwrap();
    }
    // One that was changed on its way, and one that comes again.
    let mut forged = all[100].1.clone();
    forged[20] ^= 1;
    all.insert(100, (1_999, forged));
    let again = all[150].clone();
    all.insert(151, again);
    // A report, so that the gateway knows where its own are wanted.
    let mut report = vec![0x80, 200, 0, 6];
    report.extend(91_u32.to_be_bytes());
    report.extend([0; 20]);
    protector.protect_rtcp(&mut report).unwrap();
    send_packets(&reports, answer.ports[0] + 1, vec![(0, report)]).await;
    send_packets(&own[0], answer.ports[0], all).await;

    let mut buffer = vec![0; 2_048];
    let heard = tokio::time::timeout(Duration::from_secs(5), reports.recv(&mut buffer)).await;
    buffer.truncate(heard.expect("no report comes").unwrap());
    Unprotector::new(suite, &theirs)
        .unprotect_rtcp(&mut buffer)
        .expect("encrypted with the key that the gateway told");
    assert_eq!(buffer[1], 201, "a receiver's report");
    client.bye().await;
    let (report, channels) = gateway.recording("siprec-secure").await;
    let played = linear(&sound);
    let begins = offset(&channels[1], &played);
    assert!(channels[1][begins..][..played.len()] == played[..]);
    assert_eq!(report.abnormal_end, None);
}
