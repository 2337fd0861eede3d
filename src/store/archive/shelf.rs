//! An archive in memory that fails, lies and dies as it is told to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use super::{Archive, ArchiveError, ObjectName};

/// What is on it, and how it behaves.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    is_away: bool,
    /// It says that it took what it did not take as it was.
    drops_the_end: bool,
    gets: usize,
}

impl Shelf {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Whether nobody reaches it.
    pub(crate) fn be_away(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }

    /// Whether it keeps less than it is given.
    pub(crate) fn drop_the_end(&self, drops: bool) {
        self.state.lock().unwrap().drops_the_end = drops;
    }

    /// Names and contents.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.lock().unwrap().objects.clone()
    }

    /// How often something was asked for.
    pub(crate) fn gets(&self) -> usize {
        self.state.lock().unwrap().gets
    }

    fn reached(&self) -> Result<std::sync::MutexGuard<'_, State>, ArchiveError> {
        let state = self.state.lock().unwrap();
        if state.is_away {
            return Err(ArchiveError::Away {
                place: "the shelf".into(),
                problem: "is not reached".into(),
            });
        }
        Ok(state)
    }
}

impl Archive for Shelf {
    fn place(&self) -> &str {
        "the shelf"
    }

    fn put(&self, name: &ObjectName, from: &mut File, bytes: u64) -> Result<(), ArchiveError> {
        let mut state = self.reached()?;
        let mut content = Vec::new();
        from.take(bytes)
            .read_to_end(&mut content)
            .map_err(ArchiveError::Local)?;
        if state.drops_the_end {
            content.pop();
        }
        state.objects.insert(name.to_string(), content);
        Ok(())
    }

    fn get(&self, name: &ObjectName, into: &mut dyn Write, most: u64) -> Result<(), ArchiveError> {
        let mut state = self.reached()?;
        state.gets += 1;
        let (place, object) = (self.place().to_owned(), name.to_string());
        let Some(content) = state.objects.get(name.as_str()) else {
            return Err(ArchiveError::Missing { place, object });
        };
        if content.len() as u64 > most {
            return Err(ArchiveError::TooLong { place, object });
        }
        into.write_all(content).map_err(ArchiveError::Local)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), ArchiveError> {
        self.reached()?.objects.remove(name.as_str());
        Ok(())
    }
}
