//! Degraded copies of labelled calls: the same words and labels over a bad line.
//!
//! A copy depends on the call's name and samples alone, so two runs write the same bytes. A file that is
//! there already is left as it is if it is the same, and refused if not.

mod degrade;
mod gsm;

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use super::labels::Labels;
use crate::audio::wav_file::WavFile;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Degradation {
    /// Noise 15 dB under each leg's speech.
    Noise,
    /// 3 % of the 20 ms frames of each leg replaced by silence.
    Loss,
    /// One leg 10 dB quieter, the other 12 dB louder and clipped.
    Gain,
    /// Coded and decoded by GSM 06.10 full rate (needs sox).
    Codec,
}

impl Degradation {
    /// The name of its folder and in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Degradation::Noise => "noise",
            Degradation::Loss => "loss",
            Degradation::Gain => "gain",
            Degradation::Codec => "codec",
        }
    }

    /// Fails if this machine lacks what it needs.
    pub(super) fn check(self) -> anyhow::Result<()> {
        match self {
            Degradation::Codec => Ok(gsm::check()?),
            Degradation::Noise | Degradation::Loss | Degradation::Gain => Ok(()),
        }
    }

    /// The legs of a call after it.
    fn apply(self, call: &str, rate: u32, legs: &mut [Vec<i16>]) -> anyhow::Result<()> {
        let mut chances = degrade::chances(self.name(), call);
        match self {
            Degradation::Noise => {
                for leg in legs {
                    degrade::add_noise(leg, rate, &mut chances);
                }
            }
            Degradation::Loss => {
                for leg in legs {
                    degrade::lose_frames(leg, rate, &mut chances);
                }
            }
            Degradation::Gain => degrade::change_gain(legs, &mut chances),
            Degradation::Codec => {
                for leg in legs {
                    *leg = gsm::through(leg, rate)?;
                }
            }
        }
        Ok(())
    }

    /// Writes degraded copies of calls and their labels into a folder; gives the labels of the copies.
    pub(super) fn write(self, calls: &[Labels], folder: &Path) -> anyhow::Result<Vec<Labels>> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let copy = |labels: &Labels| -> anyhow::Result<Labels> {
            let mut file = WavFile::open(&labels.audio)?;
            let rate = file.rate().hertz();
            let mut legs = file.read_to_end()?;
            self.apply(&labels.name, rate, &mut legs)
                .with_context(|| labels.audio.display().to_string())?;
            let file_name = labels.audio.file_name().unwrap_or_default();
            let (audio, text) = (folder.join(file_name), labels.file());
            let label_bytes = std::fs::read(&text).with_context(|| text.display().to_string())?;
            put(&audio, &wav(rate, &legs)?)?;
            put(&folder.join(format!("{}.json", labels.name)), &label_bytes)?;
            Ok(Labels {
                spoken: Some(labels.audio.clone()),
                audio,
                ..labels.clone()
            })
        };
        calls.iter().map(copy).collect()
    }
}

/// A WAV file of 16-bit samples.
fn wav(rate: u32, legs: &[Vec<i16>]) -> anyhow::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: legs.len().try_into()?,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Vec::new();
    let mut writer = hound::WavWriter::new(Cursor::new(&mut bytes), spec)?;
    for at in 0..legs.iter().map(Vec::len).max().unwrap_or(0) {
        for leg in legs {
            writer.write_sample(leg.get(at).copied().unwrap_or(0))?;
        }
    }
    writer.finalize()?;
    Ok(bytes)
}

/// Writes a file as a whole, or leaves the one that is there.
fn put(file: &PathBuf, bytes: &[u8]) -> anyhow::Result<()> {
    let told = || file.display().to_string();
    match std::fs::read(file) {
        Ok(there) if there == bytes => return Ok(()),
        Ok(_) => bail!(
            "{}: is there already and differs; give another --out",
            told()
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(told),
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut whole = tempfile::NamedTempFile::new_in(folder).with_context(told)?;
    whole.write_all(bytes).with_context(told)?;
    whole.persist_noclobber(file).with_context(told)?;
    Ok(())
}

#[cfg(test)]
mod tests;
