//! Reports between the two ends of a stream (RTCP; RFC 3550, 6).
//!
//! A receiver tells a sender about every five seconds how its packets come; some border controllers end a stream
//! that nobody reports on. A sender tells how its timestamps and the wall clock belong together, by which two
//! streams of one sender are aligned better than by their arrival. A farewell is a hint and ends nothing.
//!
//! Knows no socket; chance and time are inputs.

use std::time::Duration;

use rtcp_types::prelude::*;
use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReportBlock, ReportBlockBuilder, Sdes, SdesChunk,
    SdesItem, SenderReport,
};

use super::reception::ReceptionReport;

/// Between two reports, on average (RFC 3550, 6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Longer names do not fit into an item.
const LONGEST_NAME: usize = 255;
/// A compound packet is no longer than the largest that fits into a datagram of ours.
const LONGEST: usize = 1_400;
/// Two clocks that are said to be one are apart by no more than this, in microseconds, or are not one.
const PLAUSIBLE: i64 = 500_000;

/// What was sent so far, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The wall clock's time: seconds since 1900 and their fraction, 32 bits each.
    pub ntp: u64,
    /// The same time on the stream's clock.
    pub timestamp: u32,
    /// Packets, wrapping.
    pub packets: u32,
    /// Bytes of their payloads, wrapping.
    pub octets: u32,
}

/// What a sender says of its clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// Whose.
    pub ssrc: u32,
    /// As in [`Sent::ntp`].
    pub ntp: u64,
    /// The same time on the stream's clock.
    pub timestamp: u32,
}

/// What a compound packet said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// How a sender's clocks belong together.
    pub clock: Option<SenderClock>,
    /// How our packets come.
    pub about_us: Option<ReceptionReport>,
    /// Who says that it leaves.
    pub leaving: Vec<u32>,
    /// The sender's lasting name; the same for all streams of one clock.
    pub name: Option<String>,
}

/// A packet that is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid compound RTCP packet")]
pub struct NoReport;

/// One port's reports.
#[derive(Debug, Clone)]
pub struct Reporter {
    ssrc: u32,
    name: String,
    due: Duration,
    /// The middle of the last sender report's time, and when it came.
    last: Option<(SenderClock, Duration)>,
}

impl Reporter {
    /// For a port that reports under this source and lasting name (CNAME), one for all streams of a call. A port
    /// that also sends reports under its stream's source.
    pub fn new(ssrc: u32, name: &str, since: Duration) -> Self {
        let end = name.floor_char_boundary(LONGEST_NAME);
        Self {
            ssrc,
            name: name[..end].to_owned(),
            due: since.saturating_add(INTERVAL / 2),
            last: None,
        }
    }

    /// When the next report is due.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// The report for now. `random` is any number; it decides when the next is due, 2.5 to 7.5 seconds from now.
    pub fn report(
        &mut self,
        since: Duration,
        random: u32,
        sent: Option<Sent>,
        received: Option<ReceptionReport>,
    ) -> Vec<u8> {
        let spread = INTERVAL.mul_f64(f64::from(random) / f64::from(u32::MAX));
        self.due = since.saturating_add(INTERVAL / 2).saturating_add(spread);
        self.write(since, sent, received, false)
    }

    /// The last report: the stream is over.
    pub fn farewell(
        &self,
        since: Duration,
        sent: Option<Sent>,
        received: Option<ReceptionReport>,
    ) -> Vec<u8> {
        self.write(since, sent, received, true)
    }

    /// Takes a compound packet.
    pub fn handle(&mut self, since: Duration, bytes: &[u8]) -> Result<Heard, NoReport> {
        let compound = Compound::parse(bytes).map_err(|_| NoReport)?;
        let mut heard = Heard::default();
        for packet in compound {
            // What came before a part that cannot be read still counts.
            let Ok(packet) = packet else { break };
            match packet {
                Packet::Sr(report) => {
                    heard.clock = Some(SenderClock {
                        ssrc: report.ssrc(),
                        ntp: report.ntp_timestamp(),
                        timestamp: report.rtp_timestamp(),
                    });
                    self.find_ourselves(report.report_blocks(), &mut heard);
                }
                Packet::Rr(report) => self.find_ourselves(report.report_blocks(), &mut heard),
                Packet::Bye(bye) => heard.leaving.extend(bye.ssrcs()),
                Packet::Sdes(description) => {
                    let mut items = description.chunks().flat_map(SdesChunk::items);
                    let name = items.find(|item| item.type_() == SdesItem::CNAME);
                    heard.name = name.and_then(|item| item.get_value_string().ok());
                }
                _ => {}
            }
        }
        if let Some(clock) = heard.clock {
            self.last = Some((clock, since));
        }
        Ok(heard)
    }

    /// What the sender said of its clocks last.
    pub fn clock(&self) -> Option<SenderClock> {
        self.last.map(|(clock, _)| clock)
    }

    fn find_ourselves<'a>(
        &self,
        mut blocks: impl Iterator<Item = ReportBlock<'a>>,
        heard: &mut Heard,
    ) {
        if let Some(block) = blocks.find(|block| block.ssrc() == self.ssrc) {
            heard.about_us = Some(ReceptionReport {
                ssrc: block.ssrc(),
                fraction_lost: block.fraction_lost(),
                lost: block.cumulative_lost(),
                highest: block.extended_sequence_number(),
                jitter: block.interarrival_jitter(),
            });
        }
    }

    fn write(
        &self,
        since: Duration,
        sent: Option<Sent>,
        received: Option<ReceptionReport>,
        leaving: bool,
    ) -> Vec<u8> {
        let block = received.map(|received| self.block(since, received));
        let name = SdesItem::builder(SdesItem::CNAME, &self.name);
        let chunk = SdesChunk::builder(self.ssrc).add_item(name);
        let mut compound = match sent {
            Some(sent) => {
                let mut report = SenderReport::builder(self.ssrc)
                    .ntp_timestamp(sent.ntp)
                    .rtp_timestamp(sent.timestamp)
                    .packet_count(sent.packets)
                    .octet_count(sent.octets);
                if let Some(block) = block {
                    report = report.add_report_block(block);
                }
                Compound::builder().add_packet(report)
            }
            None => {
                let mut report = ReceiverReport::builder(self.ssrc);
                if let Some(block) = block {
                    report = report.add_report_block(block);
                }
                Compound::builder().add_packet(report)
            }
        };
        compound = compound.add_packet(Sdes::builder().add_chunk(chunk));
        if leaving {
            compound = compound.add_packet(Bye::builder().add_source(self.ssrc));
        }
        let mut bytes = vec![0; LONGEST];
        // All parts are within their limits, so that it always fits.
        let length = compound.write_into(&mut bytes).unwrap_or(0);
        bytes.truncate(length);
        bytes
    }

    fn block(&self, since: Duration, received: ReceptionReport) -> ReportBlockBuilder {
        let (last, delay) = self.last.map_or((0, 0), |(clock, came)| {
            let delay = since.saturating_sub(came).as_micros() * 65_536 / 1_000_000;
            // The middle 32 of 64 bits.
            (
                (clock.ntp >> 16) as u32,
                u32::try_from(delay).unwrap_or(u32::MAX),
            )
        });
        ReportBlock::builder(received.ssrc)
            .fraction_lost(received.fraction_lost)
            .cumulative_lost(received.lost)
            .extended_sequence_number(received.highest)
            .interarrival_jitter(received.jitter)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay)
    }
}

/// How much later, in microseconds, the first of two streams of one sender should be placed than it is, as their
/// sender tells when their timelines' zeros were ([`super::Receiver::zero`]). Negative: the second. `None` if that
/// is too much to be believed.
pub fn misalignment(first_zero: i64, second_zero: i64) -> Option<i64> {
    let apart = first_zero.checked_sub(second_zero)?;
    (apart.abs() <= PLAUSIBLE).then_some(apart)
}

/// A wall clock's time in microseconds since 1900.
pub(super) fn ntp_micros(ntp: u64) -> i64 {
    let fraction = ((ntp & 0xFFFF_FFFF) * 1_000_000) >> 32;
    ((ntp >> 32) * 1_000_000 + fraction).cast_signed()
}

#[cfg(test)]
mod tests;
