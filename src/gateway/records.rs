//! Records calls into the encrypted store.
//!
//! Puts together what does not know each other: [`store`](crate::store) seals and indexes,
//! [`egress`](crate::egress) knows what a report is.

mod facts;
mod indexing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context;
use zeroize::Zeroizing;

use super::taping::{Tape, TapeFactory};
use crate::call::Sensitive;
use crate::config::audit::Audit;
use crate::config::store::{self as config, Store};
use crate::egress::report::Parties;
use crate::egress::{CallFacts, EngineWork, ReportBuilder};
use crate::session::CleanAudio;
use crate::store::archive::{Archive, S3};
use crate::store::database::DatabaseSettings;
use crate::store::index::NumberKey;
use crate::store::keys::{KeyService, KeySource, LocalKeys, Transit};
use crate::store::vault::{CallWriter, RecordName, Recording, Swept, SweptCall, Untold, Vault};
use crate::telemetry::Event;
use indexing::Indexer;

pub use facts::OWN_ALERTS;
pub use indexing::{Reindexed, forget, reindex, renew};

/// The store that a configuration names, which need not exist yet. Fails when its keys cannot be read. An object
/// store is not asked for anything.
pub fn open(store: &Store) -> anyhow::Result<Vault> {
    let vault = Vault::new(store.path.clone(), keys(&store.keys)?);
    Ok(match &store.archive {
        None => vault,
        Some(archive) => vault.with_archive(self::archive(archive)?, archive.cache),
    })
}

/// The same beside an audit log, if there is one: what is closed in the store is marked until the log knows it.
pub fn open_beside(store: &Store, audit: Option<&Audit>) -> anyhow::Result<Vault> {
    let vault = open(store)?;
    Ok(match audit {
        Some(_) => vault.telling_ends(),
        None => vault,
    })
}

/// The object store that a configuration names.
pub fn archive(archive: &config::Archive) -> anyhow::Result<Arc<dyn Archive>> {
    let tls = super::tls::client(archive.s3.authorities.as_deref())?;
    Ok(Arc::new(S3::new(&archive.s3, &tls)?))
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

/// Records into a store, whose index is in its folder.
pub fn tapes(vault: Vault) -> Arc<dyn TapeFactory> {
    let database = DatabaseSettings::within(vault.path());
    tapes_with_index(vault, database)
}

/// Records into a store, whose index is in this database.
pub fn tapes_with_index(vault: Vault, database: DatabaseSettings) -> Arc<dyn TapeFactory> {
    Arc::new(Records {
        vault,
        database,
        recording: Mutex::default(),
        number_key: OnceLock::new(),
    })
}

struct Records {
    vault: Vault,
    database: DatabaseSettings,
    /// Once recording has begun.
    recording: Mutex<Option<Begun>>,
    /// Once a call had a telephone number.
    number_key: OnceLock<NumberKey>,
}

#[derive(Clone)]
struct Begun {
    recording: Arc<Recording>,
    indexer: Arc<Indexer>,
}

impl Records {
    /// The right to record and the index, taken when it is asked for first; what the process before left open is closed then.
    fn begun(&self) -> anyhow::Result<Begun> {
        let mut begun = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = &*begun {
            return Ok(begun.clone());
        }
        let recording = Arc::new(self.vault.begin_recording()?);
        recording.sweep()?.iter().for_each(tell);
        // After what was cut off is closed, which the index then sees.
        let indexer = Indexer::start(self.vault.clone(), self.database.clone())
            .context("there is no thread for the index")?;
        let indexer = Arc::new(indexer);
        Ok(begun.insert(Begun { recording, indexer }).clone())
    }

    /// Who takes part in a call, its numbers as hashes; without them if there is no key for them.
    fn parties(&self, facts: &CallFacts) -> Parties {
        let mut parties = Parties::of(&facts.particulars);
        let hash = |number: &Option<Sensitive<String>>| {
            let number = number.as_ref()?;
            match self.number_key() {
                Ok(key) => Some(key.hash(number).0),
                Err(error) => {
                    let error = error.to_string();
                    tracing::error!(error, "the call will not be found by its numbers");
                    None
                }
            }
        };
        parties.caller_hash = hash(&facts.particulars.caller);
        parties.called_hash = hash(&facts.particulars.called);
        parties
    }

    fn number_key(&self) -> anyhow::Result<&NumberKey> {
        if let Some(key) = self.number_key.get() {
            return Ok(key);
        }
        let key = self.vault.number_key()?;
        Ok(self.number_key.get_or_init(|| key))
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
        let Begun { recording, indexer } = self.begun()?;
        let audio = recording.begin(&facts.call, facts.rate, facts.legs.len())?;
        let parties = self.parties(&facts);
        let began = audio.began();
        indexer.put(facts::of_beginning(audio.name().clone(), began, &parties));
        Ok(Box::new(Sealed {
            vault: self.vault.clone(),
            audio,
            report: ReportBuilder::new(facts),
            parties,
            indexer,
        }))
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(self.vault.check()?)
    }

    fn begin(&self) -> anyhow::Result<()> {
        self.begun().map(drop)
    }

    fn untold(&self) -> anyhow::Result<Vec<Untold>> {
        Ok(self.vault.untold()?)
    }

    fn told(&self, recording: &RecordName) -> anyhow::Result<()> {
        Ok(self.vault.told(recording)?)
    }

    fn degraded(&self) -> Option<String> {
        let begun = self.recording.lock();
        let begun = begun.unwrap_or_else(PoisonError::into_inner);
        begun.as_ref()?.indexer.problem()
    }
}

/// One call's recording and report.
struct Sealed {
    vault: Vault,
    audio: CallWriter,
    report: ReportBuilder,
    parties: Parties,
    indexer: Arc<Indexer>,
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

    fn name(&self) -> Option<&RecordName> {
        Some(self.audio.name())
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
        report.parties = self.parties;
        let transcript = Zeroizing::new(serde_json::to_vec(&transcript).context(unwritable)?);
        let text = Zeroizing::new(serde_json::to_vec(&report).context(unwritable)?);
        let name = self.audio.name().clone();
        let place = self.audio.finish(&text, &transcript)?;
        match self.vault.record(&name) {
            Ok(record) => self.indexer.put(facts::of_report(record, &report)),
            Err(error) => {
                let error = error.to_string();
                tracing::error!(call = name.as_str(), error, "cannot be read for the index");
            }
        }
        Ok(place)
    }
}
