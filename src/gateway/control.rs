//! Performs what a call's [`egress::control`](crate::egress::control) decides: requests over HTTP and over
//! FreeSWITCH's event socket.
//!
//! ```text
//! call's task --wish--> [control task: egress::control] --request--> platform
//!      ^------ events ------'            ^------ answer ------'
//! ```
//!
//! The wish is a value that the newest one replaces: the call's task never waits. Events go into a bounded queue;
//! what finds it full is logged here and lost to the report.
//!
//! **Architecture invariants:** one request of a call is under way at a time; no redirection is followed, and no
//! more than 64 KiB of an answer is read; no log line has an address's path, a credential or an answer's text.

mod event_socket;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::header::RETRY_AFTER;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

use crate::call::CallId;
use crate::egress::control::{
    Command, ControlReply, ControlRequest, Exchange, LARGEST_REPLY, Output, Problem, Protection,
    Reading, RecorderControl as Machine, RequestId, Settings, Subject,
};
use crate::policy::Redaction;
use crate::telemetry::Event;

/// For a connection to come about, TLS included.
const CONNECTING: Duration = Duration::from_secs(1);
/// Events of one call that wait for its task.
const WAITING_EVENTS: usize = 256;
/// What a call's end may take beyond its deadlines.
const GRACE: Duration = Duration::from_secs(1);

/// A door's controller: its settings, and connections that its calls share.
#[derive(Debug, Clone)]
pub struct Controller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    client: reqwest::Client,
}

impl Controller {
    /// From settings; `tls` says whom to trust, such as [`super::tls::client`] makes it.
    pub fn new(settings: Settings, tls: &rustls::ClientConfig) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECTING)
            .timeout(settings.timing.timeout)
            .pool_max_idle_per_host(4)
            .user_agent(concat!("hushgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("no HTTP client for the recorder's control")?;
        Ok(Self(Arc::new(Shared { settings, client })))
    }
}

/// What the call's task wants.
#[derive(Debug, Clone, PartialEq)]
struct Wish {
    protection: Option<Protection>,
    finished: bool,
}

/// The call's end of its recorder's control.
#[derive(Debug)]
pub struct RecorderControl {
    wish: watch::Sender<Wish>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
    patience: Duration,
}

impl RecorderControl {
    /// Starts with the call. `call` is the platform's id of it.
    pub fn start(controller: &Controller, call: CallId) -> Self {
        let (wish, wishes) = watch::channel(Wish {
            protection: None,
            finished: false,
        });
        let (told, events) = mpsc::channel(WAITING_EVENTS);
        let timing = controller.0.settings.timing;
        let driver = Driver {
            machine: Machine::new(timing, controller.0.settings.platform.verifies()),
            shared: Arc::clone(&controller.0),
            call,
            began: Instant::now(),
            wishes,
            gone: false,
            told,
            under_way: None,
        };
        let task = tokio::spawn(driver.run().in_current_span());
        // The last wish may have come just now, and its pause must come to an end before the resumption.
        let patience = timing.pause_deadline + timing.resume_deadline + GRACE;
        Self {
            wish,
            events,
            task,
            patience,
        }
    }

    /// Follows what the session wants: call it with [`crate::session::Session::wants_protection`] after every
    /// input.
    pub fn follow(&self, wanted: Option<&Redaction>) {
        match wanted {
            None => self.release(),
            Some(redaction) => {
                if self.wish.borrow().protection.is_none() {
                    self.protect(Protection {
                        leg: redaction.leg,
                        kind: redaction.kind.name().to_owned(),
                        from: redaction.span.start,
                    });
                }
            }
        }
    }

    /// Something is to be kept out of the recording from now on.
    pub fn protect(&self, protection: Protection) {
        self.change(|wish| {
            wish.protection.get_or_insert(protection);
        });
    }

    /// Nothing is to be kept out any more, as far as is known.
    pub fn release(&self) {
        self.change(|wish| wish.protection = None);
    }

    fn change(&self, change: impl FnOnce(&mut Wish)) {
        self.wish.send_if_modified(|wish| {
            let before = wish.clone();
            change(wish);
            *wish != before
        });
    }

    /// What happened since the last time this was asked, alarms included.
    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// Waits for the next event, for a task that has nothing else to do.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The call is over: a paused recorder goes on, unless something is still to be kept out. Returns the last
    /// events.
    pub async fn finish(mut self) -> Vec<Event> {
        self.change(|wish| wish.finished = true);
        if timeout(self.patience, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.events()
    }
}

type UnderWay = Pin<Box<dyn Future<Output = (RequestId, Reading)> + Send>>;

/// The task of one call.
struct Driver {
    machine: Machine,
    shared: Arc<Shared>,
    call: CallId,
    began: Instant,
    wishes: watch::Receiver<Wish>,
    /// The call's task has gone, and wishes nothing more.
    gone: bool,
    told: mpsc::Sender<Event>,
    under_way: Option<UnderWay>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            self.carry_outputs();
            if self.machine.is_finished() {
                return;
            }
            let wake = self.machine.poll_timeout().map(|at| self.began + at);
            tokio::select! {
                biased;
                changed = self.wishes.changed(), if !self.gone => {
                    self.gone = changed.is_err();
                    self.take_wish();
                }
                (id, reading) = answer(&mut self.under_way), if self.under_way.is_some() => {
                    self.under_way = None;
                    let now = self.began.elapsed();
                    self.machine.handle_reading(now, id, reading);
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    let now = self.began.elapsed();
                    self.machine.handle_timeout(now);
                }
            }
        }
    }

    /// A call's task that is gone counts as its end.
    fn take_wish(&mut self) {
        let now = self.began.elapsed();
        let wish = self.wishes.borrow_and_update().clone();
        match wish.protection {
            Some(protection) => self.machine.protect(now, protection),
            None => self.machine.release(now),
        }
        if wish.finished || self.gone {
            self.machine.finish(now);
        }
    }

    fn carry_outputs(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send {
                    id,
                    command,
                    about,
                    timeout,
                } => {
                    let subject = Subject {
                        call: self.call.clone(),
                        leg: about.leg,
                        reason: about.kind,
                    };
                    let shared = Arc::clone(&self.shared);
                    self.under_way = Some(Box::pin(async move {
                        let reading = shared.perform(command, &subject, timeout).await;
                        tracing::debug!(?command, ?reading, "asked the recorder elsewhere");
                        (id, reading)
                    }));
                }
                Output::Event(event) => {
                    if let Err(error) = self.told.try_send(event) {
                        let event = error.into_inner();
                        tracing::error!(
                            ?event,
                            "nobody takes what happened to the recorder elsewhere"
                        );
                    }
                }
            }
        }
    }
}

/// Waits for the request under way, for ever if there is none.
async fn answer(under_way: &mut Option<UnderWay>) -> (RequestId, Reading) {
    match under_way {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}

impl Shared {
    async fn perform(&self, command: Command, subject: &Subject, limit: Duration) -> Reading {
        let platform = &self.settings.platform;
        let exchange = platform.exchange(command, subject, Timestamp::now());
        let reply = timeout(limit, async {
            match exchange {
                Exchange::Http(request) => self.ask(request).await,
                Exchange::EventSocket {
                    address,
                    password,
                    command,
                } => event_socket::ask(&address, &password, &command).await,
            }
        });
        match reply.await {
            Ok(Ok(reply)) => platform.read(command, &reply),
            Ok(Err(reading)) => reading,
            Err(_) => again(Problem::NoAnswer),
        }
    }

    /// Makes one request and reads its answer, or says what the lack of one means.
    async fn ask(&self, request: ControlRequest) -> Result<ControlReply, Reading> {
        // What cannot be sent will not be sendable later.
        let unusable = |_| Reading::Refused(Problem::Refused);
        let method = reqwest::Method::from_bytes(request.method.name().as_bytes());
        let url = request.url.parse::<reqwest::Url>().map_err(unusable)?;
        let mut building = self
            .client
            .request(method.unwrap_or_default(), url)
            .body(request.body);
        for (name, value) in &request.headers {
            let mut value = reqwest::header::HeaderValue::from_str(value.expose())
                .map_err(|_| Reading::Refused(Problem::Refused))?;
            value.set_sensitive(true);
            building = building.header(name.as_str(), value);
        }
        let lost = |error: reqwest::Error| {
            again(if error.is_connect() {
                Problem::Unreachable
            } else {
                Problem::NoAnswer
            })
        };
        let mut response = building.send().await.map_err(lost)?;
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LARGEST_REPLY {
                return Err(again(Problem::Garbled));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(ControlReply {
            status: response.status().as_u16(),
            retry_after,
            body,
        })
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
    let wait = date.timestamp().duration_since(Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn again(problem: Problem) -> Reading {
    Reading::Retry {
        after: None,
        problem,
    }
}
