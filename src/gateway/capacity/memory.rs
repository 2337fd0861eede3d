//! How much memory this process may still take: what its limits leave, of the process (`setrlimit(2)`) and of the
//! control groups that it is in (`cgroups(7)`, both versions).
//!
//! A process that asks for more than it may have is killed, and with it every call. So who comes when little is left
//! is turned away. Without a limit nothing is measured: how much the machine has is the administrator's to say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use tokio::time::Instant;

/// Memory that must be left for a call to begin: what a recogniser takes for the longest windows, four at a time (70 to
/// 80 MB with CTranslate2, which keeps it then), the call's own 4 MB, and as much again for what else goes on.
const FOR_A_CALL: u64 = 128 << 20;
/// For each call under way: what it may still grow by as it begins to talk, its hold fills and its windows wait (half a
/// megabyte each), as all do where recognition does not keep up; 5.5 MB were measured.
const FOR_EACH_UNDER_WAY: u64 = 6 << 20;
/// Beyond so many calls it does not grow: the recognisers' queue is bounded.
const MOST_THAT_GROW: u64 = 40;
/// Memory that must be left for a connection to be accepted.
const FOR_A_CONNECTION: u64 = 48 << 20;

/// How long an answer holds for further connections.
const ANSWER_HOLDS: Duration = Duration::from_millis(100);

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Whether there is room for another call beside so many, where there were `most` at once before. What cannot be found
/// out is no reason to refuse.
pub(in crate::gateway) fn has_room_for_a_call(under_way: usize, most: usize) -> bool {
    left().is_none_or(|left| left >= needed(under_way, most))
}

/// Bytes that must be left for a call to begin beside so many. What earlier calls took is kept for others by the
/// allocator, and by the recognisers: where there were far more calls before, little is needed.
fn needed(under_way: usize, most: usize) -> u64 {
    if under_way < most / 2 {
        return FOR_A_CONNECTION;
    }
    FOR_A_CALL + FOR_EACH_UNDER_WAY * (under_way as u64).min(MOST_THAT_GROW)
}

/// Whether there is room for another connection, asked of the system now and then: connections may come by the
/// thousand.
#[derive(Debug, Default)]
pub(in crate::gateway) struct RoomForConnections(Option<(Instant, bool)>);

impl RoomForConnections {
    /// Whether there is.
    pub(in crate::gateway) fn has_room(&mut self, now: Instant) -> bool {
        match self.0 {
            Some((asked, answer)) if now < asked + ANSWER_HOLDS => answer,
            _ => {
                let answer = left().is_none_or(|left| left >= FOR_A_CONNECTION);
                self.0 = Some((now, answer));
                answer
            }
        }
    }
}

/// Bytes that may still be taken; `None` without limits.
fn left() -> Option<u64> {
    left_of_addresses()
        .into_iter()
        .chain(left_of_groups())
        .min()
}

/// What the process's limits of addresses and of data leave.
fn left_of_addresses() -> Option<u64> {
    let limit = |resource| match getrlimit(resource) {
        Ok((soft, _)) if soft != RLIM_INFINITY => Some(soft),
        _ => None,
    };
    let (addresses, data) = (limit(Resource::RLIMIT_AS), limit(Resource::RLIMIT_DATA));
    if addresses.is_none() && data.is_none() {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib * 1_024)
    };
    let remaining = |limit: Option<u64>, used: Option<u64>| Some(limit?.saturating_sub(used?));
    let left = [
        remaining(addresses, bytes("VmSize:")),
        remaining(data, bytes("VmData:")),
    ];
    left.into_iter().flatten().min()
}

/// What the limits of the process's control groups leave.
fn left_of_groups() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    own.lines()
        .filter_map(|line| {
            // HIERARCHY:CONTROLLERS:PATH; of version 2 there is one, without controllers.
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let (mount, files) = match controllers {
                "" => (PathBuf::from(GROUPS), &VERSION_2),
                "memory" => (Path::new(GROUPS).join("memory"), &VERSION_1),
                _ => return None,
            };
            left_of_branch(&mount, Path::new(path.trim_start_matches('/')), files)
        })
        .min()
}

/// Names of a version's files.
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// In `memory.stat`: pages of files that are given back when memory is wanted.
    spare: &'static str,
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    spare: "total_inactive_file",
};
const VERSION_2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    spare: "inactive_file",
};

/// The least that a group and those above it leave: each has a limit of its own.
fn left_of_branch(mount: &Path, group: &Path, files: &Files) -> Option<u64> {
    group
        .ancestors()
        .filter_map(|group| left_of_group(&mount.join(group), files))
        .min()
}

fn left_of_group(folder: &Path, files: &Files) -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        text.trim().parse().ok()
    };
    // "max", or in version 1 a number beyond any memory: no limit.
    let limit = number(files.limit).filter(|limit| *limit < 1 << 60)?;
    let used = number(files.usage)?;
    let statistics = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let spare = statistics.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == files.spare).then(|| value.parse::<u64>().ok())?
    });
    Some(limit.saturating_sub(used.saturating_sub(spare.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(folder: &Path, files: &[(&str, &str)]) {
        std::fs::create_dir_all(folder).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn the_nearest_limit_of_a_branch_counts() {
        let mount = tempfile::tempdir().unwrap();
        let (outer, inner) = (mount.path().join("a"), mount.path().join("a/b"));
        group(
            &outer,
            &[
                ("memory.max", "1000\n"),
                ("memory.current", "700\n"),
                ("memory.stat", "anon 500\ninactive_file 200\n"),
            ],
        );
        let left = |group: &str| left_of_branch(mount.path(), Path::new(group), &VERSION_2);
        group(
            &inner,
            &[("memory.max", "max\n"), ("memory.current", "9\n")],
        );
        assert_eq!(left("a/b"), Some(500), "files in the cache are given back");
        group(&inner, &[("memory.max", "109\n")]);
        assert_eq!(left("a/b"), Some(100));
        assert_eq!(left("elsewhere"), None);
        assert_eq!(left(""), None);
    }

    #[test]
    fn the_first_version_has_other_names() {
        let mount = tempfile::tempdir().unwrap();
        let files = [
            ("memory.limit_in_bytes", "9223372036854771712"),
            ("memory.usage_in_bytes", "5"),
        ];
        group(mount.path(), &files);
        assert_eq!(left_of_group(mount.path(), &VERSION_1), None, "no limit");
        group(mount.path(), &[("memory.limit_in_bytes", "4")]);
        assert_eq!(left_of_group(mount.path(), &VERSION_1), Some(0), "over it");
    }

    #[test]
    fn calls_under_way_may_still_grow() {
        assert_eq!(needed(0, 1), FOR_A_CALL);
        assert_eq!(needed(10, 21), FOR_A_CALL + (60 << 20));
        assert_eq!(needed(5_000, 0), FOR_A_CALL + (240 << 20));
        assert_eq!(needed(10, 22), FOR_A_CONNECTION);
    }

    #[test]
    fn this_process_has_room() {
        assert!(has_room_for_a_call(500, 0));
        assert!(RoomForConnections::default().has_room(Instant::now()));
    }
}
