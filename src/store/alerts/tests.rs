use jiff::ToSpan;

use super::*;
use crate::store::database::DatabaseSettings;

fn alert(id: &str, second: i64, call: &str) -> Alert {
    Alert {
        id: id.into(),
        raised: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        call: call.into(),
        span: Span::new(MediaTime::from_millis(1_500), MediaTime::from_millis(2_250)),
        leg: Some(Leg::Agent),
        rule: "no-guarantee".into(),
        kind: AlertKind::ForbiddenStatement,
        severity: Severity::Critical,
        message: "what the rule says".into(),
        site: Some("Seoul".into()),
        queue: None,
        agent: None,
        answer: None,
    }
}

async fn opened() -> (tempfile::TempDir, Alerts) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseSettings::within(folder.path()))
        .await
        .unwrap();
    (folder, Alerts::new(database))
}

#[tokio::test]
async fn alerts_are_kept_listed_and_answered_once() {
    let (folder, alerts) = opened().await;
    for number in 0..7 {
        let call = if number % 2 == 0 { "CA1" } else { "CA2" };
        let alert = alert(&format!("t-{number}"), number / 2, call);
        alerts.add(&alert).await.unwrap();
        // Twice is once.
        alerts.add(&alert).await.unwrap();
    }
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = alerts
            .list(&Wanted::default(), after.as_ref(), 3)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        let place = Place::after(last);
        assert_eq!(place.to_string().parse(), Ok(place.clone()));
        after = Some(place);
        seen.extend(page.into_iter().map(|alert| alert.id));
    }
    assert_eq!(seen, ["t-6", "t-5", "t-4", "t-3", "t-2", "t-1", "t-0"]);
    let of = async |wanted: Wanted| alerts.list(&wanted, None, 50).await.unwrap().len();
    let call = Some("CA2".to_owned());
    assert_eq!(
        of(Wanted {
            call,
            ..Wanted::default()
        })
        .await,
        3
    );
    let from = Some(alert("x", 2, "").raised);
    assert_eq!(
        of(Wanted {
            from,
            ..Wanted::default()
        })
        .await,
        3
    );

    let first = Answer {
        by: "kim".into(),
        at: alert("x", 9, "").raised,
        note: Some("spoke with the agent".into()),
    };
    assert!(alerts.answer("t-3", &first).await.unwrap());
    let second = Answer {
        by: "lee".into(),
        ..first.clone()
    };
    assert!(!alerts.answer("t-3", &second).await.unwrap());
    assert!(!alerts.answer("nobody", &second).await.unwrap());
    // After a restart it is as before.
    drop(alerts);
    let database = Database::open(&DatabaseSettings::within(folder.path()))
        .await
        .unwrap();
    let alerts = Alerts::new(database);
    let found = alerts.get("t-3").await.unwrap().unwrap();
    assert_eq!(found.answer, Some(first));
    assert_eq!(found.raised + 8.seconds(), alert("x", 9, "").raised);
    let answered = Wanted {
        answered: Some(true),
        ..Wanted::default()
    };
    assert_eq!(
        alerts.list(&answered, None, 50).await.unwrap(),
        std::slice::from_ref(&found)
    );
    let shown = serde_json::to_value(&found).unwrap();
    assert_eq!((&shown["from"], &shown["to"]), (&1.5.into(), &2.25.into()));
    assert_eq!(
        (&shown["state"], &shown["answered_by"]),
        (&"answered".into(), &"kim".into())
    );
    let gone = [RecordName::new("CA1").unwrap()];
    assert_eq!(alerts.forget(&gone).await.unwrap(), 4);
    assert_eq!(alerts.forget(&gone).await.unwrap(), 0);
    assert!(alerts.get("t-0").await.unwrap().is_none());
    assert!(alerts.get("t-1").await.unwrap().is_some());
    for wrong in ["", "1", "x.a", "1.", "1.a';--"] {
        assert_eq!(wrong.parse::<Place>(), Err(InvalidPlace), "{wrong}");
    }
}
