//! The effective configuration as text: TOML that can be used as a file, and JSON.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::access::Access;
use super::api::Api;
use super::audit::Audit;
use super::control::Control;
use super::doors::{Authentication, Protocol};
use super::{Config, Door, MaxCalls};
use crate::audio::MediaTime;
use crate::engine::Engine;
use crate::policy::Profile;

impl Config {
    /// The configuration as a commented TOML file that means the same.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut line = |part: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{part}");
        };
        line(format_args!("[server]"));
        line(format_args!(
            "# Address and port; another than a loopback address needs --allow-unauthenticated."
        ));
        line(format_args!(
            "listen = {}",
            quoted(&self.listen.to_string())
        ));
        line(format_args!(
            "# Folder for CALL.wav and CALL.json; [store] is an encrypted one."
        ));
        line(format_args!(
            "{}recordings = {}",
            if self.store.is_some() { "# " } else { "" },
            quoted_path(&self.recordings)
        ));
        line(format_args!("# Connections open at once, calls or not."));
        line(format_args!("max_connections = {}", self.max_connections));
        line(format_args!(
            "# Calls at once that are listened to, or \"auto\": as many as recognition is seen to follow."
        ));
        line(format_args!(
            "max_calls = {}",
            max_calls_json(self.max_calls)
        ));
        line(format_args!(
            "# What becomes of further ones: refuse, or blank_all (recorded, everything audible filled)."
        ));
        line(format_args!("overload = {}", quoted(self.overload.name())));
        match &self.tls {
            None => line(format_args!(
                "# [server.tls] with certificate, key and client_authorities (PEM files) makes it wss."
            )),
            Some(tls) => {
                line(format_args!("\n[server.tls]"));
                line(format_args!(
                    "certificate = {}",
                    quoted_path(&tls.certificate)
                ));
                line(format_args!("key = {}", quoted_path(&tls.key)));
                if let Some(file) = &tls.client_authorities {
                    line(format_args!("client_authorities = {}", quoted_path(file)));
                }
            }
        }
        line(format_args!("\n[speech]"));
        line(format_args!(
            "# A name from `hushgate model list`, or a ggml whisper file."
        ));
        line(format_args!("model = {}", quoted(&self.model)));
        line(format_args!(
            "# The library that hears: {}.",
            Engine::BUILT
                .iter()
                .map(|engine| engine.name())
                .collect::<Vec<_>>()
                .join(" or ")
        ));
        line(format_args!("engine = {}", quoted(self.engine.name())));
        line(format_args!("# Recogniser threads."));
        line(format_args!("workers = {}", self.workers));
        line(format_args!(
            "# Seconds between hearing a sample and releasing it, 2 to 60."
        ));
        line(format_args!("hold_seconds = {:?}", self.hold.seconds()));
        line(format_args!(
            "# Up to which the hold of new calls grows while recognition is short of time; without it, never."
        ));
        match self.longest_hold {
            Some(longest) => line(format_args!("hold_max_seconds = {:?}", longest.seconds())),
            None => line(format_args!("# hold_max_seconds = 12.0")),
        }
        line(format_args!("\n[policy]"));
        line(format_args!("# Without a file the built-in policy holds."));
        match &self.policy_file {
            Some(file) => line(format_args!("file = {}", quoted_path(file))),
            None => line(format_args!("# file = \"policy.toml\"")),
        }
        line(format_args!(
            "# strict, balanced or lenient; without it the policy's own."
        ));
        match self.profile {
            Some(profile) => line(format_args!("profile = {}", quoted(profile_name(profile)))),
            None => line(format_args!(
                "# profile = {}",
                quoted(profile_name(self.policy.profile))
            )),
        }
        if let Some(store) = &self.store {
            for text in store.lines() {
                line(format_args!("{text}"));
            }
            for text in self.retention.lines() {
                line(format_args!("{text}"));
            }
        }
        for text in self.second_listener.lines() {
            line(format_args!("{text}"));
        }
        for door in &self.doors {
            for text in door_lines(door) {
                line(format_args!("{text}"));
            }
        }
        for text in Audit::lines(self.audit.as_ref())
            .into_iter()
            .chain(Access::lines(self.access.as_ref()))
            .chain(Api::lines(self.api.as_ref()))
        {
            line(format_args!("{text}"));
        }
        text.push_str(&super::alerts::text(&self.alerts));
        text.push_str(&super::webhooks::text(&self.webhooks));
        text
    }

    /// The configuration as JSON, with the sections and names of the file.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "server": {
                "listen": self.listen.to_string(),
                "recordings": self.recordings.to_string_lossy(),
                "max_connections": self.max_connections,
                "max_calls": max_calls_json(self.max_calls),
                "overload": self.overload.name(),
                "tls": self.tls.as_ref().map(|tls| json!({
                    "certificate": tls.certificate.to_string_lossy(),
                    "key": tls.key.to_string_lossy(),
                    "client_authorities": tls.client_authorities.as_ref().map(|file| file.to_string_lossy()),
                })),
            },
            "speech": {
                "model": self.model,
                "engine": self.engine.name(),
                "workers": self.workers,
                "hold_seconds": self.hold.seconds(),
                "hold_max_seconds": self.longest_hold.map(MediaTime::seconds),
            },
            "policy": {
                "file": self.policy_file.as_ref().map(|file| file.to_string_lossy()),
                "profile": profile_name(self.policy.profile),
                "version": self.policy.version(),
            },
            "store": self.store.as_ref().map(|store| store.to_json()),
            "doors": self
                .doors
                .iter()
                .map(|door| (door.name.clone(), door_json(door)))
                .collect::<serde_json::Map<_, _>>(),
            "audit": self.audit.as_ref().map(Audit::to_json),
            "second_listener": self.second_listener.to_json(),
            "retention": self.retention.policies_json(),
            "retention_run": self.retention.run_json(),
            "erasure": { "approvals": self.retention.approvals },
            "access": self.access.as_ref().map(Access::to_json),
            "api": self.api.as_ref().map(Api::to_json),
            "alert": super::alerts::json(self.alerts.all()),
            "webhook": super::webhooks::json(&self.webhooks),
        })
    }
}

/// As it is written, which is the same in TOML and in JSON.
fn max_calls_json(max_calls: MaxCalls) -> serde_json::Value {
    match max_calls {
        MaxCalls::Auto => "auto".into(),
        MaxCalls::Fixed(calls) => calls.into(),
    }
}

/// A door's section, line by line.
fn door_lines(door: &Door) -> Vec<String> {
    let mut lines = vec![
        format!("\n[doors.{}]", door.name),
        format!("# {}.", Protocol::ALL.map(Protocol::name).join(", ")),
        format!("protocol = {}", quoted(door.protocol.name())),
    ];
    for (field, value) in door.fields() {
        lines.push(format!("{field} = {value}"));
    }
    lines.push(
        "# What is so of calls that do not say otherwise; reports and searches go by it.".into(),
    );
    for (field, label) in door.usual() {
        lines.push(match label {
            Some(label) => format!("{field} = {}", quoted(label.as_str())),
            None => format!("# {field} = \"\""),
        });
    }
    lines.push("# Seconds that a connection may say nothing.".into());
    lines.push(format!("idle_seconds = {}", door.idle.as_secs()));
    lines.push("# Networks that may come in; none means all.".into());
    let networks: Vec<String> = door
        .networks
        .iter()
        .map(|network| quoted(&network.to_string()))
        .collect();
    lines.push(format!("networks = [{}]", networks.join(", ")));
    match &door.authentication {
        Some(authentication) => {
            lines.push(format!("[doors.{}.auth]", door.name));
            lines.extend(authentication_lines(authentication));
        }
        None => lines.push("# Who comes in is not asked for proof; see [doors.NAME.auth].".into()),
    }
    match &door.forward {
        Some(forward) => {
            lines.push(format!("[doors.{}.forward]", door.name));
            lines.push(format!("url = {}", quoted(&masked(&forward.url))));
            lines.push(format!("protocol = {}", quoted(forward.protocol.name())));
            lines.push("# Seconds of audio that are kept while the recorder is away.".into());
            lines.push(format!("buffer_seconds = {:?}", forward.buffer.seconds()));
            if let Some(file) = &forward.authorities {
                lines.push(format!("authorities = {}", quoted_path(file)));
            }
            if let Some(authentication) = &forward.authentication {
                lines.push(format!("[doors.{}.forward.auth]", door.name));
                lines.extend(authentication_lines(authentication));
            }
        }
        None => lines.push(
            "# Calls are recorded here alone; see [doors.NAME.forward] for a recorder behind."
                .into(),
        ),
    }
    if let Some(control) = &door.control {
        lines.push(control_section(&door.name, control));
    }
    lines
}

/// `[doors.NAME.control]` with the tables in it.
fn control_section(door: &str, control: &Control) -> String {
    let table = |name: &str, value: toml::Table| {
        toml::Table::from_iter([(name.to_owned(), toml::Value::Table(value))])
    };
    let door = table(door, table("control", control.written().clone()));
    table("doors", door).to_string().trim_end().to_owned()
}

fn authentication_lines(authentication: &Authentication) -> Vec<String> {
    let mut lines = Vec::new();
    lines.push(format!("kind = {}", quoted(authentication.name())));
    let secrets: Vec<String> = authentication
        .secrets()
        .iter()
        .map(|secret| quoted(secret.reference()))
        .collect();
    if let Authentication::AudiohookSignature { api_keys, .. } = authentication {
        let keys: Vec<String> = api_keys.iter().map(|key| quoted(key.reference())).collect();
        lines.push(format!("api_keys = [{}]", keys.join(", ")));
    }
    if !secrets.is_empty() {
        lines.push(format!("secrets = [{}]", secrets.join(", ")));
    }
    for (field, value) in authentication.settings() {
        lines.push(format!("{field} = {}", quoted(value)));
    }
    lines
}

fn authentication_json(authentication: Option<&Authentication>) -> serde_json::Value {
    let mut auth = serde_json::Map::new();
    if let Some(authentication) = authentication {
        let secrets = authentication
            .secrets()
            .iter()
            .map(|secret| secret.reference());
        auth.insert("kind".into(), authentication.name().into());
        auth.insert("secrets".into(), secrets.collect::<Vec<_>>().into());
        for (field, value) in authentication.settings() {
            auth.insert(field.into(), value.into());
        }
        if let Authentication::AudiohookSignature { api_keys, .. } = authentication {
            let keys = api_keys.iter().map(|key| key.reference());
            auth.insert("api_keys".into(), keys.collect::<Vec<_>>().into());
        }
    }
    if auth.is_empty() {
        serde_json::Value::Null
    } else {
        auth.into()
    }
}

fn door_json(door: &Door) -> serde_json::Value {
    json!({
        "protocol": door.protocol.name(),
        "settings": door
            .fields()
            .into_iter()
            .map(|(field, value)| (field.to_owned(), value.to_string().trim_matches('"').into()))
            .collect::<serde_json::Map<_, _>>(),
        "usual": door
            .usual()
            .into_iter()
            .filter_map(|(field, label)| Some((field.to_owned(), label?.as_str().into())))
            .collect::<serde_json::Map<_, _>>(),
        "idle_seconds": door.idle.as_secs(),
        "networks": door.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "auth": authentication_json(door.authentication.as_ref()),
        "forward": door.forward.as_ref().map(|forward| json!({
            "url": masked(&forward.url),
            "protocol": forward.protocol.name(),
            "buffer_seconds": forward.buffer.seconds(),
            "authorities": forward.authorities.as_ref().map(|file| file.to_string_lossy()),
            "auth": authentication_json(forward.authentication.as_ref()),
        })),
        "control": door.control.as_ref().map(|control| json!(control.written())),
    })
}

/// An address without what may be a secret in it: the user's part and the query.
fn masked(url: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, _)) => (base, "?..."),
        None => (url, ""),
    };
    let Some((scheme, rest)) = base.split_once("://") else {
        return format!("{base}{query}");
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://...@{host}{path}{query}"),
        None => format!("{base}{query}"),
    }
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(super) fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Strict => "strict",
        Profile::Balanced => "balanced",
        Profile::Lenient => "lenient",
    }
}
