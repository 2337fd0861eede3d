//! A key service over HTTP, as HashiCorp Vault's transit engine is: keys never leave it.
//!
//! ```text
//! POST {url}/v1/{mount}/encrypt/{key}  {"plaintext": base64}            -> {"data": {"ciphertext": "vault:v1:..."}}
//! POST {url}/v1/{mount}/decrypt/{key}  {"ciphertext": "vault:v1:..."}   -> {"data": {"plaintext": base64}}
//! POST {url}/v1/{mount}/rewrap/{key}   {"ciphertext": "vault:v1:..."}   -> {"data": {"ciphertext": "vault:v2:..."}}
//! X-Vault-Token: ...
//! ```
//!
//! What is encrypted there is the data key and a hash of the object that it belongs to, so that the binding
//! outlives a rewrap and holds with services that know no associated data.
//!
//! Callers block; the requests run on a thread of this module's own.
//!
//! **Architecture invariants:** no redirection is followed, so that the token goes to the named address alone; no more
//! than 64 KiB of an answer is read; no error has the token or an answer's text.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use zeroize::{Zeroize, Zeroizing};

use super::{DataKey, KeyError, KeyId, KeyService, WrappedKey};
use crate::call::Sensitive;

/// More is not read of an answer.
const LARGEST_REPLY: usize = 64 * 1_024;
/// How often a request is made before it is given up.
const TRIES: u32 = 3;
/// Before the second try; four times as long before the next.
const PAUSE: Duration = Duration::from_millis(100);
/// Requests that wait for the thread.
const WAITING: usize = 256;

/// Where the service is, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitSettings {
    /// Such as `https://vault.example:8200`, without a slash at the end.
    pub url: String,
    /// Where the transit engine is mounted.
    pub mount: String,
    /// The key's name there.
    pub key: String,
    /// Who asks.
    pub token: Token,
    /// Authorities that vouch for its certificate; `None` means the system's.
    pub authorities: Option<PathBuf>,
    /// For one request, its connection included.
    pub timeout: Duration,
}

/// A secret that is asked with: a token of the service, a key of an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// From the environment, read at the start: the variable's name and what it holds.
    Environment(String, Sensitive<String>),
    /// From a file, read at each request, as an agent of the service renews it there.
    File(PathBuf),
}

impl Token {
    /// What it is. The error does not have it.
    pub(in crate::store) fn read(&self) -> Result<Zeroizing<String>, String> {
        let text = match self {
            Self::Environment(_, token) => Zeroizing::new(token.expose().clone()),
            Self::File(file) => std::fs::read_to_string(file)
                .map(Zeroizing::new)
                .map_err(|error| format!("{}, cannot be read: {error}", file.display()))?,
        };
        Ok(Zeroizing::new(text.trim().to_owned()))
    }
}

/// The service's client.
#[derive(Debug)]
pub struct Transit {
    place: String,
    key: String,
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    action: &'static str,
    body: Zeroizing<Vec<u8>>,
    answer: SyncSender<Result<Zeroizing<String>, String>>,
}

/// `{"data": {...}}`.
#[derive(Deserialize)]
struct Reply {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    plaintext: Option<String>,
    ciphertext: Option<String>,
}

impl Drop for Data {
    fn drop(&mut self) {
        self.plaintext.zeroize();
    }
}

impl Transit {
    /// From settings; `tls` says whom to trust.
    pub fn new(settings: TransitSettings, tls: &rustls::ClientConfig) -> Result<Self, KeyError> {
        let place = settings.url.clone();
        let failed = |problem: String| KeyError::Service {
            place: place.clone(),
            problem,
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(settings.timeout)
            .pool_max_idle_per_host(2)
            .user_agent(concat!("hushgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| failed("no HTTP client for it".into()))?;
        let key = settings.key.clone();
        let asker = Asker { settings, client };
        let (jobs, waiting) = mpsc::channel(WAITING);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        std::thread::Builder::new()
            .name("key service".into())
            .spawn(move || runtime.block_on(asker.run(waiting)))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { place, key, jobs })
    }

    fn ask(
        &self,
        action: &'static str,
        field: &str,
        value: &str,
    ) -> Result<Zeroizing<String>, KeyError> {
        // Neither value can hold what JSON would escape.
        let mut body = Zeroizing::new(Vec::with_capacity(value.len() + 32));
        for part in ["{\"", field, "\":\"", value, "\"}"] {
            body.extend_from_slice(part.as_bytes());
        }
        let (answer, answered) = sync_channel(1);
        let job = Job {
            action,
            body,
            answer,
        };
        let gone = || "is asked by nobody any more".to_owned();
        // Each job is given up in time, so that the queue moves.
        let answered = match self.jobs.try_send(job) {
            Ok(()) => answered.recv().unwrap_or_else(|_| Err(gone())),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(format!("{WAITING} requests wait for it already"))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(gone()),
        };
        answered.map_err(|problem| KeyError::Service {
            place: self.place.clone(),
            problem,
        })
    }

    /// `NAME:v3` of `vault:v3:...`.
    fn wrapped(&self, ciphertext: &str) -> Result<WrappedKey, KeyError> {
        let version = ciphertext.split(':').nth(1).unwrap_or_default();
        let key =
            KeyId::new(&format!("{}:{version}", self.key)).map_err(|_| self.unintelligible())?;
        if !is_plain(ciphertext) {
            return Err(self.unintelligible());
        }
        Ok(WrappedKey {
            key,
            wrapped: ciphertext.to_owned(),
        })
    }

    fn unintelligible(&self) -> KeyError {
        KeyError::Service {
            place: self.place.clone(),
            problem: "answered what was not expected".into(),
        }
    }
}

impl KeyService for Transit {
    fn keys(&self) -> Result<Vec<KeyId>, KeyError> {
        Ok(Vec::new())
    }

    fn check(&self) -> Result<(), KeyError> {
        let (key, object) = (DataKey::generate()?, b"check");
        let wrapped = self.wrap(&key, object)?;
        if self.unwrap(&wrapped, object)? != key {
            return Err(self.unintelligible());
        }
        Ok(())
    }

    fn wrap(&self, key: &DataKey, object: &[u8]) -> Result<WrappedKey, KeyError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(64));
        plain.extend_from_slice(key.bytes());
        plain.extend_from_slice(&Sha256::digest(object));
        let ciphertext = self.ask(
            "encrypt",
            "plaintext",
            &Zeroizing::new(STANDARD.encode(&*plain)),
        )?;
        self.wrapped(&ciphertext)
    }

    fn unwrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<DataKey, KeyError> {
        let refused = || KeyError::Refused {
            place: self.place.clone(),
            id: wrapped.key.clone(),
        };
        if !is_plain(&wrapped.wrapped) {
            return Err(refused());
        }
        let plain = self.ask("decrypt", "ciphertext", &wrapped.wrapped)?;
        let plain = STANDARD
            .decode(plain.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| self.unintelligible())?;
        let (key, rest) = plain.split_first_chunk::<32>().ok_or_else(refused)?;
        if rest != &Sha256::digest(object)[..] {
            return Err(refused());
        }
        Ok(DataKey::from_bytes(*key))
    }

    /// Without the data key leaving the service.
    fn rewrap(&self, wrapped: &WrappedKey, _object: &[u8]) -> Result<Option<WrappedKey>, KeyError> {
        if !is_plain(&wrapped.wrapped) {
            return Err(KeyError::Refused {
                place: self.place.clone(),
                id: wrapped.key.clone(),
            });
        }
        let ciphertext = self.ask("rewrap", "ciphertext", &wrapped.wrapped)?;
        let newer = self.wrapped(&ciphertext)?;
        Ok((newer.key != wrapped.key).then_some(newer))
    }
}

/// Whether a text can stand in JSON as it is.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    !text.is_empty() && text.chars().all(plain)
}

/// The thread's end.
struct Asker {
    settings: TransitSettings,
    client: reqwest::Client,
}

/// What came of one try.
enum Failure {
    /// Another may go well.
    Passing(String),
    /// It will not.
    Lasting(String),
}

impl Asker {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let asker = std::sync::Arc::new(self);
        while let Some(job) = jobs.recv().await {
            let asker = std::sync::Arc::clone(&asker);
            tokio::spawn(async move {
                let outcome = asker.perform(job.action, job.body).await;
                // Who asked may have gone.
                let _ = job.answer.send(outcome);
            });
        }
    }

    async fn perform(
        &self,
        action: &'static str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<String>, String> {
        let body = Bytes::from_owner(body);
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            match self.ask(action, body.clone()).await {
                Ok(value) => return Ok(value),
                Err(Failure::Lasting(problem)) => return Err(problem),
                Err(Failure::Passing(problem)) if tries >= TRIES => {
                    return Err(format!("{problem}, {tries} times"));
                }
                Err(Failure::Passing(_)) => tokio::time::sleep(pause).await,
            }
            pause *= 4;
            tries += 1;
        }
    }

    async fn ask(&self, action: &str, body: Bytes) -> Result<Zeroizing<String>, Failure> {
        let TransitSettings {
            url, mount, key, ..
        } = &self.settings;
        let mut token = reqwest::header::HeaderValue::from_str(&self.token()?).map_err(|_| {
            Failure::Lasting("cannot be asked: its token has characters no header may have".into())
        })?;
        token.set_sensitive(true);
        let lost = |error: reqwest::Error| {
            Failure::Passing(
                if error.is_connect() {
                    "is not reached"
                } else {
                    "did not answer in time"
                }
                .into(),
            )
        };
        let mut response = self
            .client
            .post(format!("{url}/v1/{mount}/{action}/{key}"))
            .header("x-vault-token", token)
            .header("x-vault-request", "true")
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .map_err(lost)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(failure(status, action));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(4_096));
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if bytes.len() + chunk.len() > LARGEST_REPLY {
                return Err(Failure::Lasting("answered more than was expected".into()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let unintelligible = || Failure::Lasting("answered what was not expected".into());
        let mut reply: Reply = serde_json::from_slice(&bytes).map_err(|_| unintelligible())?;
        let value = match action {
            "decrypt" => reply.data.plaintext.take(),
            _ => reply.data.ciphertext.take(),
        };
        value.map(Zeroizing::new).ok_or_else(unintelligible)
    }

    fn token(&self) -> Result<Zeroizing<String>, Failure> {
        self.settings
            .token
            .read()
            .map_err(|problem| Failure::Lasting(format!("cannot be asked: its token, {problem}")))
    }
}

fn failure(status: u16, action: &str) -> Failure {
    match status {
        429 | 500..=599 => Failure::Passing(format!("answered {status}")),
        403 => Failure::Lasting(format!(
            "answered 403: its token has expired, or its policy does not allow `{action}`"
        )),
        400 => Failure::Lasting(
            "answered 400: it does not know this key or version of it, or what is to be opened was altered".into(),
        ),
        404 => Failure::Lasting("answered 404: there is no such engine or key".into()),
        300..=399 => Failure::Lasting(format!(
            "answered {status}: name the address that it refers to; it is not followed"
        )),
        _ => Failure::Lasting(format!("answered {status}")),
    }
}
