//! Ordinary calls: what is recorded, and what is not logged.

use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::call::Leg;

use crate::support::*;

/// The recording is the call, then silence at most to the end of the last packet.
fn assert_same(recorded: &[i16], played: &[u8], what: &str) {
    let expected = linear(played);
    assert!(
        recorded.len() >= expected.len(),
        "{what}: {} samples",
        recorded.len()
    );
    let (heard, rest) = recorded.split_at(expected.len());
    assert!(heard == expected, "{what} differs");
    assert!(
        rest.len() < 320 && rest.iter().all(|&s| s == 0),
        "{what}: {rest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_is_recorded_bit_by_bit() {
    let gateway = Gateway::start(hears_nothing()).await;
    let (agent, customer) = (sound(1, 4_000), sound(2, 4_010));
    let mut progress = Vec::new();
    let closed = playback("CA1", agent.clone(), customer.clone())
        .play(&gateway.url(), |at| progress.push(at))
        .await
        .unwrap();
    assert_eq!(closed.code, Some(1_000), "{}", closed.reason);
    assert_eq!(progress.last(), Some(&MediaTime::from_millis(4_020)));

    let (report, channels) = gateway.recording("CA1").await;
    assert_eq!(channels.len(), 2);
    assert_same(&channels[0], &agent, "the agent");
    assert_same(&channels[1], &customer, "the customer");
    assert_eq!(report.abnormal_end, None);
    assert!(report.spans.is_empty() && report.late.is_empty() && report.failed.is_empty());
    assert_eq!(report.model_sha256, "scripted");
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_late_repeated_and_missing_packets_do_not_shift_the_call() {
    let gateway = Gateway::start(hears_nothing()).await;
    let sound = sound(3, 2_000);
    let packet = |index: usize| {
        media(
            Leg::Customer,
            index as u64 * 20,
            &sound[index * 160..(index + 1) * 160],
        )
    };
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    let mut order: Vec<usize> = (0..100).collect();
    order.swap(10, 11);
    order.insert(30, 29);
    order.remove(60);
    for index in order {
        client.send(packet(index)).await;
    }
    client.send(stop()).await;
    assert_eq!(client.close_code().await, Some(1_000));

    let (_, channels) = gateway.recording("CA1").await;
    let mut expected = linear(&sound);
    // With one packet inserted before it, place 60 has packet 59.
    expected[59 * 160..60 * 160].fill(0);
    assert!(channels[1][..16_000] == expected);
    assert!(channels[0].iter().all(|&sample| sample == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_key_that_the_platform_tells_of_is_hidden_and_not_named() {
    let gateway = Gateway::start(hears_nothing()).await;
    let sound = sound(4, 3_000);
    let key = r#"{"event":"dtmf","dtmf":{"digit":"7","track":"inbound_track"}}"#;
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    for (index, packet) in sound.chunks(160).enumerate() {
        if index == 75 {
            client.send(key).await;
        }
        let at = index as u64 * 20;
        client.send(media(Leg::Customer, at, packet)).await;
    }
    client.send(stop()).await;
    assert_eq!(client.close_code().await, Some(1_000));

    let (report, channels) = gateway.recording("CA1").await;
    assert_eq!(report.spans.len(), 1);
    let span = &report.spans[0];
    assert_eq!(
        (span.kind.as_str(), span.rule.as_str()),
        ("dtmf", "key_event")
    );
    assert_eq!(span.leg, Leg::Customer);
    assert!(span.start <= 1.2 && span.end >= 1.8, "{span:?}");
    assert!(channels[1][9_600..14_400].iter().all(|&sample| sample == 0));
    let heard = linear(&sound);
    assert!(channels[1][..8_000] == heard[..8_000]);
    assert!(channels[1][16_000..24_000] == heard[16_000..]);
    let shown: Vec<&str> = report
        .transcript
        .iter()
        .map(|said| said.text.as_str())
        .collect();
    assert_eq!(shown, ["[dtmf]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_two_calls_of_one_id_are_both_kept() {
    let gateway = Gateway::start(hears_nothing()).await;
    let url = gateway.url();
    let play = async |stream: &str, seed| {
        let mut playback = playback("CA1", sound(seed, 1_000), sound(seed + 1, 1_000));
        playback.stream = stream.to_owned();
        playback.play(&url, |_| {}).await.unwrap();
    };
    play("MZ1", 10).await;
    play("MZ2", 20).await;
    let (_, first) = gateway.recording("CA1").await;
    let (_, second) = gateway.recording("CA1-2").await;
    assert_same(&first[0], &sound(10, 1_000), "the first call");
    assert_same(&second[0], &sound(20, 1_000), "the second call");
}

/// What is said reaches neither the log nor, when it is a card number, the report.
#[tokio::test(flavor = "multi_thread")]
async fn paced_log_has_no_digits_and_no_words() {
    let log = watch_log();
    let gateway = Gateway::start(says_a_card()).await;
    playback(
        "CA00000000000000000000000000000001",
        sound(1, 3_000),
        sound(2, 3_000),
    )
    .play(&gateway.url(), |_| {})
    .await
    .unwrap();
    gateway
        .recording("CA00000000000000000000000000000001")
        .await;
    // The line comes right after the report.
    for _ in 0..100 {
        if log.text().contains("recorded the call") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let text = log.text();
    assert!(text.contains("recorded the call"), "{text}");
    assert_eq!(digit_runs(&text), Vec::<String>::new());
    assert!(!text.to_lowercase().contains("marmalade") && !text.contains("4111"));
}
