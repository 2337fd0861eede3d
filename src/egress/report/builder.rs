//! From events and released audio to the report of a call.

use std::path::Path;

use super::said::{Said, Transcript};
use super::{
    ByHand, CallFacts, EngineWork, FailedSpan, Gap, HiddenSpan, LateSpan, Parties, RaisedAlert,
    RecorderOutcome, RecorderStep, Report, SCHEMA, Stretch, Totals,
};
use crate::audio::{MediaTime, SampleIndex, Span};
use crate::call::Leg;
use crate::session::CleanAudio;
use crate::telemetry::{Event, FailureCause};

/// Pieces nearer than this belong together: audio leaves in blocks, so one stretch is told in several
/// events whose borders are rounded to microseconds.
const TOUCHING: MediaTime = MediaTime::from_millis(1);

/// Collects what happens in a call; [`ReportBuilder::finish`] makes the report.
#[derive(Debug)]
pub struct ReportBuilder {
    facts: CallFacts,
    /// Up to where audio was released or left out.
    released: SampleIndex,
    /// Samples of each channel in the recording.
    recorded: u64,
    hidden: Vec<Hidden>,
    late: Vec<(Leg, Span)>,
    failed: Vec<(Leg, Span, FailureCause)>,
    gaps: Vec<(Span, SampleIndex)>,
    not_forwarded: Vec<Stretch>,
    recorder_control: Vec<RecorderStep>,
    by_hand: Vec<ByHand>,
    alerts: Vec<RaisedAlert>,
    transcript: Transcript,
    dropped_samples: u64,
}

#[derive(Debug)]
struct Hidden {
    leg: Leg,
    span: Span,
    kind: String,
    reason: String,
    rule: String,
    confidence: f32,
    paused: bool,
}

impl ReportBuilder {
    /// Begins the report of a call.
    pub fn new(facts: CallFacts) -> Self {
        Self {
            facts,
            released: SampleIndex(0),
            recorded: 0,
            hidden: Vec::new(),
            late: Vec::new(),
            failed: Vec::new(),
            gaps: Vec::new(),
            not_forwarded: Vec::new(),
            recorder_control: Vec::new(),
            by_hand: Vec::new(),
            alerts: Vec::new(),
            transcript: Transcript::default(),
            dropped_samples: 0,
        }
    }

    /// Begins the report of a call that may be long: what was said a while ago waits in a file without a name in
    /// this folder.
    pub fn within(folder: &Path, facts: CallFacts) -> Self {
        Self {
            transcript: Transcript::within(folder.to_owned()),
            ..Self::new(facts)
        }
    }

    /// Takes note of released audio; one that begins after the end of the last leaves a gap.
    pub fn audio(&mut self, audio: &CleanAudio) {
        if audio.start() > self.released {
            let gap = Span::new(
                self.facts.rate.time_of(self.released),
                self.facts.rate.time_of(audio.start()),
            );
            self.gaps.push((gap, SampleIndex(self.recorded)));
        }
        let length = audio.len() as u64;
        self.recorded += length;
        self.released = self.released.max(SampleIndex(audio.start().0 + length));
    }

    /// Takes note of an event; a piece that continues the last of its kind on its leg is joined to it.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Hidden {
                leg,
                span,
                kind,
                reason,
                rule,
                confidence,
                paused,
            } => self.hide(Hidden {
                leg: *leg,
                span: *span,
                kind: kind.clone(),
                reason: reason.clone(),
                rule: rule.clone(),
                confidence: *confidence,
                paused: *paused,
            }),
            Event::Late { leg, span } => {
                match self.late.iter_mut().rev().find(|(other, _)| other == leg) {
                    Some((_, last)) if continues(*last, *span) => *last = joined(*last, *span),
                    _ => self.late.push((*leg, *span)),
                }
            }
            Event::Failed { leg, span, cause } => {
                let same =
                    |other: &&mut (Leg, Span, FailureCause)| other.0 == *leg && other.2 == *cause;
                match self.failed.iter_mut().rev().find(same) {
                    Some((_, last, _)) if continues(*last, *span) => *last = joined(*last, *span),
                    _ => self.failed.push((*leg, *span, *cause)),
                }
            }
            Event::Transcribed {
                leg,
                span,
                text,
                words,
            } => {
                let micros = |span: &Span| (span.start.micros(), span.end.micros());
                let words = words.iter().map(|word| {
                    let (start, end) = micros(&word.span);
                    (start, end, word.text.clone())
                });
                self.transcript.push(Said {
                    leg: *leg,
                    span: micros(span),
                    text: text.clone(),
                    words: words.collect(),
                });
            }
            Event::NotForwarded { span } => self.not_forwarded.push(Stretch {
                start: span.start.seconds(),
                end: span.end.seconds(),
            }),
            Event::DoneByHand { by, at, deed } => self.by_hand.push(ByHand::of(by, *at, deed)),
            Event::PacketsDropped { samples, .. } => self.dropped_samples += samples,
            Event::RecorderPaused { .. }
            | Event::RecorderNotPaused { .. }
            | Event::RecorderResumed { .. }
            | Event::RecorderNotResumed { .. } => {
                self.recorder_control.extend(recorder_step(event));
            }
            Event::Alerted {
                id,
                rule,
                kind,
                severity,
                leg,
                span,
                message,
            } => self.alerts.push(RaisedAlert {
                id: id.clone(),
                rule: rule.clone(),
                kind: *kind,
                severity: *severity,
                leg: *leg,
                start: span.start.seconds(),
                end: span.end.seconds(),
                message: message.clone(),
            }),
        }
    }

    /// The surest piece gives a joined span its reason and rule.
    fn hide(&mut self, piece: Hidden) {
        let last = self.hidden.iter_mut().rev().find(|last| {
            last.leg == piece.leg && last.kind == piece.kind && last.paused == piece.paused
        });
        match last {
            Some(last) if continues(last.span, piece.span) => {
                let span = joined(last.span, piece.span);
                if piece.confidence > last.confidence {
                    *last = piece;
                }
                last.span = span;
            }
            _ => self.hidden.push(piece),
        }
    }

    /// Up to where the call was released.
    pub fn duration(&self) -> MediaTime {
        self.facts.rate.time_of(self.released)
    }

    /// A call that ends while the recorder is stopped has no audio after the gap to show it.
    fn close_gap(&mut self) {
        let rate = self.facts.rate;
        let paused_until = self
            .hidden
            .iter()
            .filter(|hidden| hidden.paused)
            .map(|hidden| hidden.span.end);
        let end = rate.index_at(paused_until.max().unwrap_or_default());
        if end > self.released {
            let gap = Span::new(rate.time_of(self.released), rate.time_of(end));
            self.gaps.push((gap, SampleIndex(self.recorded)));
            self.released = end;
        }
    }

    /// Seconds of one leg's audio filled because they were late, and because they failed.
    pub fn unexamined(&self) -> (f64, f64) {
        (
            self.late
                .iter()
                .map(|(_, span)| span.length().seconds())
                .sum(),
            self.failed
                .iter()
                .map(|(_, span, _)| span.length().seconds())
                .sum(),
        )
    }

    /// The report. `abnormal_end` says why the call ended when it did not end by itself.
    pub fn finish(mut self, engine: EngineWork, abnormal_end: Option<String>) -> Report {
        self.close_gap();
        self.hidden
            .sort_by_key(|hidden| (hidden.span.start, hidden.leg));
        self.late.sort_by_key(|(leg, span)| (span.start, *leg));
        self.failed.sort_by_key(|(leg, span, _)| (span.start, *leg));
        let (late_s, failed_s) = self.unexamined();
        Report {
            schema: SCHEMA,
            hushgate_version: env!("CARGO_PKG_VERSION").into(),
            call: self.facts.call.to_string(),
            parties: Parties::of(&self.facts.particulars),
            sample_rate: self.facts.rate.hertz(),
            duration_s: self.duration().seconds(),
            hold_s: self.facts.hold.seconds(),
            policy_version: self.facts.policy_version.clone(),
            model_sha256: self.facts.model_sha256.clone(),
            legs: self.facts.legs.to_vec(),
            totals: Totals {
                hidden_s: rounded(
                    self.hidden
                        .iter()
                        .map(|hidden| hidden.span.length().seconds())
                        .sum(),
                ),
                late_s: rounded(late_s),
                failed_s: rounded(failed_s),
                gap_s: rounded(
                    self.gaps
                        .iter()
                        .map(|(gap, _)| gap.length().seconds())
                        .sum(),
                ),
                dropped_samples: self.dropped_samples,
            },
            spans: self
                .hidden
                .into_iter()
                .map(|hidden| HiddenSpan {
                    leg: hidden.leg,
                    start: hidden.span.start.seconds(),
                    end: hidden.span.end.seconds(),
                    kind: hidden.kind,
                    reason: hidden.reason,
                    rule: hidden.rule,
                    // Three decimals say more than any detector knows.
                    confidence: (f64::from(hidden.confidence) * 1e3).round() / 1e3,
                    paused: hidden.paused,
                })
                .collect(),
            late: self
                .late
                .into_iter()
                .map(|(leg, span)| LateSpan {
                    leg,
                    start: span.start.seconds(),
                    end: span.end.seconds(),
                })
                .collect(),
            failed: self
                .failed
                .into_iter()
                .map(|(leg, span, cause)| FailedSpan {
                    leg,
                    start: span.start.seconds(),
                    end: span.end.seconds(),
                    cause,
                })
                .collect(),
            gaps: self
                .gaps
                .into_iter()
                .map(|(gap, recorded)| Gap {
                    start: gap.start.seconds(),
                    end: gap.end.seconds(),
                    recorded_at: self.facts.rate.time_of(recorded).seconds(),
                })
                .collect(),
            not_forwarded: self.not_forwarded,
            recorder_control: self.recorder_control,
            by_hand: self.by_hand,
            alerts: self.alerts,
            transcript: self.transcript.into_utterances(),
            engine: EngineWork {
                cpu_s: rounded(engine.cpu_s),
                ..engine
            },
            abnormal_end,
        }
    }
}

/// What an event says of a recorder elsewhere.
fn recorder_step(event: &Event) -> Option<RecorderStep> {
    let step = |step, at: &MediaTime| RecorderStep {
        step,
        at: at.seconds(),
        from: None,
        leg: None,
        kind: None,
        verified: None,
        reason: None,
    };
    match event {
        Event::RecorderPaused {
            leg,
            kind,
            from,
            at,
            verified,
        } => Some(RecorderStep {
            from: Some(from.seconds()),
            leg: Some(*leg),
            kind: Some(kind.clone()),
            verified: Some(*verified),
            ..step(RecorderOutcome::Paused, at)
        }),
        Event::RecorderNotPaused {
            leg,
            kind,
            from,
            at,
            reason,
        } => Some(RecorderStep {
            from: Some(from.seconds()),
            leg: Some(*leg),
            kind: Some(kind.clone()),
            reason: Some(reason.clone()),
            ..step(RecorderOutcome::NotPaused, at)
        }),
        Event::RecorderResumed { at, verified } => Some(RecorderStep {
            verified: Some(*verified),
            ..step(RecorderOutcome::Resumed, at)
        }),
        Event::RecorderNotResumed { at, reason } => Some(RecorderStep {
            reason: Some(reason.clone()),
            ..step(RecorderOutcome::NotResumed, at)
        }),
        _ => None,
    }
}

/// Sums of microseconds, without the dust of adding floats; the sum of nothing is not "-0".
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6 + 0.0
}

fn continues(last: Span, next: Span) -> bool {
    next.start <= last.end + TOUCHING && last.start <= next.end + TOUCHING
}

fn joined(a: Span, b: Span) -> Span {
    Span::new(a.start.min(b.start), a.end.max(b.end))
}
