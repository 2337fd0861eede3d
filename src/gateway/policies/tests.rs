use super::*;
use crate::call::Leg;
use crate::egress::EngineWork;
use crate::egress::report::{SpokenWord, Totals};

fn policies(folder: &Path) -> Policies {
    let file = folder.join("policy.toml");
    std::fs::write(&file, "# as it was\n").unwrap();
    Policies::new(Arc::new(Policy::default()).into(), Some(file), None)
}

#[test]
fn another_policy_is_written_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let policies = policies(folder.path());
    let before = policies.current().version().to_owned();
    let text = "profile = \"strict\"\n";
    let refused = policies.activate(text, &before, |_| bail!("the log is full"));
    assert_eq!(refused.unwrap_err().to_string(), "the log is full");
    assert_eq!(policies.current().version(), before);
    assert_eq!(policies.text().unwrap().unwrap(), "# as it was\n");

    let mut told = Vec::new();
    let tell = |policy: &Policy| {
        told.push(policy.version().to_owned());
        Ok(())
    };
    let used = policies.activate(text, &before, tell).unwrap();
    assert_eq!(told, [used.version()]);
    assert_eq!(policies.current().version(), used.version());
    assert_ne!(used.version(), before);
    assert_eq!(policies.text().unwrap().unwrap(), text);
    let kept = std::fs::read_to_string(folder.path().join(format!("policy.toml.{before}")));
    assert_eq!(kept.unwrap(), "# as it was\n");

    // Whoever looked at another one does not change it.
    let late = policies.activate("", &before, |_| Ok(())).unwrap_err();
    assert!(
        late.to_string().contains("somebody put another to use"),
        "{late}"
    );
    let wrong = policies.activate("nonsense = 1", used.version(), |_| Ok(()));
    assert!(format!("{:#}", wrong.unwrap_err()).contains("nonsense"));
    let built_in = Policies::new(Arc::new(Policy::default()).into(), None, None);
    let version = built_in.current().version().to_owned();
    let nowhere = built_in.activate(text, &version, |_| Ok(())).unwrap_err();
    assert!(nowhere.to_string().contains("policy.file"), "{nowhere}");
}

fn said(leg: Leg, start: f64, text: &str) -> Utterance {
    let words: Vec<SpokenWord> = text
        .split(' ')
        .enumerate()
        .map(|(index, word)| SpokenWord {
            start: start + index as f64 * 0.4,
            end: start + index as f64 * 0.4 + 0.3,
            text: word.to_owned(),
        })
        .collect();
    Utterance {
        leg,
        start,
        end: words.last().unwrap().end,
        text: text.to_owned(),
        words,
    }
}

#[test]
fn a_trial_tells_what_would_be_heard_and_hidden() {
    let report: Report = serde_json::from_value(serde_json::json!({
        "schema": 1, "hushgate_version": "0", "call": "CA1", "sample_rate": 8000, "duration_s": 60.0, "late": [],
        "failed": [], "gaps": [], "transcript": [], "abnormal_end": null,
        "totals": Totals::default(), "engine": EngineWork::default(), "hold_s": 6.0, "policy_version": "x", "model_sha256": "y",
        "legs": ["agent", "customer"], "spans": [
            {"leg": "customer", "start": 10.0, "end": 14.0, "kind": "pan", "reason": "r", "rule": "luhn", "confidence": 0.9, "paused": false},
            {"leg": "customer", "start": 30.0, "end": 31.0, "kind": "dob", "reason": "r", "rule": "asked", "confidence": 0.9, "paused": false},
        ],
    }))
    .unwrap_or_else(|error| panic!("{error}"));
    let transcript = [
        said(Leg::Agent, 5.0, "what is the card number"),
        said(Leg::Customer, 9.0, "it is [pan]"),
        said(Leg::Agent, 40.0, "and your social security number please"),
        said(Leg::Customer, 44.0, "it is 123 45 6789"),
    ];
    let keen = Policy::parse("[kinds.dob]\nenabled = true\n", "policy").unwrap();
    let trial = try_on(&keen, &report, &transcript);
    assert_eq!(
        (trial.same, trial.would_be_heard.len()),
        (2, 0),
        "{trial:?}"
    );
    assert_eq!(trial.would_be_hidden.len(), 1, "{trial:?}");
    assert_eq!(trial.would_be_hidden[0].kind, "ssn");
    let lax = Policy::parse("[kinds.dob]\nenabled = false\n", "policy").unwrap();
    let trial = try_on(&lax, &report, &transcript);
    assert_eq!(trial.same, 1);
    assert_eq!(trial.would_be_heard[0].kind, "dob");
    assert_eq!(trial.version, lax.version());
}
