//! One number of calls: a gateway of its own, the calls, and what was recorded of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, interval};

use super::super::loudest;
use super::super::machine::Machine;
use super::Arguments;
use super::figures::{Findings, Step, Used};
use super::load::{Load, Played};
use super::search;
use crate::audio::MediaTime;
use crate::call::CallId;
use crate::cli::eval::FillHeard;
use crate::cli::eval::labelled::LabelledCall;
use crate::cli::gateway_process::{GatewayProcess, Launch};
use crate::cli::shared::call_of;
use crate::config::doors::Protocol;
use crate::config::{Config, Door, MaxCalls, Overload};
use crate::egress::{Recording, refuse_output_over_input};
use crate::gateway::player::{Playback, Speed};
use crate::gateway::process;

/// How often the gateway's memory is looked at.
const GLANCE: Duration = Duration::from_millis(200);
/// Length of the call that each recogniser hears before the first that counts: what is made once is not
/// counted as a call's.
const WARM_UP: MediaTime = MediaTime::from_millis(4_000);
/// Files of this process beside a socket for each call.
const OTHER_FILES: usize = 128;

/// What all numbers of calls have in common.
pub(super) struct Bench {
    config: Config,
    labelled: Vec<LabelledCall>,
    /// The same, as they are played.
    sounds: Vec<Playback>,
    warm_up: Playback,
    length: Duration,
    fill: FillHeard,
    /// Where recordings stay, if they do.
    out: Option<PathBuf>,
}

impl Bench {
    /// Reads the calls and checks what can be checked before anything is played.
    pub(super) fn prepare(arguments: &Arguments) -> anyhow::Result<Self> {
        let mut config = arguments.shared.resolve()?;
        crate::model::resolve(&config.model)?;
        let policy_file = config.policy_file.as_deref().map(std::path::absolute);
        config.policy_file = policy_file.transpose()?;
        config.listen.set_ip([127, 0, 0, 1].into());
        config.tls = None;
        // What is measured is not to be in a log that counts.
        config.audit = None;
        config.overload = Overload::Refuse;
        config.doors = vec![Door::new(Protocol::Twilio)];
        config.max_calls = MaxCalls::Fixed(search::MOST);
        config.max_connections = 2 * search::MOST;

        let labelled = LabelledCall::find(&arguments.labels)?;
        let mut sounds = Vec::new();
        for call in &labelled {
            let file = call.audio();
            let id = call_of(Path::new(call.name()))?;
            sounds.push(Playback::from_file(file, id, Speed::Realtime)?);
            if call.channels().len() != 2 {
                bail!(
                    "{}: one channel; expected two, agent and customer",
                    file.display()
                );
            }
        }
        let warm_up = warm_up(&labelled, &sounds)?;
        let out = match &arguments.out {
            Some(out) => {
                refuse_output_over_input(out, &arguments.labels)?;
                let run = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
                Some(out.join(run))
            }
            None => None,
        };
        Ok(Self {
            config,
            labelled,
            sounds,
            warm_up,
            length: Duration::from_secs(arguments.seconds.into()),
            fill: arguments.fill,
            out,
        })
    }

    /// The findings before the first step.
    pub(super) fn nothing_yet(&self) -> Findings {
        Findings {
            machine: Machine::this(),
            version: env!("CARGO_PKG_VERSION"),
            model_sha256: String::new(),
            hold_s: self.config.hold.seconds(),
            workers: self.config.workers,
            seconds: self.length.as_secs_f64(),
            begin_over_s: self.load(1).begin_over().as_secs_f64(),
            labelled_calls: self.labelled.len(),
            steps: Vec::new(),
            capacity: 0,
            limit_found: false,
        }
    }

    fn load(&self, calls: usize) -> Load<'_> {
        Load {
            sounds: &self.sounds,
            calls,
            length: self.length,
        }
    }

    /// Plays so many calls at once to a new gateway and measures what came of them. Nothing of it stays unless
    /// it was asked for.
    pub(super) async fn step(&self, calls: usize, findings: &mut Findings) -> anyhow::Result<Step> {
        let wanted = u64::try_from(calls + OTHER_FILES)?;
        if process::allow_open_files(wanted)? < wanted {
            bail!("{calls} calls need {wanted} open files; see `ulimit -n`");
        }
        let own = tempfile::Builder::new()
            .prefix("hushgate-bench-")
            .tempdir()
            .context("a temporary folder")?;
        let folder = match &self.out {
            Some(out) => out.join(format!("calls-{calls}")),
            None => own.path().to_owned(),
        };
        let recordings = folder.join("recordings");
        std::fs::create_dir_all(&recordings).with_context(|| recordings.display().to_string())?;
        let config = own.path().join("hushgate.toml");
        std::fs::write(&config, self.config.to_toml())
            .with_context(|| config.display().to_string())?;

        let bar = progress(calls, self.load(calls));
        let mut gateway = GatewayProcess::start(Launch {
            recordings: Some(&recordings),
            config: Some(&config),
            model: None,
            log: Some(&folder.join("gateway.log")),
        })?;
        gateway.wait_until_ready().await?;
        self.warm_up(&mut gateway, &recordings).await?;

        let before = gateway.usage()?;
        let (played, peak) = self.play(self.load(calls), &mut gateway, &bar).await?;
        for call in played.iter().filter(|call| call.problem.is_none()) {
            gateway
                .wait_for(&recording(&recordings, &call.call))
                .await?;
        }
        let after = gateway.usage()?;
        gateway.end().await?;
        bar.finish_and_clear();

        let mut step = Step {
            calls,
            ..Step::default()
        };
        for call in &played {
            if let Some(problem) = &call.problem {
                step.problems.push(format!("{}: {problem}", call.call));
                continue;
            }
            let beginning = self.labelled[call.sound].until(call.length.seconds());
            match beginning.measure(&recording(&recordings, &call.call), self.fill) {
                Ok((measure, report)) => {
                    step.add(call, &measure, &report);
                    findings.model_sha256 = report.model_sha256;
                }
                Err(error) => step.problems.push(format!("{}: {error:#}", call.call)),
            }
        }
        let used = Used {
            before,
            after,
            peak,
        };
        Ok(step.finish(&played, used))
    }

    /// Has every recogniser hear something.
    async fn warm_up(&self, gateway: &mut GatewayProcess, recordings: &Path) -> anyhow::Result<()> {
        let ids = (1..=self.config.workers)
            .map(|number| CallId::new(&format!("warm-up-{number}")))
            .collect::<Result<Vec<_>, _>>()?;
        let url = gateway.url.clone();
        let calls = ids.iter().map(|id| {
            let playback = self.warm_up.as_call(id.clone(), WARM_UP);
            let url = &url;
            async move { playback.play(url, |_| {}).await }
        });
        futures_util::future::try_join_all(calls).await?;
        for id in &ids {
            let recording = recording(recordings, id);
            gateway.wait_for(&recording).await?;
            std::fs::remove_file(&recording.wav)?;
            std::fs::remove_file(&recording.json)?;
        }
        Ok(())
    }

    /// Plays the calls and looks after the gateway meanwhile; also returns the most memory it had, in bytes.
    async fn play(
        &self,
        load: Load<'_>,
        gateway: &mut GatewayProcess,
        bar: &ProgressBar,
    ) -> anyhow::Result<(Vec<Played>, u64)> {
        let url = gateway.url.clone();
        let (begun, mut peak) = (Instant::now(), 0);
        let mut glances = interval(GLANCE);
        let mut playing = std::pin::pin!(load.play(&url));
        loop {
            tokio::select! {
                played = &mut playing => {
                    // That it has ended explains why a call was not taken. Its sockets are gone a moment before
                    // it has.
                    for _ in 0..20 {
                        gateway.check()?;
                        if played.is_ok() {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    return Ok((played?, peak));
                }
                _ = glances.tick() => {
                    gateway.check()?;
                    peak = peak.max(gateway.usage()?.resident);
                    bar.set_position(begun.elapsed().as_secs());
                }
            }
        }
    }
}

/// Some speech, to be played before what counts.
fn warm_up(labelled: &[LabelledCall], sounds: &[Playback]) -> anyhow::Result<Playback> {
    let (Some(call), Some(sound)) = (labelled.first(), sounds.first()) else {
        bail!("no labelled calls");
    };
    let customer: Vec<f32> = call.channels()[1].iter().map(|&s| f32::from(s)).collect();
    let speech = loudest(&customer, (WARM_UP.seconds() * 8_000.0) as usize);
    Ok(Playback {
        agent: Vec::new(),
        customer: sound.customer[speech].to_vec(),
        speed: Speed::Max,
        ..sound.clone()
    })
}

/// Where a call's recording and report lie.
fn recording(folder: &Path, call: &CallId) -> Recording {
    Recording {
        wav: folder.join(format!("{call}.wav")),
        json: folder.join(format!("{call}.json")),
    }
}

/// A bar over the time of one step on standard error; nothing where that is no terminal.
fn progress(calls: usize, load: Load<'_>) -> ProgressBar {
    let length = load.begin_over() + load.length;
    let template = "{prefix} {wide_bar} {pos} of {len} s";
    ProgressBar::new(length.as_secs())
        .with_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
        .with_prefix(format!("{calls} at once"))
}
