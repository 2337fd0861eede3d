use jiff::ToSpan;

use super::*;
use crate::store::database::DatabaseSettings;

fn new(event: &str) -> NewDelivery<'_> {
    NewDelivery {
        endpoint: "desk",
        event,
        about: "hushgate.alert.raised.v1",
        body: "{}",
        call: Some("CA1"),
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn what_waits_is_claimed_tried_again_given_up_and_retried() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseSettings::within(folder.path()))
        .await
        .unwrap();
    let deliveries = Deliveries::new(database);
    assert!(deliveries.next("desk").await.unwrap().is_none());
    assert!(deliveries.add(&new("e1"), now(), 2).await.unwrap());
    assert!(deliveries.add(&new("e1"), now(), 2).await.unwrap());
    assert!(
        deliveries
            .add(&new("e2"), now() + 1.seconds(), 2)
            .await
            .unwrap()
    );
    // Too many wait.
    assert!(!deliveries.add(&new("e3"), now(), 2).await.unwrap());

    let first = deliveries.next("desk").await.unwrap().unwrap();
    assert_eq!((first.event.as_str(), first.attempts), ("e1", 0));
    let within = Duration::from_secs(40);
    assert!(deliveries.claim(&first, now(), within).await.unwrap());
    // Another has it; when its time is over it waits again.
    assert!(!deliveries.claim(&first, now(), within).await.unwrap());
    assert_eq!(deliveries.next("desk").await.unwrap().unwrap().event, "e2");
    let again = Some(Duration::from_secs(5));
    deliveries
        .failed(&first, now(), "answered 500", again)
        .await
        .unwrap();
    let second = deliveries.next("desk").await.unwrap().unwrap();
    deliveries
        .delivered(&second, now(), "answered 200")
        .await
        .unwrap();
    let first = deliveries.next("desk").await.unwrap().unwrap();
    assert_eq!((first.due, first.attempts), (now() + 5.seconds(), 1));
    deliveries
        .failed(&first, now(), "answered 500", None)
        .await
        .unwrap();
    assert!(deliveries.next("desk").await.unwrap().is_none());
    deliveries.disable("desk", "answered 410").await.unwrap();
    assert!(!deliveries.add(&new("e4"), now(), 2).await.unwrap());
    let fares = deliveries.fares("desk").await.unwrap();
    assert_eq!((fares.delivered, fares.failed, fares.dropped), (1, 2, 2));
    assert_eq!((fares.waiting, fares.dead), (0, 1));
    assert_eq!(fares.disabled.as_deref(), Some("answered 410"));

    let dead = deliveries.dead(10).await.unwrap();
    assert_eq!(dead[0].problem.as_deref(), Some("answered 500"));
    assert!(
        deliveries
            .retry("desk.nothing", now())
            .await
            .unwrap()
            .is_none()
    );
    let retried = deliveries.retry(&dead[0].id, now()).await.unwrap().unwrap();
    assert_eq!((retried.event.as_str(), retried.attempts), ("e1", 0));
    assert_eq!(deliveries.fares("desk").await.unwrap().disabled, None);
    assert!(deliveries.add(&new("e5"), now(), 9).await.unwrap());
}

#[tokio::test]
async fn what_is_of_a_call_goes_with_it_and_the_oldest_dead_when_there_are_many() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseSettings::within(folder.path()))
        .await
        .unwrap();
    let deliveries = Deliveries {
        most_dead: 2,
        ..Deliveries::new(database)
    };
    for (second, event) in ["e1", "e2", "e3"].into_iter().enumerate() {
        let at = now() + (second as i64).seconds();
        assert!(deliveries.add(&new(event), at, 9).await.unwrap());
        let next = deliveries.next("desk").await.unwrap().unwrap();
        deliveries
            .failed(&next, at, "answered 500", None)
            .await
            .unwrap();
    }
    let dead = deliveries.dead(10).await.unwrap();
    let events: Vec<&str> = dead.iter().map(|dead| dead.event.as_str()).collect();
    assert_eq!(events, ["e3", "e2"]);
    let fares = deliveries.fares("desk").await.unwrap();
    assert_eq!((fares.dead, fares.dropped), (2, 1));

    let other = NewDelivery {
        call: Some("CA2"),
        ..new("e4")
    };
    assert!(deliveries.add(&other, now(), 9).await.unwrap());
    assert!(deliveries.add(&new("e5"), now(), 9).await.unwrap());
    let calls = [RecordName::new("CA1").unwrap()];
    assert_eq!(deliveries.forget(&calls).await.unwrap(), 3);
    assert_eq!(deliveries.next("desk").await.unwrap().unwrap().event, "e4");
    assert!(deliveries.dead(10).await.unwrap().is_empty());
}
