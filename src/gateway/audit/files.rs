//! What the audit log says of a recording's files: what they are called, how long they are, their hashes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::store::audit::{Record, Sha256Digest};
use crate::store::sealed::Content;
use crate::store::vault::{digest_elsewhere, sealed_file_name};

/// The same record with the recording's name and what is known of the files of a recording. They are read for it: what was written is what is
/// vouched for.
pub(super) fn with_files(mut record: Record, place: &Path) -> Record {
    let is_late = record.is_late();
    if let Some(name) = place.file_stem() {
        record = record.with_name(RECORD, name.to_string_lossy());
    }
    for (part, file) in parts(place) {
        let shown = file.file_name().unwrap_or_default().to_string_lossy();
        match sum(&file) {
            Ok((sum, length)) => {
                record = record
                    .with_name(part.name, &shown)
                    .with_name(part.sha256, sum)
                    .with(part.bytes, length);
            }
            // Of what was cut off there is no report.
            Err(error) if is_late && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(file = %shown, %error, "cannot be read for the audit log");
            }
        }
    }
    record
}

/// The detail that has the recording's name, which is not the call's id where that was taken.
pub(super) const RECORD: &str = "record";
/// The detail that has the hash of the audio.
pub(super) const RECORDING_SHA256: &str = "recording_sha256";

/// What an entry calls a file of a recording, its hash and its length.
struct Part {
    name: &'static str,
    sha256: &'static str,
    bytes: &'static str,
}

const RECORDING: Part = Part {
    name: "recording",
    sha256: RECORDING_SHA256,
    bytes: "recording_bytes",
};
const REPORT: Part = Part {
    name: "report",
    sha256: "report_sha256",
    bytes: "report_bytes",
};
const TRANSCRIPT: Part = Part {
    name: "transcript",
    sha256: "transcript_sha256",
    bytes: "transcript_bytes",
};

/// The files of a recording: those of a call's folder in the store, whose sealed files stay as they are when keys are
/// rotated; or a WAV file and the report beside it.
fn parts(place: &Path) -> Vec<(Part, PathBuf)> {
    if place.is_dir() {
        let file = |content| place.join(sealed_file_name(content));
        vec![
            (RECORDING, file(Content::Audio)),
            (REPORT, file(Content::Report)),
            (TRANSCRIPT, file(Content::Transcript)),
        ]
    } else {
        let report = place.with_extension("json");
        vec![(RECORDING, place.to_owned()), (REPORT, report)]
    }
}

/// A file's hash and length.
fn sum(file: &Path) -> std::io::Result<(Sha256Digest, u64)> {
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(file)?);
    let mut sum = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    let mut length = 0;
    loop {
        let read = reader.read(&mut block)?;
        if read == 0 {
            let found = (Sha256Digest(sum.finalize().into()), length);
            // Its bytes may have been moved to the object store meanwhile; then what is left says what they were.
            return Ok(digest_elsewhere(file).unwrap_or(found));
        }
        sum.update(&block[..read]);
        length += read as u64;
    }
}
