//! Listening to a call under way: its clean audio, as it leaves, to a WebSocket.
//!
//! A listener who is too slow misses the oldest blocks, which the indices show. The call knows nothing of it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep_until, timeout};
use utoipa::IntoParams;

use super::super::Api;
use super::super::audit::actor;
use super::super::guard::Proof;
use super::super::problem::{Code, Problem, ProblemDocument};
use super::super::query::Query;
use super::open::{ASKED_EVERY, Place, Viewer};
use super::shown;
use super::watching::{GOING_AWAY, POLICY, upgradable};
use crate::access::{Identity, Permission, permits};
use crate::gateway::live::{Block, Channels, Facts};
use crate::store::audit::{Action, Record};

/// How long a listener may take for a block before they are taken for gone.
const SENDING: Duration = Duration::from_secs(10);
/// The call is over.
const NORMAL: u16 = 1000;

/// What is heard.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Heard {
    /// `both`, which is the default, `agent`, `customer` or `mixed`.
    leg: Option<String>,
}

/// Listens to a call under way: a WebSocket with a first message of text and then blocks of clean audio, as
/// `docs/live.md` says. The audit log has it before anything is heard.
#[utoipa::path(get, path = "/api/v1/live/{call}/listen", tag = "live",
    params(("call" = String, Path, description = "the call"), Heard), responses(
    (status = 101, description = "audio (docs/live.md)"),
    (status = 400, description = "not understood, or no WebSocket was asked for", body = ProblemDocument),
    (status = 403, description = "not theirs to hear", body = ProblemDocument),
    (status = 404, description = "there is no such call under way, or no such leg", body = ProblemDocument),
    (status = 429, description = "too many streams are open", body = ProblemDocument),
))]
pub(in crate::api) async fn listen(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(proof): Extension<Proof>,
    Path(name): Path<String>,
    Query(heard): Query<Heard>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let permission = Permission::ListenLive;
    let call = api.live_call(&name, &identity, permission).await?;
    let upgrade = upgradable(upgrade)?;
    let facts = Arc::clone(call.facts());
    let leg = heard.leg.as_deref().unwrap_or("both");
    let channels = match (leg, facts.legs.iter().position(|known| known.name() == leg)) {
        ("both", _) => Channels::All,
        (_, Some(channel)) => Channels::One(channel),
        (_, None) => {
            return Err(Problem::new(
                Code::NoSuchPart,
                "leg: expected both, or a leg that the call has",
            ));
        }
    };
    let place = api.open.admit(&identity)?;
    let record = |action| {
        Record::new(action)
            .by(actor(&identity))
            .about(&facts.name)
            .with_name("role", identity.role)
            .with_name("leg", leg)
    };
    api.tell(record(Action::LiveListeningBegan)).await?;
    let ended = record(Action::LiveListeningEnded);
    let over = || Problem::new(Code::UnknownCall, "the call is over");
    let blocks = call.listen().ok_or_else(over)?;
    // Whoever keeps the call keeps its channel open.
    drop(call);
    let listener = Listener {
        viewer: Viewer {
            api,
            identity,
            proof,
        },
        place,
        facts,
        channels,
        blocks,
        begun: Instant::now(),
        ended: Some(ended),
    };
    Ok(upgrade.on_upgrade(|socket| listener.serve(socket)))
}

struct Listener {
    viewer: Viewer,
    place: Place,
    facts: Arc<Facts>,
    channels: Channels,
    blocks: broadcast::Receiver<Arc<Block>>,
    begun: Instant,
    /// For the audit log, however it ends.
    ended: Option<Record>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let (Some(record), Some(auditor)) = (self.ended.take(), &self.viewer.api.services.audit)
        {
            let millis = self.begun.elapsed().as_millis() as u64;
            auditor.log().record(record.with("listened_ms", millis));
        }
    }
}

impl Listener {
    async fn serve(mut self, socket: WebSocket) {
        let (mut sink, mut said) = socket.split();
        let legs = self.facts.legs.iter().enumerate();
        let heard = legs.filter(|(number, _)| match self.channels {
            Channels::All => true,
            Channels::One(one) => one == *number,
        });
        let heard: Vec<&str> = heard.map(|(_, leg)| leg.name()).collect();
        let first = json!({
            "call": self.facts.name,
            "legs": heard,
            "rate": self.facts.rate.hertz(),
            "delay": shown::seconds(self.facts.hold),
        });
        let sent = timeout(SENDING, sink.send(Message::text(first.to_string()))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
        let mut asked = Instant::now() + ASKED_EVERY;
        let (code, reason) = loop {
            let block = tokio::select! {
                block = self.blocks.recv() => block,
                () = sleep_until(asked) => {
                    if !self.may_listen().await {
                        break (POLICY, "signed out");
                    }
                    asked = Instant::now() + ASKED_EVERY;
                    continue;
                }
                () = self.place.over() => break (GOING_AWAY, "the gateway ends"),
                message = said.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => continue,
                },
            };
            let sending = async {
                match block {
                    Ok(block) => {
                        sink.feed(Message::Binary(block.message(self.channels)))
                            .await?
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(true),
                }
                // What else is there goes out at once.
                loop {
                    match self.blocks.try_recv() {
                        Ok(block) => {
                            sink.feed(Message::Binary(block.message(self.channels)))
                                .await?;
                        }
                        Err(TryRecvError::Lagged(_)) => {}
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
                sink.flush().await.map(|()| false)
            };
            match timeout(SENDING, sending).await {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => break (NORMAL, "ended"),
                Ok(Err(_)) | Err(_) => return,
            }
        };
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        // The peer may be gone.
        let _ = timeout(SENDING, sink.send(Message::Close(Some(frame)))).await;
    }

    async fn may_listen(&mut self) -> bool {
        let permission = Permission::ListenLive;
        self.viewer.still().await
            && permits(&self.viewer.identity, permission, self.facts.subject()).is_allowed()
    }
}
