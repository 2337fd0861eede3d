//! `[[retention]]`, `[retention_run]` and `[erasure]`: how long calls are kept, how often that is looked after, how
//! many have to want an erasure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::file::{Source, wrong};
use super::store::{self, Store};
use super::{Audit, ConfigError, Pick, audit, out_of, quoted};
use crate::call::particulars::Label;
use crate::store::retention::{Condition, Keep, PARTS, Policies, Policy};
use crate::store::sealed::Content;

/// A hundred years.
const MOST_DAYS: i64 = 36_500;
/// Minutes from one run to the next, unless told otherwise.
const MINUTES: usize = 60;
/// Calls deleted in a second, unless told otherwise.
const CALLS_PER_SECOND: usize = 200;
/// Persons who have to want an erasure, unless told otherwise.
const APPROVALS: usize = 2;

/// How long calls are kept and how they are erased, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// What goes when.
    pub policies: Policies,
    /// From one run to the next; `None`: the gateway makes none by itself.
    pub interval: Option<Duration>,
    /// Calls that a run deletes in a second at most, so that recording goes on.
    pub calls_per_second: usize,
    /// Persons who have to want an erasure, who asks for it among them.
    pub approvals: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            policies: Policies::default(),
            interval: Some(Duration::from_secs(MINUTES as u64 * 60)),
            calls_per_second: CALLS_PER_SECOND,
            approvals: APPROVALS,
        }
    }
}

/// What of a configuration those need who change what is stored. Nothing else in it is looked at, so that they need
/// no secret of a door.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The store.
    pub store: Option<Store>,
    /// The audit log.
    pub audit: Option<Audit>,
    /// How long calls are kept.
    pub retention: Retention,
}

impl Keeping {
    /// From a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let source = Source::read(file)?;
        let mut values = source.parse()?;
        let sections = values.take_retention();
        sections.check_store(Some(&source), values.store.is_some())?;
        let retention = retention(Some(&source), sections)?;
        let audit = values
            .audit
            .map(|section| audit::audit(Some(&source), section));
        Ok(Self {
            store: store::store(Some(&source), values.store)?,
            audit: audit.transpose()?,
            retention,
        })
    }
}

/// The sections as they are written.
#[derive(Debug, Default)]
pub(super) struct RetentionSections {
    pub(super) policies: Vec<Spanned<PolicySection>>,
    pub(super) run: RunSection,
    pub(super) erasure: ErasureSection,
}

impl RetentionSections {
    /// Who writes policies counts on them: without a store nothing would ever be deleted.
    pub(super) fn check_store(
        &self,
        source: Option<&Source>,
        has_store: bool,
    ) -> Result<(), ConfigError> {
        match self.policies.first() {
            Some(policy) if !has_store => Err(Reader { source }.error(
                &policy.span(),
                "retention",
                "there is no [store]; plain recordings are not deleted by policies",
            )),
            _ => Ok(()),
        }
    }
}

/// One of `[[retention]]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicySection {
    name: Option<Spanned<String>>,
    content: Option<Vec<Spanned<Content>>>,
    queue: Option<Spanned<String>>,
    site: Option<Spanned<String>>,
    vendor: Option<Spanned<String>>,
    jurisdiction: Option<Spanned<String>>,
    outcome: Option<Spanned<String>>,
    kind: Option<Spanned<String>>,
    quarantined: Option<bool>,
    keep_days: Option<Spanned<i64>>,
    keep: Option<Spanned<String>>,
    delete: Option<Spanned<String>>,
}

/// `[retention_run]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunSection {
    interval_minutes: Option<Spanned<usize>>,
    calls_per_second: Option<Spanned<usize>>,
}

/// `[erasure]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ErasureSection {
    approvals: Option<Spanned<usize>>,
}

/// Checks the sections.
pub(super) fn retention(
    source: Option<&Source>,
    sections: RetentionSections,
) -> Result<Retention, ConfigError> {
    let reader = Reader { source };
    let mut policies: BTreeMap<String, Policy> = BTreeMap::new();
    for section in sections.policies {
        let span = section.span();
        let policy = reader.policy(&span, section.into_inner())?;
        if policies.contains_key(&policy.name) {
            let problem = format!(
                "there are two policies {:?}; give each its name",
                policy.name
            );
            return Err(reader.error(&span, "retention.name", &problem));
        }
        policies.insert(policy.name.clone(), policy);
    }
    let count = |name, value, default, least, most| {
        Pick { source }
            .value("", None)
            .or_file(name, value)
            .or_default(default)
            .checked(|count| out_of(*count, least, most))
    };
    let minutes = count(
        "retention_run.interval_minutes",
        sections.run.interval_minutes,
        MINUTES,
        0,
        7 * 24 * 60,
    )?;
    Ok(Retention {
        policies: Policies::new(policies.into_values().collect()),
        interval: (minutes > 0).then(|| Duration::from_secs(minutes as u64 * 60)),
        calls_per_second: count(
            "retention_run.calls_per_second",
            sections.run.calls_per_second,
            CALLS_PER_SECOND,
            1,
            100_000,
        )?,
        approvals: count(
            "erasure.approvals",
            sections.erasure.approvals,
            APPROVALS,
            1,
            9,
        )?,
    })
}

struct Reader<'a> {
    source: Option<&'a Source>,
}

impl Reader<'_> {
    fn error(&self, span: &Range<usize>, field: &str, problem: &str) -> ConfigError {
        wrong(self.source, span, field, problem)
    }

    fn policy(&self, span: &Range<usize>, section: PolicySection) -> Result<Policy, ConfigError> {
        let Some(name) = self.label("retention.name", section.name)? else {
            let problem = "is missing; expected a name that the audit log can tell";
            return Err(self.error(span, "retention.name", problem));
        };
        Ok(Policy {
            name,
            content: self.content(section.content)?,
            condition: Condition {
                queue: self.label("retention.queue", section.queue)?,
                site: self.label("retention.site", section.site)?,
                vendor: self.label("retention.vendor", section.vendor)?,
                jurisdiction: self.label("retention.jurisdiction", section.jurisdiction)?,
                outcome: self.label("retention.outcome", section.outcome)?,
                kind: self.label("retention.kind", section.kind)?,
                quarantined: section.quarantined,
            },
            keep: self.keep(span, section.keep_days, section.keep, section.delete)?,
        })
    }

    fn label(
        &self,
        field: &str,
        written: Option<Spanned<String>>,
    ) -> Result<Option<String>, ConfigError> {
        let Some(written) = written else {
            return Ok(None);
        };
        match Label::new(written.get_ref()) {
            Ok(label) => Ok(Some(label.as_str().to_owned())),
            Err(problem) => Err(self.error(&written.span(), field, &problem.to_string())),
        }
    }

    fn content(
        &self,
        written: Option<Vec<Spanned<Content>>>,
    ) -> Result<BTreeSet<Content>, ConfigError> {
        let Some(written) = written else {
            return Ok(PARTS.into_iter().collect());
        };
        let field = "retention.content";
        let mut content = BTreeSet::new();
        for part in &written {
            if !PARTS.contains(part.get_ref()) {
                let problem = "expected some of \"audio\", \"transcript\" and \"report\"";
                return Err(self.error(&part.span(), field, problem));
            }
            content.insert(*part.get_ref());
        }
        // Parts that nothing is said of are kept: no part at all is a mistake.
        if content.is_empty() {
            let problem = "is empty; expected some of \"audio\", \"transcript\" and \"report\"";
            return Err(self.error(&(0..0), field, problem));
        }
        Ok(content)
    }

    fn keep(
        &self,
        span: &Range<usize>,
        days: Option<Spanned<i64>>,
        keep: Option<Spanned<String>>,
        delete: Option<Spanned<String>>,
    ) -> Result<Keep, ConfigError> {
        match (days, keep, delete) {
            (Some(days), None, None) => {
                let number = *days.get_ref();
                if !(0..=MOST_DAYS).contains(&number) {
                    let problem = format!("{number} is out of range; expected 0 to {MOST_DAYS}");
                    return Err(self.error(&days.span(), "retention.keep_days", &problem));
                }
                Ok(Keep::Days(u32::try_from(number).unwrap_or(u32::MAX)))
            }
            (None, Some(word), None) if word.get_ref() == "forever" => Ok(Keep::Forever),
            (None, Some(word), None) => {
                let problem = format!("{:?} is not known; expected \"forever\"", word.get_ref());
                Err(self.error(&word.span(), "retention.keep", &problem))
            }
            (None, None, Some(word)) if word.get_ref() == "now" => Ok(Keep::DeleteNow),
            (None, None, Some(word)) => {
                let problem = format!("{:?} is not known; expected \"now\"", word.get_ref());
                Err(self.error(&word.span(), "retention.delete", &problem))
            }
            _ => {
                let problem =
                    "expected one of keep_days = NUMBER, keep = \"forever\" and delete = \"now\"";
                Err(self.error(span, "retention", problem))
            }
        }
    }
}

/// The conditions that are given, by name.
fn conditions(condition: &Condition) -> Vec<(&'static str, &str)> {
    let Condition {
        queue,
        site,
        vendor,
        jurisdiction,
        outcome,
        kind,
        quarantined: _,
    } = condition;
    [
        ("queue", queue),
        ("site", site),
        ("vendor", vendor),
        ("jurisdiction", jurisdiction),
        ("outcome", outcome),
        ("kind", kind),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    .collect()
}

impl Retention {
    fn minutes(&self) -> u64 {
        self.interval.map_or(0, |interval| interval.as_secs() / 60)
    }

    /// The sections, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            "\n[retention_run]".to_owned(),
            "# Minutes from one run of retention to the next; 0: only by `hushgate retention run`."
                .into(),
            format!("interval_minutes = {}", self.minutes()),
            "# Calls deleted in a second at most, so that recording goes on.".into(),
            format!("calls_per_second = {}", self.calls_per_second),
            "\n[erasure]".into(),
            "# Persons who have to want an erasure, who asks for it among them.".into(),
            format!("approvals = {}", self.approvals),
        ];
        if self.policies.is_empty() {
            lines.push(
                "\n# [[retention]] with name, content, queue, site, ... and keep_days says what is deleted when."
                    .into(),
            );
        }
        for policy in self.policies.iter() {
            lines.push("\n[[retention]]".into());
            lines.push(format!("name = {}", quoted(&policy.name)));
            let content: Vec<String> = policy
                .content
                .iter()
                .map(|content| quoted(content.name()))
                .collect();
            lines.push(format!("content = [{}]", content.join(", ")));
            for (name, value) in conditions(&policy.condition) {
                lines.push(format!("{name} = {}", quoted(value)));
            }
            if let Some(quarantined) = policy.condition.quarantined {
                lines.push(format!("quarantined = {quarantined}"));
            }
            lines.push(match policy.keep {
                Keep::DeleteNow => "delete = \"now\"".into(),
                Keep::Days(days) => format!("keep_days = {days}"),
                Keep::Forever => "keep = \"forever\"".into(),
            });
        }
        lines
    }

    /// The policies as JSON.
    pub(super) fn policies_json(&self) -> serde_json::Value {
        let policy = |policy: &Policy| {
            let mut shown = json!({ "name": policy.name, "content": policy.content });
            for (name, value) in conditions(&policy.condition) {
                shown[name] = value.into();
            }
            if let Some(quarantined) = policy.condition.quarantined {
                shown["quarantined"] = quarantined.into();
            }
            match policy.keep {
                Keep::DeleteNow => shown["delete"] = "now".into(),
                Keep::Days(days) => shown["keep_days"] = days.into(),
                Keep::Forever => shown["keep"] = "forever".into(),
            }
            shown
        };
        self.policies.iter().map(policy).collect()
    }

    /// `[retention_run]` as JSON.
    pub(super) fn run_json(&self) -> serde_json::Value {
        json!({ "interval_minutes": self.minutes(), "calls_per_second": self.calls_per_second })
    }
}

#[cfg(test)]
mod tests;
