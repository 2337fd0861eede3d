//! The writer's thread: batches, one write and one synchronisation each.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{LogSettings, Message, Reply, State, opened};
use crate::store::audit::AuditError;
use crate::store::audit::chain::Head;
use crate::store::audit::checkpoint::Checkpoint;
use crate::store::audit::entry::{Action, Actor, Record};
use crate::store::audit::folder::{Folder, Segment};
use crate::store::audit::keys::AuditKeys;
use crate::store::audit::opening::Ready;

/// Entries written at once.
const MOST_AT_ONCE: usize = 1_024;
/// Between tries while the disk refuses.
const RETRY: Duration = Duration::from_millis(250);

/// Owns the files.
pub(super) struct Writer {
    settings: LogSettings,
    folder: Folder,
    keys: AuditKeys,
    head: Head,
    segment: Segment,
    file: File,
    /// Bytes of the segment that are synchronised.
    length: u64,
    /// Whether there may be more in it, of a write that failed.
    is_unclear: bool,
    /// Entries since the last checkpoint.
    unsigned: u64,
    signed_at: Instant,
    repairs: Vec<Record>,
    told: Vec<PathBuf>,
    state: Arc<State>,
    /// Keeps other processes away.
    _lock: File,
}

/// Lines on their way to the disk, and who waits for them.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    receipts: Vec<(Reply<u64>, u64)>,
    checkpoints: Vec<Reply<Checkpoint>>,
    checkpoint: Option<Checkpoint>,
    closes: bool,
}

impl Writer {
    pub(super) fn new(
        settings: LogSettings,
        folder: Folder,
        keys: AuditKeys,
        ready: Ready,
        state: Arc<State>,
        lock: File,
    ) -> Self {
        Self {
            settings,
            folder,
            keys,
            head: ready.head,
            segment: ready.segment,
            file: ready.file,
            length: ready.length,
            is_unclear: false,
            unsigned: ready.unsigned,
            signed_at: Instant::now(),
            repairs: ready.repairs,
            told: ready.told,
            state,
            _lock: lock,
        }
    }

    /// Writes that the log was opened, and what was repaired. Fails when the disk refuses.
    pub(super) fn begin(&mut self) -> Result<(), AuditError> {
        let mut batch = Batch::default();
        let record = opened(
            &self.settings,
            &self.keys.hmac.id(),
            &self.keys.signing.public().id(),
        );
        self.append(&mut batch, record);
        for record in std::mem::take(&mut self.repairs) {
            self.append(&mut batch, record);
        }
        self.write(&batch.bytes)?;
        self.anchor()?;
        for file in self.told.drain(..) {
            // If it keeps its name, the next start tells of it again.
            let _ = std::fs::rename(&file, file.with_extension("cut"));
        }
        Ok(())
    }

    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let mut batch = Batch::default();
            match self.next(messages) {
                Some(message) => self.take(&mut batch, message),
                None if self.is_closing() => batch.closes = true,
                None => {}
            }
            for _ in 1..MOST_AT_ONCE {
                match messages.try_recv() {
                    Ok(message) => self.take(&mut batch, message),
                    Err(_) => break,
                }
            }
            while batch.closes
                && let Ok(message) = messages.try_recv()
            {
                // What waits is written before the end.
                self.take(&mut batch, message);
            }
            self.complete(&mut batch);
            if !batch.bytes.is_empty() && !self.commit(&batch.bytes) {
                refuse(batch);
                return;
            }
            if batch.bytes.is_empty() && self.state.failure().is_some() {
                self.renew_anchor();
            }
            let closes = batch.closes;
            acknowledge(batch);
            self.rotate();
            if closes {
                return;
            }
        }
    }

    /// The next message; `None` when it is time to look around.
    fn next(&self, messages: &Receiver<Message>) -> Option<Message> {
        if self.is_closing() {
            return messages.try_recv().ok();
        }
        let due = self
            .settings
            .checkpoint_every
            .saturating_sub(self.signed_at.elapsed());
        let wait = if self.unsigned > 0 {
            due
        } else {
            Duration::MAX
        };
        // Losses are told soon, also when nothing more comes; nor may the end be missed.
        match messages.recv_timeout(wait.min(Duration::from_secs(1))) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Message::Close),
        }
    }

    fn is_closing(&self) -> bool {
        self.state.is_closing.load(Ordering::Acquire)
    }

    fn take(&mut self, batch: &mut Batch, message: Message) {
        match message {
            Message::Record(record, reply) => {
                self.tell_losses(batch);
                self.append(batch, *record);
                batch
                    .receipts
                    .extend(reply.map(|reply| (reply, self.head.sequence)));
            }
            Message::Checkpoint(reply) => batch.checkpoints.push(reply),
            Message::Close => batch.closes = true,
        }
    }

    fn tell_losses(&mut self, batch: &mut Batch) {
        let lost = self.state.lost.swap(0, Ordering::AcqRel);
        if lost > 0 {
            let record = Record::new(Action::EntriesLost)
                .by(Actor::system("audit"))
                .with("count", lost);
            self.append(batch, record);
        }
    }

    fn append(&mut self, batch: &mut Batch, record: Record) {
        let line = self.head.append(record, Timestamp::now(), &self.keys.hmac);
        batch.bytes.extend(line.canonical());
        batch.bytes.push(b'\n');
        self.unsigned += 1;
    }

    /// Adds what is due at the end of a batch.
    fn complete(&mut self, batch: &mut Batch) {
        self.tell_losses(batch);
        let is_due = self.unsigned >= self.settings.checkpoint_entries
            || self.signed_at.elapsed() >= self.settings.checkpoint_every
            || batch.closes;
        if !batch.checkpoints.is_empty() || (is_due && self.unsigned > 0) {
            let checkpoint = Checkpoint::sign(&self.head, Timestamp::now(), &self.keys.signing);
            self.append(batch, checkpoint.record());
            self.unsigned = 0;
            self.signed_at = Instant::now();
            batch.checkpoint = Some(checkpoint);
        }
    }

    /// Writes until the disk takes it; false if the log is closed before.
    fn commit(&mut self, bytes: &[u8]) -> bool {
        loop {
            match self.write(bytes) {
                Ok(()) => {
                    self.renew_anchor();
                    return true;
                }
                Err(error) => self.fail(&error),
            }
            if self.is_closing() {
                return false;
            }
            std::thread::sleep(RETRY);
        }
    }

    /// What is on the disk is not written twice because its anchor is not: that is tried again later.
    fn renew_anchor(&self) {
        match self.anchor() {
            Ok(()) => {
                if self.state.failure().take().is_some() {
                    tracing::info!("the audit log is written again");
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&self, error: &AuditError) {
        let mut failure = self.state.failure();
        if failure.is_none() {
            tracing::error!(%error, "the audit log cannot be written");
        }
        *failure = Some(error.to_string());
    }

    /// Writes and synchronises. When that fails, nothing of it is left: after a failed synchronisation it is not
    /// known what is on the disk, so all of it is written again.
    fn write(&mut self, bytes: &[u8]) -> Result<(), AuditError> {
        let mut write = || {
            if self.is_unclear {
                self.file.set_len(self.length)?;
            }
            self.is_unclear = true;
            self.file.write_all(bytes)?;
            self.file.sync_data()
        };
        write().map_err(AuditError::file("write", &self.segment.file))?;
        self.is_unclear = false;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Signs how far the log goes now.
    fn anchor(&self) -> Result<(), AuditError> {
        let anchor = Checkpoint::sign(&self.head, Timestamp::now(), &self.keys.signing);
        self.folder.write_anchor(&anchor)
    }

    /// Begins a new segment when this one is long.
    fn rotate(&mut self) {
        if self.length < self.settings.segment_bytes {
            return;
        }
        match self.folder.begin_segment(self.head.sequence + 1) {
            Ok((segment, file)) => {
                self.segment = segment;
                self.file = file;
                self.length = 0;
            }
            // The old one is gone on with; the next batch tries again.
            Err(error) => tracing::warn!(%error, "no new segment of the audit log"),
        }
    }
}

fn acknowledge(batch: Batch) {
    // Who waits may have gone.
    for (reply, sequence) in batch.receipts {
        let _ = reply.send(Ok(sequence));
    }
    if let Some(checkpoint) = batch.checkpoint {
        for reply in batch.checkpoints {
            let _ = reply.send(Ok(checkpoint.clone()));
        }
    }
}

fn refuse(batch: Batch) {
    let why = || "it was closed while the disk refused".to_owned();
    for (reply, _) in batch.receipts {
        let _ = reply.send(Err(why()));
    }
    for reply in batch.checkpoints {
        let _ = reply.send(Err(why()));
    }
}
