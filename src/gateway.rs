//! The shell: owns every task, queue and clock, and drives sessions.
//!
//! One task owns one call, and holds no lock. Every queue is bounded, and says what happens when it is
//! full. A call that misbehaves slows down, loses or ends only itself.

pub mod alerting;
pub mod archiving;
pub mod audit;
pub mod erasing;
pub mod live;
pub mod notes;
pub mod player;
pub mod policies;
pub mod process;
pub mod records;
pub mod replay;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod second_listener;
pub mod serve;
pub mod supervise;
pub mod tls;
pub mod webhooks;

mod agreed;
mod alarm;
mod call;
mod capacity;
pub mod control;
pub mod forwarding;
mod pacing;
mod taping;

pub use call::{Transcriber, Work};
pub use taping::{Around, Tape, TapeFactory};
