//! Writes the log: a thread of its own behind a bounded queue.
//!
//! Who records puts into the queue and goes on; whoever wants to know that an entry is on the disk gets a receipt.
//! The thread takes what waits, writes it all, synchronises once, then gives the receipts (group commit) and
//! renews the anchor. When the queue is full an entry is lost and counted, the count becomes an entry, and
//! [`AuditLog::check`] says so. When the disk refuses, the same entries are tried again until it takes them.
//!
//! **Architecture invariants:** recording never blocks; a receipt means that the entry and all before it are
//! synchronised; what is on the disk is always the beginning of what was to be written.

mod commit;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::Instant;

use super::AuditError;
use super::checkpoint::Checkpoint;
use super::entry::{Action, Actor, Entry, Record};
use super::folder::Folder;
use super::keys::KeyFiles;
use super::opening::{self, last_of};
use commit::Writer;

/// For how long [`AuditLog::check`] tells of lost entries.
const LOSS_IS_TOLD: Duration = Duration::from_secs(60);

/// How a log is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Where the segments are.
    pub folder: PathBuf,
    /// Where the keys are.
    pub keys: PathBuf,
    /// The anchor's file; `None` puts it into the folder.
    pub anchor: Option<PathBuf>,
    /// A checkpoint is made after so many entries, at least 1.
    pub checkpoint_entries: u64,
    /// And after so long, if there are entries.
    pub checkpoint_every: Duration,
    /// A new segment is begun when one has so many bytes.
    pub segment_bytes: u64,
    /// Entries that wait for the disk.
    pub queue: usize,
}

impl LogSettings {
    /// A log in a folder, with its keys in `keys` there.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            keys: folder.join("keys"),
            folder,
            anchor: None,
            checkpoint_entries: 1_000,
            checkpoint_every: Duration::from_secs(300),
            segment_bytes: 64 * 1024 * 1024,
            queue: 16 * 1024,
        }
    }

    /// The log's files.
    pub fn files(&self) -> Folder {
        Folder::new(&self.folder).with_anchor(self.anchor.as_deref())
    }
}

/// A log that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: AuditLog,
    /// Whether its keys were made, as there were none.
    pub made_keys: bool,
    /// Lines that the last writer's death cut off.
    pub repaired: usize,
    /// The gateway's last start, if there was one.
    pub last_start: Option<Entry>,
}

/// A log that is being written. Clones write to the same; the last one that is dropped closes it.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: Folder,
    queue: SyncSender<Message>,
    state: Arc<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and those who record both know.
#[derive(Debug, Default)]
struct State {
    /// Entries that found the queue full and are not told yet.
    lost: AtomicU64,
    lost_at: Mutex<Option<Instant>>,
    /// Why the disk does not take entries.
    failure: Mutex<Option<String>>,
    is_closing: AtomicBool,
}

impl State {
    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Reply<T> = oneshot::Sender<Result<T, String>>;

#[derive(Debug)]
enum Message {
    Record(Box<Record>, Option<Reply<u64>>),
    Checkpoint(Reply<Checkpoint>),
    Close,
}

/// Tells when an entry is on the disk.
#[derive(Debug)]
pub struct Receipt(pub(super) oneshot::Receiver<Result<u64, String>>);

impl Receipt {
    /// The entry's number, once it is on the disk.
    pub async fn durable(self) -> Result<u64, AuditError> {
        received(self.0.await)
    }

    /// The same for a thread that may block.
    pub fn wait(self) -> Result<u64, AuditError> {
        received(self.0.blocking_recv())
    }

    /// The same, for so long at most; `None`: it is not known yet.
    pub fn wait_for(&mut self, patience: Duration) -> Option<Result<u64, AuditError>> {
        let until = Instant::now() + patience;
        loop {
            match self.0.try_recv() {
                Ok(answer) => return Some(received(Ok(answer))),
                Err(TryRecvError::Closed) => {
                    return Some(Err(AuditError::Closed("its thread has ended".into())));
                }
                Err(TryRecvError::Empty) if Instant::now() >= until => return None,
                // It takes as long as the disk needs: milliseconds.
                Err(TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

fn received<T>(
    answer: Result<Result<T, String>, oneshot::error::RecvError>,
) -> Result<T, AuditError> {
    answer
        .unwrap_or_else(|_| Err("its thread has ended".into()))
        .map_err(AuditError::Closed)
}

impl AuditLog {
    /// Opens a log for writing, and begins one if there is none. Its keys are made if there are none. Fails when
    /// another process writes it, or when it is not what was written.
    pub fn open(settings: LogSettings) -> Result<Opened, AuditError> {
        let folder = settings.files();
        folder.create()?;
        let lock = folder.lock()?;
        let key_files = KeyFiles::new(&settings.keys);
        let is_new = folder.segments()?.is_empty() && folder.anchor()?.is_none();
        let made_keys = is_new && key_files.are_absent();
        let keys = if made_keys {
            key_files.generate()?
        } else {
            key_files.load()?
        };
        let ready = opening::prepare(&folder, &keys)?;
        let repaired = ready.repairs.len();
        let last_start = last_of(&folder, Action::GatewayStarted)?;
        let state = Arc::new(State::default());
        let (queue, messages) = sync_channel(settings.queue);
        let files = folder.clone();
        let mut writer = Writer::new(settings, folder, keys, ready, Arc::clone(&state), lock);
        writer.begin()?;
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || writer.run(&messages))
            .map_err(|error| AuditError::Closed(error.to_string()))?;
        let log = Self(Arc::new(Shared {
            files,
            queue,
            state,
            thread: Mutex::new(Some(thread)),
        }));
        Ok(Opened {
            log,
            made_keys,
            repaired,
            last_start,
        })
    }

    /// Its files, to be read.
    pub fn files(&self) -> &Folder {
        &self.0.files
    }

    /// Writes an entry soon. Never blocks; false if it is lost, which is counted and told.
    pub fn record(&self, record: Record) -> bool {
        self.put(Message::Record(Box::new(record), None))
    }

    /// Writes an entry, and tells when it is on the disk. Never blocks.
    pub fn record_durably(&self, record: Record) -> Receipt {
        let (reply, receipt) = oneshot::channel();
        if let Err(Message::Record(_, Some(reply))) =
            self.offer(Message::Record(Box::new(record), Some(reply)))
        {
            // Its receiver is held here.
            let _ = reply.send(Err("the queue is full; the entry is lost".into()));
        }
        Receipt(receipt)
    }

    /// Makes a checkpoint, and waits until it is on the disk.
    pub fn checkpoint(&self) -> Result<Checkpoint, AuditError> {
        let (reply, receipt) = oneshot::channel();
        self.0
            .queue
            .send(Message::Checkpoint(reply))
            .map_err(|_| AuditError::Closed("its thread has ended".into()))?;
        received(receipt.blocking_recv())
    }

    /// Whether entries reach the disk and none was lost of late; `Err` says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let state = &self.0.state;
        if let Some(failure) = &*state.failure() {
            return Err(failure.clone());
        }
        match *state.lost_at() {
            Some(at) if at.elapsed() < LOSS_IS_TOLD => {
                Err("audit entries were lost: the disk is too slow".into())
            }
            _ => Ok(()),
        }
    }

    /// Writes what waits, makes a last checkpoint and lets go of the log. What is recorded later is lost.
    pub fn close(&self) {
        self.0.close();
    }

    fn put(&self, message: Message) -> bool {
        self.offer(message).is_ok()
    }

    fn offer(&self, message: Message) -> Result<(), Message> {
        self.0.queue.try_send(message).map_err(|error| {
            let state = &self.0.state;
            state.lost.fetch_add(1, Ordering::AcqRel);
            let mut lost_at = state.lost_at();
            let now = Instant::now();
            // One line for each time that it happens, not one for each entry.
            if lost_at.is_none_or(|at| now > at + LOSS_IS_TOLD) {
                tracing::error!("audit entries are lost: the disk is too slow");
            }
            *lost_at = Some(now);
            match error {
                TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
            }
        })
    }
}

impl Shared {
    fn close(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = thread.take() else {
            return;
        };
        self.state.is_closing.store(true, Ordering::Release);
        // A full queue wakes the thread as well.
        let _ = self.queue.try_send(Message::Close);
        if thread.join().is_err() {
            tracing::error!("the audit log's thread panicked");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// What is written when a writer begins.
fn opened(settings: &LogSettings, hmac: &str, signing: &str) -> Record {
    Record::new(Action::LogOpened)
        .by(Actor::system("audit"))
        .with_name("hushgate_version", env!("CARGO_PKG_VERSION"))
        .with("format", 1_u64)
        .with_name("hmac_key", hmac)
        .with_name("signing_key", signing)
        .with("checkpoint_entries", settings.checkpoint_entries)
        .with("checkpoint_seconds", settings.checkpoint_every.as_secs())
}
