//! `hushgate play`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::shared::{call_of, print, runtime};
use crate::call::CallId;
use crate::gateway::player::{Playback, Speed};

/// Plays a recording to a gateway, as Twilio would.
///
/// Channel 0 is the agent (Twilio's outbound track), channel 1 the customer (inbound). A file with one
/// channel is played as the customer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate play call.wav
  hushgate play call.wav --to ws://127.0.0.1:8770/twilio --call CA0001
  hushgate play call.wav --speed max --tracks inbound

Exit status: 0 the gateway took the whole call, 1 it did not, 2 wrong usage.")]
pub(super) struct Arguments {
    /// WAV file at 8 kHz with one or two channels.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The gateway's WebSocket address.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8770/twilio")]
    to: String,
    /// How fast to play.
    #[arg(long, value_enum, default_value = "realtime")]
    speed: SpeedArgument,
    /// The call's id; by default the file's name.
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Which tracks to play.
    #[arg(long, value_enum, default_value = "both")]
    tracks: Tracks,
    /// Print machine-readable JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SpeedArgument {
    /// A second in a second.
    Realtime,
    /// As fast as the gateway takes it, which is a second in a second after the first few.
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tracks {
    /// Agent and customer.
    Both,
    /// The customer alone.
    Inbound,
    /// The agent alone.
    Outbound,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let call = match &arguments.call {
        Some(id) => CallId::new(id).map_err(|error| anyhow::anyhow!("--call: {error}"))?,
        None => call_of(&arguments.file)?,
    };
    let speed = match arguments.speed {
        SpeedArgument::Realtime => Speed::Realtime,
        SpeedArgument::Max => Speed::Max,
    };
    let mut playback = Playback::from_file(&arguments.file, call, speed)?;
    match arguments.tracks {
        Tracks::Both => {}
        Tracks::Inbound => playback.agent.clear(),
        Tracks::Outbound => playback.customer.clear(),
    }
    if playback.agent.is_empty() && playback.customer.is_empty() {
        bail!(
            "{}: has no such track; --tracks outbound needs two channels",
            arguments.file.display()
        );
    }

    let bar = progress_bar(&playback);
    let runtime = runtime()?;
    let closed = runtime.block_on(playback.play(&arguments.to, |played| {
        bar.set_position(played.micros() / 1_000_000);
    }));
    bar.finish_and_clear();
    let closed = closed?;

    let seconds = playback.length().seconds();
    if arguments.json {
        let line = serde_json::json!({
            "call": playback.call,
            "seconds": seconds,
            "close_code": closed.code,
            "close_reason": closed.reason,
        });
        print(&format!("{line}\n"))?;
    } else {
        print(&format!("played {} ({seconds:.1} s)\n", playback.call))?;
    }
    match closed.code {
        Some(1_000) => Ok(ExitCode::SUCCESS),
        Some(code) => bail!("the gateway closed with {code}: {}", closed.reason),
        None => bail!("the gateway did not close the connection as it should"),
    }
}

fn progress_bar(playback: &Playback) -> ProgressBar {
    let seconds = playback.length().micros() / 1_000_000;
    let template = "{prefix} {wide_bar} {pos}/{len} s";
    ProgressBar::new(seconds)
        .with_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
        .with_prefix(playback.call.to_string())
}
