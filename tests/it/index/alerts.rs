//! Alerts and what waits for webhooks, in the same database.

use std::time::Duration;

use hushgate::audio::{MediaTime, Span};
use hushgate::store::alerts::{Alert, Alerts, Answer, Place as After, Wanted};
use hushgate::store::database::Database;
use hushgate::store::deliveries::{Deliveries, NewDelivery};
use hushgate::store::vault::RecordName;
use hushgate::telemetry::alerts::{AlertKind, Severity};
use jiff::{Timestamp, ToSpan};

use super::Place;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(super) fn alerts_and_deliveries_are_kept(place: &Place) {
    place.run(async {
        let database = Database::open(&place.settings).await.unwrap();
        let alerts = Alerts::new(database.clone());
        for number in 0..5_i64 {
            let alert = Alert {
                id: format!("t-{number}"),
                raised: now() + number.seconds(),
                call: format!("CA{}", number % 2),
                span: Span::new(MediaTime::ZERO, MediaTime::from_millis(400)),
                leg: None,
                rule: "silence".into(),
                kind: AlertKind::LongSilence,
                severity: Severity::Info,
                message: "Nobody speaks.".into(),
                site: None,
                queue: Some("cards".into()),
                agent: None,
                answer: None,
            };
            alerts.add(&alert).await.unwrap();
            alerts.add(&alert).await.unwrap();
        }
        let first = alerts.list(&Wanted::default(), None, 3).await.unwrap();
        let after = After::after(&first[2]);
        let rest = alerts
            .list(&Wanted::default(), Some(&after), 3)
            .await
            .unwrap();
        let ids: Vec<&str> = first
            .iter()
            .chain(&rest)
            .map(|alert| alert.id.as_str())
            .collect();
        assert_eq!(ids, ["t-4", "t-3", "t-2", "t-1", "t-0"]);
        for note in [None, Some("late".to_owned())] {
            let answer = Answer {
                by: "kim".into(),
                at: now(),
                note: note.clone(),
            };
            assert_eq!(alerts.answer("t-1", &answer).await.unwrap(), note.is_none());
        }
        let open = Wanted {
            answered: Some(false),
            call: Some("CA1".into()),
            from: Some(now()),
        };
        assert_eq!(alerts.list(&open, None, 9).await.unwrap().len(), 1);

        let deliveries = Deliveries::new(database);
        let new = |event| NewDelivery {
            endpoint: "desk",
            event,
            about: "test",
            body: "{}",
            call: Some("CA1"),
        };
        assert!(deliveries.add(&new("e1"), now(), 1).await.unwrap());
        assert!(!deliveries.add(&new("e2"), now(), 1).await.unwrap());
        let next = deliveries.next("desk").await.unwrap().unwrap();
        assert!(
            deliveries
                .claim(&next, now(), Duration::from_secs(9))
                .await
                .unwrap()
        );
        assert!(
            !deliveries
                .claim(&next, now(), Duration::from_secs(9))
                .await
                .unwrap()
        );
        deliveries
            .failed(&next, now(), "answered 500", None)
            .await
            .unwrap();
        deliveries.disable("desk", "answered 410").await.unwrap();
        let dead = deliveries.dead(9).await.unwrap();
        let retried = deliveries.retry(&dead[0].id, now()).await.unwrap().unwrap();
        deliveries
            .delivered(&retried, now(), "answered 200")
            .await
            .unwrap();
        let fares = deliveries.fares("desk").await.unwrap();
        assert_eq!(
            (fares.delivered, fares.failed, fares.dropped, fares.waiting),
            (1, 1, 1, 0)
        );
        assert_eq!(fares.last_at, Some(now()));
        // What is of a call goes with it.
        assert!(deliveries.add(&new("e3"), now(), 1).await.unwrap());
        let calls = [RecordName::new("CA1").unwrap()];
        assert_eq!(deliveries.forget(&calls).await.unwrap(), 1);
        assert_eq!(alerts.forget(&calls).await.unwrap(), 2);
        assert!(alerts.list(&open, None, 9).await.unwrap().is_empty());
    });
}
