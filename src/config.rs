//! From TOML text, environment and flags to a checked configuration.
//!
//! Precedence: flag, then `HUSHGATE_*` (clap reads both), then file, then default. A file's error names
//! the file, line and field, on one line. What the gateway does lives in TOML; how the process runs, in
//! flags. Paths in a file are relative to the file's folder, paths in flags to the working directory.
//!
//! Does not know what is in a policy file ([`crate::policy`] does) or in a model.

pub mod access;
pub mod alerts;
pub mod api;
pub mod audit;
pub mod control;
pub mod doors;
mod file;
mod named;
pub mod retention;
pub mod second_listener;
mod show;
pub mod store;
pub mod webhooks;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::MediaTime;
use crate::engine::Engine;
use crate::policy::{Policy, PolicyError, Profile};

pub use access::Access;
pub use api::Api;
pub use audit::Audit;
pub use doors::Door;
use file::{FileConfig, Source};
pub use second_listener::SecondListener;
use show::{quoted, quoted_path};

/// Hold, in seconds, unless told otherwise.
pub const DEFAULT_HOLD_SECONDS: f64 = 6.0;
/// Accepted holds in seconds: under 2 nothing is recognised in time, over 60 the memory is wasted.
pub const HOLD_SECONDS: std::ops::RangeInclusive<f64> = 2.0..=60.0;

/// Everything a command needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Delay between hearing and releasing; 2 to 60 seconds.
    pub hold: MediaTime,
    /// Up to which new calls' hold grows while recognition is short of time; `None`: it does not.
    pub longest_hold: Option<MediaTime>,
    /// What to hide.
    pub policy: Arc<Policy>,
    /// The file the policy came from; `None` is the built-in policy.
    pub policy_file: Option<PathBuf>,
    /// The profile asked for, before the policy's own.
    pub profile: Option<Profile>,
    /// Model name or path.
    pub model: String,
    /// The library that hears.
    pub engine: Engine,
    /// Recogniser threads, at least 1.
    pub workers: usize,
    /// Workers on the virtual clock of a replay, where unlike live one is the default, so that figures
    /// of different machines compare.
    pub virtual_workers: usize,
    /// Where `serve` listens.
    pub listen: SocketAddr,
    /// The server's certificate; without one connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// Where `serve` records, unless there is a store.
    pub recordings: PathBuf,
    /// Where `serve` records encrypted.
    pub store: Option<store::Store>,
    /// Connections `serve` keeps open at once, calls or not.
    pub max_connections: usize,
    /// Calls `serve` listens to at once.
    pub max_calls: MaxCalls,
    /// What becomes of further calls.
    pub overload: Overload,
    /// Where calls come in; at least one.
    pub doors: Vec<Door>,
    /// How the audit log is kept; `None`: none is.
    pub audit: Option<Audit>,
    /// How recordings in the store are listened to again.
    pub second_listener: SecondListener,
    /// How long calls are kept, and how they are erased.
    pub retention: retention::Retention,
    /// How people and programs prove who they are; `None`: whoever may read the files may run the commands.
    pub access: Option<Access>,
    /// Where they reach records; `None`: nowhere.
    pub api: Option<Api>,
    /// What raises alerts.
    pub alerts: crate::alert::Rules,
    /// Who is told of them.
    pub webhooks: Vec<webhooks::Webhook>,
}

/// How many calls are listened to at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxCalls {
    /// As many as recognition is seen to follow.
    #[default]
    Auto,
    /// This many, whether recognition follows or not.
    Fixed(usize),
}

impl std::str::FromStr for MaxCalls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(MaxCalls::Auto),
            _ => text
                .parse()
                .map(MaxCalls::Fixed)
                .map_err(|_| format!("{text:?} is neither a number nor \"auto\"")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for MaxCalls {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected a number of calls or \"auto\"")]
        enum Written {
            Number(usize),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(calls) => Ok(MaxCalls::Fixed(calls)),
            Written::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// What becomes of a call when as many are under way as can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overload {
    /// It is refused; what the platform does then is the platform's.
    #[default]
    Refuse,
    /// It is recorded with everything audible filled, and told as failed.
    BlankAll,
}

impl Overload {
    /// Its name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Overload::Refuse => "refuse",
            Overload::BlankAll => "blank_all",
        }
    }
}

/// The files of the server's identity, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, with those that lead to an authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of clients' certificates; `None` asks no client for one.
    pub client_authorities: Option<PathBuf>,
}

/// Values from flags and environment, which go before the file's.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Policy file.
    pub policy: Option<PathBuf>,
    /// Profile, before the policy file's own.
    pub profile: Option<Profile>,
    /// Model name or path.
    pub model: Option<String>,
    /// The library that hears.
    pub engine: Option<Engine>,
    /// Hold in seconds.
    pub hold_seconds: Option<f64>,
    /// Recogniser threads.
    pub workers: Option<usize>,
    /// Listening address.
    pub listen: Option<SocketAddr>,
    /// Recordings folder.
    pub recordings: Option<PathBuf>,
    /// Calls at once.
    pub max_calls: Option<MaxCalls>,
}

/// Why a configuration was refused; names the file, field and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A flag's value is outside its range or of the wrong form.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field or flag.
        field: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", one_line(&file.to_string_lossy()))]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file's text is not what was expected.
    #[error("{}:{line}: {problem}", one_line(&file.to_string_lossy()))]
    InFile {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The field, what is wrong and what was expected.
        problem: String,
    },
    /// The policy file was refused.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl Config {
    /// Reads the file if one is given, lays the overrides over it and checks the whole.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let (source, values) = match file {
            Some(path) => {
                let source = Source::read(path)?;
                let values = source.parse()?;
                (Some(source), values)
            }
            None => (None, FileConfig::default()),
        };
        Self::assemble(source.as_ref(), values, overrides)
    }

    /// The configuration of a text, as if it were the file `name` in the working directory.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let source = Source::new(PathBuf::from(name), text.to_owned());
        let values = source.parse()?;
        Self::assemble(Some(&source), values, Overrides::default())
    }

    fn assemble(
        source: Option<&Source>,
        mut values: FileConfig,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        let sections = values.take_retention();
        sections.check_store(source, values.store.is_some())?;
        let retention = retention::retention(source, sections)?;
        let FileConfig {
            server,
            speech,
            policy,
            doors,
            store,
            audit,
            second_listener,
            access,
            api,
            alert,
            webhook,
            ..
        } = values;
        let pick = Pick { source };

        let hold_seconds = pick
            .value("--hold", overrides.hold_seconds)
            .or_file("speech.hold_seconds", speech.hold_seconds)
            .or_default(DEFAULT_HOLD_SECONDS)
            .checked(|seconds| {
                (!HOLD_SECONDS.contains(seconds)).then(|| {
                    format!(
                        "{seconds} is out of range; expected {} to {} seconds",
                        HOLD_SECONDS.start(),
                        HOLD_SECONDS.end()
                    )
                })
            })?;
        let longest_hold = speech.hold_max_seconds.map(|longest| {
            pick.value("", None)
                .or_file("speech.hold_max_seconds", Some(longest))
                .or_default(hold_seconds)
                .checked(|seconds| {
                    (!(hold_seconds..=*HOLD_SECONDS.end()).contains(seconds)).then(|| {
                        format!(
                            "{seconds} is out of range; expected {hold_seconds} (the hold) to {} seconds",
                            HOLD_SECONDS.end()
                        )
                    })
                })
                .map(MediaTime::from_seconds)
        });
        let chosen = overrides.workers.is_some() || speech.workers.is_some();
        let workers = pick
            .value("--workers", overrides.workers)
            .or_file("speech.workers", speech.workers)
            .or_default(std::thread::available_parallelism().map_or(1, usize::from))
            .checked(|count| out_of(*count, 1, 256))?;
        let max_calls = pick
            .value("--max-calls", overrides.max_calls)
            .or_file("server.max_calls", server.max_calls)
            .or_default(MaxCalls::Auto)
            .checked(|calls| match calls {
                MaxCalls::Auto => None,
                MaxCalls::Fixed(count) => out_of(*count, 1, 10_000),
            })?;
        let overload = server.overload.unwrap_or_default();
        let max_connections = pick
            .value("", None)
            .or_file("server.max_connections", server.max_connections)
            .or_default(2_000)
            .checked(|count| out_of(*count, 1, 100_000))?;
        let model = pick
            .value("--model", overrides.model)
            .or_file("speech.model", speech.model)
            .or_default("tiny.en".into())
            .checked(|name| {
                name.is_empty()
                    .then(|| "is empty; expected a name or path".into())
            })?;
        let engine = overrides
            .engine
            .or(speech.engine.map(toml::Spanned::into_inner))
            .unwrap_or_default();
        let listen = pick
            .value("--listen", overrides.listen)
            .or_file("server.listen", server.listen)
            .or_default(SocketAddr::from(([127, 0, 0, 1], 8770)))
            .any();
        // The flag goes before the file.
        let store = match overrides.recordings {
            Some(_) => None,
            None => store::store(source, store)?,
        };
        if let (Some(_), Some(recordings), Some(source)) = (&store, &server.recordings, source) {
            let problem =
                "server.recordings: there is [store] too; expected one place for recordings";
            return Err(source.error(&recordings.span(), problem));
        }
        let recordings = pick
            .path(overrides.recordings, server.recordings)
            .unwrap_or_else(|| PathBuf::from("recordings"));
        let tls = server.tls.map(|tls| {
            let beside = |path: toml::Spanned<PathBuf>| {
                let path = path.into_inner();
                source.map_or(path.clone(), |source| source.beside(&path))
            };
            TlsFiles {
                certificate: beside(tls.certificate),
                key: beside(tls.key),
                client_authorities: tls.client_authorities.map(beside),
            }
        });
        let has_authorities = tls
            .as_ref()
            .is_some_and(|tls| tls.client_authorities.is_some());
        let doors = doors::doors(source, doors, has_authorities)?;
        let audit = audit
            .map(|section| audit::audit(source, section))
            .transpose()?;
        let second_listener = second_listener::second_listener(source, second_listener)?;
        let access = access::access(source, access)?;
        let api = api::api(source, api, access.as_ref(), store.as_ref())?;

        let alerts = alerts::rules(source, alert)?;
        let webhooks = webhooks::webhooks(source, webhook, store.as_ref())?;

        let policy_file = pick.path(overrides.policy, policy.file);
        let profile = overrides
            .profile
            .or(policy.profile.map(toml::Spanned::into_inner));
        Ok(Self {
            hold: MediaTime::from_seconds(hold_seconds),
            longest_hold: longest_hold.transpose()?,
            policy: Arc::new(load_policy(policy_file.as_deref(), profile)?),
            policy_file,
            profile,
            model,
            engine,
            workers,
            virtual_workers: if chosen { workers } else { 1 },
            listen,
            tls,
            recordings,
            store,
            max_connections,
            max_calls,
            overload,
            doors,
            audit,
            second_listener,
            retention,
            access,
            api,
            alerts,
            webhooks,
        })
    }
}

/// The policy of a file, or the built-in one, with the profile asked for.
fn load_policy(file: Option<&Path>, profile: Option<Profile>) -> Result<Policy, ConfigError> {
    let policy = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                file: path.to_owned(),
                source,
            })?;
            Policy::parse(&text, &one_line(&path.to_string_lossy()))?
        }
        None => Policy::default(),
    };
    Ok(profile.map_or_else(|| policy.clone(), |profile| policy.with_profile(profile)))
}

/// A text that came from a file, without what would begin a line of its own in a log or steer a terminal.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn out_of(count: usize, least: usize, most: usize) -> Option<String> {
    (!(least..=most).contains(&count))
        .then(|| format!("{count} is out of range; expected {least} to {most}"))
}

fn bad_path(path: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let taken = ["/healthz", "/readyz"].contains(&path);
    (!path.starts_with('/') || path.len() < 2 || !path.chars().all(plain) || taken).then(|| {
        format!(
            "{path:?} is not usable; expected a path such as \"/twilio\" that no other page has"
        )
    })
}

/// Chooses between flag, file and default, and remembers where a value came from.
#[derive(Clone, Copy)]
struct Pick<'a> {
    source: Option<&'a Source>,
}

impl<'a> Pick<'a> {
    fn value<T>(self, flag: &'static str, value: Option<T>) -> Choice<'a, T> {
        Choice {
            pick: self,
            name: flag,
            value: value.map(|value| (value, None)),
        }
    }

    fn path(
        self,
        flag: Option<PathBuf>,
        in_file: Option<toml::Spanned<PathBuf>>,
    ) -> Option<PathBuf> {
        flag.or_else(|| {
            let path = in_file?.into_inner();
            Some(
                self.source
                    .map_or(path.clone(), |source| source.beside(&path)),
            )
        })
    }
}

/// A value on its way through [`Pick`], with its byte range if it came from the file.
struct Choice<'a, T> {
    pick: Pick<'a>,
    name: &'static str,
    value: Option<(T, Option<std::ops::Range<usize>>)>,
}

impl<'a, T> Choice<'a, T> {
    fn or_file(mut self, field: &'static str, value: Option<toml::Spanned<T>>) -> Self {
        if let (None, Some(value)) = (&self.value, value) {
            let span = value.span();
            self.name = field;
            self.value = Some((value.into_inner(), Some(span)));
        }
        self
    }

    fn or_default(self, value: T) -> Chosen<'a, T> {
        let (value, span) = self.value.unwrap_or((value, None));
        Chosen {
            pick: self.pick,
            name: self.name,
            value,
            span,
        }
    }
}

/// A chosen value, to be checked.
struct Chosen<'a, T> {
    pick: Pick<'a>,
    name: &'static str,
    value: T,
    span: Option<std::ops::Range<usize>>,
}

impl<T> Chosen<'_, T> {
    fn any(self) -> T {
        self.value
    }

    /// The value, or an error with what `problem` says of it.
    fn checked(self, problem: impl FnOnce(&T) -> Option<String>) -> Result<T, ConfigError> {
        let Some(problem) = problem(&self.value) else {
            return Ok(self.value);
        };
        Err(match (self.pick.source, self.span) {
            (Some(source), Some(span)) => source.error(&span, &format!("{}: {problem}", self.name)),
            _ => ConfigError::Invalid {
                field: self.name.into(),
                problem,
            },
        })
    }
}

#[cfg(test)]
mod tests;
