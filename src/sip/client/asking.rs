//! Requests of ours and what comes back.

use std::time::Duration;

use super::session::{Asking, Phase, Purpose, Queued};
use super::{ClientAction, ClientEnd, Src};
use crate::sip::description::{Description, OfferedLine};
use crate::sip::digest::authorize;
use crate::sip::lifetime::{Due, Interval};
use crate::sip::message::{Essentials, Headers, Method, NameAddr, Refresher, Request, Response};
use crate::sip::multipart::{NewPart, write};
use crate::sip::transaction::GIVE_UP;
use crate::sip::transaction::layer::{Answered, TransactionId};
use crate::sip::{Flow, SessionId};

/// What is understood, for Allow.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO";
/// What bodies are taken, for Accept.
pub(super) const ACCEPT: &str = "application/sdp, application/rs-metadata-request";
/// Most forms of one request: plain, with credentials, with a newer nonce, with a longer interval.
const MOST_ATTEMPTS: u8 = 4;
/// RFC 3261, 14.1: the calling side tries again after 2.1 to 4 s.
const AGAIN_AFTER: Duration = Duration::from_millis(2100);
const AGAIN_SPREAD: u128 = 1900;

impl Src {
    /// Sends an INVITE with what there is to say; whether there was room for it.
    pub(super) fn ask_invite(
        &mut self,
        now: Duration,
        id: SessionId,
        before: Option<Vec<OfferedLine>>,
    ) -> bool {
        self.ask(now, id, Method::Invite, Purpose::Change, before, None)
    }

    fn ask(
        &mut self,
        now: Duration,
        id: SessionId,
        method: Method,
        purpose: Purpose,
        before: Option<Vec<OfferedLine>>,
        credentials: Option<(&str, String)>,
    ) -> bool {
        let Some(flow) = self.sessions.get(&id).map(|s| s.dialog.next_hop()) else {
            return false;
        };
        let via = self.via(flow);
        let boundary = (self.random)();
        let uri = self
            .settings
            .advertised
            .uri(&self.settings.user, flow.transport);
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        let seconds = session.seconds;
        let mut request = session.dialog.request(method, &via, None);
        let headers = &mut request.headers;
        headers.push("Contact", &format!("<{uri}>;+sip.src"));
        headers.push("Supported", "timer");
        headers.push("Session-Expires", &format!("{seconds};refresher=uac"));
        headers.push("Allow", ALLOW);
        if let Some((name, value)) = credentials {
            headers.push(name, &value);
        }
        if request.method == Method::Invite {
            request.headers.push("Require", "siprec");
            request.headers.push("Accept", ACCEPT);
            let (sdp, metadata) = (session.text.expose(), session.metadata.expose());
            describe(&mut request, boundary, sdp, metadata);
        }
        let transaction = self.transactions.ask(now, flow, request, id.0);
        if let (Some(transaction), Some(session)) = (transaction, self.sessions.get_mut(&id)) {
            session.asking = Some(Asking {
                transaction,
                purpose,
                before,
            });
        }
        self.reschedule(id);
        transaction.is_some()
    }

    /// Makes the changes that wait, if nothing is under way.
    pub(super) fn continue_changes(&mut self, now: Duration, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let waits = session.asking.is_some()
            || session.unacknowledged.is_some()
            || !matches!(session.phase, Phase::Established)
            || session.not_before.is_some_and(|time| time > now);
        if waits {
            return self.reschedule(id);
        }
        session.not_before = None;
        session.attempts = 0;
        let Some(Queued { lines, metadata }) = session.queued.take() else {
            return self.reschedule(id);
        };
        if let Some(metadata) = metadata {
            session.metadata = metadata;
        }
        let before = lines.map(|lines| {
            let before = session.lines.clone();
            session.offer(lines);
            before
        });
        if !self.ask_invite(now, id, before) {
            // No room: it is tried again.
            self.again(now, id, Purpose::Change, None);
        }
    }

    /// The owner no longer wants a session that is not answered.
    pub(super) fn give_up(&mut self, now: Duration, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut session.given_up, true) {
            return;
        }
        session.answer_by = Some(now + GIVE_UP);
        if let Some(asking) = &session.asking
            && session.trying
        {
            let transaction = asking.transaction;
            self.transactions.cancel(now, transaction);
        }
        self.reschedule(id);
    }

    /// Tells of the end of a session that was given up.
    fn end_given_up(&mut self, id: SessionId) {
        if self
            .sessions
            .get(&id)
            .is_some_and(|session| session.too_late)
        {
            self.refuse(id, None, None);
        } else {
            self.end(id, ClientEnd::HungUp);
        }
    }

    /// Ends a session that was answered.
    pub(super) fn leave(&mut self, now: Duration, id: SessionId, reason: ClientEnd) {
        self.bye(now, id);
        self.end(id, reason);
    }

    fn bye(&mut self, now: Duration, id: SessionId) {
        let Some(flow) = self.sessions.get(&id).map(|s| s.dialog.next_hop()) else {
            return;
        };
        let via = self.via(flow);
        if let Some(session) = self.sessions.get_mut(&id) {
            let bye = session.dialog.request(Method::Bye, &via, None);
            let bytes = bye.write();
            if self.transactions.ask(now, flow, bye, id.0).is_none() {
                self.transactions.send(flow, bytes);
            }
        }
    }

    /// A response that came.
    pub(super) fn response(
        &mut self,
        now: Duration,
        flow: Flow,
        response: &Response,
        essentials: &Essentials,
    ) {
        let Some(answered) = self.transactions.response(now, response, essentials) else {
            return;
        };
        let id = SessionId(answered.owner);
        let invites = essentials.cseq.method == Method::Invite;
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let ours = session.asking.as_ref().map(|asking| asking.transaction) == Some(answered.id);
        match response.status {
            100..200 if ours => self.trying(now, id, answered.id),
            100..200 => {}
            200..300 if invites => {
                self.accepted(now, id, answered, flow, response, essentials, ours)
            }
            200..300 if ours => {
                session.asking = None;
                session.dialog.flow = flow;
                self.keep(now, id, response);
                self.continue_changes(now, id);
            }
            _ if ours => self.refused(now, id, flow, response, essentials),
            _ => {}
        }
        self.reschedule(id);
    }

    fn trying(&mut self, now: Duration, id: SessionId, transaction: TransactionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.trying || !matches!(session.phase, Phase::Inviting) {
            return;
        }
        session.trying = true;
        if session.given_up {
            self.transactions.cancel(now, transaction);
        } else {
            session.answer_by = Some(now + self.settings.answer_within);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the whole of one answer")]
    fn accepted(
        &mut self,
        now: Duration,
        id: SessionId,
        answered: Answered,
        flow: Flow,
        response: &Response,
        essentials: &Essentials,
        ours: bool,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let first = matches!(session.phase, Phase::Inviting);
        let tag = essentials.to.tag().unwrap_or_default();
        if !first && tag != session.dialog.remote_tag {
            // The INVITE was forked; one recorder is enough (RFC 3261, 13.2.2.4).
            let mut other = session.dialog.clone();
            settle(&mut other, flow, response, essentials);
            return self.decline(now, other, essentials.cseq.number);
        }
        settle(&mut session.dialog, flow, response, essentials);
        session.takes_update |= response.headers.lists("Allow", "UPDATE");
        let via = self.via(flow);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let ack = session
            .dialog
            .request(Method::Ack, &via, Some(essentials.cseq.number));
        let hop = session.dialog.next_hop();
        self.transactions.send(hop, ack.write());
        if !ours {
            // It came again.
            return;
        }
        debug_assert!(answered.owner == id.0);
        session.phase = Phase::Established;
        session.asking = None;
        session.answer_by = None;
        if session.given_up {
            self.bye(now, id);
            return self.end_given_up(id);
        }
        let answer = Description::parse(&response.body).ok();
        let streams = answer
            .map(|answer| session.taken(&answer))
            .unwrap_or_default();
        if streams.iter().all(Option::is_none) {
            return self.leave(now, id, ClientEnd::NoMedia);
        }
        let differs = session.streams != streams;
        session.streams.clone_from(&streams);
        let session = id;
        if first {
            self.actions
                .push_back(ClientAction::Answered { session, streams });
        } else if differs {
            self.actions
                .push_back(ClientAction::Changed { session, streams });
        }
        self.keep(now, id, response);
        self.continue_changes(now, id);
    }

    /// Acknowledges and ends a dialog that is not wanted.
    fn decline(&mut self, now: Duration, mut dialog: crate::sip::dialog::Dialog, number: u32) {
        let flow = dialog.next_hop();
        let via = self.via(flow);
        let ack = dialog.request(Method::Ack, &via, Some(number));
        self.transactions.send(flow, ack.write());
        let via = self.via(flow);
        let bye = dialog.request(Method::Bye, &via, None);
        self.transactions.ask(now, flow, bye, 0);
    }

    /// Takes over what an answer says of the interval.
    fn keep(&mut self, now: Duration, id: SessionId, response: &Response) {
        let told = response.headers.session_expires().ok().flatten();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.interval = told.map(|told| {
                let ours = told.refresher != Some(Refresher::Uas);
                Interval::new(now, told.seconds.max(30), ours)
            });
        }
    }

    /// An answer that is no.
    fn refused(
        &mut self,
        now: Duration,
        id: SessionId,
        flow: Flow,
        response: &Response,
        essentials: &Essentials,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(asking) = session.asking.take() else {
            return;
        };
        session.dialog.flow = flow;
        if session.given_up {
            return self.end_given_up(id);
        }
        if self.try_otherwise(now, id, &asking, response, essentials) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if matches!(session.phase, Phase::Inviting) {
            let retry_after = response.headers.get("Retry-After").and_then(|value| {
                let seconds = value.split([';', ' ', '(']).next()?;
                seconds.parse().ok()
            });
            return self.refuse(id, Some(response.status), retry_after);
        }
        match response.status {
            // RFC 3261, 12.2.1.2: the dialog is gone.
            481 => return self.end(id, ClientEnd::Lost),
            408 => return self.leave(now, id, ClientEnd::Lost),
            491 | 500 => return self.again(now, id, asking.purpose, asking.before),
            _ => {}
        }
        if let Some(before) = asking.before {
            session.offer(before);
        }
        if asking.purpose == Purpose::Change {
            self.actions.push_back(ClientAction::UpdateRefused {
                session: id,
                status: response.status,
            });
        }
        self.continue_changes(now, id);
    }

    /// Asks again with credentials or a longer interval, if that is what was missing.
    fn try_otherwise(
        &mut self,
        now: Duration,
        id: SessionId,
        asking: &Asking,
        response: &Response,
        essentials: &Essentials,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        session.attempts += 1;
        if session.attempts >= MOST_ATTEMPTS {
            return false;
        }
        let method = essentials.cseq.method.clone();
        let credentials = match response.status {
            401 | 407 => {
                let Some(credentials) = &self.settings.credentials else {
                    return false;
                };
                let uri = session.dialog.target.clone();
                let (name, random) = (method.name(), (self.random)());
                let headers = &response.headers;
                match authorize(headers, credentials, name, &uri, random) {
                    Some(credentials) => Some(credentials),
                    None => return false,
                }
            }
            422 => {
                let least = response.headers.min_session_expires().ok().flatten();
                match least.filter(|least| *least > session.seconds) {
                    Some(least) => session.seconds = least,
                    None => return false,
                }
                None
            }
            _ => return false,
        };
        let before = asking.before.clone();
        self.ask(now, id, method, asking.purpose, before, credentials)
    }

    /// A change or refresh is made later.
    fn again(
        &mut self,
        now: Duration,
        id: SessionId,
        purpose: Purpose,
        before: Option<Vec<OfferedLine>>,
    ) {
        let spread = u64::try_from((self.random)() % AGAIN_SPREAD).unwrap_or_default();
        let time = now + AGAIN_AFTER + Duration::from_millis(spread);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.not_before = Some(time);
        match (purpose, before) {
            (Purpose::Change, before) => {
                let wanted = session.lines.clone();
                if let Some(before) = before {
                    session.offer(before);
                }
                // What has been asked for meanwhile is newer.
                let Queued { lines, metadata } = session.queued.take().unwrap_or_default();
                session.queued = Some(Queued {
                    lines: lines.or(Some(wanted)),
                    metadata,
                });
            }
            (Purpose::Refresh, _) => {
                if let Some(interval) = &mut session.interval {
                    interval.refresh = Some(time);
                }
            }
        }
        self.reschedule(id);
    }

    fn refuse(&mut self, id: SessionId, status: Option<u16>, retry_after: Option<u32>) {
        if self.forget(id).is_some() {
            self.actions.push_back(ClientAction::Refused {
                session: id,
                status,
                retry_after,
            });
        }
    }

    /// A request of ours got no answer. `lost`: its connection is gone.
    pub(super) fn unanswered(&mut self, now: Duration, silent: Answered, lost: bool) {
        let id = SessionId(silent.owner);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(asking) = session
            .asking
            .take_if(|asking| asking.transaction == silent.id)
        else {
            return;
        };
        match session.phase {
            Phase::Inviting if session.given_up => self.end_given_up(id),
            Phase::Inviting => self.refuse(id, None, None),
            Phase::Established if lost => self.again(now, id, asking.purpose, asking.before),
            Phase::Established => self.leave(now, id, ClientEnd::Lost),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        for silent in self.transactions.timeout(now) {
            self.unanswered(now, silent, false);
        }
        while let Some(id) = self.schedule.due(now) {
            self.due(now, SessionId(id));
            self.reschedule(SessionId(id));
        }
    }

    fn due(&mut self, now: Duration, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.answer_by.is_some_and(|time| time <= now) {
            if !session.given_up {
                session.too_late = true;
                return self.give_up(now, id);
            }
            // RFC 3261, 9.1: it does not answer the CANCEL either.
            if let Some(asking) = session.asking.take() {
                self.transactions.abandon(asking.transaction);
            }
            return self.end_given_up(id);
        }
        let unacknowledged = session.unacknowledged.as_mut();
        match unacknowledged.map_or(Due::Nothing, |sent| sent.due(now)) {
            Due::Nothing => {}
            Due::Again(bytes) => {
                let flow = session.dialog.flow;
                self.transactions.send(flow, bytes);
            }
            Due::GivenUp => return self.leave(now, id, ClientEnd::Lost),
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if let Some(interval) = &mut session.interval {
            if interval.expires <= now {
                return self.leave(now, id, ClientEnd::Expired);
            }
            if interval.refresh.is_some_and(|time| time <= now) {
                interval.refresh = None;
                self.refresh(now, id);
            }
        }
        if let Some(session) = self.sessions.get_mut(&id)
            && session.not_before.is_some_and(|time| time <= now)
        {
            session.not_before = None;
            self.continue_changes(now, id);
        }
    }

    /// A sign of life: UPDATE, or an INVITE that says what was said.
    fn refresh(&mut self, now: Duration, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.asking.is_some() || session.unacknowledged.is_some() {
            return self.again(now, id, Purpose::Refresh, None);
        }
        session.attempts = 0;
        let method = if session.takes_update {
            Method::Update
        } else {
            Method::Invite
        };
        if !self.ask(now, id, method, Purpose::Refresh, None, None) {
            self.again(now, id, Purpose::Refresh, None);
        }
    }
}

/// Makes a dialog of what the recorder's answer says (RFC 3261, 12.1.2).
fn settle(
    dialog: &mut crate::sip::dialog::Dialog,
    flow: Flow,
    response: &Response,
    essentials: &Essentials,
) {
    dialog.flow = flow;
    if let Ok(Some(contact)) = response.headers.contact() {
        dialog.target = contact.uri;
    }
    let tag = essentials.to.tag().unwrap_or_default();
    if dialog.remote_tag == tag && !tag.is_empty() {
        return;
    }
    dialog.remote_tag = tag.to_owned();
    dialog.remote = response.headers.get("To").unwrap_or_default().to_owned();
    dialog.routes = routes(&response.headers);
}

/// The recorded route, from our end.
fn routes(headers: &Headers) -> Vec<String> {
    let routes = headers.list("Record-Route").unwrap_or_default();
    routes
        .into_iter()
        .rev()
        .filter(|route| NameAddr::parse(route).is_some())
        .take(crate::sip::dialog::MOST_ROUTES)
        .map(str::to_owned)
        .collect()
}

/// Puts the description, and the metadata if there is any, into a request.
fn describe(request: &mut Request, boundary: u128, sdp: &str, metadata: &str) {
    if metadata.is_empty() {
        request.headers.push("Content-Type", "application/sdp");
        request.body = sdp.as_bytes().to_vec();
        return;
    }
    let (kind, body) = write(
        boundary,
        &[
            NewPart {
                content_type: "application/sdp",
                disposition: None,
                body: sdp.as_bytes(),
            },
            NewPart {
                content_type: "application/rs-metadata+xml",
                disposition: Some("recording-session"),
                body: metadata.as_bytes(),
            },
        ],
    );
    request.headers.push("MIME-Version", "1.0");
    request.headers.push("Content-Type", &kind);
    request.body = body;
}
