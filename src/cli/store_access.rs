//! The one way for commands into the store: whatever may be asked of who reads a recording, is asked here.
//!
//! Where the configuration has `[access]`, the token in `HUSHGATE_TOKEN` says who it is, and the same table as for the
//! API decides. Else what decides is the system's permission to read the configuration, the keys and the store's files.

pub(super) mod guard;
pub(super) mod password;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;

use self::guard::Guard;
use super::operator::OperatorArguments;
use super::shared::runtime;
use crate::access::{Permission, UserName};
use crate::config::Audit;
use crate::config::store::Store;
use crate::gateway::records;
use crate::store::audit::{self, Actor, Record};
use crate::store::index::Index;
use crate::store::vault::{RecordName, Vault};

/// Arguments of every command that works on the store.
#[derive(Debug, Clone, Args)]
pub(super) struct StoreArguments {
    /// Configuration file (TOML) that names the store.
    #[arg(long, value_name = "FILE", env = "HUSHGATE_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

/// What a command is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// Tell which calls there are.
    List,
    /// Tell which calls have something in common.
    Search,
    /// Make the index anew.
    Reindex,
    /// Tell what is known of a call.
    Show(&'a RecordName),
    /// Take a call out of the store.
    Export(&'a RecordName),
    /// Listen to calls again, and redact what is still heard.
    Listen,
    /// Copy the store.
    BackUp,
    /// Sum calls up.
    Report,
    /// Tell which keys there are.
    ListKeys,
    /// Make a key.
    GenerateKeys,
    /// Wrap all data keys anew.
    RotateKeys,
}

impl<'a> Action<'a> {
    /// What it takes, all of it.
    fn permissions(self) -> &'static [Permission] {
        use Permission::*;
        match self {
            Self::List => &[ListRecordings],
            Self::Search => &[ListRecordings, ReadReport, SeeKinds],
            Self::Reindex => &[RebuildIndex],
            Self::Listen => &[ReviewQuarantine, SeeKinds],
            Self::BackUp => &[MakeBackup],
            Self::Report => &[ReadComplianceReports],
            // What is shown has the transcript and the kinds in it.
            Self::Show(_) => &[ReadReport, SeeKinds, ReadTranscript],
            Self::Export(_) => &[ExportRecording, SeeKinds, ReadTranscript],
            Self::ListKeys => &[ListKeys],
            Self::GenerateKeys | Self::RotateKeys => &[RotateKeys],
        }
    }

    /// The call that it is about.
    fn call(self) -> Option<&'a RecordName> {
        match self {
            Self::Show(call) | Self::Export(call) => Some(call),
            Self::List
            | Self::Search
            | Self::Reindex
            | Self::Listen
            | Self::BackUp
            | Self::Report
            | Self::ListKeys
            | Self::GenerateKeys
            | Self::RotateKeys => None,
        }
    }

    /// What the audit log is told of it.
    fn record(self) -> Option<Record> {
        let action = match self {
            Self::Show(_) => audit::Action::TranscriptRead,
            Self::Export(_) => audit::Action::RecordingExported,
            Self::RotateKeys => audit::Action::KeysRotated,
            // What listening and copying come to is told when it is known.
            Self::Listen
            | Self::BackUp
            | Self::List
            | Self::Search
            | Self::Reindex
            | Self::Report
            | Self::ListKeys
            | Self::GenerateKeys => return None,
        };
        let record = Record::new(action).with_words("on_machine_as", &guard::system_user());
        Some(match self.call() {
            Some(call) => record.about(call.as_str()),
            None => record,
        })
    }
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List => f.write_str("cannot list the recordings"),
            Self::Search => f.write_str("cannot search the recordings"),
            Self::Reindex => f.write_str("cannot make the index anew"),
            Self::Show(call) => write!(f, "cannot show {call}"),
            Self::Export(call) => write!(f, "cannot export {call}"),
            Self::Listen => f.write_str("cannot listen to the recordings"),
            Self::BackUp => f.write_str("cannot back up the store"),
            Self::Report => f.write_str("cannot report on the calls"),
            Self::ListKeys => f.write_str("cannot list the keys"),
            Self::GenerateKeys => f.write_str("cannot make a key"),
            Self::RotateKeys => f.write_str("cannot rotate the keys"),
        }
    }
}

impl StoreArguments {
    /// Opens the store for an action.
    pub(super) fn open(&self, action: Action<'_>) -> anyhow::Result<Vault> {
        Ok(self.open_as(action, None)?.0)
    }

    /// The same for somebody who said who they are. Tells whom the audit log names for it.
    pub(super) fn open_as(
        &self,
        action: Action<'_>,
        operator: Option<&OperatorArguments>,
    ) -> anyhow::Result<(Vault, Actor)> {
        let open = || {
            let actor = self.require(action.permissions(), action.call(), operator)?;
            let vault = records::open(&self.store()?)?;
            vault.check_format()?;
            if let Some(record) = action.record() {
                let audit = Audit::load(self.file()?)?;
                guard::tell(audit.as_ref(), vault.path(), record.by(actor.clone()))?;
            }
            anyhow::Ok((vault, actor))
        };
        open().with_context(|| action.to_string())
    }

    /// Opens the store's index too, on a runtime that it needs.
    pub(super) fn open_with_index(
        &self,
        action: Action<'_>,
    ) -> anyhow::Result<(Vault, Index, Runtime)> {
        let vault = self.open(action)?;
        let open = || {
            let runtime = runtime()?;
            let index = runtime.block_on(Index::open(&self.store()?.database))?;
            anyhow::Ok((index, runtime))
        };
        let (index, runtime) = open().with_context(|| action.to_string())?;
        Ok((vault, index, runtime))
    }

    /// Fails if who runs this may not do it. Tells whom the audit log names for it.
    pub(super) fn permit(&self, action: Action<'_>) -> anyhow::Result<Actor> {
        self.require(action.permissions(), action.call(), None)
    }

    /// Fails if who runs this has not all these permissions, for a call or for all. Without `[access]` everybody has who
    /// may read the files. Who says a name has to prove it by their password, all others by a token. Tells whom the audit
    /// log names for it.
    pub(super) fn require(
        &self,
        permissions: &[Permission],
        call: Option<&RecordName>,
        operator: Option<&OperatorArguments>,
    ) -> anyhow::Result<Actor> {
        let Some(guard) = Guard::open(self.file()?)? else {
            return Ok(operator.map_or_else(
                || Actor::user(&guard::system_user()),
                OperatorArguments::actor,
            ));
        };
        let identity = match operator.and_then(OperatorArguments::name) {
            Some(name) => guard.sign_in(&UserName::new(name).context("--as")?)?,
            None => guard.identify()?,
        };
        guard.permit(&identity, permissions, call)?;
        Ok(guard::actor(&identity))
    }

    fn file(&self) -> anyhow::Result<&Path> {
        self.config
            .as_deref()
            .context("expected --config FILE (or HUSHGATE_CONFIG) with a [store]")
    }

    /// The configuration's `[store]`.
    pub(super) fn store(&self) -> anyhow::Result<Store> {
        let file = self.file()?;
        Store::load(file)?.with_context(|| {
            format!(
                "{}: has no [store]; its recordings are plain files",
                file.display()
            )
        })
    }
}

/// A progress bar on standard error; nothing where that is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self(bar)
    }

    pub(super) fn show(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
