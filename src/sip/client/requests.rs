//! Requests of the recorder.

use std::time::Duration;

use super::asking::{ACCEPT, ALLOW};
use super::session::Phase;
use super::{ClientAction, ClientEnd, Src};
use crate::sip::body::bodies;
use crate::sip::description::Description;
use crate::sip::lifetime::{Interval, Unacknowledged};
use crate::sip::message::{
    Essentials, Fault, Message, Method, Reading, Refresher, Request, Response,
};
use crate::sip::transaction::layer::{Belongs, TransactionId};
use crate::sip::{Flow, SessionId};

impl Src {
    /// Takes a message that came: a datagram, or one that [`crate::sip::framing`] told apart.
    pub fn handle_message(&mut self, now: Duration, flow: Flow, bytes: &[u8]) {
        let Ok(Reading { message, fault }) = Message::read(bytes) else {
            return;
        };
        match message {
            Message::Request(request) => self.request(now, flow, request, fault),
            Message::Response(response) => {
                if let (None, Ok(essentials)) = (fault, response.essentials()) {
                    self.response(now, flow, &response, &essentials);
                }
            }
        }
    }

    /// A connection is closed. Sessions go on, on another that is opened with their next request.
    pub fn flow_closed(&mut self, now: Duration, flow: Flow) {
        for session in self.sessions.values_mut() {
            session.dialog.flow_closed(flow);
        }
        for silent in self.transactions.flow_closed(flow) {
            self.unanswered(now, silent, true);
        }
    }

    fn refuse_at_once(&mut self, flow: Flow, request: &Request, status: u16) {
        let response = plain(request, status, None);
        self.transactions.send(flow, response.write());
    }

    fn request(&mut self, now: Duration, flow: Flow, mut request: Request, fault: Option<Fault>) {
        request.stamp(flow.peer);
        let essentials = match (fault, request.essentials()) {
            (None, Ok(essentials)) => essentials,
            (Some(fault), _) | (None, Err(fault)) => {
                if request.method != Method::Ack && request.headers.get("Via").is_some() {
                    self.refuse_at_once(flow, &request, fault.status());
                }
                return;
            }
        };
        if self.transactions.request(now, flow, &request, &essentials) == Belongs::Known {
            return;
        }
        let session = self.calls.get(&essentials.call_id).copied().filter(|id| {
            self.sessions.get(id).is_some_and(|session| {
                matches!(session.phase, Phase::Established)
                    && session.dialog.has_tags(&essentials.to, &essentials.from)
            })
        });
        match (&request.method, session) {
            (Method::Ack, Some(id)) => self.acknowledged(now, id, &request, &essentials),
            (Method::Ack, None) => {}
            (Method::Options, None) if essentials.to.tag().is_none() => {
                self.refuse_at_once(flow, &request, 200);
            }
            // What we answer at once cannot be cancelled.
            (Method::Cancel, _) => {
                let known = self.transactions.cancelled(&request, &essentials).is_some();
                self.refuse_at_once(flow, &request, if known { 200 } else { 481 });
            }
            (_, None) if essentials.to.tag().is_none() => {
                // Nobody is called here.
                self.refuse_at_once(flow, &request, 405);
            }
            (_, None) => self.refuse_at_once(flow, &request, 481),
            (_, Some(id)) => self.within(now, id, flow, request, &essentials),
        }
    }

    fn within(
        &mut self,
        now: Duration,
        id: SessionId,
        flow: Flow,
        request: Request,
        essentials: &Essentials,
    ) {
        let number = essentials.cseq.number;
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session
            .dialog
            .remote_number
            .is_some_and(|last| number <= last)
        {
            return self.refuse_at_once(flow, &request, 500);
        }
        let served = self
            .transactions
            .serve(now, flow, &request, essentials, id.0);
        let (Some(transaction), Some(session)) = (served, self.sessions.get_mut(&id)) else {
            return self.refuse_at_once(flow, &request, 503);
        };
        session.dialog.remote_number = Some(number);
        session.dialog.refresh(flow, &request, essentials);
        match request.method {
            Method::Bye => {
                let response = plain(&request, 200, None);
                self.transactions.answer(now, transaction, &response);
                self.end(id, ClientEnd::Bye);
            }
            Method::Invite | Method::Update => {
                let answer = self.changed(now, id, transaction, &request, number);
                if let Err(status) = answer {
                    let response = plain(&request, status, None);
                    self.transactions.answer(now, transaction, &response);
                }
                self.continue_changes(now, id);
            }
            _ => {
                let status = match request.method {
                    Method::Options | Method::Info | Method::Message => 200,
                    _ => 405,
                };
                let response = plain(&request, status, None);
                self.transactions.answer(now, transaction, &response);
            }
        }
        self.reschedule(id);
    }

    /// An INVITE or UPDATE of the recorder: a sign of life, a wish for metadata, or a pause.
    fn changed(
        &mut self,
        now: Duration,
        id: SessionId,
        transaction: TransactionId,
        request: &Request,
        number: u32,
    ) -> Result<(), u16> {
        let bodies = bodies(&request.headers, &request.body).map_err(|fault| fault.status())?;
        let session = self.sessions.get_mut(&id).ok_or(481_u16)?;
        let invites = request.method == Method::Invite;
        let negotiates = invites || bodies.description.is_some();
        if negotiates && (session.asking.is_some() || session.unacknowledged.is_some()) {
            return Err(491);
        }
        if let Some(text) = bodies.description {
            let offered = Description::parse(text).map_err(|_| 400_u16)?;
            let streams = session.answer(&offered).ok_or(488_u16)?;
            if streams != session.streams {
                session.streams.clone_from(&streams);
                self.actions.push_back(ClientAction::Changed {
                    session: id,
                    streams,
                });
            }
        }
        let uri = self
            .settings
            .advertised
            .uri(&self.settings.user, session.dialog.flow.transport);
        let mut response = plain(request, 200, Some(&session.dialog.local_tag))
            .with("Contact", &format!("<{uri}>;+sip.src"));
        let asked = request.headers.session_expires().ok().flatten();
        if let Some(asked) = asked.filter(|asked| asked.seconds >= 30) {
            // In its request the recorder is the uac.
            let ours = asked.refresher == Some(Refresher::Uas);
            session.interval = Some(Interval::new(now, asked.seconds, ours));
            let (seconds, who) = (asked.seconds, if ours { "uas" } else { "uac" });
            response = response.with("Session-Expires", &format!("{seconds};refresher={who}"));
            if !ours {
                response = response.with("Require", "timer");
            }
        }
        if negotiates {
            let text = session.text.expose().as_bytes().to_vec();
            response = response.with_body("application/sdp", text);
        }
        if invites {
            let offered = bodies.description.is_none();
            let sent = Unacknowledged::new(now, response.write(), number, offered);
            session.unacknowledged = Some(sent);
        }
        if bodies.wants_metadata {
            let all = session.metadata.clone();
            session.queue(None, Some(all));
        }
        self.transactions.answer(now, transaction, &response);
        Ok(())
    }

    /// An ACK of the recorder.
    fn acknowledged(
        &mut self,
        now: Duration,
        id: SessionId,
        request: &Request,
        essentials: &Essentials,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(sent) = session
            .unacknowledged
            .take_if(|sent| sent.number == essentials.cseq.number)
        else {
            return;
        };
        if sent.offered {
            let found = bodies(&request.headers, &request.body).ok();
            let answer = found.and_then(|found| found.description);
            let answer = answer.and_then(|text| Description::parse(text).ok());
            let streams = answer
                .map(|answer| session.taken(&answer))
                .unwrap_or_default();
            if streams.iter().all(Option::is_none) {
                return self.leave(now, id, ClientEnd::NoMedia);
            }
            if streams != session.streams {
                session.streams.clone_from(&streams);
                self.actions.push_back(ClientAction::Changed {
                    session: id,
                    streams,
                });
            }
        }
        self.continue_changes(now, id);
    }
}

/// A response with what we can do, where that is asked or wanted.
fn plain(request: &Request, status: u16, tag: Option<&str>) -> Response {
    // What nothing is kept of has a tag all the same (RFC 3261, 8.2.6.2).
    let response = request.response(status, tag.or(Some("src")));
    match status {
        200 => response
            .with("Allow", ALLOW)
            .with("Accept", ACCEPT)
            .with("Supported", "timer"),
        405 => response.with("Allow", ALLOW),
        415 => response.with("Accept", ACCEPT),
        500 => response.with("Retry-After", "5"),
        503 => response.with("Retry-After", "5"),
        _ => response,
    }
}
