//! Signing in at an identity provider that this test runs, and what it is not believed.

use std::sync::Mutex;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;

/// What the provider does next.
#[derive(Default)]
struct Next {
    challenge: String,
    claims: Value,
    header: Option<Value>,
    signature: Option<Vec<u8>>,
    /// Requests for its keys.
    keys_asked: usize,
    form: Value,
}

struct Issuer {
    address: String,
    key: EcdsaKeyPair,
    next: Mutex<Next>,
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Issuer {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let issuer = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            key: EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap(),
            next: Mutex::default(),
        });
        let pages = Router::new()
            .route("/.well-known/openid-configuration", get(Self::discovery))
            .route("/keys", get(Self::keys))
            .route("/token", post(Self::token))
            .with_state(Arc::clone(&issuer));
        tokio::spawn(async move { axum::serve(listener, pages).await });
        issuer
    }

    async fn discovery(State(issuer): State<Arc<Self>>) -> Json<Value> {
        let at = &issuer.address;
        Json(json!({
            "issuer": at,
            "authorization_endpoint": format!("{at}/authorize"),
            "token_endpoint": format!("{at}/token"),
            "jwks_uri": format!("{at}/keys"),
        }))
    }

    async fn keys(State(issuer): State<Arc<Self>>) -> Json<Value> {
        issuer.next.lock().unwrap().keys_asked += 1;
        let point = issuer.key.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Json(json!({"keys": [
            {"kty": "new", "kid": "unknown"},
            {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
             "x": part(&point[1..33]), "y": part(&point[33..])},
        ]}))
    }

    async fn token(State(issuer): State<Arc<Self>>, body: String) -> Json<Value> {
        let form: serde_json::Map<String, Value> = form_urlencoded::parse(body.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
        let form = Value::Object(form);
        let mut next = issuer.next.lock().unwrap();
        // RFC 7636, 4.6.
        let verifier = form["code_verifier"].as_str().unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            next.challenge
        );
        assert_eq!(form["grant_type"], "authorization_code");
        next.form = form;
        let header = next.header.clone();
        let header = header.unwrap_or_else(|| json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}));
        let text = format!("{}.{}", encoded(&header), encoded(&next.claims));
        let signature = next.signature.clone().unwrap_or_else(|| {
            let signed = issuer.key.sign(&SystemRandom::new(), text.as_bytes());
            signed.unwrap().as_ref().to_vec()
        });
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature));
        Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": token}))
    }
}

/// A browser between the two.
struct Browser<'a> {
    office: &'a Office,
    issuer: &'a Issuer,
}

impl Browser<'_> {
    /// Goes to the provider: the query that it is sent with, and the cookie.
    async fn start(&self) -> (Vec<(String, String)>, String) {
        let answer = self.office.get("/api/v1/openid/start", "").await;
        assert_eq!(
            answer.status,
            302,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        let place = answer.headers("location")[0];
        let (page, query) = place.split_once('?').unwrap();
        assert_eq!(page, format!("{}/authorize", self.issuer.address));
        let pairs = form_urlencoded::parse(query.as_bytes());
        let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let cookie = answer.headers("set-cookie")[0].to_owned();
        assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        (
            pairs.collect(),
            answer.cookie("__Host-hushgate_openid").unwrap(),
        )
    }

    /// Comes back from the provider, which was told to change something.
    async fn sign_in(&self, change: impl Fn(&mut Value), forge: impl Fn(&mut Next)) -> Answer {
        let (query, cookie) = self.start().await;
        let value = |name: &str| query.iter().find(|pair| pair.0 == name).unwrap().1.clone();
        assert_eq!(value("code_challenge_method"), "S256");
        assert_eq!(value("response_type"), "code");
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "iss": self.issuer.address, "aud": "hushgate", "sub": "248289761001", "nonce": value("nonce"),
            "iat": now, "exp": now + 300, "preferred_username": "lee", "groups": ["staff", "leads"],
            "sites": ["Seoul"],
        });
        change(&mut claims);
        {
            let mut next = self.issuer.next.lock().unwrap();
            next.challenge = value("code_challenge");
            next.claims = claims;
            next.header = None;
            next.signature = None;
            forge(&mut next);
        }
        let path = format!(
            "/api/v1/openid/callback?code=splendid&state={}",
            value("state")
        );
        self.office
            .get(
                &path,
                &format!("Cookie: __Host-hushgate_openid={cookie}\r\n"),
            )
            .await
    }
}

async fn office(issuer: &Issuer) -> Office {
    let text = format!(
        "[access.openid]\nissuer = \"{}\"\nclient_id = \"hushgate\"\nsites_claim = \"sites\"\n\
         redirect_url = \"https://calls.example/api/v1/openid/callback\"\n\
         [[access.openid.roles]]\nvalue = \"leads\"\nrole = \"supervisor\"\n",
        issuer.address
    );
    Office::open(&text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_the_provider_vouches_for_comes_in() {
    let issuer = Issuer::start().await;
    let office = office(&issuer).await;
    let browser = Browser {
        office: &office,
        issuer: &issuer,
    };
    let answer = browser.sign_in(|_| {}, |_| {}).await;
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    assert!(String::from_utf8_lossy(&answer.body).contains("url=/"));
    let session = by_cookie(&answer.cookie("__Host-hushgate_session").unwrap());
    let me = office.get("/api/v1/me", &session).await.json();
    assert_eq!(
        (&me["name"], &me["role"]),
        (&json!("openid:lee"), &json!("supervisor"))
    );
    assert_eq!(me["scope"]["sites"], json!(["Seoul"]));
    let entries = office.entries(Action::SignedIn);
    assert_eq!(entries[0].entry.actor.name, "openid:lee");
    // Its keys are asked for once.
    assert_eq!(browser.sign_in(|_| {}, |_| {}).await.status, 200);
    assert_eq!(issuer.next.lock().unwrap().keys_asked, 1);
    assert_eq!(issuer.next.lock().unwrap().form["client_id"], "hushgate");
    let log = watch_log().text();
    assert!(!log.contains("splendid") && !log.contains("248289761001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_refused() {
    let issuer = Issuer::start().await;
    let office = office(&issuer).await;
    let browser = Browser {
        office: &office,
        issuer: &issuer,
    };
    let now = Timestamp::now().as_second();
    type Case = (
        &'static str,
        Box<dyn Fn(&mut Value)>,
        Box<dyn Fn(&mut Next)>,
    );
    let claim = |what: &'static str, name: &'static str, value: Value| -> Case {
        (
            what,
            Box::new(move |claims: &mut Value| claims[name] = value.clone()),
            Box::new(|_| {}),
        )
    };
    let header = |what: &'static str, value: Value, signature: Option<Vec<u8>>| -> Case {
        let forge = move |next: &mut Next| {
            next.header = Some(value.clone());
            next.signature = signature.clone();
        };
        (what, Box::new(|_: &mut Value| {}), Box::new(forge))
    };
    let cases: Vec<Case> = vec![
        claim("issuer", "iss", json!("https://elsewhere.example")),
        claim("audience", "aud", json!("another")),
        claim("audiences", "aud", json!(["hushgate", "another"])),
        claim("party", "azp", json!("another")),
        claim("nonce", "nonce", json!("another")),
        claim("no nonce", "nonce", Value::Null),
        claim("expired", "exp", json!(now - 120)),
        claim("no end", "exp", Value::Null),
        claim("too early", "nbf", json!(now + 300)),
        claim("made long ago", "iat", json!(now - 3_600)),
        claim("no role", "groups", json!(["staff"])),
        claim("no name", "preferred_username", json!("../root")),
        header("alg none", json!({"alg": "none"}), Some(Vec::new())),
        header(
            "alg None",
            json!({"alg": "None", "kid": "k1"}),
            Some(Vec::new()),
        ),
        header("HS256", json!({"alg": "HS256", "kid": "k1"}), None),
        header("ES384", json!({"alg": "ES384", "kid": "k1"}), None),
        header("RS256", json!({"alg": "RS256", "kid": "k1"}), None),
        header("unknown key", json!({"alg": "ES256", "kid": "k2"}), None),
        header(
            "signature",
            json!({"alg": "ES256", "kid": "k1"}),
            Some(vec![7; 64]),
        ),
        header(
            "no signature",
            json!({"alg": "ES256", "kid": "k1"}),
            Some(Vec::new()),
        ),
    ];
    for (what, change, forge) in cases {
        let answer = browser.sign_in(change, forge).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "sign_in_refused"),
            "{what}"
        );
        assert_eq!(answer.cookie("__Host-hushgate_session"), None, "{what}");
    }
    assert!(office.entries(Action::SignedIn).is_empty());
    // However many unknown keys, the provider is not flooded.
    assert_eq!(issuer.next.lock().unwrap().keys_asked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_taken_once_and_from_who_started() {
    let issuer = Issuer::start().await;
    let office = office(&issuer).await;
    let browser = Browser {
        office: &office,
        issuer: &issuer,
    };
    let (query, cookie) = browser.start().await;
    let state = &query.iter().find(|pair| pair.0 == "state").unwrap().1;
    let ours = format!("Cookie: __Host-hushgate_openid={cookie}\r\n");
    let with =
        |state: &str, more: &str| format!("/api/v1/openid/callback?code=x&state={state}{more}");
    for (path, proof) in [
        (with(state, ""), ""),
        (with("another", ""), ours.as_str()),
        // The first try with the right state has used it up.
        (with(state, ""), ours.as_str()),
        ("/api/v1/openid/callback".to_owned(), ours.as_str()),
    ] {
        assert_eq!(
            office.get(&path, proof).await.code(),
            "sign_in_refused",
            "{path}"
        );
    }
    let (query, cookie) = browser.start().await;
    let state = &query.iter().find(|pair| pair.0 == "state").unwrap().1;
    let ours = format!("Cookie: __Host-hushgate_openid={cookie}\r\n");
    let refused = with(state, "&error=access_denied");
    assert_eq!(office.get(&refused, &ours).await.code(), "sign_in_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_is_told() {
    let issuer = Issuer::start().await;
    // Nothing is there.
    let other = format!("{}/other", issuer.address);
    let text = format!(
        "[access.openid]\nissuer = \"{other}\"\nclient_id = \"hushgate\"\n\
         redirect_url = \"https://calls.example/api/v1/openid/callback\"\n\
         [[access.openid.roles]]\nvalue = \"leads\"\nrole = \"supervisor\"\n"
    );
    let office = Office::open(&text).await;
    let answer = office.get("/api/v1/openid/start", "").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "unavailable")
    );
}
