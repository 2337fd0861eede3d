//! There and back: what CTranslate2 gets is what the model was imported from.

use super::super::ctranslate::Weights;
use super::super::tests::{ggml_file, weights as imported};
use super::super::{Precision, ggml};
use super::*;

#[test]
fn exported_weights_are_those_imported() {
    let original = imported();
    let original = Weights::read(&original).unwrap();
    let files = super::files(&ggml_file(Precision::F16)).unwrap();
    let exported = Weights::read(&files.weights).unwrap();
    for name in [
        "encoder/conv1/weight",
        "encoder/position_encodings/encodings",
        "encoder/layer_0/self_attention/linear_0/weight",
        "encoder/layer_0/ffn/linear_1/weight",
        "decoder/layer_0/attention/linear_0/weight",
        "decoder/layer_0/attention/linear_1/weight",
        "decoder/layer_0/attention/linear_2/bias",
        "decoder/layer_norm/gamma",
        "decoder/projection/weight",
    ] {
        let sizes = original.sizes(name).unwrap();
        let (before, after) = (original.floats(name, sizes), exported.floats(name, sizes));
        assert_eq!(before.unwrap(), after.unwrap(), "{name}");
    }
    assert_eq!(exported.scalar("encoder/num_heads"), Ok(1));
    assert_eq!(exported.scalar("decoder/activation"), Ok(usize::from(GELU)));
}

#[test]
fn keys_get_a_bias_of_zero() {
    let files = super::files(&ggml_file(Precision::F16)).unwrap();
    let exported = Weights::read(&files.weights).unwrap();
    let bias = exported
        .floats("decoder/layer_0/attention/linear_1/bias", &[64])
        .unwrap();
    assert!(bias[..32].iter().all(|value| *value == 0.0));
    assert!(bias[32..].iter().any(|value| *value != 0.0));
}

#[test]
fn quantised_models_come_out_nearly_the_same() {
    let name = "decoder/layer_0/ffn/linear_0/weight";
    let floats = |precision| {
        let files = super::files(&ggml_file(precision)).unwrap();
        Weights::read(&files.weights)
            .unwrap()
            .floats(name, &[128, 32])
            .unwrap()
    };
    let pairs = floats(Precision::F16)
        .into_iter()
        .zip(floats(Precision::Q8_0));
    assert!(
        pairs
            .into_iter()
            .all(|(exact, near)| (exact - near).abs() < 0.005)
    );
}

#[test]
fn the_vocabulary_names_control_tokens_by_their_number() {
    let file = ggml_file(Precision::F16);
    let files = super::files(&file).unwrap();
    let lines: Vec<&str> = std::str::from_utf8(&files.vocabulary)
        .unwrap()
        .lines()
        .collect();
    let control = ControlTokens::of(&ggml::check_bytes(&file).unwrap().dimensions);
    assert_eq!(lines.len(), 51_864);
    // As in Whisper's English tokenizer.
    assert_eq!((control.start, control.no_timestamps), (50_257, 50_362));
    assert_eq!(
        (control.transcribe, control.first_timestamp),
        (50_358, 50_363)
    );
    assert_eq!(lines[50_257], START);
    assert_eq!(lines[50_361], "<|nospeech|>");
    assert_eq!(lines[50_362], NO_TIMESTAMPS);
    let config: serde_json::Value = serde_json::from_slice(&files.config).unwrap();
    let suppressed = config["suppress_ids"].as_array().unwrap();
    assert!(suppressed.contains(&50_257.into()) && suppressed.contains(&51_863.into()));
    assert!(
        !suppressed.contains(&50_256.into()),
        "a text must be able to end"
    );
    assert_eq!(config["suppress_ids_begin"], json!([220, 50_256]));
}
