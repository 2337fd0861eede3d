//! Erases stretches of a recorded call: its audio has silence there, its transcript a mask, its report says so.
//!
//! Puts together what does not know each other: [`store`](crate::store) seals anew, [`egress`](crate::egress)
//! knows what a report and a transcript are. Times are those of the call, as reports have them; where the
//! recorder was paused, the recording is shorter.
//!
//! **Architecture invariant:** what is told of an erased stretch is where it was and why, never what was in it.

use std::str::FromStr;

use zeroize::Zeroizing;

use crate::audio::MediaTime;
use crate::call::Leg;
use crate::egress::Report;
use crate::egress::report::{Gap, HiddenSpan, SpokenWord, Utterance};
use crate::store::erasure::Stretch;
use crate::store::sealed::Content;
use crate::store::vault::{Blank, Erased, Permit, RecordName, Vault, VaultError};

/// The rule that reports name for what was erased after the call.
pub const RULE: &str = "erasure";

/// Whether a stretch covers some of what a leg did; in a recording of one channel everybody is on it.
fn covers(stretch: Stretch, leg: Leg, start: f64, end: f64) -> bool {
    let is_of_leg = stretch
        .leg
        .is_none_or(|wanted| wanted == leg || leg == Leg::Mixed);
    // A word whose times are one moment is there all the same.
    is_of_leg && start < stretch.end() && (end > stretch.start() || start >= stretch.start())
}

/// A time within a call as people write it: seconds, or minutes and seconds, or with hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallTime(pub MediaTime);

impl FromStr for CallTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("{text:?} is no time within a call; expected such as 83.5 or 1:23.5");
        let mut seconds = 0.0;
        for (number, part) in text.split(':').enumerate() {
            let value: f64 = part.parse().map_err(|_| wrong())?;
            let is_plain = part.chars().all(|c| c.is_ascii_digit() || c == '.');
            if !is_plain || number > 2 || (number > 0 && value >= 60.0) {
                return Err(wrong());
            }
            seconds = seconds * 60.0 + value;
        }
        // A day: far beyond any recording.
        if seconds > 86_400.0 {
            return Err(wrong());
        }
        Ok(Self(MediaTime::from_seconds(seconds)))
    }
}

/// Erases stretches of a call from its recording, transcript and report. `kind` is what they held, or `erased`;
/// `reason` says why, without a value; `permit` is asked last. See [`Vault::erase_segments_if`].
pub fn erase(
    vault: &Vault,
    call: &RecordName,
    stretches: &[Stretch],
    kind: &str,
    reason: &str,
    permit: Permit<'_>,
) -> Result<Erased, VaultError> {
    let vault = vault.opening_quarantined();
    let gaps = gaps(&vault, call)?;
    let blanks = match vault.audio(call) {
        Ok(audio) => blanks(stretches, &gaps, audio.rate(), audio.channels()),
        // What is gone needs no silence.
        Err(VaultError::Shredded { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let rewrite = |content, text: &[u8]| rewritten(content, text, stretches, kind, reason);
    vault.erase_segments_if(call, &blanks, &rewrite, permit)
}

/// Where the recording is shorter than the call; a call without a report was not paused as far as is known.
fn gaps(vault: &Vault, call: &RecordName) -> Result<Vec<Gap>, VaultError> {
    if !vault.is_readable(call, Content::Report) {
        return Ok(Vec::new());
    }
    let text = vault.document(call, Content::Report)?;
    let report: Report = serde_json::from_slice(&text).map_err(|error| VaultError::Document {
        file: call.as_str().into(),
        problem: error.to_string(),
    })?;
    Ok(report.gaps)
}

/// What is blanked in a recording, outwards to whole samples.
fn blanks(stretches: &[Stretch], gaps: &[Gap], rate: u32, channels: u16) -> Vec<Blank> {
    let legs = Leg::of_channels(usize::from(channels)).unwrap_or_default();
    let recorded = |at: f64| {
        let left_out: f64 = gaps
            .iter()
            .map(|gap| (at.min(gap.end) - gap.start).max(0.0))
            .sum();
        (at - left_out).max(0.0)
    };
    let blank = |stretch: &Stretch| {
        let rate = f64::from(rate);
        // A leg that the recording has no channel of is somewhere in all of them.
        let channel = stretch
            .leg
            .and_then(|wanted| legs.iter().position(|leg| *leg == wanted))
            .and_then(|at| u16::try_from(at).ok());
        Blank {
            channel,
            frames: (recorded(stretch.start()) * rate).floor() as u64
                ..(recorded(stretch.end()) * rate).ceil() as u64,
        }
    };
    stretches.iter().map(blank).collect()
}

/// A document without what was erased.
fn rewritten(
    content: Content,
    text: &[u8],
    stretches: &[Stretch],
    kind: &str,
    reason: &str,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: serde_json::Error| format!("it is not what was written: {error}");
    let written = match content {
        Content::Transcript => {
            let said: Vec<Utterance> = serde_json::from_slice(text).map_err(unreadable)?;
            serde_json::to_vec(&masked(said, stretches, kind))
        }
        Content::Report => {
            let mut report: Report = serde_json::from_slice(text).map_err(unreadable)?;
            report.transcript = masked(std::mem::take(&mut report.transcript), stretches, kind);
            tell(&mut report, stretches, kind, reason);
            serde_json::to_vec(&report)
        }
        // What else there is tells of no words.
        _ => return Ok(Zeroizing::new(text.to_vec())),
    };
    written.map(Zeroizing::new).map_err(unreadable)
}

/// What was said, with a mask for the words of each stretch. An utterance whose words are not told one by one is
/// masked whole.
fn masked(said: Vec<Utterance>, stretches: &[Stretch], kind: &str) -> Vec<Utterance> {
    let mask = format!("[{kind}]");
    let is_covered = |leg, start, end| {
        stretches
            .iter()
            .any(|stretch| covers(*stretch, leg, start, end))
    };
    let mask_one = |utterance: Utterance| {
        let leg = utterance.leg;
        if !is_covered(leg, utterance.start, utterance.end) {
            return utterance;
        }
        let mut words: Vec<SpokenWord> = Vec::new();
        let mut is_masked = false;
        for word in &utterance.words {
            if !is_covered(leg, word.start, word.end) {
                words.push(word.clone());
                is_masked = false;
                continue;
            }
            match words.last_mut() {
                Some(last) if is_masked => last.end = last.end.max(word.end),
                _ => words.push(SpokenWord {
                    start: word.start,
                    end: word.end,
                    text: mask.clone(),
                }),
            }
            is_masked = true;
        }
        let text = match utterance.words.is_empty() {
            true => mask.clone(),
            false => words
                .iter()
                .map(|word| word.text.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        };
        Utterance {
            text,
            words,
            ..utterance
        }
    };
    said.into_iter().map(mask_one).collect()
}

/// Adds the stretches to what a report says was hidden.
fn tell(report: &mut Report, stretches: &[Stretch], kind: &str, reason: &str) {
    for stretch in stretches {
        let legs: Vec<Leg> = match stretch.leg {
            Some(leg) if report.legs.contains(&leg) => vec![leg],
            _ => report.legs.clone(),
        };
        let (start, end) = (stretch.start(), stretch.end().min(report.duration_s));
        if end <= start {
            continue;
        }
        for leg in legs {
            report.totals.hidden_s += not_hidden_yet(report, leg, start, end);
            report.spans.push(HiddenSpan {
                leg,
                start,
                end,
                kind: kind.to_owned(),
                reason: reason.to_owned(),
                rule: RULE.to_owned(),
                confidence: 1.0,
                paused: false,
            });
        }
    }
    report
        .spans
        .sort_by(|a, b| a.start.total_cmp(&b.start).then(a.leg.cmp(&b.leg)));
}

/// Seconds of a stretch that the report did not tell as hidden before.
fn not_hidden_yet(report: &Report, leg: Leg, start: f64, end: f64) -> f64 {
    let mut told: Vec<(f64, f64)> = report
        .spans
        .iter()
        .filter(|span| span.leg == leg && span.end > start && span.start < end)
        .map(|span| (span.start.max(start), span.end.min(end)))
        .collect();
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut at, mut fresh) = (start, 0.0);
    for (from, to) in told {
        fresh += (from - at).max(0.0);
        at = at.max(to);
    }
    fresh + (end - at).max(0.0)
}

#[cfg(test)]
mod tests;
