//! A call's clean audio for listeners: in blocks that are shared, and encoded when the first listener needs them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use tokio::sync::broadcast;

use crate::session::CleanAudio;

/// Blocks that wait for a listener: with packets of 20 ms those of 10 s. Who is slower misses the oldest.
const WAITING: usize = 512;
/// Blocks of a second, at the least.
const PER_SECOND: usize = 10;
/// Bytes before the samples of a message.
const HEADER: usize = 16;

/// Which channels a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// All of them.
    All,
    /// One, by its number.
    One(usize),
}

/// A tenth of a second of a call's clean audio, or less.
#[derive(Debug)]
pub struct Block {
    audio: Arc<CleanAudio>,
    place: Range<usize>,
    all: OnceLock<Bytes>,
    one: [OnceLock<Bytes>; 2],
}

/// Where listeners of a call subscribe, and the first of them.
pub(super) fn tap() -> (
    broadcast::Sender<Arc<Block>>,
    broadcast::Receiver<Arc<Block>>,
) {
    broadcast::channel(WAITING)
}

/// The blocks of audio that is released at once.
pub(super) fn blocks(audio: CleanAudio) -> impl Iterator<Item = Block> {
    let width = (audio.rate().hertz() as usize / PER_SECOND).max(1);
    let audio = Arc::new(audio);
    (0..audio.len()).step_by(width).map(move |from| Block {
        place: from..(from + width).min(audio.len()),
        audio: Arc::clone(&audio),
        all: OnceLock::new(),
        one: Default::default(),
    })
}

impl Block {
    /// As listeners get it, all numbers in little endian: the first sample's index (8 bytes), samples per second (4),
    /// channels (1), which of them have samples that were hidden (1, a bit for each), nothing (2); then the samples of
    /// all channels, 16 bits each.
    pub fn message(&self, channels: Channels) -> Bytes {
        match channels {
            Channels::All => self.all.get_or_init(|| self.encode(channels)).clone(),
            Channels::One(number) => match self.one.get(number) {
                Some(one) => one.get_or_init(|| self.encode(channels)).clone(),
                None => self.encode(channels),
            },
        }
    }

    fn encode(&self, channels: Channels) -> Bytes {
        let chosen: Vec<(usize, &Vec<i16>)> = self
            .audio
            .channels()
            .iter()
            .enumerate()
            .filter(|(number, _)| match channels {
                Channels::All => true,
                Channels::One(one) => one == *number,
            })
            .collect();
        let mut message = Vec::with_capacity(HEADER + self.place.len() * chosen.len() * 2);
        let start = self.audio.start().0 + self.place.start as u64;
        let bits = chosen
            .iter()
            .enumerate()
            .map(|(bit, (number, _))| u8::from(self.audio.is_filled(*number)) << bit.min(7));
        message.extend(start.to_le_bytes());
        message.extend(self.audio.rate().hertz().to_le_bytes());
        message.push(u8::try_from(chosen.len()).unwrap_or(u8::MAX));
        message.push(bits.fold(0, |all, bit| all | bit));
        message.extend([0; 2]);
        for index in self.place.clone() {
            for (_, samples) in &chosen {
                let sample = samples.get(index).copied().unwrap_or(0);
                message.extend(sample.to_le_bytes());
            }
        }
        message.into()
    }
}
