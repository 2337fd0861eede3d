//! A session recording server (RFC 7866): is invited to record, agrees on media, follows the call.
//!
//! ```text
//! INVITE --100--> Invited --accept--> 200 --ACK--> Confirmed --BYE--> over
//!                    \--refuse, CANCEL--> over   \--no ACK, expiry, hang_up: BYE of ours--> over
//! ```
//!
//! The owner feeds [`Srs`] messages, time and decisions, and does what [`Srs::poll`] tells until it tells nothing.
//! Who may record is the owner's decision on [`Action::Invited`] (by address, certificate or the digest's user);
//! everything that is wrong with the request itself is answered before.
//!
//! A call in which neither side refreshes the session is ended when its interval is over (RFC 4028); one whose
//! sender does not know session timers lasts until it is ended by either, so its owner watches the media.
//!
//! Refusals before an invitation reaches the owner, and OPTIONS, are answered without keeping anything: a repeated
//! request gets the same answer.
//!
//! **Architecture invariants:** an INVITE makes one session however often it comes; what is held is bounded by
//! [`SrsSettings`]; an unknown or broken metadata document never refuses a call.

mod change;
mod invite;
mod media;
mod requests;
mod session;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use super::description::{Codec, LocalMedia, RemoteStream};
use super::digest::{DigestSettings, Guard};
use super::metadata::{Annotation, MetadataError, RecordingMetadata};
use super::schedule::Schedule;
use super::transaction::layer::{Limits, Transactions};
use super::{Advertised, Flow, Random, SessionId};
use crate::call::Sensitive;

use session::Session;

/// How a recording server behaves.
#[derive(Debug, Clone)]
pub struct SrsSettings {
    /// How peers are told of us, in Contact and Via.
    pub advertised: Advertised,
    /// The user part of our Contact.
    pub user: String,
    /// Codecs that are taken, the best first.
    pub codecs: Vec<Codec>,
    /// Whether SRTP keys are taken from signalling that others can read (UDP, TCP).
    pub keys_over_plain_signalling: bool,
    /// The interval asked for when a peer that knows session timers names none, in seconds.
    pub session_expires: u32,
    /// The shortest interval that is taken, in seconds (RFC 4028: at least 90).
    pub min_session_expires: u32,
    /// How long the owner may take to decide on an invitation, or to give ports.
    pub decide_within: Duration,
    /// What peers are told to wait with a 503, in seconds.
    pub retry_after: u32,
    /// Most sessions.
    pub most_sessions: usize,
    /// Most sessions with one address.
    pub most_sessions_per_peer: usize,
    /// Most transactions, of which one address has half at most.
    pub most_transactions: usize,
    /// Who may invite, if names and passwords are wanted.
    pub digest: Option<DigestSettings>,
}

impl SrsSettings {
    /// What is usual.
    pub fn new(advertised: Advertised) -> Self {
        Self {
            advertised,
            user: "srs".to_owned(),
            codecs: vec![
                Codec::Pcmu,
                Codec::Pcma,
                Codec::G722,
                Codec::Opus,
                Codec::L16 { rate: 16_000 },
                Codec::L16 { rate: 8000 },
            ],
            keys_over_plain_signalling: false,
            session_expires: 1800,
            min_session_expires: 90,
            decide_within: Duration::from_secs(10),
            retry_after: 5,
            most_sessions: 1000,
            most_sessions_per_peer: 1000,
            most_transactions: 8192,
            digest: None,
        }
    }
}

/// Somebody wants a call recorded.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The session that it would be.
    pub session: SessionId,
    /// Where it came from.
    pub flow: Flow,
    /// Call-ID of the recording session.
    pub call_id: Sensitive<String>,
    /// URI in From.
    pub from: Sensitive<String>,
    /// URI in To.
    pub to: Sensitive<String>,
    /// The user that the digest proved, if one is asked for.
    pub user: Option<String>,
    /// Whether it says that it is a recording session: `Require: siprec`, `+sip.src` or metadata. Cisco's older
    /// form and plain telephones do not.
    pub is_siprec: bool,
    /// What would be recorded, by slots from 0. Empty if the sender leaves the offer to us.
    pub streams: Vec<RemoteStream>,
    /// Whether the sender leaves the offer to us: each port given is offered, as plain RTP, labelled from `1`.
    pub is_delayed: bool,
    /// Who speaks. Empty if nothing is said or nothing of it can be read.
    pub metadata: RecordingMetadata,
    /// Why the metadata cannot be read.
    pub metadata_fault: Option<MetadataError>,
    /// Headers that tell of the call: P-Asserted-Identity, User-to-User, X-... and the like.
    pub annotations: Vec<Annotation>,
}

/// Why an invitation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 403: this sender may not.
    Forbidden,
    /// 488: not this, such as a session that is no recording.
    NotAcceptable,
    /// 503: too much to do.
    Overloaded {
        /// Seconds after which to try again.
        retry_after: u32,
    },
    /// 480: this call is not to be recorded.
    Declined,
}

/// What has changed in a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The streams: all that are recorded from this moment, by slots. Those not among them have ended.
    Media(Vec<RemoteStream>),
    /// The metadata: all that is known, what was known before included.
    Metadata(RecordingMetadata),
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The other side ended it.
    Bye,
    /// The other side took the invitation back.
    Cancelled,
    /// Our acceptance was never acknowledged.
    NotAcknowledged,
    /// The acknowledgement of our offer had no answer that can be used.
    NoMedia,
    /// Nobody refreshed the session.
    Expired,
    /// The owner ended it.
    HungUp,
    /// The owner did not decide in time.
    Undecided,
    /// The connection was lost before the invitation was answered.
    ConnectionLost,
}

impl EndReason {
    /// Whether the call was ended as calls are.
    pub fn is_normal(self) -> bool {
        matches!(
            self,
            EndReason::Bye | EndReason::HungUp | EndReason::Cancelled
        )
    }
}

/// What the owner is to do.
#[derive(Clone)]
pub enum Action {
    /// Send a message.
    Send {
        /// Where to.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Decide: [`Srs::accept`] or [`Srs::refuse`].
    Invited(Box<Invitation>),
    /// Give ports for streams that were added: [`Srs::provide`].
    MediaWanted {
        /// The session.
        session: SessionId,
        /// The added streams, by slots that follow those given before.
        streams: Vec<RemoteStream>,
    },
    /// The other side has acknowledged; it may have been sending already.
    Confirmed {
        /// The session.
        session: SessionId,
    },
    /// Something has changed.
    Changed {
        /// The session.
        session: SessionId,
        /// What.
        change: Change,
    },
    /// A key was pressed (INFO). Which one is not told: it may be of a card number.
    Key {
        /// The session.
        session: SessionId,
    },
    /// The session is over; nothing more is told of it. Not told of what the owner has refused.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Send { flow, bytes } => {
                write!(
                    f,
                    "Send({} bytes by {})",
                    bytes.len(),
                    flow.transport.name()
                )
            }
            Action::Invited(invitation) => f.debug_tuple("Invited").field(invitation).finish(),
            Action::MediaWanted { session, streams } => f
                .debug_struct("MediaWanted")
                .field("session", session)
                .field("streams", streams)
                .finish(),
            Action::Confirmed { session } => write!(f, "Confirmed({session})"),
            Action::Changed { session, change } => f
                .debug_struct("Changed")
                .field("session", session)
                .field("change", change)
                .finish(),
            Action::Key { session } => write!(f, "Key({session})"),
            Action::Ended { session, reason } => write!(f, "Ended({session}, {reason:?})"),
        }
    }
}

/// Why a decision of the owner cannot be carried out. The session is left as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// The session is over, or is not waiting for this.
    #[error("the session does not wait for this decision; it may have been cancelled")]
    NotWaiting,
    /// No port is given for any stream.
    #[error("no port is given, so that nothing could be recorded")]
    NoMedia,
    /// An SRTP stream needs a key of ours of 30 bytes.
    #[error("the port of slot {0} needs a key of 30 bytes for SRTP")]
    Key(usize),
    /// More ports than there are streams.
    #[error("more ports are given than there are streams")]
    TooMany,
}

/// A recording server.
pub struct Srs {
    settings: SrsSettings,
    random: Random,
    /// What answers that nothing is kept of take their tags from.
    secret: u128,
    guard: Option<Guard>,
    draining: bool,
    transactions: Transactions,
    sessions: BTreeMap<SessionId, Session>,
    /// Sessions by Call-ID and the peer's tag.
    calls: BTreeMap<(String, String), SessionId>,
    peers: BTreeMap<IpAddr, usize>,
    schedule: Schedule,
    next_session: u64,
    actions: VecDeque<Action>,
}

impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Srs({} sessions, {:?})",
            self.sessions.len(),
            self.transactions
        )
    }
}

impl Srs {
    /// A server without sessions.
    pub fn new(settings: SrsSettings, mut random: Random) -> Self {
        let all = settings.most_transactions;
        Self {
            secret: random(),
            guard: settings.digest.clone().map(Guard::new),
            draining: false,
            transactions: Transactions::new(Limits {
                all,
                per_peer: all.div_ceil(2),
            }),
            sessions: BTreeMap::new(),
            calls: BTreeMap::new(),
            peers: BTreeMap::new(),
            schedule: Schedule::default(),
            next_session: 1,
            actions: VecDeque::new(),
            settings,
            random,
        }
    }

    /// What is to be done next; to be asked until there is nothing, after every other call.
    pub fn poll(&mut self) -> Option<Action> {
        match self.transactions.out.pop_front() {
            Some(sent) => Some(Action::Send {
                flow: sent.flow,
                bytes: sent.bytes,
            }),
            None => self.actions.pop_front(),
        }
    }

    /// When [`Srs::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Duration> {
        let transactions = self.transactions.next_timeout();
        let sessions = self.schedule.next();
        match (transactions, sessions) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// While draining, new calls and health probes are answered 503; calls go on.
    pub fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Sessions that are not over, those not yet accepted included.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    /// What is known of a session's call.
    pub fn metadata(&self, session: SessionId) -> Option<&RecordingMetadata> {
        self.sessions.get(&session).map(|session| &session.metadata)
    }

    /// Where our ports of a session are, in the order they were given.
    pub fn locals(&self, session: SessionId) -> impl Iterator<Item = SocketAddr> {
        let session = self.sessions.get(&session);
        session
            .into_iter()
            .flat_map(|session| session.media.locals.iter().map(|local| local.address))
    }

    /// Accepts an invitation with a port for each slot. With fewer ports the streams left over are refused.
    pub fn accept(
        &mut self,
        now: Duration,
        session: SessionId,
        local: &[LocalMedia],
    ) -> Result<(), DecisionError> {
        self.accept_invitation(now, session, local)
    }

    /// Refuses an invitation.
    pub fn refuse(
        &mut self,
        now: Duration,
        session: SessionId,
        refusal: Refusal,
    ) -> Result<(), DecisionError> {
        self.refuse_invitation(now, session, refusal)
    }

    /// Gives ports for streams that were added, in the order of [`Action::MediaWanted`]. With fewer ports, or none,
    /// the streams left over are refused.
    pub fn provide(
        &mut self,
        now: Duration,
        session: SessionId,
        local: &[LocalMedia],
    ) -> Result<(), DecisionError> {
        self.provide_media(now, session, local)
    }

    /// Ends a session: BYE, or a refusal while it is only invited. [`Action::Ended`] follows, after the
    /// acknowledgement if that is still to come (RFC 3261, 15.1).
    pub fn hang_up(&mut self, now: Duration, session: SessionId) {
        self.leave(now, session, EndReason::HungUp);
    }

    /// 128 random bits as a tag or branch.
    fn token(&mut self) -> String {
        format!("{:032x}", (self.random)())
    }

    /// A session's next time is set anew after everything that happens to it.
    fn reschedule(&mut self, id: SessionId) {
        let time = self.sessions.get(&id).and_then(Session::next_timeout);
        self.schedule.set(id.0, time);
    }

    /// Forgets a session and tells of its end.
    fn end(&mut self, id: SessionId, reason: EndReason) {
        if self.forget(id).is_some() {
            self.actions.push_back(Action::Ended {
                session: id,
                reason,
            });
        }
    }

    fn forget(&mut self, id: SessionId) -> Option<Session> {
        self.schedule.set(id.0, None);
        let session = self.sessions.remove(&id)?;
        self.calls.remove(&session.key());
        if let Some(count) = self.peers.get_mut(&session.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&session.peer);
            }
        }
        Some(session)
    }
}

#[cfg(test)]
mod tests;
