//! TLS for the server's socket: certificates from files, read again when the files change.
//!
//! A certificate is renewed every few weeks while calls go on: new connections get the new one. What cannot be
//! read is told and the last good one stays in use. With client authorities a platform may show a certificate
//! of its own, which doors can require (mutual TLS); one that is shown must be good.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Makes connections secure, with the newest certificate.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    acceptor: watch::Sender<TlsAcceptor>,
}

impl Tls {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> anyhow::Result<Self> {
        let acceptor = acceptor(&files)?;
        Ok(Self {
            files,
            acceptor: watch::Sender::new(acceptor),
        })
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.borrow().clone()
    }

    /// Reads the files again whenever they change, until the shutdown.
    pub(crate) async fn follow(self, shutdown: CancellationToken) {
        let mut seen = changed_at(&self.files);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let changed = changed_at(&self.files);
            if changed == seen {
                continue;
            }
            seen = changed;
            let files = self.files.clone();
            match tokio::task::spawn_blocking(move || acceptor(&files)).await {
                Ok(Ok(acceptor)) => {
                    self.acceptor.send_replace(acceptor);
                    tracing::info!("read the new certificate");
                }
                Ok(Err(error)) => tracing::error!(
                    error = format!("{error:#}"),
                    "the new certificate is not used; the last one stays"
                ),
                Err(_) => tracing::error!("reading the new certificate failed"),
            }
        }
    }
}

/// When each file was last written; a file that is gone was never.
fn changed_at(files: &TlsFiles) -> Vec<Option<SystemTime>> {
    [
        Some(&files.certificate),
        Some(&files.key),
        files.client_authorities.as_ref(),
    ]
    .into_iter()
    .map(|file| std::fs::metadata(file?).ok()?.modified().ok())
    .collect()
}

fn acceptor(files: &TlsFiles) -> anyhow::Result<TlsAcceptor> {
    let certificates = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| {
        anyhow::anyhow!("{}: no private key in PEM: {error}", files.key.display())
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("no TLS version is available")?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for authority in self::certificates(file)? {
                roots.add(authority).with_context(|| {
                    format!("{}: no certificate of an authority", file.display())
                })?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .with_context(|| format!("{}: not usable for clients", file.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .with_context(|| {
            format!(
                "{} and {} do not belong together",
                files.certificate.display(),
                files.key.display()
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// For connections to others: trusts the authorities of a file, or else the system's.
pub fn client(authorities: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            for authority in certificates(file)? {
                roots.add(authority).with_context(|| {
                    format!("{}: no certificate of an authority", file.display())
                })?;
            }
        }
        None => {
            // A system without any is told when a certificate cannot be trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("no TLS version is available")?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || -> Result<Vec<_>, rustls::pki_types::pem::Error> {
        CertificateDer::pem_file_iter(file)?.collect()
    };
    let certificates = read()
        .map_err(|error| anyhow::anyhow!("{}: no certificates in PEM: {error}", file.display()))?;
    anyhow::ensure!(
        !certificates.is_empty(),
        "{}: has no certificate; expected PEM with BEGIN CERTIFICATE",
        file.display()
    );
    Ok(certificates)
}
