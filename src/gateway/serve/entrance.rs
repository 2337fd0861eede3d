//! A door with all that it needs: its protocol's adapter, and the way to the recorder behind it.

use std::sync::Arc;

use anyhow::Context;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::Leg;
use crate::config::Door;
use crate::config::doors::{Authentication, Forward, Protocol};
use crate::egress::forward::StreamFacts;
use crate::egress::forward::twilio::{Style, TwilioSpeaker};
use crate::gateway::forwarding::{Destination, Route, SpeakerMaker};
use crate::gateway::tls;
use crate::ingress::Adapter;
use crate::ingress::twilio::{Dialect, TwilioAdapter};

/// A door that can be opened.
#[derive(Clone)]
pub struct Entrance {
    pub(super) door: Arc<Door>,
    pub(super) route: Option<Route>,
}

impl Entrance {
    /// A door of the configuration. Fails when the certificates for the recorder behind it cannot be read.
    pub fn new(door: Door) -> anyhow::Result<Self> {
        let route = match &door.forward {
            Some(forward) => Some(
                route(&door, forward).with_context(|| format!("doors.{}.forward", door.name))?,
            ),
            None => None,
        };
        Ok(Self {
            door: Arc::new(door),
            route,
        })
    }

    /// What speaks the door's protocol on a new connection.
    pub(super) fn adapter(&self) -> Box<dyn Adapter> {
        let twilio = |dialect| Box::new(TwilioAdapter::new(dialect, self.door.outbound));
        match self.door.protocol {
            Protocol::Twilio => twilio(Dialect::Twilio),
            Protocol::Signalwire => twilio(Dialect::SignalWire),
            Protocol::Telnyx => twilio(Dialect::Telnyx),
            Protocol::Plivo => twilio(Dialect::Plivo),
        }
    }
}

fn route(door: &Door, forward: &Forward) -> anyhow::Result<Route> {
    let config = tls::client(forward.authorities.as_deref())?;
    let headers = match &forward.authentication {
        Some(authentication) => vec![header(authentication)?],
        None => Vec::new(),
    };
    let destination = Destination::new(&forward.url, headers, || config)?;
    Ok(Route {
        destination: Arc::new(destination),
        buffer: forward.buffer,
        speaker: speaker(forward.protocol, door.outbound),
    })
}

/// Makes what speaks a protocol to a recorder.
fn speaker(protocol: Protocol, outbound: Leg) -> SpeakerMaker {
    let twilio = move |style| -> SpeakerMaker {
        Arc::new(move |facts: StreamFacts| Box::new(TwilioSpeaker::new(style, facts, outbound)))
    };
    match protocol {
        Protocol::Twilio | Protocol::Signalwire => twilio(Style::Twilio),
        Protocol::Telnyx => twilio(Style::Telnyx),
        Protocol::Plivo => twilio(Style::Plivo),
    }
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
