//! From a checked ggml file to what CTranslate2 loads: the way of [`super::import`] back, in memory.
//!
//! So one model file serves both engines. CTranslate2 keeps the queries, keys and values of one attention
//! in one matrix, and quantises when it loads.
//!
//! What it does not know: languages other than English, and text; a token is known by its number alone.

use std::fmt::Write as _;
use std::path::Path;

use half::f16;
use serde_json::json;

use super::ModelError;
use super::ggml::{self, BLOCK, Parts, Stored, TYPE_F16, TYPE_F32, TYPE_Q8_0};
use super::layout::Dimensions;
use super::reader::Malformed;

/// The files of a CTranslate2 model, by the names under which it looks for them.
#[derive(Debug)]
pub(crate) struct CtranslateFiles {
    /// `model.bin`
    pub(crate) weights: Vec<u8>,
    /// `config.json`
    pub(crate) config: Vec<u8>,
    /// `vocabulary.txt`
    pub(crate) vocabulary: Vec<u8>,
    /// The bytes of the text tokens, by number.
    pub(crate) tokens: Vec<Vec<u8>>,
}

/// Whisper's control tokens, which follow the text tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ControlTokens {
    pub(crate) end_of_text: usize,
    pub(crate) start: usize,
    /// The first language, English.
    pub(crate) english: usize,
    pub(crate) transcribe: usize,
    pub(crate) no_timestamps: usize,
    /// Twenty milliseconds each, to the end of the vocabulary.
    pub(crate) first_timestamp: usize,
}

impl ControlTokens {
    /// By the order in Whisper's `tokenizer.py`: end, start, languages, translate, transcribe, start of a
    /// language model, start of the text before, no speech, no timestamps, 1,501 timestamps.
    pub(crate) fn of(dimensions: &Dimensions) -> Self {
        let first_timestamp = dimensions.vocabulary - 1_501;
        let end_of_text = dimensions.end_of_text();
        Self {
            end_of_text,
            start: end_of_text + 1,
            english: end_of_text + 2,
            transcribe: first_timestamp - 5,
            no_timestamps: first_timestamp - 1,
            first_timestamp,
        }
    }
}

/// The names by which CTranslate2 finds the control tokens, and by which prompts name them.
pub(crate) const START: &str = "<|startoftranscript|>";
pub(crate) const ENGLISH: &str = "<|en|>";
pub(crate) const TRANSCRIBE: &str = "<|transcribe|>";
pub(crate) const NO_TIMESTAMPS: &str = "<|notimestamps|>";

/// Makes a model's files of a checked ggml file, which is named in errors. Files stored in less than eight
/// bits cannot be used.
pub(crate) fn ctranslate(path: &Path, ggml: &[u8]) -> Result<CtranslateFiles, ModelError> {
    files(ggml).map_err(|malformed| ModelError::malformed(path, malformed))
}

fn files(ggml: &[u8]) -> Result<CtranslateFiles, Malformed> {
    let parts = ggml::parts(ggml)?;
    let dimensions = &parts.info.dimensions;
    Ok(CtranslateFiles {
        weights: weights(&parts)?,
        config: config(&parts).to_string().into_bytes(),
        vocabulary: vocabulary(dimensions).into_bytes(),
        tokens: parts.tokens.iter().map(|token| token.to_vec()).collect(),
    })
}

fn vocabulary(dimensions: &Dimensions) -> String {
    let control = ControlTokens::of(dimensions);
    let mut lines = String::new();
    for token in 0..dimensions.vocabulary {
        // Writing to a string cannot fail.
        let _ = match token {
            _ if token == control.end_of_text => writeln!(lines, "<|endoftext|>"),
            _ if token == control.start => writeln!(lines, "{START}"),
            _ if token == control.english => writeln!(lines, "{ENGLISH}"),
            _ if token == control.transcribe => writeln!(lines, "{TRANSCRIBE}"),
            _ if token + 1 == control.no_timestamps => writeln!(lines, "<|nospeech|>"),
            _ if token == control.no_timestamps => writeln!(lines, "{NO_TIMESTAMPS}"),
            _ => writeln!(lines, "<|{token}|>"),
        };
    }
    lines
}

/// Symbols that nobody speaks (Whisper's `non_speech_tokens`), as one token with or without a space.
const UNSPOKEN: &str = "\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- -( -[ \
                        (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ ♩ ♪ ♫ ♬ ♭ ♮ ♯";

fn config(parts: &Parts<'_>) -> serde_json::Value {
    let dimensions = &parts.info.dimensions;
    let control = ControlTokens::of(dimensions);
    let number = |text: &[u8]| parts.tokens.iter().position(|token| *token == text);
    let unspoken = UNSPOKEN
        .split(' ')
        .flat_map(|symbol| [symbol.to_owned(), format!(" {symbol}")])
        // Allowed inside words, not at their beginning.
        .chain([" -".to_owned(), " '".to_owned()])
        .filter_map(|text| number(text.as_bytes()));
    let suppressed: Vec<usize> = unspoken
        .chain(control.start..control.no_timestamps)
        .chain(control.first_timestamp..dimensions.vocabulary)
        .collect();
    let suppressed_first: Vec<usize> = number(b" ")
        .into_iter()
        .chain([control.end_of_text])
        .collect();
    json!({
        "alignment_heads": alignment_heads(dimensions),
        "lang_ids": [control.english],
        "suppress_ids": suppressed,
        "suppress_ids_begin": suppressed_first,
    })
}

/// Layer and number of the attention heads that follow the sound: those that Whisper's authors published
/// with their models, every head of the upper half of the layers for others.
fn alignment_heads(dimensions: &Dimensions) -> Vec<(usize, usize)> {
    let published: &[(usize, usize)] = match (dimensions.size_name(), dimensions.is_multilingual())
    {
        ("tiny", false) => &[
            (1, 0),
            (2, 0),
            (2, 5),
            (3, 0),
            (3, 1),
            (3, 2),
            (3, 3),
            (3, 4),
        ],
        ("tiny", true) => &[(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)],
        ("base", false) => &[(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)],
        ("base", true) => &[
            (3, 1),
            (4, 2),
            (4, 3),
            (4, 7),
            (5, 1),
            (5, 2),
            (5, 4),
            (5, 6),
        ],
        ("small", true) => &[
            (5, 3),
            (5, 9),
            (8, 0),
            (8, 4),
            (8, 7),
            (8, 8),
            (9, 0),
            (9, 7),
            (9, 9),
            (10, 5),
        ],
        ("medium", true) => &[(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)],
        ("large turbo", _) => &[(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)],
        _ => &[],
    };
    if !published.is_empty() {
        return published.to_vec();
    }
    (dimensions.text_layers / 2..dimensions.text_layers)
        .flat_map(|layer| (0..dimensions.text_heads).map(move |head| (layer, head)))
        .collect()
}

const VERSION: u32 = 6;
const REVISION: u32 = 3;
/// CTranslate2's numbers of element types.
const SINGLE: u8 = 0;
const BYTE: u8 = 1;
const SHORT: u8 = 2;
const HALF: u8 = 4;
/// CTranslate2's number of the activation GELU.
const GELU: u8 = 3;

fn weights(parts: &Parts<'_>) -> Result<Vec<u8>, Malformed> {
    let dimensions = &parts.info.dimensions;
    let mut variables = Variables {
        parts,
        bytes: Vec::new(),
        count: 0,
    };
    for (side, heads, layers) in [
        ("encoder", dimensions.audio_heads, dimensions.audio_layers),
        ("decoder", dimensions.text_heads, dimensions.text_layers),
    ] {
        let position = format!("{side}.positional_embedding");
        variables.floats(
            &format!("{side}/position_encodings/encodings"),
            &[&position],
        )?;
        variables.scalar(
            &format!("{side}/num_heads"),
            SHORT,
            &(heads as u16).to_le_bytes(),
        );
        for layer in 0..layers {
            let (to, from) = (
                format!("{side}/layer_{layer}"),
                format!("{side}.blocks.{layer}"),
            );
            variables.attention(&format!("{to}/self_attention"), &format!("{from}.attn"), 3)?;
            if side == "decoder" {
                variables.attention(
                    &format!("{to}/attention"),
                    &format!("{from}.cross_attn"),
                    2,
                )?;
            }
            variables.norm(&format!("{to}/ffn/layer_norm"), &format!("{from}.mlp_ln"))?;
            variables.linear(&format!("{to}/ffn/linear_0"), &format!("{from}.mlp.0"))?;
            variables.linear(&format!("{to}/ffn/linear_1"), &format!("{from}.mlp.2"))?;
        }
    }
    variables.norm("encoder/layer_norm", "encoder.ln_post")?;
    variables.norm("decoder/layer_norm", "decoder.ln")?;
    for convolution in ["conv1", "conv2"] {
        let from = format!("encoder.{convolution}");
        variables.linear(&format!("encoder/{convolution}"), &from)?;
    }
    variables.floats(
        "decoder/embeddings/weight",
        &["decoder.token_embedding.weight"],
    )?;
    variables.scalar("decoder/activation", BYTE, &[GELU]);
    for (name, value) in [
        ("alibi", 0),
        ("pre_norm", 1),
        ("scale_embeddings", 0),
        ("start_from_zero_embedding", 0),
    ] {
        variables.scalar(&format!("decoder/{name}"), BYTE, &[value]);
    }
    variables.scalar("decoder/alignment_heads", SHORT, &1_i16.to_le_bytes());
    variables.scalar("decoder/alignment_layer", SHORT, &(-1_i16).to_le_bytes());
    Ok(variables.finish())
}

/// Writes variables; the layout is that of [`super::ctranslate`].
struct Variables<'a> {
    parts: &'a Parts<'a>,
    bytes: Vec<u8>,
    count: u32,
}

impl Variables<'_> {
    fn begin(&mut self, name: &str, sizes: &[usize], element: u8, length: usize) {
        self.count += 1;
        text(&mut self.bytes, name);
        self.bytes.push(sizes.len() as u8);
        for size in sizes {
            self.bytes.extend((*size as u32).to_le_bytes());
        }
        self.bytes.push(element);
        self.bytes.extend((length as u32).to_le_bytes());
    }

    fn scalar(&mut self, name: &str, element: u8, data: &[u8]) {
        self.begin(name, &[], element, data.len());
        self.bytes.extend(data);
    }

    /// One variable out of tensors of ggml, one below the other. A tensor that a model does not have is
    /// the bias of the keys, which is zero.
    fn floats(&mut self, name: &str, tensors: &[&str]) -> Result<(), Malformed> {
        let stored = |tensor: &&str| self.parts.tensors.get(*tensor).copied();
        let is_single = tensors
            .iter()
            .filter_map(stored)
            .all(|stored| stored.element == TYPE_F32);
        // All have the same.
        let known = tensors.iter().find(|tensor| stored(tensor).is_some());
        let mut sizes = known.map_or(Vec::new(), |tensor| self.sizes(tensor));
        let mut elements = Vec::new();
        for tensor in tensors {
            match stored(tensor) {
                Some(stored) => elements.extend(floats(stored, tensor)?),
                None => elements.resize(elements.len() + sizes.iter().product::<usize>(), 0.0),
            }
        }
        if let Some(rows) = sizes.first_mut() {
            *rows *= tensors.len();
        }
        if is_single {
            self.begin(name, &sizes, SINGLE, elements.len() * size_of::<f32>());
            for element in elements {
                self.bytes.extend(element.to_le_bytes());
            }
        } else {
            self.begin(name, &sizes, HALF, elements.len() * size_of::<f16>());
            for element in elements {
                self.bytes.extend(f16::from_f32(element).to_le_bytes());
            }
        }
        Ok(())
    }

    /// A tensor's sizes, slowest varying first; a bias has one.
    fn sizes(&self, tensor: &str) -> Vec<usize> {
        let tensors = super::layout::tensors(&self.parts.info.dimensions);
        let mut sizes: Vec<usize> = tensors
            .into_iter()
            .find(|shape| shape.name == tensor)
            .map(|shape| shape.sizes)
            .unwrap_or_default();
        sizes.reverse();
        if tensor.ends_with("bias") {
            sizes.truncate(1);
        }
        sizes
    }

    fn norm(&mut self, to: &str, from: &str) -> Result<(), Malformed> {
        self.floats(&format!("{to}/gamma"), &[&format!("{from}.weight")])?;
        self.floats(&format!("{to}/beta"), &[&format!("{from}.bias")])
    }

    fn linear(&mut self, to: &str, from: &str) -> Result<(), Malformed> {
        self.floats(&format!("{to}/weight"), &[&format!("{from}.weight")])?;
        self.floats(&format!("{to}/bias"), &[&format!("{from}.bias")])
    }

    /// An attention whose last `together` of queries, keys and values are one matrix.
    fn attention(&mut self, to: &str, from: &str, together: usize) -> Result<(), Malformed> {
        self.norm(&format!("{to}/layer_norm"), &format!("{from}_ln"))?;
        let parts = ["query", "key", "value"].map(|part| format!("{from}.{part}"));
        let (apart, joined) = parts.split_at(3 - together);
        for (number, group) in [apart, joined]
            .into_iter()
            .filter(|group| !group.is_empty())
            .enumerate()
        {
            for what in ["weight", "bias"] {
                let names: Vec<String> =
                    group.iter().map(|part| format!("{part}.{what}")).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.floats(&format!("{to}/linear_{number}/{what}"), &names)?;
            }
        }
        let out = if apart.is_empty() { 1 } else { 2 };
        self.linear(&format!("{to}/linear_{out}"), &format!("{from}.out"))
    }

    fn finish(self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.bytes.len() + 128);
        file.extend(VERSION.to_le_bytes());
        text(&mut file, "WhisperSpec");
        file.extend(REVISION.to_le_bytes());
        file.extend(self.count.to_le_bytes());
        file.extend(self.bytes);
        // The embeddings serve as the output layer too.
        file.extend(1_u32.to_le_bytes());
        text(&mut file, "decoder/projection/weight");
        text(&mut file, "decoder/embeddings/weight");
        file
    }
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u16 + 1).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

/// A tensor's elements in the order of its memory.
fn floats(stored: Stored<'_>, name: &str) -> Result<Vec<f32>, Malformed> {
    let half = |bytes: &[u8]| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
    Ok(match stored.element {
        TYPE_F32 => stored
            .data
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        TYPE_F16 => stored.data.chunks_exact(2).map(half).collect(),
        TYPE_Q8_0 => stored
            .data
            .chunks_exact(2 + BLOCK)
            .flat_map(|block| {
                let scale = half(&block[..2]);
                block[2..]
                    .iter()
                    .map(move |value| scale * f32::from(*value as i8))
            })
            .collect(),
        other => {
            return Err(Malformed {
                offset: 0,
                problem: format!(
                    "`{name}` is stored as type {other}; the engine ctranslate2 reads models of f32, f16 and \
                     q8_0 (use one of those, or the engine whisper.cpp)"
                ),
            });
        }
    })
}

#[cfg(test)]
mod tests;
