use jiff::Timestamp;

use super::*;
use crate::call::particulars::Label;
use crate::store::audit::Record;
use crate::store::vault::RecordName;

fn call(site: Option<&str>) -> IndexedCall {
    IndexedCall {
        name: RecordName::new("CA1").unwrap(),
        began: "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap(),
        duration_s: 60.0,
        state: State::Complete,
        agent: None,
        queue: None,
        site: site.map(|site| Label::new(site).unwrap()),
        vendor: None,
        jurisdiction: None,
        outcome: None,
        caller: None,
        called: None,
        hidden_s: BTreeMap::from([("pan".to_owned(), 4.0)]),
        late_s: 0.0,
        failed_s: 0.0,
        pause_failures: 0,
        alerts: BTreeMap::new(),
        bytes: 1_000,
        quarantined: false,
        holds: 0,
        policy_version: "p".into(),
        model_sha256: "m".into(),
        ended_normally: true,
    }
}

#[test]
fn calls_are_summed_up_by_how_much_of_them_was_listened_to() {
    let mut summary = Summary::new(By::Site);
    summary.add(&call(Some("Seoul")), Some("clean"));
    let partly = IndexedCall {
        late_s: 1.5,
        pause_failures: 2,
        ..call(Some("Seoul"))
    };
    summary.add(&partly, Some("redacted_again"));
    let blank = IndexedCall {
        failed_s: 40.0,
        ended_normally: false,
        ..call(None)
    };
    summary.add(&blank, None);
    summary.add(
        &IndexedCall {
            state: State::Incomplete,
            ..call(None)
        },
        None,
    );
    summary.add(
        &IndexedCall {
            state: State::Open,
            ..call(None)
        },
        None,
    );

    let total = &summary.total;
    assert_eq!((total.calls, total.over(), total.listened()), (5, 4, 3));
    assert_eq!(
        (total.monitored, total.monitored_in_part, total.cut_off),
        (1, 1, 1)
    );
    assert_eq!(
        (total.not_monitored, total.under_way, total.ended_abnormally),
        (1, 1, 1)
    );
    assert_eq!(total.monitored_share(), Some(0.75));
    assert_eq!(total.hidden_s["pan"], 20.0);
    assert_eq!(total.hidden_calls["pan"], 5);
    assert_eq!(total.pause_failures, 2);
    assert_eq!(total.second_listener.rate(), Some(0.5));
    assert_eq!(total.second_listener.not_yet, 2);
    let names: Vec<&String> = summary.groups.keys().collect();
    assert_eq!(names, [UNKNOWN, "Seoul"]);
    assert_eq!(summary.groups["Seoul"].monitored_share(), Some(1.0));
}

/// An entry as the log would have it.
fn entry(record: Record) -> Entry {
    serde_json::from_value(serde_json::json!({
        "log": "3e1f6d1c-0000-4000-8000-000000000000",
        "sequence": 1,
        "time": "2026-11-22T10:00:00.000000Z",
        "actor": record.actor,
        "action": record.action,
        "subject": record.subject,
        "details": record.details,
        "previous": "0".repeat(64),
    }))
    .unwrap()
}

#[test]
fn calls_without_a_recording_count_as_not_listened_to() {
    let mut summary = Summary::new(By::Day);
    assert_eq!(summary.monitored_share(), None);
    for _ in 0..6 {
        summary.add(&call(None), Some("clean"));
    }
    summary.add_entry(&entry(
        Record::new(Action::CallsRefused)
            .with("count", 3_u64)
            .with_name("reason", "busy"),
    ));
    summary.add_entry(&entry(
        Record::new(Action::RecordingFailed).with_name("reason", "disk"),
    ));
    // It is in the store, and counted as a call.
    summary.add_entry(&entry(
        Record::new(Action::RecordingFailed)
            .with_name("reason", "killed")
            .written_late(),
    ));
    summary.add_entry(&entry(Record::new(Action::Deleted).about("CA7")));
    summary.add_entry(&entry(Record::new(Action::SpanHidden).about("CA7")));
    assert_eq!(summary.not_recorded["refused: busy"], 3);
    assert_eq!(summary.monitored_share(), Some(0.6));
    assert_eq!(summary.actions, BTreeMap::from([("deleted".to_owned(), 1)]));
    assert_eq!(summary.groups.keys().collect::<Vec<_>>(), ["2026-11-22"]);
}
