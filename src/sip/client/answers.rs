//! What the recorder answers to requests of ours.

use std::time::Duration;

use super::session::{Asking, Phase, Purpose};
use super::{ClientAction, ClientEnd, Src};
use crate::sip::description::Description;
use crate::sip::dialog::{Dialog, MOST_ROUTES};
use crate::sip::digest::authorize;
use crate::sip::lifetime::Interval;
use crate::sip::message::{Essentials, Headers, Method, NameAddr, Refresher, Response};
use crate::sip::transaction::layer::{Answered, TransactionId};
use crate::sip::{Flow, SessionId};

/// Most forms of one request: plain, with credentials, with a newer nonce, with a longer interval.
const MOST_ATTEMPTS: u8 = 4;
/// Times that a change is tried again because it met one of the recorder's, or the recorder was busy.
const MOST_RETRIES: u8 = 5;

impl Src {
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
                session.retries = 0;
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
        session.retries = 0;
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
    fn decline(&mut self, now: Duration, mut dialog: Dialog, number: u32) {
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
            491 | 500 if session.retries < MOST_RETRIES => {
                session.retries += 1;
                return self.again(now, id, asking.purpose, asking.before);
            }
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
}

/// Makes a dialog of what the recorder's answer says (RFC 3261, 12.1.2).
fn settle(dialog: &mut Dialog, flow: Flow, response: &Response, essentials: &Essentials) {
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
        .take(MOST_ROUTES)
        .map(str::to_owned)
        .collect()
}
