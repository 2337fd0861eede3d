//! Clients that break the protocol, vanish or lie.

use std::time::Duration;

use futures_util::SinkExt;
use hushgate::call::Leg;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::*;

/// Sends messages after a good start; tells the close code that comes.
async fn close_code(gateway: &Gateway, call: &str, messages: Vec<Message>) -> Option<u16> {
    let mut client = gateway.connect().await;
    if !call.is_empty() {
        client.start(call).await;
    }
    for message in messages {
        // The gateway may have closed already.
        if client.0.send(message).await.is_err() {
            break;
        }
    }
    client.close_code().await
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_protocol_is_closed_with_its_code() {
    let gateway = Gateway::start(hears_nothing()).await;
    let text = |text: &str| vec![Message::text(text.to_owned())];
    let table: Vec<(&str, &str, Vec<Message>, Option<u16>)> = vec![
        (
            "media before start",
            "",
            text(&media(Leg::Agent, 0, &[1; 160])),
            Some(1_002),
        ),
        ("a second start", "h1", text(&start("h1")), Some(1_002)),
        (
            "another stream",
            "h2",
            text("{\"event\":\"stop\",\"streamSid\":\"MZ9\"}"),
            Some(1_008),
        ),
        (
            "a bad call id",
            "",
            text(&start("../../etc/passwd")),
            Some(1_008),
        ),
        (
            "garbage for ever",
            "h3",
            vec![Message::text("{{{"); 16],
            Some(1_008),
        ),
        (
            "binary for ever",
            "h4",
            vec![Message::binary(vec![0u8; 320]); 16],
            Some(1_003),
        ),
        (
            "a huge message",
            "h5",
            text(&"x".repeat(100_000)),
            Some(1_009),
        ),
        ("no start in time", "", vec![], Some(1_008)),
        ("no media in time", "h6", vec![], Some(1_008)),
        (
            "text that is not UTF-8",
            "h7",
            vec![Message::Frame(Frame::message(
                vec![0xFF, 0xFE],
                OpCode::Data(Data::Text),
                true,
            ))],
            Some(1_007),
        ),
        ("a stop before the start", "", text(&stop()), Some(1_000)),
    ];
    for (what, call, messages, expected) in table {
        assert_eq!(
            close_code(&gateway, call, messages).await,
            expected,
            "{what}"
        );
    }
    // All of that is logged once for each connection.
    let log = watch_log().text();
    let lines = log
        .lines()
        .filter(|line| line.contains("the stream ended badly"))
        .count();
    assert!(lines <= 11, "{lines} lines");
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_bad_messages_do_not_spoil_the_call_around_them() {
    let gateway = Gateway::start(hears_nothing()).await;
    let sound = sound(5, 1_000);
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    let nasty = [
        "{".to_owned(),
        "[1,2".to_owned(),
        media(Leg::Customer, 0, &[0; 160]).replace("\"payload\":\"", "\"payload\":\"*"),
        media(Leg::Customer, 0, &[0; 40_000]),
        "{\"event\":\"media\"}".to_owned(),
        "{\"event\":\"dtmf\",\"dtmf\":{\"digit\":7}".to_owned(),
        "{\"event\":\"mark\",\"mark\":{\"name\":\"x\"}}".to_owned(),
        "\u{0}\u{1F600}".to_owned(),
    ];
    for (index, packet) in sound.chunks(160).enumerate() {
        if let Some(text) = nasty.get(index) {
            client.send(text.clone()).await;
        }
        client
            .send(media(Leg::Customer, index as u64 * 20, packet))
            .await;
    }
    client.send(stop()).await;
    assert_eq!(client.close_code().await, Some(1_000));
    let (report, channels) = gateway.recording("CA1").await;
    assert!(channels[1][..8_000] == linear(&sound));
    assert_eq!(report.abnormal_end, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_lost_connection_is_an_abnormal_end() {
    let gateway = Gateway::start(hears_nothing()).await;
    let sound = sound(6, 1_000);
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    for (index, packet) in sound.chunks(160).enumerate() {
        client
            .send(media(Leg::Agent, index as u64 * 20, packet))
            .await;
    }
    // What was sent is read, then the connection is gone without a closing handshake.
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(client);
    let (report, channels) = gateway.recording("CA1").await;
    assert!(channels[0][..8_000] == linear(&sound));
    assert!(report.abnormal_end.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_is_live_once() {
    let gateway = Gateway::start(hears_nothing()).await;
    let mut first = gateway.connect().await;
    first.start("CA1").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut second = gateway.connect().await;
    second.start("CA1").await;
    assert_eq!(second.close_code().await, Some(1_008));
    first.send(stop()).await;
    assert_eq!(first.close_code().await, Some(1_000));
    // When it has ended, the id is free.
    let mut third = gateway.connect().await;
    third.start("CA1").await;
    third.send(stop()).await;
    assert_eq!(third.close_code().await, Some(1_000));
}

/// A flood is slowed through its socket; the call beside it is whole and on time.
#[tokio::test(flavor = "multi_thread")]
async fn paced_flood_does_not_disturb_the_call_beside_it() {
    let gateway = Gateway::start(hears_nothing()).await;
    let url = gateway.url();
    let flood = tokio::spawn(async move {
        let mut client = Client::connect(&url).await;
        client.start("flood").await;
        let packet = [0x55; 160];
        let mut sent = 0_u64;
        loop {
            let message = Message::text(media(Leg::Customer, sent * 20, &packet));
            if client.0.send(message).await.is_err() {
                return sent;
            }
            sent += 1;
        }
    });
    let (agent, customer) = (sound(7, 4_000), sound(8, 4_000));
    let begun = tokio::time::Instant::now();
    let mut good = playback("good", agent.clone(), customer.clone());
    good.speed = hushgate::gateway::player::Speed::Realtime;
    good.play(&gateway.url(), |_| {}).await.unwrap();
    let (report, channels) = gateway.recording("good").await;
    assert!(channels[0] == linear(&agent) && channels[1] == linear(&customer));
    assert!(report.late.is_empty());
    assert!(
        begun.elapsed() < Duration::from_secs(12),
        "{:?}",
        begun.elapsed()
    );

    gateway.shutdown.cancel();
    gateway.server.await.unwrap();
    flood.abort();
    let (report, _) = recording(&gateway.recordings, "flood").await;
    assert!(
        report.duration_s < 20.0,
        "{} s of flood passed",
        report.duration_s
    );
}
