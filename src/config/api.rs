//! `[api]`: where people and programs reach records by HTTP. Without the section nobody does.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::file::Source;
use super::{Access, ConfigError, Pick, TlsFiles, out_of, quoted, quoted_path, store::Store};

/// Connections open at once, unless told otherwise.
const CONNECTIONS: usize = 256;

/// Where people and programs reach records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Address and port.
    pub listen: SocketAddr,
    /// The certificate; without one only this machine reaches it.
    pub tls: Option<TlsFiles>,
    /// Connections open at once.
    pub max_connections: usize,
    /// Whose pages may show the agent's view in a frame: `https://crm.example`.
    pub frame_ancestors: Vec<String>,
}

/// `[api]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ApiSection {
    listen: Option<Spanned<SocketAddr>>,
    max_connections: Option<Spanned<usize>>,
    frame_ancestors: Option<Spanned<Vec<String>>>,
    tls: Option<TlsSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    certificate: PathBuf,
    key: PathBuf,
}

impl Api {
    /// The section, line by line.
    pub(super) fn lines(api: Option<&Self>) -> Vec<String> {
        let Some(api) = api else {
            return vec![
                "\n# [api] with listen opens records to people and programs; see docs/api.md."
                    .into(),
            ];
        };
        let mut lines = vec![
            "\n[api]".into(),
            "# Address and port; another than a loopback address needs [api.tls].".into(),
            format!("listen = {}", quoted(&api.listen.to_string())),
            "# Connections open at once.".into(),
            format!("max_connections = {}", api.max_connections),
            "# Whose pages may show the agent's view in a frame.".into(),
            format!(
                "frame_ancestors = [{}]",
                api.frame_ancestors
                    .iter()
                    .map(|origin| quoted(origin))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        ];
        if let Some(tls) = &api.tls {
            lines.push("\n[api.tls]".into());
            lines.push(format!("certificate = {}", quoted_path(&tls.certificate)));
            lines.push(format!("key = {}", quoted_path(&tls.key)));
        }
        lines
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "listen": self.listen.to_string(),
            "max_connections": self.max_connections,
            "frame_ancestors": self.frame_ancestors,
            "tls": self.tls.as_ref().map(|tls| json!({
                "certificate": tls.certificate.to_string_lossy(),
                "key": tls.key.to_string_lossy(),
            })),
        })
    }
}

/// Checks the section; `None` without one.
pub(super) fn api(
    source: Option<&Source>,
    section: Option<Spanned<ApiSection>>,
    access: Option<&Access>,
    store: Option<&Store>,
) -> Result<Option<Api>, ConfigError> {
    let Some(section) = section else {
        return Ok(None);
    };
    let span = section.span();
    let section = section.into_inner();
    let wrong = |problem: &str| match source {
        Some(source) => source.error(&span, problem),
        None => ConfigError::Invalid {
            field: "api".into(),
            problem: problem.into(),
        },
    };
    if access.is_none() {
        return Err(wrong(
            "api: there is no [access]; expected it too, as nobody comes in without proof",
        ));
    }
    if store.is_none() {
        return Err(wrong(
            "api: there is no [store]; expected it too, as records and users are kept there",
        ));
    }
    let beside = |path: PathBuf| source.map_or(path.clone(), |source| source.beside(&path));
    let tls = section.tls.map(|tls| TlsFiles {
        certificate: beside(tls.certificate),
        key: beside(tls.key),
        client_authorities: None,
    });
    let pick = Pick { source };
    Ok(Some(Api {
        listen: pick
            .value("", None)
            .or_file("api.listen", section.listen)
            .or_default(SocketAddr::from(([127, 0, 0, 1], 8771)))
            .checked(|listen| {
                (tls.is_none() && !listen.ip().is_loopback()).then(|| {
                    format!(
                        "other machines reach {listen}; expected [api.tls] too, or a loopback address behind a proxy \
                         with TLS"
                    )
                })
            })?,
        tls,
        max_connections: pick
            .value("", None)
            .or_file("api.max_connections", section.max_connections)
            .or_default(CONNECTIONS)
            .checked(|count| out_of(*count, 1, 10_000))?,
        frame_ancestors: pick
            .value("", None)
            .or_file("api.frame_ancestors", section.frame_ancestors)
            .or_default(Vec::new())
            .checked(|origins| {
                let wrong = origins.iter().find(|origin| !is_origin(origin))?;
                Some(format!(
                    "{wrong:?} is no address of a site; expected https://HOST or https://HOST:PORT, without a path"
                ))
            })?,
    }))
}

/// Whether a text is a site's address as policies of pages have it. Plain HTTP is for this machine alone.
fn is_origin(text: &str) -> bool {
    let (host, is_secure) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(host), _) => (host, true),
        (None, Some(host)) => (host, false),
        (None, None) => return false,
    };
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let is_label = |label: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(is_letter)
    };
    name.split('.').all(is_label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && (is_secure || name == "localhost" || name == "127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_sites_are_told_from_what_would_change_a_policy() {
        for good in [
            "https://crm.example",
            "https://crm.example:8443",
            "http://localhost:3000",
            "http://127.0.0.1",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "'self'",
            "crm.example",
            "http://crm.example",
            "https://",
            "https://crm.example/",
            "https://crm.example:0",
            "https://crm.example:a",
            "https://*.example",
            "https://a b",
            "https://a;script-src",
            "https://a..b",
            "javascript:alert",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
