//! Labelled calls for other commands: those that play them elsewhere and measure what was recorded of them.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;

use super::calls;
use super::labels::{self, Labels};
use super::score::{FillHeard, Original};
use crate::egress::{Recording, Report};

/// A labelled call with its sound.
#[derive(Debug)]
pub(crate) struct LabelledCall {
    labels: Labels,
    original: Original,
}

/// What leaked and what was lost of one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CallMeasure {
    pub(crate) digits: usize,
    pub(crate) digits_leaked: usize,
    pub(crate) benign_numbers: usize,
    pub(crate) benign_audible: usize,
    pub(crate) benign_speech_s: f64,
    pub(crate) over_blanked_s: f64,
}

impl LabelledCall {
    /// The labelled calls of a folder, by name.
    pub(crate) fn find(folder: &Path) -> anyhow::Result<Vec<Self>> {
        labels::find(folder)?
            .iter()
            .map(|file| Self::read(file))
            .collect()
    }

    /// The call of one label file.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let labels = labels::read(file)?;
        let original = calls::original(&labels)?;
        Ok(Self { labels, original })
    }

    /// The call's name: the label file's without `.json`.
    pub(crate) fn name(&self) -> &str {
        &self.labels.name
    }

    /// The call's WAV file.
    pub(crate) fn audio(&self) -> &Path {
        &self.labels.audio
    }

    /// 16-bit samples of each channel.
    pub(crate) fn channels(&self) -> &[Vec<i16>] {
        &self.original.played
    }

    /// The beginning of the call.
    pub(crate) fn until(&self, seconds: f64) -> Self {
        let samples = (seconds * f64::from(self.labels.sample_rate)).round() as usize;
        Self {
            labels: self.labels.until(seconds),
            original: self.original.until(samples),
        }
    }

    /// Measures a recording of the call.
    pub(crate) fn measure(
        &self,
        recording: &Recording,
        fill: FillHeard,
    ) -> anyhow::Result<(CallMeasure, Report)> {
        let measured = calls::recording_of(&self.labels, &self.original, recording.clone(), fill);
        if let Some(problem) = measured.score.problems.first() {
            bail!("{}: {problem}", recording.wav.display());
        }
        let report = measured
            .report
            .with_context(|| format!("{}: not a report", recording.json.display()))?;
        let score = measured.score;
        let measure = CallMeasure {
            digits: score.items.iter().map(|item| item.digits).sum(),
            digits_leaked: score.items.iter().map(|item| item.leaked).sum(),
            benign_numbers: score.benign.len(),
            benign_audible: score.benign.iter().filter(|number| number.audible).count(),
            benign_speech_s: score.benign_s,
            over_blanked_s: score.over_s,
        };
        Ok((measure, report))
    }
}

#[cfg(test)]
mod tests;
