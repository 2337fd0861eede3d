//! Writes whisper.cpp's ggml file.
//!
//! ```text
//! u32 magic, 11 x i32 sizes and file type
//! i32 bands, i32 bins, bands x bins x f32                  mel filters
//! i32 count, count x { u32 length, bytes }                 text tokens
//! { i32 rank, i32 name length, i32 type, rank x i32 size, name, data } to the end
//! ```

use half::f16;

use super::Precision;
use super::ggml::{
    BLOCK, FILE_F16, FILE_Q8_0, MAGIC, QUANTISATION_VERSION_FACTOR, TYPE_F16, TYPE_F32, TYPE_Q8_0,
};
use super::layout::{Dimensions, Storage, TensorShape};
use super::mel;

/// The version of ggml's quantised layouts that Q8_0 as written here belongs to.
const QUANTISATION_VERSION: i32 = 2;

/// Builds the file in memory, so that it is checked before it is written.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    precision: Precision,
}

impl Writer {
    /// Starts with everything before the tensors. `tokens` are the text tokens.
    pub(super) fn new(dimensions: &Dimensions, precision: Precision, tokens: &[Vec<u8>]) -> Self {
        let mut writer = Self {
            bytes: Vec::new(),
            precision,
        };
        writer.bytes.extend(MAGIC.to_le_bytes());
        for size in [
            dimensions.vocabulary,
            dimensions.audio_context,
            dimensions.audio_state,
            dimensions.audio_heads,
            dimensions.audio_layers,
            dimensions.text_context,
            dimensions.text_state,
            dimensions.text_heads,
            dimensions.text_layers,
            dimensions.mel_bands,
        ] {
            writer.integer(size);
        }
        let file_type = match precision {
            Precision::F16 => FILE_F16,
            Precision::Q8_0 => FILE_Q8_0 + QUANTISATION_VERSION * QUANTISATION_VERSION_FACTOR,
        };
        writer.bytes.extend(file_type.to_le_bytes());
        writer.integer(dimensions.mel_bands);
        writer.integer(mel::BINS);
        for weight in mel::filter_bank(dimensions.mel_bands) {
            writer.bytes.extend(weight.to_le_bytes());
        }
        writer.integer(tokens.len());
        for token in tokens {
            writer.integer(token.len());
            writer.bytes.extend(token);
        }
        writer
    }

    /// Adds a tensor; `elements` are in the order of its memory.
    pub(super) fn tensor(&mut self, shape: &TensorShape, elements: &[f32]) {
        let kind = match (shape.storage, self.precision) {
            (Storage::Single, _) => TYPE_F32,
            (Storage::Half, _) | (Storage::Matrix, Precision::F16) => TYPE_F16,
            (Storage::Matrix, Precision::Q8_0) => TYPE_Q8_0,
        };
        self.integer(shape.sizes.len());
        self.integer(shape.name.len());
        self.bytes.extend(kind.to_le_bytes());
        for size in &shape.sizes {
            self.integer(*size);
        }
        self.bytes.extend(shape.name.as_bytes());
        match kind {
            TYPE_F32 => {
                for element in elements {
                    self.bytes.extend(element.to_le_bytes());
                }
            }
            TYPE_F16 => {
                for element in elements {
                    self.bytes.extend(f16::from_f32(*element).to_le_bytes());
                }
            }
            _ => {
                for block in elements.chunks_exact(BLOCK) {
                    self.quantised_block(block);
                }
            }
        }
    }

    /// Q8_0: a 16-bit scale and 32 signed bytes.
    fn quantised_block(&mut self, block: &[f32]) {
        let largest = block
            .iter()
            .fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        self.bytes.extend(f16::from_f32(scale).to_le_bytes());
        self.bytes.extend(
            block
                .iter()
                .map(|value| (value * inverse).round() as i8 as u8),
        );
    }

    /// The whole file.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn integer(&mut self, value: usize) {
        // Every size comes from a file whose own fields are 32 bits wide.
        self.bytes.extend((value as u32).to_le_bytes());
    }
}
