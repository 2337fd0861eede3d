//! `[second_listener]`: whether recordings are listened to again after the call, and with what.

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::file::Source;
use super::show::quoted;
use super::{ConfigError, Pick};

/// Share of the live workers' time beyond which recordings wait, unless told otherwise.
const MOST_BUSY_PERCENT: u32 = 40;

/// How recordings in the store are listened to again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondListener {
    /// Whether they are.
    pub enabled: bool,
    /// Model name or path; `None`: the one of live calls.
    pub model: Option<String>,
    /// While the live workers are busy for more than this part of their time nothing is listened to again.
    pub most_busy_percent: u32,
}

impl Default for SecondListener {
    fn default() -> Self {
        Self {
            enabled: true,
            model: None,
            most_busy_percent: MOST_BUSY_PERCENT,
        }
    }
}

impl SecondListener {
    /// The section, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        vec![
            "\n[second_listener]".into(),
            "# Whether recordings in the store are listened to again after the call, in idle time."
                .into(),
            format!("enabled = {}", self.enabled),
            "# The model for it; without one that of live calls.".into(),
            match &self.model {
                Some(model) => format!("model = {}", quoted(model)),
                None => "# model = \"base.en\"".into(),
            },
            "# While live recognition takes more of its workers' time than this, recordings wait."
                .into(),
            format!("most_busy_percent = {}", self.most_busy_percent),
        ]
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "enabled": self.enabled,
            "model": self.model,
            "most_busy_percent": self.most_busy_percent,
        })
    }
}

/// `[second_listener]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecondListenerSection {
    enabled: Option<bool>,
    model: Option<Spanned<String>>,
    most_busy_percent: Option<Spanned<u32>>,
}

/// Checks the section.
pub(super) fn second_listener(
    source: Option<&Source>,
    section: SecondListenerSection,
) -> Result<SecondListener, ConfigError> {
    let pick = Pick { source };
    let default = SecondListener::default();
    let model = section.model.map(|model| {
        pick.value("", None)
            .or_file("second_listener.model", Some(model))
            .or_default(String::new())
            .checked(|name| {
                name.is_empty()
                    .then(|| "is empty; expected a name or path".into())
            })
    });
    Ok(SecondListener {
        enabled: section.enabled.unwrap_or(default.enabled),
        model: model.transpose()?,
        most_busy_percent: pick
            .value("", None)
            .or_file(
                "second_listener.most_busy_percent",
                section.most_busy_percent,
            )
            .or_default(default.most_busy_percent)
            .checked(|percent| {
                (!(1..=100).contains(percent))
                    .then(|| format!("{percent} is out of range; expected 1 to 100"))
            })?,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn comes_back_as_it_is_shown() {
        let text =
            "[second_listener]\nenabled = false\nmodel = \"base.en\"\nmost_busy_percent = 70\n";
        let config = Config::parse(text, "hushgate.toml").unwrap();
        assert!(!config.second_listener.enabled);
        let again = Config::parse(&config.to_toml(), "hushgate.toml").unwrap();
        assert_eq!(again.second_listener, config.second_listener);
        let none = Config::parse("", "hushgate.toml").unwrap();
        assert!(none.second_listener.enabled);
        assert_eq!(none.second_listener.model, None);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, expected) in [
            (
                "most_busy_percent = 0",
                "second_listener.most_busy_percent: 0 is out of range",
            ),
            ("model = \"\"", "second_listener.model: is empty"),
            ("speed = 3", "unknown field"),
        ] {
            let text = format!("[second_listener]\n{text}\n");
            let said = Config::parse(&text, "a.toml").unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }
}
