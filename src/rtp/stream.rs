//! One sender's stream: packets in their order to audio in its place.
//!
//! A stretch of the stream whose timestamps are of one clock is anchored once, to when it arrived, and then goes
//! by its timestamps alone. Where to is known when a few packets came: the one that was least late counts.
//! Timestamps that contradict the time of arrival by more than [`CONTRADICTION`], go back, or count in another
//! clock begin a new stretch.
//!
//! **Architecture invariant:** bounded memory; no more than [`MOST_UNANCHORED`] packets wait to be anchored.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Received;
use super::baseline::{Baseline, Noted};
use super::events::Events;
use super::payload::Decoder;
use super::placer::{Bearings, Placer};
use super::receiver::{Counters, Settings};
use super::reception::Reception;
use super::reorder::{Held, Pushed, Reorder};
use crate::audio::SampleRate;

/// Timestamps that are off by more than this, in microseconds, are of another clock.
const CONTRADICTION: i64 = 2_000_000;
/// The first packet after a silence whose timestamps are off by more than this, in microseconds, is of a sender whose
/// clock stood still meanwhile.
const STOOD_STILL: i64 = 100_000;
/// Packets that are enough to anchor a stretch by, if they were late by about the same.
const ENOUGH_PACKETS: usize = 5;
/// About the same, in microseconds.
const AGREEMENT: i64 = 5_000;
const MOST_UNANCHORED: usize = 256;
/// Audio that has arrived is placed as if its end had been said so long ago, in microseconds: the first of
/// packets of the usual length goes where it arrives.
const LEAD: i64 = 20_000;
/// An anchor this much before what is already there, in microseconds, is corrected for in pauses; nothing is
/// cut off.
const DEBT: i64 = 500_000;
/// A packet with more, in seconds, is not from a telephone.
const LONGEST_PACKET: u32 = 1;

/// One synchronisation source.
pub(super) struct Stream {
    pub(super) ssrc: u32,
    anchoring: Duration,
    pub(super) reception: Reception,
    reorder: Reorder,
    events: Events,
    /// The last audio packet that was placed or waits to be: its clock, its ticks and its timestamp.
    last: Option<Last>,
    unanchored: VecDeque<Audio>,
    stretch: Option<Stretch>,
}

#[derive(Clone, Copy)]
struct Last {
    clock: u32,
    ticks: i64,
    timestamp: u32,
}

/// An audio packet with its place in the stretch.
struct Audio {
    held: Held,
    /// From the begin of the stretch to its first sample.
    ticks: i64,
    length: u32,
    /// When it arrived less when it ended in the stretch, in microseconds.
    transit: i64,
}

/// Audio whose timestamps are of one clock.
struct Stretch {
    clock: u32,
    /// Where on the timeline its first tick is, in samples, without corrections.
    origin: i64,
    baseline: Baseline,
    run: Option<Run>,
}

/// Audio of one format without a hole.
struct Run {
    format: super::PayloadFormat,
    decoder: Decoder,
    /// The tick after its last packet; None if it was cut off and only its decoder goes on.
    expected: Option<i64>,
    /// Where in samples the next that comes from the decoder goes.
    position: i64,
}

/// What a stream shares with those before and after it.
pub(super) struct Around<'a> {
    pub(super) settings: &'a Settings,
    pub(super) placer: &'a mut Placer,
    pub(super) counters: &'a mut Counters,
    pub(super) now: Duration,
    /// How much later than its arrival says audio is to be placed, in microseconds.
    pub(super) lean: i64,
}

impl Stream {
    pub(super) fn new(ssrc: u32, first: u16, settings: &Settings) -> Self {
        Self {
            ssrc,
            anchoring: settings.anchoring,
            reception: Reception::new(first),
            reorder: Reorder::new(first, settings.reorder_window),
            events: Events::default(),
            last: None,
            unanchored: VecDeque::new(),
            stretch: None,
        }
    }

    /// Whether a packet may be of this stream.
    pub(super) fn is_near(&self, sequence: u16) -> bool {
        self.reorder.is_near(sequence)
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, held: Held, around: &mut Around<'_>, out: &mut Vec<Received>) {
        self.listen_for_key(&held, around, out);
        let (arrived, timestamp, format) = (held.arrived, held.timestamp, held.format);
        let pushed = self.reorder.push(held);
        match pushed {
            Pushed::Duplicate => around.counters.duplicate += 1,
            Pushed::Late => around.counters.late += 1,
            Pushed::Taken { overtaken } => around.counters.reordered += u64::from(overtaken),
        }
        if pushed != Pushed::Duplicate {
            let highest = self.reorder.extended_highest();
            self.reception.received(highest);
            if let Some(format) = format.filter(|format| format.is_audio()) {
                self.reception
                    .timed(format.clock_rate(), timestamp, arrived);
            }
        }
        self.advance(around, out);
    }

    /// Passes on what waited long enough.
    pub(super) fn advance(&mut self, around: &mut Around<'_>, out: &mut Vec<Received>) {
        while let Some(next) = self.reorder.pop(around.now) {
            around.counters.lost += next.lost;
            self.take(next.held, around, out);
        }
        let first = self.unanchored.front();
        if first.is_some_and(|first| around.now >= first.held.arrived + self.anchoring) {
            self.anchor(around, out);
        }
        let idle = self.reorder.due().is_none() && self.reception.idle(around.now);
        if idle {
            self.end_run(around, out);
        }
    }

    /// When [`Stream::advance`] has something to do although no packet came.
    pub(super) fn due(&self) -> Option<Duration> {
        let anchoring = self
            .unanchored
            .front()
            .map(|first| first.held.arrived + self.anchoring);
        let unfinished = self
            .stretch
            .as_ref()
            .and_then(|stretch| stretch.run.as_ref());
        let idle = unfinished
            .filter(|run| !run.decoder.is_prompt() && run.expected.is_some())
            .and_then(|_| self.reception.idle_at());
        [self.reorder.due(), anchoring, idle]
            .into_iter()
            .flatten()
            .min()
    }

    /// Nothing more will come: passes everything on.
    pub(super) fn finish(&mut self, around: &mut Around<'_>, out: &mut Vec<Received>) {
        let now = around.now;
        around.now = Duration::MAX;
        while let Some(next) = self.reorder.pop(around.now) {
            around.counters.lost += next.lost;
            self.take(next.held, around, out);
        }
        around.now = now;
        self.anchor(around, out);
        self.end_run(around, out);
    }

    /// When this timestamp was by arrival alone, in microseconds since the call's start; `None` if it is not known
    /// how the sender's clock stands.
    pub(super) fn arrival_of(&self, timestamp: u32) -> Option<i64> {
        let (stretch, last) = (self.stretch.as_ref()?, self.last?);
        let ticks = last.ticks + i64::from(distance(last.timestamp, timestamp));
        Some(ticks_to_micros(ticks, stretch.clock) + stretch.baseline.value() + LEAD)
    }

    fn listen_for_key(&mut self, held: &Held, around: &mut Around<'_>, out: &mut Vec<Received>) {
        let is_event = matches!(
            held.format,
            Some(super::PayloadFormat::TelephoneEvent { .. })
        );
        if !is_event || !self.events.is_new_key(held.timestamp, &held.payload) {
            return;
        }
        around.counters.keys += 1;
        let rate = around.settings.rate;
        let arrived = samples(micros(held.arrived), rate);
        // By its timestamp if that can be, as its first packets may have been lost.
        let told = match (&self.stretch, self.last) {
            (Some(stretch), Some(last)) => {
                let ticks = last.ticks + i64::from(distance(last.timestamp, held.timestamp));
                let position = stretch.position(ticks, rate);
                Some(around.placer.shifted(position))
            }
            _ => None,
        };
        let most = samples(CONTRADICTION, rate);
        let at = told
            .filter(|told| (told - arrived).abs() <= most)
            .unwrap_or(arrived);
        out.push(Received::Key {
            at: crate::audio::SampleIndex(at.max(0).unsigned_abs()),
        });
    }

    /// Takes the next packet in order.
    fn take(&mut self, held: Held, around: &mut Around<'_>, out: &mut Vec<Received>) {
        let Some(format) = held.format.filter(|format| format.is_audio()) else {
            return;
        };
        let clock = format.clock_rate();
        let length = format.ticks(&held.payload);
        let Some(length) = length.filter(|&ticks| ticks <= clock * LONGEST_PACKET) else {
            around.counters.undecodable += 1;
            return;
        };
        let goes_on = self.last.filter(|last| last.clock == clock);
        let ticks =
            goes_on.map(|last| last.ticks + i64::from(distance(last.timestamp, held.timestamp)));
        let audio = |ticks: i64| {
            let ended = ticks_to_micros(ticks + i64::from(length), clock);
            Audio {
                transit: micros(held.arrived) - ended,
                held,
                ticks,
                length,
            }
        };
        let audio = match (goes_on, ticks) {
            (Some(last), Some(ticks)) if ticks >= last.ticks => {
                let audio = audio(ticks);
                if self.contradicts(&audio) {
                    self.end_stretch(around, out);
                    audio.at_begin(clock)
                } else {
                    audio
                }
            }
            _ => {
                self.end_stretch(around, out);
                audio(0)
            }
        };
        self.last = Some(Last {
            clock,
            ticks: audio.ticks,
            timestamp: audio.held.timestamp,
        });
        if self.stretch.is_some() {
            self.place(&audio, around, out);
            return;
        }
        self.unanchored.push_back(audio);
        if self.is_settled() {
            self.anchor(around, out);
        }
    }

    /// Whether a packet's time cannot be of this stretch's clock.
    fn contradicts(&mut self, audio: &Audio) -> bool {
        match (&mut self.stretch, self.unanchored.front()) {
            (Some(stretch), _) => {
                let off = audio.transit - stretch.baseline.value();
                let now = micros(audio.held.arrived);
                let noted = stretch.baseline.note(now, audio.transit);
                off.abs() > CONTRADICTION
                    || noted == Noted::Moved
                    || audio.held.marker && off.abs() > STOOD_STILL
            }
            (None, Some(first)) => (audio.transit - first.transit).abs() > CONTRADICTION,
            (None, None) => false,
        }
    }

    /// Whether enough packets wait to anchor a stretch by.
    fn is_settled(&self) -> bool {
        let (Some(first), Some(last)) = (self.unanchored.front(), self.unanchored.back()) else {
            return false;
        };
        let transits = || self.unanchored.iter().map(|audio| audio.transit);
        let spread = transits().max().unwrap_or(0) - transits().min().unwrap_or(0);
        self.unanchored.len() >= MOST_UNANCHORED
            || last.held.arrived.saturating_sub(first.held.arrived) >= self.anchoring
            || self.unanchored.len() >= ENOUGH_PACKETS && spread <= AGREEMENT
    }

    /// Gives the stretch its place by the packet that was least late.
    fn anchor(&mut self, around: &mut Around<'_>, out: &mut Vec<Received>) {
        let Some(least) = self.unanchored.iter().map(|audio| audio.transit).min() else {
            return;
        };
        let Some(last) = self.last else { return };
        let rate = around.settings.rate;
        let cursor = around.placer.cursor();
        let ideal = samples(least + LEAD + around.lean, rate);
        let origin = if ideal < cursor && cursor - ideal <= samples(DEBT, rate) {
            cursor
        } else {
            ideal.max(0)
        };
        around.placer.begin_anew();
        around.counters.stretches += 1;
        self.stretch = Some(Stretch {
            clock: last.clock,
            origin,
            baseline: Baseline::new(micros(around.now), least),
            run: None,
        });
        for audio in std::mem::take(&mut self.unanchored) {
            self.place(&audio, around, out);
        }
    }

    fn end_stretch(&mut self, around: &mut Around<'_>, out: &mut Vec<Received>) {
        self.anchor(around, out);
        self.end_run(around, out);
        self.stretch = None;
        self.last = None;
    }

    /// A hole follows.
    fn end_run(&mut self, around: &mut Around<'_>, out: &mut Vec<Received>) {
        let Some(stretch) = &mut self.stretch else {
            return;
        };
        let offset = stretch.ideal(around) - stretch.origin;
        let now = micros(around.now);
        let Some(run) = &mut stretch.run else { return };
        if run.expected.take().is_none() {
            return;
        }
        let mut rest = Zeroizing::default();
        run.decoder.finish(&mut rest);
        let bearings = Bearings {
            position: run.position,
            ideal: run.position + offset,
            now,
        };
        around.placer.place(bearings, rest, out);
    }

    fn place(&mut self, audio: &Audio, around: &mut Around<'_>, out: &mut Vec<Received>) {
        let Some(format) = audio.held.format else {
            return;
        };
        let rate = around.settings.rate;
        let run = self
            .stretch
            .as_ref()
            .and_then(|stretch| stretch.run.as_ref());
        let continues =
            run.is_some_and(|run| run.format == format && run.expected == Some(audio.ticks));
        if !continues {
            self.end_run(around, out);
        }
        let Some(stretch) = &mut self.stretch else {
            return;
        };
        let offset = stretch.ideal(around) - stretch.origin;
        let begins = stretch.position(audio.ticks, rate);
        let same = stretch.run.take().filter(|run| run.format == format);
        let run = match same {
            Some(run) if continues => Some(run),
            // Only its place is another: what it remembers of the sound goes on.
            Some(run) => Some(Run {
                position: begins,
                ..run
            }),
            None => Decoder::new(format, rate).map(|decoder| Run {
                format,
                decoder,
                expected: None,
                position: begins,
            }),
        };
        let Some(mut run) = run else {
            around.counters.undecodable += 1;
            return;
        };
        let mut decoded = Zeroizing::default();
        if run
            .decoder
            .decode(&audio.held.payload, &mut decoded)
            .is_err()
        {
            around.counters.undecodable += 1;
            stretch.run = Some(run);
            return self.end_run(around, out);
        }
        run.expected = Some(audio.ticks + i64::from(audio.length));
        let bearings = Bearings {
            position: run.position,
            ideal: run.position + offset,
            now: micros(audio.held.arrived),
        };
        run.position += decoded.len() as i64;
        stretch.run = Some(run);
        around.placer.place(bearings, decoded, out);
    }
}

impl Audio {
    /// The first packet of a stretch.
    fn at_begin(self, clock: u32) -> Self {
        let ended = ticks_to_micros(i64::from(self.length), clock);
        Self {
            ticks: 0,
            transit: micros(self.held.arrived) - ended,
            ..self
        }
    }
}

impl Stretch {
    /// Where a tick is on the timeline, without corrections.
    fn position(&self, ticks: i64, rate: SampleRate) -> i64 {
        let scaled = i128::from(ticks) * i128::from(rate.hertz());
        self.origin + scaled.div_euclid(i128::from(self.clock)) as i64
    }

    /// Where the first tick would be if the stretch were anchored now.
    fn ideal(&self, around: &Around<'_>) -> i64 {
        samples(
            self.baseline.value() + LEAD + around.lean,
            around.settings.rate,
        )
    }
}

/// How far a timestamp is after another; negative is before.
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

fn ticks_to_micros(ticks: i64, clock: u32) -> i64 {
    (i128::from(ticks) * 1_000_000 / i128::from(clock.max(1))) as i64
}

/// No call lasts longer, whatever the clock says.
const LATEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// A time since the call's start in microseconds.
pub(super) fn micros(since: Duration) -> i64 {
    since.min(LATEST).as_micros() as i64
}

/// Microseconds in samples.
fn samples(micros: i64, rate: SampleRate) -> i64 {
    (i128::from(micros) * i128::from(rate.hertz())).div_euclid(1_000_000) as i64
}
