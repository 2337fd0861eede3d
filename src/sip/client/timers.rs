//! What happens by itself: answers that do not come, refreshes, repetitions.

use std::time::Duration;

use super::session::{Phase, Purpose};
use super::{ClientEnd, Src};
use crate::sip::SessionId;
use crate::sip::lifetime::Due;
use crate::sip::message::Method;
use crate::sip::transaction::layer::Answered;

impl Src {
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
