//! `hushgate demo`: a gateway of its own, three calls played to it as a telephone platform would, and a
//! look at what was recorded.
//!
//! Nothing is simulated: the gateway is another process, the calls go through its WebSocket door at the
//! pace they were spoken, and what is measured is read from the files it wrote.

mod dashboard;

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

use dashboard::Dashboard;

use super::eval::FillHeard;
use super::eval::labelled::{CallMeasure, LabelledCall};
use super::gateway_process::{GatewayProcess, Launch};
use super::shared::{print, runtime};
use super::timeline;
use crate::audio::MediaTime;
use crate::call::CallId;
use crate::gateway::player::{Playback, Speed};

/// The calls that are played: a card number, a whole payment, and a number that nobody must lose.
const CALLS: [&str; 3] = ["pan_asked", "amex_full", "benign_phone"];
/// Bytes of a WAV file's header and of one sample of two channels.
const HEADER: u64 = 44;
const FRAME: u64 = 4;

/// Plays three sample calls through a gateway and shows what is recorded of them.
///
/// Starts `hushgate serve` with its defaults on a free port of this machine, plays the calls to it as
/// they were spoken, shows what became of them, and takes recordings and reports out of its encrypted
/// store, to be listened to and read.
///
/// Meanwhile the calls can be watched in a browser, at the address and with the password that are printed. In a
/// terminal they go on, again and again, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate demo
  hushgate demo --once                            End when the calls have been shown
  hushgate demo --out /tmp/heard --call two_cards --call cvv_only

Exit status: 0 shown, 1 failed or something leaked, 2 wrong usage.")]
pub(super) struct Arguments {
    /// Folder of labelled sample calls.
    #[arg(long, value_name = "DIR", default_value = "audio-samples")]
    samples: PathBuf,
    /// Folder for what is recorded; each run gets a folder of its own in it.
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
    /// A call to play, by its file's name without .wav; may be given several times.
    #[arg(long = "call", value_name = "NAME")]
    calls: Vec<String>,
    /// Speech model, as for `serve`.
    #[arg(long, value_name = "NAME|PATH", env = "HUSHGATE_MODEL")]
    model: Option<String>,
    /// End when the calls have been shown, in a terminal too.
    #[arg(long)]
    once: bool,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// What is told of one call.
#[derive(Debug, Serialize)]
struct Shown {
    call: String,
    recording: PathBuf,
    report: PathBuf,
    /// From playing a sample to finding it in the recording, median.
    hold_s: Option<f64>,
    late_s: f64,
    failed_s: f64,
    #[serde(flatten)]
    measure: CallMeasure,
    #[serde(skip)]
    picture: String,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let calls = if arguments.calls.is_empty() {
        CALLS.map(str::to_owned).to_vec()
    } else {
        arguments.calls.clone()
    };
    let mut playbacks = Vec::new();
    for name in &calls {
        let id = CallId::new(name).map_err(|error| anyhow::anyhow!("--call {name}: {error}"))?;
        let file = arguments.samples.join(format!("{name}.wav"));
        playbacks.push(Playback::from_file(&file, id, Speed::Realtime)?);
    }
    let folder = arguments
        .out
        .join(jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string());
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    say(
        &arguments,
        "Starting a gateway and loading its speech model ...",
    )?;
    let runtime = runtime()?;
    let dashboard = runtime.block_on(Dashboard::prepare(&folder))?;
    let mut gateway = GatewayProcess::start(Launch {
        recordings: None,
        config: Some(&dashboard.config),
        model: arguments.model.as_deref(),
        log: None,
    })?;
    let watch = gateway.api.as_deref().map(|api| dashboard.told(api));
    let stays = !arguments.once && !arguments.json && std::io::stdout().is_terminal();
    let shown = runtime.block_on(async {
        gateway.wait_until_ready().await?;
        let seconds = playbacks
            .iter()
            .map(Playback::length)
            .max()
            .unwrap_or_default();
        let line = format!(
            "Playing {} calls at once to {}, as they were spoken: {:.0} s",
            playbacks.len(),
            gateway.url,
            seconds.seconds()
        );
        say(&arguments, &line)?;
        if let Some(watch) = &watch {
            say(&arguments, watch)?;
        }
        let holds = play(&gateway, &playbacks, &dashboard).await?;
        let recorded = Recorded {
            dashboard: &dashboard,
            folder: &folder,
            samples: &arguments.samples,
        };
        let shown = show(&mut gateway, &recorded, &playbacks, holds).await?;
        tell(&arguments, &folder, &shown)?;
        if stays {
            if let Some(watch) = &watch {
                say(&arguments, watch)?;
            }
            say(&arguments, "The calls go on. End with Ctrl-C.")?;
            go_on(&gateway, &playbacks).await?;
        }
        gateway.end().await?;
        anyhow::Ok(shown)
    })?;
    let leaked = shown.iter().any(|call| call.measure.digits_leaked > 0);
    Ok(if leaked {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Plays the calls again and again until Ctrl-C.
async fn go_on(gateway: &GatewayProcess, playbacks: &[Playback]) -> anyhow::Result<()> {
    let again = async {
        for round in 2.. {
            let playing = playbacks.iter().map(|playback| async move {
                let playback = Playback {
                    call: CallId::new(&format!("{}-{round}", playback.call))?,
                    ..playback.clone()
                };
                playback.play(&gateway.url, |_| {}).await?;
                anyhow::Ok(())
            });
            futures_util::future::try_join_all(playing).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        played = again => played,
        stopped = tokio::signal::ctrl_c() => Ok(stopped?),
    }
}

/// Plays all calls at once; returns how far each recording was behind, in seconds.
async fn play(
    gateway: &GatewayProcess,
    playbacks: &[Playback],
    dashboard: &Dashboard,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let bars = MultiProgress::new();
    let playing = playbacks.iter().map(|playback| {
        let bar = bars.add(progress_bar(playback));
        async move {
            let mut behind = Behind::default();
            let closed = playback
                .play(&gateway.url, |played| {
                    bar.set_position(played.micros() / 1_000);
                    behind.look(played, dashboard.recorded(&playback.call));
                })
                .await?;
            bar.finish();
            match closed.code {
                Some(1_000) => Ok(behind.seconds),
                _ => bail!("{}: the gateway closed with {closed:?}", playback.call),
            }
        }
    });
    futures_util::future::join_all(playing)
        .await
        .into_iter()
        .collect()
}

/// Follows how far a growing recording is behind what was played.
#[derive(Default)]
struct Behind {
    recorded: u64,
    seconds: Vec<f64>,
}

impl Behind {
    /// Notes the delay of the newest sample whenever the recording has grown.
    fn look(&mut self, played: MediaTime, length: u64) {
        let recorded = length.saturating_sub(HEADER) / FRAME;
        if recorded > self.recorded {
            self.recorded = recorded;
            self.seconds
                .push(played.seconds() - recorded as f64 / 8_000.0);
        }
    }

    fn median(mut seconds: Vec<f64>) -> Option<f64> {
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied()
    }
}

fn progress_bar(playback: &Playback) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>18} {wide_bar} {elapsed} of {msg}");
    let seconds = playback.length().micros() / 1_000_000;
    ProgressBar::new(playback.length().micros() / 1_000)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(playback.call.to_string())
        .with_message(format!("{seconds}s"))
}

/// Where recordings are, and what they are compared with.
struct Recorded<'a> {
    dashboard: &'a Dashboard,
    folder: &'a Path,
    samples: &'a Path,
}

async fn show(
    gateway: &mut GatewayProcess,
    recorded: &Recorded<'_>,
    playbacks: &[Playback],
    holds: Vec<Vec<f64>>,
) -> anyhow::Result<Vec<Shown>> {
    let mut shown = Vec::new();
    for (playback, hold) in playbacks.iter().zip(holds) {
        let name = playback.call.as_str();
        gateway
            .wait_until(|| recorded.dashboard.is_complete(&playback.call))
            .await
            .with_context(|| name.to_owned())?;
        let recording = recorded.dashboard.export(&playback.call, recorded.folder)?;
        let labelled = LabelledCall::read(&recorded.samples.join(format!("{name}.json")))?;
        let (measure, report) = labelled.measure(&recording, FillHeard::default())?;
        shown.push(Shown {
            call: name.to_owned(),
            hold_s: Behind::median(hold),
            late_s: report.totals.late_s,
            failed_s: report.totals.failed_s,
            picture: timeline::of_recording(&recording, timeline::Style::of_terminal())?,
            recording: recording.wav,
            report: recording.json,
            measure,
        });
    }
    Ok(shown)
}

fn tell(arguments: &Arguments, folder: &Path, shown: &[Shown]) -> anyhow::Result<()> {
    if arguments.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(shown)?));
    }
    let mut text = String::new();
    for call in shown {
        let hold = call
            .hold_s
            .map_or("?".to_owned(), |hold| format!("{hold:.2} s"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{}  leaked: {} of {} digits; benign numbers audible: {} of {}; benign speech blanked: \
             {:.1} of {:.1} s; measured hold: {hold}; late: {:.1} s; failed: {:.1} s\n  recording {}\n  \
             report    {}",
            call.picture,
            call.measure.digits_leaked,
            call.measure.digits,
            call.measure.benign_audible,
            call.measure.benign_numbers,
            call.measure.over_blanked_s,
            call.measure.benign_speech_s,
            call.late_s,
            call.failed_s,
            call.recording.display(),
            call.report.display(),
        );
    }
    let _ = writeln!(text, "\nListen to the recordings in {}.", folder.display());
    print(&text)
}

/// Tells what goes on, where somebody reads it.
fn say(arguments: &Arguments, line: &str) -> anyhow::Result<()> {
    if arguments.json && !std::io::stderr().is_terminal() {
        return Ok(());
    }
    super::shared::note(line);
    Ok(())
}
