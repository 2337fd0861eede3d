//! `hushgate doctor`: checks the machine and says what to do about each thing that is not right.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use cpu_time::ThreadTime;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::statvfs::statvfs;
use serde::Serialize;
use tokio::time::Instant;

use super::SharedArguments;
use super::model_verify::check_hash;
use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::{self, Engine, HearingSettings, blas};
use crate::gateway::records;
use crate::model::{self, ggml};
use crate::speech::{Window, WindowId};
use crate::store::archive;

/// Room for about nine hours of calls.
const LEAST_FREE_BYTES: u64 = 1 << 30;
/// A two-channel call of 16-bit samples at 8 kHz.
const BYTES_PER_CALL_HOUR: f64 = 2.0 * 2.0 * 8_000.0 * 3_600.0;
/// The timed window, in seconds, and the longest time it may take: half of its own length, as both legs
/// of a call are heard by one recogniser.
const TIMED_SECONDS: f64 = 5.0;
const LONGEST_RUN: Duration = Duration::from_millis(2_500);

/// Checks this machine and says what to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate doctor
  hushgate doctor --config hushgate.toml --json

Exit status: 0 when all is well, 1 when something is not.")]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What was found.
    found: String,
    /// What to do, if it is not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            found: found.into(),
            advice: None,
        }
    }

    fn bad(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }
}

#[derive(Serialize)]
struct Findings {
    ok: bool,
    checks: Vec<Check>,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.shared.resolve()?;
    let mut checks = vec![processor(), linear_algebra(), core_dumps()];
    checks.extend(model_checks(config.engine, &config.model));
    match &config.store {
        None => checks.extend(recordings(&config.recordings)),
        Some(store) => {
            checks.extend(recordings(&store.path));
            checks.push(store_keys(store));
            checks.extend(store.archive.as_ref().map(object_store));
        }
    }
    checks.push(port(config.listen));
    let findings = Findings {
        ok: checks.iter().all(|check| check.ok),
        checks,
    };
    let mut output = std::io::stdout().lock();
    if arguments.shared.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&findings)?)?;
    } else {
        for check in &findings.checks {
            let state = if check.ok { "ok  " } else { "FAIL" };
            writeln!(output, "{state}  {:12} {}", check.name, check.found)?;
            if let Some(advice) = &check.advice {
                writeln!(output, "      {:12} {advice}", "what to do:")?;
            }
        }
    }
    Ok(if findings.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn processor() -> Check {
    #[cfg(target_arch = "x86_64")]
    let missing: Vec<&str> = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
    ]
    .into_iter()
    .filter_map(|(name, present)| (!present).then_some(name))
    .collect();
    #[cfg(not(target_arch = "x86_64"))]
    let missing: Vec<&str> = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if missing.is_empty() {
        Check::good(
            "processor",
            format!("{cores} cores, with the vector instructions needed"),
        )
    } else {
        Check::bad(
            "processor",
            format!("{cores} cores, without {}", missing.join(", ")),
            "run on an x86-64 processor with AVX2 (Intel since 2013, AMD since 2015), and show these \
             flags to the virtual machine if this is one",
        )
    }
}

fn linear_algebra() -> Check {
    blas::use_one_thread();
    match blas::threads() {
        1 => Check::good("openblas", "one thread for each recogniser"),
        threads => Check::bad(
            "openblas",
            format!("{threads} threads for each recogniser"),
            "set OPENBLAS_NUM_THREADS=1 in the environment of hushgate",
        ),
    }
}

/// Whether this process can forbid core dumps of itself, as `serve` does at its start.
fn core_dumps() -> Check {
    let forbidden = setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .and_then(|()| prctl::set_dumpable(false))
        .and_then(|()| getrlimit(Resource::RLIMIT_CORE))
        .is_ok_and(|(limit, _)| limit == 0);
    if forbidden {
        Check::good("core dumps", "off")
    } else {
        Check::bad(
            "core dumps",
            "could not be turned off",
            "start hushgate with `ulimit -c 0`, or with LimitCORE=0 in its service file",
        )
    }
}

fn model_checks(engine: Engine, name: &str) -> Vec<Check> {
    let install = "run `hushgate model install`, or name a ggml Whisper file with --model PATH";
    let path = match model::resolve(name) {
        Ok(path) => path,
        Err(error) => return vec![Check::bad("model", error.to_string(), install)],
    };
    if let Err(error) = check_hash(&path) {
        let again = format!("delete {} and run `hushgate model install`", path.display());
        return vec![Check::bad("model", error.to_string(), again)];
    }
    let info = match ggml::check(&path) {
        Ok(info) => info,
        Err(error) => return vec![Check::bad("model", error.to_string(), install)],
    };
    let found = format!(
        "{} (Whisper {}, {})",
        path.display(),
        info.dimensions.size_name(),
        info.precision
    );
    vec![Check::good("model", found), speed(engine, &path)]
}

/// Puts something into the object store, reads it back and deletes it.
fn object_store(archive: &crate::config::store::Archive) -> Check {
    let tried = records::archive(archive).and_then(|there| {
        archive::check(&*there)?;
        Ok(there.place().to_owned())
    });
    match tried {
        Ok(place) => Check::good("object store", format!("{place} takes, gives and deletes")),
        Err(error) => Check::bad(
            "object store",
            format!("{error:#}"),
            "mend [store.archive], the bucket or the network; until then recordings stay on the disk",
        ),
    }
}

/// Times one window. The first run is not counted: it touches all memory for the first time.
fn speed(engine: Engine, path: &Path) -> Check {
    let timed = || -> anyhow::Result<(Duration, Duration)> {
        // The timed sound has no words; a second try at it would be timed too.
        let settings = HearingSettings {
            retry: false,
            ..HearingSettings::default()
        };
        let mut recogniser = engine::load(engine, path, settings)?.create()?;
        let window = timed_window(TIMED_SECONDS);
        recogniser.transcribe(&window)?;
        let elsewhere = recogniser.time_elsewhere();
        let (start, work) = (Instant::now(), ThreadTime::now());
        recogniser.transcribe(&window)?;
        let elsewhere = recogniser.time_elsewhere() - elsewhere;
        Ok((start.elapsed(), work.elapsed() + elsewhere))
    };
    let (taken, work) = match timed() {
        Ok(times) => times,
        Err(error) => {
            return Check::bad(
                "speed",
                error.to_string(),
                "run `hushgate model verify` to see whether the model works",
            );
        }
    };
    let found = format!(
        "{} ms for {TIMED_SECONDS:.0} s of sound, {} ms of them calculating",
        taken.as_millis(),
        work.as_millis()
    );
    if taken <= LONGEST_RUN {
        Check::good("speed", found)
    } else if work <= LONGEST_RUN {
        Check::bad(
            "speed",
            found,
            "the machine is busy: stop other work on it or give it more cores; what is recognised too \
             late is hidden in the recording",
        )
    } else {
        Check::bad(
            "speed",
            found,
            "use a smaller model in its q8_0 form, or a faster processor; what is recognised too late \
             is hidden in the recording",
        )
    }
}

/// A buzz that comes and goes like syllables.
pub(super) fn timed_window(seconds: f64) -> Window {
    let count = (seconds * 16_000.0) as usize;
    let samples = (0..count).map(|index| {
        let time = index as f64 / 16_000.0;
        let syllable = (time * 4.0 * std::f64::consts::TAU).sin().max(0.0);
        let voice = (1..12).map(|harmonic| {
            let pitch = f64::from(harmonic) * 130.0;
            (time * pitch * std::f64::consts::TAU).sin() / f64::from(harmonic)
        });
        (voice.sum::<f64>() * syllable * 0.2) as f32
    });
    let length = MediaTime::from_seconds(seconds);
    Window {
        id: WindowId(0),
        leg: Leg::Mixed,
        span: Span::new(MediaTime::ZERO, length),
        samples: Sensitive::new(samples.collect()),
        deadline: MediaTime::MAX,
    }
}

/// Whether recordings can be written and have room. The folder is made by `serve`; here the nearest one
/// that exists is looked at, and nothing is left behind.
fn recordings(folder: &Path) -> Vec<Check> {
    let existing = nearest_existing(folder);
    let writable = match tempfile::tempfile_in(&existing) {
        Ok(_) => Check::good("recordings", format!("{} can be written", folder.display())),
        Err(error) => Check::bad(
            "recordings",
            format!("{} cannot be written: {error}", folder.display()),
            format!(
                "give the user that runs hushgate write permission in {}, or record elsewhere with \
                 --recordings DIR",
                existing.display()
            ),
        ),
    };
    let space = match statvfs(&existing) {
        Ok(system) => {
            let free = system.blocks_available() * system.fragment_size();
            let hours = free as f64 / BYTES_PER_CALL_HOUR;
            let found = format!(
                "{:.1} GB free, room for {hours:.0} hours of calls",
                free as f64 / 1e9
            );
            if free >= LEAST_FREE_BYTES {
                Check::good("disk", found)
            } else {
                Check::bad(
                    "disk",
                    found,
                    "free some space, or record elsewhere with --recordings DIR",
                )
            }
        }
        Err(error) => Check::bad(
            "disk",
            format!("{}: {error}", existing.display()),
            "record to another folder with --recordings DIR",
        ),
    };
    vec![writable, space]
}

/// Whether keys for the store can be had.
fn store_keys(store: &crate::config::store::Store) -> Check {
    match records::keys(&store.keys).and_then(|keys| Ok(keys.check()?)) {
        Ok(()) => Check::good("keys", "keys can be wrapped"),
        Err(error) => Check::bad(
            "keys",
            format!("{error:#}"),
            "see [store] of the configuration; `hushgate keys generate` makes a file of keys",
        ),
    }
}

fn nearest_existing(folder: &Path) -> PathBuf {
    folder
        .ancestors()
        .find(|ancestor| ancestor.is_dir())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn port(address: SocketAddr) -> Check {
    match TcpListener::bind(address) {
        Ok(_) => Check::good("port", format!("{address} is free")),
        Err(error) => Check::bad(
            "port",
            format!("{address}: {error}"),
            "stop what listens there (perhaps hushgate itself runs), or listen elsewhere with \
             --listen ADDR:PORT",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_told_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let check = port(taken.local_addr().unwrap());
        assert!(!check.ok && check.advice.unwrap().contains("--listen"));
    }

    #[test]
    fn recordings_need_a_place_that_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let checks = recordings(&folder.path().join("not/there/yet"));
        assert!(checks[0].ok, "{checks:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let checks = recordings(Path::new("/proc/nowhere"));
        assert!(!checks[0].ok && checks[0].advice.is_some(), "{checks:?}");
    }

    #[test]
    fn a_missing_model_is_told_with_what_to_do() {
        let checks = model_checks(Engine::default(), "/nowhere/model.bin");
        assert!(!checks[0].ok && checks[0].advice.as_ref().unwrap().contains("model install"));
    }

    #[test]
    fn this_process_can_do_without_core_dumps() {
        assert!(core_dumps().ok);
        assert!(linear_algebra().ok);
    }
}
