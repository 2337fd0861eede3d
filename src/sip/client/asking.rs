//! Requests of ours.

use std::time::Duration;

use super::session::{Asking, Phase, Purpose, Queued};
use super::{ClientAction, ClientEnd, Src};
use crate::sip::SessionId;
use crate::sip::description::OfferedLine;
use crate::sip::message::{Method, Request};
use crate::sip::multipart::{NewPart, write};
use crate::sip::transaction::GIVE_UP;

/// What is understood, for Allow.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO";
/// What bodies are taken, for Accept.
pub(super) const ACCEPT: &str = "application/sdp, application/rs-metadata-request";
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

    pub(super) fn ask(
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
    pub(super) fn end_given_up(&mut self, id: SessionId) {
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

    pub(super) fn bye(&mut self, now: Duration, id: SessionId) {
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

    /// A change or refresh is made later.
    pub(super) fn again(
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

    pub(super) fn refuse(&mut self, id: SessionId, status: Option<u16>, retry_after: Option<u32>) {
        if self.forget(id).is_some() {
            self.actions.push_back(ClientAction::Refused {
                session: id,
                status,
                retry_after,
            });
        }
    }
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
