use std::sync::Mutex;

use super::*;
use crate::engine::pool::Job;

/// Live workers that say what they are told to.
struct Live(Mutex<(bool, Option<Work>)>);

impl Transcriber for Live {
    fn submit(&self, _: Job) {}

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn model_sha256(&self) -> &str {
        "scripted"
    }

    fn work(&self) -> Option<Work> {
        self.0.lock().unwrap().1
    }

    fn is_at_rest(&self) -> bool {
        self.0.lock().unwrap().0
    }
}

fn live(at_rest: bool, busy: f64) -> Live {
    let work = Work {
        workers: 2,
        busy: Duration::from_secs_f64(busy),
    };
    Live(Mutex::new((at_rest, Some(work))))
}

#[test]
fn begins_nothing_before_the_workers_were_measured_and_while_they_work() {
    let begun = Instant::now();
    let after = |seconds: f64| begun + Duration::from_secs_f64(seconds);
    let mut pace = Pace::new(0.4);
    // Nothing is known of them yet.
    assert!(!pace.may_begin(&live(true, 10.0), begun));
    assert!(!pace.may_begin(&live(true, 10.0), after(1.0)));
    // A quarter of two workers' time.
    assert!(pace.may_begin(&live(true, 11.0), after(2.0)));
    // A live window waits or runs.
    assert!(!pace.may_begin(&live(false, 11.0), after(2.1)));
    // At rest this moment, and three quarters busy of late.
    assert!(!pace.may_begin(&live(true, 14.0), after(4.0)));
    assert!(!pace.may_begin(&live(true, 14.0), after(5.0)));
    assert!(pace.may_begin(&live(true, 14.1), after(6.1)));
}

#[test]
fn waits_for_workers_of_whom_nothing_is_known() {
    let mut pace = Pace::new(1.0);
    let unknown = Live(Mutex::new((true, None)));
    for second in 0..10 {
        let now = Instant::now() + Duration::from_secs(second);
        assert!(!pace.may_begin(&unknown, now));
    }
}
