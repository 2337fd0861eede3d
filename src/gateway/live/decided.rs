//! What a session has decided to hide and has not released yet, followed from step to step.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::policy::Redaction;

/// Borders that moved by less are not told anew.
const MOVED: MediaTime = MediaTime::from_millis(100);

/// A stretch that will leave hidden.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Tells it from the call's others, also when it grows.
    pub number: u32,
    /// Whose audio.
    pub leg: Leg,
    /// From and to; to [`MediaTime::MAX`] while its end is open.
    pub span: Span,
    /// The kind of data, or `manual`.
    pub kind: String,
    /// The evidence in words.
    pub reason: String,
    /// The rule.
    pub rule: &'static str,
    /// Whether it does not leave hidden after all, as far as it has not left.
    pub lifted: bool,
}

impl Decided {
    fn is_grown(&self, redaction: &Redaction) -> bool {
        let moved = |one: MediaTime, other: MediaTime| one.max(other) - one.min(other) >= MOVED;
        moved(self.span.start, redaction.span.start)
            || moved(self.span.end, redaction.span.end)
            || self.reason != redaction.reason
    }
}

/// Compares what is known with what is planned; `next` numbers what is new. Returns what changed.
pub(super) fn follow<'a>(
    known: &mut Vec<Decided>,
    planned: impl Iterator<Item = &'a Redaction>,
    released: MediaTime,
    next: &mut u32,
) -> Vec<Decided> {
    let mut before = std::mem::take(known);
    let mut changes = Vec::new();
    for redaction in planned {
        let kind = redaction.kind.name();
        let same = before.iter().position(|old| {
            old.leg == redaction.leg && old.kind == kind && old.span.overlaps(redaction.span)
        });
        let decided = match same.map(|place| before.swap_remove(place)) {
            Some(old) if !old.is_grown(redaction) => old,
            old => {
                let number = old.map_or_else(
                    || {
                        *next += 1;
                        *next
                    },
                    |old| old.number,
                );
                let decided = Decided {
                    number,
                    leg: redaction.leg,
                    span: redaction.span,
                    kind: kind.to_owned(),
                    reason: redaction.reason.clone(),
                    rule: redaction.rule,
                    lifted: false,
                };
                changes.push(decided.clone());
                decided
            }
        };
        known.push(decided);
    }
    let lifted = before.into_iter().filter(|old| old.span.end > released);
    changes.extend(lifted.map(|old| Decided {
        lifted: true,
        ..old
    }));
    changes
}
