use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use super::*;
use crate::config::Config;
use crate::store::database::{Database, DatabaseSettings};
use crate::store::deliveries::Fares;

/// What the sink does with a request.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Answer(&'static str),
    Hang,
    Reset,
}

/// A request as it came.
#[derive(Debug, Clone)]
struct Came {
    at: Instant,
    head: String,
    body: String,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        let line = self
            .head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(": "))
            .map_or("", |(_, value)| value)
    }
}

/// Answers by a script, whose last reply stays.
async fn sink(script: Vec<Reply>) -> (String, Arc<Mutex<Vec<Came>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?key=k", listener.local_addr().unwrap());
    let came: Arc<Mutex<Vec<Came>>> = Arc::default();
    let all = Arc::clone(&came);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (script, all) = (script.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                let mut read = Vec::new();
                while !is_whole(&read) {
                    let mut bytes = [0; 4_096];
                    match stream.read(&mut bytes).await {
                        Ok(0) | Err(_) => return,
                        Ok(length) => read.extend(&bytes[..length]),
                    }
                }
                let text = String::from_utf8(read).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                let number = {
                    let mut all = all.lock().unwrap();
                    all.push(Came {
                        at: Instant::now(),
                        head: head.into(),
                        body: body.into(),
                    });
                    all.len() - 1
                };
                match script[number.min(script.len() - 1)] {
                    Reply::Answer(answer) => {
                        let answer = format!(
                            "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        );
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                    Reply::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
                    Reply::Reset => stream.set_zero_linger().unwrap(),
                }
            });
        }
    });
    (url, came)
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    body.len() >= length.unwrap_or(0)
}

struct Desk {
    folder: tempfile::TempDir,
    text: String,
    deliveries: Deliveries,
    shutdown: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
}

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

impl Desk {
    async fn open(url: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        let secret = folder.path().join("secret").display().to_string();
        let text = format!(
            "[store]\npath = \"s\"\nkey_file = \"k\"\n[[webhook]]\nname = \"desk\"\nurl = \"{url}\"\n\
             secrets = [\"file:{secret}\"]\n{more}\n"
        );
        let database = Database::open(&DatabaseSettings::within(folder.path()))
            .await
            .unwrap();
        Self {
            folder,
            text,
            deliveries: Deliveries::new(database),
            shutdown: CancellationToken::new(),
            running: None,
        }
    }

    fn start(&mut self, first: u64, longest: u64) -> Arc<Webhooks> {
        let config = Config::parse(&self.text, "").unwrap();
        let pace = Pace {
            first: Duration::from_millis(first),
            longest: Duration::from_millis(longest),
        };
        let metrics = Some(Arc::new(Metrics::default()));
        let webhooks = Arc::new(
            Webhooks::new(config.webhooks, self.deliveries.clone(), pace, metrics).unwrap(),
        );
        self.shutdown = CancellationToken::new();
        self.running = Some(tokio::spawn(
            Arc::clone(&webhooks).run(self.shutdown.clone()),
        ));
        webhooks
    }

    async fn stop(&mut self) {
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap();
    }

    async fn until(&self, is_so: impl Fn(&Fares) -> bool) -> Fares {
        let waiting = async {
            loop {
                let fares = self.deliveries.fares("desk").await.unwrap();
                if is_so(&fares) {
                    return fares;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(10), waiting)
            .await
            .expect("it came to nothing")
    }
}

fn event(id: &str) -> CloudEvent {
    let data = serde_json::json!({ "rule": "no-guarantee", "from": 1.5 });
    CloudEvent::about_call(
        id.into(),
        "hushgate.alert.raised.v1",
        "CA1",
        Timestamp::now(),
        data,
    )
}

const LOCAL: &str = "allow_private = true\ntimeout_seconds = 1";

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_id_and_body() {
    let fails = Reply::Answer("500 Internal Server Error");
    let (url, came) = sink(vec![fails, fails, fails, Reply::Answer("200 OK")]).await;
    let mut desk = Desk::open(&url, LOCAL).await;
    let webhooks = desk.start(50, 10_000);
    webhooks.add(&event("e1"), |_| true).await.unwrap();
    let fares = desk.until(|fares| fares.delivered == 1).await;
    assert_eq!((fares.failed, fares.waiting, fares.dead), (3, 0, 0));
    let came = came.lock().unwrap().clone();
    assert_eq!(came.len(), 4);
    for one in &came {
        assert_eq!(one.header("webhook-id"), "e1");
        assert_eq!(one.body, came[0].body);
        assert_eq!(
            one.header("content-type"),
            "application/cloudevents+json; charset=utf-8"
        );
        // Signed at its own time.
        let at: i64 = one.header("webhook-timestamp").parse().unwrap();
        let signer = Signer::new(&[crate::call::Sensitive::new(SECRET.into())]).unwrap();
        let headers = signer
            .headers("e1", Timestamp::from_second(at).unwrap(), &one.body)
            .unwrap();
        assert_eq!(
            headers["webhook-signature"],
            one.header("webhook-signature")
        );
    }
    // Twice as long each time.
    let gaps: Vec<u128> = came
        .windows(2)
        .map(|two| (two[1].at - two[0].at).as_millis())
        .collect();
    assert!(
        gaps[0] >= 50 && gaps[1] >= 100 && gaps[2] >= 200,
        "{gaps:?}"
    );
    let body: serde_json::Value = serde_json::from_str(&came[0].body).unwrap();
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", "e1"),
        ("type", "hushgate.alert.raised.v1"),
        ("source", "/hushgate"),
        ("subject", "call/CA1"),
    ] {
        assert_eq!(body[name], value);
    }
    let metrics = webhooks.metrics.as_ref().unwrap().render();
    assert!(
        metrics.contains(
            "hushgate_webhook_deliveries_total{endpoint=\"desk\",result=\"delivered\"} 1"
        ),
        "{metrics}"
    );
    desk.stop().await;
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let asks = Reply::Answer("429 Too Many Requests\r\nRetry-After: 1");
    let (url, came) = sink(vec![asks, Reply::Answer("202 Accepted")]).await;
    let mut desk = Desk::open(&url, LOCAL).await;
    let webhooks = desk.start(20, 10_000);
    webhooks.add(&event("e1"), |_| true).await.unwrap();
    desk.until(|fares| fares.delivered == 1).await;
    let came = came.lock().unwrap().clone();
    assert!((came[1].at - came[0].at).as_millis() >= 1_000);
    desk.stop().await;
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
    assert_eq!(
        retry_after("Sun, 22 Nov 2026 10:01:00 GMT", now),
        Some(Duration::from_secs(60))
    );
    assert_eq!(retry_after("soon", now), None);
}

#[tokio::test]
async fn who_is_gone_is_told_nothing_any_more() {
    let (url, came) = sink(vec![Reply::Answer("410 Gone")]).await;
    let mut desk = Desk::open(&url, LOCAL).await;
    let webhooks = desk.start(20, 100);
    webhooks.add(&event("e1"), |_| true).await.unwrap();
    let fares = desk
        .until(|fares| fares.disabled.is_some() && fares.dead == 1)
        .await;
    assert_eq!(fares.delivered, 0);
    webhooks.add(&event("e2"), |_| true).await.unwrap();
    assert_eq!(desk.deliveries.fares("desk").await.unwrap().dropped, 1);
    assert_eq!(came.lock().unwrap().len(), 1);
    desk.stop().await;
}

#[tokio::test]
async fn hangs_resets_and_redirections_are_failures() {
    let script = vec![
        Reply::Hang,
        Reply::Reset,
        Reply::Answer("301 Moved Permanently\r\nLocation: http://127.0.0.1:9/"),
        Reply::Answer("204 No Content"),
    ];
    let (url, came) = sink(script).await;
    let mut desk = Desk::open(&url, LOCAL).await;
    let webhooks = desk.start(20, 100);
    webhooks.add(&event("e1"), |_| true).await.unwrap();
    let fares = desk.until(|fares| fares.delivered == 1).await;
    assert_eq!(fares.failed, 3);
    assert_eq!(came.lock().unwrap().len(), 4);
    desk.stop().await;
}

#[tokio::test]
async fn what_waits_survives_a_restart() {
    let (url, came) = sink(vec![
        Reply::Answer("503 Service Unavailable"),
        Reply::Answer("200 OK"),
    ])
    .await;
    let mut desk = Desk::open(&url, LOCAL).await;
    let webhooks = desk.start(300, 300);
    webhooks.add(&event("e1"), |_| true).await.unwrap();
    desk.until(|fares| fares.failed == 1).await;
    desk.stop().await;
    drop(webhooks);
    let database = Database::open(&DatabaseSettings::within(desk.folder.path()))
        .await
        .unwrap();
    desk.deliveries = Deliveries::new(database);
    desk.start(300, 300);
    desk.until(|fares| fares.delivered == 1).await;
    let came = came.lock().unwrap().clone();
    assert_eq!(
        (came[0].header("webhook-id"), &came[0].body),
        (came[1].header("webhook-id"), &came[1].body)
    );
    desk.stop().await;
}

#[tokio::test]
async fn what_is_too_old_is_given_up_and_can_be_retried() {
    let (url, _) = sink(vec![Reply::Answer("500 No"), Reply::Answer("200 OK")]).await;
    let mut desk = Desk::open(&url, &format!("{LOCAL}\nmax_age_hours = 1")).await;
    let long = 2 * 3_600 * 1_000;
    let webhooks = desk.start(long, long);
    webhooks.add(&event("e1"), |_| true).await.unwrap();
    desk.until(|fares| fares.dead == 1).await;
    let dead = desk.deliveries.dead(10).await.unwrap();
    assert_eq!(dead[0].problem.as_deref(), Some("answered 500"));
    desk.deliveries
        .retry(&dead[0].id, Timestamp::now())
        .await
        .unwrap()
        .unwrap();
    desk.until(|fares| fares.delivered == 1).await;
    desk.stop().await;
}

#[tokio::test]
async fn networks_of_ones_own_are_refused_unless_permitted() {
    let (_, came) = sink(vec![Reply::Answer("200 OK")]).await;
    let desk = Desk::open("https://10.0.0.1/hook", "timeout_seconds = 1").await;
    let config = Config::parse(&desk.text, "").unwrap();
    let endpoint = Endpoint::new(config.webhooks[0].clone()).unwrap();
    let outcome = endpoint.tell("e1", "{}", Timestamp::now()).await;
    assert!(
        matches!(&outcome, Outcome::Failed { problem, .. } if problem.contains("not of the internet")),
        "{outcome:?}"
    );
    let mut webhook = config.webhooks[0].clone();
    // A name that leads home.
    webhook.url = "https://localhost.localdomain/".parse().unwrap();
    let outcome = Endpoint::new(webhook)
        .unwrap()
        .tell("e1", "{}", Timestamp::now())
        .await;
    assert!(matches!(outcome, Outcome::Failed { .. }));
    assert!(came.lock().unwrap().is_empty());
}

#[test]
fn the_pace_doubles_up_to_the_longest() {
    let pace = Pace::default();
    for (tries, least, most) in [
        (1, 5, 7),
        (2, 10, 13),
        (5, 80, 100),
        (11, 3_600, 3_600),
        (500, 3_600, 3_600),
    ] {
        let pause = pace.after(tries).as_secs_f64();
        assert!(
            (f64::from(least)..=f64::from(most)).contains(&pause),
            "{tries}: {pause}"
        );
    }
}
