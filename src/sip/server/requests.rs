//! Requests that come: which are refused at once, whose they are.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Action, EndReason, Srs};
use crate::sip::body::{self, ACCEPT};
use crate::sip::message::{Essentials, Fault, Message, Method, Reading, Request, Response, Via};
use crate::sip::server::session::Phase;
use crate::sip::transaction::layer::Belongs;
use crate::sip::{Flow, SessionId};

/// What is understood, for Allow.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO, MESSAGE";
/// Extensions that are understood, for Supported.
pub(super) const SUPPORTED: &str = "timer, siprec";
/// Extensions that may be required.
const KNOWN: &[&str] = &["timer", "siprec"];

impl Srs {
    /// Takes a message that came: a datagram, or one that [`crate::sip::framing`] told apart.
    pub fn handle_message(&mut self, now: Duration, flow: Flow, bytes: &[u8]) {
        // What is no message cannot be answered.
        let Ok(Reading { message, fault }) = Message::read(bytes) else {
            return;
        };
        match message {
            Message::Request(request) => self.request(now, flow, request, fault),
            Message::Response(response) => {
                let Ok(essentials) = response.essentials() else {
                    return;
                };
                if fault.is_none() {
                    self.response(now, flow, &response, &essentials);
                }
            }
        }
    }

    /// A connection is closed. Its sessions go on: the peer may come back on another.
    pub fn flow_closed(&mut self, now: Duration, flow: Flow) {
        for gone in self.transactions.flow_closed(flow) {
            self.unanswered(now, SessionId(gone.owner), gone.id);
        }
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in sessions {
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            let lost = session.dialog.flow == flow && flow.transport.is_reliable();
            session.dialog.flow_closed(flow);
            if lost && !matches!(session.phase, Phase::Invited) {
                // What waits for ports can no longer be answered.
                session.pending = None;
            }
            if lost && matches!(session.phase, Phase::Invited) {
                self.end(id, EndReason::ConnectionLost);
            }
            self.reschedule(id);
        }
    }

    /// Answers without keeping anything. The same request gets the same answer.
    pub(super) fn refuse_at_once(&mut self, flow: Flow, request: &Request, status: u16) {
        let response = self.refusal(request, status);
        self.transactions.send(flow, response.write());
    }

    /// A refusal with what its status asks for.
    pub(super) fn refusal(&mut self, request: &Request, status: u16) -> Response {
        let tag = self.tag_of(request);
        let response = request.response(status, Some(&tag));
        match status {
            405 => response.with("Allow", ALLOW),
            415 => response.with("Accept", ACCEPT),
            422 => response.with("Min-SE", &self.settings.min_session_expires.to_string()),
            // RFC 3261, 14.2: between 0 and 10 seconds.
            500 => {
                let seconds = (self.random)() % 10;
                response.with("Retry-After", &seconds.to_string())
            }
            503 => response.with("Retry-After", &self.settings.retry_after.to_string()),
            _ => response,
        }
    }

    /// A tag that is the same for the same request.
    fn tag_of(&self, request: &Request) -> String {
        let mut hash = Sha256::new();
        hash.update(self.secret.to_be_bytes());
        for name in ["Call-ID", "From", "CSeq"] {
            hash.update(request.headers.get(name).unwrap_or_default());
            hash.update([0]);
        }
        let first = hash.finalize();
        let mut half = [0; 8];
        half.copy_from_slice(&first[..8]);
        format!("{:016x}", u64::from_be_bytes(half))
    }

    fn request(&mut self, now: Duration, flow: Flow, mut request: Request, fault: Option<Fault>) {
        request.stamp(flow.peer);
        let essentials = match (fault, request.essentials()) {
            (None, Ok(essentials)) => essentials,
            (Some(fault), _) | (None, Err(fault)) => {
                // Without a Via nobody could tell what an answer is to.
                if request.method != Method::Ack && request.headers.get("Via").is_some() {
                    self.refuse_at_once(flow, &request, fault.status());
                }
                return;
            }
        };
        if self.transactions.request(now, flow, &request, &essentials) == Belongs::Known {
            return;
        }
        match request.method {
            Method::Ack => return self.acknowledged(now, &request, &essentials),
            Method::Cancel => return self.cancel(now, flow, &request, &essentials),
            _ => {}
        }
        let scheme = request.uri.split(':').next().unwrap_or_default();
        if !["sip", "sips", "tel"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
        {
            return self.refuse_at_once(flow, &request, 416);
        }
        if let Some(status) = self.hops(&request) {
            return self.refuse_at_once(flow, &request, status);
        }
        let required = request.headers.list("Require").unwrap_or_default();
        let unknown: Vec<&str> = required
            .into_iter()
            .filter(|tag| !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(tag)))
            .collect();
        if !unknown.is_empty() {
            let response = self
                .refusal(&request, 420)
                .with("Unsupported", &unknown.join(", "));
            return self.transactions.send(flow, response.write());
        }
        if essentials.to.tag().is_some() {
            self.within(now, flow, request, essentials);
        } else {
            self.outside(now, flow, request, essentials);
        }
    }

    /// Max-Forwards: a call that has run through all its hops has lost its way. A probe sent to us with none left
    /// has not (RFC 3261, 11), nor has a request of a call.
    fn hops(&self, request: &Request) -> Option<u16> {
        match request.headers.max_forwards() {
            Err(fault) => Some(fault.status()),
            Ok(Some(0)) if request.method == Method::Invite => Some(483),
            Ok(_) => None,
        }
    }

    /// A request that belongs to no dialog.
    fn outside(&mut self, now: Duration, flow: Flow, request: Request, essentials: Essentials) {
        match request.method {
            Method::Invite => self.invite(now, flow, request, essentials),
            Method::Options => self.options(flow, &request),
            Method::Bye | Method::Update | Method::Info | Method::Prack => {
                self.refuse_at_once(flow, &request, 481);
            }
            Method::Message | Method::Ack | Method::Cancel | Method::Other(_) => {
                self.refuse_at_once(flow, &request, 405);
            }
        }
    }

    /// The health probe.
    fn options(&mut self, flow: Flow, request: &Request) {
        if self.draining {
            return self.refuse_at_once(flow, request, 503);
        }
        let tag = self.tag_of(request);
        let response = capabilities(request.response(200, Some(&tag)));
        self.transactions.send(flow, response.write());
    }

    /// The session of a request within a dialog.
    pub(super) fn session_of(&self, essentials: &Essentials) -> Option<SessionId> {
        let theirs = essentials.from.tag().unwrap_or_default();
        let key = (essentials.call_id.clone(), theirs.to_owned());
        let id = *self.calls.get(&key)?;
        let session = self.sessions.get(&id)?;
        session
            .dialog
            .has_tags(&essentials.to, &essentials.from)
            .then_some(id)
    }

    /// A request of a dialog.
    fn within(&mut self, now: Duration, flow: Flow, request: Request, essentials: Essentials) {
        let Some(id) = self.session_of(&essentials) else {
            return self.refuse_at_once(flow, &request, 481);
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        // RFC 3261, 12.2.2: out of order.
        if session
            .dialog
            .remote_number
            .is_some_and(|last| essentials.cseq.number <= last)
        {
            return self.refuse_at_once(flow, &request, 500);
        }
        let served = self
            .transactions
            .serve(now, flow, &request, &essentials, id.0);
        let Some(transaction) = served else {
            return self.refuse_at_once(flow, &request, 503);
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.dialog.remote_number = Some(essentials.cseq.number);
        session.dialog.refresh(flow, &request, &essentials);
        match &request.method {
            Method::Invite | Method::Update => self.change(now, id, transaction, request),
            Method::Bye => {
                self.transactions
                    .answer(now, transaction, &request.response(200, None));
                self.take_back(now, id, 487);
                self.end(id, EndReason::Bye);
            }
            Method::Options => {
                let response = capabilities(request.response(200, None));
                self.transactions.answer(now, transaction, &response);
            }
            Method::Info | Method::Message => {
                self.transactions
                    .answer(now, transaction, &request.response(200, None));
                if is_key(&request) {
                    self.actions.push_back(Action::Key { session: id });
                }
            }
            Method::Prack => {
                let response = self.refusal(&request, 481);
                self.transactions.answer(now, transaction, &response);
            }
            Method::Ack | Method::Cancel | Method::Other(_) => {
                let response = self.refusal(&request, 405);
                self.transactions.answer(now, transaction, &response);
            }
        }
        self.reschedule(id);
    }

    /// Answers what waits for the owner with a refusal.
    pub(super) fn take_back(&mut self, now: Duration, id: SessionId, status: u16) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if let Some(pending) = session.pending.take() {
            let tag = session.dialog.local_tag.clone();
            let response = pending.request.response(status, Some(&tag));
            self.transactions
                .answer(now, pending.transaction, &response);
        }
    }

    /// CANCEL (RFC 3261, 9.2): of use while the owner has not decided.
    fn cancel(&mut self, now: Duration, flow: Flow, request: &Request, essentials: &Essentials) {
        let Some(transaction) = self.transactions.cancelled(request, essentials) else {
            return self.refuse_at_once(flow, request, 481);
        };
        let owner = self.transactions.owner(transaction).map(SessionId);
        let session = owner.and_then(|id| self.sessions.get(&id));
        let tag = session.map(|session| session.dialog.local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.tag_of(request));
        let response = request.response(200, Some(&tag));
        self.transactions.send(flow, response.write());
        let Some(id) = owner else {
            return;
        };
        let waits = |pending: &super::session::Pending| pending.transaction == transaction;
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        if session.pending.as_ref().is_some_and(waits) {
            let invited = matches!(session.phase, Phase::Invited);
            self.take_back(now, id, 487);
            if invited {
                self.end(id, EndReason::Cancelled);
            }
        }
        self.reschedule(id);
    }

    /// A Via of ours for a request on this flow.
    pub(super) fn via(&mut self, flow: Flow) -> String {
        let branch = self.token();
        let sent_by = self.settings.advertised.sent_by(flow.transport);
        let name = flow.transport.name();
        debug_assert!(Via::parse(&format!("SIP/2.0/{name} {sent_by}")).is_some());
        format!("SIP/2.0/{name} {sent_by};branch=z9hG4bK{branch};rport")
    }
}

/// What we can do.
fn capabilities(response: Response) -> Response {
    response
        .with("Allow", ALLOW)
        .with("Accept", ACCEPT)
        .with("Supported", SUPPORTED)
}

/// Whether an INFO tells of a key: `application/dtmf-relay` or `application/dtmf`.
fn is_key(request: &Request) -> bool {
    let kind = request.headers.content_type().ok().flatten();
    request.method == Method::Info
        && kind.is_some_and(|kind| kind.essence.starts_with("application/dtmf"))
        && !request.body.trim_ascii().is_empty()
}

impl Srs {
    /// What a request carries, or how it is refused.
    pub(super) fn bodies<'a>(request: &'a Request) -> Result<body::Bodies<'a>, u16> {
        body::bodies(&request.headers, &request.body).map_err(body::BodyFault::status)
    }
}
