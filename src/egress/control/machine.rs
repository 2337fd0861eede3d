//! The decisions of one call's recorder control, without a socket or clock.
//!
//! Inputs are wishes, readings of answers and the time since the call began; drain
//! [`RecorderControl::poll_output`] after each, and come back at [`RecorderControl::poll_timeout`].
//!
//! **Architecture invariants** (property tests): no resumption is sent while anything is to be protected; every
//! wish ends in a confirmed pause or an alarm by its deadline; at most one request is awaited at a time.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Command, Problem, Protection, Reading, RecorderState, Timing};
use crate::audio::MediaTime;
use crate::telemetry::Event;

/// Wait before the second attempt; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Longest wait that a platform is granted when it asks for one.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(600);
/// Requests sent for one wish, whatever comes of them.
const MOST_ATTEMPTS: u32 = 20;
/// How often a paused recorder is asked whether it still is: an agent may have let it go on by hand.
const WATCH: Duration = Duration::from_secs(5);
/// How soon it is asked after a pause overtook a resumption that was never answered, which may take effect last.
const WATCH_OVERTAKEN: Duration = Duration::from_millis(500);

/// Tells answers apart: only that to the latest request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// What the driver must do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this, and give up any request before it.
    Send {
        /// For the answer.
        id: RequestId,
        /// What to tell or ask.
        command: Command,
        /// Why.
        about: Protection,
        /// How long to wait for the answer.
        timeout: Duration,
    },
    /// Tell this.
    Event(Event),
}

/// What the recorder does, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    Running,
    Paused,
    /// A request may or may not have taken effect.
    Unknown,
}

/// The way to one state, from the wish to its confirmation.
#[derive(Debug, Clone)]
struct Effort {
    toward: RecorderState,
    about: Protection,
    deadline: Duration,
    attempts: u32,
    wait: Duration,
    /// What to send next, and when; `None` while an answer is awaited or nothing helps.
    next: Option<(Duration, Command)>,
    problem: Problem,
    alarmed: bool,
    /// No further request helps.
    hopeless: bool,
    /// A resumption before it was never answered.
    overtook: bool,
    /// What was believed when it began.
    before: Belief,
    /// Some request of it may have taken effect.
    uncertain: bool,
}

#[derive(Debug, Clone, Copy)]
struct Awaited {
    id: RequestId,
    command: Command,
    until: Duration,
}

/// One call's recorder. See the module's documentation.
#[derive(Debug)]
pub struct RecorderControl {
    timing: Timing,
    verifies: bool,
    wish: Option<Protection>,
    /// When the recorder may go on, once nothing is wished.
    quiet_until: Duration,
    belief: Belief,
    effort: Option<Effort>,
    awaited: Option<Awaited>,
    /// When a paused recorder is asked again.
    watch: Option<Duration>,
    /// What was protected last.
    last: Option<Protection>,
    next_id: u64,
    finished: bool,
    outputs: VecDeque<Output>,
}

impl RecorderControl {
    /// A call's start, with the recorder running. `verifies` says whether the platform answers
    /// [`Command::Query`].
    pub fn new(timing: Timing, verifies: bool) -> Self {
        Self {
            timing,
            verifies,
            wish: None,
            quiet_until: Duration::ZERO,
            belief: Belief::Running,
            effort: None,
            awaited: None,
            watch: None,
            last: None,
            next_id: 0,
            finished: false,
            outputs: VecDeque::new(),
        }
    }

    /// Something is to be kept out of the recording from now on; while something already is, nothing changes.
    pub fn protect(&mut self, now: Duration, protection: Protection) {
        if self.wish.is_some() || self.finished {
            return;
        }
        self.wish = Some(protection.clone());
        self.last = Some(protection.clone());
        let settled = self.belief == Belief::Paused && self.effort.is_none();
        let pausing = self
            .effort
            .as_ref()
            .is_some_and(|effort| effort.toward == RecorderState::Paused && !effort.alarmed);
        if !settled && !pausing {
            self.strive(now, RecorderState::Paused, protection);
        }
        self.advance(now);
    }

    /// Nothing is to be kept out any more, as far as is known: after a quiet time the recorder goes on.
    pub fn release(&mut self, now: Duration) {
        if self.wish.take().is_some() {
            self.quiet_until = now + self.timing.quiet;
        }
        self.advance(now);
    }

    /// The call is over. A paused recorder goes on at once, unless something is still to be kept out: then it
    /// stays paused, as the call may go on without the gateway.
    pub fn finish(&mut self, now: Duration) {
        if !self.finished {
            self.finished = true;
            self.quiet_until = self.quiet_until.min(now);
            self.watch = None;
            if self.wish.is_some() && self.belief != Belief::Running {
                self.outputs
                    .push_back(Output::Event(Event::RecorderNotResumed {
                        at: media(now),
                        reason:
                            "the call ended while something was to be kept out of the recording"
                                .into(),
                    }));
            }
        }
        self.advance(now);
    }

    /// Takes what came of a request. Readings of requests that were given up are ignored.
    pub fn handle_reading(&mut self, now: Duration, id: RequestId, reading: Reading) {
        if let Some(awaited) = self.awaited
            && awaited.id == id
        {
            self.awaited = None;
            self.take(now, awaited.command, reading);
        }
        self.advance(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.advance(now);
    }

    /// The next thing to do, or `None` until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`RecorderControl::handle_timeout`] is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let effort = self.effort.as_ref();
        [
            self.awaited.map(|awaited| awaited.until),
            effort
                .filter(|_| self.awaited.is_none())
                .and_then(|effort| effort.next)
                .map(|(at, _)| at),
            effort
                .filter(|effort| !effort.alarmed)
                .map(|effort| effort.deadline),
            self.rests().then_some(self.quiet_until),
            self.watch
                .filter(|_| self.awaited.is_none() && self.wish.is_some()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether the call is over and nothing is left to be done.
    pub fn is_finished(&self) -> bool {
        self.finished && !self.rests() && self.effort.as_ref().is_none_or(|effort| effort.alarmed)
    }

    /// Whether a recorder that is, or may be, paused waits to go on.
    fn rests(&self) -> bool {
        let striving = self
            .effort
            .as_ref()
            .is_some_and(|effort| effort.toward == RecorderState::Running || !effort.alarmed);
        self.wish.is_none() && self.belief != Belief::Running && !striving
    }

    /// Begins the way to a state; what was awaited for the other state is given up.
    fn strive(&mut self, now: Duration, toward: RecorderState, about: Protection) {
        let command = match toward {
            RecorderState::Paused => Command::Pause,
            RecorderState::Running => Command::Resume,
        };
        let overtook = self.belief == Belief::Unknown
            && self
                .effort
                .as_ref()
                .is_some_and(|effort| effort.toward == RecorderState::Running);
        if self
            .awaited
            .is_some_and(|awaited| awaited.command != command)
        {
            self.awaited = None;
        }
        self.watch = None;
        let time = match toward {
            RecorderState::Paused => self.timing.pause_deadline,
            RecorderState::Running => self.timing.resume_deadline,
        };
        self.effort = Some(Effort {
            toward,
            about,
            deadline: now + time,
            attempts: 0,
            wait: FIRST_WAIT,
            next: self.awaited.is_none().then_some((now, command)),
            problem: Problem::NoAnswer,
            alarmed: false,
            hopeless: false,
            overtook,
            before: self.belief,
            uncertain: self.awaited.is_some(),
        });
    }

    /// Does all that is due.
    fn advance(&mut self, now: Duration) {
        if let Some(awaited) = self.awaited
            && awaited.until <= now
        {
            self.awaited = None;
            let reading = Reading::Retry {
                after: None,
                problem: Problem::NoAnswer,
            };
            self.take(now, awaited.command, reading);
        }
        if self
            .effort
            .as_ref()
            .is_some_and(|effort| effort.hopeless || effort.deadline <= now)
        {
            self.alarm(now);
        }
        if self.rests()
            && self.quiet_until <= now
            && let Some(about) = self.last.clone()
        {
            self.strive(now, RecorderState::Running, about);
        }
        self.send_due(now);
    }

    fn send_due(&mut self, now: Duration) {
        if self.awaited.is_some() {
            return;
        }
        let due = match (&mut self.effort, &self.wish) {
            (Some(effort), _) => match effort.next {
                Some((at, command)) if at <= now => {
                    effort.next = None;
                    effort.attempts += 1;
                    Some((command, effort.about.clone()))
                }
                _ => None,
            },
            (None, Some(wish)) if self.watch.is_some_and(|at| at <= now) => {
                self.watch = Some(now + WATCH);
                Some((Command::Query, wish.clone()))
            }
            (None, _) => None,
        };
        let Some((command, about)) = due else {
            return;
        };
        if command != Command::Query {
            self.belief = Belief::Unknown;
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.awaited = Some(Awaited {
            id,
            command,
            until: now + self.timing.timeout,
        });
        self.outputs.push_back(Output::Send {
            id,
            command,
            about,
            timeout: self.timing.timeout,
        });
    }

    /// Draws the conclusion from an answer.
    fn take(&mut self, now: Duration, command: Command, reading: Reading) {
        if let Reading::Is(state) = reading {
            self.belief = match state {
                RecorderState::Running => Belief::Running,
                RecorderState::Paused => Belief::Paused,
            };
        }
        let Some(effort) = &mut self.effort else {
            return self.take_watched(now, &reading);
        };
        // What was turned down has changed nothing.
        let unchanged = matches!(
            reading,
            Reading::Refused(_)
                | Reading::NotFound
                | Reading::Conflict
                | Reading::Retry {
                    problem: Problem::Unreachable,
                    ..
                }
        );
        if !unchanged {
            effort.uncertain |= command != Command::Query;
        } else if !effort.uncertain {
            self.belief = effort.before;
        }
        let toward = effort.toward;
        let again = match toward {
            RecorderState::Paused => Command::Pause,
            RecorderState::Running => Command::Resume,
        };
        // To ask is next where that can be done; else to tell again.
        let ask = if self.verifies { Command::Query } else { again };
        let is_command = command != Command::Query;
        match reading {
            Reading::Is(state) if state == toward => self.arrive(now, true),
            Reading::Is(_) => effort.again(now, again, Problem::WrongState, None),
            Reading::Acknowledged if is_command && !self.verifies => self.arrive(now, false),
            Reading::Acknowledged if is_command => {
                effort.problem = Problem::Unconfirmed;
                effort.next = (effort.attempts < MOST_ATTEMPTS).then_some((now, ask));
            }
            Reading::Acknowledged => effort.again(now, again, Problem::Unconfirmed, None),
            Reading::Accepted => effort.again(now, ask, Problem::Unconfirmed, None),
            // Nothing is left to go on with.
            Reading::NotFound if toward == RecorderState::Running => {
                self.belief = Belief::Running;
                self.effort = None;
            }
            Reading::Conflict if toward == RecorderState::Running && !self.verifies => {
                self.arrive(now, false);
            }
            Reading::Conflict if is_command && self.verifies => {
                effort.problem = Problem::Conflict;
                effort.next = (effort.attempts < MOST_ATTEMPTS).then_some((now, ask));
            }
            Reading::Conflict => effort.again(now, again, Problem::Conflict, None),
            Reading::NotFound => effort.again(now, again, Problem::NotFound, None),
            Reading::Retry { after, problem } => effort.again(now, again, problem, after),
            Reading::Refused(problem) => {
                effort.problem = problem;
                effort.hopeless = true;
            }
        }
    }

    /// What a paused recorder answered when it was asked once more.
    fn take_watched(&mut self, now: Duration, reading: &Reading) {
        match (reading, self.wish.clone()) {
            (Reading::Is(RecorderState::Running), Some(wish)) => {
                self.strive(now, RecorderState::Paused, wish);
            }
            (Reading::NotFound | Reading::Refused(_), _) => self.watch = None,
            _ => {}
        }
    }

    /// The recorder is in the state that was asked for.
    fn arrive(&mut self, now: Duration, verified: bool) {
        let Some(effort) = self.effort.take() else {
            return;
        };
        let at = media(now);
        self.outputs.push_back(Output::Event(match effort.toward {
            RecorderState::Paused => {
                self.belief = Belief::Paused;
                let watch = if effort.overtook {
                    WATCH_OVERTAKEN
                } else {
                    WATCH
                };
                self.watch = (self.verifies && !self.finished).then_some(now + watch);
                Event::RecorderPaused {
                    leg: effort.about.leg,
                    kind: effort.about.kind,
                    from: effort.about.from,
                    at,
                    verified,
                }
            }
            RecorderState::Running => {
                self.belief = Belief::Running;
                Event::RecorderResumed { at, verified }
            }
        }));
    }

    /// The recorder is not in the state that was asked for, and somebody must know.
    fn alarm(&mut self, now: Duration) {
        let Some(effort) = self.effort.as_mut().filter(|effort| !effort.alarmed) else {
            return;
        };
        effort.alarmed = true;
        if effort.hopeless {
            effort.next = None;
        }
        let reason = effort.problem.to_string();
        let at = media(now);
        let event = match effort.toward {
            RecorderState::Paused => Event::RecorderNotPaused {
                leg: effort.about.leg,
                kind: effort.about.kind.clone(),
                from: effort.about.from,
                at,
                reason,
            },
            RecorderState::Running => Event::RecorderNotResumed { at, reason },
        };
        self.outputs.push_back(Output::Event(event));
    }
}

impl Effort {
    /// Sends a command after a wait, if that was not done too often.
    fn again(
        &mut self,
        now: Duration,
        command: Command,
        problem: Problem,
        after: Option<Duration>,
    ) {
        self.problem = problem;
        let wait = self
            .wait
            .max(after.unwrap_or_default().min(LONGEST_ASKED_FOR));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.next = (self.attempts < MOST_ATTEMPTS).then(|| (now + wait, command));
    }
}

/// The call's clock as media time; the call's sound is heard in real time.
fn media(now: Duration) -> MediaTime {
    MediaTime::from_micros(u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
