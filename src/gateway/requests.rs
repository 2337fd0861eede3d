//! Carries out what commands ask a running gateway for; see [`store::requests`](crate::store::requests).
//!
//! A desk knows the orders that there are and who carries each out. A command that finds no gateway running has a
//! desk of its own: what is done, and what the audit log says of it, is the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::store::audit::Actor;
use crate::store::requests::Requests;

/// How often the gateway looks for requests.
const GLANCE: Duration = Duration::from_millis(500);

/// Carries out some orders. Methods block.
pub trait CarriesOut: Send + Sync {
    /// Whether it knows an order of this name.
    fn knows(&self, order: &str) -> bool;
    /// Carries out an order, which `order["order"]` names, for somebody; and has the audit log tell of it. Done
    /// twice it must do no harm.
    fn carry_out(&self, by: &Actor, order: Value) -> anyhow::Result<Value>;
}

/// All orders that there are.
#[derive(Clone, Default)]
pub struct Desk(Vec<Arc<dyn CarriesOut>>);

impl Desk {
    /// The same, with more orders.
    #[must_use]
    pub fn with(mut self, others: Arc<dyn CarriesOut>) -> Self {
        self.0.push(others);
        self
    }

    /// Carries out an order.
    pub fn carry_out(&self, by: &Actor, order: Value) -> anyhow::Result<Value> {
        let name = order["order"].as_str().unwrap_or_default().to_owned();
        match self.0.iter().find(|desk| desk.knows(&name)) {
            Some(desk) => desk.carry_out(by, order),
            None => {
                bail!("{name:?} is no order that this program knows; is the gateway an older one?")
            }
        }
    }

    /// Carries out what waits in a store. Blocks.
    fn attend_once(&self, requests: &Requests) {
        let (waiting, broken) = match requests.waiting() {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "requests of commands cannot be read");
                return;
            }
        };
        for error in broken {
            tracing::error!(%error, "a request of a command cannot be read");
        }
        for request in waiting {
            match requests.begin(&request.id) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::error!(%error, "a request of a command cannot be begun with");
                    continue;
                }
            }
            let outcome = self.carry_out(&request.by, request.order);
            let outcome = outcome.map_err(|error| format!("{error:#}"));
            if let Err(problem) = &outcome {
                tracing::warn!(by = %request.by, problem, "a request of a command was not carried out");
            }
            if let Err(error) = requests.answer(&request.id, outcome, Timestamp::now()) {
                tracing::error!(%error, "a request of a command cannot be answered");
            }
        }
        if let Err(error) = requests.tidy(Timestamp::now()) {
            tracing::warn!(%error, "old answers to commands cannot be thrown away");
        }
    }

    /// Carries out what is asked for in a store until the shutdown.
    pub async fn attend(self, store: PathBuf, shutdown: CancellationToken) {
        let requests = Requests::of(&store);
        while tokio::time::timeout(GLANCE, shutdown.cancelled())
            .await
            .is_err()
        {
            let (desk, requests) = (self.clone(), requests.clone());
            let attended = tokio::task::spawn_blocking(move || desk.attend_once(&requests)).await;
            if attended.is_err() {
                tracing::error!("carrying out a request of a command panicked");
            }
        }
    }
}

/// What became of what a command asked a gateway for.
#[derive(Debug)]
pub enum Asked {
    /// It was carried out, or refused.
    Answered(Result<Value, String>),
    /// It is still being carried out; the audit log will tell.
    UnderWay,
    /// Nobody began with it, and it was taken back.
    Ignored,
}

/// Asks the gateway that records into a store for something, and waits for the answer. Blocks.
pub fn ask(store: &Path, by: Actor, order: Value, patience: Duration) -> anyhow::Result<Asked> {
    let requests = Requests::of(store);
    let id = requests.ask(by, order, Timestamp::now())?;
    let until = tokio::time::Instant::now() + patience;
    while tokio::time::Instant::now() < until {
        if let Some(answer) = requests.take_answer(&id)? {
            return Ok(Asked::Answered(answer.outcome));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if requests.withdraw(&id)? {
        return Ok(Asked::Ignored);
    }
    Ok(match requests.take_answer(&id)? {
        Some(answer) => Asked::Answered(answer.outcome),
        None => Asked::UnderWay,
    })
}
