//! The sample calls with their labels, and what a listener of a recording hears of the digits.

use std::path::Path;

use serde_json::Value;

/// Samples in 20 ms.
const FRAME: usize = 160;

/// A labelled call.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The file's, without its ending.
    pub(crate) name: String,
    /// Agent and customer.
    pub(crate) legs: Vec<Vec<i16>>,
    /// Leg, first and last sample of every sensitive digit.
    digits: Vec<(usize, usize, usize)>,
}

/// All sample calls in order of name.
pub(crate) fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files.iter().map(|file| sample(file)).collect()
}

fn sample(file: &Path) -> Sample {
    let labels: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut digits = Vec::new();
    for item in labels["sensitive"].as_array().unwrap() {
        let leg = usize::from(item["channel"] == "customer");
        let (start, end) = (
            item["start"].as_f64().unwrap(),
            item["end"].as_f64().unwrap(),
        );
        let times: Vec<(f64, f64)> = match item["digits"].as_array().unwrap().as_slice() {
            // Where only the whole is known it is shared out evenly.
            [] => {
                let count = item["value"].as_str().unwrap().len();
                let width = (end - start) / count as f64;
                (0..count)
                    .map(|index| start + width * index as f64)
                    .map(|from| (from, from + width))
                    .collect()
            }
            spans => spans
                .iter()
                .map(|span| (span[0].as_f64().unwrap(), span[1].as_f64().unwrap()))
                .collect(),
        };
        let index = |time: f64| (time * 8_000.0) as usize;
        digits.extend(
            times
                .iter()
                .map(|(from, to)| (leg, index(*from), index(*to))),
        );
    }
    Sample {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        legs: legs(&file.with_extension("wav")),
        digits,
    }
}

/// The two channels of a sample call.
fn legs(file: &Path) -> Vec<Vec<i16>> {
    let mut reader = hound::WavReader::open(file).unwrap();
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    (0..2)
        .map(|leg| samples.iter().skip(leg).step_by(2).copied().collect())
        .collect()
}

impl Sample {
    /// How many digits are heard in a recording, and how many were spoken before it ends: a digit is
    /// heard when more than a quarter of its frames with speech are not silent.
    pub(crate) fn leaked(&self, recording: &[Vec<i16>]) -> (usize, usize) {
        let (mut leaked, mut spoken) = (0, 0);
        for (leg, start, end) in &self.digits {
            let recorded = &recording[*leg];
            if *start >= recorded.len() {
                continue;
            }
            spoken += 1;
            let frames: Vec<usize> = (*start..(*end).min(recorded.len()))
                .step_by(FRAME)
                .filter(|at| level(&self.legs[*leg], *at) > 100.0)
                .collect();
            let heard = frames
                .iter()
                .filter(|at| level(recorded, **at) > 10.0)
                .count();
            leaked += usize::from(heard * 4 > frames.len());
        }
        (leaked, spoken)
    }
}

/// Root mean square of a frame.
fn level(samples: &[i16], at: usize) -> f64 {
    let frame = &samples[at..samples.len().min(at + FRAME)];
    let sum: f64 = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / frame.len().max(1) as f64).sqrt()
}
