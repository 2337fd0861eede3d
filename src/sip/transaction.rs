//! Transactions (RFC 3261, 17, with RFC 6026): what is sent again, what is passed on, when it is over.
//!
//! ```text
//! server, INVITE   Proceeding -2xx-> Accepted -L->        over
//!                      \----300..-> Completed -ACK-> Confirmed -I-> over
//!                                        \------H------------------> over
//! server, others   Trying -1xx-> Proceeding -final-> Completed -J-> over
//! client, INVITE   Calling -1xx-> Proceeding -2xx-> Accepted  -M-> over
//!                      \--B-> over    \----300..-> Completed -D-> over
//! client, others   Trying -1xx-> Proceeding -final-> Completed -K-> over
//!                      \------------\-F-> over
//! ```
//!
//! A [`Transaction`] is the state machine alone: it is told what happened and says what is to be done.
//! `layer` holds many of them with their messages. Unlike RFC 6026, an INVITE that comes again after its 200 is
//! answered by the same 200 at once rather than by the next of its repetitions.
//!
//! **Architecture invariant:** every transaction is over after at most 64 T1 without progress of its user's or
//! the peer's making; a server's that its user never answers is the user's to bound.

pub(super) mod layer;

use std::time::Duration;

/// An estimate of the round trip (RFC 3261, 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest time between repetitions.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network.
pub const T4: Duration = Duration::from_secs(5);
/// When an answer is given up: 64 T1.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// Which of the four machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers an INVITE.
    InviteServer,
    /// Answers another request.
    Server,
    /// Sent an INVITE.
    InviteClient,
    /// Sent another request.
    Client,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing has been answered. For a client's INVITE the standard says Calling.
    Trying,
    /// It was answered that it is being worked on.
    Proceeding,
    /// It was refused, or for requests other than INVITE answered at all.
    Completed,
    /// The refusal of an INVITE was acknowledged.
    Confirmed,
    /// An INVITE was taken.
    Accepted,
    /// Nothing more happens.
    Over,
}

/// What happens to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A server's request came again.
    Request,
    /// An ACK for a server's INVITE came.
    Acknowledged,
    /// A server's user answers with this status.
    Answer(u16),
    /// A client's request was answered with this status.
    Response(u16),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// Send what was sent last (a server's response, a client's request).
    pub send: bool,
    /// Give what came to the user.
    pub pass: bool,
    /// Acknowledge a refusal (client, INVITE).
    pub acknowledge: bool,
    /// Tell the user that no answer came.
    pub timed_out: bool,
}

impl Effects {
    const NONE: Effects = Effects {
        send: false,
        pass: false,
        acknowledge: false,
        timed_out: false,
    };
    const SEND: Effects = Effects {
        send: true,
        ..Self::NONE
    };
    const PASS: Effects = Effects {
        pass: true,
        ..Self::NONE
    };
    const ACKNOWLEDGE: Effects = Effects {
        acknowledge: true,
        ..Self::NONE
    };
    const TIMED_OUT: Effects = Effects {
        timed_out: true,
        ..Self::NONE
    };
}

/// One transaction.
#[derive(Debug, Clone)]
pub struct Transaction {
    kind: Kind,
    state: State,
    reliable: bool,
    /// When the last message is sent again, and how long after that once more.
    again: Option<(Duration, Duration)>,
    /// When the state ends by itself.
    ends: Option<Duration>,
}

impl Transaction {
    /// A transaction whose request has come, or has just been sent.
    pub fn new(kind: Kind, reliable: bool, now: Duration) -> Self {
        let client = matches!(kind, Kind::InviteClient | Kind::Client);
        Self {
            kind,
            // A server answers an INVITE with 100 at once.
            state: if kind == Kind::InviteServer {
                State::Proceeding
            } else {
                State::Trying
            },
            reliable,
            // Timers A and E.
            again: (client && !reliable).then_some((now + T1, T1)),
            // Timers B and F.
            ends: client.then_some(now + GIVE_UP),
        }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Which machine it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether nothing more happens.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// When [`Transaction::timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Duration> {
        let again = self.again.map(|(at, _)| at);
        match (again, self.ends) {
            (Some(again), Some(ends)) => Some(again.min(ends)),
            (again, ends) => again.or(ends),
        }
    }

    /// Goes to a state that ends by itself after `stay`, at once on a transport that loses nothing.
    fn linger(&mut self, state: State, now: Duration, stay: Duration) {
        self.again = None;
        if self.reliable {
            self.state = State::Over;
            self.ends = None;
        } else {
            self.state = state;
            self.ends = Some(now + stay);
        }
    }

    /// Goes to a state.
    fn enter(&mut self, state: State, ends: Option<Duration>) {
        self.state = state;
        self.again = None;
        self.ends = ends;
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Duration, event: Event) -> Effects {
        match self.kind {
            Kind::InviteServer => self.invite_server(now, event),
            Kind::Server => self.server(now, event),
            Kind::InviteClient => self.invite_client(now, event),
            Kind::Client => self.client(now, event),
        }
    }

    /// RFC 3261, 17.2.1.
    fn invite_server(&mut self, now: Duration, event: Event) -> Effects {
        match (self.state, event) {
            (State::Proceeding, Event::Answer(100..200)) => Effects::SEND,
            (State::Proceeding, Event::Answer(200..300)) => {
                // Timer L.
                self.enter(State::Accepted, Some(now + GIVE_UP));
                Effects::SEND
            }
            (State::Proceeding, Event::Answer(_)) => {
                // Timers H and G.
                self.enter(State::Completed, Some(now + GIVE_UP));
                self.again = (!self.reliable).then_some((now + T1, T1));
                Effects::SEND
            }
            (State::Accepted, Event::Answer(200..300)) => Effects::SEND,
            (State::Proceeding | State::Accepted | State::Completed, Event::Request) => {
                Effects::SEND
            }
            (State::Accepted, Event::Acknowledged) => Effects::PASS,
            (State::Completed, Event::Acknowledged) => {
                // Timer I.
                self.linger(State::Confirmed, now, T4);
                Effects::NONE
            }
            _ => Effects::NONE,
        }
    }

    /// RFC 3261, 17.2.2.
    fn server(&mut self, now: Duration, event: Event) -> Effects {
        match (self.state, event) {
            (State::Trying | State::Proceeding, Event::Answer(100..200)) => {
                self.state = State::Proceeding;
                Effects::SEND
            }
            (State::Trying | State::Proceeding, Event::Answer(_)) => {
                // Timer J.
                self.linger(State::Completed, now, GIVE_UP);
                Effects::SEND
            }
            (State::Proceeding | State::Completed, Event::Request) => Effects::SEND,
            _ => Effects::NONE,
        }
    }

    /// RFC 3261, 17.1.1.
    fn invite_client(&mut self, now: Duration, event: Event) -> Effects {
        match (self.state, event) {
            (State::Trying | State::Proceeding, Event::Response(100..200)) => {
                self.enter(State::Proceeding, None);
                Effects::PASS
            }
            (State::Trying | State::Proceeding, Event::Response(200..300)) => {
                // Timer M.
                self.enter(State::Accepted, Some(now + GIVE_UP));
                Effects::PASS
            }
            (State::Accepted, Event::Response(200..300)) => Effects::PASS,
            (State::Trying | State::Proceeding, Event::Response(_)) => {
                // Timer D.
                self.linger(State::Completed, now, GIVE_UP);
                Effects {
                    pass: true,
                    ..Effects::ACKNOWLEDGE
                }
            }
            (State::Completed, Event::Response(300..700)) => Effects::ACKNOWLEDGE,
            _ => Effects::NONE,
        }
    }

    /// RFC 3261, 17.1.2.
    fn client(&mut self, now: Duration, event: Event) -> Effects {
        match (self.state, event) {
            (State::Trying | State::Proceeding, Event::Response(100..200)) => {
                self.state = State::Proceeding;
                Effects::PASS
            }
            (State::Trying | State::Proceeding, Event::Response(_)) => {
                // Timer K.
                self.linger(State::Completed, now, T4);
                Effects::PASS
            }
            _ => Effects::NONE,
        }
    }

    /// Does what is due. Called late it does once what was due many times.
    pub fn timeout(&mut self, now: Duration) -> Effects {
        if self.ends.is_some_and(|ends| ends <= now) {
            let unanswered = match self.kind {
                // Timers B and F.
                Kind::InviteClient | Kind::Client => {
                    matches!(self.state, State::Trying | State::Proceeding)
                }
                // Timer H.
                Kind::InviteServer => self.state == State::Completed,
                Kind::Server => false,
            };
            self.enter(State::Over, None);
            return if unanswered {
                Effects::TIMED_OUT
            } else {
                Effects::NONE
            };
        }
        match self.again {
            Some((at, interval)) if at <= now => {
                let doubled = interval * 2;
                let next = match (self.kind, self.state) {
                    // Timer A has no longest time.
                    (Kind::InviteClient, _) => doubled,
                    (Kind::Client, State::Proceeding) => T2,
                    _ => doubled.min(T2),
                };
                self.again = Some((now + next, next));
                Effects::SEND
            }
            _ => Effects::NONE,
        }
    }
}

#[cfg(test)]
mod tests;
