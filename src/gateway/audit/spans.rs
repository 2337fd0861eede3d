//! Joins the pieces in which a stretch is told, so that the log has one entry for each stretch of the report.
//!
//! The session tells a stretch block by block as it leaves. It is over once more has left than it may take for its
//! next piece to come; until then it waits here.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::store::audit::{Action, Record};
use crate::telemetry::Event;

/// Pieces nearer than this belong together, as in the report.
const TOUCHING: MediaTime = MediaTime::from_millis(1);
/// When so much has left after a piece, none follows that touches it.
const SETTLED: MediaTime = MediaTime::from_millis(1_000);

/// What pieces of one stretch have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    action: Action,
    leg: Option<Leg>,
    /// The kind of data, or the cause.
    what: String,
    paused: bool,
}

#[derive(Debug)]
struct Stretch {
    key: Key,
    span: Span,
    /// Reason, rule and confidence of the surest piece.
    evidence: Option<(String, String, f32)>,
}

/// Stretches that may go on.
#[derive(Debug, Default)]
pub(super) struct Stretches(Vec<Stretch>);

impl Stretches {
    /// Takes an event that tells of a stretch; false if it does not.
    pub(super) fn add(&mut self, event: &Event) -> bool {
        let (action, leg, span) = match event {
            Event::Hidden { leg, span, .. } => (Action::SpanHidden, Some(*leg), *span),
            Event::Late { leg, span } => (Action::AudioLate, Some(*leg), *span),
            Event::Failed { leg, span, .. } => (Action::AudioFailed, Some(*leg), *span),
            Event::NotForwarded { span } => (Action::AudioNotForwarded, None, *span),
            _ => return false,
        };
        let (mut what, mut is_paused, mut evidence) = (String::new(), false, None);
        match event {
            Event::Hidden {
                kind,
                reason,
                rule,
                confidence,
                paused,
                ..
            } => {
                what.clone_from(kind);
                is_paused = *paused;
                evidence = Some((reason.clone(), rule.clone(), *confidence));
            }
            Event::Failed { cause, .. } => what = cause_name(*cause),
            _ => {}
        }
        self.join(Stretch {
            key: Key {
                action,
                leg,
                what,
                paused: is_paused,
            },
            span,
            evidence,
        });
        true
    }

    fn join(&mut self, piece: Stretch) {
        let last = self.0.iter_mut().rev().find(|last| last.key == piece.key);
        match last {
            Some(last)
                if piece.span.start <= last.span.end + TOUCHING
                    && last.span.start <= piece.span.end + TOUCHING =>
            {
                last.span = Span::new(
                    last.span.start.min(piece.span.start),
                    last.span.end.max(piece.span.end),
                );
                let surer = match (&last.evidence, &piece.evidence) {
                    (Some((_, _, before)), Some((_, _, now))) => now > before,
                    _ => false,
                };
                if surer {
                    last.evidence = piece.evidence;
                }
            }
            _ => self.0.push(piece),
        }
    }

    /// The call was released up to here: what is over by now.
    pub(super) fn settled(&mut self, released: MediaTime) -> Vec<Record> {
        self.0
            .extract_if(.., |stretch| stretch.span.end + SETTLED < released)
            .map(Stretch::record)
            .collect()
    }

    /// The call is over: all.
    pub(super) fn rest(&mut self) -> Vec<Record> {
        self.0.drain(..).map(Stretch::record).collect()
    }
}

impl Stretch {
    fn record(self) -> Record {
        let Self {
            key,
            span,
            evidence,
        } = self;
        let mut record = Record::new(key.action)
            .with("start_us", span.start.micros())
            .with("end_us", span.end.micros());
        if let Some(leg) = key.leg {
            record = record.with_name("leg", leg);
        }
        if let Some((reason, rule, confidence)) = evidence {
            record = record
                .with_name("kind", key.what)
                .with("paused", key.paused)
                .with_words("reason", &reason)
                .with_name("rule", rule)
                // A fraction's text is not one: thousandths.
                .with(
                    "confidence_permille",
                    (f64::from(confidence) * 1_000.0).round() as u64,
                );
        } else if !key.what.is_empty() {
            record = record.with_name("cause", key.what);
        }
        record
    }
}

/// As the report names it.
fn cause_name(cause: crate::telemetry::FailureCause) -> String {
    match serde_json::to_value(cause) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{cause:?}"),
    }
}
