//! `[audit]`: where the audit log is kept, and how often it is signed. Without the section none is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use toml::Spanned;

use super::file::Source;
use super::show::quoted_path;
use super::{ConfigError, Pick, out_of};
use crate::store::audit::LogSettings;

const MEGABYTE: usize = 1024 * 1024;

/// How the audit log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The log's folder.
    pub folder: PathBuf,
    /// The folder of its keys.
    pub keys: PathBuf,
    /// Whether the keys were configured to lie elsewhere than with the log.
    pub has_own_keys_folder: bool,
    /// The file that says how far the log goes; `None`: `anchor.json` in the folder.
    pub anchor: Option<PathBuf>,
    /// Entries from one checkpoint to the next, at most.
    pub checkpoint_entries: usize,
    /// Minutes from one checkpoint to the next, at most, while there are entries.
    pub checkpoint_minutes: usize,
    /// Megabytes after which a new file is begun.
    pub segment_megabytes: usize,
}

impl Audit {
    /// The section of a configuration file; `None` if it has none. Looks at nothing else in it.
    pub fn load(file: &Path) -> Result<Option<Self>, ConfigError> {
        let source = Source::read(file)?;
        let values = source.parse()?;
        values
            .audit
            .map(|section| audit(Some(&source), section))
            .transpose()
    }

    /// What the log's writer is told.
    pub fn settings(&self) -> LogSettings {
        LogSettings {
            keys: self.keys.clone(),
            anchor: self.anchor.clone(),
            checkpoint_entries: self.checkpoint_entries as u64,
            checkpoint_every: Duration::from_secs(self.checkpoint_minutes as u64 * 60),
            segment_bytes: (self.segment_megabytes * MEGABYTE) as u64,
            ..LogSettings::new(self.folder.clone())
        }
    }

    /// The section, line by line.
    pub(super) fn lines(audit: Option<&Self>) -> Vec<String> {
        let Some(audit) = audit else {
            return vec![
                "\n# [audit] with folder keeps an audit log of what was hidden, late, failed, recorded and changed."
                    .into(),
            ];
        };
        let mut lines = vec![
            "\n[audit]".into(),
            "# Folder of the audit log.".into(),
            format!("folder = {}", quoted_path(&audit.folder)),
            "# Folder of its keys; better not with the log: who has both can make the log anew."
                .into(),
        ];
        let keys = format!("keys = {}", quoted_path(&audit.keys));
        lines.push(if audit.has_own_keys_folder {
            keys
        } else {
            format!("# {keys}")
        });
        lines.push("# File that says how far the log goes; better on another disk.".into());
        lines.push(match &audit.anchor {
            Some(anchor) => format!("anchor = {}", quoted_path(anchor)),
            None => format!(
                "# anchor = {}",
                quoted_path(&audit.folder.join(crate::store::audit::ANCHOR_FILE))
            ),
        });
        lines.push("# A signed checkpoint is made after so many entries or minutes.".into());
        lines.push(format!("checkpoint_entries = {}", audit.checkpoint_entries));
        lines.push(format!("checkpoint_minutes = {}", audit.checkpoint_minutes));
        lines.push("# Megabytes after which a new file is begun.".into());
        lines.push(format!("segment_megabytes = {}", audit.segment_megabytes));
        lines
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "folder": self.folder.to_string_lossy(),
            "keys": self.keys.to_string_lossy(),
            "anchor": self.anchor.as_ref().map(|file| file.to_string_lossy()),
            "checkpoint_entries": self.checkpoint_entries,
            "checkpoint_minutes": self.checkpoint_minutes,
            "segment_megabytes": self.segment_megabytes,
        })
    }
}

/// `[audit]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditSection {
    folder: Spanned<PathBuf>,
    keys: Option<Spanned<PathBuf>>,
    anchor: Option<Spanned<PathBuf>>,
    checkpoint_entries: Option<Spanned<usize>>,
    checkpoint_minutes: Option<Spanned<usize>>,
    segment_megabytes: Option<Spanned<usize>>,
}

/// Checks the section. Paths are relative to the file's folder.
pub(super) fn audit(source: Option<&Source>, section: AuditSection) -> Result<Audit, ConfigError> {
    let pick = Pick { source };
    let path = |name: &'static str, path: Spanned<PathBuf>| {
        pick.value("", None)
            .or_file(name, Some(path))
            .or_default(PathBuf::new())
            .checked(|path| {
                path.as_os_str()
                    .is_empty()
                    .then(|| "is empty; expected a path".into())
            })
            .map(|path| source.map_or(path.clone(), |source| source.beside(&path)))
    };
    let count = |name, value, default, most| {
        pick.value("", None)
            .or_file(name, value)
            .or_default(default)
            .checked(|count| out_of(*count, 1, most))
    };
    let folder = path("audit.folder", section.folder)?;
    let keys = section
        .keys
        .map(|keys| path("audit.keys", keys))
        .transpose()?;
    Ok(Audit {
        has_own_keys_folder: keys.is_some(),
        keys: keys.unwrap_or_else(|| folder.join("keys")),
        anchor: section
            .anchor
            .map(|anchor| path("audit.anchor", anchor))
            .transpose()?,
        checkpoint_entries: count(
            "audit.checkpoint_entries",
            section.checkpoint_entries,
            1_000,
            1_000_000,
        )?,
        checkpoint_minutes: count(
            "audit.checkpoint_minutes",
            section.checkpoint_minutes,
            5,
            24 * 60,
        )?,
        segment_megabytes: count(
            "audit.segment_megabytes",
            section.segment_megabytes,
            64,
            1_024,
        )?,
        folder,
    })
}
