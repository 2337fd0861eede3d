//! The HTTP interface to calls and records: signing in, calls under way, recordings, users and tokens, health and
//! metrics; and the pages that people use it with.
//!
//! ```text
//! connection -> headers, rate -> who is it? -> may they? (one table) -> handler -> audit log -> answer
//! ```
//!
//! Every route is a row of `routes::all`, which says what it takes; the guard before the handlers asks
//! [`crate::access::permits`], so that no handler is reached without. What depends on a call's place is asked again
//! where the call is known.
//!
//! **Architecture invariants:** nothing of a call leaves before the audit log has the entry that says who took it.
//! Nothing of a recording is on the disk in clear: it is opened piece by piece in memory. Secrets come in headers and
//! bodies, never in addresses, and are in no log.

pub(crate) mod administration;
pub mod alerts;
mod audio;
mod audit;
pub mod authentication;
mod calls;
mod custody;
pub mod description;
mod guard;
mod health;
mod live;
mod long;
pub mod metrics;
mod openid;
mod pages;
mod policies;
mod problem;
mod query;
mod recordings;
mod reports;
mod routes;
mod serve;
mod signing_in;
mod start;
mod trail;
pub(crate) mod webhooks;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

use crate::alert::Rules;
use crate::config::Access;
use crate::config::webhooks::Webhook;
use crate::gateway::audit::Auditor;
use crate::gateway::live::Live;
use crate::gateway::policies::Policies;
use crate::gateway::retention::Custody;
use crate::gateway::tls::Tls;
use crate::store::accounts::Accounts;
use crate::store::audit::LogSettings;
use crate::store::index::Index;
use crate::store::vault::Vault;
use audit::Played;
use authentication::SignIns;
use guard::Rates;
use live::OpenStreams;
use long::LongWork;
use metrics::Metrics;
use openid::OpenIdClient;

pub use routes::{Need, Route, all as routes};
pub use serve::serve;
pub use start::start;

/// What the interface is made of.
pub struct Services {
    /// Where recordings are.
    pub vault: Vault,
    /// What can be searched for.
    pub index: Index,
    /// Users, sessions and tokens.
    pub accounts: Accounts,
    /// How people sign in.
    pub access: Access,
    /// Writes what is done into the audit log, if one is kept.
    pub audit: Option<Arc<Auditor>>,
    /// Where that log is, for evidence.
    pub log: Option<LogSettings>,
    /// Looks after what is stored, in the process that records.
    pub custody: Option<Arc<Custody>>,
    /// The policy of new calls, in the process that takes them.
    pub policies: Option<Arc<Policies>>,
    /// What the gateway has counted.
    pub metrics: Arc<Metrics>,
    /// Calls under way.
    pub live: Arc<Live>,
    /// Connections open at once.
    pub max_connections: usize,
    /// Makes connections secure; `None` leaves them plain, for this machine alone.
    pub tls: Option<Tls>,
    /// The rules that raise alerts.
    pub rules: Rules,
    /// Who is told by webhooks.
    pub webhooks: Vec<Webhook>,
    /// Whose pages may show the agent's view in a frame.
    pub frame_ancestors: Vec<String>,
}

/// What all requests share.
pub(crate) struct Shared {
    services: Services,
    sign_ins: SignIns,
    openid: Option<OpenIdClient>,
    rates: Mutex<Rates>,
    played: Mutex<Played>,
    open: OpenStreams,
    long: LongWork,
}

/// Shared, as handlers have it.
type Api = Arc<Shared>;

/// The interface, to be served.
#[derive(Clone)]
pub struct Interface(Api);

impl Interface {
    /// Puts it together. Fails when the identity provider's settings cannot be used.
    pub fn new(services: Services) -> anyhow::Result<Self> {
        let openid = services
            .access
            .openid
            .as_ref()
            .map(OpenIdClient::new)
            .transpose()?;
        Ok(Self(Arc::new(Shared {
            sign_ins: SignIns::default(),
            openid,
            rates: Mutex::default(),
            long: LongWork::default(),
            played: Mutex::default(),
            open: OpenStreams::default(),
            services,
        })))
    }
}

impl Shared {
    fn idle(&self) -> SignedDuration {
        SignedDuration::from_mins(self.services.access.idle_minutes as i64)
    }
}

/// A lock that no panic makes unusable: what it holds are counts.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets half of what is known, the oldest first, where it has become too much.
fn make_room<K: Ord + Clone, V>(
    known: &mut BTreeMap<K, V>,
    most: usize,
    age: impl Fn(&V) -> tokio::time::Instant,
) {
    if known.len() < most {
        return;
    }
    let mut ages: Vec<_> = known
        .iter()
        .map(|(key, value)| (age(value), key.clone()))
        .collect();
    ages.sort();
    for (_, key) in ages.into_iter().take(most / 2) {
        known.remove(&key);
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);
