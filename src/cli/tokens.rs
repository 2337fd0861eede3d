//! `hushgate tokens`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::shared::{note, print};
use super::users::{AccountArguments, ScopeArguments, places};
use crate::access::{Permission, Role, secret};
use crate::api::administration::{TOKEN_DAYS, check_token, token_changed};
use crate::store::accounts::NewToken;

/// Makes, lists and revokes the tokens of programs.
///
/// A program gives its token to the interface to records (Authorization: Bearer ...), a command in HUSHGATE_TOKEN.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Makes a token. Its secret is printed this once, and kept as a hash.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate tokens create prometheus --permission read_metrics --sign-in root
  hushgate tokens create officer --role compliance_officer --permission read_report --permission see_kinds \\
      --permission read_transcript --days 7 --sign-in root
  hushgate tokens create crm --permission list_recordings --site Seoul --sign-in root --json

docs/access.md lists the permissions, and which role may have which.
Exit status: 0 made, 1 failed, 2 wrong usage.")]
struct Create {
    /// What it is for; the audit log names it so.
    #[arg(value_name = "NAME")]
    name: String,
    /// In which role it acts.
    #[arg(long, value_name = "ROLE", default_value_t = Role::Service)]
    role: Role,
    /// What it may; repeatable.
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    permissions: Vec<Permission>,
    #[command(flatten)]
    scope: ScopeArguments,
    /// Days until it is worth nothing, 1 to 366.
    #[arg(long, value_name = "DAYS", default_value_t = TOKEN_DAYS)]
    days: u32,
    #[command(flatten)]
    account: AccountArguments,
}

/// Lists tokens, without their secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate tokens list --config hushgate.toml --sign-in root

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    #[command(flatten)]
    account: AccountArguments,
}

/// Makes a token worth nothing, at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate tokens revoke kfmaoeibgpcdlnhj --sign-in root

Exit status: 0 revoked, 1 failed, 2 wrong usage.")]
struct Revoke {
    /// Its id, as `tokens list` shows it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    account: AccountArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Create(create) => create.run(),
        Command::List(list) => list.run(),
        Command::Revoke(revoke) => revoke.run(),
    }
}

impl Create {
    fn run(self) -> anyhow::Result<ExitCode> {
        let permissions: BTreeSet<Permission> = self.permissions.into_iter().collect();
        check_token(&self.name, self.role, &permissions, self.days)
            .map_err(|wrong| anyhow!(wrong))?;
        let guard = self.account.guard()?;
        let scope = self.scope.scope(None);
        let actor = self
            .account
            .permit(&guard, Permission::ManageTokens, Some(&scope))?;
        let made = secret::token()?;
        let now = Timestamp::now();
        let token = NewToken {
            id: secret::public_id()?,
            secret: &made,
            name: self.name,
            role: self.role,
            scope,
            permissions,
            created_by: actor.name.clone(),
            expires: now + SignedDuration::from_hours(24 * i64::from(self.days)),
        };
        let record = token_changed(
            &token.id,
            &token.name,
            "made",
            token.role,
            &token.permissions,
        );
        guard.tell(record.by(actor))?;
        let token = guard
            .runtime
            .block_on(guard.accounts.add_token(token, now))?;
        if self.account.json {
            print(&format!(
                "{:#}\n",
                json!({ "secret": made.expose(), "token": token })
            ))?;
        } else {
            note("note: keep this; it is not shown again");
            print(&format!("{}\n", made.expose()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let guard = self.account.guard()?;
        self.account.permit(&guard, Permission::ListTokens, None)?;
        let tokens = guard.runtime.block_on(guard.accounts.tokens())?;
        if self.account.json {
            print(&format!("{:#}\n", json!({ "tokens": tokens })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let now = Timestamp::now();
        let mut text = format!(
            "{:18} {:20} {:19} {:8} {:20} MAY\n",
            "ID", "NAME", "ROLE", "STATE", "EXPIRES"
        );
        for token in &tokens {
            let state = match (token.revoked, token.is_good(now)) {
                (Some(_), _) => "revoked",
                (None, true) => "good",
                (None, false) => "expired",
            };
            let may: Vec<&str> = token
                .permissions
                .iter()
                .map(|permission| permission.name())
                .collect();
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:18} {:20} {:19} {state:8} {:20} {} ({})",
                token.id,
                token.name,
                token.role.name(),
                token.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                may.join(", "),
                places(&token.scope)
            );
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Revoke {
    fn run(self) -> anyhow::Result<ExitCode> {
        let guard = self.account.guard()?;
        let actor = self
            .account
            .permit(&guard, Permission::ManageTokens, None)?;
        let revoking = guard.accounts.revoke_token(&self.id, Timestamp::now());
        let token = guard.runtime.block_on(revoking)?;
        let record = token_changed(
            &token.id,
            &token.name,
            "revoked",
            token.role,
            &token.permissions,
        );
        guard.tell(record.by(actor))?;
        if self.account.json {
            print(&format!("{:#}\n", json!({ "token": token })))?;
        } else {
            print(&format!(
                "{} ({}) is worth nothing any more\n",
                token.id, token.name
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
