//! Plays messages to an adapter in tests, and tells what came of them.
//!
//! Whatever is played: a call begins at most once and before its audio, pieces of a leg come in order
//! without overlap, and no more audio comes out than went in.

use std::time::Duration;

use super::{Adapter, Arrival, Incoming, ProtocolError};
use crate::call::Leg;

/// An adapter that is played to.
pub(super) struct Script<A> {
    pub(super) adapter: A,
    millis: u64,
    /// Arrivals and errors, in short.
    pub(super) said: Vec<String>,
    /// The timelines, with nothing in gaps.
    legs: Vec<(Leg, Vec<Option<i16>>)>,
    bytes_in: usize,
    pub(super) samples_out: usize,
    is_closed: bool,
}

impl<A: Adapter> Script<A> {
    pub(super) fn new(adapter: A) -> Self {
        Self {
            adapter,
            millis: 0,
            said: Vec::new(),
            legs: Vec::new(),
            bytes_in: 0,
            samples_out: 0,
            is_closed: false,
        }
    }

    pub(super) fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.play(Incoming::Text(text.as_ref()))
    }

    pub(super) fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.bytes_in += bytes.as_ref().len();
        self.play(Incoming::Binary(bytes.as_ref()))
    }

    pub(super) fn wait(&mut self, millis: u64) -> &mut Self {
        self.millis += millis;
        self
    }

    /// The connection ends.
    pub(super) fn end(&mut self) -> &mut Self {
        let mut arrivals = Vec::new();
        self.adapter.flush(&mut arrivals);
        self.take(arrivals);
        self
    }

    #[track_caller]
    pub(super) fn check(&self, expected: &[&str]) {
        assert_eq!(self.said, expected);
    }

    /// The last thing said begins so.
    #[track_caller]
    pub(super) fn check_last(&self, expected: &str) {
        let last = self.said.last().map_or("", String::as_str);
        assert!(last.starts_with(expected), "{:?}", self.said);
    }

    /// A leg's samples from its beginning, zero where nothing was heard.
    pub(super) fn leg(&self, leg: Leg) -> Vec<i16> {
        let timeline = self.legs.iter().find(|(known, _)| *known == leg);
        let samples = timeline.map_or(&[][..], |(_, samples)| samples);
        samples
            .iter()
            .map(|sample| sample.unwrap_or_default())
            .collect()
    }

    fn play(&mut self, message: Incoming<'_>) -> &mut Self {
        if self.is_closed {
            return self;
        }
        let mut arrivals = Vec::new();
        let since = Duration::from_millis(self.millis);
        let outcome = self.adapter.handle(message, since, &mut arrivals);
        self.take(arrivals);
        if let Err(error) = outcome {
            self.is_closed = matches!(error, ProtocolError::Closed { .. });
            self.said.push(error.to_string());
        }
        self
    }

    fn take(&mut self, arrivals: Vec<Arrival>) {
        for arrival in arrivals {
            let said = match arrival {
                Arrival::Started { call, legs, rate } => {
                    assert!(self.legs.is_empty(), "a second start");
                    self.legs = legs.iter().map(|leg| (*leg, Vec::new())).collect();
                    let legs: Vec<&str> = legs.iter().map(|leg| leg.name()).collect();
                    format!("start {call} {} {}", legs.join("+"), rate.hertz())
                }
                Arrival::Audio(frame) => {
                    let samples = frame.samples.expose();
                    let leg = self.legs.iter_mut().find(|(leg, _)| *leg == frame.leg);
                    let timeline = &mut leg.expect("audio before the start").1;
                    let at = frame.at.0;
                    assert!(!samples.is_empty() && at >= timeline.len() as u64);
                    // Gaps of days would not fit.
                    let padded = timeline.len() as u64 + (at - timeline.len() as u64).min(100_000);
                    timeline.resize(padded as usize, None);
                    timeline.extend(samples.iter().copied().map(Some));
                    self.samples_out += samples.len();
                    format!("{} {at}+{}", frame.leg, samples.len())
                }
                Arrival::KeyPressed { leg } => format!("key {leg}"),
                Arrival::Reply(text) => format!("reply {text}"),
                Arrival::Stopped => "stop".into(),
            };
            self.said.push(said);
        }
        assert!(self.samples_out <= self.bytes_in);
    }
}

/// Cuts bytes into pieces of these lengths, over and over.
pub(super) fn pieces<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (now, later) = bytes.split_at((*length).clamp(1, bytes.len()));
        pieces.push(now);
        bytes = later;
    }
    pieces
}
