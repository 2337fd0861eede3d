//! `hushgate alerts`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::recordings::report as stored_report;
use super::shared::{print, runtime};
use super::store_access::{Action, StoreArguments};
use crate::access::Permission;
use crate::alert::trial::{self, Told};
use crate::alert::{Rules, Test};
use crate::audio::{MediaTime, Span};
use crate::call::particulars::Particulars;
use crate::config::alerts;
use crate::egress::Report;
use crate::egress::report::RecorderOutcome;
use crate::policy::Policy;
use crate::store::alerts::{Alerts, Wanted};
use crate::store::database::Database;
use crate::store::vault::RecordName;
use crate::telemetry::{Event, MaskedWord};

/// Shows what was raised in calls and by which rules, and tries rules out.
///
/// Rules are `[[alert]]` in the configuration; docs/alerts.md has some to begin with.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Rules(ListRules),
    Check(Check),
}

/// Lists alerts, the latest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate alerts list --config hushgate.toml
  hushgate alerts list --state open --from 2026-11-22T00:00:00Z --json

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    /// Only those that are open, or answered.
    #[arg(long, value_name = "STATE", value_parser = ["open", "answered"])]
    state: Option<String>,
    /// Only those of this call.
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    /// Only those raised at or after.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// How many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    store: StoreArguments,
}

/// Lists the rules of a configuration.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate alerts rules --config hushgate.toml

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct ListRules {
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs rules over a call that is over, and shows what they would have raised.
///
/// What was masked in its transcript was not heard. The call is one of the store, or the report of a recording
/// (`hushgate replay call.wav --out clean` makes one).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate alerts check clean/call.json --rules rules.toml
  hushgate alerts check CA123 --config hushgate.toml
  hushgate alerts check CA123 --rules rules.toml --queue funds --config hushgate.toml

Exit status: 0 checked, 1 failed, 2 wrong usage.")]
struct Check {
    /// A report (JSON), or a call of the store as `recordings list` shows it.
    #[arg(value_name = "REPORT|CALL")]
    call: String,
    /// A file with `[[alert]]` in place of the configuration's rules.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// As if the call had been of this queue.
    #[arg(long, value_name = "NAME", value_parser = super::users::label)]
    queue: Option<String>,
    /// As if the call had been of this site.
    #[arg(long, value_name = "NAME", value_parser = super::users::label)]
    site: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(list) => list.run(),
        Command::Rules(rules) => rules.run(),
        Command::Check(check) => check.run(),
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.store.require(&[Permission::SeeAlerts], None, None)?;
        let store = self.store.store()?;
        let runtime = runtime()?;
        let wanted = Wanted {
            answered: self.state.as_deref().map(|state| state == "answered"),
            call: self.call,
            from: self.from,
        };
        let alerts = runtime.block_on(async {
            let alerts = Alerts::new(Database::open(&store.database).await?);
            alerts.list(&wanted, None, self.limit).await
        })?;
        if self.store.json {
            print(&format!("{:#}\n", json!({ "alerts": alerts })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:20} {:24} {:>8} {:8} {:20} {:20} STATE\n",
            "RAISED", "CALL", "AT", "SEVERITY", "KIND", "RULE"
        );
        for alert in &alerts {
            let state = match &alert.answer {
                None => "open".to_owned(),
                Some(answer) => format!("answered by {}", answer.by),
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:20} {:24} {:>8.1} {:8} {:20} {:20} {state}\n  {}",
                alert.raised.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                alert.call,
                alert.span.start.seconds(),
                alert.severity.name(),
                alert.kind.name(),
                alert.rule,
                alert.message
            );
        }
        let _ = writeln!(text, "{} alerts", alerts.len());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl ListRules {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.store.require(&[Permission::SeeAlerts], None, None)?;
        let file = self.store.config.as_deref();
        let rules = alerts::load(file.context("expected --config FILE (or HUSHGATE_CONFIG)")?)?;
        if self.store.json {
            print(&format!(
                "{:#}\n",
                json!({ "rules": alerts::json(rules.all()) })
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:24} {:20} {:8} {:24} MESSAGE\n",
            "RULE", "KIND", "SEVERITY", "WHERE"
        );
        for rule in rules.all() {
            let places: Vec<&str> = rule
                .queues
                .iter()
                .chain(&rule.sites)
                .map(String::as_str)
                .collect();
            let places = match places.as_slice() {
                [] => "everywhere".to_owned(),
                places => places.join(", "),
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:24} {:20} {:8} {places:24} {}",
                rule.name,
                rule.test.kind().name(),
                rule.severity.name(),
                rule.message
            );
        }
        let _ = writeln!(text, "{} rules", rules.all().count());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Check {
    fn run(self) -> anyhow::Result<ExitCode> {
        let rules = match (&self.rules, &self.store.config) {
            (Some(file), _) => alerts::load_alone(file)?,
            (None, Some(file)) => alerts::load(file)?,
            (None, None) => bail!("expected --rules FILE, or --config FILE with [[alert]]"),
        };
        let report = self.report()?;
        let call = told(&report, self.queue.as_deref(), self.site.as_deref());
        let raised = trial::alerts(&rules, &call, &Policy::default());
        if self.store.json {
            let shown: Vec<serde_json::Value> = raised.iter().map(|event| json!(event)).collect();
            print(&format!(
                "{:#}\n",
                json!({ "call": report.call, "alerts": shown })
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        print(&text(&rules, &call, &raised))?;
        Ok(ExitCode::SUCCESS)
    }

    fn report(&self) -> anyhow::Result<Report> {
        let file = Path::new(&self.call);
        if file.is_file() {
            let text = std::fs::read(file)
                .with_context(|| format!("{}: cannot be read", file.display()))?;
            return serde_json::from_slice(&text)
                .map_err(|_| anyhow::anyhow!("{}: is no report of a recording", file.display()));
        }
        let Ok(name) = RecordName::new(&self.call) else {
            bail!(
                "{}: there is no such file, and it is no name of a call",
                self.call
            );
        };
        if self.store.config.is_none() {
            bail!(
                "{}: there is no such file; expected --config FILE with a [store] for a call of it",
                self.call
            );
        }
        let vault = self.store.open(Action::Show(&name))?;
        Ok(stored_report(&vault, &name)?)
    }
}

fn text(rules: &Rules, call: &Told, raised: &[Event]) -> String {
    let mut text = String::new();
    for event in raised {
        if let Event::Alerted {
            rule,
            kind,
            severity,
            leg,
            span,
            message,
            ..
        } = event
        {
            let leg = leg.map_or("both", |leg| leg.name());
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:>8.1} - {:.1} s  {leg:8} {:8} {:20} {rule}: {message}",
                span.start.seconds(),
                span.end.seconds(),
                severity.name(),
                kind.name(),
            );
        }
    }
    let particulars = &call.place;
    let (queue, site) = (
        particulars.queue.as_ref().map(|label| label.as_str()),
        particulars.site.as_ref().map(|label| label.as_str()),
    );
    let applying = rules.all().filter(|rule| rule.applies(queue, site)).count();
    let _ = writeln!(
        text,
        "{} alerts of {applying} rules that apply, {} in all",
        raised.len(),
        rules.all().count()
    );
    if rules
        .all()
        .any(|rule| matches!(rule.test, Test::HeardAgain))
    {
        text.push_str(
            "note: rules of second_listener are not tried: they are of what is heard afterwards\n",
        );
    }
    text
}

/// What a report says of its call.
fn told(report: &Report, queue: Option<&str>, site: Option<&str>) -> Told {
    let label =
        |text: Option<&str>| text.and_then(|text| crate::call::particulars::Label::new(text).ok());
    let span = |start: f64, end: f64| {
        Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end))
    };
    let at = MediaTime::from_seconds;
    let mut events = Vec::new();
    for said in &report.transcript {
        let words = said.words.iter().map(|word| MaskedWord {
            span: span(word.start, word.end),
            text: word.text.clone(),
            masked: word.text.starts_with('['),
        });
        let event = Event::Transcribed {
            leg: said.leg,
            span: span(said.start, said.end),
            text: String::new(),
            words: words.collect(),
        };
        events.push((at(said.end), event));
    }
    for hidden in &report.spans {
        let event = Event::Hidden {
            leg: hidden.leg,
            span: span(hidden.start, hidden.end),
            kind: hidden.kind.clone(),
            reason: hidden.reason.clone(),
            rule: hidden.rule.clone(),
            confidence: hidden.confidence as f32,
            paused: hidden.paused,
        };
        events.push((at(hidden.end), event));
    }
    for late in &report.late {
        let span = span(late.start, late.end);
        events.push((
            span.end,
            Event::Late {
                leg: late.leg,
                span,
            },
        ));
    }
    for failed in &report.failed {
        let (leg, cause) = (failed.leg, failed.cause);
        let span = span(failed.start, failed.end);
        events.push((span.end, Event::Failed { leg, span, cause }));
    }
    for step in &report.recorder_control {
        let reason = step.reason.clone().unwrap_or_default();
        let when = at(step.at);
        let event = match (step.step, step.leg) {
            (RecorderOutcome::NotPaused, Some(leg)) => Event::RecorderNotPaused {
                leg,
                kind: step.kind.clone().unwrap_or_default(),
                from: at(step.from.unwrap_or(step.at)),
                at: when,
                reason,
            },
            (RecorderOutcome::NotResumed, _) => Event::RecorderNotResumed { at: when, reason },
            _ => continue,
        };
        events.push((when, event));
    }
    Told {
        place: Particulars {
            queue: label(queue).or_else(|| report.parties.queue.clone()),
            site: label(site).or_else(|| report.parties.site.clone()),
            ..Particulars::default()
        },
        length: at(report.duration_s),
        events,
    }
}
