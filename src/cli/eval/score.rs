//! What a listener of a redacted recording can still hear.
//!
//! The measure: a 20 ms frame of the original that carries speech is *heard* inside a sensitive span
//! when the redacted frame is not silent (with another fill than silence: when it still correlates with
//! the original, in either polarity), or when the speech turns up in another channel where it was not
//! before. A digit leaks when more than a quarter of its speech frames are heard. Outside sensitive
//! spans, with half a second of grace, speech that is not heard is over-blanked. A benign number is
//! audible when at least 75 % of its speech frames are heard.
//!
//! Of a call that was degraded, the call before tells which frames carry speech, so that added noise is no
//! speech that could be lost and a lost frame none that was blanked.
//!
//! Pure: samples and labels in, counts out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::labels::{Item, Labels};

/// Length of a frame in seconds.
const FRAME_S: f64 = 0.020;
/// Around a sensitive span, on every channel, speech may be blanked.
const GRACE_S: f64 = 0.5;

/// What stands where audio was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum FillHeard {
    /// Silence: whatever is not silent is heard.
    #[default]
    Silence,
    /// A tone or noise: what resembles the original is heard.
    Other,
}

/// A call before redaction: 16-bit samples of each channel, at the labels' rate.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    /// As it was handed to the gateway.
    pub(crate) played: Vec<Vec<i16>>,
    /// As it was before it was degraded, if it was.
    pub(crate) spoken: Option<Vec<Vec<i16>>>,
}

impl Original {
    /// The first samples of each channel.
    pub(crate) fn until(&self, samples: usize) -> Self {
        let beginning = |channels: &Vec<Vec<i16>>| -> Vec<Vec<i16>> {
            let first = |leg: &Vec<i16>| leg[..leg.len().min(samples)].to_vec();
            channels.iter().map(first).collect()
        };
        Self {
            played: beginning(&self.played),
            spoken: self.spoken.as_ref().map(beginning),
        }
    }
}

/// A sensitive item and what leaked of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ItemScore {
    /// The channel's name.
    pub(crate) leg: String,
    pub(crate) kind: String,
    pub(crate) digits: usize,
    pub(crate) leaked: usize,
    /// Which digits, by position.
    pub(crate) which: Vec<usize>,
}

/// A benign number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BenignScore {
    /// The channel's name.
    pub(crate) leg: String,
    pub(crate) kind: String,
    pub(crate) audible: bool,
}

/// The measure of one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CallScore {
    pub(crate) name: String,
    pub(crate) scenario: String,
    pub(crate) items: Vec<ItemScore>,
    pub(crate) benign: Vec<BenignScore>,
    pub(crate) problems: Vec<String>,
    /// Speech outside sensitive spans.
    pub(crate) benign_s: f64,
    /// How much of it is not heard.
    pub(crate) over_s: f64,
    /// The same of each channel.
    pub(crate) legs: BTreeMap<String, Loss>,
}

/// Speech of one channel that should have been heard, and was not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Loss {
    pub(crate) benign_s: f64,
    pub(crate) over_s: f64,
}

/// Measures one call; the redacted channels hold 16-bit samples at the labels' rate.
pub(crate) fn score(
    labels: &Labels,
    Original { played, spoken }: &Original,
    redacted: &[Vec<i16>],
    fill: FillHeard,
) -> CallScore {
    let (original, rate) = (played, labels.sample_rate);
    let length = |channels: &[Vec<i16>]| channels.first().map_or(0, Vec::len);
    let mut problems = Vec::new();
    let (had, has) = (length(original), length(redacted));
    if had.abs_diff(has) as f64 > f64::from(rate) * FRAME_S {
        problems.push(format!("length {has} instead of {had} samples"));
    }
    if redacted.len() != original.len() {
        problems.push(format!(
            "{} channels instead of {}",
            redacted.len(),
            original.len()
        ));
    }
    // With a problem, every digit counts as leaked.
    let redacted = if problems.is_empty() {
        redacted
    } else {
        original
    };
    let usable = has.min(had);
    let size = (f64::from(rate) * FRAME_S) as usize;
    let before: Vec<Frames<'_>> = original
        .iter()
        .map(|leg| Frames::new(leg, usable, size))
        .collect();
    let after: Vec<Frames<'_>> = redacted
        .iter()
        .map(|leg| Frames::new(leg, usable, size))
        .collect();
    let sensitive = near_sensitive(labels, usable / size.max(1));

    let mut score = CallScore {
        name: labels.name.clone(),
        scenario: labels.scenario.clone(),
        items: Vec::new(),
        benign: Vec::new(),
        problems,
        benign_s: 0.0,
        over_s: 0.0,
        legs: BTreeMap::new(),
    };
    for (channel, (original, kept)) in before.iter().zip(&after).enumerate() {
        let leg = labels.channels.get(channel).cloned().unwrap_or_default();
        let spoken = spoken.as_ref().and_then(|spoken| spoken.get(channel));
        let speech = match spoken {
            None => original.speech(),
            Some(spoken) => original.audible_where(&Frames::new(spoken, usable, size).speech()),
        };
        let same = correlation(original, kept);
        let mut heard: Vec<bool> = (0..speech.len())
            .map(|at| {
                speech[at]
                    && match fill {
                        FillHeard::Silence => kept.level[at] > 10.0,
                        FillHeard::Other => same[at] > 0.5 && kept.level[at] > 5.0,
                    }
            })
            .collect();
        for other in (0..before.len()).filter(|&other| other != channel) {
            let (moved, was) = (
                correlation(original, &after[other]),
                correlation(original, &before[other]),
            );
            for (at, heard) in heard.iter_mut().enumerate() {
                *heard |=
                    speech[at] && moved[at] > 0.5 && after[other].level[at] > 10.0 && was[at] < 0.3;
            }
        }
        let passed: Vec<bool> = (0..speech.len())
            .map(|at| speech[at] && same[at] > 0.5 && kept.level[at] > 0.05 * original.level[at])
            .collect();
        score.items.extend(
            labels
                .sensitive
                .iter()
                .filter(|item| item.channel == channel)
                .map(|item| leak(item, &leg, &speech, &heard)),
        );
        score.benign.extend(
            labels
                .benign
                .iter()
                .filter(|item| item.channel == channel)
                .map(|item| BenignScore {
                    leg: leg.clone(),
                    kind: item.kind.clone(),
                    audible: audible(item, &speech, &passed),
                }),
        );
        let lost = (0..speech.len()).filter(|&at| speech[at] && !sensitive[at] && !passed[at]);
        let benign = (0..speech.len()).filter(|&at| speech[at] && !sensitive[at]);
        let (benign_s, over_s) = (
            benign.count() as f64 * FRAME_S,
            lost.count() as f64 * FRAME_S,
        );
        score.benign_s += benign_s;
        score.over_s += over_s;
        let loss = score.legs.entry(leg).or_default();
        loss.benign_s = hundredths(loss.benign_s + benign_s);
        loss.over_s = hundredths(loss.over_s + over_s);
    }
    score.over_s = hundredths(score.over_s);
    score.benign_s = hundredths(score.benign_s);
    score
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The frames of one channel and their root mean square levels.
pub(super) struct Frames<'a> {
    frames: Vec<&'a [i16]>,
    pub(super) level: Vec<f64>,
}

impl<'a> Frames<'a> {
    pub(super) fn new(samples: &'a [i16], usable: usize, size: usize) -> Self {
        let samples = &samples[..usable.min(samples.len())];
        let frames: Vec<_> = samples.chunks_exact(size.max(1)).collect();
        let level = frames.iter().map(|frame| level(frame)).collect();
        Self { frames, level }
    }

    /// Which frames carry speech: not far below the channel's loud ones.
    pub(super) fn speech(&self) -> Vec<bool> {
        let threshold = f64::max(60.0, 0.05 * percentile(&self.level, 0.99));
        self.level.iter().map(|&level| level > threshold).collect()
    }

    /// Which of the flagged frames are not silent.
    fn audible_where(&self, flags: &[bool]) -> Vec<bool> {
        let frames = self.level.iter().zip(flags);
        frames.map(|(&level, &flag)| flag && level > 10.0).collect()
    }
}

fn level(frame: &[i16]) -> f64 {
    let squares: f64 = frame.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (squares / frame.len() as f64).sqrt()
}

/// How alike frames of two channels are, 0 to 1.
fn correlation(a: &Frames<'_>, b: &Frames<'_>) -> Vec<f64> {
    a.frames
        .iter()
        .zip(&b.frames)
        .enumerate()
        .map(|(at, (x, y))| {
            let product: f64 = x
                .iter()
                .zip(*y)
                .map(|(&x, &y)| f64::from(x) * f64::from(y))
                .sum();
            product.abs() / f64::max(1e-9, x.len() as f64 * a.level[at] * b.level[at])
        })
        .collect()
}

/// A percentile with linear interpolation between neighbours; 0 of nothing.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = last as f64 * share;
    let (low, part) = (place.floor() as usize, place.fract());
    let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
    if part < 0.5 {
        a + (b - a) * part
    } else {
        b - (b - a) * (1.0 - part)
    }
}

/// The index of the frame at a time; times before the call count as its start.
fn frame_at(seconds: f64) -> usize {
    (seconds / FRAME_S) as usize
}

fn near_sensitive(labels: &Labels, frames: usize) -> Vec<bool> {
    let mut near = vec![false; frames];
    for item in &labels.sensitive {
        let (from, to) = (
            frame_at(item.start - GRACE_S),
            frame_at(item.end + GRACE_S) + 1,
        );
        near[from.min(frames)..to.min(frames)].fill(true);
    }
    near
}

fn leak(item: &Item, leg: &str, speech: &[bool], heard: &[bool]) -> ItemScore {
    let which: Vec<usize> = (0..item.digits.len())
        .filter(|&digit| {
            let (start, end) = item.digits[digit];
            let from = frame_at(start);
            let to = frame_at(end).max(from + 1);
            let (spoken, heard) = (count(speech, from, to), count(heard, from, to));
            spoken > 0 && heard as f64 > 0.25 * spoken as f64
        })
        .collect();
    ItemScore {
        leg: leg.to_owned(),
        kind: item.kind.clone(),
        digits: item.digits.len(),
        leaked: which.len(),
        which,
    }
}

fn audible(item: &Item, speech: &[bool], passed: &[bool]) -> bool {
    let (from, to) = (frame_at(item.start), frame_at(item.end) + 1);
    count(passed, from, to) as f64 >= 0.75 * count(speech, from, to) as f64
}

fn count(flags: &[bool], from: usize, to: usize) -> usize {
    let length = flags.len();
    flags[from.min(length)..to.min(length)]
        .iter()
        .filter(|&&flag| flag)
        .count()
}

/// Counts of the items of one kind, scenario or speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Leaks {
    pub(crate) items: usize,
    pub(crate) leaking: usize,
    pub(crate) digits: usize,
    pub(crate) leaked: usize,
}

impl Leaks {
    fn add(&mut self, item: &ItemScore) {
        self.items += 1;
        self.leaking += usize::from(item.leaked > 0);
        self.digits += item.digits;
        self.leaked += item.leaked;
    }
}

/// The measure of all calls together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Score {
    pub(crate) calls: usize,
    pub(crate) items: usize,
    pub(crate) items_leaking: usize,
    pub(crate) digits: usize,
    pub(crate) digits_leaked: usize,
    pub(crate) digit_leak_pct: f64,
    pub(crate) benign_speech_s: f64,
    pub(crate) over_blanked_s: f64,
    pub(crate) over_blank_pct: f64,
    pub(crate) benign_numbers: usize,
    pub(crate) benign_numbers_audible: usize,
    pub(crate) kinds: BTreeMap<String, Leaks>,
    pub(crate) scenarios: BTreeMap<String, PartScore>,
    pub(crate) legs: BTreeMap<String, PartScore>,
    pub(crate) problems: Vec<String>,
}

/// The measure of the calls of one scenario, or of one speaker in all calls.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct PartScore {
    pub(crate) calls: usize,
    #[serde(flatten)]
    pub(crate) leaks: Leaks,
    pub(crate) benign_speech_s: f64,
    pub(crate) over_blanked_s: f64,
    pub(crate) benign_numbers: usize,
    pub(crate) benign_numbers_audible: usize,
}

impl PartScore {
    fn add_call(&mut self, benign_s: f64, over_s: f64) {
        self.calls += 1;
        self.benign_speech_s = hundredths(self.benign_speech_s + benign_s);
        self.over_blanked_s = hundredths(self.over_blanked_s + over_s);
    }

    fn add_number(&mut self, number: &BenignScore) {
        self.benign_numbers += 1;
        self.benign_numbers_audible += usize::from(number.audible);
    }
}

/// Adds calls up.
pub(crate) fn summarise(calls: &[CallScore]) -> Score {
    let mut all = Leaks::default();
    let mut kinds: BTreeMap<String, Leaks> = BTreeMap::new();
    let mut scenarios: BTreeMap<String, PartScore> = BTreeMap::new();
    let mut legs: BTreeMap<String, PartScore> = BTreeMap::new();
    for call in calls {
        let scenario = scenarios.entry(call.scenario.clone()).or_default();
        scenario.add_call(call.benign_s, call.over_s);
        for (leg, loss) in &call.legs {
            legs.entry(leg.clone())
                .or_default()
                .add_call(loss.benign_s, loss.over_s);
        }
        for number in &call.benign {
            scenario.add_number(number);
            legs.entry(number.leg.clone())
                .or_default()
                .add_number(number);
        }
        for item in &call.items {
            all.add(item);
            kinds.entry(item.kind.clone()).or_default().add(item);
            scenario.leaks.add(item);
            legs.entry(item.leg.clone()).or_default().leaks.add(item);
        }
    }
    let benign: f64 = calls.iter().map(|call| call.benign_s).sum();
    let over: f64 = calls.iter().map(|call| call.over_s).sum();
    let numbers = || calls.iter().flat_map(|call| &call.benign);
    Score {
        calls: calls.len(),
        items: all.items,
        items_leaking: all.leaking,
        digits: all.digits,
        digits_leaked: all.leaked,
        digit_leak_pct: (100_000.0 * all.leaked as f64 / all.digits.max(1) as f64).round() / 1e3,
        benign_speech_s: (benign * 10.0).round() / 10.0,
        over_blanked_s: (over * 10.0).round() / 10.0,
        over_blank_pct: hundredths(100.0 * over / benign.max(1e-9)),
        benign_numbers: numbers().count(),
        benign_numbers_audible: numbers().filter(|number| number.audible).count(),
        kinds,
        scenarios,
        legs,
        problems: calls
            .iter()
            .flat_map(|call| {
                call.problems
                    .iter()
                    .map(|problem| format!("{}: {problem}", call.name))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
