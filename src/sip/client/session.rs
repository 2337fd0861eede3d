//! One recording session with a recorder.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Recipient, SrcSettings, Target};
use crate::call::Sensitive;
use crate::sip::SessionId;
use crate::sip::description::{
    Codec, Crypto, Description, Direction, OfferedLine, Origin, Stream, offer,
};
use crate::sip::dialog::Dialog;
use crate::sip::lifetime::{Interval, Unacknowledged};
use crate::sip::transaction::layer::TransactionId;

/// Whether the recorder has answered.
#[derive(Debug)]
pub(super) enum Phase {
    Inviting,
    Established,
}

/// What our request that is under way is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Other streams or metadata; the first INVITE too.
    Change,
    /// A sign of life.
    Refresh,
}

/// A request of ours that is under way.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) transaction: TransactionId,
    pub(super) purpose: Purpose,
    /// The streams before, if it offers others.
    pub(super) before: Option<Vec<OfferedLine>>,
}

/// A change that waits for the one under way.
#[derive(Debug, Default)]
pub(super) struct Queued {
    pub(super) lines: Option<Vec<OfferedLine>>,
    pub(super) metadata: Option<Sensitive<String>>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) dialog: Dialog,
    pub(super) phase: Phase,
    pub(super) lines: Vec<OfferedLine>,
    pub(super) metadata: Sensitive<String>,
    pub(super) origin: Origin,
    /// Our description as it was sent last.
    pub(super) text: Sensitive<String>,
    /// What the recorder has said it takes.
    pub(super) streams: Vec<Option<Recipient>>,
    pub(super) asking: Option<Asking>,
    /// Times that the request under way was sent in another form: with credentials, with a longer interval.
    pub(super) attempts: u8,
    /// Times that a change was put off since one was made.
    pub(super) retries: u8,
    /// Changes to be made, and when the earliest.
    pub(super) queued: Option<Queued>,
    pub(super) not_before: Option<Duration>,
    /// When an answer to the first INVITE is no longer waited for.
    pub(super) answer_by: Option<Duration>,
    /// Whether it has been provisionally answered, so that it can be cancelled.
    pub(super) trying: bool,
    /// Whether it is no longer wanted: by the owner, or because it took too long.
    pub(super) given_up: bool,
    /// Whether it took too long, so that its end is a refusal.
    pub(super) too_late: bool,
    pub(super) seconds: u32,
    pub(super) interval: Option<Interval>,
    pub(super) takes_update: bool,
    /// A 200 of ours to an INVITE of the recorder.
    pub(super) unacknowledged: Option<Unacknowledged>,
}

impl Session {
    pub(super) fn new(
        id: SessionId,
        settings: &SrcSettings,
        target: Target,
        call_id: String,
        tag: String,
        lines: Vec<OfferedLine>,
        metadata: Sensitive<String>,
    ) -> Self {
        let local = settings.advertised.sent_by(target.flow.transport);
        let local = format!("sip:{}@{local}", settings.user);
        let origin = Origin {
            id: id.0,
            version: 1,
        };
        Self {
            dialog: Dialog::inviting(target.flow, call_id, tag, &local, &target.uri),
            phase: Phase::Inviting,
            text: Sensitive::new(offer(&lines, origin)),
            lines,
            metadata,
            origin,
            streams: Vec::new(),
            asking: None,
            attempts: 0,
            retries: 0,
            queued: None,
            not_before: None,
            answer_by: None,
            trying: false,
            given_up: false,
            too_late: false,
            seconds: settings.session_expires,
            interval: None,
            takes_update: false,
            unacknowledged: None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let unacknowledged = self.unacknowledged.as_ref();
        [
            self.answer_by,
            self.not_before,
            unacknowledged.map(Unacknowledged::next_timeout),
            self.interval.map(|interval| interval.expires),
            self.interval.and_then(|interval| interval.refresh),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Remembers a change; what was to be changed before and is so again is left out.
    pub(super) fn queue(
        &mut self,
        lines: Option<Vec<OfferedLine>>,
        metadata: Option<Sensitive<String>>,
    ) {
        let before = self.queued.take().unwrap_or_default();
        self.queued = Some(Queued {
            lines: lines.or(before.lines),
            metadata: metadata.or(before.metadata),
        });
    }

    /// Sets the streams that are offered.
    pub(super) fn offer(&mut self, lines: Vec<OfferedLine>) {
        self.lines = lines;
        self.say(&self.lines.clone());
    }

    /// Sets the text; the version counts up if it differs.
    fn say(&mut self, lines: &[OfferedLine]) {
        let same = Sensitive::new(offer(lines, self.origin));
        if same != self.text {
            self.origin.version += 1;
            self.text = Sensitive::new(offer(lines, self.origin));
        }
    }

    /// What the recorder takes, by its answer to our offer.
    pub(super) fn taken(&self, answer: &Description) -> Vec<Option<Recipient>> {
        self.lines
            .iter()
            .enumerate()
            .map(|(at, line)| recipient(line, answer.streams.get(at)?))
            .collect()
    }

    /// Answers an offer of the recorder's: our lines with its codecs, sending where it takes. Tells what it takes, or
    /// nothing if its lines are not ours.
    pub(super) fn answer(&mut self, offered: &Description) -> Option<Vec<Option<Recipient>>> {
        if offered.streams.len() != self.lines.len() {
            return None;
        }
        let mut lines = self.lines.clone();
        for (line, theirs) in lines.iter_mut().zip(&offered.streams) {
            let known = |codec| line.codecs.iter().any(|(_, known)| *known == codec);
            let common: Vec<(u8, Codec)> = theirs
                .formats
                .iter()
                .filter(|format| known(format.codec))
                .map(|format| (format.payload_type, format.codec))
                .collect();
            if !(line.direction.sends() && theirs.direction.receives()) {
                line.direction = Direction::Inactive;
            }
            if theirs.port == 0 || common.is_empty() {
                line.local.address.set_port(0);
            } else {
                line.codecs = common;
            }
        }
        self.say(&lines);
        Some(self.taken(offered))
    }
}

/// One line's recipient.
fn recipient(line: &OfferedLine, stream: &Stream) -> Option<Recipient> {
    let rtp = stream.rtp().filter(|_| stream.is_live_audio())?;
    let format = stream
        .formats
        .iter()
        .find(|format| line.codecs.iter().any(|(_, codec)| *codec == format.codec))?;
    let crypto = match &line.crypto {
        Some(ours) => {
            let same = |theirs: &&Crypto| answers(ours, theirs);
            Some(stream.crypto.iter().find(same)?.clone())
        }
        None if stream.is_secure() => return None,
        None => None,
    };
    let rtcp_mux = stream.rtcp_mux && line.local.rtcp_mux;
    let beside = if rtcp_mux {
        rtp.port()
    } else {
        rtp.port().checked_add(1)?
    };
    let events = stream.telephone_events.iter().map(|(number, _)| *number);
    Some(Recipient {
        label: line.label.clone(),
        rtp,
        rtcp: stream.rtcp.unwrap_or(SocketAddr::new(rtp.ip(), beside)),
        rtcp_mux,
        codec: format.codec,
        payload_type: format.payload_type,
        telephone_event: events.into_iter().find(|_| line.telephone_event.is_some()),
        active: stream.direction.receives() && line.direction.sends(),
        crypto,
    })
}

/// RFC 4568, 5.1.3: tag and suite are repeated.
fn answers(
    ours: &crate::sip::description::Crypto,
    theirs: &crate::sip::description::Crypto,
) -> bool {
    ours.tag == theirs.tag && ours.suite == theirs.suite
}
