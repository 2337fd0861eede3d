//! `[store.archive]`: the object store that recordings and transcripts are put into.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::{Reader, secret_reference};
use crate::config::access::is_loopback;
use crate::config::{ConfigError, quoted, quoted_path};
use crate::store::archive::S3Settings;

/// Accepted times for one request, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=300;
/// Time for one request unless told otherwise, in seconds: enough for 5 MiB over a slow line.
const DEFAULT_SECONDS: u64 = 60;
/// Accepted times for the disk's copies, in minutes: up to a year.
const MINUTES: RangeInclusive<u64> = 0..=525_600;
/// How long the disk's copies stay unless told otherwise, in minutes: the second listener hears most calls until then.
const DEFAULT_MINUTES: u64 = 60;
/// Accepted sizes of what is fetched and kept, in megabytes.
const MEGABYTES: RangeInclusive<u64> = 0..=1_000_000;
/// What is fetched and kept unless told otherwise, in megabytes.
const DEFAULT_MEGABYTES: u64 = 1_024;
/// The region of servers that have none.
const REGION: &str = "us-east-1";

/// The object store, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Where it is and who asks.
    pub s3: S3Settings,
    /// How long the disk's copies of what is there stay.
    pub keep_local: Duration,
    /// Bytes of what was fetched from there that stay on the disk.
    pub cache: u64,
}

/// `[store.archive]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ArchiveSection {
    endpoint: Option<Spanned<String>>,
    bucket: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    region: Option<Spanned<String>>,
    access_key: Option<Spanned<String>>,
    secret_key: Option<Spanned<String>>,
    session_token: Option<Spanned<String>>,
    path_style: Option<bool>,
    allow_http: bool,
    authorities: Option<PathBuf>,
    timeout_seconds: Option<Spanned<u64>>,
    keep_local_minutes: Option<Spanned<u64>>,
    cache_mb: Option<Spanned<u64>>,
}

impl Archive {
    /// The section, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let s3 = &self.s3;
        let mut lines = vec![
            "\n[store.archive]".to_owned(),
            format!("endpoint = {}", quoted(&s3.endpoint)),
            format!("bucket = {}", quoted(&s3.bucket)),
            format!("prefix = {}", quoted(&s3.prefix)),
            format!("region = {}", quoted(&s3.region)),
            format!("access_key = {}", quoted(&secret_reference(&s3.access_key))),
            format!("secret_key = {}", quoted(&secret_reference(&s3.secret_key))),
        ];
        if let Some(token) = &s3.session_token {
            lines.push(format!(
                "session_token = {}",
                quoted(&secret_reference(token))
            ));
        }
        lines.push("# false: the bucket's name stands before the host's.".into());
        lines.push(format!("path_style = {}", s3.path_style));
        if self.is_clear_elsewhere() {
            lines.push("allow_http = true".into());
        }
        if let Some(file) = &s3.authorities {
            lines.push(format!("authorities = {}", quoted_path(file)));
        }
        lines.push("# For one request, or one part of 5 MiB.".into());
        lines.push(format!("timeout_seconds = {}", s3.timeout.as_secs()));
        lines.push("# How long the disk's copies stay.".into());
        let minutes = self.keep_local.as_secs() / 60;
        lines.push(format!("keep_local_minutes = {minutes}"));
        lines.push("# How much of what is fetched stays on the disk.".into());
        lines.push(format!("cache_mb = {}", self.cache >> 20));
        lines
    }

    /// The section as JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let s3 = &self.s3;
        json!({
            "endpoint": s3.endpoint,
            "bucket": s3.bucket,
            "prefix": s3.prefix,
            "region": s3.region,
            "access_key": secret_reference(&s3.access_key),
            "secret_key": secret_reference(&s3.secret_key),
            "session_token": s3.session_token.as_ref().map(secret_reference),
            "path_style": s3.path_style,
            "allow_http": self.is_clear_elsewhere(),
            "authorities": s3.authorities.as_ref().map(|file| file.to_string_lossy()),
            "timeout_seconds": s3.timeout.as_secs(),
            "keep_local_minutes": self.keep_local.as_secs() / 60,
            "cache_mb": self.cache >> 20,
        })
    }

    /// Whether requests go to another machine without TLS.
    fn is_clear_elsewhere(&self) -> bool {
        reqwest::Url::parse(&self.s3.endpoint)
            .is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
    }
}

impl Reader<'_> {
    pub(super) fn archive(&self, section: Spanned<ArchiveSection>) -> Result<Archive, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        let timeout = self.whole(
            "store.archive.timeout_seconds",
            section.timeout_seconds,
            SECONDS,
            DEFAULT_SECONDS,
            "seconds",
        )?;
        let minutes = self.whole(
            "store.archive.keep_local_minutes",
            section.keep_local_minutes,
            MINUTES,
            DEFAULT_MINUTES,
            "minutes",
        )?;
        let megabytes = self.whole(
            "store.archive.cache_mb",
            section.cache_mb,
            MEGABYTES,
            DEFAULT_MEGABYTES,
            "megabytes",
        )?;
        let session_token = match section.session_token {
            None => None,
            token => Some(self.secret("store.archive.session_token", &span, token)?),
        };
        Ok(Archive {
            s3: S3Settings {
                endpoint: self.endpoint(&span, section.endpoint, section.allow_http)?,
                bucket: self.bucket(&span, section.bucket)?,
                prefix: self.prefix(section.prefix)?,
                region: self.region(section.region)?,
                access_key: self.secret("store.archive.access_key", &span, section.access_key)?,
                secret_key: self.secret("store.archive.secret_key", &span, section.secret_key)?,
                session_token,
                path_style: section.path_style.unwrap_or(true),
                authorities: section.authorities.map(|file| self.beside(&file)),
                timeout: Duration::from_secs(timeout),
            },
            keep_local: Duration::from_secs(minutes * 60),
            cache: megabytes << 20,
        })
    }

    fn whole(
        &self,
        field: &str,
        written: Option<Spanned<u64>>,
        range: RangeInclusive<u64>,
        default: u64,
        unit: &str,
    ) -> Result<u64, ConfigError> {
        let Some(written) = written else {
            return Ok(default);
        };
        if !range.contains(written.get_ref()) {
            let problem = format!(
                "{} is out of range; expected {} to {} {unit}",
                written.get_ref(),
                range.start(),
                range.end()
            );
            return Err(self.error(&written.span(), field, &problem));
        }
        Ok(written.into_inner())
    }

    /// What goes there is sealed, and names of calls and signatures go with it: plain HTTP elsewhere has to be wanted.
    fn endpoint(
        &self,
        section: &Range<usize>,
        written: Option<Spanned<String>>,
        allow_http: bool,
    ) -> Result<String, ConfigError> {
        let field = "store.archive.endpoint";
        let Some(written) = written else {
            let problem =
                "is missing; expected an address such as \"https://s3.eu-central-1.amazonaws.com\"";
            return Err(self.error(section, field, problem));
        };
        let (url, text) = self.bare_url(field, &written)?;
        if url.scheme() == "http" && !allow_http && !is_loopback(&url) {
            let problem = "expected https, or an address of this machine; allow_http = true allows it all the same";
            return Err(self.error(&written.span(), field, problem));
        }
        Ok(text)
    }

    /// As Amazon has it (S3 user guide, general purpose bucket naming rules), but for what only new ones must not be.
    fn bucket(
        &self,
        section: &Range<usize>,
        written: Option<Spanned<String>>,
    ) -> Result<String, ConfigError> {
        let field = "store.archive.bucket";
        let expected =
            "expected the bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens";
        let Some(written) = written else {
            return Err(self.error(section, field, &format!("is missing; {expected}")));
        };
        let text = written.get_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !(3..=63).contains(&text.len())
            || !text.chars().all(plain)
            || !text.starts_with(is_edge)
            || !text.ends_with(is_edge)
            || text.contains("..")
        {
            return Err(self.error(&written.span(), field, expected));
        }
        Ok(text.clone())
    }

    fn prefix(&self, written: Option<Spanned<String>>) -> Result<String, ConfigError> {
        let Some(written) = written else {
            return Ok(String::new());
        };
        let text = written.get_ref().trim_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let is_path = text
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.'));
        if !text.is_empty() && (text.len() > 200 || !text.chars().all(plain) || !is_path) {
            let problem = format!("{text:?} is no prefix; expected letters, digits, -_. and /");
            return Err(self.error(&written.span(), "store.archive.prefix", &problem));
        }
        Ok(text.to_owned())
    }

    fn region(&self, written: Option<Spanned<String>>) -> Result<String, ConfigError> {
        let Some(written) = written else {
            return Ok(REGION.to_owned());
        };
        let text = written.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > 60 || !text.chars().all(plain) {
            let problem = "expected the region's name, such as \"eu-central-1\"";
            return Err(self.error(&written.span(), "store.archive.region", problem));
        }
        Ok(text.clone())
    }
}
