//! Records one call: audio as it is released, then what is known of it.

use std::fs::File;
use std::path::PathBuf;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::objects::{NewObject, sealed};
use super::{Closing, RecordName, Recording, Vault, VaultError, files};
use crate::audio::SampleRate;
use crate::call::CallId;
use crate::session::CleanAudio;
use crate::store::sealed::{Content, SealError, SealedWriter};

/// Most bytes of audio in one recording: sizes in a WAV header have 32 bits, and the header counts.
const LONGEST: u64 = u32::MAX as u64 - 1_024;

/// The recording of one call. Dropped without an end, it is as if the process had died: the next start closes it.
#[derive(Debug)]
pub struct CallWriter {
    vault: Vault,
    name: RecordName,
    began: Timestamp,
    audio: SealedWriter<File>,
    /// Their keys are wrapped from the beginning: the end asks no key service.
    transcript: NewObject,
    report: NewObject,
    rate: SampleRate,
    channels: usize,
    bytes: u64,
}

impl Recording {
    /// Begins a call's record, under its id or, where that is taken, `ID-2` and so on. When this returns, the
    /// record's name and keys are on the disk.
    pub fn begin(
        &self,
        call: &CallId,
        rate: SampleRate,
        channels: usize,
    ) -> Result<CallWriter, VaultError> {
        let vault = self.vault.clone();
        let name = vault.claim(call)?;
        let prepare = |content| {
            let (object, key) = vault.new_object(&name, content)?;
            files::write_new(&vault.key_file(&name, content), &key)?;
            Ok::<_, VaultError>(object)
        };
        let NewObject { header, key } = prepare(Content::Audio)?;
        let (transcript, report) = (prepare(Content::Transcript)?, prepare(Content::Report)?);
        files::sync_folder(&vault.key_folder(&name))?;
        for object in [&transcript, &report] {
            let file = vault.object_file(&name, object.header.label().content);
            // A rotation meanwhile needs to know what the key is bound to.
            files::write_new(&file.with_extension("new"), object.header.bytes())?;
        }
        let file = vault.object_file(&name, Content::Audio);
        let began = header.label().sealed_at;
        let mut audio = SealedWriter::begin(files::create(&file)?, header, &key)
            .map_err(sealed(file.clone()))?;
        files::sync_folder(&vault.folder(&name))?;
        let spec = hound::WavSpec {
            channels: channels as u16,
            sample_rate: rate.hertz(),
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        audio
            .write(&spec.into_header_for_infinite_file())
            .map_err(sealed(file))?;
        Ok(CallWriter {
            vault,
            name,
            began,
            audio,
            transcript,
            report,
            rate,
            channels,
            bytes: 0,
        })
    }
}

impl Vault {
    /// Makes the folders of a call that nobody else has, and the mark that it is not closed, which has the call's id.
    fn claim(&self, call: &CallId) -> Result<RecordName, VaultError> {
        let mut number = 1;
        let name = loop {
            let name = RecordName::of_call(call, number);
            number += 1;
            let folder = self.folder(&name);
            // One whose files are gone may have its keys' folder left; its name is not used again. Nor is that of
            // one whose removal is not over.
            if self.key_folder(&name).exists() || self.removing(&name).exists() {
                continue;
            }
            match files::make_folder(&folder) {
                Ok(()) => break name,
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(files::failed("create the folder", &folder)(cause)),
            }
        };
        let keys = self.key_folder(&name);
        files::make_folder(&keys).map_err(files::failed("create the folder", &keys))?;
        files::write_new(&self.mark(&name), call.as_str().as_bytes())?;
        for tree in ["open", "calls", "keys"] {
            files::sync_folder(&self.path.join(tree))?;
        }
        Ok(name)
    }
}

impl CallWriter {
    /// The record's name.
    pub fn name(&self) -> &RecordName {
        &self.name
    }

    /// When it began, as its header says.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// Appends a block. In pause mode a block that begins later than the last one ended follows it
    /// directly; the gap is in the report.
    pub fn write(&mut self, audio: &CleanAudio) -> Result<(), VaultError> {
        if audio.channels().len() != self.channels || audio.rate() != self.rate {
            let told = |channels: usize, rate: SampleRate| {
                format!("{channels} channels at {} Hz", rate.hertz())
            };
            return Err(VaultError::Mismatch {
                name: self.name.clone(),
                found: told(audio.channels().len(), audio.rate()),
                expected: told(self.channels, self.rate),
            });
        }
        let length = audio.len() * self.channels * 2;
        if self.bytes + length as u64 > LONGEST {
            return Err(VaultError::TooLong {
                name: self.name.clone(),
                limit: LONGEST,
            });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        for at in 0..audio.len() {
            for leg in audio.channels() {
                let sample = leg.get(at).copied().unwrap_or_default();
                bytes.extend_from_slice(&sample.to_le_bytes());
            }
        }
        self.bytes += length as u64;
        self.audio
            .write(&bytes)
            .map_err(sealed(self.vault.object_file(&self.name, Content::Audio)))
    }

    /// Completes the recording with its transcript and its report, both JSON. When this returns, all of it is on
    /// the disk. Returns the call's folder.
    pub fn finish(self, report: &[u8], transcript: &[u8]) -> Result<PathBuf, VaultError> {
        let Self {
            vault,
            name,
            audio,
            transcript: said,
            report: reported,
            ..
        } = self;
        let finished = audio
            .finish()
            .and_then(|file| file.sync_all().map_err(SealError::Io))
            .map_err(sealed(vault.object_file(&name, Content::Audio)));
        let told = vault
            .seal_document(&name, said, transcript)
            .and_then(|()| vault.seal_document(&name, reported, report));
        if let Err(error) = finished {
            // A disk that is full has no room for it either; then the next start does it.
            let _ = vault.close_early(&name, "the recording could not be written");
            return Err(error);
        }
        told?;
        vault.mark_closed(&name)?;
        Ok(vault.folder(&name))
    }
}

impl Vault {
    /// Says in the store that a recording ends early, and where.
    pub(super) fn close_early(
        &self,
        name: &RecordName,
        reason: &str,
    ) -> Result<Closing, VaultError> {
        let file = self.object_file(name, Content::Audio);
        let mut audio = self.open_sealed(name, Content::Audio)?;
        let found = audio.examine(|_| {}).map_err(sealed(file.clone()))?;
        let chunks = match found {
            crate::store::sealed::Standing::Altered { chunk } => chunk,
            _ => audio.chunks(),
        };
        let closing = Closing::new(name, reason, found, chunks);
        let text = serde_json::to_vec_pretty(&closing)
            .map_err(|error| files::failed("write", &file)(error.into()))?;
        let (object, key) = self.new_object(name, Content::Closing)?;
        files::replace(&self.key_file(name, Content::Closing), &key)?;
        self.seal_document(name, object, &text)?;
        self.mark_closed(name)?;
        Ok(closing)
    }
}
