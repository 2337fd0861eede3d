//! The one place where audio becomes clean.
//!
//! Decides sample by sample: hidden when a redaction covers it, filled when it or the margin after it was
//! not examined (late) or could not be (failed), and otherwise let through bit for bit.
//!
//! **Architecture invariant:** the only maker of [`CleanAudio`].

use std::ops::Range;

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
    /// A bit for each channel with samples that were not let through.
    filled: u8,
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

    /// Whether a channel has samples that were not let through, here or right before or after.
    pub fn is_filled(&self, channel: usize) -> bool {
        channel < 8 && self.filled & (1 << channel) != 0
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
            filled: 0,
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

/// Samples of one verdict.
type Run = (Range<u64>, Verdict);

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
    let mut audible: Vec<Range<u64>> = std::iter::once(from..to).collect();
    let mut channels: Vec<Vec<i16>> = Vec::with_capacity(legs.len());
    let mut verdicts = Vec::with_capacity(legs.len());
    for leg in legs {
        let runs = judge(rate, leg, (from, to), margin, end);
        let mut samples = Vec::with_capacity(length);
        leg.held.read(from, to, &mut samples);
        samples.resize(length, 0);
        for (run, verdict) in &runs {
            let fill: &dyn Fn(u64) -> i16 = match *verdict {
                Verdict::Clear => continue,
                Verdict::Late | Verdict::Failed(_) => &|index| filler.default_sample(index),
                Verdict::Hidden(number) => {
                    let redaction = leg.redactions.iter().find(|(other, _)| *other == number);
                    if redaction.is_some_and(|(_, hide)| hide.mode == Mode::Pause) {
                        cut(&mut audible, run);
                    }
                    &move |index| redaction.map_or(0, |(_, hide)| filler.sample(hide.fill, index))
                }
            };
            let place = (run.start - from) as usize..(run.end - from) as usize;
            for (index, sample) in run.clone().zip(&mut samples[place]) {
                *sample = fill(index);
            }
        }
        channels.push(samples);
        let spans = runs.into_iter().map(|(run, verdict)| {
            let time = |index| rate.time_of(SampleIndex(index));
            (Span::new(time(run.start), time(run.end)), verdict)
        });
        verdicts.push(spans.collect());
    }
    Released {
        audio: without_pauses(rate, from..to, channels, audible, filled(&verdicts)),
        verdicts,
    }
}

/// The verdicts of samples `from..to` of a leg, in order, neighbours being different.
fn judge(
    rate: SampleRate,
    leg: &LegView<'_>,
    (from, to): (u64, u64),
    margin: MediaTime,
    end: Option<MediaTime>,
) -> Vec<Run> {
    let mut runs = vec![(from..to, Verdict::Late)];
    let mut mark = |span: Span, verdict: Verdict| {
        let first = rate.index_at(span.start).0.clamp(from, to);
        let last = rate.index_at(span.end).0.clamp(first, to);
        paint(&mut runs, first..last, verdict);
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
    runs.dedup_by(|next, last| {
        let is_same = next.1 == last.1;
        if is_same {
            last.0.end = next.0.end;
        }
        is_same
    });
    runs
}

/// Gives samples a verdict in place of what they had.
fn paint(runs: &mut Vec<Run>, over: Range<u64>, verdict: Verdict) {
    if over.is_empty() {
        return;
    }
    if let [(only, known)] = &mut runs[..]
        && *only == over
    {
        *known = verdict;
        return;
    }
    let painted = std::mem::take(runs).into_iter().flat_map(|(run, known)| {
        let before = run.start..run.end.min(over.start);
        let within = run.start.max(over.start)..run.end.min(over.end);
        let after = run.start.max(over.end)..run.end;
        [(before, known), (within, verdict), (after, known)]
    });
    *runs = painted.filter(|(run, _)| !run.is_empty()).collect();
}

/// Takes samples out of ranges.
fn cut(ranges: &mut Vec<Range<u64>>, out: &Range<u64>) {
    let rest = std::mem::take(ranges).into_iter().flat_map(|range| {
        [
            range.start..range.end.min(out.start),
            range.start.max(out.end)..range.end,
        ]
    });
    *ranges = rest.filter(|range| !range.is_empty()).collect();
}

/// A bit for each leg of which something was not let through.
fn filled(verdicts: &[Vec<(Span, Verdict)>]) -> u8 {
    let is_filled = |runs: &Vec<(Span, Verdict)>| runs.iter().any(|run| run.1 != Verdict::Clear);
    let bit = |(channel, runs)| u8::from(is_filled(runs)) << channel;
    (0..8).zip(verdicts).map(bit).sum()
}

/// Blocks of the samples at which no leg is paused, which are cut out of every leg.
fn without_pauses(
    rate: SampleRate,
    all: Range<u64>,
    channels: Vec<Vec<i16>>,
    audible: Vec<Range<u64>>,
    filled: u8,
) -> Vec<CleanAudio> {
    let block = |start: u64, channels| CleanAudio {
        rate,
        start: SampleIndex(start),
        channels,
        filled,
    };
    if audible == [all.clone()] {
        return vec![block(all.start, channels)];
    }
    let part = |range: &Range<u64>| {
        let place = (range.start - all.start) as usize..(range.end - all.start) as usize;
        let cut = |samples: &Vec<i16>| samples[place.clone()].to_vec();
        block(range.start, channels.iter().map(cut).collect())
    };
    audible.iter().map(part).collect()
}
