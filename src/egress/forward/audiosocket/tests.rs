use proptest::prelude::*;

use super::super::Parting;
use super::super::tests::*;
use super::*;
use crate::ingress::audiosocket as door;

fn recorder(codec: door::Codec, leg: Leg) -> door::AudioSocketAdapter {
    door::AudioSocketAdapter::new(door::Settings { codec, leg })
}

#[test]
fn a_stream_reads_as_asterisk_writes_it() {
    let facts = facts(&[Leg::Mixed], 8_000, MU);
    let call = spoken(&facts, &[(170, 0)]);
    let mut speaker = AudioSocketSpeaker::new(Codec::Linear, Leg::Mixed, &facts);
    let messages = say(&mut speaker, &call.blocks);
    let bytes: Vec<u8> = messages
        .iter()
        .flat_map(|message| match message {
            Outgoing::Binary(bytes) => bytes.clone(),
            Outgoing::Text(_) => panic!("text on TCP"),
        })
        .collect();
    let id = [
        0x4a, 0x82, 0xb1, 0x9e, 0x1d, 0x4f, 0x4e, 0x1e, 0xa0, 0xbb, 0x4e, 0xc2, 0x9a, 0x7b, 0x9b,
        0x50,
    ];
    assert_eq!(bytes[..3], [0x01, 0x00, 0x10]);
    assert_eq!(bytes[3..19], id);
    assert_eq!(bytes[19..22], [0x10, 0x01, 0x40]);
    assert_eq!(bytes[22..24], call.legs[0][0].to_le_bytes());
    assert_eq!(bytes[19 + 323..][..3], [0x10, 0x00, 0x14]);
    assert_eq!(bytes.len(), 19 + 323 + 23);
}

#[test]
fn what_the_protocol_has_not_is_refused() {
    let problem = |codec, leg, facts: &StreamFacts| {
        let mut speaker = AudioSocketSpeaker::new(codec, leg, facts);
        speaker.begin(&mut Vec::new()).unwrap_err().to_string()
    };
    let odd = facts(BOTH, 11_025, Encoding::LinearLittle);
    assert!(problem(Codec::Linear, Leg::Mixed, &odd).contains("11025 Hz"));
    let wide = facts(BOTH, 16_000, Encoding::LinearLittle);
    let companded = Codec::Companded(Law::Mu);
    assert!(problem(companded, Leg::Mixed, &wide).contains("carries 8000 Hz"));
    let mixed = facts(&[Leg::Mixed], 8_000, MU);
    assert_eq!(
        problem(Codec::Linear, Leg::Agent, &mixed),
        "the agent is to be heard, but this call has the mixed alone; set the leg to mixed"
    );
}

#[test]
fn a_recorder_hangs_up_and_nothing_else_it_says_does() {
    let facts = facts(BOTH, 8_000, MU);
    for cut in 1..9 {
        let mut speaker = AudioSocketSpeaker::new(Codec::Linear, Leg::Mixed, &facts);
        // Audio of zeroes, which are no kind, then the end.
        for piece in [0x10, 0, 4, 0, 0, 0, 0].chunks(cut) {
            speaker.hear(Heard::Binary(piece), Duration::ZERO, &mut Vec::new());
        }
        assert_eq!(speaker.standing(), Standing::Ready);
        for piece in [0x00, 0, 0].chunks(cut) {
            speaker.hear(Heard::Binary(piece), Duration::ZERO, &mut Vec::new());
        }
        assert_eq!(speaker.standing(), Standing::Over(Parting::Declined));
    }
}

proptest! {
    /// However audio is cut into blocks, the recorder hears every sample in its place, gaps included.
    #[test]
    fn a_door_hears_the_same(which in 0_usize..4, pieces in pieces(), cut in 1_usize..1_000) {
        let linear = Codec::Linear;
        let (codec, door_codec, hertz, leg, encoding) = [
            (linear, door::Codec::Linear(None), 8_000, Leg::Mixed, MU),
            (linear, door::Codec::Linear(None), 16_000, Leg::Customer, Encoding::LinearLittle),
            (linear, door::Codec::Linear(None), 44_100, Leg::Agent, Encoding::LinearBig),
            (Codec::Companded(Law::A), door::Codec::Companded(Law::A), 8_000, Leg::Agent,
                Encoding::Companded(Law::A)),
        ][which];
        let facts = facts(BOTH, hertz, encoding);
        let call = spoken(&facts, &pieces);
        let mut speaker = AudioSocketSpeaker::new(codec, leg, &facts);
        let bytes: Vec<u8> = say(&mut speaker, &call.blocks)
            .into_iter()
            .flat_map(|message| match message {
                Outgoing::Binary(bytes) => bytes,
                Outgoing::Text(_) => panic!("text on TCP"),
            })
            .collect();
        // As TCP may bring it.
        let chunks: Vec<Outgoing> = bytes.chunks(cut).map(|c| Outgoing::Binary(c.to_vec())).collect();
        let heard = recorded(recorder(door_codec, leg), &chunks);
        prop_assert_eq!(&heard.started, &format!("{CALL} [{leg:?}] {hertz}"));
        let expected = match leg {
            Leg::Agent => call.legs[0].clone(),
            Leg::Customer => call.legs[1].clone(),
            Leg::Mixed => mean(&call.legs),
        };
        prop_assert_eq!(heard.leg(leg), &expected);
    }
}
