//! Who may come in: signatures, tokens, networks, certificates.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use hushgate::config::Config;
use hushgate::gateway::serve::Entrance;
use hushgate::gateway::tls::{self, Tls};
use hushgate::ingress::authentication::message_signature::{self, ClientKey};
use hushgate::ingress::authentication::{RequestHead, Secret, twilio_signature};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::authority::Authority;
use crate::support::*;

/// A gateway of a configuration with secrets in files beside it.
async fn gateway(text: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in [
        ("token", "12345"),
        ("key", "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"),
        ("client", "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="),
    ] {
        std::fs::write(folder.path().join(name), secret).unwrap();
    }
    let file = folder.path().join("hushgate.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), Default::default()).unwrap();
    Gateway::start_with(hears_nothing(), |settings| {
        let entrances = config.doors.into_iter().map(Entrance::new);
        settings.doors = entrances.collect::<Result<_, _>>().unwrap();
        settings.tls = config.tls.map(|files| Tls::load(files).unwrap());
    })
    .await
}

/// The HTTP status that a request with these headers gets; 101 is a connection.
async fn knock(gateway: &Gateway, path: &str, headers: &[(&'static str, String)]) -> u16 {
    let mut request = format!("ws://{}{path}", gateway.address)
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_signature_is_asked_for_before_the_upgrade() {
    let gateway = gateway(
        "[doors.twilio.auth]\nsecrets = [\"file:token\"]\npublic_url = \"wss://gateway.example.com\"\n",
    )
    .await;
    let secret = Secret::new("12345").unwrap();
    let sign = |address: &str| {
        twilio_signature::sign(&secret, address, &[])
            .expose()
            .clone()
    };
    let knock = async |signature: Option<String>| {
        let headers: Vec<_> = signature
            .map(|value| ("x-twilio-signature", value))
            .into_iter()
            .collect();
        knock(&gateway, "/twilio", &headers).await
    };
    assert_eq!(
        knock(Some(sign("wss://gateway.example.com/twilio"))).await,
        101
    );
    assert_eq!(
        knock(Some(sign("wss://gateway.example.com:443/twilio"))).await,
        101
    );
    assert_eq!(knock(None).await, 403);
    assert_eq!(
        knock(Some(sign("https://gateway.example.com/twilio"))).await,
        403
    );
    assert_eq!(
        knock(Some(sign("wss://gateway.example.com/other"))).await,
        403
    );
    let log = watch_log().text();
    assert!(log.contains("refused a connection") && !log.contains("12345"));
}

#[tokio::test(flavor = "multi_thread")]
async fn audiohooks_signature_comes_in_once() {
    let gateway =
        gateway("[doors.audiohook.auth]\napi_keys = [\"file:key\"]\nsecrets = [\"file:client\"]\n")
            .await;
    let session = "30b0e395-84d3-4570-ac13-9a62d8f514c0".to_owned();
    let api_key = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh".to_owned();
    let authority = gateway.address.to_string();
    let own = [
        ("audiohook-organization-id", session.clone()),
        ("audiohook-session-id", session.clone()),
        ("audiohook-correlation-id", session.clone()),
        ("x-api-key", api_key.clone()),
    ];
    let sign = |target: &str, nonce: &str, created: u64| {
        let pairs: Vec<(&str, &[u8])> = own
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let head = RequestHead {
            method: "GET",
            target,
            authority: &authority,
            headers: &pairs,
        };
        let secret = Secret::from_base64("TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=").unwrap();
        let key = ClientKey::new(&api_key, Some(secret)).unwrap();
        let signed =
            message_signature::sign(&head, &key, nonce, created, Some(created + 30)).unwrap();
        let mut headers = own.to_vec();
        headers.push(("signature-input", signed.input.expose().clone()));
        headers.push(("signature", signed.signature.expose().clone()));
        headers
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let good = sign("/audiohook", "VGhpc0lzQVVuaXF1ZU5vbmNl", now);
    assert_eq!(knock(&gateway, "/audiohook", &good).await, 101);
    assert_eq!(
        knock(&gateway, "/audiohook", &good).await,
        401,
        "a second time"
    );
    let old = sign("/audiohook", "QW5vdGhlclVuaXF1ZU5vbmNl", now - 60);
    assert_eq!(knock(&gateway, "/audiohook", &old).await, 401);
    let other = sign("/elsewhere", "WWV0QW5vdGhlclVuaXF1ZU5v", now);
    assert_eq!(knock(&gateway, "/audiohook", &other).await, 401);
    assert_eq!(knock(&gateway, "/audiohook", &own).await, 401, "unsigned");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_networks() {
    let gateway = gateway(
        "[doors.signalwire.auth]\nkind = \"bearer\"\nsecrets = [\"file:token\"]\n\
         [doors.jambonz.auth]\nkind = \"basic\"\nuser = \"u\"\nsecrets = [\"file:token\"]\n\
         [doors.telnyx.auth]\nsecrets = [\"file:token\"]\n\
         [doors.plivo]\nnetworks = [\"192.0.2.0/24\"]\n\
         [doors.vonage]\nnetworks = [\"127.0.0.0/8\"]\n",
    )
    .await;
    let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    assert_eq!(knock(&gateway, "/signalwire", &bearer("12345")).await, 101);
    assert_eq!(knock(&gateway, "/signalwire", &bearer("1234")).await, 401);
    assert_eq!(knock(&gateway, "/signalwire", &[]).await, 401);
    // u:12345 and u:54321
    let basic = |pair: &str| vec![("authorization", format!("Basic {pair}"))];
    assert_eq!(
        knock(&gateway, "/jambonz", &basic("dToxMjM0NQ==")).await,
        101
    );
    assert_eq!(
        knock(&gateway, "/jambonz", &basic("dTo1NDMyMQ==")).await,
        401
    );
    let header = vec![("x-telnyx-streaming-auth-token", "12345".to_owned())];
    assert_eq!(knock(&gateway, "/telnyx", &header).await, 101);
    assert_eq!(knock(&gateway, "/telnyx", &[]).await, 401);
    assert_eq!(knock(&gateway, "/plivo", &[]).await, 403);
    assert_eq!(knock(&gateway, "/vonage", &[]).await, 101);
}

/// Opens a WebSocket over TLS; the certificate that the server showed, or what went wrong.
async fn knock_securely(
    gateway: &Gateway,
    config: Arc<rustls::ClientConfig>,
    path: &str,
) -> Result<Vec<u8>, u16> {
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    match tokio_tungstenite::client_async(format!("wss://localhost{path}"), stream).await {
        Ok((mut socket, _)) => {
            socket
                .send(Message::text(json!({"event": "connected"}).to_string()))
                .await
                .unwrap();
            socket.close(None).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
            Ok(shown)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_server_and_client() {
    let authority = Authority::new();
    authority.issue_server();
    let gateway =
        gateway(&authority.config("[doors.twilio]\n[doors.telnyx.auth]\nkind = \"mutual_tls\"\n"))
            .await;
    let anonymous = tls::client(Some(&authority.path("ca.pem"))).unwrap();
    let first = knock_securely(&gateway, Arc::clone(&anonymous), "/twilio")
        .await
        .unwrap();
    assert_eq!(
        knock_securely(&gateway, Arc::clone(&anonymous), "/telnyx").await,
        Err(403)
    );

    let (certificate, key) = authority.issue("platform");
    let certified = {
        use rustls::pki_types::pem::PemObject;
        let mut roots = rustls::RootCertStore::empty();
        let ca = std::fs::read(authority.path("ca.pem")).unwrap();
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(&ca).unwrap())
            .unwrap();
        rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![
                rustls::pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap(),
            ],
            rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap()
    };
    assert!(
        knock_securely(&gateway, Arc::new(certified), "/telnyx")
            .await
            .is_ok()
    );

    // A renewed certificate is taken up while the server runs; one that is broken is not.
    authority.issue_server();
    for _ in 0..100 {
        let shown = knock_securely(&gateway, Arc::clone(&anonymous), "/twilio")
            .await
            .unwrap();
        if shown != first {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let renewed = knock_securely(&gateway, Arc::clone(&anonymous), "/twilio")
        .await
        .unwrap();
    assert_ne!(renewed, first);
    std::fs::write(authority.path("server.pem"), "nonsense").unwrap();
    for _ in 0..100 {
        if watch_log()
            .text()
            .contains("the new certificate is not used")
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(
        watch_log()
            .text()
            .contains("the new certificate is not used")
    );
    let still = knock_securely(&gateway, anonymous, "/twilio")
        .await
        .unwrap();
    assert_eq!(still, renewed);
}
