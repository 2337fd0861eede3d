//! Keeps what rules raise in calls, and has others told of it and of calls.
//!
//! ```text
//! call --Event::Alerted--> [recorder's thread: tape] --> [alerting task] --> alerts (database)
//!                                                                      '--> webhooks
//! ```
//!
//! A recorder around the recorder, as the audit log and the metrics are: neither the call nor its recorder waits. What
//! finds the queue full is logged, counted, and in the report all the same.
//!
//! **Architecture invariant:** nothing that was spoken is told, and no number of a telephone.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::taping::{Around, Tape, TapeFactory};
use super::webhooks::{CloudEvent, Pace, Webhooks};
use crate::access::secret;
use crate::alert::Rules;
use crate::api::metrics::Metrics;
use crate::audio::{MediaTime, SampleIndex, Span};
use crate::call::particulars::{Label, Particulars};
use crate::config::Config;
use crate::config::webhooks::{Topic, Webhook};
use crate::egress::{CallFacts, EngineWork};
use crate::session::CleanAudio;
use crate::store::alerts::{Alert, Alerts};
use crate::store::database::{Database, DatabaseError, DatabaseSettings};
use crate::store::deliveries::Deliveries;
use crate::store::index::Index;
use crate::store::vault::RecordName;
use crate::telemetry::Event;
use crate::telemetry::alerts::{AlertKind, Severity};
use crate::telemetry::metrics::Metric;

/// What waits for the task.
const QUEUE: usize = 4_096;
/// How often the database is tried before something is given up.
const TRIES: u32 = 5;

/// Something to keep or to tell.
#[derive(Debug)]
enum Told {
    /// An alert, and the call's id as its platform gave it.
    Alert(Box<Alert>, String),
    Quarantined {
        call: RecordName,
        at: Timestamp,
    },
    Other {
        topic: Topic,
        place: Place,
        event: CloudEvent,
    },
}

/// Where a call is.
#[derive(Debug, Clone, Default)]
struct Place {
    queue: Option<String>,
    site: Option<String>,
}

/// Keeps alerts, and has others told.
pub struct Alerting {
    database: DatabaseSettings,
    webhooks: Vec<Webhook>,
    rules: Rules,
    metrics: Option<Arc<Metrics>>,
    told: mpsc::Sender<Told>,
    waiting: Mutex<Option<mpsc::Receiver<Told>>>,
}

impl std::fmt::Debug for Alerting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerting").finish_non_exhaustive()
    }
}

impl Alerting {
    /// From a configuration; `None` where there is no store to keep anything in, or nothing to keep or tell.
    pub fn new(config: &Config, metrics: Option<Arc<Metrics>>) -> Option<Arc<Self>> {
        let store = config.store.as_ref()?;
        if config.alerts.is_empty() && config.webhooks.is_empty() {
            return None;
        }
        let (told, waiting) = mpsc::channel(QUEUE);
        Some(Arc::new(Self {
            database: store.database.clone(),
            webhooks: config.webhooks.clone(),
            rules: config.alerts.clone(),
            metrics,
            told,
            waiting: Mutex::new(Some(waiting)),
        }))
    }

    /// Tapes whose alerts are kept and whose calls are told.
    pub fn tapes(self: &Arc<Self>, tapes: Arc<dyn TapeFactory>) -> Arc<dyn TapeFactory> {
        Arc::new(AlertedTapes {
            tapes,
            alerting: Arc::clone(self),
        })
    }

    /// Opens what is needed; the future that comes of it keeps and tells until the shutdown, and then what is left.
    pub async fn open(
        self: &Arc<Self>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
        let database = Database::open(&self.database).await?;
        let webhooks = Arc::new(Webhooks::new(
            self.webhooks.clone(),
            Deliveries::new(database.clone()),
            Pace::default(),
            self.metrics.clone(),
        )?);
        let keeping = Keeping {
            alerts: Alerts::new(database.clone()),
            webhooks: Arc::clone(&webhooks),
            index: Index::new(database),
            rules: self.rules.clone(),
            metrics: self.metrics.clone(),
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.take();
        Ok(async move {
            let keeping = async {
                if let Some(waiting) = waiting {
                    keeping.run(waiting, shutdown.clone()).await;
                }
            };
            tokio::join!(keeping, webhooks.run(shutdown.clone()));
        })
    }

    /// A recording was found to have what it should not, and was locked away. Tells, and raises what rules say.
    pub fn quarantined(&self, call: &RecordName) {
        self.tell(Told::Quarantined {
            call: call.clone(),
            at: Timestamp::now(),
        });
    }

    fn tell(&self, told: Told) {
        if self.told.try_send(told).is_err() {
            lost(self.metrics.as_deref(), "too many wait for the database");
        }
    }
}

/// Something is neither kept nor told.
fn lost(metrics: Option<&Metrics>, why: &str) {
    tracing::error!("an alert or event was not kept: {why}");
    if let Some(metrics) = metrics {
        metrics.count(Metric::WebhookDropped, "all", "");
    }
}

/// What alerts are kept in, and told by.
struct Keeping {
    alerts: Alerts,
    webhooks: Arc<Webhooks>,
    index: Index,
    rules: Rules,
    metrics: Option<Arc<Metrics>>,
}

impl Keeping {
    /// Keeps and tells what comes, until the shutdown and nothing is left.
    async fn run(self, mut waiting: mpsc::Receiver<Told>, shutdown: CancellationToken) {
        loop {
            let told = tokio::select! {
                biased;
                told = waiting.recv() => told,
                () = shutdown.cancelled() => None,
            };
            let Some(told) = told else {
                return;
            };
            let mut tries = 0;
            while let Err(error) = self.keep(&told).await {
                tries += 1;
                tracing::error!(%error, tries, "an alert or event waits for the database");
                if tries >= TRIES {
                    lost(self.metrics.as_deref(), "the database does not take it");
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }

    async fn keep(&self, told: &Told) -> Result<(), DatabaseError> {
        match told {
            Told::Alert(alert, call_id) => self.alert(alert, Some(call_id)).await,
            Told::Quarantined { call, at } => self.quarantined(call, *at).await,
            Told::Other {
                topic,
                place,
                event,
            } => {
                let wants = |webhook: &Webhook| {
                    webhook.topics.contains(topic)
                        && is_of(webhook, place.queue.as_deref(), place.site.as_deref())
                };
                self.webhooks.add(event, wants).await
            }
        }
    }

    async fn alert(&self, alert: &Alert, call_id: Option<&str>) -> Result<(), DatabaseError> {
        self.alerts.add(alert).await?;
        let mut data = serde_json::to_value(alert).unwrap_or(Value::Null);
        if let (Some(data), Some(call_id)) = (data.as_object_mut(), call_id) {
            data.insert("call_id".into(), call_id.into());
        }
        let kind = "hushgate.alert.raised.v1";
        let event = CloudEvent::about_call(alert.id.clone(), kind, &alert.call, alert.raised, data);
        let wants = |webhook: &Webhook| wants_alert(webhook, alert);
        self.webhooks.add(&event, wants).await
    }

    async fn quarantined(&self, call: &RecordName, at: Timestamp) -> Result<(), DatabaseError> {
        let text = |label: &Option<Label>| label.as_ref().map(|label| label.as_str().to_owned());
        let facts = self.index.get(call).await?;
        let (queue, site, agent) = match &facts {
            Some(facts) => (text(&facts.queue), text(&facts.site), text(&facts.agent)),
            None => (None, None, None),
        };
        // A call is locked away at one time: the same again has the same ids.
        let tag = format!("{}-q{:x}", call.as_str(), at.as_microsecond());
        let rules = self.rules.all().filter(|rule| {
            rule.test.kind() == AlertKind::SecondListener
                && rule.applies(queue.as_deref(), site.as_deref())
        });
        for (number, rule) in rules.enumerate() {
            let alert = Alert {
                id: format!("{tag}-{}", number + 1),
                raised: at,
                call: call.as_str().to_owned(),
                span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
                leg: None,
                rule: rule.name.clone(),
                kind: AlertKind::SecondListener,
                severity: rule.severity,
                message: rule.message.clone(),
                site: site.clone(),
                queue: queue.clone(),
                agent: agent.clone(),
                answer: None,
            };
            self.alert(&alert, None).await?;
        }
        let data = json!({ "call": call.as_str(), "queue": queue, "site": site, "agent": agent });
        let kind = "hushgate.recording.quarantined.v1";
        let event = CloudEvent::about_call(tag, kind, call.as_str(), at, data);
        let wants = |webhook: &Webhook| {
            webhook.topics.contains(&Topic::Recordings)
                && is_of(webhook, queue.as_deref(), site.as_deref())
        };
        self.webhooks.add(&event, wants).await
    }
}

fn wants_alert(webhook: &Webhook, alert: &Alert) -> bool {
    webhook.topics.contains(&Topic::Alerts)
        && (webhook.kinds.is_empty() || webhook.kinds.contains(&alert.kind))
        && alert.severity >= webhook.severity
        && is_of(webhook, alert.queue.as_deref(), alert.site.as_deref())
}

fn is_of(webhook: &Webhook, queue: Option<&str>, site: Option<&str>) -> bool {
    let is_in = |places: &[String], place: Option<&str>| {
        places.is_empty() || place.is_some_and(|place| places.iter().any(|one| one == place))
    };
    is_in(&webhook.queues, queue) && is_in(&webhook.sites, site)
}

struct AlertedTapes {
    tapes: Arc<dyn TapeFactory>,
    alerting: Arc<Alerting>,
}

impl Around for AlertedTapes {
    fn inside(&self) -> &dyn TapeFactory {
        &*self.tapes
    }

    fn begin_tape(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        let tape = self.tapes.create(facts.clone());
        let name = tape.as_ref().ok().and_then(|tape| tape.name());
        let course = Course::begin(Arc::clone(&self.alerting), &facts, name);
        let tape = tape?;
        Ok(Box::new(AlertedTape { tape, course }))
    }
}

struct AlertedTape {
    tape: Box<dyn Tape>,
    course: Course,
}

impl Tape for AlertedTape {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        let end = SampleIndex(audio.start().0 + audio.len() as u64);
        self.course.released = audio.rate().time_of(end);
        self.tape.write(audio)
    }

    fn event(&mut self, event: &Event) {
        self.course.event(event);
        self.tape.event(event);
    }

    fn name(&self) -> Option<&RecordName> {
        self.tape.name()
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let Self { tape, mut course } = *self;
        let is_normal = abnormal_end.is_none();
        let outcome = tape.finish(work, abnormal_end);
        course.end(is_normal, outcome.is_ok());
        outcome
    }
}

/// What is told of one call.
struct Course {
    alerting: Arc<Alerting>,
    /// The recording's name, by which all of this is found and forgotten with the recording; else as `call_id`.
    call: String,
    /// The call's id as its platform gave it.
    call_id: String,
    particulars: Particulars,
    began: Timestamp,
    /// Ids begin so.
    tag: String,
    told: u32,
    released: MediaTime,
    hidden: MediaTime,
    late: MediaTime,
    failed: MediaTime,
    alerts: u32,
    worst: Option<Severity>,
}

impl Course {
    fn begin(alerting: Arc<Alerting>, facts: &CallFacts, name: Option<&RecordName>) -> Self {
        let call_id = facts.call.as_str().to_owned();
        let mut course = Self {
            alerting,
            call: name.map_or_else(|| call_id.clone(), RecordName::to_string),
            call_id,
            particulars: facts.particulars.clone(),
            began: Timestamp::now(),
            // Without randomness ids are those of the call; nothing else begins so.
            tag: secret::public_id().unwrap_or_else(|_| facts.call.as_str().to_owned()),
            told: 0,
            released: MediaTime::ZERO,
            hidden: MediaTime::ZERO,
            late: MediaTime::ZERO,
            failed: MediaTime::ZERO,
            alerts: 0,
            worst: None,
        };
        course.tell(Topic::Calls, "hushgate.call.began.v1", json!({}));
        course
    }

    /// Tells something of the call.
    fn tell(&mut self, topic: Topic, kind: &'static str, more: Value) {
        let text = |label: &Option<Label>| label.as_ref().map(Label::to_string);
        let place = Place {
            queue: text(&self.particulars.queue),
            site: text(&self.particulars.site),
        };
        let mut data = json!({
            "call": self.call,
            "call_id": self.call_id,
            "queue": place.queue,
            "site": place.site,
            "agent": text(&self.particulars.agent),
            "vendor": text(&self.particulars.vendor),
            "began": self.began,
        });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        self.told += 1;
        let id = format!("{}-e{}", self.tag, self.told);
        let event = CloudEvent::about_call(id, kind, &self.call, Timestamp::now(), data);
        self.alerting.tell(Told::Other {
            topic,
            place,
            event,
        });
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Alerted { severity, .. } => {
                self.alerts += 1;
                self.worst = self.worst.max(Some(*severity));
                let now = Timestamp::now();
                if let Some(alert) = Alert::raised(event, &self.call, &self.particulars, now) {
                    let call_id = self.call_id.clone();
                    self.alerting.tell(Told::Alert(Box::new(alert), call_id));
                }
            }
            Event::Hidden { span, .. } => self.hidden = self.hidden + span.length(),
            Event::Late { span, .. } => self.late = self.late + span.length(),
            Event::Failed { span, .. } => self.failed = self.failed + span.length(),
            Event::RecorderPaused { at, verified, .. } => {
                let more = json!({ "at": seconds(*at), "verified": verified });
                self.tell(Topic::Recordings, "hushgate.recording.paused.v1", more);
            }
            Event::RecorderResumed { at, verified } => {
                let more = json!({ "at": seconds(*at), "verified": verified });
                self.tell(Topic::Recordings, "hushgate.recording.resumed.v1", more);
            }
            Event::RecorderNotPaused { at, from, .. } => {
                let more = json!({ "at": seconds(*at), "from": seconds(*from) });
                self.tell(
                    Topic::Recordings,
                    "hushgate.recording.pause_failed.v1",
                    more,
                );
            }
            Event::RecorderNotResumed { at, .. } => {
                let more = json!({ "at": seconds(*at) });
                self.tell(
                    Topic::Recordings,
                    "hushgate.recording.resume_failed.v1",
                    more,
                );
            }
            _ => {}
        }
    }

    fn end(&mut self, is_normal: bool, is_recorded: bool) {
        let more = json!({
            "duration_s": seconds(self.released),
            "hidden_s": seconds(self.hidden),
            "late_s": seconds(self.late),
            "failed_s": seconds(self.failed),
            "alerts": self.alerts,
            "worst_alert": self.worst,
            "end": if is_normal { "normal" } else { "abnormal" },
            "recorded": is_recorded,
        });
        self.tell(Topic::Calls, "hushgate.call.ended.v1", more);
    }
}

fn seconds(time: MediaTime) -> f64 {
    (time.seconds() * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests;
