use proptest::prelude::*;

use super::*;
use crate::ingress::MALFORMED_LIMIT;
use crate::ingress::script::{Script, pieces};

const ID: [u8; 16] = [
    0x5A, 0x4F, 0x8C, 0x6E, 0x00, 0x01, 0x40, 0x00, 0x80, 0x00, 0xAB, 0xCD, 0xEF, 0x01, 0x23, 0x45,
];
const STARTED: &str = "start 5a4f8c6e-0001-4000-8000-abcdef012345 mixed 8000";
const STARTED_WIDE: &str = "start 5a4f8c6e-0001-4000-8000-abcdef012345 mixed 16000";

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], payload].concat()
}

fn id() -> Vec<u8> {
    frame(0x01, &ID)
}

fn script(codec: Codec) -> Script<AudioSocketAdapter> {
    let leg = Leg::Mixed;
    Script::new(AudioSocketAdapter::new(Settings { codec, leg }))
}

fn linear() -> Script<AudioSocketAdapter> {
    script(Codec::Linear(None))
}

const WIDE: Codec = Codec::Linear(Some(SampleRate::SPEECH));

#[test]
fn a_call_is_heard_in_order() {
    let mut script = linear();
    script.bytes(id()).wait(370);
    script.bytes(frame(0x10, &[0; 320])).wait(20);
    script
        .bytes(frame(0x10, &[0; 320]))
        .bytes(frame(0x03, b"1"))
        .wait(20);
    script.bytes(frame(0x10, &[0; 320])).end();
    script.check(&[
        STARTED,
        "mixed 0+160",
        "mixed 160+160",
        "key mixed",
        "mixed 320+160",
    ]);
    assert!(script.adapter.ends_by_closing());
    assert_eq!(
        script.adapter.stream(),
        Some("5a4f8c6e-0001-4000-8000-abcdef012345")
    );
    assert_eq!(script.adapter.tally().accepted, 5);
}

#[test]
fn with_a_rate_the_call_begins_with_its_id() {
    script(WIDE).bytes(id()).check(&[STARTED_WIDE]);
    script(Codec::Companded(Law::A))
        .bytes(id())
        .check(&[STARTED]);
    linear().bytes(id()).check(&[]);
    let mut script = script(WIDE);
    script.bytes(id()).bytes(frame(0x12, &[0; 640]));
    script.check(&[STARTED_WIDE, "mixed 0+320"]);
    script.bytes(frame(0x10, &[0; 320]));
    script.check_last("closed the connection (1002): audio of another rate");
}

#[test]
fn each_kind_has_its_rate() {
    let rates = [
        (0x10, 8_000),
        (0x11, 12_000),
        (0x12, 16_000),
        (0x13, 24_000),
        (0x14, 32_000),
        (0x15, 44_100),
        (0x16, 48_000),
    ];
    for (kind, hertz) in rates {
        let mut script = linear();
        script.bytes(id()).bytes(frame(kind, &[1, 2]));
        assert!(
            script.said[0].ends_with(&format!("mixed {hertz}")),
            "{:?}",
            script.said
        );
        assert_eq!(script.leg(Leg::Mixed), [0x0201]);
    }
    for kind in [0x17, 0x18] {
        let mut script = linear();
        script.bytes(id()).bytes(frame(kind, &[1, 2]));
        script.check_last("closed the connection (1003): audio at 96 or 192 kHz");
    }
}

#[test]
fn keys_before_the_first_audio_are_told_when_the_call_begins() {
    let mut script = linear();
    script.bytes(id());
    for _ in 0..3 {
        script.bytes(frame(0x03, b"4"));
    }
    script.check(&[]);
    script.bytes(frame(0x10, &[0; 320]));
    script.check(&[
        STARTED,
        "key mixed",
        "key mixed",
        "key mixed",
        "mixed 0+160",
    ]);
    let mut script = linear();
    script.bytes(id());
    for _ in 0..1_000 {
        script.bytes(frame(0x03, b"4"));
    }
    script.bytes(frame(0x10, &[0; 320]));
    assert_eq!(script.said.len(), 2 + EARLY_KEYS);
}

#[test]
fn companded_audio_needs_its_codec() {
    for (law, silence) in [(Law::Mu, 0xFF), (Law::A, 0xD5)] {
        let mut script = script(Codec::Companded(law));
        script.bytes(id());
        for _ in 0..100 {
            script.bytes(frame(0x10, &[silence; 160])).wait(20);
        }
        assert_eq!(
            script.leg(Leg::Mixed),
            vec![law.decode(&[silence])[0]; 16_000]
        );
    }
    // Not set: the stream says linear and is not.
    let mut unset = linear();
    unset.bytes(id());
    for _ in 0..10 {
        unset.bytes(frame(0x10, &[0xFF; 160])).wait(20);
    }
    unset.check_last(
        "closed the connection (1003): kind 0x10 has 160 bytes every 20 ms, so it is mu-law or A-law: set \
         the door's codec",
    );
    assert!(unset.samples_out <= 800);
    // Set, and it is linear after all.
    let mut wrong = script(Codec::Companded(Law::Mu));
    wrong.bytes(id());
    for _ in 0..10 {
        wrong.bytes(frame(0x10, &[0; 320])).wait(20);
    }
    wrong.check_last("closed the connection (1003): kind 0x10 has 320 bytes every 20 ms");
    // Other kinds are always linear, and not what was set.
    let mut wide = script(Codec::Companded(Law::Mu));
    wide.bytes(id()).bytes(frame(0x12, &[0; 640]));
    wide.check_last("closed the connection (1002): audio of another rate or codec");
}

#[test]
fn short_linear_frames_are_linear() {
    let mut script = linear();
    script.bytes(id());
    for _ in 0..500 {
        script.bytes(frame(0x10, &[0; 160])).wait(10);
    }
    assert_eq!(script.leg(Leg::Mixed).len(), 40_000);
}

#[test]
fn a_silence_without_frames_becomes_a_gap() {
    let mut script = linear();
    script.bytes(id());
    for _ in 0..50 {
        script.bytes(frame(0x10, &[1; 320])).wait(20);
    }
    script.wait(10_000);
    for _ in 0..50 {
        script.bytes(frame(0x10, &[1; 320])).wait(20);
    }
    let heard = script.end().leg(Leg::Mixed);
    assert_eq!(heard.len(), 12 * 8_000);
    assert!(heard[8_000..88_000].iter().all(|sample| *sample == 0));
    assert!(heard[88_000..].iter().all(|sample| *sample == 0x0101));
}

#[test]
fn hangup_ends_the_call_and_what_follows_is_ignored() {
    let mut script = linear();
    let all = [
        id(),
        frame(0x10, &[0; 4]),
        frame(0x00, &[]),
        frame(0x10, &[0; 4]),
    ];
    script.bytes(all.concat()).bytes(frame(0x10, &[0; 4]));
    script.check(&[STARTED, "mixed 0+2", "stop"]);
}

#[test]
fn a_connection_lost_within_a_frame_did_not_end_as_it_should() {
    let mut script = linear();
    script.bytes(id()).bytes(&frame(0x10, &[0; 320])[..100]);
    assert!(!script.adapter.ends_by_closing());
    script.bytes(&frame(0x10, &[0; 320])[100..]);
    assert!(script.adapter.ends_by_closing());
    script.bytes([0x10]);
    assert!(!script.adapter.ends_by_closing());
}

#[test]
fn the_first_frame_is_the_id() {
    let first = "closed the connection (1002): the first frame is not a UUID of 16 bytes";
    for bytes in [
        frame(0x10, &[0; 320]),
        frame(0x01, &[0; 15]),
        frame(0x01, &[0; 17]),
        frame(0x01, &[]),
        frame(0x00, &[]),
        frame(0x77, &[]),
        b"GET / HTTP/1.1\r\n\r\n".repeat(4_000),
    ] {
        linear().bytes(bytes).check(&[first]);
    }
    linear()
        .bytes(id())
        .bytes(id())
        .check(&["closed the connection (1002): a second UUID"]);
}

#[test]
fn odd_frames_are_survived() {
    let mut script = linear();
    script.bytes(id());
    let longest = vec![7; 65_534];
    for bytes in [
        frame(0x10, &[]),
        frame(0x77, &[7; 65_535]),
        frame(0x10, &[0; 319]),
        frame(0x03, b""),
        frame(0x03, b"12"),
        frame(0x10, &longest),
    ] {
        script.bytes(bytes);
    }
    script.text("hello");
    script.check(&[
        "dropped a message: audio that ends within a sample",
        "dropped a message: a dtmf frame without one digit",
        "dropped a message: a dtmf frame without one digit",
        STARTED,
        "mixed 0+32767",
        "dropped a message: a text message; AudioSocket sends bytes",
    ]);
    let tally = script.adapter.tally();
    assert_eq!((tally.accepted, tally.ignored, tally.malformed), (2, 2, 4));
}

#[test]
fn a_bad_frame_does_not_cost_those_that_came_with_it() {
    let mut script = linear();
    let all = [
        id(),
        frame(0x10, &[0; 4]),
        frame(0x10, &[0; 3]),
        frame(0x10, &[0; 4]),
    ];
    script.bytes(all.concat());
    script.check(&[
        STARTED,
        "mixed 0+2",
        "mixed 2+2",
        "dropped a message: audio that ends within a sample",
    ]);
}

#[test]
fn too_many_bad_frames_close() {
    let mut script = linear();
    script.bytes(id()).bytes(frame(0x10, &[0; 4]));
    script.bytes(frame(0x10, &[0; 3]).repeat(100));
    script.check_last("closed the connection (1008): audio that ends within a sample");
    assert_eq!(script.adapter.tally().malformed, MALFORMED_LIMIT);
}

#[test]
fn an_error_frame_is_an_abnormal_end() {
    let mut script = linear();
    script
        .bytes(id())
        .bytes(frame(0x10, &[0; 4]))
        .bytes(frame(0xFF, &[2]));
    script.check_last("closed the connection (1002): the peer reported an error");
}

#[test]
fn nothing_of_a_key_is_kept() {
    let mut adapter = AudioSocketAdapter::new(Settings::default());
    let mut arrivals = Vec::new();
    for bytes in [
        id(),
        frame(0x03, b"7"),
        frame(0x10, &[0; 4]),
        frame(0x03, b"7"),
    ] {
        let message = Incoming::Binary(&bytes);
        adapter
            .handle(message, Duration::ZERO, &mut arrivals)
            .unwrap();
    }
    let shown = format!("{adapter:?} {arrivals:?}");
    assert!(!shown.contains('7') && !shown.contains("55"), "{shown}");
}

/// What a peer may say, right or wrong.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..400);
    let frame = prop_oneof![
        4 => payload().prop_map(|payload| frame(0x10, &payload)),
        1 => (0_u8..0x20, payload()).prop_map(|(kind, payload)| frame(kind, &payload)),
        1 => (any::<u8>(), payload()).prop_map(|(kind, payload)| frame(kind, &payload)),
        1 => Just(frame(0x03, b"1")),
        1 => payload(),
    ];
    prop::collection::vec(frame, 0..60).prop_map(|frames| [id(), frames.concat()].concat())
}

proptest! {
    #[test]
    fn any_bytes_never_panic(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..2_000), frames()],
        lengths in prop::collection::vec(1_usize..900, 1..20),
        waits in prop::collection::vec(0_u64..3_000, 1..20),
        codec in prop::sample::select(vec![Codec::Linear(None), WIDE, Codec::Companded(Law::Mu)]),
    ) {
        let mut script = script(codec);
        for (piece, wait) in pieces(&bytes, &lengths).into_iter().zip(waits.iter().cycle()) {
            script.wait(*wait).bytes(piece);
        }
        script.end();
    }

    /// The stream may be cut anywhere.
    #[test]
    fn the_timeline_is_exact_under_any_chunking(
        samples in prop::collection::vec(any::<i16>(), 1..3_000),
        frame_lengths in prop::collection::vec(1_usize..400, 1..20),
        chunk_lengths in prop::collection::vec(1_usize..900, 1..20),
    ) {
        let audio = Encoding::LinearLittle.encode(&samples);
        let even: Vec<usize> = frame_lengths.iter().map(|length| length * 2).collect();
        let mut bytes = id();
        for payload in pieces(&audio, &even) {
            bytes.extend(frame(0x12, payload));
        }
        let mut script = linear();
        for chunk in pieces(&bytes, &chunk_lengths) {
            script.bytes(chunk);
        }
        script.end();
        prop_assert_eq!(script.leg(Leg::Mixed), samples);
        prop_assert!(script.adapter.ends_by_closing());
    }
}
