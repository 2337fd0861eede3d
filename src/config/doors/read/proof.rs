//! How platforms prove themselves, and how we do to recorders, as it is written in the file.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::Reader;
use crate::call::Sensitive;
use crate::config::ConfigError;
use crate::config::doors::{Authentication, Protocol, Secret};
use crate::ingress::authentication::public_url::PublicUrl;

/// `[doors.NAME.auth]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuthenticationSection {
    kind: Option<String>,
    api_keys: Vec<Spanned<String>>,
    secrets: Vec<Spanned<String>>,
    public_url: Option<Spanned<String>>,
    user: Option<Spanned<String>>,
    header: Option<Spanned<String>>,
}

impl Reader<'_> {
    /// How we prove ourselves to a recorder: to one that is invited by SIP, as SIP asks for it.
    pub(super) fn recorder_authentication(
        &self,
        protocol: Protocol,
        section: Spanned<AuthenticationSection>,
    ) -> Result<Authentication, ConfigError> {
        let (span, kind) = (section.span(), section.get_ref().kind.as_deref());
        let problem = match (protocol, kind) {
            (Protocol::Siprec, None | Some("digest")) => {
                return self.proof("digest", protocol, span, section.into_inner());
            }
            (Protocol::Siprec, _) => "a recorder that is invited by SIP asks for digest alone",
            (_, Some("digest")) => "digest is for recorders that are invited by SIP",
            _ => return self.authentication(protocol, section),
        };
        Err(self.error(&span, "auth.kind", problem))
    }

    pub(super) fn authentication(
        &self,
        protocol: Protocol,
        section: Spanned<AuthenticationSection>,
    ) -> Result<Authentication, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        let kind = section.kind.as_deref().unwrap_or(match protocol {
            Protocol::Twilio => "twilio_signature",
            Protocol::Plivo => "plivo_signature",
            Protocol::Signalwire => "bearer",
            Protocol::Telnyx => "header",
            Protocol::Audiohook => "audiohook_signature",
            Protocol::Vonage | Protocol::AudioStream | Protocol::Rtp => "bearer",
            Protocol::ChanWebsocket | Protocol::AudioFork | Protocol::Jambonz => "basic",
            Protocol::Audiosocket | Protocol::Siprec => {
                let problem =
                    "this protocol carries no proof here; say with networks who may come in";
                return Err(self.error(&span, "auth", problem));
            }
        });
        if kind == "digest" {
            let problem = "digest is for recorders that are invited by SIP: forward.auth";
            return Err(self.error(&span, "auth.kind", problem));
        }
        let kind = kind.to_owned();
        self.proof(&kind, protocol, span, section)
    }

    fn proof(
        &self,
        kind: &str,
        protocol: Protocol,
        span: std::ops::Range<usize>,
        section: AuthenticationSection,
    ) -> Result<Authentication, ConfigError> {
        let required = |field: &str, value: Option<Spanned<String>>, example: &str| {
            value.ok_or_else(|| {
                let problem = format!("is missing; {kind} needs it, such as {example}");
                self.error(&span, &format!("auth.{field}"), &problem)
            })
        };
        let mut unused = vec![
            ("public_url", section.public_url.as_ref().map(Spanned::span)),
            ("user", section.user.as_ref().map(Spanned::span)),
            ("header", section.header.as_ref().map(Spanned::span)),
        ];
        let used = match kind {
            "twilio_signature" | "plivo_signature" => "public_url",
            "basic" | "digest" => "user",
            "header" => "header",
            _ => "",
        };
        unused.retain(|(field, _)| *field != used);
        if let Some((field, Some(place))) = unused.into_iter().find(|(_, place)| place.is_some()) {
            let problem = format!("{kind} has no use for it; remove this line");
            return Err(self.error(&place, &format!("auth.{field}"), &problem));
        }
        if kind == "mutual_tls" {
            return match section.secrets.first() {
                None => Ok(Authentication::MutualTls),
                Some(secret) => Err(self.error(
                    &secret.span(),
                    "auth.secrets",
                    "mutual_tls has no use for it; remove this line",
                )),
            };
        }
        if kind == "audiohook_signature" {
            let api_keys = self.secrets(&span, "auth.api_keys", &section.api_keys)?;
            let secrets = match section.secrets.as_slice() {
                [] => Vec::new(),
                secrets if secrets.len() == api_keys.len() => {
                    self.secrets(&span, "auth.secrets", secrets)?
                }
                _ => {
                    let problem = "expected a client secret for each of api_keys, or none at all";
                    return Err(self.error(&span, "auth.secrets", problem));
                }
            };
            return Ok(Authentication::AudiohookSignature { api_keys, secrets });
        }
        if let Some(key) = section.api_keys.first() {
            let problem = format!("{kind} has no use for it; remove this line");
            return Err(self.error(&key.span(), "auth.api_keys", &problem));
        }
        let secrets = self.secrets(&span, "auth.secrets", &section.secrets)?;
        Ok(match kind {
            "twilio_signature" | "plivo_signature" => {
                let url = required(
                    "public_url",
                    section.public_url,
                    "\"wss://gateway.example.com\", how the platform reaches the gateway, without the door's path",
                )?;
                let public_url = self.public_url(&url)?;
                if kind == "twilio_signature" {
                    Authentication::TwilioSignature {
                        tokens: secrets,
                        public_url,
                    }
                } else {
                    Authentication::PlivoSignature {
                        tokens: secrets,
                        public_url,
                    }
                }
            }
            "bearer" => Authentication::Bearer { tokens: secrets },
            "basic" => Authentication::Basic {
                user: required("user", section.user, "\"asterisk\"")?.into_inner(),
                passwords: secrets,
            },
            "digest" => Authentication::Digest {
                user: required("user", section.user, "\"gateway\"")?.into_inner(),
                passwords: secrets,
            },
            "header" => {
                let header = match section.header {
                    None if protocol == Protocol::Telnyx => "x-telnyx-streaming-auth-token".into(),
                    header => required("header", header, "\"x-auth-token\"")?.into_inner(),
                };
                Authentication::Header {
                    header: header.to_ascii_lowercase(),
                    tokens: secrets,
                }
            }
            other => {
                let problem = format!(
                    "{other:?} is not known; expected one of twilio_signature, plivo_signature, \
                     audiohook_signature, bearer, basic, header, mutual_tls"
                );
                return Err(self.error(&span, "auth.kind", &problem));
            }
        })
    }

    fn public_url(&self, url: &Spanned<String>) -> Result<String, ConfigError> {
        PublicUrl::new(url.get_ref())
            .map_err(|error| self.error(&url.span(), "auth.public_url", &error.to_string()))?;
        Ok(url.get_ref().clone())
    }

    fn secrets(
        &self,
        span: &std::ops::Range<usize>,
        field: &str,
        references: &[Spanned<String>],
    ) -> Result<Vec<Secret>, ConfigError> {
        if references.is_empty() {
            return Err(self.error(
                span,
                field,
                "is missing; expected one or more of \"env:NAME\" or \"file:PATH\"",
            ));
        }
        references
            .iter()
            .map(|reference| self.secret(field, reference))
            .collect()
    }

    /// Reads what a reference names. What is wrong with a secret is told without it.
    fn secret(&self, field: &str, reference: &Spanned<String>) -> Result<Secret, ConfigError> {
        let written = reference.get_ref();
        let wrong = |problem: &str| self.error(&reference.span(), field, problem);
        let value = if let Some(name) = written.strip_prefix("env:") {
            std::env::var(name).map_err(|_| {
                wrong(&format!(
                    "the environment variable {name} is not set, or is no text"
                ))
            })?
        } else if let Some(path) = written.strip_prefix("file:") {
            let path = PathBuf::from(path);
            let path = self
                .source
                .map_or(path.clone(), |source| source.beside(&path));
            std::fs::read_to_string(&path)
                .map_err(|error| wrong(&format!("{}: cannot be read: {error}", path.display())))?
        } else {
            // It may be the secret itself: it is not repeated.
            return Err(wrong(
                "expected \"env:NAME\" or \"file:PATH\"; secrets themselves do not belong in this file",
            ));
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return Err(wrong(&format!("{written} is empty")));
        }
        Ok(Secret {
            reference: self
                .source
                .map_or_else(|| written.clone(), |source| source.reference(written)),
            value: Sensitive::new(value.to_owned()),
        })
    }
}
