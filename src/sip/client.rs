//! A session recording client (RFC 7866): invites a recorder and keeps it told.
//!
//! ```text
//! invite --> Inviting --2xx: ACK--> Established --BYE of either--> over
//!               \--300.., no answer--> refused  \--update, refresh: INVITE or UPDATE of ours
//! ```
//!
//! The owner feeds [`Src`] messages and time, and does what [`Src::poll`] tells until it tells nothing. Changes that
//! are asked for while one is under way are made after it, the last one of each kind. A challenge is answered when
//! there are credentials; too short an interval is made longer; a change that met one of the recorder's is tried
//! again.
//!
//! A server beside it needs a socket of its own: who a message is for is not told apart here.
//!
//! **Architecture invariants:** no more than [`SrcSettings::most_sessions`] sessions, each with one request of ours
//! under way; keys and metadata are not printed.

mod answers;
mod asking;
mod requests;
mod session;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::description::{Codec, Crypto, OfferedLine};
use super::digest::Credentials;
use super::schedule::Schedule;
use super::transaction::layer::{Limits, Transactions};
use super::{Advertised, Flow, Random, SessionId};
use crate::call::Sensitive;

use session::{Phase, Session};

/// How a recording client behaves.
#[derive(Debug, Clone)]
pub struct SrcSettings {
    /// How recorders are told of us, in From, Contact and Via.
    pub advertised: Advertised,
    /// The user part of our URI.
    pub user: String,
    /// The interval within which a session is refreshed, in seconds.
    pub session_expires: u32,
    /// How long an answer is waited for after the recorder has said that it is trying.
    pub answer_within: Duration,
    /// Name and password, if the recorder wants them.
    pub credentials: Option<Credentials>,
    /// Most sessions.
    pub most_sessions: usize,
}

impl SrcSettings {
    /// What is usual.
    pub fn new(advertised: Advertised) -> Self {
        Self {
            advertised,
            user: "src".to_owned(),
            session_expires: 1800,
            answer_within: Duration::from_secs(30),
            credentials: None,
            most_sessions: 1000,
        }
    }
}

/// A recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its URI, as `sip:recorder@192.0.2.1`.
    pub uri: String,
    /// Where the INVITE is sent.
    pub flow: Flow,
}

/// A stream that the recorder takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// `a=label` as it was offered.
    pub label: String,
    /// Where RTP is sent.
    pub rtp: SocketAddr,
    /// Where RTCP is sent.
    pub rtcp: SocketAddr,
    /// Whether RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// The encoding.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of events, if they are taken.
    pub telephone_event: Option<u8>,
    /// Whether audio is wanted: not while on hold.
    pub active: bool,
    /// The recorder's key, for what it sends: RTCP. What we send is protected by the offered one.
    pub crypto: Option<Crypto>,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEnd {
    /// The recorder ended it.
    Bye,
    /// The owner ended it.
    HungUp,
    /// Nobody refreshed the session.
    Expired,
    /// The recorder takes none of the streams, or its answer cannot be understood.
    NoMedia,
    /// The recorder knows nothing of the session, or does not answer.
    Lost,
}

/// What the owner is to do.
#[derive(Clone)]
pub enum ClientAction {
    /// Send a message.
    Send {
        /// Where to.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// The recorder records: send audio. For each line that was offered, `None` if it is refused.
    Answered {
        /// The session.
        session: SessionId,
        /// By lines.
        streams: Vec<Option<Recipient>>,
    },
    /// What was agreed on is different: by an update, or by the recorder's wish.
    Changed {
        /// The session.
        session: SessionId,
        /// By lines.
        streams: Vec<Option<Recipient>>,
    },
    /// The recorder does not record. The session is over.
    Refused {
        /// The session.
        session: SessionId,
        /// Its answer; `None` if it did not answer.
        status: Option<u16>,
        /// Seconds after which it may be tried again, if it said so.
        retry_after: Option<u32>,
    },
    /// An update is refused; all is as it was before it.
    UpdateRefused {
        /// The session.
        session: SessionId,
        /// The recorder's answer.
        status: u16,
    },
    /// The session is over, after it was answered or as the owner wished.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        reason: ClientEnd,
    },
}

impl fmt::Debug for ClientAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientAction::Send { flow, bytes } => {
                write!(
                    f,
                    "Send({} bytes by {})",
                    bytes.len(),
                    flow.transport.name()
                )
            }
            ClientAction::Answered { session, streams } => {
                write!(f, "Answered({session}, {streams:?})")
            }
            ClientAction::Changed { session, streams } => {
                write!(f, "Changed({session}, {streams:?})")
            }
            ClientAction::Refused {
                session, status, ..
            } => write!(f, "Refused({session}, {status:?})"),
            ClientAction::UpdateRefused { session, status } => {
                write!(f, "UpdateRefused({session}, {status})")
            }
            ClientAction::Ended { session, reason } => write!(f, "Ended({session}, {reason:?})"),
        }
    }
}

/// Why a recorder cannot be invited, or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// As many as there may be.
    #[error("there are as many recording sessions as there may be")]
    TooMany,
    /// The session is over.
    #[error("the recording session is over")]
    Over,
    /// An update has other lines than the offer: lines stay, and end by port 0 (RFC 3264, 8).
    #[error("an update needs at least the lines that were offered before")]
    Lines,
}

/// A recording client.
pub struct Src {
    settings: SrcSettings,
    random: Random,
    transactions: Transactions,
    sessions: BTreeMap<SessionId, Session>,
    calls: BTreeMap<String, SessionId>,
    schedule: Schedule,
    next_session: u64,
    actions: VecDeque<ClientAction>,
}

impl fmt::Debug for Src {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Src({} sessions, {:?})",
            self.sessions.len(),
            self.transactions
        )
    }
}

impl Src {
    /// A client without sessions.
    pub fn new(settings: SrcSettings, random: Random) -> Self {
        // An INVITE, a change, a request of the recorder's and what lingers of each.
        let all = settings.most_sessions.saturating_mul(8).max(16);
        Self {
            transactions: Transactions::new(Limits { all, per_peer: all }),
            sessions: BTreeMap::new(),
            calls: BTreeMap::new(),
            schedule: Schedule::default(),
            next_session: 1,
            actions: VecDeque::new(),
            settings,
            random,
        }
    }

    /// Invites a recorder. `metadata`: the document, of
    /// [`RecordingMetadata::write`](super::metadata::RecordingMetadata::write).
    ///
    /// # Errors
    /// [`ClientError::TooMany`].
    pub fn invite(
        &mut self,
        now: Duration,
        target: Target,
        lines: Vec<OfferedLine>,
        metadata: String,
    ) -> Result<SessionId, ClientError> {
        if self.sessions.len() >= self.settings.most_sessions {
            return Err(ClientError::TooMany);
        }
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let call_id = self.token();
        let tag = self.token();
        let session = Session::new(
            id,
            &self.settings,
            target,
            call_id.clone(),
            tag,
            lines,
            Sensitive::new(metadata),
        );
        self.sessions.insert(id, session);
        self.calls.insert(call_id, id);
        if !self.ask_invite(now, id, None) {
            self.forget(id);
            return Err(ClientError::TooMany);
        }
        Ok(id)
    }

    /// Tells the recorder of other streams, other metadata, or both. Lines keep their places; one that ends has port
    /// 0.
    ///
    /// # Errors
    /// [`ClientError::Over`], [`ClientError::Lines`].
    pub fn update(
        &mut self,
        now: Duration,
        session: SessionId,
        lines: Option<Vec<OfferedLine>>,
        metadata: Option<String>,
    ) -> Result<(), ClientError> {
        let known = self.sessions.get_mut(&session).ok_or(ClientError::Over)?;
        if lines
            .as_ref()
            .is_some_and(|lines| lines.len() < known.lines.len())
        {
            return Err(ClientError::Lines);
        }
        known.queue(lines, metadata.map(Sensitive::new));
        self.continue_changes(now, session);
        Ok(())
    }

    /// Ends a session. [`ClientAction::Ended`] follows.
    pub fn hang_up(&mut self, now: Duration, session: SessionId) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        match known.phase {
            Phase::Inviting => self.give_up(now, session),
            Phase::Established => self.leave(now, session, ClientEnd::HungUp),
        }
    }

    /// What is to be done next; to be asked until there is nothing, after every other call.
    pub fn poll(&mut self) -> Option<ClientAction> {
        match self.transactions.out.pop_front() {
            Some(sent) => Some(ClientAction::Send {
                flow: sent.flow,
                bytes: sent.bytes,
            }),
            None => self.actions.pop_front(),
        }
    }

    /// When [`Src::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Duration> {
        let transactions = self.transactions.next_timeout();
        let sessions = self.schedule.next();
        match (transactions, sessions) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Sessions that are not over, those not yet answered included.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    fn token(&mut self) -> String {
        format!("{:032x}", (self.random)())
    }

    fn via(&mut self, flow: Flow) -> String {
        let branch = self.token();
        let sent_by = self.settings.advertised.sent_by(flow.transport);
        let name = flow.transport.name();
        format!("SIP/2.0/{name} {sent_by};branch=z9hG4bK{branch};rport")
    }

    fn reschedule(&mut self, id: SessionId) {
        let time = self.sessions.get(&id).and_then(Session::next_timeout);
        self.schedule.set(id.0, time);
    }

    fn end(&mut self, id: SessionId, reason: ClientEnd) {
        if self.forget(id).is_some() {
            let session = id;
            self.actions
                .push_back(ClientAction::Ended { session, reason });
        }
    }

    fn forget(&mut self, id: SessionId) -> Option<Session> {
        self.schedule.set(id.0, None);
        let session = self.sessions.remove(&id)?;
        self.calls.remove(&session.dialog.call_id);
        Some(session)
    }
}

#[cfg(test)]
mod tests;
