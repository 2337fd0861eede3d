//! `[doors.NAME.control]`: the recorder elsewhere that a door's calls pause while something sensitive is said.
//!
//! Secrets are never written in the file: it names an environment variable or another file. What is shown has
//! the names alone.

mod read;
mod section;

use std::path::PathBuf;

use super::ConfigError;
use super::file::Source;
use crate::egress::control::Settings;

pub(super) use read::control;
pub(super) use section::ControlSection;

/// How a door's recorder is controlled, checked.
#[derive(Debug, Clone)]
pub struct Control {
    /// Whose interface, and what it is told.
    pub settings: Settings,
    /// Authorities that vouch for the platform's certificate; `None` means the system's.
    pub authorities: Option<PathBuf>,
    /// As it is written, with references in place of secrets and paths seen from the working directory.
    written: toml::Table,
}

impl Control {
    /// Reads a section that stands alone, as if it were the file `name` in the working directory.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let source = Source::new(PathBuf::from(name), text.to_owned());
        let section: ControlSection = source.parse_as()?;
        control(Some(&source), "control", 0..text.len(), section)
    }

    /// The section as it is written, with references in place of secrets and paths seen from the working
    /// directory.
    pub fn written(&self) -> &toml::Table {
        &self.written
    }
}

#[cfg(test)]
mod tests;
