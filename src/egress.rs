//! Where clean audio goes: the WAV recorder and the report beside it; and the control of recorders elsewhere.
//!
//! **Architecture invariant:** takes only [`crate::session::CleanAudio`] and [`crate::telemetry::Event`],
//! so that nothing that was not released can be written.

pub mod control;
pub mod forward;
pub mod recorder;
pub mod report;
pub mod wav;

use std::io;
use std::path::{Path, PathBuf};

pub use recorder::Recorder;
pub use report::{CallFacts, EngineWork, HiddenSpan, Report, ReportBuilder, Slack};
pub use wav::{Recording, WavRecorder};

/// Why a recording or its report could not be written. Names the file and the cause.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The system refused: disk full, no permission, read-only file system.
    #[error("cannot {action} {}: {cause}{}", file.display(), advice(cause))]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A WAV file holds at most 4 GiB; more of the call is not recorded.
    #[error("{}: a WAV file holds at most {limit} bytes of audio; the rest of the call is not recorded", file.display())]
    TooLong {
        /// The recording.
        file: PathBuf,
        /// How much fits.
        limit: u64,
    },
    /// The audio does not fit the recording that was begun.
    #[error("{}: audio with {found}, the recording has {expected}", file.display())]
    Mismatch {
        /// The recording.
        file: PathBuf,
        /// What the audio has.
        found: String,
        /// What the recording has.
        expected: String,
    },
    /// Recordings would lie among the originals.
    #[error(
        "--out {}: holds the input {}, or lies in it; choose another folder, so that no original is touched",
        output.display(),
        input.display()
    )]
    OverInput {
        /// The folder for recordings.
        output: PathBuf,
        /// The input.
        input: PathBuf,
    },
}

impl EgressError {
    fn file(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |cause| Self::File {
            action,
            file,
            cause,
        }
    }
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or record elsewhere"
        }
        io::ErrorKind::PermissionDenied => "; check who owns the folder",
        io::ErrorKind::ReadOnlyFilesystem => "; record elsewhere",
        _ => "",
    }
}

/// Refuses a folder for recordings that is the folder of an input file, or that is or lies in an input
/// folder.
pub fn refuse_output_over_input(output: &Path, input: &Path) -> Result<(), EgressError> {
    let real_output = real_path(output);
    let over = if input.is_dir() {
        real_output.starts_with(real_path(input))
    } else {
        real_path(input).parent() == Some(&*real_output)
    };
    if over {
        return Err(EgressError::OverInput {
            output: output.to_owned(),
            input: input.to_owned(),
        });
    }
    Ok(())
}

/// The path without links, also where its last parts do not exist yet.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute
        .ancestors()
        .find_map(|ancestor| {
            let real = ancestor.canonicalize().ok()?;
            let rest = absolute.strip_prefix(ancestor).ok()?;
            Some(real.join(rest))
        })
        .unwrap_or(absolute)
}

#[cfg(test)]
mod tests;
