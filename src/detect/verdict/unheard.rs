//! Digits after speech that could not be examined, which may have been the question for them.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::question::{Mention, Role};
use crate::detect::run::Run;
use crate::detect::{Kind, evidence};
use crate::policy::Policy;

use super::{Context, Verdict, context};

/// How soon an answer follows its question.
const ANSWERED_WITHIN: MediaTime = MediaTime::from_millis(12_000);
/// Digits fewer than this answer nothing sensitive.
const FEWEST: usize = 2;

/// Fails closed: what follows speech nobody could examine is taken for the answer to a question for a
/// card's data, unless a harmless question was heard since.
pub(super) fn after_unheard(
    mentions: &[&Mention<'_>],
    run: &Run,
    unheard: &[(Leg, Span)],
    policy: &Policy,
) -> Option<Verdict> {
    let missed = unheard
        .iter()
        .filter(|(leg, span)| {
            (*leg != run.leg || run.leg == Leg::Mixed)
                && span.start <= run.span.start
                && run.span.start <= span.end + ANSWERED_WITHIN
        })
        .map(|(_, span)| span.start)
        .max()?;
    let explained = match context(mentions, run) {
        Context::Harmless(mention) => {
            matches!(mention.role, Role::Asked | Role::Announced) && mention.span.start >= missed
        }
        Context::Sensitive(_) | Context::None => false,
    };
    let count = run.count();
    let kind = match count {
        0..=4 => Kind::CVV,
        _ => Kind::PAN,
    };
    (count >= FEWEST && !explained && policy.enabled(&kind)).then(|| Verdict {
        kind,
        rule: "unheard_question",
        reason: format!(
            "{} soon after speech that could not be examined and may have asked for them",
            evidence::count(count)
        ),
        confidence: 0.4,
    })
}
