//! The whole program with the real model, and a call at its own pace: what is said is seen masked, drawn hidden and
//! heard as fill, how soon, and what a button does to the recording.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate::access::{Role, Scope, UserName, password};
use hushgate::audio::MediaTime;
use hushgate::call::Sensitive;
use hushgate::config::store::Store;
use hushgate::gateway::player::{Closed, PlayError, Playback, Speed};
use hushgate::gateway::records;
use hushgate::store::accounts::{Accounts, NewUser};
use hushgate::store::database::Database;
use hushgate::store::keys::{KeyId, add_key};
use hushgate::store::vault::{RecordName, State};
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::Browser;
use crate::access::PASSWORD;
use crate::program::{hushgate, sample};
use crate::support::*;

const CONFIG: &str = "[store]\npath = \"store\"\nkey_file = \"store.keys\"\n[second_listener]\nenabled = false\n\
                      [audit]\nfolder = \"audit\"\n[access]\n[api]\nlisten = \"127.0.0.1:0\"\n";

/// Has the page note what it shows from now on: each change of what is hidden, and ten times a second what is played.
const NOTE: &str = "
    const notes = window.notes = { spans: [], heard: [] };
    const spans = () => {
        const items = document.querySelectorAll('.spans li');
        notes.spans.push([Date.now(), [...items].map(({ dataset }) =>
            [dataset.leg, Number(dataset.start), dataset.end === '' ? 1e9 : Number(dataset.end)])]);
    };
    new MutationObserver(spans).observe(document.querySelector('.spans'), { subtree: true, childList: true, attributes: true });
    setInterval(() => {
        const { at, levels, hidden, playing, delay } = document.querySelector('.listening')?.dataset ?? {};
        if (playing === 'true') notes.heard.push([Number(at), levels.split(' ').map(Number), hidden, Number(delay)]);
    }, 100);";

/// The program at work, with a user kim who supervises.
struct Work {
    folder: tempfile::TempDir,
    process: Child,
    calls: String,
    pages: SocketAddr,
}

impl Work {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("hushgate.toml");
        std::fs::write(&config, CONFIG).unwrap();
        add_key(
            &folder.path().join("store.keys"),
            &KeyId::new("first").unwrap(),
        )
        .unwrap();
        let store = Store::load(&config).unwrap().unwrap();
        records::open(&store).unwrap().check().unwrap();
        let database = Database::open(&store.database).await.unwrap();
        let user = NewUser {
            name: UserName::new("kim").unwrap(),
            role: Role::Supervisor,
            scope: Scope::default(),
            password: Some(password::hash(&Sensitive::new(PASSWORD.to_owned())).unwrap()),
        };
        Accounts::new(database.clone())
            .add(user, Timestamp::now())
            .await
            .unwrap();
        database.close().await;
        let log = folder.path().join("log");
        let mut process = hushgate()
            .args(["serve", "--listen", "127.0.0.1:0", "--json"])
            .args(["--no-supervise", "--config"])
            .arg(&config)
            .env("HUSHGATE_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let work = Self {
            calls: format!("ws://{}/twilio", told["address"].as_str().unwrap()),
            pages: told["api"].as_str().unwrap().parse().unwrap(),
            process,
            folder,
        };
        eventually(Duration::from_secs(30), || {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            log.contains("ready for calls").then_some(())
        })
        .await;
        work
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("hushgate.toml")
    }

    /// A sample as it is played, and when each digit of the customer's number is said in it, in seconds.
    fn sample(&self, name: &str, seconds: usize) -> (Playback, Vec<(f64, f64)>) {
        let file = sample(&format!("{name}.wav"), self.folder.path());
        let mut playing = Playback::from_file(&file, call_id(name), Speed::Realtime).unwrap();
        for leg in [&mut playing.agent, &mut playing.customer] {
            leg.truncate(seconds * 8_000);
        }
        let json = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("audio-samples/{name}.json"));
        let labels: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        let digits = labels["sensitive"][0]["digits"].as_array().unwrap().iter();
        let time = |time: &Value| time.as_f64().unwrap();
        let digits = digits.map(|digit| (time(&digit[0]), time(&digit[1])));
        (playing, digits.collect())
    }

    /// The channels of a recording, once it is complete.
    async fn recording(&self, call: &str) -> Vec<Vec<i16>> {
        let vault = records::open(&Store::load(&self.config()).unwrap().unwrap()).unwrap();
        let name = RecordName::new(call).unwrap();
        eventually(Duration::from_secs(20), || {
            let record = vault.record(&name).ok()?;
            (record.state == State::Complete).then_some(())
        })
        .await;
        let file = self.folder.path().join(format!("{call}.wav"));
        let mut wav = std::fs::File::create(&file).unwrap();
        let mut audio = vault.audio(&name).unwrap();
        audio.copy_to(&mut wav, |_, _| {}).unwrap();
        channels(&file)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Milliseconds since 1970, as a page has them.
fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs_f64() * 1e3
}

/// Plays a call; gives when its first sample was said, in milliseconds since 1970.
async fn play(work: &Work, playing: Playback) -> (f64, JoinHandle<Result<Closed, PlayError>>) {
    let (began, begun) = tokio::sync::oneshot::channel();
    let mut began = Some(began);
    let url = work.calls.clone();
    let play = tokio::spawn(async move {
        let told = |played: MediaTime| {
            if let Some(began) = began.take() {
                let _ = began.send(now_ms() - played.seconds() * 1e3);
            }
        };
        playing.play(&url, told).await
    });
    (begun.await.unwrap(), play)
}

/// Seconds from the end of each spoken digit to the moment at which the page shows that it is hidden; less than none
/// for one that was expected.
fn delays(notes: &Value, digits: &[(f64, f64)], began: f64) -> Vec<f64> {
    let covers = |span: &Value, start: f64, end: f64| {
        span[0] == "customer"
            && span[1].as_f64().unwrap() <= start + 0.05
            && span[2].as_f64().unwrap() >= end - 0.05
    };
    let mut delays = Vec::new();
    for (start, end) in digits {
        let shown = notes.as_array().unwrap().iter().find(|note| {
            let mut spans = note[1].as_array().unwrap().iter();
            spans.any(|span| covers(span, *start, *end))
        });
        let shown = shown.expect("a digit was never shown as hidden");
        delays.push((shown[0].as_f64().unwrap() - began) / 1e3 - end);
    }
    delays
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// For the record of who runs it.
fn report(line: &str) {
    let mut shown = std::io::stderr();
    writeln!(shown, "{line}").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_real_model_call_is_seen_heard_and_paused() {
    let work = Work::begin().await;
    let browser = Browser::open(work.pages).await;
    browser.go("/").await;
    browser.sign_in("kim", PASSWORD).await;

    // Nobody asks for this number: it is known by its digits alone.
    let (unasked, digits) = work.sample("pan_unasked", 24);
    let (began, playing) = play(&work, unasked).await;
    browser.click("tr[data-call='pan_unasked'] a").await;
    browser
        .until("return document.querySelector('.spans') !== null")
        .await;
    browser.run(NOTE).await;
    playing.await.unwrap().unwrap();
    let notes = browser.run("return window.notes.spans").await;
    let unasked = delays(&notes, &digits, began);

    // This one is asked for.
    let (asked, digits) = work.sample("pan_asked", 34);
    let (began, playing) = play(&work, asked).await;
    browser.go("/#/live").await;
    browser.click("tr[data-call='pan_asked'] a").await;
    browser.click("[data-do=listen]").await;
    browser.run(NOTE).await;
    browser
        .until("return document.querySelector('.listening').dataset.playing === 'true'")
        .await;
    let until = |seconds: f64| {
        let left = (seconds * 1e3 - (now_ms() - began)).max(0.0);
        tokio::time::sleep(Duration::from_secs_f64(left / 1e3))
    };
    until(25.0).await;
    browser.picture("live-call").await;
    until(28.5).await;
    let paused = (now_ms() - began) / 1e3;
    browser.click("[data-do=pause]").await;
    browser
        .until("return document.querySelector('main').dataset.state === 'paused'")
        .await;
    until(31.0).await;
    browser.click("[data-do=resume]").await;
    let resumed = (now_ms() - began) / 1e3;
    playing.await.unwrap().unwrap();
    browser
        .until("return document.querySelector('.spoken mark')?.innerText")
        .await;
    let page = browser.run("return document.body.outerHTML").await;
    let page = page.as_str().unwrap();
    assert!(!page.contains("\"pan\"") && !page.contains("4242"));
    let notes = browser.run("return window.notes").await;
    let asked = delays(&notes["spans"], &digits, began);
    report(&format!(
        "hidden in the page after the end of a digit, median and longest of {}: asked for {:.2} s and {:.2} s, \
         not asked for {:.2} s and {:.2} s",
        asked.len(),
        median(asked.clone()),
        asked.iter().copied().fold(f64::MIN, f64::max),
        median(unasked.clone()),
        unasked.iter().copied().fold(f64::MIN, f64::max),
    ));

    // Heard through the audio graph: fill where the number was, the call elsewhere.
    let (mut filled, mut loud, mut delay) = (0, 0, Vec::new());
    for heard in notes["heard"].as_array().unwrap() {
        let (at, levels) = (heard[0].as_f64().unwrap(), &heard[1]);
        let (agent, customer) = (levels[0].as_f64().unwrap(), levels[1].as_f64().unwrap());
        delay.push(heard[3].as_f64().unwrap());
        loud += usize::from(agent > 0.005 || customer > 0.005);
        // A level is of the tenth of a second before.
        if digits
            .iter()
            .any(|(start, end)| (start + 0.15..*end).contains(&at))
        {
            filled += 1;
            assert_eq!(customer, 0.0, "sound at {at} s, where a digit was said");
            assert_eq!(heard[2], "customer");
        }
    }
    report(&format!(
        "heard {loud} of {} tenths of a second, of {filled} in digits none; delay {:.2} s (median)",
        notes["heard"].as_array().unwrap().len(),
        median(delay),
    ));
    assert!(filled >= 20 && loud >= 60, "{filled} {loud}");

    // The recording has neither the number nor what was said in the pause.
    let recorded = work.recording("pan_asked").await;
    let silent = |leg: usize, from: f64, to: f64| {
        let samples = &recorded[leg][(from * 8e3) as usize..(to * 8e3) as usize];
        samples.iter().all(|sample| *sample == 0)
    };
    for (start, end) in &digits {
        assert!(silent(1, *start, *end), "a digit at {start} s is recorded");
    }
    for leg in [0, 1] {
        assert!(silent(leg, paused, resumed), "{paused} to {resumed} s");
    }
    assert!(!silent(0, 0.0, paused - 3.0));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    assert!(median(asked) < 2.5);
    assert!(median(unasked) < 2.5);
}
