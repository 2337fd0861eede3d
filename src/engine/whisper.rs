//! Whisper through whisper.cpp: one model shared by all threads, one state for each.
//!
//! **Architecture invariants:** the library prints nothing; it is never given sound that its alignment
//! would abort the process on (shorter than eight frames of 20 ms, or longer than its context).

use std::path::Path;
use std::sync::Arc;

use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext,
    WhisperContextParameters, WhisperError, WhisperState,
};

use super::hearing::{Decoded, Decoder, Hearer, HearingSettings, LONGEST, Sound, token_cap};
use super::words::Token;
use super::{LoadError, Recogniser, RecogniserError, RecogniserFactory, blas};
use crate::call::Sensitive;
use crate::model::{self, Dimensions, ggml};

mod cap;

use cap::TokenCap;

/// How much later than the sound the library's alignment puts a token's end, in seconds.
const ALIGNMENT_DELAY: f64 = 0.18;

/// A loaded model, from which each worker makes its recogniser.
pub struct WhisperFactory {
    context: Arc<WhisperContext>,
    base: FullParams<'static, 'static>,
    dimensions: Dimensions,
    settings: HearingSettings,
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
    pub fn load(path: &Path, settings: HearingSettings) -> Result<Self, LoadError> {
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
        let decoder = WhisperDecoder {
            state,
            base: self.base.clone(),
            dimensions: self.dimensions,
        };
        Ok(Box::new(Hearer::new(decoder, self.settings.clone())))
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

struct WhisperDecoder {
    state: WhisperState,
    base: FullParams<'static, 'static>,
    dimensions: Dimensions,
}

impl Decoder for WhisperDecoder {
    fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    fn decode(
        &mut self,
        sounds: &[&Sound],
        context: usize,
    ) -> Result<Vec<Decoded>, RecogniserError> {
        sounds
            .iter()
            .map(|sound| self.decode_one(sound, context))
            .collect()
    }
}

impl WhisperDecoder {
    fn decode_one(&mut self, sound: &Sound, context: usize) -> Result<Decoded, RecogniserError> {
        let mut parameters = self.base.clone();
        parameters.set_audio_ctx(context as i32);
        let mut cap = TokenCap::new(sound.most_tokens, &self.dimensions);
        cap.run(&mut self.state, parameters, &sound.samples)
            .map_err(|error| RecogniserError::Library(described(error)))?;
        Ok(Decoded {
            tokens: self.tokens(),
            was_capped: cap.was_reached(),
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
                    end: (data.t_dtw >= 0).then(|| data.t_dtw as f64 / 100.0 - ALIGNMENT_DELAY),
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
