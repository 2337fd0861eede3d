//! From the recogniser's tokens to words with times.
//!
//! The alignment gives for each token the time at which it ends. A
//! word begins where the token before it ended, unless that would make it longer than it can be spoken;
//! both ends then move to where sound begins or ends, if that is near.

use std::ops::RangeInclusive;

use zeroize::Zeroize;

use super::envelope::Envelope;
use crate::audio::{MediaTime, Span};
use crate::call::Sensitive;
use crate::speech::Word;

/// How far an end moves to meet an edge of sound, in seconds.
const SNAP: f64 = 0.25;
/// How much of a word's beginning (an "s", an "f") may be too faint to be told from silence.
const FAINT_BEGINNING: f64 = 0.1;
const SHORTEST_WORD: f64 = 0.06;
/// Longest time to speak a word, in seconds: a constant, and more for each letter and each digit (a
/// digit is a word of its own, and so is a letter that is spelled).
const LONGEST_BASE: f64 = 0.6;
const LONGEST_LETTER: f64 = 0.09;
const LONGEST_DIGIT: f64 = 0.6;

/// A text token of the recogniser.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Its bytes; a leading space begins a word. Several tokens may share one character.
    pub(super) bytes: Sensitive<Vec<u8>>,
    /// 0 to 1.
    pub(super) probability: f32,
    /// When it ends in the sound by the alignment, in seconds, if that said so.
    pub(super) end: Option<f64>,
}

impl Token {
    fn begins_word(&self) -> bool {
        self.bytes.expose().first() == Some(&b' ')
    }

    fn is_spoken(&self) -> bool {
        let bytes = self.bytes.expose();
        bytes
            .iter()
            .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
    }
}

/// The words of a window that lasts `seconds`, in order, inside the window. Stretches without a letter
/// or digit are no words. A word that would begin after the last sound was not spoken and is left out.
pub(super) fn assemble(tokens: &[Token], envelope: &Envelope, seconds: f64) -> Vec<Word> {
    let ends = token_ends(tokens, seconds);
    let end_of_sound = envelope.end_of_sound() + SNAP;
    let mut estimates: Vec<Estimate> = Vec::new();
    let mut first = 0;
    while first < tokens.len() {
        let length = 1 + tokens[first + 1..]
            .iter()
            .take_while(|token| !token.begins_word())
            .count();
        let group = first..first + length;
        let spoken_end = group.clone().rev().find(|index| tokens[*index].is_spoken());
        if let Some(last) = spoken_end {
            let heard_from = first.checked_sub(1).map_or(0.0, |before| ends[before]);
            let estimate = Estimate::new(&tokens[group.clone()], heard_from, ends[last]);
            if estimate.start < end_of_sound {
                estimates.push(estimate);
            }
        }
        first = group.end;
    }
    placed(estimates, envelope, seconds)
}

/// A word with the times that follow from the alignment alone.
struct Estimate {
    text: Sensitive<String>,
    confidence: f32,
    start: f64,
    end: f64,
}

impl Estimate {
    fn new(tokens: &[Token], heard_from: f64, end: f64) -> Self {
        let mut bytes: Vec<u8> = Vec::new();
        for token in tokens {
            bytes.extend(token.bytes.expose());
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        bytes.zeroize();
        let probability: f32 = tokens.iter().map(|token| token.probability).sum();
        Self {
            start: heard_from.max(end - longest(&text)),
            end,
            text: Sensitive::new(text),
            confidence: probability / tokens.len() as f32,
        }
    }

    fn middle(&self) -> f64 {
        (self.start + self.end) / 2.0
    }
}

/// Moves estimates to the edges of sound. No end moves past the middle of its own word or of a
/// neighbour, so words stay in order.
fn placed(estimates: Vec<Estimate>, envelope: &Envelope, seconds: f64) -> Vec<Word> {
    let middles: Vec<f64> = estimates.iter().map(Estimate::middle).collect();
    let place = |(index, estimate): (usize, Estimate)| {
        let middle = middles[index];
        let before = index.checked_sub(1).map_or(0.0, |index| middles[index]);
        let after = middles.get(index + 1).copied().unwrap_or(seconds);
        let start = begin(&estimate, envelope, before..=middle);
        let end = envelope
            .nearest_offset(estimate.end, SNAP, &(middle..=after))
            .unwrap_or(estimate.end);
        let start = start.clamp(0.0, (seconds - SHORTEST_WORD).max(0.0));
        let end = end.max(start + SHORTEST_WORD).min(seconds);
        Word {
            text: estimate.text,
            span: Span::new(MediaTime::from_seconds(start), MediaTime::from_seconds(end)),
            confidence: estimate.confidence,
        }
    };
    estimates.into_iter().enumerate().map(place).collect()
}

/// Where sound begins near an estimated start; a start in silence moves on to just before the sound.
fn begin(estimate: &Estimate, envelope: &Envelope, within: RangeInclusive<f64>) -> f64 {
    let start = estimate.start;
    if let Some(onset) = envelope.nearest_onset(start, SNAP, &within) {
        return onset;
    }
    if envelope.sounds_at(start) {
        return start;
    }
    let onset = envelope.next_onset(start, estimate.end);
    onset.map_or(start, |onset| (onset - FAINT_BEGINNING).max(start))
}

/// The end of each token, never going back; between those that are missing time is shared out evenly.
fn token_ends(tokens: &[Token], seconds: f64) -> Vec<f64> {
    let mut ends = Vec::with_capacity(tokens.len());
    let mut latest = 0.0_f64;
    for (index, token) in tokens.iter().enumerate() {
        let end = match token.end {
            Some(end) => end,
            None => {
                let next = tokens[index..]
                    .iter()
                    .enumerate()
                    .find_map(|(ahead, token)| Some((ahead, token.end?)));
                let (ahead, time) = next.unwrap_or((tokens.len() - index, seconds));
                latest + (time.max(latest) - latest) / (ahead + 1) as f64
            }
        };
        latest = end.clamp(latest, seconds.max(latest));
        ends.push(latest);
    }
    ends
}

fn longest(text: &str) -> f64 {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().count() - digits;
    // Digits are misheard as letters and written so ("R-21-E-2").
    let is_letter = |part: &&str| part.len() == 1 && part.as_bytes()[0].is_ascii_alphabetic();
    let spelled = match text.contains('-') {
        true => text.split('-').filter(is_letter).count(),
        false => 0,
    };
    LONGEST_BASE
        + (letters - spelled) as f64 * LONGEST_LETTER
        + (digits + spelled) as f64 * LONGEST_DIGIT
}

#[cfg(test)]
mod tests;
