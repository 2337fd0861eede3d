//! Retention, legal holds and erasure by command: beside a gateway that records, and without one.

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use hushgate::config::retention::Keeping;
use hushgate::gateway::records;
use hushgate::gateway::requests::Desk;
use hushgate::gateway::retention::{Custody, IndexCalls};
use hushgate::store::audit::{AuditLog, KeyFiles};
use hushgate::store::index::{Index, IndexedCall};
use hushgate::store::keys::{KeyId, add_key};
use hushgate::store::vault::{RecordName, State, Vault};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::program::hushgate;
use crate::support::*;

const CONFIG: &str = r#"
[store]
path = "store"
key_file = "store.keys"

[audit]
folder = "audit"
keys = "audit-keys"

[[retention]]
name = "everything"
keep_days = 0
"#;

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
        std::fs::write(folder.path().join("hushgate.toml"), CONFIG).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keeping(&self) -> Keeping {
        Keeping::load(&self.path("hushgate.toml")).unwrap()
    }

    fn vault(&self) -> Vault {
        records::open(&self.keeping().store.unwrap()).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        hushgate()
            .args(arguments)
            .env("HUSHGATE_CONFIG", self.path("hushgate.toml"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// A command that goes well; what it prints. It waits for a gateway of this process.
    async fn done(&self, arguments: &[&str]) -> String {
        let output = tokio::task::block_in_place(|| self.run(arguments));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat()).await).unwrap()
    }

    /// The one line of a command that fails.
    async fn error(&self, arguments: &[&str]) -> String {
        let output = tokio::task::block_in_place(|| self.run(arguments));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }

    /// What looks after this store in a gateway, until it is told to stop.
    async fn custody(&self) -> (CancellationToken, tokio::task::JoinHandle<()>) {
        let keeping = self.keeping();
        let audit = keeping.audit.unwrap();
        let log = AuditLog::open(audit.settings()).unwrap().log;
        let stop = CancellationToken::new();
        let custody = Custody::new(
            self.vault(),
            Arc::new(IndexCalls::open(&keeping.store.unwrap()).await.unwrap()),
            Some((log.clone(), KeyFiles::new(&audit.keys))),
            keeping.retention,
            stop.clone(),
        );
        let desk = Desk::default().with(Arc::new(Arc::clone(&custody)));
        let (store, shutdown) = (self.path("store"), stop.clone());
        let task = tokio::spawn(async move {
            tokio::join!(desk.attend(store, shutdown), custody.keep_schedule());
            tokio::task::spawn_blocking(move || log.close())
                .await
                .unwrap();
        });
        (stop, task)
    }
}

fn name(call: &str) -> RecordName {
    RecordName::new(call).unwrap()
}

fn id(text: &Value) -> &str {
    text.as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_calls_are_held_erased_and_deleted_beside_a_gateway_and_without() {
    let place = Place::new();
    let vault = place.vault();
    let tapes = records::tapes(vault.clone());
    let gateway = Gateway::start_with(says_a_card(), |settings| settings.tapes = tapes).await;
    let url = gateway.url();
    let play = |call: &'static str| playback(call, sound(1, 2_500), sound(2, 2_500));
    let (one, two) = (play("CA1"), play("CA2"));
    let (one, two) = tokio::join!(one.play(&url, |_| {}), two.play(&url, |_| {}));
    one.unwrap();
    two.unwrap();
    for call in ["CA1", "CA2"] {
        eventually(std::time::Duration::from_secs(20), || {
            let state = vault.record(&name(call)).ok()?.state;
            (state == State::Complete).then_some(())
        })
        .await;
    }
    let (stop, custody) = place.custody().await;
    let settings = place.keeping().store.unwrap();
    let index = Index::open(&hushgate::store::database::DatabaseSettings::within(
        &settings.path,
    ))
    .await
    .unwrap();
    for call in ["CA1", "CA2"] {
        let began = vault.record(&name(call)).unwrap().begun.unwrap();
        let known = IndexedCall::new(name(call), began, State::Complete);
        index.put(&known).await.unwrap();
    }

    // Beside the gateway.
    let before = {
        let mut wav = Vec::new();
        vault
            .audio(&name("CA1"))
            .unwrap()
            .copy_to(&mut wav, |_, _| {})
            .unwrap();
        wav
    };
    let segment = [
        "erase",
        "request",
        "--call",
        "CA1",
        "--from",
        "0:01",
        "--to",
        "0:01.5",
        "--reason",
        "asked for",
    ];
    let asked = place.json(&[&segment[..], &["--as", "kim"]].concat()).await;
    let request = id(&asked["request"]["id"]).to_owned();
    assert_eq!(asked["request"]["progress"], "waiting");
    let own = place
        .error(&["erase", "approve", &request, "--as", "Kim"])
        .await;
    assert!(
        own.contains("Kim asked for erasure-") && own.contains("somebody else"),
        "{own}"
    );
    let early = place.error(&["erase", "certificate", &request]).await;
    assert!(early.contains("is waiting"), "{early}");
    let held = place
        .json(&[
            "hold", "place", "--call", "CA1", "--reason", "case 17", "--as", "lee",
        ])
        .await;
    let hold = id(&held["hold"]["id"]).to_owned();
    let left = place
        .json(&["erase", "approve", &request, "--as", "lee"])
        .await;
    assert_eq!(
        left["request"]["left"][0]["why"],
        format!("legal hold {hold}")
    );
    let plan = place.json(&["retention", "plan"]).await;
    assert_eq!(
        (&plan["plan"]["due"], &plan["plan"]["held"]),
        (&1.into(), &1.into())
    );
    let sums = place.done(&["retention", "plan"]).await;
    assert!(
        sums.contains("CA2") && sums.contains(&format!("kept by {hold}")),
        "{sums}"
    );
    let ran = place.done(&["retention", "run"]).await;
    assert!(ran.starts_with("the gateway has begun with it"), "{ran}");
    eventually(std::time::Duration::from_secs(10), || {
        vault.record(&name("CA2")).is_err().then_some(())
    })
    .await;
    stop.cancel();
    custody.await.unwrap();
    gateway.shutdown.cancel();
    gateway.server.await.unwrap();

    // Without one.
    let listed = place.done(&["hold", "list"]).await;
    assert!(
        listed.contains(&hold) && listed.contains("1 holds"),
        "{listed}"
    );
    let released = place
        .done(&["hold", "release", &hold, "--reason", "over", "--as", "lee"])
        .await;
    assert!(
        released.starts_with(&format!("{hold} released: call CA1")),
        "{released}"
    );
    let again = place
        .error(&["hold", "release", &hold, "--reason", "over"])
        .await;
    assert!(again.contains("was released by lee"), "{again}");
    // The erasure goes on, then the call goes by policy.
    std::fs::write(
        place.path("hushgate.toml"),
        CONFIG.replace("keep_days = 0", "keep_days = 9"),
    )
    .unwrap();
    place.done(&["retention", "run"]).await;
    let mut wav = Vec::new();
    vault
        .audio(&name("CA1"))
        .unwrap()
        .copy_to(&mut wav, |_, _| {})
        .unwrap();
    assert_eq!(wav.len(), before.len());
    let (from, to) = (44 + 8_000 * 4, 44 + 12_000 * 4);
    assert!(wav[from..to].iter().all(|byte| *byte == 0));
    assert_eq!(
        (&wav[44..from], &wav[to..]),
        (&before[44..from], &before[to..])
    );
    let certificate = place.done(&["erase", "certificate", &request]).await;
    std::fs::write(place.path("certificate.json"), &certificate).unwrap();
    let key = "audit-keys/audit-public.pem";
    let check = [
        "erase",
        "check-certificate",
        "certificate.json",
        "--public-key",
        key,
    ];
    let good = place.done(&check).await;
    assert!(
        good.contains("good; 1.000 to 1.500 s of the call CA1"),
        "{good}"
    );
    std::fs::write(
        place.path("certificate.json"),
        certificate.replace("\"kim\"", "\"choi\""),
    )
    .unwrap();
    assert!(place.error(&check).await.contains("was altered"));

    let whole = place
        .json(&[
            "erase",
            "request",
            "--call",
            "CA1",
            "--reason",
            "asked for",
            "--as",
            "kim",
        ])
        .await;
    place
        .done(&[
            "erase",
            "approve",
            id(&whole["request"]["id"]),
            "--as",
            "lee",
        ])
        .await;
    assert!(!place.path("store/calls/CA1").exists() && !place.path("store/keys/CA1").exists());
    let missing = place
        .error(&["erase", "request", "--call", "CA1", "--reason", "x"])
        .await;
    assert!(missing.contains("there is no call CA1"), "{missing}");
    let listed = place.done(&["erase", "list"]).await;
    assert!(
        listed.contains("2 requests") && listed.matches(" done ").count() == 2,
        "{listed}"
    );

    let verified = place.done(&["audit", "verify"]).await;
    assert!(
        verified.contains("whole") || verified.contains("good"),
        "{verified}"
    );
    let told = place.done(&["audit", "show"]).await;
    for action in [
        "hold_placed",
        "hold_lifted",
        "erasure_requested",
        "erasure_approved",
        "segment_erased",
        "deleted",
    ] {
        assert!(told.contains(action), "{action} is not in {told}");
    }
}

#[test]
fn commands_say_what_is_missing() {
    let place = Place::new();
    let said = |arguments: &[&str], code: i32, expected: &str| {
        let output = place.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    said(&["retention", "plan"], 1, "is no store of hushgate");
    said(&["hold", "place", "--reason", "x"], 2, "required");
    said(&["hold", "place", "--call", "CA1"], 2, "--reason");
    said(
        &["hold", "place", "--call", "CA1", "--reason", ""],
        2,
        "expected 1 to 300 characters",
    );
    said(
        &[
            "hold",
            "place",
            "--call",
            "CA1",
            "--reason",
            "card 4111 1111 1111 1111",
        ],
        2,
        "without long numbers",
    );
    said(
        &["hold", "release", "X Y", "--reason", "x"],
        2,
        "expected a name such as hold-",
    );
    said(&["erase", "request", "--reason", "x"], 2, "--call");
    said(
        &[
            "erase", "request", "--call", "CA1", "--from", "1", "--reason", "x",
        ],
        2,
        "--to",
    );
    said(
        &[
            "erase", "request", "--call", "CA1", "--from", "x", "--to", "2", "--reason", "x",
        ],
        2,
        "no time within a call",
    );
    said(
        &[
            "erase", "request", "--number", "1", "--call", "CA1", "--reason", "x",
        ],
        2,
        "cannot be used with",
    );
    place.vault().check().unwrap();
    said(
        &["erase", "request", "--number", "1", "--reason", "x"],
        1,
        "a telephone number",
    );
    said(
        &["hold", "place", "--call", "CA9", "--reason", "x"],
        1,
        "there is no call CA9",
    );
    said(
        &["erase", "approve", "erasure-x"],
        1,
        "there is no erasure-x",
    );
    said(
        &["erase", "certificate", "erasure-x"],
        1,
        "there is no erasure-x",
    );
    said(
        &[
            "hold",
            "place",
            "--from",
            "2026-02-01T00:00:00Z",
            "--to",
            "2026-01-01T00:00:00Z",
            "--reason",
            "x",
        ],
        1,
        "nothing is between",
    );
    let empty = place.run(&["retention", "run"]);
    let text = String::from_utf8(empty.stdout).unwrap();
    assert!(text.contains("0 of 0 calls are due"), "{text}");
}
