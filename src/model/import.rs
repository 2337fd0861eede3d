//! From CTranslate2's Whisper model to whisper.cpp's ggml file.
//!
//! CTranslate2 keeps the queries, keys and values of one attention in one matrix, and those of
//! cross-attention as queries apart from keys and values; here they are taken apart again.

use super::Precision;
use super::ctranslate::Weights;
use super::layout::{Dimensions, TensorShape, tensors};
use super::reader::Malformed;
use super::vocabulary::token_bytes;
use super::write::Writer;

/// Mel bands of the published models; the large ones of version 3 have 128.
const MEL_BANDS: [usize; 2] = [80, 128];

/// Why a model could not be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImportProblem {
    /// In `model.bin`.
    Weights(Malformed),
    /// In `tokenizer.json`.
    Tokenizer(String),
}

impl From<Malformed> for ImportProblem {
    fn from(malformed: Malformed) -> Self {
        Self::Weights(malformed)
    }
}

/// Converts; `progress` is told the share of tensors done, 0 to 1.
pub(super) fn convert(
    weights: &[u8],
    tokenizer: &[u8],
    precision: Precision,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<u8>, ImportProblem> {
    let weights = Weights::read(weights)?;
    let dimensions = dimensions(&weights)?;
    let tokens =
        token_bytes(tokenizer, dimensions.end_of_text()).map_err(ImportProblem::Tokenizer)?;
    if precision == Precision::Q8_0 && dimensions.audio_state % 32 != 0 {
        return Err(invalid(format!(
            "a width of {} cannot be quantised in blocks of 32",
            dimensions.audio_state
        ))
        .into());
    }
    let mut writer = Writer::new(&dimensions, precision, &tokens);
    let shapes = tensors(&dimensions);
    for (index, shape) in shapes.iter().enumerate() {
        writer.tensor(shape, &elements(&weights, shape)?);
        progress((index + 1) as f64 / shapes.len() as f64);
    }
    Ok(writer.finish())
}

fn invalid(problem: String) -> Malformed {
    Malformed { offset: 0, problem }
}

fn dimensions(weights: &Weights<'_>) -> Result<Dimensions, Malformed> {
    let matrix = |name: &str| match weights.sizes(name)? {
        [rows, columns] => Ok((*rows, *columns)),
        other => Err(invalid(format!(
            "`{name}` has sizes {other:?}, expected two"
        ))),
    };
    let (vocabulary, text_state) = matrix("decoder/embeddings/weight")?;
    let (audio_context, audio_state) = matrix("encoder/position_encodings/encodings")?;
    let (text_context, _) = matrix("decoder/position_encodings/encodings")?;
    let mel_bands = match weights.sizes("encoder/conv1/weight")? {
        [_, bands, 3] if MEL_BANDS.contains(bands) => *bands,
        other => {
            return Err(invalid(format!(
                "`encoder/conv1/weight` has sizes {other:?}, expected [width, 80 or 128, 3]"
            )));
        }
    };
    let layers = |side: &str| {
        (0..)
            .take_while(|layer| weights.has(&format!("{side}/layer_{layer}/ffn/linear_0/weight")))
            .count()
    };
    if vocabulary < 51_864 {
        return Err(invalid(format!(
            "a vocabulary of {vocabulary} tokens; Whisper has 51864 or more"
        )));
    }
    Ok(Dimensions {
        vocabulary,
        audio_context,
        audio_state,
        audio_heads: weights.scalar("encoder/num_heads")?,
        audio_layers: layers("encoder"),
        text_context,
        text_state,
        text_heads: weights.scalar("decoder/num_heads")?,
        text_layers: layers("decoder"),
        mel_bands,
    })
}

/// Where the elements of a ggml tensor are: rows `first..first + rows` of a variable that has `of` times
/// as many rows.
struct Place {
    variable: String,
    part: usize,
    of: usize,
}

fn place(name: &str) -> Option<Place> {
    let whole = |variable: String| {
        Some(Place {
            variable,
            part: 0,
            of: 1,
        })
    };
    let (side, rest) = name.split_once('.')?;
    let kind = |name: &str| match name {
        "weight" => "gamma",
        _ => "beta",
    };
    match rest.split_once('.') {
        None if rest == "positional_embedding" => {
            return whole(format!("{side}/position_encodings/encodings"));
        }
        Some(("token_embedding", "weight")) => return whole(format!("{side}/embeddings/weight")),
        Some((conv @ ("conv1" | "conv2"), what)) => return whole(format!("{side}/{conv}/{what}")),
        Some(("ln_post" | "ln", what)) => {
            return whole(format!("{side}/layer_norm/{}", kind(what)));
        }
        _ => {}
    }
    let (layer, rest) = rest.strip_prefix("blocks.")?.split_once('.')?;
    let (unit, what) = rest.rsplit_once('.')?;
    let layer = format!("{side}/layer_{layer}");
    let (variable, part, of) = match unit {
        "attn_ln" => (format!("self_attention/layer_norm/{}", kind(what)), 0, 1),
        "attn.query" => (format!("self_attention/linear_0/{what}"), 0, 3),
        "attn.key" => (format!("self_attention/linear_0/{what}"), 1, 3),
        "attn.value" => (format!("self_attention/linear_0/{what}"), 2, 3),
        "attn.out" => (format!("self_attention/linear_1/{what}"), 0, 1),
        "cross_attn_ln" => (format!("attention/layer_norm/{}", kind(what)), 0, 1),
        "cross_attn.query" => (format!("attention/linear_0/{what}"), 0, 1),
        "cross_attn.key" => (format!("attention/linear_1/{what}"), 0, 2),
        "cross_attn.value" => (format!("attention/linear_1/{what}"), 1, 2),
        "cross_attn.out" => (format!("attention/linear_2/{what}"), 0, 1),
        "mlp_ln" => (format!("ffn/layer_norm/{}", kind(what)), 0, 1),
        "mlp.0" => (format!("ffn/linear_0/{what}"), 0, 1),
        "mlp.2" => (format!("ffn/linear_1/{what}"), 0, 1),
        _ => return None,
    };
    Some(Place {
        variable: format!("{layer}/{variable}"),
        part,
        of,
    })
}

fn elements(weights: &Weights<'_>, shape: &TensorShape) -> Result<Vec<f32>, Malformed> {
    let place = place(&shape.name)
        .ok_or_else(|| invalid(format!("no source is known for `{}`", shape.name)))?;
    // ggml counts sizes from the fastest, CTranslate2 from the slowest; a convolution's bias has a
    // size of one in ggml only.
    let mut sizes: Vec<usize> = shape.sizes.iter().rev().copied().collect();
    if shape.name.ends_with("bias") {
        sizes.truncate(1);
    }
    sizes[0] *= place.of;
    let all = weights.floats(&place.variable, &sizes)?;
    if place.of == 1 {
        return Ok(all);
    }
    let length = shape.elements();
    Ok(all[place.part * length..(place.part + 1) * length].to_vec())
}
