//! The effective configuration as text: TOML that can be used as a file, and JSON.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::Config;
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
        line(format_args!("# Folder for CALL.wav and CALL.json."));
        line(format_args!(
            "recordings = {}",
            quoted_path(&self.recordings)
        ));
        line(format_args!("# Connections open at once, calls or not."));
        line(format_args!("max_connections = {}", self.max_connections));
        line(format_args!(
            "# Calls at once; further ones are refused with HTTP 503."
        ));
        line(format_args!("max_calls = {}", self.max_calls));
        line(format_args!("\n[speech]"));
        line(format_args!(
            "# A name from `hushgate model list`, or a ggml whisper file."
        ));
        line(format_args!("model = {}", quoted(&self.model)));
        line(format_args!("# Recogniser threads."));
        line(format_args!("workers = {}", self.workers));
        line(format_args!(
            "# Seconds between hearing a sample and releasing it, 2 to 60."
        ));
        line(format_args!("hold_seconds = {:?}", self.hold.seconds()));
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
        line(format_args!("\n[doors.twilio]"));
        line(format_args!("# URL path of the WebSocket."));
        line(format_args!("path = {}", quoted(&self.twilio.path)));
        line(format_args!(
            "# Who is heard on the outbound track: \"agent\" or \"customer\"."
        ));
        line(format_args!(
            "outbound = {}",
            quoted(self.twilio.outbound.name())
        ));
        text
    }

    /// The configuration as JSON, with the sections and names of the file.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "server": {
                "listen": self.listen.to_string(),
                "recordings": self.recordings.to_string_lossy(),
                "max_connections": self.max_connections,
                "max_calls": self.max_calls,
            },
            "speech": {
                "model": self.model,
                "workers": self.workers,
                "hold_seconds": self.hold.seconds(),
            },
            "policy": {
                "file": self.policy_file.as_ref().map(|file| file.to_string_lossy()),
                "profile": profile_name(self.policy.profile),
                "version": self.policy.version(),
            },
            "doors": {
                "twilio": {
                    "path": self.twilio.path,
                    "outbound": self.twilio.outbound.name(),
                },
            },
        })
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Strict => "strict",
        Profile::Balanced => "balanced",
        Profile::Lenient => "lenient",
    }
}
