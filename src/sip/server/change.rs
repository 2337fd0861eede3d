//! Re-INVITE and UPDATE (RFC 3261, 14; RFC 3311): other media, other metadata, or only a sign of life.

use std::time::Duration;

use super::session::Pending;
use super::{Action, Change, DecisionError, Srs};
use crate::sip::SessionId;
use crate::sip::description::{Description, LocalMedia};
use crate::sip::message::{Method, Request};
use crate::sip::metadata::RecordingMetadata;
use crate::sip::server::session::Phase;
use crate::sip::transaction::layer::TransactionId;

impl Srs {
    /// A request that may change the session.
    pub(super) fn change(
        &mut self,
        now: Duration,
        id: SessionId,
        transaction: TransactionId,
        request: Request,
    ) {
        if request.method == Method::Invite {
            // Absorbs the request's repetitions while the owner is asked for ports.
            let trying = request.response(100, None);
            self.transactions.answer(now, transaction, &trying);
        }
        if let Err(status) = self.changed(now, id, transaction, &request) {
            let response = self.refusal(&request, status);
            self.transactions.answer(now, transaction, &response);
        }
    }

    fn changed(
        &mut self,
        now: Duration,
        id: SessionId,
        transaction: TransactionId,
        request: &Request,
    ) -> Result<(), u16> {
        let bodies = Self::bodies(request)?;
        let Some(session) = self.sessions.get(&id) else {
            return Err(481);
        };
        let invites = request.method == Method::Invite;
        let negotiates = invites || bodies.description.is_some();
        if negotiates {
            // RFC 3261, 14.2 and RFC 3311, 5.2: one thing at a time. An INVITE of theirs may overtake the ACK of the
            // one before; they try again.
            if session.refreshing.is_some() || (invites && session.unacknowledged.is_some()) {
                return Err(491);
            }
            if session.pending.is_some() || matches!(session.phase, Phase::Invited) {
                return Err(500);
            }
        }
        if session
            .unacknowledged
            .as_ref()
            .is_some_and(|sent| sent.offered)
            && bodies.description.is_some()
        {
            return Err(491);
        }
        self.agreed_interval(now, request)?;
        let plan = match bodies.description {
            Some(text) => {
                let offer = Description::parse(text).map_err(|_| 400_u16)?;
                if session.media.is_answered(&offer) {
                    None
                } else {
                    Some(self.plan(session.dialog.flow, &session.media, text)?)
                }
            }
            None => None,
        };
        self.merge(id, bodies.metadata);
        let described = negotiates;
        let delayed = invites && bodies.description.is_none();
        let Some(session) = self.sessions.get_mut(&id) else {
            return Err(481);
        };
        session.takes_update |= request.headers.lists("Allow", "UPDATE");
        match plan {
            Some(plan) if !plan.wanted.is_empty() => {
                let streams = plan.wanted.clone();
                session.pending = Some(Pending {
                    transaction,
                    request: request.clone(),
                    plan,
                    decide_by: now + self.settings.decide_within,
                });
                self.reschedule(id);
                self.actions.push_back(Action::MediaWanted {
                    session: id,
                    streams,
                });
                return Ok(());
            }
            Some(plan) => {
                let before = session.media.streams();
                session.media.settle(plan, &[]);
                let after = session.media.streams();
                if before != after {
                    let change = Change::Media(after);
                    self.actions.push_back(Action::Changed {
                        session: id,
                        change,
                    });
                }
            }
            None if delayed => session.media.offer_again(),
            None => {}
        }
        self.take(now, id, transaction, request, delayed, described);
        Ok(())
    }

    fn merge(&mut self, id: SessionId, metadata: Option<&[u8]>) {
        let Some(Ok(later)) = metadata.map(RecordingMetadata::read) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.metadata.merge(later);
            let change = Change::Metadata(session.metadata.clone());
            self.actions.push_back(Action::Changed {
                session: id,
                change,
            });
        }
    }

    pub(super) fn provide_media(
        &mut self,
        now: Duration,
        id: SessionId,
        local: &[LocalMedia],
    ) -> Result<(), DecisionError> {
        let session = self
            .sessions
            .get_mut(&id)
            .ok_or(DecisionError::NotWaiting)?;
        if matches!(session.phase, Phase::Invited) {
            return Err(DecisionError::NotWaiting);
        }
        let pending = session.pending.as_ref().ok_or(DecisionError::NotWaiting)?;
        session.media.check(&pending.plan, local)?;
        let Some(pending) = session.pending.take() else {
            return Err(DecisionError::NotWaiting);
        };
        session.media.settle(pending.plan, local);
        let change = Change::Media(session.media.streams());
        self.actions.push_back(Action::Changed {
            session: id,
            change,
        });
        self.take(now, id, pending.transaction, &pending.request, false, true);
        Ok(())
    }
}
