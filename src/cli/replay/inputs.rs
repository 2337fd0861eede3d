//! Which calls are to be played, and under which names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::audio::wav_file::{CallFile, WavFileError};
use crate::call::CallId;

/// One call on disk.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// Names its recording.
    pub(crate) call: CallId,
    files: Files,
}

#[derive(Debug, Clone)]
enum Files {
    Whole(PathBuf),
    Legs([PathBuf; 2]),
}

impl Input {
    /// A call in one file, named like the file.
    pub(crate) fn of_file(file: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            call: name_of(file)?,
            files: Files::Whole(file.to_owned()),
        })
    }

    /// A call with a file for each leg, named like the agent's file unless told otherwise.
    pub(crate) fn of_legs(
        agent: &Path,
        customer: &Path,
        name: Option<&str>,
    ) -> anyhow::Result<Self> {
        let call = match name {
            Some(name) => CallId::new(name).context("--name")?,
            None => name_of(agent).context("give the call a --name")?,
        };
        Ok(Self {
            call,
            files: Files::Legs([agent.to_owned(), customer.to_owned()]),
        })
    }

    /// The files it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        match &self.files {
            Files::Whole(file) => std::slice::from_ref(file).iter(),
            Files::Legs(files) => files.iter(),
        }
    }

    /// The first of its files, which names it in messages.
    pub(crate) fn file(&self) -> &PathBuf {
        match &self.files {
            Files::Whole(file) => file,
            Files::Legs([agent, _]) => agent,
        }
    }

    /// Opens it.
    pub(crate) fn open(&self) -> Result<CallFile, WavFileError> {
        match &self.files {
            Files::Whole(file) => CallFile::open(file),
            Files::Legs([agent, customer]) => CallFile::open_legs(agent, customer),
        }
    }
}

fn name_of(file: &Path) -> anyhow::Result<CallId> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    CallId::new(&stem).with_context(|| {
        format!(
            "{}: the file name is the call's id; rename the file",
            file.display()
        )
    })
}

/// The files that were named, with folders replaced by the recordings in them, in order of name.
pub(crate) fn files(inputs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let unreadable = || input.display().to_string();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(input).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            let is_wav = path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
            if is_wav && path.is_file() {
                found.push(path);
            }
        }
        if found.is_empty() {
            bail!("{}: no recordings (*.wav) in this folder", input.display());
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// Which of two calls would get the name, and which a number, would be left to chance.
pub(crate) fn refuse_same_names(inputs: &[Input]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<&CallId, &Input> = BTreeMap::new();
    for input in inputs {
        if let Some(other) = seen.insert(&input.call, input) {
            let name = |input: &Input| {
                input
                    .files()
                    .map(|file| file.display().to_string())
                    .collect::<Vec<_>>()
                    .join(" and ")
            };
            bail!(
                "{} and {} would both be recorded as {}; replay them into different folders",
                name(other),
                name(input),
                input.call
            );
        }
    }
    Ok(())
}
