//! Calls for speakers to say, and our own doors to hear what was said.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::audio::SampleIndex;
use crate::audio::g711::Law;
use crate::ingress::{Adapter, Arrival, Incoming};

pub(super) const BOTH: &[Leg] = &[Leg::Agent, Leg::Customer];
pub(super) const MU: Encoding = Encoding::Companded(Law::Mu);
/// A call's id that is a UUID.
pub(super) const CALL: &str = "4a82b19e-1d4f-4e1e-a0bb-4ec29a7b9b50";

pub(super) fn facts(legs: &'static [Leg], hertz: u32, encoding: Encoding) -> StreamFacts {
    StreamFacts {
        call: CallId::new(CALL).unwrap(),
        stream: String::new(),
        legs,
        rate: SampleRate::new(hertz).unwrap(),
        encoding,
        parameters: vec![("agentId".into(), "1001".into())],
        begins: MediaTime::ZERO,
        attempt: 0,
        recorded: None,
    }
}

/// Blocks of audio, and what the legs are as a whole with silence in the gaps.
pub(super) struct Spoken {
    pub(super) blocks: Vec<CleanAudio>,
    pub(super) legs: Vec<Vec<i16>>,
}

/// Lengths of blocks in samples, each with the gap before it.
pub(super) fn pieces() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let gap = prop_oneof![8 => Just(0_usize), 1 => 1_usize..400, 1 => 400_usize..30_000];
    prop::collection::vec((1_usize..900, gap), 1..25)
}

/// A call of noise that begins where the stream does.
pub(super) fn spoken(facts: &StreamFacts, pieces: &[(usize, usize)]) -> Spoken {
    let begins = facts.rate.index_at(facts.begins).0;
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // A sample that the call's encoding keeps.
        let sample = (state >> 48) as i16;
        facts.encoding.decode(&facts.encoding.encode(&[sample]))[0]
    };
    // A-law has no zero.
    let silence = facts.encoding.decode(&facts.encoding.encode(&[0]))[0];
    let mut legs = vec![Vec::new(); facts.legs.len()];
    let mut blocks = Vec::new();
    for &(length, gap) in pieces {
        let channels: Vec<Vec<i16>> = legs
            .iter_mut()
            .map(|leg: &mut Vec<i16>| {
                let block: Vec<i16> = (0..length).map(|_| next()).collect();
                leg.resize(leg.len() + gap, silence);
                leg.extend(&block);
                block
            })
            .collect();
        let start = begins + (legs[0].len() - length) as u64;
        let start = SampleIndex(start);
        blocks.push(CleanAudio::for_test(facts.rate, start, channels));
    }
    Spoken { blocks, legs }
}

/// All that a speaker says of a call to a recorder that says nothing.
pub(super) fn say(speaker: &mut dyn Speaker, blocks: &[CleanAudio]) -> Vec<Outgoing> {
    let mut messages = Vec::new();
    speaker.begin(&mut messages).unwrap();
    for block in blocks {
        assert_eq!(speaker.standing(), Standing::Ready);
        while speaker.fill(block, &mut messages) {}
        speaker.audio(block, &mut messages);
    }
    speaker.end(&mut messages);
    assert_eq!(speaker.waiting(), 0);
    messages
}

/// What a door of ours makes of a stream.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Call, legs and rate.
    pub(super) started: String,
    pub(super) legs: Vec<(Leg, Vec<i16>)>,
    pub(super) stopped: bool,
}

impl Recorded {
    pub(super) fn leg(&self, leg: Leg) -> &[i16] {
        let found = self.legs.iter().find(|(known, _)| *known == leg);
        found.map_or(&[], |(_, samples)| samples)
    }

    pub(super) fn take(&mut self, arrivals: Vec<Arrival>) {
        for arrival in arrivals {
            match arrival {
                Arrival::Started { call, legs, rate } => {
                    assert_eq!(self.started, "");
                    self.started = format!("{call} {legs:?} {}", rate.hertz());
                    self.legs = legs.iter().map(|leg| (*leg, Vec::new())).collect();
                }
                Arrival::Audio(frame) => {
                    let mut legs = self.legs.iter_mut();
                    let (_, leg) = legs.find(|(leg, _)| *leg == frame.leg).unwrap();
                    assert!(frame.at.0 as usize >= leg.len());
                    leg.resize(frame.at.0 as usize, 0);
                    leg.extend(frame.samples.expose());
                }
                Arrival::Stopped => self.stopped = true,
                Arrival::KeyPressed { .. } => panic!("a key"),
                Arrival::Reply(_) => {}
            }
        }
    }
}

/// Plays messages to a door, which must like them all.
pub(super) fn recorded(mut adapter: impl Adapter, messages: &[Outgoing]) -> Recorded {
    let mut recorded = Recorded::default();
    for message in messages {
        let incoming = match message {
            Outgoing::Text(text) => Incoming::Text(text),
            Outgoing::Binary(bytes) => Incoming::Binary(bytes),
        };
        let mut arrivals = Vec::new();
        adapter
            .handle(incoming, Duration::ZERO, &mut arrivals)
            .unwrap();
        recorded.take(arrivals);
    }
    let mut arrivals = Vec::new();
    adapter.flush(&mut arrivals);
    recorded.take(arrivals);
    assert!(adapter.ends_by_closing() || recorded.stopped);
    recorded
}

/// The mean of two legs.
pub(super) fn mean(legs: &[Vec<i16>]) -> Vec<i16> {
    let mean = |(&one, &other): (&i16, &i16)| ((i32::from(one) + i32::from(other)) / 2) as i16;
    legs[0].iter().zip(&legs[1]).map(mean).collect()
}

pub(super) fn json_of(message: &Outgoing) -> serde_json::Value {
    match message {
        Outgoing::Text(text) => serde_json::from_str(text).unwrap(),
        Outgoing::Binary(_) => panic!("audio, where a message was expected"),
    }
}

#[test]
fn a_call_without_a_uuid_gets_one_that_stays() {
    let of = |id: &str| call_uuid(&CallId::new(id).unwrap()).to_string();
    assert_eq!(of(CALL), CALL);
    assert_eq!(of("CA1"), of("CA1"));
    assert_ne!(of("CA1"), of("CA2"));
    assert_eq!(&of("CA1")[14..15], "5");
}

#[test]
fn a_gap_that_is_too_long_is_cut_to_ten_minutes_and_filled_in_steps() {
    let facts = facts(&[Leg::Mixed], 8_000, MU);
    let mut packets = packets::Packets::new(&facts, packets::Channels::One(0));
    let block = |start| {
        CleanAudio::for_test(
            SampleRate::TELEPHONE,
            SampleIndex(start),
            vec![vec![7; 160]],
        )
    };
    let mut sent = Vec::new();
    let mut most = 0;
    let late = block(8_000 * 3_600);
    loop {
        let before = sent.len();
        let more = packets.fill(&late, &mut |samples| sent.extend_from_slice(samples));
        most = most.max(sent.len() - before);
        if !more {
            break;
        }
    }
    assert_eq!((sent.len(), most), (8_000 * 600, 8_000));
    for start in [8_000 * 3_600, 8_000 * 3_600 + 320] {
        packets.push(&block(start), &mut |samples| {
            sent.extend_from_slice(samples)
        });
    }
    let end = [vec![7; 160], vec![0; 160], vec![7; 160]].concat();
    assert_eq!(sent[8_000 * 600..], end);
}
