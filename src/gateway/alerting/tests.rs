use super::*;
use crate::audio::SampleRate;
use crate::call::{CallId, Leg};
use crate::gateway::records;
use crate::store::keys::LocalKeys;
use crate::store::vault::Vault;

/// A platform may give an id again: what is kept goes with the recording that it is about, and not with the other.
#[test]
fn what_is_told_of_a_call_is_kept_under_its_recordings_name() {
    let folder = tempfile::tempdir().unwrap();
    let key = "test AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let keys = Arc::new(LocalKeys::from_text(key, "the test").unwrap());
    let vault = Vault::new(folder.path().join("store"), keys);
    let (told, mut waiting) = mpsc::channel(QUEUE);
    let alerting = Arc::new(Alerting {
        database: DatabaseSettings::within(vault.path()),
        webhooks: Vec::new(),
        rules: Rules::default(),
        metrics: None,
        told,
        waiting: Mutex::default(),
    });
    let tapes = alerting.tapes(records::tapes(vault));
    for _ in 0..2 {
        let mut tape = tapes
            .create(CallFacts {
                call: CallId::new("CA1").unwrap(),
                legs: &[Leg::Agent],
                rate: SampleRate::TELEPHONE,
                hold: MediaTime::from_millis(2_000),
                policy_version: "p".into(),
                model_sha256: "m".into(),
                particulars: Particulars::default(),
            })
            .unwrap();
        tape.event(&Event::Alerted {
            id: "a-1".into(),
            rule: "no-promises".into(),
            kind: AlertKind::ForbiddenStatement,
            severity: Severity::Critical,
            message: "A promise".into(),
            leg: Some(Leg::Agent),
            span: Span::new(MediaTime::ZERO, MediaTime::from_millis(500)),
        });
        tape.finish(EngineWork::default(), None).unwrap();
    }
    let mut kept = Vec::new();
    while let Ok(told) = waiting.try_recv() {
        kept.push(match told {
            Told::Alert(alert, call_id) => (alert.call, call_id),
            Told::Other { event, .. } => {
                let body: Value = serde_json::from_str(&event.body("/test")).unwrap();
                let call_id = body["data"]["call_id"].as_str().unwrap().to_owned();
                (event.call().unwrap().to_owned(), call_id)
            }
            Told::Quarantined { .. } => panic!("nobody listened again"),
        });
    }
    let of = |call: &str| vec![(call.to_owned(), "CA1".to_owned()); 3];
    assert_eq!(kept, [of("CA1"), of("CA1-2")].concat());
}
