//! What has been examined of one leg, and what could not be.

use crate::audio::{MediaTime, Span};
use crate::telemetry::FailureCause;

/// A set of media time, as ordered spans that do not touch.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    /// Adds a span, joining it with what it touches.
    pub(super) fn insert(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let first = self.0.partition_point(|other| other.end < span.start);
        let last = self.0.partition_point(|other| other.start <= span.end);
        let joined = self.0[first..last].iter().fold(span, |joined, other| Span {
            start: joined.start.min(other.start),
            end: joined.end.max(other.end),
        });
        self.0.splice(first..last, [joined]);
    }

    /// Up to where everything from `time` on is in the set; `time` itself if it is not.
    pub(super) fn reach(&self, time: MediaTime) -> MediaTime {
        self.0
            .iter()
            .find(|span| span.contains(time))
            .map_or(time, |span| span.end)
    }

    /// Forgets what ended before `time`.
    pub(super) fn forget_before(&mut self, time: MediaTime) {
        self.0.retain(|span| span.end >= time);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Span> {
        self.0.iter().copied()
    }
}

/// The clearance of one leg.
#[derive(Debug, Clone, Default)]
pub(super) struct Clearance {
    /// Transcribed, or silent.
    pub(super) examined: Spans,
    /// Could not be examined.
    pub(super) failed: Vec<(Span, FailureCause)>,
    /// Examined or failed: nothing more will be known.
    decided: Spans,
}

impl Clearance {
    pub(super) fn examined(&mut self, span: Span) {
        self.examined.insert(span);
        self.decided.insert(span);
    }

    pub(super) fn failed(&mut self, span: Span, cause: FailureCause) {
        self.failed.push((span, cause));
        self.decided.insert(span);
    }

    /// Up to where everything from `time` on is decided.
    pub(super) fn decided_to(&self, time: MediaTime) -> MediaTime {
        self.decided.reach(time)
    }

    pub(super) fn forget_before(&mut self, time: MediaTime) {
        self.examined.forget_before(time);
        self.decided.forget_before(time);
        self.failed.retain(|(span, _)| span.end >= time);
    }
}
