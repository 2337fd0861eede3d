//! The doors: where calls come in, by which protocol, from whom, and where their clean audio goes on to.
//!
//! Secrets are never written in the file: it names an environment variable or another file. What is shown of
//! a configuration has the names alone.

mod read;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

pub(super) use read::{DoorSection, doors};

use crate::audio::g711::Law;
use crate::audio::{MediaTime, SampleRate};
use crate::call::particulars::{Label, Particulars};
use crate::call::{Leg, Sensitive};
use crate::config::control::Control;
use crate::ingress::audio_fork::Mix;
use crate::ingress::audiosocket::Codec;

/// How a platform sends calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Twilio Media Streams.
    Twilio,
    /// SignalWire's `<Stream>`.
    Signalwire,
    /// Telnyx media streaming.
    Telnyx,
    /// Plivo's `<Stream>`.
    Plivo,
    /// Genesys AudioHook Monitor.
    Audiohook,
    /// Vonage's WebSocket endpoint.
    Vonage,
    /// Asterisk's AudioSocket, over TCP.
    Audiosocket,
    /// Asterisk's chan_websocket.
    ChanWebsocket,
    /// FreeSWITCH's mod_audio_fork.
    AudioFork,
    /// FreeSWITCH's mod_audio_stream.
    AudioStream,
    /// jambonz' `listen`.
    Jambonz,
    /// A recording session of a session border controller: SIP and RTP.
    Siprec,
    /// RTP to ports that an HTTP request asks for.
    Rtp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 13] = [
        Protocol::Twilio,
        Protocol::Signalwire,
        Protocol::Telnyx,
        Protocol::Plivo,
        Protocol::Audiohook,
        Protocol::Vonage,
        Protocol::Audiosocket,
        Protocol::ChanWebsocket,
        Protocol::AudioFork,
        Protocol::AudioStream,
        Protocol::Jambonz,
        Protocol::Siprec,
        Protocol::Rtp,
    ];

    /// Its name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Twilio => "twilio",
            Protocol::Signalwire => "signalwire",
            Protocol::Telnyx => "telnyx",
            Protocol::Plivo => "plivo",
            Protocol::Audiohook => "audiohook",
            Protocol::Vonage => "vonage",
            Protocol::Audiosocket => "audiosocket",
            Protocol::ChanWebsocket => "chan_websocket",
            Protocol::AudioFork => "audio_fork",
            Protocol::AudioStream => "audio_stream",
            Protocol::Jambonz => "jambonz",
            Protocol::Siprec => "siprec",
            Protocol::Rtp => "rtp",
        }
    }

    /// The fields of a door, besides those of every door, that mean something to it.
    pub(in crate::config) fn fields(self) -> &'static [&'static str] {
        match self {
            Protocol::Twilio | Protocol::Signalwire | Protocol::Telnyx | Protocol::Plivo => {
                &["path", "outbound"]
            }
            Protocol::Audiohook => &["path"],
            Protocol::Vonage => &["path", "call_header"],
            Protocol::Audiosocket => &["listen", "leg", "codec", "rate"],
            Protocol::ChanWebsocket => &["path", "leg"],
            Protocol::AudioFork | Protocol::AudioStream | Protocol::Jambonz => {
                &["path", "rate", "mix", "read"]
            }
            Protocol::Siprec => &["listen", "rtp_ports", "advertise", "first", "strict_source"],
            Protocol::Rtp => &["path", "rtp_ports", "advertise", "strict_source"],
        }
    }

    /// Whether nothing is sent while nobody speaks, so that a silent connection is a live one.
    fn falls_silent(self) -> bool {
        matches!(
            self,
            Protocol::Audiosocket
                | Protocol::ChanWebsocket
                | Protocol::AudioFork
                | Protocol::AudioStream
                | Protocol::Jambonz
                | Protocol::Siprec
                | Protocol::Rtp
        )
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A secret that the file only refers to: `env:NAME` or `file:PATH`.
#[derive(Clone)]
pub struct Secret {
    reference: String,
    value: Sensitive<String>,
}

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        self.value.expose()
    }

    /// Where it comes from, as the file says.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.reference)
    }
}

/// How a platform proves itself when it opens a connection.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// `X-Twilio-Signature` over the door's public address.
    TwilioSignature {
        /// Auth tokens: primary, and secondary while they are rotated.
        tokens: Vec<Secret>,
        /// How the platform reaches the gateway, `wss://host`, without the door's path.
        public_url: String,
    },
    /// `X-Plivo-Signature-V3` over the door's public address.
    PlivoSignature {
        /// Auth tokens.
        tokens: Vec<Secret>,
        /// How the platform reaches the gateway, `wss://host`, without the door's path.
        public_url: String,
    },
    /// AudioHook's HTTP message signatures, or its API key alone.
    AudiohookSignature {
        /// The values of `X-API-KEY`.
        api_keys: Vec<Secret>,
        /// The client secret of each key, in base64; none at all where requests are not signed.
        secrets: Vec<Secret>,
    },
    /// `Authorization: Bearer TOKEN`.
    Bearer {
        /// Accepted tokens.
        tokens: Vec<Secret>,
    },
    /// `Authorization: Basic`, with a user's name and password.
    Basic {
        /// The user's name.
        user: String,
        /// Accepted passwords.
        passwords: Vec<Secret>,
    },
    /// SIP's challenge (RFC 3261, 22), with a user's name and password; for recorders alone.
    Digest {
        /// The user's name.
        user: String,
        /// The password.
        passwords: Vec<Secret>,
    },
    /// A client certificate that one of the server's client authorities vouches for.
    MutualTls,
    /// A header of a given name that has a secret for its value.
    Header {
        /// The header's name, in lower case.
        header: String,
        /// Accepted values.
        tokens: Vec<Secret>,
    },
}

impl Authentication {
    /// Its name in configuration files.
    pub fn name(&self) -> &'static str {
        match self {
            Authentication::TwilioSignature { .. } => "twilio_signature",
            Authentication::PlivoSignature { .. } => "plivo_signature",
            Authentication::AudiohookSignature { .. } => "audiohook_signature",
            Authentication::Bearer { .. } => "bearer",
            Authentication::Basic { .. } => "basic",
            Authentication::Digest { .. } => "digest",
            Authentication::MutualTls => "mutual_tls",
            Authentication::Header { .. } => "header",
        }
    }

    /// What else it is told, by the names in configuration files.
    pub fn settings(&self) -> Vec<(&'static str, &str)> {
        match self {
            Authentication::TwilioSignature { public_url, .. }
            | Authentication::PlivoSignature { public_url, .. } => vec![("public_url", public_url)],
            Authentication::AudiohookSignature { .. }
            | Authentication::Bearer { .. }
            | Authentication::MutualTls => Vec::new(),
            Authentication::Basic { user, .. } | Authentication::Digest { user, .. } => {
                vec![("user", user)]
            }
            Authentication::Header { header, .. } => vec![("header", header)],
        }
    }

    /// The secrets that prove the platform.
    pub fn secrets(&self) -> &[Secret] {
        match self {
            Authentication::TwilioSignature { tokens, .. }
            | Authentication::PlivoSignature { tokens, .. }
            | Authentication::Bearer { tokens }
            | Authentication::Header { tokens, .. } => tokens,
            Authentication::AudiohookSignature { secrets, .. } => secrets,
            Authentication::Basic { passwords, .. } | Authentication::Digest { passwords, .. } => {
                passwords
            }
            Authentication::MutualTls => &[],
        }
    }
}

/// A door.
#[derive(Debug, Clone)]
pub struct Door {
    /// Its name in the file.
    pub name: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The URL path that is served; the door's name where there is none.
    pub path: String,
    /// Where a door listens that has a socket of its own.
    pub listen: SocketAddr,
    /// The ports that RTP comes to.
    pub rtp_ports: RangeInclusive<u16>,
    /// The address that peers are told to send RTP to; `None` is the one they have reached.
    pub advertise: Option<IpAddr>,
    /// Who is heard on the first stream of a recording session, where its metadata do not say.
    pub first: Leg,
    /// Whether RTP must come from an address that the call's description names, or from whoever describes it.
    pub strict_source: bool,
    /// Who is heard on the outbound track, where there are tracks; the other party is on the inbound one.
    pub outbound: Leg,
    /// Who is heard where there is one channel.
    pub leg: Leg,
    /// What is in AudioSocket's frames.
    pub codec: Codec,
    /// The rate of FreeSWITCH's audio, where it does not say.
    pub rate: SampleRate,
    /// What FreeSWITCH sends, where it does not say.
    pub mix: Mix,
    /// Who is on the leg that FreeSWITCH reads from.
    pub read: Leg,
    /// Which member of Vonage's first message has the call's id.
    pub call_header: Option<String>,
    /// What is so of calls that do not say otherwise: site, vendor, queue, jurisdiction.
    pub usual: Particulars,
    /// How long a connection may say nothing.
    pub idle: Duration,
    /// What is asked of who comes in.
    pub authentication: Option<Authentication>,
    /// The networks that may come in; empty means all.
    pub networks: Vec<IpNet>,
    /// The recorder behind the door, besides the gateway's own recordings.
    pub forward: Option<Forward>,
    /// A recorder elsewhere that is paused while something sensitive is said.
    pub control: Option<Control>,
}

/// A recorder that calls go on to.
#[derive(Debug, Clone)]
pub struct Forward {
    /// `ws://`, `wss://` or `audiosocket://` address, or a `sip:` or `sips:` URI.
    pub url: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// How much audio is kept while the recorder is away.
    pub buffer: MediaTime,
    /// How the gateway proves itself there.
    pub authentication: Option<Authentication>,
    /// Authorities that vouch for the recorder's certificate; `None` means the system's.
    pub authorities: Option<PathBuf>,
}

impl Door {
    /// A door of a protocol with everything by default, named after it.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            name: protocol.name().to_owned(),
            protocol,
            path: format!("/{protocol}"),
            listen: SocketAddr::from((
                [127, 0, 0, 1],
                if protocol == Protocol::Siprec {
                    5_060
                } else {
                    9_092
                },
            )),
            rtp_ports: 20_000..=20_999,
            advertise: None,
            first: Leg::Customer,
            strict_source: true,
            outbound: Leg::Agent,
            leg: Leg::Mixed,
            codec: Codec::Linear(None),
            rate: SampleRate::TELEPHONE,
            mix: Mix::Stereo,
            read: Leg::Customer,
            call_header: None,
            usual: Particulars::default(),
            idle: Duration::from_secs(if protocol.falls_silent() { 600 } else { 60 }),
            authentication: None,
            networks: Vec::new(),
            forward: None,
            control: None,
        }
    }

    /// What its protocol is told, by the names in configuration files.
    pub(in crate::config) fn fields(&self) -> Vec<(&'static str, toml::Value)> {
        let value = |field: &str| -> Option<toml::Value> {
            Some(match field {
                "path" => self.path.clone().into(),
                "listen" => self.listen.to_string().into(),
                "outbound" => self.outbound.name().into(),
                "leg" => self.leg.name().into(),
                "read" => self.read.name().into(),
                "codec" => match self.codec {
                    Codec::Linear(_) => "slin",
                    Codec::Companded(Law::Mu) => "ulaw",
                    Codec::Companded(Law::A) => "alaw",
                }
                .into(),
                "mix" => match self.mix {
                    Mix::Mono => "mono",
                    Mix::Mixed => "mixed",
                    Mix::Stereo => "stereo",
                }
                .into(),
                "rate" if self.codec == Codec::Linear(None) && self.has_own_socket() => {
                    return None;
                }
                "rate" if self.has_own_socket() && self.codec != Codec::Linear(Some(self.rate)) => {
                    return None;
                }
                "rate" => i64::from(self.rate.hertz()).into(),
                "rtp_ports" => {
                    format!("{}-{}", self.rtp_ports.start(), self.rtp_ports.end()).into()
                }
                "advertise" => self.advertise?.to_string().into(),
                "first" => self.first.name().into(),
                "strict_source" => self.strict_source.into(),
                "call_header" => self.call_header.clone()?.into(),
                _ => return None,
            })
        };
        let fields = self.protocol.fields().iter();
        fields
            .filter_map(|&field| Some((field, value(field)?)))
            .collect()
    }

    /// What is so of its calls unless they say otherwise, by the names in configuration files.
    pub(in crate::config) fn usual(&self) -> [(&'static str, Option<&Label>); 4] {
        [
            ("site", self.usual.site.as_ref()),
            ("vendor", self.usual.vendor.as_ref()),
            ("queue", self.usual.queue.as_ref()),
            ("jurisdiction", self.usual.jurisdiction.as_ref()),
        ]
    }

    /// Whether it lets anybody in that reaches it.
    pub fn is_unguarded(&self) -> bool {
        self.authentication.is_none() && self.networks.is_empty()
    }

    /// Whether it has a socket of its own rather than a path of the server's.
    pub fn has_own_socket(&self) -> bool {
        matches!(self.protocol, Protocol::Audiosocket | Protocol::Siprec)
    }

    /// Whether its calls are WebSocket connections to its path.
    pub fn is_websocket(&self) -> bool {
        !self.has_own_socket() && self.protocol != Protocol::Rtp
    }

    /// Whether a peer's address may come in.
    pub fn admits(&self, peer: IpAddr) -> bool {
        // A socket for both families shows version 4 addresses mapped into version 6.
        let peer = peer.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests;
