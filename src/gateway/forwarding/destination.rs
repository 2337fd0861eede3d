//! Where a recorder is, and how this gateway proves itself to it.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::header::{HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, Request, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use uuid::Uuid;

use crate::egress::forward::Handshake;
use crate::ingress::authentication::message_signature::{ClientKey, InvalidApiKey, sign};
use crate::ingress::authentication::{RequestHead, Secret};

const KEY_HEADER: &str = "x-api-key";
/// How long a signature is good for, in seconds.
const SIGNATURE_LIFE: u64 = 30;

/// A recorder's address and what it asks for.
#[derive(Debug)]
pub struct Destination {
    uri: Uri,
    host: String,
    port: u16,
    transport: Transport,
    headers: HeaderMap,
    key: Option<ApiKey>,
}

/// How a recorder is reached.
#[derive(Debug, Clone)]
pub(super) enum Transport {
    /// A WebSocket, over TLS if there are authorities to trust.
    WebSocket(Option<Arc<ClientConfig>>),
    /// Bytes.
    Tcp,
}

/// AudioHook's proof: a key, and the client secret with which requests are signed if it has one.
#[derive(Debug)]
pub struct ApiKey {
    value: HeaderValue,
    key: ClientKey,
    is_signed: bool,
}

impl ApiKey {
    /// From the key as it stands in `X-API-KEY`.
    pub fn new(api_key: &str, client_secret: Option<Secret>) -> Result<Self, InvalidApiKey> {
        let mut value = HeaderValue::try_from(api_key).map_err(|_| InvalidApiKey)?;
        value.set_sensitive(true);
        Ok(Self {
            value,
            is_signed: client_secret.is_some(),
            key: ClientKey::new(api_key, client_secret)?,
        })
    }
}

/// Why a recorder could not be spoken to. Without its path, which may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// Not an address of a recorder.
    #[error("{0}")]
    Address(&'static str),
    /// No connection came about.
    #[error("no connection: {0}")]
    Unreachable(std::io::Error),
    /// It answered, but not as a WebSocket server does.
    #[error("the handshake failed: {0}")]
    Handshake(String),
    /// It did not answer in time.
    #[error("no answer in time")]
    Slow,
    /// The connection is gone.
    #[error("the connection ended: {0}")]
    Lost(&'static str),
}

impl Destination {
    /// From an address such as `wss://recorder.example/stream` or `audiosocket://recorder.example:9092`, the
    /// headers to send with a WebSocket, and for `wss` the authorities to trust.
    pub fn new(
        url: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        tls: impl FnOnce() -> Arc<ClientConfig>,
    ) -> Result<Self, DestinationError> {
        let uri: Uri = url.parse().map_err(|_| {
            DestinationError::Address(
                "is no URL; expected ws:// or wss://HOST/PATH, or audiosocket://HOST:PORT",
            )
        })?;
        let (port, transport) = match uri.scheme_str() {
            Some("ws") => (Some(80), Transport::WebSocket(None)),
            Some("wss") => (Some(443), Transport::WebSocket(Some(tls()))),
            Some("audiosocket" | "tcp") => (None, Transport::Tcp),
            _ => {
                return Err(DestinationError::Address(
                    "expected a URL that begins with ws://, wss://, audiosocket:// or tcp://",
                ));
            }
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or(DestinationError::Address("the URL has no host"))?
            .trim_matches(['[', ']'])
            .to_owned();
        let port = uri.port_u16().or(port).ok_or(DestinationError::Address(
            "the URL has no port; expected audiosocket://HOST:PORT",
        ))?;
        if matches!(transport, Transport::Tcp) {
            let is_bare = uri.path_and_query().is_none_or(|path| path == "/");
            if !is_bare || !headers.is_empty() {
                return Err(DestinationError::Address(
                    "a TCP connection has neither path nor headers; expected audiosocket://HOST:PORT alone",
                ));
            }
        }
        Ok(Self {
            uri,
            host,
            port,
            transport,
            headers: headers.into_iter().collect(),
            key: None,
        })
    }

    /// The same, for a recorder that expects AudioHook's proof.
    pub fn with_api_key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Whether it is reached over TCP without a WebSocket, as AudioSocket's recorders alone are.
    pub fn is_tcp(&self) -> bool {
        matches!(self.transport, Transport::Tcp)
    }

    /// The host, for logs.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The request that opens a WebSocket for a protocol. A signature is made for this request alone.
    pub(super) fn request(&self, handshake: &Handshake) -> Result<Request<()>, DestinationError> {
        let failed = |problem: &'static str| DestinationError::Handshake(problem.to_owned());
        let mut request = self
            .uri
            .clone()
            .into_client_request()
            .map_err(|error| DestinationError::Handshake(error.to_string()))?;
        let headers = request.headers_mut();
        if let Some(subprotocol) = handshake.subprotocol {
            headers.insert(
                SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(subprotocol),
            );
        }
        for (name, value) in &handshake.headers {
            let value = HeaderValue::try_from(value)
                .map_err(|_| failed("an id of the call cannot be a header's value"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        headers.extend(self.headers.clone());
        let Some(key) = &self.key else {
            return Ok(request);
        };
        headers.insert(HeaderName::from_static(KEY_HEADER), key.value.clone());
        if key.is_signed {
            let (input, signature) = self.signature(key, headers)?;
            headers.insert(HeaderName::from_static("signature-input"), input);
            headers.insert(HeaderName::from_static("signature"), signature);
        }
        Ok(request)
    }

    fn signature(
        &self,
        key: &ApiKey,
        headers: &HeaderMap,
    ) -> Result<(HeaderValue, HeaderValue), DestinationError> {
        let failed = |problem: String| DestinationError::Handshake(problem);
        let authority = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let list: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let head = RequestHead {
            method: "GET",
            target: self
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str()),
            authority: &authority,
            headers: &list,
        };
        let created = SystemTime::UNIX_EPOCH
            .elapsed()
            .map_err(|_| failed("the clock is wrong".to_owned()))?
            .as_secs();
        let chance = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        let nonce = STANDARD.encode(chance);
        let expires = Some(created + SIGNATURE_LIFE);
        let made = sign(&head, &key.key, &nonce, created, expires)
            .map_err(|error| failed(error.to_string()))?;
        let value = |text: &str| {
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| failed("the signature cannot be a header's value".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        };
        Ok((value(made.input.expose())?, value(made.signature.expose())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingress::authentication::Proof;
    use crate::ingress::authentication::message_signature::{MessageSignatures, SignatureLimits};

    fn destination(url: &str) -> Result<Destination, DestinationError> {
        Destination::new(url, Vec::new(), || panic!("no TLS here"))
    }

    #[test]
    fn addresses_say_how_a_recorder_is_reached() {
        assert!(!destination("ws://recorder.example/a?b").unwrap().is_tcp());
        let tcp = destination("audiosocket://recorder.example:9092").unwrap();
        assert!(tcp.is_tcp());
        assert_eq!(tcp.address(), ("recorder.example", 9_092));
        assert_eq!(destination("tcp://[::1]:9/").unwrap().address(), ("::1", 9));
        for (url, problem) in [
            ("audiosocket://recorder.example", "no port"),
            ("tcp://recorder.example:1/path", "neither path nor headers"),
            ("http://recorder.example", "begins with ws://"),
            ("//", "expected"),
        ] {
            let error = destination(url).unwrap_err().to_string();
            assert!(error.contains(problem), "{url}: {error}");
        }
    }

    #[test]
    fn each_request_to_an_audiohook_recorder_has_a_signature_of_its_own() {
        let secret = || Some(Secret::new("not so secret").unwrap());
        let key = ApiKey::new("a-key", secret()).unwrap();
        let destination = destination("ws://Recorder.example:8080/hook?x=1")
            .unwrap()
            .with_api_key(key);
        let handshake = Handshake {
            subprotocol: None,
            headers: ["organization", "session", "correlation"]
                .map(|name| match name {
                    "organization" => "audiohook-organization-id",
                    "session" => "audiohook-session-id",
                    _ => "audiohook-correlation-id",
                })
                .map(|name| (name, Uuid::new_v4().to_string()))
                .into(),
        };
        let mut door = MessageSignatures::new(
            vec![ClientKey::new("a-key", secret()).unwrap()],
            SignatureLimits::default(),
        );
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        for _ in 0..2 {
            let request = destination.request(&handshake).unwrap();
            assert!(!format!("{request:?}").contains("a-key"));
            let headers: Vec<_> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            let head = RequestHead {
                method: "GET",
                target: "/hook?x=1",
                authority: "recorder.example:8080",
                headers: &headers,
            };
            assert_eq!(door.verify(&head, now), Proof::Valid);
        }
        let unsigned = ApiKey::new("a-key", None).unwrap();
        let request = destination
            .with_api_key(unsigned)
            .request(&handshake)
            .unwrap();
        assert!(request.headers().get("signature").is_none());
        assert_eq!(request.headers()[KEY_HEADER], "a-key");
        assert!(ApiKey::new("a key", None).is_err());
    }
}
