//! `[[webhook]]`: who is told of alerts and calls, by HTTP. See `docs/alerts.md`.
//!
//! Secrets never stand in the file: it names an environment variable or another file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use toml::{Spanned, Table, Value};

use super::ConfigError;
use super::access::{Reference, is_loopback};
use super::file::Source;
use super::named::Named;
use super::store::Store;
use crate::telemetry::alerts::{AlertKind, Severity};

/// For one request, unless told otherwise, in seconds.
const TIMEOUT_SECONDS: u64 = 10;
/// How old an event may get before it is given up, unless told otherwise, in hours.
const MAX_AGE_HOURS: u64 = 24;
/// Events that wait for an endpoint, unless told otherwise.
const QUEUE: u64 = 10_000;
/// Who tells, unless told otherwise.
const SOURCE: &str = "/hushgate";

/// What an endpoint is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Alerts.
    Alerts,
    /// Calls that begin and end.
    Calls,
    /// Recorders elsewhere that are paused, go on or do not, and recordings that are locked away.
    Recordings,
}

impl Topic {
    /// All of them.
    pub const ALL: [Topic; 3] = [Topic::Alerts, Topic::Calls, Topic::Recordings];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Alerts => "alerts",
            Topic::Calls => "calls",
            Topic::Recordings => "recordings",
        }
    }
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in logs, metrics and commands.
    pub name: String,
    /// Where it is.
    pub url: reqwest::Url,
    /// What signs: the first signs, and so does the second while they are changed.
    pub secrets: Vec<Reference>,
    /// What it is told of.
    pub topics: BTreeSet<Topic>,
    /// Kinds of alerts; none means all.
    pub kinds: BTreeSet<AlertKind>,
    /// The least urgent alerts it is told of.
    pub severity: Severity,
    /// Queues of calls; none means all.
    pub queues: Vec<String>,
    /// Sites; none means all.
    pub sites: Vec<String>,
    /// Who tells: CloudEvents' `source`.
    pub source: String,
    /// Whether it may be in a network that the internet does not reach.
    pub allow_private: bool,
    /// Authorities that vouch for its certificate; `None` means the system's.
    pub authorities: Option<PathBuf>,
    /// For one request.
    pub timeout: Duration,
    /// After so long an event is given up.
    pub max_age: Duration,
    /// Events that wait for it at most.
    pub queue: u64,
}

/// `[[webhook]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookSection {
    name: Spanned<String>,
    url: Spanned<String>,
    secrets: Spanned<Vec<Spanned<String>>>,
    events: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    kinds: Vec<Spanned<String>>,
    severity: Option<Spanned<String>>,
    #[serde(default)]
    queues: Vec<String>,
    #[serde(default)]
    sites: Vec<String>,
    source: Option<Spanned<String>>,
    #[serde(default)]
    allow_private: bool,
    authorities: Option<PathBuf>,
    timeout_seconds: Option<Spanned<u64>>,
    max_age_hours: Option<Spanned<u64>>,
    queue: Option<Spanned<u64>>,
}

/// The endpoints of a configuration file. Looks at nothing else in it, and reads no secret.
pub fn load(file: &Path) -> Result<Vec<Webhook>, ConfigError> {
    let source = Source::read(file)?;
    let values = source.parse()?;
    let store = Store::load(file)?;
    webhooks(Some(&source), values.webhook, store.as_ref())
}

/// Checks the sections.
pub(super) fn webhooks(
    source: Option<&Source>,
    sections: Vec<Spanned<WebhookSection>>,
    store: Option<&Store>,
) -> Result<Vec<Webhook>, ConfigError> {
    let mut names = BTreeSet::new();
    let mut webhooks = Vec::new();
    for section in sections {
        let reader = Reader {
            named: Named {
                source,
                what: "webhook",
                name: section.get_ref().name.clone(),
            },
        };
        let span = section.span();
        if store.is_none() {
            let problem =
                "there is no [store]; expected it too, as what is to be delivered waits there";
            return Err(reader.named.error(&span, "url", problem));
        }
        let webhook = reader.webhook(section.into_inner())?;
        if !names.insert(webhook.name.clone()) {
            return Err(reader
                .named
                .error(&span, "name", "is that of another webhook too"));
        }
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

struct Reader<'a> {
    named: Named<'a>,
}

impl Reader<'_> {
    fn webhook(&self, section: WebhookSection) -> Result<Webhook, ConfigError> {
        let name = self.named.checked_name()?;
        let secrets = section.secrets.get_ref();
        if secrets.is_empty() || secrets.len() > 2 {
            let problem = "expected one reference, or two while they are changed: [\"env:NAME\"]";
            return Err(self
                .named
                .error(&section.secrets.span(), "secrets", problem));
        }
        let reference = |written: &Spanned<String>| {
            Reference::new(self.named.source, written.get_ref()).ok_or_else(|| {
                // It may be the secret itself: it is not repeated.
                let problem = "expected \"env:NAME\" or \"file:PATH\"; secrets themselves do not belong in this file";
                self.named.error(&written.span(), "secrets", problem)
            })
        };
        let secrets = secrets.iter().map(reference).collect::<Result<_, _>>()?;
        let topics = match &section.events {
            None => BTreeSet::from([Topic::Alerts]),
            Some(events) => events
                .iter()
                .map(|event| self.topic(event))
                .collect::<Result<_, _>>()?,
        };
        let kinds = section
            .kinds
            .iter()
            .map(|kind| self.named.parsed("kinds", kind))
            .collect::<Result<_, _>>()?;
        let severity = match &section.severity {
            Some(severity) => self.named.parsed("severity", severity)?,
            None => Severity::Info,
        };
        let source = match section.source {
            None => SOURCE.to_owned(),
            Some(source) => {
                let is_reference = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
                let text = source.get_ref();
                if text.is_empty() || text.len() > 200 || !text.chars().all(is_reference) {
                    let problem = "expected an address or path, such as \"/gateways/seoul\"";
                    return Err(self.named.error(&source.span(), "source", problem));
                }
                source.into_inner()
            }
        };
        Ok(Webhook {
            url: self.url(&section.url, section.allow_private)?,
            secrets,
            topics,
            kinds,
            severity,
            queues: section.queues,
            sites: section.sites,
            source,
            allow_private: section.allow_private,
            authorities: section.authorities.map(|path| {
                self.named
                    .source
                    .map_or(path.clone(), |source| source.beside(&path))
            }),
            timeout: Duration::from_secs(self.number(
                "timeout_seconds",
                section.timeout_seconds,
                TIMEOUT_SECONDS,
                60,
            )?),
            max_age: Duration::from_secs(
                3_600 * self.number("max_age_hours", section.max_age_hours, MAX_AGE_HOURS, 720)?,
            ),
            queue: self.number("queue", section.queue, QUEUE, 1_000_000)?,
            name,
        })
    }

    fn topic(&self, written: &Spanned<String>) -> Result<Topic, ConfigError> {
        Topic::ALL
            .into_iter()
            .find(|topic| topic.name() == written.get_ref())
            .ok_or_else(|| {
                let problem = format!(
                    "{:?} is not known; expected alerts, calls or recordings",
                    written.get_ref()
                );
                self.named.error(&written.span(), "events", &problem)
            })
    }

    fn number(
        &self,
        field: &str,
        written: Option<Spanned<u64>>,
        default: u64,
        most: u64,
    ) -> Result<u64, ConfigError> {
        let Some(written) = written else {
            return Ok(default);
        };
        let number = *written.get_ref();
        if !(1..=most).contains(&number) {
            let problem = format!("{number} is out of range; expected 1 to {most}");
            return Err(self.named.error(&written.span(), field, &problem));
        }
        Ok(number)
    }

    fn url(
        &self,
        written: &Spanned<String>,
        allow_private: bool,
    ) -> Result<reqwest::Url, ConfigError> {
        let wrong = |problem: &str| self.named.error(&written.span(), "url", problem);
        let expected = "expected an address such as \"https://alerts.example/hushgate\", without user or password";
        let url = reqwest::Url::parse(written.get_ref()).map_err(|_| wrong(expected))?;
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        let is_bare = url.username().is_empty() && url.password().is_none();
        if !has_host || !is_bare || !["http", "https"].contains(&url.scheme()) {
            return Err(wrong(expected));
        }
        if url.scheme() == "http" && !allow_private {
            return Err(wrong(
                "expected https; http is for a network of one's own, with allow_private = true",
            ));
        }
        if is_loopback(&url) && !allow_private {
            return Err(wrong(
                "is this machine; expected allow_private = true beside it if that is meant",
            ));
        }
        Ok(url)
    }
}

/// The endpoints as they are written, for a configuration file.
pub(super) fn text(webhooks: &[Webhook]) -> String {
    if webhooks.is_empty() {
        return "# [[webhook]] tells other programs of alerts and calls; see docs/alerts.md.\n"
            .into();
    }
    let tables = webhooks
        .iter()
        .map(|webhook| Value::Table(table(webhook)))
        .collect();
    let all = Table::from_iter([("webhook".to_owned(), Value::Array(tables))]);
    format!("\n{all}")
}

/// The endpoints as JSON, without what addresses may have of secrets.
pub(super) fn json(webhooks: &[Webhook]) -> serde_json::Value {
    webhooks
        .iter()
        .map(|webhook| {
            let mut shown = serde_json::to_value(table(webhook)).unwrap_or_default();
            shown["url"] = json!(webhook.place());
            shown
        })
        .collect()
}

impl Webhook {
    /// Its address without its query, which may be a secret.
    pub fn place(&self) -> String {
        let mut url = self.url.clone();
        let had_query = url.query().is_some();
        url.set_query(None);
        url.set_fragment(None);
        match had_query {
            true => format!("{url}?..."),
            false => url.to_string(),
        }
    }
}

fn table(webhook: &Webhook) -> Table {
    let list = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let secrets = webhook
        .secrets
        .iter()
        .map(|secret| secret.as_str().to_owned());
    let topics = webhook.topics.iter().map(|topic| topic.name().to_owned());
    let mut table = Table::new();
    let mut put = |field: &str, value: Value| {
        table.insert(field.to_owned(), value);
    };
    put("name", webhook.name.clone().into());
    put("url", webhook.url.to_string().into());
    put("secrets", list(secrets.collect()));
    put("events", list(topics.collect()));
    if !webhook.kinds.is_empty() {
        let kinds = webhook.kinds.iter().map(|kind| kind.name().to_owned());
        put("kinds", list(kinds.collect()));
    }
    put("severity", webhook.severity.name().into());
    if !webhook.queues.is_empty() {
        put("queues", list(webhook.queues.clone()));
    }
    if !webhook.sites.is_empty() {
        put("sites", list(webhook.sites.clone()));
    }
    put("source", webhook.source.clone().into());
    put("allow_private", webhook.allow_private.into());
    if let Some(file) = &webhook.authorities {
        put("authorities", file.to_string_lossy().into_owned().into());
    }
    put("timeout_seconds", number(webhook.timeout.as_secs()));
    put("max_age_hours", number(webhook.max_age.as_secs() / 3_600));
    put("queue", number(webhook.queue));
    table
}

#[cfg(test)]
mod tests;
