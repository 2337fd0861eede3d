//! The fuzzing targets on bytes at random and on damaged seeds, as far as a test run has time for.
//!
//! `make fuzz` goes on where this ends.

use std::path::Path;
use std::time::Duration;

use hushgate::audio::wav_file::WavFile;
use hushgate::call::{CallId, Leg};
use hushgate::config::Config;
use hushgate::detect::text::find_in_text;
use hushgate::egress::forward::{Parting, Standing};
use hushgate::ingress::audio_fork::{self, AudioForkAdapter};
use hushgate::ingress::audiohook::{AudioHookAdapter, AudioHookHandshake};
use hushgate::ingress::audiosocket::AudioSocketAdapter;
use hushgate::ingress::chan_websocket::ChanWebSocketAdapter;
use hushgate::ingress::twilio::{Dialect, TwilioAdapter};
use hushgate::ingress::vonage::{self, VonageAdapter};
use hushgate::ingress::{Adapter, Incoming};
use hushgate::model::ggml::check;
use hushgate::policy::Policy;
use proptest::prelude::*;

#[path = "../fuzz/targets.rs"]
#[expect(unreachable_pub, reason = "for libFuzzer the same file is a library")]
mod targets;

/// One damage to a seed: where, which, and what with.
type Damage = (u8, usize, u8);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 0..12)
}

/// Applies damages: overwritten, inserted, removed, repeated and cut off bytes.
fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for &(which, place, byte) in damages {
        if bytes.is_empty() {
            break;
        }
        // Headers are at the start, and what a long seed leads up to at its end.
        let at = match which % 3 {
            0 => place % bytes.len(),
            1 => place % bytes.len().min(64),
            _ => bytes.len() - 1 - place % bytes.len().min(64),
        };
        let end = (at + usize::from(byte)).min(bytes.len());
        match which / 3 % 6 {
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, byte),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.extend(piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// The committed seeds of a target by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    let mut seeds: Vec<_> = std::fs::read_dir(folder.join(target))
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect();
    seeds.sort_unstable();
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

fn seed(target: &str, name: &str) -> Vec<u8> {
    let seeds = seeds(target);
    let (_, bytes) = seeds.into_iter().find(|(known, _)| known == name).unwrap();
    bytes
}

/// Runs a target on its seeds, on damaged seeds and on bytes at random.
fn withstands(name: &str, cases: u32) {
    let (_, target) = targets::ALL
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let seeds = seeds(name);
    for (_, seed) in &seeds {
        target(seed);
    }
    let config = || ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let one = prop::sample::select(seeds);
    proptest!(config(), |((_, seed) in one, damages in damages())| target(&damaged(&seed, &damages)));
    proptest!(config(), |(bytes in prop::collection::vec(any::<u8>(), 0..400))| target(&bytes));
}

#[test]
fn conversations_in_text_withstand_damage() {
    withstands("detect", 400);
}

#[test]
fn sound_files_withstand_damage() {
    withstands("wav", 400);
}

#[test]
fn protocol_messages_withstand_damage() {
    withstands("twilio", 1_000);
}

#[test]
fn untimed_connections_withstand_damage() {
    for name in [
        "audiohook",
        "audiosocket",
        "chan_websocket",
        "audio_fork",
        "vonage",
    ] {
        withstands(name, 1_000);
    }
}

#[test]
fn recording_sessions_withstand_damage() {
    for name in ["rtp", "sip", "description", "metadata"] {
        withstands(name, 500);
    }
}

#[test]
fn proofs_withstand_damage() {
    withstands("signatures", 1_000);
}

#[test]
fn recorders_withstand_damage() {
    withstands("recorders", 1_000);
}

#[test]
fn recorders_elsewhere_withstand_damage() {
    withstands("event_socket", 1_000);
    withstands("answers", 1_000);
}

#[test]
fn configurations_withstand_damage() {
    withstands("config", 400);
}

#[test]
fn policies_withstand_damage() {
    withstands("policy", 400);
}

#[test]
fn speech_models_withstand_damage() {
    withstands("ggml", 50);
}

/// What is fuzzed is also run here, and has seeds and a binary.
#[test]
fn every_target_is_known_to_all() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    let package = std::fs::read_to_string(root.join("tests/fuzz/Cargo.toml")).unwrap();
    let list = makefile
        .split_once("FUZZ_TARGETS = ")
        .and_then(|(_, rest)| rest.split_once("\n\n"))
        .map(|(list, _)| list.replace('\\', " "))
        .unwrap();
    let listed: Vec<&str> = list.split_whitespace().collect();
    let names: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, names);
    let own = include_str!("fuzzed.rs");
    for name in names {
        assert!(!seeds(name).is_empty());
        assert!(package.contains(&format!("path = \"bin/{name}.rs\"")));
        assert!(own.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// A connection's seed has so many messages, all of which are taken.
fn understood(mut adapter: impl Adapter, seed: &[u8], accepted: u64) {
    for message in targets::messages(seed) {
        adapter
            .handle(message.body.incoming(), message.since, &mut Vec::new())
            .unwrap();
    }
    assert_eq!(adapter.tally().accepted, accepted);
}

/// Seeds that are refused at once would try little.
#[test]
fn seeds_of_connections_are_understood() {
    for (name, accepted) in [("twilio.jsonl", 7), ("telnyx.jsonl", 6), ("plivo.jsonl", 5)] {
        let dialect = match name {
            "twilio.jsonl" => Dialect::Twilio,
            "telnyx.jsonl" => Dialect::Telnyx,
            _ => Dialect::Plivo,
        };
        let mut twilio = TwilioAdapter::new(dialect, Leg::Agent);
        for message in String::from_utf8(seed("twilio", name)).unwrap().lines() {
            twilio
                .handle(Incoming::Text(message), Duration::ZERO, &mut Vec::new())
                .unwrap();
        }
        assert_eq!(twilio.tally().accepted, accepted, "{name}");
    }
    let audiohook = || {
        let ids = AudioHookHandshake::new(targets::ORGANIZATION, targets::SESSION);
        AudioHookAdapter::new(ids.unwrap())
    };
    understood(audiohook(), &seed("audiohook", "call"), 8);
    understood(audiohook(), &seed("audiohook", "paused"), 8);
    understood(audiohook(), &seed("audiohook", "trial"), 3);
    understood(
        AudioSocketAdapter::new(Default::default()),
        &seed("audiosocket", "call"),
        7,
    );
    understood(
        ChanWebSocketAdapter::new(Default::default()),
        &seed("chan_websocket", "json"),
        6,
    );
    let id = || CallId::new("x").unwrap();
    let jambonz = audio_fork::Settings::new(audio_fork::Dialect::Jambonz, id());
    understood(
        AudioForkAdapter::new(jambonz),
        &seed("audio_fork", "stereo"),
        6,
    );
    let vonage = vonage::Settings {
        call_header: None,
        fallback: id(),
    };
    understood(VonageAdapter::new(vonage), &seed("vonage", "call"), 4);
}

#[test]
fn seeds_of_files_are_understood() {
    let text = String::from_utf8(seed("detect", "card-and-social.txt")).unwrap();
    let findings = find_in_text(&text, &Policy::default());
    assert!(findings.len() >= 3, "{findings:?}");
    for (name, text) in seeds("policy") {
        let text = String::from_utf8(text).unwrap();
        Policy::parse(&text, &name).unwrap();
    }
    let folder = targets::folder();
    for (name, text) in seeds("config") {
        let file = folder.path().join(&name).display().to_string();
        let read = Config::parse(&String::from_utf8(text).unwrap(), &file);
        assert_eq!(
            read.is_ok(),
            name != "wrong.toml",
            "{name}: {:?}",
            read.err()
        );
    }
    let path = folder.path().join("seed");
    for (name, bytes) in seeds("wav") {
        std::fs::write(&path, bytes).unwrap();
        let mut file = WavFile::open(&path).unwrap();
        assert!(!file.read_to_end().unwrap().concat().is_empty(), "{name}");
    }
    let refusal = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        check(&path).unwrap_err().to_string()
    };
    let error = refusal(&seed("ggml", "header"));
    assert!(error.contains("the mel filters"), "{error}");
    let model = [targets::small_model(), &seed("ggml", "tensors")].concat();
    let error = refusal(&model);
    assert!(error.contains("tensors missing"), "{error}");
}

#[test]
fn seeds_of_proofs_are_understood() {
    for (name, bytes) in seeds("signatures") {
        let (_, request) = targets::request(&bytes);
        assert!(targets::lets_in(&request), "{name}");
    }
}

#[test]
fn seeds_of_recorders_are_understood() {
    for (name, expected) in [
        ("audiohook", Standing::Over(Parting::Declined)),
        ("audiohook-again", Standing::Leaving(Parting::Again)),
        ("audiosocket", Standing::Over(Parting::Declined)),
        ("jambonz", Standing::Over(Parting::Declined)),
        ("chan-websocket", Standing::Over(Parting::Declined)),
        ("chan-websocket-json", Standing::Over(Parting::Declined)),
    ] {
        let bytes = seed("recorders", name);
        let mut speaker = targets::recorder(bytes[0]);
        let mut said = Vec::new();
        speaker.begin(&mut said).unwrap();
        for message in targets::messages(&bytes[1..]) {
            if speaker.due().is_some_and(|due| due <= message.since) {
                speaker.idle(message.since, &mut said);
            }
            if let Some(heard) = targets::heard(&message.body) {
                speaker.hear(heard, message.since, &mut said);
            }
        }
        assert_eq!(speaker.standing(), expected, "{name}: {said:?}");
    }
}
