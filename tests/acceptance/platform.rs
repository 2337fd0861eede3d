//! Speaks to the gateway as Twilio Media Streams does, at the pace of a call.

use std::net::SocketAddr;
use std::time::Duration;

use audio_codec_algorithms::encode_ulaw;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use crate::labels::Sample;

/// Samples in a message: 20 ms.
const FRAME: usize = 160;

/// How a call ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// The platform says so and closes.
    Stop,
    /// The connection is left alone after this much of the call.
    Vanish(Duration),
}

/// Plays a call in real time.
pub(crate) async fn play(address: SocketAddr, call: &str, sample: &Sample, ending: Ending) {
    let url = format!("ws://{address}/twilio");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let stream = format!("MZ{}", &call[2..]);
    let mut sequence = 1_u64;
    let mut say = |event: &str, body: serde_json::Value| {
        let mut message =
            json!({ "event": event, "sequenceNumber": sequence.to_string(), "streamSid": stream });
        message[event] = body;
        sequence += 1;
        Message::text(message.to_string())
    };
    let connected = json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" });
    socket
        .send(Message::text(connected.to_string()))
        .await
        .unwrap();
    let format = json!({ "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 });
    let start = json!({
        "streamSid": stream, "accountSid": "AC0", "callSid": call,
        "tracks": ["inbound", "outbound"], "mediaFormat": format, "customParameters": {},
    });
    socket.send(say("start", start)).await.unwrap();

    let begun = Instant::now();
    let frames = sample.legs[0].len().div_ceil(FRAME);
    for frame in 0..frames {
        let time = Duration::from_millis(20 * frame as u64);
        if matches!(ending, Ending::Vanish(after) if time >= after) {
            return;
        }
        sleep_until(begun + time).await;
        for (track, leg) in [("outbound", 0), ("inbound", 1)] {
            let range = frame * FRAME..sample.legs[leg].len().min((frame + 1) * FRAME);
            let bytes: Vec<u8> = sample.legs[leg][range]
                .iter()
                .map(|sample| encode_ulaw(*sample))
                .collect();
            let media = json!({
                "track": track, "chunk": (frame + 1).to_string(),
                "timestamp": time.as_millis().to_string(), "payload": STANDARD.encode(bytes),
            });
            socket.send(say("media", media)).await.unwrap();
        }
    }
    let stop = json!({ "accountSid": "AC0", "callSid": call });
    socket.send(say("stop", stop)).await.unwrap();
    // The gateway may close first; either way the call is over.
    let _ = socket.close(None).await;
    while let Some(Ok(_)) = socket.next().await {}
}
