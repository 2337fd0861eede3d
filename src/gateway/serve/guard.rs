//! What a door asks of a request before it becomes a connection.
//!
//! A refusal says nothing of why to the peer; the reason is for the log, and has no secret. Refusals take
//! the same time whatever was wrong, so that guessing learns nothing.

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use crate::config::doors::{Authentication, Secret as Configured};
use crate::ingress::authentication::message_signature::{
    ClientKey, MessageSignatures, SignatureLimits,
};
use crate::ingress::authentication::plivo_signature::PlivoSignatures;
use crate::ingress::authentication::public_url::PublicUrl;
use crate::ingress::authentication::token::Tokens;
use crate::ingress::authentication::twilio_signature::TwilioSignatures;
use crate::ingress::authentication::{Proof, RequestHead, Secret};

/// How a door checks who comes in.
pub(super) enum Guard {
    /// Not at all.
    Open,
    Twilio(TwilioSignatures),
    Plivo(PlivoSignatures),
    /// Remembers what was used, so that no request comes in twice.
    Messages(Mutex<MessageSignatures>),
    Tokens(Tokens),
    Certificate,
}

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// For the log.
    pub(super) reason: &'static str,
}

impl Guard {
    pub(super) fn new(authentication: Option<&Authentication>) -> anyhow::Result<Self> {
        Ok(match authentication {
            None => Guard::Open,
            Some(Authentication::TwilioSignature { tokens, public_url }) => Guard::Twilio(
                TwilioSignatures::new(PublicUrl::new(public_url)?, secrets(tokens)?),
            ),
            Some(Authentication::PlivoSignature { tokens, public_url }) => Guard::Plivo(
                PlivoSignatures::new(PublicUrl::new(public_url)?, secrets(tokens)?),
            ),
            Some(Authentication::AudiohookSignature { api_keys, secrets }) => {
                Guard::Messages(Mutex::new(MessageSignatures::new(
                    client_keys(api_keys, secrets)?,
                    SignatureLimits::default(),
                )))
            }
            Some(Authentication::Bearer { tokens }) => {
                Guard::Tokens(Tokens::bearer(secrets(tokens)?))
            }
            Some(Authentication::Basic { user, passwords }) => {
                let pairs = passwords
                    .iter()
                    .map(|password| Secret::new(&format!("{user}:{}", password.expose())));
                Guard::Tokens(Tokens::basic(pairs.collect::<Result<_, _>>()?))
            }
            Some(Authentication::Header { header, tokens }) => {
                Guard::Tokens(Tokens::header(header, secrets(tokens)?))
            }
            Some(Authentication::MutualTls) => Guard::Certificate,
            Some(Authentication::Digest { .. }) => {
                anyhow::bail!("auth.kind: digest is for recorders that are invited by SIP")
            }
        })
    }

    /// Checks a request that came at `now`, in seconds since 1970, on a connection with or without a
    /// certificate of the client.
    pub(super) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        is_certified: bool,
        now: u64,
    ) -> Result<(), Refusal> {
        let pairs: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let host = headers.get(axum::http::header::HOST);
        let head = RequestHead {
            method: method.as_str(),
            target: uri.path_and_query().map_or("/", |target| target.as_str()),
            authority: host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
            headers: &pairs,
        };
        let (proof, status) = match self {
            Guard::Open => return Ok(()),
            Guard::Certificate if is_certified => return Ok(()),
            Guard::Certificate => (
                Proof::Invalid("the client showed no certificate"),
                StatusCode::FORBIDDEN,
            ),
            Guard::Twilio(signatures) => (signatures.verify(&head), StatusCode::FORBIDDEN),
            Guard::Plivo(signatures) => (signatures.verify(&head), StatusCode::FORBIDDEN),
            Guard::Messages(signatures) => {
                let mut signatures = signatures.lock().unwrap_or_else(PoisonError::into_inner);
                (signatures.verify(&head, now), StatusCode::UNAUTHORIZED)
            }
            Guard::Tokens(tokens) => (tokens.verify(&head), StatusCode::UNAUTHORIZED),
        };
        match proof {
            Proof::Valid | Proof::Unsigned => Ok(()),
            Proof::Invalid(reason) => Err(Refusal { status, reason }),
        }
    }
}

/// Each key with its client secret, if there are any.
pub(super) fn client_keys(
    api_keys: &[Configured],
    client_secrets: &[Configured],
) -> anyhow::Result<Vec<ClientKey>> {
    api_keys
        .iter()
        .enumerate()
        .map(|(place, key)| {
            let secret = client_secrets
                .get(place)
                .map(|secret| {
                    Secret::from_base64(secret.expose())
                        .with_context(|| format!("auth.secrets: {}", secret.reference()))
                })
                .transpose()?;
            ClientKey::new(key.expose(), secret)
                .with_context(|| format!("auth.api_keys: {}", key.reference()))
        })
        .collect()
}

fn secrets(configured: &[Configured]) -> anyhow::Result<Vec<Secret>> {
    configured
        .iter()
        .map(|secret| {
            Secret::new(secret.expose())
                .with_context(|| format!("auth.secrets: {}", secret.reference()))
        })
        .collect()
}
