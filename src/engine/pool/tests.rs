//! The pool with recognisers that do what the window tells them to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use proptest::prelude::*;

use super::*;
use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::{Recogniser, RecogniserError};
use crate::speech::Transcript;

/// What a fake recogniser does with a window, told by the window's first sample.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Answer,
    Fail,
    Panic,
    /// Waits until the test lets it go.
    Wait,
}

struct Fake {
    /// Window ids in the order in which they were begun.
    begun: Sender<u64>,
    /// One message lets one waiting recogniser go; a closed channel lets all go.
    gate: Arc<Mutex<Receiver<()>>>,
    made: Arc<AtomicUsize>,
    together: usize,
}

struct FakeRecogniser {
    begun: Sender<u64>,
    gate: Arc<Mutex<Receiver<()>>>,
    together: usize,
}

impl Recogniser for FakeRecogniser {
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError> {
        let _ = self.begun.send(window.id.0);
        let act = window.samples.expose()[0];
        if act == Act::Fail as u8 as f32 {
            return Err(RecogniserError::Library("told to".into()));
        }
        if act == Act::Panic as u8 as f32 {
            std::panic::resume_unwind(Box::new("told to"));
        }
        if act == Act::Wait as u8 as f32 {
            let _ = self.gate.lock().unwrap().recv();
        }
        Ok(Transcript::default())
    }

    fn most_together(&self) -> usize {
        self.together
    }
}

impl RecogniserFactory for Fake {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FakeRecogniser {
            begun: self.begun.clone(),
            gate: Arc::clone(&self.gate),
            together: self.together,
        }))
    }

    fn model_sha256(&self) -> &str {
        "none"
    }
}

/// A pool of fakes and both ends of their channels.
struct Scene {
    pool: Pool,
    begun: Receiver<u64>,
    gate: Option<Sender<()>>,
    made: Arc<AtomicUsize>,
    replies: Receiver<(u64, Outcome)>,
    replied: Sender<(u64, Outcome)>,
    start: Instant,
}

impl Scene {
    fn new(settings: PoolSettings) -> Self {
        Self::with(settings, 1)
    }

    fn with(settings: PoolSettings, together: usize) -> Self {
        let (begun_sender, begun) = channel();
        let (gate, gate_receiver) = channel();
        let (replied, replies) = channel();
        let made = Arc::new(AtomicUsize::new(0));
        let factory = Fake {
            begun: begun_sender,
            gate: Arc::new(Mutex::new(gate_receiver)),
            made: Arc::clone(&made),
            together,
        };
        Self {
            pool: Pool::start(Arc::new(factory), settings),
            begun,
            gate: Some(gate),
            made,
            replies,
            replied,
            start: Instant::now(),
        }
    }

    fn submit(&self, id: u64, act: Act, deadline_seconds: i64) {
        let replied = self.replied.clone();
        let offset = Duration::from_secs(deadline_seconds.unsigned_abs());
        let deadline = if deadline_seconds < 0 {
            self.start.checked_sub(offset).unwrap_or(self.start)
        } else {
            self.start + offset
        };
        self.pool.submit(Job {
            caller: Caller(0),
            is_armed: false,
            window: Window {
                id: WindowId(id),
                leg: Leg::Customer,
                span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
                samples: Sensitive::new(vec![f32::from(act as u8)]),
                deadline: MediaTime::MAX,
            },
            deadline,
            reply: Box::new(move |window, outcome| {
                replied.send((window.0, outcome)).unwrap();
            }),
        });
    }

    fn begun(&self) -> u64 {
        self.begun.recv_timeout(PATIENCE).unwrap()
    }

    fn reply(&self) -> (u64, Option<FailureCause>) {
        let (id, outcome) = self.replies.recv_timeout(PATIENCE).unwrap();
        (id, outcome.err())
    }

    fn let_one_go(&self) {
        self.gate.as_ref().unwrap().send(()).unwrap();
    }

    /// Lets all go, closes the pool and checks that nothing more is answered.
    fn end(mut self) -> Statistics {
        self.gate = None;
        assert!(self.pool.close_and_wait(PATIENCE));
        let statistics = self.pool.statistics();
        drop(self.pool);
        assert!(self.replies.try_recv().is_err(), "answered twice");
        statistics
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than a busy machine keeps a thread waiting that has an answer.
const SOON: Duration = Duration::from_millis(400);

fn settings(workers: usize) -> PoolSettings {
    PoolSettings {
        workers,
        job_limit: PATIENCE,
        ..PoolSettings::default()
    }
}

#[test]
fn the_nearest_deadline_runs_first() {
    let scene = Scene::new(settings(1));
    scene.submit(0, Act::Wait, 100);
    assert_eq!(scene.begun(), 0);
    for (id, deadline) in [(1, 90), (2, 50), (3, 70), (4, 50)] {
        scene.submit(id, Act::Answer, deadline);
    }
    scene.let_one_go();
    let order: Vec<u64> = (0..5).map(|_| scene.reply().0).collect();
    assert_eq!(order, [0, 2, 4, 3, 1]);
    assert_eq!(scene.end().transcribed, 5);
}

#[test]
fn windows_run_together_and_a_bad_one_spoils_no_other() {
    let scene = Scene::with(settings(1), 4);
    scene.submit(0, Act::Wait, 100);
    assert_eq!(scene.begun(), 0);
    for (id, act) in [
        (1, Act::Answer),
        (2, Act::Panic),
        (3, Act::Fail),
        (4, Act::Answer),
    ] {
        scene.submit(id, act, 100 + id as i64);
    }
    scene.let_one_go();
    let replies: Vec<_> = (0..5).map(|_| scene.reply()).collect();
    let (panic, error) = (FailureCause::RecogniserPanic, FailureCause::RecogniserError);
    let expected = [
        (0, None),
        (1, None),
        (2, Some(panic)),
        (3, Some(error)),
        (4, None),
    ];
    assert_eq!(replies, expected);
    let statistics = scene.end();
    assert_eq!(
        (
            statistics.transcribed,
            statistics.panicked,
            statistics.failed
        ),
        (3, 1, 1)
    );
}

#[test]
fn no_window_is_taken_along_that_would_make_the_first_late_or_keep_a_worker_idle() {
    let now = Instant::now();
    let taken = |deadlines: &[u64], working, cost| {
        let mut state = State::default();
        state.working = working;
        state.note_cost(1, Duration::from_millis(cost));
        for (id, deadline) in deadlines.iter().enumerate() {
            state.enqueue(
                Job {
                    caller: Caller(0),
                    is_armed: false,
                    window: Window {
                        id: WindowId(id as u64),
                        leg: Leg::Agent,
                        span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
                        samples: Sensitive::new(Vec::new()),
                        deadline: MediaTime::MAX,
                    },
                    deadline: now + Duration::from_millis(*deadline),
                    reply: Box::new(|_, _| {}),
                },
                now,
            );
        }
        let (jobs, _) = state.take_together(4, now);
        jobs.iter().map(|job| job.window.id.0).collect::<Vec<_>>()
    };
    assert_eq!(taken(&[900, 800, 700, 600, 500], 1, 100), [4, 3, 2, 1]);
    assert_eq!(taken(&[250, 900, 900], 1, 100), [0, 1]);
    assert_eq!(
        taken(&[50, 900, 900], 1, 100),
        [0],
        "late in any case: it is tried alone"
    );
    assert_eq!(taken(&[900, 900, 900], 2, 100), [0, 1]);
    assert_eq!(taken(&[900, 900], 2, 100), [0]);
    assert!(taken(&[], 2, 100).is_empty());
}

#[test]
fn a_full_queue_gives_up_the_farthest_deadline() {
    let scene = Scene::new(PoolSettings {
        queue_bound: 2,
        ..settings(1)
    });
    scene.submit(0, Act::Wait, 100);
    assert_eq!(scene.begun(), 0);
    scene.submit(1, Act::Answer, 90);
    scene.submit(2, Act::Answer, 60);
    scene.submit(3, Act::Answer, 70);
    assert_eq!(scene.reply(), (1, Some(FailureCause::Overload)));
    scene.submit(4, Act::Answer, 99);
    assert_eq!(scene.reply(), (4, Some(FailureCause::Overload)));
    scene.let_one_go();
    let order: Vec<u64> = (0..3).map(|_| scene.reply().0).collect();
    assert_eq!(order, [0, 2, 3]);
    assert_eq!(scene.end().overloaded, 2);
}

#[test]
fn jobs_past_their_deadline_are_not_run() {
    let scene = Scene::new(settings(1));
    scene.submit(0, Act::Wait, 100);
    assert_eq!(scene.begun(), 0);
    scene.submit(1, Act::Answer, -1);
    // The worker is busy: it is the watchdog who answers.
    assert_eq!(scene.reply(), (1, Some(FailureCause::Overload)));
    scene.let_one_go();
    assert_eq!(scene.reply(), (0, None));
    let statistics = scene.end();
    assert_eq!((statistics.expired, statistics.transcribed), (1, 1));
}

#[test]
fn failed_recognisers_are_replaced() {
    let scene = Scene::new(settings(1));
    scene.submit(0, Act::Panic, 100);
    assert_eq!(scene.reply(), (0, Some(FailureCause::RecogniserPanic)));
    scene.submit(1, Act::Fail, 100);
    assert_eq!(scene.reply(), (1, Some(FailureCause::RecogniserError)));
    scene.submit(2, Act::Answer, 100);
    assert_eq!(scene.reply(), (2, None));
    assert_eq!(scene.made.load(Ordering::SeqCst), 3);
    assert!(scene.pool.health().is_whole());
    scene.end();
}

#[test]
fn stuck_workers_are_replaced_up_to_the_cap() {
    let scene = Scene::new(PoolSettings {
        workers: 1,
        job_limit: SOON,
        stuck_cap: 1,
        queue_bound: 10,
    });
    scene.submit(0, Act::Wait, 100);
    assert_eq!(scene.reply(), (0, Some(FailureCause::RecogniserStuck)));
    scene.submit(1, Act::Answer, 100);
    assert_eq!(scene.reply(), (1, None));
    assert_eq!(scene.pool.health().given_up, 1);

    // The second one that sticks is over the cap: its slot stays empty.
    scene.submit(2, Act::Wait, 100);
    scene.submit(3, Act::Answer, 101);
    let mut replies = [scene.reply(), scene.reply()];
    replies.sort_by_key(|reply| reply.0);
    assert_eq!(replies[0], (2, Some(FailureCause::RecogniserStuck)));
    assert_eq!(replies[1], (3, Some(FailureCause::Overload)));
    assert!(!scene.pool.health().is_serving());
    scene.submit(4, Act::Answer, 100);
    assert_eq!(scene.reply(), (4, Some(FailureCause::Overload)));

    // One returns: the slot is filled, its late answer is dropped.
    scene.let_one_go();
    wait_until(|| scene.pool.health().is_whole());
    scene.submit(5, Act::Answer, 100);
    assert_eq!(scene.reply(), (5, None));
    let statistics = scene.end();
    assert_eq!((statistics.stuck, statistics.late_answers), (2, 2));
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}

#[test]
fn closing_answers_what_waits_and_lets_run_what_runs() {
    let mut scene = Scene::new(settings(1));
    scene.submit(0, Act::Wait, 100);
    assert_eq!(scene.begun(), 0);
    scene.submit(1, Act::Answer, 100);
    scene.pool.close();
    assert_eq!(scene.reply(), (1, Some(FailureCause::Overload)));
    scene.submit(2, Act::Answer, 100);
    assert_eq!(scene.reply(), (2, Some(FailureCause::Overload)));
    scene.gate = None;
    assert_eq!(scene.reply(), (0, None));
    scene.end();
}

#[test]
fn a_reply_that_panics_stops_nobody() {
    let scene = Scene::new(settings(1));
    scene.pool.submit(Job {
        caller: Caller(0),
        is_armed: false,
        window: Window {
            id: WindowId(0),
            leg: Leg::Agent,
            span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
            samples: Sensitive::new(vec![0.0]),
            deadline: MediaTime::MAX,
        },
        deadline: Instant::now() + PATIENCE,
        reply: Box::new(|_, _| std::panic::resume_unwind(Box::new("told to"))),
    });
    scene.submit(1, Act::Answer, 100);
    assert_eq!(scene.reply(), (1, None));
    scene.end();
}

struct NoRecogniser;

impl RecogniserFactory for NoRecogniser {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Err(RecogniserError::Creation("told to".into()))
    }

    fn model_sha256(&self) -> &str {
        "none"
    }
}

#[test]
fn without_a_recogniser_jobs_fail_but_are_answered() {
    let pool = Pool::start(Arc::new(NoRecogniser), settings(1));
    let (sender, replies) = channel();
    pool.submit(Job {
        caller: Caller(0),
        is_armed: false,
        window: Window {
            id: WindowId(7),
            leg: Leg::Agent,
            span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
            samples: Sensitive::new(Vec::new()),
            deadline: MediaTime::MAX,
        },
        deadline: Instant::now() + PATIENCE,
        reply: Box::new(move |id, outcome| sender.send((id, outcome.err())).unwrap()),
    });
    let reply = replies.recv_timeout(PATIENCE).unwrap();
    assert_eq!(reply, (WindowId(7), Some(FailureCause::RecogniserError)));
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Answer),
        2 => Just(Act::Fail),
        2 => Just(Act::Panic),
        1 => Just(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever recognisers do and however the pool is cut short, each job is answered once.
    #[test]
    fn every_job_is_answered_exactly_once(
        jobs in prop::collection::vec((act(), -1_i64..40), 1..40),
        workers in 1..4_usize,
        together in 1..5_usize,
        stuck_cap in 0..3_usize,
        queue_bound in 1..12_usize,
        close_after in 0..60_usize,
    ) {
        let settings = PoolSettings {
            workers,
            job_limit: Duration::from_millis(5),
            stuck_cap,
            queue_bound,
        };
        let mut scene = Scene::with(settings, together);
        for (id, (act, deadline)) in jobs.iter().enumerate() {
            if id == close_after {
                scene.pool.close();
            }
            scene.submit(id as u64, *act, *deadline);
        }
        let mut ids: Vec<u64> = jobs.iter().map(|_| scene.reply().0).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..jobs.len() as u64).collect::<Vec<_>>());
        let health = scene.pool.health();
        prop_assert!(health.working + health.given_up <= workers + stuck_cap);
        scene.gate = None;
        let statistics = scene.end();
        let outcomes = statistics.transcribed + statistics.failed + statistics.panicked
            + statistics.stuck + statistics.overloaded + statistics.expired;
        prop_assert_eq!(statistics.submitted, outcomes);
    }
}
