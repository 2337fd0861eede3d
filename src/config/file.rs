//! The configuration file as it is written: every field optional, none unknown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::access::AccessSection;
use super::alerts::AlertSection;
use super::api::ApiSection;
use super::audit::AuditSection;
use super::doors::DoorSection;
use super::retention::{
    ErasureSection, PolicySection as RetentionPolicy, RetentionSections, RunSection,
};
use super::second_listener::SecondListenerSection;
use super::store::StoreSection;
use super::webhooks::WebhookSection;
use super::{ConfigError, MaxCalls, Overload, one_line};
use crate::engine::Engine;
use crate::policy::Profile;

/// A file's values. What is absent is the default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileConfig {
    pub(super) server: Server,
    pub(super) speech: Speech,
    pub(super) policy: PolicySection,
    pub(super) doors: BTreeMap<String, Spanned<DoorSection>>,
    pub(super) store: Option<Spanned<StoreSection>>,
    pub(super) audit: Option<AuditSection>,
    pub(super) second_listener: SecondListenerSection,
    pub(super) retention: Vec<Spanned<RetentionPolicy>>,
    pub(super) retention_run: RunSection,
    pub(super) erasure: ErasureSection,
    pub(super) access: Option<Spanned<AccessSection>>,
    pub(super) api: Option<Spanned<ApiSection>>,
    pub(super) alert: Vec<Spanned<AlertSection>>,
    pub(super) webhook: Vec<Spanned<WebhookSection>>,
}

impl FileConfig {
    /// What there is about how long calls are kept.
    pub(super) fn take_retention(&mut self) -> RetentionSections {
        RetentionSections {
            policies: std::mem::take(&mut self.retention),
            run: std::mem::take(&mut self.retention_run),
            erasure: std::mem::take(&mut self.erasure),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: Option<Spanned<SocketAddr>>,
    pub(super) recordings: Option<Spanned<PathBuf>>,
    pub(super) max_connections: Option<Spanned<usize>>,
    pub(super) max_calls: Option<Spanned<MaxCalls>>,
    pub(super) overload: Option<Overload>,
    pub(super) tls: Option<Tls>,
}

/// `[server.tls]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Spanned<PathBuf>,
    pub(super) key: Spanned<PathBuf>,
    pub(super) client_authorities: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Speech {
    pub(super) model: Option<Spanned<String>>,
    pub(super) engine: Option<Spanned<Engine>>,
    pub(super) workers: Option<Spanned<usize>>,
    pub(super) hold_seconds: Option<Spanned<f64>>,
    pub(super) hold_max_seconds: Option<Spanned<f64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicySection {
    pub(super) file: Option<Spanned<PathBuf>>,
    pub(super) profile: Option<Spanned<Profile>>,
}

/// A configuration file's text and name, for errors that point into it.
#[derive(Debug)]
pub(super) struct Source {
    file: PathBuf,
    text: String,
}

/// What is wrong with a field: with its line, where it was written in a file.
pub(super) fn wrong(
    source: Option<&Source>,
    span: &Range<usize>,
    field: &str,
    problem: &str,
) -> ConfigError {
    match source {
        Some(source) => source.error(span, &format!("{field}: {problem}")),
        None => ConfigError::Invalid {
            field: field.into(),
            problem: problem.into(),
        },
    }
}

impl Source {
    pub(super) fn new(file: PathBuf, text: String) -> Self {
        Self { file, text }
    }

    pub(super) fn read(file: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Self::new(file.to_owned(), text)),
            Err(source) => Err(ConfigError::Unreadable {
                file: file.to_owned(),
                source,
            }),
        }
    }

    pub(super) fn parse(&self) -> Result<FileConfig, ConfigError> {
        self.parse_as()
    }

    /// The text as a section that stands alone.
    pub(super) fn parse_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|mut error| {
            let span = error.span().unwrap_or(0..0);
            // Without its input the error prints the message and the field's path, one on each line.
            error.set_input(None);
            let problem = error.to_string();
            self.error(&span, &problem.lines().collect::<Vec<_>>().join(" "))
        })
    }

    /// An error at a byte range of the text.
    pub(super) fn error(&self, span: &Range<usize>, problem: &str) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        ConfigError::InFile {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            problem: one_line(problem),
        }
    }

    /// A reference to a secret, whose file is seen from the working directory.
    pub(super) fn reference(&self, written: &str) -> String {
        match written.strip_prefix("file:") {
            Some(path) => format!("file:{}", self.beside(Path::new(path)).display()),
            None => written.to_owned(),
        }
    }

    /// A path that the file gives, seen from the working directory.
    pub(super) fn beside(&self, path: &Path) -> PathBuf {
        self.file
            .parent()
            .map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }
}
