//! The audit log of a gateway that takes calls, and the commands that check it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use hushgate::gateway::audit::Auditor;
use hushgate::gateway::records;
use hushgate::gateway::serve::Settings;
use hushgate::store::audit::bundle::Bundle;
use hushgate::store::audit::{
    Action, AuditLog, EntryFilter, KeyFiles, Line, LogSettings, PublicKey, Sha256Digest, Verdict,
    Verification, entries_of, verify_folder,
};
use hushgate::store::database::DatabaseSettings;
use hushgate::store::keys::{KeyId, KeySource, add_key};

use crate::support::*;

/// A folder with a log, and what leads to it.
struct Kept {
    folder: tempfile::TempDir,
    settings: LogSettings,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = LogSettings {
            checkpoint_entries: 4,
            ..LogSettings::new(folder.path().join("audit"))
        };
        Self { folder, settings }
    }

    fn auditor(&self) -> std::sync::Arc<Auditor> {
        Auditor::new(AuditLog::open(self.settings.clone()).unwrap().log)
    }

    fn keys(&self) -> KeyFiles {
        KeyFiles::new(&self.settings.keys)
    }

    fn lines(&self, call: Option<&str>) -> Vec<Line> {
        let filter = EntryFilter {
            call: call.map(str::to_owned),
            ..EntryFilter::default()
        };
        let mut lines = Vec::new();
        entries_of(&self.settings.files(), &filter, |line| {
            lines.push(line);
            true
        })
        .unwrap();
        lines
    }

    fn verdict(&self) -> Verdict {
        let with = Verification {
            hmac: Some(self.keys().load_hmac().unwrap()),
            public: vec![PublicKey::read(&self.keys().public()).unwrap()],
            ..Verification::default()
        };
        verify_folder(&self.settings.files(), with, |_, _| {}).unwrap()
    }

    /// Every file of the log, its keys aside.
    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.settings.folder).unwrap();
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file() && path.metadata().unwrap().len() > 0)
            .collect();
        files.sort();
        files
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushgate"));
        command
            .arg("audit")
            .args(arguments)
            .current_dir(self.folder.path());
        for (name, _) in std::env::vars() {
            if name.starts_with("HUSHGATE_") {
                command.env_remove(name);
            }
        }
        command.output().unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A call with a card number, and its recordings.
async fn play(kept: &Kept, call: &str) -> Gateway {
    let auditor = kept.auditor();
    let for_server = std::sync::Arc::clone(&auditor);
    let gateway = Gateway::start_with(says_a_card(), move |settings: &mut Settings| {
        *settings = settings.clone().with_audit(for_server);
    })
    .await;
    auditor.model_loaded("scripted");
    playback(call, sound(1, 3_000), sound(2, 3_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    gateway.recording(call).await;
    // The report comes before the entry that has its hash.
    eventually(Duration::from_secs(10), || {
        let ended = |line: &Line| line.entry.action == Action::CallEnded;
        kept.lines(Some(call)).iter().any(ended).then_some(())
    })
    .await;
    auditor.stop();
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_names_the_sealed_files_of_the_store() {
    let kept = Kept::new();
    let path = |name: &str| kept.folder.path().join(name);
    add_key(&path("store.keys"), &KeyId::new("first").unwrap()).unwrap();
    let store = hushgate::config::store::Store {
        path: path("store"),
        keys: KeySource::File(path("store.keys")),
        database: DatabaseSettings::within(&path("store")),
        archive: None,
    };
    let tapes = records::tapes(records::open(&store).unwrap());
    let auditor = kept.auditor();
    let for_server = std::sync::Arc::clone(&auditor);
    let gateway = Gateway::start_with(says_a_card(), move |settings: &mut Settings| {
        settings.tapes = tapes;
        *settings = settings.clone().with_audit(for_server);
    })
    .await;
    playback("CA1", sound(1, 3_000), sound(2, 3_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let recorded = eventually(Duration::from_secs(20), || {
        let recorded = |line: &Line| line.entry.action == Action::CallRecorded;
        kept.lines(Some("CA1")).into_iter().find(recorded)
    })
    .await;
    auditor.stop();
    // A rotation leaves sealed files as they are.
    add_key(&path("store.keys"), &KeyId::new("second").unwrap()).unwrap();
    let vault = records::open(&store).unwrap();
    vault.rotate(|_, _| {}).unwrap();
    for part in ["recording", "report", "transcript"] {
        let file = path("store/calls/CA1").join(recorded.entry.text(part).unwrap());
        let sum = Sha256Digest::of(&[&std::fs::read(file).unwrap()]);
        let told = recorded.entry.text(&format!("{part}_sha256")).unwrap();
        assert_eq!(told, sum.to_string(), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_course_is_in_the_log_and_its_evidence_stands_alone() {
    let kept = Kept::new();
    let gateway = play(&kept, "CA1").await;
    let (report, _) = gateway.recording("CA1").await;
    let lines = kept.lines(Some("CA1"));
    let count = |action| {
        lines
            .iter()
            .filter(|line| line.entry.action == action)
            .count()
    };
    assert_eq!(lines[0].entry.action, Action::CallBegan);
    assert_eq!(lines.last().unwrap().entry.action, Action::CallEnded);
    assert!(!report.spans.is_empty());
    assert_eq!(count(Action::SpanHidden), report.spans.len());
    assert_eq!(count(Action::AudioLate), report.late.len());
    assert_eq!(count(Action::AudioFailed), report.failed.len());
    let verdict = kept.verdict();
    assert!(verdict.is_whole(), "{:?}", verdict.bad);
    assert_eq!(verdict.signed_until, verdict.entries);
    let all: Vec<Action> = kept
        .lines(None)
        .iter()
        .map(|line| line.entry.action)
        .collect();
    assert!(all.contains(&Action::ModelLoaded) && all.contains(&Action::GatewayStopped));

    // Nothing that was said is in it.
    let hashes = regex::Regex::new(
        r#"[0-9a-f]{64}|[0-9a-f-]{36}|"key": ?"[^"]*"|"signature": ?"[^"]*"|_key":"[^"]*"|_us":[0-9]+"#,
    )
    .unwrap();
    for file in kept.files() {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("4111") && !text.contains("armalade"));
        let left = hashes.replace_all(&text, "");
        assert_eq!(digit_runs(&left), Vec::<String>::new());
    }

    // The evidence holds without the log.
    let keys = kept.keys().load().unwrap();
    let bundle = Bundle::collect(&kept.settings.files(), "CA1", &keys, |_, _| {}).unwrap();
    let checked = bundle.check(&keys.signing.public()).unwrap();
    assert_eq!(checked.is_complete, Some(true));
    assert_eq!(
        bundle.bundle.summary.spans.len(),
        report.spans.len() + report.late.len() + report.failed.len()
    );
    let recorded: Vec<&str> = bundle.files().map(|file| file.file.as_str()).collect();
    assert_eq!(recorded, ["CA1.wav", "CA1.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_check_what_others_are_given() {
    let kept = Kept::new();
    let gateway = play(&kept, "CA1").await;
    let good = kept.run(&["verify", "--folder", "audit"]);
    assert!(
        good.status.success() && said(&good).starts_with("whole: "),
        "{}",
        said(&good)
    );
    let json = kept.run(&["verify", "--folder", "audit", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["whole"], true);
    assert_eq!(value["hmac_checked"], true);

    let shown = kept.run(&[
        "show", "--folder", "audit", "--call", "CA1", "--since", "1h",
    ]);
    assert!(said(&shown).lines().count() > 3 && said(&shown).contains("span_hidden"));
    let none = kept.run(&[
        "show",
        "--folder",
        "audit",
        "--since",
        "2199-01-01T00:00:00Z",
    ]);
    assert_eq!(said(&none), "");

    let public = kept.run(&["keys", "public", "--folder", "audit", "--out", "public.pem"]);
    assert!(public.status.success(), "{}", said(&public));
    let exported = kept.run(&[
        "export",
        "CA1",
        "--folder",
        "audit",
        "--out",
        "CA1.evidence.json",
    ]);
    assert!(exported.status.success(), "{}", said(&exported));
    assert_eq!(
        kept.lines(None)
            .iter()
            .filter(|line| line.entry.action == Action::EvidenceExported)
            .count(),
        1
    );
    let again = kept.run(&[
        "export",
        "CA1",
        "--folder",
        "audit",
        "--out",
        "CA1.evidence.json",
    ]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");

    let wav = gateway.recordings.join("CA1.wav");
    let check = |bundle: &str, file: &Path| {
        kept.run(&[
            "check-bundle",
            bundle,
            "--public-key",
            "public.pem",
            "--file",
            &file.display().to_string(),
        ])
    };
    let good = check("CA1.evidence.json", &wav);
    assert!(
        good.status.success() && said(&good).contains("none is left out"),
        "{}",
        said(&good)
    );
    let mut other = std::fs::read(&wav).unwrap();
    *other.last_mut().unwrap() ^= 1;
    let altered = kept.folder.path().join("altered.wav");
    std::fs::write(&altered, other).unwrap();
    let bad = check("CA1.evidence.json", &altered);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        said(&bad).contains("has no file with the hash of"),
        "{}",
        said(&bad)
    );

    let checkpoint = kept.run(&["checkpoint", "--folder", "audit", "--out", "kept.json"]);
    assert!(checkpoint.status.success(), "{}", said(&checkpoint));
    let agreed = kept.run(&["verify", "--folder", "audit", "--checkpoint", "kept.json"]);
    assert!(agreed.status.success(), "{}", said(&agreed));
    // With the public key alone.
    std::fs::rename(&kept.settings.keys, kept.folder.path().join("away")).unwrap();
    let without = kept.run(&["verify", "--folder", "audit", "--public-key", "public.pem"]);
    assert!(
        without.status.success() && said(&without).contains("HMACs were not checked"),
        "{}",
        said(&without)
    );
    let nowhere = kept.run(&["verify"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(
        said(&nowhere).contains("give --folder DIR"),
        "{}",
        said(&nowhere)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_any_file_is_found() {
    let kept = Kept::new();
    play(&kept, "CA1").await;
    let files = kept.files();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let good = std::fs::read(&file).unwrap();
        for place in [0, good.len() / 3, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[place] ^= 4;
            std::fs::write(&file, &bad).unwrap();
            let output = kept.run(&["verify", "--folder", "audit"]);
            assert_eq!(
                output.status.code(),
                Some(1),
                "{} byte {place}",
                file.display()
            );
            let said = said(&output);
            assert!(
                said.contains("NOT WHOLE: "),
                "{} byte {place}: {said}",
                file.display()
            );
        }
        std::fs::write(&file, &good).unwrap();
    }
    assert!(kept.verdict().is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_and_strangers_are_in_the_log_a_few_lines_for_many() {
    let kept = Kept::new();
    let auditor = kept.auditor();
    let for_server = std::sync::Arc::clone(&auditor);
    let gateway = Gateway::start_with(hears_nothing(), move |settings: &mut Settings| {
        settings.max_calls = 1;
        *settings = settings.clone().with_audit(for_server);
    })
    .await;
    let mut client = gateway.connect().await;
    client.start("CA1").await;
    eventually(Duration::from_secs(10), || {
        (!kept.lines(Some("CA1")).is_empty()).then_some(())
    })
    .await;
    for _ in 0..20 {
        let refused = tokio_tungstenite::connect_async(gateway.url()).await;
        assert!(refused.is_err(), "there is no room");
    }
    auditor.check().unwrap();
    client.send(stop()).await;
    assert_eq!(client.close_code().await, Some(1_000));
    gateway.recording("CA1").await;
    auditor.stop();
    let refused: Vec<i64> = kept
        .lines(None)
        .iter()
        .filter(|line| line.entry.action == Action::CallsRefused)
        .map(|line| line.entry.number("count").unwrap())
        .collect();
    assert_eq!(refused.iter().sum::<i64>(), 20);
    assert!(refused.len() <= 6, "{refused:?}");
}
