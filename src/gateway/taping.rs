//! Takes a call's clean audio and events to its recorder, on threads for recordings.
//!
//! Files block, and a disk may hang: the call's task only ever puts into a bounded queue. When the queue
//! is full the disk is too slow, and recording of this call ends there; what was recorded stays readable.

mod recorders;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use tracing::Span;

pub(super) use recorders::Recorders;
use recorders::{PATIENCE, Writes};

use crate::egress::{CallFacts, EngineWork, Recorder};
use crate::session::CleanAudio;
use crate::store::vault::{RecordName, Untold};
use crate::telemetry::Event;

/// Blocks and events that wait for the disk; a block is at least a packet of 20 ms.
const QUEUE: usize = 1_024;

/// Where one call is recorded. Methods may block.
pub trait Tape: Send {
    /// Appends audio.
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()>;
    /// Takes note of an event.
    fn event(&mut self, event: &Event);
    /// The recording's name in the store, which is not the call's id where that was taken; `None`: it is in none.
    fn name(&self) -> Option<&RecordName>;
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
    /// Recordings that ended, which the audit log may not know.
    fn untold(&self) -> anyhow::Result<Vec<Untold>> {
        Ok(Vec::new())
    }
    /// The audit log knows of the end of this recording.
    fn told(&self, _recording: &RecordName) -> anyhow::Result<()> {
        Ok(())
    }
    /// What is not as it should be, though recordings can be begun.
    fn degraded(&self) -> Option<String> {
        None
    }
}

/// Begins recordings that another makes, and sees what goes into them.
pub trait Around: Send + Sync {
    /// Who makes them.
    fn inside(&self) -> &dyn TapeFactory;
    /// Begins a call's recording.
    fn begin_tape(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>>;
    /// Called once after who makes them has found what the process before left.
    fn begun(&self) {}
}

impl<T: Around> TapeFactory for T {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        self.begin_tape(facts)
    }

    fn check(&self) -> anyhow::Result<()> {
        self.inside().check()
    }

    fn begin(&self) -> anyhow::Result<()> {
        self.inside().begin()?;
        self.begun();
        Ok(())
    }

    fn untold(&self) -> anyhow::Result<Vec<Untold>> {
        self.inside().untold()
    }

    fn told(&self, recording: &RecordName) -> anyhow::Result<()> {
        self.inside().told(recording)
    }

    fn degraded(&self) -> Option<String> {
        self.inside().degraded()
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

    fn name(&self) -> Option<&RecordName> {
        None
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

/// The call's end of its recorder. Dropped without a word, it ends the recording as that of a call that failed.
pub(super) struct Taping {
    recording: Arc<Recording>,
    recorders: Recorders,
    done: oneshot::Receiver<anyhow::Result<PathBuf>>,
    is_over: bool,
}

/// What a call and the recorders' threads share.
struct Recording {
    queue: Mutex<Queue>,
    /// Only the thread whose turn it is takes it.
    tape: Mutex<Option<Open>>,
    /// Why nothing more is recorded; only the first reason is kept.
    failure: OnceLock<String>,
    span: Span,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Whether a thread knows that there are some.
    is_handed_over: bool,
}

/// A recording that is not complete.
struct Open {
    stage: Stage,
    /// The call's slot, kept until the disk has let go of it, so that hanging disks cannot pile up threads. Free before
    /// the call is told that it is over.
    permit: OwnedSemaphorePermit,
    done: oneshot::Sender<anyhow::Result<PathBuf>>,
}

enum Stage {
    Begins(Arc<dyn TapeFactory>, Box<CallFacts>),
    Runs(Box<dyn Tape>),
}

impl Taping {
    /// Begins a recording on the recorders' threads, which keep the call's slot until it is complete.
    pub(super) fn start(
        recorders: Recorders,
        tapes: Arc<dyn TapeFactory>,
        facts: CallFacts,
        permit: OwnedSemaphorePermit,
    ) -> std::io::Result<Self> {
        let (told, done) = oneshot::channel();
        let recording = Arc::new(Recording {
            queue: Mutex::new(Queue {
                is_handed_over: true,
                ..Queue::default()
            }),
            tape: Mutex::new(Some(Open {
                stage: Stage::Begins(tapes, Box::new(facts)),
                done: told,
                permit,
            })),
            failure: OnceLock::new(),
            span: Span::current(),
        });
        recorders.hand_over(Arc::clone(&recording) as _)?;
        Ok(Self {
            recording,
            recorders,
            done,
            is_over: false,
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
        self.recording.failure.get().map(String::as_str)
    }

    /// Completes the recording and tells what became of it.
    pub(super) async fn finish(
        mut self,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        self.end(Entry::End { work, abnormal_end });
        loop {
            match timeout(PATIENCE, &mut self.done).await {
                Ok(done) => {
                    return done.unwrap_or_else(|_| {
                        Err(anyhow::anyhow!("the recorder's thread panicked"))
                    });
                }
                // Nobody else may hand anything over that would show that threads hang.
                Err(_) => self.recorders.look_after(),
            }
        }
    }

    fn put(&self, entry: Entry) {
        if self.failure().is_some() {
            return;
        }
        let mut queue = lock(&self.recording.queue);
        if queue.entries.len() >= QUEUE {
            drop(queue);
            self.recording.fail("the disk is too slow");
            return;
        }
        queue.entries.push_back(entry);
        self.hand_over(queue);
    }

    /// Room or not, the end is the last entry.
    fn end(&mut self, entry: Entry) {
        self.is_over = true;
        let mut queue = lock(&self.recording.queue);
        queue.entries.push_back(entry);
        self.hand_over(queue);
    }

    fn hand_over(&self, mut queue: MutexGuard<'_, Queue>) {
        if std::mem::replace(&mut queue.is_handed_over, true) {
            return;
        }
        drop(queue);
        let writes = Arc::clone(&self.recording) as _;
        if let Err(error) = self.recorders.hand_over(writes) {
            self.recording
                .fail(&format!("no thread to record on: {error}"));
        }
    }
}

impl Drop for Taping {
    fn drop(&mut self) {
        if !self.is_over {
            // The call's task is gone without a word: it panicked.
            self.end(Entry::End {
                work: EngineWork::default(),
                abnormal_end: Some("the gateway failed".into()),
            });
        }
    }
}

impl Recording {
    fn fail(&self, reason: &str) {
        // A reason that came before stays.
        let _ = self.failure.set(reason.to_owned());
    }

    /// Begins what has not begun, and writes what waits.
    fn write_all(&self, tape: &mut Option<Open>) {
        if let Some(Open { stage, .. }) = tape
            && let Stage::Begins(tapes, facts) = stage
        {
            match tapes.create((**facts).clone()) {
                Ok(begun) => *stage = Stage::Runs(begun),
                Err(error) => {
                    self.fail(&format!("{error:#}"));
                    if let Some(Open { done, permit, .. }) = tape.take() {
                        drop(permit);
                        // The call may be gone.
                        let _ = done.send(Err(error));
                    }
                }
            }
        }
        loop {
            let entry = {
                let mut queue = lock(&self.queue);
                let entry = queue.entries.pop_front();
                queue.is_handed_over = entry.is_some();
                entry
            };
            match entry {
                Some(entry) => self.write(entry, tape),
                None => return,
            }
        }
    }

    fn write(&self, entry: Entry, tape: &mut Option<Open>) {
        let Some(Open {
            stage: Stage::Runs(running),
            ..
        }) = tape
        else {
            return;
        };
        let (work, abnormal_end) = match entry {
            Entry::Event(event) => return running.event(&event),
            Entry::Audio(audio) => match running.write(&audio) {
                Ok(()) => return,
                Err(error) => {
                    self.fail(&format!("{error:#}"));
                    (EngineWork::default(), None)
                }
            },
            Entry::End { work, abnormal_end } => (work, abnormal_end),
        };
        let abnormal_end = match self.failure.get() {
            Some(failure) => Some(format!("recording failed: {failure}")),
            None => abnormal_end,
        };
        if let Some(Open {
            stage: Stage::Runs(running),
            done,
            permit,
        }) = tape.take()
        {
            let outcome = running.finish(work, abnormal_end);
            // Who is told that a call is over finds room for another.
            drop(permit);
            // The call may be gone; what is recorded is complete all the same.
            let _ = done.send(outcome);
        }
    }
}

impl Writes for Recording {
    fn write(&self) {
        let _entered = self.span.enter();
        let mut tape = lock(&self.tape);
        // A panic is this recording's and no other's, although others have the thread too.
        let written = catch_unwind(AssertUnwindSafe(|| self.write_all(&mut tape)));
        if written.is_err() {
            self.fail("the recorder's thread panicked");
            *tape = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
