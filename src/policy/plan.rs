//! From findings to redactions.

use crate::call::Leg;
use crate::detect::Finding;

use super::{Legs, Policy, Redaction, Rule};

/// See [`Policy::plan`].
pub(super) fn plan(policy: &Policy, findings: &[Finding], legs: &[Leg]) -> Vec<Redaction> {
    let mut redactions: Vec<Redaction> = Vec::new();
    for finding in findings {
        let rule = policy.rule(&finding.kind);
        for &leg in legs {
            if hides(rule, finding.leg, leg) {
                redactions.push(Redaction {
                    leg,
                    span: finding.span.padded(rule.pad_before, rule.pad_after),
                    kind: finding.kind.clone(),
                    rule: finding.rule,
                    reason: finding.reason.clone(),
                    confidence: finding.confidence,
                    mode: rule.mode,
                    fill: rule.fill,
                });
            }
        }
    }
    merge(redactions)
}

/// See [`Policy::hides`].
pub(super) fn hides(rule: &Rule, found_on: Leg, leg: Leg) -> bool {
    rule.enabled
        && match &rule.legs {
            Legs::Speaker => leg == found_on,
            Legs::Both => true,
            Legs::Only(list) => leg == found_on && (list.contains(&leg) || leg == Leg::Mixed),
        }
}

/// Joins redactions of one leg and kind that touch; the surer one gives rule, reason and confidence.
fn merge(mut redactions: Vec<Redaction>) -> Vec<Redaction> {
    redactions.sort_by(|a, b| {
        (a.leg, &a.kind, a.span.start, a.span.end).cmp(&(b.leg, &b.kind, b.span.start, b.span.end))
    });
    let mut merged: Vec<Redaction> = Vec::with_capacity(redactions.len());
    for redaction in redactions {
        match merged.last_mut() {
            Some(last)
                if last.leg == redaction.leg
                    && last.kind == redaction.kind
                    && redaction.span.start <= last.span.end =>
            {
                last.span.end = last.span.end.max(redaction.span.end);
                if redaction.confidence > last.confidence {
                    last.rule = redaction.rule;
                    last.reason = redaction.reason;
                    last.confidence = redaction.confidence;
                }
            }
            _ => merged.push(redaction),
        }
    }
    merged.sort_by(|a, b| {
        (a.span.start, a.leg, a.span.end, &a.kind).cmp(&(b.span.start, b.leg, b.span.end, &b.kind))
    });
    merged
}
