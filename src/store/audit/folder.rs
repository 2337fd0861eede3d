//! The files of a log: segments in order, the anchor, the lock, what was cut off.
//!
//! | file | what |
//! | --- | --- |
//! | `audit-NUMBER.jsonl` | a segment; NUMBER is its first entry's |
//! | `anchor.json` | how far the log goes, signed; may be configured to lie elsewhere |
//! | `audit.lock` | held by the process that writes |
//! | `torn-NUMBER-OFFSET.part` | a line that its writer's death cut off, until an entry tells of it |
//! | `torn-NUMBER-OFFSET.cut` | the same, told |

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::AuditError;
use super::checkpoint::Checkpoint;

/// The name of the anchor in a log's folder.
pub const ANCHOR_FILE: &str = "anchor.json";
/// No anchor is longer.
const LONGEST_ANCHOR: u64 = 16 * 1024;

/// A log's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    anchor: PathBuf,
}

/// A file of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// The number of its first entry, from its name.
    pub first: u64,
    /// The file.
    pub file: PathBuf,
    /// Its length when it was listed.
    pub bytes: u64,
}

impl Segment {
    /// The file's name.
    pub fn name(&self) -> String {
        self.file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }
}

impl Folder {
    /// A log's folder, with the anchor in it.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            anchor: path.join(ANCHOR_FILE),
        }
    }

    /// The same with the anchor elsewhere.
    #[must_use]
    pub fn with_anchor(mut self, anchor: Option<&Path>) -> Self {
        if let Some(anchor) = anchor {
            self.anchor = anchor.to_owned();
        }
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the anchor is.
    pub fn anchor_file(&self) -> &Path {
        &self.anchor
    }

    /// Makes the folder if it does not exist.
    pub(super) fn create(&self) -> Result<(), AuditError> {
        for folder in [Some(self.path.as_path()), self.anchor.parent()]
            .into_iter()
            .flatten()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(AuditError::file("create", folder))?;
        }
        Ok(())
    }

    /// Takes the log for this process, for as long as the file is open.
    pub(super) fn lock(&self) -> Result<File, AuditError> {
        let file = self.path.join("audit.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .map_err(AuditError::file("open", &file))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(std::fs::TryLockError::WouldBlock) => Err(AuditError::Locked {
                folder: self.path.clone(),
            }),
            Err(std::fs::TryLockError::Error(cause)) => Err(AuditError::file("lock", &file)(cause)),
        }
    }

    /// Whether a process writes the log at present.
    pub fn is_being_written(&self) -> bool {
        let lock = File::open(self.path.join("audit.lock"));
        lock.is_ok_and(|lock| {
            matches!(
                lock.try_lock_shared(),
                Err(std::fs::TryLockError::WouldBlock)
            )
        })
    }

    /// The segments in order of their names.
    pub fn segments(&self) -> Result<Vec<Segment>, AuditError> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(AuditError::file("read", &self.path)(error)),
        };
        let mut segments = Vec::new();
        for entry in entries {
            let entry = entry.map_err(AuditError::file("read", &self.path))?;
            let name = entry.file_name();
            let Some(first) = name
                .to_str()
                .and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl"))
                .and_then(|number| number.parse().ok())
            else {
                continue;
            };
            let file = entry.path();
            let bytes = entry
                .metadata()
                .map_err(AuditError::file("read", &file))?
                .len();
            segments.push(Segment { first, file, bytes });
        }
        segments.sort();
        Ok(segments)
    }

    /// Begins a segment.
    pub(super) fn begin_segment(&self, first: u64) -> Result<(Segment, File), AuditError> {
        let file = self.path.join(format!("audit-{first:012}.jsonl"));
        let opened = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .map_err(AuditError::file("create", &file))?;
        self.sync()?;
        Ok((
            Segment {
                first,
                file,
                bytes: 0,
            },
            opened,
        ))
    }

    /// Makes names of new files last.
    pub(super) fn sync(&self) -> Result<(), AuditError> {
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(AuditError::file("write", &self.path))
    }

    /// How far the log goes, as was last signed; `None` if there is no anchor.
    pub fn anchor(&self) -> Result<Option<Checkpoint>, AuditError> {
        let damaged = |problem: String| AuditError::Damaged {
            folder: self.path.clone(),
            problem: format!("{} {problem}", self.anchor.display()),
        };
        match std::fs::metadata(&self.anchor) {
            Ok(metadata) if metadata.len() > LONGEST_ANCHOR => {
                return Err(damaged("is not a checkpoint".into()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AuditError::file("read", &self.anchor)(error)),
        }
        let text = std::fs::read(&self.anchor).map_err(AuditError::file("read", &self.anchor))?;
        let text = String::from_utf8(text).map_err(|_| damaged("is not text".into()))?;
        Checkpoint::parse(&text).map(Some).map_err(damaged)
    }

    /// Replaces the anchor, all at once.
    pub(super) fn write_anchor(&self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        let new = self.anchor.with_extension("json.new");
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(checkpoint.to_json().as_bytes())?;
            file.sync_data()?;
            std::fs::rename(&new, &self.anchor)
        };
        write().map_err(AuditError::file("write", &self.anchor))
    }

    /// Where a line that was cut off is kept until it is told.
    pub(super) fn torn_file(&self, segment: &Segment, offset: u64) -> PathBuf {
        self.path
            .join(format!("torn-{:012}-{offset}.part", segment.first))
    }

    /// What was cut off and not told.
    pub(super) fn untold(&self) -> Result<Vec<PathBuf>, AuditError> {
        let entries =
            std::fs::read_dir(&self.path).map_err(AuditError::file("read", &self.path))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("torn-") && name.ends_with(".part")
            })
            .collect();
        files.sort();
        Ok(files)
    }
}
