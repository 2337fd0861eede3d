//! The policy that new calls begin with, and how another one is put to use.
//!
//! A call keeps the policy that it began with: its report names one version. The file that the configuration names
//! stays the truth: another policy is written into it first, so that a restart does not bring the old one back.
//!
//! **Architecture invariant:** what does not parse and check is never put to use.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use serde::Serialize;

use super::second_listener::{StillHeard, judged};
use crate::detect::Kind;
use crate::egress::Report;
use crate::egress::report::Utterance;
use crate::policy::{Policy, Profile};

/// The policy that new calls begin with. Clones are the same.
#[derive(Debug, Clone)]
pub struct PolicyInUse(Arc<Mutex<Arc<Policy>>>);

impl PolicyInUse {
    /// The policy of this moment.
    pub fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Policy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Arc<Policy>> for PolicyInUse {
    fn from(policy: Arc<Policy>) -> Self {
        Self(Arc::new(Mutex::new(policy)))
    }
}

/// Where policies come from, and which is in use.
#[derive(Debug)]
pub struct Policies {
    in_use: PolicyInUse,
    /// The file that the configuration names; `None`: what is built in.
    file: Option<PathBuf>,
    /// The profile that goes before the file's own.
    profile: Option<Profile>,
    /// Held while one is put to use.
    turn: Mutex<()>,
}

impl Policies {
    /// Of a configuration.
    pub fn new(in_use: PolicyInUse, file: Option<PathBuf>, profile: Option<Profile>) -> Self {
        Self {
            in_use,
            file,
            profile,
            turn: Mutex::default(),
        }
    }

    /// The policy of this moment.
    pub fn current(&self) -> Arc<Policy> {
        self.in_use.current()
    }

    /// Its text; `None` for what is built in. Blocks.
    pub fn text(&self) -> anyhow::Result<Option<String>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(file);
        text.map(Some)
            .with_context(|| format!("{}: cannot be read", file.display()))
    }

    /// Checks a text: the policy that it would be.
    pub fn check(&self, text: &str) -> anyhow::Result<Policy> {
        let policy = Policy::parse(text, "policy")?;
        Ok(match self.profile {
            Some(profile) => policy.with_profile(profile),
            None => policy,
        })
    }

    /// Puts a policy to use for calls that begin from now on, if the one in use is that of version `before`. What was
    /// in the file is kept beside it. `agreed` is asked when all is written that can be before,
    /// so that hardly anything can go wrong afterwards. Blocks.
    pub fn activate(
        &self,
        text: &str,
        before: &str,
        agreed: impl FnOnce(&Policy) -> anyhow::Result<()>,
    ) -> anyhow::Result<Arc<Policy>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = Arc::new(self.check(text)?);
        let current = self.current();
        if current.version() != before {
            bail!(
                "the policy in use is {}, not {before}: somebody put another to use meanwhile; look at it first",
                current.version()
            );
        }
        let Some(file) = &self.file else {
            bail!(
                "the configuration names no policy file, into which this would be written; add policy.file and restart"
            );
        };
        let cannot = |place: PathBuf| move || format!("{}: cannot be written", place.display());
        let old = file.with_added_extension(current.version());
        std::fs::copy(file, &old).with_context(cannot(old.clone()))?;
        let new = file.with_added_extension("new");
        write(&new, text).with_context(cannot(new.clone()))?;
        if let Err(error) = agreed(&policy) {
            // It is not to be taken for one that was agreed to.
            let _ = std::fs::remove_file(&new);
            return Err(error);
        }
        take_place(&new, file).with_context(cannot(file.clone()))?;
        *self.in_use.lock() = Arc::clone(&policy);
        tracing::info!(
            version = policy.version(),
            before,
            "another policy is in use"
        );
        Ok(policy)
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut written = std::fs::File::create(file)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()
}

/// A file takes the place of another in its folder, for good.
fn take_place(new: &Path, file: &Path) -> std::io::Result<()> {
    std::fs::rename(new, file)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// What would have been otherwise in a past call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// The policy's version.
    pub version: String,
    /// What was hidden and would not be.
    pub would_be_heard: Vec<Place>,
    /// What is heard in words and would be hidden.
    pub would_be_hidden: Vec<StillHeard>,
    /// Hidden stretches that would stay hidden.
    pub same: usize,
}

/// A stretch of a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// Whose audio.
    pub leg: crate::call::Leg,
    /// From, in seconds of the call.
    pub start: f64,
    /// To.
    pub end: f64,
    /// What it was taken for.
    pub kind: String,
}

/// Tries a policy on a call by its report and masked transcript. What was masked is known by its kind alone: kinds that
/// the policy hides elsewhere or not at all are told, other values of the same kind cannot be.
pub fn try_on(policy: &Policy, report: &Report, transcript: &[Utterance]) -> Trial {
    let (same, other): (Vec<_>, Vec<_>) = report.spans.iter().partition(|span| {
        let kind = Kind::named(span.kind.clone());
        policy.enabled(&kind) && policy.hides(&kind, span.leg, span.leg)
    });
    Trial {
        version: policy.version().to_owned(),
        would_be_heard: other
            .iter()
            .map(|span| Place {
                leg: span.leg,
                start: span.start,
                end: span.end,
                kind: span.kind.clone(),
            })
            .collect(),
        would_be_hidden: judged(policy, report, transcript),
        same: same.len(),
    }
}

#[cfg(test)]
mod tests;
