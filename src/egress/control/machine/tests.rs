//! The machine against a platform that answers what and when it likes.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::call::Leg;

const HORIZON: u64 = 120_000;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn protection(from: Duration) -> Protection {
    Protection {
        leg: Leg::Customer,
        kind: "pan".into(),
        from: media(from),
    }
}

/// What becomes of a request: after how many milliseconds which reading; `None` is never.
#[derive(Debug, Clone)]
struct Answer(u64, Option<Reading>);

fn at_once(reading: Reading) -> Answer {
    Answer(20, Some(reading))
}

fn paused() -> Answer {
    at_once(Reading::Is(RecorderState::Paused))
}

fn running() -> Answer {
    at_once(Reading::Is(RecorderState::Running))
}

fn done() -> Answer {
    at_once(Reading::Acknowledged)
}

fn never() -> Answer {
    Answer(0, None)
}

fn failing() -> Answer {
    at_once(Reading::Retry {
        after: None,
        problem: Problem::Status(500),
    })
}

/// A machine, time, and a platform with a script; the last answer of the script is given for ever.
struct World {
    machine: RecorderControl,
    now: Duration,
    script: VecDeque<Answer>,
    pending: Vec<(Duration, RequestId, Reading)>,
    wished: bool,
    sent: Vec<(u64, Command)>,
    events: Vec<(u64, &'static str)>,
}

impl World {
    fn new(verifies: bool, script: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            machine: RecorderControl::new(Timing::default(), verifies),
            now: Duration::ZERO,
            script: script.into_iter().collect(),
            pending: Vec::new(),
            wished: false,
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            let at = self.now.as_millis() as u64;
            match output {
                Output::Send { id, command, .. } => {
                    assert!(
                        command != Command::Resume || !self.wished,
                        "resumed at {at} while something was to be protected"
                    );
                    self.sent.push((at, command));
                    // Only one request is awaited: the others' answers may still come.
                    let answer = match self.script.len() {
                        0 => never(),
                        1 => self.script[0].clone(),
                        _ => self.script.pop_front().unwrap(),
                    };
                    if let Answer(delay, Some(reading)) = answer {
                        self.pending.push((self.now + ms(delay), id, reading));
                    }
                }
                Output::Event(event) => self.events.push((
                    at,
                    match event {
                        Event::RecorderPaused { verified: true, .. } => "paused",
                        Event::RecorderPaused { .. } => "paused unverified",
                        Event::RecorderResumed { .. } => "resumed",
                        Event::RecorderNotPaused { .. } => "not paused",
                        Event::RecorderNotResumed { .. } => "not resumed",
                        other => panic!("{other:?}"),
                    },
                )),
            }
        }
    }

    fn run_to(&mut self, millis: u64) {
        self.drain();
        for _ in 0..10_000 {
            let answer = self.pending.iter().map(|(at, ..)| *at).min();
            let Some(next) = answer
                .into_iter()
                .chain(self.machine.poll_timeout())
                .min()
                .filter(|next| *next <= ms(millis))
            else {
                self.now = self.now.max(ms(millis));
                return;
            };
            self.now = self.now.max(next);
            match self.pending.iter().position(|(at, ..)| *at <= self.now) {
                Some(index) => {
                    let (_, id, reading) = self.pending.remove(index);
                    self.machine.handle_reading(self.now, id, reading);
                }
                None => self.machine.handle_timeout(self.now),
            }
            self.drain();
        }
        panic!("it never rests: {:?}", self.machine);
    }

    fn protect(&mut self, millis: u64) {
        self.run_to(millis);
        self.wished = true;
        self.machine.protect(self.now, protection(self.now));
        self.drain();
    }

    fn release(&mut self, millis: u64) {
        self.run_to(millis);
        self.wished = false;
        self.machine.release(self.now);
        self.drain();
    }

    fn finish(&mut self, millis: u64) {
        self.run_to(millis);
        self.machine.finish(self.now);
        self.drain();
    }
}

fn commands(world: &World) -> Vec<Command> {
    world.sent.iter().map(|(_, command)| *command).collect()
}

use Command::{Pause, Query, Resume};

#[test]
fn a_pause_is_asked_about_and_ends_after_a_quiet_time() {
    let mut world = World::new(true, [done(), paused(), done(), running()]);
    world.protect(100);
    world.release(3_000);
    world.run_to(10_000);
    assert_eq!(
        world.sent,
        [(100, Pause), (120, Query), (4_000, Resume), (4_020, Query)]
    );
    assert_eq!(world.events, [(140, "paused"), (4_040, "resumed")]);
}

#[test]
fn where_nothing_can_be_asked_the_acknowledgement_counts_and_is_told_apart() {
    let mut world = World::new(false, [done()]);
    world.protect(0);
    world.release(500);
    world.run_to(60_000);
    assert_eq!(commands(&world), [Pause, Resume]);
    assert_eq!(
        world.events,
        [(20, "paused unverified"), (1_520, "resumed")]
    );
}

#[test]
fn an_acknowledged_pause_that_is_none_is_tried_again_and_alarmed() {
    let mut script = Vec::new();
    for _ in 0..20 {
        script.extend([done(), running()]);
    }
    let mut world = World::new(true, script);
    world.protect(0);
    world.run_to(1_999);
    assert!(world.events.is_empty(), "{:?}", world.events);
    assert!(world.sent.len() >= 8, "{:?}", world.sent);
    world.run_to(60_000);
    assert_eq!(world.events, [(2_000, "not paused")]);
    assert!(
        world.sent.len() <= MOST_ATTEMPTS as usize,
        "{:?}",
        world.sent
    );
}

#[test]
fn accepted_is_not_done() {
    let accepted = || at_once(Reading::Accepted);
    let mut world = World::new(true, [accepted(), running(), accepted(), paused()]);
    world.protect(0);
    world.run_to(4_000);
    assert_eq!(commands(&world)[..4], [Pause, Query, Pause, Query]);
    assert_eq!(world.events, [(780, "paused")]);
    let mut world = World::new(false, [accepted()]);
    world.protect(0);
    world.run_to(4_000);
    assert_eq!(world.events, [(2_000, "not paused")]);
}

#[test]
fn a_conflict_is_asked_about() {
    let mut world = World::new(true, [at_once(Reading::Conflict), paused()]);
    world.protect(0);
    world.run_to(1_000);
    assert_eq!(world.events, [(40, "paused")]);
}

#[test]
fn a_refusal_is_an_alarm_at_once_and_nothing_is_resumed_after_it() {
    let mut world = World::new(true, [at_once(Reading::Refused(Problem::Unauthorised))]);
    world.protect(0);
    world.release(500);
    world.run_to(60_000);
    assert_eq!(world.events, [(20, "not paused")]);
    assert_eq!(commands(&world), [Pause]);
}

#[test]
fn a_recording_that_begins_late_is_paused_then() {
    let unknown = || at_once(Reading::NotFound);
    let mut world = World::new(false, [unknown(), unknown(), done()]);
    world.protect(0);
    world.run_to(4_000);
    assert_eq!(world.events, [(360, "paused unverified")]);
}

#[test]
fn no_answer_is_an_alarm_at_the_deadline_and_tried_on() {
    let mut world = World::new(true, [never(), done(), paused()]);
    world.protect(0);
    world.run_to(4_000);
    assert_eq!(world.events, [(2_000, "not paused"), (2_140, "paused")]);
}

#[test]
fn a_platform_that_asks_for_patience_gets_it() {
    let throttled = at_once(Reading::Retry {
        after: Some(ms(1_500)),
        problem: Problem::Status(429),
    });
    let mut world = World::new(false, [throttled, done()]);
    world.protect(0);
    world.run_to(3_000);
    assert_eq!(world.sent, [(0, Pause), (1_520, Pause)]);
    assert_eq!(world.events, [(1_540, "paused unverified")]);
}

#[test]
fn wishes_near_each_other_are_one() {
    let mut world = World::new(false, [done()]);
    for start in [0, 800, 1_600, 2_400] {
        world.protect(start);
        world.release(start + 300);
    }
    world.run_to(20_000);
    assert_eq!(world.sent, [(0, Pause), (3_700, Resume)]);
}

#[test]
fn a_wish_overtakes_a_resumption_under_way_and_is_watched() {
    let mut world = World::new(
        true,
        [paused(), never(), paused(), running(), paused(), paused()],
    );
    world.protect(0);
    world.release(100);
    world.protect(1_500);
    world.run_to(4_000);
    assert_eq!(
        world.sent,
        [
            (0, Pause),
            (1_100, Resume),
            (1_500, Pause),
            // The resumption took effect after all.
            (2_020, Query),
            (2_040, Pause)
        ]
    );
    assert_eq!(
        world.events,
        [(20, "paused"), (1_520, "paused"), (2_060, "paused")]
    );
}

#[test]
fn a_lost_pause_is_resumed_as_it_may_have_taken_effect() {
    let mut world = World::new(true, [never(), never(), never(), running()]);
    world.protect(0);
    world.release(100);
    world.run_to(30_000);
    assert_eq!(world.events[0], (2_000, "not paused"));
    assert_eq!(world.events.last().unwrap().1, "resumed");
}

#[test]
fn a_resumption_that_fails_is_told() {
    let mut world = World::new(false, [done(), failing()]);
    world.protect(0);
    world.release(100);
    world.run_to(60_000);
    assert_eq!(
        world.events,
        [(20, "paused unverified"), (11_100, "not resumed")]
    );
    assert!(world.sent.len() <= 1 + MOST_ATTEMPTS as usize);
}

#[test]
fn the_end_of_the_call_resumes_at_once_unless_something_is_protected() {
    let mut world = World::new(false, [done()]);
    world.protect(0);
    world.release(500);
    world.finish(510);
    assert!(!world.machine.is_finished());
    world.run_to(1_000);
    assert!(world.machine.is_finished());
    assert_eq!(world.events, [(20, "paused unverified"), (530, "resumed")]);

    let mut world = World::new(false, [done()]);
    world.protect(0);
    world.finish(500);
    world.run_to(5_000);
    assert!(world.machine.is_finished());
    assert_eq!(commands(&world), [Pause]);
    assert_eq!(
        world.events,
        [(20, "paused unverified"), (500, "not resumed")]
    );

    // The recording ended with the call: nothing to resume, and no alarm.
    let mut world = World::new(false, [done(), at_once(Reading::NotFound)]);
    world.protect(0);
    world.release(500);
    world.finish(510);
    world.run_to(1_000);
    assert!(world.machine.is_finished());
    assert_eq!(world.events.len(), 1);
}

fn readings() -> impl Strategy<Value = Reading> {
    prop_oneof![
        3 => Just(Reading::Is(RecorderState::Paused)),
        3 => Just(Reading::Is(RecorderState::Running)),
        4 => Just(Reading::Acknowledged),
        1 => Just(Reading::Accepted),
        1 => Just(Reading::Conflict),
        1 => Just(Reading::NotFound),
        1 => Just(Reading::Refused(Problem::Unauthorised)),
        2 => prop::option::of(0_u64..5_000).prop_map(|after| Reading::Retry {
            after: after.map(ms),
            problem: Problem::Status(503),
        }),
    ]
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = (
        prop_oneof![4 => 0_u64..200, 1 => 200_u64..4_000],
        prop::option::weighted(0.85, readings()),
    );
    prop::collection::vec(
        answer.prop_map(|(delay, reading)| Answer(delay, reading)),
        1..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Under any order and loss of answers nothing is resumed while anything is to be protected (the world
    /// checks that), and every wish ends in a confirmed pause or an alarm by its deadline.
    #[test]
    fn every_wish_is_met_or_alarmed(
        verifies in any::<bool>(),
        script in answers(),
        pauses in prop::collection::vec((0_u64..6_000, 0_u64..6_000), 1..10),
        ends_protected in any::<bool>(),
    ) {
        let mut world = World::new(verifies, script);
        let mut wishes = Vec::new();
        let mut now = 0;
        let last = pauses.len() - 1;
        for (index, (wait, length)) in pauses.into_iter().enumerate() {
            now += wait;
            // What is sent at the same moment, but after the wish, does not undo what it found.
            world.run_to(now);
            wishes.push((now, world.sent.len()));
            world.protect(now);
            now += length;
            if index < last || !ends_protected {
                world.release(now);
            }
        }
        world.finish(now);
        world.run_to(now + HORIZON);
        prop_assert!(world.machine.is_finished());
        for (wish, sent_before) in wishes {
            // Confirmed before and not undone since, or confirmed or alarmed in time.
            let undone = |at: u64| world.sent[..sent_before].iter().any(|(sent, command)| {
                *command != Query && *sent > at
            });
            let met = world.events.iter().any(|(at, what)| match *what {
                "paused" | "paused unverified" => *at <= wish + 2_000 && (*at >= wish || !undone(*at)),
                "not paused" => (wish..=wish + 2_000).contains(at),
                _ => false,
            });
            prop_assert!(met, "wish at {wish}: {:?} {:?}", world.sent, world.events);
        }
    }
}
