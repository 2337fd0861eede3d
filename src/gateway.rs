//! The shell: owns every task, queue and clock, and drives sessions.

pub mod replay;
