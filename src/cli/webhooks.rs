//! `hushgate webhooks`.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::shared::{print, runtime};
use super::store_access::{StoreArguments, guard};
use crate::access::{Permission, secret};
use crate::api::webhooks::{endpoints, was_retried};
use crate::config::Audit;
use crate::config::webhooks::{self, Webhook};
use crate::gateway::webhooks::{CloudEvent, Endpoint, Outcome};
use crate::store::database::Database;
use crate::store::deliveries::Deliveries;

/// Shows how webhooks fare and what could not be delivered, tries it again, and tries endpoints out.
///
/// Webhooks are `[[webhook]]` in the configuration; see docs/alerts.md.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Dead(Dead),
    Retry(Retry),
    Test(Test),
}

/// Lists webhooks: what waits for each, and what came of the last try.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate webhooks list --config hushgate.toml

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
}

/// Lists what could not be delivered, the latest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate webhooks dead --config hushgate.toml
  hushgate webhooks dead --json

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct Dead {
    #[command(flatten)]
    store: StoreArguments,
}

/// Has what could not be delivered tried again by the gateway; a webhook that is disabled is told of things again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate webhooks retry desk.abcdefgh-3 --config hushgate.toml
  hushgate webhooks retry --all --config hushgate.toml

Exit status: 0 it waits again, 1 failed, 2 wrong usage.")]
struct Retry {
    /// What, as `webhooks dead` shows it.
    #[arg(
        value_name = "DELIVERY",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    id: Option<String>,
    /// All of it.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Sends a test event to a webhook, once, and says what came of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate webhooks test desk --config hushgate.toml

Exit status: 0 delivered, 1 failed, 2 wrong usage.")]
struct Test {
    /// Its name.
    #[arg(value_name = "WEBHOOK")]
    name: String,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(list) => list.run(),
        Command::Dead(dead) => dead.run(),
        Command::Retry(retry) => retry.run(),
        Command::Test(test) => test.run(),
    }
}

/// The configuration's webhooks.
fn configured(store: &StoreArguments) -> anyhow::Result<Vec<Webhook>> {
    let file = store.config.as_deref();
    let file = file.context("expected --config FILE (or HUSHGATE_CONFIG) with [[webhook]]")?;
    Ok(webhooks::load(file)?)
}

async fn deliveries(store: &StoreArguments) -> anyhow::Result<Deliveries> {
    Ok(Deliveries::new(
        Database::open(&store.store()?.database).await?,
    ))
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.store
            .require(&[Permission::ReadConfiguration], None, None)?;
        let webhooks = configured(&self.store)?;
        let endpoints = runtime()?.block_on(async {
            let deliveries = deliveries(&self.store).await?;
            anyhow::Ok(endpoints(&webhooks, &deliveries).await?)
        })?;
        if self.store.json {
            print(&format!("{:#}\n", json!({ "webhooks": endpoints })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:16} {:9} {:>8} {:>6} {:>10} {:>8} {:28} URL\n",
            "WEBHOOK", "STATE", "WAITING", "DEAD", "DELIVERED", "DROPPED", "LAST"
        );
        for endpoint in &endpoints {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:16} {:9} {:>8} {:>6} {:>10} {:>8} {:28} {}",
                endpoint.name,
                endpoint.state,
                endpoint.fares.waiting,
                endpoint.fares.dead,
                endpoint.fares.delivered,
                endpoint.fares.dropped,
                endpoint.fares.last_result.as_deref().unwrap_or("-"),
                endpoint.url
            );
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What is listed and tried again at once.
const MOST: u32 = 10_000;

impl Dead {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.store
            .require(&[Permission::ReadConfiguration], None, None)?;
        let dead = runtime()?.block_on(async {
            let deliveries = deliveries(&self.store).await?;
            anyhow::Ok(deliveries.dead(MOST).await?)
        })?;
        if self.store.json {
            print(&format!("{:#}\n", json!({ "dead": dead })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:36} {:32} {:20} {:>5} PROBLEM\n",
            "DELIVERY", "TYPE", "SINCE", "TRIES"
        );
        for delivery in &dead {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:36} {:32} {:20} {:>5} {}",
                delivery.id,
                delivery.about,
                delivery.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                delivery.attempts,
                delivery.problem.as_deref().unwrap_or("-")
            );
        }
        let _ = writeln!(text, "{} could not be delivered", dead.len());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Retry {
    fn run(self) -> anyhow::Result<ExitCode> {
        let actor = self
            .store
            .require(&[Permission::ManageWebhooks], None, None)?;
        let file = self.store.config.as_deref();
        let audit = file.map(Audit::load).transpose()?.flatten();
        let retried = runtime()?.block_on(async {
            let deliveries = deliveries(&self.store).await?;
            let ids: Vec<String> = match &self.id {
                Some(id) => vec![id.clone()],
                None => {
                    let dead = deliveries.dead(MOST).await?;
                    dead.into_iter().map(|delivery| delivery.id).collect()
                }
            };
            let mut retried = Vec::new();
            for id in ids {
                let delivery = deliveries.retry(&id, Timestamp::now()).await?;
                retried.push(delivery.with_context(|| {
                    format!("{id}: nothing of this id could not be delivered; `hushgate webhooks dead` shows what")
                })?);
            }
            anyhow::Ok(retried)
        })?;
        for delivery in &retried {
            let record = was_retried(delivery).by(actor.clone());
            guard::tell(audit.as_ref(), &self.store.store()?.path, record)?;
        }
        if self.store.json {
            print(&format!("{:#}\n", json!({ "retried": retried })))?;
        } else {
            print(&format!("{} wait again\n", retried.len()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Test {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.store
            .require(&[Permission::ManageWebhooks], None, None)?;
        let webhooks = configured(&self.store)?;
        let Some(webhook) = webhooks.iter().find(|webhook| webhook.name == self.name) else {
            let names: Vec<&str> = webhooks
                .iter()
                .map(|webhook| webhook.name.as_str())
                .collect();
            bail!(
                "{}: there is no such webhook; there are {}",
                self.name,
                names.join(", ")
            );
        };
        let now = Timestamp::now();
        let event = CloudEvent::test(format!("test-{}", secret::public_id()?), now);
        let body = event.body(&webhook.source);
        let endpoint = Endpoint::new(webhook.clone())?;
        let outcome = runtime()?.block_on(endpoint.tell(event.id(), &body, now));
        let (is_delivered, what) = match outcome {
            Outcome::Delivered(status) => (true, format!("delivered: answered {status}")),
            Outcome::Failed { problem, .. } => (false, problem),
            Outcome::Gone => (false, "answered 410: it wants nothing any more".to_owned()),
        };
        if self.store.json {
            let shown = json!({ "webhook": self.name, "event": event.id(), "delivered": is_delivered, "result": what });
            print(&format!("{shown:#}\n"))?;
        } else {
            print(&format!("{}: {what}\n", self.name))?;
        }
        Ok(if is_delivered {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
