//! `hushgate model verify`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::model::{self, DEFAULT_MODEL, ListedFile, ggml};

/// What to verify, and with which sound.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A listed model's name or a ggml file.
    #[arg(value_name = "NAME|PATH", default_value = DEFAULT_MODEL)]
    model: String,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = model::resolve(&arguments.model)?;
    let mut output = std::io::stdout().lock();
    if let Some(listed) = listed_file(&path)? {
        let found = model::sha256_of(&path)?;
        anyhow::ensure!(
            found == listed.sha256,
            model::ModelError::WrongHash {
                path,
                expected: listed.sha256,
                found
            }
        );
        writeln!(output, "hash: as listed")?;
    }
    let info = ggml::check(&path)?;
    writeln!(
        output,
        "structure: Whisper {}, {}, {:.1} MB",
        info.dimensions.size_name(),
        info.precision,
        info.bytes as f64 / 1e6
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The list's entry of a file in the model folder.
fn listed_file(path: &Path) -> anyhow::Result<Option<ListedFile>> {
    let folder: PathBuf = model::folder();
    for listed in model::listed()? {
        for file in &listed.files {
            if listed.path(&folder, file.precision) == path {
                return Ok(Some(file.clone()));
            }
        }
    }
    Ok(None)
}
