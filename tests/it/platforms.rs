//! What each platform that speaks over a WebSocket sends for the same call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hushgate::audio::encoding::Encoding;
use hushgate::config::doors::Protocol;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{linear, stop};

/// A protocol's messages for a call of one sound on each leg, and which recording comes of it.
pub(crate) struct Part {
    pub(crate) protocol: Protocol,
    pub(crate) subprotocol: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) messages: Vec<Value>,
    pub(crate) call: &'static str,
}

fn text(message: &Value) -> Value {
    json!({"text": message.to_string()})
}

fn audio(bytes: &[u8], size: usize) -> impl Iterator<Item = Value> {
    bytes
        .chunks(size)
        .map(|chunk| json!({"base64": STANDARD.encode(chunk)}))
}

/// All protocols over WebSockets.
pub(crate) fn parts(agent: &[u8], customer: &[u8]) -> Vec<Part> {
    let stereo: Vec<i16> = linear(customer)
        .into_iter()
        .zip(linear(agent))
        .flat_map(|(customer, agent)| [customer, agent])
        .collect();
    let stereo = Encoding::LinearLittle.encode(&stereo);
    let mono = Encoding::LinearLittle.encode(&linear(customer));

    let twilio = |start: Value, first: u64| {
        let mut messages = vec![text(&start)];
        for (place, (agent, customer)) in (0..).zip(agent.chunks(160).zip(customer.chunks(160))) {
            for (track, bytes) in [("outbound", agent), ("inbound", customer)] {
                messages.push(text(&json!({"event": "media", "media": {"track": track,
                    "chunk": (place + 1).to_string(), "timestamp": (first + place * 20).to_string(),
                    "payload": STANDARD.encode(bytes)}})));
            }
        }
        messages
    };
    let stopped = |mut messages: Vec<Value>| {
        messages.push(json!({"text": stop()}));
        messages
    };
    let media = json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1});
    let start = |call: &str| {
        json!({"event": "start", "streamSid": "s", "start": {"callSid": call, "streamSid": "s",
            "tracks": ["inbound", "outbound"], "mediaFormat": media}})
    };
    let telnyx = json!({"event": "start", "stream_id": "s", "start": {"call_session_id": "telnyx-1",
        "call_control_id": "v2:x", "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}}});
    let plivo = json!({"event": "start", "sequenceNumber": 0, "start": {"callId": "plivo-1", "streamId": "s",
        "mediaFormat": {"encoding": "audio/x-mulaw"}}});

    let id = "3b9e0405-1111-4000-8000-0123456789ab";
    let say = |kind: &str, seq: u64, parameters: Value| {
        text(
            &json!({"version": "2", "type": kind, "id": id, "seq": seq, "serverseq": seq - 1,
            "position": "PT0S", "parameters": parameters}),
        )
    };
    let both: Vec<u8> = customer
        .iter()
        .zip(agent)
        .flat_map(|(&c, &a)| [c, a])
        .collect();
    let media = json!([{"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}]);
    let mut audiohook = vec![
        say(
            "open",
            1,
            json!({"organizationId": id, "conversationId": id, "media": media,
            "participant": {"id": id, "ani": "", "aniName": "", "dnis": ""}}),
        ),
        json!({"await": true}),
    ];
    audiohook.extend(audio(&both, 3_200));
    audiohook.push(say("close", 2, json!({"reason": "end"})));
    audiohook.push(json!({"await": true}));

    let mut channel = vec![text(
        &json!({"event": "MEDIA_START", "connection_id": "conn1",
        "channel": "WebSocket/conn1/0x7f", "channel_id": "ast-1", "format": "slin",
        "optimal_frame_size": 320, "ptime": 20}),
    )];
    channel.extend(audio(&mono, 320));
    let mut fork = vec![text(&json!({"callSid": "fork-1"}))];
    fork.extend(audio(&stereo, 640));
    let mut jambonz = vec![text(
        &json!({"sampleRate": 8000, "mixType": "stereo", "callSid": "jambonz-1"}),
    )];
    jambonz.extend(audio(&stereo, 640));
    let mut stream = vec![text(
        &json!({"callSid": "stream-1", "rate": 8000, "channels": 2}),
    )];
    stream.extend(audio(&stereo, 640));
    let mut vonage = vec![text(&json!({"event": "websocket:connected",
        "content-type": "audio/l16;rate=8000", "uuid": "vonage-1"}))];
    vonage.extend(audio(&mono, 320));

    let part = |protocol, subprotocol, messages, call| Part {
        protocol,
        subprotocol,
        headers: Vec::new(),
        messages,
        call,
    };
    vec![
        part(
            Protocol::Twilio,
            "",
            stopped(twilio(start("twilio-1"), 0)),
            "twilio-1",
        ),
        part(
            Protocol::Signalwire,
            "",
            stopped(twilio(start("signalwire-1"), 0)),
            "signalwire-1",
        ),
        part(Protocol::Telnyx, "", stopped(twilio(telnyx, 0)), "telnyx-1"),
        // Its times are those of the day, and it has no stop.
        part(
            Protocol::Plivo,
            "",
            twilio(plivo, 1_711_002_345_678),
            "plivo-1",
        ),
        Part {
            headers: vec![
                format!("Audiohook-Organization-Id={id}"),
                format!("Audiohook-Session-Id={id}"),
            ],
            ..part(Protocol::Audiohook, "", audiohook, id)
        },
        part(Protocol::ChanWebsocket, "media", channel, "ast-1"),
        part(Protocol::AudioFork, "audio.drachtio.org", fork, "fork-1"),
        part(Protocol::AudioStream, "", stream, "stream-1"),
        part(Protocol::Jambonz, "audio.jambonz.org", jambonz, "jambonz-1"),
        part(Protocol::Vonage, "", vonage, "vonage-1"),
    ]
}

impl Part {
    /// The headers of the request that opens the connection, by name and value.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|header| header.split_once('=').unwrap())
    }

    /// The messages for a WebSocket; `None` where the gateway's next message is waited for.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Option<Message>> {
        self.messages.iter().map(|message| {
            if let Some(text) = message["text"].as_str() {
                return Some(Message::text(text));
            }
            let bytes = message["base64"].as_str()?;
            Some(Message::binary(STANDARD.decode(bytes).unwrap()))
        })
    }
}
