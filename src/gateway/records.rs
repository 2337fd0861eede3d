//! Records calls into the encrypted store.
//!
//! Puts together what does not know each other: [`store`](crate::store) seals, [`egress`](crate::egress) knows
//! what a report is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use zeroize::Zeroizing;

use super::taping::{Tape, TapeFactory};
use crate::config::store::Store;
use crate::egress::{CallFacts, EngineWork, ReportBuilder};
use crate::session::CleanAudio;
use crate::store::keys::{KeyService, KeySource, LocalKeys, Transit};
use crate::store::vault::{CallWriter, Recording, Swept, SweptCall, Vault};
use crate::telemetry::Event;

/// The store that a configuration names, which need not exist yet. Fails when its keys cannot be read.
pub fn open(store: &Store) -> anyhow::Result<Vault> {
    Ok(Vault::new(store.path.clone(), keys(&store.keys)?))
}

/// Keys from where a configuration says.
pub fn keys(source: &KeySource) -> anyhow::Result<Arc<dyn KeyService>> {
    Ok(match source {
        KeySource::File(file) => Arc::new(LocalKeys::from_file(file)?),
        KeySource::Environment(name) => Arc::new(LocalKeys::from_environment(name)?),
        KeySource::Transit(settings) => {
            let tls = super::tls::client(settings.authorities.as_deref())?;
            Arc::new(Transit::new(settings.clone(), &tls)?)
        }
    })
}

/// Records into a store.
pub fn tapes(vault: Vault) -> Arc<dyn TapeFactory> {
    Arc::new(Records {
        vault,
        recording: Mutex::default(),
    })
}

struct Records {
    vault: Vault,
    /// Once recording has begun.
    recording: Mutex<Option<Arc<Recording>>>,
}

impl Records {
    /// The right to record, taken when it is asked for first; what the process before left open is closed then.
    fn recording(&self) -> anyhow::Result<Arc<Recording>> {
        let mut begun = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(recording) = &*begun {
            return Ok(Arc::clone(recording));
        }
        let recording = Arc::new(self.vault.begin_recording()?);
        recording.sweep()?.iter().for_each(tell);
        *begun = Some(Arc::clone(&recording));
        Ok(recording)
    }
}

/// Logs what became of a call that was found open.
fn tell(swept: &SweptCall) {
    let call = swept.name.as_str();
    match &swept.outcome {
        Ok(Swept::Complete) => tracing::info!(call, "found a call that was recorded to its end"),
        Ok(Swept::Removed) => {
            tracing::warn!(call, "found a call of which nothing had been recorded");
        }
        Ok(Swept::Erased) => {
            tracing::warn!(call, "ended an erasure that was cut off");
        }
        Ok(Swept::NotErased) => {
            tracing::warn!(
                call,
                "took back an erasure that was cut off; nothing was erased"
            );
        }
        Ok(Swept::Destroyed) => tracing::warn!(call, "ended a removal that was cut off"),
        Ok(Swept::Incomplete(closing)) => {
            let chunks = closing.chunks;
            match closing.altered_chunk {
                None => tracing::warn!(call, chunks, "closed a recording that was cut off"),
                Some(chunk) => tracing::error!(call, chunk, "closed a recording that was altered"),
            }
        }
        Err(error) => {
            let error = error.to_string();
            tracing::error!(call, error, "cannot close a recording that was cut off");
        }
    }
}

impl TapeFactory for Records {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        let audio = self
            .recording()?
            .begin(&facts.call, facts.rate, facts.legs.len())?;
        Ok(Box::new(Sealed {
            audio,
            report: ReportBuilder::new(facts),
        }))
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(self.vault.check()?)
    }

    fn begin(&self) -> anyhow::Result<()> {
        self.recording().map(drop)
    }
}

/// One call's recording and report.
struct Sealed {
    audio: CallWriter,
    report: ReportBuilder,
}

impl Tape for Sealed {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        self.audio.write(audio)?;
        self.report.audio(audio);
        Ok(())
    }

    fn event(&mut self, event: &Event) {
        self.report.event(event);
    }

    /// The transcript is sealed by itself: who may read the report may not always read it, and it may go first.
    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let mut report = self.report.finish(work, abnormal_end);
        let transcript = std::mem::take(&mut report.transcript);
        let unwritable = "the report cannot be written as JSON";
        let transcript = Zeroizing::new(serde_json::to_vec(&transcript).context(unwritable)?);
        let report = Zeroizing::new(serde_json::to_vec(&report).context(unwritable)?);
        Ok(self.audio.finish(&report, &transcript)?)
    }
}
