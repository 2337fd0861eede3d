//! The writer, with real files.

use std::io::Write;
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;

fn settings(folder: &Path) -> LogSettings {
    LogSettings::new(folder.to_owned())
}

/// Verifies with what lies in the folder.
fn verified(settings: &LogSettings) -> Verdict {
    let keys = KeyFiles::new(&settings.keys);
    let with = Verification {
        hmac: Some(keys.load_hmac().unwrap()),
        public: vec![PublicKey::read(&keys.public()).unwrap()],
        ..Verification::default()
    };
    verify_folder(&settings.files(), with, |_, _| {}).unwrap()
}

fn all(settings: &LogSettings) -> Vec<Line> {
    let mut lines = Vec::new();
    entries_of(&settings.files(), &EntryFilter::default(), |line| {
        lines.push(line);
        true
    })
    .unwrap();
    lines
}

fn actions(settings: &LogSettings) -> Vec<Action> {
    all(settings).iter().map(|line| line.entry.action).collect()
}

fn problem(settings: &LogSettings) -> String {
    AuditLog::open(settings.clone()).unwrap_err().to_string()
}

#[test]
fn entries_of_many_threads_are_one_chain_over_segments() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        segment_bytes: 4_000,
        checkpoint_entries: 7,
        ..settings(folder.path())
    };
    let opened = AuditLog::open(settings.clone()).unwrap();
    assert!(opened.made_keys);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let log = opened.log.clone();
            std::thread::spawn(move || {
                (0..25)
                    .map(|_| {
                        log.record_durably(hidden(&format!("CA{thread}")))
                            .wait()
                            .unwrap()
                    })
                    .collect::<Vec<u64>>()
            })
        })
        .collect();
    let mut numbers: Vec<u64> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 100);
    opened.log.check().unwrap();
    drop(opened);
    let verdict = verified(&settings);
    assert!(verdict.is_whole(), "{:?}", verdict.bad);
    assert!(verdict.checkpoints > 10 && settings.files().segments().unwrap().len() > 5);
    assert_eq!(verdict.signed_until, verdict.entries);
    assert_eq!(actions(&settings).last(), Some(&Action::CheckpointMade));
}

#[test]
fn a_log_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    for round in 0..3 {
        let opened = AuditLog::open(settings.clone()).unwrap();
        assert_eq!(opened.made_keys, round == 0);
        assert_eq!(opened.last_start.is_some(), round > 0);
        let start = Record::new(Action::GatewayStarted).with("round", round as u64);
        opened.log.record(start);
    }
    use Action::{CheckpointMade, GatewayStarted, LogOpened};
    let round = [LogOpened, GatewayStarted, CheckpointMade];
    assert_eq!(actions(&settings), [round, round, round].concat());
    assert!(verified(&settings).is_whole());
}

#[test]
fn two_writers_cannot_fork_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let opened = AuditLog::open(settings.clone()).unwrap();
    assert!(problem(&settings).contains("another process writes this audit log"));
    assert!(settings.files().is_being_written());
    drop(opened);
    assert!(!settings.files().is_being_written());
    AuditLog::open(settings).unwrap();
}

#[test]
fn what_was_cut_off_is_moved_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    drop(AuditLog::open(settings.clone()).unwrap());
    let segment = settings.files().segments().unwrap().remove(0).file;
    let append = |text: &[u8]| {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&segment)
            .unwrap();
        file.write_all(text).unwrap();
    };
    append(b"{\"entry\":{\"log\":");
    assert_eq!(verified(&settings).bad.unwrap().fault, Fault::Incomplete);
    let opened = AuditLog::open(settings.clone()).unwrap();
    assert_eq!(opened.repaired, 1);
    drop(opened);
    // Blocks that a machine without power did not write, and later ones that it did.
    append(b"\0\0\0\0\0\n{\"entry\":{}}\n");
    assert_eq!(AuditLog::open(settings.clone()).unwrap().repaired, 1);
    let verdict = verified(&settings);
    assert!(verdict.is_whole(), "{:?}", verdict.bad);
    assert_eq!(verdict.tails_repaired, 2);
    let repairs: Vec<Line> = all(&settings)
        .into_iter()
        .filter(|line| line.entry.action == Action::TailRepaired)
        .collect();
    let kept = folder
        .path()
        .join(repairs[0].entry.text("kept_as").unwrap());
    assert_eq!(std::fs::read(kept).unwrap(), b"{\"entry\":{\"log\":");
    assert_eq!(repairs[0].entry.number("bytes"), Some(16));
    assert!(AuditLog::open(settings).unwrap().repaired == 0);
}

#[test]
fn a_first_line_that_was_cut_off_leaves_an_empty_log() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        segment_bytes: 1,
        ..settings(folder.path())
    };
    let opened = AuditLog::open(settings.clone()).unwrap();
    opened.log.record_durably(hidden("CA1")).wait().unwrap();
    drop(opened);
    let last = settings.files().segments().unwrap().pop().unwrap();
    assert_eq!(last.bytes, 0, "begun and not written");
    std::fs::write(&last.file, "{").unwrap();
    assert_eq!(AuditLog::open(settings.clone()).unwrap().repaired, 1);
    let verdict = verified(&settings);
    assert!(verdict.is_whole(), "{:?}", verdict.bad);
}

#[test]
fn nothing_is_added_to_a_damaged_log() {
    #[track_caller]
    fn check(damage: impl FnOnce(&Path, Vec<u8>), expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let opened = AuditLog::open(settings.clone()).unwrap();
        opened.log.record(hidden("CA1"));
        opened.log.record(hidden("CA2"));
        drop(opened);
        let segment = settings.files().segments().unwrap().remove(0).file;
        let text = std::fs::read(&segment).unwrap();
        damage(&segment, text);
        let problem = problem(&settings);
        assert!(problem.contains(expected), "{problem}");
        assert!(
            problem.contains("nothing is added to a damaged audit log"),
            "{problem}"
        );
    }
    check(
        |file, text| {
            let text = String::from_utf8(text).unwrap().replace("CA1", "CA3");
            std::fs::write(file, text).unwrap();
        },
        "line 2, entry 2: altered",
    );
    check(
        |file, text| {
            let ends: Vec<usize> = (0..text.len()).filter(|&at| text[at] == b'\n').collect();
            std::fs::write(file, &text[..=ends[1]]).unwrap();
        },
        "cut at the end: 4 entries were signed for, and the log ends with 2",
    );
    check(
        |file, _| std::fs::remove_file(file.with_file_name("anchor.json")).unwrap(),
        "anchor.json is missing",
    );
    check(
        |file, _| std::fs::remove_file(file).unwrap(),
        "cut at the end: 4 entries",
    );
}

#[test]
fn another_logs_keys_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    drop(AuditLog::open(settings.clone()).unwrap());
    std::fs::remove_dir_all(&settings.keys).unwrap();
    assert!(
        problem(&settings).contains("audit-hmac.key"),
        "lost keys are not replaced: {}",
        problem(&settings)
    );
    KeyFiles::new(&settings.keys).generate().unwrap();
    assert!(problem(&settings).contains("signed with a key that was not given"));
}

#[test]
fn what_finds_no_room_is_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        queue: 1,
        ..settings(folder.path())
    };
    let log = AuditLog::open(settings.clone()).unwrap().log;
    let mut lost = 0;
    while lost < 5 {
        lost += u64::from(!log.record(hidden("CA1")));
    }
    assert!(log.check().unwrap_err().contains("were lost"));
    log.close();
    assert!(!log.record(hidden("CA1")), "it is closed");
    let verdict = verified(&settings);
    assert!(verdict.is_whole());
    assert_eq!(verdict.entries_lost, lost);
}

#[test]
fn a_checkpoint_comes_by_itself_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        checkpoint_every: Duration::from_millis(50),
        ..settings(folder.path())
    };
    let log = AuditLog::open(settings.clone()).unwrap().log;
    for _ in 0..200 {
        if actions(&settings).contains(&Action::CheckpointMade) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // It signs for what came before it, and nothing more comes.
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(
        actions(&settings),
        [Action::LogOpened, Action::CheckpointMade]
    );
    let asked = log.checkpoint().unwrap();
    assert_eq!(asked.sequence, 2);
    assert!(verified(&settings).is_whole(), "while it is written");
}

#[test]
fn what_is_recent_is_read_from_the_last_segments_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        segment_bytes: 2_000,
        ..settings(folder.path())
    };
    let log = AuditLog::open(settings.clone()).unwrap().log;
    for call in 0..40 {
        let record = hidden(&format!("CA{call}"));
        log.record_durably(record).wait().unwrap();
    }
    log.close();
    let all = all(&settings);
    let segments = settings.files().segments().unwrap();
    assert!(segments.len() > 4);
    for (index, line) in all.iter().enumerate() {
        let since = line.entry.timestamp().unwrap();
        let mut read = Vec::new();
        entries_from(&settings.files(), since, |line| {
            read.push(line);
            true
        })
        .unwrap();
        // Those before it in its segment come too, or in the one before where it is a segment's first.
        assert_eq!(read, all[all.len() - read.len()..]);
        assert!(read.contains(line));
        let before = read.len() - (all.len() - index);
        assert!(before < 20, "{before}");
    }
}

#[test]
fn a_receipt_is_waited_for_as_long_as_one_likes() {
    let (reply, receipt) = oneshot::channel();
    let mut receipt = Receipt(receipt);
    assert!(receipt.wait_for(Duration::from_millis(5)).is_none());
    reply.send(Ok(7)).unwrap();
    assert_eq!(receipt.wait_for(Duration::ZERO).unwrap().unwrap(), 7);
    // The log's thread died.
    let (reply, receipt) = oneshot::channel::<Result<u64, String>>();
    drop(reply);
    assert!(Receipt(receipt).wait_for(Duration::ZERO).unwrap().is_err());
}
