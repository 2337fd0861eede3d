//! The command line: one file for each command, shared arguments, exit codes.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod alerts;
mod audit;
mod backup;
mod bench;
mod config;
mod demo;
mod detect;
mod doctor;
mod erase;
mod eval;
mod gateway_process;
mod hold;
mod keys;
mod model;
mod model_verify;
mod operator;
mod orders;
mod play;
mod recordings;
mod replay;
mod report;
mod restore;
mod retention;
mod serve;
mod shared;
mod store_access;
mod timeline;
mod tokens;
mod users;
mod webhooks;

pub use shared::SharedArguments;

const AFTER_HELP: &str = "\
Examples:
  hushgate serve                                 Listen on 127.0.0.1:8770 for Twilio Media Streams
  hushgate play call.wav                         Play a recording to it, as Twilio would
  hushgate replay call.wav --out clean           Clean a recording without a server
  hushgate doctor                                Check this machine
  hushgate bench calls audio-samples             Find out how many calls it follows at once

Exit status: 0 done, 1 failed, 2 wrong usage.";

/// Keeps card numbers and other spoken secrets out of call recordings, live.
#[derive(Debug, Parser)]
#[command(
    name = "hushgate",
    version,
    about,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Demo(demo::Arguments),
    Replay(replay::Arguments),
    Play(play::Arguments),
    Eval(eval::Arguments),
    Detect(detect::Arguments),
    Model(model::Arguments),
    Config(config::Arguments),
    Recordings(recordings::Arguments),
    Report(report::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Keys(keys::Arguments),
    Retention(retention::Arguments),
    Hold(hold::Arguments),
    Erase(erase::Arguments),
    Users(users::Arguments),
    Tokens(tokens::Arguments),
    Alerts(alerts::Arguments),
    Webhooks(webhooks::Arguments),
    Audit(audit::Arguments),
    Doctor(doctor::Arguments),
    Bench(bench::Arguments),
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    #[cfg(feature = "ctranslate2")]
    crate::engine::vectors::use_widest();
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Play(arguments) => play::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Detect(arguments) => detect::run(arguments),
        Command::Model(arguments) => model::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Recordings(arguments) => recordings::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Backup(arguments) => backup::run(arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Keys(arguments) => keys::run(arguments),
        Command::Retention(arguments) => retention::run(arguments),
        Command::Hold(arguments) => hold::run(arguments),
        Command::Erase(arguments) => erase::run(arguments),
        Command::Users(arguments) => users::run(arguments),
        Command::Tokens(arguments) => tokens::run(arguments),
        Command::Alerts(arguments) => alerts::run(arguments),
        Command::Webhooks(arguments) => webhooks::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            shared::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
