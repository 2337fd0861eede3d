//! `hushgate serve`.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::shared::{SharedArguments, print, recognisers, runtime, second_recognisers};
use crate::api::metrics::Metrics;
use crate::config::store::Store;
use crate::config::{Config, MaxCalls, Overrides};
use crate::engine::pool::{Pool, PoolSettings};
use crate::gateway::alerting::Alerting;
use crate::gateway::archiving::Archiver;
use crate::gateway::audit::Auditor;
use crate::gateway::notes::{Listens, Notes};
use crate::gateway::requests::Desk;
use crate::gateway::retention::{Calls, Custody, IndexCalls};
use crate::gateway::second_listener::{self, SecondListener};
use crate::gateway::serve::{Server, Settings};
use crate::gateway::{Transcriber, process, records, supervise};
use crate::store::audit::KeyFiles;
use crate::telemetry::logs::{self, LogFormat};

/// How long recognisers may take to end what they are at when the server stops.
const WORKERS_END: Duration = Duration::from_secs(10);

/// Listens for live calls and records them clean.
///
/// Calls come through the doors that the configuration names: Twilio Media Streams at /twilio unless it
/// says otherwise. Each is recorded into CALLSID.wav, which grows
/// while the call runs, and CALLSID.json, which comes last; or, where the configuration names a store,
/// encrypted into that. /healthz says that the process runs,
/// /readyz whether it can take calls.
///
/// By default the server runs in a process of its own that is restarted if it is killed or aborts. The
/// port stays open meanwhile. SIGTERM and Ctrl-C stop accepting, end the calls, finish their recordings
/// and exit.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate serve
  hushgate serve --config hushgate.toml --listen 127.0.0.1:9000 --recordings /var/lib/hushgate
  hushgate serve --no-supervise --log-format json      In a container or under systemd

Environment: HUSHGATE_LOG (or RUST_LOG) sets the log level, such as `info` or `debug`.
Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.")]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", env = "HUSHGATE_LISTEN")]
    listen: Option<SocketAddr>,
    /// Folder for recordings in clear, in place of the store that the configuration names; made if it does not exist.
    #[arg(long, value_name = "DIR", env = "HUSHGATE_RECORDINGS")]
    recordings: Option<PathBuf>,
    /// Calls listened to at once, or `auto`: as many as recognition is seen to follow. Further ones get HTTP 503.
    #[arg(long, value_name = "COUNT|auto", env = "HUSHGATE_MAX_CALLS")]
    max_calls: Option<MaxCalls>,
    /// Doors that may be open to anybody on an address that other machines reach, by name.
    #[arg(long, value_name = "DOOR", value_delimiter = ',')]
    allow_unauthenticated: Vec<String>,
    /// Run in this process; something else restarts it.
    #[arg(long)]
    no_supervise: bool,
    /// The form of log lines on standard error.
    #[arg(long, value_enum, default_value_t, env = "HUSHGATE_LOG_FORMAT")]
    log_format: LogFormat,
    /// Serve the socket that is standard input.
    #[arg(long, hide = true, conflicts_with = "no_supervise")]
    supervised: bool,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    logs::start(arguments.log_format)?;
    process::hide_panic_messages();
    process::forbid_core_dumps().context("core dumps cannot be switched off")?;
    process::survive_file_size_limit().context("SIGXFSZ cannot be blocked")?;
    let config = arguments.shared.resolve_with(Overrides {
        listen: arguments.listen,
        recordings: arguments.recordings.clone(),
        max_calls: arguments.max_calls,
        ..Overrides::default()
    })?;
    refuse_unguarded_doors(&config, &arguments.allow_unauthenticated)?;
    let settings = Settings::from_config(&config)?;
    settings.tapes.check()?;

    if arguments.supervised {
        process::end_with_parent().context("cannot follow the supervisor")?;
        return serve(
            config,
            settings,
            supervise::inherited_listener()?,
            &arguments,
        );
    }
    let listener = TcpListener::bind(config.listen)
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    if arguments.no_supervise {
        return serve(config, settings, listener, &arguments);
    }
    supervised(listener)
}

/// Other machines must not reach a door that lets anybody in, unless it is named.
fn refuse_unguarded_doors(config: &Config, allowed: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = allowed
        .iter()
        .find(|name| config.doors.iter().all(|door| door.name != **name))
    {
        let names: Vec<&str> = config.doors.iter().map(|door| door.name.as_str()).collect();
        bail!(
            "--allow-unauthenticated {unknown}: there is no such door; the doors are {}",
            names.join(", ")
        );
    }
    for door in &config.doors {
        let (what, listen) = if door.has_own_socket() {
            (format!("doors.{}.listen", door.name), door.listen)
        } else {
            ("--listen".into(), config.listen)
        };
        if !door.is_unguarded() || listen.ip().is_loopback() || allowed.contains(&door.name) {
            continue;
        }
        bail!(
            "{what} {listen}: other machines reach this address, and the door {name} asks for no proof; give it \
             [doors.{name}.auth] or networks, listen on 127.0.0.1 behind a proxy that authenticates, or give \
             --allow-unauthenticated {name}",
            name = door.name,
        );
    }
    Ok(())
}

/// Keeps a child process serving the socket.
fn supervised(listener: TcpListener) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("cannot find this program's file")?;
    let runtime = runtime()?;
    let status = runtime.block_on(supervise::supervise(listener, || {
        let mut command = std::process::Command::new(&program);
        command
            .args(std::env::args_os().skip(1))
            .arg("--supervised");
        command
    }))?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

/// Serves a socket in this process.
fn serve(
    config: Config,
    settings: Settings,
    listener: TcpListener,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    // Here and not before: the supervisor writes nothing.
    let auditor = Auditor::open(&config)?;
    let settings = match &auditor {
        Some(auditor) => settings.with_audit(Arc::clone(auditor)),
        None => settings,
    };
    let metrics = Arc::new(Metrics::default());
    let settings = Settings {
        tapes: metrics.tapes(Arc::clone(&settings.tapes)),
        ..settings
    };
    let second = config
        .store
        .as_ref()
        .filter(|_| config.second_listener.enabled && arguments.recordings.is_none())
        .map(|store| {
            let vault = records::open_beside(store, config.audit.as_ref())?;
            anyhow::Ok((SecondListener::new(), vault))
        })
        .transpose()?;
    let alerting = Alerting::new(&config, Some(Arc::clone(&metrics)));
    let settings = match &alerting {
        Some(alerting) => Settings {
            tapes: alerting.tapes(Arc::clone(&settings.tapes)),
            ..settings
        },
        None => settings,
    };
    // Outermost: what is in the log of a recording is told before anybody changes it.
    let settings = match &second {
        Some((listener, _)) => Settings {
            tapes: listener.tapes(Arc::clone(&settings.tapes)),
            ..settings
        },
        None => settings,
    };
    settings.tapes.begin()?;
    let archiver = match &config.store {
        Some(store) if arguments.recordings.is_none() => archiver(store, &metrics)?,
        _ => None,
    };
    let live = Arc::clone(&settings.live);
    raise_open_files(config.max_connections);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let custody_shutdown = CancellationToken::new();
        let hearer = second.as_ref().map(|(hearer, _)| Arc::clone(hearer));
        let calls: Option<Arc<dyn Calls>> = match &config.store {
            Some(store) => Some(Arc::new(IndexCalls::open(store).await?)),
            None => None,
        };
        let custody = custody(
            &config,
            calls.clone(),
            auditor.as_deref(),
            hearer.clone(),
            custody_shutdown.clone(),
        )?;
        let alerted = match &alerting {
            Some(alerting) => Some(tokio::spawn(alerting.open(custody_shutdown.clone()).await?)),
            None => None,
        };
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let in_use = settings.policy.clone();
        let (mut server, engine) = Server::new(listener, settings, shutdown.clone());
        server.open_doors().await?;
        let address = server.address()?;
        let own_places = server.own_addresses();
        stop_on_signals(shutdown.clone())?;

        let interface = crate::api::start(
            &config,
            auditor.clone(),
            Arc::clone(&metrics),
            custody.as_ref().map(|(custody, _)| Arc::clone(custody)),
            in_use.clone(),
            live,
            shutdown.clone(),
        )
        .await?;
        let serving = tokio::spawn(server.run());
        let custody = custody.map(|(_, looks_after)| tokio::spawn(looks_after));
        tracing::info!(pid = std::process::id(), "listening on {address}");
        for door in &config.doors {
            let place = own_places
                .iter()
                .find(|(name, _)| *name == door.name)
                .map_or(door.path.clone(), |(_, address)| address.to_string());
            let proof = match &door.authentication {
                Some(authentication) => authentication.name(),
                None if door.is_unguarded() => "none",
                None => "networks",
            };
            let protocol = door.protocol.name();
            tracing::info!(door = door.name, protocol, at = place, proof, "open");
        }
        if arguments.shared.json {
            let line = json!({
                "event": "listening",
                "address": address.to_string(),
                "path": config.doors.first().map(|door| &door.path),
                "doors": config.doors.iter().map(|door| {
                    let own = own_places.iter().find(|(name, _)| *name == door.name);
                    json!({
                        "name": door.name,
                        "protocol": door.protocol.name(),
                        "path": own.is_none().then_some(&door.path),
                        "address": own.map(|(_, address)| address.to_string()),
                    })
                }).collect::<Vec<_>>(),
                "api": interface.as_ref().map(|(address, _)| address.to_string()),
                "pid": std::process::id(),
            });
            print(&format!("{line}\n"))?;
        }
        let log = auditor.as_ref().map(|auditor| auditor.log().clone());
        let loading = tokio::task::spawn_blocking(move || {
            let factory = recognisers(&config)?;
            let settings = PoolSettings {
                workers: config.workers,
                ..PoolSettings::default()
            };
            let pool = Arc::new(Pool::start(Arc::clone(&factory), settings));
            let listens = second
                .zip(calls)
                .map(|((listener, vault), calls)| {
                    listener
                        .start(second_listener::Settings {
                            vault,
                            policy: in_use,
                            recognisers: second_recognisers(&config, factory)?,
                            live: Arc::clone(&pool) as Arc<dyn Transcriber>,
                            most_busy: f64::from(config.second_listener.most_busy_percent) / 100.0,
                            log,
                            calls,
                            alerting,
                        })
                        .context("the second listener cannot be started")
                })
                .transpose()?;
            anyhow::Ok((pool, listens))
        });
        let loaded = tokio::select! {
            loaded = loading => Some(loaded.context("loading the model failed")??),
            () = shutdown.cancelled() => None,
        };
        let (pool, listens) = loaded.map_or((None, None), |(pool, listens)| (Some(pool), listens));
        if let Some(pool) = &pool {
            if let Some(auditor) = &auditor {
                auditor.model_loaded(pool.model_sha256());
            }
            let waiting = Arc::clone(pool);
            metrics.watch_queue(move || waiting.health().waiting);
            let pool = Arc::clone(pool) as Arc<dyn Transcriber>;
            engine.try_out_and_install(pool).await;
            tracing::info!("ready for calls");
        }
        serving.await.context("the server failed")?;
        if let (Some(hearer), Some(listens)) = (hearer, listens) {
            hearer.stop();
            let ended = tokio::task::spawn_blocking(move || listens.join());
            if tokio::time::timeout(WORKERS_END, ended).await.is_err() {
                tracing::warn!("the second listener did not end");
            }
        }
        if let Some((_, interface)) = interface {
            interface.await.context("the interface to records failed")?;
        }
        if let Some(pool) = pool {
            // Ending while the speech library calculates may crash it; its work is of no use any more.
            let ended = tokio::task::spawn_blocking(move || pool.close_and_wait(WORKERS_END));
            if !ended.await.unwrap_or(false) {
                tracing::warn!("a recogniser did not end");
            }
        }
        if let Some(archiver) = archiver {
            archiver.stop().await;
        }
        custody_shutdown.cancel();
        if let Some(custody) = custody {
            custody.await.context("looking after the store failed")?;
        }
        if let Some(alerted) = alerted {
            alerted.await.context("keeping alerts failed")?;
        }
        if let Some(auditor) = auditor {
            let stopped = tokio::task::spawn_blocking(move || auditor.stop());
            stopped.await.context("the audit log was not closed")?;
        }
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    })
}

/// Puts what is recorded into the object store, where there is one.
fn archiver(store: &Store, metrics: &Arc<Metrics>) -> anyhow::Result<Option<Archiver>> {
    let Some(archive) = &store.archive else {
        return Ok(None);
    };
    let vault = records::open(store)?;
    let archiver = Archiver::start(vault, archive.keep_local, Arc::clone(metrics));
    Ok(Some(
        archiver.context("there is no thread for the object store")?,
    ))
}

/// Looks after what is stored, where there is a store: by its schedule, and at the request of commands.
fn custody(
    config: &Config,
    calls: Option<Arc<dyn Calls>>,
    auditor: Option<&Auditor>,
    listener: Option<Arc<SecondListener>>,
    shutdown: CancellationToken,
) -> anyhow::Result<Option<(Arc<Custody>, impl Future<Output = ()> + Send + use<>)>> {
    let (Some(store), Some(calls)) = (&config.store, calls) else {
        return Ok(None);
    };
    let log = auditor
        .zip(config.audit.as_ref())
        .map(|(auditor, audit)| (auditor.log().clone(), KeyFiles::new(&audit.keys)));
    let vault = records::open(store)?;
    let custody = Custody::new(
        vault,
        calls,
        log,
        config.retention.clone(),
        shutdown.clone(),
    );
    let notes = Notes(auditor.map(|auditor| auditor.log().clone()));
    let mut desk = Desk::default()
        .with(Arc::new(Arc::clone(&custody)))
        .with(Arc::new(notes));
    if let Some(listener) = listener {
        desk = desk.with(Arc::new(Listens(listener)));
    }
    let store = store.path.clone();
    let keeps = Arc::clone(&custody);
    Ok(Some((custody, async move {
        tokio::join!(desk.attend(store, shutdown), keeps.keep_schedule());
    })))
}

fn raise_open_files(max_connections: usize) {
    // A call has a socket and two files, and one more when it is long; the rest of the process has a few dozen.
    let wanted = (max_connections as u64) * 4 + 128;
    match process::allow_open_files(wanted) {
        Ok(limit) if limit < wanted => {
            tracing::warn!(limit, wanted, "few open files are allowed; see `ulimit -n`");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}

fn stop_on_signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new calls, finishing the recordings of live ones");
        shutdown.cancel();
    });
    Ok(())
}
