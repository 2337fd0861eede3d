//! Where a recorder of recording sessions is: its SIP URI, and who we are to it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::net::lookup_host;

use super::Loss;
use crate::gateway::forwarding::DestinationError;
use crate::sip::Transport;
use crate::sip::digest::Credentials;
use crate::sip::message::Uri;

/// A recorder that is invited.
#[derive(Debug)]
pub struct SessionRecorder {
    uri: String,
    host: String,
    port: u16,
    transport: Transport,
    tls: Option<Arc<ClientConfig>>,
    credentials: Option<Credentials>,
}

impl SessionRecorder {
    /// From `sip:HOST[:PORT][;transport=tcp]` or `sips:HOST[:PORT]`, name and password if it asks for them, and for
    /// TLS the authorities to trust.
    pub fn new(
        url: &str,
        credentials: Option<Credentials>,
        tls: impl FnOnce() -> Arc<ClientConfig>,
    ) -> Result<Self, DestinationError> {
        let expected = DestinationError::Address(
            "expected sip:HOST:PORT, with ;transport=tcp for TCP, or sips:HOST:PORT for TLS",
        );
        let Some(uri) = Uri::parse(url).filter(|uri| !uri.host.is_empty()) else {
            return Err(expected);
        };
        let named = uri.parameters.get("transport").map(str::to_ascii_lowercase);
        let transport = match (&*uri.scheme, named.as_deref()) {
            ("sips", None | Some("tcp" | "tls")) | ("sip", Some("tls")) => Transport::Tls,
            ("sip", None | Some("udp")) => Transport::Udp,
            ("sip", Some("tcp")) => Transport::Tcp,
            _ => return Err(expected),
        };
        if uri.user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err(DestinationError::Address(
                "a password does not belong in the address; see auth.kind = \"digest\"",
            ));
        }
        let usual = if transport == Transport::Tls {
            5061
        } else {
            5060
        };
        let port = uri.port.unwrap_or(usual);
        let user = uri.user.map_or_else(String::new, |user| format!("{user}@"));
        let host = if uri.host.contains(':') {
            format!("[{}]", uri.host)
        } else {
            uri.host.clone()
        };
        let parameter = match transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        Ok(Self {
            uri: format!("sip:{user}{host}:{port}{parameter}"),
            host: uri.host,
            port,
            transport,
            tls: (transport == Transport::Tls).then(tls),
            credentials,
        })
    }

    /// The host, for logs.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What is written into requests.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Its addresses as of now; at least one.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, Loss> {
        let found = lookup_host((&*self.host, self.port)).await;
        let found: Vec<SocketAddr> = found.map_err(Loss::Name)?.collect();
        if found.is_empty() {
            return Err(Loss::Name(std::io::Error::other("no address")));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_how_a_recorder_is_invited() {
        let read = |url: &str| {
            let tls = || crate::gateway::tls::client(None).unwrap();
            SessionRecorder::new(url, None, tls)
        };
        for (url, transport, uri) in [
            (
                "sip:rec.example:5070",
                Transport::Udp,
                "sip:rec.example:5070",
            ),
            (
                "sip:r@192.0.2.1;transport=TCP",
                Transport::Tcp,
                "sip:r@192.0.2.1:5060;transport=tcp",
            ),
            (
                "sips:[2001:db8::1]",
                Transport::Tls,
                "sip:[2001:db8::1]:5061;transport=tls",
            ),
        ] {
            let recorder = read(url).unwrap();
            assert_eq!((recorder.transport(), recorder.uri()), (transport, uri));
            assert_eq!(recorder.tls().is_some(), transport == Transport::Tls);
        }
        for (url, problem) in [
            ("wss://rec.example", "expected sip:"),
            ("sip:", "expected sip:"),
            ("sip:rec.example;transport=sctp", "expected sip:"),
            ("sip:me:secret@rec.example", "does not belong"),
        ] {
            let error = read(url).unwrap_err().to_string();
            assert!(error.contains(problem), "{url}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
