//! Clean audio as one run of packets, for protocols whose messages have no time: what was left out or lost
//! becomes silence, so that everything else stays in its place.
//!
//! Knows samples and channels, neither bytes nor messages.

use super::{CannotSpeak, Outgoing, Parting, Standing, StreamFacts};
use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::call::Leg;
use crate::session::CleanAudio;

/// Packets a second: 20 ms each, as telephony has them.
const PACKETS: u32 = 50;
/// Longest gap that is filled, as in a recording. What is longer is cut short.
const LONGEST_FILL: MediaTime = MediaTime::from_millis(10 * 60 * 1_000);
/// How much of a gap is filled at once.
const FILL_STEP: MediaTime = MediaTime::from_millis(1_000);

/// Which of a call's channels are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    /// One of them alone.
    One(usize),
    /// Two in turn, in this order.
    Two(usize, usize),
    /// All in one: their mean, which is never too loud to be written.
    Mean,
}

impl Channels {
    /// One channel on which this leg is heard, or all of them where that is [`Leg::Mixed`].
    pub(super) fn single(legs: &[Leg], wanted: Leg) -> Result<Self, CannotSpeak> {
        match (legs.iter().position(|leg| *leg == wanted), legs) {
            (Some(place), _) => Ok(Channels::One(place)),
            (None, [present]) if wanted != Leg::Mixed => Err(CannotSpeak::Leg {
                wanted,
                present: *present,
            }),
            (None, [_] | []) => Ok(Channels::One(0)),
            (None, _) => Ok(Channels::Mean),
        }
    }

    /// How many channels are sent.
    pub(super) fn count(self) -> usize {
        match self {
            Channels::One(_) | Channels::Mean => 1,
            Channels::Two(..) => 2,
        }
    }

    /// A block's samples as they are sent.
    fn of(self, audio: &CleanAudio) -> Vec<i16> {
        let all = audio.channels();
        let channel = |place: usize| all.get(place).map_or(&[][..], Vec::as_slice);
        match (self, all) {
            (Channels::One(place), _) => channel(place).to_vec(),
            (Channels::Two(one, other), _) => channel(one)
                .iter()
                .zip(channel(other))
                .flat_map(|(&one, &other)| [one, other])
                .collect(),
            (Channels::Mean, [one, other]) => one
                .iter()
                .zip(other)
                // The mean of two samples is between them, so it is a sample.
                .map(|(&one, &other)| ((i32::from(one) + i32::from(other)) / 2) as i16)
                .collect(),
            (Channels::Mean, all) => all.first().cloned().unwrap_or_default(),
        }
    }
}

/// One connection's samples on their way into packets.
#[derive(Debug)]
pub(super) struct Packets {
    rate: SampleRate,
    channels: Channels,
    /// Samples of each channel in a packet.
    length: u64,
    /// Where the stream begins on the call's timeline.
    begins: u64,
    /// How many samples of each channel were taken, fill included.
    taken: u64,
    /// Samples that are no whole packet, of all channels in turn.
    waiting: Vec<i16>,
}

impl Packets {
    pub(super) fn new(facts: &StreamFacts, channels: Channels) -> Self {
        let SampleIndex(begins) = facts.rate.index_at(facts.begins);
        Self {
            rate: facts.rate,
            channels,
            length: u64::from(facts.rate.hertz() / PACKETS),
            begins,
            taken: 0,
            waiting: Vec::new(),
        }
    }

    /// Samples of each channel in a packet.
    pub(super) fn length(&self) -> usize {
        self.length as usize
    }

    /// Fills a piece of the gap before a block; whether there is more to fill.
    pub(super) fn fill(&mut self, audio: &CleanAudio, send: &mut dyn FnMut(&[i16])) -> bool {
        let SampleIndex(start) = audio.start();
        let start = start.saturating_sub(self.begins);
        let longest = self.rate.samples_in(LONGEST_FILL);
        let mut gap = start.saturating_sub(self.taken);
        if gap > longest {
            tracing::warn!(
                seconds = (gap - longest) / u64::from(self.rate.hertz()),
                "the recorder's protocol has no time, and a gap is too long to be filled: it is cut short"
            );
            self.begins += gap - longest;
            gap = longest;
        }
        let piece = gap.min(self.rate.samples_in(FILL_STEP));
        if piece > 0 {
            let silence = vec![0; piece as usize * self.channels.count()];
            self.take(&silence, piece, send);
        }
        gap > piece
    }

    /// Takes a block, after what fills the gap before it.
    pub(super) fn push(&mut self, audio: &CleanAudio, send: &mut dyn FnMut(&[i16])) {
        while self.fill(audio, send) {}
        self.take(&self.channels.of(audio), audio.len() as u64, send);
    }

    fn take(&mut self, samples: &[i16], length: u64, send: &mut dyn FnMut(&[i16])) {
        self.taken += length;
        self.waiting.extend_from_slice(samples);
        let packet = self.length as usize * self.channels.count();
        let mut packets = self.waiting.chunks_exact(packet);
        for packet in &mut packets {
            send(packet);
        }
        self.waiting = packets.remainder().to_vec();
    }

    /// Samples of each channel that wait for a whole packet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() / self.channels.count()
    }

    /// Sends what waits, as a shorter packet.
    pub(super) fn finish(&mut self, send: &mut dyn FnMut(&[i16])) {
        let rest = std::mem::take(&mut self.waiting);
        if !rest.is_empty() {
            send(&rest);
        }
    }
}

/// How a protocol writes a packet.
pub(super) trait Form {
    /// A packet's samples, of all channels in turn, as a message.
    fn message(&self, samples: &[i16]) -> Outgoing;
}

/// One connection's stream in a protocol without times: packets until the recorder hangs up. What the protocol
/// cannot carry makes no packets.
#[derive(Debug)]
pub(super) struct PacketStream<F> {
    live: Result<(F, Packets), CannotSpeak>,
    hung_up: bool,
}

impl<F: Form> PacketStream<F> {
    pub(super) fn new(live: Result<(F, Packets), CannotSpeak>) -> Self {
        Self {
            live,
            hung_up: false,
        }
    }

    /// What the stream's first message is made of, or why there is no stream.
    pub(super) fn begin(&self) -> Result<(&F, &Packets), CannotSpeak> {
        match &self.live {
            Ok((form, packets)) => Ok((form, packets)),
            Err(problem) => Err(problem.clone()),
        }
    }

    /// The recorder wants no more.
    pub(super) fn hang_up(&mut self) {
        self.hung_up = true;
    }

    pub(super) fn standing(&self) -> Standing {
        if self.hung_up {
            Standing::Over(Parting::Declined)
        } else {
            Standing::Ready
        }
    }

    /// See [`Packets::fill`].
    pub(super) fn fill(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>) -> bool {
        match &mut self.live {
            Ok((form, packets)) => {
                packets.fill(audio, &mut |samples| messages.push(form.message(samples)))
            }
            Err(_) => false,
        }
    }

    /// See [`Packets::push`].
    pub(super) fn audio(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>) {
        if let Ok((form, packets)) = &mut self.live {
            packets.push(audio, &mut |samples| messages.push(form.message(samples)));
        }
    }

    /// See [`Packets::waiting`].
    pub(super) fn waiting(&self) -> usize {
        self.live
            .as_ref()
            .map_or(0, |(_, packets)| packets.waiting())
    }

    /// See [`Packets::finish`].
    pub(super) fn end(&mut self, messages: &mut Vec<Outgoing>) {
        if let Ok((form, packets)) = &mut self.live {
            packets.finish(&mut |samples| messages.push(form.message(samples)));
        }
    }
}
