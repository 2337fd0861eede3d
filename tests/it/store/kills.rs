//! A gateway that is killed again and again while calls are in all stages: what was acknowledged is there, what was begun is
//! readable as far as it came, no labelled digit is on the disk, and the audit log has neither gap nor fork.
//!
//! Then commands hold, erase, search and copy, and every byte of every file is searched for what was spoken.
//!
//! `HUSHGATE_KILLS` says how often; `make kills` does it 200 times.

use std::collections::{BTreeMap, BTreeSet};

use hushgate::audio::g711::Law;
use hushgate::gateway::player::{Playback, Speed};
use hushgate::store::audit::{
    Action, EntryFilter, KeyFiles, LogSettings, Verification, entries_of, verify_folder,
};

use super::*;
use crate::labels::{self, Sample};

/// Which calls, and after how many seconds each ends. Their digits are asked for and said before.
const CALLS: &[(&str, f64)] = &[
    ("benign_order", 1.5),
    ("pan_readback", 13.0),
    ("two_cards", 13.0),
    ("benign_zip", 4.0),
];
/// The longest that a gateway lives, in milliseconds.
const LONGEST_MILLIS: u64 = 15_000;

/// Numbers that look random and are the same in every run (a linear congruential generator, Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn playback(call: &str, sample: &Sample, seconds: f64) -> Playback {
    let leg = |index: usize| -> Vec<u8> {
        Law::Mu.encode(&sample.legs[index][..(seconds * 8_000.0) as usize])
    };
    Playback {
        call: call_id(call),
        stream: format!("MZ{call}"),
        agent: leg(0),
        customer: leg(1),
        speed: Speed::Realtime,
    }
}

/// What the kills came to.
#[derive(Debug, Default)]
struct Sum {
    calls: usize,
    acknowledged: usize,
    cut_off: usize,
    digits: usize,
    leaked: usize,
}

struct Kills {
    place: Place,
    vault: Vault,
    samples: BTreeMap<String, Sample>,
    numbers: Numbers,
    sum: Sum,
}

impl Kills {
    fn new() -> Self {
        let place = Place::new();
        let config = place.path("hushgate.toml");
        let text = std::fs::read_to_string(&config)
            .unwrap()
            .replace("hold_seconds = 2.0", "hold_seconds = 4.0");
        let audit = "[audit]\nfolder = \"audit\"\nkeys = \"audit-keys\"\n";
        std::fs::write(&config, text + audit).unwrap();
        let samples = labels::samples().into_iter();
        Self {
            vault: place.vault(),
            place,
            samples: samples.map(|call| (call.name.clone(), call)).collect(),
            numbers: Numbers(7),
            sum: Sum::default(),
        }
    }

    fn log_settings(&self) -> LogSettings {
        LogSettings {
            keys: self.place.path("audit-keys"),
            ..LogSettings::new(self.place.path("audit"))
        }
    }

    /// A gateway lives and dies; then all that it left is looked at.
    async fn round(&mut self, round: usize) {
        let log = format!("log-{round}");
        let mut serving = Serving::start(&self.place, &log);
        let url = format!("ws://{}/twilio", serving.address);
        let mut calls = Vec::new();
        for (index, (name, seconds)) in CALLS.iter().enumerate() {
            let call = format!("CA{round}x{index}");
            let played = playback(&call, &self.samples[*name], *seconds);
            let (url, wait) = (url.clone(), self.numbers.below(3_000));
            let playing = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                // It ends when the gateway does.
                let _ = played.play(&url, |_| {}).await;
            });
            calls.push((call, *name, playing));
        }
        tokio::time::sleep(Duration::from_millis(self.numbers.below(LONGEST_MILLIS))).await;
        // SIGKILL.
        serving.process.kill().unwrap();
        serving.process.wait().unwrap();
        for (_, _, playing) in &calls {
            playing.abort();
        }

        let said = std::fs::read_to_string(self.place.path(&log)).unwrap();
        // Times of the call have a point in them.
        let mut runs = digit_runs(&said);
        runs.retain(|run| !run.contains('.'));
        assert_eq!(runs, Vec::<String>::new());
        let ended = self.entries(Action::CallEnded);
        for (call, sample, _) in calls {
            let is_acknowledged = said
                .lines()
                .any(|line| line.contains("recorded the call") && line.contains(&call));
            assert!(!is_acknowledged || ended.contains(&call), "{call}");
            // Else it had not come in.
            if is_acknowledged || self.place.path(&format!("store/calls/{call}")).exists() {
                self.check_call(&call, sample, is_acknowledged);
            }
        }
        self.check_log(&format!("after kill {round}"));
    }

    fn check_call(&mut self, call: &str, sample: &str, is_acknowledged: bool) {
        self.sum.calls += 1;
        let record = self.vault.record(&name(call)).unwrap();
        if is_acknowledged {
            self.sum.acknowledged += 1;
            assert_eq!(record.state, RecordState::Complete, "{call}");
        }
        let mut audio = match self.vault.audio(&name(call)) {
            Ok(audio) => audio,
            // Killed before the first chunk, of which the head is a part.
            Err(error) => {
                assert!(!is_acknowledged, "{call}: {error}");
                assert_eq!(record.state, RecordState::Open, "{call}: {error}");
                return;
            }
        };
        match audio.examine(|_, _| {}).unwrap() {
            Standing::Whole => {}
            Standing::CutOff { .. } if !is_acknowledged => self.sum.cut_off += 1,
            standing => panic!("{call}: {standing:?}"),
        }
        if is_acknowledged {
            for content in [Content::Report, Content::Transcript] {
                self.vault.document(&name(call), content).unwrap();
            }
        }
        let mut wav = Vec::new();
        audio.copy_to(&mut wav, |_, _| {}).unwrap();
        let file = self.place.path("heard.wav");
        std::fs::write(&file, wav).unwrap();
        let (leaked, digits) = self.samples[sample].leaked(&channels(&file));
        self.sum.leaked += leaked;
        self.sum.digits += digits;
    }

    fn entries(&self, action: Action) -> BTreeSet<String> {
        let mut calls = BTreeSet::new();
        let files = self.log_settings().files();
        if !self.place.path("audit").exists() {
            return calls;
        }
        entries_of(&files, &EntryFilter::default(), |line| {
            if line.entry.action == action {
                calls.extend(line.entry.subject);
            }
            true
        })
        .unwrap();
        calls
    }

    /// A kill may leave the last line half written, as a writer at work does.
    fn check_log(&self, when: &str) {
        let settings = self.log_settings();
        let with = Verification {
            hmac: Some(KeyFiles::new(&settings.keys).load_hmac().unwrap()),
            is_live: true,
            ..Verification::default()
        };
        let verdict = verify_folder(&settings.files(), with, |_, _| {}).unwrap();
        assert!(verdict.is_whole(), "{when}: {verdict:?}");
    }
}

/// Words that our own files have too.
const OUR_OWN: &[&str] = &["customer", "recording", "security", "digits"];

impl Kills {
    /// Long words of transcripts: what somebody may read who has the key.
    fn words_that_were_kept(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for record in self.vault.records(|_, _| {}).unwrap() {
            if record.state != RecordState::Complete {
                continue;
            }
            let text = self
                .vault
                .document(&record.name, Content::Transcript)
                .unwrap();
            let entries: Value = serde_json::from_slice(&text).unwrap();
            let texts = entries.as_array().unwrap().iter();
            for text in texts.filter_map(|entry| entry["text"].as_str()) {
                let found = text
                    .split(|c: char| !c.is_ascii_alphabetic())
                    .filter(|word| word.len() > 6)
                    .map(str::to_lowercase)
                    .filter(|word| !OUR_OWN.contains(&word.as_str()));
                words.extend(found);
            }
        }
        words
    }

    /// What people do with a store while the gateway records.
    fn use_the_store(&self) {
        let calls = self.vault.names().unwrap();
        let call = calls
            .iter()
            .find(|call| self.vault.record(call).unwrap().state == RecordState::Complete)
            .unwrap()
            .as_str();
        let place = &self.place;
        let held = place.json(&[
            "hold", "place", "--call", call, "--reason", "case one", "--json",
        ]);
        let hold = held["hold"]["id"].as_str().unwrap();
        place.done(&["hold", "release", hold, "--reason", "closed"]);
        let asked = place.json(&[
            "erase",
            "request",
            "--call",
            call,
            "--from",
            "0",
            "--to",
            "1",
            "--reason",
            "asked for",
            "--as",
            "kim",
            "--json",
        ]);
        let request = asked["request"]["id"].as_str().unwrap();
        let erased = place.json(&["erase", "approve", request, "--as", "lee", "--json"]);
        assert_eq!(erased["request"]["progress"], "done", "{erased}");
        place.done(&["recordings", "search"]);
        place.done(&["backup", "--out", "copy"]);
        place.done(&["retention", "run"]);
    }

    /// No file but the keys' is left out.
    fn assert_nothing_in_clear(&self, words: &BTreeSet<String>) {
        assert!(!words.is_empty());
        let mut needles: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        for number in ["5555555555554444", "5555 5555 5555 4444", "WAVEfmt "] {
            needles.push(number.as_bytes().to_vec());
        }
        let _ = std::fs::remove_file(self.place.path("heard.wav"));
        let found = files(self.place.folder.path());
        let has = |name: &str| found.iter().any(|file| file.ends_with(name));
        assert!(
            has("store/index.sqlite") && has("copy/manifest.json"),
            "{found:?}"
        );
        for file in found {
            let bytes = std::fs::read(&file).unwrap().to_ascii_lowercase();
            for needle in &needles {
                let needle = needle.to_ascii_lowercase();
                assert!(
                    !bytes.windows(needle.len()).any(|window| window == needle),
                    "{}: {}",
                    file.display(),
                    String::from_utf8_lossy(&needle)
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_kills_at_random_moments_lose_and_leak_nothing() {
    let count = std::env::var("HUSHGATE_KILLS")
        .map_or(3, |count| count.parse().expect("HUSHGATE_KILLS: a number"));
    let mut kills = Kills::new();
    for round in 0..count {
        kills.round(round).await;
    }
    // The last one closes what the others left.
    let _last = Serving::start(&kills.place, "last.log");
    kills.check_log("at last");
    let recorded = kills.entries(Action::CallRecorded);
    let failed = kills.entries(Action::RecordingFailed);
    let mut complete = 0;
    for record in kills.vault.records(|_, _| {}).unwrap() {
        assert_ne!(record.state, RecordState::Open, "{}", record.name);
        let is_complete = record.state == RecordState::Complete;
        complete += usize::from(is_complete);
        // Whatever is in the store is in the log.
        let told = if is_complete { &recorded } else { &failed };
        assert!(told.contains(record.name.as_str()), "{}", record.name);
    }
    let words = kills.words_that_were_kept();
    kills.use_the_store();
    kills.assert_nothing_in_clear(&words);

    let sum = &kills.sum;
    let told = format!("{count} kills: {sum:?}, {complete} complete");
    std::fs::write(
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kills.txt"),
        &told,
    )
    .unwrap();
    assert_eq!(sum.leaked, 0, "{told}");
    assert!(complete >= sum.acknowledged, "{told}");
    assert!(sum.acknowledged > 0 && sum.cut_off > 0, "{told}");
}
