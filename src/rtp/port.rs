//! One local port for audio and the one beside it for reports: who is heard, decryption, samples and reports.
//!
//! A datagram's sender must be let in, its tag be right and its header valid, in this order, before it counts for
//! anything; only then its sender has the port. Knows no socket: datagrams come in with their time, reports go
//! out as bytes.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use super::packet::{Family, family};
use super::payload::PayloadFormat;
use super::receiver::{Counters, Received, Receiver, Settings, Taken};
use super::report::{Heard, Reporter, misalignment};
use super::source::{SourceGuard, SourcePolicy};
use super::srtp::{MasterKey, Protector, Suite, Unprotector};

/// What one port is told at its start.
pub struct PortSettings {
    /// Formats and the call's rate.
    pub receiver: Settings,
    /// Who may send.
    pub sources: SourcePolicy,
    /// What the sender encrypts with; `None` for plain RTP.
    pub their_key: Option<(Suite, MasterKey)>,
    /// What our reports are encrypted with; `None` for plain ones.
    pub our_key: Option<(Suite, MasterKey)>,
    /// Whom our reports are from; by chance.
    pub ssrc: u32,
    /// Our lasting name (CNAME), the same for all ports of a call; without a host's or a person's name.
    pub name: String,
}

/// What came of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Audio, keys or comfort noise; true if this sender was not heard before.
    Media(bool),
    /// A report that was understood.
    Report,
    /// Nothing that counts.
    Nothing,
}

/// What did not count, besides [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// Datagrams of senders who are not let in.
    pub senders: u64,
    /// Datagrams that were not encrypted with the key, or came again.
    pub tags: u64,
    /// Reports that were none.
    pub reports: u64,
}

/// One port for audio, and its reports.
pub struct Port {
    guard: SourceGuard,
    their_key: Option<TheirKey>,
    protector: Option<Protector>,
    receiver: Receiver,
    reporter: Reporter,
    /// The sender's lasting name.
    name: Option<String>,
    leaving: bool,
    refused: Refused,
}

struct TheirKey {
    suite: Suite,
    key: MasterKey,
    unprotector: Unprotector,
}

impl TheirKey {
    fn new((suite, key): (Suite, MasterKey)) -> Self {
        Self {
            suite,
            unprotector: Unprotector::new(suite, &key),
            key,
        }
    }
}

impl Port {
    /// For a port that has heard nothing.
    pub fn new(settings: PortSettings, since: Duration) -> Self {
        let our_key = settings.our_key;
        Self {
            guard: SourceGuard::new(settings.sources),
            their_key: settings.their_key.map(TheirKey::new),
            protector: our_key.map(|(suite, key)| Protector::new(suite, &key)),
            receiver: Receiver::new(settings.receiver),
            reporter: Reporter::new(settings.ssrc, &settings.name, since),
            name: None,
            leaving: false,
            refused: Refused::default(),
        }
    }

    /// Takes a datagram that came to the audio's port. Decrypts it in place.
    pub fn handle(
        &mut self,
        since: Duration,
        from: SocketAddr,
        datagram: &mut Vec<u8>,
        out: &mut Vec<Received>,
    ) -> Came {
        self.receiver.flush(since, out);
        if family(datagram) == Family::Rtcp {
            return self.handle_report(since, from, datagram);
        }
        if self.guard.check(from, since).is_err() {
            self.refused.senders += 1;
            return Came::Nothing;
        }
        if let Some(their) = &mut self.their_key
            && family(datagram) == Family::Rtp
            && their.unprotector.unprotect_rtp(datagram).is_err()
        {
            self.refused.tags += 1;
            return Came::Nothing;
        }
        match self.receiver.handle_packet(since, datagram, out) {
            Taken::Rtp => {
                let is_new = self.guard.confirm(from, since);
                Came::Media(is_new)
            }
            _ => Came::Nothing,
        }
    }

    /// Takes a datagram that came to the port for reports.
    pub fn handle_report(
        &mut self,
        since: Duration,
        from: SocketAddr,
        datagram: &mut Vec<u8>,
    ) -> Came {
        if self.guard.check_report(from, since).is_err() {
            self.refused.senders += 1;
            return Came::Nothing;
        }
        if let Some(their) = &mut self.their_key
            && their.unprotector.unprotect_rtcp(datagram).is_err()
        {
            self.refused.tags += 1;
            return Came::Nothing;
        }
        let Ok(heard) = self.reporter.handle(since, datagram) else {
            self.refused.reports += 1;
            return Came::Nothing;
        };
        self.learn(heard);
        Came::Report
    }

    fn learn(&mut self, heard: Heard) {
        let source = self.receiver.source();
        self.leaving |= source.is_some_and(|source| heard.leaving.contains(&source));
        if heard.name.is_some() {
            self.name = heard.name;
        }
    }

    /// When [`Port::poll`] has something to do although nothing comes.
    pub fn due(&self) -> Duration {
        let report = self.reporter.due();
        self.receiver
            .next_flush()
            .map_or(report, |flush| flush.min(report))
    }

    /// Appends what waited long enough, and returns the report that is due; it goes to the sender's port for
    /// reports. `random` is any number.
    pub fn poll(
        &mut self,
        since: Duration,
        random: u32,
        out: &mut Vec<Received>,
    ) -> Option<Vec<u8>> {
        self.receiver.flush(since, out);
        if since < self.reporter.due() {
            return None;
        }
        let received = self.receiver.reception();
        let report = self.reporter.report(since, random, None, received);
        self.protected(report)
    }

    /// The call is over: appends the rest, and returns the last report.
    pub fn finish(&mut self, since: Duration, out: &mut Vec<Received>) -> Option<Vec<u8>> {
        self.receiver.flush(since, out);
        self.receiver.finish(out);
        let received = self.receiver.reception();
        let report = self.reporter.farewell(since, None, received);
        self.protected(report)
    }

    fn protected(&mut self, mut report: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(protector) = &mut self.protector {
            protector.protect_rtcp(&mut report).ok()?;
        }
        Some(report)
    }

    /// The call was described anew (re-INVITE): other formats, perhaps another sender, perhaps another key.
    pub fn describe(
        &mut self,
        since: Duration,
        formats: Vec<(u8, PayloadFormat)>,
        addresses: Option<Vec<IpAddr>>,
        their_key: Option<(Suite, MasterKey)>,
    ) {
        self.receiver.set_formats(formats);
        self.guard.reopen(addresses, since);
        let same = match (&self.their_key, &their_key) {
            (Some(old), Some((suite, key))) => old.suite == *suite && old.key.is(key),
            _ => false,
        };
        // With the same key it is still known which packets came.
        if !same {
            self.their_key = their_key.map(TheirKey::new);
        }
    }

    /// What happened to packets so far.
    pub fn counters(&self) -> Counters {
        self.receiver.counters()
    }

    /// What did not count.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// Who has the port.
    pub fn sender(&self) -> Option<SocketAddr> {
        self.guard.sender()
    }

    /// When a packet last came.
    pub fn last_heard(&self) -> Option<Duration> {
        self.receiver.last_heard()
    }

    /// Whether the sender said that it leaves. A hint: signalling decides.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }
}

/// Places the legs of one call as their sender's wall clock says, if both ports hear one sender who tells it.
/// To be called from time to time; what there is to correct is corrected in pauses.
pub fn align(first: &mut Port, second: &mut Port) {
    if first.name.is_none() || first.name != second.name {
        return;
    }
    let zero = |port: &Port| port.receiver.zero(port.reporter.clock()?);
    let (Some(one), Some(other)) = (zero(first), zero(second)) else {
        return;
    };
    if let Some(later) = misalignment(one, other) {
        first.receiver.lean(later.max(0));
        second.receiver.lean((-later).max(0));
    }
}

#[cfg(test)]
mod tests;
