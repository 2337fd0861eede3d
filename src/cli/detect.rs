//! `hushgate detect`.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use crate::detect::text::{TextFinding, TextSearch};
use crate::policy::{Policy, Profile};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Finds sensitive data in the text of a conversation.
///
/// Reads lines such as `agent: ...` and `customer: ...` and prints one JSON object a line for each
/// sensitive stretch: line, start and end as UTF-8 byte offsets in the whole input, leg, kind, rule,
/// reason and confidence. Values are never printed. A line without a speaker belongs to leg `mixed`.
/// Text of any length is read piece by piece; findings follow the text by at most some 25,000 words.
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
    let mut out = BufWriter::new(std::io::stdout().lock());
    match search(&mut source, &name, &policy, &mut out) {
        // Whoever reads the findings has seen enough.
        Err(error) if is_closed(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

/// Whether the output's reader is gone.
fn is_closed(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Searches a text as it is read; of a long one only a part is held.
fn search(
    source: &mut impl Read,
    name: &str,
    policy: &Policy,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut print = |findings: Vec<TextFinding>| -> anyhow::Result<()> {
        if findings.is_empty() {
            return Ok(());
        }
        for finding in findings {
            writeln!(out, "{}", serde_json::to_string(&finding)?)?;
        }
        Ok(out.flush()?)
    };
    let mut search = TextSearch::new(policy);
    let mut buffer = Zeroizing::new(vec![0; PIECE]);
    // What is in the buffer, and what was searched before it, in bytes and line feeds.
    let (mut held, mut offset, mut lines) = (0, 0, 0);
    loop {
        let read = match source.read(&mut buffer[held..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.with_context(|| format!("{name}: cannot be read"))?,
        };
        held += read;
        let (text, bad) = utf8_part(&buffer[..held]);
        let valid = text.len();
        print(search.push(text))?;
        lines += text.matches('\n').count();
        offset += valid;
        // A character may be cut at the end of what was read so far.
        if bad || (read == 0 && valid < held) {
            bail!(
                "{name}: line {}: byte {offset} is not UTF-8; convert the text to UTF-8 first",
                lines + 1
            );
        }
        buffer.copy_within(valid..held, 0);
        held -= valid;
        if read == 0 {
            break;
        }
    }
    print(search.finish())
}

/// The text that some bytes begin with, and whether what follows it can be no text, whatever comes next.
fn utf8_part(bytes: &[u8]) -> (&str, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => (
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
            error.error_len().is_some(),
        ),
    }
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

#[cfg(test)]
mod tests;
