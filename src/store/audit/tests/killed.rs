//! A writer that is killed at any moment leaves a log without gap or fork, with all that was acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const FOLDER: &str = "HUSHGATE_TEST_AUDIT_FOLDER";
const KILLS: u64 = 50;

fn settings(folder: &Path) -> LogSettings {
    LogSettings {
        segment_bytes: 20_000,
        checkpoint_entries: 20,
        ..LogSettings::new(folder.to_owned())
    }
}

/// Does nothing unless the test below runs it: appends until it is killed, and says what was acknowledged.
#[test]
fn a_child_that_appends() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let log = AuditLog::open(settings(Path::new(&folder))).unwrap().log;
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let log = log.clone();
            std::thread::spawn(move || {
                for number in 0.. {
                    let record = hidden(&format!("CA{thread}-{number}"));
                    let sequence = log.record_durably(record).wait().unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {sequence} CA{thread}-{number}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::audit::tests::killed::a_child_that_appends",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: String| {
            // The harness may write on the same line.
            let Some((_, words)) = line.split_once("acknowledged ") else {
                return false;
            };
            if let Some((sequence, call)) = words.split_once(' ') {
                acknowledged.push((sequence.parse().unwrap(), call.to_owned()));
            }
            true
        };
        // Every other time it has not written anything yet, perhaps not even opened the log.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(round * 2 + 1);
        if round % 2 == 0 {
            while !take(lines.next().expect("the child wrote nothing").unwrap()) {}
        }
        std::thread::sleep(Duration::from_micros((random >> 33) % 25_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            take(line);
        }
    }
    // Repairs what the last one left.
    drop(AuditLog::open(settings.clone()).unwrap());
    let keys = KeyFiles::new(&settings.keys);
    let with = Verification {
        hmac: Some(keys.load_hmac().unwrap()),
        public: vec![PublicKey::read(&keys.public()).unwrap()],
        ..Verification::default()
    };
    let verdict = verify_folder(&settings.files(), with, |_, _| {}).unwrap();
    assert!(verdict.is_whole(), "{:?}", verdict.bad);
    assert!(
        acknowledged.len() as u64 >= KILLS / 2,
        "{}",
        acknowledged.len()
    );
    let mut written = std::collections::BTreeMap::new();
    entries_of(&settings.files(), &EntryFilter::default(), |line| {
        written.insert(line.entry.sequence, line.entry.subject);
        true
    })
    .unwrap();
    for (sequence, call) in acknowledged {
        assert_eq!(
            written.get(&sequence),
            Some(&Some(call)),
            "entry {sequence}"
        );
    }
}
