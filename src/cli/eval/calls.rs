//! Labelled calls, played through the gateway or recorded by one earlier, and measured.

use std::path::Path;

use anyhow::bail;

use super::labels::Labels;
use super::measure::{self, Measured};
use super::score::{self, FillHeard, Original};
use super::word_times;
use crate::audio::wav_file::WavFile;
use crate::cli::replay::batch::Batch;
use crate::cli::replay::call::Played;
use crate::cli::replay::inputs::Input;
use crate::egress::{Recording, Report};

/// Plays every labelled call and measures what came out.
pub(super) fn play(
    labels: &[Labels],
    batch: &Batch<'_>,
    fill: FillHeard,
) -> anyhow::Result<Vec<Measured>> {
    let inputs = labels
        .iter()
        .map(|labels| Input::of_file(&labels.audio))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let results = batch.run(&inputs, |input, play| {
        let Some(labels) = labels.iter().find(|labels| labels.audio == *input.file()) else {
            bail!("{}: no labels", input.file().display());
        };
        let original = original(labels)?;
        Ok(match play(input, true) {
            Ok(played) => measured(labels, &original, played, fill),
            Err(error) => Measured::unusable(labels, &original, fill, format!("{error:#}")),
        })
    })?;
    results.into_iter().collect()
}

fn measured(labels: &Labels, original: &Original, played: Played, fill: FillHeard) -> Measured {
    let score = score::score(labels, original, &played.kept.audio, fill);
    let legs = &played.report.legs;
    let delays = measure::delays(labels, legs, &played.replayed.examined);
    let words = word_times::differences(labels, legs, &played.kept.heard);
    Measured {
        delays,
        words,
        ..Measured::of_report(labels, score, Some(played.report), played.recording)
    }
}

/// The call as it was, all of it.
pub(super) fn original(labels: &Labels) -> anyhow::Result<Original> {
    Ok(Original {
        played: samples(&labels.audio, labels)?,
        spoken: match &labels.spoken {
            Some(file) => Some(samples(file, labels)?),
            None => None,
        },
    })
}

fn samples(audio: &Path, labels: &Labels) -> anyhow::Result<Vec<Vec<i16>>> {
    let mut file = WavFile::open(audio)?;
    if file.channels() != labels.channels.len() {
        bail!(
            "{}: {} channels; its labels name {}",
            audio.display(),
            file.channels(),
            labels.channels.len()
        );
    }
    if file.rate().hertz() != labels.sample_rate {
        bail!(
            "{}: {} Hz; its labels say {} Hz",
            audio.display(),
            file.rate().hertz(),
            labels.sample_rate
        );
    }
    Ok(file.read_to_end()?)
}

/// Measures what a gateway recorded earlier, under the name that the call has here.
pub(super) fn recorded(
    labels: &Labels,
    folder: &Path,
    fill: FillHeard,
) -> anyhow::Result<Measured> {
    let recording = Recording {
        wav: folder.join(labels.audio.file_name().unwrap_or_default()),
        json: folder.join(format!("{}.json", labels.name)),
    };
    Ok(recording_of(labels, &original(labels)?, recording, fill))
}

/// Measures a recording of a call.
pub(super) fn recording_of(
    labels: &Labels,
    original: &Original,
    recording: Recording,
    fill: FillHeard,
) -> Measured {
    let report: Option<Report> = std::fs::read(&recording.json)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let redacted = WavFile::open(&recording.wav)
        .map_err(anyhow::Error::from)
        .and_then(|mut file| {
            let rate = file.rate().hertz();
            if rate != labels.sample_rate {
                bail!("rate {rate} instead of {}", labels.sample_rate);
            }
            Ok(file.read_to_end()?)
        });
    match redacted {
        Ok(redacted) => {
            let redacted = redacted
                .iter()
                .map(|leg| measure::on_call_time(leg, report.as_ref(), labels.sample_rate))
                .collect::<Vec<_>>();
            let score = score::score(labels, original, &redacted, fill);
            Measured::of_report(labels, score, report, Some(recording))
        }
        Err(error) => Measured::unusable(labels, original, fill, format!("{error:#}")),
    }
}
