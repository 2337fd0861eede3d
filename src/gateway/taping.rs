//! Takes a call's clean audio and events to its recorder, on a thread of the call's own.
//!
//! Files block, and a disk may hang: the call's task only ever puts into a bounded queue. When the queue
//! is full the disk is too slow, and recording of this call ends there; what was recorded stays readable.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::Span;

use crate::egress::{CallFacts, EngineWork, Recorder};
use crate::session::CleanAudio;
use crate::telemetry::Event;

/// Blocks and events that wait for the disk; a block is at least a packet of 20 ms.
const QUEUE: usize = 1_024;

/// Where one call is recorded. Methods may block.
pub trait Tape: Send {
    /// Appends audio.
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()>;
    /// Takes note of an event.
    fn event(&mut self, event: &Event);
    /// Completes the recording; `abnormal_end` says why the call did not end by itself. Returns the
    /// recording's file.
    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf>;
}

/// Begins recordings. Methods may block.
pub trait TapeFactory: Send + Sync {
    /// Begins a call's recording.
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>>;
    /// Whether recordings can be begun, or why not.
    fn check(&self) -> anyhow::Result<()>;
    /// Called once before the first recording, by the process that records: finds what the one before left.
    fn begin(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Records into a folder: `CALL.wav` and `CALL.json`.
#[derive(Debug, Clone)]
pub(super) struct Folder(pub(super) PathBuf);

impl TapeFactory for Folder {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        Ok(Box::new(Recorder::create(&self.0, facts)?))
    }

    fn check(&self) -> anyhow::Result<()> {
        let folder = self.0.display();
        std::fs::create_dir_all(&self.0)
            .with_context(|| format!("the recordings folder {folder} cannot be created"))?;
        let probe = self.0.join(format!(".hushgate-{}", std::process::id()));
        std::fs::write(&probe, b"hushgate")
            .with_context(|| format!("the recordings folder {folder} cannot be written"))?;
        std::fs::remove_file(&probe)
            .with_context(|| format!("the recordings folder {folder} cannot be written"))
    }
}

impl Tape for Recorder {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        Ok(Recorder::write(self, audio)?)
    }

    fn event(&mut self, event: &Event) {
        Recorder::event(self, event);
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let (recording, _report) = Recorder::finish(*self, work, abnormal_end)?;
        Ok(recording.wav)
    }
}

enum Entry {
    Audio(CleanAudio),
    Event(Event),
    End {
        work: EngineWork,
        abnormal_end: Option<String>,
    },
}

/// The call's end of its recorder.
pub(super) struct Taping {
    queue: SyncSender<Entry>,
    failure: Arc<OnceLock<String>>,
    done: oneshot::Receiver<anyhow::Result<PathBuf>>,
}

impl Taping {
    /// Starts the recorder's thread. `permit` is the call's slot, which the thread keeps until the disk
    /// has let go of it, so that hanging disks cannot pile up threads.
    pub(super) fn start(
        tapes: Arc<dyn TapeFactory>,
        facts: CallFacts,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> std::io::Result<Self> {
        let (queue, entries) = sync_channel(QUEUE);
        let (told, done) = oneshot::channel();
        let failure = Arc::new(OnceLock::new());
        let seen = Arc::clone(&failure);
        let span = Span::current();
        std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || {
                let _entered = span.enter();
                // The call may be gone; what is recorded is complete all the same.
                let _ = told.send(record(&*tapes, facts, &entries, &seen));
                drop(permit);
            })?;
        Ok(Self {
            queue,
            failure,
            done,
        })
    }

    /// Hands over audio; does nothing once recording has failed.
    pub(super) fn audio(&self, audio: CleanAudio) {
        self.put(Entry::Audio(audio));
    }

    /// Hands over an event; does nothing once recording has failed.
    pub(super) fn event(&self, event: Event) {
        self.put(Entry::Event(event));
    }

    /// Why nothing more is recorded, if so.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Completes the recording and tells what became of it.
    pub(super) async fn finish(
        self,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        self.put(Entry::End { work, abnormal_end });
        drop(self.queue);
        self.done
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the recorder's thread panicked")))
    }

    fn put(&self, entry: Entry) {
        if self.failure.get().is_some() {
            return;
        }
        match self.queue.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                // Only the first reason is kept.
                let _ = self.failure.set("the disk is too slow".into());
            }
            Err(TrySendError::Disconnected(_)) => {
                let _ = self.failure.set("the recorder's thread panicked".into());
            }
        }
    }
}

/// The recorder's thread: until the end of the call, or until something fails.
fn record(
    tapes: &dyn TapeFactory,
    facts: CallFacts,
    entries: &Receiver<Entry>,
    failure: &OnceLock<String>,
) -> anyhow::Result<PathBuf> {
    let mut tape = tapes.create(facts).inspect_err(|error| {
        let _ = failure.set(format!("{error:#}"));
    })?;
    let mut work = EngineWork::default();
    let mut end = None;
    while let Ok(entry) = entries.recv() {
        match entry {
            Entry::Audio(audio) => {
                if let Err(error) = tape.write(&audio) {
                    let _ = failure.set(format!("{error:#}"));
                    break;
                }
            }
            Entry::Event(event) => tape.event(&event),
            Entry::End {
                work: done,
                abnormal_end,
            } => {
                work = done;
                end = Some(abnormal_end);
                break;
            }
        }
    }
    let abnormal_end = match (failure.get(), end) {
        (Some(failure), _) => Some(format!("recording failed: {failure}")),
        (None, Some(end)) => end,
        // The call's task is gone without a word: it panicked.
        (None, None) => Some("the gateway failed".into()),
    };
    tape.finish(work, abnormal_end)
}
