//! `hushgate recordings search` and `reindex`.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::super::shared::print;
use super::super::store_access::{Action, Progress, StoreArguments};
use crate::call::particulars::{Label, telephone_number};
use crate::gateway::records::reindex;
use crate::store::index::{Cursor, IndexedCall, Order, Page, PageRequest, Query};
use crate::store::vault::{State, Vault};

/// Finds calls by when they were, who took part, and what was hidden in them. Decrypts nothing.
///
/// All that is given has to hold. Telephone numbers are found however they are written (+1 415 555 0100,
/// 0014155550100); the store has them only as keyed hashes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate recordings search --agent Alice --from 2026-11-01
  hushgate recordings search --number '+1 415 555 0100'
  hushgate recordings search --kind pan --site Lisbon --from 2026-11-01 --to 2026-12-01
  hushgate recordings search --alert late --json
  hushgate recordings search --limit 500 --after 660da8a4245c0.CA123

Times are dates (UTC) or such as 2026-11-22T14:30:00Z. --to is not part of what is found; a date alone stands for
its beginning. Exit status: 0 searched, whether or not a call was found; 1 failed, 2 wrong usage.")]
pub(super) struct Search {
    /// Calls that began then or later.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Calls that began earlier.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Who spoke for the contact centre.
    #[arg(long, value_name = "NAME", value_parser = Label::new)]
    agent: Option<Label>,
    /// Through which queue the call came.
    #[arg(long, value_name = "NAME", value_parser = Label::new)]
    queue: Option<Label>,
    /// Where the agent works.
    #[arg(long, value_name = "NAME", value_parser = Label::new)]
    site: Option<Label>,
    /// For which company the agent works.
    #[arg(long, value_name = "NAME", value_parser = Label::new)]
    vendor: Option<Label>,
    /// Which law applies.
    #[arg(long, value_name = "NAME", value_parser = Label::new)]
    jurisdiction: Option<Label>,
    /// What came of the call.
    #[arg(long, value_name = "NAME", value_parser = Label::new)]
    outcome: Option<Label>,
    /// Who called, or was called.
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// A kind of data that was hidden, such as pan or cvv.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// An alert: late, failed, pause_failed, abnormal_end, cut_off, altered, unreadable.
    #[arg(long, value_name = "RULE")]
    alert: Option<String>,
    /// How far the record has come.
    #[arg(long, value_enum)]
    state: Option<StateName>,
    /// Only calls that are locked away because something was heard in them afterwards.
    #[arg(long)]
    quarantined: bool,
    /// Only calls with a legal hold.
    #[arg(long)]
    held: bool,
    /// Calls to show at most.
    #[arg(long, value_name = "COUNT", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on after this place, which the page before has told.
    #[arg(long, value_name = "PLACE")]
    after: Option<Cursor>,
    /// The earliest first.
    #[arg(long)]
    oldest_first: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateName {
    Open,
    Complete,
    Incomplete,
}

/// Makes the index of calls anew from what is in the store. The gateway may run meanwhile.
///
/// The gateway keeps the index by itself; this is for one that was lost, or that does not agree with the store.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate recordings reindex --config hushgate.toml

Exit status: 0 done, 1 failed, 2 wrong usage.")]
pub(super) struct Reindex {
    #[command(flatten)]
    store: StoreArguments,
}

/// A time, or the beginning of a day, UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let day: Result<Date, _> = text.parse();
    day.ok()
        .and_then(|day| day.to_zoned(TimeZone::UTC).ok())
        .map(|day| day.timestamp())
        .ok_or_else(|| "expected a time such as 2026-11-22 or 2026-11-22T14:30:00Z".into())
}

impl Search {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (vault, index, runtime) = self.store.open_with_index(Action::Search)?;
        let query = self.query(&vault)?;
        let page = PageRequest {
            after: self.after.clone(),
            limit: self.limit,
            order: if self.oldest_first {
                Order::OldestFirst
            } else {
                Order::NewestFirst
            },
        };
        let found = runtime.block_on(index.search(&query, &page))?;
        if self.store.json {
            print(&format!(
                "{:#}\n",
                json!({ "calls": found.calls, "next": found.next })
            ))?;
        } else {
            print(&table(&found))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn query(&self, vault: &Vault) -> anyhow::Result<Query> {
        let text = |label: &Option<Label>| label.as_ref().map(|label| label.as_str().to_owned());
        let number = match &self.number {
            None => None,
            Some(number) => {
                let number = telephone_number(number)
                    .context("--number: is no telephone number; expected 3 to 20 digits")?;
                Some(vault.number_key()?.hash(&number))
            }
        };
        Ok(Query {
            from: self.from,
            to: self.to,
            agent: text(&self.agent),
            queue: text(&self.queue),
            site: text(&self.site),
            vendor: text(&self.vendor),
            jurisdiction: text(&self.jurisdiction),
            outcome: text(&self.outcome),
            number,
            kind: self.kind.clone(),
            alert: self.alert.clone(),
            state: self.state.map(|state| match state {
                StateName::Open => State::Open,
                StateName::Complete => State::Complete,
                StateName::Incomplete => State::Incomplete,
            }),
            quarantined: self.quarantined.then_some(true),
            held: self.held.then_some(true),
        })
    }
}

impl Reindex {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (vault, index, runtime) = self.store.open_with_index(Action::Reindex)?;
        let progress = Progress::new("indexing");
        let show = |done, total| progress.show(done, total);
        let done = runtime.block_on(reindex(&vault, &index, show))?;
        drop(progress);
        if self.store.json {
            print(&format!("{}\n", json!(done)))?;
        } else {
            print(&format!(
                "{} calls in the index; {} taken out that are not in the store\n",
                done.calls, done.removed
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Calls as lines, with only the columns that say something.
fn table(page: &Page) -> String {
    if page.calls.is_empty() {
        return "no such calls\n".into();
    }
    let label = |label: &Option<Label>| label.as_ref().map_or("-".into(), ToString::to_string);
    type Cell = Box<dyn Fn(&IndexedCall) -> String>;
    let columns: [(&str, Cell); 9] = [
        (
            "BEGAN",
            Box::new(|call| call.began.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        ),
        ("CALL", Box::new(|call| call.name.to_string())),
        ("LENGTH", Box::new(|call| length(call.duration_s))),
        ("AGENT", Box::new(move |call| label(&call.agent))),
        ("QUEUE", Box::new(move |call| label(&call.queue))),
        ("SITE", Box::new(move |call| label(&call.site))),
        ("VENDOR", Box::new(move |call| label(&call.vendor))),
        ("HIDDEN", Box::new(hidden)),
        ("NOTE", Box::new(notes)),
    ];
    let mut text = String::new();
    let mut lines = vec![String::new(); page.calls.len() + 1];
    for (title, cell) in columns {
        let cells: Vec<String> = page.calls.iter().map(cell).collect();
        if cells.iter().all(|cell| cell == "-") {
            continue;
        }
        let cells = std::iter::once(title.to_owned()).chain(cells);
        let cells: Vec<String> = cells.collect();
        let width = cells.iter().map(|cell| cell.chars().count()).max();
        for (line, cell) in lines.iter_mut().zip(&cells) {
            // Writing to a string does not fail.
            let _ = write!(line, "{cell:width$}  ", width = width.unwrap_or_default());
        }
    }
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    match &page.next {
        Some(next) => {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} calls; more with --after {next}", page.calls.len());
        }
        None => {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} calls", page.calls.len());
        }
    }
    text
}

/// Minutes and seconds, or hours, minutes and seconds.
fn length(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds / 3_600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// How many seconds of each kind.
fn hidden(call: &IndexedCall) -> String {
    let kinds = call.hidden_s.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, seconds)| format!("{kind} {seconds:.1}s"))
        .collect();
    if kinds.is_empty() {
        "-".into()
    } else {
        kinds.join(", ")
    }
}

/// What is not as with other calls.
fn notes(call: &IndexedCall) -> String {
    let mut notes = Vec::new();
    if call.state != State::Complete {
        notes.push(call.state.name().to_owned());
    }
    if call.quarantined {
        notes.push("quarantined".into());
    }
    if call.holds > 0 {
        notes.push("held".into());
    }
    notes.extend(call.alerts.keys().cloned());
    if notes.is_empty() {
        "-".into()
    } else {
        notes.join(", ")
    }
}

#[cfg(test)]
mod tests;
