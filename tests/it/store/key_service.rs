//! Keys from a service over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hushgate::call::Leg;
use hushgate::gateway::{records, tls};
use hushgate::store::keys::{DataKey, KeyId, KeyService, Token, Transit, TransitSettings};
use hushgate::store::sealed::Content;
use hushgate::store::vault::Vault;
use serde_json::{Value, json};

use super::{Place, complete, name};
use crate::support::*;

/// A key service that speaks as Vault's transit engine does.
struct KeyServer {
    address: SocketAddr,
    script: Arc<Mutex<ServiceScript>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        // It may be within another runtime, where nothing may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What it does, and what it has.
#[derive(Default)]
struct ServiceScript {
    version: u32,
    /// Requests that are answered with 503 before the next good one.
    refuse: u32,
    /// Answered so in place of anything else.
    status: Option<u16>,
    delay: Duration,
    requests: Vec<String>,
    /// What each ciphertext stands for.
    kept: BTreeMap<String, String>,
}

impl KeyServer {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let script = Arc::new(Mutex::new(ServiceScript {
            version: 1,
            ..ServiceScript::default()
        }));
        let router = axum::Router::new()
            .route("/v1/transit/{action}/{key}", axum::routing::post(transit))
            .with_state(Arc::clone(&script));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            script,
            runtime: Some(runtime),
        }
    }

    fn settings(&self, token: &str) -> TransitSettings {
        TransitSettings {
            url: format!("http://{}", self.address),
            mount: "transit".into(),
            key: "recordings".into(),
            token: Token::Environment("TOKEN".into(), format!("sesame-{token}").into()),
            authorities: None,
            // Of a machine that is busy with something else.
            timeout: Duration::from_secs(5),
        }
    }

    fn transit(&self, token: &str) -> Transit {
        Transit::new(self.settings(token), &tls::client(None).unwrap()).unwrap()
    }
}

async fn transit(
    State(script): State<Arc<Mutex<ServiceScript>>>,
    Path((action, key)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let delay = script.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut script = script.lock().unwrap();
    script.requests.push(format!("{action}/{key}"));
    if let Some(status) = script.status {
        let elsewhere = [("location", "http://127.0.0.1:1/")];
        return (StatusCode::from_u16(status).unwrap(), elsewhere).into_response();
    }
    if script.refuse > 0 {
        script.refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if headers
        .get("x-vault-token")
        .is_none_or(|token| token != "sesame-token")
    {
        let body = json!({"errors": ["permission denied"]});
        return (StatusCode::FORBIDDEN, Json(body)).into_response();
    }
    let keep = |script: &mut ServiceScript, plaintext: String| {
        let ciphertext = format!("vault:v{}:{:08}", script.version, script.kept.len());
        script.kept.insert(ciphertext.clone(), plaintext);
        json!({"ciphertext": ciphertext})
    };
    let given = body["ciphertext"].as_str().map(str::to_owned);
    let kept = given.and_then(|given| script.kept.get(&given).cloned());
    let data = match (&*action, kept) {
        ("encrypt", _) => {
            let plaintext = body["plaintext"].as_str().unwrap().to_owned();
            keep(&mut script, plaintext)
        }
        ("decrypt", Some(plaintext)) => json!({ "plaintext": plaintext }),
        ("rewrap", Some(plaintext)) => keep(&mut script, plaintext),
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    Json(json!({ "data": data })).into_response()
}

#[test]
fn a_key_service_wraps_and_rotates() {
    let server = KeyServer::start();
    let service = server.transit("token");
    service.check().unwrap();
    let key = DataKey::generate().unwrap();
    let wrapped = service.wrap(&key, b"object").unwrap();
    assert_eq!(wrapped.key, KeyId::new("recordings:v1").unwrap());
    assert_eq!(service.unwrap(&wrapped, b"object").unwrap(), key);
    let moved = service
        .unwrap(&wrapped, b"another")
        .unwrap_err()
        .to_string();
    assert!(moved.contains("does not open this"), "{moved}");

    assert_eq!(service.rewrap(&wrapped, b"object").unwrap(), None);
    server.script.lock().unwrap().version = 2;
    server.script.lock().unwrap().requests.clear();
    let newer = service.rewrap(&wrapped, b"object").unwrap().unwrap();
    assert_eq!(newer.key, KeyId::new("recordings:v2").unwrap());
    // The key itself did not come here for that.
    assert_eq!(
        server.script.lock().unwrap().requests,
        ["rewrap/recordings"]
    );
    assert_eq!(service.unwrap(&newer, b"object").unwrap(), key);
}

#[test]
fn a_key_service_that_fails_is_told_and_asked_again_only_where_that_helps() {
    let server = KeyServer::start();
    let service = server.transit("token");
    let key = DataKey::generate().unwrap();
    let asked = |service: &Transit, expected: &str, times: usize| {
        server.script.lock().unwrap().requests.clear();
        let problem = service.wrap(&key, b"o").unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
        assert!(!problem.contains("sesame"), "{problem}");
        assert_eq!(
            server.script.lock().unwrap().requests.len(),
            times,
            "{problem}"
        );
    };
    server.script.lock().unwrap().refuse = 2;
    service.wrap(&key, b"o").unwrap();
    server.script.lock().unwrap().refuse = u32::MAX;
    asked(&service, "answered 503, 3 times", 3);
    server.script.lock().unwrap().refuse = 0;
    asked(
        &server.transit("wrong"),
        "answered 403: its token has expired",
        1,
    );
    server.script.lock().unwrap().status = Some(307);
    asked(&service, "answered 307", 1);
    server.script.lock().unwrap().status = Some(404);
    asked(&service, "there is no such engine or key", 1);
    server.script.lock().unwrap().status = Some(200);
    asked(&service, "answered what was not expected", 1);
    server.script.lock().unwrap().status = None;
    server.script.lock().unwrap().delay = Duration::from_secs(60);
    let mut settings = server.settings("token");
    settings.timeout = Duration::from_millis(200);
    let hasty = Transit::new(settings, &tls::client(None).unwrap()).unwrap();
    let began = std::time::SystemTime::now();
    asked(&hasty, "did not answer in time, 3 times", 0);
    assert!(began.elapsed().unwrap() < Duration::from_secs(20));
    let shown = format!("{service:?} {:?}", server.settings("token"));
    assert!(!shown.contains("sesame"), "{shown}");
    drop(server);
    let problem = service.wrap(&key, b"o").unwrap_err().to_string();
    assert!(problem.contains("is not reached, 3 times"), "{problem}");
}

#[test]
fn a_token_in_a_file_is_read_anew() {
    let server = KeyServer::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "sesame-old\n").unwrap();
    let mut settings = server.settings("token");
    settings.token = Token::File(file.clone());
    let service = Transit::new(settings, &tls::client(None).unwrap()).unwrap();
    assert!(service.check().is_err());
    std::fs::write(&file, "sesame-token\n").unwrap();
    service.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_outlives_its_key_service_and_none_begins_without_it() {
    let place = Place::new();
    let service = KeyServer::start();
    let vault = Vault::new(place.path("store"), Arc::new(service.transit("token")));
    let tapes = records::tapes(vault.clone());
    let gateway = Gateway::start_with(hears_nothing(), |settings| settings.tapes = tapes).await;
    let mut first = gateway.connect().await;
    first.start("CA1").await;
    first.send(media(Leg::Agent, 0, &sound(1, 100))).await;
    let audio = place.path("store/calls/CA1/audio.sealed");
    eventually(Duration::from_secs(20), || audio.exists().then_some(())).await;
    service.script.lock().unwrap().refuse = u32::MAX;
    first.send(stop()).await;
    assert_eq!(first.close_code().await, Some(1_000));
    complete(&vault, "CA1").await;

    let mut second = gateway.connect().await;
    second.start("CA2").await;
    second.send(media(Leg::Agent, 0, &sound(3, 100))).await;
    assert_eq!(second.close_code().await, Some(1_011));
    let log = watch_log().text();
    assert!(log.contains("answered 503, 3 times"), "{log}");
    assert!(!log.contains("sesame"));
    service.script.lock().unwrap().refuse = 0;
    let report = vault.document(&name("CA1"), Content::Report).unwrap();
    assert!(String::from_utf8(report.to_vec()).unwrap().contains("CA1"));
}
