//! Calls whose ports are asked for over HTTP, as those who write for Asterisk's ARI or rtpengine do.

use std::time::Duration;

use hushgate::call::Leg;
use hushgate::config::doors::Protocol;
use hushgate::config::{Config, Door, Overload};
use hushgate::gateway::serve::{Entrance, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::session_client::{packets, send_packets};
use crate::siprec::{assert_hidden, offset, says_a_card_first};
use crate::support::*;

/// A gateway with a door at `/rtp`, whose ports are this test's own.
async fn gateway(script: Script, first_port: u16, change: impl FnOnce(&mut Settings)) -> Gateway {
    let door = Door {
        rtp_ports: first_port..=first_port + 49,
        ..Door::new(Protocol::Rtp)
    };
    Gateway::start_with(script, |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
        change(settings);
    })
    .await
}

/// What the gateway answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn port(&self, stream: usize) -> u16 {
        self.body["streams"][stream]["port"].as_u64().unwrap() as u16
    }

    /// That it is a problem with this status and code.
    fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["code"], code, "{self:?}");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], "about:blank");
        assert!(self.head.contains("content-type: application/problem+json"));
    }
}

/// A request whose headers are as given.
async fn request(gateway: &Gateway, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Who is refused early may not read all of it.
    let _ = stream.write_all(body).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

async fn post(gateway: &Gateway, body: Value) -> Answer {
    let body = body.to_string();
    let json = "Content-Type: application/json; charset=utf-8\r\n";
    request(gateway, "POST /rtp", json, body.as_bytes()).await
}

async fn ask(gateway: &Gateway, line: &str) -> Answer {
    request(gateway, line, "", b"").await
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

fn two_legs(call: &str) -> Value {
    json!({"call": call, "streams": [{"leg": "customer"}, {"leg": "agent"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_call_of_two_streams_is_hidden_and_recorded_to_the_sample() {
    let gateway = gateway(says_a_card_first(), 23_000, |_| {}).await;
    let begun = post(&gateway, two_legs("plain-two")).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    assert!(begun.head.contains("location: /rtp/plain-two"), "{begun:?}");
    let port = begun.port(0);
    assert!(port >= 23_000 && port.is_multiple_of(2));
    let told = json!({"call": "plain-two", "streams": [
        {"leg": "customer", "address": "127.0.0.1", "port": port, "from": "127.0.0.1"},
        {"leg": "agent", "address": "127.0.0.1", "port": port + 2, "from": "127.0.0.1"}]});
    assert_eq!(begun.body, told);

    let (customer, agent) = (sound(1, 6_000), sound(2, 6_000));
    let own = [socket().await, socket().await];
    tokio::join!(
        send_packets(&own[0], begun.port(0), packets(11, &customer)),
        send_packets(&own[1], begun.port(1), packets(22, &agent)),
    );
    let live = ask(&gateway, "GET /rtp/plain-two").await;
    assert_eq!((live.status, &live.body["state"]), (200, &json!("live")));
    assert_eq!(live.body["streams"], told["streams"]);
    assert!(live.body["seconds_since_audio"].as_f64().unwrap() < 1.0);
    let again = post(&gateway, two_legs("plain-two")).await;
    again.assert_problem(409, "call_is_live");

    let ended = ask(&gateway, "DELETE /rtp/plain-two").await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(ended.body["state"], "complete");
    // Complete means that it is there.
    assert!(gateway.recordings.join("plain-two.json").exists());
    let (report, channels) = gateway.recording("plain-two").await;
    assert_eq!(report.abnormal_end, None);
    assert_eq!(report.legs, [Leg::Agent, Leg::Customer]);
    let one = assert_hidden(&report, Leg::Agent, &channels[0], &linear(&agent));
    let other = assert_hidden(&report, Leg::Customer, &channels[1], &linear(&customer));
    assert!(one.abs_diff(other) <= 160, "{one} and {other}");

    for line in ["GET /rtp/plain-two", "DELETE /rtp/plain-two"] {
        let gone = ask(&gateway, line).await;
        gone.assert_problem(404, "unknown_call");
    }
    // The ports are free and the id is, too.
    assert_eq!(post(&gateway, two_legs("plain-two")).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_one_party_alone_is_a_call_and_strangers_are_not_heard() {
    let gateway = gateway(hears_nothing(), 23_050, |_| {}).await;
    let stream = json!({"leg": "customer", "formats": {"8": "PCMA/8000"}, "from": "192.0.2.7"});
    let deaf = json!({"call": "plain-deaf", "streams": [stream]});
    let deaf = post(&gateway, deaf).await;
    assert_eq!(deaf.body["streams"][0]["from"], "192.0.2.7");
    let heard = json!({"streams": [{"leg": "customer", "formats": {"0": "PCMU/8000"}}]});
    let heard = post(&gateway, heard).await;
    let id = heard.body["call"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 36, "{heard:?}");

    let sound = sound(3, 2_000);
    let own = [socket().await, socket().await];
    tokio::join!(
        send_packets(&own[0], deaf.port(0), packets(31, &sound)),
        send_packets(&own[1], heard.port(0), packets(32, &sound)),
    );
    for id in ["plain-deaf", &id] {
        let ended = ask(&gateway, &format!("DELETE /rtp/{id}")).await;
        assert_eq!(ended.status, 200);
    }
    let (report, channels) = gateway.recording(&id).await;
    assert_eq!(report.legs, [Leg::Customer]);
    let played = linear(&sound);
    let begins = offset(&channels[0], &played);
    assert_eq!(channels[0][begins..][..played.len()], played[..]);
    let (_, channels) = gateway.recording("plain-deaf").await;
    assert!(channels.iter().flatten().all(|sample| *sample == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_what_is_wrong() {
    let gateway = gateway(hears_nothing(), 23_100, |_| {}).await;
    let json = "Content-Type: application/json\r\n";
    let not_json = request(&gateway, "POST /rtp", "Content-Type: text/plain\r\n", b"{}").await;
    not_json.assert_problem(415, "not_json");
    let broken = request(&gateway, "POST /rtp", json, b"{\"streams\": [").await;
    broken.assert_problem(400, "bad_request");
    let long = vec![b' '; 16 * 1024 + 1];
    let long = request(&gateway, "POST /rtp", json, &long).await;
    long.assert_problem(413, "too_long");
    let mut wrong = two_legs("plain-wrong");
    wrong["streams"][1]["leg"] = json!("mixed");
    let wrong = post(&gateway, wrong).await;
    wrong.assert_problem(400, "bad_request");
    let detail = wrong.body["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("streams: expected one stream, or two"),
        "{detail}"
    );
    let name = json!({"call": "../x", "streams": [{"leg": "mixed"}]});
    post(&gateway, name)
        .await
        .assert_problem(400, "bad_request");
    assert_eq!(ask(&gateway, "GET /rtp").await.status, 405);
    assert_eq!(ask(&gateway, "GET /rtp/a/b").await.status, 404);
    let none = ask(&gateway, "GET /rtp/none").await;
    none.assert_problem(404, "unknown_call");
    // A body that does not come.
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!("POST /rtp HTTP/1.1\r\nHost: x\r\n{json}Content-Length: 9\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    let files = std::fs::read_dir(&gateway.recordings).map_or(0, Iterator::count);
    assert_eq!(files, 0, "nothing has begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_in_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hushgate.toml");
    std::fs::write(folder.path().join("token"), "Marmalade").unwrap();
    let text = "[doors.rtp]\nrtp_ports = \"43150-43199\"\n\
                [doors.rtp.auth]\nsecrets = [\"file:token\"]\n";
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), Default::default()).unwrap();
    let gateway = Gateway::start_with(hears_nothing(), |settings| {
        let entrances = config.doors.into_iter().map(Entrance::new);
        settings.doors = entrances.collect::<Result<_, _>>().unwrap();
    })
    .await;
    let good = "Authorization: Bearer Marmalade\r\nContent-Type: application/json\r\n";
    let bad = "Authorization: Bearer Jam\r\nContent-Type: application/json\r\n";
    let body = two_legs("plain-guarded").to_string();
    for headers in ["", bad] {
        for line in ["POST /rtp", "GET /rtp/x", "DELETE /rtp/x"] {
            let refused = request(&gateway, line, headers, body.as_bytes()).await;
            refused.assert_problem(401, "not_let_in");
            assert!(refused.head.contains("www-authenticate: bearer"));
        }
    }
    let begun = request(&gateway, "POST /rtp", good, body.as_bytes()).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let ended = request(&gateway, "DELETE /rtp/plain-guarded", good, b"").await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert!(!watch_log().text().contains("Marmalade"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_room_wait_or_are_recorded_unheard() {
    let full = gateway(hears_nothing(), 23_200, |settings| settings.max_calls = 1).await;
    assert_eq!(post(&full, two_legs("plain-first")).await.status, 201);
    let refused = post(&full, two_legs("plain-second")).await;
    refused.assert_problem(503, "busy");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    assert_eq!(ask(&full, "DELETE /rtp/plain-first").await.status, 200);
    assert_eq!(post(&full, two_legs("plain-second")).await.status, 201);

    let door = Door {
        rtp_ports: 23_250..=23_255,
        ..Door::new(Protocol::Rtp)
    };
    let blanking = Gateway::start_with(hears_nothing(), |settings| {
        settings.doors = vec![Entrance::new(door).unwrap()];
        settings.max_calls = 1;
        settings.overload = Overload::BlankAll;
    })
    .await;
    assert_eq!(post(&blanking, two_legs("plain-heard")).await.status, 201);
    let unheard = json!({"call": "plain-unheard", "streams": [{"leg": "mixed"}]});
    let unheard = post(&blanking, unheard).await;
    assert_eq!(unheard.status, 201);
    let no_ports = post(&blanking, json!({"streams": [{"leg": "mixed"}]})).await;
    no_ports.assert_problem(503, "no_ports");
    send_packets(
        &socket().await,
        unheard.port(0),
        packets(41, &sound(4, 1_000)),
    )
    .await;
    let ended = ask(&blanking, "DELETE /rtp/plain-unheard").await;
    assert_eq!(ended.status, 200);
    let (report, channels) = blanking.recording("plain-unheard").await;
    assert!(report.totals.failed_s > 0.5, "{:?}", report.totals);
    assert!(channels.iter().flatten().all(|sample| *sample == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_when_audio_ceases_and_at_the_shutdown() {
    let gateway = gateway(hears_nothing(), 23_300, |settings| {
        settings.limits.idle = Some(Duration::from_secs(1));
    })
    .await;
    let begun = post(&gateway, two_legs("plain-idle")).await;
    let sound = sound(5, 300);
    send_packets(&socket().await, begun.port(0), packets(51, &sound)).await;
    let (report, _) = gateway.recording("plain-idle").await;
    assert_eq!(report.abnormal_end.as_deref(), Some("no audio in time"));

    let begun = post(&gateway, two_legs("plain-cut")).await;
    assert_eq!(begun.status, 201);
    gateway.shutdown.cancel();
    let (report, _) = gateway.recording("plain-cut").await;
    assert_eq!(
        report.abnormal_end.as_deref(),
        Some("the gateway is shutting down")
    );
}
