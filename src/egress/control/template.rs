//! Text with places for a call's id, a leg's name and a kind's name.
//!
//! **Architecture invariant:** there is no variable for a secret or for anything that was said. Values are written
//! so that they stay one value: percent-encoded in addresses, escaped in JSON.

use std::fmt::Write;

use super::Subject;

/// A template, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    CallId,
    Leg,
    Reason,
}

/// The variables, as they are written.
pub const VARIABLES: &str = "{call_id}, {leg}, {reason}";

/// A variable that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{{{0}}} is not known; expected {names}", names = VARIABLES)]
pub struct TemplateError(pub String);

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Percent-encoded (RFC 3986, 2.3), for addresses and forms.
    Url,
    /// Escaped for the inside of a JSON string (RFC 8259, 7).
    Json,
    /// As it is. Ids and names have no white space or control characters.
    Nothing,
}

impl Template {
    /// Reads a template. Braces around anything but a lower-case name are text, as JSON has them.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let name = from[1..].split('}').next().unwrap_or_default();
            let named = !name.is_empty()
                && name.len() + 1 < from.len()
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if !named {
                plain.push('{');
                rest = &from[1..];
                continue;
            }
            let variable = match name {
                "call_id" => Variable::CallId,
                "leg" => Variable::Leg,
                "reason" => Variable::Reason,
                _ => return Err(TemplateError(name.to_owned())),
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Variable(variable));
            rest = &from[name.len() + 2..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }

    /// The text for a subject.
    pub fn fill(&self, subject: &Subject, escape: Escape) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable(variable) => {
                    let value = match variable {
                        Variable::CallId => subject.call.as_str(),
                        Variable::Leg => subject.leg.name(),
                        Variable::Reason => &subject.reason,
                    };
                    match escape {
                        Escape::Url => text.push_str(&url_encoded(value)),
                        Escape::Json => text.push_str(&json_escaped(value)),
                        Escape::Nothing => {
                            text.extend(value.chars().filter(|c| !c.is_control() && *c != ' '));
                        }
                    }
                }
            }
        }
        text
    }
}

/// Everything but unreserved characters (RFC 3986, 2.3) percent-encoded.
pub(super) fn url_encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn json_escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}
