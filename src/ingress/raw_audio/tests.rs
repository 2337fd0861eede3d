use proptest::prelude::*;

use super::*;
use crate::audio::g711::Law;
use crate::ingress::script::pieces;

/// The placed pieces, in short.
fn placed(arrivals: &[Arrival]) -> Vec<String> {
    let pieces = arrivals.iter().map(|arrival| match arrival {
        Arrival::Audio(frame) => {
            format!("{} {} {:?}", frame.leg, frame.at.0, frame.samples.expose())
        }
        other => panic!("{other:?}"),
    });
    pieces.collect()
}

const STEREO: &[Leg] = &[Leg::Customer, Leg::Agent];

#[test]
fn channels_take_turns() {
    let mut audio = RawAudio::new(Encoding::LinearLittle, SampleRate::TELEPHONE, STEREO);
    let mut arrivals = Vec::new();
    let bytes = [1, 0, 2, 0, 3, 0, 4, 0];
    audio
        .take_whole(&bytes, Duration::ZERO, &mut arrivals)
        .unwrap();
    assert_eq!(
        placed(&arrivals),
        ["customer 0 [1, 3]", "agent 0 [2, 4]"].map(String::from)
    );
    let Arrival::Started { legs, .. } = audio.started(CallId::new("x").unwrap()) else {
        panic!();
    };
    assert_eq!(legs, [Leg::Agent, Leg::Customer]);
}

#[test]
fn a_frame_in_two_messages_is_put_together() {
    let mut audio = RawAudio::new(Encoding::LinearLittle, SampleRate::TELEPHONE, STEREO);
    let mut arrivals = Vec::new();
    for bytes in [
        &[1, 0, 2, 0, 3][..],
        &[0],
        &[4],
        &[],
        &[0, 5, 0, 6, 0, 7, 0],
    ] {
        audio.take(bytes, Duration::ZERO, &mut arrivals).unwrap();
    }
    assert_eq!(
        placed(&arrivals),
        [
            "customer 0 [1]",
            "agent 0 [2]",
            "customer 1 [3, 5]",
            "agent 1 [4, 6]"
        ]
        .map(String::from)
    );
    assert_eq!(*audio.partial, [7, 0]);
    assert!(audio.partial.capacity() <= 2 * LONGEST_FRAME);
}

#[test]
fn whole_messages_are_held_to_it() {
    let mut audio = RawAudio::new(Encoding::LinearLittle, SampleRate::TELEPHONE, STEREO);
    let mut arrivals = Vec::new();
    let half = audio.take_whole(&[1, 0, 2], Duration::ZERO, &mut arrivals);
    let long = audio.take(&vec![0; LONGEST_MESSAGE + 4], Duration::ZERO, &mut arrivals);
    assert_eq!(
        half,
        Err(ProtocolError::Dropped("audio that ends within a sample"))
    );
    assert_eq!(
        long,
        Err(ProtocolError::Dropped("a message of more than 64 KiB"))
    );
    assert!(arrivals.is_empty());
}

#[test]
fn what_waits_after_a_pause_comes_out_in_its_place() {
    let mut audio = RawAudio::new(
        Encoding::Companded(Law::Mu),
        SampleRate::TELEPHONE,
        alone(Leg::Agent),
    );
    let mut arrivals = Vec::new();
    let at = Duration::from_millis;
    audio.take(&[0xFF; 8], at(1), &mut arrivals).unwrap();
    audio.take(&[0xFF; 4], at(2_000), &mut arrivals).unwrap();
    audio.take(&[0xFF; 4], at(2_001), &mut arrivals).unwrap();
    assert_eq!(arrivals.len(), 1);
    audio.flush(&mut arrivals);
    assert_eq!(
        placed(&arrivals[1..]),
        ["agent 15996 [0, 0, 0, 0]", "agent 16000 [0, 0, 0, 0]"].map(String::from)
    );
    audio.flush(&mut arrivals);
    assert_eq!(arrivals.len(), 3);
}

proptest! {
    /// However a stream is cut into messages, and whenever they come, each channel's samples come out.
    #[test]
    fn cutting_does_not_matter(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        lengths in prop::collection::vec(1_usize..200, 1..30),
        times in prop::collection::vec(0_u64..10_000, 1..30),
        is_stereo in any::<bool>(),
        encoding in prop::sample::select(vec![
            Encoding::LinearLittle, Encoding::LinearBig, Encoding::Companded(Law::A),
        ]),
    ) {
        let channels = if is_stereo { STEREO } else { alone(Leg::Mixed) };
        let mut audio = RawAudio::new(encoding, SampleRate::TELEPHONE, channels);
        let mut arrivals = Vec::new();
        for (piece, at) in pieces(&bytes, &lengths).into_iter().zip(times.iter().cycle()) {
            audio.take(piece, Duration::from_millis(*at), &mut arrivals).unwrap();
        }
        audio.flush(&mut arrivals);
        let whole = bytes.len() - bytes.len() % (encoding.width() * channels.len());
        let samples = encoding.decode(&bytes[..whole]);
        for (channel, leg) in channels.iter().enumerate() {
            let expected: Vec<i16> =
                samples.iter().copied().skip(channel).step_by(channels.len()).collect();
            let mut heard = Vec::new();
            let mut end = 0;
            for arrival in &arrivals {
                let Arrival::Audio(frame) = arrival else { panic!() };
                if frame.leg == *leg {
                    prop_assert!(frame.at.0 >= end);
                    end = frame.at.0 + frame.samples.expose().len() as u64;
                    heard.extend_from_slice(frame.samples.expose());
                }
            }
            prop_assert_eq!(heard, expected);
        }
    }
}
