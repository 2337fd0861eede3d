//! `[store]`: where calls are kept encrypted, and where the keys come from.
//!
//! Keys never stand in the file: it names another file, an environment variable or a key service.

mod archive;

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;
use zeroize::Zeroizing;

use super::access::is_loopback;
use super::file::{Source, wrong};
use super::{ConfigError, quoted, quoted_path};
use crate::call::Sensitive;
use crate::store::database::{DatabaseSettings, Server};
use crate::store::keys::{KeySource, Token, TransitSettings};

pub use archive::Archive;
use archive::ArchiveSection;

/// Accepted times for a request to the key service, in seconds.
const SECONDS: RangeInclusive<f64> = 0.1..=10.0;
/// Time for a request to the key service unless told otherwise, in seconds.
const DEFAULT_SECONDS: f64 = 2.0;

/// The store, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its folder.
    pub path: PathBuf,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Where its index is, and what else is found by asking.
    pub database: DatabaseSettings,
    /// Where recordings and transcripts of closed calls are put, besides the folder.
    pub archive: Option<Archive>,
}

/// `[store]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreSection {
    path: Option<Spanned<PathBuf>>,
    key_file: Option<Spanned<PathBuf>>,
    key_env: Option<Spanned<String>>,
    vault: Option<Spanned<VaultSection>>,
    database: Option<DatabaseSection>,
    archive: Option<Spanned<ArchiveSection>>,
}

/// `[store.database]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DatabaseSection {
    url: Option<Spanned<String>>,
}

/// `[store.vault]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VaultSection {
    url: Option<Spanned<String>>,
    mount: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    token: Option<Spanned<String>>,
    authorities: Option<PathBuf>,
    timeout_seconds: Option<Spanned<f64>>,
}

impl Store {
    /// The store that a configuration file names; `None` if it names none. Looks at nothing else in it, so that who
    /// reads recordings needs no secret of a door.
    pub fn load(file: &Path) -> Result<Option<Self>, ConfigError> {
        let source = Source::read(file)?;
        let values = source.parse()?;
        store(Some(&source), values.store)
    }

    /// The section, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            "\n[store]".to_owned(),
            "# Folder for encrypted recordings.".into(),
            format!("path = {}", quoted_path(&self.path)),
            "# Where keys come from: key_file, key_env or [store.vault].".into(),
        ];
        match &self.keys {
            KeySource::File(file) => lines.push(format!("key_file = {}", quoted_path(file))),
            KeySource::Environment(name) => lines.push(format!("key_env = {}", quoted(name))),
            KeySource::Transit(service) => {
                lines.push("\n[store.vault]".into());
                lines.push(format!("url = {}", quoted(&service.url)));
                lines.push(format!("mount = {}", quoted(&service.mount)));
                lines.push(format!("key = {}", quoted(&service.key)));
                lines.push(format!(
                    "token = {}",
                    quoted(&secret_reference(&service.token))
                ));
                if let Some(file) = &service.authorities {
                    lines.push(format!("authorities = {}", quoted_path(file)));
                }
                lines.push("# For one request; it is made three times at most.".into());
                lines.push(format!(
                    "timeout_seconds = {:?}",
                    service.timeout.as_secs_f64()
                ));
            }
        }
        lines.push(
            "# PostgreSQL in place of SQLite in the store's folder: [store.database] with url."
                .into(),
        );
        if let DatabaseSettings::Server(server) = &self.database {
            lines.push("\n[store.database]".into());
            lines.push(format!("url = {}", quoted(server.reference())));
        }
        lines.push(
            "# Recordings and transcripts in an S3-compatible object store: [store.archive]."
                .into(),
        );
        if let Some(archive) = &self.archive {
            lines.extend(archive.lines());
        }
        lines
    }

    /// The section as JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mut shown = json!({ "path": self.path.to_string_lossy() });
        match &self.keys {
            KeySource::File(file) => shown["key_file"] = file.to_string_lossy().into(),
            KeySource::Environment(name) => shown["key_env"] = name.as_str().into(),
            KeySource::Transit(service) => {
                shown["vault"] = json!({
                    "url": service.url,
                    "mount": service.mount,
                    "key": service.key,
                    "token": secret_reference(&service.token),
                    "authorities": service.authorities.as_ref().map(|file| file.to_string_lossy()),
                    "timeout_seconds": service.timeout.as_secs_f64(),
                });
            }
        }
        if let DatabaseSettings::Server(server) = &self.database {
            shown["database"] = json!({ "url": server.reference() });
        }
        if let Some(archive) = &self.archive {
            shown["archive"] = archive.to_json();
        }
        shown
    }
}

fn secret_reference(secret: &Token) -> String {
    match secret {
        Token::Environment(name, _) => format!("env:{name}"),
        Token::File(file) => format!("file:{}", file.display()),
    }
}

/// The store of a section; `None` without one.
pub(super) fn store(
    source: Option<&Source>,
    section: Option<Spanned<StoreSection>>,
) -> Result<Option<Store>, ConfigError> {
    let Some(section) = section else {
        return Ok(None);
    };
    let span = section.span();
    let section = section.into_inner();
    let reader = Reader { source };
    let Some(path) = section.path else {
        return Err(reader.error(
            &span,
            "store.path",
            "is missing; expected the folder for encrypted recordings",
        ));
    };
    let path = reader.beside(&path.into_inner());
    let keys = match (section.key_file, section.key_env, section.vault) {
        (Some(file), None, None) => reader.key_file(&path, &file)?,
        (None, Some(name), None) => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.get_ref().is_empty() || !name.get_ref().chars().all(is_name) {
                // It may be the key itself: it is not repeated.
                let problem = "expected the name of an environment variable";
                return Err(reader.error(&name.span(), "store.key_env", problem));
            }
            KeySource::Environment(name.into_inner())
        }
        (None, None, Some(service)) => KeySource::Transit(reader.service(service)?),
        _ => {
            let problem =
                "expected one of key_file, key_env and [store.vault]: where the keys come from";
            return Err(reader.error(&span, "store", problem));
        }
    };
    let database = match section.database.and_then(|database| database.url) {
        Some(url) => DatabaseSettings::Server(reader.server(&url)?),
        None => DatabaseSettings::within(&path),
    };
    let archive = section
        .archive
        .map(|section| reader.archive(section))
        .transpose()?;
    Ok(Some(Store {
        path,
        keys,
        database,
        archive,
    }))
}

struct Reader<'a> {
    source: Option<&'a Source>,
}

impl Reader<'_> {
    fn error(&self, span: &Range<usize>, field: &str, problem: &str) -> ConfigError {
        wrong(self.source, span, field, problem)
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.source
            .map_or_else(|| path.to_owned(), |source| source.beside(path))
    }

    /// Keys beside what they open are no protection: who copies the one gets the other.
    fn key_file(&self, store: &Path, written: &Spanned<PathBuf>) -> Result<KeySource, ConfigError> {
        let file = self.beside(written.get_ref());
        let real = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if real(&file).starts_with(real(store)) {
            let problem = "lies in the store; keep keys and recordings apart";
            return Err(self.error(&written.span(), "store.key_file", problem));
        }
        Ok(KeySource::File(file))
    }

    fn service(&self, section: Spanned<VaultSection>) -> Result<TransitSettings, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        let seconds = section.timeout_seconds;
        if let Some(seconds) = &seconds
            && !SECONDS.contains(seconds.get_ref())
        {
            let problem = format!(
                "{} is out of range; expected {} to {} seconds",
                seconds.get_ref(),
                SECONDS.start(),
                SECONDS.end()
            );
            return Err(self.error(&seconds.span(), "store.vault.timeout_seconds", &problem));
        }
        let seconds = seconds.map_or(DEFAULT_SECONDS, Spanned::into_inner);
        Ok(TransitSettings {
            url: self.url(&span, section.url)?,
            mount: self.name("store.vault.mount", &span, section.mount, Some("transit"))?,
            key: self.name("store.vault.key", &span, section.key, None)?,
            token: self.secret("store.vault.token", &span, section.token)?,
            authorities: section.authorities.map(|file| self.beside(&file)),
            timeout: Duration::from_secs_f64(seconds),
        })
    }

    /// Tokens and keys pass there: plain HTTP is for this machine alone.
    fn url(
        &self,
        section: &Range<usize>,
        written: Option<Spanned<String>>,
    ) -> Result<String, ConfigError> {
        let field = "store.vault.url";
        let Some(written) = written else {
            let problem = "is missing; expected an address such as \"https://vault.example:8200\"";
            return Err(self.error(section, field, problem));
        };
        let (url, text) = self.bare_url(field, &written)?;
        if url.scheme() == "http" && !is_loopback(&url) {
            let problem =
                "keys must not pass in clear; expected https, or an address of this machine";
            return Err(self.error(&written.span(), field, problem));
        }
        Ok(text)
    }

    /// An address of nothing but a scheme, a host and a port, and its text without a slash at the end.
    fn bare_url(
        &self,
        field: &str,
        written: &Spanned<String>,
    ) -> Result<(reqwest::Url, String), ConfigError> {
        let wrong = || {
            let expected = "expected an address such as \"https://name.example:8200\", without a path or a password";
            self.error(&written.span(), field, expected)
        };
        let url = reqwest::Url::parse(written.get_ref()).map_err(|_| wrong())?;
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_bare || !["http", "https"].contains(&url.scheme()) {
            return Err(wrong());
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok((url, text))
    }

    fn name(
        &self,
        field: &str,
        section: &Range<usize>,
        written: Option<Spanned<String>>,
        default: Option<&str>,
    ) -> Result<String, ConfigError> {
        let Some(written) = written else {
            return default.map(str::to_owned).ok_or_else(|| {
                self.error(section, field, "is missing; expected the key's name there")
            });
        };
        let text = written.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let is_path = text
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.'));
        if text.len() > 100 || !text.chars().all(plain) || !is_path {
            let problem = format!("{text:?} is no name; expected letters, digits, -_. and /");
            return Err(self.error(&written.span(), field, &problem));
        }
        Ok(text.clone())
    }

    /// A server's address, or where it is written if it holds a password.
    fn server(&self, written: &Spanned<String>) -> Result<Server, ConfigError> {
        let wrong = |problem: &str| self.error(&written.span(), "store.database.url", problem);
        let text = written.get_ref();
        let read = if let Some(name) = text.strip_prefix("env:") {
            std::env::var(name).map_err(|_| {
                wrong(&format!(
                    "the environment variable {name} is not set, or is no text"
                ))
            })?
        } else if let Some(path) = text.strip_prefix("file:") {
            let file = self.beside(Path::new(path));
            std::fs::read_to_string(&file)
                .map_err(|error| wrong(&format!("{}: cannot be read: {error}", file.display())))?
        } else {
            text.clone()
        };
        let is_written_here = *text == read;
        let reference = match self.source {
            Some(source) => source.reference(text),
            None => text.clone(),
        };
        let read = Zeroizing::new(read);
        let server = Server::new(&read, &reference).map_err(|error| wrong(&error.to_string()))?;
        if is_written_here && server.has_password() {
            return Err(wrong(
                "has a password, which does not belong in this file; expected \"env:NAME\" or \"file:PATH\", \
                 where the address is",
            ));
        }
        Ok(server)
    }

    fn secret(
        &self,
        field: &str,
        section: &Range<usize>,
        written: Option<Spanned<String>>,
    ) -> Result<Token, ConfigError> {
        let Some(written) = written else {
            let problem = "is missing; expected \"env:NAME\" or \"file:PATH\"";
            return Err(self.error(section, field, problem));
        };
        let wrong = |problem: &str| self.error(&written.span(), field, problem);
        if let Some(name) = written.get_ref().strip_prefix("env:") {
            let token = std::env::var(name).map_err(|_| {
                wrong(&format!(
                    "the environment variable {name} is not set, or is no text"
                ))
            })?;
            return Ok(Token::Environment(name.to_owned(), Sensitive::new(token)));
        }
        let Some(path) = written.get_ref().strip_prefix("file:") else {
            // It may be the token itself: it is not repeated.
            return Err(wrong(
                "expected \"env:NAME\" or \"file:PATH\"; secrets themselves do not belong in this file",
            ));
        };
        let file = self.beside(Path::new(path));
        match std::fs::metadata(&file) {
            Ok(_) => Ok(Token::File(file)),
            Err(error) => Err(wrong(&format!(
                "{}: cannot be read: {error}",
                file.display()
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
