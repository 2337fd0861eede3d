//! Makes a copy of a store while the gateway records into it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::manifest::{LIST, Listed, MANIFEST, Manifest, line, sum};
use super::{AUDIT, BackupError, DATABASE, STORE, failed};
use crate::store::audit::{ANCHOR_FILE, Folder, KeyFiles, Sha256Digest, SigningKey};
use crate::store::database::DatabaseError;
use crate::store::vault::{RecordName, Vault};

/// What is copied.
#[derive(Debug)]
pub struct Source<'a> {
    /// The store.
    pub vault: &'a Vault,
    /// The audit log and its keys' files, if one is kept.
    pub audit: Option<(Folder, KeyFiles)>,
}

/// Copies a store and its audit log into a folder that must not exist. `progress` is told how many calls are done, and of
/// how many.
pub async fn make(
    source: &Source<'_>,
    out: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Manifest, BackupError> {
    source.vault.check_format()?;
    if out.exists() {
        return Err(BackupError::Exists {
            path: out.to_owned(),
        });
    }
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = out.with_file_name(name);
    if partial.exists() {
        return Err(BackupError::Exists { path: partial });
    }
    let made = Timestamp::now();
    let mut copy = Copy {
        out: partial.clone(),
        files: BTreeMap::new(),
    };
    let outcome = copy.all(source, &mut progress).await;
    let under_way = match outcome {
        Ok(under_way) => under_way,
        Err(error) => {
            // What is left of it is nothing's copy.
            let _ = std::fs::remove_dir_all(&partial);
            return Err(error);
        }
    };
    let manifest = copy.finish(source, made, under_way)?;
    std::fs::rename(&partial, out).map_err(failed("write", out))?;
    let above = out.parent().filter(|above| !above.as_os_str().is_empty());
    sync_folder(above.unwrap_or(Path::new(".")))?;
    Ok(manifest)
}

struct Copy {
    out: PathBuf,
    files: BTreeMap<String, Listed>,
}

impl Copy {
    /// How many calls were under way.
    async fn all(
        &mut self,
        source: &Source<'_>,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<u64, BackupError> {
        folders(&self.out)?;
        let under_way = self.calls(source.vault, progress)?;
        self.others(source.vault.path())?;
        self.database(&source.vault.path().join(DATABASE)).await?;
        // Last: it knows of every call that was copied, or the call has a mark that it may not.
        if let Some((log, keys)) = &source.audit {
            self.audit(log, keys)?;
        }
        Ok(under_way)
    }

    /// The anchor first: the log that is copied then goes at least as far. Its last line may be under way; what is
    /// copied ends with the last whole one.
    fn audit(&mut self, log: &Folder, keys: &KeyFiles) -> Result<(), BackupError> {
        if log.anchor_file().exists() {
            self.file(log.anchor_file(), &format!("{AUDIT}/{ANCHOR_FILE}"), None)?;
        }
        for name in names(log.path())? {
            let file = log.path().join(&name);
            let place = format!("{AUDIT}/{name}");
            if name.starts_with("audit-") && name.ends_with(".jsonl") {
                let whole = whole_lines(&file)?;
                self.file(&file, &place, Some(whole))?;
            } else if name.starts_with("torn-") {
                self.file(&file, &place, None)?;
            }
        }
        if keys.public().exists() {
            self.file(&keys.public(), &format!("{AUDIT}/audit-public.pem"), None)?;
        }
        Ok(())
    }

    fn calls(
        &mut self,
        vault: &Vault,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<u64, BackupError> {
        let names = names(&vault.path().join("calls"))?;
        let total = names.len() as u64;
        let mut under_way = 0;
        for (done, name) in names.iter().enumerate() {
            if RecordName::new(name).is_ok() {
                under_way += u64::from(self.call(vault, name)?);
            }
            progress(done as u64 + 1, total);
        }
        Ok(under_way)
    }

    /// One call, while nobody changes or removes it, nor its wrapped keys. Whether it is under way.
    fn call(&mut self, vault: &Vault, name: &str) -> Result<bool, BackupError> {
        let _unchanged = vault.keep_unchanged()?;
        // The mark first: a call that is closed meanwhile is found closed by the next start.
        let mark = format!("open/{name}");
        let is_open = self.optional(vault.path(), &mark)?;
        for tree in ["keys", "calls"] {
            let folder = format!("{tree}/{name}");
            for part in names_if_there(&vault.path().join(&folder))? {
                // What is being written is not there yet. What a revision left is: it is gone on with.
                if !part.ends_with(".new") || is_open {
                    self.optional(vault.path(), &format!("{folder}/{part}"))?;
                }
            }
        }
        for left in [
            format!("quarantine/{name}.json"),
            format!("revising/{name}"),
            format!("revising/{name}.committed"),
            format!("untold/{name}"),
        ] {
            self.optional(vault.path(), &left)?;
        }
        Ok(is_open)
    }

    /// Whatever else there is: holds, requests for erasure, the key of telephone numbers.
    fn others(&mut self, store: &Path) -> Result<(), BackupError> {
        for path in paths(store)? {
            if !is_of_a_call(&path) && !is_passing(&path) {
                self.optional(store, &path)?;
            }
        }
        Ok(())
    }

    /// As SQLite copies it: of one moment, whatever is written meanwhile.
    async fn database(&mut self, file: &Path) -> Result<(), BackupError> {
        if !file.exists() {
            return Ok(());
        }
        let place = format!("{STORE}/{DATABASE}");
        let copy = self.out.join(&place);
        let told = |problem: sqlx::Error| {
            BackupError::Database(DatabaseError::Connect {
                place: file.display().to_string(),
                problem: problem.into(),
            })
        };
        let mut connection = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .busy_timeout(std::time::Duration::from_secs(30))
            .connect()
            .await
            .map_err(told)?;
        // A file for its owner only, which SQLite fills: it takes an empty one.
        new_file(&copy)?;
        sqlx::query("VACUUM INTO $1")
            .bind(copy.to_string_lossy().into_owned())
            .execute(&mut connection)
            .await
            .map_err(told)?;
        File::open(&copy)
            .and_then(|open| open.sync_all())
            .map_err(failed("synchronise", &copy))?;
        let (sha256, bytes) = sum(&copy)?;
        self.files.insert(place, Listed { sha256, bytes });
        Ok(())
    }

    /// A file of the store that may be gone meanwhile; whether it was there.
    fn optional(&mut self, store: &Path, path: &str) -> Result<bool, BackupError> {
        match self.file(&store.join(path), &format!("{STORE}/{path}"), None) {
            Ok(()) => Ok(true),
            Err(BackupError::File { cause, .. })
                if cause.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Copies one file, at most so many bytes of it.
    fn file(&mut self, from: &Path, place: &str, most: Option<u64>) -> Result<(), BackupError> {
        let mut source = File::open(from)
            .map_err(failed("read", from))?
            .take(most.unwrap_or(u64::MAX));
        let to = self.out.join(place);
        if let Some(folder) = to.parent() {
            folders(folder)?;
        }
        let mut target = new_file(&to)?;
        let mut sum = Sha256::new();
        let mut bytes = 0;
        let mut block = vec![0; 128 * 1024];
        loop {
            let read = source.read(&mut block).map_err(failed("read", from))?;
            if read == 0 {
                break;
            }
            sum.update(&block[..read]);
            target
                .write_all(&block[..read])
                .map_err(failed("write", &to))?;
            bytes += read as u64;
        }
        let sha256 = Sha256Digest(sum.finalize().into());
        self.files
            .insert(place.to_owned(), Listed { sha256, bytes });
        Ok(())
    }

    /// Lists what was copied, waits until all of it is on the disk, and says so last.
    fn finish(
        &self,
        source: &Source<'_>,
        made: Timestamp,
        under_way: u64,
    ) -> Result<Manifest, BackupError> {
        let list: String = self
            .files
            .iter()
            .map(|(path, listed)| line(path, listed))
            .collect();
        write(&self.out.join(LIST), list.as_bytes())?;
        // One wait for the whole disk: there may be a million files.
        let folder = File::open(&self.out).map_err(failed("read", &self.out))?;
        nix::unistd::syncfs(&folder)
            .map_err(|error| failed("synchronise", &self.out)(error.into()))?;
        let manifest = Manifest {
            schema: 1,
            hushgate_version: env!("CARGO_PKG_VERSION").to_owned(),
            made,
            files: self.files.len() as u64,
            bytes: self.files.values().map(|listed| listed.bytes).sum(),
            under_way,
            list_sha256: Sha256Digest::of(&[list.as_bytes()]),
            not_included: [
                "the keys that wrap data keys (key_file, key_env or the key service)",
                "the audit log's HMAC and signing keys",
                "the configuration, the policy and the models",
                "a PostgreSQL database: use its own pg_dump",
                "what is in an object store ([store.archive]): use its own versions or copies",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        let file = self.out.join(MANIFEST);
        let key = signing_key(source)?;
        write(&file, &manifest.to_file(key.as_ref(), &file)?)?;
        sync_folder(&self.out)?;
        Ok(manifest)
    }
}

fn signing_key(source: &Source<'_>) -> Result<Option<SigningKey>, BackupError> {
    Ok(match &source.audit {
        Some((_, keys)) if keys.signing().exists() => Some(keys.load_signing()?),
        _ => None,
    })
}

/// What is copied call by call; of one that began after its turn nothing is in the copy.
fn is_of_a_call(path: &str) -> bool {
    match path.split('/').next() {
        Some("calls" | "open" | "untold" | "quarantine" | "revising" | "removing") => true,
        Some("keys") => path.matches('/').count() > 1,
        _ => false,
    }
}

/// Locks, what is being written, what is asked of a running gateway; and the database, which is copied otherwise.
fn is_passing(path: &str) -> bool {
    [".lock", ".new"].iter().any(|end| path.ends_with(end))
        || [
            DATABASE,
            ".probe-",
            "requests/",
            "answers/",
            "fetched/",
            "changed/",
        ]
        .iter()
        .any(|begin| path.starts_with(begin))
}

/// Bytes up to the last line's end.
fn whole_lines(file: &Path) -> Result<u64, BackupError> {
    let text = std::fs::read(file).map_err(failed("read", file))?;
    Ok(text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at as u64 + 1))
}

/// Every file of a folder and those below it, with `/` between, in order.
pub(super) fn paths(folder: &Path) -> Result<Vec<String>, BackupError> {
    fn walk(folder: &Path, above: &str, found: &mut Vec<String>) -> Result<(), BackupError> {
        for name in names(folder)? {
            let path = if above.is_empty() {
                name.clone()
            } else {
                format!("{above}/{name}")
            };
            let place = folder.join(&name);
            if place.is_dir() {
                walk(&place, &path, found)?;
            } else {
                found.push(path);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn names_if_there(folder: &Path) -> Result<Vec<String>, BackupError> {
    match folder.is_dir() {
        true => names(folder),
        false => Ok(Vec::new()),
    }
}

fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

pub(super) fn folders(folder: &Path) -> Result<(), BackupError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed("create", folder))
}

pub(super) fn new_file(file: &Path) -> Result<File, BackupError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed("create", file))
}

pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let mut open = new_file(file)?;
    open.write_all(bytes)
        .and_then(|()| open.sync_all())
        .map_err(failed("write", file))
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(failed("synchronise", folder))
}
