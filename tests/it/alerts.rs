//! Alerts of calls under way: raised when something was said, answered by the interface, told to a webhook.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate::access::{Role, Scope};
use hushgate::audio::{MediaTime, Span};
use hushgate::call::Leg;
use hushgate::config::Config;
use hushgate::egress::Report;
use hushgate::gateway::alerting::Alerting;
use hushgate::gateway::player::{Playback, Speed};
use hushgate::gateway::records as sealed;
use hushgate::speech::{Transcript, Word};
use hushgate::store::audit::Action;
use hushgate::store::sealed::Content;
use hushgate::store::vault::RecordName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::access::{Office, all_of, at};
use crate::program::{hushgate, sample};
use crate::support::*;

type Came = Arc<Mutex<Vec<(Instant, Value)>>>;

/// Takes what it is told.
async fn sink() -> (String, Came) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let came: Came = Arc::default();
    let all = Arc::clone(&came);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            let body = loop {
                let mut bytes = [0; 4_096];
                let length = stream.read(&mut bytes).await.unwrap();
                read.extend(&bytes[..length]);
                let text = String::from_utf8_lossy(&read);
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
                if let Some(Ok(body)) = body.map(|body| serde_json::from_str::<Value>(&body)) {
                    break body;
                }
            };
            all.lock().unwrap().push((Instant::now(), body));
            let answer =
                b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    (url, came)
}

/// The first event that was told of a type.
async fn told(came: &Came, kind: &str, within: Duration) -> (Instant, Value) {
    eventually(within, || {
        let came = came.lock().unwrap();
        came.iter()
            .find(|(_, event)| event["type"] == kind)
            .cloned()
    })
    .await
}

/// The agent promises something, the customer says a card's number.
fn promises() -> Script {
    Arc::new(|window| {
        let step = window.span.length().micros() / 8;
        let text = match window.leg {
            Leg::Agent => "We have guaranteed returns for you today okay",
            _ => "My card is 4111 1111 1111 1111. Marmalade",
        };
        let words = text.split(' ').zip(0..).map(|(text, index)| Word {
            text: text.to_owned().into(),
            span: Span::new(
                MediaTime::from_micros(step * index),
                MediaTime::from_micros(step * (index + 1)),
            ),
            confidence: 0.9,
        });
        Answer::Now(Ok(Transcript {
            words: words.collect(),
            unreliable: false,
            ..Transcript::default()
        }))
    })
}

fn rules(url: &str, secret: &std::path::Path) -> String {
    format!(
        "[[alert]]\nname = \"no-guarantee\"\nkind = \"forbidden_statement\"\nseverity = \"critical\"\n\
         message = \"The agent promised a return.\"\nphrases = [\"guarantee* returns\"]\n\
         [[alert]]\nname = \"cards\"\nkind = \"forbidden_question\"\nmessage = \"A card was asked for.\"\n\
         [[webhook]]\nname = \"desk\"\nurl = \"{url}\"\nallow_private = true\nevents = [\"alerts\", \"calls\"]\n\
         secrets = [\"file:{}\"]\n",
        secret.display()
    )
}

fn secret_file(folder: &std::path::Path) -> std::path::PathBuf {
    let file = folder.join("hook.secret");
    std::fs::write(&file, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n").unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_told_answered_and_written_down() {
    let office = Office::open("").await;
    let (url, came) = sink().await;
    let folder = office.folder.path();
    let text = std::fs::read_to_string(office.folder.path().join("hushgate.toml")).unwrap()
        + &rules(&url, &secret_file(folder));
    let file = folder.join("alerts.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), Default::default()).unwrap();
    let alerting = Alerting::new(&config, Some(Arc::clone(&office.metrics))).unwrap();
    let shutdown = CancellationToken::new();
    let keeping = tokio::spawn(alerting.open(shutdown.clone()).await.unwrap());

    let tapes = sealed::tapes(office.vault.clone());
    let (auditor, metrics) = (Arc::clone(&office.auditor), Arc::clone(&office.metrics));
    let tapes = alerting.tapes(tapes);
    let alerts = config.alerts.clone();
    let gateway = Gateway::start_with(promises(), move |settings| {
        settings.tapes = tapes;
        settings.alerts = alerts;
        *settings = settings.clone().with_audit(auditor);
        settings.tapes = metrics.tapes(Arc::clone(&settings.tapes));
    })
    .await;
    playback("CA1", sound(1, 1_500), sound(2, 1_500))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();

    // Told, without a word that was spoken.
    let within = Duration::from_secs(10);
    let (_, raised) = told(&came, "hushgate.alert.raised.v1", within).await;
    assert_eq!(raised["subject"], "call/CA1");
    assert_eq!(raised["data"]["message"], "The agent promised a return.");
    let (_, ended) = told(&came, "hushgate.call.ended.v1", within).await;
    assert_eq!(ended["data"]["alerts"], 1);
    assert_eq!(ended["data"]["worst_alert"], "critical");
    assert_eq!(ended["data"]["end"], "normal");
    assert!(ended["data"]["hidden_s"].as_f64().unwrap() > 0.0);
    told(&came, "hushgate.call.began.v1", within).await;
    for (_, event) in came.lock().unwrap().iter() {
        let text = event.to_string();
        assert!(
            !text.contains("guaranteed") && !text.contains("4111"),
            "{text}"
        );
    }

    // By the interface.
    let supervisor = office
        .token(
            Role::Supervisor,
            &all_of(Role::Supervisor),
            Scope::default(),
        )
        .await;
    let list = office
        .get("/api/v1/alerts?state=open&call=CA1", &supervisor)
        .await
        .json();
    let alerts = list["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "{list}");
    assert_eq!(alerts[0]["id"], raised["data"]["id"]);
    assert_eq!(alerts[0]["leg"], "agent");
    assert_eq!(
        (&alerts[0]["state"], &list["next"]),
        (&json!("open"), &Value::Null)
    );
    let limited = office
        .token(Role::Supervisor, &all_of(Role::Supervisor), at("Busan"))
        .await;
    let none = office.get("/api/v1/alerts", &limited).await.json();
    assert_eq!(none["alerts"], json!([]));
    let path = format!(
        "/api/v1/alerts/{}/answer",
        alerts[0]["id"].as_str().unwrap()
    );
    let auditors = office
        .token(Role::Auditor, &all_of(Role::Auditor), Scope::default())
        .await;
    for (proof, status) in [(&limited, 403), (&auditors, 403)] {
        assert_eq!(office.ask("POST", &path, proof, "{}").await.status, status);
    }
    let long = json!({ "note": "4111 1111 1111 1111" }).to_string();
    assert_eq!(
        office.ask("POST", &path, &supervisor, &long).await.status,
        400
    );
    let note = json!({ "note": "spoke with the agent" }).to_string();
    let answered = office.ask("POST", &path, &supervisor, &note).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.json()["state"], "answered");
    assert_eq!(answered.json()["answer"], "spoke with the agent");
    let again = office.ask("POST", &path, &supervisor, "{}").await;
    assert_eq!((again.status, again.code().as_str()), (409, "conflict"));
    let missing = office
        .ask("POST", "/api/v1/alerts/none/answer", &supervisor, "{}")
        .await;
    assert_eq!(
        (missing.status, missing.code().as_str()),
        (404, "unknown_alert")
    );
    for wrong in ["state=done", "limit=0", "after=x", "who=me"] {
        let path = format!("/api/v1/alerts?{wrong}");
        assert_eq!(office.get(&path, &supervisor).await.status, 400, "{wrong}");
    }

    // In the report, the metrics and the audit log.
    let record = RecordName::new("CA1").unwrap();
    let report = office.vault.document(&record, Content::Report).unwrap();
    let report: Report = serde_json::from_slice(&report).unwrap();
    assert_eq!(report.alerts.len(), 1);
    assert_eq!(report.alerts[0].rule, "no-guarantee");
    let metrics = office.metrics.render();
    let counted = "hushgate_alerts_total{kind=\"forbidden_statement\",severity=\"critical\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    let raised = office.entries(Action::AlertRaised);
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0].entry.subject.as_deref(), Some("CA1"));
    assert_eq!(office.entries(Action::AlertAnswered).len(), 1);

    shutdown.cancel();
    keeping.await.unwrap();
    // The log is the commands' now.
    let auditor = Arc::clone(&office.auditor);
    tokio::task::spawn_blocking(move || auditor.stop())
        .await
        .unwrap();
    let run = |arguments: &[&str]| {
        let admin = office.folder.path().join("alerts.toml");
        let output = hushgate()
            .args(arguments)
            .env("HUSHGATE_CONFIG", &admin)
            .env("HUSHGATE_TOKEN", "hushgate_none")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for command in [
        ["alerts", "list"],
        ["webhooks", "list"],
        ["webhooks", "dead"],
    ] {
        assert!(
            run(&command).contains("is no token of this store"),
            "{command:?}"
        );
    }
}

#[test]
fn rules_are_tried_on_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let rules_file = folder.path().join("rules.toml");
    let rules = "[[alert]]\nname = \"recorded\"\nkind = \"missing_disclosure\"\nmessage = \"Not told.\"\n\
                 phrases = [\"may be recorded\"]\nwithin_seconds = 10\n\
                 [[alert]]\nname = \"cancel\"\nkind = \"wrong_fact\"\nmessage = \"Wrong period.\"\nqueues = [\"shop\"]\n\
                 [[alert.facts]]\nabout = [\"cancel\"]\nvalue = [\"14 days\"]\nunits = [\"days\"]\n";
    std::fs::write(&rules_file, rules).unwrap();
    let words = |from: f64, text: &str| -> Vec<Value> {
        let words = text.split(' ').enumerate();
        words
            .map(|(index, word)| {
                let start = from + 0.4 * index as f64;
                json!({ "start": start, "end": start + 0.3, "text": word })
            })
            .collect()
    };
    let said = words(12.0, "you can cancel within thirty days");
    let report = json!({
        "schema": 1, "hushgate_version": "0", "call": "CA9", "sample_rate": 8000, "duration_s": 30.0, "hold_s": 6.0,
        "policy_version": "p", "model_sha256": "m", "legs": ["agent", "customer"], "spans": [], "late": [],
        "failed": [], "gaps": [], "totals": { "hidden_s": 0.0, "late_s": 0.0, "failed_s": 0.0, "gap_s": 0.0,
        "dropped_samples": 0 }, "engine": { "windows": 0, "late_answers": 0, "failures": 0, "cpu_s": 0.0 },
        "abnormal_end": null,
        "transcript": [{ "leg": "agent", "start": 12.0, "end": 14.5, "text": "", "words": said }],
    });
    let file = folder.path().join("CA9.json");
    std::fs::write(&file, report.to_string()).unwrap();
    let check = |more: &[&str]| -> Value {
        let output = hushgate()
            .args(["alerts", "check"])
            .arg(&file)
            .arg("--rules")
            .arg(&rules_file)
            .arg("--json")
            .args(more)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let named = |raised: &Value| -> Vec<String> {
        let alerts = raised["alerts"].as_array().unwrap().iter();
        alerts
            .map(|alert| alert["rule"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(named(&check(&[])), ["recorded"]);
    assert_eq!(named(&check(&["--queue", "shop"])), ["recorded", "cancel"]);
    let output = hushgate()
        .args(["alerts", "check", "nothing.json"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("expected --rules FILE"), "{told}");
    for command in [
        ["alerts", "list"],
        ["alerts", "rules"],
        ["alerts", "check"],
        ["webhooks", "list"],
        ["webhooks", "dead"],
        ["webhooks", "retry"],
        ["webhooks", "test"],
    ] {
        let output = hushgate().args(command).arg("--help").output().unwrap();
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("Examples:"),
            "{command:?}"
        );
    }
}

/// The whole program, a real call at its own pace: a question for a card is told before the answer is over.
#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_alert_comes_seconds_after_what_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = sink().await;
    hushgate::store::keys::add_key(
        &folder.path().join("store.keys"),
        &hushgate::store::keys::KeyId::new("first").unwrap(),
    )
    .unwrap();
    let text =
        "[store]\npath = \"store\"\nkey_file = \"store.keys\"\n[second_listener]\nenabled = false\n"
            .to_owned() + &rules(&url, &secret_file(folder.path()));
    let file = folder.path().join("hushgate.toml");
    std::fs::write(&file, text).unwrap();
    let mut process = hushgate()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--json",
            "--no-supervise",
            "--config",
        ])
        .arg(&file)
        .env("HUSHGATE_LOG", "info")
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    let ws = format!("ws://{}/twilio", listening["address"].as_str().unwrap());
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    eventually(Duration::from_secs(20), || {
        log().contains("ready for calls").then_some(())
    })
    .await;

    let recorded = sample("pan_interrupted.wav", folder.path());
    let mut playing = Playback::from_file(&recorded, call_id("CA7"), Speed::Realtime).unwrap();
    // The answer begins at 13.3 s.
    for leg in [&mut playing.agent, &mut playing.customer] {
        leg.truncate(16 * 8_000);
    }
    let began = Instant::now();
    let play = tokio::spawn(async move { playing.play(&ws, |_| {}).await });
    let (at, raised) = told(&came, "hushgate.alert.raised.v1", Duration::from_secs(25)).await;
    assert_eq!(raised["data"]["rule"], "cards", "{raised}");
    let asked = raised["data"]["from"].as_f64().unwrap();
    let took = (at - began).as_secs_f64() - asked;
    // For the record of who runs it.
    use std::io::Write as _;
    writeln!(
        std::io::stderr(),
        "told {took:.2} s after the question's end at {asked:.2} s"
    )
    .unwrap();
    assert!(took < 4.0, "told after {took} s");
    play.await.unwrap().unwrap();
    told(&came, "hushgate.call.ended.v1", Duration::from_secs(15)).await;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(process.id().cast_signed()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    let status = eventually(Duration::from_secs(20), || process.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(0), "{}", log());
}
