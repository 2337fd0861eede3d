//! `hushgate users`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::shared::{note, print};
use super::store_access::guard::{Guard, TOKEN, actor, system_user};
use super::store_access::password;
use crate::access::{Permission, Role, Scope, UserName};
use crate::api::administration::{scope_problem, user_changed};
use crate::call::particulars::Label;
use crate::store::accounts::{Change, NewUser, User};
use crate::store::audit::Actor;

/// Makes, lists and changes the users of records.
///
/// They sign in where the configuration has an interface to records (`api`); see docs/access.md.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Add),
    List(List),
    SetRole(SetRole),
    SetPassword(SetPassword),
    Disable(Disable),
    Enable(Enable),
}

/// Arguments of every command about users and tokens.
#[derive(Debug, Clone, Args)]
pub(super) struct AccountArguments {
    /// Configuration file (TOML) with `access` and `store`.
    #[arg(long, value_name = "FILE", env = "HUSHGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Who runs this, proved by the password; without it the token in HUSHGATE_TOKEN says who.
    #[arg(long, value_name = "USER")]
    sign_in: Option<UserName>,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    pub(super) json: bool,
}

/// Where somebody may.
#[derive(Debug, Clone, Args)]
pub(super) struct ScopeArguments {
    /// A site whose calls they may see; repeatable [default: all].
    #[arg(long = "site", value_name = "SITE", value_parser = label)]
    sites: Vec<String>,
    /// A queue whose calls they may see; repeatable [default: all].
    #[arg(long = "queue", value_name = "QUEUE", value_parser = label)]
    queues: Vec<String>,
}

pub(super) fn label(text: &str) -> Result<String, String> {
    match Label::new(text) {
        Ok(label) => Ok(label.as_str().to_owned()),
        Err(wrong) => Err(wrong.to_string()),
    }
}

impl ScopeArguments {
    pub(super) fn scope(&self, agent: Option<String>) -> Scope {
        let places = |names: &[String]| -> Option<BTreeSet<String>> {
            (!names.is_empty()).then(|| names.iter().cloned().collect())
        };
        Scope {
            sites: places(&self.sites),
            queues: places(&self.queues),
            agent,
        }
    }
}

/// Makes a user. The password is asked for on the terminal, or is the next line of standard input.
///
/// The first user is an admin, and nobody has to prove who makes that one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate users add root --role admin --config hushgate.toml
  hushgate users add kim --role supervisor --site Seoul --queue cards --sign-in root
  HUSHGATE_TOKEN=... hushgate users add a7 --role agent --agent a7

A password has 12 characters or more, letters and digits.
Exit status: 0 made, 1 failed, 2 wrong usage.")]
struct Add {
    /// The name to sign in with.
    #[arg(value_name = "NAME")]
    name: UserName,
    /// agent, supervisor, compliance_officer, auditor or admin.
    #[arg(long, value_name = "ROLE")]
    role: Role,
    #[command(flatten)]
    scope: ScopeArguments,
    /// Their name in the contact centre: of these calls they are the agent.
    #[arg(long, value_name = "AGENT", value_parser = label)]
    agent: Option<String>,
    #[command(flatten)]
    account: AccountArguments,
}

/// Lists users, their roles and places.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate users list --config hushgate.toml --sign-in root

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    #[command(flatten)]
    account: AccountArguments,
}

/// Gives a user another role, and other places. Ends their sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate users set-role kim compliance_officer --sign-in root
  hushgate users set-role kim supervisor --site Busan --sign-in root      Other places too
  hushgate users set-role kim supervisor --everywhere --sign-in root

Exit status: 0 changed, 1 failed, 2 wrong usage.")]
struct SetRole {
    /// The user.
    #[arg(value_name = "NAME")]
    name: UserName,
    /// agent, supervisor, compliance_officer, auditor or admin.
    #[arg(value_name = "ROLE")]
    role: Role,
    #[command(flatten)]
    scope: ScopeArguments,
    /// They may see calls of all sites and queues.
    #[arg(long, conflicts_with_all = ["sites", "queues"])]
    everywhere: bool,
    /// Their name in the contact centre.
    #[arg(long, value_name = "AGENT", value_parser = label)]
    agent: Option<String>,
    #[command(flatten)]
    account: AccountArguments,
}

/// Gives a user another password, from the terminal or standard input. Ends their sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate users set-password kim --sign-in root
  printf '%s\\n' \"$PASSWORD\" | HUSHGATE_TOKEN=... hushgate users set-password kim

Exit status: 0 changed, 1 failed, 2 wrong usage.")]
struct SetPassword {
    /// The user.
    #[arg(value_name = "NAME")]
    name: UserName,
    #[command(flatten)]
    account: AccountArguments,
}

/// Has a user not sign in any more. Ends their sessions. What they did stays in the audit log under their name.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate users disable kim --sign-in root

Exit status: 0 disabled, 1 failed, 2 wrong usage.")]
struct Disable {
    /// The user.
    #[arg(value_name = "NAME")]
    name: UserName,
    #[command(flatten)]
    account: AccountArguments,
}

/// Lets a disabled user sign in again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate users enable kim --sign-in root

Exit status: 0 enabled, 1 failed, 2 wrong usage.")]
struct Enable {
    /// The user.
    #[arg(value_name = "NAME")]
    name: UserName,
    #[command(flatten)]
    account: AccountArguments,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Add(add) => add.run(),
        Command::List(list) => list.run(),
        Command::SetRole(set) => {
            let scope = match (&set.scope, set.everywhere, set.agent) {
                (_, true, agent) => Some(Scope {
                    agent,
                    ..Scope::default()
                }),
                (scope, false, agent)
                    if agent.is_some() || !scope.sites.is_empty() || !scope.queues.is_empty() =>
                {
                    Some(scope.scope(agent))
                }
                _ => None,
            };
            let change = Change {
                role: Some(set.role),
                scope,
                ..Change::default()
            };
            change_user(&set.account, &set.name, "role", change)
        }
        Command::SetPassword(set) => set.run(),
        Command::Disable(Disable { name, account }) => {
            let change = Change {
                disabled: Some(true),
                ..Change::default()
            };
            change_user(&account, &name, "disabled", change)
        }
        Command::Enable(Enable { name, account }) => {
            let change = Change {
                disabled: Some(false),
                ..Change::default()
            };
            change_user(&account, &name, "enabled", change)
        }
    }
}

impl AccountArguments {
    /// The accounts that the configuration names.
    pub(super) fn guard(&self) -> anyhow::Result<Guard> {
        let file = self
            .config
            .as_deref()
            .context("expected --config FILE (or HUSHGATE_CONFIG) with [access] and [store]")?;
        Guard::open(file)?.with_context(|| {
            format!(
                "{}: has no [access]; without it nobody signs in",
                file.display()
            )
        })
    }

    /// Whom the audit log names, if they may do this.
    pub(super) fn permit(
        &self,
        guard: &Guard,
        permission: Permission,
        scope: Option<&Scope>,
    ) -> anyhow::Result<Actor> {
        let identity = match &self.sign_in {
            Some(name) => guard.sign_in(name)?,
            None => guard
                .identify()
                .with_context(|| format!("give --sign-in USER, or a token in {TOKEN}"))?,
        };
        guard.permit(&identity, &[permission], None)?;
        if scope.is_some_and(|scope| !scope.lies_in(&identity.scope)) {
            bail!(
                "{} may give nobody more places than they have themselves",
                identity.name
            );
        }
        Ok(actor(&identity))
    }
}

impl Add {
    fn run(self) -> anyhow::Result<ExitCode> {
        if self.role == Role::Service {
            bail!(
                "--role service: is for programs, which have tokens; see `hushgate tokens create`"
            );
        }
        let guard = self.account.guard()?;
        let scope = self.scope.scope(self.agent);
        if let Some(wrong) = scope_problem(&scope) {
            bail!("--site, --queue, --agent: {wrong}");
        }
        let actor = if guard.runtime.block_on(guard.accounts.has_users())? {
            self.account
                .permit(&guard, Permission::ManageUsers, Some(&scope))?
        } else if self.role == Role::Admin && !scope.is_limited() {
            note(
                "note: this is the first user, whom anybody may make who can read the configuration",
            );
            Actor::user(&system_user())
        } else {
            bail!("there is no user yet; the first is an admin of all sites: --role admin");
        };
        if guard
            .runtime
            .block_on(guard.accounts.user(&self.name))?
            .is_some()
        {
            bail!("there is a user {} already", self.name);
        }
        let password = password::ask_new(&format!("new password of {}", self.name))?;
        crate::access::password::check(&self.name, &password)?;
        let hash = crate::access::password::hash(&password)?;
        guard.tell(user_changed(&self.name, "made", self.role, &scope).by(actor))?;
        let user = NewUser {
            name: self.name,
            role: self.role,
            scope,
            password: Some(hash),
        };
        let adding = guard.accounts.add(user, Timestamp::now());
        let made = guard.runtime.block_on(adding)?;
        show(&made, self.account.json)
    }
}

impl SetPassword {
    fn run(self) -> anyhow::Result<ExitCode> {
        let guard = self.account.guard()?;
        let actor = self.account.permit(&guard, Permission::ManageUsers, None)?;
        let password = password::ask_new(&format!("new password of {}", self.name))?;
        crate::access::password::check(&self.name, &password)?;
        let change = Change {
            password: Some(crate::access::password::hash(&password)?),
            ..Change::default()
        };
        apply(
            &guard,
            &self.name,
            "password",
            change,
            actor,
            self.account.json,
        )
    }
}

fn change_user(
    account: &AccountArguments,
    name: &UserName,
    what: &str,
    change: Change,
) -> anyhow::Result<ExitCode> {
    if change.role == Some(Role::Service) {
        bail!("service: is for programs, which have tokens; see `hushgate tokens create`");
    }
    let guard = account.guard()?;
    let actor = account.permit(&guard, Permission::ManageUsers, change.scope.as_ref())?;
    apply(&guard, name, what, change, actor, account.json)
}

fn apply(
    guard: &Guard,
    name: &UserName,
    what: &str,
    change: Change,
    actor: Actor,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let found = guard.runtime.block_on(guard.accounts.user(name))?;
    let before = found.with_context(|| format!("there is no user {name}"))?;
    let role = change.role.unwrap_or(before.role);
    let scope = change.scope.clone().unwrap_or(before.scope);
    let record = user_changed(name, what, role, &scope)
        .by(actor)
        .with_name("role_before", before.role);
    guard.tell(record)?;
    let changing = guard.accounts.change(name, change, Timestamp::now());
    let changed = guard.runtime.block_on(changing)?;
    show(&changed, json)
}

fn show(user: &User, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print(&format!("{:#}\n", json!({ "user": user })))?;
    } else {
        print(&format!("{}\n", line(user)))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let guard = self.account.guard()?;
        self.account.permit(&guard, Permission::ListUsers, None)?;
        let users = guard.runtime.block_on(guard.accounts.users())?;
        if self.account.json {
            print(&format!("{:#}\n", json!({ "users": users })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!("{:24} {:19} {:9} PLACES\n", "NAME", "ROLE", "STATE");
        for user in &users {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", line(user));
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn line(user: &User) -> String {
    let state = match (user.disabled, user.has_password) {
        (true, _) => "disabled",
        (false, true) => "active",
        (false, false) => "no password",
    };
    format!(
        "{:24} {:19} {state:9} {}",
        user.name.as_str(),
        user.role.name(),
        places(&user.scope)
    )
}

/// Where somebody may, in words.
pub(super) fn places(scope: &Scope) -> String {
    let list = |what: &str, places: &Option<BTreeSet<String>>| {
        let places = places.as_ref()?;
        let names: Vec<&str> = places.iter().map(String::as_str).collect();
        Some(format!("{what} {}", names.join(", ")))
    };
    let agent = scope.agent.as_ref().map(|agent| format!("agent {agent}"));
    let parts: Vec<String> = [
        list("sites", &scope.sites),
        list("queues", &scope.queues),
        agent,
    ]
    .into_iter()
    .flatten()
    .collect();
    match parts.is_empty() {
        true => "everywhere".into(),
        false => parts.join("; "),
    }
}
