//! Listens to a recording from its beginning to its end, in windows of its own.
//!
//! A piece of every leg is read at a time, what the report says is fill is taken out, and the rest goes the way of live
//! audio: the same energy floor, the same recogniser and detector, with longer windows that are cut elsewhere. A call
//! of hours takes no more memory than one of minutes.
//!
//! Does not know where recordings come from, nor what becomes of what was found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context;

use super::judgement::{Judge, StillHeard};
use super::known::Known;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::Recogniser;
use crate::gateway::replay::Source;
use crate::policy::Policy;
use crate::speech::{Heard, LegListener, Window, WindowId};

/// How much of every leg is read at a time.
const PIECE: MediaTime = MediaTime::from_millis(500);

/// What recordings of a call have in common.
#[derive(Debug, Clone, Copy)]
pub struct Sound {
    /// The recording's channels in order.
    pub legs: &'static [Leg],
    /// Samples per second of each.
    pub rate: SampleRate,
}

/// What came of listening.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// What is still heard, in order of start.
    pub still: Vec<StillHeard>,
    /// Windows that were transcribed.
    pub windows: u64,
    /// Seconds of audio that were sent to the recogniser because they decide something.
    pub speech_s: f64,
    /// Seconds of it whose text could not be trusted.
    pub unintelligible_s: f64,
    /// Processor seconds.
    pub cpu_s: f64,
}

/// Listens to a recording. `waits` is asked before each window, waits for as long as nothing may be transcribed, and
/// says whether to go on; `None`: it said no.
pub fn listen(
    source: &mut dyn Source,
    sound: Sound,
    known: &Known,
    policy: &Policy,
    recogniser: &mut dyn Recogniser,
    waits: &mut dyn FnMut() -> bool,
) -> anyhow::Result<Option<Findings>> {
    let mut ear = Ear {
        sound,
        listeners: sound
            .legs
            .iter()
            .map(|_| LegListener::at_leisure(sound.rate))
            .collect(),
        judge: Judge::new(policy, sound.legs, known),
        findings: Findings::default(),
        recogniser,
        waits,
    };
    let piece = sound.rate.samples_in(PIECE).max(1);
    // Samples of the recording, samples of the call, and gaps between them that were told.
    let (mut read, mut at, mut gaps) = (0_u64, 0_u64, 0_usize);
    loop {
        while let Some(length) = known.gap_at(sound.rate.time_of(SampleIndex(read)), gaps) {
            gaps += 1;
            if !ear.skip(&mut at, sound.rate.samples_in(length))? {
                return Ok(None);
            }
        }
        let to_gap = known.next_gap(gaps).map_or(piece, |gap| {
            sound.rate.index_at(gap).0.saturating_sub(read).max(1)
        });
        let mut legs = source.read(piece.min(to_gap) as usize)?;
        let length = legs.iter().map(Vec::len).max().unwrap_or(0) as u64;
        if length == 0 {
            break;
        }
        for (leg, samples) in sound.legs.iter().zip(&mut legs) {
            silence(sound.rate, at, samples, known.fill(*leg));
        }
        read += length;
        at += length;
        if !ear.hear(&legs)? {
            return Ok(None);
        }
    }
    if !ear.end(at)? {
        return Ok(None);
    }
    let Ear {
        judge,
        mut findings,
        ..
    } = ear;
    findings.still = judge.finish();
    Ok(Some(findings))
}

/// Takes fill out: it is not what anybody said.
fn silence(rate: SampleRate, at: u64, samples: &mut [i16], fill: impl Iterator<Item = Span>) {
    let end = at + samples.len() as u64;
    for span in fill {
        let from = rate.index_at(span.start).0.clamp(at, end);
        let to = rate.index_at(span.end).0.clamp(from, end);
        samples[(from - at) as usize..(to - at) as usize].fill(0);
    }
}

struct Ear<'a> {
    sound: Sound,
    listeners: Vec<LegListener>,
    judge: Judge<'a>,
    findings: Findings,
    recogniser: &'a mut dyn Recogniser,
    waits: &'a mut dyn FnMut() -> bool,
}

impl Ear<'_> {
    /// Hears the next samples of every leg.
    fn hear(&mut self, legs: &[Vec<i16>]) -> anyhow::Result<bool> {
        for (leg, samples) in legs.iter().enumerate() {
            let mut heard = Vec::new();
            if let Some(listener) = self.listeners.get_mut(leg) {
                listener.push(samples, &mut heard);
            }
            if !self.take(leg, heard)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A stretch of the call is not in the recording: silence for who listens.
    fn skip(&mut self, at: &mut u64, samples: u64) -> anyhow::Result<bool> {
        let piece = self.sound.rate.samples_in(PIECE).max(1);
        let end = *at + samples;
        while *at < end {
            let length = piece.min(end - *at);
            *at += length;
            let legs = vec![vec![0; length as usize]; self.sound.legs.len()];
            if !self.hear(&legs)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn end(&mut self, at: u64) -> anyhow::Result<bool> {
        for leg in 0..self.listeners.len() {
            let mut heard = Vec::new();
            self.listeners[leg].flush(&mut heard);
            if !self.take(leg, heard)? {
                return Ok(false);
            }
            self.judge
                .heard_until(leg, self.sound.rate.time_of(SampleIndex(at)));
        }
        Ok(true)
    }

    fn take(&mut self, leg: usize, heard: Vec<Heard>) -> anyhow::Result<bool> {
        for part in heard {
            match part {
                Heard::Silence(span) => self.judge.heard_until(leg, span.end),
                Heard::Utterance {
                    decides,
                    listened,
                    samples,
                } => {
                    if !(self.waits)() {
                        return Ok(false);
                    }
                    self.transcribe(leg, decides, listened, samples)?;
                    self.judge.heard_until(leg, decides.end);
                }
            }
        }
        Ok(true)
    }

    fn transcribe(
        &mut self,
        leg: usize,
        decides: Span,
        listened: Span,
        samples: Sensitive<Vec<f32>>,
    ) -> anyhow::Result<()> {
        let window = Window {
            id: WindowId(self.findings.windows),
            leg: self.sound.legs[leg],
            span: listened,
            samples,
            deadline: MediaTime::MAX,
        };
        let recogniser = &mut *self.recogniser;
        let transcript = catch_unwind(AssertUnwindSafe(|| recogniser.transcribe(&window)))
            .map_err(|_| anyhow::anyhow!("the recogniser panicked"))?
            .context("the recogniser failed")?;
        self.findings.windows += 1;
        self.findings.speech_s += decides.length().seconds();
        self.findings.cpu_s += transcript.cpu.as_secs_f64();
        if transcript.unreliable {
            self.findings.unintelligible_s += decides.length().seconds();
        }
        self.judge.words(leg, listened, decides, transcript);
        Ok(())
    }
}
