//! Reports on a period: calls monitored, what was hidden, gaps and their reasons, alerts, what was done with records.
//!
//! For the command and the interface alike. Figures come from the store's index and the audit log; nothing is decrypted.

mod charts;
mod controls;
mod gather;
mod page;
mod table;
mod words;

use std::fmt;

use anyhow::bail;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::store::summary::Summary;

pub use gather::{Sources, gather};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A page of its own, without script.
    Html,
    /// RFC 4180.
    Csv,
    /// For programs.
    Json,
    /// A table of text.
    Text,
}

/// A day, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A day in UTC.
    Day(Date),
    /// A time.
    Time(Timestamp),
}

impl Moment {
    /// Reads `2026-11-22` or `2026-11-22T10:00:00Z`.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse::<Timestamp>()
            .map(Self::Time)
            .or_else(|_| text.parse::<Date>().map(Self::Day))
            .map_err(|_| {
                format!(
                    "{text:?} is not a day; expected such as 2026-11-22 or 2026-11-22T10:00:00Z"
                )
            })
    }

    /// The beginning of the day, in UTC.
    fn begins(self) -> anyhow::Result<Timestamp> {
        match self {
            Self::Time(time) => Ok(time),
            Self::Day(day) => Ok(day.to_zoned(TimeZone::UTC)?.timestamp()),
        }
    }

    /// The end of the day, in UTC.
    fn ends(self) -> anyhow::Result<Timestamp> {
        match self {
            Self::Time(time) => Ok(time),
            Self::Day(day) => Self::Day(day.tomorrow()?).begins(),
        }
    }
}

/// What a report is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: Timestamp,
    /// Not in it any more.
    to: Timestamp,
    /// When the report was made.
    made: Timestamp,
}

impl Period {
    /// From one moment to the end of another; unless told otherwise until now, and from 30 days before.
    pub fn new(from: Option<Moment>, to: Option<Moment>) -> anyhow::Result<Self> {
        let made = Timestamp::now();
        let to = to.map_or(Ok(made), Moment::ends)?;
        let month = || {
            Ok(to
                .to_zoned(TimeZone::UTC)
                .checked_sub(Span::new().days(30))?
                .timestamp())
        };
        let from = from.map_or_else(month, Moment::begins)?;
        if from >= to {
            bail!("from {from}: expected a time before {to}, the end");
        }
        Ok(Self { from, to, made })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        // Up to midnight is up to the day before.
        let last = self
            .to
            .checked_sub(jiff::SignedDuration::from_micros(1))
            .unwrap_or(self.to);
        match (day(self.from), day(last)) {
            (first, last) if first == last => f.write_str(&first),
            (first, last) => write!(f, "{first} to {last}"),
        }
    }
}

/// The report as text of a form.
pub fn written(form: Form, period: &Period, summary: &Summary) -> anyhow::Result<String> {
    Ok(match form {
        Form::Html => page::page(period, summary),
        Form::Csv => table::csv(period, summary),
        Form::Json => table::json(period, summary)?,
        Form::Text => table::text(period, summary),
    })
}

#[cfg(test)]
mod tests;
