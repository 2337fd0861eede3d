//! The identity provider: where its pages are, its keys, and what its tokens are worth.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::OpenIdError;
use super::signatures::{self, ALGORITHMS};
use crate::call::Sensitive;
use crate::config::access::{OpenId, is_loopback};
use crate::gateway::tls;

/// Longest accepted answer in bytes.
const LONGEST: usize = 256 * 1024;
/// How long its pages' places and its keys are believed.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// Between looks for a key that is not known.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);
/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 60;
/// A token that was made longer ago is not of this sign-in, in seconds.
const OLDEST: i64 = 15 * 60;

/// Where its pages are (OpenID Connect Discovery 1.0).
#[derive(Debug, Clone, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: Page,
    token_endpoint: Page,
    jwks_uri: Page,
}

/// The address of one of its pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct Page(Url);

impl TryFrom<String> for Page {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).map_err(|_| "no address")?;
        let is_here = url.scheme() == "http" && is_loopback(&url);
        match url.scheme() == "https" || is_here {
            true => Ok(Self(url)),
            false => Err("not reached by https"),
        }
    }
}

/// What was asked of it, and when.
#[derive(Debug, Clone)]
struct Known {
    discovery: Discovery,
    keys: JwkSet,
    at: Instant,
}

/// The identity provider, asked when something is needed.
pub(super) struct Provider {
    issuer: String,
    client: reqwest::Client,
    known: Mutex<Option<Known>>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Provider {
    pub(super) fn new(settings: &OpenId) -> anyhow::Result<Self> {
        signatures::install();
        let config = tls::client(settings.authorities.as_deref())?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured((*config).clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(settings.timeout)
            .user_agent(concat!("hushgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            issuer: settings.issuer.clone(),
            client,
            known: Mutex::default(),
        })
    }

    pub(super) async fn authorization_endpoint(&self) -> Result<Url, OpenIdError> {
        Ok(self.known(None).await?.discovery.authorization_endpoint.0)
    }

    /// What is known of it; asked for anew when it is old, or has no key of this id.
    async fn known(&self, key: Option<&str>) -> Result<Known, OpenIdError> {
        let mut slot = self.known.lock().await;
        if let Some(known) = &*slot {
            let age = known.at.elapsed();
            let lacks = key.is_some_and(|id| known.keys.find(id).is_none());
            if age < FRESH && (!lacks || age < BETWEEN_LOOKS) {
                return Ok(known.clone());
            }
        }
        let place = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let discovery: Discovery = self.read(self.client.get(place)).await?;
        if discovery.issuer != self.issuer {
            return Err(OpenIdError::Provider(
                "it says that it is another issuer than access.openid.issuer".into(),
            ));
        }
        let keys: Value = self
            .read(self.client.get(discovery.jwks_uri.0.clone()))
            .await?;
        let known = Known {
            discovery,
            keys: usable_keys(&keys),
            at: Instant::now(),
        };
        *slot = Some(known.clone());
        Ok(known)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, OpenIdError> {
        let failed = |problem: &str| OpenIdError::Provider(problem.to_owned());
        let mut answer = request
            .send()
            .await
            .map_err(|error| failed(&format!("cannot be reached: {}", error.without_url())))?;
        if !answer.status().is_success() {
            return Err(failed(&format!("it answered {}", answer.status())));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer
            .chunk()
            .await
            .map_err(|error| failed(&format!("its answer ends early: {}", error.without_url())))?
        {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST {
                return Err(failed("its answer is too long"));
            }
        }
        // The library's message may quote a token.
        serde_json::from_slice(&body).map_err(|_| failed("its answer is not what was expected"))
    }

    /// The ID token for a code (RFC 6749, 4.1.3; RFC 7636, 4.5).
    pub(super) async fn exchange(
        &self,
        settings: &OpenId,
        code: &Sensitive<String>,
        verifier: &Sensitive<String>,
    ) -> Result<Sensitive<String>, OpenIdError> {
        let known = self.known(None).await?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code.expose())
            .append_pair("redirect_uri", &settings.redirect_url)
            .append_pair("client_id", &settings.client_id)
            .append_pair("code_verifier", verifier.expose())
            .finish();
        let mut request = self
            .client
            .post(known.discovery.token_endpoint.0)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form);
        if let Some(reference) = &settings.client_secret {
            let secret = reference.read().map_err(|problem| {
                OpenIdError::Provider(format!("access.openid.client_secret: {problem}"))
            })?;
            // As forms are written, before base64 (RFC 6749, 2.3.1).
            let encoded = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = format!(
                "{}:{}",
                encoded(&settings.client_id),
                encoded(secret.expose())
            );
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
        }
        let tokens: Tokens = self.read(request).await?;
        Ok(Sensitive::new(tokens.id_token))
    }

    /// The claims of an ID token that holds (OpenID Connect Core 1.0, 3.1.3.7).
    pub(super) async fn verify(
        &self,
        settings: &OpenId,
        token: &Sensitive<String>,
        nonce: &Sensitive<String>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, OpenIdError> {
        let header = decode_header(token.expose())
            .map_err(|_| OpenIdError::Token("has no header that is understood, or no signature"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(OpenIdError::Token("is signed in a way that is not taken"));
        }
        let known = self.known(header.kid.as_deref()).await?;
        let key = key_of(&known.keys, header.kid.as_deref()).ok_or(OpenIdError::Token(
            "is signed by a key that the provider does not have",
        ))?;
        if key
            .common
            .key_algorithm
            .is_some_and(|algorithm| algorithm.to_string() != format!("{:?}", header.alg))
        {
            return Err(OpenIdError::Token(
                "is signed by a key for another algorithm",
            ));
        }
        let key = DecodingKey::from_jwk(key)
            .map_err(|_| OpenIdError::Token("is signed by a key that is not understood"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.client_id]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Map<String, Value>>(token.expose(), &key, &validation)
            .map_err(|error| OpenIdError::Token(words(error.kind())))?
            .claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let is_nonce = text("nonce")
            .is_some_and(|found| found.as_bytes().ct_eq(nonce.expose().as_bytes()).into());
        if !is_nonce {
            return Err(OpenIdError::Token(
                "is not of this sign-in: its nonce is another",
            ));
        }
        let several = matches!(claims.get("aud"), Some(Value::Array(all)) if all.len() > 1);
        if (several || claims.contains_key("azp")) && text("azp") != Some(&settings.client_id) {
            return Err(OpenIdError::Token("was made for another client"));
        }
        let made = claims.get("iat").and_then(Value::as_i64);
        if made.is_none_or(|made| (now.as_second() - made).abs() > OLDEST) {
            return Err(OpenIdError::Token("was not made just now"));
        }
        Ok(claims)
    }
}

/// Keys that can be read; others, of forms that are not known here, do not spoil them.
fn usable_keys(set: &Value) -> JwkSet {
    let keys = set.get("keys").and_then(Value::as_array);
    JwkSet {
        keys: keys
            .into_iter()
            .flatten()
            .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok())
            .filter(|key| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption)))
            .collect(),
    }
}

/// The key of an id; without one, the only key there is.
fn key_of<'a>(keys: &'a JwkSet, id: Option<&str>) -> Option<&'a Jwk> {
    match (id, keys.keys.as_slice()) {
        (Some(id), _) => keys.find(id),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

fn words(kind: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::InvalidSignature => "has a wrong signature",
        ErrorKind::InvalidIssuer => "is of another issuer",
        ErrorKind::InvalidAudience => "was made for another client",
        ErrorKind::ExpiredSignature => "has expired",
        ErrorKind::ImmatureSignature => "does not hold yet",
        ErrorKind::MissingRequiredClaim(_) => "lacks a claim that it has to have",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => {
            "is signed by a key for another algorithm"
        }
        _ => "is not understood",
    }
}
