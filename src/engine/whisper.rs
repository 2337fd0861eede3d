//! Whisper through whisper.cpp: one model shared by all threads, one state for each.
//!
//! **Architecture invariants:** the library prints nothing; it is never given sound that its alignment
//! would abort the process on (shorter than eight frames of 20 ms, or longer than its context); the copy
//! of a window made here is wiped.
//!
//! What it does not know: deadlines, and whether the words matter.

use std::path::Path;
use std::sync::Arc;

use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext,
    WhisperContextParameters, WhisperError, WhisperState,
};
use zeroize::Zeroizing;

use super::envelope::Envelope;
use super::words::{Token, assemble};
use super::{Recogniser, RecogniserError, RecogniserFactory, blas, guard};
use crate::audio::{SampleIndex, SampleRate, Span};
use crate::call::Sensitive;
use crate::model::{self, Dimensions, ModelError, ggml};
use crate::speech::{Transcript, Window, Word};

mod cap;

use cap::TokenCap;

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
const LONGEST: usize = 26 * 16_000;
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
pub struct WhisperSettings {
    /// Fewest encoder positions (20 ms each), however short the window: below about 512 the decoder
    /// loops and misses digits.
    pub least_context: usize,
    /// Whether a window whose text loops is heard again with a larger context.
    pub retry: bool,
}

impl Default for WhisperSettings {
    fn default() -> Self {
        Self {
            least_context: 512,
            retry: true,
        }
    }
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not usable.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The library refused it.
    #[error("{path}: the speech library could not load this model: {problem}")]
    Library {
        /// The file.
        path: String,
        /// The library's words.
        problem: String,
    },
}

/// A loaded model, from which each worker makes its recogniser.
pub struct WhisperFactory {
    context: Arc<WhisperContext>,
    base: FullParams<'static, 'static>,
    dimensions: Dimensions,
    settings: WhisperSettings,
    sha256: String,
}

impl std::fmt::Debug for WhisperFactory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhisperFactory")
            .field("dimensions", &self.dimensions)
            .field("settings", &self.settings)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl WhisperFactory {
    /// Reads, checks and loads a ggml file.
    pub fn load(path: &Path, settings: WhisperSettings) -> Result<Self, LoadError> {
        // Without a log backend compiled in, the hooks swallow what the library would print.
        whisper_rs::install_logging_hooks();
        blas::use_one_thread();
        let (bytes, info) = ggml::read(path)?;
        let dimensions = info.dimensions;
        let mut parameters = WhisperContextParameters::new();
        parameters.use_gpu(false);
        // The alignment needs attention weights, which flash attention does not keep.
        parameters.flash_attn(false);
        parameters.dtw_parameters(alignment(&dimensions));
        let context =
            WhisperContext::new_from_buffer_with_params(&bytes, parameters).map_err(|error| {
                LoadError::Library {
                    path: path.display().to_string(),
                    problem: error.to_string(),
                }
            })?;
        Ok(Self {
            context: Arc::new(context),
            base: parameters_for(&dimensions),
            dimensions,
            settings,
            sha256: model::hex_sha256(&bytes),
        })
    }

    /// The model's sizes.
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }
}

impl RecogniserFactory for WhisperFactory {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        let state = self
            .context
            .create_state()
            .map_err(|error| RecogniserError::Creation(error.to_string()))?;
        Ok(Box::new(WhisperRecogniser {
            state,
            base: self.base.clone(),
            dimensions: self.dimensions,
            settings: self.settings.clone(),
        }))
    }

    fn model_sha256(&self) -> &str {
        &self.sha256
    }
}

/// Which attention heads follow the sound: known for the published models, guessed for others.
fn alignment(dimensions: &Dimensions) -> DtwParameters<'static> {
    let multilingual = dimensions.is_multilingual();
    let preset = match (dimensions.size_name(), multilingual) {
        ("tiny", false) => Some(DtwModelPreset::TinyEn),
        ("tiny", true) => Some(DtwModelPreset::Tiny),
        ("base", false) => Some(DtwModelPreset::BaseEn),
        ("base", true) => Some(DtwModelPreset::Base),
        ("small", false) => Some(DtwModelPreset::SmallEn),
        ("small", true) => Some(DtwModelPreset::Small),
        ("medium", false) => Some(DtwModelPreset::MediumEn),
        ("medium", true) => Some(DtwModelPreset::Medium),
        ("large", _) if dimensions.mel_bands == 128 => Some(DtwModelPreset::LargeV3),
        ("large", _) => Some(DtwModelPreset::LargeV2),
        ("large turbo", _) => Some(DtwModelPreset::LargeV3Turbo),
        _ => None,
    };
    let top = (dimensions.text_layers / 2).max(1);
    let mode = match preset {
        Some(model_preset) => DtwMode::ModelPreset { model_preset },
        None => DtwMode::TopMost { n_top: top as i32 },
    };
    // The library aborts when this is too small: attention of every head for the longest text over the
    // full context, several times over while it is filtered.
    let heads = top * dimensions.text_heads + 24;
    let longest_text = token_cap(LONGEST) + 8;
    let attention = heads * longest_text * dimensions.audio_context * size_of::<f32>();
    DtwParameters {
        mode,
        dtw_mem_size: 6 * attention + (64 << 20),
    }
}

fn parameters_for(dimensions: &Dimensions) -> FullParams<'static, 'static> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    if dimensions.is_multilingual() {
        // Each call leaks a C string; this is the only one.
        parameters.set_language(Some("en"));
    }
    parameters.set_n_threads(1);
    parameters.set_no_timestamps(true);
    parameters.set_single_segment(true);
    parameters.set_no_context(true);
    parameters.set_temperature_inc(0.0);
    parameters.set_suppress_nst(true);
    // The library would drop text that it doubts; whether to believe it is decided here.
    parameters.set_no_speech_thold(1.0);
    parameters.set_print_progress(false);
    parameters.set_print_special(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters
}

/// Encoder positions for sound of this many samples.
fn context_for(samples: usize, least: usize, most: usize) -> usize {
    let seconds = samples as f64 / f64::from(SampleRate::SPEECH.hertz());
    let fitted = (seconds * POSITIONS).ceil() as usize + SPARE_POSITIONS;
    let rounded = fitted.max(least).div_ceil(CONTEXT_STEP) * CONTEXT_STEP;
    rounded.min(most)
}

fn token_cap(samples: usize) -> usize {
    let seconds = samples as f64 / f64::from(SampleRate::SPEECH.hertz());
    (TOKEN_RATE * seconds) as usize + TOKEN_ALLOWANCE
}

struct WhisperRecogniser {
    state: WhisperState,
    base: FullParams<'static, 'static>,
    dimensions: Dimensions,
    settings: WhisperSettings,
}

/// What one run over a piece of sound gave.
struct Hearing {
    words: Vec<Word>,
    repeat: Option<usize>,
    is_loop: bool,
}

impl Recogniser for WhisperRecogniser {
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError> {
        let mut transcript = Transcript::default();
        let samples = window.samples.expose();
        for piece in pieces(samples) {
            let begin = SampleRate::SPEECH.time_of(SampleIndex(piece.start as u64));
            let heard = self.piece(&samples[piece])?;
            transcript.unreliable |= heard.unreliable;
            transcript
                .words
                .extend(heard.words.into_iter().map(|word| Word {
                    span: Span::new(word.span.start + begin, word.span.end + begin),
                    ..word
                }));
        }
        Ok(transcript)
    }
}

impl WhisperRecogniser {
    fn piece(&mut self, samples: &[f32]) -> Result<Transcript, RecogniserError> {
        let sound = prepared(samples);
        let most = self.dimensions.audio_context;
        let envelope = Envelope::of(&sound[..samples.len().min(sound.len())]);
        let loudest = Envelope::of(samples).loudest();
        let context = context_for(sound.len(), self.settings.least_context, most);
        let mut heard = self.hear(&sound, samples.len(), &envelope, context)?;
        let larger = context_for(sound.len(), RETRY_CONTEXT, most);
        if heard.is_loop && self.settings.retry && context < larger {
            heard = self.hear(&sound, samples.len(), &envelope, larger)?;
        }
        if let Some(repeat) = heard.repeat {
            heard.words.truncate(repeat);
        }
        if guard::is_hallucination(&heard.words, loudest) {
            heard.words.clear();
        }
        Ok(Transcript {
            words: heard.words,
            unreliable: heard.is_loop,
        })
    }

    fn hear(
        &mut self,
        sound: &[f32],
        length: usize,
        envelope: &Envelope,
        context: usize,
    ) -> Result<Hearing, RecogniserError> {
        let seconds = length as f64 / f64::from(SampleRate::SPEECH.hertz());
        let mut parameters = self.base.clone();
        parameters.set_audio_ctx(context as i32);
        let mut cap = TokenCap::new(token_cap(length), &self.dimensions);
        cap.run(&mut self.state, parameters, sound)
            .map_err(|error| RecogniserError::Library(described(error)))?;
        let tokens = self.tokens();
        let words = assemble(&tokens, envelope, seconds);
        let repeat = guard::first_repeat(&words);
        let is_loop = repeat.is_some()
            || cap.was_reached()
            || guard::is_too_fast(&words, tokens.len(), seconds);
        Ok(Hearing {
            words,
            repeat,
            is_loop,
        })
    }

    fn tokens(&self) -> Vec<Token> {
        let end_of_text = self.dimensions.end_of_text() as i32;
        let mut tokens = Vec::new();
        for segment in self.state.as_iter() {
            for index in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(index) else {
                    continue;
                };
                if token.token_id() >= end_of_text {
                    continue;
                }
                let data = token.token_data();
                tokens.push(Token {
                    bytes: Sensitive::new(token.to_bytes().unwrap_or_default().to_vec()),
                    probability: data.p,
                    // In hundredths of a second; negative where there is none.
                    aligned_end: (data.t_dtw >= 0).then(|| data.t_dtw as f64 / 100.0),
                });
            }
        }
        tokens
    }
}

/// The library's return codes reach us as "generic" errors, with their number.
fn described(error: WhisperError) -> String {
    match error {
        WhisperError::GenericError(code) => format!("code {code}"),
        other => other.to_string(),
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
fn pieces(samples: &[f32]) -> Vec<std::ops::Range<usize>> {
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
