//! What is in a copy, signed; and checking that all of it is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{BackupError, failed, not_whole};
use crate::store::audit::{PublicKey, Sha256Digest, SigningKey};

/// The first line of what is signed.
const TITLE: &str = "hushgate backup 1\n";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const LIST: &str = "files.list";

/// What a copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form: 1.
    pub schema: u32,
    /// The version of the program that made it.
    pub hushgate_version: String,
    /// When it was begun.
    pub made: Timestamp,
    /// How many files there are.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Calls that were under way: what there was of them is in it.
    pub under_way: u64,
    /// SHA-256 of `files.list`.
    pub list_sha256: Sha256Digest,
    /// What has to be kept by other means.
    pub not_included: Vec<String>,
}

/// As it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Signed {
    manifest: Manifest,
    /// Which key signed; `None`: none did, as no audit log is kept.
    key: Option<String>,
    /// Ed25519 over [`TITLE`] and the text of `manifest` as JSON without spaces, in base 64.
    signature: Option<String>,
}

/// A file of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) sha256: Sha256Digest,
    pub(super) bytes: u64,
}

/// A copy that is what was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it is.
    pub manifest: Manifest,
    /// The key that signed it; `None`: it is not signed, so that anybody may have changed it.
    pub signed_by: Option<String>,
}

fn signed_text(manifest: &Manifest, file: &Path) -> Result<Vec<u8>, BackupError> {
    let mut text = TITLE.as_bytes().to_vec();
    serde_json::to_writer(&mut text, manifest)
        .map_err(|error| failed("write", file)(error.into()))?;
    Ok(text)
}

impl Manifest {
    /// The manifest's file, signed if there is a key.
    pub(super) fn to_file(
        &self,
        key: Option<&SigningKey>,
        file: &Path,
    ) -> Result<Vec<u8>, BackupError> {
        let text = signed_text(self, file)?;
        let signed = Signed {
            manifest: self.clone(),
            key: key.map(|key| key.public().id()),
            signature: key.map(|key| STANDARD.encode(key.sign(&text))),
        };
        let mut text = serde_json::to_vec_pretty(&signed)
            .map_err(|error| failed("write", file)(error.into()))?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Reads the manifest of a copy and checks who signed it. With a key given it must be signed by that.
pub(super) fn read(folder: &Path, key: Option<&PublicKey>) -> Result<Checked, BackupError> {
    let file = folder.join(MANIFEST);
    let text = match std::fs::read(&file) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(not_whole(
                folder,
                "is no backup of hushgate, or one that was not finished: it has no manifest.json",
            ));
        }
        text => text.map_err(failed("read", &file))?,
    };
    let signed: Signed = serde_json::from_slice(&text)
        .map_err(|error| not_whole(&file, format!("is not readable: {error}")))?;
    if signed.manifest.schema != 1 {
        return Err(not_whole(
            &file,
            "is of a form that this program does not know",
        ));
    }
    let text = signed_text(&signed.manifest, &file)?;
    let is_by = |key: &PublicKey| {
        signed.key.as_deref() == Some(key.id().as_str())
            && signed
                .signature
                .as_deref()
                .and_then(|signature| STANDARD.decode(signature).ok())
                .is_some_and(|signature| key.verifies(&text, &signature))
    };
    let signed_by = match key {
        Some(key) if is_by(key) => Some(key.id()),
        Some(key) => {
            return Err(not_whole(
                &file,
                format!(
                    "is not signed with the key {}: it was altered, or made elsewhere",
                    key.id()
                ),
            ));
        }
        None => None,
    };
    Ok(Checked {
        manifest: signed.manifest,
        signed_by,
    })
}

/// The files of a copy, by path.
pub(super) fn list(
    folder: &Path,
    manifest: &Manifest,
) -> Result<BTreeMap<String, Listed>, BackupError> {
    let file = folder.join(LIST);
    let (sha256, _) = sum(&file)?;
    if sha256 != manifest.list_sha256 {
        return Err(not_whole(
            &file,
            "is not what the manifest was made of: it was altered",
        ));
    }
    let mut files = BTreeMap::new();
    let lines = BufReader::new(File::open(&file).map_err(failed("read", &file))?).lines();
    for line in lines {
        let line = line.map_err(failed("read", &file))?;
        let listed = read_line(&line).ok_or_else(|| not_whole(&file, "has a line that is none"))?;
        files.insert(listed.0, listed.1);
    }
    Ok(files)
}

fn read_line(line: &str) -> Option<(String, Listed)> {
    let mut parts = line.splitn(3, ' ');
    let sha256 = serde_json::from_value(parts.next()?.into()).ok()?;
    let bytes = parts.next()?.parse().ok()?;
    let path = parts.next()?;
    // A path leads into the copy and nowhere else.
    let is_plain = path
        .split('/')
        .all(|part| !part.is_empty() && part != "." && part != "..");
    is_plain.then(|| (path.to_owned(), Listed { sha256, bytes }))
}

pub(super) fn line(path: &str, listed: &Listed) -> String {
    format!("{} {} {path}\n", listed.sha256, listed.bytes)
}

/// Checks that a copy is what was made: its signature if a key is given, every file, and that there is no other.
/// `progress` is told how many files were read, and of how many.
pub fn verify(
    folder: &Path,
    key: Option<&PublicKey>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Checked, BackupError> {
    let checked = read(folder, key)?;
    let files = list(folder, &checked.manifest)?;
    let total = files.len() as u64;
    if total != checked.manifest.files {
        return Err(not_whole(
            &folder.join(LIST),
            "has not as many files as the manifest says",
        ));
    }
    for (done, (path, listed)) in files.iter().enumerate() {
        check(&folder.join(path), listed)?;
        progress(done as u64 + 1, total);
    }
    for path in super::make::paths(folder)? {
        if !files.contains_key(&path) && path != MANIFEST && path != LIST {
            return Err(not_whole(
                &folder.join(path),
                "was not in the backup when it was made",
            ));
        }
    }
    Ok(checked)
}

/// Whether a file is what was listed.
pub(super) fn check(file: &Path, listed: &Listed) -> Result<(), BackupError> {
    if !file.exists() {
        return Err(not_whole(file, "is missing in the backup"));
    }
    let (sha256, bytes) = sum(file)?;
    if (sha256, bytes) != (listed.sha256, listed.bytes) {
        return Err(not_whole(
            file,
            "is not what was backed up: it was altered or cut off",
        ));
    }
    Ok(())
}

/// A file's hash and length.
pub(super) fn sum(file: &Path) -> Result<(Sha256Digest, u64), BackupError> {
    let mut open = File::open(file).map_err(failed("read", file))?;
    let mut sum = Sha256::new();
    let mut block = vec![0; 128 * 1024];
    let mut bytes = 0;
    loop {
        let read = open.read(&mut block).map_err(failed("read", file))?;
        if read == 0 {
            return Ok((Sha256Digest(sum.finalize().into()), bytes));
        }
        sum.update(&block[..read]);
        bytes += read as u64;
    }
}
