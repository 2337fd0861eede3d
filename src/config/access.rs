//! `[access]`: how people and programs prove who they are. With the section, commands on the store ask for a token.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::file::{Source, wrong};
use super::{ConfigError, Pick, out_of, quoted, quoted_path};
use crate::access::Role;
use crate::call::Sensitive;

/// Minutes without a request after which a session is over, unless told otherwise (PCI DSS 4.0.1, 8.2.8).
const IDLE_MINUTES: usize = 15;
/// Hours after which a session is over, however much it is used, unless told otherwise.
const SESSION_HOURS: usize = 8;

/// How people and programs prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Minutes without a request after which a session is over.
    pub idle_minutes: usize,
    /// Hours after which it is over in any case.
    pub session_hours: usize,
    /// Another place where people sign in.
    pub openid: Option<OpenId>,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenId {
    /// Its address, as its tokens name it.
    pub issuer: String,
    /// What the gateway is to it.
    pub client_id: String,
    /// Where the gateway's secret is; `None`: it has none, as PKCE serves.
    pub client_secret: Option<Reference>,
    /// Where it sends people back to: the gateway's address with the path `/api/v1/openid/callback`.
    pub redirect_url: String,
    /// What is asked for, `openid` among it.
    pub scopes: Vec<String>,
    /// The claim that has the user's name.
    pub name_claim: String,
    /// The claim that has groups or roles.
    pub role_claim: String,
    /// The claim that has sites; `None`: all.
    pub sites_claim: Option<String>,
    /// The claim that has queues; `None`: all.
    pub queues_claim: Option<String>,
    /// The claim that has the agent's name in the contact centre.
    pub agent_claim: Option<String>,
    /// Which role who has: the first that holds.
    pub roles: Vec<RoleOf>,
    /// Who vouches for the provider's certificate; `None`: the system's authorities.
    pub authorities: Option<PathBuf>,
    /// For one request to it.
    pub timeout: Duration,
}

/// Who has a value in the role claim has a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOf {
    /// The value.
    pub value: String,
    /// The role.
    pub role: Role,
}

/// Where a secret is: `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// From its text; `None` when it is none.
    pub(super) fn new(source: Option<&Source>, text: &str) -> Option<Self> {
        (text.starts_with("env:") || text.starts_with("file:"))
            .then(|| Self(source.map_or_else(|| text.to_owned(), |source| source.reference(text))))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The secret. The error does not have it.
    pub fn read(&self) -> Result<Sensitive<String>, String> {
        let text = if let Some(name) = self.0.strip_prefix("env:") {
            std::env::var(name)
                .map_err(|_| format!("the environment variable {name} is not set, or is no text"))?
        } else {
            let path = self.0.strip_prefix("file:").unwrap_or(&self.0);
            std::fs::read_to_string(path)
                .map_err(|error| format!("{path}: cannot be read: {error}"))?
        };
        let text = Sensitive::new(text);
        let trimmed = text.expose().trim_end_matches(['\r', '\n']);
        if trimmed.is_empty() {
            return Err(format!("{} is empty", self.0));
        }
        Ok(Sensitive::new(trimmed.to_owned()))
    }
}

/// `[access]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AccessSection {
    idle_minutes: Option<Spanned<usize>>,
    session_hours: Option<Spanned<usize>>,
    openid: Option<Spanned<OpenIdSection>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OpenIdSection {
    issuer: Option<Spanned<String>>,
    client_id: Option<Spanned<String>>,
    client_secret: Option<Spanned<String>>,
    redirect_url: Option<Spanned<String>>,
    scopes: Option<Vec<String>>,
    name_claim: Option<String>,
    role_claim: Option<String>,
    sites_claim: Option<String>,
    queues_claim: Option<String>,
    agent_claim: Option<String>,
    roles: Vec<RoleSection>,
    authorities: Option<PathBuf>,
    timeout_seconds: Option<Spanned<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleSection {
    value: String,
    role: Role,
}

/// Where the identity provider sends people back to.
pub const CALLBACK: &str = "/api/v1/openid/callback";

impl Access {
    /// The section of a configuration file; `None` if it has none. Looks at nothing else in it.
    pub fn load(file: &Path) -> Result<Option<Self>, ConfigError> {
        let source = Source::read(file)?;
        let values = source.parse()?;
        access(Some(&source), values.access)
    }

    /// The section, line by line.
    pub(super) fn lines(access: Option<&Self>) -> Vec<String> {
        let Some(access) = access else {
            return vec![
                "\n# [access] has users sign in, and commands on the store ask for a token; see docs/access.md."
                    .into(),
            ];
        };
        let mut lines = vec![
            "\n[access]".into(),
            "# A session is over after so many minutes without a request, and after so many hours in any case."
                .into(),
            format!("idle_minutes = {}", access.idle_minutes),
            format!("session_hours = {}", access.session_hours),
        ];
        let Some(openid) = &access.openid else {
            lines.push("# [access.openid] has people sign in at an identity provider.".into());
            return lines;
        };
        lines.push("\n[access.openid]".into());
        let mut field = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                lines.push(format!("{name} = {}", quoted(value)));
            }
        };
        field("issuer", Some(&openid.issuer));
        field("client_id", Some(&openid.client_id));
        field(
            "client_secret",
            openid.client_secret.as_ref().map(Reference::as_str),
        );
        field("redirect_url", Some(&openid.redirect_url));
        field("name_claim", Some(&openid.name_claim));
        field("role_claim", Some(&openid.role_claim));
        field("sites_claim", openid.sites_claim.as_deref());
        field("queues_claim", openid.queues_claim.as_deref());
        field("agent_claim", openid.agent_claim.as_deref());
        let scopes: Vec<String> = openid.scopes.iter().map(|scope| quoted(scope)).collect();
        lines.push(format!("scopes = [{}]", scopes.join(", ")));
        if let Some(file) = &openid.authorities {
            lines.push(format!("authorities = {}", quoted_path(file)));
        }
        lines.push(format!("timeout_seconds = {}", openid.timeout.as_secs()));
        for of in &openid.roles {
            lines.push("\n[[access.openid.roles]]".into());
            lines.push(format!("value = {}", quoted(&of.value)));
            lines.push(format!("role = {}", quoted(of.role.name())));
        }
        lines
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "idle_minutes": self.idle_minutes,
            "session_hours": self.session_hours,
            "openid": self.openid.as_ref().map(|openid| json!({
                "issuer": openid.issuer,
                "client_id": openid.client_id,
                "client_secret": openid.client_secret.as_ref().map(Reference::as_str),
                "redirect_url": openid.redirect_url,
                "scopes": openid.scopes,
                "name_claim": openid.name_claim,
                "role_claim": openid.role_claim,
                "sites_claim": openid.sites_claim,
                "queues_claim": openid.queues_claim,
                "agent_claim": openid.agent_claim,
                "roles": openid.roles.iter().map(|of| BTreeMap::from([
                    ("value", of.value.as_str()),
                    ("role", of.role.name()),
                ])).collect::<Vec<_>>(),
                "authorities": openid.authorities.as_ref().map(|file| file.to_string_lossy()),
                "timeout_seconds": openid.timeout.as_secs(),
            })),
        })
    }
}

/// Checks the section; `None` without one.
pub(super) fn access(
    source: Option<&Source>,
    section: Option<Spanned<AccessSection>>,
) -> Result<Option<Access>, ConfigError> {
    let Some(section) = section else {
        return Ok(None);
    };
    let section = section.into_inner();
    let pick = Pick { source };
    let count = |name, value, default, most| {
        pick.value("", None)
            .or_file(name, value)
            .or_default(default)
            .checked(|count| out_of(*count, 1, most))
    };
    Ok(Some(Access {
        idle_minutes: count(
            "access.idle_minutes",
            section.idle_minutes,
            IDLE_MINUTES,
            24 * 60,
        )?,
        session_hours: count(
            "access.session_hours",
            section.session_hours,
            SESSION_HOURS,
            24 * 7,
        )?,
        openid: section
            .openid
            .map(|section| Reader { source }.openid(section))
            .transpose()?,
    }))
}

struct Reader<'a> {
    source: Option<&'a Source>,
}

impl Reader<'_> {
    fn error(&self, span: &Range<usize>, field: &str, problem: &str) -> ConfigError {
        let field = format!("access.openid.{field}");
        wrong(self.source, span, &field, problem)
    }

    fn openid(&self, section: Spanned<OpenIdSection>) -> Result<OpenId, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        let pick = Pick {
            source: self.source,
        };
        let required = |field: &str, value: Option<Spanned<String>>, example: &str| match value {
            Some(value) if !value.get_ref().is_empty() => Ok(value),
            _ => Err(self.error(&span, field, &format!("is missing; expected {example}"))),
        };
        let issuer = required("issuer", section.issuer, "\"https://id.example\"")?;
        self.url("issuer", &issuer)?;
        let redirect = required(
            "redirect_url",
            section.redirect_url,
            "the gateway's address with the path /api/v1/openid/callback",
        )?;
        if self.url("redirect_url", &redirect)?.path() != CALLBACK {
            let problem = format!("expected the path {CALLBACK}");
            return Err(self.error(&redirect.span(), "redirect_url", &problem));
        }
        if section.roles.is_empty() {
            let problem = "is missing; expected [[access.openid.roles]] with value and role: without it nobody may \
                           sign in";
            return Err(self.error(&span, "roles", problem));
        }
        if section.roles.iter().any(|of| of.role == Role::Service) {
            let problem = "service is for programs, which have tokens";
            return Err(self.error(&span, "roles", problem));
        }
        let scopes = section
            .scopes
            .unwrap_or_else(|| vec!["openid".into(), "profile".into()]);
        if !scopes.iter().any(|scope| scope == "openid") {
            return Err(self.error(&span, "scopes", "expected \"openid\" among them"));
        }
        Ok(OpenId {
            issuer: issuer.into_inner(),
            client_id: required("client_id", section.client_id, "\"hushgate\"")?.into_inner(),
            client_secret: section
                .client_secret
                .map(|reference| self.reference(&reference))
                .transpose()?,
            redirect_url: redirect.into_inner(),
            scopes,
            name_claim: section
                .name_claim
                .unwrap_or_else(|| "preferred_username".into()),
            role_claim: section.role_claim.unwrap_or_else(|| "groups".into()),
            sites_claim: section.sites_claim,
            queues_claim: section.queues_claim,
            agent_claim: section.agent_claim,
            roles: section
                .roles
                .into_iter()
                .map(|RoleSection { value, role }| RoleOf { value, role })
                .collect(),
            authorities: section.authorities.map(|file| {
                self.source
                    .map_or(file.clone(), |source| source.beside(&file))
            }),
            timeout: Duration::from_secs(
                pick.value("", None)
                    .or_file("access.openid.timeout_seconds", section.timeout_seconds)
                    .or_default(5)
                    .checked(|seconds| out_of(*seconds, 1, 60))? as u64,
            ),
        })
    }

    /// Who one is passes there: plain HTTP is for this machine alone.
    fn url(&self, field: &str, written: &Spanned<String>) -> Result<reqwest::Url, ConfigError> {
        let wrong = |problem: &str| self.error(&written.span(), field, problem);
        let expected = "expected an address such as \"https://id.example\"";
        let url = reqwest::Url::parse(written.get_ref()).map_err(|_| wrong(expected))?;
        let is_plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_plain || !["http", "https"].contains(&url.scheme()) {
            return Err(wrong(expected));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(wrong("expected https, or an address of this machine"));
        }
        Ok(url)
    }

    fn reference(&self, written: &Spanned<String>) -> Result<Reference, ConfigError> {
        Reference::new(self.source, written.get_ref()).ok_or_else(|| {
            // It may be the secret itself: it is not repeated.
            let problem = "expected \"env:NAME\" or \"file:PATH\"; secrets themselves do not belong in this file";
            self.error(&written.span(), "client_secret", problem)
        })
    }
}

/// Whether an address is one of this machine.
pub fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
