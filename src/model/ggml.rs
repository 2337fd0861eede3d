//! Checks a whisper.cpp model file before the C++ loader sees it.
//!
//! The loader allocates by the file's numbers and aborts the process on some bad ones, so every header,
//! size and type is compared with what a Whisper model must have, to the last byte.

use std::collections::BTreeMap;
use std::path::Path;

use super::ModelError;
use super::layout::{self, Dimensions, Storage, TensorShape};
use super::mel;
use super::reader::{Malformed, Reader};

/// "ggml" read as a little-endian number.
pub(super) const MAGIC: u32 = 0x6767_6d6c;
pub(super) const TYPE_F32: i32 = 0;
pub(super) const TYPE_F16: i32 = 1;
pub(super) const TYPE_Q8_0: i32 = 8;
pub(super) const FILE_F16: i32 = 1;
pub(super) const FILE_Q8_0: i32 = 7;
/// The file type is `version * 1000 + type` in quantised files.
pub(super) const QUANTISATION_VERSION_FACTOR: i32 = 1_000;
/// Elements that share a scale in Q8_0.
pub(super) const BLOCK: usize = 32;

/// How matrices are stored in files that the loader knows: file type, name, tensor type, elements and
/// bytes of a block.
const FORMATS: [(i32, &str, i32, usize, usize); 12] = [
    (0, "f32", TYPE_F32, 1, 4),
    (FILE_F16, "f16", TYPE_F16, 1, 2),
    (2, "q4_0", 2, BLOCK, 18),
    (3, "q4_1", 3, BLOCK, 20),
    (FILE_Q8_0, "q8_0", TYPE_Q8_0, BLOCK, 34),
    (8, "q5_0", 6, BLOCK, 22),
    (9, "q5_1", 7, BLOCK, 24),
    (10, "q2_k", 10, 256, 84),
    (11, "q3_k", 11, 256, 110),
    (12, "q4_k", 12, 256, 144),
    (13, "q5_k", 13, 256, 176),
    (14, "q6_k", 14, 256, 210),
];

/// Vocabulary sizes of Whisper: English, multilingual, multilingual with Cantonese. The loader derives
/// the numbers of special tokens from them.
const VOCABULARIES: [usize; 3] = [51_864, 51_865, 51_866];
/// 30 s at 20 ms; times are computed from it.
const AUDIO_CONTEXT: usize = 1_500;
const LONGEST_TOKEN: usize = 1_024;

/// What a checked file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgmlInfo {
    /// The model's sizes.
    pub dimensions: Dimensions,
    /// How its matrices are stored, such as `q8_0`.
    pub precision: &'static str,
    /// Length of the file.
    pub bytes: u64,
}

/// Checks the file at `path` from first to last byte. Weights themselves are not judged.
pub fn check(path: &Path) -> Result<GgmlInfo, ModelError> {
    read(path).map(|(_, info)| info)
}

/// Reads and checks the file, so that what is loaded is what was checked.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, GgmlInfo), ModelError> {
    let bytes = std::fs::read(path).map_err(|source| ModelError::io(path, source))?;
    let info = check_bytes(&bytes).map_err(|malformed| ModelError::malformed(path, malformed))?;
    Ok((bytes, info))
}

struct Format {
    name: &'static str,
    tensor_type: i32,
    block: usize,
    block_bytes: usize,
}

pub(super) fn check_bytes(bytes: &[u8]) -> Result<GgmlInfo, Malformed> {
    parts(bytes).map(|parts| parts.info)
}

/// A tensor's data as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    /// ggml's number of the element type.
    pub(super) element: i32,
    pub(super) data: &'a [u8],
}

/// A checked file, taken apart.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) info: GgmlInfo,
    /// The bytes of the text tokens, by number.
    pub(super) tokens: Vec<&'a [u8]>,
    pub(super) tensors: BTreeMap<String, Stored<'a>>,
}

/// Checks a file from first to last byte and says where everything is.
pub(super) fn parts(bytes: &[u8]) -> Result<Parts<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let (dimensions, format) = header(&mut reader)?;
    filters(&mut reader, &dimensions)?;
    let tokens = tokens(&mut reader, &dimensions)?;
    let mut missing: BTreeMap<String, TensorShape> = layout::tensors(&dimensions)
        .into_iter()
        .map(|shape| (shape.name.clone(), shape))
        .collect();
    let mut tensors = BTreeMap::new();
    while reader.left() > 0 {
        let (name, stored) = tensor(&mut reader, &format, &mut missing)?;
        tensors.insert(name, stored);
    }
    if let Some(name) = missing.keys().next() {
        return Err(Malformed {
            offset: bytes.len(),
            problem: format!(
                "the file ends with {} tensors missing, `{name}` among them",
                missing.len()
            ),
        });
    }
    let info = GgmlInfo {
        dimensions,
        precision: format.name,
        bytes: bytes.len() as u64,
    };
    Ok(Parts {
        info,
        tokens,
        tensors,
    })
}

fn refuse<T>(offset: usize, problem: String) -> Result<T, Malformed> {
    Err(Malformed { offset, problem })
}

/// A number that must lie in a range.
fn number(
    reader: &mut Reader<'_>,
    what: &str,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, Malformed> {
    let offset = reader.offset();
    let value = reader.i32(what)?;
    match usize::try_from(value) {
        Ok(size) if range.contains(&size) => Ok(size),
        _ if range.start() == range.end() => refuse(
            offset,
            format!("{what} is {value}, expected {}", range.start()),
        ),
        _ => refuse(
            offset,
            format!(
                "{what} is {value}, expected {} to {}",
                range.start(),
                range.end()
            ),
        ),
    }
}

fn header(reader: &mut Reader<'_>) -> Result<(Dimensions, Format), Malformed> {
    let magic = reader.u32("the file's first four bytes")?;
    if magic != MAGIC {
        return refuse(
            0,
            format!(
                "expected a whisper.cpp (ggml) model that begins with {MAGIC:08x}, found {magic:08x}"
            ),
        );
    }
    let offset = reader.offset();
    let vocabulary = number(reader, "the vocabulary's size", 0..=usize::MAX)?;
    if !VOCABULARIES.contains(&vocabulary) {
        return refuse(
            offset,
            format!("the vocabulary's size is {vocabulary}, expected one of {VOCABULARIES:?}"),
        );
    }
    let width = 8..=4_096;
    let dimensions = Dimensions {
        vocabulary,
        audio_context: number(reader, "the audio context", AUDIO_CONTEXT..=AUDIO_CONTEXT)?,
        audio_state: number(reader, "the encoder's width", width.clone())?,
        audio_heads: number(reader, "the encoder's number of heads", 1..=64)?,
        audio_layers: number(reader, "the encoder's number of layers", 1..=64)?,
        text_context: number(reader, "the text context", 448..=448)?,
        text_state: number(reader, "the decoder's width", width)?,
        text_heads: number(reader, "the decoder's number of heads", 1..=64)?,
        text_layers: number(reader, "the decoder's number of layers", 1..=64)?,
        mel_bands: number(reader, "the number of mel bands", 80..=128)?,
    };
    let end = reader.offset();
    if dimensions.audio_state != dimensions.text_state
        || !dimensions
            .audio_state
            .is_multiple_of(dimensions.audio_heads)
        || !dimensions.text_state.is_multiple_of(dimensions.text_heads)
    {
        return refuse(
            end,
            "the widths and numbers of heads do not go together".into(),
        );
    }
    let file_type = reader.i32("the file type")?;
    let format = FORMATS
        .iter()
        .find(|format| format.0 == file_type % QUANTISATION_VERSION_FACTOR);
    let Some(&(_, name, tensor_type, block, block_bytes)) = format else {
        return refuse(end, format!("unknown file type {file_type}"));
    };
    if !dimensions.audio_state.is_multiple_of(block) {
        return refuse(
            end,
            format!(
                "a width of {} does not fit the blocks of {name}",
                dimensions.audio_state
            ),
        );
    }
    Ok((
        dimensions,
        Format {
            name,
            tensor_type,
            block,
            block_bytes,
        },
    ))
}

fn filters(reader: &mut Reader<'_>, dimensions: &Dimensions) -> Result<(), Malformed> {
    let bands = dimensions.mel_bands;
    number(reader, "the number of mel filters", bands..=bands)?;
    number(reader, "the length of a mel filter", mel::BINS..=mel::BINS)?;
    reader.take(bands * mel::BINS * 4, "the mel filters")?;
    Ok(())
}

fn tokens<'a>(
    reader: &mut Reader<'a>,
    dimensions: &Dimensions,
) -> Result<Vec<&'a [u8]>, Malformed> {
    let start = reader.offset();
    let text_tokens = dimensions.end_of_text();
    let count = number(
        reader,
        "the number of tokens",
        text_tokens - 1..=dimensions.vocabulary,
    )?;
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let length = number(reader, "a token's length", 0..=LONGEST_TOKEN)?;
        tokens.push(reader.take(length, "a token")?);
    }
    if !tokens.contains(&b" ".as_slice()) {
        // The library looks it up without asking whether it is there.
        return refuse(start, "the vocabulary has no token for a space".into());
    }
    Ok(tokens)
}

fn tensor<'a>(
    reader: &mut Reader<'a>,
    format: &Format,
    missing: &mut BTreeMap<String, TensorShape>,
) -> Result<(String, Stored<'a>), Malformed> {
    let start = reader.offset();
    let rank = number(reader, "a tensor's rank", 1..=4)?;
    let name_length = number(reader, "a tensor's name length", 1..=128)?;
    let tensor_type = reader.i32("a tensor's type")?;
    let mut sizes = Vec::with_capacity(rank);
    for _ in 0..rank {
        sizes.push(number(reader, "a tensor's size", 1..=i32::MAX as usize)?);
    }
    let name = String::from_utf8_lossy(reader.take(name_length, "a tensor's name")?).into_owned();
    let Some(shape) = missing.remove(&name) else {
        return refuse(
            start,
            format!(
                "the tensor `{}` is not part of this model, or comes twice",
                name.escape_debug()
            ),
        );
    };
    if sizes != shape.sizes {
        return refuse(
            start,
            format!("`{name}` has sizes {sizes:?}, expected {:?}", shape.sizes),
        );
    }
    let whole_file_is_single = format.tensor_type == TYPE_F32;
    let (expected, block, block_bytes) = match shape.storage {
        Storage::Half if !whole_file_is_single => (TYPE_F16, 1, 2),
        Storage::Single | Storage::Half => (TYPE_F32, 1, 4),
        Storage::Matrix => (format.tensor_type, format.block, format.block_bytes),
    };
    if tensor_type != expected {
        return refuse(
            start,
            format!(
                "`{name}` has type {tensor_type}, expected {expected} in a file of {}",
                format.name
            ),
        );
    }
    let data = reader.take(shape.elements() / block * block_bytes, &format!("`{name}`"))?;
    let element = tensor_type;
    Ok((name, Stored { element, data }))
}
