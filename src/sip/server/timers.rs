//! What happens by itself, and what we ask of the peer: repetitions, refreshes, BYE.

use std::time::Duration;

use super::requests::{ALLOW, SUPPORTED};
use super::session::Phase;
use super::{EndReason, Srs};
use crate::sip::lifetime::{Due, Interval};
use crate::sip::message::{Essentials, Method, Refresher, Response};
use crate::sip::transaction::layer::TransactionId;
use crate::sip::{Flow, SessionId};

/// When a refresh that met one of the peer's is tried again (RFC 3261, 14.1: the called side within 2 s).
const SOON: u64 = 2000;

impl Srs {
    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        for silent in self.transactions.timeout(now) {
            self.unanswered(now, SessionId(silent.owner), silent.id);
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
        if session
            .pending
            .as_ref()
            .is_some_and(|pending| pending.decide_by <= now)
        {
            if matches!(session.phase, Phase::Invited) {
                self.take_back(now, id, 480);
                return self.end(id, EndReason::Undecided);
            }
            // The streams that were added are refused; the call goes on.
            let _ = self.provide_media(now, id, &[]);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let unacknowledged = session.unacknowledged.as_mut();
        match unacknowledged.map_or(Due::Nothing, |sent| sent.due(now)) {
            Due::Nothing => {}
            Due::Again(bytes) => {
                let flow = session.dialog.flow;
                self.transactions.send(flow, bytes);
            }
            Due::GivenUp => {
                session.unacknowledged = None;
                let reason = session.leaving.take().unwrap_or(EndReason::NotAcknowledged);
                return self.leave(now, id, reason);
            }
        }
        let Some(interval) = self.sessions.get(&id).and_then(|session| session.interval) else {
            return;
        };
        if interval.expires <= now {
            return self.leave(now, id, EndReason::Expired);
        }
        if interval.refresh.is_some_and(|refresh| refresh <= now) {
            self.refresh(now, id);
        }
    }

    /// Ends a session from our side.
    pub(super) fn leave(&mut self, now: Duration, id: SessionId, reason: EndReason) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if matches!(session.phase, Phase::Invited) {
            self.take_back(now, id, 480);
            return self.end(id, reason);
        }
        // RFC 3261, 15: the called side sends no BYE before the ACK.
        if matches!(session.phase, Phase::Accepted) && session.unacknowledged.is_some() {
            session.leaving = Some(reason);
            session.interval = None;
            return;
        }
        self.take_back(now, id, 487);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let flow = session.dialog.next_hop();
        let via = self.via(flow);
        if let Some(session) = self.sessions.get_mut(&id) {
            let bye = session.dialog.request(Method::Bye, &via, None);
            let bytes = bye.write();
            if self.transactions.ask(now, flow, bye, id.0).is_none() {
                // There is no room to wait for the answer.
                self.transactions.send(flow, bytes);
            }
        }
        self.end(id, reason);
    }

    /// Refreshes a session: UPDATE, or an INVITE with what is agreed on if the peer does not take that.
    fn refresh(&mut self, now: Duration, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let busy = session.pending.is_some() || session.unacknowledged.is_some();
        if busy || session.refreshing.is_some() {
            return self.refresh_soon(now, id);
        }
        let flow = session.dialog.next_hop();
        let via = self.via(flow);
        let advertised = &self.settings.advertised;
        let contact = advertised.uri(&self.settings.user, flow.transport);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(known) = &mut session.interval else {
            return;
        };
        known.refresh = None;
        let seconds = known.seconds;
        let method = if session.takes_update {
            Method::Update
        } else {
            Method::Invite
        };
        let invites = method == Method::Invite;
        let mut request = session.dialog.request(method, &via, None);
        request
            .headers
            .push("Contact", &format!("<{contact}>;+sip.srs"));
        request.headers.push("Supported", SUPPORTED);
        request.headers.push("Allow", ALLOW);
        let expires = format!("{seconds};refresher=uac");
        request.headers.push("Session-Expires", &expires);
        if invites {
            session.media.offer_again();
            request.headers.push("Content-Type", "application/sdp");
            request.body = session.media.text().as_bytes().to_vec();
        }
        session.refreshing = self.transactions.ask(now, flow, request, id.0);
    }

    fn refresh_soon(&mut self, now: Duration, id: SessionId) {
        let wait = u64::try_from((self.random)() % u128::from(SOON)).unwrap_or(SOON);
        if let Some(known) = self.sessions.get_mut(&id).and_then(|s| s.interval.as_mut()) {
            known.refresh = Some(now + Duration::from_millis(100 + wait));
        }
    }

    /// A request of ours got no answer.
    pub(super) fn unanswered(&mut self, now: Duration, id: SessionId, transaction: TransactionId) {
        let refreshing = self
            .sessions
            .get(&id)
            .and_then(|session| session.refreshing);
        if refreshing == Some(transaction) {
            // RFC 3261, 12.2.1.2.
            self.leave(now, id, EndReason::Expired);
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
        let accepted = (200..300).contains(&response.status);
        if accepted && essentials.cseq.method == Method::Invite {
            self.acknowledge(id, essentials.cseq.number);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.refreshing != Some(answered.id) || response.status < 200 {
            return;
        }
        session.refreshing = None;
        session.dialog.flow = flow;
        match response.status {
            200..300 => {
                let told = response.headers.session_expires().ok().flatten();
                session.interval = session.interval.map(|known| {
                    let seconds = told.map_or(known.seconds, |told| told.seconds.max(90));
                    // In our own request we are the uac.
                    let theirs = told.and_then(|told| told.refresher) == Some(Refresher::Uas);
                    Interval::new(now, seconds, !theirs)
                });
            }
            // RFC 3261, 12.2.1.2: the dialog is gone.
            408 | 481 => return self.leave(now, id, EndReason::Expired),
            491 => self.refresh_soon(now, id),
            // It expires.
            _ => {}
        }
        self.reschedule(id);
    }

    /// Acknowledges a 200 to an INVITE of ours.
    fn acknowledge(&mut self, id: SessionId, number: u32) {
        let Some(flow) = self.sessions.get(&id).map(|s| s.dialog.next_hop()) else {
            return;
        };
        let via = self.via(flow);
        if let Some(session) = self.sessions.get_mut(&id) {
            let ack = session.dialog.request(Method::Ack, &via, Some(number));
            self.transactions.send(flow, ack.write());
        }
    }
}
