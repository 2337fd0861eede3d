//! From a window to words, whichever library hears it.
//!
//! A window is levelled, padded and, if it is long, cut into pieces; a context is chosen that covers each
//! piece; what loops is heard again with a larger one; what silence makes is dropped. Windows that need
//! the same context are heard together.
//!
//! **Architecture invariants:** a text that may not be all that was said is marked unreliable; the copies
//! of a window made here are wiped; a library is never given sound longer than its context.
//!
//! What it does not know: libraries, deadlines, and whether the words matter.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use zeroize::Zeroizing;

use super::envelope::Envelope;
use super::words::{Token, assemble};
use super::{Recogniser, RecogniserError, guard};
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::model::Dimensions;
use crate::speech::{Transcript, Window, Word};

/// Encoder positions in a second.
const POSITIONS: f64 = 50.0;
/// Positions beyond the sound; fewer make the decoder loop.
const SPARE_POSITIONS: usize = 64;
/// Contexts are whole multiples of this.
const CONTEXT_STEP: usize = 8;
/// Positions of a second try. Of 39 windows of digits, 176 of 185 digits were heard with this and with 768
/// after a loop, 170 with the full context, which takes twice as long.
const RETRY_CONTEXT: usize = 1_000;
/// Sound is padded with silence to at least this.
const SHORTEST: usize = 16_000;
/// Longest sound recognised at once, in samples (26 s); longer windows are taken in pieces.
pub(super) const LONGEST: usize = 26 * 16_000;
/// A piece is cut at the quietest place of its last seconds, in samples.
const CUT_WITHIN: usize = 3 * 16_000;
/// Tokens: this many in a second, and some more.
const TOKEN_RATE: f64 = 6.0;
const TOKEN_ALLOWANCE: usize = 8;
/// The peak that a window is brought to, and the most it is amplified.
const PEAK: f32 = 0.7;
const MOST_GAIN: f32 = 30.0;

/// How a model is run.
#[derive(Debug, Clone)]
pub struct HearingSettings {
    /// Fewest encoder positions (20 ms each), however short the window: below about 512 the decoder
    /// loops and misses digits.
    pub least_context: usize,
    /// Whether a window whose text loops is heard again with a larger context.
    pub retry: bool,
}

impl Default for HearingSettings {
    fn default() -> Self {
        Self {
            least_context: 512,
            retry: true,
        }
    }
}

/// A piece of a window, ready for a library.
#[derive(Debug)]
pub(super) struct Sound {
    /// At 16 kHz, levelled, padded with silence to a second at least.
    pub(super) samples: Zeroizing<Vec<f32>>,
    /// Samples without the padding.
    pub(super) length: usize,
    /// The most tokens that can be spoken in it.
    pub(super) most_tokens: usize,
}

/// What a library wrote for a piece.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Text tokens in order.
    pub(super) tokens: Vec<Token>,
    /// Whether the text was cut off because it reached `most_tokens`.
    pub(super) was_capped: bool,
}

/// A library that turns sound into tokens.
pub(super) trait Decoder {
    /// The model's sizes.
    fn dimensions(&self) -> &Dimensions;
    /// Decodes pieces with a context (encoder positions of 20 ms) that covers each of them; one answer for
    /// each, in order.
    fn decode(
        &mut self,
        sounds: &[&Sound],
        context: usize,
    ) -> Result<Vec<Decoded>, RecogniserError>;
    /// How many pieces are cheaper together than one by one.
    fn most_together(&self) -> usize {
        1
    }
    /// Processor time that threads of the library's own have spent for this decoder so far.
    fn time_elsewhere(&self) -> Duration {
        Duration::ZERO
    }
}

/// Encoder positions for sound of this many samples.
fn context_for(samples: usize, least: usize, most: usize) -> usize {
    let seconds = samples as f64 / f64::from(SampleRate::SPEECH.hertz());
    let fitted = (seconds * POSITIONS).ceil() as usize + SPARE_POSITIONS;
    let rounded = fitted.max(least).div_ceil(CONTEXT_STEP) * CONTEXT_STEP;
    rounded.min(most)
}

pub(super) fn token_cap(samples: usize) -> usize {
    let seconds = samples as f64 / f64::from(SampleRate::SPEECH.hertz());
    (TOKEN_RATE * seconds) as usize + TOKEN_ALLOWANCE
}

/// A recogniser out of a library.
pub(super) struct Hearer<D> {
    decoder: D,
    settings: HearingSettings,
}

/// A piece on its way.
struct Piece {
    /// Which window it is of, and where it begins in it.
    window: usize,
    begin: MediaTime,
    sound: Sound,
    envelope: Envelope,
    /// Of the sound before it was levelled, in decibels of full scale.
    loudest: f32,
    heard: Option<Hearing>,
}

/// What one run over a piece gave.
struct Hearing {
    words: Vec<Word>,
    repeat: Option<usize>,
    is_loop: bool,
}

impl<D: Decoder> Hearer<D> {
    pub(super) fn new(decoder: D, settings: HearingSettings) -> Self {
        Self { decoder, settings }
    }

    fn context(&self, piece: &Piece, least: usize) -> usize {
        let most = self.decoder.dimensions().audio_context;
        context_for(piece.sound.samples.len(), least, most)
    }

    /// Hears every piece once; those of one context together.
    fn hear(&mut self, pieces: &mut [Piece], least: usize) -> Result<(), RecogniserError> {
        let mut groups: BTreeMap<usize, Vec<&mut Piece>> = BTreeMap::new();
        for piece in pieces {
            groups
                .entry(self.context(piece, least))
                .or_default()
                .push(piece);
        }
        for (context, group) in groups {
            let sounds: Vec<&Sound> = group.iter().map(|piece| &piece.sound).collect();
            let decoded = self.decoder.decode(&sounds, context)?;
            for (piece, decoded) in group.into_iter().zip(decoded) {
                piece.heard = Some(piece.judge(&decoded));
            }
        }
        Ok(())
    }

    /// Hears pieces whose text loops again with a larger context, one at a time: they are rare.
    fn hear_loops_again(&mut self, pieces: &mut [Piece]) -> Result<(), RecogniserError> {
        for piece in pieces {
            let is_loop = piece.heard.as_ref().is_some_and(|heard| heard.is_loop);
            let context = self.context(piece, self.settings.least_context);
            if is_loop && context < self.context(piece, RETRY_CONTEXT) {
                self.hear(std::slice::from_mut(piece), RETRY_CONTEXT)?;
            }
        }
        Ok(())
    }
}

impl<D: Decoder> Recogniser for Hearer<D> {
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError> {
        let transcripts = self.transcribe_together(std::slice::from_ref(window))?;
        transcripts
            .into_iter()
            .next()
            .ok_or_else(|| RecogniserError::Library("a window got no answer".into()))
    }

    fn transcribe_together(
        &mut self,
        windows: &[Window],
    ) -> Result<Vec<Transcript>, RecogniserError> {
        let mut pieces: Vec<Piece> = windows
            .iter()
            .enumerate()
            .flat_map(|(index, window)| Piece::all_of(index, window.samples.expose()))
            .collect();
        self.hear(&mut pieces, self.settings.least_context)?;
        if self.settings.retry {
            self.hear_loops_again(&mut pieces)?;
        }
        let mut transcripts = vec![Transcript::default(); windows.len()];
        for piece in pieces {
            if let Some(transcript) = transcripts.get_mut(piece.window) {
                piece.append_to(transcript);
            }
        }
        Ok(transcripts)
    }

    fn most_together(&self) -> usize {
        self.decoder.most_together()
    }

    fn time_elsewhere(&self) -> Duration {
        self.decoder.time_elsewhere()
    }
}

impl Piece {
    fn all_of(window: usize, samples: &[f32]) -> impl Iterator<Item = Self> {
        pieces(samples).into_iter().map(move |range| {
            let begin = SampleRate::SPEECH.time_of(SampleIndex(range.start as u64));
            let samples = &samples[range];
            let sound = Sound {
                samples: prepared(samples),
                length: samples.len(),
                most_tokens: token_cap(samples.len()),
            };
            Self {
                window,
                begin,
                envelope: Envelope::of(&sound.samples[..samples.len()]),
                loudest: Envelope::of(samples).loudest(),
                sound,
                heard: None,
            }
        })
    }

    fn judge(&self, decoded: &Decoded) -> Hearing {
        let seconds = self.sound.length as f64 / f64::from(SampleRate::SPEECH.hertz());
        let words = assemble(&decoded.tokens, &self.envelope, seconds);
        let repeat = guard::first_repeat(&words);
        let is_loop = repeat.is_some()
            || decoded.was_capped
            || guard::is_too_fast(&words, decoded.tokens.len(), seconds);
        Hearing {
            words,
            repeat,
            is_loop,
        }
    }

    fn append_to(self, transcript: &mut Transcript) {
        // A piece that was not heard, which does not happen, is not trusted.
        let mut heard = self.heard.unwrap_or(Hearing {
            words: Vec::new(),
            repeat: None,
            is_loop: true,
        });
        if let Some(repeat) = heard.repeat {
            heard.words.truncate(repeat);
        }
        if guard::is_hallucination(&heard.words, self.loudest) {
            heard.words.clear();
        }
        transcript.unreliable |= heard.is_loop;
        transcript
            .words
            .extend(heard.words.into_iter().map(|word| Word {
                span: Span::new(word.span.start + self.begin, word.span.end + self.begin),
                ..word
            }));
    }
}

/// A copy at an even level, padded with silence.
fn prepared(samples: &[f32]) -> Zeroizing<Vec<f32>> {
    let mut sound = Zeroizing::new(Vec::with_capacity(samples.len().max(SHORTEST)));
    let peak = peak(samples);
    let gain = if peak > 0.0 {
        (PEAK / peak).min(MOST_GAIN)
    } else {
        1.0
    };
    sound.extend(samples.iter().map(|sample| {
        let louder = sample * gain;
        if louder.is_finite() {
            louder.clamp(-1.0, 1.0)
        } else {
            0.0
        }
    }));
    if sound.len() < SHORTEST {
        sound.resize(SHORTEST, 0.0);
    }
    sound
}

/// The level that all but one sample in a thousand stay below, so that a click is no peak.
fn peak(samples: &[f32]) -> f32 {
    let mut levels: Zeroizing<Vec<f32>> = Zeroizing::new(
        samples
            .iter()
            .map(|sample| sample.abs())
            .filter(|level| level.is_finite())
            .collect(),
    );
    if levels.is_empty() {
        return 0.0;
    }
    let rank = (levels.len() - 1) * 999 / 1000;
    *levels.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// Stretches short enough to be recognised at once, cut where it is quiet.
fn pieces(samples: &[f32]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while samples.len() - start > LONGEST {
        let from = start + LONGEST - CUT_WITHIN;
        let quietest = samples[from..start + LONGEST]
            .chunks(SHORTEST / 10)
            .map(|chunk| chunk.iter().map(|sample| sample * sample).sum::<f32>())
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0, |(index, _)| index);
        let cut = from + quietest * (SHORTEST / 10) + SHORTEST / 20;
        pieces.push(start..cut);
        start = cut;
    }
    pieces.push(start..samples.len());
    pieces
}

#[cfg(test)]
mod tests;
