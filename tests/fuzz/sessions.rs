//! Recording sessions: SIP, what it carries, and the audio beside it.

use std::net::SocketAddr;
use std::time::Duration;

use hushgate::audio::SampleRate;
use hushgate::rtp::{PayloadFormat, Port, PortSettings, Received, Settings, SourcePolicy};
use hushgate::sip::description::{Description, LocalMedia, MOST_STREAMS};
use hushgate::sip::framing::{Frame, Framing};
use hushgate::sip::metadata::{MOST, RecordingMetadata};
use hushgate::sip::server::{Action, Srs, SrsSettings};
use hushgate::sip::{Advertised, Flow, Transport};

use super::connections::{Body, Message, messages};

/// Datagrams to a stream's ports: bytes to the one for audio, text to the one for reports.
pub fn rtp(bytes: &[u8]) {
    let formats = [
        (0, PayloadFormat::Pcmu),
        (8, PayloadFormat::Pcma),
        (9, PayloadFormat::G722),
        (13, PayloadFormat::ComfortNoise { clock: 8_000 }),
        (96, PayloadFormat::Opus),
        (101, PayloadFormat::TelephoneEvent { clock: 8_000 }),
    ];
    let settings = PortSettings {
        receiver: Settings::new(formats.to_vec(), SampleRate::SPEECH),
        sources: SourcePolicy::default(),
        their_key: None,
        our_key: None,
        ssrc: 1,
        name: "fuzzed".to_owned(),
    };
    let mut port = Port::new(settings, Duration::ZERO);
    let from = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut end = 0;
    let mut check = |out: Vec<Received>, latest: Duration| {
        for received in out {
            if let Received::Audio { at, samples } = received {
                assert!(at.0 >= end);
                end = at.0 + samples.expose().len() as u64;
                // Two seconds before it contradicts its arrival, and a packet of one.
                assert!(
                    u128::from(end) <= (latest + Duration::from_millis(3_500)).as_millis() * 16
                );
            }
        }
    };
    let mut latest = Duration::ZERO;
    for Message { since, body } in messages(bytes) {
        latest = since;
        let mut out = Vec::new();
        match body {
            Body::Binary(datagram) => {
                port.handle(since, from, &mut datagram.to_vec(), &mut out);
            }
            Body::Text(report) => {
                port.handle_report(since, from, &mut report.as_bytes().to_vec());
            }
        }
        port.poll(since, 0, &mut out);
        check(out, latest);
    }
    let mut out = Vec::new();
    port.finish(latest, &mut out);
    check(out, latest);
}

/// Messages to a recording server, each in a datagram or, as text, on a connection.
pub fn sip(bytes: &[u8]) {
    let mut number = 0;
    let random = Box::new(move || {
        number += 1;
        number
    });
    let mut srs = Srs::new(
        SrsSettings::new(Advertised {
            host: "192.0.2.9".to_owned(),
            udp: 5_060,
            tcp: 5_060,
            tls: 5_061,
        }),
        random,
    );
    let peer = SocketAddr::from(([192, 0, 2, 1], 5_060));
    let mut framing = Framing::default();
    for message in messages(bytes) {
        let now = message.since;
        match message.body {
            Body::Binary(datagram) => {
                let flow = Flow {
                    transport: Transport::Udp,
                    peer,
                    connection: 1,
                };
                srs.handle_message(now, flow, datagram);
            }
            Body::Text(text) => {
                // A line stands for a message: its ends are written out.
                let text = text.replace('|', "\r\n");
                let mut frames = Vec::new();
                let _ = framing.push(text.as_bytes(), &mut frames);
                let flow = Flow {
                    transport: Transport::Tcp,
                    peer,
                    connection: 2,
                };
                for frame in frames {
                    if let Frame::Message(bytes) = frame {
                        srs.handle_message(now, flow, &bytes);
                    }
                }
            }
        }
        srs.handle_timeout(now);
        while let Some(action) = srs.poll() {
            match action {
                Action::Invited(invitation) => {
                    assert!(invitation.streams.len() <= MOST_STREAMS);
                    let local = |slot: usize| LocalMedia {
                        address: SocketAddr::from(([192, 0, 2, 9], 40_000 + 2 * slot as u16)),
                        rtcp_mux: false,
                        key: None,
                    };
                    let locals: Vec<_> = (0..invitation.streams.len()).map(local).collect();
                    let _ = srs.accept(now, invitation.session, &locals);
                }
                Action::MediaWanted { session, .. } => {
                    let _ = srs.provide(now, session, &[]);
                }
                Action::Send { bytes, .. } => assert!(!bytes.is_empty()),
                _ => {}
            }
        }
        assert!(srs.sessions().count() <= messages(bytes).len());
    }
}

/// Session descriptions.
pub fn description(bytes: &[u8]) {
    if let Ok(description) = Description::parse(bytes) {
        assert!(description.streams.len() <= MOST_STREAMS);
    }
}

/// Recording metadata, of which the second part changes the first.
pub fn metadata(bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.splitn(2, |byte| *byte == 0).collect();
    let mut known = RecordingMetadata::default();
    for part in parts {
        if let Ok(read) = RecordingMetadata::read(part) {
            known.merge(read);
        }
    }
    assert!(known.participants.len() <= MOST && known.streams.len() <= MOST);
    assert!(known.sessions.len() <= MOST && known.annotations.len() <= MOST);
    let written = known.write("2026-01-01T00:00:00Z");
    assert!(RecordingMetadata::read(written.as_bytes()).is_ok());
}
