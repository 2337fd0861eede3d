//! How long after their hold frames leave, counted where they leave.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hushgate::egress::{CallFacts, EngineWork};
use hushgate::gateway::{Tape, TapeFactory};
use hushgate::session::CleanAudio;
use hushgate::store::vault::RecordName;
use hushgate::telemetry::Event;

use super::sender::PACKET;
use super::stamp::{Stamp, now};

/// Delays are counted in tenths of a millisecond, up to 20 s.
const BUCKETS: usize = 200_000;
const BUCKET_MICROS: u64 = 100;

/// How often each delay was seen.
pub(crate) struct Delays(pub(crate) Vec<(usize, u64)>);

impl Delays {
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// In milliseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0.0, |(bucket, _)| millis(*bucket))
    }

    pub(crate) fn longer_than(&self, limit: f64) -> u64 {
        let longer = self.0.iter().filter(|(bucket, _)| millis(*bucket) > limit);
        longer.map(|(_, count)| count).sum()
    }
}

fn millis(bucket: usize) -> f64 {
    (bucket as u64 * BUCKET_MICROS) as f64 / 1_000.0
}

/// Counts delays from several threads.
pub(crate) struct Histogram(Vec<AtomicU64>);

impl Histogram {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }

    fn add(&self, micros: u64) {
        let bucket = (micros / BUCKET_MICROS) as usize;
        self.0[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Delays {
        let counts = self.0.iter().enumerate();
        let counts = counts.map(|(bucket, count)| (bucket, count.swap(0, Ordering::Relaxed)));
        Delays(counts.filter(|(_, count)| *count > 0).collect())
    }
}

/// Reads the stamps of one leg's packets as they leave.
///
/// A packet is due when the one is sent that comes a hold later, and its delay counts from when that one really
/// was sent: a sender that is late is not the gateway's fault.
pub(crate) struct Watch {
    /// The end of what was read, in which a stamp may have begun.
    rest: Vec<i16>,
    /// How much of what comes next is the sound after a stamp.
    sound: usize,
    /// Numbers of packets, and when they left.
    left: VecDeque<(u64, u64)>,
    /// How many packets are held.
    held: u64,
}

impl Watch {
    pub(crate) fn new(held: u64) -> Self {
        Self {
            rest: Vec::new(),
            sound: 0,
            left: VecDeque::new(),
            held,
        }
    }

    pub(crate) fn see(&mut self, samples: &[i16], delays: &Histogram) {
        self.rest.extend(samples);
        self.skip();
        while let Some(stamp) = Stamp::take(&mut self.rest) {
            self.sound = PACKET - Stamp::LENGTH;
            self.skip();
            self.left.push_back((stamp.number, now()));
            while let Some(&(number, left)) = self.left.front()
                && number + self.held <= stamp.number
            {
                self.left.pop_front();
                // Of a packet whose counterpart was lost nothing is known.
                if number + self.held == stamp.number {
                    delays.add(left.saturating_sub(stamp.sent));
                }
            }
        }
    }

    /// Looking for a stamp where there is none takes longer than all else here.
    fn skip(&mut self) {
        let gone = self.sound.min(self.rest.len());
        self.rest.drain(..gone);
        self.sound -= gone;
    }
}

/// Records as another does, and reads the stamps in what was recorded.
pub(crate) struct Timed {
    pub(crate) inner: Arc<dyn TapeFactory>,
    pub(crate) delays: Arc<Histogram>,
    /// How many packets are held.
    pub(crate) held: u64,
}

struct TimedTape {
    inner: Box<dyn Tape>,
    delays: Arc<Histogram>,
    legs: Vec<Watch>,
}

impl TapeFactory for Timed {
    fn create(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        Ok(Box::new(TimedTape {
            legs: facts.legs.iter().map(|_| Watch::new(self.held)).collect(),
            inner: self.inner.create(facts)?,
            delays: Arc::clone(&self.delays),
        }))
    }

    fn check(&self) -> anyhow::Result<()> {
        self.inner.check()
    }
}

impl Tape for TimedTape {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        self.inner.write(audio)?;
        for (leg, samples) in self.legs.iter_mut().zip(audio.channels()) {
            leg.see(samples, &self.delays);
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) {
        self.inner.event(event);
    }

    fn name(&self) -> Option<&RecordName> {
        None
    }

    fn finish(
        self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        self.inner.finish(work, abnormal_end)
    }
}
