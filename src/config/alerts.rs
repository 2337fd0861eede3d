//! `[[alert]]`: what somebody is to be told of while a call runs. See `docs/alerts.md`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::ConfigError;
use super::file::Source;
use super::named::Named;
use crate::alert::{Fact, Phrase, Rule, Rules, Speaker, Test};
use crate::audio::MediaTime;
use crate::call::particulars::Label;
use crate::detect::Kind;
use crate::telemetry::alerts::{AlertKind, Severity};

/// Seconds within which more of the same is the same occurrence, unless told otherwise.
const AGAIN_SECONDS: f64 = 30.0;
/// The most.
const MOST_SECONDS: f64 = 3_600.0;
/// A longer silence or talk-over is forgotten before it is long enough.
const LONGEST_SECONDS: f64 = 120.0;
/// Longest message in characters.
const LONGEST_MESSAGE: usize = 300;

/// `[[alert]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertSection {
    name: Spanned<String>,
    kind: Spanned<String>,
    severity: Option<Spanned<String>>,
    message: Spanned<String>,
    #[serde(default)]
    queues: Vec<Spanned<String>>,
    #[serde(default)]
    sites: Vec<Spanned<String>>,
    again_seconds: Option<Spanned<f64>>,
    by: Option<Spanned<String>>,
    phrases: Option<Vec<Spanned<String>>>,
    within_seconds: Option<Spanned<f64>>,
    before: Option<Vec<Spanned<String>>>,
    facts: Option<Vec<Spanned<FactSection>>>,
    kinds: Option<Vec<Spanned<String>>>,
    seconds: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactSection {
    about: Vec<Spanned<String>>,
    value: Vec<Spanned<String>>,
    #[serde(default)]
    units: Vec<Spanned<String>>,
    #[serde(default)]
    wrong: Vec<Spanned<String>>,
}

/// The rules of a configuration file. Looks at nothing else in it.
pub fn load(file: &Path) -> Result<Rules, ConfigError> {
    let source = Source::read(file)?;
    let values = source.parse()?;
    rules(Some(&source), values.alert)
}

/// The rules of a text that may have nothing but `[[alert]]`.
pub fn load_alone(file: &Path) -> Result<Rules, ConfigError> {
    #[derive(Deserialize)]
    struct Alone {
        #[serde(default)]
        alert: Vec<Spanned<AlertSection>>,
    }
    let source = Source::read(file)?;
    let values: Alone = source.parse_as()?;
    rules(Some(&source), values.alert)
}

/// Checks the sections.
pub(super) fn rules(
    source: Option<&Source>,
    sections: Vec<Spanned<AlertSection>>,
) -> Result<Rules, ConfigError> {
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for section in sections {
        let reader = Reader {
            named: Named {
                source,
                what: "alert",
                name: section.get_ref().name.clone(),
            },
            span: section.span(),
        };
        let rule = reader.rule(section.into_inner())?;
        if !names.insert(rule.name.clone()) {
            return Err(reader
                .named
                .error(&reader.span, "name", "is that of another alert too"));
        }
        rules.push(rule);
    }
    Ok(Rules::new(rules))
}

struct Reader<'a> {
    named: Named<'a>,
    span: Range<usize>,
}

impl Reader<'_> {
    fn rule(&self, mut section: AlertSection) -> Result<Rule, ConfigError> {
        let name = self.named.checked_name()?;
        let message = section.message.get_ref().trim().to_owned();
        let length = message.chars().count();
        if length == 0 || length > LONGEST_MESSAGE || message.chars().any(char::is_control) {
            let problem = "expected 1 to 300 characters on one line";
            return Err(self
                .named
                .error(&section.message.span(), "message", problem));
        }
        let kind: AlertKind = self.named.parsed("kind", &section.kind)?;
        let severity = match &section.severity {
            Some(severity) => self.named.parsed("severity", severity)?,
            None => Severity::Warning,
        };
        let again = self.seconds("again_seconds", section.again_seconds.take(), MOST_SECONDS)?;
        let (queues, sites) = (
            self.places("queues", &section.queues)?,
            self.places("sites", &section.sites)?,
        );
        let test = self.test(kind, &mut section)?;
        self.check_rest(kind, &section)?;
        Ok(Rule {
            name,
            severity,
            message,
            queues,
            sites,
            again: again.unwrap_or(MediaTime::from_seconds(AGAIN_SECONDS)),
            test,
        })
    }

    /// Takes out of the section what its kind needs.
    fn test(&self, kind: AlertKind, section: &mut AlertSection) -> Result<Test, ConfigError> {
        Ok(match kind {
            AlertKind::ForbiddenStatement | AlertKind::Distress => Test::Said {
                kind,
                by: match section.by.take() {
                    Some(by) => self.speaker(&by)?,
                    None if kind == AlertKind::Distress => Speaker::Customer,
                    None => Speaker::Agent,
                },
                phrases: self.needed_phrases(section)?,
            },
            AlertKind::MissingDisclosure => {
                let phrases = self.needed_phrases(section)?;
                let within = self.seconds(
                    "within_seconds",
                    section.within_seconds.take(),
                    MOST_SECONDS,
                )?;
                let before = self.kinds("before", section.before.take())?;
                if within.is_none() && before.is_empty() {
                    let problem = "is missing; expected seconds after the call's start, or before = [\"pan\"]";
                    return Err(self.named.error(&self.span, "within_seconds", problem));
                }
                Test::NotSaid {
                    phrases,
                    within,
                    before,
                }
            }
            AlertKind::WrongFact => Test::Facts(self.facts(section.facts.take())?),
            AlertKind::ForbiddenQuestion => {
                let kinds = self.kinds("kinds", section.kinds.take())?;
                if kinds.is_empty() {
                    Test::Asked(vec![Kind::PAN])
                } else {
                    Test::Asked(kinds)
                }
            }
            AlertKind::LongSilence => Test::Silence(self.needed_seconds(section)?),
            AlertKind::TalkOver => Test::TalkOver(self.needed_seconds(section)?),
            AlertKind::HiddenKind => Test::Hidden(self.kinds("kinds", section.kinds.take())?),
            AlertKind::Late => Test::Late(self.optional_seconds(section)?),
            AlertKind::Failed => Test::Failed(self.optional_seconds(section)?),
            AlertKind::Recorder => Test::Recorder,
            AlertKind::SecondListener => Test::HeardAgain,
        })
    }

    /// What is left is of no use to its kind.
    fn check_rest(&self, kind: AlertKind, section: &AlertSection) -> Result<(), ConfigError> {
        let rest = [
            ("by", section.by.as_ref().map(Spanned::span)),
            (
                "phrases",
                section.phrases.as_ref().map(|_| self.span.clone()),
            ),
            (
                "within_seconds",
                section.within_seconds.as_ref().map(Spanned::span),
            ),
            ("before", section.before.as_ref().map(|_| self.span.clone())),
            ("facts", section.facts.as_ref().map(|_| self.span.clone())),
            ("kinds", section.kinds.as_ref().map(|_| self.span.clone())),
            ("seconds", section.seconds.as_ref().map(Spanned::span)),
        ];
        match rest
            .into_iter()
            .find_map(|(field, span)| Some((field, span?)))
        {
            None => Ok(()),
            Some((field, span)) => {
                Err(self
                    .named
                    .error(&span, field, &format!("is of no use to {kind}; remove it")))
            }
        }
    }

    fn speaker(&self, written: &Spanned<String>) -> Result<Speaker, ConfigError> {
        let known = Speaker::ALL.into_iter();
        known
            .into_iter()
            .find(|speaker| speaker.name() == written.get_ref())
            .ok_or_else(|| {
                let problem = "expected agent, customer or anyone";
                self.named.error(&written.span(), "by", problem)
            })
    }

    fn seconds(
        &self,
        field: &str,
        written: Option<Spanned<f64>>,
        most: f64,
    ) -> Result<Option<MediaTime>, ConfigError> {
        let Some(written) = written else {
            return Ok(None);
        };
        let seconds = *written.get_ref();
        if !(0.1..=most).contains(&seconds) {
            let problem = format!("{seconds} is out of range; expected 0.1 to {most} seconds");
            return Err(self.named.error(&written.span(), field, &problem));
        }
        Ok(Some(MediaTime::from_seconds(seconds)))
    }

    fn needed_seconds(&self, section: &mut AlertSection) -> Result<MediaTime, ConfigError> {
        let seconds = self.seconds("seconds", section.seconds.take(), LONGEST_SECONDS)?;
        seconds.ok_or_else(|| {
            let problem = "is missing; expected how long it lasts, in seconds";
            self.named.error(&self.span, "seconds", problem)
        })
    }

    fn optional_seconds(&self, section: &mut AlertSection) -> Result<MediaTime, ConfigError> {
        let seconds = self.seconds("seconds", section.seconds.take(), MOST_SECONDS)?;
        Ok(seconds.unwrap_or(MediaTime::from_millis(1_000)))
    }

    fn needed_phrases(&self, section: &mut AlertSection) -> Result<Vec<Phrase>, ConfigError> {
        let written = section.phrases.take().unwrap_or_default();
        if written.is_empty() {
            let problem = "is missing; expected a list such as [\"may be recorded\"]";
            return Err(self.named.error(&self.span, "phrases", problem));
        }
        self.phrases("phrases", &written)
    }

    fn phrases(
        &self,
        field: &str,
        written: &[Spanned<String>],
    ) -> Result<Vec<Phrase>, ConfigError> {
        let read = |written: &Spanned<String>| {
            Phrase::new(written.get_ref()).map_err(|wrong| {
                let problem = format!("{:?} {wrong}", written.get_ref());
                self.named.error(&written.span(), field, &problem)
            })
        };
        written.iter().map(read).collect()
    }

    fn facts(&self, written: Option<Vec<Spanned<FactSection>>>) -> Result<Vec<Fact>, ConfigError> {
        let written = written.unwrap_or_default();
        if written.is_empty() {
            let problem = "is missing; expected [[alert.facts]] with about and value";
            return Err(self.named.error(&self.span, "facts", problem));
        }
        let read = |section: Spanned<FactSection>| {
            let span = section.span();
            let section = section.into_inner();
            if section.about.is_empty() || section.value.is_empty() {
                let problem = "expected one phrase or more in about and in value";
                return Err(self.named.error(&span, "facts", problem));
            }
            Ok(Fact {
                about: self.phrases("facts.about", &section.about)?,
                values: self.phrases("facts.value", &section.value)?,
                units: self.phrases("facts.units", &section.units)?,
                wrong: self.phrases("facts.wrong", &section.wrong)?,
            })
        };
        written.into_iter().map(read).collect()
    }

    fn kinds(
        &self,
        field: &str,
        written: Option<Vec<Spanned<String>>>,
    ) -> Result<Vec<Kind>, ConfigError> {
        let read = |written: &Spanned<String>| {
            let name = written.get_ref();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                let problem = format!("{name:?} is no kind of data; expected such as \"pan\"");
                return Err(self.named.error(&written.span(), field, &problem));
            }
            Ok(Kind::named(name.clone()))
        };
        written.iter().flatten().map(read).collect()
    }

    fn places(&self, field: &str, written: &[Spanned<String>]) -> Result<Vec<String>, ConfigError> {
        let read = |written: &Spanned<String>| match Label::new(written.get_ref()) {
            Ok(label) => Ok(label.as_str().to_owned()),
            Err(wrong) => Err(self.named.error(&written.span(), field, &wrong.to_string())),
        };
        written.iter().map(read).collect()
    }
}

/// The rules as they are written, for a configuration file.
pub(super) fn text(rules: &Rules) -> String {
    if rules.is_empty() {
        return "\n# [[alert]] tells supervisors what is said and happens in calls; see docs/alerts.md.\n"
            .into();
    }
    let tables = rules.all().map(|rule| Value::Table(table(rule))).collect();
    let all = Table::from_iter([("alert".to_owned(), Value::Array(tables))]);
    format!("\n{all}")
}

/// Rules as JSON.
pub fn json<'a>(rules: impl Iterator<Item = &'a Rule>) -> serde_json::Value {
    let tables = rules.map(|rule| serde_json::to_value(table(rule)).unwrap_or_default());
    tables.collect()
}

fn table(rule: &Rule) -> Table {
    let mut table = Table::new();
    let mut put = |field: &str, value: Value| {
        table.insert(field.to_owned(), value);
    };
    let list =
        |texts: &mut dyn Iterator<Item = String>| Value::Array(texts.map(Value::String).collect());
    let phrases =
        |phrases: &[Phrase]| list(&mut phrases.iter().map(|phrase| phrase.written().to_owned()));
    let kinds = |kinds: &[Kind]| list(&mut kinds.iter().map(|kind| kind.name().to_owned()));
    let seconds = |time: MediaTime| Value::Float(time.seconds());
    put("name", rule.name.clone().into());
    put("kind", rule.test.kind().name().into());
    put("severity", rule.severity.name().into());
    put("message", rule.message.clone().into());
    if !rule.queues.is_empty() {
        put("queues", list(&mut rule.queues.iter().cloned()));
    }
    if !rule.sites.is_empty() {
        put("sites", list(&mut rule.sites.iter().cloned()));
    }
    put("again_seconds", seconds(rule.again));
    match &rule.test {
        Test::Said {
            by, phrases: said, ..
        } => {
            put("by", by.name().into());
            put("phrases", phrases(said));
        }
        Test::NotSaid {
            phrases: said,
            within,
            before,
        } => {
            put("phrases", phrases(said));
            if let Some(within) = within {
                put("within_seconds", seconds(*within));
            }
            if !before.is_empty() {
                put("before", kinds(before));
            }
        }
        Test::Facts(facts) => {
            let facts = facts.iter().map(|fact| {
                let fields = [
                    ("about", &fact.about),
                    ("value", &fact.values),
                    ("units", &fact.units),
                    ("wrong", &fact.wrong),
                ];
                let fields = fields.map(|(name, field)| (name.to_owned(), phrases(field)));
                Value::Table(Table::from_iter(fields))
            });
            put("facts", Value::Array(facts.collect()));
        }
        Test::Asked(asked) | Test::Hidden(asked) => put("kinds", kinds(asked)),
        Test::Silence(time) | Test::TalkOver(time) | Test::Late(time) | Test::Failed(time) => {
            put("seconds", seconds(*time));
        }
        Test::Recorder | Test::HeardAgain => {}
    }
    table
}

#[cfg(test)]
mod tests;
