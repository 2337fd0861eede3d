//! Passwords from the terminal, unseen, or from standard input. Never from an argument, which others see.

use std::io::{BufRead, IsTerminal, Write};
use std::os::fd::AsFd;

use anyhow::{Context, bail};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::call::Sensitive;

/// Asks for a password. From a file or pipe it is the next line.
pub(in crate::cli) fn ask(what: &str) -> anyhow::Result<Sensitive<String>> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return line(&mut input.lock(), what);
    }
    let mut error = std::io::stderr();
    write!(error, "{what}: ").and_then(|()| error.flush())?;
    let quiet = Quiet::new()?;
    let answer = line(&mut input.lock(), what);
    drop(quiet);
    // The end of the line was not shown either.
    writeln!(error)?;
    answer
}

/// Asks for a new password, on a terminal twice.
pub(in crate::cli) fn ask_new(what: &str) -> anyhow::Result<Sensitive<String>> {
    let first = ask(what)?;
    if std::io::stdin().is_terminal() && first.expose() != ask("again")?.expose() {
        bail!("the two are not the same; nothing was changed");
    }
    Ok(first)
}

fn line(input: &mut impl BufRead, what: &str) -> anyhow::Result<Sensitive<String>> {
    let mut read = String::new();
    input
        .read_line(&mut read)
        .context("standard input cannot be read")?;
    let read = Sensitive::new(read);
    let trimmed = read.expose().trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        bail!("expected the {what} on standard input");
    }
    Ok(Sensitive::new(trimmed.to_owned()))
}

/// A terminal that does not show what is typed, for as long as this is held.
struct Quiet(Termios);

impl Quiet {
    fn new() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin().as_fd())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(std::io::stdin().as_fd(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        let _ = tcsetattr(std::io::stdin().as_fd(), SetArg::TCSANOW, &self.0);
    }
}
