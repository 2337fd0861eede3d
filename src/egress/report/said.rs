//! What was said in a call, until its report is written.
//!
//! Long calls say much: what is older goes to a file without a name, beside the recording, which is gone with the
//! process however that ends. Where there is no room for it everything stays in memory.
//!
//! **Architecture invariant:** nothing is in the file that the report will not hold: what was hidden is masked.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{SpokenWord, Utterance};
use crate::audio::MediaTime;
use crate::call::Leg;

/// So many words stay in memory: some minutes of talk.
const IN_MEMORY: usize = 500;

/// Words of one speaker in a row, with times in microseconds: seconds would be rounded when they are read again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) leg: Leg,
    pub(super) span: (u64, u64),
    pub(super) text: String,
    pub(super) words: Vec<(u64, u64, String)>,
}

impl From<Said> for Utterance {
    fn from(said: Said) -> Self {
        let seconds = |micros| MediaTime::from_micros(micros).seconds();
        let words = said.words.into_iter().map(|(start, end, text)| SpokenWord {
            start: seconds(start),
            end: seconds(end),
            text,
        });
        Self {
            leg: said.leg,
            start: seconds(said.span.0),
            end: seconds(said.span.1),
            text: said.text,
            words: words.collect(),
        }
    }
}

/// All that was said so far.
#[derive(Default)]
pub(super) struct Transcript {
    recent: Vec<Said>,
    /// In what is recent.
    words: usize,
    /// Where the rest may go; `None` keeps all in memory.
    folder: Option<PathBuf>,
    older: Option<Older>,
}

/// The file of what is older, one JSON text in a line.
struct Older {
    file: File,
    /// Beyond this lies what could not be written whole.
    length: u64,
}

impl Transcript {
    /// With room in a folder.
    pub(super) fn within(folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, said: Said) {
        self.words += said.words.len();
        self.recent.push(said);
        if self.words >= IN_MEMORY && self.folder.is_some() {
            if let Err(error) = self.put_away() {
                tracing::debug!(%error, "the transcript stays in memory");
            }
            // If it stays, it is tried again when there is as much more.
            self.words = 0;
        }
    }

    fn put_away(&mut self) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let older = match &mut self.older {
            Some(older) => older,
            none => none.insert(Older {
                file: tempfile::tempfile_in(folder)?,
                length: 0,
            }),
        };
        let mut lines = Vec::new();
        for said in &self.recent {
            serde_json::to_writer(&mut lines, said)?;
            lines.write_all(b"\n")?;
        }
        older.file.write_all_at(&lines, older.length)?;
        older.length += lines.len() as u64;
        self.recent.clear();
        Ok(())
    }

    /// All of it in order of time.
    pub(super) fn into_utterances(self) -> Vec<Utterance> {
        let (older, error) = self.older.map_or((Vec::new(), None), Older::read);
        if let Some(error) = error {
            tracing::error!(%error, "a part of the transcript cannot be read again; the report is without it");
        }
        let mut all = older;
        all.extend(self.recent);
        all.sort_by_key(|said| (said.span.0, said.leg));
        all.into_iter().map(Utterance::from).collect()
    }
}

impl Older {
    /// What can be read, and why the rest cannot.
    fn read(mut self) -> (Vec<Said>, Option<io::Error>) {
        let mut all = Vec::new();
        let outcome = (|| {
            self.file.seek(SeekFrom::Start(0))?;
            let written = io::Read::take(&self.file, self.length);
            for line in BufReader::new(written).lines() {
                all.push(serde_json::from_str(&line?)?);
            }
            Ok(())
        })();
        (all, outcome.err())
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("recent", &self.recent.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u64) -> Said {
        // Times that no binary fraction has.
        let at = 1 + number * 300_001;
        let word = |offset| {
            (
                at + offset,
                at + offset + 7,
                format!("wörd \"{number}\"\n\u{1}"),
            )
        };
        let words: Vec<_> = (0..number % 24).map(|word_at| word(word_at * 11)).collect();
        Said {
            leg: [Leg::Agent, Leg::Customer][number as usize % 2],
            span: (at, at + 299),
            text: format!("utterance {number}"),
            words,
        }
    }

    fn filled(mut transcript: Transcript, count: u64) -> Transcript {
        // Not in order of time.
        (0..count).for_each(|number| transcript.push(said(number ^ 1)));
        transcript
    }

    #[test]
    fn what_was_put_away_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 1, 30, 1_000] {
            let kept = filled(Transcript::default(), count);
            let put_away = filled(Transcript::within(folder.path().to_owned()), count);
            assert!(put_away.recent.len() < 100, "{}", put_away.recent.len());
            assert_eq!(put_away.older.is_some(), count > 100);
            let entries = std::fs::read_dir(folder.path()).unwrap();
            assert_eq!(entries.count(), 0, "the file has no name");
            assert_eq!(put_away.into_utterances(), kept.into_utterances());
        }
    }

    #[test]
    fn where_there_is_no_room_it_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Transcript::within(folder.path().join("missing"));
        let all = filled(missing, 1_000).into_utterances();
        assert_eq!(all.len(), 1_000);

        // A disk that fills up later: nothing more can be written.
        let mut transcript = filled(Transcript::within(folder.path().to_owned()), 500);
        let (file, length) = (File::open("/dev/null").unwrap(), 0);
        let full = Older { file, length };
        let before = transcript.older.replace(full).unwrap().length;
        assert!(before > 0);
        let kept = transcript.recent.len();
        transcript = filled(transcript, 500);
        assert_eq!(transcript.into_utterances().len(), kept + 500);
    }
}
