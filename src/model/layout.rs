//! Which tensors a Whisper model has, with what shape, in whisper.cpp's names.
//!
//! One table serves the writer and the checker, so that what is written is what is checked.

/// The sizes that define a Whisper model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// Tokens, special ones included.
    pub vocabulary: usize,
    /// Encoder positions, 20 ms each.
    pub audio_context: usize,
    /// Width of the encoder.
    pub audio_state: usize,
    /// Attention heads of the encoder.
    pub audio_heads: usize,
    /// Layers of the encoder.
    pub audio_layers: usize,
    /// Decoder positions.
    pub text_context: usize,
    /// Width of the decoder.
    pub text_state: usize,
    /// Attention heads of the decoder.
    pub text_heads: usize,
    /// Layers of the decoder.
    pub text_layers: usize,
    /// Mel bands of the spectrogram.
    pub mel_bands: usize,
}

impl Dimensions {
    /// Whether the model knows languages other than English; its token numbers are shifted by one.
    pub fn is_multilingual(&self) -> bool {
        self.vocabulary >= 51_865
    }

    /// The token that ends a text; all tokens below it are text.
    pub fn end_of_text(&self) -> usize {
        if self.is_multilingual() {
            50_257
        } else {
            50_256
        }
    }

    /// A name for messages, by the number of layers and the width of the published models.
    pub fn size_name(&self) -> &'static str {
        match (self.audio_layers, self.text_layers, self.audio_state) {
            (4, 4, 384) => "tiny",
            (6, 6, 512) => "base",
            (12, 12, 768) => "small",
            (24, 24, 1024) => "medium",
            (32, 32, 1280) => "large",
            (32, 4, 1280) => "large turbo",
            _ => "custom",
        }
    }
}

/// How a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// Always 32-bit floats.
    Single,
    /// 16-bit floats, unless the whole file is 32-bit.
    Half,
    /// In the file's own type.
    Matrix,
}

/// One tensor of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorShape {
    pub(super) name: String,
    /// Sizes, fastest varying first.
    pub(super) sizes: Vec<usize>,
    pub(super) storage: Storage,
}

impl TensorShape {
    pub(super) fn elements(&self) -> usize {
        self.sizes.iter().product()
    }
}

/// All tensors of a model with these dimensions.
pub(super) fn tensors(dimensions: &Dimensions) -> Vec<TensorShape> {
    let mut list = Table(Vec::new());
    let (audio, text) = (dimensions.audio_state, dimensions.text_state);
    list.single(
        "encoder.positional_embedding",
        &[audio, dimensions.audio_context],
    );
    list.half("encoder.conv1.weight", &[3, dimensions.mel_bands, audio]);
    list.single("encoder.conv1.bias", &[1, audio]);
    list.half("encoder.conv2.weight", &[3, audio, audio]);
    list.single("encoder.conv2.bias", &[1, audio]);
    list.norm("encoder.ln_post", audio);
    for layer in 0..dimensions.audio_layers {
        let block = format!("encoder.blocks.{layer}");
        list.block(&block, audio);
    }
    list.single(
        "decoder.positional_embedding",
        &[text, dimensions.text_context],
    );
    list.matrix(
        "decoder.token_embedding.weight",
        &[text, dimensions.vocabulary],
    );
    list.norm("decoder.ln", text);
    for layer in 0..dimensions.text_layers {
        let block = format!("decoder.blocks.{layer}");
        list.block(&block, text);
        list.attention(&format!("{block}.cross_attn"), text);
    }
    list.0
}

struct Table(Vec<TensorShape>);

impl Table {
    fn add(&mut self, name: &str, sizes: &[usize], storage: Storage) {
        self.0.push(TensorShape {
            name: name.to_owned(),
            sizes: sizes.to_vec(),
            storage,
        });
    }

    fn single(&mut self, name: &str, sizes: &[usize]) {
        self.add(name, sizes, Storage::Single);
    }

    fn half(&mut self, name: &str, sizes: &[usize]) {
        self.add(name, sizes, Storage::Half);
    }

    fn matrix(&mut self, name: &str, sizes: &[usize]) {
        self.add(name, sizes, Storage::Matrix);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.single(&format!("{name}.weight"), &[width]);
        self.single(&format!("{name}.bias"), &[width]);
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.matrix(&format!("{name}.weight"), &[inputs, outputs]);
        self.single(&format!("{name}.bias"), &[outputs]);
    }

    /// Attention with its norm. Keys have no bias.
    fn attention(&mut self, name: &str, width: usize) {
        self.norm(&format!("{name}_ln"), width);
        self.linear(&format!("{name}.query"), width, width);
        self.matrix(&format!("{name}.key.weight"), &[width, width]);
        self.linear(&format!("{name}.value"), width, width);
        self.linear(&format!("{name}.out"), width, width);
    }

    fn block(&mut self, name: &str, width: usize) {
        self.attention(&format!("{name}.attn"), width);
        self.norm(&format!("{name}.mlp_ln"), width);
        self.linear(&format!("{name}.mlp.0"), width, 4 * width);
        self.linear(&format!("{name}.mlp.2"), 4 * width, width);
    }
}
