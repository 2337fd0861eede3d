//! A call of two hours needs no more memory than one of two minutes.
//!
//! A program of its own, as it counts all that is allocated. The call is a sample call again and again, with
//! silence after it, on a session that is driven directly; what is asked is answered at once with words, so that
//! there are questions, numbers and redactions all along. What is kept for the report is what happened in the
//! call, and grows with it: so much, and no more, for each word.

#![expect(clippy::unwrap_used, reason = "tests say what they need")]

use std::path::Path;
use std::sync::Arc;

use hushgate::audio::wav_file::WavFile;
use hushgate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use hushgate::call::{CallId, Leg, Sensitive};
use hushgate::egress::{CallFacts, EngineWork, ReportBuilder};
use hushgate::policy::Policy;
use hushgate::session::{Examination, Output, RawFrame, Session, Settings};
use hushgate::speech::{Transcript, Window, Word};
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
        Self {
            session: Session::new(Settings {
                legs: LEGS,
                rate: RATE,
                hold: MediaTime::from_millis(6_000),
                policy: Arc::new(Policy::default()),
                examination: Examination::Everything,
            }),
            speech: WavFile::open(&file).unwrap().read_to_end().unwrap(),
            sent: 0,
            words: 0,
            windows: 0,
        }
    }

    /// Goes on for some minutes, telling the report what happens if there is one.
    fn goes_on(&mut self, minutes: u64, report: &mut Option<ReportBuilder>) {
        for _ in 0..minutes * PACKETS_PER_MINUTE {
            let at = self.sent as usize % ROUND;
            for (channel, leg) in LEGS.iter().enumerate() {
                let heard = self.speech[channel].get(at * PACKET..(at + 1) * PACKET);
                let samples = heard
                    .filter(|_| at < HEARD)
                    .unwrap_or(&[0; PACKET])
                    .to_vec();
                self.session.handle_audio(RawFrame {
                    leg: *leg,
                    at: SampleIndex(self.sent * PACKET as u64),
                    samples: Sensitive::new(samples),
                });
                self.take(report);
            }
            self.sent += 1;
        }
    }

    fn take(&mut self, report: &mut Option<ReportBuilder>) {
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
                Output::Event(event) => report.iter_mut().for_each(|report| report.event(&event)),
                Output::Release(audio) => report.iter_mut().for_each(|report| report.audio(&audio)),
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
    }
}

#[test]
fn a_call_of_two_hours_needs_no_more_memory_than_one_of_two_minutes() {
    let mut call = Call::new();
    let without = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    call.goes_on(2, &mut None);
    let at_two_minutes = MEMORY.peak_usage() - without;
    MEMORY.reset_peak_usage();
    call.goes_on(118, &mut None);
    let at_two_hours = MEMORY.peak_usage() - without;
    println!("{at_two_minutes} bytes more after two minutes, {at_two_hours} after two hours");
    assert!(call.windows > 200, "{} windows", call.windows);
    assert!(
        at_two_hours <= at_two_minutes + SLACK,
        "{at_two_minutes} bytes after two minutes, {at_two_hours} after two hours"
    );

    let mut call = Call::new();
    let mut report = Some(ReportBuilder::new(facts()));
    let without = MEMORY.current_usage();
    call.goes_on(20, &mut report);
    let kept = MEMORY.current_usage() - without;
    println!("{kept} bytes with the report of {} words", call.words);
    assert!(
        kept <= at_two_hours + call.words * WORD,
        "{kept} bytes with the report of {} words",
        call.words
    );
    let report = report.unwrap().finish(EngineWork::default(), None);
    assert!(!report.transcript.is_empty() && !report.spans.is_empty() && !report.failed.is_empty());
}
