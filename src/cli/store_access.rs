//! The one way for commands into the store: whatever may be asked of who reads a recording, is asked here.
//!
//! What decides is the system's permission to read the configuration, the keys and the store's files.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;

use crate::config::store::Store;
use crate::gateway::records;
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
    /// Tell which keys there are.
    ListKeys,
    /// Wrap all data keys anew.
    RotateKeys,
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List => f.write_str("cannot list the recordings"),
            Self::Search => f.write_str("cannot search the recordings"),
            Self::Reindex => f.write_str("cannot make the index anew"),
            Self::Show(call) => write!(f, "cannot show {call}"),
            Self::Export(call) => write!(f, "cannot export {call}"),
            Self::ListKeys => f.write_str("cannot list the keys"),
            Self::RotateKeys => f.write_str("cannot rotate the keys"),
        }
    }
}

impl StoreArguments {
    /// Opens the store for an action.
    pub(super) fn open(&self, action: Action<'_>) -> anyhow::Result<Vault> {
        let open = || {
            let vault = records::open(&self.store()?)?;
            vault.check_format()?;
            anyhow::Ok(vault)
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
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let index = runtime.block_on(Index::open(&self.store()?.database))?;
            anyhow::Ok((index, runtime))
        };
        let (index, runtime) = open().with_context(|| action.to_string())?;
        Ok((vault, index, runtime))
    }

    /// The configuration's `[store]`.
    pub(super) fn store(&self) -> anyhow::Result<Store> {
        let file: &Path = self
            .config
            .as_deref()
            .context("expected --config FILE (or HUSHGATE_CONFIG) with a [store]")?;
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
