//! Rules on what is said and what happens in a call, and who watches for them.
//!
//! ```text
//! rules --for the call's queue and site--> Watch <--words, findings, how far was heard, events-- session
//!                                            '--> alerts
//! ```
//!
//! A [`Watch`] is shown the running conversation again whenever more of it was examined, and finds in it what its
//! rules ask for; what it found before it knows by place and time, so that a word that is heard twice raises nothing
//! twice. Words are examined before they leave, so that an alert comes seconds before a listener could hear what it is
//! about.
//!
//! **Architecture invariants:** an alert has the rule's own words and never what was spoken. What is held of the
//! conversation is wiped when a look is over. No clock: time is how far the call was heard.
//!
//! Does not know who is told, nor how.

mod fact;
pub mod phrase;
pub mod rule;
mod said;
mod talk;
pub mod trial;
mod watch;

pub use fact::Fact;
pub use phrase::{InvalidPhrase, Phrase};
pub use rule::{Rule, Rules, Speaker, Test};
pub use watch::{Seen, Watch};

#[cfg(test)]
mod tests;
