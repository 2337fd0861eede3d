//! Keeps so many calls up at a gateway for a while.
//!
//! A line is one call after another. Lines begin one by one over the first part of the time, as calls do, and
//! each lasts as long as the others. The labelled calls are taken in turn by whichever line needs one next.

use std::cell::Cell;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use crate::audio::MediaTime;
use crate::call::CallId;
use crate::gateway::player::{PlayError, Playback};

/// Lines begin within this share of their length, and within so many seconds.
const BEGIN_SHARE: f64 = 0.25;
const BEGIN_SECONDS: f64 = 15.0;
/// A rest of a line that is too short to be worth a call.
const SHORTEST: Duration = Duration::from_secs(5);

/// What is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// Labelled calls to be taken in turn.
    pub(super) sounds: &'a [Playback],
    /// How many at once.
    pub(super) calls: usize,
    /// How long each line lasts.
    pub(super) length: Duration,
}

/// A call that was played.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) call: CallId,
    /// Which of the labelled calls.
    pub(super) sound: usize,
    /// How much of it.
    pub(super) length: MediaTime,
    /// How far the playing fell behind at most.
    pub(super) behind: Duration,
    /// What was not as it should be, if something was.
    pub(super) problem: Option<String>,
}

impl Load<'_> {
    /// Over how long the lines begin.
    pub(super) fn begin_over(&self) -> Duration {
        self.length
            .mul_f64(BEGIN_SHARE)
            .min(Duration::from_secs_f64(BEGIN_SECONDS))
    }

    /// Plays to the gateway; an error is a call that it did not take.
    pub(super) async fn play(&self, url: &str) -> anyhow::Result<Vec<Played>> {
        let turn = Cell::new(0);
        let begun = Instant::now();
        let lines: FuturesUnordered<_> = (0..self.calls)
            .map(|line| {
                let part = line as f64 / self.calls as f64;
                let begin = begun + self.begin_over().mul_f64(part);
                self.line(url, begin, &turn)
            })
            .collect();
        let played: Vec<Vec<Played>> = lines.try_collect().await?;
        Ok(played.into_iter().flatten().collect())
    }

    async fn line(
        &self,
        url: &str,
        begin: Instant,
        turn: &Cell<usize>,
    ) -> anyhow::Result<Vec<Played>> {
        sleep_until(begin).await;
        let end = begin + self.length;
        let mut played = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if !played.is_empty() && left < SHORTEST {
                return Ok(played);
            }
            let number = turn.replace(turn.get() + 1);
            let sound = number % self.sounds.len();
            let id = call_id(&self.sounds[sound].call, number)?;
            let longest = MediaTime::from_seconds(left.as_secs_f64());
            let playback = self.sounds[sound].as_call(id, longest);
            played.push(play(playback, sound, url).await?);
        }
    }
}

/// An id that tells which labelled call it is, and that no other call has.
fn call_id(sound: &CallId, number: usize) -> anyhow::Result<CallId> {
    let number = format!("-{:04}", number + 1);
    let most = CallId::LONGEST - number.len();
    let name: String = sound.as_str().chars().take(most).collect();
    Ok(CallId::new(&format!("{name}{number}"))?)
}

/// Plays one call to its end.
async fn play(playback: Playback, sound: usize, url: &str) -> Result<Played, PlayError> {
    let (mut begun, mut behind) = (None, Duration::ZERO);
    let outcome = playback
        .play(url, |at| {
            let at = Duration::from_micros(at.micros());
            let now = Instant::now();
            let begun = *begun.get_or_insert(now.checked_sub(at).unwrap_or(now));
            behind = behind.max(now.saturating_duration_since(begun + at));
        })
        .await;
    let problem = match outcome {
        Ok(closed) if closed.code == Some(1_000) => None,
        Ok(closed) => Some(match closed.code {
            Some(code) => format!("the gateway closed with {code} {}", closed.reason),
            None => "the gateway did not close the connection".to_owned(),
        }),
        Err(error @ PlayError::Cut { .. }) => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Played {
        length: playback.length(),
        call: playback.call,
        sound,
        behind,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_and_differ() {
        let long = CallId::new(&"n".repeat(CallId::LONGEST)).unwrap();
        let ids: Vec<CallId> = (0..20)
            .map(|number| call_id(&long, number).unwrap())
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn lines_begin_soon_after_each_other() {
        let load = |seconds| Load {
            sounds: &[],
            calls: 3,
            length: Duration::from_secs(seconds),
        };
        assert_eq!(load(8).begin_over(), Duration::from_secs(2));
        assert_eq!(load(600).begin_over(), Duration::from_secs(15));
    }
}
