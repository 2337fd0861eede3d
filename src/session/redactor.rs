//! The one place where audio becomes clean.
//!
//! Decides sample by sample: hidden when a redaction covers it, filled when it or the margin after it was
//! not examined (late) or could not be (failed), and otherwise let through bit for bit.
//!
//! **Architecture invariant:** the only maker of [`CleanAudio`].

use super::clearance::Clearance;
use super::fill::Filler;
use super::hold::HoldBuffer;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::policy::{Mode, Redaction};
use crate::telemetry::FailureCause;

/// Audio that may be recorded and heard: every sample was examined, or is fill.
///
/// Only the redactor makes it. Blocks of a call come in order; in pause mode the next block starts after
/// the samples that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanAudio {
    rate: SampleRate,
    start: SampleIndex,
    channels: Vec<Vec<i16>>,
}

impl CleanAudio {
    /// The rate of all channels.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Where the block begins on the call's timeline.
    pub fn start(&self) -> SampleIndex {
        self.start
    }

    /// The channels in the order of the session's legs, all of the same length.
    pub fn channels(&self) -> &[Vec<i16>] {
        &self.channels
    }

    /// Samples in each channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Whether the block holds no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For tests of what comes after the session.
    #[cfg(test)]
    pub(crate) fn for_test(rate: SampleRate, start: SampleIndex, channels: Vec<Vec<i16>>) -> Self {
        Self {
            rate,
            start,
            channels,
        }
    }
}

/// What becomes of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Let through.
    Clear,
    /// Due before it was examined.
    Late,
    /// Could not be examined.
    Failed(FailureCause),
    /// Covered by the redaction of this number in the plan.
    Hidden(usize),
}

/// One leg as the redactor sees it.
pub(super) struct LegView<'a> {
    pub(super) held: &'a HoldBuffer,
    pub(super) clearance: &'a Clearance,
    /// The redactions of the plan that concern this leg, with their numbers.
    pub(super) redactions: Vec<(usize, &'a Redaction)>,
}

/// What one call to [`release`] made.
pub(super) struct Released {
    /// The blocks that may leave, in order.
    pub(super) audio: Vec<CleanAudio>,
    /// For each leg, runs of samples with the same verdict, in order, covering the whole range.
    pub(super) verdicts: Vec<Vec<(Span, Verdict)>>,
}

/// Releases samples `from..to` of all legs.
///
/// `margin` is how much after a sample must have been examined; beyond `end`, the end of the call if it
/// is known, there is nothing to examine.
pub(super) fn release(
    rate: SampleRate,
    legs: &[LegView<'_>],
    (from, to): (u64, u64),
    margin: MediaTime,
    end: Option<MediaTime>,
    filler: &Filler,
) -> Released {
    let length = (to - from) as usize;
    let judged: Vec<Vec<Verdict>> = legs
        .iter()
        .map(|leg| judge(rate, leg, (from, to), margin, end))
        .collect();
    let mut paused = vec![false; length];
    let mut channels: Vec<Vec<i16>> = Vec::with_capacity(legs.len());
    for (leg, verdicts) in legs.iter().zip(&judged) {
        let mut samples = Vec::with_capacity(length);
        leg.held.read(from, to, &mut samples);
        samples.resize(length, 0);
        for (offset, verdict) in verdicts.iter().enumerate() {
            let fill = match *verdict {
                Verdict::Clear => continue,
                Verdict::Late | Verdict::Failed(_) => filler.default_sample(from + offset as u64),
                Verdict::Hidden(number) => {
                    let redaction = leg.redactions.iter().find(|(other, _)| *other == number);
                    paused[offset] |= redaction.is_some_and(|(_, hide)| hide.mode == Mode::Pause);
                    redaction.map_or(0, |(_, hide)| {
                        filler.sample(hide.fill, from + offset as u64)
                    })
                }
            };
            samples[offset] = fill;
        }
        channels.push(samples);
    }
    Released {
        audio: without_pauses(rate, from, channels, &paused),
        verdicts: judged
            .iter()
            .map(|verdicts| runs(rate, from, verdicts))
            .collect(),
    }
}

fn judge(
    rate: SampleRate,
    leg: &LegView<'_>,
    (from, to): (u64, u64),
    margin: MediaTime,
    end: Option<MediaTime>,
) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Late; (to - from) as usize];
    let mut mark = |span: Span, verdict: Verdict| {
        let first = rate.index_at(span.start).0.clamp(from, to);
        let last = rate.index_at(span.end).0.clamp(first, to);
        verdicts[(first - from) as usize..(last - from) as usize].fill(verdict);
    };
    for span in leg.clearance.examined.iter() {
        let known_to_the_end = end.is_some_and(|end| span.end >= end);
        let cleared_to = if known_to_the_end {
            MediaTime::MAX
        } else {
            span.end - margin
        };
        mark(Span::new(span.start, cleared_to), Verdict::Clear);
    }
    // After what was examined: a failure also spoils the margin before it.
    for (span, cause) in &leg.clearance.failed {
        mark(
            span.padded(margin, MediaTime::ZERO),
            Verdict::Failed(*cause),
        );
    }
    for (number, redaction) in &leg.redactions {
        mark(redaction.span, Verdict::Hidden(*number));
    }
    verdicts
}

fn runs(rate: SampleRate, from: u64, verdicts: &[Verdict]) -> Vec<(Span, Verdict)> {
    let time = |offset: usize| rate.time_of(SampleIndex(from + offset as u64));
    let mut runs = Vec::new();
    let mut start = 0;
    for offset in 1..=verdicts.len() {
        if offset == verdicts.len() || verdicts[offset] != verdicts[start] {
            runs.push((Span::new(time(start), time(offset)), verdicts[start]));
            start = offset;
        }
    }
    runs
}

/// Cuts the samples at which any leg is paused out of every leg.
fn without_pauses(
    rate: SampleRate,
    from: u64,
    channels: Vec<Vec<i16>>,
    paused: &[bool],
) -> Vec<CleanAudio> {
    let mut blocks = Vec::new();
    let mut offset = 0;
    while offset < paused.len() {
        let state = paused[offset];
        let length = paused[offset..]
            .iter()
            .take_while(|&&other| other == state)
            .count();
        if !state {
            blocks.push(CleanAudio {
                rate,
                start: SampleIndex(from + offset as u64),
                channels: channels
                    .iter()
                    .map(|samples| samples[offset..offset + length].to_vec())
                    .collect(),
            });
        }
        offset += length;
    }
    blocks
}
