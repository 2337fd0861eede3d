//! One recording session.

use std::net::IpAddr;
use std::time::Duration;

use super::EndReason;
use super::media::{Media, Plan};
use crate::sip::SessionId;
use crate::sip::dialog::Dialog;
use crate::sip::lifetime::{Interval, Unacknowledged};
use crate::sip::message::Request;
use crate::sip::metadata::RecordingMetadata;
use crate::sip::transaction::layer::TransactionId;

/// Whether the session has been accepted.
#[derive(Debug)]
pub(super) enum Phase {
    /// The owner is to decide.
    Invited,
    /// A 200 has been sent.
    Accepted,
    /// It has been acknowledged.
    Confirmed,
}

/// A request that waits for the owner: the invitation, or one that adds streams.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) transaction: TransactionId,
    pub(super) request: Request,
    pub(super) plan: Plan,
    pub(super) decide_by: Duration,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) dialog: Dialog,
    pub(super) peer: IpAddr,
    pub(super) phase: Phase,
    pub(super) media: Media,
    pub(super) metadata: RecordingMetadata,
    pub(super) pending: Option<Pending>,
    pub(super) unacknowledged: Option<Unacknowledged>,
    pub(super) interval: Option<Interval>,
    /// A refresh of ours that is not answered.
    pub(super) refreshing: Option<TransactionId>,
    /// Whether the peer takes UPDATE.
    pub(super) takes_update: bool,
    /// Ended by us as soon as the 200 is acknowledged.
    pub(super) leaving: Option<EndReason>,
}

impl Session {
    /// What its requests are found by.
    pub(super) fn key(&self) -> (String, String) {
        (self.dialog.call_id.clone(), self.dialog.remote_tag.clone())
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let unacknowledged = self.unacknowledged.as_ref();
        [
            self.pending.as_ref().map(|pending| pending.decide_by),
            unacknowledged.map(Unacknowledged::next_timeout),
            self.interval.map(|interval| interval.expires),
            self.interval.and_then(|interval| interval.refresh),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
