//! `hushgate erase`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::operator::OperatorArguments;
use super::orders::{self, Given, UNDER_WAY};
use super::shared::print;
use super::store_access::StoreArguments;
use crate::access::Permission;
use crate::audio::Span;
use crate::call::Leg;
use crate::call::note::reason;
use crate::gateway::erasing::CallTime;
use crate::gateway::retention::Order;
use crate::store::audit::{Actor, PublicKey};
use crate::store::documents::Id;
use crate::store::erasure::{Certificate, Erasures, Progress, Request, Stretch, Target};
use crate::store::vault::RecordName;

/// Erases calls, or stretches of them, for good: one person asks, another agrees, a certificate says what was done.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Request(RequestArguments),
    Approve(Approve),
    Reject(Reject),
    List(List),
    Certificate(CertificateArguments),
    CheckCertificate(CheckCertificate),
}

/// Asks for a call, all calls of a telephone number, or a stretch of a call to be erased.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate erase request --call CA123 --reason \"asked for by letter\" --config hushgate.toml
  hushgate erase request --number +15550100 --reason \"right to erasure\"
  hushgate erase request --call CA123 --from 1:23.5 --to 1:31 --leg customer --reason \"a password was said\"

Times are those of the call's report: seconds, or minutes and seconds. A stretch is silence in the recording and a
mask in the transcript afterwards; nothing brings it back.
Exit status: 0 asked for (and erased, where nobody else has to agree), 1 failed, 2 wrong usage.")]
struct RequestArguments {
    /// The call, as `recordings list` shows it.
    #[arg(long, value_name = "CALL", value_parser = RecordName::new, required_unless_present = "number")]
    call: Option<RecordName>,
    /// A telephone number: all calls from or to it.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["call", "from", "to", "leg"])]
    number: Option<String>,
    /// Where the stretch begins.
    #[arg(long, value_name = "TIME", requires = "to", requires = "call")]
    from: Option<CallTime>,
    /// Where it ends.
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<CallTime>,
    /// Whose audio alone.
    #[arg(long, value_enum, requires = "from")]
    leg: Option<Party>,
    /// Why, in words that the audit log keeps.
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Party {
    Agent,
    Customer,
}

/// Agrees to an erasure that somebody else asked for. With enough persons it is carried out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate erase approve erasure-abcdefghij --config hushgate.toml

What a legal hold is upon is left, and erased when that is released.
Exit status: 0 agreed to, 1 failed, 2 wrong usage.")]
struct Approve {
    /// The request, as `erase list` shows it.
    #[arg(value_name = "REQUEST", value_parser = Id::new)]
    request: Id,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// Ends a request for erasure that nothing was erased for.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate erase reject erasure-abcdefghij --reason \"asked for by mistake\" --config hushgate.toml

Exit status: 0 rejected, 1 failed, 2 wrong usage.")]
struct Reject {
    /// The request, as `erase list` shows it.
    #[arg(value_name = "REQUEST", value_parser = Id::new)]
    request: Id,
    /// Why, in words that the audit log keeps.
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// Shows the requests for erasure and how far each has come.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate erase list --config hushgate.toml
  hushgate erase list --json

Exit status: 0 listed, 1 failed, 2 wrong usage.")]
struct List {
    #[command(flatten)]
    store: StoreArguments,
}

/// Prints the signed certificate of an erasure that was carried out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate erase certificate erasure-abcdefghij --config hushgate.toml > certificate.json

Exit status: 0 printed, 1 there is none, 2 wrong usage.")]
struct CertificateArguments {
    /// The request, as `erase list` shows it.
    #[arg(value_name = "REQUEST", value_parser = Id::new)]
    request: Id,
    #[command(flatten)]
    store: StoreArguments,
}

/// Checks a certificate of erasure with nothing but a public key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate erase check-certificate certificate.json --public-key audit-public.pem

Exit status: 0 good, 1 not good or failed, 2 wrong usage.")]
struct CheckCertificate {
    /// The certificate.
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
    /// The public key (PEM) of the gateway's audit log.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Request(request) => request.run(),
        Command::Approve(approve) => approve.run(),
        Command::Reject(reject) => reject.run(),
        Command::List(list) => list.run(),
        Command::Certificate(certificate) => certificate.run(),
        Command::CheckCertificate(check) => check.run(),
    }
}

impl RequestArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        let actor = opened.permit(
            Permission::RequestErasure,
            self.call.as_ref(),
            Some(&self.operator),
        )?;
        let target = match (self.number, self.call, self.from, self.to) {
            (Some(number), ..) => Target::Subject {
                number: opened.number_hash(number)?,
            },
            (None, Some(call), Some(from), Some(to)) => {
                if from >= to {
                    bail!("--from, --to: nothing is between; expected --from before --to");
                }
                Target::Segment {
                    call: call.to_string(),
                    stretch: Stretch::new(
                        self.leg.map(|party| match party {
                            Party::Agent => Leg::Agent,
                            Party::Customer => Leg::Customer,
                        }),
                        Span::new(from.0, to.0),
                    ),
                }
            }
            (None, Some(call), ..) => Target::Call {
                call: call.to_string(),
            },
            (None, None, ..) => bail!("expected --call CALL or --number NUMBER"),
        };
        let order = Order::RequestErasure {
            target,
            reason: self.reason,
        };
        tell(self.store.json, opened.give(&actor, order)?)
    }
}

impl Approve {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        let actor = judge(&opened, &self.request, &self.operator)?;
        let order = Order::ApproveErasure {
            request: self.request,
        };
        tell(self.store.json, opened.give(&actor, order)?)
    }
}

impl Reject {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        let actor = judge(&opened, &self.request, &self.operator)?;
        let order = Order::RejectErasure {
            request: self.request,
            reason: self.reason,
        };
        tell(self.store.json, opened.give(&actor, order)?)
    }
}

/// Who agrees or does not, if they may for what is to be erased.
fn judge(
    opened: &orders::Opened,
    request: &Id,
    operator: &OperatorArguments,
) -> anyhow::Result<Actor> {
    let request = Erasures::of(opened.vault.path()).get(request)?;
    let call = request.target.call().map(RecordName::new).transpose()?;
    opened.permit(Permission::ApproveErasure, call.as_ref(), Some(operator))
}

fn tell(json: bool, given: Given) -> anyhow::Result<ExitCode> {
    match given {
        Given::Done(outcome) if json => print(&format!("{outcome:#}\n"))?,
        Given::Done(outcome) => {
            let request: Request = serde_json::from_value(outcome["request"].clone())?;
            print(&format!("{}\n", shown(&request)))?;
        }
        Given::UnderWay if json => print(&format!("{}\n", json!({ "under_way": true })))?,
        Given::UnderWay => print(&format!("{UNDER_WAY}\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A request and what came of it.
fn shown(request: &Request) -> String {
    let mut text = format!(
        "{}: {}; {}",
        request.id,
        request.target,
        request.progress.name()
    );
    match request.progress {
        Progress::Waiting => {
            text += ": somebody else has to agree to it (`hushgate erase approve`)"
        }
        Progress::Approved | Progress::Done => {
            text += &format!(": {} calls erased", request.done.len());
        }
        Progress::Rejected => {}
    }
    for left in &request.left {
        text += &format!("\n  {} is left: {}", left.call, left.why);
    }
    text
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        opened.permit(Permission::ReadErasures, None, None)?;
        let requests = Erasures::of(opened.vault.path()).all()?;
        if self.store.json {
            print(&format!("{:#}\n", json!({ "requests": requests })))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{:20} {:20} {:10} {:16} {:16} WHAT\n",
            "REQUEST", "ASKED", "PROGRESS", "BY", "AGREED"
        );
        for request in &requests {
            let agreed: Vec<&str> = request
                .approvals
                .iter()
                .map(|word| word.by.as_str())
                .collect();
            let asked = request.asked.at.strftime("%Y-%m-%dT%H:%M:%SZ");
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:20} {asked:20} {:10} {:16} {:16} {}",
                request.id.as_str(),
                request.progress.name(),
                request.asked.by,
                agreed.join(", "),
                request.target
            );
            for left in &request.left {
                let _ = writeln!(text, "  {} is left: {}", left.call, left.why);
            }
        }
        let _ = writeln!(text, "{} requests", requests.len());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl CertificateArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let opened = orders::open(&self.store)?;
        opened.permit(Permission::ReadErasures, None, None)?;
        let erasures = Erasures::of(opened.vault.path());
        let request = erasures.get(&self.request)?;
        if request.progress != Progress::Done {
            bail!(
                "{} is {}: there is a certificate when all of it was erased",
                request.id,
                request.progress.name()
            );
        }
        let certificate = erasures.certificate(&self.request).with_context(|| {
            format!(
                "{} was carried out without an audit log, whose key signs certificates; configure [audit]",
                request.id
            )
        })?;
        print(&certificate.to_json())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl CheckCertificate {
    fn run(self) -> anyhow::Result<ExitCode> {
        let file = self.certificate.display();
        let text = std::fs::read_to_string(&self.certificate)
            .with_context(|| format!("cannot read {file}"))?;
        let key = PublicKey::read(&self.public_key)?;
        let read = Certificate::parse(&text);
        let problem = match &read {
            Ok(certificate) => certificate.check(&key).err(),
            Err(problem) => Some(problem.clone()),
        };
        if self.json {
            print(&format!(
                "{}\n",
                json!({ "good": problem.is_none(), "problem": problem, "key": key.id() })
            ))?;
        } else if let (None, Ok(certificate)) = (&problem, &read) {
            let contents = &certificate.certificate;
            print(&format!(
                "{file}: good; {} of {} calls, asked for by {}, made {}; signed with key {}\n",
                contents.target,
                contents.done.len(),
                contents.asked.by,
                contents.made,
                certificate.key
            ))?;
        }
        match problem {
            None => Ok(ExitCode::SUCCESS),
            Some(_) if self.json => Ok(ExitCode::FAILURE),
            Some(problem) => bail!("{file}: {problem}"),
        }
    }
}
