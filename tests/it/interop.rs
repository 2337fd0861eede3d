//! The gateway against software that we did not write: Twilio's own library, a WebSocket client and server of
//! another language, and sox.
//!
//! `make test` installs it; without it these tests fail, as a test that is not run shows nothing.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::audio::encoding::Encoding;
use hushgate::config::Door;
use hushgate::config::doors::{Forward, Protocol};
use hushgate::gateway::serve::Entrance;
use hushgate::ingress::authentication::{Secret, twilio_signature};
use serde_json::{Value, json};

use crate::platforms::parts;
use crate::support::*;

/// A script of `tests/interop`, with the installed packages.
fn script(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/interop/node_modules");
    assert!(
        modules.join("ws").is_dir(),
        "{} is not there; `make interop` installs it",
        modules.display()
    );
    let mut command = Command::new("node");
    command
        .arg(root.join("tests/interop").join(name))
        .env("NODE_PATH", modules);
    command
}

/// What a command prints. Off the runtime's threads, which the gateway needs.
async fn output(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A recording's channels as sox reads them.
async fn decoded(wav: PathBuf) -> Vec<Vec<i16>> {
    let info = |flag: &'static str| {
        let mut command = Command::new("soxi");
        command.arg(flag).arg(&wav);
        command
    };
    let channels: usize = output(info("-c")).await.trim().parse().unwrap();
    let mut sox = Command::new("sox");
    sox.arg(&wav)
        .args(["-t", "raw", "-e", "signed", "-b", "16", "-L", "-"]);
    let raw = tokio::task::spawn_blocking(move || sox.output().unwrap())
        .await
        .unwrap();
    assert!(raw.status.success());
    let samples = Encoding::LinearLittle.decode(&raw.stdout);
    (0..channels)
        .map(|channel| {
            samples
                .iter()
                .skip(channel)
                .step_by(channels)
                .copied()
                .collect()
        })
        .collect()
}

async fn gateway(doors: Vec<Door>, says: Script) -> Gateway {
    Gateway::start_with(says, |settings| {
        settings.doors = doors
            .into_iter()
            .map(|door| Entrance::new(door).unwrap())
            .collect();
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_library_and_ours_sign_alike() {
    for address in [
        "wss://gateway.example.com/twilio/stream",
        "wss://gateway.example.com:8443/calls",
        "https://mycompany.example.com/my/app?x=1",
    ] {
        let mut sign = script("signatures.js");
        sign.args(["sign", "12345", address]);
        let theirs = output(sign).await;
        let ours = twilio_signature::sign(&Secret::new("12345").unwrap(), address, &[]);
        assert_eq!(&theirs, ours.expose());
        let mut check = script("signatures.js");
        check.args(["check", "12345", address, ours.expose()]);
        assert_eq!(output(check).await, "true");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_takes_what_twilios_library_signed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "12345").unwrap();
    let file = folder.path().join("hushgate.toml");
    std::fs::write(
        &file,
        "[doors.twilio.auth]\nsecrets = [\"file:token\"]\npublic_url = \"wss://gateway.example.com\"\n",
    )
    .unwrap();
    let config = hushgate::config::Config::load(Some(&file), Default::default()).unwrap();
    let gateway = gateway(config.doors, hears_nothing()).await;
    let messages = folder.path().join("messages");
    std::fs::write(&messages, "").unwrap();
    for (address, status) in [
        ("wss://gateway.example.com/twilio", 101),
        ("wss://gateway.example.com/other", 403),
    ] {
        let mut sign = script("signatures.js");
        sign.args(["sign", "12345", address]);
        let signature = output(sign).await;
        let mut play = script("play.js");
        play.arg(gateway.url())
            .arg(&messages)
            .arg("")
            .arg(format!("X-Twilio-Signature={signature}"));
        let played: Value = serde_json::from_str(&output(play).await).unwrap();
        assert_eq!(played["status"], status, "{address}");
    }
}

/// The only recording in a folder that `known` does not name, once its report is there.
async fn new_recording(folder: &Path, known: &mut Vec<PathBuf>) -> PathBuf {
    let json = eventually(Duration::from_secs(20), || {
        let files = std::fs::read_dir(folder).ok()?;
        let mut files = files.map(|file| file.unwrap().path());
        files.find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "json")
                && !known.contains(file)
        })
    })
    .await;
    known.push(json.clone());
    json.with_extension("wav")
}

/// What comes in by a protocol is hidden, recorded, and sent on by the same protocol to a recorder that hears
/// the same: here another gateway, which hides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn paced_a_client_of_another_language_comes_through_every_door_and_on_to_its_kind() {
    let all = || {
        let sockets = Protocol::ALL
            .into_iter()
            .filter(|&protocol| Door::new(protocol).is_websocket());
        sockets.map(|protocol| Door {
            call_header: Some("uuid".into()),
            ..Door::new(protocol)
        })
    };
    let recorder = gateway(all().collect(), hears_nothing()).await;
    let doors = all().map(|door| Door {
        forward: Some(Forward {
            url: format!("ws://{}/{}", recorder.address, door.protocol),
            protocol: door.protocol,
            buffer: MediaTime::from_seconds(30.0),
            authentication: None,
            authorities: None,
        }),
        ..door
    });
    let gateway = gateway(doors.collect(), says_a_card()).await;
    let folder = tempfile::tempdir().unwrap();
    let (agent, customer) = (sound(1, 4_000), sound(2, 4_000));
    let mut known = Vec::new();
    for part in parts(&agent, &customer) {
        let file = folder.path().join("messages");
        let lines: Vec<String> = part.messages.iter().map(Value::to_string).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let mut play = script("play.js");
        play.arg(format!("ws://{}/{}", gateway.address, part.protocol))
            .arg(&file)
            .arg(part.subprotocol)
            .args(&part.headers);
        let played: Value = serde_json::from_str(&output(play).await).unwrap();
        assert_eq!(played["status"], 101, "{}", part.protocol);
        assert_eq!(played["subprotocol"], part.subprotocol);

        let (report, _) = gateway.recording(part.call).await;
        assert!(
            report.spans.iter().any(|span| span.kind == "pan"),
            "{}",
            part.protocol
        );
        assert!(
            report.not_forwarded.is_empty(),
            "{}: {:?}",
            part.protocol,
            report.not_forwarded
        );
        let channels = decoded(gateway.recordings.join(format!("{}.wav", part.call))).await;
        let expected = match channels.len() {
            1 => vec![linear(&customer)],
            _ => vec![linear(&agent), linear(&customer)],
        };
        for (channel, played) in channels.iter().zip(&expected) {
            let same = channel
                .iter()
                .zip(played)
                .filter(|(heard, played)| heard == played);
            let silent = channel
                .iter()
                .zip(played)
                .filter(|(heard, played)| heard != played);
            assert!(
                silent.clone().all(|(&heard, _)| heard == 0),
                "{}",
                part.protocol
            );
            assert!(
                same.count() > 0 && silent.count() > 1_000,
                "{}",
                part.protocol
            );
        }
        let behind = decoded(new_recording(&recorder.recordings, &mut known).await).await;
        assert_eq!(behind.len(), channels.len(), "{}", part.protocol);
        for (behind, channel) in behind.iter().zip(&channels) {
            assert!(
                behind[..channel.len()] == channel[..],
                "{} differs behind",
                part.protocol
            );
        }
    }
}

/// A recorder of another language, ended with the test.
struct Recorder(Child);

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_a_recorder_of_another_language_gets_what_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = script("record.js");
    command.arg(folder.path()).stdout(Stdio::piped());
    let mut recorder = Recorder(command.spawn().unwrap());
    let mut port = String::new();
    let stdout = recorder.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut port).unwrap();

    let door = Door {
        forward: Some(Forward {
            url: format!("ws://127.0.0.1:{}/", port.trim()),
            protocol: Protocol::Twilio,
            buffer: MediaTime::from_seconds(30.0),
            authentication: None,
            authorities: None,
        }),
        ..Door::new(Protocol::Twilio)
    };
    let gateway = gateway(vec![door], says_a_card()).await;
    playback("CA1", sound(3, 4_000), sound(4, 4_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    let (report, channels) = gateway.recording("CA1").await;
    assert!(!report.spans.is_empty());
    let own = folder.path().join("0");
    let done = eventually(Duration::from_secs(10), || {
        std::fs::read_to_string(own.join("done"))
            .ok()
            .filter(|text| !text.is_empty())
    })
    .await;
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["code"], 1_000);
    assert_eq!(
        done["order"],
        json!(["connected", "start", "media", "stop"])
    );
    for (track, channel) in [("outbound", &channels[0]), ("inbound", &channels[1])] {
        // sox knows G.711 by itself.
        let mut sox = Command::new("sox");
        sox.args([
            "-t", "raw", "-e", "mu-law", "-b", "8", "-r", "8000", "-c", "1",
        ])
        .arg(own.join(format!("{track}.ul")))
        .args(["-t", "raw", "-e", "signed", "-b", "16", "-L", "-"]);
        let raw = tokio::task::spawn_blocking(move || sox.output().unwrap())
            .await
            .unwrap();
        assert!(raw.status.success());
        assert!(
            Encoding::LinearLittle.decode(&raw.stdout) == channel[..],
            "{track} differs"
        );
    }
}
