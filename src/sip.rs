//! SIP and SIPREC (RFC 7866, RFC 9806), as those who record calls speak them.
//!
//! ```text
//! bytes -> framing -> message -> transaction -> server  (a recording server: is invited to record)
//!                       |                       client  (a recording client: invites a recorder)
//!                       +-> multipart -> description (SDP), metadata (who speaks on which stream)
//! ```
//!
//! [`server::Srs`] and [`client::Src`] are given the bytes that came, the time and their owner's decisions, and
//! are asked for [actions](server::Action) until there are none. Time is a [`std::time::Duration`] since any
//! start that stays the same. Randomness is handed in.
//!
//! **Architecture invariants:** no socket, clock, thread or file; nothing that a peer sends makes it panic or
//! hold more than its settings allow; names, addresses of record and keys are [`crate::call::Sensitive`] or not
//! printed.
//!
//! Does not know what sockets there are, who may record, what RTP looks like, or what becomes of the audio.

mod body;
pub mod client;
pub mod description;
mod dialog;
pub mod digest;
pub mod framing;
mod lifetime;
pub mod message;
pub mod metadata;
pub mod multipart;
mod schedule;
pub mod server;
pub mod transaction;

use std::fmt;
use std::net::SocketAddr;

/// What carries SIP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One message in each datagram.
    Udp,
    /// A stream of messages.
    Tcp,
    /// A stream of messages that nobody else reads.
    Tls,
}

impl Transport {
    /// The name in Via (RFC 3261, 20.42).
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// Whether nothing is lost on the way.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }
}

/// Where a message came from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// What carries it.
    pub transport: Transport,
    /// The other end.
    pub peer: SocketAddr,
    /// Which connection (or listening socket, for UDP) it is, in its owner's numbering. 0 in a message to be
    /// sent: any connection to the peer, opened if there is none.
    pub connection: u64,
}

/// Where the identifiers come from that nobody may guess: 128 random bits for each call.
pub type Random = Box<dyn FnMut() -> u128 + Send>;

/// How those who are asked to send to us are told of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// Host name or address that the peers reach.
    pub host: String,
    /// The port for UDP.
    pub udp: u16,
    /// The port for TCP.
    pub tcp: u16,
    /// The port for TLS.
    pub tls: u16,
}

impl Advertised {
    /// `host:port` for a transport.
    pub fn sent_by(&self, transport: Transport) -> String {
        let port = match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
        };
        if self.host.contains(':') && !self.host.starts_with('[') {
            format!("[{}]:{port}", self.host)
        } else {
            format!("{}:{port}", self.host)
        }
    }

    /// The URI for Contact.
    pub fn uri(&self, user: &str, transport: Transport) -> String {
        let sent_by = self.sent_by(transport);
        match transport {
            Transport::Udp => format!("sip:{user}@{sent_by}"),
            Transport::Tcp => format!("sip:{user}@{sent_by};transport=tcp"),
            Transport::Tls => format!("sip:{user}@{sent_by};transport=tls"),
        }
    }
}

/// One recording session, for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
