//! `hushgate hold`.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::operator::OperatorArguments;
use super::orders::{self, Given, UNDER_WAY};
use super::shared::print;
use super::store_access::StoreArguments;
use crate::access::Permission;
use crate::call::note::reason;
use crate::gateway::retention::Order;
use crate::store::documents::Id;
use crate::store::retention::holds::{Hold, Holds, Scope};
use crate::store::vault::RecordName;

/// Places, releases and lists legal holds: what is on hold is not deleted and not erased, whatever asks for it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Place(Place),
    Release(Release),
    List(List),
}

/// Holds a call, or all calls that something is so of, those to come included.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate hold place --call CA123 --reason \"case 17\" --config hushgate.toml
  hushgate hold place --agent kim --from 2026-01-01T00:00:00Z --to 2026-07-01T00:00:00Z --reason \"case 18\"

A gateway that is running carries it out. When the command has ended, nothing on hold goes any more.
Exit status: 0 placed, 1 failed, 2 wrong usage.")]
struct Place {
    #[command(flatten)]
    scope: ScopeArguments,
    /// Why, in words that the audit log keeps.
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// What is held: calls for which all that is given is so.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct ScopeArguments {
    /// The call, as `recordings list` shows it.
    #[arg(long, value_name = "CALL", value_parser = RecordName::new)]
    call: Option<RecordName>,
    /// Calls of this agent.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Calls of this queue.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Calls from or to this telephone number.
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Calls that began at or after.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Calls that began before.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

/// Ends a hold. What it kept may be deleted by the next run of retention.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate hold release hold-abcdefghij --reason \"case 17 was closed\" --config hushgate.toml

Exit status: 0 released, 1 failed, 2 wrong usage.")]
struct Release {
    /// The hold, as `hold list` shows it.
    #[arg(value_name = "HOLD", value_parser = Id::new)]
    hold: Id,
    /// Why, in words that the audit log keeps.
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// Shows the legal holds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate hold list --config hushgate.toml
  hushgate hold list --all --json              Those that were released too

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    /// Those that were released too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Place(place) => place.run(),
        Command::Release(release) => release.run(),
        Command::List(list) => list.run(),
    }
}

impl Place {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        let ScopeArguments {
            call,
            agent,
            queue,
            number,
            from,
            to,
        } = self.scope;
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            bail!("--from {from}, --to {to}: nothing is between; expected --from before --to");
        }
        let actor = opened.permit(Permission::PlaceHolds, call.as_ref(), Some(&self.operator))?;
        if let Some(call) = &call {
            opened.vault.record(call)?;
        }
        let scope = Scope {
            call: call.map(|call| call.to_string()),
            agent,
            queue,
            number: number
                .map(|number| opened.number_hash(number))
                .transpose()?,
            from,
            to,
        };
        let reason = self.reason;
        let given = opened.give(&actor, Order::PlaceHold { scope, reason })?;
        tell(self.store.json, given, "placed")
    }
}

impl Release {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        let actor = opened.permit(Permission::PlaceHolds, None, Some(&self.operator))?;
        let order = Order::ReleaseHold {
            hold: self.hold,
            reason: self.reason,
        };
        let given = opened.give(&actor, order)?;
        tell(self.store.json, given, "released")
    }
}

fn tell(json: bool, given: Given, done: &str) -> anyhow::Result<ExitCode> {
    match given {
        Given::Done(outcome) if json => print(&format!("{outcome:#}\n"))?,
        Given::Done(outcome) => {
            let hold: Hold = serde_json::from_value(outcome["hold"].clone())?;
            print(&format!(
                "{} {done}: {}; {} calls that are known\n",
                hold.id, hold.scope, outcome["calls"]
            ))?;
        }
        Given::UnderWay if json => print(&format!("{}\n", json!({ "under_way": true })))?,
        Given::UnderWay => print(&format!("{UNDER_WAY}\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        opened.permit(Permission::ReadRetention, None, None)?;
        let mut holds = Holds::of(opened.vault.path()).all()?;
        if !self.all {
            holds.retain(Hold::is_in_force);
        }
        if self.store.json {
            print(&format!("{:#}\n", json!({ "holds": holds })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:16} {:20} {:16} {:36} REASON\n",
            "HOLD", "PLACED", "BY", "UPON"
        );
        for hold in &holds {
            let placed = hold.placed_at.strftime("%Y-%m-%dT%H:%M:%SZ");
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "{:16} {placed:20} {:16} {:36} {}",
                hold.id.as_str(),
                hold.placed_by,
                hold.scope.to_string(),
                hold.reason
            );
            if let Some(release) = &hold.released {
                let _ = write!(text, " (released by {}: {})", release.by, release.reason);
            }
            text.push('\n');
        }
        let _ = writeln!(text, "{} holds", holds.len());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
