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
    /// Answers all that it was asked by now, and tells how many.
    fn answer(&self, outcome: &Outcome) -> usize {
        let asked = std::mem::take(&mut *self.0.lock().unwrap());
        let count = asked.len();
        for (id, reply) in asked {
            reply(id, outcome.clone());
        }
        count
    }

    fn answer_one(&self, outcome: &Outcome) {
        let (id, reply) = self.0.lock().unwrap().remove(0);
        reply(id, outcome.clone());
    }

    /// How many windows wait for an answer.
    fn asked(&self) -> usize {
        self.0.lock().unwrap().len()
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
        has_waited: false,
    }
}

#[test]
fn what_happens_in_a_period_is_summed_up() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let meter = Meter::new(begun);
    meter.join(begun);
    meter.join(at(1));
    let window = asked(at(1), GIVEN);
    let beyond_its_share = Asked {
        has_waited: true,
        ..window
    };
    for window in [window, window, beyond_its_share] {
        assert!(meter.enter(0, &window));
    }
    meter.answered(&window, None, at(4));
    meter.answered(&window, None, at(2));
    meter.answered(&beyond_its_share, None, at(5));
    meter.leave(at(4));
    let period = meter.take(at(4), Duration::from_millis(700));
    let expected = Period {
        elapsed: Duration::from_secs(4),
        call_seconds: 7.0,
        calls: 2,
        submitted: 2.0,
        heard: 3.0,
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
    let answer = |window: Asked, failure, now| {
        assert!(meter.enter(0, &window));
        meter.answered(&window, failure, now);
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
    assert_eq!(
        scene.engine.asked(),
        11,
        "8, twice the other's, and the other's"
    );
    scene.submit(&good, GIVEN);
    assert_eq!(scene.engine.asked(), 12, "the other call is not stopped");
    // Each answer lets one go, until all were answered.
    let answered = Ok(Transcript::default());
    while scene.engine.answer(&answered) > 0 {
        assert!(scene.engine.asked() <= 10);
    }
    assert_eq!(scene.answers.lock().unwrap().len(), 52);
    assert_eq!(scene.refused(), 0);
    drop(good);
    for _ in 0..50 {
        scene.submit(&flood, GIVEN);
    }
    assert_eq!(scene.engine.asked(), 50, "a call alone has all");
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
    assert_eq!(scene.engine.asked(), 2);
    // A call that is over leaves nothing unanswered but what is under way.
    drop(flood);
    assert_eq!(scene.refused(), 28);
    scene.engine.answer(&Ok(Transcript::default()));
    assert_eq!(scene.answers.lock().unwrap().len(), 30);
}

/// The nearest deadline goes first in a call's own line too, and what is too late is not examined.
#[test]
fn what_waits_too_long_is_refused() {
    let scene = Scene::new();
    let (_good, flood) = (scene.call(), scene.call());
    for _ in 0..9 {
        scene.submit(&flood, GIVEN);
    }
    scene.submit(&flood, Duration::ZERO);
    assert_eq!(scene.engine.asked(), 8);
    scene.engine.answer_one(&Ok(Transcript::default()));
    assert_eq!(scene.refused(), 1);
    assert_eq!(scene.engine.asked(), 8);
}

/// An engine that answers at once, inside of `submit`.
#[test]
fn an_engine_that_answers_at_once_is_no_trouble() {
    struct AtOnce;
    impl Transcriber for AtOnce {
        fn submit(&self, job: Job) {
            (job.reply)(job.window.id, Ok(Transcript::default()));
        }

        fn check(&self) -> anyhow::Result<()> {
            Ok(())
        }

        fn model_sha256(&self) -> &str {
            "none"
        }
    }
    let scene = Scene::new();
    let call = Measured::new(Arc::new(AtOnce), &scene.meter);
    for _ in 0..100 {
        scene.submit(&call, GIVEN);
    }
    assert_eq!(scene.answers.lock().unwrap().len(), 100);
}
