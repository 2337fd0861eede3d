//! A call through every door: what each platform sends is hidden the same, and recorded to the sample.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hushgate::audio::MediaTime;
use hushgate::audio::encoding::Encoding;
use hushgate::call::Leg;
use hushgate::config::Door;
use hushgate::config::doors::{Forward, Protocol};
use hushgate::egress::Report;
use hushgate::gateway::serve::Entrance;
use hushgate::speech::Transcript;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::platforms::parts;
use crate::support::*;

/// How long each call is.
const MILLIS: usize = 4_000;

async fn gateway(door: Door) -> Gateway {
    Gateway::start_with(says_a_card(), |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await
}

/// Each sample is what was played, or silence where the report says that it was hidden; and some were.
fn assert_hidden(report: &Report, channels: &[Vec<i16>], played: &[(Leg, Vec<i16>)]) {
    let rate = f64::from(report.sample_rate);
    assert_eq!(channels.len(), played.len());
    assert!(
        report.spans.iter().any(|span| span.kind == "pan"),
        "{report:?}"
    );
    for (channel, (leg, played)) in channels.iter().zip(played) {
        assert!(
            channel.len() >= played.len(),
            "{} of {}",
            channel.len(),
            played.len()
        );
        let mut hidden = vec![false; channel.len()];
        let spans = report
            .spans
            .iter()
            .map(|span| (span.leg, span.start, span.end));
        let failed = report
            .failed
            .iter()
            .map(|span| (span.leg, span.start, span.end));
        let late = report
            .late
            .iter()
            .map(|span| (span.leg, span.start, span.end));
        for (of, start, end) in spans.chain(failed).chain(late) {
            if of == *leg {
                let (start, end) = (
                    (start * rate).round() as usize,
                    (end * rate).round() as usize,
                );
                hidden[start..end.min(channel.len())].fill(true);
            }
        }
        let mut heard = 0;
        for (at, &sample) in played.iter().enumerate() {
            if hidden[at] {
                assert_eq!(channel[at], 0, "{leg} at {at} is hidden");
            } else {
                assert_eq!(channel[at], sample, "{leg} at {at} is not hidden");
                heard += 1;
            }
        }
        assert!(heard > 0, "nothing of {leg} is heard");
    }
}

fn interleaved(first: &[i16], second: &[i16]) -> Vec<i16> {
    first
        .iter()
        .zip(second)
        .flat_map(|(&first, &second)| [first, second])
        .collect()
}

/// Sends messages over a WebSocket of a subprotocol, closes, and waits until the gateway has closed.
async fn send_all(url: &str, subprotocol: Option<&str>, messages: Vec<Message>) {
    let mut request = url.into_client_request().unwrap();
    if let Some(subprotocol) = subprotocol {
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", subprotocol.parse().unwrap());
    }
    let (mut socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    let accepted = response.headers().get("sec-websocket-protocol");
    assert_eq!(accepted.map(|name| name.to_str().unwrap()), subprotocol);
    for message in messages {
        socket.send(message).await.unwrap();
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_close(), "the gateway says nothing: {message:?}");
    }
}

fn binary(bytes: &[u8], size: usize) -> Vec<Message> {
    bytes
        .chunks(size)
        .map(|chunk| Message::binary(chunk.to_vec()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_door_of_twilios_dialects() {
    let (agent, customer) = (sound(1, MILLIS), sound(2, MILLIS));
    for part in parts(&agent, &customer) {
        let protocol = part.protocol;
        if !matches!(
            protocol,
            Protocol::Signalwire | Protocol::Telnyx | Protocol::Plivo
        ) {
            continue;
        }
        let gateway = gateway(Door::new(protocol)).await;
        let url = format!("ws://{}/{protocol}", gateway.address);
        send_all(&url, None, part.messages().flatten().collect()).await;
        let (report, channels) = gateway.recording(part.call).await;
        assert_eq!(report.abnormal_end, None, "{protocol}");
        let played = [
            (Leg::Agent, linear(&agent)),
            (Leg::Customer, linear(&customer)),
        ];
        assert_hidden(&report, &channels, &played);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_door_of_audiohook() {
    let gateway = gateway(Door::new(Protocol::Audiohook)).await;
    let session = "3b9e0405-1111-4000-8000-0123456789ab";
    let conversation = "4a82b19e-2222-4000-8000-0123456789ab";
    let organization = "3698738a-3333-4000-8000-0123456789ab";
    let mut request = format!("ws://{}/audiohook", gateway.address)
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("audiohook-organization-id", organization.parse().unwrap());
    headers.insert("audiohook-session-id", session.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();

    let say = |kind: &str, seq: u64, serverseq: u64, position: f64, parameters: Value| {
        Message::text(
            json!({"version": "2", "type": kind, "id": session, "seq": seq, "serverseq": serverseq,
                "position": format!("PT{position}S"), "parameters": parameters})
            .to_string(),
        )
    };
    let heard = async |socket: &mut tokio_tungstenite::WebSocketStream<_>| -> Value {
        let message = socket.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    };
    let media = json!([{"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}]);
    let open = json!({"organizationId": organization, "conversationId": conversation,
        "participant": {"id": session, "ani": "", "aniName": "", "dnis": ""}, "media": media});
    socket.send(say("open", 1, 0, 0.0, open)).await.unwrap();
    let opened = heard(&mut socket).await;
    assert_eq!(
        (&opened["type"], &opened["seq"]),
        (&json!("opened"), &json!(1))
    );
    assert_eq!(opened["parameters"]["media"], media);

    let (agent, customer) = (sound(3, MILLIS), sound(4, MILLIS));
    let bytes: Vec<u8> = customer
        .iter()
        .zip(&agent)
        .flat_map(|(&c, &a)| [c, a])
        .collect();
    for message in binary(&bytes, 3_200) {
        socket.send(message).await.unwrap();
    }
    socket
        .send(say("ping", 2, 1, 4.0, json!({})))
        .await
        .unwrap();
    let pong = heard(&mut socket).await;
    assert_eq!(
        (&pong["type"], &pong["clientseq"]),
        (&json!("pong"), &json!(2))
    );
    socket
        .send(say("close", 3, 2, 4.0, json!({"reason": "end"})))
        .await
        .unwrap();
    let closed = heard(&mut socket).await;
    assert_eq!(
        (&closed["type"], &closed["seq"]),
        (&json!("closed"), &json!(3))
    );
    socket.close(None).await.unwrap();

    let (report, channels) = gateway.recording(conversation).await;
    assert_eq!(report.abnormal_end, None);
    let played = [
        (Leg::Agent, linear(&agent)),
        (Leg::Customer, linear(&customer)),
    ];
    assert_hidden(&report, &channels, &played);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_trial_of_the_audiohook_connection_makes_no_recording() {
    let gateway = gateway(Door::new(Protocol::Audiohook)).await;
    let nil = "00000000-0000-0000-0000-000000000000";
    let session = "3b9e0405-1111-4000-8000-0123456789ab";
    let mut request = format!("ws://{}/audiohook", gateway.address)
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("audiohook-organization-id", session.parse().unwrap());
    headers.insert("audiohook-session-id", session.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let say = |kind: &str, seq: u64, parameters: Value| {
        Message::text(
            json!({"version": "2", "type": kind, "id": session, "seq": seq, "serverseq": seq - 1,
                "position": "PT0S", "parameters": parameters})
            .to_string(),
        )
    };
    let open = json!({"organizationId": session, "conversationId": nil, "media": [],
        "participant": {"id": nil, "ani": "", "aniName": "", "dnis": ""}});
    socket.send(say("open", 1, open)).await.unwrap();
    assert!(
        socket
            .next()
            .await
            .unwrap()
            .unwrap()
            .to_text()
            .unwrap()
            .contains("opened")
    );
    socket
        .send(say("close", 2, json!({"reason": "end"})))
        .await
        .unwrap();
    assert!(
        socket
            .next()
            .await
            .unwrap()
            .unwrap()
            .to_text()
            .unwrap()
            .contains("closed")
    );
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    assert!(
        !gateway.recordings.exists()
            || std::fs::read_dir(&gateway.recordings).unwrap().count() == 0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_door_of_asterisks_websocket() {
    let gateway = gateway(Door::new(Protocol::ChanWebsocket)).await;
    let played = linear(&sound(5, MILLIS));
    let mut messages = vec![Message::text(
        "MEDIA_START connection_id:conn1 channel:WebSocket/conn1/0x7f channel_id:1795307439.18 format:slin \
         optimal_frame_size:320 ptime:20",
    )];
    messages.extend(binary(&Encoding::LinearLittle.encode(&played), 320));
    let url = format!("ws://{}/chan_websocket", gateway.address);
    send_all(&url, Some("media"), messages).await;
    let (report, channels) = gateway.recording("1795307439-18").await;
    assert_eq!(report.abnormal_end, None);
    assert_hidden(&report, &channels, &[(Leg::Mixed, played)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_doors_of_freeswitch() {
    let (caller, callee) = (linear(&sound(6, MILLIS)), linear(&sound(7, MILLIS)));
    let stereo = Encoding::LinearLittle.encode(&interleaved(&caller, &callee));
    for (name, protocol, subprotocol) in [
        ("fork-1", Protocol::AudioFork, Some("audio.drachtio.org")),
        ("jambonz-1", Protocol::Jambonz, Some("audio.jambonz.org")),
        ("stream-1", Protocol::AudioStream, None),
    ] {
        let gateway = gateway(Door::new(protocol)).await;
        let metadata = json!({"sampleRate": 8000, "mixType": "stereo", "callSid": name,
            "rate": 8000, "channels": 2});
        let mut messages = vec![Message::text(metadata.to_string())];
        // Sizes as irregular as the module's, half samples included.
        messages.extend(binary(&stereo, 961));
        if protocol == Protocol::AudioStream {
            messages.truncate(1);
            messages.extend(binary(&stereo, 640));
        }
        let url = format!("ws://{}/{protocol}", gateway.address);
        send_all(&url, subprotocol, messages).await;
        let (report, channels) = gateway.recording(name).await;
        assert_eq!(report.abnormal_end, None, "{name}");
        let played = [
            (Leg::Agent, callee.clone()),
            (Leg::Customer, caller.clone()),
        ];
        assert_hidden(&report, &channels, &played);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_door_of_vonage() {
    let door = Door {
        call_header: Some("uuid".into()),
        ..Door::new(Protocol::Vonage)
    };
    let gateway = gateway(door).await;
    let played = linear(&sound(8, MILLIS));
    let mut messages = vec![Message::text(
        json!({"event": "websocket:connected", "content-type": "audio/l16;rate=8000", "uuid": "v-1"})
            .to_string(),
    )];
    messages.extend(binary(&Encoding::LinearLittle.encode(&played), 320));
    send_all(&format!("ws://{}/vonage", gateway.address), None, messages).await;
    let (report, channels) = gateway.recording("v-1").await;
    assert_eq!(report.abnormal_end, None);
    assert_hidden(&report, &channels, &[(Leg::Mixed, played)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_door_of_audiosocket_and_on_to_its_kind() {
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        leg: Leg::Customer,
        ..Door::new(Protocol::Audiosocket)
    };
    let behind = door.clone();
    let recorder = Gateway::start_with(hears_nothing(), |settings| {
        settings.doors = vec![Entrance::new(behind).unwrap()];
    })
    .await;
    let gateway = gateway(Door {
        forward: Some(Forward {
            url: format!("audiosocket://{}", recorder.own[0].1),
            protocol: Protocol::Audiosocket,
            buffer: MediaTime::from_seconds(30.0),
            authentication: None,
            authorities: None,
        }),
        ..door
    })
    .await;
    let played = linear(&sound(9, MILLIS));
    let mut stream = TcpStream::connect(gateway.own[0].1).await.unwrap();
    let mut bytes = vec![1, 0, 16];
    bytes.extend((1..=16).map(|byte| byte * 7));
    for samples in played.chunks(160) {
        bytes.extend([0x10, 0x01, 0x40]);
        bytes.extend(Encoding::LinearLittle.encode(samples));
    }
    // Cut where no frame ends.
    for chunk in bytes.chunks(1_001) {
        stream.write_all(chunk).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert!(said.is_empty(), "a recorder says nothing");
    let id = "070e151c-232a-3138-3f46-4d545b626970";
    let (report, channels) = gateway.recording(id).await;
    assert_eq!(report.abnormal_end, None);
    assert_hidden(&report, &channels, &[(Leg::Customer, played)]);
    let (_, behind) = recorder.recording(id).await;
    assert!(
        behind[0][..channels[0].len()] == channels[0][..],
        "the recorder behind hears the same"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_audiosocket_that_is_cut_in_a_frame_ends_badly() {
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Door::new(Protocol::Audiosocket)
    };
    let gateway = gateway(door).await;
    let mut stream = TcpStream::connect(gateway.own[0].1).await.unwrap();
    let mut bytes = vec![1, 0, 16];
    bytes.extend([0xAB; 16]);
    bytes.extend([0x10, 0x01, 0x40]);
    bytes.extend([0; 320]);
    bytes.extend([0x10, 0x01, 0x40, 1, 2, 3]);
    stream.write_all(&bytes).await.unwrap();
    drop(stream);
    let (report, _) = gateway
        .recording("abababab-abab-abab-abab-abababababab")
        .await;
    assert!(report.abnormal_end.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_what_was_said_before_a_silence_is_examined_in_it() {
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Door::new(Protocol::Audiosocket)
    };
    // An engine that needs a second: after the silence, which is longer than the hold, it would be too late.
    let gateway = Gateway::start_with(
        Arc::new(|_| Answer::After(Duration::from_secs(1), Ok(Transcript::default()))),
        |settings| settings.doors = vec![Entrance::new(door).unwrap()],
    )
    .await;
    let played = linear(&sound(11, 600));
    let mut stream = TcpStream::connect(gateway.own[0].1).await.unwrap();
    let mut head = vec![1, 0, 16];
    head.extend([0xEF; 16]);
    stream.write_all(&head).await.unwrap();
    for _ in 0..2 {
        for samples in played.chunks(160) {
            let mut frame = vec![0x10, 0x01, 0x40];
            frame.extend(Encoding::LinearLittle.encode(samples));
            stream.write_all(&frame).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(2_700)).await;
    }
    stream.shutdown().await.unwrap();
    let (report, channels) = gateway
        .recording("efefefef-efef-efef-efef-efefefefefef")
        .await;
    assert!(report.late.is_empty(), "{:?}", report.late);
    assert!(channels[0][..played.len()] == played[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_silence_is_kept_apart_from_a_dead_peer() {
    // Asterisk sends nothing while nobody speaks; the recording has the pause.
    let door = Door {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Door::new(Protocol::Audiosocket)
    };
    let gateway = gateway(door).await;
    let played = linear(&sound(10, 1_000));
    let mut stream = TcpStream::connect(gateway.own[0].1).await.unwrap();
    let mut head = vec![1, 0, 16];
    head.extend([0xCD; 16]);
    stream.write_all(&head).await.unwrap();
    for part in 0..2 {
        for samples in played.chunks(160) {
            let mut frame = vec![0x10, 0x01, 0x40];
            frame.extend(Encoding::LinearLittle.encode(samples));
            stream.write_all(&frame).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if part == 0 {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
    }
    stream.shutdown().await.unwrap();
    let (report, channels) = gateway
        .recording("cdcdcdcd-cdcd-cdcd-cdcd-cdcdcdcdcdcd")
        .await;
    let length = channels[0].len() as f64 / 8_000.0;
    assert!((3.2..4.2).contains(&length), "{length} s");
    assert_eq!(report.abnormal_end, None);
}
