//! From TOML text to a checked [`Policy`].
//!
//! Unknown fields are refused, and an error names the line and column, the field and what was expected.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::audio::MediaTime;
use crate::call::Leg;
use crate::detect::{Checksum, Kind};

use super::custom::{self, CustomKind};
use super::{Fill, LastFour, Legs, Mode, Policy, Profile, Rule};

/// Widest pad on either side of a finding, in milliseconds.
const WIDEST_PAD_MS: u64 = 250;
/// Pad before a finding by default, in milliseconds.
const PAD_BEFORE_MS: u64 = 250;
/// Pad after a finding by default, in milliseconds.
const PAD_AFTER_MS: u64 = 250;
/// The same of a key: its tone is found to the sample, give or take a few milliseconds.
const KEY_PAD_MS: u64 = 40;
/// Sensitive authentication data, which must not be kept after authorisation (PCI DSS 3.3.1.1 to 3.3.1.3).
const PROTECTED: [Kind; 3] = [Kind::CVV, Kind::PIN, Kind::TRACK_DATA];

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: line {line}, column {column}: {problem}")]
pub struct PolicyError {
    /// The file, as it was named.
    pub source_name: String,
    /// Line of the mistake, from 1.
    pub line: usize,
    /// Column of the mistake in characters, from 1.
    pub column: usize,
    /// The field, what is wrong with it and what was expected.
    pub problem: String,
}

/// A policy as it is written.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyFile {
    profile: Option<Profile>,
    last_four: LastFour,
    defaults: RuleFile,
    kinds: BTreeMap<Spanned<String>, RuleFile>,
    custom: Vec<CustomFile>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RuleFile {
    enabled: Option<Spanned<bool>>,
    mode: Option<Mode>,
    fill: Option<Fill>,
    legs: Option<Spanned<LegsFile>>,
    pad_before_ms: Option<Spanned<u64>>,
    pad_after_ms: Option<Spanned<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_keys: Option<Spanned<bool>>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CustomFile {
    name: Spanned<String>,
    pattern: Spanned<String>,
    context: Spanned<Vec<String>>,
    checksum: Option<Checksum>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected \"speaker\", \"both\" or a list such as [\"customer\"]"
)]
enum LegsFile {
    Named(NamedLegs),
    Listed(Vec<Leg>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum NamedLegs {
    Speaker,
    Both,
}

/// A problem and where in the text it lies, as a byte offset.
struct Problem {
    at: usize,
    text: String,
}

impl Problem {
    fn new<T>(field: &Spanned<T>, text: impl Into<String>) -> Self {
        Self {
            at: field.span().start,
            text: text.into(),
        }
    }
}

/// Reads and checks a policy.
pub(super) fn parse(text: &str, source_name: &str) -> Result<Policy, PolicyError> {
    let refuse = |problem: Problem| {
        let before = text.get(..problem.at).unwrap_or(text);
        PolicyError {
            source_name: source_name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            problem: problem.text.replace(char::is_control, " "),
        }
    };
    let file: PolicyFile = toml::from_str(text).map_err(|error| {
        refuse(Problem {
            at: error.span().map_or(0, |span| span.start),
            text: error.message().to_owned(),
        })
    })?;
    let profile = file.profile.unwrap_or_default();
    build(&Arc::new(file), profile).map_err(refuse)
}

/// The policy of a file that was checked before, with another profile.
pub(super) fn rebuild(file: &PolicyFile, profile: Profile) -> Policy {
    match build(&Arc::new(file.clone()), profile) {
        Ok(policy) => policy,
        // A checked file stays valid under every profile; should it not, hiding everything is safe.
        Err(_) => match build(&Arc::default(), Profile::Strict) {
            Ok(policy) => policy,
            Err(_) => unreachable!("the empty policy is valid"),
        },
    }
}

fn build(file: &Arc<PolicyFile>, profile: Profile) -> Result<Policy, Problem> {
    if let Some(enabled) = &file.defaults.enabled {
        return Err(Problem::new(
            enabled,
            "defaults.enabled: kinds are switched one by one, such as [kinds.dob] enabled = false",
        ));
    }
    let base = Rule {
        enabled: true,
        mode: Mode::Blank,
        fill: Fill::Silence,
        legs: Legs::Speaker,
        pad_before: MediaTime::from_millis(PAD_BEFORE_MS),
        pad_after: MediaTime::from_millis(PAD_AFTER_MS),
        count_keys: false,
    };
    if let Some(count) = &file.defaults.count_keys {
        return Err(not_keys(count, "defaults"));
    }
    let default_rule = lay_over(&base, &file.defaults, "defaults")?;
    let key_base = Rule {
        pad_before: MediaTime::from_millis(KEY_PAD_MS),
        pad_after: MediaTime::from_millis(KEY_PAD_MS),
        ..base
    };
    let key_rule = lay_over(&key_base, &file.defaults, "defaults")?;
    let customs = file
        .custom
        .iter()
        .map(custom_kind)
        .collect::<Result<Vec<_>, _>>()?;
    for (index, custom) in customs.iter().enumerate() {
        let known = Kind::ALL.contains(&custom.kind) || custom.kind == Kind::MANUAL;
        if known
            || customs[..index]
                .iter()
                .any(|other| other.kind == custom.kind)
        {
            let name = &file.custom[index].name;
            return Err(Problem::new(
                name,
                format!("custom.name: {:?} is taken; choose another", name.as_ref()),
            ));
        }
    }
    let mut rules = BTreeMap::new();
    for kind in Kind::ALL
        .iter()
        .chain(customs.iter().map(|custom| &custom.kind))
    {
        let mut rule = if *kind == Kind::DTMF {
            key_rule.clone()
        } else {
            default_rule.clone()
        };
        // A date of birth is asked for in most calls to identify the caller.
        rule.enabled = *kind != Kind::DOB || profile == Profile::Strict;
        rules.insert(kind.clone(), rule);
    }
    for (name, written) in &file.kinds {
        let kind = Kind::named(name.as_ref().clone());
        let Some(rule) = rules.get_mut(&kind) else {
            let known: Vec<&str> = rules.keys().map(Kind::name).collect();
            return Err(Problem::new(
                name,
                format!(
                    "kinds.{}: no such kind; expected one of {}, or a [[custom]] kind",
                    name.as_ref(),
                    known.join(", ")
                ),
            ));
        };
        let field = format!("kinds.{}", name.as_ref());
        *rule = lay_over(rule, written, &field)?;
        if let Some(count) = written.count_keys.as_ref().filter(|_| kind != Kind::DTMF) {
            return Err(not_keys(count, &field));
        }
        if !rule.enabled && PROTECTED.contains(&kind) {
            let at = written
                .enabled
                .as_ref()
                .map_or(name.span().start, |e| e.span().start);
            return Err(Problem {
                at,
                text: format!(
                    "kinds.{kind}.enabled: cannot be false: PCI DSS 3.3.1 forbids keeping card security codes, PINs and track data after authorisation"
                ),
            });
        }
    }
    for kind in PROTECTED {
        let partial = |legs: &Legs| matches!(legs, Legs::Only(list) if !(list.contains(&Leg::Agent) && list.contains(&Leg::Customer)));
        if rules.get(&kind).is_some_and(|rule| partial(&rule.legs)) {
            let written = file
                .kinds
                .iter()
                .find(|(name, _)| name.as_ref() == kind.name())
                .and_then(|(_, rule)| rule.legs.as_ref())
                .or(file.defaults.legs.as_ref());
            return Err(Problem {
                at: written.map_or(0, |legs| legs.span().start),
                text: format!(
                    "legs: {kind} must be hidden on every leg it is spoken on (PCI DSS 3.3.1); give [kinds.{kind}] legs = \"speaker\" or \"both\""
                ),
            });
        }
    }
    let canonical = serde_json::to_string(&(&**file, profile)).unwrap_or_default();
    let version: String = Sha256::digest(canonical.as_bytes())
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Policy {
        profile,
        last_four: file.last_four,
        file: Arc::clone(file),
        default_rule: Arc::new(default_rule),
        rules: Arc::new(rules),
        customs: customs.into(),
        version: version.into(),
    })
}

fn not_keys(count: &Spanned<bool>, field: &str) -> Problem {
    let text = format!("{field}.count_keys: only [kinds.dtmf] has keys to count");
    Problem::new(count, text)
}

fn lay_over(base: &Rule, written: &RuleFile, field: &str) -> Result<Rule, Problem> {
    let pad = |pad: &Option<Spanned<u64>>, name: &str, default: MediaTime| match pad {
        None => Ok(default),
        Some(pad) if *pad.as_ref() <= WIDEST_PAD_MS => Ok(MediaTime::from_millis(*pad.as_ref())),
        Some(pad) => Err(Problem::new(
            pad,
            format!(
                "{field}.{name}: {} ms; expected 0 to {WIDEST_PAD_MS}",
                pad.as_ref()
            ),
        )),
    };
    let legs = match written.legs.as_ref() {
        None => base.legs.clone(),
        Some(legs) => match legs.as_ref() {
            LegsFile::Named(NamedLegs::Speaker) => Legs::Speaker,
            LegsFile::Named(NamedLegs::Both) => Legs::Both,
            LegsFile::Listed(list) if list.is_empty() => {
                return Err(Problem::new(
                    legs,
                    format!(
                        "{field}.legs: the list is empty; expected [\"agent\"], [\"customer\"], \"speaker\" or \"both\""
                    ),
                ));
            }
            LegsFile::Listed(list) => Legs::Only(list.clone()),
        },
    };
    Ok(Rule {
        enabled: written
            .enabled
            .as_ref()
            .map_or(base.enabled, |e| *e.as_ref()),
        mode: written.mode.unwrap_or(base.mode),
        fill: written.fill.unwrap_or(base.fill),
        legs,
        pad_before: pad(&written.pad_before_ms, "pad_before_ms", base.pad_before)?,
        pad_after: pad(&written.pad_after_ms, "pad_after_ms", base.pad_after)?,
        count_keys: written
            .count_keys
            .as_ref()
            .map_or(base.count_keys, |count| *count.as_ref()),
    })
}

fn custom_kind(written: &CustomFile) -> Result<CustomKind, Problem> {
    let name = written.name.as_ref();
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() <= 40;
    if !well_formed {
        return Err(Problem::new(
            &written.name,
            "custom.name: expected snake case of at most 40 characters, such as member_id",
        ));
    }
    Ok(CustomKind {
        kind: Kind::named(name.clone()),
        pattern: custom::parse_pattern(written.pattern.as_ref()).map_err(|problem| {
            Problem::new(&written.pattern, format!("custom.{name}: {problem}"))
        })?,
        context: custom::context_expression(written.context.as_ref()).map_err(|problem| {
            Problem::new(&written.context, format!("custom.{name}: {problem}"))
        })?,
        checksum: written.checksum,
    })
}
