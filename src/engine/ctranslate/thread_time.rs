//! The processor time of a thread that a library starts and does not name.
//!
//! A new thread has its starter's name until it gets its own, so the starter takes a name that nobody else
//! has, and looks for it among the process's threads. Linux tells a thread's time in nanoseconds
//! (`/proc/PID/task/TID/schedstat`); elsewhere there is no clock, and the time is not counted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Tells a thread's processor time.
#[derive(Debug)]
pub(super) struct ThreadClock {
    file: PathBuf,
}

impl ThreadClock {
    /// Runs `start` and finds the thread that it started and left running, if it is one.
    pub(super) fn of_thread_started_by<T>(start: impl FnOnce() -> T) -> (T, Option<Self>) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let own = PathBuf::from("/proc/thread-self/comm");
        let before = std::fs::read(&own).ok();
        let name = format!("speech-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let named = before.is_some() && std::fs::write(&own, &name).is_ok();
        let started = start();
        if let Some(before) = before {
            // Names are for those who debug; nothing depends on having the old one back.
            let _ = std::fs::write(&own, before.trim_ascii());
        }
        (started, named.then(|| Self::named(&name)).flatten())
    }

    fn named(name: &str) -> Option<Self> {
        std::fs::read_dir("/proc/self/task")
            .ok()?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|thread| {
                std::fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim() == name)
            })
            .map(|thread| Self {
                file: thread.join("schedstat"),
            })
    }

    /// What the thread has used so far.
    pub(super) fn time(&self) -> Option<Duration> {
        let line = std::fs::read_to_string(&self.file).ok()?;
        let nanoseconds = line.split_ascii_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanoseconds))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn the_work_of_another_thread_is_seen() {
        let ((sender, thread), clock) = ThreadClock::of_thread_started_by(|| {
            let (sender, receiver) = channel::<u64>();
            // A thread that Rust starts gets a name of its own only if it is given one.
            let thread = std::thread::spawn(move || {
                receiver
                    .into_iter()
                    .map(|count| (0..count).fold(1_u64, |a, b| a.wrapping_mul(b | 1)))
                    .fold(0, u64::wrapping_add)
            });
            (sender, thread)
        });
        let clock = clock.unwrap();
        let before = clock.time().unwrap();
        sender.send(300_000_000).unwrap();
        while clock.time().unwrap() < before + Duration::from_millis(5) {
            assert!(!thread.is_finished());
            std::thread::yield_now();
        }
        drop(sender);
        assert_ne!(thread.join().unwrap(), 1);
    }
}
