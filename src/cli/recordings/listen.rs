//! `hushgate recordings listen`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::audio::wav_file::CallFile;
use crate::call::Leg;
use crate::cli::operator::OperatorArguments;
use crate::cli::shared::{note, print, recognisers, second_recognisers};
use crate::cli::store_access::{Action, Progress, StoreArguments};
use crate::config::{Config, Overrides};
use crate::egress::Report;
use crate::engine::Recogniser;
use crate::gateway::notes::LISTEN;
use crate::gateway::requests::{Asked, ask};
use crate::gateway::second_listener::{
    Findings, Known, Listener, SecondHearing, Sound, Verdict, examine, listen,
};
use crate::store::audit::{Actor, AuditLog};
use crate::store::vault::{RecordName, State, Vault, VaultError};

/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Listens to recordings again, as the gateway does in idle time, and redacts what is still heard.
///
/// A recording in which something sensitive is heard is locked away, redacted again, listened to once more and then
/// given free. With --dry-run, and of plain files, nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate recordings listen CA123 --config hushgate.toml
  hushgate recordings listen --all --dry-run
  hushgate recordings listen --file clean/CA123.wav      With its report CA123.json beside it, if there is one

Exit status: 0 nothing is heard any more, 1 failed or something still is, 2 wrong usage.")]
pub(super) struct Listen {
    /// The call, as `recordings list` shows it; repeatable.
    #[arg(value_name = "CALL", value_parser = RecordName::new, required_unless_present_any = ["all", "file"])]
    calls: Vec<RecordName>,
    /// Every recording that nobody has listened to again.
    #[arg(long, conflicts_with_all = ["calls", "file"])]
    all: bool,
    /// A recording outside of the store; repeatable.
    #[arg(long, value_name = "WAV", conflicts_with = "calls")]
    file: Vec<PathBuf>,
    /// Change nothing: only tell what is heard.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// What was heard in one recording.
struct Heard {
    name: String,
    outcome: Result<Outcome, anyhow::Error>,
}

enum Outcome {
    Kept(SecondHearing),
    /// Nothing was changed.
    Told(Findings),
}

impl Listen {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(self.store.config.as_deref(), Overrides::default())?;
        let stored = match self.file.is_empty() {
            true => Some(self.store.open_as(Action::Listen, Some(&self.operator))?),
            false => None,
        };
        let live = recognisers(&config)?;
        let factory = second_recognisers(&config, live)?;
        let mut recogniser = factory.create()?;
        let mut heard = Vec::new();
        if let Some((vault, actor)) = stored {
            let names = self.names(&vault)?;
            // Whoever may record may change what was recorded; a gateway that runs does it itself.
            let _changes = match vault.begin_recording() {
                _ if self.dry_run => None,
                Ok(recording) => Some(recording),
                Err(VaultError::InUse { .. }) => return self.ask(&vault, &names, actor),
                Err(error) => return Err(error.into()),
            };
            let log = self.log(&config)?;
            let progress = Progress::new("listening");
            for (done, name) in names.iter().enumerate() {
                progress.show(done as u64, names.len() as u64);
                heard.push(Heard {
                    name: name.to_string(),
                    outcome: self.one(
                        &vault,
                        name,
                        &config,
                        &mut *recogniser,
                        factory.model_sha256(),
                        log.as_ref(),
                    ),
                });
            }
            drop(progress);
            if let Some(log) = log {
                log.close();
            }
        } else {
            for file in &self.file {
                heard.push(Heard {
                    name: file.display().to_string(),
                    outcome: of_file(file, &config, &mut *recogniser).map(Outcome::Told),
                });
            }
        }
        self.tell(&heard)
    }

    fn names(&self, vault: &Vault) -> anyhow::Result<Vec<RecordName>> {
        if self.all {
            return Ok(vault.not_heard_again(usize::MAX)?);
        }
        for name in &self.calls {
            if vault.record(name)?.state == State::Open {
                bail!("{name}: is under way; it can be listened to once it is over");
            }
        }
        Ok(self.calls.clone())
    }

    /// The audit log, to be written.
    fn log(&self, config: &Config) -> anyhow::Result<Option<AuditLog>> {
        let Some(audit) = config.audit.as_ref().filter(|_| !self.dry_run) else {
            return Ok(None);
        };
        let opened = AuditLog::open(audit.settings())
            .context("the audit log cannot be written, and nothing was done")?;
        Ok(Some(opened.log))
    }

    /// Has the gateway that runs put them in its queue.
    fn ask(&self, vault: &Vault, names: &[RecordName], actor: Actor) -> anyhow::Result<ExitCode> {
        let order = json!({ "order": LISTEN, "calls": names });
        match ask(vault.path(), actor, order, PATIENCE)? {
            Asked::Answered(Ok(_)) | Asked::UnderWay => {}
            Asked::Answered(Err(problem)) => bail!("{problem}"),
            Asked::Ignored => bail!(
                "the process that records into the store did not answer; give --dry-run, or run this again when it \
                 has ended"
            ),
        }
        if self.store.json {
            print(&format!("{:#}\n", json!({ "queued": names })))?;
        } else {
            print(&format!(
                "{} recordings are in the queue of the gateway that runs; it listens when it has nothing else to do\n",
                names.len()
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn one(
        &self,
        vault: &Vault,
        name: &RecordName,
        config: &Config,
        recogniser: &mut dyn Recogniser,
        model_sha256: &str,
        log: Option<&AuditLog>,
    ) -> anyhow::Result<Outcome> {
        let mut waits = || true;
        if self.dry_run {
            let findings = crate::gateway::second_listener::only_listen(
                vault,
                name,
                &config.policy,
                recogniser,
                &mut waits,
            )?;
            return Ok(Outcome::Told(findings));
        }
        let mut tell = |record| {
            if let Some(log) = log {
                log.record(record);
            }
        };
        let mut listener = Listener {
            recogniser,
            model_sha256,
            policy: &config.policy,
            waits: &mut waits,
            tell: &mut tell,
        };
        examine(vault, name, &mut listener)?
            .map(Outcome::Kept)
            .context("it was not listened to")
    }

    fn tell(&self, heard: &[Heard]) -> anyhow::Result<ExitCode> {
        let mut all_good = true;
        let mut listed = Vec::new();
        let mut text = String::new();
        let (mut listened, mut with_something) = (0_usize, 0_usize);
        for heard in heard {
            let mut value = json!({ "call": heard.name });
            match &heard.outcome {
                Ok(outcome) => {
                    let (line, is_good, shown) = match outcome {
                        Outcome::Kept(kept) => (
                            told(kept),
                            kept.verdict != Verdict::Quarantined,
                            serde_json::to_value(kept)?,
                        ),
                        Outcome::Told(found) => (
                            told_findings(found),
                            found.still.is_empty(),
                            json!({
                                "still_heard": found.still,
                                "speech_s": found.speech_s,
                                "unintelligible_s": found.unintelligible_s,
                                "cpu_s": found.cpu_s,
                            }),
                        ),
                    };
                    listened += 1;
                    let something = match outcome {
                        Outcome::Kept(kept) => !kept.still_heard.is_empty(),
                        Outcome::Told(found) => !found.still.is_empty(),
                    };
                    with_something += usize::from(something);
                    all_good &= is_good;
                    value["heard"] = shown;
                    // Writing to a string does not fail.
                    let _ = writeln!(text, "{}: {line}", heard.name);
                }
                Err(error) => {
                    all_good = false;
                    value["error"] = Value::String(format!("{error:#}"));
                    note(&format!("{}: {error:#}", heard.name));
                }
            }
            listed.push(value);
        }
        let rate = if listened == 0 {
            0.0
        } else {
            with_something as f64 / listened as f64
        };
        if self.store.json {
            let value = json!({ "recordings": listed, "listened": listened, "still_heard": with_something, "rate": rate });
            print(&format!("{value:#}\n"))?;
        } else {
            let _ = writeln!(
                text,
                "{listened} recordings; something was still heard in {with_something}"
            );
            print(&text)?;
        }
        Ok(if all_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// An outcome in words.
pub(super) fn told(kept: &SecondHearing) -> String {
    let when = kept.listened_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let what = match kept.verdict {
        Verdict::Clean => "nothing sensitive is heard".to_owned(),
        Verdict::RedactedAgain => format!("{} was heard, and erased", kept.kinds().join(", ")),
        Verdict::Quarantined => {
            format!("{} IS STILL HEARD: in quarantine", kept.kinds().join(", "))
        }
    };
    format!("{what} ({when}, {:.1} s of speech)", kept.speech_s)
}

fn told_findings(found: &Findings) -> String {
    let mut text = if found.still.is_empty() {
        "nothing sensitive is heard".to_owned()
    } else {
        "still heard:".to_owned()
    };
    for still in &found.still {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n    {:8} {:7.1} to {:7.1} s  {} ({}, {:.2})",
            still.leg.name(),
            still.start,
            still.end,
            still.kind,
            still.reason,
            still.confidence
        );
    }
    text
}

/// Of a plain recording, with the report beside it.
fn of_file(
    file: &Path,
    config: &Config,
    recogniser: &mut dyn Recogniser,
) -> anyhow::Result<Findings> {
    let mut source = CallFile::open(file)?;
    let beside = file.with_extension("json");
    let known = if beside.exists() {
        let text =
            std::fs::read(&beside).with_context(|| format!("cannot read {}", beside.display()))?;
        let report: Report = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{}: is no report of hushgate; see docs/report.md",
                beside.display()
            )
        })?;
        Known::of(&report)
    } else {
        Known::default()
    };
    let sound = Sound {
        legs: Leg::of_channels(source.channels()).context("one or two legs are expected")?,
        rate: source.rate(),
    };
    listen(
        &mut source,
        sound,
        &known,
        &config.policy,
        recogniser,
        &mut || true,
    )?
    .context("it was not listened to")
}
