//! The recording of one call as a WAV file that grows while the call runs.
//!
//! Crash-safe: the header is brought up to date at least once for every second of audio, so that a
//! process killed at any moment leaves a readable file of what had been released. Nothing is ever
//! overwritten: a name that is taken, by a recording or a report, gets a number. Files are readable by
//! their owner only.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{EgressError, Report};
use crate::audio::SampleRate;
use crate::call::CallId;
use crate::session::CleanAudio;

/// Most bytes of audio in one file: sizes in a WAV header have 32 bits, and the header counts.
const LONGEST: u64 = u32::MAX as u64 - 1_024;

/// A recording that was finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The audio.
    pub wav: PathBuf,
    /// The report.
    pub json: PathBuf,
}

/// Writes the recording of one call.
pub struct WavRecorder {
    files: Recording,
    writer: hound::WavWriter<BufWriter<File>>,
    /// The same open file, for waiting until it is on the disk.
    file: File,
    rate: SampleRate,
    channels: usize,
    frames: u64,
    unflushed: u64,
}

impl fmt::Debug for WavRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavRecorder")
            .field("files", &self.files)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl WavRecorder {
    /// Begins `folder/CALL.wav`, or `CALL-2.wav` and so on if that name is taken. The folder is made,
    /// for its owner only, if it is not there.
    pub fn create(
        folder: &Path,
        call: &CallId,
        rate: SampleRate,
        channels: usize,
    ) -> Result<Self, EgressError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(EgressError::file("create the folder", folder))?;
        let (files, file) = claim(folder, call)?;
        let begin = |file: &File| {
            let spec = hound::WavSpec {
                channels: channels as u16,
                sample_rate: rate.hertz(),
                bits_per_sample: 16,
                sample_format: hound::SampleFormat::Int,
            };
            let mut writer = hound::WavWriter::new(BufWriter::new(file.try_clone()?), spec)
                .map_err(from_hound)?;
            writer.flush().map_err(from_hound)?;
            Ok(writer)
        };
        match begin(&file) {
            Ok(writer) => Ok(Self {
                files,
                writer,
                file,
                rate,
                channels,
                frames: 0,
                unflushed: 0,
            }),
            Err(cause) => {
                // The failure to write is what is told, not that its rest stays.
                let _ = fs::remove_file(&files.wav);
                Err(EgressError::file("write", &files.wav)(cause))
            }
        }
    }

    /// Where the recording and, once finished, its report lie.
    pub fn files(&self) -> &Recording {
        &self.files
    }

    /// Samples of each channel written so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends a block. In pause mode a block that begins later than the last one ended follows it
    /// directly; the gap is in the report.
    pub fn write(&mut self, audio: &CleanAudio) -> Result<(), EgressError> {
        if audio.channels().len() != self.channels || audio.rate() != self.rate {
            let told = |channels: usize, rate: SampleRate| {
                format!("{channels} channels at {} Hz", rate.hertz())
            };
            return Err(EgressError::Mismatch {
                file: self.files.wav.clone(),
                found: told(audio.channels().len(), audio.rate()),
                expected: told(self.channels, self.rate),
            });
        }
        let frames = audio.len() as u64;
        if (self.frames + frames) * self.channels as u64 * 2 > LONGEST {
            return Err(EgressError::TooLong {
                file: self.files.wav.clone(),
                limit: LONGEST,
            });
        }
        self.append(audio)
            .map_err(|error| EgressError::file("write", &self.files.wav)(from_hound(error)))?;
        self.frames += frames;
        self.unflushed += frames;
        if self.unflushed >= u64::from(self.rate.hertz()) {
            self.flush()?;
        }
        Ok(())
    }

    fn append(&mut self, audio: &CleanAudio) -> hound::Result<()> {
        let mut legs: Vec<_> = audio.channels().iter().map(|leg| leg.iter()).collect();
        for _ in 0..audio.len() {
            for leg in &mut legs {
                self.writer
                    .write_sample(leg.next().copied().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Brings the file up to date with what was written.
    pub fn flush(&mut self) -> Result<(), EgressError> {
        self.unflushed = 0;
        self.writer
            .flush()
            .map_err(|error| EgressError::file("write", &self.files.wav)(from_hound(error)))
    }

    /// Completes the recording and, once it is on the disk, writes the report: its presence says that
    /// the recording is whole.
    pub fn finish(self, report: &Report) -> Result<Recording, EgressError> {
        let Self {
            files,
            writer,
            file,
            ..
        } = self;
        writer
            .finalize()
            .map_err(|error| EgressError::file("write", &files.wav)(from_hound(error)))?;
        file.sync_all()
            .map_err(EgressError::file("write", &files.wav))?;
        write_report(&files.json, report)?;
        Ok(files)
    }

    /// Removes what was recorded so far.
    pub fn discard(self) -> Result<(), EgressError> {
        let wav = self.files.wav.clone();
        drop(self);
        fs::remove_file(&wav).map_err(EgressError::file("remove", &wav))
    }
}

/// Makes a new file for the recording under the first name that neither a recording nor a report has.
fn claim(folder: &Path, call: &CallId) -> Result<(Recording, File), EgressError> {
    let mut number = 1u64;
    loop {
        let name = match number {
            1 => call.to_string(),
            _ => format!("{call}-{number}"),
        };
        number += 1;
        let files = Recording {
            wav: folder.join(format!("{name}.wav")),
            json: folder.join(format!("{name}.json")),
        };
        if files.json.symlink_metadata().is_ok() {
            continue;
        }
        match create_new(&files.wav) {
            Ok(file) => return Ok((files, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(EgressError::file("create", &files.wav)(error)),
        }
    }
}

/// `O_EXCL` makes it one's own even when two calls of the same id begin at once.
fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Writes a report whole or not at all, and never over another file.
fn write_report(path: &Path, report: &Report) -> Result<(), EgressError> {
    let partial = path.with_extension("json.partial");
    let written = (|| {
        // Piece by piece: the text of a long call is several times the report.
        let mut file = BufWriter::new(create_new(&partial)?);
        serde_json::to_writer_pretty(&mut file, report)?;
        file.write_all(b"\n")?;
        file.into_inner()?.sync_all()?;
        // Unlike a rename, a link fails when the name is taken.
        match fs::hard_link(&partial, path) {
            // File systems without links; the recording of the same name reserves this one.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                fs::rename(&partial, path)
            }
            linked => linked,
        }
    })();
    // Either the report has its name, or nothing is to be left.
    let _ = fs::remove_file(&partial);
    written.map_err(EgressError::file("write", path))?;
    // The names are on the disk once the folder is.
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        .map_err(EgressError::file("write", path))
}

fn from_hound(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
