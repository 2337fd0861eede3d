use jiff::ToSpan;

use super::*;
use crate::store::database::DatabaseSettings;

fn new(event: &str) -> NewDelivery<'_> {
    NewDelivery {
        endpoint: "desk",
        event,
        about: "hushgate.alert.raised.v1",
        body: "{}",
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
