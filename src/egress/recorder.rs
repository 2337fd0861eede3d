//! A call's recording and report together: what a driver hands its outputs to.

use std::path::Path;

use super::report::{CallFacts, EngineWork};
use super::{EgressError, Recording, Report, ReportBuilder, WavRecorder};
use crate::session::CleanAudio;
use crate::telemetry::Event;

/// Records one call.
#[derive(Debug)]
pub struct Recorder {
    wav: WavRecorder,
    report: ReportBuilder,
}

impl Recorder {
    /// Begins `folder/CALL.wav`; see [`WavRecorder::create`].
    pub fn create(folder: &Path, facts: CallFacts) -> Result<Self, EgressError> {
        let wav = WavRecorder::create(folder, &facts.call, facts.rate, facts.legs.len())?;
        let report = ReportBuilder::within(folder, facts);
        Ok(Self { wav, report })
    }

    /// Appends released audio.
    pub fn write(&mut self, audio: &CleanAudio) -> Result<(), EgressError> {
        self.wav.write(audio)?;
        self.report.audio(audio);
        Ok(())
    }

    /// Takes note of an event.
    pub fn event(&mut self, event: &Event) {
        self.report.event(event);
    }

    /// Where the recording lies, and the report will.
    pub fn files(&self) -> &Recording {
        self.wav.files()
    }

    /// Completes the recording and writes the report. `abnormal_end` says why the call ended when it
    /// did not end by itself.
    pub fn finish(
        self,
        engine: EngineWork,
        abnormal_end: Option<String>,
    ) -> Result<(Recording, Report), EgressError> {
        let report = self.report.finish(engine, abnormal_end);
        Ok((self.wav.finish(&report)?, report))
    }

    /// Removes what was recorded so far.
    pub fn discard(self) -> Result<(), EgressError> {
        self.wav.discard()
    }
}
