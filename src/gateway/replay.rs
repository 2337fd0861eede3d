//! Plays a recorded call through a session: as fast as recognition allows on a virtual clock ([`play`]),
//! or as it was spoken, like a live call ([`play_live`]).
//!
//! The virtual clock is the call's own: 20 ms of every leg arrive every 20 ms of media time. Recognition takes
//! the processor time it really took (or a fixed time, for tests) on a number of virtual workers, so
//! that lateness comes out as it would live, whatever else the machine does meanwhile. Apart from
//! measured processor time the result depends on nothing but the audio and the settings.
//!
//! Knows neither files nor reports: audio comes from a [`Source`] and goes to a [`Listener`].

mod realtime;
mod virtual_pool;

use std::num::NonZeroUsize;

use anyhow::Context;

use crate::audio::wav_file::CallFile;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::{Leg, Sensitive};
use crate::egress::EngineWork;
use crate::session::{CleanAudio, Output, RawFrame, Session};
use crate::speech::Transcript;
use crate::telemetry::Event;

pub use realtime::play_live;
use virtual_pool::{Answer, VirtualPool};
pub use virtual_pool::{Clocked, Stopwatch};

/// How much of every leg arrives at once, as telephone systems send it (RFC 3551, 4.2).
const FRAME: MediaTime = MediaTime::from_millis(20);

/// What a replay is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The session's.
    pub session: crate::session::Settings,
    /// Virtual recognition workers.
    pub workers: NonZeroUsize,
}

/// Where a call's audio comes from.
pub trait Source {
    /// The next samples of each leg, of equal length; at most `most`, empty at the end.
    fn read(&mut self, most: usize) -> anyhow::Result<Vec<Vec<i16>>>;
}

impl Source for CallFile {
    fn read(&mut self, most: usize) -> anyhow::Result<Vec<Vec<i16>>> {
        CallFile::read(self, most).map_err(anyhow::Error::from)
    }
}

/// Who hears what a call's session gives.
pub trait Listener {
    /// Audio was released.
    fn released(&mut self, audio: &CleanAudio) -> anyhow::Result<()>;
    /// Something happened.
    fn happened(&mut self, event: &Event);
    /// This much of the call has been heard.
    fn heard(&mut self, head: MediaTime);
    /// A window of a leg was transcribed: its words with nothing hidden, for measuring in memory only.
    fn transcribed(&mut self, _leg: Leg, _window: Span, _transcript: &Transcript) {}
}

/// One answered window, for measuring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Examined {
    /// Whose speech.
    pub leg: Leg,
    /// Where it lies in the call.
    pub span: Span,
    /// When it was handed to recognition, on the call's clock.
    pub submitted: MediaTime,
    /// When the answer came, on the call's clock.
    pub answered: MediaTime,
    /// Whether there was a transcript.
    pub transcribed: bool,
}

/// What is known of a call after its replay.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replayed {
    /// Length of the call.
    pub length: MediaTime,
    /// The work of recognition.
    pub engine: EngineWork,
    /// Every answered window in order of its answer.
    pub examined: Vec<Examined>,
}

/// Plays one call to its end.
pub fn play(
    settings: &Settings,
    source: &mut dyn Source,
    recogniser: &mut dyn Clocked,
    listener: &mut dyn Listener,
) -> anyhow::Result<Replayed> {
    let mut player = Player {
        session: Session::new(settings.session.clone()),
        pool: VirtualPool::new(settings.workers, recogniser),
        listener,
        replayed: Replayed::default(),
        ended: false,
    };
    let rate = settings.session.rate;
    let frame = rate.samples_in(FRAME).max(1) as usize;
    let mut at = SampleIndex(0);
    while !player.ended {
        let legs = source.read(frame)?;
        let length = legs.iter().map(Vec::len).max().unwrap_or(0);
        if length == 0 {
            break;
        }
        player.hear(rate, settings.session.legs, at, legs)?;
        at = SampleIndex(at.0 + length as u64);
    }
    player.end(settings.session.hold)?;
    Ok(player.replayed)
}

struct Player<'a> {
    session: Session,
    pool: VirtualPool<'a>,
    listener: &'a mut dyn Listener,
    replayed: Replayed,
    ended: bool,
}

impl Player<'_> {
    /// Hands the session what was answered before these frames complete, then the frames.
    fn hear(
        &mut self,
        rate: SampleRate,
        names: &[Leg],
        at: SampleIndex,
        legs: Vec<Vec<i16>>,
    ) -> anyhow::Result<()> {
        let length = legs.iter().map(Vec::len).max().unwrap_or(0);
        let complete = rate.time_of(SampleIndex(at.0 + length as u64));
        self.answer_until(complete)?;
        for (&leg, samples) in names.iter().zip(legs) {
            self.session.handle_audio(RawFrame {
                leg,
                at,
                samples: Sensitive::new(samples),
            });
            self.take_outputs(complete)?;
        }
        self.replayed.length = complete;
        self.listener.heard(complete);
        Ok(())
    }

    /// Ends the call: its held audio waits for answers until the hold has passed once more.
    fn end(&mut self, hold: MediaTime) -> anyhow::Result<()> {
        let head = self.replayed.length;
        self.session.handle_end();
        self.take_outputs(head)?;
        self.answer_until(head + hold)?;
        if !self.ended {
            self.session.handle_drain_deadline();
            self.take_outputs(head + hold)?;
        }
        if self.ended {
            Ok(())
        } else {
            Err(anyhow::anyhow!(
                "the session did not end after its drain deadline"
            ))
        }
    }

    /// Hands over the answers that arrive before an instant, in order.
    fn answer_until(&mut self, until: MediaTime) -> anyhow::Result<()> {
        while !self.ended {
            let answer = self.pool.next_answer(until).context("speech recognition")?;
            let Some(answer) = answer else { break };
            let Answer {
                window,
                leg,
                span,
                deadline,
                submitted,
                arrival,
                cpu,
                outcome,
            } = answer;
            let work = &mut self.replayed.engine;
            work.windows += 1;
            work.cpu_s += cpu.seconds();
            work.late_answers += u64::from(arrival > deadline);
            work.failures += u64::from(outcome.is_err());
            work.slack.add(deadline.seconds() - arrival.seconds());
            self.replayed.examined.push(Examined {
                leg,
                span,
                submitted,
                answered: arrival,
                transcribed: outcome.is_ok(),
            });
            if let Ok(transcript) = &outcome {
                self.listener.transcribed(leg, span, transcript);
            }
            self.session.handle_transcript(window, outcome);
            self.take_outputs(arrival)?;
        }
        Ok(())
    }

    fn take_outputs(&mut self, now: MediaTime) -> anyhow::Result<()> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Release(audio) => self.listener.released(&audio)?,
                Output::Transcribe(window) => self.pool.submit(now, window),
                Output::Event(event) => self.listener.happened(&event),
                Output::Ended => self.ended = true,
            }
        }
        Ok(())
    }
}

/// A length of real time on the media clock.
fn media_time(duration: std::time::Duration) -> MediaTime {
    MediaTime::from_seconds(duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
