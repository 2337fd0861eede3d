//! What is shown, played and handed out of a call, to whom, and what the audit log has of it.

use hushgate::access::{Permission, Role, Scope};
use hushgate::store::audit::Action;
use hushgate::store::audit::bundle::Bundle;
use serde_json::Value;

use super::*;

const CALL: &str = "/api/v1/recordings/CA1";

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_is_shown_by_role_and_told_in_the_log() {
    let office = Office::open("").await;
    office.call("CA1").await;
    let all = |role| (role, all_of(role));
    let mut proofs = Vec::new();
    for (role, permissions) in [
        all(Role::Agent),
        all(Role::Supervisor),
        all(Role::ComplianceOfficer),
        all(Role::Auditor),
    ] {
        proofs.push(office.token(role, &permissions, agent()).await);
    }
    let [agent, supervisor, officer, auditor] = <[String; 4]>::try_from(proofs).unwrap();

    // The report: spans for all of them, kinds for some.
    for (proof, sees_kinds, transcript) in [
        (&agent, false, "masked"),
        (&supervisor, false, "masked"),
        (&officer, true, "kinds"),
        (&auditor, true, "nothing"),
    ] {
        let answer = office.get(CALL, proof).await;
        assert_eq!(answer.status, 200);
        let shown = answer.json();
        assert_eq!(shown["transcript"], transcript);
        assert_eq!(shown["audio"]["sample_rate"], 8_000);
        let spans = shown["report"]["spans"].as_array().unwrap();
        assert!(!spans.is_empty());
        assert_eq!(text(&answer).contains("\"pan\""), sees_kinds);
        for span in spans {
            assert_eq!(
                span["kind"] == "hidden" && span["rule"] == "" && span["reason"] == "",
                !sees_kinds
            );
        }
        assert_eq!(shown["report"]["transcript"], Value::Null);
    }
    assert!(office.entries(Action::TranscriptRead).is_empty());

    // The transcript.
    let read = format!("{CALL}/transcript");
    for (proof, mask) in [
        (&agent, "[hidden]"),
        (&supervisor, "[hidden]"),
        (&officer, "[pan]"),
    ] {
        let answer = office.get(&read, proof).await;
        let said = text(&answer);
        assert!(said.contains(mask), "{said}");
        assert_eq!(said.contains("[pan]"), mask == "[pan]");
        assert!(said.contains("Marmalade") && !said.contains("4111"));
    }
    assert_eq!(office.get(&read, &auditor).await.status, 403);
    let read = office.entries(Action::TranscriptRead);
    assert_eq!(read.len(), 3);
    assert_eq!(read[0].entry.subject.as_deref(), Some("CA1"));
    assert_eq!(read[0].entry.actor.name, "test agent");

    // The recording, whole and in pieces; one listening is one entry.
    let mut wav = Vec::new();
    let record = RecordName::new("CA1").unwrap();
    office
        .vault
        .audio(&record)
        .unwrap()
        .copy_to(&mut wav, |_, _| {})
        .unwrap();
    let play = format!("{CALL}/audio");
    let whole = office.get(&play, &supervisor).await;
    assert_eq!(
        (whole.status, whole.headers("content-type")),
        (200, vec!["audio/wav"])
    );
    assert_eq!(whole.headers("accept-ranges"), ["bytes"]);
    assert!(whole.body == wav);
    for (range, from, to) in [
        ("0-43", 0, 44),
        ("44-", 44, wav.len()),
        ("-100", wav.len() - 100, wav.len()),
        ("8000-20000", 8_000, 20_001),
    ] {
        let answer = office
            .get(&play, &format!("{supervisor}Range: bytes={range}\r\n"))
            .await;
        assert_eq!(answer.status, 206);
        assert_eq!(
            answer.headers("content-range"),
            [format!("bytes {from}-{}/{}", to - 1, wav.len())]
        );
        assert!(answer.body == wav[from..to], "{range}");
    }
    let beyond = office
        .get(&play, &format!("{supervisor}Range: bytes=99999999-\r\n"))
        .await;
    assert_eq!(
        (beyond.status, beyond.code().as_str()),
        (416, "wrong_range")
    );
    assert_eq!(
        beyond.headers("content-range"),
        [format!("bytes */{}", wav.len())]
    );
    assert_eq!(office.entries(Action::RecordingPlayed).len(), 1);
    for proof in [&agent, &auditor] {
        assert_eq!(office.get(&play, proof).await.code(), "not_permitted");
    }

    // What is taken out.
    let export = |part: &str| format!("{CALL}/export/{part}");
    let answer = office.get(&export("audio"), &officer).await;
    assert!(answer.body == wav);
    assert_eq!(
        answer.headers("content-disposition"),
        ["attachment; filename=\"CA1.wav\""]
    );
    assert!(text(&office.get(&export("transcript"), &officer).await).contains("[pan]"));
    assert!(text(&office.get(&export("report"), &officer).await).contains("\"pan\""));
    assert_eq!(
        office.get(&export("key"), &officer).await.code(),
        "no_such_part"
    );
    assert_eq!(office.get(&export("audio"), &supervisor).await.status, 403);
    let narrow = [Permission::ExportRecording];
    let crm = office.token(Role::Service, &narrow, Scope::default()).await;
    assert!(!text(&office.get(&export("report"), &crm).await).contains("\"pan\""));
    assert_eq!(office.get(&export("transcript"), &crm).await.status, 403);
    assert_eq!(office.entries(Action::RecordingExported).len(), 4);

    let answer = office.get(&format!("{CALL}/evidence"), &auditor).await;
    assert_eq!(answer.status, 200);
    let bundle = Bundle::parse(&text(&answer)).unwrap();
    assert_eq!(bundle.bundle.call, "CA1");
    assert_eq!(office.entries(Action::EvidenceExported).len(), 1);

    // Locked away: reports are seen, the recording is not heard but by who reviews it.
    office.index.set_quarantined(&record, true).await.unwrap();
    assert_eq!(office.get(&play, &supervisor).await.code(), "locked_away");
    assert_eq!(
        office
            .get(&format!("{CALL}/transcript"), &supervisor)
            .await
            .status,
        423
    );
    assert_eq!(office.get(CALL, &supervisor).await.status, 200);
    assert_eq!(office.get(&play, &officer).await.status, 200);
    office.index.set_quarantined(&record, false).await.unwrap();

    // Names are looked up as they are written, and no path is.
    for name in ["CA2", "..%2F..%2Fkeys", "CA1%00", "CA1%0A"] {
        let answer = office
            .get(&format!("/api/v1/recordings/{name}"), &officer)
            .await;
        assert_eq!(answer.code(), "unknown_call", "{name}");
    }
    // One flipped bit ends the answer before it; no later byte comes.
    let sealed = office.folder.path().join("store/calls/CA1/audio.sealed");
    let mut bytes = std::fs::read(&sealed).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    std::fs::write(&sealed, &bytes).unwrap();
    let altered = office.get(&play, &supervisor).await;
    assert!(altered.status == 500 || altered.body.len() < wav.len());

    let metrics = office
        .token(Role::Service, &[Permission::ReadMetrics], Scope::default())
        .await;
    let counted = text(&office.get("/metrics", &metrics).await);
    for line in [
        "hushgate_calls_begun_total 1",
        "hushgate_calls_ended_total{end=\"normal\"} 1",
        "hushgate_calls_active 0",
        "hushgate_audio_hidden_seconds_total{kind=\"pan\"}",
    ] {
        assert!(counted.contains(line), "{counted}\nlacks {line}");
    }
    assert_eq!(digit_runs(&watch_log().text()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_handed_out_that_the_log_cannot_tell_of() {
    let office = Office::open("").await;
    office.user("kim", Role::Supervisor, Scope::default()).await;
    let kim = office.session("kim").await;
    let auditor = Arc::clone(&office.auditor);
    tokio::task::spawn_blocking(move || auditor.stop())
        .await
        .unwrap();
    let body = serde_json::json!({"name": "kim", "password": PASSWORD}).to_string();
    let answer = office.ask("POST", "/api/v1/sign-in", "", &body).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "unavailable")
    );
    assert!(answer.headers("set-cookie").is_empty());
    let denied = office.get("/api/v1/users", &kim).await;
    assert_eq!(denied.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_of_places_that_its_reader_may_see() {
    let office = Office::open("").await;
    office.place("CA1", "Seoul", "cards", "a7").await;
    office.place("CA2", "Busan", "cards", "b1").await;
    let all = office
        .token(
            Role::ComplianceOfficer,
            &[Permission::ReadComplianceReports],
            Scope::default(),
        )
        .await;
    let seoul = office
        .token(
            Role::Supervisor,
            &[Permission::ReadComplianceReports],
            at("Seoul"),
        )
        .await;
    let report = async |proof: &str| office.get("/api/v1/reports?by=site", proof).await.json();
    let (all, seoul) = (report(&all).await, report(&seoul).await);
    assert_eq!(all["total"]["calls"], 2, "{all}");
    assert_eq!(seoul["total"]["calls"], 1, "{seoul}");
    assert!(!seoul.to_string().contains("Busan"), "{seoul}");
    assert_eq!(
        (&all["has_audit"], &seoul["has_audit"]),
        (&true.into(), &false.into())
    );
    assert_eq!(office.get("/api/v1/reports", "").await.status, 401);
}
