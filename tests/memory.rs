//! A call of two hours needs no more memory than one of two minutes, nor does erasing in its recording.
//!
//! A program of its own, as it counts every byte that is allocated: resident memory is known to a megabyte at best,
//! and a byte for each packet would be less than that. The call is a sample call again and again, with silence after
//! it, on a session that is driven directly and recorded as calls are; what is asked is answered at once with words,
//! so that there are questions, numbers, redactions and failures all along. Only the moment in which the report is put
//! together needs something for each word.

#![expect(clippy::unwrap_used, reason = "tests say what they need")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use hushgate::audio::wav_file::WavFile;
use hushgate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use hushgate::call::{CallId, Leg, Sensitive};
use hushgate::egress::{CallFacts, EngineWork, Recorder};
use hushgate::policy::Policy;
use hushgate::session::{Examination, Output, RawFrame, Session, Settings};
use hushgate::speech::{Transcript, Window, Word};
use hushgate::store::keys::LocalKeys;
use hushgate::store::vault::{Blank, RecordName, Vault};
use hushgate::telemetry::FailureCause;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const LEGS: &[Leg] = &[Leg::Agent, Leg::Customer];
const RATE: SampleRate = SampleRate::TELEPHONE;
const PACKET: usize = 160;
const PACKETS_PER_MINUTE: u64 = 50 * 60;
/// The sample call begins again after so many packets; until then both are silent.
const ROUND: usize = 50 * 240;
/// Only so much of it is heard each time, to be done sooner.
const HEARD: usize = 50 * 30;
/// What a later moment may need more of than one in the first minutes: words stay for three minutes, and are
/// more at one time than at another.
const SLACK: usize = 128 * 1024;
/// What the first call may need more than those after it: the detector's patterns remember the text that they have
/// read, up to a bound, and all calls share them.
const LEARNED: usize = 256 * 1024;
/// Of the report, for each word: its text and times, and its part of the utterance's.
const WORD: usize = 128;

/// A call under way, and what is kept of it.
struct Call {
    session: Session,
    speech: Vec<Vec<i16>>,
    sent: u64,
    words: usize,
    windows: usize,
}

impl Call {
    fn new() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/amex_full.wav");
        let mut speech = WavFile::open(&file).unwrap().read_to_end().unwrap();
        for leg in &mut speech {
            leg.truncate(HEARD * PACKET);
            leg.shrink_to_fit();
        }
        Self {
            session: Session::new(Settings {
                legs: LEGS,
                rate: RATE,
                hold: MediaTime::from_millis(6_000),
                policy: Arc::new(Policy::default()),
                examination: Examination::Everything,
            }),
            speech,
            sent: 0,
            words: 0,
            windows: 0,
        }
    }

    /// Goes on for some minutes, and is recorded if there is a recorder.
    fn goes_on(&mut self, minutes: u64, recorder: &mut Option<Recorder>) {
        for _ in 0..minutes * PACKETS_PER_MINUTE {
            let at = self.sent as usize % ROUND;
            for (channel, leg) in LEGS.iter().enumerate() {
                let heard = self.speech[channel].get(at * PACKET..(at + 1) * PACKET);
                let samples = heard.unwrap_or(&[0; PACKET]).to_vec();
                self.session.handle_audio(RawFrame {
                    leg: *leg,
                    at: SampleIndex(self.sent * PACKET as u64),
                    samples: Sensitive::new(samples),
                });
                self.take(recorder);
            }
            self.sent += 1;
        }
    }

    fn take(&mut self, recorder: &mut Option<Recorder>) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Transcribe(window) => {
                    self.windows += 1;
                    let outcome = match self.windows % 7 {
                        // Some cannot be examined.
                        0 => Err(FailureCause::Overload),
                        _ => Ok(said(&window)),
                    };
                    self.words += outcome.as_ref().map_or(0, |said| said.words.len());
                    self.session.handle_transcript(window.id, outcome);
                }
                Output::Event(event) => recorder.iter_mut().for_each(|to| to.event(&event)),
                Output::Release(audio) => {
                    recorder.iter_mut().for_each(|to| to.write(&audio).unwrap());
                }
                Output::Ended => {}
            }
        }
    }
}

/// Talk, with a card number in it.
fn said(window: &Window) -> Transcript {
    const TALK: &str = "so what is the card number please it is 4111 1111 1111 1111 thank you and the street you \
                        live in is that still the same as it was in spring";
    let words = TALK.split(' ').cycle().skip(window.id.0 as usize * 5);
    let times = (0..window.span.length().micros() / 400_000).map(|word| word * 400);
    let words = times.zip(words).map(|(at, text)| Word {
        text: text.to_owned().into(),
        span: Span::new(MediaTime::from_millis(at), MediaTime::from_millis(at + 300)),
        confidence: 0.9,
    });
    Transcript {
        words: words.collect(),
        unreliable: false,
        ..Transcript::default()
    }
}

fn facts() -> CallFacts {
    CallFacts {
        call: CallId::new("long").unwrap(),
        legs: LEGS,
        rate: RATE,
        hold: MediaTime::from_millis(6_000),
        policy_version: "p".into(),
        model_sha256: "m".into(),
        particulars: Default::default(),
    }
}

/// The most bytes in use at once in the first two minutes, and in the two hours that they belong to; beyond what was
/// in use before.
fn peaks(call: &mut Call, recorder: &mut Option<Recorder>, before: usize) -> (usize, usize) {
    let mut peak_after = |minutes| {
        MEMORY.reset_peak_usage();
        call.goes_on(minutes, recorder);
        MEMORY.peak_usage() - before
    };
    let at_first = peak_after(2);
    (at_first, at_first.max(peak_after(118)))
}

/// One test at a time: what runs beside it would be counted too.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_call_of_two_hours_needs_no_more_memory_than_one_of_two_minutes() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let before = MEMORY.current_usage();
    let mut call = Call::new();
    let mut recorder = Some(Recorder::create(folder.path(), facts()).unwrap());
    let (minutes, hours) = peaks(&mut call, &mut recorder, before);
    MEMORY.reset_peak_usage();
    let finished = recorder.unwrap().finish(EngineWork::default(), None);
    let (_, report) = finished.unwrap();
    let at_the_end = MEMORY.peak_usage() - before;
    let (words, windows) = (call.words, call.windows);
    println!(
        "recorded: {minutes} bytes in two minutes, {hours} in two hours of {words} words in {windows} windows, \
         {at_the_end} at the end"
    );
    assert!(
        hours <= minutes + SLACK + LEARNED,
        "{minutes}, then {hours}"
    );
    let most = minutes + SLACK + LEARNED + words * WORD;
    assert!(at_the_end <= most, "{at_the_end}, where {most} are allowed");
    let (said, hidden, failed) = (&report.transcript, &report.spans, &report.failed);
    assert!(windows > 200 && said.len() > 100 && hidden.len() > 20 && !failed.is_empty());
    drop((call, report));

    let before = MEMORY.current_usage();
    let (minutes, hours) = peaks(&mut Call::new(), &mut None, before);
    println!("held alone: {minutes} bytes in two minutes, {hours} in two hours");
    assert!(hours <= minutes + SLACK, "{minutes}, then {hours}");
}

/// What erasing a stretch needs: some chunks, whatever the length of the recording.
const ERASING: usize = 256 * 1024;

/// Records so many minutes of silence.
fn stored(vault: &Vault, minutes: u64) -> RecordName {
    let recording = vault.begin_recording().unwrap();
    let call = CallId::new(&format!("long{minutes}")).unwrap();
    let mut writer = recording.begin(&call, RATE, LEGS.len()).unwrap();
    let mut session = Session::new(Settings {
        legs: LEGS,
        rate: RATE,
        hold: MediaTime::from_millis(6_000),
        policy: Arc::new(Policy::default()),
        examination: Examination::Everything,
    });
    for packet in 0..minutes * PACKETS_PER_MINUTE {
        for leg in LEGS {
            session.handle_audio(RawFrame {
                leg: *leg,
                at: SampleIndex(packet * PACKET as u64),
                samples: Sensitive::new(vec![0; PACKET]),
            });
        }
        while let Some(output) = session.poll_output() {
            match output {
                Output::Release(audio) => writer.write(&audio).unwrap(),
                Output::Transcribe(window) => {
                    let nothing = Ok(Transcript::default());
                    session.handle_transcript(window.id, nothing);
                }
                Output::Event(_) | Output::Ended => {}
            }
        }
    }
    let name = writer.name().clone();
    writer.finish(b"{}", b"[]").unwrap();
    name
}

#[test]
fn erasing_a_stretch_of_a_call_of_two_hours_needs_no_more_memory_than_of_two_minutes() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let key = "test AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let keys = Arc::new(LocalKeys::from_text(key, "the test").unwrap());
    let vault = Vault::new(folder.path().join("store"), keys);
    let peak = |minutes| {
        let name = stored(&vault, minutes);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let blank = Blank {
            channel: Some(1),
            frames: 8_000..800_000,
        };
        let rewrite = |_, text: &[u8]| Ok(text.to_vec().into());
        vault.erase_segments(&name, &[blank], &rewrite).unwrap();
        MEMORY.peak_usage() - before
    };
    let (minutes, hours) = (peak(2), peak(120));
    println!("erased: {minutes} bytes in two minutes, {hours} in two hours");
    assert!(hours <= minutes + SLACK, "{minutes}, then {hours}");
    assert!(hours < ERASING, "{hours}");
}
