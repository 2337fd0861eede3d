//! From a configuration to an interface that is served.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::{Interface, Services, serve};
use crate::config::Config;
use crate::gateway::audit::Auditor;
use crate::gateway::live::Live;
use crate::gateway::policies::{Policies, PolicyInUse};
use crate::gateway::records;
use crate::gateway::retention::Custody;
use crate::gateway::tls::Tls;
use crate::store::accounts::Accounts;
use crate::store::database::Database;
use crate::store::index::Index;

/// Serves the interface that a configuration asks for, until the shutdown; `None` when it asks for none. Fails when the
/// address is taken, or what is needed cannot be opened.
pub async fn start(
    config: &Config,
    auditor: Option<Arc<Auditor>>,
    metrics: Arc<Metrics>,
    custody: Option<Arc<Custody>>,
    policies: PolicyInUse,
    live: Arc<Live>,
    shutdown: CancellationToken,
) -> anyhow::Result<Option<(SocketAddr, JoinHandle<()>)>> {
    let (Some(api), Some(access), Some(store)) = (&config.api, &config.access, &config.store)
    else {
        return Ok(None);
    };
    let database = Database::open(&store.database).await?;
    let accounts = Accounts::new(database.clone());
    if !accounts.has_users().await? && access.openid.is_none() {
        tracing::warn!(
            "nobody can sign in yet: make an admin with `hushgate users add NAME --role admin`"
        );
    }
    if auditor.is_none() {
        tracing::warn!("there is no [audit]: nobody will know who listened to what");
    }
    let interface = Interface::new(Services {
        vault: records::open(store)?,
        index: Index::new(database),
        accounts,
        access: access.clone(),
        log: config.audit.as_ref().map(|audit| audit.settings()),
        audit: auditor,
        metrics,
        custody,
        policies: Some(Arc::new(Policies::new(
            policies,
            config.policy_file.clone(),
            config.profile,
        ))),
        live,
        max_connections: api.max_connections,
        tls: api.tls.clone().map(Tls::load).transpose()?,
        rules: config.alerts.clone(),
        webhooks: config.webhooks.clone(),
        frame_ancestors: api.frame_ancestors.clone(),
    })?;
    let listener = TcpListener::bind(api.listen)
        .await
        .with_context(|| format!("api.listen: cannot listen on {}", api.listen))?;
    let address = listener.local_addr()?;
    let secure = api.tls.is_some();
    tracing::info!(at = %address, secure, "records are open to those who sign in");
    let serving = tokio::spawn(serve(listener, interface, shutdown));
    Ok(Some((address, serving)))
}
