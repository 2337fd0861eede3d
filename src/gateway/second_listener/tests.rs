use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::{CallId, Leg};
use crate::egress::report::Utterance;
use crate::egress::{Report, ReportBuilder};
use crate::engine::RecogniserError;
use crate::engine::pool::{Caller, Job, Pool, PoolSettings};
use crate::gateway::retention::VaultCalls;
use crate::policy::Policy;
use crate::speech::{Transcript, Window, WindowId, Word};
use crate::store::keys::{KeyId, LocalKeys, add_key};
use crate::store::retention::holds::{Holds, Scope};
use crate::store::sealed::Content;
use crate::store::vault::VaultError;

const RATE: SampleRate = SampleRate::TELEPHONE;

/// A store in a folder of its own.
struct Place {
    _folder: tempfile::TempDir,
    vault: Vault,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        add_key(&keys, &KeyId::new("first").unwrap()).unwrap();
        let keys = Arc::new(LocalKeys::from_file(&keys).unwrap());
        Self {
            vault: Vault::new(folder.path().join("store"), keys),
            _folder: folder,
        }
    }

    /// Records a call in which the customer speaks from second 2 to second 5.
    fn record(&self, call: &str) -> RecordName {
        let recording = self.vault.begin_recording().unwrap();
        let call = CallId::new(call).unwrap();
        let mut writer = recording.begin(&call, RATE, 2).unwrap();
        let name = writer.name().clone();
        let speech = |at: usize| {
            if (16_000..40_000).contains(&at) {
                6_000 * ((at as i16 / 9 % 3) - 1)
            } else {
                0
            }
        };
        let customer: Vec<i16> = (0..64_000).map(speech).collect();
        let audio = CleanAudio::for_test(RATE, SampleIndex(0), vec![vec![0; 64_000], customer]);
        writer.write(&audio).unwrap();
        let facts = CallFacts {
            call,
            legs: &[Leg::Agent, Leg::Customer],
            rate: RATE,
            hold: MediaTime::from_millis(6_000),
            policy_version: "test".into(),
            model_sha256: "scripted".into(),
            particulars: Default::default(),
        };
        let mut report = ReportBuilder::new(facts);
        report.audio(&audio);
        let report = report.finish(EngineWork::default(), None);
        let said = [Utterance {
            leg: Leg::Customer,
            start: 2.0,
            end: 5.0,
            text: "Something misheard".into(),
            words: Vec::new(),
        }];
        let report = serde_json::to_vec(&report).unwrap();
        writer
            .finish(&report, &serde_json::to_vec(&said).unwrap())
            .unwrap();
        name
    }

    fn customer(&self, name: &RecordName) -> Vec<i16> {
        let mut wav = Vec::new();
        let mut audio = self.vault.audio(name).unwrap();
        audio.copy_to(&mut wav, |_, _| {}).unwrap();
        wav[44..]
            .chunks_exact(4)
            .map(|frame| i16::from_le_bytes([frame[2], frame[3]]))
            .collect()
    }
}

/// Says a text in every window that is louder than nothing, and counts windows.
#[derive(Default)]
struct Says {
    text: String,
    windows: Arc<AtomicU64>,
    /// Says it however quiet the window is.
    stubborn: bool,
}

impl Recogniser for Says {
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError> {
        self.windows.fetch_add(1, Ordering::SeqCst);
        let loud = window
            .samples
            .expose()
            .iter()
            .filter(|sample| sample.abs() > 0.05)
            .count();
        if loud < 1_000 && !self.stubborn {
            return Ok(Transcript::default());
        }
        let texts: Vec<&str> = self.text.split(' ').collect();
        let step = window.span.length().micros() / texts.len() as u64;
        let words = texts.iter().zip(0..).map(|(text, at)| Word {
            text: (*text).to_owned().into(),
            span: Span::new(
                MediaTime::from_micros(step * at),
                MediaTime::from_micros(step * (at + 1)),
            ),
            confidence: 0.9,
        });
        Ok(Transcript {
            words: words.collect(),
            ..Transcript::default()
        })
    }
}

fn says(text: &str) -> Says {
    Says {
        text: text.to_owned(),
        ..Says::default()
    }
}

/// What examining comes to, and the actions that are told.
fn examined(
    place: &Place,
    name: &RecordName,
    recogniser: &mut Says,
) -> (SecondHearing, Vec<String>) {
    let mut told = Vec::new();
    let mut listener = Listener {
        recogniser,
        model_sha256: "scripted",
        policy: &Policy::default(),
        waits: &mut || true,
        tell: &mut |record| {
            let text = format!("{record:?}");
            assert!(!text.contains("4111"), "{text}");
            told.push(record.action.name());
        },
    };
    let outcome = examine(&place.vault, name, &mut listener).unwrap().unwrap();
    (outcome, told)
}

#[test]
fn a_clean_recording_stays_as_it_is() {
    let place = Place::new();
    let name = place.record("CA1");
    let before = place.customer(&name);
    let (outcome, told) = examined(&place, &name, &mut says("It is a lovely day"));
    assert_eq!((outcome.verdict, outcome.rounds), (Verdict::Clean, 1));
    assert_eq!(told, ["recording_listened_again"]);
    assert!(place.customer(&name) == before);
    assert_eq!(outcome_of(&place.vault, &name).unwrap(), Some(outcome));
    assert!(place.vault.not_heard_again(10).unwrap().is_empty());
}

#[test]
fn what_is_still_heard_is_erased_and_the_recording_given_free() {
    let place = Place::new();
    let name = place.record("CA1");
    let (outcome, told) = examined(&place, &name, &mut says("My card is 4111 1111 1111 1111"));
    assert_eq!(
        (outcome.verdict, outcome.rounds),
        (Verdict::RedactedAgain, 2)
    );
    assert_eq!(outcome.kinds(), ["pan"]);
    assert_eq!(
        told,
        [
            "recording_quarantined",
            "alert_raised",
            "recording_redacted_again",
            "recording_listened_again"
        ]
    );
    assert_eq!(place.vault.quarantined(&name).unwrap(), None);
    // What was heard is silence, in the recording for good.
    let [heard] = &outcome.still_heard[..] else {
        panic!("{outcome:?}")
    };
    let customer = place.customer(&name);
    let erased = (heard.start * 8_000.0) as usize + 1..((heard.end * 8_000.0) as usize).min(64_000);
    assert!(customer[erased].iter().all(|sample| *sample == 0));
    assert!(customer.iter().any(|sample| *sample != 0));
    let report = place.vault.document(&name, Content::Report).unwrap();
    let report: Report = serde_json::from_slice(&report).unwrap();
    assert_eq!(report.spans.len(), 1);
    assert_eq!(
        (&*report.spans[0].rule, &*report.spans[0].kind),
        ("erasure", "pan")
    );
    assert!(report.totals.hidden_s > 1.0);
    let said = place.vault.document(&name, Content::Transcript).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("[pan]"));
}

#[test]
fn what_cannot_be_erased_stays_locked_away() {
    let place = Place::new();
    let name = place.record("CA1");
    let mut recogniser = says("My card is 4111 1111 1111 1111");
    recogniser.stubborn = true;
    // Louder parts on both sides are heard however much is erased between them.
    let (outcome, told) = examined(&place, &name, &mut recogniser);
    if outcome.verdict == Verdict::Quarantined {
        assert!(place.vault.quarantined(&name).unwrap().is_some());
        assert!(matches!(
            place.vault.audio(&name),
            Err(VaultError::Quarantined { .. })
        ));
    }
    assert_eq!(told.first().unwrap(), "recording_quarantined");
    assert_eq!(told.last().unwrap(), "recording_listened_again");
}

fn hold(place: &Place) {
    let held = Scope {
        call: Some("CA1".into()),
        ..Scope::default()
    };
    let holds = Holds::of(place.vault.path());
    holds
        .place(held, "case 1", "kim", jiff::Timestamp::now())
        .unwrap();
}

#[test]
fn a_legal_hold_keeps_what_is_still_heard_locked_away() {
    let place = Place::new();
    let name = place.record("CA1");
    let before = place.customer(&name);
    hold(&place);
    let (outcome, told) = examined(&place, &name, &mut says("My card is 4111 1111 1111 1111"));
    assert_eq!((outcome.verdict, outcome.rounds), (Verdict::Quarantined, 1));
    assert!(!told.contains(&"recording_redacted_again".to_owned()));
    assert!(place.vault.quarantined(&name).unwrap().is_some());
    let kept = Place {
        vault: place.vault.opening_quarantined(),
        _folder: place._folder,
    };
    assert!(kept.customer(&name) == before);
}

/// One that comes while something is erased counts for what comes after it.
#[test]
fn a_legal_hold_that_comes_meanwhile_keeps_what_is_left() {
    let place = Place::new();
    let name = place.record("CA1");
    let mut told = Vec::new();
    let mut listener = Listener {
        recogniser: &mut says(
            "My card is 4111 1111 1111 1111 and my social security number is 219 09 9999",
        ),
        model_sha256: "scripted",
        policy: &Policy::default(),
        waits: &mut || true,
        tell: &mut |record| {
            if record.action == Action::RecordingRedactedAgain {
                hold(&place);
            }
            told.push(record.action);
        },
    };
    let outcome = examine(&place.vault, &name, &mut listener)
        .unwrap()
        .unwrap();
    assert_eq!(outcome.kinds(), ["pan", "ssn"]);
    let erased = told
        .iter()
        .filter(|action| **action == Action::RecordingRedactedAgain);
    assert_eq!(erased.count(), 1);
    assert_eq!(outcome.verdict, Verdict::Quarantined);
    assert!(place.vault.quarantined(&name).unwrap().is_some());
}

/// What cannot be known is no hold: it is tried again, and not taken as heard.
#[test]
fn holds_that_cannot_be_read_end_nothing() {
    let place = Place::new();
    let name = place.record("CA1");
    let folder = place.vault.path().join("holds");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("hold-abcdefghij.json"), "{").unwrap();
    let mut listener = Listener {
        recogniser: &mut says("My card is 4111 1111 1111 1111"),
        model_sha256: "scripted",
        policy: &Policy::default(),
        waits: &mut || true,
        tell: &mut |_| {},
    };
    assert!(examine(&place.vault, &name, &mut listener).is_err());
    assert_eq!(outcome_of(&place.vault, &name).unwrap(), None);
    assert!(place.vault.quarantined(&name).unwrap().is_some());
}

/// Makes recognisers that say a text.
struct Factory(&'static str, Arc<AtomicU64>);

impl RecogniserFactory for Factory {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Ok(Box::new(Says {
            text: self.0.into(),
            windows: Arc::clone(&self.1),
            stubborn: false,
        }))
    }

    fn model_sha256(&self) -> &str {
        "scripted"
    }
}

/// Takes as long as it is told to.
struct Slow(Duration);

impl Recogniser for Slow {
    fn transcribe(&mut self, _: &Window) -> Result<Transcript, RecogniserError> {
        std::thread::sleep(self.0);
        Ok(Transcript::default())
    }
}

impl RecogniserFactory for Slow {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Ok(Box::new(Slow(self.0)))
    }

    fn model_sha256(&self) -> &str {
        "slow"
    }
}

fn live_job() -> Job {
    Job {
        caller: Caller::new(),
        is_armed: false,
        window: Window {
            id: WindowId(0),
            leg: Leg::Agent,
            span: Span::new(MediaTime::ZERO, MediaTime::from_millis(1_000)),
            samples: vec![0.0; 16_000].into(),
            deadline: MediaTime::from_millis(5_000),
        },
        deadline: Instant::now() + Duration::from_secs(30),
        reply: Box::new(|_, _| {}),
    }
}

fn until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn finds_what_nobody_listened_to_and_waits_while_live_windows_are_there() {
    let place = Place::new();
    // Recorded before there was anybody to listen, as before a restart.
    place.record("CA1");
    let live = Arc::new(Pool::start(
        Arc::new(Slow(Duration::from_millis(700))),
        PoolSettings::default(),
    ));
    // One runs, others wait: seconds of work.
    for _ in 0..5 {
        live.submit(live_job());
    }
    let windows = Arc::new(AtomicU64::new(0));
    let listener = SecondListener::new();
    let thread = listener
        .start(Settings {
            vault: place.vault.clone(),
            policy: Arc::new(Policy::default()).into(),
            recognisers: Arc::new(Factory("It is a lovely day", Arc::clone(&windows))),
            live: Arc::clone(&live) as Arc<dyn Transcriber>,
            most_busy: 0.4,
            log: None,
            calls: Arc::new(VaultCalls(place.vault.clone())),
            alerting: None,
        })
        .unwrap();
    while !live.is_at_rest() {
        assert_eq!(
            windows.load(Ordering::SeqCst),
            0,
            "it listened while live windows were there"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(until(Duration::from_secs(15), || listener
        .figures()
        .recordings
        == 1));
    assert!(windows.load(Ordering::SeqCst) > 0);
    // What is recorded from now on is offered by its tape.
    let second = place.record("CA2");
    listener.offer(second.clone());
    assert!(until(Duration::from_secs(15), || listener
        .figures()
        .recordings
        == 2));
    assert_eq!(listener.figures().rate(), 0.0);
    assert!(outcome_of(&place.vault, &second).unwrap().is_some());
    listener.stop();
    thread.join().unwrap();
}
