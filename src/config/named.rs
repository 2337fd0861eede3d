//! Sections that have names, of which there may be several: `[[alert]]`, `[[webhook]]`. Errors tell which one.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;

use super::ConfigError;
use super::file::{Source, wrong};

/// A section with a name.
pub(super) struct Named<'a> {
    /// The file that it is in, if it is in one.
    pub(super) source: Option<&'a Source>,
    /// What it is: `alert`.
    pub(super) what: &'static str,
    /// Its name, as it is written.
    pub(super) name: Spanned<String>,
}

impl Named<'_> {
    /// The name, if it is one. What it is used for takes plain text.
    pub(super) fn checked_name(&self) -> Result<String, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = self.name.get_ref();
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let problem = "expected 1 to 64 letters, digits, '-' and '_'";
            return Err(self.error(&self.name.span(), "name", problem));
        }
        Ok(name.clone())
    }

    /// What is wrong with a field of it.
    pub(super) fn error(&self, span: &Range<usize>, field: &str, problem: &str) -> ConfigError {
        let field = format!("{} {:?}: {field}", self.what, self.name.get_ref());
        wrong(self.source, span, &field, problem)
    }

    /// A value out of those that there are.
    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &self,
        field: &str,
        written: &Spanned<String>,
    ) -> Result<T, ConfigError> {
        written.get_ref().parse().map_err(|expected| {
            let problem = format!("{:?} is not known; {expected}", written.get_ref());
            self.error(&written.span(), field, &problem)
        })
    }
}
