//! `hushgate bench`: what this machine can follow, measured.

mod calls;
mod machine;
mod speech;

use std::ops::Range;
use std::process::ExitCode;

use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  hushgate bench calls audio-samples             How many calls are followed at once
  hushgate bench speech audio-samples/pan_asked.wav    What recognising a window costs

Exit status: 0 measured, 1 failed, 2 wrong usage.";

/// Measures what this machine can follow.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Calls(calls::Arguments),
    Speech(speech::Arguments),
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Calls(arguments) => calls::run(arguments),
        Command::Speech(arguments) => speech::run(&arguments),
    }
}

/// The loudest stretch of so many samples: where somebody speaks.
fn loudest(samples: &[f32], length: usize) -> Range<usize> {
    let length = length.min(samples.len());
    let energy = |sample: &f32| f64::from(*sample) * f64::from(*sample);
    let mut sum: f64 = samples[..length].iter().map(energy).sum();
    let (mut most, mut start) = (sum, 0);
    for (index, (gone, come)) in samples.iter().zip(&samples[length..]).enumerate() {
        sum += energy(come) - energy(gone);
        if sum > most {
            (most, start) = (sum, index + 1);
        }
    }
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_stretch_is_found() {
        let mut samples = vec![0.01; 100];
        samples[40..50].fill(0.5);
        assert_eq!(loudest(&samples, 10), 40..50);
        assert_eq!(loudest(&samples, 1_000), 0..100);
        assert_eq!(loudest(&[], 10), 0..0);
    }
}
