//! Who gives a command where nobody signs in: a name that they say, or the system's.

use std::os::unix::fs::MetadataExt;

use clap::Args;

use crate::store::audit::Actor;

/// Who gives the command.
#[derive(Debug, Clone, Args)]
pub(super) struct OperatorArguments {
    /// Your name, as the audit log is to have it [default: the system's user]. Where the configuration has `access` you
    /// are asked for your password; else a token in HUSHGATE_TOKEN says who you are.
    #[arg(long = "as", value_name = "NAME", value_parser = parse_name)]
    name: Option<String>,
}

fn parse_name(text: &str) -> Result<String, String> {
    crate::call::particulars::Label::new(text)
        .map(|name| name.as_str().to_owned())
        .map_err(|problem| problem.to_string())
}

impl OperatorArguments {
    /// The name that they say.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Who it is, for the audit log, where nobody signs in.
    pub(super) fn actor(&self) -> Actor {
        match &self.name {
            Some(name) => Actor::user(name),
            None => Actor::user(&system_user()),
        }
    }
}

/// The user that runs this process, as the system knows them.
fn system_user() -> String {
    let owner = std::fs::metadata("/proc/self").map(|process| process.uid().to_string());
    let uid = owner.unwrap_or_else(|_| "unknown".into());
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}
