//! The program, with the real model, on a machine on which something is wrong: it stops, its clock jumps, a disk is
//! full, a recorder does not read, memory is short. No labelled digit is heard, and calls go on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::config::Door;
use hushgate::config::doors::{Forward, Protocol};
use hushgate::gateway::player::{PlayError, Playback, Speed};
use hushgate::gateway::serve::Entrance;
use nix::sys::signal::{Signal, kill};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::labels::{self, Sample};
use crate::program::{HOLD_SECONDS, Program, hushgate, limited, sample};
use crate::support::*;

/// A labelled call and how it is played.
fn labelled(name: &str, folder: &Path) -> (Sample, Playback) {
    let sample_call = labels::samples()
        .into_iter()
        .find(|sample| sample.name == name)
        .unwrap();
    let file = sample(&format!("{name}.wav"), folder);
    let playback = Playback::from_file(&file, call_id(name), Speed::Realtime).unwrap();
    (sample_call, playback)
}

/// Nothing of what is labelled is heard, and the recording is as long as the call.
async fn assert_whole_and_silent(recordings: &Path, sample: &Sample) {
    let (report, channels) = recording(recordings, &sample.name).await;
    assert_eq!(report.abnormal_end, None);
    let (length, expected) = (channels[0].len(), sample.legs[0].len());
    assert!(length.abs_diff(expected) <= 160, "{length} of {expected}");
    let (leaked, digits) = sample.leaked(&channels);
    assert!(digits > 0);
    assert_eq!(leaked, 0, "of {digits} digits");
}

/// KiB of memory that a process has in use.
fn resident_kib(pid: i32) -> u64 {
    memory_kib(pid, "VmRSS:")
}

/// A figure of `/proc/PID/status` in KiB.
fn memory_kib(pid: i32, figure: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(figure));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_process_that_is_stopped_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (recordings, log) = (folder.path().join("recordings"), folder.path().join("log"));
    let program = Program::start_with(&recordings, &log, "6", None);
    let (sample, playback) = labelled("cvv_only", folder.path());
    let url = program.url();
    let playing = tokio::spawn(async move { playback.play(&url, |_| {}).await });
    sleep(Duration::from_secs(9)).await;
    let before = resident_kib(program.worker.as_raw());
    kill(program.worker, Signal::SIGSTOP).unwrap();
    sleep(Duration::from_secs(5)).await;
    kill(program.worker, Signal::SIGCONT).unwrap();
    assert_eq!(playing.await.unwrap().unwrap().code, Some(1_000));
    assert_whole_and_silent(&recordings, &sample).await;
    let grown = resident_kib(program.worker.as_raw()).saturating_sub(before);
    assert!(grown < 64 * 1_024, "{grown} KiB more");
    assert_eq!(program.stop().await, Some(0));
}

/// Neither a day forwards nor three days back in the middle of a call change anything but the times in the log.
#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_clock_that_jumps_decides_nothing() {
    let libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|machine| format!("/usr/lib/{machine}/faketime/libfaketimeMT.so.1"));
    let library = libraries.iter().find(|file| Path::new(file).exists());
    let library = library.expect("Debian's package faketime, from `make interop`");
    let folder = tempfile::tempdir().unwrap();
    let (recordings, log) = (folder.path().join("recordings"), folder.path().join("log"));
    let clock = folder.path().join("clock");
    let set = |shift: &str| {
        std::fs::write(folder.path().join("clock.new"), shift).unwrap();
        std::fs::rename(folder.path().join("clock.new"), &clock).unwrap();
    };
    set("+0");
    let mut command: Command = hushgate();
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_CACHE_DURATION", "1")
        // The clock that only ever goes on is the system's, as it is when somebody sets the other.
        .env("DONT_FAKE_MONOTONIC", "1");
    let program = Program::launch(command, &recordings, &log, HOLD_SECONDS, None);
    let (sample, playback) = labelled("cvv_only", folder.path());
    let url = program.url();
    let playing = tokio::spawn(async move { playback.play(&url, |_| {}).await });
    sleep(Duration::from_secs(6)).await;
    set("+1d");
    // Somebody who says nothing that makes sense is told in the log.
    sleep(Duration::from_secs(3)).await;
    let mut stranger = Client::connect(&program.url()).await;
    stranger.send(stop()).await;
    drop(stranger);
    sleep(Duration::from_secs(5)).await;
    set("-3d");
    assert_eq!(playing.await.unwrap().unwrap().code, Some(1_000));
    assert_whole_and_silent(&recordings, &sample).await;
    let (report, _) = recording(&recordings, "cvv_only").await;
    assert!(report.late.is_empty(), "late: {:?}", report.late);
    assert!(!report.spans.is_empty());
    assert_eq!(program.stop().await, Some(0));

    let text = std::fs::read_to_string(&log).unwrap();
    let day = regex::Regex::new("(?m)^[^0-9]*([0-9]{4}-[0-9]{2}-[0-9]{2})T").unwrap();
    let days: std::collections::BTreeSet<&str> = day
        .captures_iter(&text)
        .map(|line| line.get(1).unwrap().as_str())
        .collect();
    // Lines are written when something happens; nothing need happen in the day ahead.
    assert!(days.len() >= 2, "the clock did not jump: {days:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_log_that_cannot_be_written_ends_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("recordings");
    // Every write fails as on a full disk.
    let program = Program::start_with(&recordings, Path::new("/dev/full"), HOLD_SECONDS, None);
    let (sample, playback) = labelled("cvv_only", folder.path());
    let closed = playback.play(&program.url(), |_| {}).await.unwrap();
    assert_eq!(closed.code, Some(1_000));
    assert_whole_and_silent(&recordings, &sample).await;
    assert_eq!(program.stop().await, Some(0));
}

/// A file that may not grow any further is what a full disk is to a recording.
#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_disk_that_is_full_ends_one_recording_readable() {
    let folder = tempfile::tempdir().unwrap();
    let (recordings, log) = (folder.path().join("recordings"), folder.path().join("log"));
    // Blocks of 512 bytes (POSIX): 256 KiB are 8 s of a call.
    let command = limited("-f 512");
    let program = Program::launch(command, &recordings, &log, HOLD_SECONDS, None);
    let (long, playback) = labelled("pan_asked", folder.path());
    let url = program.url();
    let cut = tokio::spawn(async move { playback.play(&url, |_| {}).await });
    // Beside it one that fits, and one that comes after.
    for call in ["beside", "after"] {
        let closed = crate::support::playback(call, sound(1, 2_000), sound(2, 2_000))
            .play(&program.url(), |_| {})
            .await
            .unwrap();
        assert_eq!(closed.code, Some(1_000));
        let (report, channels) = recording(&recordings, call).await;
        assert_eq!(report.abnormal_end, None);
        assert!(channels[0].len() >= 16_000);
        if call == "beside" {
            eventually(Duration::from_secs(60), || {
                let text = std::fs::read_to_string(&log).unwrap();
                text.contains("the call is not recorded any further")
                    .then_some(())
            })
            .await;
        }
    }
    // The platform is told that this call failed; it may have been cut off meanwhile.
    let closed = cut.await.unwrap();
    assert!(closed.is_err() || closed.is_ok_and(|closed| closed.code == Some(1_011)));
    let recorded = channels(&recordings.join("pan_asked.wav"));
    assert!(
        (40_000..70_000).contains(&recorded[0].len()),
        "{}",
        recorded[0].len()
    );
    assert_eq!(long.leaked(&recorded).0, 0);
    assert!(
        !recordings.join("pan_asked.json").exists(),
        "the recording is not whole"
    );
    assert_eq!(program.stop().await, Some(0));
}

/// A recorder that takes the connection and never reads: what is kept for it is bounded, and what it did not get is
/// told.
#[tokio::test(flavor = "multi_thread")]
async fn paced_recorder_that_stops_reading_holds_up_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut deaf = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                deaf.push(socket);
            }
        }
    });
    let door = Door {
        forward: Some(Forward {
            url: format!("ws://127.0.0.1:{port}/recorder"),
            protocol: Protocol::Twilio,
            buffer: MediaTime::from_millis(1_000),
            authentication: None,
            authorities: None,
        }),
        ..Door::new(Protocol::Twilio)
    };
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await;
    let before = resident_kib(std::process::id().cast_signed());
    let (agent, customer) = (sound(1, 8_000), sound(2, 8_000));
    let closed = playback("CA1", agent.clone(), customer)
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    assert_eq!(closed.code, Some(1_000));
    let json = gateway.recordings.join("CA1.json");
    eventually(Duration::from_secs(60), || json.exists().then_some(())).await;
    let (report, channels) = gateway.recording("CA1").await;
    assert_eq!(report.abnormal_end, None);
    assert!(report.late.is_empty() && report.failed.is_empty());
    assert!(channels[0][..64_000] == linear(&agent));
    let lost: f64 = report
        .not_forwarded
        .iter()
        .map(|stretch| stretch.end - stretch.start)
        .sum();
    assert!(
        lost > report.duration_s - 0.1,
        "{lost} of {} s",
        report.duration_s
    );
    let grown = resident_kib(std::process::id().cast_signed()).saturating_sub(before);
    assert!(grown < 32 * 1_024, "{grown} KiB more");
}

/// A limit that leaves so much to a process that runs, whatever its model and engine took: of its data
/// (`RLIMIT_DATA`) or of its addresses (`RLIMIT_AS`).
fn limit_memory(pid: i32, (limit, figure): (&str, &str), left_mib: u64) {
    let bytes = (memory_kib(pid, figure) + left_mib * 1_024) * 1_024;
    let status = Command::new("prlimit")
        .args([format!("--pid={pid}"), format!("--{limit}={bytes}:{bytes}")])
        .status()
        .expect("prlimit, from Debian's package util-linux");
    assert!(status.success());
}

/// Calls come until the limit of memory is near: further ones are refused and told why, those that were taken go on
/// while all of them talk, nobody dies of it, and when they are over others are taken.
async fn memory_limit_refuses_calls_and_kills_none(limit: (&str, &str), left_mib: u64) {
    const CALLS: u64 = 120;
    const MILLIS: usize = 12_000;
    let folder = tempfile::tempdir().unwrap();
    let (recordings, log) = (folder.path().join("recordings"), folder.path().join("log"));
    let config = folder.path().join("hushgate.toml");
    let text = "[server]\nmax_calls = 5000\n[speech]\nworkers = 1\n";
    std::fs::write(&config, text).unwrap();
    let program = Program::launch(hushgate(), &recordings, &log, "4", Some(&config));
    let logged = || std::fs::read_to_string(&log).unwrap();
    eventually(Duration::from_secs(60), || {
        logged().contains("ready for calls").then_some(())
    })
    .await;
    let pid = program.worker.as_raw();
    limit_memory(pid, limit, left_mib);

    let mut playing = Vec::new();
    for call in 0..CALLS {
        let said = [call, call + CALLS].map(|seed| sound(seed, MILLIS));
        let mut playback = playback(&format!("CA{call}"), said[0].clone(), said[1].clone());
        playback.speed = Speed::Realtime;
        let url = program.url();
        playing.push((
            said,
            tokio::spawn(async move { playback.play(&url, |_| {}).await }),
        ));
        sleep(Duration::from_millis(60)).await;
    }
    let (mut taken, mut refused) = (Vec::new(), 0);
    for (call, (said, playing)) in playing.into_iter().enumerate() {
        match playing.await.unwrap() {
            Ok(closed) if closed.code == Some(1_000) => taken.push((call, said)),
            // Between the connection and the call's beginning others began.
            Ok(closed) if closed.code == Some(1_013) => {
                assert_eq!(closed.reason, "little memory is left");
                refused += 1;
            }
            // With very little left connections are closed at once.
            Err(PlayError::Connection { .. }) => refused += 1,
            Err(PlayError::Cut { problem, .. }) if problem.contains("little memory is left") => {
                refused += 1;
            }
            other => panic!("call {call}: {other:?}\n{}", logged()),
        }
    }
    assert!(refused > 0, "all were taken");
    assert!(taken.len() >= 5, "{} calls taken", taken.len());
    let text = logged();
    assert!(text.contains("little memory is left"), "not told: {text}");
    for (call, said) in taken {
        let (report, channels) = recording(&recordings, &format!("CA{call}")).await;
        assert_eq!(report.abnormal_end, None);
        for (recorded, said) in channels.iter().zip(&said) {
            let said = linear(said);
            assert!(recorded.len() >= said.len());
            let wrong = recorded
                .iter()
                .zip(&said)
                .filter(|(got, said)| got != said && **got != 0);
            assert_eq!(wrong.count(), 0, "neither what was said nor silence");
        }
    }

    // The limit is still there.
    let again = async {
        loop {
            let playback = playback("next", sound(1, 500), sound(2, 500));
            let closed = playback.play(&program.url(), |_| {}).await;
            if closed.is_ok_and(|closed| closed.code == Some(1_000)) {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(30), again).await;
    let left = memory_kib(pid, limit.1);
    assert!(
        again.is_ok(),
        "no call is taken any more: {left} KiB in use"
    );
    kill(program.worker, None).expect("the same process serves");
    assert_eq!(program.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_limit_of_data_refuses_calls_and_kills_none() {
    memory_limit_refuses_calls_and_kills_none(("data", "VmData:"), 250).await;
}

/// Allocators reserve addresses by 64 MiB for each thread.
#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_limit_of_addresses_refuses_calls_and_kills_none() {
    memory_limit_refuses_calls_and_kills_none(("as", "VmSize:"), 500).await;
}
