//! An archive in a bucket of whatever speaks Amazon's S3 protocol.
//!
//! ```text
//! caller's thread: reads and writes files, part by part  <-->  one thread: requests over HTTP
//! ```
//!
//! **Architecture invariants:** what is long goes in parts, and no more than one part of it is in memory. Secrets are
//! read when they are needed, so that a file that is renewed counts at once; they are in no log or error, and neither
//! is a server's answer. No redirection is followed.

use std::error::Error as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, CredentialProvider, ObjectStoreExt, PutPayload, RetryConfig,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Archive, ArchiveError, ObjectName};
use crate::store::keys::Token;

/// What is longer goes in parts of this length; S3 takes none that is shorter, and 10,000 of them at most.
const PART: usize = 5 << 20;
/// At most so much of an object waits to be written to the disk.
const BATCH: usize = 1 << 20;
/// How often a request is made before it is given up.
const TRIES: u32 = 3;
/// Before the second try; four times as long before the next.
const PAUSE: Duration = Duration::from_millis(200);
/// For a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a bucket is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// Such as `https://s3.eu-central-1.amazonaws.com`, without a slash at the end.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// What stands before every name, without a slash at either end; may be empty.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Who asks.
    pub access_key: Token,
    /// Proves it.
    pub secret_key: Token,
    /// Of keys that are lent for a while.
    pub session_token: Option<Token>,
    /// Whether the bucket is in the address's path, or before the host's name.
    pub path_style: bool,
    /// Authorities that vouch for its certificate; `None` means the system's.
    pub authorities: Option<PathBuf>,
    /// For one request, or one part of what is long.
    pub timeout: Duration,
}

/// A bucket's client.
#[derive(Debug)]
pub struct S3 {
    place: String,
    prefix: String,
    store: Arc<AmazonS3>,
    timeout: Duration,
    thread: Mutex<Option<Thread>>,
}

/// Makes the requests; ends when this is dropped.
#[derive(Debug)]
struct Thread {
    handle: Handle,
    _until: oneshot::Sender<()>,
}

/// Hands the client that was made here to the library.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// Reads the secrets when they are asked for.
#[derive(Debug)]
struct Secrets {
    access_key: Token,
    secret_key: Token,
    session_token: Option<Token>,
}

/// A secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unread(String);

impl Secrets {
    fn read(&self) -> Result<AwsCredential, Unread> {
        let read = |secret: &Token| {
            let text = secret.read().map_err(Unread)?;
            Ok::<_, Unread>(text.to_string())
        };
        Ok(AwsCredential {
            key_id: read(&self.access_key)?,
            secret_key: read(&self.secret_key)?,
            token: self.session_token.as_ref().map(read).transpose()?,
        })
    }
}

impl CredentialProvider for Secrets {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(&'a self) -> BoxFuture<'b, object_store::Result<Arc<AwsCredential>>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async {
            let credential = self
                .read()
                .map_err(|problem| object_store::Error::Generic {
                    store: "S3",
                    source: Box::new(problem),
                })?;
            Ok(Arc::new(credential))
        })
    }
}

impl S3 {
    /// From settings; `tls` says whom to trust. Asks nobody.
    pub fn new(settings: &S3Settings, tls: &rustls::ClientConfig) -> Result<Self, ArchiveError> {
        let S3Settings {
            endpoint, bucket, ..
        } = settings;
        let place = format!("the bucket {bucket} at {endpoint}");
        let failed = |problem: &str| ArchiveError::Refused {
            place: place.clone(),
            problem: problem.to_owned(),
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT)
            .read_timeout(settings.timeout)
            .pool_max_idle_per_host(2)
            .user_agent(concat!("hushgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| failed("cannot be asked: no HTTP client for it"))?;
        let endpoint = match (settings.path_style, endpoint.split_once("://")) {
            (false, Some((scheme, host))) => format!("{scheme}://{bucket}.{host}"),
            _ => endpoint.clone(),
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_bucket_name(bucket)
            .with_region(&settings.region)
            .with_credentials(Arc::new(Secrets {
                access_key: settings.access_key.clone(),
                secret_key: settings.secret_key.clone(),
                session_token: settings.session_token.clone(),
            }))
            // Whether it may be is decided where the configuration is read.
            .with_allow_http(true)
            .with_http_connector(Connector(client))
            // Not every server knows how to delete several at once.
            .with_disable_bulk_delete(true)
            // Tries are made here, part by part.
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: 0,
                retry_timeout: settings.timeout,
            })
            .build()
            .map_err(|_| failed("cannot be asked: its address or name is not usable"))?;
        Ok(Self {
            place,
            prefix: settings.prefix.clone(),
            store: Arc::new(store),
            timeout: settings.timeout,
            thread: Mutex::default(),
        })
    }

    fn path(&self, name: &ObjectName) -> Path {
        match self.prefix.as_str() {
            "" => Path::from(name.as_str()),
            prefix => Path::from(format!("{prefix}/{name}")),
        }
    }

    fn away(&self, problem: &str) -> ArchiveError {
        ArchiveError::Away {
            place: self.place.clone(),
            problem: problem.to_owned(),
        }
    }

    /// Where requests are made; the thread is started when it is needed first.
    fn handle(&self) -> Result<Handle, ArchiveError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = &*thread {
            return Ok(thread.handle.clone());
        }
        let failed = |_| self.away("cannot be asked: there is no thread for it");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (until, over) = oneshot::channel();
        std::thread::Builder::new()
            .name("object store".into())
            .spawn(move || runtime.block_on(over))
            .map_err(failed)?;
        *thread = Some(Thread {
            handle: handle.clone(),
            _until: until,
        });
        Ok(handle)
    }

    /// Waits for what is done on the thread, whoever calls: a runtime's own thread blocks as any other.
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let (answer, answered) = sync_channel(1);
        self.handle()?.spawn(async move {
            // Who asked may have gone.
            let _ = answer.send(work.await);
        });
        answered
            .recv()
            .map_err(|_| self.away("is asked by nobody any more"))
    }

    /// Makes a request, again if that may help.
    fn ask<T, W>(&self, object: &str, mut request: impl FnMut() -> W) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        W: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            let error = match self.run(request())? {
                Ok(answer) => return Ok(answer),
                Err(error) => self.told(object, &error),
            };
            if tries >= TRIES || !matches!(error, ArchiveError::Away { .. }) {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause *= 4;
            tries += 1;
        }
    }

    /// An error without what the server wrote, which may repeat what it was sent.
    fn told(&self, object: &str, error: &object_store::Error) -> ArchiveError {
        let place = self.place.clone();
        let causes = causes(error);
        if let Some(problem) = causes
            .iter()
            .find_map(|cause| cause.downcast_ref::<Unread>())
        {
            let problem = format!("cannot be asked: a key, {problem}");
            return ArchiveError::Refused { place, problem };
        }
        let text = error.to_string();
        let status: Option<u16> = text
            .split_once("status code: ")
            .and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        let problem = match status {
            Some(404) if text.contains("NoSuchBucket") => {
                "answered 404: there is no such bucket; make it, or name another".to_owned()
            }
            Some(404) => {
                return ArchiveError::Missing {
                    place,
                    object: object.to_owned(),
                };
            }
            Some(status @ (401 | 403)) => format!(
                "answered {status}: check the access key, the secret key, the region and the clock, and that \
                 the key may get, put and delete objects"
            ),
            Some(status @ (408 | 409 | 429 | 500..=599)) => {
                return self.away(&format!("answered {status}"));
            }
            Some(status @ 300..=399) => {
                format!("answered {status}: name the address that it refers to; it is not followed")
            }
            Some(status) => format!("answered {status}"),
            None => {
                let kind = causes
                    .iter()
                    .find_map(|cause| cause.downcast_ref::<HttpError>())
                    .map(HttpError::kind);
                return self.away(match kind {
                    Some(HttpErrorKind::Connect) => "is not reached",
                    Some(HttpErrorKind::Timeout) => "did not answer in time",
                    Some(_) => "broke off",
                    None => "answered what was not expected",
                });
            }
        };
        ArchiveError::Refused { place, problem }
    }

    /// Puts what fits into one part.
    fn put_whole(&self, name: &ObjectName, bytes: Bytes) -> Result<(), ArchiveError> {
        let path = self.path(name);
        self.ask(name.as_str(), || {
            let (store, path, payload) = (
                Arc::clone(&self.store),
                path.clone(),
                PutPayload::from(bytes.clone()),
            );
            async move { store.put(&path, payload).await.map(drop) }
        })
    }

    /// Puts what is longer, one part after the other.
    fn put_parts(&self, name: &ObjectName, from: &mut dyn Read) -> Result<(), ArchiveError> {
        let path = self.path(name);
        let begin = || {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            async move { store.create_multipart(&path).await }
        };
        let upload = self.ask(name.as_str(), begin)?;
        let sent = self.send_parts(name, from, &upload);
        if sent.is_err() {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            // What stays of it, the bucket's own rules remove.
            let _ = self.run(async move { store.abort_multipart(&path, &upload).await });
        }
        sent
    }

    fn send_parts(
        &self,
        name: &ObjectName,
        from: &mut dyn Read,
        upload: &str,
    ) -> Result<(), ArchiveError> {
        let path = self.path(name);
        let mut parts = Vec::new();
        loop {
            let bytes = read_part(from)?;
            if bytes.is_empty() {
                break;
            }
            let number = parts.len();
            let send = || {
                let (store, path, upload) =
                    (Arc::clone(&self.store), path.clone(), upload.to_owned());
                let payload = PutPayload::from(bytes.clone());
                async move { store.put_part(&path, &upload, number, payload).await }
            };
            parts.push(self.ask(name.as_str(), send)?);
        }
        let (store, upload) = (Arc::clone(&self.store), upload.to_owned());
        // Once: done twice it fails, and may have been done.
        self.run(async move { store.complete_multipart(&path, &upload, parts).await })?
            .map(drop)
            .map_err(|error| self.told(name.as_str(), &error))
    }
}

/// What caused an error, the nearest first.
fn causes(error: &object_store::Error) -> Vec<&(dyn std::error::Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

fn read_part(from: &mut dyn Read) -> Result<Bytes, ArchiveError> {
    let mut bytes = Vec::with_capacity(PART);
    from.take(PART as u64)
        .read_to_end(&mut bytes)
        .map_err(ArchiveError::Local)?;
    Ok(bytes.into())
}

impl Archive for S3 {
    fn place(&self) -> &str {
        &self.place
    }

    fn put(&self, name: &ObjectName, from: &mut File, bytes: u64) -> Result<(), ArchiveError> {
        let mut from = from.take(bytes);
        if bytes > PART as u64 {
            return self.put_parts(name, &mut from);
        }
        self.put_whole(name, read_part(&mut from)?)
    }

    fn get(&self, name: &ObjectName, into: &mut dyn Write, most: u64) -> Result<(), ArchiveError> {
        let path = self.path(name);
        let begun = self.ask(name.as_str(), || {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            async move { store.get(&path).await }
        })?;
        let mut stream = begun.into_stream();
        let mut left = most;
        let limit = self.timeout;
        loop {
            let (batch, rest) = self.run(async move {
                let mut batch: Vec<Bytes> = Vec::new();
                let mut length = 0;
                // One byte now and then is no answer: somebody may wait for all of it.
                let until = tokio::time::Instant::now() + limit;
                while length < BATCH {
                    match tokio::time::timeout_at(until, stream.next()).await {
                        Ok(Some(Ok(bytes))) => {
                            length += bytes.len();
                            batch.push(bytes);
                        }
                        Ok(Some(Err(error))) => return (Err(Some(error)), stream),
                        Ok(None) => break,
                        Err(_) => return (Err(None), stream),
                    }
                }
                (Ok(batch), stream)
            })?;
            stream = rest;
            let batch = batch.map_err(|error| match error {
                Some(error) => self.told(name.as_str(), &error),
                None => self.away("did not answer in time"),
            })?;
            if batch.is_empty() {
                return Ok(());
            }
            for bytes in batch {
                left =
                    left.checked_sub(bytes.len() as u64)
                        .ok_or_else(|| ArchiveError::TooLong {
                            place: self.place.clone(),
                            object: name.to_string(),
                        })?;
                into.write_all(&bytes).map_err(ArchiveError::Local)?;
            }
        }
    }

    fn delete(&self, name: &ObjectName) -> Result<(), ArchiveError> {
        let path = self.path(name);
        let deleted = self.ask(name.as_str(), || {
            let (store, path) = (Arc::clone(&self.store), path.clone());
            async move { store.delete(&path).await }
        });
        match deleted {
            Err(ArchiveError::Missing { .. }) => Ok(()),
            deleted => deleted,
        }
    }
}
