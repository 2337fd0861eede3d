//! `hushgate retention`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::OperatorArguments;
use super::orders::{self, Given, UNDER_WAY};
use super::shared::{note, print};
use super::store_access::StoreArguments;
use crate::access::Permission;
use crate::gateway::retention::{Order, shown_parts};
use crate::store::retention::{Decision, Plan};

/// Shows and deletes what need not be kept any longer, by the policies of the configuration (`[[retention]]`).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Plan(PlanArguments),
    Run(RunArguments),
}

/// Shows what would be deleted now. Deletes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate retention plan --config hushgate.toml
  hushgate retention plan --sums               How much by policy, without the calls
  hushgate retention plan --json

Exit status: 0 shown, 1 failed, 2 wrong usage.")]
struct PlanArguments {
    /// Show the sums alone.
    #[arg(long)]
    sums: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Deletes what need not be kept any longer, as the gateway does by its schedule.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate retention run --config hushgate.toml

A gateway that is running carries it out, beside recording; the audit log has an entry for each deletion.
Exit status: 0 deleted or begun, 1 something could not be deleted, 2 wrong usage.")]
struct RunArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Plan(plan) => plan.run(),
        Command::Run(run) => run.run(),
    }
}

impl PlanArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        opened.permit(Permission::ReadRetention, None, None)?;
        let mut decisions = Vec::new();
        let mut text = format!("{:36} {:20} {:24} POLICY\n", "CALL", "BEGAN", "PARTS");
        let plan = opened.onlooker()?.plan(&mut |decision| {
            if self.sums {
            } else if self.store.json {
                decisions.push(decision.clone());
            } else {
                text += &shown(decision);
            }
        })?;
        if self.store.json {
            let policies: Vec<&str> = names(&opened);
            let shown = json!({ "plan": plan, "calls": decisions, "policies": policies });
            print(&format!("{shown:#}\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.sums || (plan.due == 0 && plan.held == 0) {
            text.clear();
        }
        if opened.keeping.retention.policies.is_empty() {
            note("note: the configuration has no [[retention]]: nothing is deleted by itself");
        }
        print(&(text + &sums(&plan)))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn names(opened: &orders::Opened) -> Vec<&str> {
    let policies = opened.keeping.retention.policies.iter();
    policies.map(|policy| policy.name.as_str()).collect()
}

fn shown(decision: &Decision) -> String {
    let mut policies: Vec<&str> = decision.parts.values().map(String::as_str).collect();
    policies.dedup();
    let mut line = format!(
        "{:36} {:20} {:24} {}",
        decision.call.as_str(),
        decision.began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        shown_parts(decision.parts.keys()),
        policies.join(", ")
    );
    if !decision.held_by.is_empty() {
        line += &format!("; kept by {}", decision.held_by.join(", "));
    }
    line + "\n"
}

fn sums(plan: &Plan) -> String {
    let mut text = String::new();
    for (policy, sum) in &plan.policies {
        let parts: Vec<String> = sum
            .parts
            .iter()
            .map(|(content, count)| format!("{count} {}", content.name()))
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{policy}: {} calls ({})", sum.calls, parts.join(", "));
    }
    let _ = writeln!(
        text,
        "{} of {} calls are due, {:.1} MB of them whole; {} more are kept by legal holds",
        plan.due,
        plan.calls,
        plan.bytes as f64 / 1e6,
        plan.held
    );
    text
}

impl RunArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        let actor = opened.permit(Permission::RunRetention, None, Some(&self.operator))?;
        let given = opened.give(&actor, Order::RunRetention)?;
        let outcome = match given {
            Given::Done(outcome) => outcome,
            Given::UnderWay => json!({ "began": true }),
        };
        if self.store.json {
            print(&format!("{outcome:#}\n"))?;
        } else if let Some(began) = outcome["began"].as_bool() {
            print(&format!(
                "{}\n",
                match began {
                    true => UNDER_WAY,
                    false => "a run is under way already",
                }
            ))?;
        } else {
            let plan: Plan = serde_json::from_value(outcome["plan"].clone())?;
            print(&format!("{}{} deleted\n", sums(&plan), outcome["deleted"]))?;
        }
        let failed = outcome["failed"].as_object();
        for (call, problem) in failed.into_iter().flatten().take(10) {
            note(&format!(
                "error: {call}: {}",
                problem.as_str().unwrap_or_default()
            ));
        }
        Ok(match failed.is_some_and(|failed| !failed.is_empty()) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    }
}
