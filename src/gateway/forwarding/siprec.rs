//! Takes a call's clean audio on to a recorder by a recording session of our own: SIP and RTP (RFC 7866).
//!
//! ```text
//! Backlog --> [task: Session] --INVITE, metadata, BYE (Src)--> recorder
//!                     '-- RTP and RTCP of each leg -----------> recorder
//! ```
//!
//! One session is tried after another until the call is over. Each begins with the first audio of which it is not
//! known that it arrived, and says in its metadata where that is; ids of the call's session, participants and
//! streams stay the same, so that a recorder can put the parts together.
//!
//! RTP is not acknowledged. What is known of it:
//! - A recorder that reports (RTCP) has what its report says, up to the highest packet; what is lost on the way
//!   before that is lost.
//! - One that does not report has what was sent some seconds ago, unless its port is closed (ICMP) or it no longer
//!   answers SIP.
//! - When reports cease or a port is closed the recorder is asked by SIP whether it still knows the session. Until
//!   it answers nothing counts as arrived.
//!
//! A recorder that dies without a trace and does not report loses the seconds before it is noticed, and nobody is
//! told of them.

mod media;
mod metadata;
mod pace;
mod recorder;
mod session;
mod signalling;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::{FIRST_WAIT, LONGEST_WAIT};
use crate::audio::MediaTime;
use crate::egress::forward::StreamFacts;
use crate::sip::client::ClientEnd;

pub use recorder::SessionRecorder;

use metadata::Story;
use session::{Outcome, Session};

/// A recorder that says when it may be asked again is not asked before, up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Nothing of what was offered can be taken (RFC 3261, 21.4.26 and 21.6.4).
const NOT_ACCEPTABLE: [u16; 2] = [488, 606];

/// Why a recorder has not got all of a call.
#[derive(Debug, thiserror::Error)]
pub(super) enum Loss {
    /// Its name has no address.
    #[error("its name cannot be resolved: {0}")]
    Name(std::io::Error),
    /// No connection came about, or it ended and no other came about.
    #[error("no connection: {0}")]
    Unreachable(std::io::Error),
    /// We have no ports for audio.
    #[error("no ports for audio: {0}")]
    Ports(std::io::Error),
    /// It does not want the session.
    #[error("it refused the session with {status}")]
    Refused {
        /// Its answer.
        status: u16,
        /// Seconds after which it may be asked again.
        retry_after: Option<u32>,
    },
    /// It did not answer.
    #[error("it does not answer")]
    Silent,
    /// The session ended before the call.
    #[error("the session ended: {0:?}")]
    Ended(ClientEnd),
    /// Its ports for audio are closed.
    #[error("its ports for audio are closed")]
    Deaf,
}

/// Forwards a call until it is over, or until nobody waits for it any longer.
pub(super) async fn forward(
    recorder: Arc<SessionRecorder>,
    mut facts: StreamFacts,
    backlog: Arc<Backlog>,
    leave: CancellationToken,
) {
    let host = recorder.host();
    let mut chance = ChaCha20Rng::from_os_rng();
    let story = Story::new(&facts, Timestamp::now(), || wide(&mut chance));
    let mut wait = FIRST_WAIT;
    // Whether the recorder has refused wide audio.
    let mut narrow = false;
    loop {
        // Nothing is begun before there is something to say.
        let begins = tokio::select! {
            begins = backlog.rewind() => begins,
            () = leave.cancelled() => return,
        };
        let Some(begins) = begins else { return };
        facts.begins = if facts.attempt == 0 {
            MediaTime::ZERO
        } else {
            begins
        };
        let mut pause = wait;
        let problem = match Session::invite(&recorder, &facts, narrow, &story, &backlog).await {
            Ok(session) => {
                let begun = Instant::now();
                let (outcome, answered) = session.run(&leave).await;
                backlog.trust(false);
                if answered {
                    facts.attempt += 1;
                    if begun.elapsed() > LONGEST_WAIT {
                        wait = FIRST_WAIT;
                        pause = wait;
                    }
                }
                match outcome {
                    Ok(Outcome::Complete | Outcome::Left) => return,
                    Err(problem) => problem,
                }
            }
            Err(problem) => problem,
        };
        tracing::warn!(host, %problem, "the recorder does not record; trying again");
        if let Loss::Refused {
            status,
            retry_after,
        } = problem
        {
            let told = Duration::from_secs(retry_after.unwrap_or(0).into());
            pause = pause.max(told.min(LONGEST_RETRY_AFTER));
            narrow |= NOT_ACCEPTABLE.contains(&status);
        }
        narrow |= matches!(problem, Loss::Ended(ClientEnd::NoMedia));
        tokio::select! {
            () = sleep(pause) => {}
            () = leave.cancelled() => return,
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// 128 random bits.
fn wide(chance: &mut ChaCha20Rng) -> u128 {
    let (high, low) = (chance.next_u64(), chance.next_u64());
    (u128::from(high) << 64) | u128::from(low)
}
