//! The doors: where calls come in, by which protocol, from whom, and where their clean audio goes on to.
//!
//! Secrets are never written in the file: it names an environment variable or another file. What is shown of
//! a configuration has the names alone.

mod read;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

pub(super) use read::{DoorSection, doors};

use crate::audio::MediaTime;
use crate::call::{Leg, Sensitive};

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
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 4] = [
        Protocol::Twilio,
        Protocol::Signalwire,
        Protocol::Telnyx,
        Protocol::Plivo,
    ];

    /// Its name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Twilio => "twilio",
            Protocol::Signalwire => "signalwire",
            Protocol::Telnyx => "telnyx",
            Protocol::Plivo => "plivo",
        }
    }

    /// Whether its messages tell inbound from outbound audio.
    fn has_directions(self) -> bool {
        match self {
            Protocol::Twilio | Protocol::Signalwire | Protocol::Telnyx | Protocol::Plivo => true,
        }
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
        /// The address as the platform has it, `wss://host/path`.
        public_url: String,
    },
    /// `X-Plivo-Signature-V3` over the door's public address.
    PlivoSignature {
        /// Auth tokens.
        tokens: Vec<Secret>,
        /// The address as the platform has it, `wss://host/path`.
        public_url: String,
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
            Authentication::Bearer { .. } => "bearer",
            Authentication::Basic { .. } => "basic",
            Authentication::MutualTls => "mutual_tls",
            Authentication::Header { .. } => "header",
        }
    }

    /// What else it is told, by the names in configuration files.
    pub fn settings(&self) -> Vec<(&'static str, &str)> {
        match self {
            Authentication::TwilioSignature { public_url, .. }
            | Authentication::PlivoSignature { public_url, .. } => vec![("public_url", public_url)],
            Authentication::Bearer { .. } | Authentication::MutualTls => Vec::new(),
            Authentication::Basic { user, .. } => vec![("user", user)],
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
            Authentication::Basic { passwords, .. } => passwords,
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
    /// The URL path that is served.
    pub path: String,
    /// Who is heard on the outbound track, where there are tracks; the other party is on the inbound one.
    pub outbound: Leg,
    /// What is asked of who comes in.
    pub authentication: Option<Authentication>,
    /// The networks that may come in; empty means all.
    pub networks: Vec<IpNet>,
    /// The recorder behind the door, besides the gateway's own recordings.
    pub forward: Option<Forward>,
}

/// A recorder that calls go on to.
#[derive(Debug, Clone)]
pub struct Forward {
    /// `ws://` or `wss://` address.
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
            outbound: Leg::Agent,
            authentication: None,
            networks: Vec::new(),
            forward: None,
        }
    }

    /// Whether it lets anybody in that reaches it.
    pub fn is_unguarded(&self) -> bool {
        self.authentication.is_none() && self.networks.is_empty()
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
