//! A door with all that it needs: its protocol's adapter, and the way to the recorder behind it.

use std::sync::Arc;

use anyhow::Context;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::{CallId, Leg, Sensitive};
use crate::config::Door;
use crate::config::control::Control;
use crate::config::doors::{Authentication, Forward, Protocol};
use crate::egress::forward::audio_fork::{Dialect, Layout};
use crate::egress::forward::audiosocket::Codec;
use crate::egress::forward::chan_websocket::Form;
use crate::egress::forward::twilio::Style;
use crate::gateway::control::Controller;
use crate::gateway::forwarding::{
    ApiKey, Destination, Recorder, Route, SessionRecorder, SpeakerMaker, speakers,
};
use crate::gateway::tls;
use crate::ingress::Adapter;
use crate::ingress::audio_fork::{self, AudioForkAdapter};
use crate::ingress::audiohook::{AudioHookAdapter, AudioHookHandshake, InvalidHandshake};
use crate::ingress::audiosocket::{self, AudioSocketAdapter};
use crate::ingress::authentication::Secret;
use crate::ingress::chan_websocket::{self, ChanWebSocketAdapter};
use crate::ingress::twilio::{self, TwilioAdapter};
use crate::ingress::vonage::{self, VonageAdapter};

use super::guard::Guard;
use crate::sip::digest::Credentials;

/// A door that can be opened.
#[derive(Clone)]
pub struct Entrance {
    pub(super) door: Arc<Door>,
    pub(super) guard: Arc<Guard>,
    pub(super) route: Option<Route>,
    pub(super) control: Option<Controller>,
}

impl Entrance {
    /// A door of the configuration. Fails when its secrets cannot be used, or the certificates for the
    /// recorder behind it cannot be read.
    pub fn new(door: Door) -> anyhow::Result<Self> {
        let name = &door.name;
        let guard =
            Guard::new(door.authentication.as_ref()).with_context(|| format!("doors.{name}"))?;
        let route = match &door.forward {
            Some(forward) => {
                Some(route(&door, forward).with_context(|| format!("doors.{name}.forward"))?)
            }
            None => None,
        };
        let control = match &door.control {
            Some(control) => {
                Some(controller(control).with_context(|| format!("doors.{name}.control"))?)
            }
            None => None,
        };
        Ok(Self {
            guard: Arc::new(guard),
            door: Arc::new(door),
            route,
            control,
        })
    }

    /// What speaks the door's protocol on a new connection, which a request with these headers opened; or
    /// what is wrong with the request.
    pub(super) fn adapter(&self, headers: &HeaderMap) -> Result<Box<dyn Adapter>, CannotEnter> {
        let door = &*self.door;
        let twilio =
            |dialect| -> Box<dyn Adapter> { Box::new(TwilioAdapter::new(dialect, door.outbound)) };
        let fork = |dialect| -> Box<dyn Adapter> {
            Box::new(AudioForkAdapter::new(audio_fork::Settings {
                dialect,
                rate: door.rate,
                mix: door.mix,
                read: door.read,
                fallback: fresh_call_id(),
            }))
        };
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        };
        Ok(match door.protocol {
            Protocol::Twilio => twilio(twilio::Dialect::Twilio),
            Protocol::Signalwire => twilio(twilio::Dialect::SignalWire),
            Protocol::Telnyx => twilio(twilio::Dialect::Telnyx),
            Protocol::Plivo => twilio(twilio::Dialect::Plivo),
            Protocol::Audiohook => Box::new(AudioHookAdapter::new(AudioHookHandshake::new(
                header("audiohook-organization-id"),
                header("audiohook-session-id"),
            )?)),
            Protocol::Vonage => Box::new(VonageAdapter::new(vonage::Settings {
                call_header: door.call_header.clone(),
                fallback: fresh_call_id(),
            })),
            Protocol::Audiosocket => Box::new(AudioSocketAdapter::new(audiosocket::Settings {
                codec: door.codec,
                leg: door.leg,
            })),
            Protocol::ChanWebsocket => {
                Box::new(ChanWebSocketAdapter::new(chan_websocket::Settings {
                    leg: door.leg,
                }))
            }
            Protocol::AudioFork => fork(audio_fork::Dialect::AudioFork),
            Protocol::AudioStream => fork(audio_fork::Dialect::AudioStream),
            Protocol::Jambonz => fork(audio_fork::Dialect::Jambonz),
            Protocol::Siprec | Protocol::Rtp => return Err(CannotEnter::NoConnection),
        })
    }

    /// The WebSocket subprotocols of which one is accepted, if the platform offers it.
    pub(super) fn subprotocols(&self) -> &'static [&'static str] {
        match self.door.protocol {
            Protocol::ChanWebsocket => &[chan_websocket::SUBPROTOCOL],
            Protocol::AudioFork => audio_fork::Dialect::AudioFork.subprotocols(),
            Protocol::AudioStream => audio_fork::Dialect::AudioStream.subprotocols(),
            Protocol::Jambonz => audio_fork::Dialect::Jambonz.subprotocols(),
            _ => &[],
        }
    }
}

/// Why a request does not become a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotEnter {
    /// Something is wrong with the request.
    #[error(transparent)]
    Handshake(#[from] InvalidHandshake),
    /// The protocol's calls are no connections.
    #[error("this door's calls do not come over one connection")]
    NoConnection,
}

/// For a call that the platform does not name.
pub(super) fn fresh_call_id() -> CallId {
    uuid::Uuid::new_v4().into()
}

fn controller(control: &Control) -> anyhow::Result<Controller> {
    let tls = tls::client(control.authorities.as_deref())?;
    Controller::new(control.settings.clone(), &tls)
}

fn route(door: &Door, forward: &Forward) -> anyhow::Result<Route> {
    if forward.protocol == Protocol::Siprec {
        return Ok(Route {
            recorder: Recorder::Session(Arc::new(session_recorder(forward)?)),
            buffer: forward.buffer,
        });
    }
    let config = tls::client(forward.authorities.as_deref())?;
    let mut headers = Vec::new();
    let mut api_key = None;
    match &forward.authentication {
        Some(Authentication::AudiohookSignature { api_keys, secrets }) => {
            let key = api_keys.first().context("auth.api_keys: one is needed")?;
            let secret = secrets.first().map(|secret| {
                Secret::from_base64(secret.expose())
                    .with_context(|| format!("auth.secrets: {}", secret.reference()))
            });
            api_key = Some(ApiKey::new(key.expose(), secret.transpose()?)?);
        }
        Some(authentication) => headers.push(header(authentication)?),
        None => {}
    }
    let mut destination = Destination::new(&forward.url, headers, || config)?;
    anyhow::ensure!(
        destination.is_tcp() == (forward.protocol == Protocol::Audiosocket),
        "url: {} is spoken over {}",
        forward.protocol,
        if destination.is_tcp() {
            "a WebSocket; expected ws:// or wss://"
        } else {
            "TCP; expected audiosocket://HOST:PORT"
        }
    );
    if let Some(key) = api_key {
        destination = destination.with_api_key(key);
    }
    Ok(Route {
        recorder: Recorder::Connection {
            destination: Arc::new(destination),
            speaker: speaker(forward.protocol, door)?,
        },
        buffer: forward.buffer,
    })
}

fn session_recorder(forward: &Forward) -> anyhow::Result<SessionRecorder> {
    let credentials = match &forward.authentication {
        None => None,
        Some(Authentication::Digest { user, passwords }) => {
            let password = passwords.first().context("auth.secrets: one is needed")?;
            Some(Credentials {
                user: user.clone(),
                password: Sensitive::new(password.expose().to_owned()),
            })
        }
        Some(other) => anyhow::bail!(
            "auth.kind: {} is not spoken in SIP; expected digest",
            other.name()
        ),
    };
    let tls = tls::client(forward.authorities.as_deref())?;
    Ok(SessionRecorder::new(&forward.url, credentials, || tls)?)
}

/// Makes what speaks a protocol to a recorder, with the legs as the door has them.
fn speaker(protocol: Protocol, door: &Door) -> anyhow::Result<SpeakerMaker> {
    let layout = match door.mix {
        audio_fork::Mix::Mixed => Layout::Mixed,
        audio_fork::Mix::Mono | audio_fork::Mix::Stereo => Layout::Apart(door.read),
    };
    // What comes in as one party's audio alone goes out as that, whatever the protocol.
    Ok(match protocol {
        Protocol::Twilio | Protocol::Signalwire => speakers::twilio(Style::Twilio, door.outbound),
        Protocol::Telnyx => speakers::twilio(Style::Telnyx, door.outbound),
        Protocol::Plivo => speakers::twilio(Style::Plivo, door.outbound),
        Protocol::Audiohook => speakers::audiohook(None),
        Protocol::Vonage => speakers::vonage(Leg::Mixed),
        Protocol::Audiosocket => {
            let codec = match door.codec {
                audiosocket::Codec::Linear(_) => Codec::Linear,
                audiosocket::Codec::Companded(law) => Codec::Companded(law),
            };
            speakers::audiosocket(codec, Leg::Mixed)
        }
        Protocol::ChanWebsocket => speakers::chan_websocket(Form::Plain, Leg::Mixed),
        Protocol::AudioFork => speakers::audio_fork(Dialect::AudioFork, layout),
        Protocol::AudioStream => speakers::audio_fork(Dialect::AudioStream, layout),
        Protocol::Jambonz => speakers::audio_fork(Dialect::Jambonz, layout),
        Protocol::Siprec | Protocol::Rtp => {
            anyhow::bail!("protocol: {protocol} is not spoken over a connection")
        }
    })
}

/// The header that proves us to the recorder.
fn header(authentication: &Authentication) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let secret = authentication
        .secrets()
        .first()
        .context("auth.secrets: one is needed")?
        .expose();
    let (name, value) = match authentication {
        Authentication::Bearer { .. } => (AUTHORIZATION, format!("Bearer {secret}")),
        Authentication::Basic { user, .. } => {
            let pair = STANDARD.encode(format!("{user}:{secret}"));
            (AUTHORIZATION, format!("Basic {pair}"))
        }
        Authentication::Header { header, .. } => (
            header
                .parse()
                .context("auth.header: not the name of a header")?,
            secret.to_owned(),
        ),
        Authentication::TwilioSignature { .. }
        | Authentication::PlivoSignature { .. }
        | Authentication::AudiohookSignature { .. }
        | Authentication::Digest { .. }
        | Authentication::MutualTls => anyhow::bail!(
            "auth.kind: {} is not spoken to recorders; expected bearer, basic or header",
            authentication.name()
        ),
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        anyhow::anyhow!("auth.secrets: the secret has characters that no header may have")
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}
