//! Recorders elsewhere: what they are sent over real sockets, and what becomes of their answers.

mod fake;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::call::{CallId, Leg, Sensitive};
use hushgate::config::control::Control;
use hushgate::egress::control::asterisk::{Asterisk, Mode};
use hushgate::egress::control::freeswitch::{self, Freeswitch};
use hushgate::egress::control::{Platform, Protection, Settings, Template, Timing, twilio};
use hushgate::egress::report::RecorderOutcome;
use hushgate::gateway::control::{Controller, RecorderControl};
use hushgate::telemetry::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::support::*;
use fake::Act::{self, Answer, Flood, Hang, Late, Reset};
use fake::{Fake, PAUSED, RUNNING, request};

fn secret() -> Sensitive<String> {
    Sensitive::new("sesame-open".to_owned())
}

/// Short times, so that what must not happen is soon known not to.
fn timing() -> Timing {
    Timing {
        pause_deadline: Duration::from_millis(800),
        resume_deadline: Duration::from_millis(800),
        quiet: Duration::from_millis(100),
        timeout: Duration::from_millis(500),
    }
}

fn start(platform: Platform) -> RecorderControl {
    watch_log();
    let tls = hushgate::gateway::tls::client(None).unwrap();
    let settings = Settings {
        platform,
        timing: timing(),
    };
    let controller = Controller::new(settings, &tls).unwrap();
    RecorderControl::start(&controller, CallId::new("CA1").unwrap())
}

fn twilio_at(port: u16) -> Platform {
    Platform::Twilio(twilio::Twilio {
        base_url: format!("http://127.0.0.1:{port}"),
        account: "AC1".into(),
        user: "AC1".into(),
        secret: secret(),
        recording: twilio::CURRENT.into(),
        behaviour: twilio::PauseBehaviour::Silence,
    })
}

fn asterisk_at(port: u16) -> Platform {
    Platform::Asterisk(Asterisk {
        base_url: format!("http://127.0.0.1:{port}/ari"),
        user: "ari".into(),
        secret: secret(),
        recording: Template::parse("{call_id}").unwrap(),
        mode: Mode::Pause,
    })
}

fn freeswitch_at(port: u16) -> Platform {
    Platform::Freeswitch(Freeswitch {
        door: freeswitch::Door::EventSocket {
            address: format!("127.0.0.1:{port}"),
            password: secret(),
        },
        recording: Template::parse("/rec/{call_id}.wav").unwrap(),
        mode: freeswitch::Mode::Mask,
    })
}

fn card() -> Protection {
    Protection {
        leg: Leg::Customer,
        kind: "pan".into(),
        from: MediaTime::ZERO,
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::RecorderPaused { verified: true, .. } => "paused",
        Event::RecorderPaused { .. } => "paused unverified",
        Event::RecorderResumed { .. } => "resumed",
        Event::RecorderNotPaused { .. } => "not paused",
        Event::RecorderNotResumed { .. } => "not resumed",
        other => panic!("{other:?}"),
    }
}

/// Wishes for a pause, and returns the first event and after how long it came.
async fn paused(control: &mut RecorderControl) -> (Event, Duration) {
    let begun = Instant::now();
    control.protect(card());
    let event = tokio::time::timeout(Duration::from_secs(5), control.next_event());
    (event.await.unwrap().unwrap(), begun.elapsed())
}

/// Why there was an alarm, for a script.
async fn alarm(script: Vec<Act>) -> (String, usize) {
    let (fake, port) = Fake::start(script).await;
    let mut control = start(twilio_at(port));
    let (event, _) = paused(&mut control).await;
    let Event::RecorderNotPaused { reason, .. } = event else {
        panic!("{event:?}");
    };
    assert!(!reason.contains("sesame"));
    let asked = fake.asked().len();
    control.finish().await;
    (reason, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_paused_and_goes_on() {
    let (fake, port) = Fake::start(vec![PAUSED, RUNNING]).await;
    let mut control = start(twilio_at(port));
    let (event, _) = paused(&mut control).await;
    assert_eq!(name(&event), "paused");
    control.release();
    let event = control.next_event().await.unwrap();
    assert_eq!(name(&event), "resumed");
    assert!(control.finish().await.is_empty());
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    for (asked, body) in asked
        .iter()
        .zip(["Status=paused&PauseBehavior=silence", "Status=in-progress"])
    {
        assert_eq!(
            asked.line,
            "POST /2010-04-01/Accounts/AC1/Calls/CA1/Recordings/Twilio.CURRENT.json HTTP/1.1"
        );
        assert_eq!(asked.body, body);
        for header in [
            "authorization: Basic QUMxOnNlc2FtZS1vcGVu",
            "content-type: application/x-www-form-urlencoded",
            &format!("host: 127.0.0.1:{port}"),
        ] {
            assert!(asked.headers.iter().any(|h| h == header), "{asked:?}");
        }
    }
    assert!(!watch_log().text().contains("sesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_pause_is_verified_and_tried_again() {
    let done = Answer("204 No Content", "", "");
    let recording = Answer("200 OK", "", r#"{"name":"CA1","state":"recording"}"#);
    let paused_state = Answer("200 OK", "", r#"{"name":"CA1","state":"paused"}"#);
    let script = vec![
        done.clone(),
        recording.clone(),
        done.clone(),
        paused_state,
        done,
        recording,
    ];
    let (fake, port) = Fake::start(script).await;
    let mut control = start(asterisk_at(port));
    let (event, _) = paused(&mut control).await;
    assert_eq!(name(&event), "paused");
    control.release();
    assert_eq!(
        control.finish().await.iter().map(name).collect::<Vec<_>>(),
        ["resumed"]
    );
    let recording = "/ari/recordings/live/CA1";
    assert_eq!(
        fake.lines(),
        [
            format!("POST {recording}/pause HTTP/1.1"),
            format!("GET {recording} HTTP/1.1"),
            format!("POST {recording}/pause HTTP/1.1"),
            format!("GET {recording} HTTP/1.1"),
            format!("DELETE {recording}/pause HTTP/1.1"),
            format!("GET {recording} HTTP/1.1"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_is_not_confirmed_is_an_alarm() {
    let (reason, asked) = alarm(vec![Answer("401 Unauthorized", "", r#"{"code":20003}"#)]).await;
    assert!(reason.contains("credentials"), "{reason}");
    assert_eq!(asked, 1);

    let (reason, asked) = alarm(vec![RUNNING]).await;
    assert!(reason.contains("in the other state"), "{reason}");
    assert!((2..=20).contains(&asked), "{asked}");

    let (reason, asked) = alarm(vec![Answer("404 Not Found", "", "{}")]).await;
    assert!(reason.contains("no such recording"), "{reason}");
    assert!((2..=20).contains(&asked), "{asked}");

    let (reason, asked) = alarm(vec![Answer("500 Internal Server Error", "", "oops")]).await;
    assert!(reason.contains("HTTP 500"), "{reason}");
    assert!((2..=20).contains(&asked), "{asked}");

    let (reason, _) = alarm(vec![Answer("200 OK", "", "{\"status\":")]).await;
    assert!(reason.contains("not understood"), "{reason}");

    let (reason, _) = alarm(vec![Flood]).await;
    assert!(reason.contains("not understood"), "{reason}");

    let (reason, _) = alarm(vec![Reset]).await;
    assert!(
        reason.contains("did not answer") || reason.contains("cannot be reached"),
        "{reason}"
    );

    let (reason, asked) = alarm(vec![Hang]).await;
    assert!(reason.contains("did not answer"), "{reason}");
    assert!((1..=2).contains(&asked), "{asked}");

    // Redirections would take the credentials elsewhere.
    let (reason, asked) = alarm(vec![Answer(
        "307 Temporary Redirect",
        "location: http://127.0.0.1:1/\r\n",
        "",
    )])
    .await;
    assert!(reason.contains("HTTP 307"), "{reason}");
    assert_eq!(asked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_not_there_is_an_alarm() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for platform in [twilio_at(port), freeswitch_at(port)] {
        let mut control = start(platform);
        let (event, after) = paused(&mut control).await;
        let Event::RecorderNotPaused { reason, .. } = event else {
            panic!("{event:?}");
        };
        assert!(reason.contains("cannot be reached"), "{reason}");
        assert!(after >= Duration::from_millis(750), "{after:?}");
        // Nothing can have been paused: nothing is resumed.
        control.release();
        assert!(control.finish().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_right_in_time_is_no_alarm() {
    let locked = Answer("425 Too Early", "", "{}");
    let conflict = Answer("409 Conflict", "", "{}");
    let list = Answer("200 OK", "", r#"{"recordings":[{"status":"paused"}]}"#);
    let unavailable = Answer("503 Service Unavailable", "", "");
    for (script, asked) in [
        (vec![locked, PAUSED], 2),
        (vec![conflict, list], 2),
        (vec![unavailable, Reset, PAUSED], 3),
        (
            vec![Late(
                Duration::from_millis(300),
                "200 OK",
                r#"{"status":"paused"}"#,
            )],
            1,
        ),
    ] {
        let (fake, port) = Fake::start(script).await;
        let mut control = start(twilio_at(port));
        let (event, after) = paused(&mut control).await;
        assert_eq!(name(&event), "paused", "{:?}", fake.lines());
        assert!(after < Duration::from_millis(800));
        assert_eq!(fake.asked().len(), asked);
        drop(control);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_asks_for_patience_gets_it() {
    let throttled = Answer("429 Too Many Requests", "retry-after: 1\r\n", "{}");
    let (fake, port) = Fake::start(vec![throttled, PAUSED]).await;
    let mut control = start(twilio_at(port));
    let (event, _) = paused(&mut control).await;
    assert_eq!(name(&event), "not paused");
    assert_eq!(fake.asked().len(), 1, "before the time it asked for");
    assert_eq!(name(&control.next_event().await.unwrap()), "paused");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_read_from_the_configuration_and_202_is_asked_about() {
    let accepted = Answer("202 Accepted", "", "");
    let live = Answer("200 OK", "", r#"{"call":{"state":"live"}}"#);
    let held = Answer("200 OK", "", r#"{"call":{"state":"paused"}}"#);
    let (fake, port) = Fake::start(vec![accepted.clone(), live, accepted, held]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "sesame-open\n").unwrap();
    let text = format!(
        "kind = \"http\"\nsecret = \"file:{}/token\"\n[headers]\nX-Tenant = \"t1\"\n\
         [pause]\nmethod = \"PUT\"\nurl = \"http://127.0.0.1:{port}/calls/{{call_id}}/pause?leg={{leg}}\"\n\
         body = '{{\"reason\":\"{{reason}}\"}}'\n\
         [resume]\nurl = \"http://127.0.0.1:{port}/calls/{{call_id}}/resume\"\n\
         [verify]\nurl = \"http://127.0.0.1:{port}/calls/{{call_id}}\"\npointer = \"/call/state\"\nequals = \"paused\"\n",
        folder.path().display()
    );
    let control = Control::parse(&text, "hushgate.toml").unwrap();
    let mut control = start(control.settings.platform);
    let (event, _) = paused(&mut control).await;
    assert_eq!(name(&event), "paused");
    let asked = fake.asked();
    assert_eq!(
        fake.lines(),
        [
            "PUT /calls/CA1/pause?leg=customer HTTP/1.1",
            "GET /calls/CA1 HTTP/1.1",
            "PUT /calls/CA1/pause?leg=customer HTTP/1.1",
            "GET /calls/CA1 HTTP/1.1",
        ]
    );
    assert_eq!(asked[0].body, r#"{"reason":"pan"}"#);
    for header in [
        "authorization: Bearer sesame-open",
        "x-tenant: t1",
        "content-type: application/json",
    ] {
        assert!(asked[0].headers.iter().any(|h| h == header), "{asked:?}");
    }
    // The call ends while the card is still being read out: the recorder stays paused.
    assert_eq!(
        control.finish().await.iter().map(name).collect::<Vec<_>>(),
        ["not resumed"]
    );
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_call_pauses_its_recorder_elsewhere_while_a_card_is_read_out() {
    let held = Answer("200 OK", "", r#"{"state":"paused"}"#);
    let live = Answer("200 OK", "", r#"{"state":"live"}"#);
    let (fake, port) = Fake::start(vec![held, live]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "sesame-open\n").unwrap();
    let file = folder.path().join("hushgate.toml");
    let text = format!(
        "[doors.twilio.control]\nkind = \"http\"\nsecret = \"file:token\"\nquiet_seconds = 0.5\n\
         [doors.twilio.control.pause]\nurl = \"http://127.0.0.1:{port}/{{call_id}}/pause\"\n\
         pointer = \"/state\"\nequals = \"paused\"\n\
         [doors.twilio.control.resume]\nurl = \"http://127.0.0.1:{port}/{{call_id}}/resume\"\n\
         pointer = \"/state\"\nequals = \"live\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let config = hushgate::config::Config::load(Some(&file), Default::default()).unwrap();
    // A card in what is said first, and nothing more.
    let card = says_a_card();
    let script: Script = Arc::new(move |window| {
        if window.span.start < MediaTime::from_millis(1_000) {
            card(window)
        } else {
            hears_nothing()(window)
        }
    });
    let gateway = Gateway::start_with(script, |settings| {
        let doors = config.doors.into_iter();
        settings.doors = doors
            .map(|door| hushgate::gateway::serve::Entrance::new(door).unwrap())
            .collect();
    })
    .await;
    playback("CA9", sound(5, 12_000), sound(6, 12_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let (report, _) = gateway.recording("CA9").await;
    assert!(report.spans.iter().any(|span| span.kind == "pan"));
    let steps: Vec<_> = report
        .recorder_control
        .iter()
        .map(|step| step.step)
        .collect();
    assert_eq!(
        steps,
        [RecorderOutcome::Paused, RecorderOutcome::Resumed],
        "{:?}",
        report.recorder_control
    );
    assert_eq!(report.recorder_control[0].verified, Some(true));
    assert_eq!(
        fake.lines(),
        ["POST /CA9/pause HTTP/1.1", "POST /CA9/resume HTTP/1.1"]
    );
    // Paused no later than the card was known, and let go of long before the call was over.
    let (paused, resumed) = (report.recorder_control[0].at, report.recorder_control[1].at);
    assert!(
        paused < resumed && resumed < 11.0,
        "{paused} s, {resumed} s"
    );
}

/// An event socket that answers `uuid_record` commands by a script, and writes down what it hears.
async fn event_socket(
    password: &'static str,
    answers: Vec<&'static str>,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let send = "Content-Type: auth/request\n\n";
            stream.write_all(send.as_bytes()).await.unwrap();
            let proof = command(&mut stream).await;
            let good = proof == format!("auth {password}");
            let reply = if good { "+OK accepted" } else { "-ERR invalid" };
            let text = format!("Content-Type: command/reply\nReply-Text: {reply}\n\n");
            stream.write_all(text.as_bytes()).await.unwrap();
            if !good {
                continue;
            }
            let asked = command(&mut stream).await;
            note.lock().unwrap().push(asked);
            let body = answers.next().unwrap_or("+OK Success\n");
            let text = format!(
                "Content-Type: api/response\nContent-Length: {}\n\n{body}",
                body.len()
            );
            // In two pieces, as networks like it.
            let (first, second) = text.split_at(30);
            stream.write_all(first.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(second.as_bytes()).await.unwrap();
        }
    });
    (port, heard)
}

async fn command(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\n\n") {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap().trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn freeswitch_masks_and_unmasks_over_the_event_socket() {
    let no_session = "-ERR Cannot locate session!\n";
    let (port, heard) = event_socket("sesame-open", vec![no_session]).await;
    let mut control = start(freeswitch_at(port));
    let (event, _) = paused(&mut control).await;
    assert_eq!(name(&event), "paused unverified");
    control.release();
    assert_eq!(
        control.finish().await.iter().map(name).collect::<Vec<_>>(),
        ["resumed"]
    );
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "api uuid_record CA1 mask /rec/CA1.wav",
            "api uuid_record CA1 mask /rec/CA1.wav",
            "api uuid_record CA1 unmask /rec/CA1.wav",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_event_socket_password_is_an_alarm_at_once() {
    let (port, heard) = event_socket("other", Vec::new()).await;
    let mut control = start(freeswitch_at(port));
    let (event, after) = paused(&mut control).await;
    assert_eq!(name(&event), "not paused");
    assert!(after < Duration::from_millis(700), "{after:?}");
    assert!(heard.lock().unwrap().is_empty());
    assert!(!watch_log().text().contains("sesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_vanishes_leaves_no_recorder_paused() {
    let (fake, port) = Fake::start(vec![PAUSED, RUNNING]).await;
    let mut control = start(twilio_at(port));
    let (event, _) = paused(&mut control).await;
    assert_eq!(name(&event), "paused");
    control.release();
    drop(control);
    eventually(Duration::from_secs(5), || {
        (fake.asked().len() == 2).then_some(())
    })
    .await;
    assert_eq!(fake.asked()[1].body, "Status=in-progress");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_an_authority_vouches_for_is_told_the_credentials() {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![identity.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(identity.signing_key.serialize_der())
                .unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(Mutex::new(0));
    let note = Arc::clone(&told);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            while request(&mut stream).await.is_some() {
                *note.lock().unwrap() += 1;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"status\":\"paused\"}";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("authorities.pem");
    std::fs::write(&authorities, identity.cert.pem()).unwrap();
    for (authorities, expected, asked) in [
        (None, "not paused", 0),
        (Some(authorities.as_path()), "paused", 1),
    ] {
        let Platform::Twilio(platform) = twilio_at(port) else {
            unreachable!()
        };
        let settings = Settings {
            platform: Platform::Twilio(twilio::Twilio {
                base_url: format!("https://localhost:{port}"),
                ..platform
            }),
            timing: timing(),
        };
        let tls = hushgate::gateway::tls::client(authorities).unwrap();
        let controller = Controller::new(settings, &tls).unwrap();
        let mut control = RecorderControl::start(&controller, CallId::new("CA1").unwrap());
        let (event, _) = paused(&mut control).await;
        assert_eq!(name(&event), expected);
        assert_eq!(*told.lock().unwrap(), asked);
        drop(control);
    }
}
