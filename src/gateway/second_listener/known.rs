//! What the report says of a recording: what was hidden in it, and what nobody could examine.
//!
//! Everything is told on the call's timeline. Where a recorder was paused a stretch of the call is not in the recording.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::egress::Report;

/// What is known of a recording before it is listened to again.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What was hidden: whose, where, and what it was taken for.
    hidden: Vec<(Leg, Span, String)>,
    /// What was filled because it was not examined, in time or at all.
    unheard: Vec<(Leg, Span)>,
    /// Stretches of the call that are not in the recording, in order.
    gaps: Vec<Gap>,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    /// Of the call.
    span: Span,
    /// Where in the recording it is left out.
    recorded_at: MediaTime,
}

impl Known {
    /// What a report says.
    pub fn of(report: &Report) -> Self {
        let late = report
            .late
            .iter()
            .map(|late| (late.leg, late.start, late.end));
        let failed = report
            .failed
            .iter()
            .map(|failed| (failed.leg, failed.start, failed.end));
        let mut gaps: Vec<Gap> = report
            .gaps
            .iter()
            .map(|gap| Gap {
                span: span(gap.start, gap.end),
                recorded_at: MediaTime::from_seconds(gap.recorded_at),
            })
            .collect();
        gaps.sort_by_key(|gap| gap.span.start);
        let mut known = Self {
            gaps,
            unheard: late
                .chain(failed)
                .map(|(leg, start, end)| (leg, span(start, end)))
                .collect(),
            ..Self::default()
        };
        for hidden in &report.spans {
            known.hide(hidden.leg, span(hidden.start, hidden.end), &hidden.kind);
        }
        known
    }

    /// One more stretch was hidden.
    pub fn hide(&mut self, leg: Leg, span: Span, kind: &str) {
        self.hidden.push((leg, span, kind.to_owned()));
        self.hidden
            .sort_by_key(|(leg, span, _)| (span.start, span.end, *leg));
    }

    /// What was hidden, in order of start.
    pub(super) fn hidden(&self) -> &[(Leg, Span, String)] {
        &self.hidden
    }

    /// What was filled unexamined.
    pub(super) fn unheard(&self) -> &[(Leg, Span)] {
        &self.unheard
    }

    /// All that is fill on a leg.
    pub(super) fn fill(&self, leg: Leg) -> impl Iterator<Item = Span> {
        let hidden = self.hidden.iter().map(|(leg, span, _)| (*leg, *span));
        hidden
            .chain(self.unheard.iter().copied())
            .filter(move |(whose, _)| *whose == leg)
            .map(|(_, span)| span)
    }

    /// What is left out of the recording at a place of it, from that place on: the length of the gap.
    pub(super) fn gap_at(&self, recorded: MediaTime, told: usize) -> Option<MediaTime> {
        let gap = self.gaps.get(told)?;
        (gap.recorded_at <= recorded).then(|| gap.span.length())
    }

    /// Where the next gap lies in the recording, after those that were told.
    pub(super) fn next_gap(&self, told: usize) -> Option<MediaTime> {
        self.gaps.get(told).map(|gap| gap.recorded_at)
    }
}

fn span(start: f64, end: f64) -> Span {
    Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end))
}
