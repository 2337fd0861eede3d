//! Plays a recorded call as it was spoken, through the very task that drives live calls.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Duration, Instant, sleep_until};

use super::{FRAME, Source};
use crate::audio::{MediaTime, SampleIndex};
use crate::call::{CallId, Sensitive};
use crate::egress::{CallFacts, EngineWork, Recorder, Recording, Report};
use crate::gateway::call::{Call, Input};
use crate::gateway::live::{Facts, Live, RecorderPlace};
use crate::gateway::taping::Recorders;
use crate::gateway::{Tape, TapeFactory, Transcriber};
use crate::session::{Examination, RawFrame, Settings};
use crate::store::vault::RecordName;
use crate::telemetry::Event;

/// Frames that wait for the call's task: a second of two legs.
const QUEUE: usize = 100;

/// Plays one call at the speed of speech and records it into a folder. When that fails, nothing of it
/// is left on disk.
pub async fn play_live(
    settings: Settings,
    call: CallId,
    source: &mut dyn Source,
    engine: Arc<dyn Transcriber>,
    folder: &Path,
    heard: &dyn Fn(MediaTime),
) -> anyhow::Result<(Recording, Report)> {
    let (legs, rate) = (settings.legs, settings.rate);
    let tapes = Arc::new(OneTape {
        folder: folder.to_owned(),
        files: Mutex::default(),
        done: Mutex::default(),
    });
    let (frames, inputs) = mpsc::channel(QUEUE);
    let permit = Arc::new(Semaphore::new(1)).acquire_owned().await?;
    // Nobody looks on.
    let live = Live::new().begin(Facts {
        name: call.as_str().to_owned(),
        began: Timestamp::now(),
        door: "replay".into(),
        particulars: Default::default(),
        legs,
        rate,
        hold: settings.hold,
        examined: settings.examination == Examination::Everything,
        recorder: RecorderPlace::Here,
    });
    let running = tokio::spawn(
        Call {
            id: call,
            legs,
            rate,
            particulars: Default::default(),
            hold: settings.hold,
            policy: settings.policy,
            examination: settings.examination,
            watch: None,
            engine,
            tapes: Arc::new(Tapes(Arc::clone(&tapes))),
            recorders: Recorders::default(),
            forward: None,
            control: None,
            live,
            permit,
            inputs,
        }
        .run(),
    );
    let begun = Instant::now();
    let length = rate.samples_in(FRAME).max(1) as usize;
    let mut at = SampleIndex(0);
    let unreadable = loop {
        let samples = match source.read(length) {
            Ok(samples) => samples,
            Err(error) => break Some(error),
        };
        let longest = samples.iter().map(Vec::len).max().unwrap_or(0) as u64;
        if longest == 0 {
            break None;
        }
        let next = SampleIndex(at.0 + longest);
        sleep_until(begun + Duration::from_micros(rate.time_of(next).micros())).await;
        for (&leg, samples) in legs.iter().zip(samples) {
            let samples = Sensitive::new(samples);
            // A call that ended early says why itself.
            let _ = frames
                .send(Input::Audio(RawFrame { leg, at, samples }))
                .await;
        }
        at = next;
        heard(rate.time_of(at));
        if frames.is_closed() {
            break None;
        }
    };
    let reason = unreadable
        .as_ref()
        .map(|_| "the file cannot be read any further".to_owned());
    // As above.
    let _ = frames.send(Input::End(reason)).await;
    let ended = running.await.context("the call's task panicked")?;
    let result = match unreadable {
        Some(error) => Err(error),
        None => ended.map_err(anyhow::Error::from),
    };
    tapes.take(result)
}

/// Records into a folder and keeps what came of it.
#[derive(Debug)]
struct OneTape {
    folder: PathBuf,
    /// The files once they were begun.
    files: Mutex<Option<Recording>>,
    done: Mutex<Option<(Recording, Report)>>,
}

impl OneTape {
    /// The recording of a call that went well; of any other, nothing is left.
    fn take(&self, result: anyhow::Result<()>) -> anyhow::Result<(Recording, Report)> {
        let done = self
            .done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let failure = match (result, done) {
            (Ok(()), Some((recording, report))) => match &report.abnormal_end {
                None => return Ok((recording, report)),
                Some(reason) => anyhow::anyhow!("{reason}"),
            },
            (Ok(()), None) => anyhow::anyhow!("the call was not recorded"),
            (Err(error), _) => error,
        };
        let begun = self
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for file in begun.iter().flat_map(|files| [&files.wav, &files.json]) {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    bail!("{failure:#}; and {} stays: {error}", file.display());
                }
                _ => {}
            }
        }
        Err(failure)
    }
}

/// The one tape's factory, as the call's task wants it.
struct Tapes(Arc<OneTape>);

impl TapeFactory for Tapes {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        let recorder = Recorder::create(&self.0.folder, facts)?;
        let mut files = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        *files = Some(recorder.files().clone());
        Ok(Box::new(KeptTape {
            recorder,
            kept: Arc::clone(&self.0),
        }))
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

struct KeptTape {
    recorder: Recorder,
    kept: Arc<OneTape>,
}

impl Tape for KeptTape {
    fn write(&mut self, audio: &crate::session::CleanAudio) -> anyhow::Result<()> {
        Ok(self.recorder.write(audio)?)
    }

    fn event(&mut self, event: &Event) {
        self.recorder.event(event);
    }

    fn name(&self) -> Option<&RecordName> {
        None
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let (recording, report) = self.recorder.finish(work, abnormal_end)?;
        let file = recording.wav.clone();
        *self
            .kept
            .done
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((recording, report));
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
