//! Where the demonstration records, and what lets people look at it: an encrypted store, a user and a password, made
//! for this run.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;

use serde_json::Value;

use crate::access::{Role, Scope, UserName, password, secret};
use crate::call::{CallId, Sensitive};
use crate::config::store::Store;
use crate::egress::Recording;
use crate::gateway::records;
use crate::store::accounts::{Accounts, NewUser};
use crate::store::database::Database;
use crate::store::keys::{KeyId, add_key};
use crate::store::sealed::Content;
use crate::store::vault::{RecordName, State, Vault};

/// Who looks: sees kinds, listens, pauses.
const USER: &str = "demo";
const CONFIG: &str = r#"[store]
path = "store"
key_file = "store.keys"

[second_listener]
enabled = false

[audit]
folder = "audit"

[access]

[api]
listen = "127.0.0.1:0"
"#;

/// A configuration with a store and an interface, and who may use it.
pub(super) struct Dashboard {
    pub(super) config: PathBuf,
    password: Sensitive<String>,
    vault: Vault,
}

impl Dashboard {
    /// Makes all of it in a folder.
    pub(super) async fn prepare(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("gateway");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let config = folder.join("hushgate.toml");
        std::fs::write(&config, CONFIG).with_context(|| config.display().to_string())?;
        add_key(&folder.join("store.keys"), &KeyId::new("demo")?)?;
        let store = Store::load(&config)?.context("the demonstration has a store")?;
        let vault = records::open(&store)?;
        vault.check()?;
        let database = Database::open(&store.database).await?;
        let password = secret::random()?;
        let user = NewUser {
            name: UserName::new(USER)?,
            role: Role::ComplianceOfficer,
            scope: Scope::default(),
            password: Some(password::hash(&password)?),
        };
        Accounts::new(database.clone())
            .add(user, Timestamp::now())
            .await?;
        database.close().await;
        Ok(Self {
            config,
            password,
            vault,
        })
    }

    /// Bytes of a recording as a WAV file, so far.
    pub(super) fn recorded(&self, call: &CallId) -> u64 {
        let name = RecordName::new(call.as_str());
        let audio = name.ok().and_then(|name| self.vault.audio(&name).ok());
        audio.map_or(0, |audio| audio.length())
    }

    /// Whether a call is recorded to its end.
    pub(super) fn is_complete(&self, call: &CallId) -> anyhow::Result<bool> {
        let record = self.vault.record(&RecordName::new(call.as_str())?)?;
        Ok(record.state == State::Complete)
    }

    /// Takes a recording out of the store, with its report, to be listened to and read.
    pub(super) fn export(&self, call: &CallId, folder: &Path) -> anyhow::Result<Recording> {
        let name = RecordName::new(call.as_str())?;
        let file = |ending: &str| folder.join(format!("{call}.{ending}"));
        let recording = Recording {
            wav: file("wav"),
            json: file("json"),
        };
        let mut wav = std::fs::File::create(&recording.wav)
            .with_context(|| recording.wav.display().to_string())?;
        self.vault.audio(&name)?.copy_to(&mut wav, |_, _| {})?;
        let read = |content| -> anyhow::Result<Value> {
            Ok(serde_json::from_slice(
                &self.vault.document(&name, content)?,
            )?)
        };
        let mut report = read(Content::Report)?;
        report["transcript"] = read(Content::Transcript)?;
        std::fs::write(&recording.json, format!("{report:#}\n"))
            .with_context(|| recording.json.display().to_string())?;
        Ok(recording)
    }

    /// Where it is, and how one comes in. The password is worth nothing after this run.
    pub(super) fn told(&self, address: &str) -> String {
        format!(
            "Watch the calls at http://{address}/ as user {USER}, password {}",
            self.password.expose()
        )
    }
}
