//! Whatever comes: no panic, bounded, and nothing is given that was not brought.

use proptest::prelude::*;

use super::*;

/// A datagram from nonsense to nearly right.
fn datagrams() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..64);
    let types = prop::sample::select(vec![0_u8, 8, 9, 13, 96, KEYS, 77]);
    let sequences = prop_oneof![4 => 0_u16..40, 1 => any::<u16>()];
    let timestamps = prop_oneof![
        4 => (0_u32..100).prop_map(|packet| packet * TICKS),
        1 => any::<u32>(),
    ];
    let sources = prop_oneof![4 => Just(1_u32), 1 => 1_u32..4];
    let lengths = prop_oneof![4 => Just(160_usize), 1 => 0_usize..400];
    let likely = (types, sequences, timestamps, sources, lengths).prop_map(
        |(payload_type, sequence, timestamp, ssrc, length)| {
            let sent = Sent {
                payload_type,
                sequence,
                timestamp,
                ssrc,
                payload: sound(timestamp).into_iter().cycle().take(length).collect(),
            };
            sent.bytes()
        },
    );
    prop_oneof![1 => noise, 6 => likely]
}

/// A time until the next datagram, in microseconds.
fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..40_000, 1 => 0_u64..20_000_000]
}

proptest! {
    #[test]
    fn any_datagrams_make_a_timeline(
        events in prop::collection::vec((pauses(), datagrams()), 0..300),
        rate in prop::sample::select(&SampleRate::SUPPORTED[..]),
    ) {
        let rate = SampleRate::new(rate).unwrap();
        let mut port = Port::at(rate);
        let mut since = Duration::ZERO;
        let mut brought = 0;
        for (pause, bytes) in &events {
            since += Duration::from_micros(*pause);
            // Opus may have 120 ms in a few bytes, all others are not shorter than their samples.
            let opus = bytes.get(1).is_some_and(|second| second & 0x7F == 96);
            brought += if opus {
                rate.hertz() as usize * 120 / 1_000
            } else {
                bytes.len() * rate.hertz() as usize / 8_000 + 1
            };
            port.hear_bytes(since, bytes);
            if let Some(due) = port.receiver.next_flush() {
                prop_assert!(due <= since + millis(400));
            }
            let latest = (since + millis(3_500)).as_millis() as usize;
            let latest = latest * rate.hertz() as usize / 1_000;
            prop_assert!(port.timeline.len() <= latest, "{} after {latest}", port.timeline.len());
        }
        port.finish();
        let given = port.timeline.iter().flatten().count();
        prop_assert!(given <= brought, "{given} of {brought}");
    }
}
