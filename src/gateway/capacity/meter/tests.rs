//! Calls that share an engine which answers when it is told.

use super::*;
use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::Outcome;
use crate::engine::pool::Reply;
use crate::speech::{Transcript, Window, WindowId};

/// Keeps what it is asked.
#[derive(Default)]
struct Patient(Mutex<Vec<(WindowId, Reply)>>);

impl Patient {
    fn answer(&self, outcome: &Outcome) {
        let asked = std::mem::take(&mut *self.0.lock().unwrap());
        for (id, reply) in asked {
            reply(id, outcome.clone());
        }
    }
}

impl Transcriber for Patient {
    fn submit(&self, job: Job) {
        self.0.lock().unwrap().push((job.window.id, job.reply));
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn model_sha256(&self) -> &str {
        "none"
    }
}

struct Scene {
    engine: Arc<Patient>,
    meter: Arc<Meter>,
    answers: Arc<Mutex<Vec<Outcome>>>,
}

impl Scene {
    fn new() -> Self {
        Self {
            engine: Arc::default(),
            meter: Arc::new(Meter::new(Instant::now())),
            answers: Arc::default(),
        }
    }

    fn call(&self) -> Measured {
        Measured::new(
            Arc::clone(&self.engine) as Arc<dyn Transcriber>,
            &self.meter,
        )
    }

    /// Hands in a second of sound that is to be answered within `given`.
    fn submit(&self, call: &Measured, given: Duration) {
        let answers = Arc::clone(&self.answers);
        call.submit(Job {
            window: Window {
                id: WindowId(0),
                leg: Leg::Agent,
                span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
                samples: Sensitive::new(vec![0.0; 16_000]),
                deadline: MediaTime::MAX,
            },
            deadline: Instant::now() + given,
            reply: Box::new(move |_, outcome| answers.lock().unwrap().push(outcome)),
        });
    }

    fn refused(&self) -> usize {
        let answers = self.answers.lock().unwrap();
        answers.iter().filter(|outcome| outcome.is_err()).count()
    }
}

const GIVEN: Duration = Duration::from_secs(4);

/// A window of a second that is to be answered within `given`.
fn asked(at: Instant, given: Duration) -> Asked {
    Asked {
        seconds: 1.0,
        at,
        deadline: at + given,
    }
}

#[test]
fn what_happens_in_a_period_is_summed_up() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let meter = Meter::new(begun);
    let (first, second) = (AtomicUsize::new(0), AtomicUsize::new(0));
    meter.join(begun);
    meter.join(at(1));
    assert!(meter.begin(&first, 1.0) && meter.begin(&second, 1.0));
    meter.end(&first, &asked(at(1), GIVEN), None, at(4));
    meter.end(&second, &asked(at(1), GIVEN), None, at(2));
    meter.leave(at(4));
    let period = meter.take(at(4), Duration::from_millis(700));
    let expected = Period {
        elapsed: Duration::from_secs(4),
        call_seconds: 7.0,
        calls: 2,
        submitted: 2.0,
        heard: 2.0,
        busy: Duration::from_millis(700),
        slack: Some(0.25),
    };
    assert_eq!(period, expected);
    let period = meter.take(at(6), Duration::from_millis(900));
    let expected = Period {
        elapsed: Duration::from_secs(2),
        call_seconds: 2.0,
        calls: 1,
        busy: Duration::from_millis(200),
        ..Period::default()
    };
    assert_eq!(period, expected);
}

#[test]
fn late_and_refused_windows_have_no_slack() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let meter = Meter::new(begun);
    let own = AtomicUsize::new(0);
    let answer = |window: Asked, failure, now| {
        meter.begin(&own, window.seconds);
        meter.end(&own, &window, failure, now);
        let period = meter.take(now, Duration::ZERO);
        (period.slack, period.heard)
    };
    let window = asked(begun, GIVEN);
    assert_eq!(answer(window, None, at(9)), (Some(0.0), 1.0));
    let overload = Some(FailureCause::Overload);
    assert_eq!(answer(window, overload, begun), (Some(0.0), 0.0));
    let failed = Some(FailureCause::RecogniserError);
    assert_eq!(answer(window, failed, at(1)), (Some(0.75), 1.0));
    // What must be answered at once says nothing.
    let hurried = asked(begun, Duration::ZERO);
    assert_eq!(answer(hurried, None, at(1)), (None, 1.0));
}

#[test]
fn a_call_that_floods_gets_its_share_and_no_more() {
    let scene = Scene::new();
    let (good, flood) = (scene.call(), scene.call());
    scene.submit(&good, GIVEN);
    for _ in 0..50 {
        scene.submit(&flood, GIVEN);
    }
    assert_eq!(scene.refused(), 40);
    scene.submit(&good, GIVEN);
    assert_eq!(scene.refused(), 40, "the other call is not stopped");
    scene.engine.answer(&Ok(Transcript::default()));
    // What it may have is had again once it was answered.
    scene.submit(&flood, GIVEN);
    assert_eq!(scene.refused(), 40);
    scene.engine.answer(&Ok(Transcript::default()));
    drop(good);
    for _ in 0..50 {
        scene.submit(&flood, GIVEN);
    }
    assert_eq!(scene.refused(), 40, "a call alone has all");
}

#[test]
fn the_share_is_smaller_while_windows_wait_long() {
    let scene = Scene::new();
    let (_good, flood) = (scene.call(), scene.call());
    for _ in 0..20 {
        scene.submit(&flood, GIVEN);
        scene.engine.answer(&Err(FailureCause::Overload));
    }
    assert_eq!(scene.refused(), 20);
    for _ in 0..10 {
        scene.submit(&flood, GIVEN);
    }
    assert_eq!(scene.refused(), 26);
}
