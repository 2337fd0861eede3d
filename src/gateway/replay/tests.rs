use super::*;
use crate::engine::{Recogniser, RecogniserError, RecogniserFactory};
use crate::speech::{Transcript, Window};
use crate::telemetry::FailureCause;

/// Answers every window alike.
#[derive(Clone, Copy)]
enum Scripted {
    Hears,
    Errs,
    Panics,
}

impl Recogniser for Scripted {
    fn transcribe(&mut self, _: &Window) -> Result<Transcript, RecogniserError> {
        match self {
            Scripted::Hears => Ok(Transcript::default()),
            Scripted::Errs => Err(RecogniserError::Library("no sense in it".into())),
            Scripted::Panics => panic!("a recogniser that panics"),
        }
    }
}

impl RecogniserFactory for Scripted {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Ok(Box::new(*self))
    }
    fn model_sha256(&self) -> &str {
        "none"
    }
}

/// Both legs from memory, with an error after so many samples.
struct Memory {
    legs: Vec<Vec<i16>>,
    at: usize,
    fails_at: usize,
}

impl Source for Memory {
    fn read(&mut self, most: usize) -> anyhow::Result<Vec<Vec<i16>>> {
        if self.at >= self.fails_at {
            anyhow::bail!("the disk is gone");
        }
        let from = self.at;
        let to = (from + most).min(self.legs[0].len());
        self.at = to;
        Ok(self.legs.iter().map(|leg| leg[from..to].to_vec()).collect())
    }
}

#[derive(Default)]
struct Collected {
    legs: Vec<Vec<i16>>,
    late: f64,
    failed: Vec<FailureCause>,
    heard: MediaTime,
}

impl Listener for Collected {
    fn released(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        self.legs.resize(audio.channels().len(), Vec::new());
        for (leg, samples) in self.legs.iter_mut().zip(audio.channels()) {
            assert_eq!(audio.start().0 as usize, leg.len());
            leg.extend(samples);
        }
        Ok(())
    }
    fn happened(&mut self, event: &Event) {
        match event {
            Event::Late { span, .. } => self.late += span.length().seconds(),
            Event::Failed { cause, .. } => self.failed.push(*cause),
            _ => {}
        }
    }
    fn heard(&mut self, head: MediaTime) {
        self.heard = head;
    }
}

/// Turns of two seconds of loud noise with a second of silence between.
fn call(seconds: usize) -> Memory {
    let mut random = 12_345u32;
    let mut noise = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 18) as i16 - 8_192
    };
    let leg = |phase: usize, noise: &mut dyn FnMut() -> i16| -> Vec<i16> {
        let speaks = |at: usize| (at / 8_000 + phase) % 6 < 2;
        (0..seconds * 8_000)
            .map(|at| if speaks(at) { noise() } else { 0 })
            .collect()
    };
    Memory {
        legs: vec![leg(0, &mut noise), leg(3, &mut noise)],
        at: 0,
        fails_at: usize::MAX,
    }
}

fn settings(workers: usize) -> Settings {
    Settings {
        session: crate::session::Settings {
            legs: &[Leg::Agent, Leg::Customer],
            rate: SampleRate::TELEPHONE,
            hold: MediaTime::from_seconds(6.0),
            policy: Default::default(),
            examination: crate::session::Examination::Everything,
        },
        workers: NonZeroUsize::new(workers).unwrap(),
    }
}

fn played(recogniser: Scripted, delay: f64, workers: usize) -> (Replayed, Collected) {
    let mut collected = Collected::default();
    let mut stopwatch = Stopwatch::new(&recogniser, Some(MediaTime::from_seconds(delay))).unwrap();
    let replayed = play(
        &settings(workers),
        &mut call(30),
        &mut stopwatch,
        &mut collected,
    )
    .unwrap();
    (replayed, collected)
}

#[test]
fn what_is_examined_in_time_leaves_as_it_came() {
    let (replayed, collected) = played(Scripted::Hears, 0.5, 1);
    assert_eq!(collected.legs, call(30).legs);
    assert_eq!((collected.late, collected.failed.len()), (0.0, 0));
    assert_eq!(replayed.length, MediaTime::from_seconds(30.0));
    assert_eq!(collected.heard, replayed.length);
    assert!(replayed.engine.windows >= 10, "{:?}", replayed.engine);
    assert_eq!(
        (replayed.engine.late_answers, replayed.engine.failures),
        (0, 0)
    );
    for window in &replayed.examined {
        assert!(
            window.transcribed && window.answered >= window.submitted + MediaTime::from_millis(500)
        );
        assert!(window.submitted >= window.span.end, "{window:?}");
    }
}

#[test]
fn what_is_answered_too_late_is_filled() {
    let (replayed, collected) = played(Scripted::Hears, 7.0, 1);
    assert!(collected.late > 1.0, "{}", collected.late);
    // What waited too long was not begun; what was begun in the last seconds is cut off by the end.
    let expected = [FailureCause::Overload, FailureCause::DrainDeadline];
    assert!(
        collected
            .failed
            .iter()
            .all(|cause| expected.contains(cause)),
        "{:?}",
        collected.failed
    );
    assert!(replayed.engine.late_answers > 0);
    for (leg, original) in collected.legs.iter().zip(call(30).legs) {
        assert_eq!(leg.len(), original.len());
        assert!(leg.iter().zip(&original).filter(|(a, b)| a != b).count() > 8_000);
    }
}

#[test]
fn more_workers_leave_less_undone() {
    let filled = |workers| {
        let (_, collected) = played(Scripted::Hears, 3.5, workers);
        let differs = |(leg, original): (&Vec<i16>, &Vec<i16>)| {
            leg.iter().zip(original).filter(|(a, b)| a != b).count()
        };
        collected
            .legs
            .iter()
            .zip(&call(30).legs)
            .map(differs)
            .sum::<usize>()
    };
    let (one, four) = (filled(1), filled(4));
    assert!(one > four, "{one} {four}");
}

#[test]
fn what_cannot_be_examined_is_filled_and_told() {
    for (recogniser, cause) in [
        (Scripted::Errs, FailureCause::RecogniserError),
        (Scripted::Panics, FailureCause::RecogniserPanic),
    ] {
        let (replayed, collected) = played(recogniser, 0.1, 1);
        assert_eq!(replayed.engine.failures, replayed.engine.windows);
        assert!(collected.failed.iter().all(|told| *told == cause));
        assert!(collected.legs.iter().flatten().all(|sample| *sample == 0));
        assert!(collected.legs.iter().all(|leg| leg.len() == 240_000));
    }
}

#[test]
fn a_replay_is_the_same_every_time() {
    let (first, second) = (
        played(Scripted::Hears, 2.5, 1),
        played(Scripted::Hears, 2.5, 1),
    );
    assert_eq!(first.0.examined, second.0.examined);
    assert_eq!(first.1.legs, second.1.legs);
}

#[test]
fn an_unreadable_source_is_an_error() {
    let mut source = call(10);
    source.fails_at = 40_000;
    let mut stopwatch = Stopwatch::new(&Scripted::Hears, Some(MediaTime::ZERO)).unwrap();
    let error = play(
        &settings(1),
        &mut source,
        &mut stopwatch,
        &mut Collected::default(),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "the disk is gone");
}
