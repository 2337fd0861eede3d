//! Who may do what, over a real socket: every route and command for every role, signing in, and what is shown to whom.

mod commands;
mod described;
mod openid;
mod records;
mod routes;
mod signing_in;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hushgate::access::{Grant, Permission, Role, Scope, UserName, grant, password, secret};
use hushgate::api::metrics::Metrics;
use hushgate::api::{Interface, Services, serve};
use hushgate::call::Sensitive;
use hushgate::call::particulars::Label;
use hushgate::config::Config;
use hushgate::gateway::audit::Auditor;
use hushgate::gateway::live::Live;
use hushgate::gateway::policies::Policies;
use hushgate::gateway::records as sealed;
use hushgate::gateway::retention::{Custody, IndexCalls};
use hushgate::policy::Policy;
use hushgate::store::accounts::{Accounts, NewSession, NewToken, NewUser};
use hushgate::store::audit::{
    Action, AuditLog, EntryFilter, KeyFiles, Line, LogSettings, entries_of,
};
use hushgate::store::database::{Database, DatabaseSettings};
use hushgate::store::index::{Index, IndexedCall};
use hushgate::store::keys::{KeyId, add_key};
use hushgate::store::vault::{RecordName, State, Vault};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::support::*;

pub(crate) const PASSWORD: &str = "correct horse 7";

/// A store with users and an interface to it.
pub(crate) struct Office {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) accounts: Accounts,
    pub(crate) index: Index,
    pub(crate) vault: Vault,
    pub(crate) auditor: Arc<Auditor>,
    pub(crate) metrics: Arc<Metrics>,
    /// What gateways show their calls in, if they are told so.
    pub(crate) live: Arc<Live>,
    log: LogSettings,
    _shutdown: tokio_util::sync::DropGuard,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's values.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The value of the cookie that it sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.headers("set-cookie").iter().find_map(|cookie| {
            let (found, rest) = cookie.split_once('=')?;
            let (value, _) = rest.split_once(';')?;
            (found == name).then(|| value.to_owned())
        })
    }
}

impl Office {
    /// With what a configuration has under `[access]`.
    pub(crate) async fn open(access: &str) -> Self {
        watch_log();
        let folder = tempfile::tempdir().unwrap();
        add_key(
            &folder.path().join("store.keys"),
            &KeyId::new("first").unwrap(),
        )
        .unwrap();
        let text = format!(
            "[store]\npath = \"store\"\nkey_file = \"store.keys\"\n[audit]\nfolder = \"audit\"\n[access]\n{access}"
        );
        let file = folder.path().join("hushgate.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), Default::default()).unwrap();
        let store = config.store.unwrap();
        let vault = sealed::open(&store).unwrap();
        vault.check().unwrap();
        let database = Database::open(&DatabaseSettings::within(&store.path))
            .await
            .unwrap();
        let accounts = Accounts::new(database.clone());
        let index = Index::new(database);
        let log = config.audit.unwrap().settings();
        let auditor = Auditor::new(AuditLog::open(log.clone()).unwrap().log);
        let metrics = Arc::new(Metrics::default());
        let custody = Custody::new(
            vault.clone(),
            Arc::new(IndexCalls::open(&store).await.unwrap()),
            Some((auditor.log().clone(), KeyFiles::new(&log.keys))),
            config.retention,
            CancellationToken::new(),
        );
        let file = folder.path().join("policy.toml");
        std::fs::write(&file, "").unwrap();
        let policies = Policies::new(Arc::new(Policy::default()).into(), Some(file), None);
        let live = Live::new();
        let interface = Interface::new(Services {
            vault: vault.clone(),
            index: index.clone(),
            accounts: accounts.clone(),
            access: config.access.unwrap(),
            audit: Some(Arc::clone(&auditor)),
            log: Some(log.clone()),
            metrics: Arc::clone(&metrics),
            custody: Some(custody),
            policies: Some(Arc::new(policies)),
            live: Arc::clone(&live),
            max_connections: 64,
            tls: None,
            rules: config.alerts,
            webhooks: config.webhooks,
            frame_ancestors: vec!["https://crm.example".into()],
        })
        .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, interface, shutdown.clone()));
        Self {
            folder,
            address,
            accounts,
            index,
            vault,
            auditor,
            metrics,
            live,
            log,
            _shutdown: shutdown.drop_guard(),
        }
    }

    /// Asks for something. `proof` is a header's line.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let kind = if body.is_empty() {
            String::new()
        } else {
            "Content-Type: application/json\r\n".to_owned()
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // An answer that is cut off ends so too, now and then before its first byte.
        let _ = stream.read_to_end(&mut answer).await;
        let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return Answer {
                status: 0,
                head: String::new(),
                body: Vec::new(),
            };
        };
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: answer[end + 4..].to_vec(),
        }
    }

    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers, "").await
    }

    /// A user with a password.
    pub(crate) async fn user(&self, name: &str, role: Role, scope: Scope) {
        // Hashing takes its time: one does for all.
        static HASH: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
        let hash = HASH
            .get_or_init(|| async { password::hash(&Sensitive::new(PASSWORD.to_owned())).unwrap() })
            .await;
        let user = NewUser {
            name: UserName::new(name).unwrap(),
            role,
            scope,
            password: Some(hash.clone()),
        };
        self.accounts.add(user, Timestamp::now()).await.unwrap();
    }

    /// The cookie of a session that a user begins, with what requests need besides.
    pub(crate) async fn session(&self, name: &str) -> String {
        let secret = secret::random().unwrap();
        let now = Timestamp::now();
        let session = NewSession {
            secret: &secret,
            name,
            given: None,
            expires: now + 8.hours(),
        };
        self.accounts.begin_session(session, now).await.unwrap();
        by_cookie(secret.expose())
    }

    /// A token's header.
    pub(crate) async fn token(
        &self,
        role: Role,
        permissions: &[Permission],
        scope: Scope,
    ) -> String {
        format!(
            "Authorization: Bearer {}\r\n",
            self.token_secret(role, permissions, scope).await
        )
    }

    pub(crate) async fn token_secret(
        &self,
        role: Role,
        permissions: &[Permission],
        scope: Scope,
    ) -> String {
        let made = secret::token().unwrap();
        let now = Timestamp::now();
        let token = NewToken {
            id: secret::public_id().unwrap(),
            secret: &made,
            name: format!("test {role}"),
            role,
            scope,
            permissions: permissions.iter().copied().collect(),
            created_by: "test".into(),
            expires: now + 24.hours(),
        };
        self.accounts.add_token(token, now).await.unwrap();
        made.expose().clone()
    }

    /// A recorded call in which a card number was said, in the store and the index.
    pub(crate) async fn call(&self, name: &str) {
        let tapes = sealed::tapes(self.vault.clone());
        let auditor = Arc::clone(&self.auditor);
        let metrics = Arc::clone(&self.metrics);
        let gateway = Gateway::start_with(says_a_card(), move |settings| {
            settings.tapes = tapes;
            *settings = settings.clone().with_audit(auditor);
            settings.tapes = metrics.tapes(Arc::clone(&settings.tapes));
        })
        .await;
        playback(name, sound(1, 1_500), sound(2, 1_500))
            .play(&gateway.url(), |_| {})
            .await
            .unwrap();
        let record = RecordName::new(name).unwrap();
        eventually(Duration::from_secs(20), || {
            let found = self.vault.record(&record).ok()?;
            (found.state == State::Complete).then_some(())
        })
        .await;
        // Commands may record now.
        gateway.shutdown.cancel();
        gateway.server.await.unwrap();
        self.place(name, "Seoul", "cards", "a7").await;
    }

    /// Puts a call into the index.
    pub(crate) async fn place(&self, name: &str, site: &str, queue: &str, agent: &str) {
        let label = |text: &str| Some(Label::new(text).unwrap());
        let name = RecordName::new(name).unwrap();
        let call = IndexedCall {
            site: label(site),
            queue: label(queue),
            agent: label(agent),
            hidden_s: [("pan".to_owned(), 1.5), ("cvv".to_owned(), 0.5)].into(),
            alerts: [("distress".to_owned(), 1)].into(),
            ..IndexedCall::new(name, Timestamp::now(), State::Complete)
        };
        self.index.put(&call).await.unwrap();
    }

    /// What the audit log has of an action.
    pub(crate) fn entries(&self, action: Action) -> Vec<Line> {
        let mut lines = Vec::new();
        entries_of(&self.log.files(), &EntryFilter::default(), |line| {
            if line.entry.action == action {
                lines.push(line);
            }
            true
        })
        .unwrap();
        lines
    }
}

/// Requests by cookie.
pub(crate) fn by_cookie(secret: &str) -> String {
    format!("Cookie: __Host-hushgate_session={secret}\r\nX-Hushgate-Csrf: 1\r\n")
}

/// What a token of a role can have.
pub(crate) fn all_of(role: Role) -> Vec<Permission> {
    let may = |permission: &Permission| grant(role, *permission) != Grant::No;
    Permission::ALL.iter().copied().filter(may).collect()
}

/// Whose agent is `a7`.
pub(crate) fn agent() -> Scope {
    Scope {
        agent: Some("a7".into()),
        ..Scope::default()
    }
}

/// Who is limited to a site.
pub(crate) fn at(site: &str) -> Scope {
    Scope {
        sites: Some(BTreeSet::from([site.to_owned()])),
        ..Scope::default()
    }
}
