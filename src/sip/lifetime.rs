//! How long a session lasts without a sign of life, and a 200 that nobody has acknowledged.

use std::time::Duration;

use super::transaction::{GIVE_UP, T1, T2};
use crate::call::Sensitive;

/// How long a session lasts (RFC 4028, 10).
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) seconds: u32,
    /// When it is ended if nobody refreshes: shortly before the end.
    pub(super) expires: Duration,
    /// When we refresh, if that is for us: at half.
    pub(super) refresh: Option<Duration>,
}

impl Interval {
    /// From now; `ours`: we refresh.
    pub(super) fn new(now: Duration, seconds: u32, ours: bool) -> Self {
        let all = Duration::from_secs(seconds.into());
        Self {
            seconds,
            expires: now + all - (all / 3).min(Duration::from_secs(32)),
            refresh: ours.then_some(now + all / 2),
        }
    }
}

/// A 200 to an INVITE that is sent again until it is acknowledged (RFC 3261, 13.3.1.4), on any transport.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    bytes: Sensitive<Vec<u8>>,
    /// Of the INVITE.
    pub(super) number: u32,
    again: Duration,
    interval: Duration,
    until: Duration,
    /// Whether it had an offer of ours, which the ACK answers.
    pub(super) offered: bool,
}

/// What is due of a 200.
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// Send it again.
    Again(Vec<u8>),
    /// It is given up.
    GivenUp,
}

impl Unacknowledged {
    pub(super) fn new(now: Duration, bytes: Vec<u8>, number: u32, offered: bool) -> Self {
        Self {
            bytes: Sensitive::new(bytes),
            number,
            again: now + T1,
            interval: T1,
            until: now + GIVE_UP,
            offered,
        }
    }

    pub(super) fn next_timeout(&self) -> Duration {
        self.again.min(self.until)
    }

    pub(super) fn due(&mut self, now: Duration) -> Due {
        if self.until <= now {
            return Due::GivenUp;
        }
        if self.again > now {
            return Due::Nothing;
        }
        self.interval = (self.interval * 2).min(T2);
        self.again = now + self.interval;
        Due::Again(self.bytes.expose().clone())
    }
}
