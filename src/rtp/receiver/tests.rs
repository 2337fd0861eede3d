use super::*;
use crate::audio::g711::Law;

mod alignment;
mod any_bytes;

const TICKS: u32 = 160;
const KEYS: u8 = 101;
const EVENT: PayloadFormat = PayloadFormat::TelephoneEvent { clock: 8_000 };

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A datagram as a border controller sends it.
#[derive(Clone)]
struct Sent {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

impl Sent {
    /// The audio packet that is `index` packets after the first.
    fn nth(index: u32) -> Self {
        Self {
            payload_type: 0,
            sequence: (65_530_u32 + index) as u16,
            timestamp: 0_u32.wrapping_sub(800).wrapping_add(index * TICKS),
            ssrc: 0xCA11,
            payload: sound(index),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x80, self.payload_type];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// 20 ms of loud noise, other for every packet, and no byte of it silence.
fn sound(index: u32) -> Vec<u8> {
    let mut state = index.wrapping_mul(2_654_435_761).wrapping_add(1);
    let bytes = (0..TICKS).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0xBF
    });
    bytes.collect()
}

fn decoded(index: u32) -> Vec<i16> {
    Law::Mu.decode(&sound(index))
}

fn formats() -> Vec<(u8, PayloadFormat)> {
    vec![
        (0, PayloadFormat::Pcmu),
        (8, PayloadFormat::Pcma),
        (9, PayloadFormat::G722),
        (13, PayloadFormat::ComfortNoise { clock: 8_000 }),
        (96, PayloadFormat::Opus),
        (KEYS, EVENT),
    ]
}

/// A port, and the timeline that it makes: samples where there are some.
struct Port {
    receiver: Receiver,
    timeline: Vec<Option<i16>>,
    keys: Vec<u64>,
}

impl Port {
    fn new() -> Self {
        Self::at(SampleRate::TELEPHONE)
    }

    fn at(rate: SampleRate) -> Self {
        Self {
            receiver: Receiver::new(Settings::new(formats(), rate)),
            timeline: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn hear(&mut self, since: Duration, sent: &Sent) -> Taken {
        self.hear_bytes(since, &sent.bytes())
    }

    fn hear_bytes(&mut self, since: Duration, bytes: &[u8]) -> Taken {
        let mut out = Vec::new();
        let taken = self.receiver.handle_packet(since, bytes, &mut out);
        self.take(out);
        taken
    }

    fn flush(&mut self, since: Duration) {
        let mut out = Vec::new();
        self.receiver.flush(since, &mut out);
        self.take(out);
    }

    fn finish(&mut self) {
        let mut out = Vec::new();
        self.receiver.finish(&mut out);
        self.take(out);
    }

    fn take(&mut self, out: Vec<Received>) {
        for received in out {
            match received {
                Received::Audio { at, samples } => {
                    let at = at.0 as usize;
                    assert!(at >= self.timeline.len(), "places only go up");
                    assert!(!samples.expose().is_empty());
                    self.timeline.resize(at, None);
                    self.timeline
                        .extend(samples.expose().iter().copied().map(Some));
                }
                Received::Key { at } => self.keys.push(at.0),
            }
        }
    }

    /// Packets on time, the first at `from`.
    fn hear_all(&mut self, from: Duration, indices: impl IntoIterator<Item = u32>) {
        let mut first = None;
        for index in indices {
            let first = *first.get_or_insert(index);
            let since = from + millis(20) * (index - first);
            self.hear(since, &Sent::nth(index));
        }
    }

    /// Where there is no audio, in packets.
    fn holes(&self) -> Vec<usize> {
        let packets = self.timeline.chunks(TICKS as usize);
        packets
            .enumerate()
            .filter(|(_, packet)| packet.iter().all(Option::is_none))
            .map(|(index, _)| index)
            .collect()
    }

    #[track_caller]
    fn has(&self, at: usize, samples: &[i16]) {
        let found: Vec<Option<i16>> = self.timeline[at..at + samples.len()].to_vec();
        let expected: Vec<Option<i16>> = samples.iter().copied().map(Some).collect();
        assert_eq!(found, expected, "at {at}");
    }
}

#[test]
fn clean_audio_comes_out_as_it_went_in() {
    let mut port = Port::new();
    port.hear_all(millis(3_000), 0..500);
    port.finish();
    let expected: Vec<i16> = (0..500).flat_map(decoded).collect();
    assert_eq!(port.timeline.len(), 24_000 + expected.len());
    assert!(port.timeline[..24_000].iter().all(Option::is_none));
    port.has(24_000, &expected);
    let counters = port.receiver.counters();
    let quiet = Counters {
        packets: 500,
        sources: 1,
        stretches: 1,
        ..Counters::default()
    };
    assert_eq!(counters, quiet);
}

#[test]
fn jitter_of_40_milliseconds_leaves_no_hole() {
    let mut port = Port::new();
    let mut packets: Vec<(Duration, u32)> = (0..3_000)
        .map(|index| {
            let jitter = u64::from(index) * 7_919 % 40_000;
            let since = millis(1_000 + 20 * u64::from(index)) + Duration::from_micros(jitter);
            (since, index)
        })
        .collect();
    packets.sort();
    for (since, index) in packets {
        port.hear(since, &Sent::nth(index));
    }
    port.finish();
    let begin = port.timeline.iter().position(Option::is_some).unwrap();
    let expected: Vec<i16> = (0..3_000).flat_map(decoded).collect();
    port.has(begin, &expected);
    assert_eq!(port.timeline.len(), begin + expected.len());
    assert!((8_000..8_100).contains(&begin), "{begin}");
    assert!(port.receiver.counters().reordered > 0);
}

#[test]
fn packets_that_were_overtaken_and_repeated_change_nothing() {
    let mut port = Port::new();
    let mut latest = 0;
    for index in [0, 1, 2, 3, 4, 5, 9, 8, 7, 6, 6, 10, 11, 4, 12] {
        latest = latest.max(index);
        port.hear(millis(20) * latest, &Sent::nth(index));
    }
    port.finish();
    let expected: Vec<i16> = (0..13).flat_map(decoded).collect();
    port.has(0, &expected);
    let counters = port.receiver.counters();
    assert_eq!((counters.duplicate, counters.lost), (2, 0));
}

#[test]
fn what_is_lost_is_a_hole() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, (0..100).filter(|index| index % 7 != 3));
    port.finish();
    let lost: Vec<usize> = (0..100).filter(|index| index % 7 == 3).collect();
    assert_eq!(port.holes(), lost);
    for index in [0, 40, 98] {
        port.has(index * 160, &decoded(index as u32));
    }
    assert_eq!(port.receiver.counters().lost, lost.len() as u64);
}

#[test]
fn a_packet_that_is_too_late_is_not_waited_for() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, (0..20).filter(|&index| index != 10));
    assert_eq!(port.timeline.len(), 20 * 160, "after 100 ms");
    port.hear(millis(400), &Sent::nth(10));
    assert_eq!(port.holes(), [10]);
    assert_eq!(port.receiver.counters().late, 1);
}

#[test]
fn what_waits_goes_on_without_a_packet() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, [0, 1, 2, 3, 4, 6]);
    assert_eq!(port.timeline.len(), 5 * 160);
    let due = port.receiver.next_flush();
    assert_eq!(due, Some(millis(220)));
    port.flush(due.unwrap());
    assert_eq!(port.timeline.len(), 7 * 160);
    assert_eq!(port.receiver.next_flush(), None);

    let mut port = Port::new();
    port.hear_all(Duration::ZERO, [0, 1]);
    assert_eq!(port.timeline.len(), 0, "not anchored");
    assert_eq!(port.receiver.next_flush(), Some(millis(300)));
    port.flush(millis(300));
    assert_eq!(port.timeline.len(), 2 * 160);
}

#[test]
fn silence_suppression_is_a_hole_of_its_length() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..50);
    // Nothing is sent for three seconds; numbers go on, and timestamps tell of it.
    for index in 0..50 {
        let mut sent = Sent::nth(50 + index);
        sent.timestamp = sent.timestamp.wrapping_add(24_000);
        port.hear(millis(4_000 + 20 * u64::from(index)), &sent);
    }
    port.finish();
    assert_eq!(port.holes(), (50..200).collect::<Vec<_>>());
    port.has(200 * 160, &decoded(50));
    assert_eq!(port.receiver.counters().stretches, 1);
}

#[test]
fn a_sender_whose_clock_stands_still_in_silence_marks_what_follows() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..50);
    for index in 50..100 {
        let mut bytes = Sent::nth(index).bytes();
        bytes[1] |= if index == 50 { 0x80 } else { 0 };
        port.hear_bytes(millis(1_200) + millis(20) * index, &bytes);
    }
    port.finish();
    assert_eq!(port.holes(), (50..110).collect::<Vec<_>>());
    port.has(110 * 160, &decoded(50));
}

#[test]
fn a_jump_of_the_timestamps_alone_is_none_of_the_audio() {
    for jump in [24_000_u32, 400_000, 0_u32.wrapping_sub(24_000), 0x8000_0000] {
        let mut port = Port::new();
        port.hear_all(Duration::ZERO, 0..50);
        for index in 50..100 {
            let mut sent = Sent::nth(index);
            sent.timestamp = sent.timestamp.wrapping_add(jump);
            port.hear(millis(20) * index, &sent);
        }
        port.finish();
        let expected: Vec<i16> = (0..100).flat_map(decoded).collect();
        port.has(0, &expected);
        assert_eq!(port.receiver.counters().stretches, 2, "{jump}");
    }
}

#[test]
fn another_source_takes_over_with_its_second_packet() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..50);
    let other = |index: u32| Sent {
        ssrc: 7,
        sequence: 100 + index as u16,
        timestamp: 5_000_000 + index * TICKS,
        ..Sent::nth(50 + index)
    };
    port.hear(millis(1_000), &other(0));
    assert_eq!(port.receiver.source(), Some(0xCA11));
    for index in 1..50 {
        port.hear(millis(1_000) + millis(20) * index, &other(index));
    }
    assert_eq!(port.receiver.source(), Some(7));
    port.finish();
    let expected: Vec<i16> = (0..100).flat_map(decoded).collect();
    port.has(0, &expected);

    // A packet that strayed here, and one source among another's packets.
    port.hear(
        millis(2_000),
        &Sent {
            ssrc: 9,
            ..other(60)
        },
    );
    port.hear(millis(2_000), &other(50));
    assert_eq!(port.receiver.source(), Some(7));
    assert_eq!(port.receiver.counters().sources, 2);
}

#[test]
fn a_source_that_was_taken_over_from_does_not_come_back_at_once() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..10);
    for index in 10..20 {
        let since = millis(20) * index;
        port.hear(
            since,
            &Sent {
                ssrc: 7,
                ..Sent::nth(index)
            },
        );
        port.hear(since, &Sent::nth(index));
    }
    assert_eq!(port.receiver.source(), Some(7));
    assert_eq!(port.receiver.counters().sources, 2);
}

#[test]
fn numbers_that_begin_anew_are_believed_at_the_second() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..50);
    for index in 50..100 {
        let mut sent = Sent::nth(index);
        sent.sequence = sent.sequence.wrapping_add(20_000);
        port.hear(millis(20) * index, &sent);
    }
    port.finish();
    let expected: Vec<i16> = (0..100).flat_map(decoded).collect();
    port.has(0, &expected);
    assert_eq!(port.receiver.counters().sources, 2);
}

#[test]
fn the_payload_type_may_change_in_the_midst() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..50);
    for index in 50..100 {
        port.hear(
            millis(20) * index,
            &Sent {
                payload_type: 8,
                ..Sent::nth(index)
            },
        );
    }
    port.finish();
    assert_eq!(port.holes(), [0; 0]);
    assert_eq!(port.timeline.len(), 100 * 160);
    port.has(50 * 160, &Law::A.decode(&sound(50)));
    assert_eq!(port.receiver.counters().stretches, 1);
}

#[test]
fn another_codec_of_another_clock_goes_on_where_the_first_ended() {
    for (payload_type, payload, ticks) in [(9, vec![0x5A; 160], 160), (96, vec![0x08; 40], 960)] {
        let mut port = Port::at(SampleRate::SPEECH);
        port.hear_all(Duration::ZERO, 0..50);
        for index in 50..100 {
            let sent = Sent {
                payload_type,
                payload: payload.clone(),
                timestamp: Sent::nth(50).timestamp.wrapping_add((index - 50) * ticks),
                ..Sent::nth(index)
            };
            port.hear(millis(20) * index, &sent);
        }
        port.finish();
        assert_eq!(port.timeline.len(), 100 * 320, "{payload_type}");
        assert!(port.timeline.iter().all(Option::is_some));
    }
}

#[test]
fn a_new_description_changes_what_types_stand_for() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..10);
    port.receiver.set_formats(vec![(0, PayloadFormat::Pcma)]);
    port.hear_all(millis(200), 10..20);
    port.finish();
    port.has(10 * 160, &Law::A.decode(&sound(10)));
}

#[test]
fn packets_nobody_described_leave_a_hole_and_no_loss() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..10);
    for index in 10..15 {
        let sent = Sent {
            payload_type: 77,
            ..Sent::nth(index)
        };
        assert_eq!(port.hear(millis(20) * index, &sent), Taken::Unknown);
    }
    // Comfort noise is a hole, too.
    let noise = Sent {
        payload_type: 13,
        payload: vec![40],
        ..Sent::nth(15)
    };
    assert_eq!(port.hear(millis(300), &noise), Taken::Rtp);
    port.hear_all(millis(320), 16..20);
    port.finish();
    assert_eq!(port.holes(), (10..16).collect::<Vec<_>>());
    let counters = port.receiver.counters();
    assert_eq!((counters.lost, counters.unknown_payload), (0, 5));
}

/// A key pressed in place of packets `from..to`, as SIPp's recordings have it: the end is sent three times
/// with the same number.
fn press(port: &mut Port, from: u32, to: u32) {
    for index in from..to + 2 {
        let step = (index - from).min(to - from - 1);
        let duration = ((step + 1) * TICKS) as u16;
        let end = if index + 1 >= to { 0x8A } else { 0x0A };
        let sent = Sent {
            payload_type: KEYS,
            sequence: Sent::nth(from + step).sequence,
            timestamp: Sent::nth(from).timestamp,
            payload: [vec![7, end], duration.to_be_bytes().to_vec()].concat(),
            ..Sent::nth(0)
        };
        port.hear(millis(20) * (from + step), &sent);
    }
}

#[test]
fn a_key_is_told_once_and_its_time_is_a_hole() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..20);
    press(&mut port, 20, 25);
    port.hear_all(millis(500), 25..40);
    press(&mut port, 40, 45);
    port.hear_all(millis(900), 45..50);
    port.finish();
    assert_eq!(port.keys, [20 * 160, 40 * 160]);
    let pressed: Vec<usize> = (20..25).chain(40..45).collect();
    assert_eq!(port.holes(), pressed);
    port.has(25 * 160, &decoded(25));
    assert_eq!(port.receiver.counters().lost, 0);
}

#[test]
fn a_key_before_any_audio_is_told_where_it_arrived() {
    let mut port = Port::new();
    press(&mut port, 10, 15);
    assert_eq!(port.keys, [10 * 160], "though told with the second packet");
}

#[test]
fn a_storm_of_keys_stays_in_bounds() {
    let mut port = Port::new();
    port.hear_all(Duration::ZERO, 0..10);
    for index in 10..2_000_u32 {
        let sent = Sent {
            payload_type: KEYS,
            timestamp: index.wrapping_mul(1_000_000_007),
            payload: vec![3, 10, 0, 160],
            ..Sent::nth(index)
        };
        port.hear(millis(200), &sent);
    }
    assert_eq!(port.keys.len(), 1_990);
    assert!(port.keys.iter().all(|&at| at <= 3 * 8_000));
    port.hear_all(millis(200), 2_000..2_010);
    port.finish();
    assert_eq!(port.receiver.counters().keys, 1_990);
}

#[test]
fn headers_with_everything_are_read() {
    let mut port = Port::new();
    for index in 0..10 {
        let mut bytes = Sent::nth(index).bytes();
        bytes[0] |= 0x20 | 0x10 | 1;
        let between = [0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 1, 2, 3, 4];
        bytes.splice(12..12, between);
        bytes.extend([0, 2]);
        assert_eq!(port.hear_bytes(millis(20) * index, &bytes), Taken::Rtp);
    }
    port.finish();
    let expected: Vec<i16> = (0..10).flat_map(decoded).collect();
    port.has(0, &expected);
}

#[test]
fn a_flood_does_not_run_ahead_of_the_clock() {
    let mut port = Port::new();
    for index in 0..20_000 {
        port.hear(millis(u64::from(index / 10)), &Sent::nth(index));
    }
    port.finish();
    // Two seconds of 400 seconds' packets.
    assert!(port.timeline.len() <= 5 * 8_000, "{}", port.timeline.len());
}

#[test]
fn what_was_queued_before_it_was_read_goes_where_it_belongs() {
    let mut port = Port::new();
    // Half a second of packets at once, then the rest on time.
    for index in 0..100_u64 {
        port.hear(millis(500.max(20 * index)), &Sent::nth(index as u32));
    }
    port.finish();
    let expected: Vec<i16> = (0..100).flat_map(decoded).collect();
    port.has(0, &expected);
}
