use super::*;
use crate::call::Sensitive;
use crate::speech::Transcript;

/// Takes 100 ms for each 1,000 samples of a window, and keeps the order of windows.
#[derive(Default)]
struct Scripted {
    order: Vec<u64>,
}

impl Clocked for Scripted {
    fn transcribe(
        &mut self,
        window: &Window,
    ) -> Result<(Outcome, MediaTime, MediaTime), RecogniserError> {
        self.order.push(window.id.0);
        let busy = MediaTime::from_millis(window.samples.expose().len() as u64 / 10);
        Ok((Ok(Transcript::default()), busy, busy))
    }
}

fn seconds(seconds: f64) -> MediaTime {
    MediaTime::from_seconds(seconds)
}

/// A window that takes so long and is needed by then.
fn window(id: u64, takes: f64, deadline: f64) -> Window {
    Window {
        id: WindowId(id),
        leg: Leg::Agent,
        span: Span::new(MediaTime::ZERO, seconds(1.0)),
        samples: Sensitive::new(vec![0.0; (takes * 10_000.0) as usize]),
        deadline: seconds(deadline),
    }
}

/// Window ids and arrivals of all answers before an instant.
fn answers(pool: &mut VirtualPool<'_>, until: f64) -> Vec<(u64, f64)> {
    std::iter::from_fn(|| pool.next_answer(seconds(until)).unwrap())
        .map(|answer| (answer.window.0, answer.arrival.seconds()))
        .collect()
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

#[test]
fn one_worker_answers_one_after_the_other() {
    let mut recogniser = Scripted::default();
    let mut pool = VirtualPool::new(one(), &mut recogniser);
    pool.submit(seconds(1.0), window(1, 0.5, 9.0));
    pool.submit(seconds(1.0), window(2, 0.5, 8.0));
    assert_eq!(answers(&mut pool, 1.5), []);
    assert_eq!(answers(&mut pool, 1.51), [(2, 1.5)]);
    assert_eq!(answers(&mut pool, 99.0), [(1, 2.0)]);
    assert_eq!(recogniser.order, [2, 1]);
}

#[test]
fn a_window_that_came_while_the_worker_was_busy_may_go_first() {
    let mut recogniser = Scripted::default();
    let mut pool = VirtualPool::new(one(), &mut recogniser);
    pool.submit(seconds(0.0), window(1, 2.0, 9.0));
    pool.submit(seconds(0.0), window(2, 1.0, 9.0));
    assert_eq!(answers(&mut pool, 1.0), []);
    pool.submit(seconds(1.0), window(3, 0.5, 4.0));
    assert_eq!(answers(&mut pool, 99.0), [(1, 2.0), (3, 2.5), (2, 3.5)]);
}

#[test]
fn a_worker_does_not_take_what_is_not_yet_there() {
    let mut recogniser = Scripted::default();
    let mut pool = VirtualPool::new(one(), &mut recogniser);
    pool.submit(seconds(5.0), window(1, 1.0, 9.0));
    assert_eq!(answers(&mut pool, 5.0), []);
    assert_eq!(answers(&mut pool, 7.0), [(1, 6.0)]);
}

#[test]
fn workers_share_the_queue() {
    let mut recogniser = Scripted::default();
    let mut pool = VirtualPool::new(NonZeroUsize::new(2).unwrap(), &mut recogniser);
    for id in 0..4 {
        pool.submit(seconds(0.0), window(id, 1.0, 5.0));
    }
    assert_eq!(
        answers(&mut pool, 99.0),
        [(0, 1.0), (1, 1.0), (2, 2.0), (3, 2.0)]
    );
}

#[test]
fn a_window_that_waits_past_its_deadline_is_given_up() {
    let mut recogniser = Scripted::default();
    let mut pool = VirtualPool::new(one(), &mut recogniser);
    pool.submit(seconds(0.0), window(1, 3.0, 2.5));
    pool.submit(seconds(0.0), window(2, 1.0, 2.75));
    pool.submit(seconds(0.0), window(3, 1.0, 9.0));
    pool.submit(seconds(0.5), window(4, 1.0, 0.25));
    // The first is late, but was begun in time.
    let outcomes: Vec<_> = std::iter::from_fn(|| pool.next_answer(seconds(99.0)).unwrap())
        .map(|answer| {
            (
                answer.window.0,
                answer.arrival.seconds(),
                answer.outcome.err(),
            )
        })
        .collect();
    let overload = Some(FailureCause::Overload);
    assert_eq!(
        outcomes,
        [
            (4, 0.5, overload),
            (2, 2.75, overload),
            (1, 3.0, None),
            (3, 4.0, None)
        ]
    );
    assert_eq!(recogniser.order, [1, 3]);
}

/// A recogniser that goes wrong as the window's number says.
struct Troubled;

impl Recogniser for Troubled {
    fn transcribe(&mut self, window: &Window) -> Result<Transcript, RecogniserError> {
        match window.id.0 {
            0 => Ok(Transcript::default()),
            1 => Err(RecogniserError::Library("out of order".into())),
            _ => panic!("a recogniser that panics"),
        }
    }
}

struct Factory;

impl RecogniserFactory for Factory {
    fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
        Ok(Box::new(Troubled))
    }
    fn model_sha256(&self) -> &str {
        ""
    }
}

#[test]
fn trouble_is_an_outcome_and_a_panicked_recogniser_is_replaced() {
    let mut stopwatch = Stopwatch::new(&Factory, Some(seconds(0.3))).unwrap();
    let mut outcome = |id| {
        let (outcome, busy, _) = stopwatch.transcribe(&window(id, 0.1, 1.0)).unwrap();
        assert_eq!(busy, seconds(0.3));
        outcome.map(|_| ())
    };
    assert_eq!(outcome(0), Ok(()));
    assert_eq!(outcome(1), Err(FailureCause::RecogniserError));
    assert_eq!(outcome(2), Err(FailureCause::RecogniserPanic));
    assert_eq!(outcome(0), Ok(()));
}

#[test]
fn processor_time_is_measured() {
    struct Busy;
    impl Recogniser for Busy {
        fn transcribe(&mut self, _: &Window) -> Result<Transcript, RecogniserError> {
            let start = thread_time()?;
            while thread_time()? < start + std::time::Duration::from_millis(20) {}
            Ok(Transcript::default())
        }
    }
    impl RecogniserFactory for Busy {
        fn create(&self) -> Result<Box<dyn Recogniser>, RecogniserError> {
            Ok(Box::new(Busy))
        }
        fn model_sha256(&self) -> &str {
            ""
        }
    }
    let mut stopwatch = Stopwatch::new(&Busy, None).unwrap();
    let (_, busy, cpu) = stopwatch.transcribe(&window(0, 0.1, 1.0)).unwrap();
    assert_eq!(busy, cpu);
    assert!((0.02..0.1).contains(&cpu.seconds()), "{cpu}");
}
