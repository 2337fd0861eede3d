//! Whisper through CTranslate2: 8-bit integers, several windows at a time.
//!
//! **Architecture invariants:** the library is given no sound longer than its context; a recogniser has a
//! model of its own, so that a stuck one harms no other.
//!
//! The library calculates on a thread of its own, one for each model; its processor time is read where the
//! system tells it. The copies of the sound inside the library are not wiped when it frees them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ct2rs::sys::{
    ComputeType, Config, Device, ModelMemoryReader, StorageView, Whisper, WhisperAlignmentResult,
    WhisperOptions,
};
use zeroize::Zeroizing;

use super::hearing::{Decoded, Decoder, Hearer, HearingSettings, Sound};
use super::spectrogram::Spectrogram;
use super::words::Token;
use super::{LoadError, Recogniser, RecogniserError, RecogniserFactory};
use crate::call::Sensitive;
use crate::model::export::{self, ControlTokens, CtranslateFiles};
use crate::model::{self, Dimensions, ggml};

mod thread_time;

use thread_time::ThreadClock;

/// Windows decoded at once: with more, the first of them waits longer and little is saved.
const TOGETHER: usize = 4;
/// Encoder positions in a second.
const POSITIONS: f64 = 50.0;
/// Samples at 16 kHz and frames of the spectrogram for one position.
const SAMPLES: usize = 320;
const FRAMES: usize = 2;
/// Positions over which the alignment smooths (as in Whisper's `timing.py`).
const SMOOTHED: i64 = 7;

/// A loaded model, from which each worker makes its recogniser.
pub(super) struct CtranslateFactory {
    files: CtranslateFiles,
    tokens: Arc<[Vec<u8>]>,
    dimensions: Dimensions,
    settings: HearingSettings,
    sha256: String,
    path: String,
}

impl std::fmt::Debug for CtranslateFactory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CtranslateFactory")
            .field("dimensions", &self.dimensions)
            .field("settings", &self.settings)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl CtranslateFactory {
    /// Reads and checks a ggml file.
    pub(super) fn load(path: &Path, settings: HearingSettings) -> Result<Self, LoadError> {
        let (bytes, info) = ggml::read(path)?;
        let mut files = export::ctranslate(path, &bytes)?;
        Ok(Self {
            tokens: std::mem::take(&mut files.tokens).into(),
            files,
            dimensions: info.dimensions,
            settings,
            sha256: model::hex_sha256(&bytes),
            path: path.display().to_string(),
        })
    }

    fn whisper(&self) -> Result<Whisper, RecogniserError> {
        let failed = |error: &dyn std::fmt::Display| {
            RecogniserError::Creation(format!("{}: {error}", self.path))
        };
        let mut reader = ModelMemoryReader::new("whisper").map_err(|error| failed(&error))?;
        reader.register_file("model.bin", &self.files.weights);
        reader.register_file("config.json", &self.files.config);
        reader.register_file("vocabulary.txt", &self.files.vocabulary);
        let config = Config {
            device: Device::CPU,
            compute_type: ComputeType::INT8,
            num_threads_per_replica: 1,
            ..Config::default()
        };
        Whisper::new_from_memory(&mut reader, config).map_err(|error| failed(&error))
    }
}

impl RecogniserFactory for CtranslateFactory {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        let (whisper, clock) = ThreadClock::of_thread_started_by(|| self.whisper());
        let decoder = CtranslateDecoder {
            whisper: whisper?,
            clock,
            spectrogram: Spectrogram::new(self.dimensions.mel_bands),
            tokens: self.tokens.clone(),
            dimensions: self.dimensions,
            prompt: prompt(&self.dimensions),
        };
        Ok(Box::new(Hearer::new(decoder, self.settings.clone())))
    }

    fn model_sha256(&self) -> &str {
        &self.sha256
    }
}

fn prompt(dimensions: &Dimensions) -> Vec<&'static str> {
    if dimensions.is_multilingual() {
        vec![
            export::START,
            export::ENGLISH,
            export::TRANSCRIBE,
            export::NO_TIMESTAMPS,
        ]
    } else {
        vec![export::START, export::NO_TIMESTAMPS]
    }
}

struct CtranslateDecoder {
    whisper: Whisper,
    clock: Option<ThreadClock>,
    spectrogram: Spectrogram,
    tokens: Arc<[Vec<u8>]>,
    dimensions: Dimensions,
    prompt: Vec<&'static str>,
}

impl Decoder for CtranslateDecoder {
    fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    fn decode(
        &mut self,
        sounds: &[&Sound],
        context: usize,
    ) -> Result<Vec<Decoded>, RecogniserError> {
        let mut decoded = Vec::with_capacity(sounds.len());
        for sounds in sounds.chunks(TOGETHER) {
            decoded.extend(self.decode_together(sounds, context)?);
        }
        Ok(decoded)
    }

    fn most_together(&self) -> usize {
        TOGETHER
    }

    fn time_elsewhere(&self) -> Duration {
        self.clock
            .as_ref()
            .and_then(ThreadClock::time)
            .unwrap_or_default()
    }
}

impl CtranslateDecoder {
    fn decode_together(
        &mut self,
        sounds: &[&Sound],
        context: usize,
    ) -> Result<Vec<Decoded>, RecogniserError> {
        let failed = |error: anyhow::Error| RecogniserError::Library(error.to_string());
        let (bands, frames) = (self.dimensions.mel_bands, context * FRAMES);
        let mut mel = Zeroizing::new(vec![0.0; sounds.len() * bands * frames]);
        for (sound, mel) in sounds.iter().zip(mel.chunks_exact_mut(bands * frames)) {
            self.spectrogram.fill(&sound.samples, mel);
        }
        let sizes = [sounds.len(), bands, frames];
        let features = StorageView::new(&sizes, &mut mel, Device::CPU).map_err(failed)?;
        let encoded = self.whisper.encode(&features, true).map_err(failed)?;
        let prompts = vec![self.prompt.clone(); sounds.len()];
        let longest = sounds
            .iter()
            .map(|sound| sound.most_tokens)
            .max()
            .unwrap_or(0);
        let options = options(longest);
        let written = self
            .whisper
            .generate(&encoded, &prompts, &options)
            .map_err(failed)?;
        let end_of_text = self.dimensions.end_of_text();
        let mut was_capped = Vec::with_capacity(sounds.len());
        let mut numbers = Vec::with_capacity(sounds.len());
        for (sound, written) in sounds.iter().zip(written) {
            let mut tokens = written.sequences_ids.into_iter().next().unwrap_or_default();
            tokens.retain(|token| *token < end_of_text);
            was_capped.push(tokens.len() > sound.most_tokens);
            tokens.truncate(sound.most_tokens);
            numbers.push(Zeroizing::new(tokens));
        }
        let aligned = self.align(&encoded, sounds, &numbers, context)?;
        Ok(numbers
            .iter()
            .zip(&aligned)
            .zip(was_capped)
            .map(|((numbers, aligned), was_capped)| Decoded {
                tokens: self.timed(numbers, aligned),
                was_capped,
            })
            .collect())
    }

    /// When each token is spoken (its end was 0.01 s early in the mean of 173 labelled digits) and how sure it
    /// is; empty where nothing was written.
    fn align(
        &self,
        encoded: &StorageView<'_>,
        sounds: &[&Sound],
        numbers: &[Zeroizing<Vec<usize>>],
        context: usize,
    ) -> Result<Vec<WhisperAlignmentResult>, RecogniserError> {
        if numbers.iter().all(|numbers| numbers.is_empty()) {
            return Ok(Vec::new());
        }
        let control = ControlTokens::of(&self.dimensions);
        let mut start = vec![control.start];
        if self.dimensions.is_multilingual() {
            start.extend([control.english, control.transcribe]);
        }
        let texts: Vec<Vec<usize>> = numbers.iter().map(|numbers| numbers.to_vec()).collect();
        let frames: Vec<usize> = sounds
            .iter()
            .map(|sound| sound.samples.len().div_ceil(SAMPLES).min(context) * FRAMES)
            .collect();
        let aligned = self
            .whisper
            .align(encoded, &start, &texts, &frames, SMOOTHED);
        let mut texts = texts;
        for text in &mut texts {
            zeroize::Zeroize::zeroize(text);
        }
        aligned.map_err(|error| RecogniserError::Library(error.to_string()))
    }

    fn timed(&self, numbers: &[usize], aligned: &WhisperAlignmentResult) -> Vec<Token> {
        let end = |index: usize| {
            let next = index as i64 + 1;
            let begins = aligned
                .alignments
                .iter()
                .find(|step| step.token_x >= next)?;
            Some(begins.frame_x as f64 / POSITIONS)
        };
        numbers
            .iter()
            .enumerate()
            .map(|(index, number)| Token {
                bytes: Sensitive::new(self.tokens.get(*number).cloned().unwrap_or_default()),
                probability: aligned.text_token_probs.get(index).copied().unwrap_or(0.0),
                end: end(index),
            })
            .collect()
    }
}

/// Greedy, without times, at most one token more than can be spoken, so that a text which is cut off is
/// told from one that ends there.
fn options(most_tokens: usize) -> WhisperOptions {
    WhisperOptions {
        beam_size: 1,
        sampling_topk: 1,
        // The library takes half of it for what it writes.
        max_length: 2 * (most_tokens + 1),
        ..WhisperOptions::default()
    }
}
