//! `hushgate detect`.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::detect::text::find_in_text;
use crate::policy::{Policy, Profile};

/// Finds sensitive data in the text of a conversation.
///
/// Reads lines such as `agent: ...` and `customer: ...` and prints one JSON object a line for each
/// sensitive stretch: line, start and end as UTF-8 byte offsets in the whole input, leg, kind, rule,
/// reason and confidence. Values are never printed. A line without a speaker belongs to leg `mixed`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  printf 'agent: what is the security code?\\ncustomer: one two three\\n' | hushgate detect
  {\"line\":2,\"start\":44,\"end\":57,\"leg\":\"customer\",\"kind\":\"cvv\",...}")]
pub(super) struct Arguments {
    /// Text to read; standard input when it is left out or `-`.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Policy file (TOML): which kinds are looked for, and kinds of your own.
    #[arg(long, value_name = "FILE", env = "HUSHGATE_POLICY")]
    policy: Option<PathBuf>,
    /// How eager to be: strict, balanced or lenient.
    #[arg(long, value_name = "NAME", env = "HUSHGATE_PROFILE", value_parser = super::shared::parse_profile)]
    profile: Option<Profile>,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let policy = policy(&arguments)?;
    let (name, mut source): (String, Box<dyn Read>) = match &arguments.file {
        Some(path) if path.as_os_str() != "-" => {
            let file = File::open(path)
                .with_context(|| format!("{}: cannot be opened", path.display()))?;
            (path.display().to_string(), Box::new(file))
        }
        _ => ("standard input".into(), Box::new(std::io::stdin().lock())),
    };
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    source
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name}: cannot be read"))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        anyhow::anyhow!(
            "{name}: expected UTF-8 text; byte {} is not",
            error.valid_up_to()
        )
    })?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for finding in find_in_text(text, &policy) {
        serde_json::to_writer(&mut out, &finding)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn policy(arguments: &Arguments) -> anyhow::Result<Policy> {
    let policy = match &arguments.policy {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{}: cannot be read", path.display()))?;
            Policy::parse(&text, &path.display().to_string())?
        }
        None => Policy::default(),
    };
    Ok(match arguments.profile {
        Some(profile) => policy.with_profile(profile),
        None => policy,
    })
}
