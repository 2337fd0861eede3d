//! Who gives a command, until they sign in: a name that they say, or the system's. The one place where it is found.

use std::os::unix::fs::MetadataExt;

use clap::Args;

use crate::store::audit::Actor;

/// Who gives the command.
#[derive(Debug, Clone, Args)]
pub(super) struct OperatorArguments {
    /// Your name, as the audit log is to have it [default: the system's user].
    #[arg(long = "as", value_name = "NAME", value_parser = parse_name)]
    name: Option<String>,
}

fn parse_name(text: &str) -> Result<String, String> {
    crate::call::particulars::Label::new(text)
        .map(|name| name.as_str().to_owned())
        .map_err(|problem| problem.to_string())
}

impl OperatorArguments {
    /// Who it is, for the audit log.
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
