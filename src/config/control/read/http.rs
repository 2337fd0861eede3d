//! The kind `http`: requests by templates.

use std::ops::Range;

use toml::Spanned;

use super::Reader;
use crate::call::Sensitive;
use crate::config::ConfigError;
use crate::config::control::section::{ControlSection, HookSection};
use crate::egress::control::http::{Body, Hook, HttpHooks, Question, Test};
use crate::egress::control::{Method, Template, basic};

impl Reader<'_> {
    pub(super) fn http(
        &self,
        kind: &str,
        section: ControlSection,
    ) -> Result<HttpHooks, ConfigError> {
        let mut headers = Vec::new();
        for (name, value) in section.headers {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                let problem = format!("{name:?} is no name of a header");
                return Err(self.error(&value.span(), "headers", &problem));
            }
            let written = value.get_ref();
            let value = if written.starts_with("env:") || written.starts_with("file:") {
                self.secret(kind, "headers", Some(value))?
            } else {
                Sensitive::new(written.clone())
            };
            headers.push((name.to_ascii_lowercase(), value));
        }
        match (section.secret, section.user, section.header) {
            (None, None, None) => {}
            (None, user, header) => {
                let place = user
                    .or(header)
                    .map_or(self.span.clone(), |field| field.span());
                return Err(self.error(
                    &place,
                    "secret",
                    "is missing; expected \"env:NAME\" or \"file:PATH\"",
                ));
            }
            (Some(_), Some(_), Some(header)) => {
                let problem = "stands beside user; expected one of them";
                return Err(self.error(&header.span(), "header", problem));
            }
            (secret, Some(user), None) => {
                headers.push(basic(user.get_ref(), &self.secret(kind, "secret", secret)?))
            }
            (secret, None, Some(header)) => headers.push((
                header.get_ref().to_ascii_lowercase(),
                self.secret(kind, "secret", secret)?,
            )),
            (secret, None, None) => {
                let token = self.secret(kind, "secret", secret)?;
                let value = Sensitive::new(format!("Bearer {}", token.expose()));
                headers.push(("authorization".into(), value));
            }
        }
        let needed = |name: &str, hook: Option<Spanned<HookSection>>| {
            hook.ok_or_else(|| {
                let problem = format!("is missing; http needs [{}.{name}] with a url", self.name);
                self.error(&self.span, name, &problem)
            })
        };
        Ok(HttpHooks {
            headers,
            pause: self.hook("pause", needed("pause", section.pause)?)?,
            resume: self.hook("resume", needed("resume", section.resume)?)?,
            verify: match section.verify {
                None => None,
                Some(verify) => Some(self.question(verify)?),
            },
        })
    }

    fn hook(&self, name: &str, section: Spanned<HookSection>) -> Result<Hook, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        Ok(Hook {
            method: section.method.unwrap_or(Method::Post),
            url: self.url(name, &span, section.url)?,
            body: self.body(name, section.body, section.content_type)?,
            success: section.success.unwrap_or_else(|| vec![200, 202, 204]),
            already: section.already,
            confirm: self.test(name, &span, section.pointer, section.equals)?,
        })
    }

    fn question(&self, section: Spanned<HookSection>) -> Result<Question, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        if section.success.is_some() || !section.already.is_empty() {
            let problem = "verify has no use for success and already; remove those lines";
            return Err(self.error(&span, "verify", problem));
        }
        let paused = self.test("verify", &span, section.pointer, section.equals)?;
        Ok(Question {
            method: section.method.unwrap_or(Method::Get),
            url: self.url("verify", &span, section.url)?,
            body: self.body("verify", section.body, section.content_type)?,
            paused: paused.ok_or_else(|| {
                let problem = "is missing; expected where the state is and what it is when paused, such as \
                               pointer = \"/state\" and equals = \"paused\"";
                self.error(&span, "verify.pointer", problem)
            })?,
        })
    }

    fn test(
        &self,
        name: &str,
        span: &Range<usize>,
        pointer: Option<Spanned<String>>,
        equals: Option<Spanned<String>>,
    ) -> Result<Option<Test>, ConfigError> {
        match (pointer, equals) {
            (None, None) => Ok(None),
            (Some(pointer), Some(equals)) => {
                if !pointer.get_ref().is_empty() && !pointer.get_ref().starts_with('/') {
                    let problem = "expected a JSON pointer, such as \"/recording/state\"";
                    return Err(self.error(&pointer.span(), &format!("{name}.pointer"), problem));
                }
                Ok(Some(Test {
                    pointer: pointer.into_inner(),
                    equals: equals.into_inner(),
                }))
            }
            _ => Err(self.error(span, name, "pointer and equals need each other")),
        }
    }

    fn url(
        &self,
        name: &str,
        span: &Range<usize>,
        url: Option<Spanned<String>>,
    ) -> Result<Template, ConfigError> {
        let field = format!("{name}.url");
        let url = url.ok_or_else(|| {
            let problem = "is missing; expected an address such as \
                           \"https://recorder.example/calls/{call_id}/pause\"";
            self.error(span, &field, problem)
        })?;
        // A variable in the host would let a call's id say where the credentials go.
        let usable = ["https://", "http://"].iter().any(|scheme| {
            url.get_ref().strip_prefix(scheme).is_some_and(|rest| {
                let host = rest.split(['/', '?']).next().unwrap_or_default();
                !host.is_empty() && !host.contains(['{', '@'])
            })
        });
        if !usable {
            // An address may hold a token: it is not repeated.
            let problem =
                "expected http:// or https:// and a host without variables or credentials";
            return Err(self.error(&url.span(), &field, problem));
        }
        self.template(&field, &url)
    }

    fn body(
        &self,
        name: &str,
        body: Option<Spanned<String>>,
        content_type: Option<String>,
    ) -> Result<Option<Body>, ConfigError> {
        let Some(body) = body else {
            return Ok(None);
        };
        Ok(Some(Body {
            text: self.template(&format!("{name}.body"), &body)?,
            content_type: content_type.unwrap_or_else(|| "application/json".into()),
        }))
    }
}
