//! Encrypted recordings: through a door into the store, out of it by command, and what is left on the disk.

mod key_service;
mod kills;
mod object_store;
mod search;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushgate::audio::{MediaTime, Span};
use hushgate::call::Leg;
use hushgate::gateway::records;
use hushgate::speech::{Transcript, Word};
use hushgate::store::database::DatabaseSettings;
use hushgate::store::keys::{KeyId, KeyService, KeySource, LocalKeys, add_key};
use hushgate::store::sealed::{Content, Standing};
use hushgate::store::vault::{RecordName, State as RecordState, Vault};
use serde_json::{Value, json};

use crate::program::hushgate;
use crate::support::*;

/// A store with its keys and a configuration that names them.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        add_key(
            &folder.path().join("store.keys"),
            &KeyId::new("first").unwrap(),
        )
        .unwrap();
        let config =
            "[speech]\nhold_seconds = 2.0\n[store]\npath = \"store\"\nkey_file = \"store.keys\"\n";
        std::fs::write(folder.path().join("hushgate.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn vault(&self) -> Vault {
        records::open(&hushgate::config::store::Store {
            path: self.path("store"),
            keys: KeySource::File(self.path("store.keys")),
            database: DatabaseSettings::within(&self.path("store")),
            archive: None,
        })
        .unwrap()
    }

    async fn gateway(&self, script: Script) -> Gateway {
        let tapes = records::tapes(self.vault());
        Gateway::start_with(script, |settings| settings.tapes = tapes).await
    }

    /// Runs a command on this store.
    fn run(&self, arguments: &[&str]) -> Output {
        hushgate()
            .args(arguments)
            .env("HUSHGATE_CONFIG", self.path("hushgate.toml"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// The same, where it must go well; what it prints.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    /// The one line of a command that fails.
    fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

fn name(call: &str) -> RecordName {
    RecordName::new(call).unwrap()
}

/// Waits until a call is complete in the store.
async fn complete(vault: &Vault, call: &str) {
    eventually(Duration::from_secs(20), || {
        let record = vault.record(&name(call)).ok()?;
        (record.state == RecordState::Complete).then_some(())
    })
    .await;
}

/// Every file of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_is_sealed_and_comes_back_by_command() {
    let place = Place::new();
    let log = watch_log();
    let gateway = place.gateway(hears_nothing()).await;
    let (agent, customer) = (sound(1, 3_000), sound(2, 3_000));
    playback("CAsealed1", agent.clone(), customer.clone())
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    // Said only once it is on the disk.
    eventually(Duration::from_secs(20), || {
        let text = log.text();
        let told = |line: &str| line.contains("recorded the call") && line.contains("CAsealed1");
        text.lines().any(told).then_some(())
    })
    .await;
    assert_eq!(
        place.vault().record(&name("CAsealed1")).unwrap().state,
        RecordState::Complete
    );
    // Nothing lies where plain recordings would.
    assert!(!gateway.recordings.exists());

    let listed = place.json(&["recordings", "list", "--json"]);
    assert_eq!(listed["recordings"][0]["name"], "CAsealed1");
    assert_eq!(listed["recordings"][0]["state"], "complete");
    assert!(place.done(&["recordings", "list"]).contains("1 calls"));

    place.done(&["recordings", "export", "CAsealed1", "--out", "call.wav"]);
    let heard = channels(&place.path("call.wav"));
    for (heard, played) in heard.iter().zip([&agent, &customer]) {
        let expected = linear(played);
        assert!(heard[..expected.len()] == expected);
        assert!(heard.len() - expected.len() < 320);
    }
    let again = place.error(&["recordings", "export", "CAsealed1", "--out", "call.wav"]);
    assert!(again.contains("is there already"), "{again}");

    let shown = place.json(&["recordings", "show", "CAsealed1", "--json"]);
    assert_eq!(shown["audio"]["standing"]["is"], "whole");
    assert_eq!(shown["report"]["model_sha256"], "scripted");
    let text = place.done(&["recordings", "show", "CAsealed1"]);
    assert!(text.contains("whole, as it was sealed"), "{text}");
    let part = place.json(&[
        "recordings",
        "export",
        "CAsealed1",
        "--part",
        "report",
        "--json",
    ]);
    assert_eq!(part["file"], "CAsealed1.report.json");
    let report = std::fs::read(place.path("CAsealed1.report.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&report).unwrap()["call"],
        "CAsealed1"
    );
    let unknown = place.error(&["recordings", "show", "CAsealed2"]);
    assert!(
        unknown.contains("there is no call CAsealed2 in the store"),
        "{unknown}"
    );

    // Rotation while the gateway runs: calls after it are under the new key, those before too.
    place.done(&["keys", "generate", "--id", "second"]);
    let rotated = place.json(&["keys", "rotate", "--json"]);
    assert_eq!(rotated, json!({"objects": 3, "rewrapped": 3, "failed": 0}));
    playback("CAsealed2", sound(3, 500), sound(4, 500))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    complete(&place.vault(), "CAsealed2").await;
    let keys = place.json(&["keys", "list", "--json"]);
    assert_eq!(
        keys["keys"],
        json!([{"key": "second", "state": "current", "objects": 6},
               {"key": "first", "state": "older", "objects": 0}])
    );

    // Without the key, or with another in its place, it says so.
    let keys = std::fs::read_to_string(place.path("store.keys")).unwrap();
    let second: Vec<&str> = keys
        .lines()
        .filter(|line| line.starts_with("second"))
        .collect();
    std::fs::write(place.path("store.keys"), keys.replace("second ", "third ")).unwrap();
    let missing = place.error(&["recordings", "export", "CAsealed1", "--out", "no.wav"]);
    assert!(
        missing.contains("has no key second, which this was sealed under"),
        "{missing}"
    );
    let first = keys.replace(second[0], "").replace("first ", "second ");
    std::fs::write(place.path("store.keys"), first).unwrap();
    let wrong = place.error(&["recordings", "export", "CAsealed1", "--out", "no.wav"]);
    assert!(
        wrong.contains("does not open this: it is another key of that name"),
        "{wrong}"
    );
    assert!(!place.path("no.wav").exists());
    std::fs::write(place.path("store.keys"), &keys).unwrap();

    // One flipped bit is an error and leaves no file.
    let sealed = place.path("store/calls/CAsealed1/audio.sealed");
    let mut bytes = std::fs::read(&sealed).unwrap();
    bytes[30_000] ^= 4;
    std::fs::write(&sealed, &bytes).unwrap();
    let altered = place.error(&["recordings", "export", "CAsealed1", "--out", "no.wav"]);
    assert!(altered.contains("was altered at chunk 3"), "{altered}");
    assert!(!place.path("no.wav").exists());
    let shown = place.run(&["recordings", "show", "CAsealed1"]);
    assert_eq!(shown.status.code(), Some(1));
    assert!(
        String::from_utf8(shown.stdout)
            .unwrap()
            .contains("ALTERED at chunk 3")
    );
}

/// The agent speaks of marmalade, the customer says a card number.
fn says_something_of_both() -> Script {
    let card = says_a_card();
    Arc::new(move |window| {
        if window.leg == Leg::Customer {
            return card(window);
        }
        let step = window.span.length().micros() / 4;
        let texts = ["Marmalade", "is", "very", "lovely"];
        let words = texts.into_iter().zip(0..).map(|(text, index)| Word {
            text: text.to_owned().into(),
            span: Span::new(
                MediaTime::from_micros(step * index),
                MediaTime::from_micros(step * (index + 1)),
            ),
            confidence: 0.9,
        });
        Answer::Now(Ok(Transcript {
            words: words.collect(),
            ..Transcript::default()
        }))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_store_has_no_byte_of_what_was_said() {
    let place = Place::new();
    let gateway = place.gateway(says_something_of_both()).await;
    let (agent, customer) = (sound(1, 3_000), sound(2, 3_000));
    playback("CA1", agent.clone(), customer.clone())
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let vault = place.vault();
    complete(&vault, "CA1").await;
    let transcript = vault.document(&name("CA1"), Content::Transcript).unwrap();
    let transcript = String::from_utf8(transcript.to_vec()).unwrap();
    assert!(
        transcript.contains("Marmalade") && !transcript.contains("4111"),
        "{transcript}"
    );
    let mut wav = Vec::new();
    vault
        .audio(&name("CA1"))
        .unwrap()
        .copy_to(&mut wav, |_, _| {})
        .unwrap();

    let mut needles: Vec<Vec<u8>> = [
        "armalade",
        "4111 1111",
        "4111111111111111",
        "customer",
        "WAVEfmt ",
        "\"spans\"",
    ]
    .iter()
    .map(|word| word.as_bytes().to_vec())
    .collect();
    // Sound that was released, as it was spoken and as it was recorded.
    let is_sound = |bytes: &[u8]| bytes.iter().any(|byte| *byte != bytes[0]);
    needles.extend(
        wav[44..]
            .chunks_exact(16)
            .filter(|w| is_sound(w))
            .step_by(40)
            .map(<[u8]>::to_vec),
    );
    for leg in [&agent, &customer] {
        needles.extend(leg.chunks_exact(16).step_by(40).map(<[u8]>::to_vec));
        let samples: Vec<u8> = linear(leg).iter().flat_map(|s| s.to_le_bytes()).collect();
        needles.extend(samples.chunks_exact(16).step_by(40).map(<[u8]>::to_vec));
    }
    assert!(needles.len() > 100);
    let found = files(&place.path("store"));
    assert!(
        found
            .iter()
            .any(|file| file.ends_with("calls/CA1/audio.sealed"))
    );
    for file in found {
        let bytes = std::fs::read(&file).unwrap();
        for needle in &needles {
            assert!(
                !bytes.windows(needle.len()).any(|window| window == needle),
                "{}",
                file.display()
            );
        }
    }
    let log = watch_log().text();
    assert_eq!(digit_runs(&log), Vec::<String>::new());
    assert!(!log.to_lowercase().contains("marmalade"));
    let key = std::fs::read_to_string(place.path("store.keys")).unwrap();
    let key = key
        .lines()
        .nth(1)
        .unwrap_or(&key)
        .split(' ')
        .next_back()
        .unwrap();
    assert!(!log.contains(key));
}

/// A running `hushgate serve` of this store.
struct Serving {
    process: Child,
    address: SocketAddr,
}

impl Serving {
    fn start(place: &Place, log: &str) -> Self {
        let log = std::fs::File::create(place.path(log)).unwrap();
        let mut process = hushgate()
            .args([
                "serve",
                "--no-supervise",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--config",
            ])
            .arg(place.path("hushgate.toml"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self { process, address }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // After a failed test it still runs.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_killed_gateway_leaves_a_prefix_that_the_next_one_closes() {
    let place = Place::new();
    let mut serving = Serving::start(&place, "log");
    let mut client = Client::connect(&format!("ws://{}/twilio", serving.address)).await;
    client.start("CA1").await;
    let agent = sound(1, 8_000);
    for (index, packet) in agent.chunks(160).enumerate() {
        client
            .send(media(Leg::Agent, index as u64 * 20, packet))
            .await;
    }
    let sealed = place.path("store/calls/CA1/audio.sealed");
    eventually(Duration::from_secs(30), || {
        std::fs::metadata(&sealed)
            .is_ok_and(|file| file.len() > 40_000)
            .then_some(())
    })
    .await;
    // SIGKILL.
    serving.process.kill().unwrap();
    serving.process.wait().unwrap();

    let vault = place.vault();
    assert_eq!(vault.record(&name("CA1")).unwrap().state, RecordState::Open);
    let mut audio = vault.audio(&name("CA1")).unwrap();
    let left = audio.seconds();
    assert!(left > 1.0, "{left}");
    assert!(matches!(
        audio.examine(|_, _| {}).unwrap(),
        Standing::CutOff { .. }
    ));

    let _second = Serving::start(&place, "second.log");
    assert_eq!(
        vault.record(&name("CA1")).unwrap().state,
        RecordState::Incomplete
    );
    let shown = place.json(&["recordings", "show", "CA1", "--json"]);
    assert_eq!(shown["recording"]["state"], "incomplete");
    assert_eq!(
        shown["closing"]["reason"],
        "the gateway ended before the call did"
    );
    place.done(&["recordings", "export", "CA1"]);
    let heard = channels(&place.path("CA1.wav"));
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].len(), (left * 8_000.0).round() as usize);
    // What was released is what was said, or silence where it was not understood.
    let said = linear(&agent);
    for (at, sample) in heard[0].iter().enumerate() {
        assert!(*sample == said[at] || *sample == 0, "{at}");
    }
    let log = std::fs::read_to_string(place.path("second.log")).unwrap();
    assert!(log.contains("closed a recording that was cut off"), "{log}");
    // The store is one gateway's.
    let third = place.error(&["serve", "--no-supervise", "--listen", "127.0.0.1:0"]);
    assert!(
        third.contains("another gateway records into this store"),
        "{third}"
    );
}

#[test]
fn store_commands_say_what_is_missing() {
    let place = Place::new();
    let check = |arguments: &[&str], expected: &str| {
        let said = place.error(arguments);
        assert!(said.contains(expected), "{said}\nlacks {expected}");
    };
    check(&["recordings", "list"], "is no store of hushgate");
    check(&["keys", "rotate"], "cannot rotate the keys");
    check(
        &["keys", "generate", "--id", "first"],
        "has a key first already",
    );
    let usage = place.run(&["recordings", "show", "../../etc"]);
    assert_eq!(usage.status.code(), Some(2));
    std::fs::write(place.path("hushgate.toml"), "").unwrap();
    check(&["recordings", "list"], "has no [store]");
    let made = place.json(&["keys", "generate", "--key-file", "own.keys", "--json"]);
    let keys = LocalKeys::from_file(&place.path("own.keys")).unwrap();
    assert_eq!(
        keys.keys().unwrap()[0].as_str(),
        made["key"].as_str().unwrap()
    );
    for command in [
        &["recordings", "list"][..],
        &["recordings", "show"],
        &["recordings", "export"],
        &["keys", "generate"],
        &["keys", "list"],
        &["keys", "rotate"],
    ] {
        let help = place.done(&[command, &["--help"]].concat());
        assert!(
            help.contains("Examples:") && help.contains("Exit status:"),
            "{help}"
        );
    }
}
