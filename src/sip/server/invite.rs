//! The first INVITE of a call, up to its acknowledgement.

use std::time::Duration;

use super::media::{Media, Plan};
use super::requests::{ALLOW, SUPPORTED};
use super::session::{Pending, Phase, Session};
use super::{Action, Change, DecisionError, EndReason, Invitation, Refusal, Srs};
use crate::call::Sensitive;
use crate::sip::body::{ACCEPT, Bodies};
use crate::sip::description::{Description, LocalMedia};
use crate::sip::dialog::Dialog;
use crate::sip::digest::Verdict;
use crate::sip::lifetime::{Interval, Unacknowledged};
use crate::sip::message::{Essentials, Headers, Refresher, Request, Response};
use crate::sip::metadata::{Annotation, MOST, RecordingMetadata};
use crate::sip::{Flow, SessionId, Transport};

/// Headers that tell of the call that is recorded.
const TELLING: &[&str] = &[
    "P-Asserted-Identity",
    "Remote-Party-ID",
    "User-to-User",
    "Session-ID",
    "Diversion",
    "Cisco-Guid",
];
/// Longest session interval, in seconds: what is longer guards against nothing.
const LONGEST_INTERVAL: u32 = 86_400;

/// What an INVITE is refused with, and what goes with it.
type Refused = (u16, Headers);

impl Srs {
    /// An INVITE without a dialog.
    pub(super) fn invite(
        &mut self,
        now: Duration,
        flow: Flow,
        request: Request,
        essentials: Essentials,
    ) {
        if let Err((status, headers)) = self.invited(now, flow, &request, &essentials) {
            let mut response = self.refusal(&request, status);
            for (name, value) in headers.iter() {
                response.headers.push(name, value);
            }
            self.transactions.send(flow, response.write());
        }
    }

    fn invited(
        &mut self,
        now: Duration,
        flow: Flow,
        request: &Request,
        essentials: &Essentials,
    ) -> Result<(), Refused> {
        let plainly = |status| (status, Headers::default());
        let tag = essentials.from.tag().unwrap_or_default().to_owned();
        let key = (essentials.call_id.clone(), tag);
        // RFC 3261, 8.2.2.2: the same request came another way.
        if self.calls.contains_key(&key) {
            return Err(plainly(482));
        }
        let of_peer = self.peers.get(&flow.peer.ip()).copied().unwrap_or_default();
        if self.draining
            || self.sessions.len() >= self.settings.most_sessions
            || of_peer >= self.settings.most_sessions_per_peer
        {
            return Err(plainly(503));
        }
        request
            .headers
            .contact()
            .map_err(|fault| plainly(fault.status()))?;
        let user = self.authenticated(now, request)?;
        let bodies = Self::bodies(request).map_err(plainly)?;
        self.agreed_interval(now, request).map_err(plainly)?;
        let id = SessionId(self.next_session);
        let media = Media::new(self.next_session);
        let plan = match bodies.description {
            Some(text) => self.plan(flow, &media, text).map_err(plainly)?,
            None => Plan {
                offer: None,
                taking: Vec::new(),
                wanted: Vec::new(),
            },
        };
        if plan.offer.is_some() && plan.wanted.is_empty() {
            return Err(plainly(488));
        }
        let invitation = Invitation {
            session: id,
            flow,
            call_id: Sensitive::new(essentials.call_id.clone()),
            from: Sensitive::new(essentials.from.uri.clone()),
            to: Sensitive::new(essentials.to.uri.clone()),
            user,
            is_siprec: is_siprec(request, &bodies),
            streams: plan.wanted.clone(),
            is_delayed: plan.offer.is_none(),
            metadata: RecordingMetadata::default(),
            metadata_fault: None,
            annotations: annotations(&request.headers),
        };
        let served = self
            .transactions
            .serve(now, flow, request, essentials, id.0);
        let Some(transaction) = served else {
            return Err(plainly(503));
        };
        self.next_session += 1;
        self.transactions
            .answer(now, transaction, &request.response(100, None));
        let local_tag = self.token();
        let session = Session {
            id,
            dialog: Dialog::invited(flow, request, essentials, local_tag),
            peer: flow.peer.ip(),
            phase: Phase::Invited,
            media,
            metadata: RecordingMetadata::default(),
            pending: Some(Pending {
                transaction,
                request: request.clone(),
                plan,
                decide_by: now + self.settings.decide_within,
            }),
            unacknowledged: None,
            interval: None,
            refreshing: None,
            takes_update: request.headers.lists("Allow", "UPDATE"),
            leaving: None,
        };
        self.begin(key, session, invitation, bodies.metadata);
        Ok(())
    }

    fn begin(
        &mut self,
        key: (String, String),
        mut session: Session,
        mut invitation: Invitation,
        metadata: Option<&[u8]>,
    ) {
        match metadata.map(RecordingMetadata::read) {
            Some(Ok(metadata)) => session.metadata = metadata,
            Some(Err(fault)) => invitation.metadata_fault = Some(fault),
            None => {}
        }
        invitation.metadata = session.metadata.clone();
        let id = session.id;
        *self.peers.entry(session.peer).or_default() += 1;
        self.calls.insert(key, id);
        self.sessions.insert(id, session);
        self.reschedule(id);
        self.actions
            .push_back(Action::Invited(Box::new(invitation)));
    }

    /// Whether the sender proves who it is; the challenge if not.
    fn authenticated(
        &mut self,
        now: Duration,
        request: &Request,
    ) -> Result<Option<String>, Refused> {
        let Some(guard) = &mut self.guard else {
            return Ok(None);
        };
        let method = request.method.name();
        match guard.check(now, method, &request.uri, &request.headers) {
            Verdict::Granted(user) => Ok(Some(user)),
            Verdict::Challenged { stale } => {
                let mut headers = Headers::default();
                for challenge in guard.challenges(now, (self.random)(), stale) {
                    headers.push("WWW-Authenticate", &challenge);
                }
                Err((401, headers))
            }
        }
    }

    /// What would be recorded of an offer, or how it is refused.
    pub(super) fn plan(&self, flow: Flow, media: &Media, text: &[u8]) -> Result<Plan, u16> {
        let offer = Description::parse(text).map_err(|_| 400_u16)?;
        let safe = self.keys_are_safe(flow);
        media.plan(offer, &self.settings.codecs, safe).ok_or(488)
    }

    pub(super) fn keys_are_safe(&self, flow: Flow) -> bool {
        flow.transport == Transport::Tls || self.settings.keys_over_plain_signalling
    }

    pub(super) fn accept_invitation(
        &mut self,
        now: Duration,
        id: SessionId,
        local: &[LocalMedia],
    ) -> Result<(), DecisionError> {
        let session = self
            .sessions
            .get_mut(&id)
            .ok_or(DecisionError::NotWaiting)?;
        let pending = session.pending.as_ref().ok_or(DecisionError::NotWaiting)?;
        if !matches!(session.phase, Phase::Invited) {
            return Err(DecisionError::NotWaiting);
        }
        if local.is_empty() {
            return Err(DecisionError::NoMedia);
        }
        let delayed = pending.plan.offer.is_none();
        if !delayed {
            session.media.check(&pending.plan, local)?;
        } else if local.len() > crate::sip::description::MOST_STREAMS {
            return Err(DecisionError::TooMany);
        }
        let Some(pending) = session.pending.take() else {
            return Err(DecisionError::NotWaiting);
        };
        if delayed {
            session.media.offer_all(local, &self.settings.codecs);
        } else {
            session.media.settle(pending.plan, local);
        }
        session.phase = Phase::Accepted;
        self.take(
            now,
            id,
            pending.transaction,
            &pending.request,
            delayed,
            true,
        );
        Ok(())
    }

    /// Answers an INVITE or UPDATE with 200 and our description, if it had or wants one.
    pub(super) fn take(
        &mut self,
        now: Duration,
        id: SessionId,
        transaction: u64,
        request: &Request,
        offered: bool,
        described: bool,
    ) {
        let interval = self.agreed_interval(now, request).ok().flatten();
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let uri = self
            .settings
            .advertised
            .uri(&self.settings.user, session.dialog.flow.transport);
        let mut response = request
            .response(200, Some(&session.dialog.local_tag))
            .with("Contact", &format!("<{uri}>;+sip.srs"))
            .with("Supported", SUPPORTED)
            .with("Allow", ALLOW)
            .with("Accept", ACCEPT);
        if let Some((interval, refresher)) = interval {
            response = refreshed_by(response, interval.seconds, refresher);
        }
        // A refresh without a timer ends the timer (RFC 4028, 10).
        session.interval = interval.map(|(interval, _)| interval);
        if described {
            let text = session.media.text().as_bytes().to_vec();
            response = response.with_body("application/sdp", text);
        }
        if request.method == crate::sip::message::Method::Invite {
            let number = request.essentials().map_or(0, |known| known.cseq.number);
            let sent = Unacknowledged::new(now, response.write(), number, offered);
            session.unacknowledged = Some(sent);
        }
        self.transactions.answer(now, transaction, &response);
        self.reschedule(id);
    }

    pub(super) fn refuse_invitation(
        &mut self,
        now: Duration,
        id: SessionId,
        refusal: Refusal,
    ) -> Result<(), DecisionError> {
        let session = self
            .sessions
            .get_mut(&id)
            .ok_or(DecisionError::NotWaiting)?;
        if !matches!(session.phase, Phase::Invited) {
            return Err(DecisionError::NotWaiting);
        }
        let pending = session.pending.take().ok_or(DecisionError::NotWaiting)?;
        let status = match refusal {
            Refusal::Forbidden => 403,
            Refusal::NotAcceptable => 488,
            Refusal::Overloaded { .. } => 503,
            Refusal::Declined => 480,
        };
        let mut response = pending
            .request
            .response(status, Some(&session.dialog.local_tag));
        if let Refusal::Overloaded { retry_after } = refusal {
            response = response.with("Retry-After", &retry_after.to_string());
        }
        self.transactions
            .answer(now, pending.transaction, &response);
        self.forget(id);
        Ok(())
    }

    /// An ACK for a 200.
    pub(super) fn acknowledged(
        &mut self,
        now: Duration,
        request: &Request,
        essentials: &Essentials,
    ) {
        let Some(id) = self.session_of(essentials) else {
            return;
        };
        let safe = self
            .sessions
            .get(&id)
            .map(|s| self.keys_are_safe(s.dialog.flow));
        let (Some(session), Some(safe)) = (self.sessions.get_mut(&id), safe) else {
            return;
        };
        let Some(sent) = session
            .unacknowledged
            .take_if(|sent| sent.number == essentials.cseq.number)
        else {
            return;
        };
        let first = matches!(session.phase, Phase::Accepted);
        session.phase = Phase::Confirmed;
        if sent.offered {
            let text = Self::bodies(request)
                .ok()
                .and_then(|bodies| bodies.description);
            let answer = text.and_then(|text| Description::parse(text).ok());
            let codecs = &self.settings.codecs;
            if !answer.is_some_and(|answer| session.media.take_answer(answer, codecs, safe)) {
                return self.leave(now, id, EndReason::NoMedia);
            }
            let change = Change::Media(session.media.streams());
            self.actions.push_back(Action::Changed {
                session: id,
                change,
            });
        }
        if first {
            self.actions.push_back(Action::Confirmed { session: id });
        }
        if let Some(reason) = self.sessions.get_mut(&id).and_then(|s| s.leaving.take()) {
            return self.leave(now, id, reason);
        }
        self.reschedule(id);
    }

    /// The interval to agree on, and who refreshes; the status if it is too short (RFC 4028, 9).
    pub(super) fn agreed_interval(
        &self,
        now: Duration,
        request: &Request,
    ) -> Result<Option<(Interval, Refresher)>, u16> {
        let asked = request
            .headers
            .session_expires()
            .map_err(|fault| fault.status())?;
        let their_least = request
            .headers
            .min_session_expires()
            .map_err(|fault| fault.status())?
            .unwrap_or_default();
        let knows = request.headers.lists("Supported", "timer")
            || request.headers.lists("Require", "timer");
        let least = self.settings.min_session_expires.max(their_least);
        let seconds = match asked {
            Some(asked) if asked.seconds < self.settings.min_session_expires && knows => {
                return Err(422);
            }
            Some(asked) => asked.seconds,
            None if knows => self.settings.session_expires,
            None => return Ok(None),
        };
        let seconds = seconds.max(least).min(LONGEST_INTERVAL);
        let refresher = match asked.and_then(|asked| asked.refresher) {
            // Who does not know timers does not refresh; a proxy has asked.
            _ if !knows => Refresher::Uas,
            Some(refresher) => refresher,
            None => Refresher::Uac,
        };
        Ok(Some((
            Interval::new(now, seconds, refresher == Refresher::Uas),
            refresher,
        )))
    }
}

fn refreshed_by(response: Response, seconds: u32, refresher: Refresher) -> Response {
    match refresher {
        Refresher::Uac => response
            .with("Require", "timer")
            .with("Session-Expires", &format!("{seconds};refresher=uac")),
        Refresher::Uas => response.with("Session-Expires", &format!("{seconds};refresher=uas")),
    }
}

fn is_siprec(request: &Request, bodies: &Bodies<'_>) -> bool {
    let contact = request.headers.contact().ok().flatten();
    request.headers.lists("Require", "siprec")
        || bodies.metadata.is_some()
        || contact.is_some_and(|contact| contact.parameters.has("+sip.src"))
}

fn annotations(headers: &Headers) -> Vec<Annotation> {
    headers
        .iter()
        .filter(|(name, _)| {
            TELLING
                .iter()
                .any(|telling| telling.eq_ignore_ascii_case(name))
                || name
                    .get(..2)
                    .is_some_and(|start| start.eq_ignore_ascii_case("X-"))
        })
        .take(MOST)
        .map(|(name, value)| Annotation {
            name: name.to_owned(),
            value: Sensitive::new(value.to_owned()),
        })
        .collect()
}
