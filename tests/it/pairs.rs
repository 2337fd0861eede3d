//! Doors whose recorder speaks another protocol: the recorder hears what is recorded, in its own form.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hushgate::audio::MediaTime;
use hushgate::config::Door;
use hushgate::config::doors::{Forward, Protocol};
use hushgate::gateway::serve::Entrance;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::platforms::{Part, parts};
use crate::support::*;

/// What comes in by the first goes on by the second.
const PAIRS: [(Protocol, Protocol); 10] = [
    (Protocol::Twilio, Protocol::Audiohook),
    (Protocol::Signalwire, Protocol::AudioFork),
    (Protocol::Telnyx, Protocol::Plivo),
    (Protocol::Plivo, Protocol::Vonage),
    (Protocol::Audiohook, Protocol::Twilio),
    (Protocol::AudioFork, Protocol::ChanWebsocket),
    (Protocol::AudioStream, Protocol::Jambonz),
    (Protocol::Jambonz, Protocol::Audiosocket),
    (Protocol::ChanWebsocket, Protocol::AudioStream),
    (Protocol::Vonage, Protocol::Telnyx),
];

fn door(protocol: Protocol) -> Door {
    Door {
        listen: if protocol == Protocol::Audiosocket {
            "127.0.0.1:0".parse().unwrap()
        } else {
            Door::new(protocol).listen
        },
        call_header: (protocol == Protocol::Vonage).then(|| "uuid".into()),
        ..Door::new(protocol)
    }
}

async fn gateway(door: Door, script: Script) -> Gateway {
    Gateway::start_with(script, |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await
}

async fn play(part: &Part, gateway: &Gateway) {
    let url = format!("ws://{}/{}", gateway.address, part.protocol);
    let mut request = url.into_client_request().unwrap();
    let subprotocol = Some(("sec-websocket-protocol", part.subprotocol));
    let subprotocol = subprotocol.filter(|(_, name)| !name.is_empty());
    for (name, value) in part.headers().chain(subprotocol) {
        let name: axum::http::HeaderName = name.to_lowercase().parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    for message in part.messages() {
        match message {
            Some(message) => socket.send(message).await.unwrap(),
            None => drop(socket.next().await.unwrap().unwrap()),
        }
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

/// Both legs in one, as a recorder of one channel hears them.
fn mean(channels: &[Vec<i16>]) -> Vec<i16> {
    let [one, other] = channels else {
        panic!("{} legs", channels.len());
    };
    one.iter()
        .zip(other)
        .map(|(&one, &other)| ((i32::from(one) + i32::from(other)) / 2) as i16)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_each_kind_goes_on_as_another() {
    let (agent, customer) = (sound(1, 4_000), sound(2, 4_000));
    for (came, goes_on) in PAIRS {
        let recorder = gateway(door(goes_on), hears_nothing()).await;
        let url = match recorder.own.first() {
            Some((_, address)) => format!("audiosocket://{address}"),
            None => format!("ws://{}/{goes_on}", recorder.address),
        };
        let forward = Forward {
            url,
            protocol: goes_on,
            buffer: MediaTime::from_seconds(30.0),
            authentication: None,
            authorities: None,
        };
        let gateway = gateway(
            Door {
                forward: Some(forward),
                ..door(came)
            },
            says_a_card(),
        )
        .await;
        let all = parts(&agent, &customer);
        let part = all.iter().find(|part| part.protocol == came).unwrap();
        play(part, &gateway).await;
        let (report, channels) = gateway.recording(part.call).await;
        assert!(report.spans.iter().any(|span| span.kind == "pan"), "{came}");
        assert_eq!(report.not_forwarded, [], "{came} to {goes_on}");

        let behind = eventually(Duration::from_secs(20), || {
            let files = std::fs::read_dir(&recorder.recordings).ok()?;
            let mut names = files.map(|file| file.unwrap().path());
            names.find(|file| file.extension().is_some_and(|kind| kind == "json"))
        })
        .await;
        let behind = crate::support::channels(&behind.with_extension("wav"));
        let expected = match (channels.len(), behind.len()) {
            (2, 1) => vec![mean(&channels)],
            // What nobody took apart is one party's to a recorder that knows two.
            (1, 2) => {
                let length = channels[0].len();
                vec![vec![0; length], channels[0].clone()]
            }
            _ => channels,
        };
        assert_eq!(behind.len(), expected.len(), "{came} to {goes_on}");
        for (behind, expected) in behind.iter().zip(&expected) {
            assert!(
                behind[..expected.len()] == expected[..],
                "{goes_on} hears something else than {came} records"
            );
        }
    }
}
