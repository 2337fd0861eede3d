//! Tells other programs of alerts and calls by HTTP: CloudEvents 1.0 in structured JSON, signed by Standard Webhooks.
//!
//! ```text
//! alerting --> deliveries (database) --> [a task for each endpoint] --POST--> endpoint
//!                    ^---- tried again later, or given up ----'
//! ```
//!
//! What is to be delivered waits in the database, so that it survives a restart; each endpoint is told one thing at a
//! time, by a task of its own, so that one that hangs holds up no other. A try fails unless the answer is 2xx:
//! redirections are not followed. 410 disables an endpoint. Tries are 5 seconds to an hour apart, or as long as
//! `Retry-After` says, until what is told is too old.
//!
//! **Architecture invariants:** calls never wait for any of this. No log line, error or stored problem has an address's
//! path, a secret or an answer's text.

mod addresses;
mod event;
mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::tls;
use crate::api::metrics::Metrics;
use crate::config::webhooks::Webhook;
use crate::store::database::DatabaseError;
use crate::store::deliveries::{Deliveries, Delivery, NewDelivery};
use crate::telemetry::metrics::Metric;
use addresses::PublicAddresses;
pub use event::CloudEvent;
pub use signature::{InvalidSecret, Signer};

/// How often the queue is looked at, as commands put things into it too.
const LOOK: Duration = Duration::from_secs(1);
/// Beyond its time a try may take this long until another takes it over.
const LEASE: Duration = Duration::from_secs(30);
/// How long the database is left alone after it failed.
const DATABASE_PAUSE: Duration = Duration::from_secs(5);
/// What the answer's text was is not of interest; no more than this is read, so that the connection can be used again.
const MOST_ANSWER: usize = 16 * 1_024;

/// How far apart tries are.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// After the first.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            longest: Duration::from_secs(3_600),
        }
    }
}

impl Pace {
    /// How long to wait after so many tries: twice as long each time, and up to a quarter more, by chance.
    fn after(self, tries: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << tries.saturating_sub(1).min(20));
        let mut byte = [0];
        // Without chance they are only more alike.
        let _ = getrandom::fill(&mut byte);
        let jitter = doubled.mul_f64(f64::from(byte[0]) / 1_024.0);
        doubled.saturating_add(jitter).min(self.longest)
    }
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was delivered.
    Delivered(u16),
    /// It was not, and may be later.
    Failed {
        /// Why, without secrets.
        problem: String,
        /// How long the endpoint wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The endpoint wants nothing any more.
    Gone,
}

/// An endpoint, ready to be told something.
pub struct Endpoint {
    webhook: Webhook,
    signer: Signer,
    client: reqwest::Client,
}

impl Endpoint {
    /// From its settings; reads its secrets.
    pub fn new(webhook: Webhook) -> anyhow::Result<Self> {
        let place = || format!("webhook {:?}", webhook.name);
        let mut secrets = Vec::new();
        for reference in &webhook.secrets {
            let secret = reference
                .read()
                .map_err(|wrong| anyhow::anyhow!("{}: secrets: {wrong}", place()))?;
            secrets.push(secret);
        }
        let signer = Signer::new(&secrets).with_context(|| format!("{}: secrets", place()))?;
        let config = tls::client(webhook.authorities.as_deref()).with_context(place)?;
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured((*config).clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(webhook.timeout)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("hushgate/", env!("CARGO_PKG_VERSION")));
        if !webhook.allow_private {
            client = client.dns_resolver(Arc::new(PublicAddresses));
        }
        let client = client.build().with_context(place)?;
        Ok(Self {
            webhook,
            signer,
            client,
        })
    }

    /// Its settings.
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// Tells it something, once.
    pub async fn tell(&self, event: &str, body: &str, now: Timestamp) -> Outcome {
        let failed = |problem: &str| Outcome::Failed {
            problem: problem.to_owned(),
            retry_after: None,
        };
        // Addresses that are written as numbers are not looked up.
        if !self.webhook.allow_private && !addresses::is_public_host(&self.webhook.url) {
            return failed("the address is not of the internet; allow_private = true permits it");
        }
        let headers = match self.signer.headers(event, now, body) {
            Ok(headers) => headers,
            Err(_) => return failed("the event's id cannot be sent"),
        };
        let request = self
            .client
            .post(self.webhook.url.clone())
            .headers(headers)
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .body(body.to_owned());
        match request.send().await {
            Ok(mut answer) => {
                let outcome = outcome(answer.status(), answer.headers(), now);
                let mut read = 0;
                while read < MOST_ANSWER
                    && let Ok(Some(chunk)) = answer.chunk().await
                {
                    read += chunk.len();
                }
                outcome
            }
            Err(error) if error.is_timeout() => failed("no answer in time"),
            Err(error) if addresses::was_refused(&error) => {
                failed("the address is not of the internet; allow_private = true permits it")
            }
            Err(error) if error.is_connect() => failed("no connection"),
            Err(_) => failed("the connection failed"),
        }
    }
}

fn outcome(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Outcome {
    match status {
        _ if status.is_success() => Outcome::Delivered(status.as_u16()),
        StatusCode::GONE => Outcome::Gone,
        _ => Outcome::Failed {
            problem: match status.is_redirection() {
                true => format!(
                    "answered {}: redirections are not followed",
                    status.as_u16()
                ),
                false => format!("answered {}", status.as_u16()),
            },
            retry_after: headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| retry_after(text.trim(), now)),
        },
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

/// All endpoints, and what waits for them.
pub struct Webhooks {
    endpoints: Vec<(Arc<Endpoint>, Arc<Notify>)>,
    deliveries: Deliveries,
    pace: Pace,
    metrics: Option<Arc<Metrics>>,
}

impl Webhooks {
    /// From settings; reads the endpoints' secrets.
    pub fn new(
        webhooks: Vec<Webhook>,
        deliveries: Deliveries,
        pace: Pace,
        metrics: Option<Arc<Metrics>>,
    ) -> anyhow::Result<Self> {
        let endpoint = |webhook| anyhow::Ok((Arc::new(Endpoint::new(webhook)?), Arc::default()));
        Ok(Self {
            endpoints: webhooks
                .into_iter()
                .map(endpoint)
                .collect::<Result<_, _>>()?,
            deliveries,
            pace,
            metrics,
        })
    }

    /// The endpoints' settings.
    pub fn webhooks(&self) -> impl Iterator<Item = &Webhook> {
        self.endpoints
            .iter()
            .map(|(endpoint, _)| endpoint.webhook())
    }

    /// Has an event told to the endpoints that want it.
    pub async fn add(
        &self,
        event: &CloudEvent,
        wants: impl Fn(&Webhook) -> bool,
    ) -> Result<(), DatabaseError> {
        for (endpoint, news) in &self.endpoints {
            let webhook = endpoint.webhook();
            if !wants(webhook) {
                continue;
            }
            let body = event.body(&webhook.source);
            let new = NewDelivery {
                endpoint: &webhook.name,
                event: event.id(),
                about: event.kind(),
                body: &body,
                call: event.call(),
            };
            let is_taken = self
                .deliveries
                .add(&new, Timestamp::now(), webhook.queue)
                .await?;
            if is_taken {
                news.notify_one();
            } else {
                tracing::warn!(
                    endpoint = webhook.name,
                    "an event was not kept for a webhook: too many wait, or it is disabled"
                );
                self.count(Metric::WebhookDropped, &webhook.name, "");
            }
        }
        Ok(())
    }

    fn count(&self, metric: Metric, endpoint: &str, result: &str) {
        if let Some(metrics) = &self.metrics {
            metrics.count(metric, endpoint, result);
        }
    }

    /// Tells endpoints what waits for them, until the shutdown.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut tasks = tokio::task::JoinSet::new();
        for (endpoint, news) in self.endpoints.clone() {
            let (this, shutdown) = (Arc::clone(&self), shutdown.clone());
            tasks.spawn(async move { this.serve(&endpoint, &news, shutdown).await });
        }
        if self.metrics.is_some() && !self.endpoints.is_empty() {
            let (this, shutdown) = (Arc::clone(&self), shutdown.clone());
            tasks.spawn(async move { this.watch_queue(shutdown).await });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Says now and then how much waits.
    async fn watch_queue(&self, shutdown: CancellationToken) {
        let mut interval = tokio::time::interval(Duration::from_secs(5));
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = interval.tick() => {}
            }
            let mut waiting = 0;
            for webhook in self.webhooks() {
                if let Ok(fares) = self.deliveries.fares(&webhook.name).await {
                    waiting += fares.waiting;
                }
            }
            if let Some(metrics) = &self.metrics {
                metrics.set(Metric::WebhookQueue, waiting as f64);
            }
        }
    }

    /// Tells one endpoint what waits for it.
    async fn serve(&self, endpoint: &Endpoint, news: &Notify, shutdown: CancellationToken) {
        loop {
            let wait = match self.step(endpoint).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, endpoint = endpoint.webhook.name, "webhooks wait for the database");
                    DATABASE_PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = news.notified(), if wait <= LOOK => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Delivers what is due; tells how long there is nothing to do.
    async fn step(&self, endpoint: &Endpoint) -> Result<Duration, DatabaseError> {
        let name = &endpoint.webhook.name;
        let Some(delivery) = self.deliveries.next(name).await? else {
            return Ok(LOOK);
        };
        let now = Timestamp::now();
        if delivery.due > now {
            let left = Duration::try_from(delivery.due.duration_since(now)).unwrap_or(LOOK);
            return Ok(left.min(LOOK));
        }
        let within = endpoint.webhook.timeout + LEASE;
        if !self.deliveries.claim(&delivery, now, within).await? {
            return Ok(Duration::ZERO);
        }
        let outcome = endpoint.tell(&delivery.event, &delivery.body, now).await;
        self.settle(endpoint, &delivery, outcome).await?;
        Ok(Duration::ZERO)
    }

    async fn settle(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        outcome: Outcome,
    ) -> Result<(), DatabaseError> {
        let webhook = &endpoint.webhook;
        let now = Timestamp::now();
        let tries = delivery.attempts + 1;
        match outcome {
            Outcome::Delivered(status) => {
                tracing::info!(
                    endpoint = webhook.name,
                    event = delivery.event,
                    tries,
                    "told a webhook"
                );
                self.count(Metric::WebhookDeliveries, &webhook.name, "delivered");
                let result = format!("answered {status}");
                self.deliveries.delivered(delivery, now, &result).await
            }
            Outcome::Gone => {
                tracing::error!(
                    endpoint = webhook.name,
                    "the webhook answered 410: it is disabled"
                );
                self.count(Metric::WebhookDeliveries, &webhook.name, "gone");
                let why = "answered 410: it wants nothing any more";
                self.deliveries.failed(delivery, now, why, None).await?;
                self.deliveries.disable(&webhook.name, why).await
            }
            Outcome::Failed {
                problem,
                retry_after,
            } => {
                let pause = self.pace.after(tries);
                let pause =
                    retry_after.map_or(pause, |asked| asked.max(pause.min(self.pace.first)));
                let age =
                    Duration::try_from(now.duration_since(delivery.created)).unwrap_or_default();
                // An endpoint may ask for as long as it likes.
                let is_too_old = age.saturating_add(pause) > webhook.max_age;
                tracing::warn!(
                    endpoint = webhook.name,
                    event = delivery.event,
                    tries,
                    problem,
                    given_up = is_too_old,
                    "a webhook was not told"
                );
                let result = if is_too_old { "given_up" } else { "failed" };
                self.count(Metric::WebhookDeliveries, &webhook.name, result);
                let again = (!is_too_old).then_some(pause);
                self.deliveries.failed(delivery, now, &problem, again).await
            }
        }
    }
}

/// The endpoints of these names and how each fares.
pub async fn fares(
    webhooks: &[Webhook],
    deliveries: &Deliveries,
) -> Result<BTreeMap<String, crate::store::deliveries::Fares>, DatabaseError> {
    let mut all = BTreeMap::new();
    for webhook in webhooks {
        all.insert(webhook.name.clone(), deliveries.fares(&webhook.name).await?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
